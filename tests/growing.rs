//! Input that is still being written: what is known is shown before more is written, and a cut loses nothing before it.
//!
//! Every wait is for a line that must come, and fails after [`PATIENCE`]; nothing here waits for time to pass.

mod piped;
#[expect(dead_code, reason = "other tests use the rest")]
mod samples;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use handshake_watch::capture::Next;

/// A line that has not come by then will not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The same packets in both formats, and how many they are.
const CAPTURES: [&str; 2] = ["handshake.pcap", "handshake.pcapng"];
const PACKETS: usize = 8;

#[test]
fn a_row_appears_before_the_next_packet_is_written() {
    for capture in CAPTURES {
        let mut program = Growing::start(&["--format", "timeline", "--width", "80"]);
        for (number, record) in records(capture) {
            program.write(&record);
            let row = program.line_with(&format!(" {number}  "));
            assert!(row.starts_with(&format!(" {number} ")), "{capture}: {row}");
        }
        // The connection is over, though the input is not.
        program.line_with("closed: 13 bytes to the server");
        let end = program.end();
        assert_eq!(end.status.code(), Some(0), "{capture}: {}", end.errors);
        assert_eq!(end.errors, "", "{capture}");
    }
}

#[test]
fn a_json_line_appears_before_the_next_packet_is_written() {
    for capture in CAPTURES {
        let mut program = Growing::start(&["--format", "json"]);
        for (number, record) in records(capture) {
            program.write(&record);
            let line = program.line_with("\"type\":\"segment\"");
            assert!(
                line.contains(&format!("\"frame\":{number},")),
                "{capture}: {line}"
            );
        }
        let end = program.end();
        assert_eq!(end.status.code(), Some(0), "{capture}: {}", end.errors);
        assert_eq!(
            without_header(&end.printed),
            without_header(&whole(capture)),
            "{capture}: packet by packet or at once"
        );
    }
}

#[test]
fn a_sentence_appears_before_the_next_packet_is_written() {
    let mut program = Growing::start(&["--format", "plain"]);
    for (number, record) in records(CAPTURES[0]) {
        program.write(&record);
        program.line_with(&format!("#1 packet {number} "));
    }
    assert_eq!(program.end().status.code(), Some(0));
}

/// What is at the end of a file may take time to be complete: half a record says nothing yet, and holds up none before it.
#[test]
fn half_a_packet_is_waited_for() {
    let mut program = Growing::start(&["--format", "json"]);
    let mut rest = Vec::new();
    for (number, record) in records(CAPTURES[0]) {
        // The end of the packet before and the beginning of this one, at once.
        let (begin, end) = record.split_at(record.len() / 2);
        program.write(&[&rest, begin].concat());
        if number > 1 {
            let line = program.line_with("\"type\":\"segment\"");
            let before = format!("\"frame\":{},", number - 1);
            assert!(line.contains(&before), "{line}");
        }
        rest = end.to_vec();
    }
    program.write(&rest);
    program.line_with(&format!("\"frame\":{PACKETS},"));
    assert_eq!(program.end().status.code(), Some(0));
}

#[test]
fn a_cut_loses_nothing_before_it() {
    for capture in CAPTURES {
        let mut program = Growing::start(&["--format", "json"]);
        for (number, record) in records(capture) {
            if number == PACKETS {
                program.write(&record[..record.len() - 5]);
            } else {
                program.write(&record);
                program.line_with("\"type\":\"segment\"");
            }
        }
        let end = program.end();
        assert_eq!(end.status.code(), Some(3), "{capture}");
        assert!(
            end.errors
                .contains(&format!("cut short in packet {PACKETS}"))
                && end.errors.contains("everything before it is shown"),
            "{capture}: {}",
            end.errors
        );
        let segments = end.printed.matches("\"type\":\"segment\"").count();
        assert_eq!(segments, PACKETS - 1, "{capture}");
        assert!(
            end.printed.contains("\"type\":\"summary\""),
            "{capture}: {}",
            end.printed
        );
    }
}

