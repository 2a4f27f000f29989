//! What Wireshark remembers of one direction.

use crate::tcp::{Flags, Labels, Segment, SeqNumber};
use crate::time::Timestamp;

/// In [`Flow::duplicates`]: that unseen bytes were acknowledged has been said, and is not to be said again.
pub(super) const UNSEEN_WAS_SAID: i16 = -1;

/// Shifts above this are used as this (RFC 7323 section 2.3).
const MAX_SHIFT: u8 = 14;

/// With so many segments unacknowledged Wireshark notes no more of them, and forgets to count SYN and FIN.
pub(in crate::track) const MAX_UNACKNOWLEDGED: u16 = 10_000;

bitflags::bitflags! {
    /// Facts about one direction.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(super) struct Marks: u8 {
        /// Its first number is known.
        const BASE = 1;
        /// A SYN was seen and no ACK after it: its window was not scaled.
        const FIRST_ACK_DUE = 1 << 1;
        /// A window was seen.
        const WINDOW = 1 << 2;
        /// Its last segment was a keep-alive.
        const KEEP_ALIVE = 1 << 3;
        /// Its last segment was a zero-window probe.
        const PROBE = 1 << 4;
    }
}

/// A window scale shift, or why there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::track) struct Scale(i8);

impl Scale {
    /// No SYN was seen.
    pub(in crate::track) const UNKNOWN: Self = Self(-1);
    /// Scaling was not agreed on.
    const UNUSED: Self = Self(-2);

    fn of(shift: u8) -> Self {
        Self(shift as i8)
    }

    /// Takes the sender's option, if there is one.
    pub(super) fn say(&mut self, segment: &Segment) {
        if let Some(shift) = segment.options.window_scale {
            *self = Self::of(shift.min(MAX_SHIFT));
        }
    }

    /// Takes what the sender of a segment says. Scaling holds in both directions or in none (RFC 7323 section 2.2).
    pub(in crate::track) fn learn(segment: &Segment, sender: &mut Self, receiver: &mut Self) {
        sender.say(segment);
        if !segment.flags.contains(Flags::SYN) {
            return;
        }
        if *sender == Self::UNKNOWN {
            *sender = Self::UNUSED;
            *receiver = Self::UNUSED;
        } else if segment.flags.contains(Flags::ACK) && *receiver == Self::UNUSED {
            *sender = Self::UNUSED;
        }
    }

    #[inline]
    pub(in crate::track) fn shift(self) -> Option<u8> {
        u8::try_from(self.0).ok()
    }
}

/// One direction. A number of 0 means "not yet", as it does in Wireshark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Flow {
    /// When the segment that moved `next` was captured.
    pub(super) next_time: Timestamp,
    /// When its last segment was captured.
    pub(super) last_ack_time: Timestamp,
    /// What numbers are relative to.
    pub(super) base: SeqNumber,
    /// The highest number after a segment.
    pub(super) next: SeqNumber,
    /// The highest number up to which nothing is missing, as far as Wireshark can tell.
    pub(super) contiguous: SeqNumber,
    /// The acknowledgment field of its last segment.
    pub(super) last_ack: SeqNumber,
    /// Duplicate ACKs in a row, or [`UNSEEN_WAS_SAID`].
    pub(super) duplicates: i16,
    /// Segments in a row that were never fully acknowledged.
    pub(super) unacknowledged: u16,
    pub(super) window: u16,
    /// What Multipath TCP had been seen to do when its last segment came, as [`Analysis`](super::Analysis) counts it.
    pub(super) operations: u16,
    /// How its window field is scaled.
    pub(super) scale: Scale,
    /// Facts.
    pub(super) marks: Marks,
}

impl Flow {
    pub(super) fn new() -> Self {
        Self {
            next_time: Timestamp::default(),
            last_ack_time: Timestamp::default(),
            base: SeqNumber(0),
            next: SeqNumber(0),
            contiguous: SeqNumber(0),
            last_ack: SeqNumber(0),
            duplicates: 0,
            unacknowledged: 0,
            window: 0,
            operations: 0,
            scale: Scale::UNKNOWN,
            marks: Marks::empty(),
        }
    }

    /// Whether its last segment had this window field.
    pub(super) fn has_window(&self, window: u16) -> bool {
        self.window == window && self.marks.contains(Marks::WINDOW)
    }

    /// The number after the last byte that this end's window lets the other send; `None` while the scale is unknown.
    pub(super) fn right_edge(&self) -> Option<SeqNumber> {
        if self.scale == Scale::UNKNOWN {
            return None;
        }
        // Before any segment was seen Wireshark's window is all ones.
        let window = if self.marks.contains(Marks::WINDOW) {
            u32::from(self.window)
        } else {
            u32::MAX
        };
        let shift = match self.scale.shift() {
            Some(shift) if !self.marks.contains(Marks::FIRST_ACK_DUE) => shift,
            _ => 0,
        };
        Some(self.last_ack + (window << shift))
    }

    /// Takes over what later segments are compared with.
    pub(super) fn remember(&mut self, segment: &Segment, labels: Labels) {
        let probe = labels.contains(Labels::ZERO_WINDOW_PROBE);
        let mut end = end_of(segment);
        if end != segment.seq {
            if self.unacknowledged < MAX_UNACKNOWLEDGED {
                self.unacknowledged += 1;
            } else {
                end = segment.seq + segment.len;
            }
        }
        if !probe {
            if self.next.0 == 0 || later(end, self.next) {
                self.next = end;
                self.next_time = segment.time;
            }
            if self.contiguous.0 == 0 || segment.seq == self.contiguous {
                self.contiguous = self.next;
            }
        }
        self.last_ack = segment.ack;
        self.last_ack_time = segment.time;
        self.window = segment.window;
        self.marks |= Marks::WINDOW;
        self.marks
            .set(Marks::KEEP_ALIVE, labels.contains(Labels::KEEP_ALIVE));
        self.marks.set(Marks::PROBE, probe);
    }
}

/// Whether a number lies behind another. Of two that are half of the number space apart each lies behind the other, and
/// before it as well.
pub(super) fn later(number: SeqNumber, other: SeqNumber) -> bool {
    other.before(number)
}

/// The number after a segment; SYN and FIN together count as one.
pub(super) fn end_of(segment: &Segment) -> SeqNumber {
    let control = u32::from(segment.flags.intersects(Flags::SYN | Flags::FIN));
    segment.seq + segment.len + control
}
