//! Full sentences about FIN and RST.

use std::fmt::{self, Write};

use crate::explain::brief::find;
use crate::explain::words::{ends, the_capital};
use crate::tcp::{Flags, Segment, Side, TcpState};
use crate::track::{Change, Connection, Event, ResetEffect};

pub(super) fn finish(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let (sender, receiver) = ends(change.direction);
    let number = change.seq.wrapping_add(segment.len);
    let first = find(change, |event| match event {
        Event::Finishes { first } => Some(first),
        _ => None,
    });
    write!(
        out,
        "FIN: {sender} has nothing more to send. It takes number {number}, so {receiver} acknowledges it with {} (RFC 9293 section 3.6). ",
        number.wrapping_add(1)
    )?;
    match first {
        Some(true) if change.of(change.direction.sender()).after == Some(TcpState::Closing) => {
            write!(
                out,
                "The same socket receives it, so that both directions close at once (RFC 9293 figure 13). "
            )
        }
        Some(true) => write!(
            out,
            "Only this direction closes: {receiver} may go on sending (section 3.6.1). "
        ),
        Some(false) if change.of(change.direction.sender()).after == Some(TcpState::Closing) => {
            write!(
                out,
                "It does not acknowledge {receiver}'s FIN, which had not reached {sender}: both close at once (RFC 9293 figure 13). "
            )
        }
        Some(false) => write!(out, "With it both directions are closed. "),
        None => Ok(()),
    }
}

pub(super) fn reset(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
) -> fmt::Result {
    let (_, receiver) = ends(change.direction);
    let effect = find(change, |event| match event {
        Event::Resets { effect } => Some(effect),
        _ => None,
    });
    match effect {
        Some(ResetEffect::Refuses) => refuses(out, segment, change),
        Some(ResetEffect::Ignored) => ignored(out, change),
        Some(ResetEffect::Challenged) => write!(
            out,
            "Number {} lies in {receiver}'s window but is not the one it expects. A forger could have guessed that much, so {receiver} answers with a challenge ACK and goes on (RFC 5961 section 3.2). ",
            change.seq
        ),
        Some(ResetEffect::AfterClose) => write!(
            out,
            "Both directions had ended before, so there is nothing left to abort. In TIME-WAIT a reset may end the waiting early, which RFC 1337 warns of. "
        ),
        Some(ResetEffect::AbortsOpening) => write!(
            out,
            "{} gives up before the handshake is complete (RFC 9293 section 3.5.3). {}",
            the_capital(change.direction.sender()),
            match change.direction.sender() {
                Side::Client =>
                    "A client that was closed meanwhile does this, a port scanner too. ",
                Side::Server => "",
            }
        ),
        Some(ResetEffect::NoConnection) => no_connection(out),
        Some(ResetEffect::Ends) | None => aborts(out, segment, change, connection),
    }
}

fn refuses(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let (_, receiver) = ends(change.direction);
    if segment.flags.contains(Flags::ACK) && segment.seq.0 == 0 {
        write!(
            out,
            "A SYN has no ACK from which a reset could take its own number, so that is 0, and ack {} proves that the sender has seen the SYN: its number and everything in it, plus one (RFC 9293 sections 3.5.2 and 3.5.3). ",
            change.ack
        )?;
    }
    write!(
        out,
        "No socket listens on that address and port, or a firewall says so on its behalf. On {receiver} connect() fails at once: ECONNREFUSED, \"Connection refused\". "
    )
}

fn ignored(out: &mut String, change: &Change) -> fmt::Result {
    let (_, receiver) = ends(change.direction);
    match change.of(change.direction.receiver()).before {
        Some(TcpState::SynSent) => write!(
            out,
            "In SYN-SENT a reset counts only if it acknowledges the SYN (RFC 9293 section 3.5.3); this one does not. "
        ),
        Some(TcpState::Listen) => write!(
            out,
            "In LISTEN there is no connection to reset (RFC 9293 section 3.10.7.2). "
        ),
        _ => write!(
            out,
            "Number {} lies outside {receiver}'s window, so {receiver} drops it (RFC 5961 section 3.2). ",
            change.seq
        ),
    }
}

fn no_connection(out: &mut String) -> fmt::Result {
    write!(
        out,
        "With the real number 0 and with ACK it answers a segment without ACK that found no connection here: no socket has that port, or a firewall says so (RFC 9293 section 3.10.7.1; inferred). "
    )
}

fn aborts(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
) -> fmt::Result {
    let (sender, receiver) = ends(change.direction);
    let other = the_capital(change.direction.receiver());
    if change.of(change.direction.sender()).before == Some(TcpState::SynSent) {
        return write!(
            out,
            "{other}'s ACK did not fit {sender}'s SYN, so {sender} concludes that {receiver} still holds an older connection and clears it (RFC 9293 section 3.5.1, figure 9). "
        );
    }
    if segment.flags.contains(Flags::ACK) && segment.seq.0 == 0 {
        return no_connection(out);
    }
    write!(
        out,
        "Number {} is one that {receiver} accepts, so the connection ends at once in both directions, whatever was still under way or unread (RFC 9293 section 3.5.3). ",
        change.seq
    )?;
    match change.of(change.direction.receiver()).before {
        Some(TcpState::Established) => {
            write!(
                out,
                "{other}'s program learns it from a call that fails with ECONNRESET. "
            )?;
        }
        Some(TcpState::CloseWait) => write!(
            out,
            "{other} had got {sender}'s FIN before; on Linux a write now fails with EPIPE. "
        )?,
        _ => {}
    }
    if segment.flags.contains(Flags::ACK) {
        // Nobody leaves unread what never came.
        let unread = connection.may_have_received(change.direction.sender());
        write!(
            out,
            "{} ",
            match (change.direction.sender(), unread) {
                (Side::Client, true) =>
                    "Usual causes: the socket was closed with unread data in it (section 3.6.1), or with SO_LINGER 0.",
                (Side::Server, true) =>
                    "Usual causes: the socket was closed with unread data in it (section 3.6.1), or with SO_LINGER 0, or before accept() had fetched the connection.",
                (Side::Client, false) =>
                    "Usual cause: the socket was closed with SO_LINGER 0. Closed with unread data in it, it would be reset as well (section 3.6.1), but nothing had come to read.",
                (Side::Server, false) =>
                    "Usual causes: the socket was closed with SO_LINGER 0, or before accept() had fetched the connection.",
            }
        )
    } else {
        write!(
            out,
            "Without ACK it mostly answers a segment that found no connection here: the program had closed, or its host forgot the connection (section 3.5.2; inferred). "
        )
    }
}
