//! A forked child gives everything up by the library's function, then tries what has to fail and what has to work, and
//! writes the error numbers to a pipe.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, PipeWriter, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::panic::catch_unwind;
use std::path::Path;
use std::thread;

use caps::{CapSet, Capability};
use handshake_watch::lab::namespace;
use handshake_watch::privilege::{self, Identity, Layer, Needs, Sockets, Successor};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Gid, Uid, execv, fork, setgroups, setresgid, setresuid, setuid};
use socket2::{Domain, Protocol, Socket, Type};

use super::{STRANGER, is_private_possible, is_root, number, skipped};

/// What a child found: error numbers by name, 0 for success.
type Found = BTreeMap<String, i32>;

/// What must work: it is what the program still does.
const WORKS: [&str; 4] = [
    "write to an open file",
    "connect to our port",
    "start a thread",
    "make a pair of sockets",
];

/// What must fail: opening, running, becoming, and all traffic of other kinds.
const FAILS: [&str; 27] = [
    "open a file",
    "open a file in a thread",
    "create a file",
    "remove a file",
    "change a file's mode",
    "run a program",
    "fork",
    "make a packet socket",
    "make a raw socket",
    "make a UDP socket",
    "make an MPTCP socket",
    "make a Unix socket",
    "connect to another port",
    "bind a port",
    "listen without a port",
    "send data in a SYN",
    "write to the capture",
    "copy the capture",
    "set options of the capture",
    "become root",
    "raise a capability",
    "signal another process",
    "make a namespace",
    "make an io_uring",
    "load a BPF program",
    "type into the terminal",
    "make executable memory",
];

#[test]
fn root_keeps_nothing() {
    if is_root() {
        let found = child(|| Ok(()), &check);
        assert_confined(&found);
        // Nobody called sudo for this test, or somebody did: it is not root either way.
        assert_eq!(found["is another user"], 0);
    }
}

#[test]
fn root_keeps_nothing_in_a_private_network() {
    if is_root() && is_private_possible() {
        assert_confined(&child(enter, &check));
    }
}

#[test]
fn a_user_keeps_nothing_in_a_private_network() {
    if is_private_possible() {
        let prepare = || {
            if nix::unistd::geteuid().is_root() {
                become_stranger(false)?;
            }
            enter()
        };
        assert_confined(&child(prepare, &check));
    }
}

#[test]
fn file_capabilities_are_given_up() {
    if is_root() {
        assert_confined(&child(|| become_stranger(true), &check));
    }
}

#[test]
fn a_scenario_keeps_one_right_over_its_private_network() {
    if !(is_root() && is_private_possible()) {
        return;
    }
    let found = child(enter, &|_, _, found| {
        let needs = Needs {
            sockets: Sockets::Private,
            network_admin: true,
            ..Needs::default()
        };
        let confined = privilege::confine(&needs).map_err(io::Error::other)?;
        let left = |set| caps::read(None, set).unwrap_or_default();
        let one = [CapSet::Permitted, CapSet::Effective]
            .into_iter()
            .all(|set| left(set).into_iter().eq([Capability::CAP_NET_ADMIN]));
        found("one capability is left", i32::from(!one));
        found("is another user", other_user(confined.successor));
        let mptcp = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP));
        found("make an MPTCP socket", number(mptcp.map(drop)));
        found("bind a port", number(TcpListener::bind("127.0.0.1:0")));
        found("open a file", number(File::open("/proc/self/status")));
        let udp = Socket::new(Domain::IPV4, Type::DGRAM, None);
        found("make a UDP socket", number(udp));
        Ok(())
    });
    assert_eq!(found["one capability is left"], 0, "{found:?}");
    assert_eq!(found["is another user"], 0, "{found:?}");
    assert_eq!(found["bind a port"], 0, "{found:?}");
    // Not every kernel has MPTCP, but none refuses it here.
    assert_ne!(found["make an MPTCP socket"], libc::EPERM, "{found:?}");
    assert!(is_refusal(found["open a file"]), "{found:?}");
    assert!(is_refusal(found["make a UDP socket"]), "{found:?}");
}

#[test]
fn a_second_thread_would_stay_outside() {
    let found = child(|| Ok(()), &|_, _, found| {
        let (stay, end) = std::sync::mpsc::channel::<()>();
        let other = thread::spawn(move || end.recv());
        let refused = privilege::confine(&Needs::default()).is_err();
        drop(stay);
        let _ = other.join();
        found("is confined", i32::from(refused));
        Ok(())
    });
    assert_eq!(found["is confined"], 1);
}

