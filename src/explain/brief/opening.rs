//! Brief clauses about SYNs and about the ACK that completes a handshake.

use super::{find, has};
use crate::explain::words::{Bytes, ends, the};
use crate::tcp::{FastOpen, Flags, OptionsSeen, Segment, Side, TcpState};
use crate::text::put;
use crate::time::Span;
use crate::track::{Change, Event};

pub(super) fn synchronize(out: &mut String, segment: &Segment, change: &Change) {
    if segment.flags.contains(Flags::ACK) {
        return answer(out, segment, change);
    }
    if has(change, |event| event == Event::SelfConnect) {
        return put!(
            out,
            "a socket asks to connect to itself: both lanes are the same socket"
        );
    }
    if let Some((before, since_first)) = find(change, |event| match event {
        Event::SynRepeated {
            before,
            since_first,
        } => Some((before, since_first)),
        _ => None,
    }) {
        return asks_again(out, change, before, since_first);
    }
    if let Some(previous) = find(change, |event| match event {
        Event::ReusesPorts { previous } => Some(previous),
        _ => None,
    }) {
        return put!(
            out,
            "asks to open a new connection on the pair of ports of #",
            previous
        );
    }
    if let Some((bytes, cookie)) = find(change, |event| match event {
        Event::FastOpen { bytes, cookie } => Some((bytes, cookie)),
        _ => None,
    }) {
        return fast_open(out, bytes, cookie);
    }
    if has(change, |event| event == Event::SimultaneousOpen) {
        let (sender, _) = ends(change.direction);
        return put!(
            out,
            sender,
            " asks, too: the SYNs cross (simultaneous open)"
        );
    }
    match segment.options.mptcp_subtype {
        Some(0) => return put!(out, "asks to open, and for Multipath TCP (MP_CAPABLE)"),
        Some(1) => {
            return put!(
                out,
                "asks to add a path to a Multipath TCP connection (MP_JOIN)"
            );
        }
        _ => {}
    }
    put!(
        out,
        "asks to open; the SYN takes number ",
        change.seq,
        ", so the first byte will be ",
        change.seq.wrapping_add(1)
    );
}

/// No timer of a common stack makes it send a SYN or SYN-ACK again sooner; RFC 6298 section 2 begins with a second.
const SOONEST_TIMER: Span = Span::from_millis(200);

/// Whether a repeated SYN came too soon to be one of its sender, in an opening that is still under way.
pub(in crate::explain) fn is_copy(change: &Change, since_first: Span) -> bool {
    let sender = change.direction.sender();
    let opening = change.of(sender).before == Some(TcpState::SynSent)
        || change.of(!sender).before == Some(TcpState::SynReceived);
    opening && since_first < SOONEST_TIMER
}

/// The same SYN again. What the sender is waiting for depends on what has been seen since.
fn asks_again(out: &mut String, change: &Change, before: u32, since_first: Span) {
    let sender = change.direction.sender();
    let number = before.saturating_add(1);
    if is_copy(change, since_first) {
        return put!(
            out,
            "the same SYN again (",
            number,
            "), ",
            since_first.max(Span::ZERO),
            " after the first: a copy (inferred)"
        );
    }
    if change.of(sender).before == Some(TcpState::SynSent) {
        return put!(
            out,
            "no answer has come: the same SYN again (",
            number,
            "), ",
            since_first,
            " after the first"
        );
    }
    if let Some(TcpState::SynReceived) = change.of(!sender).before {
        put!(
            out,
            "the same SYN again (",
            number,
            "): the SYN-ACK did not reach it (inferred)"
        );
    } else {
        put!(
            out,
            "the same SYN once more (",
            number,
            "), a late copy; it opens nothing now"
        );
    }
}

