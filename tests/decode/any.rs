//! Any bytes at all give an answer, and the shortcut gives the same as the general way.

use handshake_watch::capture::{self, Frame, LinkType, Next};
use handshake_watch::decode::{self, Decoded, Skip};
use handshake_watch::tcp::{FastOpen, Options, OptionsSeen, Preview, SackBlock, Segment};
use proptest::prelude::*;

use crate::frames::{conversation, frame, wrappings};

/// A place in which a segment was before, with something in every field.
fn used_place() -> Segment {
    Segment {
        announces: std::num::NonZeroU16::new(1),
        preview: Preview::of(&[1; Preview::CAPACITY]),
        header_cut: true,
        options: Options {
            seen: OptionsSeen::all(),
            mss: Some(1),
            window_scale: Some(1),
            timestamps: Some((1, 1)),
            fast_open: Some(FastOpen::Request),
            mptcp_subtype: Some(1),
            sack: [SackBlock::default(); 4].into(),
        },
        ..Segment::default()
    }
}

/// `datagram` has no shortcut, so the two agree wherever no fragment is involved. Nothing of a segment that was in the
/// same place before may remain.
fn shortcut_agrees(frame: &Frame<'_>) {
    let mut place = used_place();
    let quick = decode::frame_into(frame, &mut place);
    let thorough = decode::datagram(frame);
    match (&quick, &thorough) {
        (Decoded::Segment(()), Decoded::Segment(expected)) => {
            assert_eq!(&place, expected, "{frame:?}");
        }
        (Decoded::Skipped(a), Decoded::Skipped(b)) => assert_eq!(a, b, "{frame:?}"),
        (Decoded::IcmpError(a), Decoded::IcmpError(b)) => assert_eq!(a, b, "{frame:?}"),
        (Decoded::Fragment(_), Decoded::Skipped(Skip::Fragment)) => {}
        _ => panic!("{quick:?} is not {thorough:?} for {frame:?}"),
    }
}

fn any_link() -> impl Strategy<Value = LinkType> {
    prop_oneof![
        3 => (0..300u16).prop_map(LinkType),
        1 => proptest::sample::select(vec![
            LinkType::ETHERNET,
            LinkType::NULL,
            LinkType::PPP,
            LinkType::RAW,
            LinkType::LINUX_SLL,
            LinkType::LINUX_SLL2,
        ]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_of_any_link_type_give_an_answer(
        link in any_link(),
        data in proptest::collection::vec(any::<u8>(), 0..200),
        original_len in any::<u32>(),
    ) {
        let mut frame = frame(link, &data);
        frame.original_len = original_len;
        shortcut_agrees(&frame);
    }

    #[test]
    fn damaged_frames_give_an_answer(
        way in 0..wrappings().len(),
        packet in 0..conversation().len(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        captured in any::<prop::sample::Index>(),
        snapped in any::<bool>(),
    ) {
        let way = &wrappings()[way];
        let mut bytes = (way.wrap)(&conversation()[packet]);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let kept = if snapped { captured.index(bytes.len()) } else { bytes.len() };
        let mut frame = frame(way.link, &bytes[..kept]);
        frame.original_len = bytes.len() as u32;
        shortcut_agrees(&frame);
    }
}

/// With a folder of captures in `HANDSHAKE_WATCH_CORPUS`, the shortcut is held against the general way on all of them.
#[test]
#[expect(
    clippy::print_stderr,
    reason = "says what was skipped, or how much was compared"
)]
fn the_shortcut_agrees_on_real_captures() {
    let Some(folder) = std::env::var_os("HANDSHAKE_WATCH_CORPUS") else {
        skipped!("set HANDSHAKE_WATCH_CORPUS to a folder of captures to run this");
        return;
    };
    let mut frames = 0u64;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let Ok(mut source) = capture::open(&path) else {
            continue;
        };
        while let Ok(Next::Frame(frame)) = source.next() {
            shortcut_agrees(&frame);
            frames += 1;
        }
    }
    eprintln!("{frames} frames compared");
    assert!(frames > 0, "no capture could be read");
}
