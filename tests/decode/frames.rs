//! Frames to decode: one conversation, and every way of wrapping its packets that the decoder knows.

use etherparse::{IpHeaders, IpNumber, Ipv4Header, PacketBuilder, TcpOptionElement};
use handshake_watch::capture::{Frame, LinkType};
use handshake_watch::time::Timestamp;

pub(crate) const CLIENT: [u8; 4] = [192, 0, 2, 1];
pub(crate) const SERVER: [u8; 4] = [198, 51, 100, 2];
pub(crate) const CLIENT_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub(crate) const SERVER_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
const ROUTERS: ([u8; 4], [u8; 4]) = ([203, 0, 113, 1], [203, 0, 113, 2]);
const MACS: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);

/// A frame of these bytes, whole.
pub(crate) fn frame(link: LinkType, data: &[u8]) -> Frame<'_> {
    Frame {
        number: 7,
        time: Timestamp::new(1, 5),
        link,
        interface: 3,
        data,
        original_len: data.len() as u32,
    }
}

/// Writes a packet with etherparse.
macro_rules! packet {
    ($builder:expr, $payload:expr) => {{
        let mut bytes = Vec::new();
        $builder
            .write(&mut bytes, $payload)
            .expect("a packet that can be written");
        bytes
    }};
}

/// A client's SYN over IPv4: 20 bytes of options and 10 of payload.
pub(crate) fn syn_with_data() -> Vec<u8> {
    let builder = PacketBuilder::ipv4(CLIENT, SERVER, 64)
        .tcp(40000, 443, 1000, 64240)
        .syn()
        .options(&[
            TcpOptionElement::MaximumSegmentSize(1460),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::Timestamp(11, 0),
            TcpOptionElement::Noop,
            TcpOptionElement::WindowScale(7),
        ])
        .expect("20 bytes of options");
    packet!(builder, b"0123456789")
}

/// A connection's life as IP packets, once over IPv4 and once over IPv6.
pub(crate) fn conversation() -> Vec<Vec<u8>> {
    let timestamps = [
        TcpOptionElement::Noop,
        TcpOptionElement::Noop,
        TcpOptionElement::Timestamp(77, 11),
    ];
    let there = || PacketBuilder::ipv4(CLIENT, SERVER, 64);
    let back = || PacketBuilder::ipv4(SERVER, CLIENT, 57);
    let there_v6 = || PacketBuilder::ipv6(CLIENT_V6, SERVER_V6, 64);
    let back_v6 = || PacketBuilder::ipv6(SERVER_V6, CLIENT_V6, 57);
    let sack = TcpOptionElement::SelectiveAcknowledgement((2011, 2021), [None, None, None]);
    vec![
        syn_with_data(),
        packet!(back().tcp(443, 40000, 2000, 65160).syn().ack(1011), &[]),
        packet!(
            there()
                .tcp(40000, 443, 1011, 502)
                .ack(2001)
                .options(&timestamps)
                .expect("12 bytes"),
            &[]
        ),
        packet!(
            back()
                .tcp(443, 40000, 2001, 501)
                .ack(1011)
                .psh()
                .options(&timestamps)
                .expect("12 bytes"),
            &[b'x'; 300]
        ),
        packet!(
            there()
                .tcp(40000, 443, 1011, 502)
                .ack(2001)
                .options(&[sack])
                .expect("12 bytes"),
            &[]
        ),
        packet!(back().tcp(443, 40000, 2301, 0).rst(), &[]),
        packet!(there_v6().tcp(40000, 443, 1, 64240).syn().ece().cwr(), &[]),
        packet!(back_v6().tcp(443, 40000, 9, 65160).syn().ack(2).ns(), &[]),
        packet!(
            there_v6().tcp(40000, 443, 2, 502).ack(10).fin().urg(1),
            b"goodbye"
        ),
    ]
}

/// A way of wrapping an IP packet into a frame.
pub(crate) struct Wrapping {
    pub(crate) name: &'static str,
    pub(crate) link: LinkType,
    pub(crate) tunnelled: bool,
    pub(crate) wrap: fn(&[u8]) -> Vec<u8>,
}

const fn plain(name: &'static str, link: LinkType, wrap: fn(&[u8]) -> Vec<u8>) -> Wrapping {
    Wrapping {
        name,
        link,
        tunnelled: false,
        wrap,
    }
}

/// Under a tunnel header, in Ethernet.
const fn tunnel(name: &'static str, wrap: fn(&[u8]) -> Vec<u8>) -> Wrapping {
    Wrapping {
        name,
        link: LinkType::ETHERNET,
        tunnelled: true,
        wrap,
    }
}

/// All wrappings that can hold IPv4 and IPv6.
pub(crate) fn wrappings() -> Vec<Wrapping> {
    let mut all = links();
    all.extend(tunnels());
    all
}

