//! Brief clauses about FIN and RST.

use super::{acknowledged, find};
use crate::explain::words::{Bytes, ends};
use crate::tcp::{Flags, Segment, TcpState};
use crate::text::put;
use crate::track::{Change, Event, ResetEffect};

/// What comes when both ends are CLOSED.
const OVER: &str = "the connection was over already; this changes nothing";

/// A segment of a connection that a reset has ended; whether it is one.
pub(super) fn over(out: &mut String, segment: &Segment, change: &Change) -> bool {
    let closed = [change.client, change.server]
        .iter()
        .all(|end| [end.before, end.after] == [Some(TcpState::Closed); 2]);
    let over = closed && !segment.flags.contains(Flags::SYN);
    if over {
        put!(out, OVER);
    }
    over
}

pub(super) fn finish(out: &mut String, segment: &Segment, change: &Change) {
    let (sender, _) = ends(change.direction);
    let number = change.seq.wrapping_add(segment.len);
    let second = find(change, |event| match event {
        Event::Finishes { first } => Some(!first),
        _ => None,
    }) == Some(true);
    let takes_fin = acknowledged(change).is_some_and(|(_, _, fin)| fin);
    if segment.len > 0 {
        let last = Bytes(u64::from(segment.len));
        let too = if second { "closes too: " } else { "" };
        return put!(
            out,
            too,
            sender,
            "'s last ",
            last,
            " and its FIN, number ",
            number
        );
    }
    if second && takes_fin {
        return put!(
            out,
            "closes too; ack ",
            change.ack,
            " = got the FIN: one packet for both, so 3, not 4"
        );
    }
    if second && change.of(change.direction.sender()).after == Some(TcpState::Closing) {
        return put!(
            out,
            "closes without having seen the other FIN: simultaneous close"
        );
    }
    let too = if second { "closes too: " } else { "" };
    put!(
        out,
        too,
        "no more bytes from ",
        sender,
        "; the FIN takes number ",
        number
    );
}

pub(super) fn reset(out: &mut String, segment: &Segment, change: &Change) {
    let effect = find(change, |event| match event {
        Event::Resets { effect } => Some(effect),
        _ => None,
    });
    match effect {
        Some(ResetEffect::Refuses) => refuses(out, segment, change),
        Some(ResetEffect::AbortsOpening) => {
            let (sender, _) = ends(change.direction);
            put!(out, sender, " breaks off before the handshake is complete");
        }
        Some(ResetEffect::AfterClose) => put!(out, OVER),
        Some(ResetEffect::Ignored) => ignored(out, change),
        Some(ResetEffect::Challenged) => put!(
            out,
            "in the window, but not the expected number: a challenge ACK is due"
        ),
        Some(ResetEffect::NoConnection) => no_connection(out),
        Some(ResetEffect::Ends) | None => aborts(out, segment, change),
    }
}

fn refuses(out: &mut String, segment: &Segment, change: &Change) {
    put!(
        out,
        "refused: nobody listens, or a firewall says so; ack ",
        change.ack,
        " ties it to the SYN"
    );
    if segment.seq.0 == 0 {
        put!(
            out,
            " (such a reset has the real sequence number 0: RFC 9293 section 3.5.2)"
        );
    }
}

fn ignored(out: &mut String, change: &Change) {
    let (_, receiver) = ends(change.direction);
    match change.of(change.direction.receiver()).before {
        Some(TcpState::SynSent) => put!(
            out,
            "does not acknowledge ",
            receiver,
            "'s SYN: a correct TCP ignores it"
        ),
        Some(TcpState::Listen) => put!(out, "a listening socket ignores a reset"),
        _ => put!(
            out,
            "number ",
            change.seq,
            " is outside ",
            receiver,
            "'s window: a correct TCP ignores it"
        ),
    }
}

fn no_connection(out: &mut String) {
    put!(
        out,
        "no connection here: a closed port answers so (inferred)"
    );
}

/// An abort. What the other end's program hears depends on the state that end was in.
fn aborts(out: &mut String, segment: &Segment, change: &Change) {
    let (sender, receiver) = ends(change.direction);
    if change.of(change.direction.sender()).before == Some(TcpState::SynSent) {
        return put!(
            out,
            "clears ",
            receiver,
            "'s older connection; the SYN still waits (inferred)"
        );
    }
    if segment.flags.contains(Flags::ACK) && segment.seq.0 == 0 {
        return no_connection(out);
    }
    let bare = !segment.flags.contains(Flags::ACK);
    match change.of(change.direction.receiver()).before {
        // An end that aborts a connection acknowledges what it has of it (RFC 9293 section 3.10.7.1).
        Some(TcpState::Established) if bare => put!(
            out,
            "no connection there (inferred): ",
            receiver,
            "'s program gets ECONNRESET"
        ),
        Some(TcpState::Established) => put!(
            out,
            sender,
            " aborts: ",
            receiver,
            "'s program gets ECONNRESET"
        ),
        Some(TcpState::FinWait1 | TcpState::FinWait2 | TcpState::Closing | TcpState::LastAck) => {
            put!(
                out,
                sender,
                " aborts; ",
                receiver,
                " had sent its FIN before"
            );
        }
        _ => put!(out, sender, " aborts: both directions end at once"),
    }
}