fn assert_confined(found: &Found) {
    for name in WORKS {
        assert_eq!(found.get(name), Some(&0), "{name}: {found:#?}");
    }
    for name in FAILS {
        if name == "connect to another port" && found["Landlock"] != 0 {
            skipped("this kernel's Landlock does not know ports: Linux 6.7 does");
            continue;
        }
        let number = *found.get(name).unwrap_or(&0);
        assert!(is_refusal(number), "{name}: error {number} of {found:#?}");
    }
    assert!(is_refusal(found["connect once traffic is over"]));
}

fn is_refusal(number: i32) -> bool {
    [libc::EPERM, libc::EACCES, libc::ENOSYS].contains(&number)
}

fn enter() -> io::Result<()> {
    namespace::enter().map_err(|refused| io::Error::from_raw_os_error(refused.errno))
}

/// Becomes a user without rights; with the capability to capture, as if the binary had it from `setcap cap_net_raw=ep`.
fn become_stranger(may_capture: bool) -> io::Result<()> {
    let (user, group) = (Uid::from_raw(STRANGER), Gid::from_raw(STRANGER));
    nix::sys::prctl::set_keepcaps(may_capture)?;
    setgroups(&[group])?;
    setresgid(group, group, group)?;
    setresuid(user, user, user)?;
    if may_capture {
        let capture = [Capability::CAP_NET_RAW].into_iter().collect();
        caps::set(None, CapSet::Permitted, &capture).map_err(io::Error::other)?;
        caps::set(None, CapSet::Effective, &capture).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Says what was found, one at a time.
type Tell<'a> = &'a mut dyn FnMut(&str, i32);
type Check = dyn Fn(&Path, &Path, Tell<'_>) -> io::Result<()>;

/// Forks; the child prepares and checks. The paths are a folder that everybody may change, and a file in it.
fn child(prepare: impl Fn() -> io::Result<()>, check: &Check) -> Found {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "contents").expect("a file");
    for (path, mode) in [(folder.path(), 0o777), (&*file, 0o666)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
    }
    let (mut reader, writer) = io::pipe().expect("a pipe");
    // SAFETY: the child has one thread, glibc's allocator survives a fork, and the child leaves by `_exit`.
    #[allow(unsafe_code, reason = "fork has no safe wrapper")]
    match unsafe { fork() }.expect("a child") {
        ForkResult::Child => {
            let run = std::panic::AssertUnwindSafe(|| {
                tell(&writer, "prepared", number(prepare()));
                let done = check(folder.path(), &file, &mut |name, number| {
                    tell(&writer, name, number);
                });
                tell(&writer, "done", number(done));
            });
            let code = i32::from(catch_unwind(run).is_err());
            // SAFETY: nothing of this copy of the process is needed any more, least of all the test harness.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => {
            drop(writer);
            let mut text = String::new();
            reader.read_to_string(&mut text).expect("text");
            waitpid(child, None).expect("an end");
            let found: Found = text.lines().filter_map(understand).collect();
            assert_eq!(found.get("prepared"), Some(&0), "{found:#?}");
            assert_eq!(found.get("done"), Some(&0), "{found:#?}");
            found
        }
    }
}

fn tell(mut pipe: &PipeWriter, name: &str, number: i32) {
    let _ = writeln!(pipe, "{name}: {number}");
}

fn understand(line: &str) -> Option<(String, i32)> {
    let (name, number) = line.rsplit_once(": ")?;
    Some((name.to_owned(), number.parse().ok()?))
}

/// Confines this process as `live` does, and tries everything.
fn check(folder: &Path, path: &Path, found: Tell<'_>) -> io::Result<()> {
    let ours = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let capture = Socket::new(Domain::PACKET, Type::RAW, None)?;
    let mut file = File::create(path)?;
    let needs = Needs {
        sockets: Sockets::Client {
            port: ours.local_addr()?.port(),
        },
        capture: Some(capture.as_raw_fd()),
        ..Needs::default()
    };
    let confined = privilege::confine(&needs).map_err(io::Error::other)?;
    found("is another user", other_user(confined.successor));
    found("Landlock", i32::from(confined.landlock != Layer::Whole));
    found("write to an open file", number(file.write_all(b"results")));
    found("make a pair of sockets", number(UnixStream::pair()));
    let thread = thread::Builder::new().spawn(|| number(File::open("/proc/self/status")));
    found("start a thread", i32::from(thread.is_err()));
    if let Some(opened) = thread.ok().and_then(|thread| thread.join().ok()) {
        found("open a file in a thread", opened);
    }
    files(folder, path, found);
    processes(found);
    sockets(ours.local_addr()?, other.local_addr()?, found);

    found("write to the capture", number((&capture).write(&[0; 64])));
    found("copy the capture", number(capture.try_clone()));
    let set = capture.set_recv_buffer_size(4096);
    found("set options of the capture", number(set));

    let connected = TcpStream::connect(ours.local_addr()?).and_then(|mut client| {
        client.write_all(b"Hello server!")?;
        ours.accept()
    });
    found("connect to our port", number(connected));
    privilege::no_more_sockets();
    let connected = TcpStream::connect(ours.local_addr()?);
    found("connect once traffic is over", number(connected));
    Ok(())
}

fn other_user(successor: Successor) -> i32 {
    let other = matches!(successor, Successor::Becomes(Identity { uid, .. }) if uid != 0);
    i32::from(!other || nix::unistd::getuid().is_root())
}

fn files(folder: &Path, path: &Path, found: Tell<'_>) {
    found("open a file", number(File::open(path)));
    found("create a file", number(File::create(folder.join("new"))));
    found("remove a file", number(fs::remove_file(path)));
    let changed = fs::set_permissions(path, Permissions::from_mode(0o777));
    found("change a file's mode", number(changed));
}

fn processes(found: Tell<'_>) {
    let ran = execv(c"/proc/self/exe", &[c"self"]);
    found("run a program", number(ran.map_err(io::Error::from)));
    // SAFETY: a child would leave at once.
    #[allow(unsafe_code, reason = "fork has no safe wrapper")]
    let forked = match unsafe { fork() } {
        // SAFETY: see above.
        Ok(ForkResult::Child) => unsafe { libc::_exit(0) },
        Ok(ForkResult::Parent { .. }) => 0,
        Err(errno) => errno as i32,
    };
    found("fork", forked);
    found(
        "become root",
        number(setuid(Uid::from_raw(0)).map_err(io::Error::from)),
    );
    let raised = caps::raise(None, CapSet::Effective, Capability::CAP_NET_RAW);
    found("raise a capability", raised.map_or(libc::EPERM, |()| 0));
    let signalled = nix::sys::signal::kill(nix::unistd::getppid(), None);
    found(
        "signal another process",
        number(signalled.map_err(io::Error::from)),
    );
    let namespace = unshare(CloneFlags::CLONE_NEWUSER);
    found(
        "make a namespace",
        number(namespace.map_err(io::Error::from)),
    );
    let page = 4096_usize;
    for (name, call, arguments) in [
        (
            "make an io_uring",
            libc::SYS_io_uring_setup,
            [1, 0, 0, 0, 0],
        ),
        ("load a BPF program", libc::SYS_bpf, [0; 5]),
        (
            "type into the terminal",
            libc::SYS_ioctl,
            [0, libc::TIOCSTI as usize, 0, 0, 0],
        ),
        (
            "make executable memory",
            libc::SYS_mmap,
            [
                0,
                page,
                (libc::PROT_WRITE | libc::PROT_EXEC) as usize,
                (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize,
                usize::MAX,
            ],
        ),
    ] {
        let [first, second, third, fourth, fifth] = arguments;
        #[allow(
            unsafe_code,
            reason = "calls that nobody should make have no safe wrapper"
        )]
        // SAFETY: no pointer is passed but null, and memory that might be made is not touched.
        let result = unsafe { libc::syscall(call, first, second, third, fourth, fifth, 0_usize) };
        let refused = (result == -1).then(io::Error::last_os_error);
        found(name, number(refused.map_or(Ok(()), Err)));
    }
}

fn sockets(ours: SocketAddr, other: SocketAddr, found: Tell<'_>) {
    let socket = |domain, kind, protocol| number(Socket::new(domain, kind, protocol));
    let packet = privilege::packet_socket();
    found("make a packet socket", packet.err().unwrap_or(0));
    let tcp = Some(Protocol::TCP);
    found("make a raw socket", socket(Domain::IPV4, Type::RAW, tcp));
    found("make a UDP socket", socket(Domain::IPV6, Type::DGRAM, None));
    let mptcp = Some(Protocol::MPTCP);
    found(
        "make an MPTCP socket",
        socket(Domain::IPV4, Type::STREAM, mptcp),
    );
    found(
        "make a Unix socket",
        socket(Domain::UNIX, Type::STREAM, None),
    );
    found("connect to another port", number(TcpStream::connect(other)));
    found("bind a port", number(TcpListener::bind("127.0.0.1:0")));
    let plain = || Socket::new(Domain::IPV4, Type::STREAM, None);
    found(
        "listen without a port",
        number(plain().and_then(|socket| socket.listen(1))),
    );
    let sent = plain()
        .and_then(|socket| socket.send_to_with_flags(b"early", &ours.into(), libc::MSG_FASTOPEN));
    found("send data in a SYN", number(sent));
}
