//! What is said about scripted conversations: the brief clause of each packet word for word, and what the full paragraphs
//! must contain.
//!
//! The comment of a script's line is the brief clause expected for its packet; a line without one expects nothing.

use std::process::{Command, Output};

use handshake_watch::explain::{Narrator, Step as Told, Wording, conclusion, reason, story};
use handshake_watch::lab::script::{Script, Step};
use handshake_watch::tcp::{Flags, Segment, TcpState};
use handshake_watch::time::Span;
use handshake_watch::track::{Change, Connection, Limits, Tracker};

/// SYN, SYN-ACK, ACK.
const OPEN: &str = "
        0      C > S  SYN
        +11us  S > C  SYN-ACK
        +12us  C > S  ACK
";

/// A ladder at 80 columns has one row for a clause of this many characters.
const ROW: usize = 68;

/// Clauses that say more than fits into one row, each for a reason.
const LONGER: [&str; 4] = [
    "refused:",
    // Numbers of many digits, beside words that are needed.
    "still waits",
    "packet",
    "the server's TCP has",
];

/// Runs a script: each segment, what it did, what is told about it, and the connections when they were final.
fn run(script: &str) -> (Vec<(Segment, Change, Told)>, Vec<Connection>) {
    let parsed = Script::parse(script).unwrap_or_else(|error| panic!("{error} in{script}"));
    let mut tracker = Tracker::new(Limits::default());
    let mut narrator = Narrator::live(Wording {
        full: true,
        raw_seq: false,
        ..Wording::default()
    });
    let mut told = Vec::new();
    let mut finals = Vec::new();
    for step in parsed.steps() {
        match step {
            Step::Segment { segment, .. } => {
                let change = tracker.segment(segment);
                let step = narrator.step(segment, &change, tracker.connection(change.slot));
                told.push((segment.clone(), change, step));
            }
            Step::Icmp { error, .. } => {
                tracker.icmp_error(error);
            }
        }
        while let Some(connection) = tracker.next_final() {
            finals.push(connection.clone());
        }
    }
    tracker.finish();
    while let Some(connection) = tracker.next_final() {
        finals.push(connection.clone());
    }
    (told, finals)
}

/// Compares the brief clauses with the comments.
fn briefs(script: &str) {
    let (told, _) = run(script);
    let lines: Vec<&str> = script
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit() || c == '+'))
        .collect();
    assert_eq!(lines.len(), told.len(), "in{script}");
    for (line, (_, change, step)) in lines.into_iter().zip(&told) {
        if let Some((_, expected)) = line.split_once("  # ") {
            assert_eq!(
                step.brief, expected,
                "{:?} of `{line}` in{script}",
                change.events
            );
        }
    }
}

/// The same for what follows a handshake.
fn after_open(rest: &str) {
    briefs(&format!("{OPEN}{rest}"));
}

/// The paragraph of packet `frame` contains these phrases, in this order.
fn full(script: &str, frame: usize, phrases: &[&str]) {
    let (told, _) = run(script);
    let text = &told[frame - 1].2.full;
    let mut rest = text.as_str();
    for phrase in phrases {
        let found = rest.find(phrase);
        let at = found.unwrap_or_else(|| panic!("no `{phrase}` in `{text}`"));
        rest = &rest[at + phrase.len()..];
    }
}

/// A script that begins with a handshake.
fn opened(rest: &str) -> String {
    format!("{OPEN}{rest}")
}

#[test]
fn a_plain_exchange() {
    briefs(
        "
        0      C > S  SYN mss 65495 wscale 10 sackok ts 1 0  # asks to open; the SYN takes number 0, so the first byte will be 1
        +11us  S > C  SYN-ACK mss 65495 wscale 10 sackok ts 2 1  # agrees (ack 1: send 1 next), opens its side; connect() can return
        +12us  C > S  ACK win 64  # open both ways; TCP did it alone, accept() need not have been called
        +23us  C > S  PSH-ACK win 64 \"Hello server!\"  # 13 bytes for the server, numbered 1–13; the next is 14
        +4us   S > C  ACK win 64  # the server's TCP has 1–13; whether its program read them: unknown
        +7us   C > S  FIN-ACK win 64  # no more bytes from the client; the FIN takes number 14
        +99us  S > C  FIN-ACK win 64  # closes too; ack 15 = got the FIN: one packet for both, so 3, not 4
        +13us  C > S  ACK win 64  # got the FIN; the client stays in TIME-WAIT in case this ACK is lost
        ",
    );
}

#[test]
fn a_four_packet_close_with_last_bytes() {
    after_open(
        "
        +1ms   C > S  FIN-PSH-ACK \"bye\"  # the client's last 3 bytes and its FIN, number 4
        +1ms   S > C  ACK  # has 3 bytes more and the FIN; its own direction is still open
        +1ms   S > C  PSH-ACK \"still here\"  # 10 bytes for the client, numbered 1–10; the next is 11
        +1ms   C > S  ACK  # the client's TCP has 1–10; whether its program read them: unknown
        +1ms   S > C  FIN-ACK  # closes too: no more bytes from the server; the FIN takes number 11
        +1ms   C > S  ACK  # got the FIN; the client stays in TIME-WAIT in case this ACK is lost
        +1ms   S > C  RST  # the connection was over already; this changes nothing
        ",
    );
}

#[test]
fn both_close_at_once() {
    after_open(
        "
        +1ms   C > S  FIN-ACK  # no more bytes from the client; the FIN takes number 1
        +1ms   S > C  FIN-ACK ack 1  # closes without having seen the other FIN: simultaneous close
        +1ms   C > S  ACK  # got the FIN; waits for the ACK of its own
        +1ms   S > C  ACK  # got the FIN; the server stays in TIME-WAIT in case this ACK is lost
        ",
    );
}

#[test]
fn a_refusal() {
    briefs(
        "
        0      C > S  SYN  # asks to open; the SYN takes number 0, so the first byte will be 1
        +9us   S > C  RST-ACK rawseq 0  # refused: nobody listens, or a firewall says so; ack 1 ties it to the SYN (such a reset has the real sequence number 0: RFC 9293 section 3.5.2)
        ",
    );
}

