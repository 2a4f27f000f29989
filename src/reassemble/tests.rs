//! Datagrams taken apart in every way, and put together again.

use proptest::prelude::*;

use super::*;
use crate::capture::LinkType;
use crate::decode::{self, Decoded};

const CLIENT: &str = "10.0.0.1";
const SERVER: &str = "10.0.0.2";

fn fragment(offset: u32, more: bool, payload: &[u8]) -> Fragment<'_> {
    Fragment {
        source: CLIENT.parse().unwrap(),
        destination: SERVER.parse().unwrap(),
        protocol: 6,
        id: 7,
        offset,
        more,
        ip: crate::tcp::IpFacts {
            id: Some(7),
            ttl: 64,
            ecn: 2,
            tunnelled: false,
        },
        payload,
    }
}

fn fragment6(offset: u32, more: bool, payload: &[u8]) -> Fragment<'_> {
    Fragment {
        source: "fd00::1".parse().unwrap(),
        destination: "fd00::2".parse().unwrap(),
        id: 0x0102_0304,
        ..fragment(offset, more, payload)
    }
}

fn frame(number: u64, millis: i64) -> Frame<'static> {
    Frame {
        number,
        time: Timestamp::from_nanos(millis * 1_000_000),
        link: LinkType::ETHERNET,
        interface: 0,
        data: &[],
        original_len: 0,
    }
}

/// A TCP header from port 1712 to port 80 and so many bytes of payload.
fn segment(len: usize) -> Vec<u8> {
    let mut segment = vec![0; 20];
    segment[..4].copy_from_slice(&[0x06, 0xb0, 0, 80]);
    segment[12] = 0x50;
    segment[13] = 0x10;
    segment.extend((0..len).map(|index| index as u8));
    segment
}

