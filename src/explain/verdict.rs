//! The last words about a connection: one sentence that proves the verdict, and what it means for the reader.

use std::fmt::{self, Write};

use super::story::{Conclusion, Tone};
use super::trouble;
use super::words::{Amount, Bytes, Count, the, the_capital};
use crate::tcp::{IcmpKind, Side, TcpState};
use crate::track::{Connection, Opened, Peer, Verdict};

/// One sentence with the frames that prove the verdict, appended to `out`.
pub fn reason(out: &mut String, connection: &Connection) {
    // Writing to a String cannot fail.
    let _ = write_reason(out, connection);
}

fn write_reason(out: &mut String, connection: &Connection) -> fmt::Result {
    let evidence = connection.evidence();
    let first = evidence.first().copied().unwrap_or(connection.frames().0);
    let last = evidence.last().copied().unwrap_or(connection.frames().1);
    let handshake = connection.handshake();
    match connection.verdict() {
        Verdict::Refused => match unreachable(connection) {
            Some((frame, words)) => write!(
                out,
                "ICMP in packet {frame} answers the SYN of packet {first}: {words}"
            ),
            None => write!(
                out,
                "packet {last} refuses the SYN of packet {first}: nobody listens on {}, or a firewall says so",
                connection.endpoint(Side::Server)
            ),
        },
        Verdict::NoAnswer => {
            write!(
                out,
                "{} from packet {first} on, ",
                syns(handshake.syns, connection)
            )?;
            out.write_str(if answers(connection) {
                "and nothing that came back answers them"
            } else {
                "and nothing came back"
            })
        }
        Verdict::Aborted => write!(
            out,
            "{} reset the connection in packet {last}, before the handshake was complete",
            closer(connection)
        ),
        Verdict::Unfinished => write!(
            out,
            "SYN-ACK in packet {}, but no ACK of it in the capture",
            handshake.syn_ack.unwrap_or(last)
        ),
        Verdict::Reset => write!(
            out,
            "{} aborted the connection with the RST of packet {last}",
            closer(connection)
        ),
        Verdict::Closed => {
            let fin = |side| connection.peer(side).fin_frame.unwrap_or(last);
            let (client, server) = (fin(Side::Client), fin(Side::Server));
            write!(
                out,
                "both FINs, in packets {} and {}, are acknowledged; {} closed first",
                client.min(server),
                client.max(server),
                closer(connection)
            )
        }
        Verdict::HalfClosed => write!(
            out,
            "{} sent its FIN in packet {last}, the other end had not closed when the capture ended",
            closer(connection)
        ),
        Verdict::Open => write!(out, "neither end had closed when the capture ended"),
    }?;
    if connection.opened() == Some(Opened::MidStream) {
        write!(out, "; the capture began in the middle")?;
    }
    Ok(())
}

/// `4 SYNs in 7.0 s`, `1 SYN`.
fn syns(count: u32, connection: &Connection) -> String {
    let count = Count(u64::from(count.max(1)), "SYN");
    if count.0 > 1 {
        format!("{count} in {}", connection.duration())
    } else {
        count.to_string()
    }
}

/// The server's end sent something, though nothing that fits the SYN.
fn answers(connection: &Connection) -> bool {
    connection.peer(Side::Server).counts.packets > 0 && !connection.is_self()
}

/// The ICMP error that refused the connection, where no RST did: its frame, and what it says.
fn unreachable(connection: &Connection) -> Option<(u64, &'static str)> {
    if connection.ended().is_some() {
        return None;
    }
    let remark = connection.icmp_error()?;
    let words = match remark.kind {
        IcmpKind::Unreachable { code, v6 } => match (code, v6) {
            (0, false) => "the network is unreachable",
            (1, false) | (3, true) => "the host is unreachable",
            (2, false) => "TCP is not spoken there",
            (3, false) | (4, true) => "the port is unreachable",
            (9 | 10 | 13, false) | (1, true) => "a firewall forbids it",
            (0, true) => "there is no route to it",
            _ => "unreachable",
        },
        IcmpKind::TooBig { .. } => "the packet is too big",
        IcmpKind::TimeExceeded => "its time to live ran out on the way",
        IcmpKind::Other { .. } => "it could not be delivered",
    };
    Some((remark.frame, words))
}

fn closer(connection: &Connection) -> &'static str {
    connection.closed_by().map_or("one end", the)
}

/// What a reader should take away.
#[must_use]
pub fn conclusion(connection: &Connection) -> Conclusion {
    conclude(connection, None)
}