#[test]
fn a_refusal_with_a_number() {
    briefs(
        "
        0      C > S  SYN  # asks to open; the SYN takes number 0, so the first byte will be 1
        +9us   S > C  RST-ACK  # refused: nobody listens, or a firewall says so; ack 1 ties it to the SYN
        ",
    );
}

#[test]
fn an_abort_of_the_opening() {
    briefs(
        "
        0      C > S  SYN  # asks to open; the SYN takes number 0, so the first byte will be 1
        +1ms   S > C  SYN-ACK  # agrees (ack 1: send 1 next), opens its side; connect() can return
        +1ms   C > S  RST  # the client breaks off before the handshake is complete
        ",
    );
}

#[test]
fn silence_and_then_an_answer_that_is_lost() {
    briefs(
        "
        0      C > S  SYN  # asks to open; the SYN takes number 0, so the first byte will be 1
        +1s    C > S  SYN seq 0  # no answer has come: the same SYN again (2), 1.0 s after the first
        +2s    C > S  SYN seq 0  # no answer has come: the same SYN again (3), 3.0 s after the first
        +1ms   S > C  SYN-ACK  # agrees (ack 1: send 1 next), opens its side; connect() can return
        +4s    C > S  SYN seq 0  # the same SYN again (4): the SYN-ACK did not reach it (inferred)
        +1ms   S > C  SYN-ACK seq 0  # its SYN-ACK again, 4.0 s after packet 4: the SYN came again (inferred)
        +1ms   C > S  ACK  # open both ways; TCP did it alone, accept() need not have been called
        +1ms   C > S  SYN seq 0 rawack 0  # the same SYN once more, a late copy; it opens nothing now
        ",
    );
}

#[test]
fn crossing_syns() {
    briefs(
        "
        0      C > S  SYN  # asks to open; the SYN takes number 0, so the first byte will be 1
        +1ms   S > C  SYN  # the server asks, too: the SYNs cross (simultaneous open)
        +10ms  C > S  SYN-ACK seq 0  # acknowledges the SYN that crossed its own (ack 1), which it repeats
        +1ms   S > C  SYN-ACK seq 0  # acknowledges the SYN that crossed its own (ack 1), which it repeats
        ",
    );
}

#[test]
fn a_socket_connected_to_itself() {
    briefs(
        "
        client 127.0.0.1:1712 isn 100
        server 127.0.0.1:1712
        0      C > S  SYN  # a socket asks to connect to itself: both lanes are the same socket
        +9us   S > C  SYN-ACK seq 0 ack 1  # the SYN came back to its own sender, which answers itself (ack 1)
        ",
    );
}

#[test]
fn fast_open_from_cookie_to_data() {
    briefs(
        "
        0      C > S  SYN tfo  # asks to open, and for a Fast Open cookie for the next time
        +1ms   S > C  SYN-ACK tfo 8  # agrees (ack 1: send 1 next) and gives a cookie for Fast Open
        +1ms   C > S  RST  # the client breaks off before the handshake is complete
        client 127.0.0.1:40001 isn 9
        server 127.0.0.1:1712 isn 50
        +1s    C > S  SYN tfo 8 \"GET /\"  # asks to open and brings 5 bytes along, with a Fast Open cookie
        +1ms   S > C  SYN-ACK  # agrees, and has the SYN's data already (ack 6): Fast Open worked
        +1ms   C > S  ACK  # open both ways; TCP did it alone, accept() need not have been called
        client 127.0.0.1:40002 isn 9
        server 127.0.0.1:1712 isn 50
        +1s    C > S  SYN tfo 8 \"GET /\"  # asks to open and brings 5 bytes along, with a Fast Open cookie
        +1ms   S > C  SYN-ACK ack 1  # agrees, but not to the SYN's data (ack 1): it must be sent again
        ",
    );
}

#[test]
fn ports_used_again() {
    after_open(
        "
        +1ms   C > S  RST  # no connection there (inferred): the server's program gets ECONNRESET
        client 127.0.0.1:40000 isn 900000
        server 127.0.0.1:1712 isn 70000
        +1s    C > S  SYN  # asks to open a new connection on the pair of ports of #1
        ",
    );
}

#[test]
fn a_hole_and_what_fills_it_late() {
    after_open(
        "
        +1ms   C > S  PSH-ACK seq 101 len 100  # 1–100 before it not seen: lost, late, or missed by the capture
        +10us  C > S  PSH-ACK seq 1 len 100 ipid 7  # late: 1–100 belong before packets that were seen earlier
        ",
    );
}

#[test]
fn bytes_that_only_the_capture_missed() {
    after_open(
        "
        +1ms   S > C  ACK ack 101  # has everything before 101; the capture missed 100 numbers of it
        +1ms   C > S  PSH-ACK seq 301 len 100  # 101–300 before it not seen: lost, late, or missed by the capture
        +1ms   S > C  ACK  # has everything before 401; the capture missed 200 numbers of it
        ",
    );
}

#[test]
fn a_loss_repaired_by_duplicate_acks() {
    briefs(
        "
        0      C > S  SYN sackok  # asks to open; the SYN takes number 0, so the first byte will be 1
        +10ms  S > C  SYN-ACK sackok  # agrees (ack 1: send 1 next), opens its side; connect() can return
        +10us  C > S  ACK  # open both ways; TCP did it alone, accept() need not have been called
        +1ms   C > S  ACK len 1000  # 1000 bytes for the server, numbered 1–1000; the next is 1001
        +1us   C > S  ACK len 1000  # 1000 bytes for the server, numbered 1001–2000; the next is 2001
        +1us   C > S  ACK len 1000  # 1000 bytes for the server, numbered 2001–3000; the next is 3001
        +1us   C > S  ACK len 1000  # 1000 bytes for the server, numbered 3001–4000; the next is 4001
        +10ms  S > C  ACK ack 1001  # the server's TCP has 1–1000; whether its program read them: unknown
        +1us   S > C  ACK ack 1001 sack 2001-3001  # still waits for 1001 (duplicate 1 of packet 8), has 2001–3000
        +1us   S > C  ACK ack 1001 sack 2001-4001  # still waits for 1001 (duplicate 2 of packet 8), has 2001–4000
        +1us   S > C  ACK ack 1001 sack 2001-4001  # still waits for 1001 (duplicate 3 of packet 8), has 2001–4000
        +1us   C > S  ACK seq 1001 len 1000  # packet 5 again after 10 ms: the server's ACKs miss it (inferred)
        +10ms  S > C  ACK ack 4001  # the server's TCP has 1001–4000; whether its program read them: unknown
        +1us   C > S  ACK seq 1001 len 1000  # packet 12 again after 10 ms, needless: the server had acknowledged it
        +10ms  S > C  ACK ack 4001 sack 1001-2001  # got 1001–2000 twice (D-SACK)
        ",
    );
}

