//! ICMP errors are evidence about a connection.

use std::net::IpAddr;

use etherparse::{IcmpEchoHeader, Icmpv4Type, Icmpv6Type, PacketBuilder, icmpv4, icmpv6};
use handshake_watch::capture::LinkType;
use handshake_watch::decode::{self, Decoded, Skip};
use handshake_watch::tcp::IcmpKind;

use crate::frames::{
    CLIENT, CLIENT_V6, SERVER, SERVER_V6, conversation, frame, last_fragment, over_udp,
    syn_with_data,
};
use crate::reason;

fn icmp_v4(kind: Icmpv4Type, quoted: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4([203, 0, 113, 9], CLIENT, 60)
        .icmpv4(kind)
        .write(&mut bytes, quoted)
        .expect("a packet that can be written");
    bytes
}

fn icmp_v6(kind: Icmpv6Type, quoted: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv6(SERVER_V6, CLIENT_V6, 60)
        .icmpv6(kind)
        .write(&mut bytes, quoted)
        .expect("a packet that can be written");
    bytes
}

#[test]
fn icmp_errors_credit_the_quoted_segment() {
    use icmpv4::DestUnreachableHeader as V4;
    use icmpv6::DestUnreachableCode as V6;

    let v4 = syn_with_data();
    let v6 = &conversation()[6];
    // RFC 792 promises no more than eight bytes behind the quoted IP header.
    let (short, short_v6) = (&v4[..28], &v6[..48]);
    for (bytes, seq, kind) in [
        (
            icmp_v4(Icmpv4Type::DestinationUnreachable(V4::Port), short),
            1000,
            IcmpKind::Unreachable { code: 3, v6: false },
        ),
        (
            icmp_v4(
                Icmpv4Type::DestinationUnreachable(V4::FragmentationNeeded { next_hop_mtu: 1400 }),
                &v4,
            ),
            1000,
            IcmpKind::TooBig { mtu: 1400 },
        ),
        (
            icmp_v4(
                Icmpv4Type::TimeExceeded(icmpv4::TimeExceededCode::TtlExceededInTransit),
                short,
            ),
            1000,
            IcmpKind::TimeExceeded,
        ),
        (
            icmp_v6(Icmpv6Type::DestinationUnreachable(V6::Port), short_v6),
            1,
            IcmpKind::Unreachable { code: 4, v6: true },
        ),
        (
            icmp_v6(Icmpv6Type::PacketTooBig { mtu: 1280 }, v6),
            1,
            IcmpKind::TooBig { mtu: 1280 },
        ),
    ] {
        let Decoded::IcmpError(error) = decode::frame(&frame(LinkType::RAW, &bytes)) else {
            panic!("no error about a connection: {kind:?}");
        };
        assert_eq!((error.kind, error.seq.0), (kind, seq));
        assert_eq!(error.tuple.source.port, 40000);
        assert_ne!(error.reporter, error.tuple.source.address);
    }
}

#[test]
fn other_icmp_is_about_no_connection() {
    let echo = IcmpEchoHeader { id: 1, seq: 1 };
    let unreachable = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port);
    let udp = over_udp(53, &[0; 8])[14..].to_vec();
    for bytes in [
        icmp_v4(Icmpv4Type::EchoRequest(echo), &syn_with_data()),
        icmp_v4(unreachable.clone(), &udp),
        icmp_v4(unreachable.clone(), &syn_with_data()[..27]),
        icmp_v4(unreachable, &last_fragment()),
        icmp_v6(Icmpv6Type::EchoReply(echo), &conversation()[6]),
    ] {
        assert_eq!(reason(&frame(LinkType::RAW, &bytes)), Skip::Icmp);
    }
}

#[test]
fn the_quoted_tuple_points_the_way_of_the_segment() {
    let kind = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Host);
    let bytes = icmp_v4(kind, &syn_with_data());
    let Decoded::IcmpError(error) = decode::frame(&frame(LinkType::RAW, &bytes)) else {
        panic!("no error about a connection");
    };
    assert_eq!(error.tuple.source.address, IpAddr::from(CLIENT));
    assert_eq!(error.tuple.destination.address, IpAddr::from(SERVER));
}
