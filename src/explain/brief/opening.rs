//! Brief clauses about SYNs and about the ACK that completes a handshake.

use super::{find, has};
use crate::explain::words::{Bytes, ends, the};
use crate::tcp::{FastOpen, Flags, Options, OptionsSeen, Segment, Side, TcpState};
use crate::text::put;
use crate::time::Span;
use crate::track::{Change, Event, RepeatCause};

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
    if let Some((before, since_first, copy)) = find(change, |event| match event {
        Event::SynRepeated {
            before,
            since_first,
            copy,
        } => Some((before, since_first, copy)),
        _ => None,
    }) {
        return if copy && (opens(change) || is_over(change)) {
            copied(out, change);
        } else {
            asks_again(out, change, before, since_first);
        };
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
        Some(Options::MP_CAPABLE) => {
            return put!(out, "asks to open, and for Multipath TCP (MP_CAPABLE)");
        }
        Some(Options::MP_JOIN) => {
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

/// Whether the opening of a SYN is still under way, so that another one says something.
pub(in crate::explain) fn opens(change: &Change) -> bool {
    let sender = change.direction.sender();
    change.of(sender).before == Some(TcpState::SynSent)
        || change.of(!sender).before == Some(TcpState::SynReceived)
}

/// Whether a SYN is seen again whose sender is CLOSED and stays so.
pub(in crate::explain) fn is_over(change: &Change) -> bool {
    let sender = change.of(change.direction.sender());
    [sender.before, sender.after] == [Some(TcpState::Closed); 2]
}

/// Whether a SYN is sent again though the other end's SYN came by: no SYN-ACK has been seen then, and the state is what its
/// sender would have if that SYN had reached it.
pub(in crate::explain) fn crossed(change: &Change) -> bool {
    change.of(change.direction.sender()).before == Some(TcpState::SynReceived)
}

/// Whether a SYN that is sent again had been refused.
pub(in crate::explain) fn tries_anew(change: &Change) -> bool {
    let sender = change.of(change.direction.sender());
    sender.before == Some(TcpState::Closed) && sender.after == Some(TcpState::SynSent)
}

/// A SYN that was sent once and seen twice.
fn copied(out: &mut String, change: &Change) {
    put!(out, "the same SYN, ");
    if let Some((frame, after)) = earlier(change) {
        put!(out, after, " after packet ", frame);
    } else {
        put!(out, "at once");
    }
    put!(out, ": a copy (inferred)");
}

/// The packet that this one repeats, and how much earlier it came; nothing where the capture's clock stepped back.
pub(in crate::explain) fn earlier(change: &Change) -> Option<(u64, Span)> {
    find(change, |event| match event {
        Event::Repeats {
            frame: Some(frame),
            after: Some(after),
            ..
        } if after >= Span::ZERO => Some((frame, after)),
        _ => None,
    })
}

/// The same SYN again. What the sender is waiting for depends on what has been seen since.
fn asks_again(out: &mut String, change: &Change, before: u32, since_first: Span) {
    let sender = change.direction.sender();
    let number = before.saturating_add(1);
    let lead = match change.of(sender).after {
        Some(TcpState::SynSent) if tries_anew(change) => {
            Some("refused, it tries again: the same SYN (")
        }
        Some(TcpState::SynSent) => Some("no answer has come: the same SYN again ("),
        _ if crossed(change) => Some("no answer has come: the same SYN again ("),
        _ => None,
    };
    if let Some(lead) = lead {
        put!(out, lead, number, ")");
        // Not where the capture's clock stepped back.
        if since_first >= Span::ZERO {
            put!(out, ", ", since_first, " after the first");
        }
        return;
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
            "the same SYN once more, a late copy; it opens nothing now"
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
    if let Some(cause) = find(change, |event| match event {
        Event::Repeats { cause, .. } => Some(cause),
        _ => None,
    }) {
        return answers_again(out, change, cause);
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

/// The same SYN-ACK again.
fn answers_again(out: &mut String, change: &Change, cause: RepeatCause) {
    put!(out, "its SYN-ACK again");
    if let Some((frame, after)) = earlier(change) {
        put!(out, ", ", after, " after packet ", frame);
    }
    put!(
        out,
        match cause {
            RepeatCause::Timer { .. } => ": no ACK taken (inferred)",
            RepeatCause::SynAgain => ": the SYN came again (inferred)",
            _ => "; the cause cannot be told",
        }
    );
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
    if segment.options.seen.contains(OptionsSeen::MPTCP)
        && segment.options.mptcp_subtype == Some(Options::MP_CAPABLE)
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
