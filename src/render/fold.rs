//! Which rows of a recorded conversation are shown, and which stretches become one row with their number.
//!
//! Comes in: the outlines of a story's steps. Goes out: a plan of rows. The opening, the closing and every trouble stay, with some
//! neighbours; what is folded is named and counted, so that nobody mistakes a folded ladder for the whole one.

use std::fmt::Write as _;

use super::quantity::{Bytes, Plural};
use crate::explain::{Outline, Weight};
use crate::tcp::Direction;
use crate::time::Span;

/// Ordinary packets kept on each side of a packet that stays: enough to see what led to it and what it led to. With
/// the packet itself that makes five around each trouble.
const NEIGHBOURS: usize = 2;
/// Ordinary packets kept after the opening: the request, its acknowledgment, the reply.
const AFTER_OPENING: usize = 4;
/// Folding fewer packets than this saves nothing.
const FOLD_MIN: usize = 6;
/// A pause shorter than this is never worth a row.
const IDLE_MIN: Span = Span::from_secs(1);
/// Nor is one that is not far longer than the usual time between packets.
const IDLE_FACTOR: i64 = 20;

/// One row of the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Row {
    /// The step with this index.
    Step(usize),
    /// A pause.
    Idle(Span),
    /// A folded stretch.
    Fold(Fold),
    /// Packets that the caller did not keep.
    NotKept(u64),
}

/// What a folded stretch held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Fold {
    pub(super) packets: u64,
    /// Payload bytes from the client, and from the server.
    pub(super) bytes: [u64; 2],
    /// From its first packet to its last.
    pub(super) lasted: Span,
    /// The longest pause in it, if it is one that would have had a row.
    pub(super) longest_pause: Option<Span>,
}

impl Fold {
    /// `3 812 packets, 5.2 MB server→client in 2.1 s, nothing unusual`
    pub(super) fn words(&self) -> String {
        let mut words = Plural(self.packets, "packet").to_string();
        // Writing to a string cannot fail.
        let _ = match self.bytes {
            [0, 0] => write!(words, ", no data"),
            [client, 0] => write!(words, ", {} client→server", Bytes(client)),
            [0, server] => write!(words, ", {} server→client", Bytes(server)),
            // Two arrows would not fit on a line of 80 columns.
            [client, server] => {
                write!(
                    words,
                    ", {} to the server, {} back",
                    Bytes(client),
                    Bytes(server)
                )
            }
        };
        let _ = write!(words, " in {}", self.lasted.in_words());
        if let Some(pause) = self.longest_pause {
            let _ = write!(words, ", longest pause {}", pause.in_words());
        }
        words.push_str(", nothing unusual");
        words
    }
}

/// The row that stands for packets that were not kept: `12 packets not kept`.
#[must_use]
pub fn not_kept(packets: u64) -> String {
    format!("{} not kept", Plural(packets, "packet"))
}

/// Packets that were not kept between two steps of a story.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotKept {
    /// Index of the step before which they are missing.
    pub before: usize,
    /// How many.
    pub packets: u64,
}

/// Plans the rows of a ladder that may be folded.
pub(super) fn plan(steps: &[Outline], not_kept: Option<NotKept>) -> Vec<Row> {
    let mut deltas: Vec<Span> = steps.iter().skip(1).map(|step| step.delta).collect();
    let idle_from = idle_threshold(&mut deltas);
    let is_missing_before = |index: usize| {
        not_kept.is_some_and(|missing| missing.before == index && missing.packets > 0)
    };
    // The time since a packet that was not kept is no pause.
    let pause_before = |index: usize| {
        let delta = steps[index].delta;
        (index > 0 && delta >= idle_from && !is_missing_before(index)).then_some(delta)
    };
    let kept = kept(steps);
    let mut rows = Vec::new();
    let mut index = 0;
    while index < steps.len() {
        if let Some(missing) = not_kept.filter(|_| is_missing_before(index)) {
            rows.push(Row::NotKept(missing.packets));
        }
        let end = (index..steps.len())
            .find(|at| kept[*at] || (*at > index && is_missing_before(*at)))
            .unwrap_or(steps.len());
        if end - index >= FOLD_MIN {
            let stretch = &steps[index..end];
            let longest_pause = (index..end).filter_map(pause_before).max();
            rows.push(Row::Fold(summarize(stretch, longest_pause)));
            index = end;
            continue;
        }
        if let Some(pause) = pause_before(index) {
            rows.push(Row::Idle(pause));
        }
        rows.push(Row::Step(index));
        index += 1;
    }
    if let Some(missing) =
        not_kept.filter(|missing| missing.before >= steps.len() && missing.packets > 0)
    {
        rows.push(Row::NotKept(missing.packets));
    }
    rows
}

/// From which time on a pause has a row, given the usual times between packets. Sorts them.
pub(super) fn idle_threshold(deltas: &mut [Span]) -> Span {
    if deltas.is_empty() {
        return IDLE_MIN;
    }
    let middle = deltas.len() / 2;
    let median = *deltas.select_nth_unstable(middle).1;
    IDLE_MIN.max(Span::from_nanos(
        median.as_nanos().saturating_mul(IDLE_FACTOR),
    ))
}

/// Marks the steps that stay.
fn kept(steps: &[Outline]) -> Vec<bool> {
    let mut kept = vec![false; steps.len()];
    for (index, step) in steps.iter().enumerate() {
        let (before, after) = match step.weight {
            Weight::Trouble => (NEIGHBOURS, NEIGHBOURS),
            Weight::Frame => (NEIGHBOURS, AFTER_OPENING),
            Weight::Bulk if step.turns => (0, NEIGHBOURS),
            Weight::Bulk => continue,
        };
        let last = (index + after).min(steps.len() - 1);
        kept[index.saturating_sub(before)..=last].fill(true);
    }
    // What was going on when the capture began and ended is worth seeing, also without an opening or a closing.
    let edge = NEIGHBOURS.min(steps.len());
    kept[..edge].fill(true);
    kept[steps.len() - edge..].fill(true);
    kept
}

fn summarize(stretch: &[Outline], longest_pause: Option<Span>) -> Fold {
    let mut fold = Fold {
        packets: stretch.len() as u64,
        longest_pause,
        ..Fold::default()
    };
    for step in stretch {
        let side = usize::from(step.direction == Direction::ServerToClient);
        fold.bytes[side] += u64::from(step.len);
    }
    if let [first, .., last] = stretch {
        fold.lasted = last.time - first.time;
    }
    fold
}
