//! Each of our own labels and facts, provoked by a few segments.

use super::{Facts, Judge, Ruling};
use crate::tcp::Labels;
use crate::time::Span;
use crate::track::RepeatCause;
use crate::track::script::segment;
use crate::track::wireshark::Analysis;

/// A handshake that agrees on SACK; its round trip is 20 ms.
const OPEN: &str = "0 > S 0+0 - 100 sackok
     10 < SA 0+0 1 100 sackok
     20 > A 1+0 1 100";

fn rulings(script: &str) -> Vec<Ruling> {
    run(script, [40_000, 80])
}

fn run(script: &str, ports: [u16; 2]) -> Vec<Ruling> {
    let mut analysis = Analysis::new();
    let mut judge = Judge::new();
    script
        .lines()
        .zip(1..)
        .map(|(line, frame)| {
            let (segment, from) = segment(line, frame, ports);
            if let Some(of) = judge.original(&segment, from) {
                return Judge::copy(of);
            }
            let wireshark = analysis.observe(&segment, from);
            judge.observe(&segment, from, wireshark)
        })
        .collect()
}

fn last(script: &str) -> (String, Facts) {
    let rulings = rulings(&format!("{OPEN}\n{script}"));
    let ruling = rulings.last().expect("a segment");
    (
        ruling.labels.names().collect::<Vec<_>>().join(" "),
        ruling.facts,
    )
}

fn labels(script: &str) -> String {
    last(script).0
}

#[test]
fn an_ordinary_exchange_has_no_labels() {
    let whole = format!(
        "{OPEN}\n30 > PA 1+10 1 100\n40 < A 1+0 11 100\n41 < PA 1+9 11 100\n42 > A 11+0 10 100
50 > FA 11+0 10 100\n51 < FA 10+0 12 100\n52 > A 12+0 11 100"
    );
    for ruling in rulings(&whole) {
        assert_eq!(ruling.labels, Labels::empty());
    }
    for ruling in rulings("0 < PA 500+10 70 100\n1 > A 70+0 510 100\n2 > PA 70+3 510 100") {
        assert_eq!(ruling.labels, Labels::empty());
    }
}

#[test]
fn what_an_ack_acknowledges() {
    let facts = last("30 > PA 1+10 1 100\n42 < A 1+0 11 100").1;
    let acknowledged = facts.acknowledges.expect("new bytes");
    assert_eq!((acknowledged.bytes, acknowledged.frame), (10, Some(4)));
    assert_eq!(acknowledged.rtt, Some(Span::from_millis(12)));
    // Karn's rule: after a repeat it cannot be told which of the two was acknowledged.
    let facts = last("30 > PA 1+10 1 100\n300 > PA 1+10 1 100\n310 < A 1+0 11 100").1;
    let acknowledged = facts.acknowledges.expect("new bytes");
    assert_eq!((acknowledged.frame, acknowledged.rtt), (Some(5), None));
    let facts = last("30 > FPA 1+10 1 100\n40 < A 1+0 12 100").1;
    let acknowledged = facts.acknowledges.expect("new bytes");
    assert_eq!(
        (acknowledged.bytes, acknowledged.syn, acknowledged.fin),
        (10, false, true)
    );
    let opening = rulings(OPEN)[1].facts.acknowledges.expect("the SYN");
    assert_eq!(
        (opening.bytes, opening.syn, opening.frame),
        (0, true, Some(1))
    );
}

#[test]
fn the_timer_backs_off() {
    let several = "30 > PA 1+10 1 100\n31 > PA 11+10 1 100";
    let (label, facts) = last(&format!("{several}\n300 > PA 1+10 1 100"));
    assert_eq!(label, "retransmission");
    let repeat = facts.repeats.expect("a repeat");
    assert_eq!(repeat.cause, RepeatCause::Timer { attempt: 1 });
    assert_eq!(
        (repeat.frame, repeat.after),
        (Some(4), Some(Span::from_millis(270)))
    );
    let facts = last(&format!(
        "{several}\n300 > PA 1+10 1 100\n840 > PA 1+10 1 100"
    ))
    .1;
    let repeat = facts.repeats.expect("a repeat");
    assert_eq!(repeat.cause, RepeatCause::Timer { attempt: 2 });
    assert_eq!(repeat.frame, Some(6));
}