fn links() -> Vec<Wrapping> {
    vec![
        plain("raw", LinkType::RAW, <[u8]>::to_vec),
        plain("raw, BSD's number", LinkType::RAW_BSD, <[u8]>::to_vec),
        plain(
            "raw, OpenBSD's number",
            LinkType::RAW_OPENBSD,
            <[u8]>::to_vec,
        ),
        plain("raw IPv4 or IPv6", LinkType::IPV4, <[u8]>::to_vec),
        plain("raw IPv6 or IPv4", LinkType::IPV6, <[u8]>::to_vec),
        plain("Ethernet", LinkType::ETHERNET, ethernet),
        plain("Ethernet, padded", LinkType::ETHERNET, |ip| {
            join(&[&ethernet(ip), &[0xee; 9]])
        }),
        plain("VLAN", LinkType::ETHERNET, |ip| {
            tagged(&[[0x81, 0, 0, 5]], ip)
        }),
        plain("QinQ", LinkType::ETHERNET, |ip| {
            tagged(&[[0x88, 0xa8, 0, 5], [0x81, 0, 0, 6]], ip)
        }),
        plain("old QinQ, three tags", LinkType::ETHERNET, |ip| {
            tagged(&[[0x91, 0, 0, 5], [0x92, 0, 0, 6], [0x81, 0, 0, 7]], ip)
        }),
        plain("SNAP", LinkType::ETHERNET, |ip| {
            let body = join(&[&[0xaa, 0xaa, 3, 0, 0, 0], &ether_type(ip), ip]);
            let length = (body.len() as u16).to_be_bytes();
            join(&[&MACS.0, &MACS.1, &length, &body, &[0; 5]])
        }),
        plain("NULL, little endian", LinkType::NULL, |ip| {
            join(&[&family(ip).to_le_bytes(), ip])
        }),
        plain("NULL, big endian", LinkType::NULL, |ip| {
            join(&[&family(ip).to_be_bytes(), ip])
        }),
        plain("LOOP", LinkType::LOOP, |ip| {
            join(&[&family(ip).to_be_bytes(), ip])
        }),
        plain("cooked", LinkType::LINUX_SLL, |ip| {
            let header = [0, 0, 3, 4, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0];
            join(&[&header, &ether_type(ip), ip])
        }),
        plain("cooked v2", LinkType::LINUX_SLL2, |ip| {
            let rest = [0, 0, 0, 0, 0, 1, 3, 4, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0];
            join(&[&ether_type(ip), &rest, ip])
        }),
        plain("PPP", LinkType::PPP, |ip| {
            join(&[&[0xff, 3], &ppp_protocol(ip), ip])
        }),
        plain("PPP, compressed header", LinkType::PPP, |ip| {
            join(&[&ppp_protocol(ip)[1..], ip])
        }),
        plain("PPP in HDLC framing", LinkType(50), |ip| {
            join(&[&[0xff, 3], &ppp_protocol(ip), ip])
        }),
        plain("Cisco HDLC", LinkType(50), |ip| {
            join(&[&[0x0f, 0], &ether_type(ip), ip])
        }),
        plain("802.11 in radiotap", LinkType(127), |ip| {
            let radiotap = [0, 0, 9, 0, 0, 0, 0, 0, 0];
            let wlan = [&[0x88, 1][..], &[0; 22], &[0, 0]].concat();
            join(&[
                &radiotap,
                &wlan,
                &[0xaa, 0xaa, 3, 0, 0, 0],
                &ether_type(ip),
                ip,
            ])
        }),
    ]
}

