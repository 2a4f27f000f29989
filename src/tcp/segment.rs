//! One TCP segment as decoded: a small value without heap, so that millions can pass through a channel.

use std::fmt;
use std::num::NonZeroU16;

use super::{Flags, FourTuple, Options, SeqNumber};
use crate::time::Timestamp;

/// A TCP segment and the facts about its packet that analysis needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// The packet's number in the capture, from 1; of the last fragment when it was put together from several.
    pub frame: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// From whom to whom.
    pub tuple: FourTuple,
    /// SEG.SEQ: number of the first byte, or of the SYN.
    pub seq: SeqNumber,
    /// The acknowledgment field as it is in the header, whether or not ACK is set.
    pub ack: SeqNumber,
    /// Payload bytes, from the IP length (from the frame when that is 0: offload). SYN and FIN are not counted here.
    pub len: u32,
    /// Control bits (RFC 9293 section 3.1).
    pub flags: Flags,
    /// The window field as it is: bytes on a SYN, else units of the scale that the SYNs agreed on (RFC 7323 section 2.2).
    pub window: u16,
    /// The urgent pointer: bytes from `seq` to the byte after the urgent data; meaningful only with URG.
    pub urgent: u16,
    /// What the IP header said.
    pub ip: IpFacts,
    /// The capture interface's number in the file; 0 where there is only one.
    pub interface: u16,
    /// The capture cut the TCP header after its fixed 20 bytes: only the options before the cut are known.
    pub header_cut: bool,
    /// Header options.
    pub options: Options,
    /// The first captured bytes of the payload.
    pub preview: Preview,
    /// The port on which the sender says, in FTP, that it waits for a data connection.
    pub announces: Option<NonZeroU16>,
}

/// Facts from the IP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IpFacts {
    /// IPv4 identification; `None` for IPv6.
    pub id: Option<u16>,
    /// TTL or hop limit, as it was left at the capture point.
    pub ttl: u8,
    /// The two ECN bits: 0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE (RFC 3168).
    pub ecn: u8,
    /// Found under a tunnel header; the addresses are the inner ones.
    pub tunnelled: bool,
}

/// The first captured payload bytes, for the ladder's arrow. More is decoded again on demand.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Preview {
    len: u8,
    bytes: [u8; Preview::CAPACITY],
}

impl Preview {
    /// As much as an arrow has room for.
    pub const CAPACITY: usize = 23;

    /// Of no payload.
    pub const EMPTY: Self = Self {
        len: 0,
        bytes: [0; Self::CAPACITY],
    };

    /// Keeps the start of `payload`.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        let mut preview = Self::default();
        preview.keep(payload);
        preview
    }

    /// Keeps the start of `payload` instead of what was kept before.
    #[inline]
    pub fn keep(&mut self, payload: &[u8]) {
        // A copy of fixed length is a few instructions, one of any length a call.
        if let Some(start) = payload.first_chunk() {
            self.len = Self::CAPACITY as u8;
            self.bytes = *start;
            return;
        }
        self.len = payload.len() as u8;
        self.bytes = [0; Self::CAPACITY];
        if !payload.is_empty() {
            self.bytes[..payload.len()].copy_from_slice(payload);
        }
    }

    /// The kept bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.bytes().escape_ascii())
    }
}

impl IpFacts {
    /// "Congestion experienced" in [`ecn`](Self::ecn): a router marked the packet instead of dropping it (RFC 3168 section 5).
    pub const CE: u8 = 3;

    /// Whether a router marked it.
    #[must_use]
    pub const fn is_marked(&self) -> bool {
        self.ecn == Self::CE
    }
}

impl Segment {
    /// SEG.LEN of RFC 9293: payload plus one each for SYN and FIN.
    #[must_use]
    pub fn seq_len(&self) -> u32 {
        let controls =
            u32::from(self.flags.contains(Flags::SYN)) + u32::from(self.flags.contains(Flags::FIN));
        self.len.wrapping_add(controls)
    }

    /// The number after the last one this segment occupies.
    #[must_use]
    pub fn seq_end(&self) -> SeqNumber {
        self.seq + self.seq_len()
    }

    /// The acknowledgment number, when ACK is set.
    #[must_use]
    pub fn acknowledges(&self) -> Option<SeqNumber> {
        self.flags.contains(Flags::ACK).then_some(self.ack)
    }
}
