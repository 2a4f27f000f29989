//! Each label of Wireshark's, provoked by a few segments.

use super::Analysis;
use crate::tcp::{Labels, OptionsSeen};
use crate::track::script::{segment, segments};

/// A handshake with window scale 1 on both sides; its round trip is 20 ms.
const OPEN: &str = "0 > S 0+0 - 100 ws1
     10 < SA 0+0 1 100 ws1
     20 > A 1+0 1 100";

/// The names of the labels of a script's last segment, after the handshake.
fn last(script: &str) -> String {
    let mut analysis = Analysis::new();
    let mut labels = Labels::empty();
    for (segment, from) in segments(&format!("{OPEN}\n{script}")) {
        labels = analysis.observe(&segment, from);
    }
    labels.names().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_ordinary_exchange_has_no_labels() {
    assert_eq!(last("30 > PA 1+10 1 100"), "");
    assert_eq!(last("30 > PA 1+10 1 100\n40 < A 1+0 11 100"), "");
    assert_eq!(
        last("30 > FA 1+0 1 100\n40 < FA 1+0 2 100\n50 > A 2+0 2 100"),
        ""
    );
}

#[test]
fn repeated_bytes() {
    let sent = "30 > PA 1+10 1 100";
    assert_eq!(
        last(&format!("{sent}\n300 > PA 1+10 1 100")),
        "retransmission"
    );
    assert_eq!(
        last(&format!("{sent}\n40 < A 1+0 11 100\n300 > PA 1+10 1 100")),
        "spurious_retransmission"
    );
    let hole = "30 > PA 1+10 1 100\n31 > PA 11+10 1 100\n32 > PA 21+10 1 100
        40 < A 1+0 1 100\n41 < A 1+0 1 100\n42 < A 1+0 1 100";
    assert_eq!(
        last(&format!("{hole}\n61.9 > PA 1+10 1 100")),
        "fast_retransmission"
    );
    // Twenty milliseconds after the last duplicate ACK it is too late for that.
    assert_eq!(
        last(&format!("{hole}\n62 > PA 1+10 1 100")),
        "retransmission"
    );
}

#[test]
fn the_handshake_decides_what_is_out_of_order() {
    let gap = "30 > PA 11+10 1 100\n";
    assert_eq!(last(gap.trim()), "lost_segment");
    assert_eq!(last(&format!("{gap}49.9 > PA 1+10 1 100")), "out_of_order");
    assert_eq!(last(&format!("{gap}50 > PA 1+10 1 100")), "retransmission");
}

#[test]
fn unseen_bytes_are_acknowledged_once() {
    let seen = "30 > PA 1+10 1 100\n40 < A 1+0 21 100";
    assert_eq!(last(seen), "ack_lost_segment");
    assert_eq!(last(&format!("{seen}\n50 < PA 1+5 21 100")), "");
}

#[test]
fn acknowledgments_that_bring_nothing_new() {
    // That nothing is outstanding does not matter here.
    assert_eq!(last("30 < A 1+0 1 100"), "duplicate_ack");
    assert_eq!(last("30 < A 1+0 1 90"), "window_update");
}

/// The first such ACK of each end after something new of Multipath TCP is not counted.
#[test]
fn acknowledgments_that_may_carry_a_signal() {
    let signal = "30 > A 1+0 1 100 mp2";
    assert_eq!(last(signal), "duplicate_ack");
    assert_eq!(last(&format!("{signal}\n40 > A 1+0 1 100 mp2")), "");
    assert_eq!(last(&format!("{signal}\n40 < A 1+0 1 100")), "");
    let twice = format!("{signal}\n40 > A 1+0 1 100 mp2\n50 > A 1+0 1 100 mp3");
    assert_eq!(last(&twice), "duplicate_ack");
    assert_eq!(last(&format!("{twice}\n60 > A 1+0 1 100 mp3")), "");
}

#[test]
fn windows() {
    assert_eq!(last("30 < A 1+0 1 0"), "zero_window");
    assert_eq!(last("30 < A 1+0 1 10\n40 > PA 1+20 1 100"), "window_full");
    let probed = "30 < A 1+0 1 0\n40 > A 1+1 1 100";
    assert_eq!(last(probed), "zero_window_probe");
    assert_eq!(
        last(&format!("{probed}\n50 < A 1+0 1 0")),
        "zero_window zero_window_probe_ack"
    );
    // What follows the probe begins where the probe did, and is new.
    assert_eq!(
        last(&format!("{probed}\n50 < A 1+0 1 90\n60 > PA 1+20 1 100")),
        ""
    );
}

#[test]
fn keep_alives() {
    let asked = "30 < A 1+0 1 100\n1000 > A 0+0 1 100";
    assert_eq!(last(asked), "keep_alive");
    assert_eq!(
        last(&format!("{asked}\n1010 < A 1+0 1 100")),
        "keep_alive_ack"
    );
    // The probe that Linux sends looks the same, and is called so here.
    assert_eq!(last("30 < A 1+0 1 0\n1000 > A 0+0 1 100"), "keep_alive");
}

#[test]
fn a_syn_with_another_number_begins_anew() {
    let mut analysis = Analysis::new();
    for (segment, from) in segments(OPEN) {
        assert!(!analysis.is_new_conversation(&segment, from));
        analysis.observe(&segment, from);
    }
    let (again, from) = segment("60 > S 0+0 - 100", 4, [40_000, 80]);
    assert!(!analysis.is_new_conversation(&again, from));
    let (other, from) = segment("60 > S 7+0 - 100", 4, [40_000, 80]);
    assert!(analysis.is_new_conversation(&other, from));
    let mut next = Analysis::on_used_ports();
    assert_eq!(next.observe(&other, from), Labels::REUSED_PORTS);
    assert_eq!(next.relative_seq(&other, from), 0);
}

#[test]
fn numbers_are_relative_and_windows_scaled() {
    let mut analysis = Analysis::new();
    let mut seen = Vec::new();
    for (segment, from) in segments(&format!("{OPEN}\n30 < PA 1+10 1 50")) {
        analysis.observe(&segment, from);
        seen.push((
            analysis.relative_seq(&segment, from),
            analysis.relative_ack(&segment, from),
            analysis.window(&segment, from),
        ));
    }
    assert_eq!(seen, [(0, 0, 100), (0, 1, 100), (1, 1, 200), (1, 1, 100)]);
    assert_eq!(analysis.window_scale(0), Some(1));
    assert_eq!(analysis.window_scale(1), Some(1));
}

#[test]
fn joined_in_the_middle_the_first_number_is_1() {
    let mut analysis = Analysis::new();
    let (segment, from) = segment("0 < PA 500+10 70 100", 1, [40_000, 80]);
    analysis.observe(&segment, from);
    assert_eq!(analysis.relative_seq(&segment, from), 1);
    assert_eq!(analysis.relative_ack(&segment, from), 1);
    assert_eq!(analysis.window(&segment, from), 100);
    assert_eq!(analysis.window_scale(from), None);
}

#[test]
fn scaling_needs_both_syns() {
    let mut analysis = Analysis::new();
    for (segment, from) in segments("0 > S 0+0 - 100 ws7\n1 < SA 0+0 1 100\n2 > A 1+0 1 100") {
        analysis.observe(&segment, from);
        assert_eq!(analysis.window(&segment, from), 100);
    }
    assert_eq!(analysis.window_scale(0), None);
}

#[test]
fn fast_open() {
    let labels = |answer: &str| {
        let mut analysis = Analysis::new();
        segments(&format!("0 > S 0+10 - 100 cookie8\n{answer}"))
            .map(|(segment, from)| analysis.observe(&segment, from))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        labels("1 < SA 0+0 11 100"),
        [Labels::TFO_SYN, Labels::TFO_ACCEPTED]
    );
    assert_eq!(
        labels("1 < SA 0+0 1 100"),
        [Labels::TFO_SYN, Labels::TFO_IGNORED]
    );
    // A SYN that is repeated without data and cookie does not make up for the first.
    assert_eq!(
        labels("1 < SA 0+0 1 100\n3 > S 0+0 - 100\n4 < SA 0+0 1 100")[3],
        Labels::RETRANSMISSION | Labels::TFO_IGNORED
    );
}

#[test]
fn what_a_syn_ack_acknowledges_needs_no_data_in_the_syn() {
    let mut analysis = Analysis::new();
    let labels: Vec<_> = segments("0 > S 0+0 - 100\n1 < SA 0+0 3 100")
        .map(|(segment, from)| analysis.observe(&segment, from))
        .collect();
    assert_eq!(labels[1], Labels::ACK_LOST_SEGMENT | Labels::TFO_ACCEPTED);
    assert!(!analysis.saw_data_in_syn());
}

#[test]
fn numbers_half_of_the_space_apart_are_both_later_and_earlier() {
    assert_eq!(
        last("30 > PA 2147483649+10 1 100"),
        "spurious_retransmission lost_segment"
    );
    assert_eq!(last("30 < A 1+0 2147483649 100"), "ack_lost_segment");
}

fn completeness(script: &str) -> u8 {
    let mut analysis = Analysis::new();
    for (segment, from) in segments(script) {
        analysis.observe(&segment, from);
    }
    analysis.completeness()
}

#[test]
fn completeness_is_a_second_pass_s() {
    assert_eq!(completeness("0 > S 0+0 - 100"), 1);
    assert_eq!(completeness("0 > S 0+0 - 100\n1 < RA 0+0 1 0"), 37);
    assert_eq!(completeness(OPEN), 7);
    assert_eq!(
        completeness(&format!("{OPEN}\n9 > FA 1+5 1 9\n9 < A 1+0 7 9")),
        31
    );
    // Data in a first SYN counts, but not where it begins on used ports.
    assert_eq!(completeness("0 > S 0+10 - 100"), 9);
    let (syn, from) = segment("0 > S 0+10 - 100", 1, [40_000, 80]);
    let mut reused = Analysis::on_used_ports();
    reused.observe(&syn, from);
    assert_eq!(reused.completeness(), 1);
    // What the first packet of a stream joined in the middle is counts once there is a second one.
    assert_eq!(completeness("0 > PA 1+10 1 100"), 0);
    assert_eq!(completeness("0 > PA 1+10 1 100\n1 < FA 1+0 11 100"), 28);
    assert_eq!(completeness("0 > FP 1+0 - 100"), 0);
}

#[test]
fn a_socket_that_talks_to_itself_is_one_direction() {
    let mut analysis = Analysis::new();
    let labels: Vec<_> = ["0 > S 0+0 - 100", "0.01 > SA 0+0 - 100"]
        .into_iter()
        .zip(1..)
        .map(|(line, frame)| {
            let (segment, from) = segment(line, frame, [40_000, 40_000]);
            analysis.observe(&segment, from)
        })
        .collect();
    assert_eq!(labels, [Labels::empty(), Labels::RETRANSMISSION]);
}

#[test]
fn a_broken_header_is_remembered_and_not_labelled() {
    let mut analysis = Analysis::new();
    for (segment, from) in segments(OPEN) {
        analysis.observe(&segment, from);
    }
    let (mut cut, from) = segment("30 > PA 1+10 1 100", 4, [40_000, 80]);
    cut.header_cut = true;
    assert_eq!(analysis.observe(&cut, from), Labels::empty());
    let (mut empty, from) = segment("200 > PA 1+10 1 100", 5, [40_000, 80]);
    empty.options.seen |= OptionsSeen::SACK;
    assert_eq!(analysis.observe(&empty, from), Labels::empty());
    let (again, from) = segment("400 > PA 1+10 1 100", 5, [40_000, 80]);
    assert_eq!(analysis.observe(&again, from), Labels::RETRANSMISSION);
}

#[test]
fn of_a_cut_header_the_options_before_the_cut_count() {
    let mut analysis = Analysis::new();
    for (mut segment, from) in segments("0 > S 0+0 - 100 ws7\n1 < SA 0+0 1 100") {
        segment.header_cut = segment.flags.is_syn_ack();
        analysis.observe(&segment, from);
    }
    let (mut more, from) = segment("2 < SA 0+0 3 100", 3, [40_000, 80]);
    more.header_cut = true;
    assert_eq!(analysis.observe(&more, from), Labels::TFO_ACCEPTED);
    // Whether the answer has the option as well is behind the cut.
    assert_eq!(analysis.window_scale(0), Some(7));
    assert_eq!(analysis.window_scale(1), None);
}
