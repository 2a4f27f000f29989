//! The traffic that benchmarks are fed with is what they say it is: otherwise they would measure something else.

#[path = "../benches/traffic/mod.rs"]
mod traffic;

use std::collections::BTreeMap;
use std::io::Cursor;

use handshake_watch::capture::{self, Next};
use handshake_watch::decode::{self, Decoded};
use handshake_watch::track::{Limits, Tracker, Verdict};
use traffic::{Kind, Recipe};

const PACKETS: u64 = 20_000;

#[test]
fn the_same_recipe_makes_the_same_bytes() {
    for kind in ["mix", "bulk", "syn"] {
        let recipe = Recipe::of(kind.parse().expect("a kind"), 1000);
        let other = Recipe {
            seed: recipe.seed + 1,
            ..recipe.clone()
        };
        assert!(file(&recipe) == file(&recipe), "{kind}");
        assert!(file(&recipe) != file(&other), "{kind}");
    }
    assert!("flood".parse::<Kind>().is_err());
}

#[test]
fn mixed_traffic_has_connections_of_every_kind() {
    let verdicts = verdicts(&Recipe::of(Kind::Mix, PACKETS));
    assert_eq!(verdicts.values().sum::<u64>(), PACKETS / 20);
    for verdict in [
        Verdict::Closed,
        Verdict::Reset,
        Verdict::Refused,
        Verdict::NoAnswer,
        Verdict::Open,
    ] {
        assert!(verdicts.contains_key(verdict.name()), "{verdicts:?}");
    }
    assert_eq!(verdicts.len(), 5, "{verdicts:?}");
}

#[test]
fn downloads_are_closed_and_a_flood_is_not_answered() {
    let bulk = verdicts(&Recipe::of(Kind::Bulk, PACKETS));
    assert_eq!(bulk, BTreeMap::from([(Verdict::Closed.name(), 16)]));
    let syn = verdicts(&Recipe::of(Kind::Syn, PACKETS));
    assert_eq!(syn, BTreeMap::from([(Verdict::NoAnswer.name(), PACKETS)]));
}

#[test]
fn the_snaplen_cuts_what_is_captured_and_nothing_else() {
    let whole = Recipe::of(Kind::Mix, 1000);
    let cut = Recipe {
        snaplen: 96,
        ..whole.clone()
    };
    assert!(file(&cut).len() < file(&whole).len());
    assert_eq!(verdicts(&cut), verdicts(&whole));
}

/// How many connections ended how. Every packet must be a segment.
fn verdicts(recipe: &Recipe) -> BTreeMap<&'static str, u64> {
    let mut source = capture::recorded(Cursor::new(file(recipe))).expect("a capture");
    let mut tracker = Tracker::new(Limits::default());
    let mut packets = 0;
    loop {
        match source.next().expect("whole packets") {
            Next::Frame(frame) => match decode::frame(&frame) {
                Decoded::Segment(segment) => {
                    packets += 1;
                    tracker.segment(&segment);
                }
                other => panic!("frame {}: {other:?}", frame.number),
            },
            Next::Pause => {}
            Next::End => break,
        }
    }
    let about = recipe.packets * 9 / 10..=recipe.packets * 11 / 10;
    assert!(about.contains(&packets), "{packets} packets");
    tracker.finish();
    let mut verdicts = BTreeMap::new();
    while let Some(connection) = tracker.next_final() {
        *verdicts.entry(connection.verdict().name()).or_default() += 1;
    }
    verdicts
}

fn file(recipe: &Recipe) -> Vec<u8> {
    let mut file = Vec::new();
    recipe
        .write(&mut file)
        .expect("memory takes whatever is written to it");
    file
}
