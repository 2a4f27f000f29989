//! One datagram under assembly: the bytes that have arrived, and which are still missing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::decode::Fragment;

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// Room before the payload, so that a header can be put there without moving it.
const ROOM: usize = IPV6_HEADER;

/// Payload that a datagram can have: the 16-bit length of IPv4 includes the header (RFC 791), that of IPv6 does not
/// (RFC 8200).
const LONGEST_IPV4: usize = 0xffff - IPV4_HEADER;
const LONGEST_IPV6: usize = 0xffff;

/// What a datagram takes even without payload, for the bound on memory.
const OVERHEAD: usize = 256;

#[derive(Debug)]
pub(super) struct Assembly {
    /// [`ROOM`], then the payload as far as any fragment reached, with zeros where none has arrived.
    buffer: Vec<u8>,
    /// The payload bytes that have arrived: disjoint, not adjacent, in order.
    arrived: Vec<Stretch>,
    /// The payload's length, once the last fragment is there.
    len: Option<usize>,
    /// From the fragment with offset 0.
    first: Option<First>,
    /// The ECN bits of a fragment that a router marked, which marks the whole datagram (RFC 3168 section 5.3).
    marked: Option<u8>,
    fragments: u32,
    first_frame: u64,
}

/// From `begin` up to but not including `end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stretch {
    begin: usize,
    end: usize,
}

/// What the first fragment's header says of the whole datagram.
#[derive(Clone, Copy, Debug)]
struct First {
    protocol: u8,
    id: u16,
    ttl: u8,
    ecn: u8,
}

/// Whether a fragment can be part of any datagram: all but the last carry multiples of eight bytes, and none reaches
/// beyond the longest datagram.
pub(super) fn is_possible(fragment: &Fragment<'_>) -> bool {
    let longest = match fragment.source {
        IpAddr::V4(_) => LONGEST_IPV4,
        IpAddr::V6(_) => LONGEST_IPV6,
    };
    let len = fragment.payload.len();
    let whole_units = len > 0 && len.is_multiple_of(8);
    (whole_units || !fragment.more) && len <= longest && fragment.offset as usize <= longest - len
}

impl Assembly {
    pub(super) fn new(first_frame: u64) -> Self {
        Self {
            buffer: Vec::new(),
            arrived: Vec::new(),
            len: None,
            first: None,
            marked: None,
            fragments: 0,
            first_frame,
        }
    }

    /// Adds a possible fragment; false, and nothing is added, if it contradicts the datagram's length.
    pub(super) fn add(&mut self, fragment: &Fragment<'_>) -> bool {
        let begin = fragment.offset as usize;
        let end = begin + fragment.payload.len();
        let reached = self.arrived.last().map_or(0, |stretch| stretch.end);
        let fits = match (self.len, fragment.more) {
            (Some(len), true) => end <= len,
            (Some(len), false) => end == len,
            (None, true) => true,
            (None, false) => reached <= end,
        };
        if !fits {
            return false;
        }
        if !fragment.more {
            self.len = Some(end);
        }
        if begin == 0 && self.first.is_none() {
            self.first = Some(First {
                protocol: fragment.protocol,
                id: fragment.ip.id.unwrap_or(fragment.id as u16),
                ttl: fragment.ip.ttl,
                ecn: fragment.ip.ecn,
            });
        }
        if fragment.ip.is_marked() {
            self.marked = Some(fragment.ip.ecn);
        }
        self.fragments = self.fragments.saturating_add(1);
        self.fill(begin, fragment.payload);
        true
    }

    /// Bytes that this datagram takes.
    pub(super) fn held(&self) -> usize {
        if self.fragments == 0 {
            return 0;
        }
        OVERHEAD + self.buffer.len() + self.arrived.len() * size_of::<Stretch>()
    }

    pub(super) fn is_whole(&self) -> bool {
        let Some(len) = self.len else {
            return false;
        };
        self.first.is_some() && (len == 0 || self.arrived == [Stretch { begin: 0, end: len }])
    }

    pub(super) fn fragments(&self) -> u32 {
        self.fragments
    }

    pub(super) fn first_frame(&self) -> u64 {
        self.first_frame
    }

    /// The whole datagram behind a header of its own.
    pub(super) fn with_header(&mut self, source: IpAddr, destination: IpAddr) -> Option<&[u8]> {
        let (len, mut first) = (self.len?, self.first?);
        first.ecn = self.marked.unwrap_or(first.ecn);
        let start = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let header = ipv4_header(source, destination, first, len);
                self.buffer[ROOM - IPV4_HEADER..ROOM].copy_from_slice(&header);
                ROOM - IPV4_HEADER
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let header = ipv6_header(source, destination, first, len);
                self.buffer[..ROOM].copy_from_slice(&header);
                0
            }
            _ => return None,
        };
        self.buffer.get(start..ROOM + len)
    }

    /// Copies those bytes of `payload` that have not arrived yet, and notes that they have.
    fn fill(&mut self, begin: usize, payload: &[u8]) {
        let end = begin + payload.len();
        if self.buffer.len() < ROOM + end {
            self.buffer.resize(ROOM + end, 0);
        }
        // The stretches that touch the new one, which become one with it.
        let from = self.arrived.partition_point(|old| old.end < begin);
        let to = self.arrived.partition_point(|old| old.begin <= end);
        let mut at = begin;
        for old in &self.arrived[from..to] {
            self.buffer[ROOM + at..ROOM + old.begin.max(at)]
                .copy_from_slice(&payload[at - begin..old.begin.max(at) - begin]);
            at = at.max(old.end);
        }
        if at < end {
            self.buffer[ROOM + at..ROOM + end].copy_from_slice(&payload[at - begin..]);
        }
        let joined = Stretch {
            begin: self.arrived[from..to]
                .first()
                .map_or(begin, |old| old.begin.min(begin)),
            end: at.max(end),
        };
        if joined.begin < joined.end {
            self.arrived.splice(from..to, [joined]);
        }
    }
}

fn ipv4_header(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    first: First,
    len: usize,
) -> [u8; IPV4_HEADER] {
    let mut header = [0; IPV4_HEADER];
    header[0] = 0x45;
    header[1] = first.ecn;
    header[2..4].copy_from_slice(&((IPV4_HEADER + len) as u16).to_be_bytes());
    header[4..6].copy_from_slice(&first.id.to_be_bytes());
    header[8] = first.ttl;
    header[9] = first.protocol;
    header[12..16].copy_from_slice(&source.octets());
    header[16..20].copy_from_slice(&destination.octets());
    let checksum = checksum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

fn ipv6_header(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    first: First,
    len: usize,
) -> [u8; IPV6_HEADER] {
    let mut header = [0; IPV6_HEADER];
    header[0] = 0x60;
    // The traffic class straddles two bytes; ECN is its lower end.
    header[1] = first.ecn << 4;
    header[4..6].copy_from_slice(&(len as u16).to_be_bytes());
    header[6] = first.protocol;
    header[7] = first.ttl;
    header[8..24].copy_from_slice(&source.octets());
    header[24..40].copy_from_slice(&destination.octets());
    header
}

/// The Internet checksum (RFC 1071).
fn checksum(header: &[u8; IPV4_HEADER]) -> u16 {
    let sum: u32 = header
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}
