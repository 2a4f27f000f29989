//! What is remembered of one end: what it sent, what was acknowledged of it, and what it last said of itself.

use super::copies::Copies;
use super::hole::Holes;
use super::sent::Ring;
use crate::tcp::{Flags, OptionsSeen, Segment, SeqNumber};
use crate::time::{Span, Timestamp};
use crate::track::RepeatCause;

bitflags::bitflags! {
    /// Facts about one end.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(super) struct Marks: u16 {
        /// It was seen to send.
        const STARTED = 1;
        /// It sent a SYN without ACK.
        const SYN = 1 << 1;
        /// It sent a SYN-ACK.
        const SYN_ACK = 1 << 2;
        /// It sent a FIN.
        const FIN = 1 << 3;
        /// Something it sent was acknowledged.
        const ACKED = 1 << 4;
        /// It sent an acknowledgment.
        const ACKS = 1 << 5;
        /// Its window is closed.
        const WINDOW_CLOSED = 1 << 6;
        /// Its last segment was a keep-alive.
        const KEEP_ALIVE = 1 << 7;
        /// Its last segment was a zero-window probe.
        const PROBE = 1 << 8;
        /// It understands SACK.
        const SACK = 1 << 9;
        /// Its peer reported bytes above the acknowledged ones.
        const SACKED = 1 << 10;
        /// It repairs a loss that duplicate ACKs had shown, up to `recover`.
        const RECOVERING = 1 << 11;
        /// Its timer ran out, and it may send again all that was out then, up to `recover`.
        const TIMED_OUT = 1 << 12;
    }
}

/// One end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Half {
    /// The number after the highest byte it was seen to send.
    pub(super) next: SeqNumber,
    /// The number of its first SYN or byte.
    pub(super) first: SeqNumber,
    /// The number after its FIN.
    pub(super) fin_end: SeqNumber,
    /// The highest acknowledgment of what it sent.
    pub(super) acked: SeqNumber,
    /// The highest number that its peer reported with SACK.
    pub(super) sacked: SeqNumber,
    /// Where the repair of a loss ends.
    pub(super) recover: SeqNumber,
    /// The acknowledgment number it sent last.
    pub(super) last_ack: SeqNumber,
    /// How often in a row it sent that as a duplicate ACK.
    pub(super) duplicates: u32,
    /// The frame in which it sent that number first.
    pub(super) ack_frame: u64,
    /// When its window closed.
    pub(super) closed_since: Timestamp,
    /// When it sent its first SYN.
    pub(super) syn_time: Timestamp,
    /// SYNs it sent.
    pub(super) syns: u32,
    /// Probes it sent while its peer's window was closed.
    pub(super) probes: u32,
    /// Its last window field.
    pub(super) window: u16,
    /// Facts.
    pub(super) marks: Marks,
    /// Smoothed time from its segments to their acknowledgments, as seen at the capture point; zero until known.
    pub(super) round_trip: Span,
    /// What it sent and was not seen.
    pub(super) holes: Holes,
    /// What it sent last.
    pub(super) sent: Ring,
    /// What copies would be copies of.
    pub(super) copies: Copies,
}

impl Half {
    pub(super) fn has(&self, marks: Marks) -> bool {
        self.marks.contains(marks)
    }

    /// Its first segment, or a SYN-ACK that starts its numbering anew.
    pub(super) fn start(&mut self, segment: &Segment) {
        self.first = segment.seq;
        self.next = segment.seq_end();
        self.holes = Holes::default();
        self.marks |= Marks::STARTED;
        self.marks -=
            Marks::ACKED | Marks::SACKED | Marks::RECOVERING | Marks::TIMED_OUT | Marks::FIN;
    }

    /// Bytes it sent are still unacknowledged.
    pub(super) fn has_outstanding(&self) -> bool {
        let acked = if self.has(Marks::ACKED) {
            self.acked
        } else {
            self.first
        };
        self.has(Marks::STARTED) && self.next.after(acked)
    }

    /// Nothing but this segment is outstanding.
    pub(super) fn sends_one(&self, segment: &Segment) -> bool {
        self.next == segment.seq_end() && self.has(Marks::ACKED) && self.acked == segment.seq
    }

    /// A repeat may begin the repair of a loss, which ends where everything is acknowledged that was out by now. A time-out
    /// ends a fast recovery, and until all that was out then is acknowledged no other begins (RFC 6582 section 4, RFC 6675
    /// section 5.1).
    pub(super) fn begin_repair(&mut self, cause: RepeatCause) {
        let begun = match cause {
            RepeatCause::Timer { .. } => Marks::TIMED_OUT,
            RepeatCause::FastRetransmit
                if !self.marks.intersects(Marks::RECOVERING | Marks::TIMED_OUT) =>
            {
                Marks::RECOVERING
            }
            _ => return,
        };
        self.marks -= Marks::RECOVERING;
        self.marks |= begun;
        self.recover = self.next;
    }

    /// Takes an RTT sample into the smoothed value (RFC 6298 section 2.3).
    pub(super) fn sample(&mut self, rtt: Span) {
        self.round_trip = smoothed(self.round_trip, rtt);
    }

    /// What it last said of itself, for the segments to come.
    pub(super) fn remember(&mut self, segment: &Segment) {
        self.window = segment.window;
        if let Some(ack) = segment.acknowledges()
            && !segment.flags.contains(Flags::RST)
            && (!self.has(Marks::ACKS) || ack.after(self.last_ack))
        {
            self.last_ack = ack;
            self.ack_frame = segment.frame;
            self.duplicates = 0;
            self.marks |= Marks::ACKS;
        }
        if segment
            .options
            .seen
            .intersects(OptionsSeen::SACK_PERMITTED | OptionsSeen::SACK)
        {
            self.marks |= Marks::SACK;
        }
        self.copies.remember(segment);
    }
}

/// The smoothed round-trip time after one more sample (RFC 6298 section 2.3). Zero is "none so far".
pub(in crate::track) fn smoothed(old: Span, rtt: Span) -> Span {
    let old = old.as_nanos();
    let new = if old == 0 {
        rtt.as_nanos()
    } else {
        old.saturating_add(rtt.as_nanos().saturating_sub(old) / 8)
    };
    Span::from_nanos(new.max(1))
}
