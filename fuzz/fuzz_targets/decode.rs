//! Frames whose link type, lengths and bytes are the fuzzer's: those of a capture, so that captures are a corpus, else a
//! single one. The quick way and the thorough way have to agree.

#![no_main]

use std::io::Cursor;

use handshake_watch::capture::{self, Frame, LinkType, Next};
use handshake_watch::decode::{self, Decoded, Skip};
use handshake_watch::reassemble::Reassembler;
use handshake_watch::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut reassembler = Reassembler::new();
    if let Ok(mut source) = capture::recorded(Cursor::new(data.to_vec())) {
        while let Ok(Next::Frame(frame)) = source.next() {
            one(&frame);
            reassemble(&mut reassembler, &frame);
        }
        return;
    }
    let [a, b, more, data @ ..] = data else {
        return;
    };
    let mut frame = Frame {
        number: 1,
        time: Timestamp::from_nanos(0),
        link: LinkType(u16::from_le_bytes([*a, b & 1])),
        interface: 0,
        data,
        original_len: data.len() as u32 + u32::from(*more),
    };
    one(&frame);
    // The same bytes again as a sequence of fragments.
    for piece in data.chunks(64) {
        frame.data = piece;
        frame.number += 1;
        reassemble(&mut reassembler, &frame);
    }
});

fn one(frame: &Frame<'_>) {
    let (quick, thorough) = (decode::frame(frame), decode::datagram(frame));
    match (&quick, &thorough) {
        (Decoded::Segment(a), Decoded::Segment(b)) => assert_eq!(a, b),
        (Decoded::Skipped(a), Decoded::Skipped(b)) => assert_eq!(a, b),
        (Decoded::IcmpError(a), Decoded::IcmpError(b)) => assert_eq!(a, b),
        (Decoded::Fragment(_), Decoded::Skipped(Skip::Fragment)) => {}
        _ => panic!("{quick:?} is not {thorough:?}"),
    }
    if let Some(payload) = decode::payload(frame) {
        assert!(payload.len() <= frame.data.len());
    }
}

fn reassemble(reassembler: &mut Reassembler, frame: &Frame<'_>) {
    if let Decoded::Fragment(fragment) = decode::frame(frame)
        && let Some(whole) = reassembler.push(&fragment, frame)
    {
        let _ = decode::datagram(&Frame {
            link: LinkType::RAW,
            data: whole.bytes,
            ..*frame
        });
    }
}
