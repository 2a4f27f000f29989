//! What the tracker says about scripted conversations when Wireshark's labels are asked for. Each line ends in a comment
//! with the labels that are expected, and, behind a bar, the relative sequence number.

use handshake_watch::lab::script::{Script, Step};
use handshake_watch::track::{Change, LabelRules, Limits, Tracker};

fn run(script: &str, labels: LabelRules) -> Vec<Change> {
    let script = Script::parse(script).unwrap_or_else(|error| panic!("{error} in{script}"));
    let mut tracker = Tracker::new(Limits {
        labels,
        ..Limits::default()
    });
    let mut changes = Vec::new();
    for step in script.steps() {
        if let Step::Segment { segment, .. } = step {
            changes.push(tracker.segment(segment));
        }
        while tracker.next_final().is_some() {}
    }
    changes
}

fn names(change: &Change) -> String {
    change.labels.names().collect::<Vec<_>>().join(" ")
}

/// Holds each segment against its line's comment.
fn check(script: &str) {
    let changes = run(script, LabelRules::Wireshark);
    let lines: Vec<&str> = script.lines().filter(|line| line.contains('>')).collect();
    assert_eq!(lines.len(), changes.len(), "{script}");
    for (line, change) in lines.into_iter().zip(&changes) {
        let expected = line.split_once('#').map_or("", |(_, expected)| expected);
        let (labels, seq) = expected.split_once('|').unwrap_or((expected, ""));
        assert_eq!(names(change), labels.trim(), "{line}");
        if !seq.is_empty() {
            assert_eq!(change.seq.to_string(), seq.trim(), "{line}");
        }
    }
}

const CLOSED: &str = "
    0      C > S  SYN
    +11us  S > C  SYN-ACK
    +12us  C > S  ACK
    +1ms   C > S  FIN-ACK
    +11us  S > C  FIN-ACK
    +12us  C > S  ACK
";

#[test]
fn ports_that_are_used_again_are_remarked_on_however_late() {
    check(&format!(
        "{CLOSED}
    +10s   C > S  SYN  rawseq 7000000  # reused_ports | 0
    +1ms   S > C  RST-ACK rawack 7000001
    +300s  C > S  SYN  rawseq 9000000  # reused_ports | 0
"
    ));
    // From the other end as well, and by the number that was the first.
    check(&format!(
        "{CLOSED}
    +300s  S > C  SYN  rawseq 7000000  # reused_ports | 0
"
    ));
    check(&format!(
        "{CLOSED}
    +300s  C > S  SYN  seq 0  # retransmission | 0
"
    ));
}

#[test]
fn a_straggler_keeps_the_numbers_of_its_conversation() {
    let script = format!(
        "{CLOSED}
    +300s  S > C  FIN-ACK seq 1 ack 2  # retransmission | 1
    +1ms   C > S  ACK seq 2 ack 2  # duplicate_ack | 2
"
    );
    check(&script);
    // It is a connection of its own all the same: the other was final.
    let changes = run(&script, LabelRules::Wireshark);
    assert_eq!(changes[6].connection, 2);
    // By our own rules it is the middle of something that was not seen.
    assert_eq!(names(&run(&script, LabelRules::Own)[6]), "");
}

#[test]
fn a_scale_is_not_for_the_segment_that_tells_it() {
    let script = "
    0      C > S  SYN wscale 2
    +11us  S > C  SYN-ACK wscale 2
    +12us  C > S  ACK win 100
    +12us  C > S  PSH-ACK win 100 wscale 4 len 10
    +12us  C > S  PSH-ACK win 100 len 10
";
    let windows = run(script, LabelRules::Wireshark)
        .iter()
        .map(|change| change.window)
        .collect::<Vec<_>>();
    assert_eq!(windows, [65535, 65535, 400, 400, 1600]);
}

#[test]
fn our_own_rules_accept_no_data_that_a_syn_did_not_have() {
    let script = "
    0      C > S  SYN
    +11us  S > C  SYN-ACK ack 9
";
    assert_eq!(
        names(&run(script, LabelRules::Wireshark)[1]),
        "ack_lost_segment tfo_accepted"
    );
    assert!(!names(&run(script, LabelRules::Own)[1]).contains("tfo_accepted"));
}
