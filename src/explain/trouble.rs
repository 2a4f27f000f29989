//! Troubles in words: the heading they are grouped under, the sentence about one, what to check next.

use std::fmt::Write;

use super::words::Count;
use crate::tcp::{Side, default_mss};
use crate::track::{Connection, Trouble, TroubleKind, Verdict};

/// The heading of a group in the table.
#[must_use]
pub const fn heading(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::ServerSilent => "SERVER SILENT",
        TroubleKind::ClientSilent => "CLIENT SILENT",
        TroubleKind::NoAnswer => "NO ANSWER",
        TroubleKind::ResetAfterIdle => "RESET",
        TroubleKind::ReceiverFull => "RECEIVER FULL",
        TroubleKind::PathDead => "PATH DEAD",
        TroubleKind::SlowOpen => "SLOW OPEN",
        TroubleKind::HeavyLoss => "HEAVY LOSS",
        TroubleKind::Refused => "REFUSED",
        TroubleKind::Unfinished => "UNFINISHED",
        TroubleKind::Aborted => "ABORTED",
    }
}

/// What a group has in common, behind its heading.
#[must_use]
pub const fn meaning(kind: TroubleKind) -> &'static str {
    match kind {
        TroubleKind::ServerSilent => "request acknowledged, no reply",
        TroubleKind::ClientSilent => "it was the client's turn, and it sent nothing",
        TroubleKind::NoAnswer => "SYN repeated, nothing came back",
        TroubleKind::ResetAfterIdle => "RST after a long silence",
        TroubleKind::ReceiverFull => "window 0: no room, the receiving program reads too slowly",
        TroubleKind::PathDead => "data repeated, never acknowledged",
        TroubleKind::SlowOpen => "the handshake took far longer than it should",
        TroubleKind::HeavyLoss => "many segments had to be sent again",
        TroubleKind::Refused => "answered by RST or ICMP: nobody listens, or a firewall",
        TroubleKind::Unfinished => "SYN-ACK seen, but the handshake was never completed",
        TroubleKind::Aborted => "reset before the handshake was complete",
    }
}

/// What to check next.
#[must_use]
pub fn advice(trouble: &Trouble, connection: &Connection) -> &'static str {
    match trouble.kind {
        TroubleKind::ServerSilent if client_closed(trouble, connection) => {
            "If the client waited for a reply, look at the server's program, for example for a lock, a slow query or a full worker pool: the request arrived (its ACK was quick). If not, the client took its time to close."
        }
        TroubleKind::ServerSilent => {
            "The request arrived (its ACK was quick), so look at the server's program, for example for a lock, a slow query or a full worker pool."
        }
        TroubleKind::ClientSilent => {
            "The server waited for the client: look at what the client's program did at that time."
        }
        TroubleKind::NoAnswer => {
            "Is a firewall dropping packets, is the host up, is the server's accept queue full?"
        }
        TroubleKind::ResetAfterIdle => {
            "Something forgot the connection while it was idle: a NAT, a load balancer or the server. Compare its idle time-out with the keep-alive interval."
        }
        TroubleKind::ReceiverFull => {
            "The receiving program reads too slowly or not at all: look at what it waits for."
        }
        TroubleKind::PathDead => {
            let fits_everywhere = default_mss(connection.endpoint(Side::Server).address);
            if trouble.bytes > u32::from(fits_everywhere) {
                "Was the route or the host gone, or are large packets dropped (MTU)?"
            } else {
                "Was the route or the host gone?"
            }
        }
        TroubleKind::SlowOpen => ASKS_FOR_SYN,
        TroubleKind::HeavyLoss => {
            "Look at the path: a bad link, a full queue, a duplex mismatch, a policer."
        }
        TroubleKind::Refused => "Is the server running, on this address and port?",
        TroubleKind::Unfinished => {
            "Many of these are a SYN flood or a scan; a single one is a lost ACK."
        }
        TroubleKind::Aborted => "Look at what the side that sent RST logged at that moment.",
    }
}

/// Whether the client's FIN ended the silence, so that nothing shows that it had waited for a reply.
fn client_closed(trouble: &Trouble, connection: &Connection) -> bool {
    connection.peer(Side::Client).fin_frame == Some(trouble.last_frame)
}

/// What a slow opening makes one ask, where nobody knows.
pub(super) const ASKS_FOR_SYN: &str =
    "Was a SYN or SYN-ACK lost, or the server's queue full at that moment?";

