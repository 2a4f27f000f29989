//! What goes wrong along the way, as running measures: closed windows, repeats, silences, idle stretches.
//!
//! Comes in: facts of single segments. Goes out: the worst of each kind with its frames; `trouble` decides with thresholds
//! whether it is worth a reader's time. Most connections never know hardship, so a connection keeps this on the heap and
//! only from its first hardship on.

use super::waits::Wait;
use crate::tcp::{Segment, SeqNumber, Side};
use crate::time::{Span, Timestamp};

/// All hardships of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Hardships {
    pub(super) windows: Windows,
    pub(super) repeats: Repeats,
    /// The longest wait for a reply that began with payload; by the end that owed it.
    pub(super) silent: [Option<Wait>; 2],
    /// The latest long idle stretch that no reply has followed yet, and who ended it.
    pub(super) idle: Option<(Side, Stretch)>,
}

/// A stretch of the capture: where it began, where it was last seen, how long it lasted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Stretch {
    pub(super) first_frame: u64,
    pub(super) last_frame: u64,
    pub(super) began: Timestamp,
    pub(super) lasted: Span,
    pub(super) count: u32,
}

impl Stretch {
    pub(super) fn begin(frame: u64, time: Timestamp) -> Self {
        Self {
            first_frame: frame,
            last_frame: frame,
            began: time,
            lasted: Span::ZERO,
            count: 0,
        }
    }

    pub(super) fn extend(&mut self, frame: u64, time: Timestamp) {
        self.last_frame = frame;
        self.lasted = time - self.began;
    }
}

/// The receive windows of both ends, as far as they were closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Windows {
    /// Per end: closed now, since then. Its count is that of the probes.
    closed: [Option<Stretch>; 2],
    /// The longest closed stretch of either end that is over, and whose window it was.
    longest: Option<(Side, Stretch)>,
    /// A window opened again, and no bytes have followed yet.
    pub(super) reopened: bool,
}

impl Windows {
    pub(super) fn is_closed(&self, side: Side) -> bool {
        self.closed[side as usize].is_some()
    }

    /// `side` offers a window of zero.
    pub(super) fn close(&mut self, side: Side, frame: u64, time: Timestamp) {
        self.closed[side as usize]
            .get_or_insert(Stretch::begin(frame, time))
            .extend(frame, time);
    }

    /// `side` offers room again.
    pub(super) fn open(&mut self, side: Side, frame: u64, time: Timestamp) {
        let Some(mut stretch) = self.closed[side as usize].take() else {
            return;
        };
        stretch.extend(frame, time);
        self.reopened = true;
        if self
            .longest
            .is_none_or(|(_, longest)| stretch.lasted > longest.lasted)
        {
            self.longest = Some((side, stretch));
        }
    }

    /// A probe into the closed window of `side`.
    pub(super) fn probe(&mut self, side: Side, frame: u64, time: Timestamp) {
        if let Some(stretch) = &mut self.closed[side as usize] {
            stretch.count = stretch.count.saturating_add(1);
            stretch.extend(frame, time);
        }
    }

    /// The longest closed stretch, with those that last `until` the end, and whose window it was.
    pub(super) fn longest(&self, until: Timestamp) -> Option<(Side, Stretch)> {
        let sides = [Side::Client, Side::Server];
        let closed = sides.into_iter().filter_map(|side| {
            let stretch = self.closed[side as usize]?;
            let lasted = until - stretch.began;
            Some((side, Stretch { lasted, ..stretch }))
        });
        closed
            .chain(self.longest)
            .max_by_key(|(_, stretch)| stretch.lasted)
    }
}

/// Repeated segments.
#[derive(Clone, Debug, Default)]
pub(super) struct Repeats {
    /// First and last repeat of all.
    pub(super) all: Option<Stretch>,
    /// Of each end, the first data of those that were repeated and are not acknowledged yet.
    pub(super) unheard: [Option<Unheard>; 2],
}

/// Data that are sent again and again, and not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unheard {
    seq: SeqNumber,
    /// The most bytes that one segment carried of them.
    pub(super) len: u32,
    /// From their first sending on, with how often they were sent.
    pub(super) sent: Stretch,
}

impl Repeats {
    /// `side` repeats something. `data`: frame and time of the unacknowledged payload that is sent again.
    pub(super) fn repeat(&mut self, side: Side, segment: &Segment, data: Option<(u64, Timestamp)>) {
        let (frame, time) = (segment.frame, segment.time);
        let all = self.all.get_or_insert(Stretch::begin(frame, time));
        all.count = all.count.saturating_add(1);
        all.extend(frame, time);
        let Some((first_frame, first_time)) = data else {
            return;
        };
        let fresh = Unheard {
            seq: segment.seq,
            len: segment.len,
            sent: Stretch {
                count: 1,
                ..Stretch::begin(first_frame, first_time)
            },
        };
        let unheard = match &mut self.unheard[side as usize] {
            // What comes after them may be repeated as well, each once: that is the repair of many losses.
            Some(known) if segment.seq.after(known.seq) => return,
            Some(known) if segment.seq == known.seq => known,
            other => other.insert(fresh),
        };
        unheard.len = unheard.len.max(segment.len);
        unheard.sent.count = unheard.sent.count.saturating_add(1);
        unheard.sent.extend(frame, time);
    }

    /// `side`'s data were acknowledged, at least in part: the path lives.
    pub(super) fn heard(&mut self, side: Side) {
        self.unheard[side as usize] = None;
    }
}
