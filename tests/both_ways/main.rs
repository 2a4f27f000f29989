//! Segments that go by the book take a short way through the tracker. Of every capture there is, and of made-up talk, each
//! segment and each connection must come out as if all analysts had judged every segment.

#[path = "../skipped/mod.rs"]
#[macro_use]
mod skipped;
mod known;
mod talk;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use handshake_watch::capture::{self, Frame, LinkType, Next};
use handshake_watch::decode::{self, Decoded};
use handshake_watch::reassemble::Reassembler;
use handshake_watch::tcp::{IcmpError, Segment};
use handshake_watch::track::{Change, LabelRules, Limits, Tracker};

use known::known;

/// What a tracker takes.
enum Taken {
    Segment(Box<Segment>),
    Error(IcmpError),
}

impl Taken {
    fn is_segment(&self) -> bool {
        matches!(self, Self::Segment(_))
    }
}

#[test]
fn the_short_way_changes_nothing_and_is_taken() {
    let (mut segments, mut judged, mut noted) = (0, 0, 0);
    for capture in captures("captures".as_ref()) {
        let input = read(&capture);
        segments += input.iter().filter(|taken| taken.is_segment()).count() as u64;
        let ways = compare(&input, &capture.display().to_string());
        judged += ways.judged;
        noted += ways.noted;
    }
    assert!(segments > 500, "{segments} segments");
    // Teaching captures show what is not by the book more often than a network does.
    assert!(2 * judged < segments, "{judged} of {segments} were judged");
    assert!(2 * noted > segments, "{noted} of {segments} were noted");
}

#[test]
fn the_short_way_changes_nothing_in_real_captures() {
    let Some(corpus) = env::var_os("HANDSHAKE_WATCH_CORPUS") else {
        skipped!("set HANDSHAKE_WATCH_CORPUS to a folder of captures");
        return;
    };
    for capture in captures(corpus.as_ref()) {
        compare(&read(&capture), &capture.display().to_string());
    }
}

/// How many segments went which way.
struct Ways {
    /// They did not go by the book.
    judged: u64,
    /// They were only noted where nobody looks at them.
    noted: u64,
}

/// Tracks on all ways, by either rules. How many segments went which way by our own.
fn compare(input: &[Taken], name: &str) -> Ways {
    compare_by(LabelRules::Wireshark, input, name);
    compare_by(LabelRules::Own, input, name)
}

fn compare_by(labels: LabelRules, input: &[Taken], name: &str) -> Ways {
    let [(short, judged), (thorough, all)] =
        [false, true].map(|thorough| track(input, labels, thorough));
    for (short, thorough) in short.iter().zip(&thorough) {
        assert_eq!(short, thorough, "{name} {labels:?}");
    }
    assert_eq!(short.len(), thorough.len(), "{name}");
    let [(noted, count), (tracked, _)] = [true, false].map(|noted| note(input, labels, noted));
    for (noted, tracked) in noted.iter().zip(&tracked) {
        assert_eq!(noted, tracked, "{name} {labels:?}");
    }
    assert_eq!(noted.len(), tracked.len(), "{name}");
    let segments = input.iter().filter(|taken| taken.is_segment()).count();
    assert_eq!(all, segments as u64, "{name}: the thorough way is thorough");
    Ways {
        judged,
        noted: count,
    }
}

/// All files below a folder.
fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut captures = Vec::new();
    collect(folder, &mut captures);
    captures
}

fn collect(folder: &Path, captures: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, captures);
        } else {
            captures.push(path);
        }
    }
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
        match decode::frame(&frame) {
            Decoded::Segment(segment) => taken.push(Taken::Segment(Box::new(segment))),
            Decoded::IcmpError(error) => taken.push(Taken::Error(error)),
            Decoded::Fragment(fragment) => {
                let Some(datagram) = reassembler.push(&fragment, &frame) else {
                    continue;
                };
                let whole = Frame {
                    link: LinkType::RAW,
                    data: datagram.bytes,
                    original_len: datagram.bytes.len() as u32,
                    ..frame
                };
                if let Decoded::Segment(segment) = decode::datagram(&whole) {
                    taken.push(Taken::Segment(Box::new(segment)));
                }
            }
            Decoded::Skipped(_) => {}
        }
    }
    taken
}

/// What is told of each segment and each connection, a line each; and how many segments every analyst judged.
fn track(input: &[Taken], labels: LabelRules, thorough: bool) -> (Vec<String>, u64) {
    let mut tracker = Tracker::new(Limits {
        labels,
        thorough,
        ..Limits::default()
    });
    let mut lines = Vec::new();
    for taken in input {
        match taken {
            Taken::Segment(segment) => {
                let change = tracker.segment(segment);
                lines.push(format!("{change:?}"));
                lines.push(known(tracker.connection(change.slot)));
            }
            Taken::Error(error) => lines.extend(quoted(&mut tracker, error)),
        }
        finals(&mut tracker, &mut lines);
    }
    tracker.finish();
    finals(&mut tracker, &mut lines);
    (lines, tracker.judged())
}

/// What is told of each connection, a line each: noted, or tracked segment by segment; and how many segments were noted.
fn note(input: &[Taken], labels: LabelRules, noted: bool) -> (Vec<String>, u64) {
    let mut tracker = Tracker::new(Limits {
        labels,
        ..Limits::default()
    });
    let mut room = Change::default();
    let mut lines = Vec::new();
    let mut count = 0;
    for taken in input {
        match taken {
            Taken::Segment(segment) if noted => {
                let hash = tracker.hasher().hash(&segment.tuple);
                // What is tracked is told by the number of its connection, and what is noted leaves no trace.
                room.connection = 0;
                tracker.note(segment, hash, &mut room);
                count += u64::from(room.connection == 0);
            }
            Taken::Segment(segment) => room = tracker.segment(segment),
            Taken::Error(error) => lines.extend(quoted(&mut tracker, error)),
        }
        finals(&mut tracker, &mut lines);
    }
    tracker.finish();
    finals(&mut tracker, &mut lines);
    lines.push(format!("{} gaps", tracker.gaps()));
    (lines, count)
}

/// What is told of the connections that became final.
fn finals(tracker: &mut Tracker, lines: &mut Vec<String>) {
    while let Some(connection) = tracker.next_final() {
        lines.push(known(connection));
    }
}

/// What is told of the connection that an error is about.
fn quoted(tracker: &mut Tracker, error: &IcmpError) -> Option<String> {
    let slot = tracker.icmp_error(error)?;
    Some(known(tracker.connection(slot)))
}
