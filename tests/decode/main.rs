//! Decoding: the same TCP facts under every link type and tunnel, the exact reason for every truncation, no panic.

#[path = "../skipped/mod.rs"]
#[macro_use]
mod skipped;
mod frames;

mod any;
mod damage;
mod fragments;
mod headers;
mod icmp;

use handshake_watch::capture::Frame;
use handshake_watch::decode::{self, Decoded, Skip};
use handshake_watch::tcp::Segment;

fn segment(frame: &Frame<'_>) -> Segment {
    match decode::frame(frame) {
        Decoded::Segment(segment) => segment,
        other => panic!("expected a segment, got {other:?}"),
    }
}

fn reason(frame: &Frame<'_>) -> Skip {
    match decode::frame(frame) {
        Decoded::Skipped(reason) => reason,
        other => panic!("expected a skipped frame, got {other:?}"),
    }
}