/// The same. `arrived`: payload bytes of the client that reached the server, where that is known.
pub(super) fn conclude(connection: &Connection, arrived: Option<u64>) -> Conclusion {
    let verdict = connection.verdict();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_conclusion(&mut text, connection, verdict, arrived);
    let troubles = connection.troubles();
    for found in &troubles {
        if !trouble::said_by_verdict(found.kind) && !trouble::said_by_others(found, &troubles) {
            text.push(' ');
            trouble::sentence(&mut text, found);
        }
    }
    let unended = matches!(
        verdict,
        Verdict::NoAnswer | Verdict::Unfinished | Verdict::HalfClosed | Verdict::Open
    );
    if connection.evicted() && unended {
        text.push_str(
            " It was given up here to keep memory bounded (--memory): what came later is not known.",
        );
    }
    let advice = advice(verdict, connection, arrived.is_some()).or_else(|| {
        troubles
            .first()
            .map(|found| trouble::advice(found, connection).to_owned())
    });
    Conclusion {
        tone: match verdict {
            Verdict::Closed if troubles.is_empty() => Tone::Good,
            Verdict::Open | Verdict::HalfClosed | Verdict::Closed => Tone::Neutral,
            _ => Tone::Bad,
        },
        word: verdict.name(),
        text,
        advice,
    }
}

/// `13 bytes to the server, 0 back`; with what did not arrive or was not acknowledged, if anything.
fn carried(connection: &Connection, arrived: Option<u64>) -> String {
    let [client, server] = [Side::Client, Side::Server].map(|side| connection.peer(side));
    // Without a packet of the other end nothing tells what it has.
    let pending = |own: Peer, other: Peer| match u64::from(own.in_flight).min(own.counts.bytes) {
        0 => String::new(),
        _ if other.counts.packets == 0 => String::new(),
        all if all == own.counts.bytes => " (not acknowledged)".to_owned(),
        some => format!(" ({} of them not acknowledged)", Amount(some)),
    };
    let sent = Bytes(client.counts.bytes);
    let there = match arrived {
        Some(arrived) if arrived < client.counts.bytes => {
            format!("{sent} sent to the server ({} arrived)", Amount(arrived))
        }
        // Their acknowledgment is under way or lost.
        Some(_) => format!("{sent} to the server"),
        None => match pending(client, server) {
            all if all.is_empty() => format!("{sent} to the server"),
            pending => format!("{sent} sent to the server{pending}"),
        },
    };
    let back = Amount(server.counts.bytes);
    format!("{there}, {back} back{}", pending(server, client))
}

fn write_conclusion(
    out: &mut String,
    connection: &Connection,
    verdict: Verdict,
    arrived: Option<u64>,
) -> fmt::Result {
    let carried = carried(connection, arrived);
    match verdict {
        Verdict::Refused => match unreachable(connection) {
            Some((frame, words)) => write!(
                out,
                "an ICMP error (packet {frame}) answered the SYN: {words}. On Linux connect() fails at once; other systems may go on trying (RFC 5461)."
            ),
            None => write!(
                out,
                "connect() fails with ECONNREFUSED, \"Connection refused\". The host, or a firewall that answers for it, said no. Silence would be \"no_answer\"."
            ),
        },
        Verdict::NoAnswer if answers(connection) => write!(
            out,
            "{}, and nothing that came back answers them: it acknowledges numbers that this SYN does not have.",
            syns(connection.handshake().syns, connection)
        ),
        Verdict::NoAnswer => write!(
            out,
            "{} and nothing came back. connect() waits and fails with ETIMEDOUT in the end. A closed port would have answered with RST; silence means that packets are dropped, that the server's queue is full, or that the capture saw one direction only.",
            syns(connection.handshake().syns, connection)
        ),
        Verdict::Aborted => write!(
            out,
            "{} reset the connection before the handshake was complete.{}",
            closer(connection),
            if connection.closed_by() == Some(Side::Client) {
                " Port scanners do this, and programs that give up."
            } else {
                ""
            }
        ),
        Verdict::Unfinished => write!(
            out,
            "the server answered, but no ACK completed the handshake: the client is gone, it was a scan, or the ACK was lost or not captured."
        ),
        Verdict::Reset if nothing_but_reset(connection) => write!(
            out,
            "{carried}; {} sent RST: it knows no such connection, or it aborted one that began before the capture.",
            closer(connection)
        ),
        Verdict::Reset => {
            let other = connection.closed_by().map(|side| the_capital(!side));
            let closer = closer(connection);
            if connection.reset_without_ack() {
                write!(
                    out,
                    "{carried}; then {closer} answered with RST, because it knew no such connection (inferred)."
                )?;
            } else {
                write!(out, "{carried}; then {closer} aborted with RST.")?;
            }
            match other {
                Some(other) => write!(out, " {other}'s program gets an error, usually ECONNRESET")?,
                None => return Ok(()),
            }
            out.write_str(if is_empty(connection) {
                "."
            } else {
                "; bytes not yet acknowledged or read may be lost."
            })
        }
        Verdict::Closed => closed(out, connection, &carried),
        Verdict::HalfClosed => {
            let other = connection.closed_by().map_or("the other end", |s| the(!s));
            write!(
                out,
                "{carried}; {} has closed its direction, {other} has not yet.",
                closer(connection)
            )
        }
        Verdict::Open if connection.opened().is_none() => write!(
            out,
            "{carried}; nothing in it shows that there was a connection."
        ),
        Verdict::Open => write!(
            out,
            "{carried}; it is not closed: the connection goes on, or the capture ends here."
        ),
    }
}