/// Nothing that was read is lost when whoever waits has enough, with one thread as with two.
#[test]
fn an_interrupt_while_a_pipe_is_silent_ends_with_the_verdicts() {
    for threads in ["1", "2"] {
        let words = ["--format", "json", "--threads", threads];
        let mut program = Growing::start(&words);
        for (_, record) in &records(CAPTURES[0])[..7] {
            program.write(record);
            program.line_with("\"type\":\"segment\"");
        }
        program.interrupt();
        program.line_with("\"type\":\"connection\"");
        let summary = program.line_with("\"type\":\"summary\"");
        assert!(summary.contains("\"frames\":7,"), "{summary}");
        // The pipe is still open.
        let end = program.end();
        assert_eq!(end.status.code(), Some(130), "{}", end.errors);
        let told = "interrupted after 7 packets; everything before is shown";
        assert!(end.errors.contains(told), "{}", end.errors);
    }
}

/// `nohup` shields from the end of a terminal; a script's shell shields what it starts from its own Ctrl-C, and may yet want
/// to end it.
#[cfg(target_os = "linux")]
#[test]
fn a_hangup_that_is_ignored_stays_ignored() {
    let mut shell = Command::new("sh");
    let script = "trap '' HUP INT; exec \"$0\" replay - --format json";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_handshake-watch")]);
    let mut program = Growing::spawn(&mut shell);
    program.wait_for_thread("signals");
    let status = format!("/proc/{}/status", program.child.id());
    let status = std::fs::read_to_string(status).expect("a status");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.expect("a mask").trim(), 16).expect("in hex");
    // SIGHUP is 1, SIGINT 2, SIGTERM 15.
    assert_eq!(ignored & (1 | 1 << 1 | 1 << 14), 1);
    program.write(&samples::bytes(CAPTURES[0]));
    assert_eq!(program.end().status.code(), Some(0));
}

/// What was asked for may come later, and nothing is said as if it did not exist.
#[test]
fn an_interrupt_before_what_was_asked_for_says_so() {
    let mut program = Growing::start(&["--format", "json", "--connection", "2"]);
    program.write(&samples::bytes(CAPTURES[0]));
    program.line_with("\"type\":\"header\"");
    program.interrupt();
    program.line_with("\"type\":\"summary\"");
    let end = program.end();
    assert_eq!(end.status.code(), Some(130), "{}", end.errors);
    let told = "nothing that was asked for came before";
    assert!(end.errors.contains(told), "{}", end.errors);
    assert_eq!(end.errors.lines().count(), 1, "{}", end.errors);
}

/// Until its beginning has come there is nothing to show, and nothing is said of a capture.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_before_anything_has_come_says_so() {
    let mut program = Growing::start(&["--format", "json"]);
    program.wait_for_thread("signals");
    program.interrupt();
    // Kept open until the program has ended.
    let input = program.input.take();
    let end = program.end();
    drop(input);
    assert_eq!(end.status.code(), Some(130), "{}", end.errors);
    assert_eq!((end.printed.as_str(), end.errors.lines().count()), ("", 1));
    assert!(
        end.errors.contains("before there was anything"),
        "{}",
        end.errors
    );
}

/// As above, of a file that is larger than what can be on its way: the output is not read, so the program has to wait.
#[test]
fn an_interrupt_within_a_file_ends_with_the_verdicts() {
    const COPIES: usize = 20_000;
    let folder = tempfile::tempdir().expect("a folder");
    let large = folder.path().join("large.pcap");
    let sample = samples::bytes(CAPTURES[0]);
    let packets = sample[24..].repeat(COPIES);
    std::fs::write(&large, [&sample[..24], &packets].concat()).expect("a file");
    let copy = folder.path().join("copy.pcap");
    let mut child = samples::program(&["replay", "--format", "json"])
        .arg(&large)
        .arg("-w")
        .arg(&copy)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut header = String::new();
    output.read_line(&mut header).expect("UTF-8");
    interrupt(&child);
    let mut errors = String::new();
    let segments = output.lines().filter(|line| {
        let line = line.as_ref().expect("UTF-8");
        line.contains("\"type\":\"segment\"")
    });
    let segments = segments.count();
    let mut pipe = child.stderr.take().expect("a pipe");
    pipe.read_to_string(&mut errors).expect("UTF-8");
    let status = child.wait().expect("the program ends");
    assert_eq!(status.code(), Some(130), "{errors}");
    assert!((1..PACKETS * COPIES).contains(&segments), "{segments}");
    // What was shown was saved, in whole packets.
    let mut source = handshake_watch::capture::open(&copy).expect("a capture");
    let mut saved = 0;
    while let Next::Frame(_) = source.next().expect("whole packets") {
        saved += 1;
    }
    assert_eq!(saved, segments);
}

