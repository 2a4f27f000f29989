//! Segments that no capture has: made from choices, between few ends, with numbers that nearly fit together.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use handshake_watch::capture::{Frame, LinkType};
use handshake_watch::decode::{self, Decoded};
use handshake_watch::tcp::{
    Endpoint, FastOpen, Flags, FourTuple, IcmpError, IcmpKind, IpFacts, Options, OptionsSeen,
    Preview, SackBlock, Segment, SeqNumber,
};
use handshake_watch::time::Timestamp;

use super::chance::Chance;
use super::drive::{Manner, Outputs, Watch};
use super::mutate::hostile_bytes;

/// Tracks and renders a scene of at most `most` packets.
pub fn play(chance: &mut Chance<'_>, manner: &Manner, most: usize) -> Outputs {
    let mut watch = Watch::new(manner);
    let mut scene = Scene::new(chance);
    for frame in 1..=most as u64 {
        if chance.is_used_up() {
            break;
        }
        if chance.below(24) == 23 {
            let error = scene.icmp_error(frame, chance);
            watch.icmp_error(&error);
            continue;
        }
        let (segment, payload) = scene.segment(frame, chance);
        watch.alone(&segment, &payload);
    }
    watch.finish()
}

/// What the next packet is made from.
struct Scene {
    ends: Vec<Endpoint>,
    nanos: i64,
    /// The next number of each end, roughly.
    next: Vec<u32>,
}

impl Scene {
    fn new(chance: &mut Chance<'_>) -> Self {
        let most = if chance.once_in(4) { 300 } else { 4 };
        let count = 2 + chance.below(most);
        let ends = (0..count)
            .map(|place| endpoint(place, chance))
            .collect::<Vec<_>>();
        let next = ends
            .iter()
            .map(|_| chance.of(&[0, 1, 1000, 0x7fff_ff00, 0xffff_ff00]))
            .collect();
        Self {
            ends,
            next,
            nanos: chance.of(&[0, 1_795_327_023_238_266_000, i64::MAX - 1000, i64::MIN, -1]),
        }
    }

    fn time(&mut self, chance: &mut Chance<'_>) -> Timestamp {
        let step = match chance.below(8) {
            0 => 0,
            1 => i64::from(chance.word()),
            2 => -i64::from(chance.word()),
            3 => 1_000_000_000 * i64::from(chance.byte()),
            4 => chance.of(&[i64::MAX, i64::MIN, 61_000_000_000]),
            _ => 1000 * i64::from(chance.byte()),
        };
        self.nanos = self.nanos.wrapping_add(step);
        Timestamp::from_nanos(self.nanos)
    }

    fn tuple(&self, chance: &mut Chance<'_>) -> (usize, usize) {
        let from = chance.below(self.ends.len());
        let to = if chance.below(40) == 39 {
            from
        } else {
            (from ^ 1).min(self.ends.len() - 1)
        };
        (from, to)
    }

    fn segment(&mut self, frame: u64, chance: &mut Chance<'_>) -> (Segment, Vec<u8>) {
        let (from, to) = self.tuple(chance);
        let flags = match chance.below(16) {
            0 => Flags::SYN,
            1 | 2 => Flags::SYN | Flags::ACK,
            3 => Flags::FIN | Flags::ACK,
            4 => Flags::RST,
            5 => Flags::RST | Flags::ACK,
            6 => Flags::from_bits_truncate(chance.word() as u16),
            7..=9 => Flags::ACK,
            _ => Flags::PSH | Flags::ACK,
        };
        let payload = match chance.below(6) {
            0 => hostile_bytes(chance),
            1 | 2 => vec![b'a' + chance.byte() % 26; chance.below(200)],
            _ => Vec::new(),
        };
        let len = match chance.below(12) {
            0 => chance.of(&[1, 0xffff, 0x1_0000, u32::MAX]),
            _ => payload.len() as u32,
        };
        let seq = near(self.next[from], chance);
        let ack = near(self.next[to], chance);
        let controls =
            u32::from(flags.contains(Flags::SYN)) + u32::from(flags.contains(Flags::FIN));
        if chance.below(8) != 7 {
            self.next[from] = seq.wrapping_add(len).wrapping_add(controls);
        }
        #[allow(
            clippy::needless_update,
            reason = "a fact that is added to segments is as it is in a plain one"
        )]
        let segment = Segment {
            frame,
            time: self.time(chance),
            tuple: FourTuple {
                source: self.ends[from],
                destination: self.ends[to],
            },
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            len,
            flags,
            window: chance.of(&[0, 1, 64, 512, 65535, 65535, 8192, 2]),
            urgent: if chance.below(32) == 31 {
                chance.word() as u16
            } else {
                0
            },
            ip: IpFacts {
                id: (!chance.once_in(8)).then(|| u16::from(chance.byte())),
                ttl: chance.of(&[64, 64, 64, 0, 255]),
                ecn: chance.byte() & 3,
                tunnelled: chance.below(32) == 31,
            },
            interface: chance.of(&[0, 0, 0, 1, 65535]),
            header_cut: chance.below(64) == 63,
            options: options(flags, chance),
            preview: Preview::of(&payload),
            announces: if chance.below(32) == 31 {
                NonZeroU16::new(chance.of(&[0, 1712, 40000]))
            } else {
                None
            },
            ..plain_segment()
        };
        (segment, payload)
    }

    fn icmp_error(&mut self, frame: u64, chance: &mut Chance<'_>) -> IcmpError {
        let (from, to) = self.tuple(chance);
        let code = chance.byte();
        IcmpError {
            frame,
            time: self.time(chance),
            reporter: self.ends[to].address,
            tuple: FourTuple {
                source: self.ends[from],
                destination: self.ends[to],
            },
            seq: SeqNumber(near(self.next[from], chance)),
            kind: match chance.below(4) {
                0 => IcmpKind::TooBig { mtu: chance.word() },
                1 => IcmpKind::TimeExceeded,
                2 => IcmpKind::Other {
                    kind: chance.byte(),
                    code,
                },
                _ => IcmpKind::Unreachable {
                    code,
                    v6: chance.once_in(2),
                },
            },
        }
    }
}