/// A trouble whose packets another one tells of: repeats that are all of what was never acknowledged.
pub(super) fn said_by_others(trouble: &Trouble, all: &[Trouble]) -> bool {
    let dead = all.iter().find(|other| other.kind == TroubleKind::PathDead);
    trouble.kind == TroubleKind::HeavyLoss && dead.is_some_and(|dead| trouble.count < dead.count)
}

/// The verdict's own words say it already.
pub(super) const fn said_by_verdict(kind: TroubleKind) -> bool {
    matches!(
        kind,
        TroubleKind::Refused
            | TroubleKind::NoAnswer
            | TroubleKind::Unfinished
            | TroubleKind::Aborted
    )
}

/// A sentence about one trouble, for the end of a ladder.
pub(super) fn sentence(out: &mut String, trouble: &Trouble) {
    let lasted = trouble.lasted;
    let (first, last) = (trouble.first_frame, trouble.last_frame);
    // Writing to a String cannot fail.
    let _ = match trouble.kind {
        TroubleKind::ServerSilent => write!(
            out,
            "The server sent no reply for {lasted} (packets {first} to {last}), if one was due."
        ),
        TroubleKind::ClientSilent => write!(
            out,
            "The client sent nothing for {lasted} (packets {first} to {last}), though it was its turn (inferred)."
        ),
        TroubleKind::ResetAfterIdle => write!(
            out,
            "It had been silent for {lasted} before the RST of packet {last}."
        ),
        TroubleKind::ReceiverFull => write!(
            out,
            "{} window stayed at 0 for {lasted} (packets {first} to {last}): no room, because its program did not read (inferred).",
            whose(trouble)
        ),
        TroubleKind::PathDead => write!(
            out,
            "{} data was sent {} over {lasted} and never acknowledged (packets {first} to {last}).",
            whose(trouble),
            Count(u64::from(trouble.count), "time")
        ),
        TroubleKind::SlowOpen => write!(
            out,
            "From the first SYN the handshake took {lasted} (packets {first} to {last})."
        ),
        TroubleKind::HeavyLoss => write!(
            out,
            "{} were sent (packets {first} to {last}).",
            Count(u64::from(trouble.count), "repeat")
        ),
        TroubleKind::Refused
        | TroubleKind::NoAnswer
        | TroubleKind::Unfinished
        | TroubleKind::Aborted => write!(out, "Packets {first} to {last} show it."),
    };
}

const fn whose(trouble: &Trouble) -> &'static str {
    match trouble.side {
        Some(Side::Client) => "The client's",
        Some(Side::Server) => "The server's",
        None => "One end's",
    }
}

/// What happened to one connection, for its row in the table.
#[must_use]
pub fn what_happened(connection: &Connection, trouble: &Trouble) -> String {
    let lasted = trouble.lasted;
    let end = match connection.verdict() {
        Verdict::Closed | Verdict::HalfClosed => match connection.closed_by() {
            Some(Side::Client) => "client sent FIN",
            Some(Side::Server) => "server sent FIN",
            None => "closed",
        },
        Verdict::Reset => match connection.closed_by() {
            Some(Side::Client) => "client sent RST",
            Some(Side::Server) => "server sent RST",
            None => "reset",
        },
        _ => "capture ends",
    };
    match trouble.kind {
        TroubleKind::ServerSilent => format!("no reply {lasted}; {end}"),
        TroubleKind::ClientSilent => format!("client silent {lasted}; {end}"),
        TroubleKind::NoAnswer => {
            let syns = u64::from(connection.handshake().syns.max(1));
            match (syns, connection.evicted()) {
                (1, false) => "1 SYN".to_owned(),
                (1, true) => "1 SYN, then no longer followed".to_owned(),
                _ => format!("{} in {lasted}", Count(syns, "SYN")),
            }
        }
        TroubleKind::ResetAfterIdle => format!("idle {lasted}, then RST"),
        TroubleKind::ReceiverFull => format!(
            "window 0 for {lasted}, {}",
            Count(u64::from(trouble.count), "probe")
        ),
        TroubleKind::PathDead => format!(
            "data sent {} over {lasted}",
            Count(u64::from(trouble.count), "time")
        ),
        TroubleKind::SlowOpen => format!(
            "handshake {lasted}, {}",
            Count(u64::from(connection.handshake().syns.max(1)), "SYN")
        ),
        TroubleKind::HeavyLoss => format!("{}; {end}", Count(u64::from(trouble.count), "repeat")),
        TroubleKind::Refused | TroubleKind::Aborted => format!("RST after {lasted}"),
        TroubleKind::Unfinished => "no ACK after the SYN-ACK".to_owned(),
    }
}