#[test]
fn a_timer_that_runs_out_and_backs_off() {
    after_open(
        "
        +1ms   C > S  PSH-ACK \"request\"  # 7 bytes for the server, numbered 1–7; the next is 8
        +300ms C > S  PSH-ACK seq 1 \"request\"  # packet 4 again after 300 ms: no ACK came, the timer ran out (inferred)
        +600ms C > S  PSH-ACK seq 1 \"request\"  # packet 5 again after 600 ms, repeat 2: the timer backs off (inferred)
        +1ms   S > C  ACK  # the server's TCP has 1–7; whether its program read them: unknown
        ",
    );
}

/// After a time-out everything that was out then is sent again as ACKs come, and nothing that was sent later.
#[test]
fn what_was_out_with_it_follows_the_timer() {
    let flight = "
        +1ms   C > S  ACK len 1000
        +1us   C > S  PSH-ACK len 1000
        +300ms C > S  ACK seq 1 len 1000  # packet 4 again after 300 ms: no ACK came, the timer ran out (inferred)
        +1ms   S > C  ACK ack 1001
        +1us   C > S  PSH-ACK seq 1001 len 1000  # packet 5 again after 301 ms: out when the timer ran out (inferred)
        +1ms   S > C  ACK ack 2001
        +1ms   C > S  PSH-ACK seq 2001 len 10
        +1ms   C > S  PSH-ACK seq 2001 len 10  # packet 10 again after 1.0 ms; the cause cannot be told
    ";
    after_open(flight);
    full(
        &opened(flight),
        8,
        &[
            "not acknowledged either when the timer ran out",
            "RFC 5681 section 3.1",
        ],
    );
}

#[test]
fn a_lost_tail_is_probed() {
    briefs(
        "
        0      C > S  SYN sackok  # asks to open; the SYN takes number 0, so the first byte will be 1
        +10ms  S > C  SYN-ACK sackok  # agrees (ack 1: send 1 next), opens its side; connect() can return
        +10us  C > S  ACK  # open both ways; TCP did it alone, accept() need not have been called
        +1ms   C > S  PSH-ACK len 100  # 100 bytes for the server, numbered 1–100; the next is 101
        +1us   C > S  PSH-ACK len 100  # 100 bytes for the server, numbered 101–200; the next is 201
        +20ms  C > S  PSH-ACK seq 101 len 100  # packet 5 again after 20 ms: tail loss probe, to get an ACK (inferred)
        ",
    );
}

#[test]
fn a_repeat_that_cannot_be_explained() {
    after_open(
        "
        +1ms   C > S  PSH-ACK \"request\"  # 7 bytes for the server, numbered 1–7; the next is 8
        +1ms   C > S  PSH-ACK seq 1 \"request\"  # packet 4 again after 1.0 ms; the cause cannot be told
        ",
    );
}

#[test]
fn a_window_that_closes_and_opens() {
    after_open(
        "
        +1ms   C > S  ACK len 1000  # 1000 bytes for the server, numbered 1–1000; the next is 1001
        +1ms   S > C  ACK win 1000  # the server's TCP has 1–1000; whether its program read them: unknown
        +1ms   C > S  ACK len 1000  # 1001–2000 fill the server's window: the client has to wait
        +1ms   S > C  ACK win 0  # window 0: the server has no room, the client may only send probes
        +210ms C > S  ACK seq 2000  # asks whether the server has room again (zero-window probe 1)
        +1us   S > C  ACK win 0  # answers the probe: still no room, window 0
        +420ms C > S  ACK len 1  # asks whether the server has room again (zero-window probe 2)
        +1us   S > C  ACK ack 2001 win 0  # answers the probe: still no room, window 0
        +840ms C > S  ACK seq 2001  # acknowledges nothing new (ack 1)
        +1us   S > C  ACK win 5000  # room for 5000 bytes again, after 1.5 s without any
        +1ms   S > C  ACK win 9000  # a window update: room for 9000 bytes now
        ",
    );
}

#[test]
fn a_keep_alive() {
    after_open(
        "
        +75s   C > S  ACK seq 0  # is the server still there? A keep-alive after 75.0 s of silence
        +1ms   S > C  ACK  # still here: answers the keep-alive
        ",
    );
}

#[test]
fn resets_that_are_not_obeyed() {
    after_open(
        "
        +1ms   S > C  RST seq 100  # in the window, but not the expected number: a challenge ACK is due
        +1ms   C > S  ACK  # challenge ACK: answers packet 4 with the numbers it expects
        +1ms   S > C  RST seq 900000  # number 900000 is outside the client's window: a correct TCP ignores it
        +1ms   C > S  SYN seq 0  # the same SYN once more, a late copy; it opens nothing now
        ",
    );
}

#[test]
fn an_abort() {
    after_open(
        "
        +1ms   S > C  RST-ACK  # the server aborts: the client's program gets ECONNRESET
        +1ms   S > C  RST  # the connection was over already; this changes nothing
        ",
    );
}

#[test]
fn an_abort_after_a_fin() {
    after_open(
        "
        +1ms   C > S  FIN-ACK  # no more bytes from the client; the FIN takes number 1
        +1ms   S > C  ACK  # got the FIN; the server's own direction is still open (half-closed)
        +1ms   S > C  RST  # the server aborts; the client had sent its FIN before
        ",
    );
}