/// Whether a reset is all that is known: without SYN and data nothing shows that there was a connection to abort.
fn nothing_but_reset(connection: &Connection) -> bool {
    connection.handshake().syns == 0
        && connection.handshake().syn_ack.is_none()
        && is_empty(connection)
}

/// Neither end was seen to send a byte.
fn is_empty(connection: &Connection) -> bool {
    let bytes = |side| connection.peer(side).counts.bytes;
    bytes(Side::Client) == 0 && bytes(Side::Server) == 0
}

fn closed(out: &mut String, connection: &Connection, carried: &str) -> fmt::Result {
    let waits = |side| connection.peer(side).state == Some(TcpState::TimeWait);
    if waits(Side::Client) && waits(Side::Server) && !connection.is_self() {
        return write!(
            out,
            "{carried}; both ends closed at the same time. They stay in TIME-WAIT (60 s on Linux), because each had sent its FIN before it had the other's."
        );
    }
    write!(
        out,
        "{carried}; {} closed first{}.",
        closer(connection),
        how_closed(connection)
    )?;
    for side in [Side::Client, Side::Server] {
        if connection.peer(side).state == Some(TcpState::TimeWait) {
            return if connection.closed_by() == Some(side) {
                write!(
                    out,
                    " Its end stays in TIME-WAIT (60 s on Linux); that is normal."
                )
            } else {
                write!(
                    out,
                    " {}'s end stays in TIME-WAIT (60 s on Linux); that is normal.",
                    the_capital(side)
                )
            };
        }
    }
    Ok(())
}

/// `, in FIN-ACK, FIN-ACK, ACK` when three packets did it, `, in FIN-ACK, ACK, FIN-ACK, ACK` when four.
fn how_closed(connection: &Connection) -> &'static str {
    match closing_packets(connection) {
        Some(3) => ", in FIN-ACK, FIN-ACK, ACK",
        Some(4) => ", in FIN-ACK, ACK, FIN-ACK, ACK",
        _ => "",
    }
}

/// How many packets prove that both directions were closed, from the first FIN on.
pub(super) fn closing_packets(connection: &Connection) -> Option<usize> {
    let client = connection.peer(Side::Client).fin_frame?;
    let server = connection.peer(Side::Server).fin_frame?;
    let first = client.min(server);
    let evidence = connection.evidence();
    Some(evidence.iter().filter(|frame| **frame >= first).count())
}

/// What to check next. `both_ends`: what each of them sent was recorded there, so nothing in between sent it.
fn advice(verdict: Verdict, connection: &Connection, both_ends: bool) -> Option<String> {
    let server = connection.endpoint(Side::Server);
    Some(match verdict {
        Verdict::Refused if unreachable(connection).is_some() => format!(
            "Is there a route to {server}, is its host up, does a firewall in between forbid it?"
        ),
        Verdict::Refused => {
            "Is the server running, on this address and port?  Try: ss -ltn".to_owned()
        }
        Verdict::NoAnswer => format!(
            "Is there a firewall between here and {server}? Is the host up? Is the server's accept queue full (ss -ltn, column Recv-Q)?"
        ),
        Verdict::Aborted => {
            "Look at what the side that sent RST logged at that moment.".to_owned()
        }
        Verdict::Unfinished => {
            "Many of these from many addresses are a SYN flood or a scan; a single one is a lost ACK or a client that went away.".to_owned()
        }
        Verdict::Reset if nothing_but_reset(connection) => return None,
        Verdict::Reset => why_reset(connection, both_ends)?,
        Verdict::Closed | Verdict::HalfClosed | Verdict::Open => return None,
    })
}

/// What can have been the reason of a reset, as far as the packets allow.
fn why_reset(connection: &Connection, both_ends: bool) -> Option<String> {
    let by = connection.closed_by()?;
    let (closer, other) = (the(by), the(!by));
    if connection.reset_without_ack() {
        return Some(if connection.peer(by).fin_frame.is_some() {
            format!("Had {closer}'s program closed before {other} had sent everything?")
        } else if both_ends {
            format!("Did {closer}'s host restart, or did its program end?")
        } else {
            format!(
                "Did {closer}'s host restart, or did its program end, or has a NAT or firewall in between forgotten the connection?"
            )
        });
    }
    if connection.may_have_received(by) {
        return Some(
            "Did the program crash, or close its socket with unread data in it, or set SO_LINGER to 0?".to_owned(),
        );
    }
    Some(match by {
        Side::Client => {
            "Did the client's program set SO_LINGER to 0? Unread data is not the reason: nothing had come back.".to_owned()
        }
        Side::Server => {
            "Did the server's program set SO_LINGER to 0, or end before it called accept()? Unread data is not the reason: nothing had come.".to_owned()
        }
    })
}