#[test]
fn what_follows_an_acknowledgment_at_once_is_not_the_timer_s() {
    let lost = "30 > PA 1+10 1 100\n31 > PA 11+10 1 100\n300 > PA 1+10 1 100\n330 < A 1+0 11 100";
    let cause = |time: &str| {
        let (_, facts) = last(&format!("{lost}\n{time} > PA 11+10 1 100"));
        facts.repeats.expect("a repeat").cause
    };
    assert_eq!(cause("331"), RepeatCause::AfterTimer);
    assert_eq!(cause("640"), RepeatCause::Timer { attempt: 1 });
}

/// RFC 6298 section 5.4: one segment is sent again, the earliest. What follows it may have been out for as long, and waited
/// for nothing.
#[test]
fn only_the_earliest_segment_is_repeated_when_the_timer_runs_out() {
    let flight =
        "30 > PA 1+10 1 100\n30 > PA 11+10 1 100\n30 > PA 21+10 1 100\n30 > PA 31+10 1 100";
    let cause = |script: &str| last(script).1.repeats.expect("a repeat").cause;
    let first = format!("{flight}\n500 > PA 1+10 1 100");
    assert_eq!(cause(&first), RepeatCause::Timer { attempt: 1 });
    let two = format!("{first}\n510 < A 1+0 11 100\n511 > PA 11+10 1 100\n511 > PA 21+10 1 100");
    assert_eq!(cause(&two), RepeatCause::AfterTimer);
    let later = format!("{flight}\n500 > PA 21+10 1 100");
    assert_eq!(cause(&later), RepeatCause::Unknown);
    // Where no ACK was seen, nobody knows what the earliest is.
    let facts = rulings("0 > PA 1+10 1 100\n0 > PA 11+10 1 100\n900 > PA 11+10 1 100")[2].facts;
    let cause = facts.repeats.expect("a repeat").cause;
    assert_eq!(cause, RepeatCause::Timer { attempt: 1 });
}

/// What was sent first after the time-out was not out then, whatever is found lost since. RFC 6582 section 4: what was out is
/// sent again whatever duplicates come.
#[test]
fn a_later_loss_does_not_move_what_was_out_when_the_timer_ran_out() {
    let cause = |script: &str| last(script).1.repeats.expect("a repeat").cause;
    let timer = "30 > PA 1+10 1 100\n30 > PA 11+10 1 100\n30 > PA 21+10 1 100\n500 > PA 1+10 1 100
510 < A 1+0 11 100\n511 > PA 31+10 1 100\n511 > PA 41+10 1 100\n511 > PA 51+10 1 100";
    let asked = "520 < A 1+0 11 100\n520 < A 1+0 11 100\n520 < A 1+0 11 100";
    assert_eq!(
        cause(&format!("{timer}\n{asked}\n521 > PA 11+10 1 100")),
        RepeatCause::AfterTimer
    );
    let lost = format!("{timer}\n520 < A 1+0 11 100 sack41-51\n521 > PA 31+10 1 100");
    assert_eq!(cause(&lost), RepeatCause::FastRetransmit);
    let next = |again: &str| cause(&format!("{lost}\n522 > PA {again} 1 100"));
    assert_eq!(next("21+10"), RepeatCause::AfterTimer);
    assert_eq!(next("51+10"), RepeatCause::Unknown);
    // No fast recovery has begun: a partial ACK shows no further loss.
    let partial = format!("{lost}\n530 < A 1+0 21 100\n531 > PA 21+10 1 100");
    assert_eq!(cause(&partial), RepeatCause::AfterTimer);
}

/// RFC 6582 section 4, RFC 6675 section 5.1.
#[test]
fn the_timer_ends_a_fast_recovery() {
    let flight = "30 > PA 1+10 1 100\n30 > PA 11+10 1 100\n30 > PA 21+10 1 100\n30 > PA 31+10 1 100
40 < A 1+0 1 100\n40 < A 1+0 1 100\n40 < A 1+0 1 100\n60 > PA 1+10 1 100";
    let cause = |script: &str| last(script).1.repeats.expect("a repeat").cause;
    assert_eq!(cause(flight), RepeatCause::FastRetransmit);
    let timer = format!("{flight}\n60 > PA 41+10 1 100\n500 > PA 1+10 1 100");
    assert_eq!(cause(&timer), RepeatCause::Timer { attempt: 1 });
    let next = format!("{timer}\n510 < A 1+0 11 100\n511 > PA 11+10 1 100");
    assert_eq!(cause(&next), RepeatCause::AfterTimer);
    // All that was out, also what was sent while the loss was repaired.
    let last = format!("{next}\n520 < A 1+0 41 100\n521 > PA 41+10 1 100");
    assert_eq!(cause(&last), RepeatCause::AfterTimer);
}