fn tunnels() -> Vec<Wrapping> {
    vec![
        tunnel("PPPoE", |ip| {
            let length = (ip.len() as u16 + 2).to_be_bytes();
            let session = join(&[&[0x11, 0, 0, 9], &length, &ppp_protocol(ip), ip]);
            join(&[&MACS.0, &MACS.1, &[0x88, 0x64], &session])
        }),
        tunnel("MPLS, two labels", |ip| {
            join(&[&MACS.0, &MACS.1, &[0x88, 0x47], &LABELS, ip])
        }),
        tunnel("MPLS pseudowire", |ip| {
            join(&[&MACS.0, &MACS.1, &[0x88, 0x47], &LABELS, &ethernet(ip)])
        }),
        tunnel("MPLS pseudowire with control word", |ip| {
            let control = [0, 0, 0, 8];
            join(&[
                &MACS.0,
                &MACS.1,
                &[0x88, 0x47],
                &LABELS,
                &control,
                &ethernet(ip),
            ])
        }),
        tunnel("IP in IP", |ip| over_ip(if is_v4(ip) { 4 } else { 41 }, ip)),
        tunnel("GRE", |ip| {
            over_ip(47, &gre([0, 0], ether_type(ip), &[], ip))
        }),
        tunnel("GRE with checksum, key and sequence", |ip| {
            over_ip(47, &gre([0xb0, 0], ether_type(ip), &[0; 12], ip))
        }),
        tunnel("GRE with Ethernet inside", |ip| {
            over_ip(47, &gre([0x20, 0], [0x65, 0x58], &[0; 4], &ethernet(ip)))
        }),
        tunnel("PPTP", |ip| {
            let ppp = join(&[&ppp_protocol(ip), ip]);
            over_ip(47, &gre([0x30, 0x81], [0x88, 0x0b], &[0; 12], &ppp))
        }),
        tunnel("ERSPAN I", |ip| {
            over_ip(47, &gre([0, 0], [0x88, 0xbe], &[], &ethernet(ip)))
        }),
        tunnel("ERSPAN II", |ip| {
            over_ip(47, &gre([0x10, 0], [0x88, 0xbe], &[0; 12], &ethernet(ip)))
        }),
        tunnel("ERSPAN III", |ip| {
            over_ip(47, &gre([0x10, 0], [0x22, 0xeb], &[0; 16], &ethernet(ip)))
        }),
        tunnel("VXLAN", |ip| {
            over_udp(4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(ip)]))
        }),
        tunnel("VXLAN, Linux's port", |ip| {
            over_udp(8472, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(ip)]))
        }),
        tunnel("Geneve with options", |ip| {
            let header = [2, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8];
            over_udp(6081, &join(&[&header, &ethernet(ip)]))
        }),
        tunnel("Geneve without Ethernet", |ip| {
            over_udp(6081, &join(&[&[0, 0], &ether_type(ip), &[0, 0, 1, 0], ip]))
        }),
        tunnel("GTP-U", |ip| over_udp(2152, &gtp(0x30, &[], ip))),
        tunnel("GTP-U with extension headers", |ip| {
            let optional = [0, 1, 0, 0x85, 1, 0, 9, 0xc0, 1, 0, 0, 0];
            over_udp(2152, &gtp(0x36, &optional, ip))
        }),
        tunnel("L2TP", |ip| {
            let header = [0x48, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0];
            over_udp(1701, &join(&[&header, &[0xff, 3], &ppp_protocol(ip), ip]))
        }),
        tunnel("VXLAN in GRE in VLAN", |ip| {
            let inner = join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(ip)]);
            let outer = over_udp(4789, &inner)[14..].to_vec();
            let carrier = over_ip(47, &gre([0, 0], [8, 0], &[], &outer))[14..].to_vec();
            tagged(&[[0x81, 0, 0, 5]], &carrier)
        }),
    ]
}

const LABELS: [u8; 8] = [0, 1, 0x20, 64, 0, 1, 0x31, 64];

pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn is_v4(ip: &[u8]) -> bool {
    ip[0] >> 4 == 4
}

fn ether_type(ip: &[u8]) -> [u8; 2] {
    if is_v4(ip) { [8, 0] } else { [0x86, 0xdd] }
}

fn family(ip: &[u8]) -> u32 {
    if is_v4(ip) { 2 } else { 30 }
}

fn ppp_protocol(ip: &[u8]) -> [u8; 2] {
    if is_v4(ip) { [0, 0x21] } else { [0, 0x57] }
}

pub(crate) fn ethernet(ip: &[u8]) -> Vec<u8> {
    join(&[&MACS.0, &MACS.1, &ether_type(ip), ip])
}

/// Ethernet with tags, each its type and its identifier.
fn tagged(tags: &[[u8; 4]], ip: &[u8]) -> Vec<u8> {
    join(&[&MACS.0, &MACS.1, &tags.concat(), &ether_type(ip), ip])
}

/// An Ethernet frame with an IPv4 packet of this protocol.
pub(crate) fn over_ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header = Ipv4Header::new(
        payload.len() as u16,
        64,
        IpNumber(protocol),
        ROUTERS.0,
        ROUTERS.1,
    )
    .expect("a short payload");
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ip(IpHeaders::Ipv4(
        header,
        etherparse::Ipv4Extensions::default(),
    ));
    let mut bytes = Vec::new();
    builder
        .write(&mut bytes, IpNumber(protocol), payload)
        .expect("a packet that can be written");
    bytes
}

/// An Ethernet frame with a UDP datagram to this port.
pub(crate) fn over_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1)
        .ipv4(ROUTERS.0, ROUTERS.1, 64)
        .udp(51234, port);
    packet!(builder, payload)
}

fn gre(flags: [u8; 2], protocol: [u8; 2], fields: &[u8], inner: &[u8]) -> Vec<u8> {
    join(&[&flags, &protocol, fields, inner])
}

fn gtp(flags: u8, optional: &[u8], inner: &[u8]) -> Vec<u8> {
    let length = ((optional.len() + inner.len()) as u16).to_be_bytes();
    join(&[&[flags, 0xff], &length, &[0, 0, 0, 1], optional, inner])
}

/// A frame that is not IP.
pub(crate) fn arp() -> Vec<u8> {
    join(&[&MACS.0, &MACS.1, &[8, 6], &[0; 28]])
}

/// An IPv6 packet with these extension headers, the first of which is of kind `first`, before its TCP.
pub(crate) fn extended(first: u8, headers: &[u8]) -> Vec<u8> {
    let plain = &conversation()[8];
    let mut bytes = join(&[&plain[..40], headers, &plain[40..]]);
    bytes[6] = first;
    bytes[5] += headers.len() as u8;
    bytes
}

/// The second half of a fragmented packet, from byte 24 of its payload, and last.
pub(crate) fn last_fragment() -> Vec<u8> {
    let mut bytes = syn_with_data();
    bytes[4..8].copy_from_slice(&[0xab, 0xcd, 0, 3]);
    bytes
}
