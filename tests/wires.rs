//! Recordings of both ends of a wire: what is told of them where they are joined, and how they are counted.
//!
//! A script says what leaves each end, and how long it is under way is said beside it. The client's end sees the packets
//! as the script has them, the server's with source and destination exchanged.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use handshake_watch::capture::{Frame, Interface, LinkType, Saver};
use handshake_watch::lab::script::Script;
use handshake_watch::time::{Span, Timestamp};

/// An address where the two ends are, and the server's port.
const ENDS: &str = "client 10.17.12.1:40000 isn 1000\nserver 10.17.12.2:1712 isn 5000\n";
const SERVER_PORT: u16 = 1712;

/// What a packet takes where nothing else is said.
const LATENCY: Option<i64> = Some(30);

/// A recording that is removed in the end.
struct Recording(PathBuf);

impl Recording {
    /// `under_way`: for how many milliseconds each line of the script is, from 0 on; `None`: it is lost.
    fn of(name: &str, script: &str, under_way: impl Fn(usize) -> Option<i64>) -> Self {
        Self::but(name, script, under_way, None)
    }

    /// The same without the departure of one line.
    fn but(
        name: &str,
        script: &str,
        under_way: impl Fn(usize) -> Option<i64>,
        unseen: Option<usize>,
    ) -> Self {
        let script = format!("{ENDS}{script}");
        let script = Script::parse(&script).unwrap_or_else(|error| panic!("{error} in {script}"));
        let mut seen: Vec<(Timestamp, u16, Vec<u8>)> = Vec::new();
        for (index, frame) in script.frames().into_iter().enumerate() {
            let from_server = u16::from_be_bytes([frame.bytes[20], frame.bytes[21]]) == SERVER_PORT;
            let due = under_way(index).map(|delay| frame.time + Span::from_millis(delay));
            let [left, arrived] = if from_server { [1, 0] } else { [0, 1] };
            let mut exchanged = frame.bytes.clone();
            exchanged[12..16].copy_from_slice(&frame.bytes[16..20]);
            exchanged[16..20].copy_from_slice(&frame.bytes[12..16]);
            let at = |side: u16| [&frame.bytes, &exchanged][usize::from(side)].clone();
            if unseen != Some(index) {
                seen.push((frame.time, left, at(left)));
            }
            seen.extend(due.map(|time| (time, arrived, at(arrived))));
        }
        seen.sort_by_key(|(time, ..)| *time);
        let name = format!("handshake-watch-{}-{name}.pcapng", std::process::id());
        let path = std::env::temp_dir().join(name);
        let interfaces = ["client side", "server side"].map(|name| Interface {
            name: Some(name.to_owned()),
            link: LinkType::IPV4,
            digits: 9,
            snaplen: 0,
        });
        let mut saver = Saver::create(&path).expect("a temporary file");
        for ((time, interface, data), number) in seen.iter().zip(1..) {
            let frame = Frame {
                number,
                time: *time,
                link: LinkType::IPV4,
                interface: *interface,
                data,
                original_len: u32::try_from(data.len()).expect("a packet"),
            };
            saver.write(&frame, &interfaces, None).expect("room");
        }
        saver.finish().expect("room");
        Self(path)
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
            .arg("replay")
            .arg(&self.0)
            .args(words)
            .output()
            .expect("our own program starts")
    }

