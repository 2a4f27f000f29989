//! A segment in 32 bytes: what the tracker needs to know of it, and how it becomes a segment again.

use crate::tcp::{Flags, OptionsSeen, Segment, SeqNumber, Side};
use crate::time::Span;

bitflags::bitflags! {
    /// Control bits as in [`Flags`], and what else there is.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(super) struct Marks: u16 {
        /// All control bits.
        const CONTROL = 0x1ff;
        /// The server sent it.
        const SERVER = 1 << 9;
        /// The IP header has an identification.
        const ID = 1 << 10;
        /// It has timestamps.
        const TIMESTAMPS = 1 << 11;
        /// It has a maximum segment size.
        const MSS = 1 << 12;
        /// It has a window scale.
        const SCALE = 1 << 13;
    }
}

/// What the tracker needs to know of a segment, but for its place in the connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) timestamps: (u32, u32),
    /// The acknowledgment number; on SYNs, of which it is known, options and maximum segment size.
    pub(super) ack: u32,
    /// Bytes of payload; on SYNs, which have none, the window scale.
    pub(super) len: u16,
    pub(super) window: u16,
    pub(super) id: u16,
    pub(super) marks: Marks,
}

/// All of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Note {
    /// Nanoseconds since the connection's first segment: the lower part, and the higher one.
    pub(super) since: u32,
    pub(super) since_high: u16,
    /// Its sequence number, counted from the one that was to come next.
    pub(super) ahead: i16,
    /// Its frame, counted from the connection's first.
    pub(super) frame: u32,
    pub(super) facts: Facts,
}

/// Nothing about it that notes have no room for.
pub(super) fn is_plain(segment: &Segment) -> bool {
    !segment.ip.is_marked()
        && !segment.header_cut
        && !segment.options.seen.contains(OptionsSeen::SACK)
        && segment.options.fast_open.is_none()
        && segment.options.mptcp_subtype.is_none()
}

impl Note {
    pub(super) fn since(&self) -> Span {
        Span::from_nanos((i64::from(self.since_high) << 32) | i64::from(self.since))
    }
}

impl Facts {
    pub(super) fn of(segment: &Segment, from: Side) -> Self {
        let mut marks = Marks::from_bits_truncate(segment.flags.bits());
        marks.set(Marks::SERVER, from == Side::Server);
        marks.set(Marks::ID, segment.ip.id.is_some());
        marks.set(Marks::TIMESTAMPS, segment.options.timestamps.is_some());
        Self {
            timestamps: segment.options.timestamps.unwrap_or_default(),
            ack: segment.ack.0,
            len: segment.len as u16,
            window: segment.window,
            id: segment.ip.id.unwrap_or_default(),
            marks,
        }
    }

    pub(super) fn of_syn(segment: &Segment, from: Side) -> Self {
        let options = &segment.options;
        let mut facts = Self::of(segment, from);
        facts.marks.set(Marks::MSS, options.mss.is_some());
        facts
            .marks
            .set(Marks::SCALE, options.window_scale.is_some());
        let mss = options.mss.unwrap_or_default();
        facts.ack = u32::from(options.seen.bits()) << 16 | u32::from(mss);
        facts.len = options.window_scale.unwrap_or_default().into();
        facts
    }

    #[inline]
    pub(super) fn flags(&self) -> Flags {
        Flags::from_bits_truncate((self.marks & Marks::CONTROL).bits())
    }

    /// Makes a segment of it again, but for what only its connection knows. `next` follows what the other end has sent.
    #[inline]
    pub(super) fn write(&self, segment: &mut Segment, next: SeqNumber) {
        let has = |mark: Marks| self.marks.contains(mark);
        segment.flags = self.flags();
        segment.window = self.window;
        segment.ip.id = has(Marks::ID).then_some(self.id);
        let options = &mut segment.options;
        options.timestamps = has(Marks::TIMESTAMPS).then_some(self.timestamps);
        if segment.flags.contains(Flags::SYN) {
            segment.len = 0;
            options.seen = OptionsSeen::from_bits_retain((self.ack >> 16) as u16);
            options.mss = has(Marks::MSS).then_some(self.ack as u16);
            options.window_scale = has(Marks::SCALE).then_some(self.len as u8);
            segment.ack = if segment.flags.contains(Flags::ACK) {
                next
            } else {
                SeqNumber(0)
            };
        } else {
            segment.len = self.len.into();
            segment.ack = SeqNumber(self.ack);
            options.seen = OptionsSeen::empty();
            options.mss = None;
            options.window_scale = None;
        }
    }
}