#[test]
fn an_older_connection_is_cleared() {
    briefs(
        "
        0      C > S  SYN  # asks to open; the SYN takes number 0, so the first byte will be 1
        +1ms   S > C  ACK rawseq 7000 rawack 9  # challenge ACK: answers packet 1 with the numbers it expects
        +1ms   C > S  RST rawseq 9  # clears the server's older connection; the SYN still waits (inferred)
        ",
    );
}

#[test]
fn a_packet_recorded_twice() {
    briefs(
        "
        0      C > S  SYN ipid 9  # asks to open; the SYN takes number 0, so the first byte will be 1
        +5us   C > S  SYN seq 0 ipid 9  # the capture recorded packet 1 a second time; it was sent once
        ",
    );
}

#[test]
fn congestion_marks() {
    briefs(
        "
        0      C > S  SYN-ECE-CWR  # asks to open; the SYN takes number 0, so the first byte will be 1
        +1ms   S > C  SYN-ACK-ECE  # agrees (ack 1: send 1 next), opens its side; connect() can return
        +1ms   C > S  ACK  # open both ways; TCP did it alone, accept() need not have been called
        +1ms   C > S  PSH-ACK len 10 ce  # 10 bytes for the server, 1–10; marked on the way: congestion (CE)
        +1ms   S > C  ACK-ECE  # the server's TCP has 1–10; whether its program read them: unknown
        +1ms   C > S  PSH-ACK-CWR len 10  # 10 bytes for the server, numbered 11–20; the next is 21
        ",
    );
}

#[test]
fn probes_of_scanners() {
    briefs(
        "
        0      C > S  FIN-PSH-URG  # FIN, PSH and URG without ACK: an Xmas scan; a connection drops it
        ",
    );
}

#[test]
fn a_null_probe() {
    briefs(
        "
        0      C > S  none  # no control bit at all: a NULL scan; a connection drops it
        ",
    );
}

#[test]
fn joined_in_the_middle() {
    briefs(
        "
        0      C > S  PSH-ACK \"and so on\"  # the capture begins in the middle; the first byte here is called 1
        +1ms   S > C  ACK win 501  # the server's TCP has 1–9; whether its program read them: unknown
        ",
    );
}

#[test]
fn joined_at_an_acknowledgment() {
    briefs(
        "
        0      C > S  ACK  # the capture begins in the middle; the roles are judged by the ports
        +1ms   C > S  ACK  # acknowledges nothing new (ack 1)
        ",
    );
}

#[test]
fn joined_at_the_answer() {
    briefs(
        "
        0      S > C  SYN-ACK ack 1  # agrees (ack 1) to a SYN from before the capture began
        ",
    );
}

#[test]
fn urgent_data() {
    after_open(
        "
        +1ms   C > S  PSH-ACK-URG urg 3 \"abc\"  # 3 bytes for the server, numbered 1–3; the next is 4; urgent
        ",
    );
}

/// The window's arithmetic, both numbers of an acknowledgment, and what both SYNs agreed on.
#[test]
fn paragraphs_are_made_from_the_numbers() {
    let plain = "
        0      C > S  SYN mss 65495 wscale 10 sackok ts 1 0
        +11us  S > C  SYN-ACK mss 1460 wscale 7 sackok
        +12us  C > S  ACK win 64
        +23us  C > S  PSH-ACK win 64 \"Hello server!\"
        +4us   S > C  ACK win 512
        +7us   C > S  FIN-ACK win 64
        +99us  S > C  FIN-ACK win 512";
    full(
        plain,
        1,
        &[
            "port 1712 (RFC 9293 section 3.5)",
            "ISN) is 1000, called 0 here",
            "up to 65 495 bytes (MSS, section 3.7.1)",
            "units of 1024 (window scale 10",
            "The client is SYN-SENT",
        ],
    );
    full(
        plain,
        2,
        &[
            "ack 1: the server has the client's SYN, which takes number 0",
            "ISN) is 5000",
            "window scaling (client × 2^10, server × 2^7) and selective ACKs; each end",
            "65 495 the client, 1460 the server",
            "The client is ESTABLISHED once this arrives (inferred)",
        ],
    );
    full(
        plain,
        3,
        &[
            "It answers packet 2, 12 µs later",
            "took 23 µs",
            "64 × 2^10 = 65 536 bytes",
        ],
    );
    full(plain, 4, &["numbers 1–13", "an ACK of 14", "PSH asks"]);
    full(
        plain,
        5,
        &[
            "new are 1–13. It answers packet 4",
            "not that its program has read them",
            "512 × 2^7 = 65 536 bytes, so the client may send up to number 65549",
        ],
    );
    full(
        plain,
        7,
        &[
            "both directions are closed",
            "number 14 and therefore plus one",
            "LAST-ACK",
            "TIME-WAIT",
        ],
    );
}

#[test]
fn paragraphs_name_what_is_repeated_and_why() {
    let timer = opened(
        "+1ms   C > S  PSH-ACK \"request\"
         +300ms C > S  PSH-ACK seq 1 \"request\"
         +600ms C > S  PSH-ACK seq 1 \"request\"
         +1ms   S > C  ACK",
    );
    full(
        &timer,
        5,
        &[
            "Packet 4, 300 ms earlier",
            "Inferred",
            "twice as long (RFC 6298 section 5)",
        ],
    );
    full(
        &timer,
        7,
        &["covers packet 6", "no round trip (RFC 6298 section 3)"],
    );
    let fast = "
        0      C > S  SYN sackok
        +10ms  S > C  SYN-ACK sackok
        +10us  C > S  ACK
        +1ms   C > S  ACK len 1000
        +1us   C > S  ACK len 1000
        +10ms  S > C  ACK ack 1 sack 1001-2001
        +1us   C > S  ACK seq 1 len 1000
        +10ms  S > C  ACK ack 2001 sack 1-1001";
    full(
        fast,
        6,
        &[
            "(RFC 5681 section 2)",
            "it also has 1001–2000, so 1–1000 are the first bytes it misses",
        ],
    );
    full(
        fast,
        7,
        &["Packet 4", "a fast retransmit", "RFC 5681 section 3.2"],
    );
    full(
        fast,
        8,
        &["1–1000 as received twice (D-SACK, RFC 2883 section 4)"],
    );
}

