//! The program itself, looked at in /proc while it captures: every thread, and the files it made.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::copied::copied;
use super::{STRANGER, is_private_possible, is_root, skipped};

/// Fields of /proc/PID/status by name.
type Status = BTreeMap<String, String>;

const CAPABILITIES: [&str; 4] = ["CapInh", "CapPrm", "CapEff", "CapAmb"];
const NO_CAPABILITY: &str = "0000000000000000";

#[test]
fn root_becomes_who_called_sudo_else_nobody() {
    if !is_root() {
        return;
    }
    for (variables, user, group) in [
        (
            vec![("SUDO_UID", "12345"), ("SUDO_GID", "12346")],
            12345,
            12346,
        ),
        (vec![("SUDO_UID", "0"), ("SUDO_GID", "0")], 65534, 65534),
        (
            vec![("SUDO_UID", "12345x"), ("SUDO_GID", "1")],
            65534,
            65534,
        ),
        (vec![], 65534, 65534),
    ] {
        let folder = open_folder();
        let file = folder.path().join("frames.pcap");
        let mut command = program(Path::new(env!("CARGO_BIN_EXE_handshake-watch")));
        command.envs(variables);
        let threads = while_watching(command, &file);
        assert_confined(&threads, user, group, &group.to_string());
        for (name, status) in &threads {
            assert_eq!(status["CapBnd"], NO_CAPABILITY, "{name}");
        }
        let made = fs::metadata(&file).expect("saved frames");
        assert!(made.len() > 24, "a header and no frame");
        // Who is nobody did not ask for the file: root did.
        let owner = if user == 65534 { (0, 0) } else { (user, group) };
        assert_eq!((made.uid(), made.gid()), owner);
    }
}

#[test]
fn a_binary_with_a_capability_gives_it_up() {
    if !is_root() {
        return;
    }
    let folder = open_folder();
    let copy = copied(folder.path());
    match Command::new("setcap")
        .arg("cap_net_raw=ep")
        .arg(&copy)
        .output()
    {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            return skipped(&format!(
                "setcap does not work in {}: {why}",
                copy.display()
            ));
        }
        Err(error) => return skipped(&format!("setcap does not start: {error}")),
    }
    let flags = nix::sys::statvfs::statvfs(folder.path())
        .expect("a file system")
        .flags();
    if flags.contains(nix::sys::statvfs::FsFlags::ST_NOSUID) {
        return skipped("files here cannot have capabilities: mounted with nosuid");
    }
    let mut command = program(&copy);
    command.uid(STRANGER).gid(STRANGER);
    let threads = while_watching(command, &folder.path().join("frames.pcapng"));
    assert_confined(&threads, STRANGER, STRANGER, "");
}

#[test]
fn a_private_network_leaves_no_capability() {
    if !is_private_possible() {
        return;
    }
    let folder = open_folder();
    let copy = copied(folder.path());
    let mut users = vec![(None, None)];
    if nix::unistd::geteuid().is_root() {
        users = vec![(None, Some(65534)), (Some(STRANGER), Some(STRANGER))];
    }
    for (runs_as, becomes) in users {
        let mut command = program(&copy);
        if let Some(user) = runs_as {
            command.uid(user).gid(user);
        }
        let threads = while_blocked(command);
        for (name, status) in &threads {
            assert_walls(name, status);
            assert_eq!(status["CapBnd"], NO_CAPABILITY, "{name}");
            if let Some(user) = becomes {
                assert_eq!(
                    status["Uid"],
                    [user; 4].map(|id| id.to_string()).join("\t"),
                    "{name}"
                );
            }
        }
    }
}

