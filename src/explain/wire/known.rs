//! What one end of a wire knows of the numbers, and for how long what came early had to wait for what was missing.

use crate::tcp::{Flags, Segment, Side};
use crate::time::Span;
use crate::track::Change;

/// Pieces that came early and are remembered. A window holds some hundreds of segments; beyond that the margin may say
/// less than it could.
const EARLY: usize = 1024;

/// What one end knows of the numbers.
#[derive(Default)]
pub(super) struct Known {
    /// After the last byte that it sent, and what of that is acknowledged.
    sent: u32,
    acked: u32,
    /// The next byte that it waits for, and what came early.
    next: u32,
    early: Vec<(u32, u32)>,
    /// What is missing now, and the hole that was open for longest.
    hole: Option<Hole>,
    longest: Option<Hole>,
}

/// Bytes that were missing while later ones were there. Numbers are relative.
#[derive(Clone, Copy)]
pub(super) struct Hole {
    /// The first byte that was missing.
    pub(super) first: u32,
    /// The first one after it that was there.
    pub(super) early: u32,
    /// After the last one that could be read when it was filled.
    pub(super) end: u32,
    /// When something came that lies after it, and when it was filled.
    pub(super) since: Span,
    pub(super) until: Span,
}

impl Hole {
    /// How long it was open.
    pub(super) fn lasted(&self) -> Span {
        self.until - self.since
    }
}

impl Known {
    /// Takes what was sent or what arrived.
    pub(super) fn learn(&mut self, segment: &Segment, change: &Change, sends: bool, now: Span) {
        let control = segment.flags.intersection(Flags::SYN | Flags::FIN).bits();
        let end = change
            .seq
            .wrapping_add(segment.len)
            .wrapping_add(control.count_ones());
        if sends {
            // Numbers of a SYN or FIN are no bytes.
            if segment.len > 0 {
                self.sent = later(self.sent, change.seq.wrapping_add(segment.len));
            }
            return;
        }
        if segment.flags.contains(Flags::ACK) {
            self.acked = later(self.acked, change.ack);
        }
        if end != change.seq && self.early.len() < EARLY {
            self.early.push((change.seq, end));
        }
        let before = self.next;
        // At most one pass for each piece: every pass takes at least one away.
        while let Some(at) = self
            .early
            .iter()
            .position(|(from, _)| later(self.next, *from) == self.next)
        {
            let (_, end) = self.early.swap_remove(at);
            self.next = later(self.next, end);
        }
        self.look_for_hole(before != self.next, segment.len > 0, now);
    }

    /// Whether something is missing now, and since when.
    fn look_for_hole(&mut self, advanced: bool, data: bool, now: Span) {
        if advanced && let Some(hole) = self.hole.take() {
            let filled = Hole {
                end: self.next,
                until: now,
                ..hole
            };
            let longest = self.longest.map(|longest| longest.lasted());
            if longest.is_none_or(|longest| filled.lasted() > longest) {
                self.longest = Some(filled);
            }
        }
        // A FIN that came early is no byte that waits.
        if self.hole.is_none() && data {
            let first = self.early.iter().map(|(from, _)| *from).min();
            self.hole = first.map(|early| Hole {
                first: self.next,
                early,
                end: early,
                since: now,
                until: now,
            });
        }
    }

    /// The hole that was open for longest, of those that were filled.
    pub(super) fn longest_hole(&self) -> Option<Hole> {
        self.longest
    }

    /// What stands beside this end's lane.
    pub(super) fn margin(&self, side: Side) -> String {
        match side {
            Side::Client => self.sent.saturating_sub(self.acked.max(1)).to_string(),
            Side::Server if self.early.is_empty() => self.next.to_string(),
            Side::Server => format!("{}, hole", self.next),
        }
    }
}

/// The later one of two sequence numbers.
fn later(one: u32, other: u32) -> u32 {
    if (other.wrapping_sub(one) as i32) > 0 {
        other
    } else {
        one
    }
}
