//! Steps of a script become frames: IP and TCP headers, options and payload, as bytes.

use std::net::IpAddr;

use etherparse::{
    IpFragOffset, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv6Extensions, Ipv6FlowLabel,
    Ipv6Header, PacketBuilder, TcpHeader, TcpOptions, icmpv4, icmpv6,
};

use super::Step;
use crate::tcp::{FastOpen, Flags, IcmpError, IcmpKind, IpFacts, Options, OptionsSeen, Segment};
use crate::time::Timestamp;

/// A constructed frame: a raw IP packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScriptFrame {
    /// When it is said to be captured.
    pub time: Timestamp,
    /// The packet, from its IP header on.
    pub bytes: Vec<u8>,
}

/// The frame of one step.
pub(super) fn of(step: &Step) -> ScriptFrame {
    match step {
        Step::Segment { segment, payload } => ScriptFrame {
            time: segment.time,
            bytes: packet(segment, payload),
        },
        Step::Icmp { error, quoted } => ScriptFrame {
            time: error.time,
            bytes: icmp(error, quoted),
        },
    }
}

fn packet(segment: &Segment, payload: &[u8]) -> Vec<u8> {
    let tuple = segment.tuple;
    let ip = ip(tuple.source.address, tuple.destination.address, segment.ip);
    let builder = PacketBuilder::ip(ip).tcp_header(header(segment));
    let mut bytes = Vec::with_capacity(builder.size(payload.len()));
    builder
        .write(&mut bytes, payload)
        .expect("a vector takes everything, and a script's payload is at most 65535 bytes");
    bytes
}

fn ip(source: IpAddr, destination: IpAddr, facts: IpFacts) -> IpHeaders {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = Ipv4Header {
                identification: facts.id.unwrap_or(0),
                dont_fragment: true,
                fragment_offset: IpFragOffset::ZERO,
                time_to_live: facts.ttl,
                ecn: ecn(facts.ecn),
                protocol: IpNumber::TCP,
                source: source.octets(),
                destination: destination.octets(),
                ..Ipv4Header::default()
            };
            IpHeaders::Ipv4(header, Ipv4Extensions::default())
        }
        (source, destination) => {
            let header = Ipv6Header {
                traffic_class: facts.ecn & 3,
                flow_label: Ipv6FlowLabel::ZERO,
                payload_length: 0,
                next_header: IpNumber::TCP,
                hop_limit: facts.ttl,
                source: octets6(source),
                destination: octets6(destination),
            };
            IpHeaders::Ipv6(header, Ipv6Extensions::default())
        }
    }
}

fn octets6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

fn ecn(bits: u8) -> etherparse::IpEcn {
    etherparse::IpEcn::try_new(bits & 3).expect("two bits are a valid ECN field")
}

fn header(segment: &Segment) -> TcpHeader {
    let flags = segment.flags;
    let mut header = TcpHeader::new(
        segment.tuple.source.port,
        segment.tuple.destination.port,
        segment.seq.0,
        segment.window,
    );
    header.acknowledgment_number = segment.ack.0;
    header.fin = flags.contains(Flags::FIN);
    header.syn = flags.contains(Flags::SYN);
    header.rst = flags.contains(Flags::RST);
    header.psh = flags.contains(Flags::PSH);
    header.ack = flags.contains(Flags::ACK);
    header.urg = flags.contains(Flags::URG);
    header.ece = flags.contains(Flags::ECE);
    header.cwr = flags.contains(Flags::CWR);
    header.ns = flags.contains(Flags::AE);
    header.urgent_pointer = segment.urgent;
    header.options = TcpOptions::try_from_slice(&options(&segment.options))
        .expect("the parser refuses options that do not fit");
    header
}

/// The options as they stand in the header, padded with NOPs to whole words.
pub(super) fn options(options: &Options) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mss) = options.mss {
        bytes.extend([2, 4]);
        bytes.extend(mss.to_be_bytes());
    }
    if options.seen.contains(OptionsSeen::SACK_PERMITTED) {
        bytes.extend([4, 2]);
    }
    if let Some((value, echo)) = options.timestamps {
        bytes.extend([8, 10]);
        bytes.extend(value.to_be_bytes());
        bytes.extend(echo.to_be_bytes());
    }
    if let Some(shift) = options.window_scale {
        bytes.extend([3, 3, shift]);
    }
    match options.fast_open {
        Some(FastOpen::Request) => bytes.extend([34, 2]),
        Some(FastOpen::Cookie(len)) => {
            bytes.extend([34, len.saturating_add(2)]);
            bytes.extend((0..len).map(|byte| byte ^ 0xa5));
        }
        None => {}
    }
    if !options.sack.is_empty() {
        bytes.extend([5, 2 + 8 * options.sack.len() as u8]);
        for block in &options.sack {
            bytes.extend(block.left.0.to_be_bytes());
            bytes.extend(block.right.0.to_be_bytes());
        }
    }
    while bytes.len() % 4 != 0 {
        bytes.push(1);
    }
    bytes
}

/// RFC 792 wants the quoted IP header and eight bytes more; RFC 4443 as much as fits. The TCP header is quoted whole.
fn icmp(error: &IcmpError, quoted: &Segment) -> Vec<u8> {
    let quote = packet(quoted, &[]);
    let to = error.tuple.source.address;
    let facts = IpFacts {
        ttl: 64,
        ..IpFacts::default()
    };
    let builder = PacketBuilder::ip(ip(error.reporter, to, facts));
    let mut bytes = Vec::new();
    let written = if to.is_ipv4() {
        builder.icmpv4(icmp4(error.kind)).write(&mut bytes, &quote)
    } else {
        builder.icmpv6(icmp6(error.kind)).write(&mut bytes, &quote)
    };
    written.expect("a vector takes everything, and a quoted header is short");
    bytes
}

fn icmp4(kind: IcmpKind) -> etherparse::Icmpv4Type {
    let (type_u8, code_u8, rest) = match kind {
        IcmpKind::Unreachable { code, .. } => (icmpv4::TYPE_DEST_UNREACH, code, 0),
        IcmpKind::TooBig { mtu } => (icmpv4::TYPE_DEST_UNREACH, 4, mtu & 0xffff),
        IcmpKind::TimeExceeded => (icmpv4::TYPE_TIME_EXCEEDED, 0, 0),
        IcmpKind::Other { kind, code } => (kind, code, 0),
    };
    etherparse::Icmpv4Type::Unknown {
        type_u8,
        code_u8,
        bytes5to8: rest.to_be_bytes(),
    }
}

fn icmp6(kind: IcmpKind) -> etherparse::Icmpv6Type {
    let (type_u8, code_u8, rest) = match kind {
        IcmpKind::Unreachable { code, .. } => (icmpv6::TYPE_DST_UNREACH, code, 0),
        IcmpKind::TooBig { mtu } => (icmpv6::TYPE_PACKET_TOO_BIG, 0, mtu),
        IcmpKind::TimeExceeded => (icmpv6::TYPE_TIME_EXCEEDED, 0, 0),
        IcmpKind::Other { kind, code } => (kind, code, 0),
    };
    etherparse::Icmpv6Type::Unknown {
        type_u8,
        code_u8,
        bytes5to8: rest.to_be_bytes(),
    }
}
