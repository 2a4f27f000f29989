//! The brief clause about one segment: the fact that matters most, in one row of a ladder where that is possible.
//!
//! Comes in: a segment and what it did. Goes out: one clause, never empty, appended to a string that is used again for the
//! next segment, so that millions of clauses cost no allocation. What else is remarkable stands on the arrow and its tags,
//! and in the full paragraph. Whatever cannot be seen from outside is worded as inferred.

mod closing;
mod opening;
mod repeat;

use std::fmt::{self, Write};

use super::words::{Bytes, Count, Range, ends, the};
use crate::tcp::{Flags, Labels, Segment, SeqNumber, TcpState};
use crate::track::{Change, Event};

/// Appends the brief clause about `segment` to `out`.
pub fn brief(out: &mut String, segment: &Segment, change: &Change) {
    // Writing to a String cannot fail.
    let _ = write_brief(out, segment, change);
}

fn write_brief(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    if let Some(of) = find(change, |event| match event {
        Event::CaptureDuplicate { of } => Some(of),
        _ => None,
    }) {
        return write!(
            out,
            "the capture recorded packet {of} a second time; it was sent once"
        );
    }
    let flags = segment.flags;
    if flags.contains(Flags::RST) {
        return closing::reset(out, segment, change);
    }
    if let Some(written) = contradiction(out, segment) {
        return written;
    }
    if flags.contains(Flags::SYN) {
        return opening::synchronize(out, segment, change);
    }
    if let Some(written) = repeat::repeats(out, segment, change) {
        return written;
    }
    if flags.contains(Flags::FIN) {
        return closing::finish(out, segment, change);
    }
    if let Some(written) = window_and_probe(out, segment, change) {
        return written;
    }
    if segment.len > 0 {
        return data(out, segment, change);
    }
    acknowledgment(out, segment, change)
}

/// The first event that `pick` wants.
pub(super) fn find<T>(change: &Change, pick: impl Fn(Event) -> Option<T>) -> Option<T> {
    change.events.iter().copied().find_map(pick)
}

fn has(change: &Change, wanted: impl Fn(Event) -> bool) -> bool {
    change.events.iter().copied().any(wanted)
}

/// Bytes newly acknowledged, and whether SYN and FIN are among what is.
pub(super) fn acknowledged(change: &Change) -> Option<(u32, bool, bool)> {
    find(change, |event| match event {
        Event::Acknowledges {
            bytes, syn, fin, ..
        } => Some((bytes, syn, fin)),
        _ => None,
    })
}

/// Control bits that no connection uses together, or without ACK (RFC 9293 section 3.10.7.4: such a segment is dropped).
fn contradiction(out: &mut String, segment: &Segment) -> Option<fmt::Result> {
    let flags = segment.flags;
    Some(if flags.contains(Flags::SYN | Flags::FIN) {
        write!(out, "SYN and FIN contradict each other: a scan, or damage")
    } else if flags.intersects(Flags::SYN | Flags::ACK) {
        return None;
    } else if flags.contains(Flags::FIN | Flags::PSH | Flags::URG) {
        write!(
            out,
            "FIN, PSH and URG without ACK: an Xmas scan; a connection drops it"
        )
    } else if flags.contains(Flags::FIN) {
        write!(
            out,
            "FIN without ACK: a connection drops it; it may be a FIN scan"
        )
    } else if flags.is_empty() && segment.len == 0 {
        write!(
            out,
            "no control bit at all: a NULL scan; a connection drops it"
        )
    } else {
        write!(
            out,
            "without ACK, which every segment of an open connection has: dropped"
        )
    })
}

/// What a segment says about windows and liveness; `None` when it says nothing of the kind.
fn window_and_probe(out: &mut String, segment: &Segment, change: &Change) -> Option<fmt::Result> {
    let (sender, receiver) = ends(change.direction);
    let room = Bytes(u64::from(change.window));
    for event in &change.events {
        return Some(match *event {
            Event::WindowProbe { number } => write!(
                out,
                "asks whether {receiver} has room again (zero-window probe {number})"
            ),
            Event::AnswersProbe if change.window == 0 => {
                write!(out, "answers the probe: still no room, window 0")
            }
            Event::AnswersProbe => write!(out, "answers the probe: room for {room} again"),
            Event::WindowCloses => write!(
                out,
                "window 0: {sender} has no room, {receiver} may only send probes"
            ),
            Event::WindowReopens { closed_for } => {
                write!(out, "room for {room} again, after {closed_for} without any")
            }
            Event::KeepAlive { idle } => write!(
                out,
                "is {receiver} still there? A keep-alive after {idle} of silence"
            ),
            Event::AnswersKeepAlive => write!(out, "still here: answers the keep-alive"),
            Event::FillsWindow => write!(
                out,
                "{} fill {receiver}'s window: {sender} has to wait",
                Range::of(change.seq, segment.len)
            ),
            Event::ChallengeAck { of } => write!(
                out,
                "challenge ACK: answers packet {of} with the numbers it expects"
            ),
            _ => continue,
        });
    }
    None
}