/// The same flags mean something else where ECN was not agreed on.
#[test]
fn ecn_is_explained_only_where_it_was_agreed() {
    let talk = "
        +1ms   C > S  ACK
        +1ms   C > S  PSH-ACK len 10 ce
        +1ms   S > C  ACK-ECE";
    let agreed = format!("0 C > S SYN-ECE-CWR\n+1ms S > C SYN-ACK-ECE{talk}");
    full(
        &agreed,
        4,
        &["congestion experienced (CE, RFC 3168 section 5)"],
    );
    full(&agreed, 5, &["a marked packet has reached the server"]);
    let (told, _) = run(&format!("0 C > S SYN\n+1ms S > C SYN-ACK{talk}"));
    assert!(!told[4].2.full.contains("ECE"), "{}", told[4].2.full);
}

/// Whoever has sent its FIN is not told how much it may send.
#[test]
fn windows_concern_those_who_may_still_send() {
    let (told, _) = run(&opened(
        "+1ms C > S FIN-ACK
         +1ms S > C ACK
         +1ms S > C PSH-ACK len 5
         +1ms C > S ACK",
    ));
    let says = |frame: usize| told[frame - 1].2.full.contains("Window:");
    assert!(says(4) && !says(5) && !says(6) && says(7));
}

#[test]
fn a_silence_that_the_client_ends_may_be_its_own() {
    let talk = |end: &str| {
        let script = format!("{OPEN} +1ms C > S PSH-ACK len 9\n +1ms S > C ACK\n {end}");
        let (_, finals) = run(&script);
        let said = conclusion(&finals[0]);
        [said.text, said.advice.unwrap_or_default()].join(" ")
    };
    let own = talk("+30s C > S FIN-ACK");
    assert!(own.contains("if one was due. If the client waited for a reply, look at"));
    assert!(
        own.ends_with("If not, the client took its time to close."),
        "{own}"
    );
    let late = talk("+30s S > C PSH-ACK len 9");
    assert!(
        late.contains("The request arrived (its ACK was quick), so look at"),
        "{late}"
    );
}

#[test]
fn verdicts_say_what_the_capture_proves() {
    let said = |script: &str| {
        let (_, connections) = run(script);
        let connection = connections.last().expect("a connection");
        let mut why = String::new();
        reason(&mut why, connection);
        (why, conclusion(connection).text)
    };
    let (why, text) = said("0 C > S SYN\n+1ms icmp C unreachable 1");
    assert!(
        why.contains("ICMP in packet 2 answers the SYN of packet 1: the host is unreachable"),
        "{why}"
    );
    assert!(!text.contains("ECONNREFUSED"), "{text}");
    let (why, text) = said("0 C > S SYN\n+1ms S > C RST-ACK rawseq 0");
    assert!(
        why.contains("packet 2 refuses") && text.contains("ECONNREFUSED"),
        "{why} {text}"
    );
    let (why, _) = said("0 C > S SYN");
    assert_eq!(why, "1 SYN from packet 1 on, and nothing came back");
    let (_, text) = said(&opened("+1ms S > C RST-ACK"));
    assert!(
        text.contains("RST. The client's program gets an error"),
        "{text}"
    );
    let (_, text) = said(&opened(
        "+1ms C > S FIN-ACK\n+1ms S > C FIN-ACK ack 1\n+1ms C > S ACK\n+1ms S > C ACK",
    ));
    assert!(text.contains("both ends closed at the same time"), "{text}");
}

fn last_words(script: &str) -> (String, String) {
    let (_, connections) = run(script);
    let last = conclusion(connections.last().expect("a connection"));
    (last.text, last.advice.unwrap_or_default())
}

/// Nobody is asked about unread data where nothing had come, nor about `SO_LINGER` where no socket was found.
#[test]
fn what_is_asked_about_a_reset_fits_the_packets() {
    let request = "+1ms C > S PSH-ACK len 13\n+1ms S > C ACK\n";
    let asks = |rest: &str| last_words(&opened(&format!("{request}{rest}"))).1;
    let linger = asks("+1ms C > S RST-ACK");
    assert!(
        linger.contains("SO_LINGER") && linger.contains("Unread data is not the reason"),
        "{linger}"
    );
    let unread = asks("+1ms S > C RST-ACK");
    assert!(
        unread.contains("close its socket with unread data"),
        "{unread}"
    );
    let forgotten = asks("+1ms C > S PSH-ACK len 20\n+1us S > C RST");
    assert!(
        forgotten.contains("host restart") && !forgotten.contains("SO_LINGER"),
        "{forgotten}"
    );
    let late = asks("+1ms S > C FIN-ACK\n+1ms C > S PSH-ACK len 20\n+1us S > C RST");
    assert_eq!(
        late,
        "Had the server's program closed before the client had sent everything?"
    );
    let (_, nothing) = last_words(&opened("+1ms S > C RST-ACK"));
    assert!(
        nothing.contains("before it called accept()") && nothing.contains("nothing had come."),
        "{nothing}"
    );
    let begun = "0 C > S PSH-ACK len 5\n+1ms S > C ACK\n+1ms C > S RST-ACK";
    assert!(last_words(begun).1.contains("unread data in it"));
    let cause = opened("+1ms C > S RST-ACK");
    full(
        &cause,
        4,
        &["Usual cause: the socket was closed with SO_LINGER 0"],
    );
}

/// What was sent is no proof of what has come.
#[test]
fn bytes_that_nobody_acknowledged_are_told_apart() {
    let sent = |rest: &str| {
        let (text, _) = last_words(&opened(rest));
        text.split_once(';').expect("a clause").0.to_owned()
    };
    let request = "+1ms C > S PSH-ACK len 13\n+1ms S > C ACK\n";
    assert_eq!(sent(request), "13 bytes to the server, 0 back");
    assert_eq!(
        sent(&format!("{request}+1ms C > S PSH-ACK len 20")),
        "33 bytes sent to the server (20 of them not acknowledged), 0 back"
    );
    assert_eq!(
        sent("+1ms C > S PSH-ACK len 20\n+1ms S > C ACK ack 1 len 5"),
        "20 bytes sent to the server (not acknowledged), 5 back (not acknowledged)"
    );
}

