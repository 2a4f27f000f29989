//! Made-up talk on all ways; and the same where memory is short, which makes connections remember less and others go.

use std::collections::HashSet;

use handshake_watch::track::{LabelRules, Limits, Losses};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::talk::{Author, Move, moves};
use super::ways::{Taken, Told, Ways, compare, compare_looks, track};

/// The tracker never keeps fewer connections than this.
const FEWEST: u16 = 64;

/// A connection that is open so far, and what follows.
fn talk(turns: usize, moves: &[Move]) -> Vec<Taken> {
    let mut author = Author::new();
    author.open(0..1, turns);
    author.play_all(moves);
    author.script
}

/// Tracks by either rules where memory is short. What was given up.
fn compare_short_of_memory(input: &[Taken]) -> Result<Losses, TestCaseError> {
    let mut losses = Losses::default();
    for labels in [LabelRules::Wireshark, LabelRules::Own] {
        let limits = Limits {
            labels,
            memory: 0,
            ..Limits::default()
        };
        losses = compare_looks(input, &limits)
            .map_err(TestCaseError::fail)?
            .losses;
        // What is only noted gives up other things, but no connection twice.
        is_complete(&track(input, &limits, |_| false));
        is_complete(&track(input, &limits, |index| index % 3 == 0));
    }
    Ok(losses)
}

/// Each connection is given out once, and all that were given up are said to be.
fn is_complete(told: &Told) {
    let connections = || told.finals.iter().map(|(_, connection)| connection);
    let ids: HashSet<_> = connections()
        .map(|connection| connection.split(',').nth(1))
        .collect();
    assert_eq!(ids.len(), told.finals.len());
    let evicted = connections().filter(|connection| connection.contains("\"evicted\":true"));
    assert_eq!(evicted.count() as u64, told.losses.evicted);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn any_talk_is_told_the_same(turns in 0_usize..30, moves in moves(4, 150), look in 0_usize..150) {
        compare(&talk(turns, &moves), look, &mut Ways::default()).map_err(TestCaseError::fail)?;
    }
}

proptest! {
    // These take little time, for nobody looks at segments.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn any_talk_that_is_only_noted_ends_the_same(turns in 0_usize..30, moves in moves(4, 150)) {
        let script = talk(turns, &moves);
        let [noted, thorough] = [false, true].map(|thorough| {
            track(&script, &Limits { thorough, ..Limits::default() }, |_| false)
        });
        noted.tells_as(&thorough).map_err(TestCaseError::fail)?;
    }
}

proptest! {
    // Each of these fills the table first.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    /// One connection more than there is room for: all remember less, one goes, and of the others the same is told.
    #[test]
    fn any_talk_is_told_the_same_after_memory_was_short(moves in moves(8, 120)) {
        let mut author = Author::new();
        // The first one has been silent for longest: it is the one that goes. Those that talk later have sent more than
        // is remembered afterwards.
        author.open(0..1, 3);
        author.open(1..9, 16);
        author.open(9..FEWEST + 1, 3);
        for mut one in moves {
            one.talk += 1;
            author.play(&one);
        }
        let losses = compare_short_of_memory(&author.script)?;
        prop_assert_eq!(losses, Losses { evicted: 1, unended: 1, late_segments: 0 });
    }

    /// More connections than there is room for, again and again.
    #[test]
    fn any_talk_is_told_the_same_while_connections_go(moves in moves(2 * FEWEST, 250)) {
        let mut author = Author::new();
        author.open(0..FEWEST, 6);
        author.open(FEWEST..FEWEST + 4, 1);
        for one in &moves {
            author.play(one);
        }
        let losses = compare_short_of_memory(&author.script)?;
        prop_assert!(losses.evicted >= 4);
    }
}

/// Connections that are only noted go in the same order as others, and take memory as well.
#[test]
fn noted_connections_go_when_memory_is_short() {
    let mut author = Author::new();
    let mut late = HashSet::new();
    for talk in 0..2000 {
        author.open(talk..talk + 1, [1, 3, 16, 2][usize::from(talk) % 4]);
        // Its connection is gone by now.
        if talk > 300 && talk % 2 > 0 {
            late.insert(author.script.len());
            author.open(talk / 2..talk / 2 + 1, 1);
        }
    }
    let limits = |memory| Limits {
        memory,
        ..Limits::default()
    };
    let [looked_at, noted] = [true, false].map(|all| {
        track(&author.script, &limits(0), |index| {
            all || late.contains(&index)
        })
    });
    noted.tells_as(&looked_at).expect("the same ones go");
    assert_eq!(noted.losses, looked_at.losses);
    assert!(noted.losses.late_segments > 100);
    let roomy = track(&author.script, &limits(100_000), |_| false);
    is_complete(&roomy);
    let evicted = [&noted, &roomy].map(|told| told.losses.evicted);
    // As much as that memory has room for, and no less later on.
    assert!((1770..1830).contains(&evicted[1]), "{evicted:?}");
}

#[test]
fn talk_goes_all_ways() {
    let mut runner = TestRunner::deterministic();
    let mut ways = Ways::default();
    for turns in 0..25 {
        let moves = moves(4, 150).new_tree(&mut runner).expect("moves");
        compare(&talk(turns, &moves.current()), 0, &mut ways).expect("the same");
    }
    ways.must_all_be_taken();
}