#[test]
fn a_syn_repeated_into_silence() {
    let rulings = rulings("0 > S 0+0 - 100\n1000 > S 0+0 - 100\n3000 > S 0+0 - 100");
    assert_eq!(rulings[0].labels, Labels::empty());
    assert_eq!(rulings[2].labels, Labels::RETRANSMISSION);
    let facts = rulings[2].facts;
    assert_eq!(
        facts.repeats.expect("a repeat").cause,
        RepeatCause::Timer { attempt: 2 }
    );
    let syn = facts.syn_repeated.expect("a SYN");
    assert_eq!((syn.before, syn.since_first), (2, Span::from_secs(3)));
}

/// Some systems repeat a SYN after a few hundredths of a second. Its identification or its timestamp then differs.
#[test]
fn a_syn_is_a_copy_where_its_header_is() {
    let copy = |first: &str, again: &str| {
        let rulings = rulings(&format!("0 > S 0+0 - 100 {first}\n{again}"));
        let syn = rulings[1].facts.syn_repeated.expect("a SYN");
        assert_eq!(syn.before, 1);
        syn.copy
    };
    assert!(copy("id7", "120 > S 0+0 - 100 id7"));
    assert!(!copy("id7", "120 > S 0+0 - 100 id8"));
    assert!(!copy("id7", "1 > S 0+0 - 100 id8"));
    assert!(copy("ts9/0", "35 > S 0+0 - 100 ts9/0"));
    assert!(!copy("ts9/0", "35 > S 0+0 - 100 ts44/0"));
    assert!(!copy("id7", "200 > S 0+0 - 100 id7"));
    // Nothing tells packets apart but the time.
    assert!(copy("", "19 > S 0+0 - 100"));
    assert!(!copy("", "20 > S 0+0 - 100"));
}

#[test]
fn the_round_trip_of_an_opening_is_measured_from_no_copy() {
    let opening =
        "0 > S 0+0 - 100 id7\n100 > S 0+0 - 100 id7\n101 < SA 0+0 1 100\n105 > A 1+0 1 100";
    let rulings = rulings(&format!(
        "{opening}\n110 > PA 1+10 1 100\n310 > PA 1+10 1 100"
    ));
    assert!(rulings[1].facts.is_syn_copy());
    // A round trip of 105 ms leaves a timer no time to run out; one of 5 ms would.
    let cause = rulings[5].facts.repeats.expect("a repeat").cause;
    assert_eq!(cause, RepeatCause::Unknown);
}

#[test]
fn three_duplicate_acks_or_sack_make_it_fast() {
    let flight =
        "30 > PA 1+10 1 100\n30 > PA 11+10 1 100\n30 > PA 21+10 1 100\n30 > PA 31+10 1 100";
    let asked = format!("{flight}\n40 < A 1+0 1 100\n40 < A 1+0 1 100\n40 < A 1+0 1 100");
    let (label, facts) = last(&asked);
    assert_eq!(label, "duplicate_ack");
    let ack = facts.duplicate_ack.expect("a duplicate");
    assert_eq!((ack.number, ack.of), (3, 2));
    let (label, facts) = last(&format!("{asked}\n60 > PA 1+10 1 100"));
    assert_eq!(label, "fast_retransmission");
    assert_eq!(
        facts.repeats.expect("a repeat").cause,
        RepeatCause::FastRetransmit
    );
    // The next hole follows at the partial ACK, without duplicates of its own.
    let partial = format!("{asked}\n60 > PA 1+10 1 100\n70 < A 1+0 11 100\n71 > PA 11+10 1 100");
    assert_eq!(labels(&partial), "fast_retransmission");
    let reported = format!("{flight}\n40 < A 1+0 1 99 sack11-41");
    assert_eq!(last(&reported).1.sack_blocks, 1);
    assert_eq!(
        labels(&format!("{reported}\n60 > PA 1+10 1 100")),
        "fast_retransmission"
    );
    // When the timer ran out in spite of that, it was the timer.
    assert_eq!(
        labels(&format!("{reported}\n500 > PA 1+10 1 100")),
        "retransmission"
    );
}