/// What comes within microseconds was not waited for: it is a copy, costs nobody time, and is no loss.
#[test]
fn copies_of_a_syn_are_no_repeats_by_a_timer() {
    let doubled = "
        0      C > S  SYN
        +1ms   C > S  SYN seq 0  # the same SYN, 1.0 ms after packet 1: a copy (inferred)
        +1ms   S > C  SYN-ACK
        +45us  S > C  SYN-ACK seq 0  # its SYN-ACK again, 45 µs after packet 3; the cause cannot be told
        +1ms   C > S  SYN seq 0  # the same SYN, 2.0 ms after packet 2: a copy (inferred)
        +1ms   C > S  ACK
        +1ms   C > S  SYN seq 0 rawack 0  # the same SYN once more, a late copy; it opens nothing now
    ";
    briefs(doubled);
    let copy = ["no timer runs out so soon", "made a copy (inferred)"];
    full(doubled, 2, &["The SYN of packet 1, 1.0 ms later"]);
    for packet in [2, 5, 7] {
        full(doubled, packet, &copy);
    }
    full(doubled, 4, &["or the network or the capture made a copy"]);
    let (told, connections) = run(doubled);
    assert!(connections[0].troubles().is_empty());
    let handshake = connections[0].handshake();
    let millis = |count| Some(Span::from_millis(count));
    assert_eq!((handshake.syns, handshake.syn_to_synack), (1, millis(2)));
    assert!(
        told[5].2.full.contains("From the SYN it took"),
        "{}",
        told[5].2.full
    );
    let (text, _) = last_words("0 C > S SYN\n+1ms C > S SYN seq 0");
    assert!(text.starts_with("1 SYN and nothing came back"), "{text}");
    // A copy of one that was sent again does not count either.
    briefs(
        "
        0      C > S  SYN
        +1s    C > S  SYN seq 0  # no answer has come: the same SYN again (2), 1.0 s after the first
        +1ms   C > S  SYN seq 0  # the same SYN, 1.0 ms after packet 2: a copy (inferred)
        +2s    C > S  SYN seq 0  # no answer has come: the same SYN again (3), 3.0 s after the first
        ",
    );
    let (text, _) =
        last_words("0 C > S SYN\n+1s C > S SYN seq 0\n+1ms S > C SYN-ACK\n+1ms C > S ACK");
    assert!(
        text.contains("From the first SYN the handshake took 1.0 s"),
        "{text}"
    );
}

/// RFC 2883 section 4: what came twice beyond a gap is the first block, and part of the second one.
#[test]
fn what_came_twice_beyond_a_gap_is_listed_once() {
    let script = opened(
        "
        +1ms   C > S  ACK len 100
        +1us   C > S  ACK len 100
        +1us   C > S  ACK seq 101 len 100
        +1ms   S > C  ACK ack 1 sack 101-201
        +1us   S > C  ACK ack 1 sack 101-201 sack 101-201
        ",
    );
    full(
        &script,
        8,
        &[
            "Its first SACK block reports 101–200 as received twice",
            "it also has 101–200, so 1–100 are",
        ],
    );
    let (told, _) = run(&script);
    let numbers = &told[7].2.arrow.numbers;
    assert!(numbers.ends_with("SACK 101–200"), "{numbers}");
    assert_eq!(numbers.matches("101–200").count(), 1, "{numbers}");
}

/// A request for a Fast Open cookie is told apart from what is offered.
#[test]
fn a_syn_without_options_or_with_a_request_only() {
    for options in ["", "tfo"] {
        full(
            &format!("0 C > S SYN {options}"),
            1,
            &[
                "It offers nothing; without an MSS 536 bytes are assumed (section 3.7.1); its window",
            ],
        );
    }
    full(
        "client [2001:db8::1]:40000\n server [2001:db8::2]:80\n 0 C > S SYN",
        1,
        &["It offers nothing; without an MSS 1220 bytes are assumed"],
    );
    full(
        "0 C > S SYN sackok tfo",
        1,
        &["It offers selective ACKs (RFC 2018 section 2), but no MSS, so 536 bytes are assumed"],
    );
}

/// Systems that do not wait for a second, and say so in the packet's identification.
#[test]
fn a_syn_that_is_soon_sent_again_is_no_copy() {
    let script = "
        0      C > S  SYN ipid 7
        +35ms  C > S  SYN seq 0 ipid 8  # no answer has come: the same SYN again (2), 35 ms after the first
        +35ms  C > S  SYN seq 0 ipid 8  # the same SYN, 35 ms after packet 2: a copy (inferred)
        +1ms   S > C  RST-ACK rawseq 0
        +1ms   C > S  SYN seq 0 ipid 8  # the same SYN, 2.0 ms after packet 3: a copy (inferred)
        +1s    C > S  SYN seq 0 ipid 9
    ";
    briefs(script);
    full(
        script,
        2,
        &["SYN number 2", "some systems repeat a SYN sooner"],
    );
    full(
        script,
        5,
        &["Nothing differs in its header that tells a packet from the next"],
    );
    full(script, 6, &["SYN number 3"]);
}

/// What its sender had a reason to send again at once is no copy: an end that is refused, or told of an older connection.
#[test]
fn a_syn_after_an_answer_is_sent_again_however_soon() {
    let refused = "
        0      C > S  SYN
        +1ms   S > C  RST-ACK rawseq 0
        +100ms C > S  SYN seq 0  # refused, it tries again: the same SYN (2), 101 ms after the first
        +1ms   S > C  RST-ACK rawseq 0
    ";
    briefs(refused);
    full(
        refused,
        3,
        &["SYN number 2 of the client", "It was refused before"],
    );
    briefs(
        "
        0      C > S  SYN
        +1ms   S > C  ACK rawseq 900 ack 70
        +10us  C > S  RST rawseq 900
        +8ms   C > S  SYN seq 0  # no answer has come: the same SYN again (2), 9.0 ms after the first
        ",
    );
}

