//! What one segment did to both machines, as facts for measures and remarks.

use crate::track::ResetEffect;
use crate::track::sequence::Taken;

bitflags::bitflags! {
    /// What a segment did, as far as both machines are concerned.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(in crate::track) struct Did: u16 {
        /// A SYN without ACK, the sender's first.
        const SYN = 1 << 0;
        /// A SYN without ACK that repeats one.
        const SYN_AGAIN = 1 << 1;
        /// A SYN-ACK that acknowledges the other's SYN, the first.
        const SYN_ACK = 1 << 2;
        /// Both ends are synchronized now.
        const COMPLETES = 1 << 3;
        /// The SYNs crossed.
        const CROSSES = 1 << 4;
        /// The sender's first FIN.
        const FIN = 1 << 5;
        /// Acknowledges the peer's SYN for the first time.
        const ACKS_SYN = 1 << 6;
        /// Acknowledges the peer's FIN for the first time.
        const ACKS_FIN = 1 << 7;
        /// An acknowledgment number further on than any before.
        const ACKS_NEW = 1 << 8;
        /// Its acknowledgment number belongs to no SYN of the peer: it speaks of an older connection.
        const ACKS_OTHER = 1 << 9;
        /// The SYN-ACK acknowledges data of the SYN.
        const TAKES_SYN_DATA = 1 << 10;
        /// The SYN-ACK leaves data of the SYN unacknowledged.
        const LEAVES_SYN_DATA = 1 << 11;
        /// What repeats the SYN is a copy of it.
        const SYN_COPY = 1 << 12;
    }
}

/// What one segment did.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::track) struct Moves {
    pub(in crate::track) did: Did,
    /// What an RST did.
    pub(in crate::track) reset: Option<ResetEffect>,
    /// Payload bytes acknowledged for the first time.
    pub(in crate::track) acked: u32,
    /// Acknowledged bytes that the capture never saw.
    pub(in crate::track) unseen: u32,
    /// What the payload added.
    pub(in crate::track) taken: Taken,
}
