//! Segments that go by the book take a short way through the tracker. On every capture there is, each segment and each
//! connection must come out as if all analysts had judged every segment.

#[macro_use]
mod skipped;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use handshake_watch::capture::{self, Frame, LinkType, Next};
use handshake_watch::decode::{self, Decoded};
use handshake_watch::reassemble::Reassembler;
use handshake_watch::tcp::{IcmpError, Segment, Side};
use handshake_watch::track::{Change, Connection, LabelRules, Limits, Tracker};

/// What a tracker takes.
enum Taken {
    Segment(Box<Segment>),
    Error(IcmpError),
}

#[test]
fn the_short_way_changes_nothing() {
    let mut captures = vec![];
    collect(Path::new("captures"), &mut captures);
    if let Some(corpus) = env::var_os("HANDSHAKE_WATCH_CORPUS") {
        collect(Path::new(&corpus), &mut captures);
    } else {
        skipped!("the corpus: set HANDSHAKE_WATCH_CORPUS to a folder of captures");
    }
    let mut compared = 0;
    for capture in &captures {
        let input = read(capture);
        for labels in [LabelRules::Own, LabelRules::Wireshark] {
            let [short, thorough] = [false, true].map(|thorough| track(&input, labels, thorough));
            for (short, thorough) in short.iter().zip(&thorough) {
                assert_eq!(short, thorough, "{} {labels:?}", capture.display());
            }
            assert_eq!(short.len(), thorough.len(), "{}", capture.display());
            let [noted, tracked] = [note(&input, labels, true), note(&input, labels, false)];
            for (noted, tracked) in noted.iter().zip(&tracked) {
                assert_eq!(noted, tracked, "{} {labels:?}", capture.display());
            }
            assert_eq!(noted.len(), tracked.len(), "{}", capture.display());
        }
        compared += input.len();
    }
    assert!(compared > 500, "{compared} segments");
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

/// What is told of each segment and each connection, a line each.
fn track(input: &[Taken], labels: LabelRules, thorough: bool) -> Vec<String> {
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
                lines.push(told(&change));
                lines.push(known(tracker.connection(change.slot)));
            }
            Taken::Error(error) => {
                let slot = tracker.icmp_error(error);
                lines.extend(slot.map(|slot| known(tracker.connection(slot))));
            }
        }
        while let Some(connection) = tracker.next_final() {
            lines.push(known(connection));
        }
    }
    tracker.finish();
    while let Some(connection) = tracker.next_final() {
        lines.push(known(connection));
    }
    lines
}

/// What is told of each connection, a line each: noted, or tracked segment by segment.
fn note(input: &[Taken], labels: LabelRules, noted: bool) -> Vec<String> {
    let mut tracker = Tracker::new(Limits {
        labels,
        ..Limits::default()
    });
    let mut room = Change::default();
    let mut lines = Vec::new();
    for taken in input {
        match taken {
            Taken::Segment(segment) if noted => {
                let hash = tracker.hasher().hash(&segment.tuple);
                tracker.note(segment, hash, &mut room);
            }
            Taken::Segment(segment) => room = tracker.segment(segment),
            Taken::Error(error) => {
                let slot = tracker.icmp_error(error);
                lines.extend(slot.map(|slot| known(tracker.connection(slot))));
            }
        }
        while let Some(connection) = tracker.next_final() {
            lines.push(known(connection));
        }
    }
    tracker.finish();
    while let Some(connection) = tracker.next_final() {
        lines.push(known(connection));
    }
    lines.push(format!("{} gaps", tracker.gaps()));
    lines
}

fn told(change: &Change) -> String {
    format!("{change:?}")
}

/// All that a connection tells to others.
fn known(connection: &Connection) -> String {
    let mut text = String::new();
    for side in [Side::Client, Side::Server] {
        let _ = write!(
            text,
            "{:?} {:?} {:?} {:?} ",
            connection.endpoint(side),
            connection.peer(side),
            connection.state_before(side),
            connection.goodput(side),
        );
    }
    let _ = write!(
        text,
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} ",
        connection.id(),
        connection.roles(),
        connection.handshake(),
        connection.negotiated(),
        connection.frames(),
        connection.start(),
        connection.end(),
        connection.verdict(),
    );
    let _ = write!(
        text,
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {} {}",
        connection.opened(),
        connection.ended(),
        connection.closed_by(),
        connection.evidence(),
        connection.troubles(),
        connection.longest_wait(),
        connection.icmp_error(),
        connection.originator(),
        connection.conn_state(),
        connection.history(),
        connection.completeness(),
    );
    text
}
