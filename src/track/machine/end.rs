//! One end of a connection: its state, and the numbers it sent and had acknowledged.

use crate::tcp::{SeqNumber, TcpState};
use crate::track::sequence::Sent;

bitflags::bitflags! {
    /// What is known of one end.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(in crate::track) struct Known: u16 {
        /// `base` is set: its ISS, or one less than the first number seen of it.
        const BASE = 1 << 0;
        /// Its SYN was seen, with or without ACK: `base` is its ISS.
        const SYN = 1 << 1;
        /// It sent a SYN without ACK: it opens actively.
        const ACTIVE = 1 << 2;
        /// It sent a SYN-ACK.
        const SYN_ACK = 1 << 3;
        /// `sent` holds numbers: SND.NXT is known.
        const SENT = 1 << 4;
        /// `una` is known: the peer acknowledged something.
        const ACKED = 1 << 5;
        /// Its SYN is acknowledged.
        const SYN_ACKED = 1 << 6;
        /// It sent a FIN, whose number is `fin`.
        const FIN = 1 << 7;
        /// Its FIN is acknowledged.
        const FIN_ACKED = 1 << 8;
        /// It sent an acknowledgment: `expects` is known.
        const ACKS = 1 << 9;
    }
}

/// One end's state and numbers.
#[derive(Clone, Debug, Default)]
pub(in crate::track) struct End {
    pub(in crate::track) state: Option<TcpState>,
    pub(in crate::track) known: Known,
    /// ISS, or what stands in for it.
    pub(in crate::track) base: SeqNumber,
    /// SND.UNA as its peer's acknowledgments tell.
    pub(in crate::track) una: SeqNumber,
    /// The latest acknowledgment number it sent: its RCV.NXT in its own words.
    pub(in crate::track) expects: SeqNumber,
    /// The number that its FIN takes.
    pub(in crate::track) fin: SeqNumber,
    /// The receive window it offered last, in bytes.
    pub(in crate::track) window: u32,
    /// What it sent.
    pub(in crate::track) sent: Sent,
}

impl End {
    pub(super) fn knows(&self, what: Known) -> bool {
        self.known.contains(what)
    }

    /// SND.NXT, as far as the capture saw it.
    pub(in crate::track) fn nxt(&self) -> SeqNumber {
        self.sent.nxt()
    }

    /// Payload bytes that were sent and are not acknowledged.
    pub(in crate::track) fn in_flight(&self) -> u32 {
        if !self.knows(Known::SENT) {
            return 0;
        }
        let from = if self.knows(Known::ACKED) {
            self.una
        } else {
            self.base + 1
        };
        let fin = u32::from(self.knows(Known::FIN) && !self.knows(Known::FIN_ACKED));
        let open = self.nxt().distance(from).max(0).unsigned_abs();
        open.saturating_sub(fin)
    }

    /// Whether its FIN or anything before is still unacknowledged.
    pub(super) fn synchronized(&self) -> bool {
        self.state.is_some_and(TcpState::is_synchronized)
    }
}
