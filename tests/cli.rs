//! The program from outside: what it prints where, and the exit codes that scripts rely on.

#[cfg(target_os = "linux")]
mod copied;
mod piped;
#[cfg(target_os = "linux")]
#[macro_use]
mod skipped;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Everything that people type.
const COMMANDS: [&str; 7] = [
    "live", "replay", "demo", "serve", "connect", "explain", "doctor",
];

#[test]
fn help_fits_a_page_and_goes_to_standard_output() {
    let overview = run(&["--help"]);
    overview.ends_with(0).says("");
    for command in COMMANDS {
        assert!(
            overview.stdout.contains(&format!("\n  {command} ")),
            "{command} is not listed"
        );
        let help = run(&[command, "--help"]);
        help.ends_with(0).says("");
        assert!(
            help.stdout
                .contains(&format!("Usage: handshake-watch {command}")),
            "{}",
            help.stdout
        );
        assert!(
            help.stdout.lines().count() <= 70,
            "{command} --help is longer than a page"
        );
        assert_eq!(
            run(&[command, "-h"]).stdout,
            help.stdout,
            "-h and --help say the same"
        );
    }
    let version = run(&["--version"]);
    assert_eq!(
        version.ends_with(0).stdout,
        format!("handshake-watch {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_usage_ends_with_2_and_prints_no_result() {
    let capture = sample("handshake");
    let capture = capture.as_str();
    for (words, part) in [
        (&[][..], "Usage: handshake-watch <COMMAND>"),
        (&["dance"], "dance"),
        (&["replay"], "<FILE>"),
        (&["replay", capture, "--colour"], "--color"),
        (&["replay", capture, "--only", "segments"], "--format json"),
        (&["replay", capture, "--verdict", "shut"], "half_closed"),
        (
            &["replay", capture, "--expect", "opened=slowly"],
            "simultaneous",
        ),
        (&["replay", capture, "-o", capture], "same file"),
        (&["replay", capture, "--width", "3"], "20..=1000"),
        (&["replay", capture, "--from", "noon"], "02:41:07"),
        (&["replay", capture, "--around", "99"], "frame 99"),
        (&["replay", capture, "--memory", "1MB"], "at least 32MB"),
        (&["replay", capture, "--threads", "3"], "1..=2"),
        (
            &["live", "--watch-only", "--make-traffic"],
            "--make-traffic",
        ),
        (&["live", "--watch-only", "--message", "x"], "--watch-only"),
        (&["live", "--timeout", "5"], "5s"),
        (&["connect", "localhost"], "IP address"),
        (&["serve", "-p", "70000"], "1..=65535"),
        (
            &["demo", "no-such-scenario"],
            "there are: handshake, refused",
        ),
    ] {
        let outcome = run(words);
        outcome.ends_with(2).says(part);
        assert_eq!(outcome.stdout, "", "{words:?}");
    }
    assert!(
        Path::new(capture)
            .metadata()
            .is_ok_and(|file| file.len() > 0),
        "the capture is untouched"
    );
}

#[test]
fn one_thread_finds_what_two_do() {
    let capture = sample("handshake");
    for format in ["json", "table", "timeline"] {
        let [one, two] = ["1", "2"]
            .map(|threads| run(&["replay", &capture, "--format", format, "--threads", threads]));
        one.ends_with(0).says("");
        assert!(!one.stdout.is_empty());
        assert_eq!(one.stdout, two.stdout, "{format}");
    }
}

#[test]
fn an_empty_selection_says_what_there_is() {
    let capture = sample("handshake");
    let outcome = run(&["replay", &capture, "--from", "9"]);
    outcome
        .ends_with(0)
        .says("nothing is selected: the capture has 8 packets");
    assert_eq!(outcome.stdout, "");
    run(&[
        "replay",
        &sample("several"),
        "--verdict",
        "open,half_closed",
    ])
    .ends_with(0)
    .says("nothing is selected: the capture has 4 connections: 1 refused, 1 reset, 2 closed");
    run(&["replay", &capture, "--from", "8"])
        .ends_with(0)
        .says("");
}

#[test]
fn what_is_no_capture_ends_with_3_and_prints_no_result() {
    let folder = Folder::new();
    for (path, part) in [
        (folder.file("empty.pcap", b""), "0 bytes"),
        (
            folder.file("notes.txt", b"Not a capture at all, just text.\n"),
            "it begins with \"Not a ca\", which is neither pcap nor pcapng",
        ),
        (
            folder.file("zip.pcap", b"PK\x03\x04\x14\0\x08\0"),
            "the bytes 50 4b 03 04 14 00 08 00",
        ),
        (
            folder.file("old.snoop", b"snoop\0\0\0\0\0\0\x02"),
            "the mark of a snoop file",
        ),
        (folder.file("four.pcap", &[0xd4, 0xc3, 0xb2, 0xa1]), ""),
        (
            folder.file("zeros.pcap", &[0; 4096]),
            "neither pcap nor pcapng",
        ),
        (folder.path("missing.pcap"), "missing.pcap"),
        (folder.path("."), "directory"),
    ] {
        let outcome = run(&["replay", &path, "--format", "json"]);
        outcome.ends_with(3).says(part);
        assert_eq!(outcome.stdout, "", "{path}");
    }
}

#[test]
fn a_capture_that_was_cut_is_shown_up_to_the_cut() {
    let folder = Folder::new();
    let whole = fs::read(sample("handshake")).expect("the sample");
    let all = run(&[
        "replay",
        &sample("handshake"),
        "--format",
        "json",
        "--only",
        "segments",
    ]);
    let all = all.ends_with(0).records("segment");
    assert_eq!(all.len(), 8);
    let mut shown = 0;
    // A step that meets every part of a block, of which the shortest has 32 bytes.
    for length in (1..whole.len()).step_by(11) {
        let path = folder.file("cut.pcapng", &whole[..length]);
        let outcome = run(&["replay", &path, "--format", "json", "--only", "segments"]);
        let segments = outcome.records("segment");
        assert!(segments.len() >= shown, "a longer part shows no less");
        shown = segments.len();
        assert_eq!(segments, all[..shown], "what is shown is what was there");
        if outcome.code == 0 {
            // Only where the cut falls between two blocks.
            assert_eq!(outcome.stderr, "", "cut at {length}");
        } else {
            outcome.ends_with(3);
        }
    }
    assert_eq!(shown, 7, "all but the last one");
    let path = folder.file("cut.pcapng", &whole[..whole.len() - 1]);
    run(&["replay", &path])
        .ends_with(3)
        .says("everything before it is shown");
}

#[test]
fn an_unknown_link_type_ends_with_3_and_no_packets_with_0() {
    let folder = Folder::new();
    let header = |link: u8| {
        let mut bytes = vec![
            0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0,
        ];
        bytes.extend([link, 0, 0, 0]);
        bytes
    };
    let record = [
        1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, b'a', b'b', b'c', b'd',
    ];
    // 147 is reserved for private use.
    let private = folder.file("private.pcap", &[&header(147)[..], &record].concat());
    run(&["replay", &private, "--format", "json"])
        .ends_with(3)
        .says("link type");
    let none = folder.file("none.pcap", &header(1));
    let outcome = run(&["replay", &none, "--format", "json"]);
    outcome.ends_with(0).says("");
    assert_eq!(outcome.records("summary")[0]["frames"], 0);
}

#[test]
fn a_capture_can_come_through_a_pipe() {
    let (child, mut input) = piped::start(program().args(["replay", "-", "--format", "json"]));
    let bytes = fs::read(sample("handshake")).expect("the sample");
    input.write_all(&bytes).expect("the program reads");
    drop(input);
    let outcome = Outcome::of(child.wait_with_output().expect("the program ends"));
    assert_eq!(outcome.ends_with(0).records("segment").len(), 8);
}

#[test]
fn a_closed_pipe_is_success_and_quiet() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = program()
        .args(["replay", &sample("handshake"), "--format", "json"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("the program starts");
    Outcome::of(output).ends_with(0).says("");
}

#[test]
fn output_that_cannot_be_written_ends_with_6() {
    let folder = Folder::new();
    let nowhere = folder.path("no/such/folder/out.json");
    run(&["replay", &sample("handshake"), "-o", &nowhere])
        .ends_with(6)
        .says("out.json");
}

#[test]
fn output_goes_into_the_file_that_was_named() {
    let folder = Folder::new();
    let path = folder.path("out.json");
    let to_file = run(&[
        "replay",
        &sample("handshake"),
        "--format",
        "json",
        "-o",
        &path,
    ]);
    assert_eq!(to_file.ends_with(0).stdout, "");
    let to_stdout = run(&["replay", &sample("handshake"), "--format", "json"]);
    assert_eq!(
        fs::read_to_string(path).expect("the file"),
        to_stdout.stdout
    );
}

#[test]
fn a_connection_that_does_not_exist_is_wrong_usage() {
    let outcome = run(&["replay", &sample("handshake"), "--connection", "9"]);
    outcome.ends_with(2).says("connection 9");
    let problems = outcome.stderr.lines().filter(|line| !line.starts_with(' '));
    let [_, hint] = problems.collect::<Vec<_>>()[..] else {
        panic!("said once, with what helps: {}", outcome.stderr);
    };
    assert!(hint.starts_with("hint: "), "{hint}");
}

#[test]
fn a_filter_keeps_the_numbers_of_the_file() {
    let capture = sample("handshake");
    let filter = "tcp[tcpflags] & tcp-fin != 0";
    let fins = run(&["replay", &capture, "--filter", filter, "--format", "json"]);
    let frames: Vec<_> = fins
        .ends_with(0)
        .records("segment")
        .iter()
        .map(|segment| segment["frame"].clone())
        .collect();
    assert_eq!(frames, [6, 7]);
    assert_eq!(fins.records("summary")[0]["frames"], 2);
}

#[test]
fn a_broken_filter_is_told_the_same_way_everywhere() {
    let said = |words: &[&str]| {
        let run = run(&[words, &["--filter", "tcp port"]].concat());
        assert_eq!(run.stdout, "");
        run.ends_with(5).stderr.clone()
    };
    for errors in [said(&["replay", &sample("handshake")]), said(&["live"])] {
        assert!(
            errors.contains("the filter \"tcp port\" does not compile"),
            "{errors}"
        );
        // In the words of libpcap.
        assert!(errors.contains("syntax error"), "{errors}");
        assert!(errors.contains("hint: man pcap-filter"), "{errors}");
    }
}

#[test]
fn a_table_says_what_it_is_sorted_by_and_is() {
    let capture = sample("several");
    let table = |words: &[&str]| {
        let run = run(&[&["replay", &capture, "--width", "100"], words].concat());
        let lines = run.ends_with(0).stdout.lines().map(ToOwned::to_owned);
        lines.collect::<Vec<_>>()
    };
    for (sort, order, ids) in [
        ("trouble", "those in trouble first", "3124"),
        ("start", "in the order of their first packets", "1234"),
        ("wait", "the longest wait for the other end first", "1243"),
        ("bytes", "the most bytes first", "2413"),
    ] {
        let lines = table(&["--sort", sort, "--all"]);
        let heading = format!("4 connections, {order}");
        let at = lines.iter().position(|line| *line == heading);
        let below = &lines[at.unwrap_or_else(|| panic!("{sort}: {lines:#?}"))..];
        let found: String = below
            .iter()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next())
            .filter(|word| word.parse::<u32>().is_ok())
            .collect();
        assert_eq!(found, ids, "{sort}: {lines:#?}");
        // Another order has no groups above it, and shows what it is about.
        let groups = lines.iter().any(|line| line.contains("REFUSED"));
        assert_eq!(groups, sort == "trouble", "{sort}");
        let waited = lines.iter().any(|line| line.contains("waited"));
        assert_eq!(waited, sort == "wait", "{sort}");
    }
}

/// What is asked of a table or a ladder is asked of a wire's, too.
#[test]
fn a_wire_is_shown_as_it_is_asked_for() {
    let capture = sample("scenarios/lost-data");
    let shown = |words: &[&str]| {
        let run = run(&[&["replay", &capture], words].concat());
        run.ends_with(0).stdout.clone()
    };
    let table = shown(&["--sort", "wait", "--top", "1"]);
    assert!(table.contains("waited"), "{table}");
    let narrow = shown(&["--top", "0", "--width", "40"]);
    assert!(narrow.lines().all(|line| line.len() <= 40), "{narrow}");
    let ladders = shown(&["--top", "0"]);
    assert_eq!(
        ladders.trim(),
        "1 more connection; --connection N shows one, --all shows every ladder"
    );
    for words in [&["--payload"][..], &["--payload", "--ladder", "client"]] {
        let drawn = shown(words);
        assert!(drawn.contains("0000  2e 2e 2e 2e"), "{words:?}: {drawn}");
        // Not all of what was captured is shown, and none of it is missing.
        assert!(drawn.contains("bytes more"), "{words:?}: {drawn}");
        assert!(!drawn.contains("not captured"), "{words:?}: {drawn}");
    }
    let plain = shown(&["--payload", "--format", "plain", "--memory", "32MB"]);
    assert!(plain.contains("#2 packet 14"), "{plain}");
}

#[test]
fn saved_frames_are_the_frames_that_were_read() {
    let folder = Folder::new();
    let capture = sample("handshake");
    let original = run(&["replay", &capture, "--format", "json", "--only", "segments"]);
    for name in ["copy.pcapng", "copy.pcap"] {
        let copy = folder.path(name);
        run(&["replay", &capture, "-w", &copy, "--format", "summary"]).ends_with(0);
        let saved = run(&["replay", &copy, "--format", "json", "--only", "segments"]);
        assert_eq!(
            saved.ends_with(0).records("segment"),
            original.records("segment"),
            "{name}"
        );
    }
}

#[test]
fn an_interface_that_does_not_exist_ends_with_5_and_names_those_that_do() {
    run(&["live", "-i", "no-such-interface"])
        .ends_with(5)
        .says("no interface \"no-such-interface\"; there are: ");
}

#[cfg(target_os = "linux")]
#[test]
fn without_permission_live_ends_with_4_and_names_ways_that_work() {
    let folder = Folder::new();
    let Some(mut program) = program_without_privileges(&folder) else {
        return;
    };
    let live = program(&["live", "--once"]);
    live.ends_with(4).says("sudo ");
    assert!(live.stderr.contains("demo handshake"), "{}", live.stderr);
    assert_eq!(live.stdout, "");
    // A name that exists nowhere is mended before permissions are.
    program(&["live", "-i", "no-such-interface"]).ends_with(5);
    // Needs nothing, or says that what it plays is a recording.
    let demo = program(&["demo", "refused", "--format", "json"]);
    assert_eq!(
        demo.ends_with(0).records("connection")[0]["verdict"],
        "refused"
    );
}

#[test]
fn built_in_ends_that_cannot_do_their_job_end_with_7() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = listener
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    run(&["serve", "-p", &taken]).ends_with(7).says(&taken);

    // Bound, so that nobody else can have it, and not listening, so that its kernel refuses.
    let address: std::net::SocketAddr = ([127, 0, 0, 1], 0).into();
    let silent =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    silent.bind(&address.into()).expect("a free port");
    let address = silent
        .local_addr()
        .expect("an address")
        .as_socket()
        .expect("an IP address");
    run(&["connect", "-p", &address.port().to_string()])
        .ends_with(7)
        .says("refused");
}

/// How a run ended.
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("not ended by a signal"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    fn ends_with(&self, code: i32) -> &Self {
        assert_eq!(
            self.code, code,
            "stderr: {}\nstdout: {}",
            self.stderr, self.stdout
        );
        self
    }

    /// Standard error holds this part; nothing at all when the part is empty.
    fn says(&self, part: &str) -> &Self {
        if part.is_empty() && self.code == 0 {
            assert_eq!(self.stderr, "");
        }
        assert!(
            self.stderr.contains(part),
            "{part:?} is not in: {}",
            self.stderr
        );
        self
    }

    /// The JSON records of one type.
    fn records(&self, kind: &str) -> Vec<serde_json::Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"))
            .filter(|record| record["type"] == kind)
            .collect()
    }
}