/// Where the SYN that comes through brings nothing, the other end has never seen the cookie.
#[test]
fn the_data_of_a_lost_syn_were_not_refused() {
    let script = |again: &str| {
        format!(
            "0 C > S SYN tfo 8 \"GET /\"\n{again}+5ms S > C SYN-ACK ack 1\n+1ms C > S ACK seq 1"
        )
    };
    let lost = "the SYN with them did not arrive, or the cookie was not valid";
    full(&script("+1s C > S SYN seq 0\n"), 3, &[lost]);
    full(
        &script(""),
        2,
        &["The SYN's data are not acknowledged: the cookie was not valid"],
    );
}

/// To an end that is CLOSED a SYN is no SYN of a connection.
#[test]
fn a_late_syn_provokes_an_ack_only_where_a_connection_is() {
    let late = |closed: &str| {
        let script = opened(&format!("{closed}+2s C > S SYN seq 0"));
        run(&script).0.last().expect("a packet").2.full.clone()
    };
    assert!(late("").contains("provokes an ACK at most"));
    let over = late("+1ms C > S FIN-ACK\n+1ms S > C FIN-ACK\n+1ms C > S ACK\n");
    assert!(!over.contains("provokes an ACK"), "{over}");
}

/// A reset that answered the first SYN is not undone by a copy of that SYN.
#[test]
fn a_copy_of_a_refused_syn_asks_nothing_anew() {
    let script = "
        0      C > S  SYN ipid 7
        +1ms   S > C  RST-ACK rawseq 0
        +4ms   C > S  SYN seq 0 ipid 7  # the same SYN, 5.0 ms after packet 1: a copy (inferred)
    ";
    briefs(script);
    let (told, connections) = run(script);
    assert_eq!(connections[0].verdict().name(), "refused");
    let (_, change, step) = &told[2];
    assert_eq!(change.client.after, Some(TcpState::Closed));
    assert!(!step.full.contains("SYN-SENT"), "{}", step.full);
    assert!(!step.full.contains("past its opening"), "{}", step.full);
}

/// What differs was made anew, whether or not packets are numbered.
#[test]
fn a_syn_that_differs_is_no_copy() {
    let again = "no answer has come: the same SYN again (2), 5.0 ms after the first";
    for [first, second] in [["win 100", "win 90"], ["ipid 7", ""]] {
        briefs(&format!(
            "
            0     C > S  SYN {first}
            +5ms  C > S  SYN seq 0 {second}  # {again}
            "
        ));
    }
}

/// An end that has heard of the other's SYN says so when it repeats its own, as SYN-ACK.
#[test]
fn no_syn_ack_is_made_up_where_syns_cross() {
    let script = "
        0      C > S  SYN
        +500us S > C  SYN
        +1s    C > S  SYN seq 0  # no answer has come: the same SYN again (2), 1.0 s after the first
    ";
    briefs(script);
    full(
        script,
        3,
        &["the other end's SYN, which crossed its first one, had not reached it (inferred)"],
    );
}

