//! Fragments are handed out, and whole datagrams hold none.

use handshake_watch::capture::{Frame, LinkType};
use handshake_watch::decode::{self, Decoded, Fragment, Skip};

use crate::frames::{
    CLIENT, CLIENT_V6, ethernet, extended, frame, last_fragment, over_ip, over_udp,
};
use crate::reason;

fn fragment<'a>(frame: &Frame<'a>) -> Fragment<'a> {
    match decode::frame(frame) {
        Decoded::Fragment(fragment) => fragment,
        other => panic!("expected a fragment, got {other:?}"),
    }
}

#[test]
fn ipv4_fragments_are_handed_out() {
    let bytes = ethernet(&last_fragment());
    let fragment = fragment(&frame(LinkType::ETHERNET, &bytes));
    assert_eq!(
        (fragment.id, fragment.offset, fragment.more),
        (0xabcd, 24, false)
    );
    assert_eq!((fragment.source, fragment.protocol), (CLIENT.into(), 6));
    assert_eq!((fragment.payload.len(), fragment.ip.ttl), (50, 64));
}

#[test]
fn ipv6_fragments_are_handed_out() {
    let bytes = extended(44, &[6, 0, 0, 0x11, 1, 2, 3, 4]);
    let fragment = fragment(&frame(LinkType::RAW, &bytes));
    assert_eq!(
        (fragment.id, fragment.offset, fragment.more),
        (0x0102_0304, 16, true)
    );
    assert_eq!((fragment.source, fragment.protocol), (CLIENT_V6.into(), 6));
    assert_eq!(fragment.payload.len(), 27);
}

#[test]
fn fragments_of_tunnels_are_handed_out_and_others_are_not() {
    let more = |mut bytes: Vec<u8>| {
        bytes[14 + 6] = 0x20;
        bytes
    };
    let udp = more(over_udp(4789, &[0; 40]));
    assert_eq!(fragment(&frame(LinkType::ETHERNET, &udp)).protocol, 17);
    let ospf = more(over_ip(89, &[0; 40]));
    assert_eq!(reason(&frame(LinkType::ETHERNET, &ospf)), Skip::NotTcp);
    let inner = over_ip(4, &last_fragment());
    assert!(fragment(&frame(LinkType::ETHERNET, &inner)).ip.tunnelled);
}

#[test]
fn a_snapped_fragment_is_no_use() {
    let bytes = last_fragment();
    let mut snapped = frame(LinkType::RAW, &bytes[..60]);
    snapped.original_len = bytes.len() as u32;
    assert_eq!(reason(&snapped), Skip::Cut);
}

#[test]
fn a_whole_datagram_holds_no_fragments() {
    let inner = over_ip(4, &last_fragment())[14..].to_vec();
    let answer = decode::datagram(&frame(LinkType::RAW, &inner));
    assert!(matches!(answer, Decoded::Skipped(Skip::Fragment)));
}
