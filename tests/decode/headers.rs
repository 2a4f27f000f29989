//! What whole headers say, under every link type and tunnel.

use std::net::IpAddr;

use handshake_watch::capture::LinkType;
use handshake_watch::tcp::{Flags, Segment};

use crate::frames::{
    SERVER_V6, conversation, extended, frame, join, over_ip, over_udp, syn_with_data, wrappings,
};
use crate::segment;

/// The inline preview, four SACK blocks and two IPv6 addresses are most of it.
const SEGMENT_SIZE: usize = 176;

#[test]
fn a_segment_stays_small() {
    assert!(size_of::<Segment>() <= SEGMENT_SIZE);
}

#[test]
fn a_syn_with_options_and_data() {
    let syn = syn_with_data();
    let segment = segment(&frame(LinkType::RAW, &syn));
    assert_eq!(segment.tuple.source.to_string(), "192.0.2.1:40000");
    assert_eq!(segment.tuple.destination.to_string(), "198.51.100.2:443");
    assert_eq!((segment.seq.0, segment.ack.0), (1000, 0));
    assert_eq!((segment.flags, segment.window), (Flags::SYN, 64240));
    assert_eq!(
        (segment.len, segment.preview.bytes()),
        (10, &b"0123456789"[..])
    );
    assert_eq!(
        (segment.options.mss, segment.options.window_scale),
        (Some(1460), Some(7))
    );
    assert_eq!(segment.options.timestamps, Some((11, 0)));
    assert_eq!(
        (segment.frame, segment.interface, segment.ip.ttl),
        (7, 3, 64)
    );
}

#[test]
fn all_nine_control_bits() {
    let mut bytes = syn_with_data();
    for (high, low, flags) in [
        (0, 0, Flags::empty()),
        (1, 0, Flags::AE),
        (0, 0xff, Flags::all() - Flags::AE),
        // The three reserved bits are nobody's.
        (0x0e, 0x12, Flags::SYN | Flags::ACK),
    ] {
        bytes[20 + 12] = 0xa0 | high;
        bytes[20 + 13] = low;
        assert_eq!(segment(&frame(LinkType::RAW, &bytes)).flags, flags);
    }
}

#[test]
fn every_wrapping_gives_the_same_facts() {
    for packet in conversation() {
        let bare = segment(&frame(LinkType::RAW, &packet));
        for way in wrappings() {
            let bytes = (way.wrap)(&packet);
            let wrapped = segment(&frame(way.link, &bytes));
            let mut expected = bare.clone();
            expected.ip.tunnelled = way.tunnelled;
            assert_eq!(wrapped, expected, "{}", way.name);
        }
    }
}

#[test]
fn a_snapped_payload_keeps_its_true_length() {
    let packet = &conversation()[3];
    let mut snapped = frame(LinkType::RAW, &packet[..60]);
    snapped.original_len = packet.len() as u32;
    let segment = segment(&snapped);
    assert_eq!(
        (segment.len, segment.preview.bytes()),
        (300, &b"xxxxxxxx"[..])
    );
    assert!(!segment.header_cut);
}

#[test]
fn length_zero_is_offload_and_comes_from_the_frame() {
    for (packet, length_at) in [(&conversation()[3], 2), (&conversation()[8], 4)] {
        let whole = segment(&frame(LinkType::RAW, packet));
        let mut offloaded = packet.clone();
        offloaded[length_at..length_at + 2].fill(0);
        assert_eq!(segment(&frame(LinkType::RAW, &offloaded)), whole);
    }
}

#[test]
fn ipv4_options_are_stepped_over() {
    let plain = syn_with_data();
    let mut with_options = join(&[&plain[..20], &[1, 1, 1, 0], &plain[20..]]);
    with_options[0] = 0x46;
    with_options[3] += 4;
    assert_eq!(
        segment(&frame(LinkType::RAW, &with_options)),
        segment(&frame(LinkType::RAW, &plain))
    );
}

#[test]
fn ipv6_extension_headers_are_stepped_over() {
    let plain = segment(&frame(LinkType::RAW, &conversation()[8]));
    let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    let authentication = [
        6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ];
    let atomic = [6, 0, 0, 0, 0, 0, 0, 9];
    for (first, headers) in [
        (0, options(6).to_vec()),
        (60, options(6).to_vec()),
        (135, options(6).to_vec()),
        (51, authentication.to_vec()),
        (44, atomic.to_vec()),
        (0, join(&[&options(60), &options(44), &atomic])),
    ] {
        let bytes = extended(first, &headers);
        assert_eq!(
            segment(&frame(LinkType::RAW, &bytes)),
            plain,
            "{first} {headers:?}"
        );
    }
}

#[test]
fn a_routing_header_names_the_end_of_the_way() {
    let last = [9; 16];
    let stop = [8; 16];
    for (kind, left, addresses, expected) in [
        (0, 2, [stop, last], IpAddr::from(last)),
        (4, 1, [last, stop], IpAddr::from(last)),
        (0, 0, [stop, last], IpAddr::from(SERVER_V6)),
    ] {
        let header = join(&[&[6, 4, kind, left, 0, 0, 0, 0], addresses.as_flattened()]);
        let bytes = extended(43, &header);
        let segment = segment(&frame(LinkType::RAW, &bytes));
        assert_eq!(
            segment.tuple.destination.address, expected,
            "type {kind}, {left} left"
        );
    }
}

#[test]
fn teredo_carries_ipv6() {
    let packet = &conversation()[6];
    let mut expected = segment(&frame(LinkType::RAW, packet));
    expected.ip.tunnelled = true;
    let authentication = [0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0];
    let origin = [0, 0, 1, 2, 3, 4, 5, 6];
    for headers in [&[][..], &origin, &join(&[&authentication, &origin])] {
        let bytes = over_udp(3544, &join(&[headers, packet]));
        assert_eq!(segment(&frame(LinkType::ETHERNET, &bytes)), expected);
    }
}

#[test]
fn authentication_over_ipv4_hides_nothing_and_is_no_tunnel() {
    let packet = syn_with_data();
    let header = [6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    let bytes = over_ip(51, &join(&[&header, &packet[20..]]));
    let segment = segment(&frame(LinkType::ETHERNET, &bytes));
    assert_eq!((segment.len, segment.tuple.source.port), (10, 40000));
    assert!(!segment.ip.tunnelled);
}