fn data(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let (_, receiver) = ends(change.direction);
    let range = Range::of(change.seq, segment.len);
    for event in &change.events {
        return match *event {
            Event::Gap { bytes } => not_seen(out, change, bytes),
            Event::FillsGap => write!(
                out,
                "late: {range} belong before packets that were seen earlier"
            ),
            Event::OutsideWindow => write!(out, "outside what {receiver} accepts: dropped there"),
            Event::HandshakeCompletes { .. } => write!(
                out,
                "completes the handshake and brings {}, {range}",
                Bytes(u64::from(segment.len))
            ),
            Event::CongestionMark { in_ip: true } => write!(
                out,
                "{} for {receiver}, {range}; marked on the way: congestion (CE)",
                Bytes(u64::from(segment.len))
            ),
            _ => continue,
        };
    }
    if change.begins {
        return write!(
            out,
            "the capture begins in the middle; the first byte here is called 1"
        );
    }
    write!(
        out,
        "{} for {receiver}, numbered {range}; the next is {}",
        Bytes(u64::from(segment.len)),
        change.seq.wrapping_add(segment.len)
    )
}

/// Numbers before this segment that the capture does not have, or not yet.
fn not_seen(out: &mut String, change: &Change, count: u32) -> fmt::Result {
    write!(
        out,
        "{} before it not seen: lost, late, or missed by the capture",
        Range::before(change.seq, count)
    )
}

fn acknowledgment(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    for event in &change.events {
        return match *event {
            Event::HandshakeCompletes { .. } => opening::completes(out, change),
            Event::Gap { bytes } => not_seen(out, change, bytes),
            Event::DuplicateAck { number, of } => {
                write!(
                    out,
                    "still waits for {} (duplicate {number} of packet {of})",
                    change.ack
                )?;
                selective(out, segment, change)
            }
            Event::AcknowledgesUnseen { bytes } => write!(
                out,
                "has everything before {}; the capture missed {} of it",
                change.ack,
                Count(u64::from(bytes), "number")
            ),
            Event::DuplicateSack { left, right } => write!(
                out,
                "got {} twice (D-SACK)",
                Range::of(left, right.wrapping_sub(left))
            ),
            Event::Acknowledges {
                bytes, syn, fin, ..
            } => acknowledges(out, change, bytes, syn, fin),
            _ => continue,
        };
    }
    if change.labels.contains(Labels::WINDOW_UPDATE) {
        return write!(
            out,
            "a window update: room for {} now",
            Bytes(u64::from(change.window))
        );
    }
    if change.begins {
        return write!(
            out,
            "the capture begins in the middle; the roles are judged by the ports"
        );
    }
    write!(out, "acknowledges nothing new (ack {})", change.ack)?;
    selective(out, segment, change)
}

fn acknowledges(
    out: &mut String,
    change: &Change,
    bytes: u32,
    syn: bool,
    fin: bool,
) -> fmt::Result {
    let sender = change.direction.sender();
    if fin {
        if bytes > 0 {
            write!(out, "has {} more and the FIN", Bytes(u64::from(bytes)))?;
        } else {
            write!(out, "got the FIN")?;
        }
        return match change.of(sender).after {
            Some(TcpState::TimeWait) if bytes == 0 => write!(
                out,
                "; {} stays in TIME-WAIT in case this ACK is lost",
                the(sender)
            ),
            Some(TcpState::CloseWait) if bytes > 0 => {
                write!(out, "; its own direction is still open")
            }
            Some(TcpState::CloseWait) => {
                write!(
                    out,
                    "; {}'s own direction is still open (half-closed)",
                    the(sender)
                )
            }
            Some(TcpState::Closing) => write!(out, "; waits for the ACK of its own"),
            _ => Ok(()),
        };
    }
    match (bytes, syn) {
        (0, true) => write!(out, "has the SYN; expects {} next", change.ack),
        (0, false) => write!(out, "expects {} next", change.ack),
        (bytes, _) => write!(
            out,
            "{}'s TCP has {}; whether its program read them: unknown",
            the(sender),
            // The number after the last acknowledged byte is the acknowledgment itself.
            Range::before(change.ack, bytes)
        ),
    }
}

/// `, has 2897–4344` for the first SACK block above the acknowledgment number, and how many more there are.
fn selective(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let mut blocks = above(segment, segment.ack - change.ack);
    let Some(first) = blocks.next() else {
        return Ok(());
    };
    write!(out, ", has {first}")?;
    match blocks.count() {
        0 => Ok(()),
        more => write!(out, " and {more} more"),
    }
}

/// The SACK blocks above the acknowledgment number, relative to `base`.
pub(super) fn above(segment: &Segment, base: SeqNumber) -> impl Iterator<Item = Range> {
    segment
        .options
        .sack
        .iter()
        .filter(|block| block.left.after(segment.ack) && block.right.after(block.left))
        .map(move |block| {
            let count = block.right.distance(block.left).unsigned_abs();
            Range::of(block.left.relative_to(base), count)
        })
}