/// RFC 8684 section 4: who signals something of Multipath TCP repeats an ACK without having missed anything.
#[test]
fn a_signal_of_multipath_tcp_is_no_duplicate() {
    let flight = "30 > PA 1+10 1 100\n30 > PA 11+10 1 100";
    let add_address = format!("{flight}\n40 < A 1+0 1 100 mp3");
    assert_eq!(labels(&add_address), "");
    // DSS is on every ACK; where SACK was agreed on, a gap shows in its blocks.
    assert_eq!(labels(&format!("{flight}\n40 < A 1+0 1 100 mp2")), "");
    assert_eq!(
        labels(&format!("{flight}\n40 < A 1+0 1 100 mp2 sack11-21")),
        "duplicate_ack"
    );
    let plain = OPEN.replace("sackok", "");
    let plain = rulings(&format!("{plain}\n{flight}\n40 < A 1+0 1 100 mp2"));
    assert_eq!(plain[5].labels, Labels::DUPLICATE_ACK);
}

#[test]
fn the_tail_is_probed_after_two_round_trips() {
    let flight = "30 > PA 1+10 1 100\n30 > PA 11+10 1 100";
    let (label, facts) = last(&format!("{flight}\n75 > PA 11+10 1 100"));
    assert_eq!(label, "retransmission tail_loss_probe");
    assert_eq!(
        facts.repeats.expect("a repeat").cause,
        RepeatCause::TailLossProbe
    );
    // A single segment may be waiting for a delayed ACK, which the probe waits for as well.
    assert_eq!(
        labels("30 > PA 1+10 1 100\n270 > PA 1+10 1 100"),
        "retransmission tail_loss_probe"
    );
    // Each ACK starts the wait anew.
    let flight = "30 > PA 1+10 1 100\n30 > PA 11+10 1 100\n30 > PA 21+10 1 100\n100 < A 1+0 11 100";
    assert_eq!(
        labels(&format!("{flight}\n150 > PA 21+10 1 100")),
        "retransmission tail_loss_probe"
    );
    // The second repeat is the timer's, and so is the first one where SACK was not agreed on.
    let facts = last("30 > PA 1+10 1 100\n270 > PA 1+10 1 100\n500 > PA 1+10 1 100").1;
    assert_eq!(
        facts.repeats.expect("a repeat").cause,
        RepeatCause::Timer { attempt: 1 }
    );
    let plain = OPEN.replace("sackok", "");
    let plain = rulings(&format!("{plain}\n30 > PA 1+10 1 100\n270 > PA 1+10 1 100"));
    assert_eq!(plain[4].labels, Labels::RETRANSMISSION);
}

/// Whoever sends something again gives the packet an identification of its own.
#[test]
fn the_same_packet_again_was_doubled_on_its_way() {
    let cause = |script: &str| last(script).1.repeats.expect("a repeat").cause;
    let flight = "30 > PA 1+10 1 100 id7\n30 > PA 11+10 1 100 id8\n30 > PA 21+10 1 100 id9";
    let again = format!("{flight}\n31 > PA 11+10 1 100 id8");
    assert_eq!(cause(&again), RepeatCause::Network);
    assert_eq!(labels(&again), "retransmission");
    let acked = format!("{flight}\n30.5 < A 1+0 31 100\n31 > PA 11+10 1 100 id8");
    assert_eq!(cause(&acked), RepeatCause::Network);
    assert_eq!(labels(&acked), "spurious_retransmission");
    // Another packet, a host that does not number its packets, and a wait as long as a timer's.
    for other in ["31 > PA 11+10 1 100 id10", "400 > PA 11+10 1 100 id8"] {
        assert_ne!(cause(&format!("{flight}\n{other}")), RepeatCause::Network);
    }
    let constant = "30 > PA 1+10 1 100 id1\n30 > PA 11+10 1 100 id1\n31 > PA 11+10 1 100 id1";
    assert_ne!(cause(constant), RepeatCause::Network);
}

