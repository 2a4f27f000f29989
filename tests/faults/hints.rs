//! Hints are commands that work: where they are pasted, in terminals of any width, and called as the user called the program.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::pty::Winsize;
use nix::unistd::geteuid;

use super::skipped;
use super::terminal::terminal_of;

const PROGRAM: &str = env!("CARGO_BIN_EXE_handshake-watch");
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/handshake.pcap");
/// Nobody's number, as Linux has it.
const NOBODY: u32 = 65_534;

fn run(words: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(words).current_dir(folder).stdin(Stdio::null());
    command.output().expect("the program starts")
}

fn errors(run: &Output) -> String {
    String::from_utf8(run.stderr.clone()).expect("UTF-8")
}

/// The commands below a hint, ready to be pasted.
fn commands(errors: &str) -> String {
    let (_, below) = errors.split_once("\nhint: ").expect("a hint");
    let lines = below.lines().filter_map(|line| line.strip_prefix("  "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Does what a hint says, in the same folder, and gives what that prints.
fn follow(run: &Output, folder: &Path) -> String {
    let errors = errors(run);
    let script = commands(&errors);
    let done = Command::new("sh")
        .args(["-ec", &script])
        .current_dir(folder)
        .output()
        .expect("a shell");
    assert!(done.status.success(), "{errors}{done:?}");
    String::from_utf8(done.stdout).expect("UTF-8")
}

/// What a program of this user says on a terminal of so many columns and lines.
fn on_terminal(command: &mut Command, columns: u16, lines: u16) -> (String, Option<i32>) {
    let (ours, terminal) = terminal_of(Winsize {
        ws_col: columns,
        ws_row: lines,
        ws_xpixel: 0,
        ws_ypixel: 0,
    });
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(terminal)
        .spawn()
        .expect("the program starts");
    // The command still has the terminal's other end.
    command.stderr(Stdio::null());
    let mut page = Vec::new();
    // A terminal whose other end is closed gives an error where a file would end.
    let _ = File::from(ours).read_to_end(&mut page);
    let code = child.wait().expect("an end").code();
    let page = String::from_utf8(page).expect("UTF-8");
    (page.replace("\r\n", "\n"), code)
}

/// The program as somebody runs it who may not capture.
fn unprivileged(folder: &Path) -> Command {
    let everybody = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder, everybody).expect("our own folder");
    let mut command = Command::new(super::copied::copied(folder));
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir(folder);
    command
}

#[test]
fn what_permits_a_capture_can_be_pasted_at_any_width() {
    let folder = tempfile::tempdir().expect("a folder");
    for columns in [30, 40, 60, 80, 200] {
        let mut command = unprivileged(folder.path());
        let program = command.get_program().to_str().expect("a plain name");
        let program = program.to_owned();
        command.args([
            "live",
            "--duration",
            "1s",
            "--filter",
            "tcp port 80 and host 127.0.0.1",
        ]);
        let (page, code) = on_terminal(&mut command, columns, 18);
        if code == Some(0) {
            return skipped("everybody may capture here");
        }
        assert_eq!(code, Some(4), "{page}");
        let longest = program.len().max("'tcp port 80 and host 127.0.0.1'".len()) + 8;
        for line in page.lines() {
            let len = line.chars().count();
            assert!(len <= longest.max(columns.into()), "{columns}: {page}");
        }
        let (_, below) = page
            .split_once("\nhint: any of these helps:\n")
            .expect(&page);
        // Each word that a command has comes out of a shell as it is meant.
        fs::remove_file(&program).expect("our own copy");
        fs::write(&program, "#!/bin/sh\necho here \"$@\"").expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("our own file");
        let script = format!("sudo() {{ printf '<%s>' \"$@\"; echo; }}\n{below}");
        let heard = Command::new("bash").args(["-c", &script]).output();
        let Ok(heard) = heard else {
            return skipped("no bash");
        };
        assert_eq!(
            String::from_utf8_lossy(&heard.stdout),
            format!(
                "<{program}><live><--duration><1s><--filter><tcp port 80 and host 127.0.0.1>\n\
                 <setcap><cap_net_raw=ep><{program}>\n\
                 here demo handshake\n"
            ),
            "{columns}: {page}"
        );
    }
}

/// What was typed is repeated in that hint, whatever it is.
#[test]
fn words_that_are_no_text_are_repeated_for_a_shell() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = unprivileged(folder.path());
    command
        .args(["live", "--duration", "1s"])
        .arg("-w")
        .arg(OsStr::from_bytes(b"\xff\x1b"));
    let run = command.output().expect("the program starts");
    if run.status.success() {
        return skipped("everybody may capture here");
    }
    assert_eq!(run.status.code(), Some(4), "{run:?}");
    assert!(
        errors(&run).contains(r"live --duration 1s -w $'\377\033'"),
        "{run:?}"
    );
}

#[test]
fn a_missing_file_is_looked_for_where_it_was_meant_to_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let top = folder.path();
    fs::create_dir_all(top.join("out/deep")).expect("a folder");
    fs::create_dir_all(top.join("none")).expect("a folder");
    for name in ["here.pcap", "out/one.pcapng", "out/two.pcap.gz"] {
        fs::copy(SAMPLE, top.join(name)).expect("a copy");
    }
    let absolute = top.join("out/other.pcap");
    let absolute = absolute.to_str().expect("a plain name");
    let in_out =
        |lines: &str| lines.contains("out/one.pcapng\n") && lines.contains("out/two.pcap.gz\n");
    for (typed, expected) in [
        (
            "other.pcap",
            &(|lines: &str| lines == "here.pcap\n") as &dyn Fn(&str) -> bool,
        ),
        ("out/other.pcap", &in_out),
        (absolute, &in_out),
        ("out", &in_out),
        ("gone/other.pcap", &|lines| {
            lines == "here.pcap\nnone\nout\n"
        }),
        ("out/gone/other.pcap", &|lines| lines.contains("one.pcapng")),
        // A capture is made, and told of.
        ("none/other.pcap", &|lines| lines.contains("SYN-ACK")),
        // A name that is much like another.
        ("out/one.pcap", &|lines| lines.contains("SYN-ACK")),
    ] {
        let refused = run(&["replay", typed], top);
        assert_eq!(refused.status.code(), Some(3), "{typed}");
        let lines = follow(&refused, top);
        assert!(expected(&lines), "{typed}: {}{lines}", errors(&refused));
    }
    let made = run(&["replay", "none/other.pcap"], top);
    assert!(made.status.success(), "it is there now: {made:?}");
}

