//! Holes: sequence numbers of one direction that were jumped over and not seen since.

use arrayvec::ArrayVec;

use crate::tcp::{Segment, SeqNumber};

/// Holes that are remembered in each direction. A receiver that reports with SACK can name no more than four; more of
/// them means that the capture, not the network, loses packets, and then the oldest one is forgotten.
const CAPACITY: usize = 8;

/// IP identifications that differ by more than this say nothing about the order of sending.
const MAX_ID_STEP: u16 = 1024;

/// One hole and what is known of the segment that revealed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hole {
    start: SeqNumber,
    end: SeqNumber,
    stamp: Stamp,
    /// The receiver has said that it misses these bytes.
    complained: bool,
    /// The timestamp value of that complaint.
    complaint: Option<u32>,
}

/// What shows in which order segments were sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    /// IPv4 identification, if it counts.
    id: Option<u16>,
    /// Timestamp value.
    clock: Option<u32>,
}

impl Stamp {
    /// The stamp of a segment. An identification of 0 is what stacks send that do not count.
    pub(super) fn of(segment: &Segment) -> Self {
        Self {
            id: segment.ip.id.filter(|id| *id != 0),
            clock: segment.options.timestamps.map(|(value, _)| value),
        }
    }

    /// Whether `self` was sent before `other`; `None` if nothing shows it.
    fn sent_before(self, other: Self) -> Option<bool> {
        if let (Some(mine), Some(theirs)) = (self.id, other.id) {
            let ahead = theirs.wrapping_sub(mine) as i16;
            if ahead != 0 && ahead.unsigned_abs() <= MAX_ID_STEP {
                return Some(ahead > 0);
            }
        }
        match (self.clock, other.clock) {
            (Some(mine), Some(theirs)) if mine != theirs => {
                Some((theirs.wrapping_sub(mine) as i32) > 0)
            }
            _ => None,
        }
    }
}

/// What a segment filled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Filled {
    /// It was sent before what came first, so the network changed their order.
    pub(super) sent_before: Option<bool>,
    /// The receiver had complained, and the sender may have known.
    pub(super) complained: bool,
}

impl Hole {
    /// The segment echoes an older timestamp than the complaint's: its sender had not received the complaint.
    fn was_unheard(&self, segment: &Segment) -> bool {
        match (self.complaint, segment.options.timestamps) {
            (Some(complaint), Some((_, echo))) => (complaint.wrapping_sub(echo) as i32) > 0,
            _ => false,
        }
    }
}

/// The holes of one direction, in ascending order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Holes(Option<Box<ArrayVec<Hole, CAPACITY>>>);

impl Holes {
    /// A segment jumped from `start` to its own number.
    pub(super) fn open(&mut self, start: SeqNumber, segment: &Segment) {
        let holes = self.0.get_or_insert_default();
        if holes.is_full() {
            holes.remove(0);
        }
        holes.push(Hole {
            start,
            end: segment.seq,
            stamp: Stamp::of(segment),
            complained: false,
            complaint: None,
        });
    }

    /// A segment brings bytes that lie in holes; `None` if it brings none.
    pub(super) fn fill(&mut self, segment: &Segment) -> Option<Filled> {
        let (seq, end) = (segment.seq, segment.seq_end());
        let holes = self.0.as_mut()?;
        let touched = |hole: &Hole| seq.before(hole.end) && end.after(hole.start);
        let first = holes.iter().position(touched)?;
        let filled = Filled {
            sent_before: Stamp::of(segment).sent_before(holes[first].stamp),
            complained: holes[first].complained && !holes[first].was_unheard(segment),
        };
        let mut rest = ArrayVec::new();
        for hole in holes.drain(..) {
            if !touched(&hole) {
                let _ = rest.try_push(hole);
                continue;
            }
            if seq.after(hole.start) {
                let _ = rest.try_push(Hole { end: seq, ..hole });
            }
            if end.before(hole.end) {
                let _ = rest.try_push(Hole { start: end, ..hole });
            }
        }
        **holes = rest;
        Some(filled)
    }

    /// Everything before `ack` was received: how many bytes of that were never seen.
    pub(super) fn acknowledge(&mut self, ack: SeqNumber) -> u32 {
        let Some(holes) = self.0.as_mut() else {
            return 0;
        };
        let mut unseen = 0;
        holes.retain(|hole| {
            if ack.after(hole.start) {
                let right = if ack.before(hole.end) { ack } else { hole.end };
                unseen = right.relative_to(hole.start).saturating_add(unseen);
                hole.start = right;
            }
            hole.start != hole.end
        });
        if holes.is_empty() {
            self.0 = None;
        }
        unseen
    }

    /// The receiver repeats its acknowledgment, and may have reported bytes up to `reported`: it misses what lies before
    /// them.
    pub(super) fn complain(&mut self, segment: &Segment, reported: Option<SeqNumber>) {
        for hole in self.0.iter_mut().flat_map(|holes| holes.iter_mut()) {
            let missed = match reported {
                Some(reported) => reported.after(hole.start),
                None => hole.start == segment.ack,
            };
            if missed && !hole.complained {
                hole.complained = true;
                hole.complaint = segment.options.timestamps.map(|(value, _)| value);
            }
        }
    }

    /// Nothing is missing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Bytes they take up on the heap.
    pub(super) fn heap(&self) -> usize {
        match self.0 {
            Some(_) => size_of::<ArrayVec<Hole, CAPACITY>>(),
            None => 0,
        }
    }
}