#[test]
fn what_was_acknowledged_is_repeated_in_vain() {
    let (label, facts) = last("30 > PA 1+10 1 100\n40 < A 1+0 11 100\n300 > PA 1+10 1 100");
    assert_eq!(label, "spurious_retransmission");
    assert_eq!(
        facts.repeats.expect("a repeat").cause,
        RepeatCause::Spurious
    );
    let answer =
        "30 > PA 1+10 1 100\n40 < A 1+0 11 100\n300 > PA 1+10 1 100\n310 < A 1+0 11 100 sack1-11";
    let (label, facts) = last(answer);
    assert_eq!(label, "duplicate_sack");
    assert!(facts.duplicate_sack.is_some());
    assert_eq!(facts.sack_blocks, 0);
}

#[test]
fn order_is_judged_by_evidence_and_not_by_time() {
    // Nobody had complained: the network changed the order, however long it took.
    let (label, facts) = last("30 > PA 11+10 1 100\n500 > PA 1+10 1 100");
    assert_eq!(label, "out_of_order");
    assert!(facts.fills_gap && facts.repeats.is_none());
    // The receiver had complained: it was sent again because of that.
    let gap = "30 > PA 11+10 1 100 id8\n30 > PA 21+10 1 100 id9";
    let asked = format!("{gap}\n40 < A 1+0 1 100\n40 < A 1+0 1 100\n40 < A 1+0 1 100");
    assert_eq!(
        labels(&format!("{asked}\n41 > PA 1+10 1 100")),
        "fast_retransmission"
    );
    // The receiver had complained, but the IP identification shows that it was sent first.
    assert_eq!(
        labels(&format!("{asked}\n41 > PA 1+10 1 100 id7")),
        "out_of_order"
    );
    // Nobody had complained, but it was sent later.
    let (label, facts) = last(&format!("{gap}\n41 > PA 1+10 1 100 id10"));
    assert_eq!(label, "retransmission");
    assert_eq!(facts.repeats.expect("a repeat").frame, None);
    // The complaint's timestamp was not echoed yet: the sender had not heard of it.
    let asked = "30 > PA 11+10 1 99 ts9/5\n40 < A 1+0 1 100 ts7/8 sack11-21";
    assert_eq!(
        labels(&format!("{asked}\n41 > PA 1+10 1 99 ts9/6")),
        "out_of_order"
    );
    assert_eq!(
        labels(&format!("{asked}\n41 > PA 1+10 1 99 ts9/7")),
        "fast_retransmission"
    );
    // Timestamps tell the same where identifications are not counted.
    assert_eq!(
        labels("30 > PA 11+10 1 99 id0 ts9/0\n31 > PA 1+10 1 99 id0 ts8/0"),
        "out_of_order"
    );
    assert_eq!(
        labels("30 > PA 11+10 1 99 id0 ts9/0\n31 > PA 1+10 1 99 id0 ts10/0"),
        "retransmission"
    );
}

#[test]
fn gaps_of_the_network_and_of_the_capture() {
    let (label, facts) = last("30 > PA 11+10 1 100");
    assert_eq!((label.as_str(), facts.gap), ("lost_segment", Some(10)));
    let (label, facts) = last("30 > PA 11+10 1 100\n40 < A 1+0 21 100");
    assert_eq!(label, "ack_lost_segment capture_gap");
    assert_eq!(facts.unseen, Some(10));
    let (label, facts) = last("40 < A 1+0 21 100");
    assert_eq!(label, "ack_lost_segment capture_gap");
    assert_eq!(facts.unseen, Some(20));
    assert_eq!(labels("40 < A 1+0 21 100\n41 < A 1+0 21 100"), "");
    assert_eq!(
        labels("30 > PA 11+10 1 99\n31 > PA 1+10 1 99\n40 < A 1+0 21 99"),
        ""
    );
}

#[test]
fn a_duplicate_ack_needs_something_outstanding() {
    assert_eq!(labels("30 < A 1+0 1 100"), "");
    assert_eq!(
        labels("30 > PA 1+10 1 100\n31 < A 1+0 1 100"),
        "duplicate_ack"
    );
    assert_eq!(
        labels("30 > PA 1+10 1 100\n31 < A 1+0 1 90"),
        "window_update"
    );
    assert_eq!(labels("30 > PA 1+10 1 100\n31 < PA 1+5 1 100"), "");
}