/// Pushes the fragments one by one; only the last may complete the datagram, of which the payload is returned.
fn put_together(reassembler: &mut Reassembler, fragments: &[Fragment<'_>]) -> Option<Vec<u8>> {
    let (last, others) = fragments.split_last().unwrap();
    for (number, fragment) in others.iter().enumerate() {
        assert_eq!(reassembler.push(fragment, &frame(number as u64, 0)), None);
    }
    let header = if last.source.is_ipv4() { 20 } else { 40 };
    let whole = reassembler.push(last, &frame(others.len() as u64, 0))?;
    Some(whole.bytes[header..].to_vec())
}

#[test]
fn a_whole_datagram_is_decoded_as_if_it_had_never_been_taken_apart() {
    let bytes = segment(100);
    for make in [fragment, fragment6] {
        let mut reassembler = Reassembler::new();
        let (first, second) = bytes.split_at(48);
        assert_eq!(
            reassembler.push(&make(48, false, second), &frame(3, 0)),
            None
        );
        let mut marked = make(0, true, first);
        marked.ip.ecn = 3;
        let last = frame(9, 1);
        let whole = reassembler.push(&marked, &last).unwrap();
        assert_eq!((whole.first_frame, whole.fragments), (3, 2));
        let data = Frame {
            link: LinkType::RAW,
            data: whole.bytes,
            original_len: whole.bytes.len() as u32,
            ..last
        };
        let Decoded::Segment(segment) = decode::datagram(&data) else {
            panic!("{:?}", decode::datagram(&data));
        };
        assert_eq!(segment.frame, 9);
        assert_eq!(segment.tuple.source.address, marked.source);
        assert_eq!(segment.tuple.destination.address, marked.destination);
        assert_eq!(segment.tuple.source.port, 1712);
        assert_eq!(segment.len, 100);
        assert_eq!((segment.ip.ttl, segment.ip.ecn), (64, 3));
        let id = marked.source.is_ipv4().then_some(7);
        assert_eq!(segment.ip.id, id);
        assert_eq!(reassembler.counts().whole, 1);
        assert_eq!(reassembler.waiting(), 0);
    }
}

#[test]
fn a_rebuilt_ipv4_header_has_the_right_checksum() {
    let bytes = segment(12);
    let mut reassembler = Reassembler::new();
    reassembler.push(&fragment(0, true, &bytes[..16]), &frame(1, 0));
    let last = fragment(16, false, &bytes[16..]);
    let whole = reassembler.push(&last, &frame(2, 0)).unwrap();
    // 45 02 00 34 00 07 00 00 40 06 .. .. 0a 00 00 01 0a 00 00 02, summed by hand.
    assert_eq!(whole.bytes[10..12], [0x66, 0xb9]);
}

#[test]
fn the_bytes_that_arrived_first_win() {
    let mut reassembler = Reassembler::new();
    let fragments = [
        fragment(8, true, &[1; 16]),
        fragment(0, true, &[2; 16]),
        fragment(16, true, &[3; 24]),
        fragment(0, true, &[4; 40]),
        fragment(40, false, &[5; 3]),
    ];
    let whole = put_together(&mut reassembler, &fragments).unwrap();
    let expected = [&[2; 8][..], &[1; 16], &[3; 16], &[5; 3]].concat();
    assert_eq!(whole, expected);
}

#[test]
fn lengths_that_contradict_each_other_are_passed_over() {
    let mut reassembler = Reassembler::new();
    for impossible in [
        // Not a multiple of eight, although more follows.
        fragment(0, true, &[0; 12]),
        fragment(0, true, &[]),
        // Beyond the longest datagram.
        fragment(65_512, false, &[0; 8]),
        fragment6(65_528, true, &[0; 8]),
    ] {
        assert_eq!(reassembler.push(&impossible, &frame(1, 0)), None);
    }
    assert_eq!(reassembler.waiting(), 0);
    assert_eq!(reassembler.counts().impossible, 4);

    let fragments = [
        fragment(16, true, &[0; 8]),
        // An end before bytes that are there.
        fragment(0, false, &[1; 16]),
        fragment(24, false, &[0; 4]),
        // Another end, and bytes beyond the end.
        fragment(24, false, &[1; 3]),
        fragment(32, true, &[1; 8]),
        fragment(0, true, &[0; 16]),
    ];
    let whole = put_together(&mut reassembler, &fragments).unwrap();
    assert_eq!(whole, [0; 28]);
    assert_eq!(reassembler.counts().impossible, 7);
}

#[test]
fn datagrams_are_told_apart() {
    let mut reassembler = Reassembler::new();
    let one = fragment(0, true, &[1; 8]);
    let others = [
        Fragment { id: 8, ..one },
        Fragment {
            protocol: 17,
            ..one
        },
        Fragment {
            source: one.destination,
            destination: one.source,
            ..one
        },
    ];
    for other in others {
        assert_eq!(reassembler.push(&other, &frame(1, 0)), None);
    }
    assert_eq!(reassembler.waiting(), 3);
    let end = fragment(8, false, &[2; 8]);
    let whole = put_together(&mut reassembler, &[one, end]).unwrap();
    assert_eq!(whole, [[1; 8], [2; 8]].concat());

    // In IPv6 only the first fragment's next header counts.
    let one = fragment6(0, true, &[1; 8]);
    let end = Fragment {
        protocol: 44,
        ..fragment6(8, false, &[2; 8])
    };
    assert!(put_together(&mut reassembler, &[end, one]).is_some());
}

#[test]
fn what_is_too_old_is_given_up() {
    let mut reassembler = Reassembler::new();
    let (first, last) = (fragment(0, true, &[1; 8]), fragment(8, false, &[2; 8]));
    assert_eq!(reassembler.push(&first, &frame(1, 0)), None);
    assert_eq!(reassembler.push(&last, &frame(2, 30_001)), None);
    assert_eq!(reassembler.counts().timed_out, 1);
    // The last fragment began a new datagram; a clock that steps back does no harm.
    assert!(reassembler.push(&first, &frame(3, 20_000)).is_some());
}

/// Pushes first fragments of so many datagrams, at `offset`, none of which becomes whole.
fn flood(reassembler: &mut Reassembler, datagrams: usize, offset: u32) {
    for id in 0..datagrams as u32 {
        let one = Fragment {
            id,
            ..fragment6(offset, true, &[0; 8])
        };
        assert_eq!(reassembler.push(&one, &frame(u64::from(id), 0)), None);
    }
    let counts = reassembler.counts();
    assert_eq!(
        reassembler.waiting() as u64 + counts.evicted,
        datagrams as u64
    );
    assert_books(reassembler);
}

fn assert_books(reassembler: &Reassembler) {
    let entries = reassembler.under_way.values();
    let held: usize = entries.map(|entry| entry.assembly.held()).sum();
    assert_eq!(reassembler.bytes, held);
    assert!(held <= MAX_BYTES);
    assert!(reassembler.waiting() <= MAX_DATAGRAMS);
    assert_eq!(reassembler.places.len(), reassembler.waiting());
}

#[test]
fn memory_is_bounded_and_the_oldest_go_first() {
    // Each holds as much as a datagram can.
    let mut reassembler = Reassembler::new();
    flood(&mut reassembler, 300, 65_520);
    assert!((200..300).contains(&reassembler.waiting()));
    // Each holds next to nothing.
    let mut reassembler = Reassembler::new();
    flood(&mut reassembler, MAX_DATAGRAMS + 2, 8);
    assert_eq!(reassembler.waiting(), MAX_DATAGRAMS);
    let oldest = reassembler
        .under_way
        .values()
        .next()
        .map(|entry| entry.key.id);
    assert_eq!(oldest, Some(2));
}

proptest! {
    /// However a datagram is cut, whatever the order and the duplicates, it comes out once and as it was.
    #[test]
    fn any_order_and_any_duplicates_give_the_datagram(
        len in 9_usize..400,
        cuts in prop::collection::btree_set(1_usize..50, 1..6),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let bytes: Vec<u8> = (0..len).map(|index| (index * 7) as u8).collect();
        let mut bounds: Vec<usize> = cuts.iter().map(|cut| cut * 8).filter(|cut| *cut < len).collect();
        bounds.insert(0, 0);
        bounds.push(len);
        let pieces: Vec<_> = bounds.windows(2).collect();
        prop_assume!(pieces.len() > 1);
        let piece = |index: usize| {
            let (begin, end) = (pieces[index][0], pieces[index][1]);
            fragment(begin as u32, end < len, &bytes[begin..end])
        };
        let mut reassembler = Reassembler::new();
        let mut missing: Vec<usize> = (0..pieces.len()).collect();
        // First in any order and with duplicates, then whatever is still missing.
        let random = order.iter().map(|index| index.index(pieces.len()));
        let mut whole = None;
        for index in random.chain(0..pieces.len()) {
            missing.retain(|other| *other != index);
            let pushed = reassembler.push(&piece(index), &frame(1, 0));
            prop_assert_eq!(pushed.is_some(), missing.is_empty());
            if let Some(pushed) = pushed {
                whole = Some(pushed.bytes[20..].to_vec());
                break;
            }
        }
        prop_assert_eq!(whole, Some(bytes));
    }

    /// Fragments of any shape neither panic nor break the books.
    #[test]
    fn any_fragments_keep_the_books(
        shapes in prop::collection::vec((0_u32..70_000, 0_usize..80, any::<bool>(), any::<bool>(), 0_i64..90), 0..60),
    ) {
        let bytes = [0; 80];
        let mut reassembler = Reassembler::new();
        for (offset, len, more, six, seconds) in shapes {
            let make = if six { fragment6 } else { fragment };
            let one = make(offset / 8 * 8 % 512 + offset / 60_000 * 65_000, more, &bytes[..len]);
            if let Some(whole) = reassembler.push(&one, &frame(1, seconds * 1000)) {
                prop_assert!(whole.bytes.len() >= 20);
            }
            assert_books(&reassembler);
        }
    }
}
