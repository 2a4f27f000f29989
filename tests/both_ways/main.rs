//! A tracker has three ways to the same results. All analysts judge every segment; or segments that go by the book pass them
//! by; or segments are only noted, where nobody looks at them, until their connection is final. Of every capture there is,
//! and of made-up talk, the same must be told on all of them.

#[path = "../skipped/mod.rs"]
#[macro_use]
mod skipped;
mod chance;
mod known;
mod orderly;
mod talk;
mod ways;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use handshake_watch::capture::{self, Frame, LinkType, Next};
use handshake_watch::decode::{self, Decoded};
use handshake_watch::lab::script::Script;
use handshake_watch::reassemble::Reassembler;
use handshake_watch::tcp::OptionsSeen;

use ways::{Taken, Ways, compare};

#[test]
fn captures_are_told_the_same_on_all_ways() {
    let mut ways = Ways::default();
    for capture in captures("captures".as_ref()) {
        compare_capture(&capture, &mut ways);
    }
    ways.must_all_be_taken();
}

#[test]
fn real_captures_are_told_the_same_on_all_ways() {
    let Some(corpus) = env::var_os("HANDSHAKE_WATCH_CORPUS") else {
        skipped!("set HANDSHAKE_WATCH_CORPUS to a folder of captures");
        return;
    };
    for capture in captures(corpus.as_ref()) {
        compare_capture(&capture, &mut Ways::default());
    }
}

/// Wireshark stops reading at a SACK option without a block, also in a SYN, and never hears of what comes behind it.
#[test]
fn syns_that_wireshark_gives_up_at_are_told_the_same_on_all_ways() {
    let script = "0 C > S SYN mss 1461 sackok\n +5us S > C SYN-ACK mss 1461 wscale 9 sackok\n +5us C > S ACK\n \
        +5us S > C ACK len 9\n +5us C > S ACK\n +5us S > C FIN-ACK";
    let script = Script::parse(script).expect("a good script");
    for odd in 0..3 {
        let input: Vec<_> = script
            .segments()
            .cloned()
            .enumerate()
            .map(|(index, mut segment)| {
                segment.options.seen.set(OptionsSeen::SACK, index == odd);
                Taken::Segment(Box::new(segment))
            })
            .collect();
        compare(&input, 0, &mut Ways::default()).expect("the same");
        compare(&input, input.len(), &mut Ways::default()).expect("the same");
    }
}

fn compare_capture(capture: &Path, ways: &mut Ways) {
    let input = read(capture);
    if let Err(error) = compare(&input, input.len() / 2, ways) {
        panic!("{}: {error}", capture.display());
    }
}

/// All files below a folder.
fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut captures = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            captures.extend(self::captures(&path));
        } else {
            captures.push(path);
        }
    }
    captures
}

/// The segments of a file and the errors about them; nothing where it is no capture.
fn read(capture: &Path) -> Vec<Taken> {
    let mut taken = Vec::new();
    let mut reassembler = Reassembler::new();
    let Ok(mut source) = capture::open(capture) else {
        return taken;
    };
    while let Ok(next) = source.next() {
        let frame = match next {
            Next::Frame(frame) => frame,
            Next::Pause => continue,
            Next::End => break,
        };
        let mut decoded = decode::frame(&frame);
        if let Decoded::Fragment(fragment) = &decoded {
            let Some(datagram) = reassembler.push(fragment, &frame) else {
                continue;
            };
            decoded = decode::datagram(&Frame {
                link: LinkType::RAW,
                data: datagram.bytes,
                original_len: datagram.bytes.len() as u32,
                ..frame
            });
        }
        match decoded {
            Decoded::Segment(segment) => taken.push(Taken::Segment(Box::new(segment))),
            Decoded::IcmpError(error) => taken.push(Taken::Error(error)),
            Decoded::Fragment(_) | Decoded::Skipped(_) => {}
        }
    }
    taken
}
