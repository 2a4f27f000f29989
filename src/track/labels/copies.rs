//! Packets that the capture recorded twice: on both sides of a switch, or on two interfaces.

use crate::tcp::Segment;
use crate::time::{Span, Timestamp};

/// A copy follows its original within this; nothing is sent twice so fast.
const WINDOW: Span = Span::from_micros(50);

/// Segments of one direction that a copy may be of. Copies can trail by one segment when two capture points interleave.
const DEPTH: usize = 2;

/// What must be the same in a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Print {
    frame: u64,
    time: Timestamp,
    /// Numbers, length, window, flags, identification and timestamps, mixed. Two packets within the window that differ
    /// and mix to the same are not to be expected.
    mix: u64,
}

/// The latest segments of one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::track) struct Copies {
    prints: [Print; DEPTH],
    next: u8,
}

impl Copies {
    /// The frame of the original, if this segment is a copy. `alone` tells that the other end was silent since; only then
    /// a segment without IP identification can be recognised.
    pub(super) fn original(&self, segment: &Segment, alone: bool) -> Option<u64> {
        let latest = &self.prints[usize::from(self.next ^ 1)];
        if latest.frame == 0 || segment.time - latest.time >= WINDOW {
            return None;
        }
        let counted = segment.ip.id.is_some_and(|id| id != 0);
        let distinct = segment.len > 0 && segment.options.timestamps.is_some() && alone;
        if !counted && !distinct {
            return None;
        }
        let print = Print::of(segment);
        self.prints
            .iter()
            .find(|earlier| {
                earlier.frame != 0
                    && earlier.mix == print.mix
                    && (segment.time - earlier.time).abs() < WINDOW
            })
            .map(|earlier| earlier.frame)
    }

    /// Something in the header tells a packet from the one that its sender sends next with the same numbers.
    pub(super) fn is_marked(segment: &Segment) -> bool {
        segment.ip.id.is_some_and(|id| id != 0) || segment.options.timestamps.is_some()
    }

    /// One of the latest segments was the same in everything that is compared.
    pub(super) fn has(&self, segment: &Segment) -> bool {
        let print = Print::of(segment);
        self.prints
            .iter()
            .any(|earlier| earlier.frame != 0 && earlier.mix == print.mix)
    }

    /// When the latest segment was captured.
    pub(in crate::track) fn last_time(&self) -> Timestamp {
        self.prints[usize::from(self.next ^ 1)].time
    }

    /// Remembers a segment that is no copy.
    #[inline]
    pub(in crate::track) fn remember(&mut self, segment: &Segment) {
        self.prints[usize::from(self.next)] = Print::of(segment);
        self.next ^= 1;
    }
}

impl Print {
    fn of(segment: &Segment) -> Self {
        let (value, echo) = segment.options.timestamps.unwrap_or_default();
        let words = [
            u64::from(segment.seq.0) << 32 | u64::from(segment.ack.0),
            u64::from(value) << 32 | u64::from(echo),
            u64::from(segment.len) << 32
                | u64::from(segment.window) << 16
                | u64::from(segment.flags.bits()),
            segment.ip.id.map_or(0, |id| u64::from(id) | 1 << 16),
        ];
        let mix = words.into_iter().fold(0_u64, |mix, word| {
            (mix.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        Self {
            frame: segment.frame,
            time: segment.time,
            mix,
        }
    }
}