/// A segment as decoded from a packet without anything remarkable: what is not chosen is as it is here.
pub fn plain_segment() -> Segment {
    match decode::frame(&frame_of(&plain_packet())) {
        Decoded::Segment(segment) => segment,
        other => panic!("{other:?}"),
    }
}

/// That packet: 20 bytes of IPv4 header and 20 of TCP.
pub fn plain_packet() -> Vec<u8> {
    [
        &[
            0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1,
        ][..],
        &[
            0x9c, 0x40, 6, 0xb0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0,
        ],
    ]
    .concat()
}

/// A frame of such a packet.
pub fn frame_of(packet: &[u8]) -> Frame<'_> {
    Frame {
        number: 1,
        time: Timestamp::from_nanos(0),
        link: LinkType::RAW,
        interface: 0,
        data: packet,
        original_len: packet.len() as u32,
    }
}

/// One of many ends; the same place gives few different ones.
pub fn endpoint(place: usize, chance: &mut Chance<'_>) -> Endpoint {
    let address = match chance.below(4) {
        0 => IpAddr::V6(Ipv6Addr::from_bits(u128::MAX - place as u128)),
        1 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => IpAddr::V4(Ipv4Addr::from_bits(0x7f00_0001 + place as u32 / 7)),
    };
    let port = if place % 2 == 1 {
        1712
    } else {
        chance.of(&[0, 80, 40000, 65535])
    };
    Endpoint {
        address,
        port: port ^ (place as u16 / 2),
    }
}

/// Mostly the number itself, sometimes a little off, sometimes anything.
fn near(number: u32, chance: &mut Chance<'_>) -> u32 {
    match chance.below(16) {
        0 => number.wrapping_sub(1),
        1 => number.wrapping_add(1),
        2 => number.wrapping_sub(u32::from(chance.byte()) * 8),
        3 => number.wrapping_add(u32::from(chance.byte()) * 8),
        4 => chance.word(),
        5 => number.wrapping_add(0x8000_0000),
        _ => number,
    }
}

fn options(flags: Flags, chance: &mut Chance<'_>) -> Options {
    let mut options = Options::default();
    if flags.contains(Flags::SYN) {
        options.mss = (!chance.once_in(4)).then(|| chance.of(&[0, 1, 536, 1460, 65495, 65535]));
        options.window_scale = (!chance.once_in(4)).then(|| chance.of(&[0, 7, 10, 14, 15, 255]));
        options.seen.set(OptionsSeen::MSS, options.mss.is_some());
        options
            .seen
            .set(OptionsSeen::WINDOW_SCALE, options.window_scale.is_some());
    }
    if chance.once_in(3) {
        options.timestamps = Some((chance.word(), chance.word()));
        options.seen |= OptionsSeen::TIMESTAMPS;
    }
    for _ in 0..chance.below(8).saturating_sub(3) {
        let block = SackBlock {
            left: SeqNumber(near(0, chance)),
            right: SeqNumber(near(1000, chance)),
        };
        options.seen |= OptionsSeen::SACK;
        let _ = options.sack.try_push(block);
    }
    if chance.once_in(16) {
        options.fast_open = Some(chance.of(&[
            FastOpen::Request,
            FastOpen::Cookie(8),
            FastOpen::Cookie(255),
        ]));
        options.mptcp_subtype = Some(chance.byte());
        options.seen |= OptionsSeen::from_bits_truncate(chance.word() as u16);
    }
    options
}
