//! Each `conn_state` and each letter, provoked by a few segments.

use super::Record;
use crate::track::script::{segment, segments};

const OPEN: &str = "0 > S 0+0 - 100\n10 < SA 0+0 1 100\n20 > A 1+0 1 100\n";

/// State and history after a script.
fn after(script: &str) -> String {
    let mut record = Record::new();
    for (segment, from) in segments(script) {
        record.observe(&segment, from);
    }
    format!("{} {}", record.conn_state(), record.history())
}

fn opened(script: &str) -> String {
    after(&format!("{OPEN}{script}"))
}

#[test]
fn every_state() {
    assert_eq!(after("0 > S 0+0 - 100"), "S0 S");
    assert_eq!(opened(""), "S1 ShA");
    assert_eq!(
        opened("30 > PA 1+9 1 100\n31 < A 1+0 10 100\n32 > FA 10+0 1 100\n33 < FA 1+0 11 100"),
        "SF ShADaFf"
    );
    assert_eq!(after("0 > S 0+0 - 100\n1 < RA 0+0 1 0"), "REJ Sr");
    assert_eq!(opened("30 > FA 1+0 1 100"), "S2 ShAF");
    assert_eq!(opened("30 < FA 1+0 1 100"), "S3 ShAf");
    assert_eq!(opened("30 > R 1+0 - 0"), "RSTO ShAR");
    assert_eq!(opened("30 < R 1+0 - 0"), "RSTR ShAr");
    assert_eq!(after("0 > S 0+0 - 100\n1 > R 1+0 - 0"), "RSTOS0 SR");
    assert_eq!(after("0 > S 0+0 - 100\n1 > FA 1+0 1 100"), "SH SF");
    assert_eq!(after("0 > R 1+0 - 0"), "OTH R");
    assert_eq!(after("0 > PA 1+5 1 100\n1 < A 1+0 6 100"), "OTH Da");
}

#[test]
fn a_server_seen_first_is_the_responder() {
    // The first packet comes from port 80, which is likely a server's: the roles are swapped.
    let server_first = |script: &str| {
        let mut record = Record::new();
        for (line, frame) in script.lines().zip(1..) {
            let (segment, from) = segment(line, frame, [80, 40_000]);
            record.observe(&segment, from);
        }
        format!(
            "{} {} {}",
            record.conn_state(),
            record.history(),
            record.originator()
        )
    };
    assert_eq!(server_first("0 > SA 0+0 1 100"), "OTH ^h 1");
    assert_eq!(
        server_first(
            "0 > SA 0+0 1 100\n1 < A 1+0 1 100\n2 > PA 1+5 1 100\n3 < A 1+0 6 100\n4 < FA 1+0 6 100\n5 > FA 6+0 2 100"
        ),
        "SF ^hAdFf 1"
    );
    assert_eq!(
        server_first("0 > SA 0+0 1 100\n1 > R 1+0 - 0"),
        "RSTRH ^hr 1"
    );
    assert_eq!(
        server_first("0 > SA 0+0 1 100\n1 > FA 1+0 1 100"),
        "SHR ^hf 1"
    );
}

#[test]
fn a_lone_syn_ack_is_turned_round_by_what_follows() {
    let mut record = Record::new();
    for (line, frame) in ["0 > SA 0+0 1 100", "1 < A 1+0 1 100"].into_iter().zip(1..) {
        let (segment, from) = segment(line, frame, [50_000, 40_000]);
        record.observe(&segment, from);
    }
    assert_eq!((record.history(), record.originator()), ("^hA", 1));
}

#[test]
fn letters_come_once_and_control_letters_again_with_another_number() {
    assert_eq!(after("0 > S 0+0 - 9\n1 > S 0+0 - 9"), "S0 S");
    assert_eq!(
        opened("30 > R 1+0 - 0\n31 > R 1+0 - 0\n32 > R 9+0 - 0"),
        "RSTO ShARR"
    );
    assert_eq!(
        opened("30 > FA 1+0 1 9\n31 > FA 1+0 1 9\n32 > FA 1+4 1 9"),
        "S2 ShAFF"
    );
    assert_eq!(opened("30 > SF 1+0 - 9\n31 < FR 1+0 - 9"), "RSTR ShAQi");
}

#[test]
fn repeats_windows_and_gaps_are_counted_in_powers_of_ten() {
    assert_eq!(opened("30 > PA 1+9 1 9\n31 > PA 1+9 1 9"), "S1 ShADT");
    let sent = (30..41).map(|at| format!("{at} > PA 1+9 1 9"));
    let repeats = sent.collect::<Vec<_>>().join("\n");
    assert_eq!(opened(&repeats), "S1 ShADTT");
    assert_eq!(opened("30 < A 1+0 1 0\n31 < A 1+0 1 0"), "S1 ShAaw");
    assert_eq!(opened("30 > PA 1+9 1 9\n31 < A 1+0 30 9"), "S1 ShADaG");
    // A hole that was filled before the ACK is no gap.
    assert_eq!(
        opened("30 > PA 10+9 1 9\n31 > PA 1+9 1 9\n32 < A 1+0 19 9"),
        "S1 ShADTa"
    );
}

#[test]
fn data_in_a_syn_does_not_advance_it() {
    assert_eq!(after("0 > S 0+10 - 100"), "S0 ST");
}

#[test]
fn crossing_syns_open() {
    assert_eq!(after("0 > S 0+0 - 100\n0.1 < S 0+0 - 100"), "S1 Ss");
}

#[test]
fn a_reset_after_a_fin_is_forgiven_by_the_peer_s_fin() {
    assert_eq!(
        opened("30 > FA 1+0 1 9\n31 > R 2+0 - 0\n32 < FA 1+0 2 9"),
        "SF ShAFRf"
    );
}

#[test]
fn nothing_whole_is_a_dash() {
    let mut record = Record::new();
    let (mut cut, from) = segment("0 > SA 0+0 1 100", 1, [443, 40_000]);
    cut.header_cut = true;
    record.observe(&cut, from);
    assert_eq!((record.conn_state(), record.history()), ("OTH", "-"));
}