fn assert_confined(threads: &[(String, Status)], user: u32, group: u32, groups: &str) {
    let names: Vec<&str> = threads.iter().map(|(name, _)| name.as_str()).collect();
    for thread in ["capture", "reader", "signals"] {
        assert!(
            names.contains(&thread),
            "no thread {thread} among {names:?}"
        );
    }
    let four = |id: u32| [id; 4].map(|id| id.to_string()).join("\t");
    for (name, status) in threads {
        assert_eq!(status["Uid"], four(user), "{name}");
        assert_eq!(status["Gid"], four(group), "{name}");
        assert_eq!(status["Groups"].trim(), groups, "{name}");
        assert_walls(name, status);
    }
}

fn assert_walls(name: &str, status: &Status) {
    for set in CAPABILITIES {
        assert_eq!(status[set], NO_CAPABILITY, "{set} of {name}");
    }
    assert_eq!(status["NoNewPrivs"], "1", "{name}");
    // 2: by a filter. Who filters this test already counts, too.
    assert_eq!(status["Seccomp"], "2", "{name}");
}

/// A folder that everybody may enter.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("a mode");
    folder
}

fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    command
        .env_remove("SUDO_UID")
        .env_remove("SUDO_GID")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Watches a port of the loopback interface until a packet was shown, and returns what every thread was then.
fn while_watching(mut command: Command, saved: &Path) -> Vec<(String, Status)> {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = server.local_addr().expect("an address");
    command
        .args(["live", "--watch-only", "--format", "json", "-w"])
        .arg(saved)
        .args(["-p", &address.port().to_string()]);
    let mut child = command.spawn().expect("the program starts");
    let mut errors = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    errors.read_line(&mut line).expect("text");
    assert!(line.starts_with("watching"), "{line}");

    // The capture is open by now, so the ring keeps this connection until it is asked for.
    drop(TcpStream::connect(address).expect("a connection"));
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = output.lines().map_while(Result::ok);
    let segment = lines.find(|line| line.contains("\"type\":\"segment\""));
    assert!(segment.is_some(), "the output ended without a packet");
    let threads = named_threads(&child);

    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("its parent may");
    // Read to the end, so that it is not held up.
    let rest = lines.count();
    let status = child.wait().expect("an end");
    assert!(status.success() && rest > 0, "{status}, {rest} more lines");
    threads
}

/// Runs the exchange in a private network, with an output that takes nothing until every thread was looked at.
fn while_blocked(mut command: Command) -> Vec<(String, Status)> {
    let (mut reader, mut writer) = io::pipe().expect("a pipe");
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("flags");
    let mut filled = 0;
    while let Ok(written) = writer.write(&[b'\n'; 4096]) {
        filled += written;
    }
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).expect("flags");
    let mut child = command
        .args(["live", "--private", "--format", "json"])
        .stdout(writer)
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    // The command holds a copy of the pipe's end.
    drop(command);

    // The first thread of its own is started right after everything was given up.
    let threads = named_threads(&child);
    reader
        .read_exact(&mut vec![0; filled])
        .expect("what was put in");
    let mut output = String::new();
    reader.read_to_string(&mut output).expect("text");
    assert!(child.wait().expect("an end").success());
    assert!(output.contains("\"verdict\":\"closed\""), "{output}");
    threads
}

/// The threads of a program that has given everything up. A thread names itself, and on a busy machine the one that watches
/// for signals, which is the first to start, may not have had its turn yet.
fn named_threads(child: &Child) -> Vec<(String, Status)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if threads(child).iter().any(|(name, _)| name == "signals") {
            // The others may have been looked at before it was there, and before everything was given up.
            return threads(child);
        }
        assert!(Instant::now() < deadline, "no second thread");
        thread::yield_now();
    }
}

/// Name and status of each thread that is there now.
fn threads(child: &Child) -> Vec<(String, Status)> {
    let folder = format!("/proc/{}/task", child.id());
    let tasks = fs::read_dir(folder).expect("a running process");
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok())
        .map(|text| {
            let status: Status = text
                .lines()
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect();
            (status["Name"].clone(), status)
        })
        .collect()
}
