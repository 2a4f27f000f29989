//! What an analyst calls a segment: the labels of the JSON contract.

bitflags::bitflags! {
    /// Labels of one segment. The first fifteen have Wireshark's names; the rest are our own.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct Labels: u32 {
        /// Sends again what was sent before (RFC 9293 section 3.8.1).
        const RETRANSMISSION = 1 << 0;
        /// Sent again because of duplicate ACKs, before the timer ran out (RFC 5681 section 3.2).
        const FAST_RETRANSMISSION = 1 << 1;
        /// Sent again although it had been acknowledged.
        const SPURIOUS_RETRANSMISSION = 1 << 2;
        /// Arrived after segments that were sent later.
        const OUT_OF_ORDER = 1 << 3;
        /// Bytes before this segment were not seen.
        const LOST_SEGMENT = 1 << 4;
        /// Acknowledges bytes that were not seen.
        const ACK_LOST_SEGMENT = 1 << 5;
        /// Acknowledges the same again, with nothing new (RFC 5681 section 2).
        const DUPLICATE_ACK = 1 << 6;
        /// The sender's receive window is closed: it takes 0 bytes (RFC 9293 section 3.8.6).
        const ZERO_WINDOW = 1 << 7;
        /// Asks whether a closed window has opened (RFC 9293 section 3.8.6.1).
        const ZERO_WINDOW_PROBE = 1 << 8;
        /// Answers such a probe: still closed.
        const ZERO_WINDOW_PROBE_ACK = 1 << 9;
        /// Fills the receiver's window to its last byte.
        const WINDOW_FULL = 1 << 10;
        /// Only says that the receive window changed (RFC 9293 section 3.8.6.2.2).
        const WINDOW_UPDATE = 1 << 11;
        /// Asks whether the peer is still there (RFC 9293 section 3.8.4).
        const KEEP_ALIVE = 1 << 12;
        /// Answers a keep-alive.
        const KEEP_ALIVE_ACK = 1 << 13;
        /// A new connection on a pair of ports that an earlier one of the capture had.
        const REUSED_PORTS = 1 << 14;
        /// Both ends sent a SYN before either had the other's (RFC 9293 section 3.5, figure 7).
        const SIMULTANEOUS_OPEN = 1 << 15;
        /// A socket connected to itself.
        const SELF_CONNECT = 1 << 16;
        /// A SYN with a Fast Open cookie (RFC 7413 section 4.1.1).
        const TFO_SYN = 1 << 17;
        /// The SYN-ACK acknowledges data of the SYN (RFC 7413 section 4.2.2).
        const TFO_ACCEPTED = 1 << 18;
        /// The SYN-ACK leaves the data of the SYN unacknowledged, so that they have to be sent again (RFC 7413 section 4.2.2).
        const TFO_IGNORED = 1 << 19;
        /// An ACK that answers a suspicious RST or SYN (RFC 5961).
        const CHALLENGE_ACK = 1 << 20;
        /// The capture itself recorded the packet twice.
        const CAPTURE_DUPLICATE = 1 << 21;
        /// The capture missed packets that were delivered.
        const CAPTURE_GAP = 1 << 22;
        /// Repeats the tail to provoke an acknowledgment (RFC 8985 section 7).
        const TAIL_LOSS_PROBE = 1 << 23;
        /// Reports what arrived twice (D-SACK, RFC 2883 section 4); no duplicate ACK, for it reports nothing new (RFC
        /// 6675 section 2).
        const DUPLICATE_SACK = 1 << 24;
    }
}

/// Every label's name in the JSON contract, in bit order.
const NAMES: [&str; 25] = [
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "lost_segment",
    "ack_lost_segment",
    "duplicate_ack",
    "zero_window",
    "zero_window_probe",
    "zero_window_probe_ack",
    "window_full",
    "window_update",
    "keep_alive",
    "keep_alive_ack",
    "reused_ports",
    "simultaneous_open",
    "self_connect",
    "tfo_syn",
    "tfo_accepted",
    "tfo_ignored",
    "challenge_ack",
    "capture_duplicate",
    "capture_gap",
    "tail_loss_probe",
    "duplicate_sack",
];

impl Labels {
    /// The three kinds of retransmission; `retransmissions` in the JSON contract counts segments with any of them.
    pub const ANY_RETRANSMISSION: Self = Self::RETRANSMISSION
        .union(Self::FAST_RETRANSMISSION)
        .union(Self::SPURIOUS_RETRANSMISSION);

    /// The names of the set labels.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .iter()
            .enumerate()
            .filter(move |(bit, _)| self.bits() & (1 << bit) != 0)
            .map(|(_, name)| *name)
    }

    /// The label with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let bit = NAMES.iter().position(|known| *known == name)?;
        Some(Self::from_bits_truncate(1 << bit))
    }

    /// All label names, for messages that list them.
    #[must_use]
    pub const fn all_names() -> &'static [&'static str] {
        &NAMES
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;

    #[test]
    fn every_bit_has_a_name_and_back() {
        assert_eq!(Labels::all().names().count(), Labels::all_names().len());
        for name in Labels::all_names() {
            let label = Labels::named(name).expect("listed");
            assert_eq!(label.names().collect::<Vec<_>>(), [*name]);
        }
        assert_eq!(Labels::named("lost"), None);
    }
}
