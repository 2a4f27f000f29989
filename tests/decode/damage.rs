//! Frames that are cut, contradict themselves, or hold no TCP.

use handshake_watch::capture::LinkType;
use handshake_watch::decode::{self, Decoded, Skip};
use handshake_watch::tcp::OptionsSeen;

use crate::frames::{arp, ethernet, frame, over_ip, over_udp, syn_with_data, wrappings};
use crate::{reason, segment};

/// Ethernet 14, IPv4 20, TCP 20, options 20, payload 10. The first 16 bytes of the TCP header hold all but the checksum and
/// the urgent pointer.
#[test]
fn every_snaplen_gives_the_expected_answer() {
    let bytes = ethernet(&syn_with_data());
    let whole = segment(&frame(LinkType::ETHERNET, &bytes));
    for captured in 0..=bytes.len() {
        let mut snapped = frame(LinkType::ETHERNET, &bytes[..captured]);
        snapped.original_len = bytes.len() as u32;
        if captured < 50 {
            assert_eq!(reason(&snapped), Skip::Cut, "{captured} bytes");
            continue;
        }
        let segment = segment(&snapped);
        assert_eq!(
            (segment.len, segment.seq),
            (10, whole.seq),
            "{captured} bytes"
        );
        assert_eq!((segment.tuple, segment.flags), (whole.tuple, whole.flags));
        assert_eq!(segment.header_cut, captured < 74, "{captured} bytes");
        assert_eq!(
            segment.options.seen.contains(OptionsSeen::CUT),
            captured < 74
        );
        assert_eq!(
            segment.options.mss.is_some(),
            captured >= 58,
            "{captured} bytes"
        );
        assert_eq!(segment.options.timestamps.is_some(), captured >= 70);
        assert_eq!(
            segment.preview.bytes(),
            &b"0123456789"[..captured.saturating_sub(74)]
        );
    }
}

#[test]
fn every_frame_that_ends_too_early_gives_the_expected_answer() {
    let bytes = ethernet(&syn_with_data());
    for len in 0..54 {
        let expected = match len {
            0..14 => Skip::MalformedLink,
            14..34 => Skip::MalformedIp,
            // The IP header says that there was more.
            _ => Skip::Cut,
        };
        assert_eq!(
            reason(&frame(LinkType::ETHERNET, &bytes[..len])),
            expected,
            "{len} bytes"
        );
    }
}

#[test]
fn a_snapped_tunnel_is_cut_not_malformed() {
    let packet = syn_with_data();
    for way in wrappings() {
        let bytes = (way.wrap)(&packet);
        for captured in 0..bytes.len() {
            let mut snapped = frame(way.link, &bytes[..captured]);
            snapped.original_len = bytes.len() as u32;
            match decode::frame(&snapped) {
                Decoded::Segment(segment) => assert_eq!(segment.len, 10, "{}", way.name),
                Decoded::Skipped(Skip::Cut) => {}
                other => panic!("{}, {captured} bytes: {other:?}", way.name),
            }
        }
    }
}

#[test]
fn headers_that_contradict_themselves() {
    for (at, value, expected) in [
        (0, 0x44, Skip::MalformedIp),        // header length below 20
        (0, 0x55, Skip::MalformedIp),        // version 5
        (3, 19, Skip::MalformedIp),          // total length below the header's
        (3, 39, Skip::MalformedTcp),         // no room for TCP's fixed part
        (20 + 12, 0x40, Skip::MalformedTcp), // data offset below 5
        (20 + 12, 0xf0, Skip::MalformedTcp), // data offset beyond the packet
    ] {
        let mut bytes = syn_with_data();
        bytes[at] = value;
        assert_eq!(
            reason(&frame(LinkType::RAW, &bytes)),
            expected,
            "byte {at} = {value}"
        );
    }
}

#[test]
fn what_holds_no_tcp_is_named() {
    let arp = arp();
    let esp = over_ip(50, &[0; 40]);
    let ospf = over_ip(89, &[0; 40]);
    let dns = over_udp(53, &[0; 40]);
    for (bytes, expected) in [
        (&arp, Skip::NotIp),
        (&esp, Skip::Encrypted),
        (&ospf, Skip::NotTcp),
        (&dns, Skip::NotTcp),
    ] {
        assert_eq!(reason(&frame(LinkType::ETHERNET, bytes)), expected);
    }
    assert_eq!(reason(&frame(LinkType(147), &arp)), Skip::LinkType);
}

#[test]
fn a_port_alone_makes_no_tunnel() {
    for port in [1701, 2152, 3544, 4754, 4789, 4790, 6081, 6635, 8472] {
        for filler in [0x00, 0x08, 0x30, 0x60, 0xff] {
            let bytes = over_udp(port, &[filler; 40]);
            let answer = reason(&frame(LinkType::ETHERNET, &bytes));
            assert!(
                matches!(
                    answer,
                    Skip::NotTcp | Skip::NotIp | Skip::Encrypted | Skip::TooDeep
                ),
                "port {port}, {filler:#04x}: {answer}"
            );
        }
    }
}

#[test]
fn nesting_has_an_end() {
    let mut packet = syn_with_data();
    for _ in 0..40 {
        packet = over_ip(4, &packet)[14..].to_vec();
    }
    assert_eq!(reason(&frame(LinkType::RAW, &packet)), Skip::TooDeep);
}
