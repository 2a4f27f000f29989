//! The brief clause about one segment: the fact that matters most, in one row of a ladder where that is possible.
//!
//! Comes in: a segment and what it did. Goes out: one clause, never empty, appended to a string that is used again for the
//! next segment, so that millions of clauses cost no allocation. What else is remarkable stands on the arrow and its tags,
//! and in the full paragraph. Whatever cannot be seen from outside is worded as inferred.

mod closing;
mod opening;
mod repeat;

pub(super) use opening::{crossed, earlier, is_over, opens, tries_anew};

use super::words::{Bytes, Count, Range, ends, the};
use crate::tcp::{Flags, Labels, Options, Segment, SeqNumber, TcpState};
use crate::text::put;
use crate::track::{Change, Event};

/// Appends the brief clause about `segment` to `out`.
pub fn brief(out: &mut String, segment: &Segment, change: &Change) {
    if let Some(of) = find(change, |event| match event {
        Event::CaptureDuplicate { of } => Some(of),
        _ => None,
    }) {
        return put!(
            out,
            "the capture recorded packet ",
            of,
            " a second time; it was sent once"
        );
    }
    let flags = segment.flags;
    if flags.contains(Flags::RST) {
        return closing::reset(out, segment, change);
    }
    if contradiction(out, segment) {
        return;
    }
    if flags.contains(Flags::SYN) {
        return opening::synchronize(out, segment, change);
    }
    if repeat::repeats(out, segment, change) || closing::over(out, segment, change) {
        return;
    }
    if flags.contains(Flags::FIN) {
        return closing::finish(out, segment, change);
    }
    if window_and_probe(out, segment, change) {
        return;
    }
    if segment.len > 0 {
        return data(out, segment, change);
    }
    acknowledgment(out, segment, change);
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
/// Whether there are any.
fn contradiction(out: &mut String, segment: &Segment) -> bool {
    let flags = segment.flags;
    if flags.contains(Flags::SYN | Flags::FIN) {
        put!(out, "SYN and FIN contradict each other: a scan, or damage");
    } else if flags.intersects(Flags::SYN | Flags::ACK) {
        return false;
    } else if flags.contains(Flags::FIN | Flags::PSH | Flags::URG) {
        put!(
            out,
            "FIN, PSH and URG without ACK: an Xmas scan; a connection drops it"
        );
    } else if flags.contains(Flags::FIN) {
        put!(
            out,
            "FIN without ACK: a connection drops it; it may be a FIN scan"
        );
    } else if flags.is_empty() && segment.len == 0 {
        put!(
            out,
            "no control bit at all: a NULL scan; a connection drops it"
        );
    } else {
        put!(
            out,
            "without ACK, which every segment of an open connection has: dropped"
        );
    }
    true
}

/// What a segment says about windows and liveness; whether it says anything of the kind.
fn window_and_probe(out: &mut String, segment: &Segment, change: &Change) -> bool {
    let (sender, receiver) = ends(change.direction);
    let room = Bytes(u64::from(change.window));
    for event in &change.events {
        match *event {
            Event::WindowProbe { number } => put!(
                out,
                "asks whether ",
                receiver,
                " has room again (zero-window probe ",
                number,
                ")"
            ),
            Event::AnswersProbe if change.window == 0 => {
                put!(out, "answers the probe: still no room, window 0");
            }
            Event::AnswersProbe => put!(out, "answers the probe: room for ", room, " again"),
            Event::WindowCloses => put!(
                out,
                "window 0: ",
                sender,
                " has no room, ",
                receiver,
                " may only send probes"
            ),
            Event::WindowReopens { closed_for } => {
                put!(
                    out,
                    "room for ",
                    room,
                    " again, after ",
                    closed_for,
                    " without any"
                );
            }
            Event::KeepAlive { idle } => put!(
                out,
                "is ",
                receiver,
                " still there? A keep-alive after ",
                idle,
                " of silence"
            ),
            Event::AnswersKeepAlive => put!(out, "still here: answers the keep-alive"),
            Event::FillsWindow => put!(
                out,
                Range::of(change.seq, segment.len),
                " fill ",
                receiver,
                "'s window: ",
                sender,
                " has to wait"
            ),
            Event::ChallengeAck { of } => put!(
                out,
                "challenge ACK: answers packet ",
                of,
                " with the numbers it expects"
            ),
            _ => continue,
        }
        return true;
    }
    false
}

fn data(out: &mut String, segment: &Segment, change: &Change) {
    let (_, receiver) = ends(change.direction);
    let range = Range::of(change.seq, segment.len);
    for event in &change.events {
        return match *event {
            Event::Gap { bytes } => not_seen(out, change, bytes),
            Event::FillsGap => put!(
                out,
                "late: ",
                range,
                " belong before packets that were seen earlier"
            ),
            Event::HandshakeCompletes { .. } => put!(
                out,
                "completes the handshake and brings ",
                Bytes(u64::from(segment.len)),
                ", ",
                range
            ),
            Event::CongestionMark { in_ip: true } => put!(
                out,
                Bytes(u64::from(segment.len)),
                " for ",
                receiver,
                ", ",
                range,
                "; marked on the way: congestion (CE)"
            ),
            _ => continue,
        };
    }
    if change.begins {
        return put!(
            out,
            "the capture begins in the middle; the first byte here is called 1"
        );
    }
    put!(
        out,
        Bytes(u64::from(segment.len)),
        " for ",
        receiver,
        ", numbered ",
        range,
        "; the next is ",
        change.seq.wrapping_add(segment.len)
    );
    if segment.flags.contains(Flags::URG) {
        put!(out, "; urgent");
    }
}

/// Numbers before this segment that the capture does not have, or not yet.
fn not_seen(out: &mut String, change: &Change, count: u32) {
    put!(
        out,
        Range::before(change.seq, count),
        " before it not seen: lost, late, or missed by the capture"
    );
}

/// The same where the segment arrives: nobody but the network keeps them back.
pub(super) fn not_here(out: &mut String, change: &Change, count: u32) {
    put!(
        out,
        Range::before(change.seq, count),
        " before it have not come: lost or late"
    );
}

fn acknowledgment(out: &mut String, segment: &Segment, change: &Change) {
    for event in &change.events {
        return match *event {
            Event::HandshakeCompletes { .. } => opening::completes(out, change),
            Event::Gap { bytes } => not_seen(out, change, bytes),
            Event::DuplicateAck { number, of } => {
                put!(
                    out,
                    "still waits for ",
                    change.ack,
                    " (duplicate ",
                    number,
                    " of packet ",
                    of,
                    ")"
                );
                selective(out, segment, change);
            }
            Event::AcknowledgesUnseen { bytes } => put!(
                out,
                "has everything before ",
                change.ack,
                "; the capture missed ",
                Count(u64::from(bytes), "number"),
                " of it"
            ),
            Event::DuplicateSack { left, right } => put!(
                out,
                "got ",
                numbered(left, right),
                Range::of(left, right.wrapping_sub(left)),
                " twice (D-SACK)"
            ),
            Event::Acknowledges {
                bytes, syn, fin, ..
            } => acknowledges(out, change, bytes, syn, fin),
            _ => continue,
        };
    }
    if change.labels.contains(Labels::WINDOW_UPDATE) {
        return put!(
            out,
            "a window update: room for ",
            Bytes(u64::from(change.window)),
            " now"
        );
    }
    if change.begins {
        return put!(
            out,
            "the capture begins in the middle; the roles are judged by the ports"
        );
    }
    if let Some(subtype) = segment.options.mptcp_subtype {
        put!(
            out,
            match subtype {
                Options::DSS => "only Multipath TCP's own numbers (DSS); nothing new on this path",
                Options::ADD_ADDR => "names one more address for Multipath TCP (ADD_ADDR)",
                _ => "carries a signal of Multipath TCP; nothing new on this path",
            }
        );
        return selective(out, segment, change);
    }
    put!(out, "acknowledges nothing new (ack ", change.ack, ")");
    selective(out, segment, change);
}

/// `number ` before a range that is a single number, which would be taken for a count.
pub(super) const fn numbered(left: u32, right: u32) -> &'static str {
    if right.wrapping_sub(left) == 1 {
        "number "
    } else {
        ""
    }
}