#[test]
fn what_reports_a_copy_is_no_duplicate_ack() {
    let twice =
        "30 > PA 1+10 1 100\n31 > PA 11+10 1 100\n40 < A 1+0 11 100\n41 < A 1+0 11 100 sack1-11";
    let (label, facts) = last(twice);
    assert_eq!(label, "duplicate_sack");
    assert!(facts.duplicate_ack.is_none() && facts.duplicate_sack.is_some());
    let beyond = "30 > PA 1+10 1 100\n31 > PA 11+10 1 100\n40 < A 1+0 1 100 sack11-21 sack11-21";
    let (label, facts) = last(beyond);
    assert_eq!((label.as_str(), facts.sack_blocks), ("duplicate_sack", 1));
    let other_window = "30 > PA 1+10 1 100\n40 < A 1+0 1 90 sack0-1";
    assert_eq!(labels(other_window), "duplicate_sack");
}

#[test]
fn closed_windows_are_probed() {
    let closed = "30 < A 1+0 1 0";
    let (label, facts) = last(closed);
    assert!(label == "zero_window" && facts.closes_window);
    let probed = format!("{closed}\n230 > A 0+0 1 100");
    let (label, facts) = last(&probed);
    assert_eq!(
        (label.as_str(), facts.probe),
        ("zero_window_probe", Some(1))
    );
    let (label, facts) = last(&format!("{probed}\n240 < A 1+0 1 0"));
    assert!(facts.answers_probe);
    assert_eq!(label, "zero_window zero_window_probe_ack");
    let (label, facts) = last(&format!("{probed}\n240 < A 1+0 1 0\n500 < A 1+0 1 90"));
    assert!(label == "window_update" && !facts.answers_probe, "{label}");
    let again = format!("{probed}\n240 < A 1+0 1 0\n640 > A 0+0 1 100");
    assert_eq!(last(&again).1.probe, Some(2));
    let (label, facts) = last(&format!("{again}\n650 < A 1+0 1 90"));
    assert_eq!(label, "window_update");
    assert_eq!(facts.reopens_window, Some(Span::from_millis(620)));
    // A probe with a byte of data: the byte is sent again with the next segment, and that is no repeat.
    let byte = format!("{closed}\n230 > A 1+1 1 100");
    assert_eq!(labels(&byte), "zero_window_probe");
    assert_eq!(
        labels(&format!("{byte}\n240 < A 1+0 1 90\n241 > PA 1+30 1 100")),
        ""
    );
    assert_eq!(
        labels(&format!("{byte}\n240 < A 1+0 2 90\n241 > PA 2+30 1 100")),
        ""
    );
    let (label, facts) = last("30 < A 1+0 1 10\n40 > PA 1+10 1 100");
    assert!(label == "window_full" && facts.fills_window);
}

#[test]
fn keep_alives_bring_nothing_and_follow_an_acknowledgment() {
    let asked = "9000 > A 0+0 1 100";
    let (label, facts) = last(asked);
    assert_eq!(label, "keep_alive");
    assert_eq!(facts.keep_alive, Some(Span::from_millis(8980)));
    let (label, facts) = last(&format!("{asked}\n9010 < A 1+0 1 100"));
    assert!(label == "keep_alive_ack" && facts.answers_keep_alive);
    assert_eq!(labels("9000 > A 0+1 1 100"), "keep_alive");
    assert_eq!(labels("30 > PA 1+10 1 100\n9000 > A 10+0 1 100"), "");
}

#[test]
fn crossing_syns_repeat_nothing() {
    let script = "0 > S 0+0 - 100\n0.1 < S 0+0 - 100\n10 > SA 0+0 1 100\n10.1 < SA 0+0 1 100\n\
                  20 > PA 1+5 1 100\n999 < SA 0+0 1 100";
    let names: Vec<_> = rulings(script)
        .into_iter()
        .map(|ruling| ruling.labels)
        .collect();
    let crossed = Labels::SIMULTANEOUS_OPEN;
    let empty = Labels::empty();
    assert_eq!(
        names,
        [
            empty,
            crossed,
            crossed,
            crossed,
            empty,
            Labels::RETRANSMISSION
        ]
    );
    assert!(rulings(script)[1].facts.simultaneous_open);
}