#[test]
fn a_folder_for_results_is_made_as_the_hint_says() {
    let folder = tempfile::tempdir().expect("a folder");
    for option in ["-o", "-w"] {
        let file = format!("new {option}/deep/result.pcap");
        let words = ["replay", SAMPLE, option, &file];
        let refused = run(&words, folder.path());
        assert_eq!(refused.status.code(), Some(6), "{refused:?}");
        follow(&refused, folder.path());
        assert!(run(&words, folder.path()).status.success(), "{option}");
    }
}

#[test]
fn a_connection_that_is_not_there_is_looked_up_among_those_that_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = run(
        &["replay", SAMPLE, "--connection", "9", "--connection", "7"],
        folder.path(),
    );
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert_eq!(errors(&refused).matches("hint:").count(), 1);
    let table = follow(&refused, folder.path());
    assert!(table.contains("127.0.0.1:34904"), "{table}");
}

/// By its path, by its name, and by no name that works.
#[test]
fn the_program_is_called_as_it_was_typed() {
    let folder = tempfile::tempdir().expect("a folder");
    let top = folder.path();
    let copy = super::copied::copied(top);
    let path = copy.to_str().expect("a plain name");
    let folders = format!("{}:/usr/bin:/bin", top.display());
    for (typed, folders, named) in [
        (path, "/usr/bin:/bin", path),
        ("./handshake-watch", "/usr/bin:/bin", "./handshake-watch"),
        ("handshake-watch", &folders, "handshake-watch"),
        ("something-else", &folders, "handshake-watch"),
        ("something-else", "/usr/bin:/bin", path),
    ] {
        let run = Command::new(&copy)
            .arg0(typed)
            .args(["explain", "no such word at all"])
            .env("PATH", folders)
            .current_dir(top)
            .output()
            .expect("the program starts");
        let errors = errors(&run);
        assert!(
            errors.ends_with(&format!("\n  {named} explain\n")),
            "{errors}"
        );
        let page = Command::new("sh")
            .args(["-c", &commands(&errors)])
            .env("PATH", folders)
            .current_dir(top)
            .output()
            .expect("a shell");
        assert!(page.status.success(), "{errors}{page:?}");
    }
}

#[test]
fn mistakes_in_typing_are_met_with_what_was_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    for (words, code, said) in [
        (&["demo", "handshaek"][..], 2, "did you mean handshake?"),
        (&["demo", "xyz"], 2, "demo --list"),
        (&["connect", "127.0.0.1:1712"], 2, "127.0.0.1 -p 1712"),
        (&["connect", "1712"], 2, "-p 1712"),
        (&["serve", "-p", "http"], 2, "write a number in 1..=65535"),
        (
            &["replay", SAMPLE, "--filter", "tcp port 80"],
            0,
            "no packet of the capture matches",
        ),
    ] {
        let run = run(words, folder.path());
        assert_eq!(run.status.code(), Some(code), "{words:?}: {run:?}");
        assert!(errors(&run).contains(said), "{run:?}");
    }
}

#[test]
fn help_that_cannot_be_written_is_no_success() {
    let full = File::options().write(true).open("/dev/full");
    let run = Command::new(PROGRAM)
        .arg("--help")
        .stdout(full.expect("a device"))
        .stderr(Stdio::piped())
        .output()
        .expect("the program starts");
    assert_eq!(run.status.code(), Some(6), "{run:?}");
    assert!(errors(&run).contains("No space left"), "{run:?}");
}
