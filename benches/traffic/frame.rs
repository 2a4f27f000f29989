//! A packet becomes an Ethernet frame, with the options that systems really send and with checksums that are right.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

/// The longest payload of a segment.
pub(crate) const LONGEST: usize = 1460;

const TCP: u8 = 6;
const HOP_LIMIT: u8 = 64;
const SCALE: u8 = 7;
const MILLISECOND: u64 = 1_000_000;

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Client,
    Server,
}

impl End {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// One segment of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// Nanoseconds since the capture began.
    pub(crate) time: u64,
    pub(crate) from: End,
    pub(crate) flags: u8,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) window: u16,
    pub(crate) len: u16,
    /// Bytes that arrived out of order: from, to.
    pub(crate) sack: Option<(u32, u32)>,
}

/// The two ends of a connection and what they agreed on.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    /// Address and port of the client and of the server; both addresses are of one family.
    pub(crate) sockets: [(IpAddr, u16); 2],
    /// They send time stamps (RFC 7323).
    pub(crate) stamped: bool,
    /// Each end's last time stamp.
    pub(crate) stamps: [u32; 2],
}

impl Ends {
    /// The longest payload that one segment of this connection carries.
    pub(crate) fn room(&self) -> u16 {
        let addresses = if self.is_v6() { 20 } else { 0 };
        let stamps = if self.stamped { 12 } else { 0 };
        LONGEST as u16 - addresses - stamps
    }

    fn is_v6(&self) -> bool {
        self.sockets[0].0.is_ipv6()
    }
}

/// Makes frames; its buffers are used again for each.
#[derive(Debug)]
pub(crate) struct Framer {
    payload: Vec<u8>,
    options: Vec<u8>,
    frame: Vec<u8>,
    id: u16,
}

impl Framer {
    pub(crate) fn new() -> Self {
        let letters = (b'a'..=b'z').chain(*b"\r\n").cycle();
        Self {
            payload: letters.take(LONGEST).collect(),
            options: Vec::new(),
            frame: Vec::new(),
            id: 0,
        }
    }

    /// The frame of a packet between these ends.
    pub(crate) fn frame(&mut self, ends: &mut Ends, packet: &Packet) -> &[u8] {
        self.options(ends, packet);
        let (from, to) = match packet.from {
            End::Client => (ends.sockets[0], ends.sockets[1]),
            End::Server => (ends.sockets[1], ends.sockets[0]),
        };
        let len = 20 + self.options.len() + usize::from(packet.len);
        self.frame.clear();
        // Locally administered addresses: 2 is the client's side, 6 is the server's.
        let sides = match packet.from {
            End::Client => [6, 2],
            End::Server => [2, 6],
        };
        for side in sides {
            self.frame.extend([side, 0, 0, 0, 0, 1]);
        }
        let pseudo = match (from.0, to.0) {
            (IpAddr::V4(from), IpAddr::V4(to)) => self.v4(from, to, len),
            (IpAddr::V6(from), IpAddr::V6(to)) => self.v6(from, to, len),
            _ => unreachable!("both ends are of one family"),
        };
        self.tcp(from.1, to.1, packet, pseudo);
        &self.frame
    }

    /// Gives back the sum of the addresses, for TCP's checksum.
    fn v4(&mut self, from: Ipv4Addr, to: Ipv4Addr, len: usize) -> u64 {
        self.id = self.id.wrapping_add(1);
        self.frame.extend([0x08, 0x00]);
        let begin = self.frame.len();
        self.frame.extend([0x45, 0]);
        self.frame.extend((20 + len as u16).to_be_bytes());
        self.frame.extend(self.id.to_be_bytes());
        self.frame.extend([0x40, 0, HOP_LIMIT, TCP, 0, 0]);
        self.frame.extend(from.octets());
        self.frame.extend(to.octets());
        let checksum = folded(sum(&self.frame[begin..]));
        self.frame[begin + 10..begin + 12].copy_from_slice(&checksum.to_be_bytes());
        sum(&from.octets()) + sum(&to.octets()) + len as u64
    }

    fn v6(&mut self, from: Ipv6Addr, to: Ipv6Addr, len: usize) -> u64 {
        self.frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        self.frame.extend((len as u16).to_be_bytes());
        self.frame.extend([TCP, HOP_LIMIT]);
        self.frame.extend(from.octets());
        self.frame.extend(to.octets());
        sum(&from.octets()) + sum(&to.octets()) + len as u64
    }

    fn tcp(&mut self, from: u16, to: u16, packet: &Packet, pseudo: u64) {
        let begin = self.frame.len();
        self.frame.extend(from.to_be_bytes());
        self.frame.extend(to.to_be_bytes());
        self.frame.extend(packet.seq.to_be_bytes());
        let ack = if packet.flags & ACK == 0 {
            0
        } else {
            packet.ack
        };
        self.frame.extend(ack.to_be_bytes());
        let words = 5 + self.options.len() as u8 / 4;
        self.frame.extend([words << 4, packet.flags]);
        self.frame.extend(packet.window.to_be_bytes());
        self.frame.extend([0; 4]);
        self.frame.extend(&self.options);
        self.frame.extend(&self.payload[..usize::from(packet.len)]);
        let checksum = folded(sum(&self.frame[begin..]) + pseudo + u64::from(TCP));
        self.frame[begin + 16..begin + 18].copy_from_slice(&checksum.to_be_bytes());
    }

    /// The options that Linux sends, in its order and with its padding.
    fn options(&mut self, ends: &mut Ends, packet: &Packet) {
        const NOP: u8 = 1;
        let options = &mut self.options;
        options.clear();
        let own = packet.from as usize;
        let clock = (packet.time / MILLISECOND) as u32;
        let stamp = clock.wrapping_add(1_000_000 * (own as u32 + 1));
        let echo = if packet.flags & ACK == 0 {
            0
        } else {
            ends.stamps[packet.from.other() as usize]
        };
        if packet.flags & SYN != 0 {
            let longest = if ends.is_v6() { 1440_u16 } else { 1460 };
            options.extend([2, 4]);
            options.extend(longest.to_be_bytes());
            options.extend(if ends.stamped { [4, 2] } else { [NOP, NOP] });
            if !ends.stamped {
                options.extend([4, 2]);
            }
        } else if ends.stamped && packet.flags & RST == 0 {
            options.extend([NOP, NOP]);
        }
        if ends.stamped && packet.flags & RST == 0 {
            options.extend([8, 10]);
            options.extend(stamp.to_be_bytes());
            options.extend(echo.to_be_bytes());
            ends.stamps[own] = stamp;
        }
        if packet.flags & SYN != 0 {
            options.extend([NOP, 3, 3, SCALE]);
        }
        if let Some((from, to)) = packet.sack {
            options.extend([NOP, NOP, 5, 10]);
            options.extend(from.to_be_bytes());
            options.extend(to.to_be_bytes());
        }
    }
}

/// The sum of 16-bit numbers that IP and TCP make their checksums of.
fn sum(bytes: &[u8]) -> u64 {
    let pairs = bytes.chunks_exact(2);
    let odd = pairs
        .remainder()
        .first()
        .map_or(0, |last| u64::from(*last) << 8);
    let even: u64 = pairs
        .map(|pair| u64::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    even + odd
}

fn folded(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