#[test]
fn a_socket_that_talks_to_itself() {
    let script =
        "0 > S 3+0 - 100\n0 > SA 3+0 5 100\n0 > A 4+0 5 100\n1 > PA 4+5 5 100\n2 > A 9+0 10 100";
    let names: Vec<_> = run(script, [40_000, 40_000])
        .into_iter()
        .map(|ruling| ruling.labels)
        .collect();
    let own = Labels::SELF_CONNECT;
    let empty = Labels::empty();
    assert_eq!(names, [own, own, empty, empty, empty]);
}

#[test]
fn a_suspicious_reset_or_syn_is_answered_with_an_ack() {
    let (label, facts) =
        last("30 > PA 1+10 1 100\n40 < A 1+0 11 100\n50 > R 15+0 - 0\n60 < A 1+0 11 100");
    assert_eq!(
        (label.as_str(), facts.challenges),
        ("challenge_ack", Some(6))
    );
    assert_eq!(labels("30 > R 1+0 - 0\n40 < A 1+0 1 100"), "");
    assert_eq!(
        labels("30 > S 0+0 - 100\n40 < A 1+0 1 100"),
        "challenge_ack"
    );
    // An ACK of something else than the SYN: the other end still has an old connection.
    let old = rulings("0 > S 0+0 - 100\n1 < A 500+0 777 100");
    assert_eq!(old[1].labels, Labels::CHALLENGE_ACK);
    let first_half = rulings("0 > S 0+0 - 100\n1 < A 500+0 1 100");
    assert_eq!(first_half[1].labels, Labels::empty());
}

#[test]
fn copies_carry_one_label_and_change_nothing() {
    let (label, facts) = last("30 > PA 1+10 1 100 id7\n30.04 > PA 1+10 1 100 id7");
    assert_eq!(
        (label.as_str(), facts.duplicate_of),
        ("capture_duplicate", Some(4))
    );
    // Too late, another packet, or nothing to know it by.
    assert_eq!(
        labels("30 > PA 1+10 1 100 id7\n30.06 > PA 1+10 1 100 id7"),
        "retransmission"
    );
    assert_eq!(
        labels("30 > PA 1+10 1 100 id7\n30.04 > PA 1+10 1 100 id8"),
        "retransmission"
    );
    assert_eq!(
        labels("30 > PA 1+10 1 100\n30.04 > PA 1+10 1 100"),
        "retransmission"
    );
    // Without identification the timestamps must agree, and the peer must have been silent.
    let stamped = "30 > PA 1+10 1 100 id0 ts5/6";
    assert_eq!(
        labels(&format!("{stamped}\n30.04 > PA 1+10 1 100 id0 ts5/6")),
        "capture_duplicate"
    );
    assert_eq!(
        labels(&format!(
            "{stamped}\n30.02 < A 1+0 11 100 id0 ts6/5\n30.04 > PA 1+10 1 100 id0 ts5/6"
        )),
        "spurious_retransmission"
    );
    // Two capture points that interleave.
    let pair = "30 > PA 1+10 1 9 id7\n30 > PA 11+10 1 9 id8\n30.01 > PA 1+10 1 9 id7\n30.01 > PA 11+10 1 9 id8";
    assert_eq!(last(pair).1.duplicate_of, Some(5));
}

#[test]
fn undisputed_labels_are_taken_over() {
    let rulings = rulings("0 > S 0+10 - 100 cookie8\n1 < SA 0+0 11 100");
    assert_eq!(rulings[0].labels, Labels::TFO_SYN);
    assert_eq!(rulings[1].labels, Labels::TFO_ACCEPTED);
}

#[test]
fn facts_become_events_in_order_of_weight() {
    let facts = last("30 > PA 11+10 1 100\n40 < A 1+0 21 100").1;
    let mut events = arrayvec::ArrayVec::new();
    facts.events(crate::tcp::SeqNumber(0), &mut events);
    assert_eq!(
        events[0],
        crate::track::Event::AcknowledgesUnseen { bytes: 10 }
    );
    assert_eq!(events.len(), 2);
}

#[test]
fn more_holes_than_are_remembered_do_no_harm() {
    let lines = (0..40).map(|at| format!("{} > PA {}+10 1 100", 30 + at, 11 + at * 20));
    let script: Vec<_> = std::iter::once(OPEN.to_owned()).chain(lines).collect();
    let rulings = rulings(&script.join("\n"));
    assert!(
        rulings[3..]
            .iter()
            .all(|ruling| ruling.labels.contains(Labels::LOST_SEGMENT))
    );
}