#[test]
fn who_is_refused_first_and_accepted_then_is_not_aborted() {
    let (told, _) = run("
        0      C > S  SYN
        +1ms   S > C  RST-ACK rawseq 0
        +500ms C > S  SYN seq 0
        +1ms   S > C  SYN-ACK
        +1ms   C > S  ACK
        +50ms  C > S  RST-ACK
    ");
    let headings = told.iter().map(|(_, _, step)| step.heading.as_deref());
    let headings: Vec<&str> = headings.flatten().collect();
    let [open, .., abort] = headings[..] else {
        panic!("{headings:?}");
    };
    assert!(open.starts_with("open"), "{headings:?}");
    assert_eq!(abort, "abort: by the client");
    assert!(told[5].2.heading.is_some(), "{headings:?}");
}

/// Clocks that step back measure nothing, and both levels of words give the same cause.
#[test]
fn repeated_syns_are_told_alike_whatever_the_clock_says() {
    let script = "
        5s     C > S  SYN
        5.2s   S > C  SYN-ACK
        1s     C > S  SYN seq 0  # the same SYN again (2): the SYN-ACK did not reach it (inferred)
        2.191s S > C  SYN-ACK seq 0  # its SYN-ACK again; the cause cannot be told
    ";
    briefs(script);
    full(
        script,
        3,
        &["SYN number 2 of the client, with the same sequence number"],
    );
    full(
        script,
        4,
        &["packet 2: ", "the same SYN reached it again, or"],
    );
    let late = |wait: &str, brief: &str, phrase: &str| {
        let script = format!("0 C > S SYN\n+1ms S > C SYN-ACK\n+{wait} S > C SYN-ACK seq 0");
        let (told, _) = run(&script);
        assert!(told[2].2.brief.ends_with(brief), "{}", told[2].2.brief);
        full(&script, 3, &[phrase]);
    };
    late(
        "191ms",
        ": no ACK taken (inferred)",
        "and its timer ran out",
    );
    late(
        "150ms",
        "; the cause cannot be told",
        "or the network or the capture made a copy",
    );
}

#[test]
fn what_the_network_doubled_was_not_sent_again() {
    let twice: Vec<String> = (0..6)
        .map(|at| {
            let seq = 1 + 10 * at;
            format!(
                "+1ms C > S PSH-ACK seq {seq} len 10 ipid {at}1\n+10us C > S PSH-ACK seq {seq} len 10 ipid {at}1 win 9\n+1ms S > C ACK\n"
            )
        })
        .collect();
    let twice = twice.concat();
    let (text, _) = last_words(&opened(&twice));
    assert!(!text.contains("repeats"), "{text}");
    let lost: Vec<String> = (0..6)
        .map(|at| {
            let seq = 1 + 10 * at;
            format!("+1ms C > S PSH-ACK seq {seq} len 10\n+900ms C > S PSH-ACK seq {seq} len 10\n+1ms S > C ACK\n")
        })
        .collect();
    let lost = lost.concat();
    let (text, _) = last_words(&opened(&lost));
    assert!(
        text.contains("6 repeats were sent (packets 5 to 20)."),
        "{text}"
    );
}

/// A clock that steps back measures nothing.
#[test]
fn no_time_is_negative() {
    let (told, _) = run("0 C > S SYN\n+5ms S > C SYN-ACK\n-3ms C > S ACK");
    let text = &told[2].2.full;
    assert!(
        text.contains("Each end now knows") && !text.contains("it took"),
        "{text}"
    );
    assert!(!text.contains("answers packet"), "{text}");
}

#[test]
fn a_syn_without_mss_is_told_so() {
    full(
        "0 C > S SYN",
        1,
        &["It offers nothing; without an MSS 536 bytes are assumed"],
    );
    full(
        "0 C > S SYN wscale 5 sackok",
        1,
        &[
            "units of 32",
            "and selective ACKs (RFC 2018 section 2), but no MSS, so 536 bytes are assumed (section 3.7.1); its window",
        ],
    );
}

/// Nobody who was never heard again is said to have got the SYN-ACK.
#[test]
fn an_unacknowledged_syn_ack_opens_nothing() {
    let flood = "0 C > S SYN\n+1ms S > C SYN-ACK\n+1s S > C SYN-ACK seq 0";
    let (told, connections) = run(flood);
    assert_eq!(told[1].2.client, Some(TcpState::Established));
    let kept = told.iter().map(|(segment, change, _)| (segment, change));
    let wording = Wording {
        full: true,
        ..Wording::default()
    };
    let story = story(&connections[0], None, kept, wording);
    assert_eq!(story.steps[1].client, None);
    assert_eq!(
        story.steps[1].brief,
        "agrees (ack 1: send 1 next), opens its side"
    );
    assert!(!story.steps[1].full.contains("ESTABLISHED"));
}

/// Small segments fit through every path, so the MTU is not the reason. Many losses are no dead path either.
#[test]
fn a_dead_path_is_asked_about_its_mtu_only_where_segments_are_large() {
    let again = |len: u32| {
        let first = format!("+1ms C > S PSH-ACK len {len}\n");
        let more = format!("+2s C > S PSH-ACK seq 1 len {len}\n").repeat(3);
        last_words(&opened(&format!("{first}{more}")))
    };
    let (text, small) = again(16);
    assert!(
        text.contains("The client's data was sent 4 times over 6.0 s"),
        "{text}"
    );
    assert_eq!(small, "Was the route or the host gone?");
    assert!(again(1448).1.contains("MTU"));
    let sent = "+1ms C > S PSH-ACK len 1000\n".repeat(5);
    let repaired: Vec<String> = (0..4)
        .map(|at| format!("+300ms C > S PSH-ACK seq {} len 1000\n", 1 + 1000 * at))
        .collect();
    let repaired = repaired.concat();
    let (text, _) = last_words(&opened(&format!("{sent}{repaired}")));
    assert!(!text.contains("never acknowledged"), "{text}");
}

/// Any control bits, with and without data, in any state, get a clause that fits its row.
#[test]
fn no_clause_is_empty_and_most_fit_a_row() {
    for bits in 0..512_u16 {
        let flags = Flags::from_bits_truncate(bits);
        for payload in ["", "len 3"] {
            let (told, _) = run(&opened(&format!(
                "+1ms C > S {flags} {payload}\n+1ms S > C ACK\n+1ms C > S {flags} {payload}"
            )));
            for (_, _, step) in &told {
                let length = step.brief.chars().count();
                let longer = LONGER.iter().any(|start| step.brief.starts_with(start));
                assert!(
                    length > 0 && (length <= ROW || longer),
                    "{length}: {}",
                    step.brief
                );
                assert!(
                    !step.full.is_empty() || step.brief.contains("again"),
                    "{flags} {}",
                    step.brief
                );
                assert!(
                    !step.full.contains("  ") && !step.full.contains(".."),
                    "{}",
                    step.full
                );
            }
        }
    }
}

fn program(words: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
        .args(words)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn words_are_explained_and_unknown_ones_are_wrong_usage() {
    let (code, out, _) = program(&["explain", "time", "wait"]);
    assert_eq!(code, Some(0));
    assert!(
        out.starts_with("TIME-WAIT\n") && out.contains("RFC 9293 section 3.6.1"),
        "{out}"
    );
    let (code, out, err) = program(&["explain", "timewat"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("did you mean TIME-WAIT"), "{err}");
    let (_, out, _) = program(&["explain", "--format", "json"]);
    let terms: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(terms.len() > 90 && terms.iter().all(|term| term["type"] == "term"));
    for width in ["20", "56", "80"] {
        let (_, out, _) = program(&["explain", "--width", width]);
        let width: usize = width.parse().expect("a number");
        assert!(
            out.lines().all(|line| line.chars().count() <= width),
            "{out}"
        );
    }
}

#[test]
fn a_header_is_drawn_as_the_rfc_draws_it() {
    let capture = "captures/handshake.pcapng";
    let draw = |rest: &[&str]| program(&[&["replay", capture, "--header"], rest].concat());
    let (code, out, _) = draw(&["--frame", "4", "--ascii", "--width", "80"]);
    assert_eq!(code, Some(0));
    for expected in [
        "+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+\n",
        ", here 1 ",
        "|   8   | 0000  |0|0|0|1|1|0|0|0| ",
        "|  80 18 00 40\n",
        "changed (*) since packet 3, the client's last one:\n  PSH: set now\n",
    ] {
        assert!(out.contains(expected), "no {expected} in\n{out}");
    }
    for width in ["20", "40", "56", "65", "80", "120"] {
        for glyphs in [&["--ascii"][..], &[]] {
            let (_, out, _) = draw(&[&["--frame", "2", "--width", width], glyphs].concat());
            let width: usize = width.parse().expect("a number");
            assert!(
                out.lines().all(|line| line.chars().count() <= width),
                "{out}"
            );
            assert!(out.contains("10"), "the window scale in\n{out}");
        }
    }
    let (code, out, err) = draw(&["--frame", "99"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("frame 99 holds no TCP segment"), "{err}");
}
