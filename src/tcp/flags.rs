//! The control bits of a TCP header (RFC 9293 section 3.1; CWR and ECE: RFC 3168; AE: RFC 9768).

use std::fmt;

use crate::text::{Piece, Text, display, put};

bitflags::bitflags! {
    /// Control bits, in the positions they have in the header.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct Flags: u16 {
        /// No more data from the sender; takes a sequence number (RFC 9293 section 3.4).
        const FIN = 0x001;
        /// Synchronize sequence numbers: the first one is this segment's; takes one (RFC 9293 section 3.4).
        const SYN = 0x002;
        /// Reset the connection (RFC 9293 section 3.5.2).
        const RST = 0x004;
        /// Push: hand what has arrived to the program (RFC 9293 section 3.9.1.2).
        const PSH = 0x008;
        /// The acknowledgment number is meaningful.
        const ACK = 0x010;
        /// The urgent pointer is meaningful (RFC 9293 section 3.8.5).
        const URG = 0x020;
        /// ECN echo: a packet that arrived was marked; on a SYN, asks for ECN (RFC 3168 section 6.1).
        const ECE = 0x040;
        /// Congestion window reduced: the echo was heard (RFC 3168 section 6.1.2).
        const CWR = 0x080;
        /// Accurate ECN (RFC 9768 section 3.1.1); once the nonce sum.
        const AE = 0x100;
    }
}

/// Names in the order in which they are written: the control bit that decides first, ACK last but for ECN and URG.
const NAMES: [(Flags, &str); 9] = [
    (Flags::SYN, "SYN"),
    (Flags::FIN, "FIN"),
    (Flags::RST, "RST"),
    (Flags::PSH, "PSH"),
    (Flags::ACK, "ACK"),
    (Flags::URG, "URG"),
    (Flags::ECE, "ECE"),
    (Flags::CWR, "CWR"),
    (Flags::AE, "AE"),
];

impl Flags {
    /// The set bits' names in written order: `["PSH", "ACK"]`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|(_, name)| *name)
    }

    /// A SYN that opens: SYN without ACK.
    #[must_use]
    pub const fn is_syn_only(self) -> bool {
        self.contains(Self::SYN) && !self.contains(Self::ACK)
    }

    /// SYN and ACK.
    #[must_use]
    pub const fn is_syn_ack(self) -> bool {
        self.contains(Self::SYN.union(Self::ACK))
    }
}

/// `SYN-ACK`, `FIN-ACK`, `PSH-ACK`: searchable and typeable. No bit at all is `none`.
impl Piece for Flags {
    fn put(&self, out: &mut impl Text) {
        let mut names = self.names();
        put!(out, names.next().unwrap_or("none"));
        for name in names {
            put!(out, "-", name);
        }
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Flags;

    #[test]
    fn written_as_people_search_for_them() {
        assert_eq!((Flags::SYN | Flags::ACK).to_string(), "SYN-ACK");
        assert_eq!((Flags::PSH | Flags::ACK).to_string(), "PSH-ACK");
        assert_eq!(
            (Flags::ACK | Flags::FIN | Flags::PSH).to_string(),
            "FIN-PSH-ACK"
        );
        assert_eq!(
            (Flags::SYN | Flags::ECE | Flags::CWR).to_string(),
            "SYN-ECE-CWR"
        );
        assert_eq!(Flags::empty().to_string(), "none");
    }
}