fn acknowledges(out: &mut String, change: &Change, bytes: u32, syn: bool, fin: bool) {
    let sender = change.direction.sender();
    if fin {
        if bytes > 0 {
            put!(out, "has ", Bytes(u64::from(bytes)), " more and the FIN");
        } else {
            put!(out, "got the FIN");
        }
        return match change.of(sender).after {
            Some(TcpState::TimeWait) if bytes == 0 => put!(
                out,
                "; ",
                the(sender),
                " stays in TIME-WAIT in case this ACK is lost"
            ),
            Some(TcpState::CloseWait) if bytes > 0 => {
                put!(out, "; its own direction is still open");
            }
            Some(TcpState::CloseWait) => {
                put!(
                    out,
                    "; ",
                    the(sender),
                    "'s own direction is still open (half-closed)"
                );
            }
            Some(TcpState::Closing) => put!(out, "; waits for the ACK of its own"),
            _ => (),
        };
    }
    match (bytes, syn) {
        (0, true) => put!(out, "has the SYN; expects ", change.ack, " next"),
        (0, false) => put!(out, "expects ", change.ack, " next"),
        (bytes, _) => put!(
            out,
            the(sender),
            "'s TCP has ", // The number after the last acknowledged byte is the acknowledgment itself.
            Range::before(change.ack, bytes),
            "; whether its program read them: unknown"
        ),
    }
}

/// `, has 2897–4344` for the first SACK block above the acknowledgment number, and how many more there are.
fn selective(out: &mut String, segment: &Segment, change: &Change) {
    let mut blocks = above(segment, change, segment.ack - change.ack);
    let Some(first) = blocks.next() else {
        return;
    };
    put!(out, ", has ", first);
    match blocks.count() {
        0 => (),
        more => put!(out, " and ", more, " more"),
    }
}

/// The SACK blocks above the acknowledgment number, relative to `base`. A first one that is a D-SACK lies in the second one
/// if it is above (RFC 2883 section 4), which then tells all.
pub(super) fn above(
    segment: &Segment,
    change: &Change,
    base: SeqNumber,
) -> impl Iterator<Item = Range> {
    let twice = has(change, |event| matches!(event, Event::DuplicateSack { .. }));
    segment
        .options
        .sack
        .iter()
        .skip(usize::from(twice))
        .filter(|block| block.left.after(segment.ack) && block.right.after(block.left))
        .map(move |block| {
            let count = block.right.distance(block.left).unsigned_abs();
            Range::of(block.left.relative_to(base), count)
        })
}