    /// What is written, with its lines.
    fn lines(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The same on one line, however it was broken.
    fn text(&self, words: &[&str]) -> String {
        let lines = self.lines(words);
        lines.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // What a test leaves behind does not matter to it.
        let _ = fs::remove_file(&self.0);
    }
}

/// The server's program has ended when the client's ACK comes; the client's FIN is under way by then.
fn fin_meets_closed_end(name: &str) -> Recording {
    let script = "
        0      C > S  SYN mss 1460
        +30ms  S > C  SYN-ACK mss 1460
        +30ms  C > S  ACK
        +1ms   C > S  FIN-ACK
        +29500us  S > C  RST seq 1
        +1ms   S > C  RST seq 1
    ";
    Recording::of(name, script, |_| LATENCY)
}

/// A conversation of 13 bytes; the data is sent twice where the first one is lost.
const GREETING: &str = "
    0       C > S  SYN mss 1460
    +30ms   S > C  SYN-ACK mss 1460
    +30ms   C > S  ACK
    +1ms    C > S  PSH-ACK \"Hello server!\"
    +300ms  C > S  PSH-ACK seq 1 \"Hello server!\"
    +31ms   S > C  ACK
    +40ms   C > S  FIN-ACK
    +31ms   S > C  FIN-ACK
    +40ms   C > S  ACK
";

fn greeting(name: &str) -> Recording {
    Recording::of(name, GREETING, |line| LATENCY.filter(|_| line != 3))
}

#[test]
fn a_fin_that_comes_to_a_closed_end_was_not_lost() {
    let recording = fin_meets_closed_end("fin");
    for words in [&["--width", "80"][..], &["--explain", "full"]] {
        let text = recording.text(words);
        assert!(!text.contains("lost"), "{text}");
        assert!(
            text.contains("when its FIN (packet 6) arrived, the server was CLOSED already."),
            "{text}"
        );
        assert!(text.contains("finds no connection there"), "{text}");
        assert!(text.contains("answers packet 6"), "{text}");
        // What left the server's end was sent there.
        assert!(!text.contains("NAT"), "{text}");
    }
    let plain = recording.text(&["--format", "plain"]);
    assert_eq!(
        plain
            .matches("The connection was over already; this changes nothing")
            .count(),
        3,
        "{plain}"
    );
}

/// However many packets come before the first of them is answered.
#[test]
fn each_rst_of_a_closed_end_answers_a_packet_of_its_own() {
    let script = "
        0       C > S  SYN mss 1460
        +30ms   S > C  SYN-ACK mss 1460
        +30ms   C > S  ACK
        +31ms   S > C  RST-ACK
        +1ms    C > S  PSH-ACK \"one\"
        +1ms    C > S  PSH-ACK \"two\"
        +40ms   S > C  RST seq 1
        +1ms    S > C  RST seq 1
    ";
    let text = Recording::of("queue", script, |_| LATENCY).text(&["--explain", "brief"]);
    let answers: Vec<&str> = text
        .split("answers packet ")
        .skip(1)
        .map(|rest| rest.split(':').next().unwrap_or_default())
        .collect();
    let [one, two] = answers[..] else {
        panic!("{text}");
    };
    assert_ne!(one, two, "{text}");
}

/// An end without a connection has no numbers of one.
#[test]
fn a_closed_end_knows_no_numbers() {
    let drawn = fin_meets_closed_end("margins").lines(&["--width", "80"]);
    let rows: Vec<&str> = drawn.lines().filter(|row| row.contains('│')).collect();
    let closed = |row: &&&str| row.trim_end().ends_with("│CLOSED");
    assert_eq!(rows.iter().filter(closed).count(), 3, "{drawn}");
    let client = |row: &&&str| row.contains("CLOSED│◀");
    assert_eq!(rows.iter().filter(client).count(), 2, "{drawn}");
}

/// Both ends' recordings show what a capture in between leaves open.
#[test]
fn a_slow_handshake_without_a_loss_is_not_asked_about_one() {
    let script = "
        0        C > S  SYN mss 1460
        +1000ms  C > S  SYN seq 0 mss 1460
        +400ms   S > C  SYN-ACK ack 1 mss 1460
        +200ms   C > S  ACK seq 1
    ";
    let takes = [Some(1300), Some(1300), Some(100), LATENCY];
    let text = Recording::of("slow", script, |line| takes[line]).text(&[]);
    assert!(text.contains("the handshake took 1.6 s"), "{text}");
    assert!(!text.contains("Was a SYN or SYN-ACK lost"), "{text}");
    assert!(
        text.contains(
            "No SYN or SYN-ACK was lost: packet 1 took 1.3 s to the server, packet 4 100 ms back; the server answered after 100 ms."
        ),
        "{text}"
    );
}

/// Of several that were lost only the last one's repeat came through, and what was lost after the one that came is nothing
/// that was waited for.
#[test]
fn a_slow_handshake_waited_for_what_came_through() {
    let twice = "
        0        C > S  SYN mss 1460 ipid 1
        +1000ms  C > S  SYN seq 0 mss 1460 ipid 2
        +2000ms  C > S  SYN seq 0 mss 1460 ipid 3
        +31ms    S > C  SYN-ACK ack 1 mss 1460
        +31ms    C > S  ACK seq 1
    ";
    let text = Recording::of("twice", twice, |line| LATENCY.filter(|_| line > 1)).text(&[]);
    assert!(
        text.contains("waited until packet 2 was sent again."),
        "{text}"
    );
    let late = "
        0        C > S  SYN mss 1460 ipid 1
        +1000ms  C > S  SYN seq 0 mss 1460 ipid 2
        +201ms   S > C  SYN-ACK ack 1 mss 1460
        +31ms    C > S  ACK seq 1
    ";
    let takes = [Some(1200), None, LATENCY, LATENCY];
    let text = Recording::of("late", late, |line| takes[line]).text(&[]);
    assert!(!text.contains("waited until"), "{text}");
    assert!(
        text.contains("It did not wait for what was lost: packet 1 took 1.2 s to the server, packet 4 30 ms back; the server answered after 1.0 ms."),
        "{text}"
    );
}

/// What arrives was sent by the other end, whether or not that was recorded. Then nobody knows what was lost.
#[test]
fn an_arrival_without_its_departure_is_no_departure() {
    for unseen in [1, 3] {
        let name = format!("unseen-{unseen}");
        let recording = Recording::but(&name, GREETING, |_| LATENCY, Some(unseen));
        let text = recording.text(&["--explain", "brief"]);
        assert!(!text.contains("LOST"), "{text}");
        assert!(!text.contains("lost on the wire"), "{text}");
        let note = String::from_utf8_lossy(&recording.run(&[]).stderr).into_owned();
        assert!(note.contains("this was recorded on a wire"), "{note}");
    }
}

#[test]
fn a_conversation_on_a_wire_counts_once() {
    let recording = greeting("once");
    let table = recording.text(&["--format", "table"]);
    assert!(table.contains("1 connection, 17 packets"), "{table}");
    assert!(
        table.contains("both ends recorded and joined: 9 packets sent, 8 received, 1 lost"),
        "{table}"
    );
    assert!(table.contains("(1 closed)"), "{table}");
    assert!(!table.contains("10.17.12.2:40000"), "{table}");
    let summary = recording.text(&["--format", "summary"]);
    assert!(summary.contains("connections 1: 1 closed"), "{summary}");
    assert!(summary.contains("data 13 bytes client→server"), "{summary}");
    // What is chosen does not change what there is.
    for number in ["1", "2"] {
        let summary = recording.text(&["--format", "summary", "--connection", number]);
        assert!(summary.contains("connections 1: 1 closed"), "{summary}");
    }
    // Two connection objects, as documented.
    let json = recording.lines(&["--format", "json", "--only", "connections"]);
    assert_eq!(json.matches("\"type\":\"connection\"").count(), 2, "{json}");
}

/// Judged on the client's view, and on the server's where that one is asked for.
#[test]
fn expectations_are_about_the_clients_view() {
    let recording = greeting("expect");
    let failures = |words: &[&str]| {
        let output = recording.run(words);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let wrong = ["--format", "summary", "--expect", "verdict=open"];
    let all = failures(&wrong);
    assert_eq!(all.matches("not as expected").count(), 1, "{all}");
    assert!(all.contains("connection 1 "), "{all}");
    let second = failures(&[&wrong[..], &["--connection", "2"]].concat());
    assert_eq!(second.matches("not as expected").count(), 1, "{second}");
    assert!(second.contains("connection 2 "), "{second}");
}

#[test]
fn a_chosen_conversation_is_drawn_with_both_ends() {
    let recording = greeting("chosen");
    let whole = recording.lines(&["--width", "80"]);
    assert_eq!(whole.matches("LOST").count(), 1, "{whole}");
    assert_eq!(whole.matches("(client)").count(), 1, "{whole}");
    for words in [["--connection", "1"], ["--verdict", "closed"]] {
        let chosen = recording.lines(&[&words[..], &["--width", "80"]].concat());
        assert_eq!(chosen, whole, "{words:?}");
    }
    let second = recording.lines(&["--connection", "2", "--width", "80"]);
    assert!(second.contains("the server's end of the wire"), "{second}");
    assert_eq!(second.matches("(client)").count(), 1, "{second}");
    let objects = recording.lines(&["--connection", "1", "--format", "json"]);
    assert!(
        objects.contains("\"vantage\":\"client\",\"twin\":2"),
        "{objects}"
    );
    assert!(!objects.contains("\"delivered\":null"), "{objects}");
    assert_eq!(
        objects.matches("\"delivered\":false").count(),
        1,
        "{objects}"
    );
}

/// A file with one end's packets alone would look as if none had arrived.
#[test]
fn both_ends_of_a_chosen_conversation_are_saved() {
    let recording = greeting("saved");
    let copy = Recording(recording.0.with_extension("copy.pcapng"));
    let name = copy.0.to_str().expect("UTF-8");
    for format in ["timeline", "table"] {
        let words = ["--connection", "1", "--format", format, "-w", name];
        recording.lines(&words);
        let [whole, saved] = [&recording, &copy].map(|file| file.lines(&["--width", "80"]));
        assert_eq!(saved, whole, "{format}");
    }
}

/// A port that is used again makes another conversation, and each has its own two views.
#[test]
fn conversations_between_the_same_ports_are_told_apart() {
    let again = GREETING.replacen("    0  ", "    +90s ", 1);
    let script = format!(
        "{GREETING}\nclient 10.17.12.1:40000 isn 900000\nserver 10.17.12.2:1712 isn 700000\n{again}"
    );
    let recording = Recording::of("again", &script, |_| LATENCY);
    let table = recording.text(&["--format", "table"]);
    assert!(table.contains("2 connections, 36 packets"), "{table}");
    let ladders = recording.lines(&["--format", "timeline", "--width", "80"]);
    assert_eq!(ladders.matches("(client)").count(), 2, "{ladders}");
    assert!(!ladders.contains("LOST"), "{ladders}");
}
