//! The opening of a connection, timed: which frames made it, and how its round trip splits at the capture point.

use super::connection::Handshake;
use crate::time::{Span, Timestamp};

/// A time stamp or none, in eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment(Timestamp);

impl Moment {
    /// No capture reaches back to 1677.
    const NONE: Self = Self(Timestamp::from_nanos(i64::MIN));

    fn get(self) -> Option<Timestamp> {
        (self != Self::NONE).then_some(self.0)
    }

    fn since(self, earlier: Self) -> Option<Span> {
        Some(self.get()? - earlier.get()?)
    }
}

/// What is kept of the opening; frames are 0 where there is none.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) syn: u64,
    pub(super) syn_ack: u64,
    pub(super) ack: u64,
    /// SYNs of the client.
    pub(super) syns: u32,
    /// How many frames after the first SYN the client sent the last one that came before any SYN-ACK.
    heard_after: u32,
    /// Most recent SYN.
    syn_time: Moment,
    /// First SYN-ACK since then.
    syn_ack_time: Moment,
    /// What completed the opening.
    ack_time: Moment,
    /// First segment with ACK and without SYN, and the SYN it is measured from.
    first_ack: (Moment, Moment),
}

impl Opening {
    pub(super) fn new() -> Self {
        Self {
            syn: 0,
            syn_ack: 0,
            ack: 0,
            syns: 0,
            heard_after: 0,
            syn_time: Moment::NONE,
            syn_ack_time: Moment::NONE,
            ack_time: Moment::NONE,
            first_ack: (Moment::NONE, Moment::NONE),
        }
    }

    /// A SYN without ACK, of the client or not. Once the opening is complete, its count and times stand.
    pub(super) fn syn(&mut self, frame: u64, time: Timestamp, of_client: bool) {
        if self.syn == 0 {
            self.syn = frame;
        }
        if self.syn_ack == 0 && of_client {
            self.heard_after = u32::try_from(frame.saturating_sub(self.syn)).unwrap_or(u32::MAX);
        }
        if self.ack == 0 {
            self.syns = self.syns.saturating_add(u32::from(of_client));
            self.syn_time = Moment(time);
            self.syn_ack_time = Moment::NONE;
        }
    }

    /// A SYN-ACK that acknowledges the SYN.
    pub(super) fn syn_ack(&mut self, frame: u64, time: Timestamp) {
        if self.syn_ack == 0 {
            self.syn_ack = frame;
        }
        if self.syn_ack_time == Moment::NONE {
            self.syn_ack_time = Moment(time);
        }
    }

    /// A segment with ACK and without SYN: the first one gives the initial round-trip time, as Wireshark takes it.
    #[inline]
    pub(super) fn plain_ack(&mut self, time: Timestamp) {
        if self.syn != 0 && self.first_ack.0 == Moment::NONE {
            self.first_ack = (Moment(time), self.syn_time);
        }
    }

    /// Both ends are synchronized. The two parts of the handshake's round trip, where both were seen.
    pub(super) fn complete(&mut self, frame: u64, time: Timestamp) -> Option<(Span, Span)> {
        if self.ack != 0 || (self.syn == 0 && self.syn_ack == 0) {
            return None;
        }
        self.ack = frame;
        self.ack_time = Moment(time);
        Some((
            self.syn_ack_time.since(self.syn_time)?,
            self.ack_time.since(self.syn_ack_time)?,
        ))
    }

    /// The frame of the SYN that was answered, where others had not been.
    pub(super) fn heard(&self) -> Option<u64> {
        (self.heard_after > 0 && self.syn_ack != 0).then(|| self.syn + u64::from(self.heard_after))
    }

    /// When the opening was complete.
    pub(super) fn completed_at(&self) -> Option<Timestamp> {
        self.ack_time.get()
    }

    /// When the SYN-ACK came.
    pub(super) fn answered_at(&self) -> Option<Timestamp> {
        self.syn_ack_time.get()
    }

    /// When the first segment with ACK and without SYN came.
    pub(super) fn first_ack_at(&self) -> Option<Timestamp> {
        self.first_ack.0.get()
    }

    /// Nothing remains to be timed: there was such a segment, or no SYN to measure it from.
    pub(super) fn is_timed(&self) -> bool {
        self.syn == 0 || self.first_ack.0 != Moment::NONE
    }

    pub(super) fn handshake(&self) -> Handshake {
        let frame = |frame: u64| (frame != 0).then_some(frame);
        Handshake {
            syn: frame(self.syn),
            syn_ack: frame(self.syn_ack),
            ack: frame(self.ack),
            syns: self.syns,
            syn_to_synack: self.syn_ack_time.since(self.syn_time),
            synack_to_ack: self.ack_time.since(self.syn_ack_time),
            initial_rtt: self.first_ack.0.since(self.first_ack.1),
        }
    }
}