/// A file, the same bytes from a pipe at once, and byte after byte.
#[test]
fn a_pipe_tells_the_same_as_a_file() {
    for capture in CAPTURES {
        let expected = whole(capture);
        let bytes = samples::bytes(capture);
        for at_once in [bytes.len(), 1] {
            let mut program = Growing::start(&["--format", "json"]);
            for part in bytes.chunks(at_once) {
                program.write(part);
            }
            let end = program.end();
            assert_eq!(end.status.code(), Some(0), "{capture}: {}", end.errors);
            assert_eq!(
                without_header(&end.printed),
                without_header(&expected),
                "{capture}, {at_once} bytes at once"
            );
        }
    }
    assert_eq!(
        without_header(&whole(CAPTURES[0])),
        without_header(&whole(CAPTURES[1])),
        "both formats"
    );
}

/// The program, reading from a pipe that we write to.
struct Growing {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Everything printed so far.
    printed: String,
}

fn interrupt(child: &Child) {
    let process = nix::unistd::Pid::from_raw(child.id() as i32);
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT).expect("a signal");
}

/// How it ended.
struct End {
    status: ExitStatus,
    printed: String,
    errors: String,
}

impl Growing {
    fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut samples::program(
            &[&["replay", "-"], arguments].concat(),
        ))
    }

    fn spawn(command: &mut Command) -> Self {
        let (mut child, input) = piped::start(command);
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines() {
                if sender.send(line.expect("UTF-8")).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            input: Some(input),
            lines,
            printed: String::new(),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("the pipe is open");
        input.write_all(bytes).expect("the program reads");
    }

    fn interrupt(&self) {
        interrupt(&self.child);
    }

    /// Waits until the program has a thread of this name.
    #[cfg(target_os = "linux")]
    fn wait_for_thread(&self, name: &str) {
        let tasks = format!("/proc/{}/task", self.child.id());
        let since = std::time::Instant::now();
        let is_there = || {
            let tasks = std::fs::read_dir(&tasks).expect("threads");
            tasks.flatten().any(|task| {
                let name_of = std::fs::read_to_string(task.path().join("comm"));
                name_of.is_ok_and(|comm| comm.trim() == name)
            })
        };
        while !is_there() {
            assert!(since.elapsed() < PATIENCE, "no thread {name}");
            thread::yield_now();
        }
    }

    /// Waits for the next line that contains `part`.
    fn line_with(&mut self, part: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let _ = self.child.kill();
                panic!("no line with {part:?} after\n{}", self.printed);
            };
            self.keep(&line);
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Ends the input and waits for the program's end.
    fn end(mut self) -> End {
        drop(self.input.take());
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.keep(&line);
        }
        let mut errors = String::new();
        let mut pipe = self.child.stderr.take().expect("a pipe");
        pipe.read_to_string(&mut errors).expect("UTF-8");
        End {
            status: self.child.wait().expect("the program ends"),
            printed: self.printed,
            errors,
        }
    }

    fn keep(&mut self, line: &str) {
        self.printed += line;
        self.printed.push('\n');
    }
}

/// The records of a capture with their numbers, from 1; the first comes with everything that precedes it in the file.
fn records(capture: &str) -> Vec<(usize, Vec<u8>)> {
    let bytes = samples::bytes(capture);
    let number = |at: usize| {
        let word = bytes[at..at + 4].try_into().expect("four bytes");
        u32::from_le_bytes(word) as usize
    };
    let is_pcapng = bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
    let mut records = Vec::new();
    let (mut start, mut at) = (0, if is_pcapng { 0 } else { 24 });
    while at < bytes.len() {
        let (len, is_packet) = if is_pcapng {
            (number(at + 4), number(at) == 6)
        } else {
            (16 + number(at + 8), true)
        };
        at += len;
        if is_packet {
            records.push(bytes[start..at].to_vec());
            start = at;
        }
    }
    assert_eq!(records.len(), PACKETS, "{capture}");
    (1..).zip(records).collect()
}

/// What is printed about the whole file.
fn whole(capture: &str) -> String {
    samples::printed(&["replay", &format!("captures/{capture}"), "--format", "json"])
}

/// Without the line that names the source.
fn without_header(json: &str) -> &str {
    let (header, rest) = json.split_once('\n').expect("more than a header");
    assert!(header.contains("\"source\""), "{header}");
    rest
}