fn fast_open(out: &mut String, bytes: u32, cookie: bool) {
    match (cookie, bytes) {
        (true, 0) => put!(
            out,
            "asks to open, with a Fast Open cookie but without data"
        ),
        (true, bytes) => put!(
            out,
            "asks to open and brings ",
            Bytes(u64::from(bytes)),
            " along, with a Fast Open cookie"
        ),
        (false, _) => put!(
            out,
            "asks to open, and for a Fast Open cookie for the next time"
        ),
    }
}

/// SYN and ACK.
fn answer(out: &mut String, segment: &Segment, change: &Change) {
    let ack = change.ack;
    if let Some((frame, after)) = find(change, |event| match event {
        Event::Repeats { frame, after, .. } => Some((frame, after)),
        _ => None,
    }) {
        return if let (Some(frame), Some(after)) = (frame, after) {
            put!(
                out,
                "its SYN-ACK again, ",
                after,
                " after packet ",
                frame,
                if after < SOONEST_TIMER {
                    "; the cause cannot be told"
                } else {
                    ": no ACK taken (inferred)"
                }
            );
        } else {
            put!(
                out,
                "its SYN-ACK again: it has taken no ACK of it (inferred)"
            );
        };
    }
    if has(change, |event| event == Event::SelfConnect) {
        return put!(
            out,
            "the SYN came back to its own sender, which answers itself (ack ",
            ack,
            ")"
        );
    }
    match find(change, |event| match event {
        Event::FastOpenAnswered { accepted } => Some(accepted),
        _ => None,
    }) {
        Some(true) => {
            return put!(
                out,
                "agrees, and has the SYN's data already (ack ",
                ack,
                "): Fast Open worked"
            );
        }
        Some(false) => {
            return put!(
                out,
                "agrees, but not to the SYN's data (ack ",
                ack,
                "): it must be sent again"
            );
        }
        None => {}
    }
    let receiver = change.direction.receiver();
    let transition = change.of(receiver);
    match transition.before {
        // Both ends sent a SYN, so this one was taken before it was answered.
        Some(TcpState::SynReceived) => put!(
            out,
            "acknowledges the SYN that crossed its own (ack ",
            ack,
            "), which it repeats"
        ),
        // One that is lost changes nothing either, whatever it acknowledges.
        Some(TcpState::SynSent) if !transition.changed() && ack != 1 => put!(
            out,
            "ack ",
            ack,
            " is not what the SYN calls for: ",
            the(receiver),
            " should reset it"
        ),
        Some(TcpState::SynSent) if transition.changed() => agrees(out, segment, change),
        None if change.begins => put!(
            out,
            "agrees (ack ",
            ack,
            ") to a SYN from before the capture began"
        ),
        _ => put!(
            out,
            "agrees (ack ",
            ack,
            ": send ",
            ack,
            " next), opens its side"
        ),
    }
}

fn agrees(out: &mut String, segment: &Segment, change: &Change) {
    let ack = change.ack;
    if let Some(FastOpen::Cookie(_)) = segment.options.fast_open {
        return put!(
            out,
            "agrees (ack ",
            ack,
            ": send ",
            ack,
            " next) and gives a cookie for Fast Open"
        );
    }
    if segment.options.seen.contains(OptionsSeen::MPTCP) && segment.options.mptcp_subtype == Some(0)
    {
        return put!(
            out,
            "agrees (ack ",
            ack,
            ": send ",
            ack,
            " next), and to Multipath TCP"
        );
    }
    put!(
        out,
        "agrees (ack ",
        ack,
        ": send ",
        ack,
        " next), opens its side; connect() can return"
    );
}

/// The ACK that completes the opening.
pub(super) fn completes(out: &mut String, change: &Change) {
    let server = change.of(Side::Server);
    let from_listen = change.direction.sender() == Side::Client
        && server.before == Some(TcpState::SynReceived)
        && server.after == Some(TcpState::Established);
    if from_listen {
        put!(
            out,
            "open both ways; TCP did it alone, accept() need not have been called"
        );
    } else {
        put!(
            out,
            "open both ways: each end has acknowledged the other's SYN"
        );
    }
}