/// A folder that is gone after the test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).expect("a file in a folder of our own");
        self.path(name)
    }
}

fn run(words: &[&str]) -> Outcome {
    Outcome::of(
        program()
            .args(words)
            .stdin(Stdio::null())
            .output()
            .expect("the program starts"),
    )
}

/// The program, in an environment that does not depend on who runs the test.
fn program() -> Command {
    program_at(Path::new(env!("CARGO_BIN_EXE_handshake-watch")))
}

fn program_at(path: &Path) -> Command {
    let mut program = Command::new(path);
    program.env("LC_ALL", "C.UTF-8").env("COLUMNS", "80");
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
        program.env_remove(name);
    }
    program
}

/// Runs a copy of the program as a user who may do nothing special; `None`, with the reason printed, where that cannot be.
#[cfg(target_os = "linux")]
fn program_without_privileges(folder: &Folder) -> Option<impl FnMut(&[&str]) -> Outcome> {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    /// The user `nobody` of most systems; any without privileges will do.
    const NOBODY: u32 = 65534;

    let copy = copied::copied(folder.0.path());
    let everybody = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.0.path(), everybody).expect("our own folder");
    let command = move || {
        let mut command = program_at(&copy);
        command.uid(NOBODY).gid(NOBODY).stdin(Stdio::null());
        command
    };
    if let Err(error) = command().arg("--version").output() {
        skipped!("cannot become another user ({error}); run this test as root");
        return None;
    }
    Some(move |words: &[&str]| {
        Outcome::of(command().args(words).output().expect("it started before"))
    })
}

fn sample(name: &str) -> String {
    let captures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("captures");
    captures
        .join(name)
        .with_extension("pcapng")
        .display()
        .to_string()
}
