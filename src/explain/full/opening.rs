//! Full sentences about SYNs.

use std::fmt::{self, Write};

use super::options::{agreed, offers};
use crate::explain::brief::{crossed, earlier, find, is_over, opens, tries_anew};
use crate::explain::words::{Bytes, Range, the, the_capital};
use crate::tcp::{Flags, Segment, TcpState};
use crate::time::Span;
use crate::track::{Change, Connection, Event, RepeatCause};

pub(super) fn synchronize(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
) -> fmt::Result {
    if segment.flags.contains(Flags::FIN) {
        return write!(
            out,
            "A SYN opens and a FIN closes, so no TCP sends both in one segment; receivers differ in what they do with it, which is why scanners try it (RFC 9293 section 3.10.7). "
        );
    }
    let repeated = repeats(out, change)?;
    if segment.flags.contains(Flags::ACK) {
        acknowledges(out, segment, change, connection)?;
    } else if !repeated {
        asks(out, change, connection)?;
    }
    if !repeated {
        numbers(out, segment, change)?;
        if segment.flags.contains(Flags::ACK) {
            agreed(out, connection)?;
        } else {
            offers(out, segment)?;
        }
    }
    fast_open(out, segment, change, connection)?;
    ecn(out, segment, change, connection)
}

/// A SYN or SYN-ACK that was sent before says nothing new.
fn repeats(out: &mut String, change: &Change) -> Result<bool, fmt::Error> {
    for event in &change.events {
        match *event {
            Event::SynRepeated { copy, .. }
                if !opens(change) && !tries_anew(change) && !is_over(change) =>
            {
                copied(out, change, copy)?;
                // Where nothing is left of the connection, it depends on who listens there.
                if change.of(change.direction.receiver()).before != Some(TcpState::Closed) {
                    write!(
                        out,
                        "The connection is past its opening, so the SYN provokes an ACK at most (RFC 9293 section 3.10.7.4). "
                    )?;
                }
                return Ok(true);
            }
            Event::SynRepeated { copy, .. } if copy || is_over(change) => {
                copied(out, change, copy)?;
                return Ok(true);
            }
            Event::SynRepeated {
                before,
                since_first,
                ..
            } => {
                asks_again(out, change, before, since_first)?;
                return Ok(true);
            }
            Event::Repeats { frame, cause, .. } => {
                answers_again(out, change, frame, cause)?;
                return Ok(true);
            }
            _ => {}
        }
    }
    Ok(false)
}

/// A SYN-ACK that was sent before.
fn answers_again(
    out: &mut String,
    change: &Change,
    frame: Option<u64>,
    cause: RepeatCause,
) -> fmt::Result {
    let sender = the(change.direction.sender());
    match frame {
        Some(frame) => write!(out, "The same SYN-ACK as in packet {frame}: ")?,
        None => write!(out, "The same SYN-ACK as before: ")?,
    }
    match cause {
        RepeatCause::Timer { .. } => write!(
            out,
            "{sender} has taken no ACK of it yet, and its timer ran out (RFC 6298 section 5; inferred). "
        ),
        RepeatCause::SynAgain => write!(
            out,
            "the same SYN reached {sender} again, which answers it as before (inferred). "
        ),
        _ => write!(
            out,
            "{sender} has taken no ACK of it yet, the same SYN reached it again, or the network or the capture made a copy (inferred). "
        ),
    }
}

/// A SYN that was seen before, and what tells if its sender sent it only once.
fn copied(out: &mut String, change: &Change, copy: bool) -> fmt::Result {
    match earlier(change) {
        Some((frame, after)) => write!(
            out,
            "The SYN of packet {frame}, {after} later and with the same sequence number. "
        )?,
        None => write!(out, "The same SYN as before. ")?,
    }
    if !copy {
        return Ok(());
    }
    write!(
        out,
        "Nothing differs in its header that tells a packet from the next, and no timer runs out so soon (RFC 6298 section 2), so the network or the capture made a copy (inferred). It counts once. "
    )
}

/// Sooner than this, a SYN was not repeated by the first timer of RFC 6298, which runs for a second or longer; captures stamp
/// late, and clocks differ.
const SOON: Span = Span::from_millis(900);

/// The same SYN again. What its sender lacks depends on what has been seen since the first.
fn asks_again(out: &mut String, change: &Change, before: u32, since_first: Span) -> fmt::Result {
    let sender = change.direction.sender();
    let soon = earlier(change).is_some_and(|(_, after)| after < SOON);
    write!(
        out,
        "SYN number {} of {}, ",
        before.saturating_add(1),
        the(sender)
    )?;
    // Not where the capture's clock stepped back.
    if since_first >= Span::ZERO {
        write!(out, "{since_first} after its first one and ")?;
    }
    write!(out, "with the same sequence number. ")?;
    if tries_anew(change) {
        write!(
            out,
            "It was refused before. Some systems try again a few times; others tell the program at once (RFC 9293 section 3.10.7.3, RFC 5461). "
        )
    } else if crossed(change) {
        write!(
            out,
            "It acknowledges nothing, so the other end's SYN, which crossed its first one, had not reached it (inferred). "
        )
    } else if soon && change.of(sender).before == Some(TcpState::SynSent) {
        write!(
            out,
            "RFC 6298 section 2 lets a first timer run for a second, but some systems repeat a SYN sooner; or it was doubled on its way. "
        )
    } else if change.of(sender).before == Some(TcpState::SynSent) {
        write!(
            out,
            "Without an answer a TCP repeats its SYN after 1 s, then after ever longer times (RFC 6298 sections 2 and 5.5); Linux from 6.5 on repeats it five times at intervals of a second first. "
        )
    } else {
        write!(
            out,
            "A SYN-ACK passed here, so it was lost further on, came too late, or was not taken (inferred). "
        )
    }
}

fn asks(out: &mut String, change: &Change, connection: &Connection) -> fmt::Result {
    let sender = change.direction.sender();
    for event in &change.events {
        match *event {
            Event::SelfConnect => {
                return write!(
                    out,
                    "Source and destination are one socket: it was bound to the port that it connects to. What it sends comes back to itself, as in a simultaneous open (RFC 9293 figure 7). "
                );
            }
            Event::SimultaneousOpen => {
                return write!(
                    out,
                    "{} sent this SYN before the other end's SYN had reached it. TCP makes one connection of both, not two (RFC 9293 section 3.5, figure 7). ",
                    the_capital(sender)
                );
            }
            Event::ReusesPorts { previous } => {
                return write!(
                    out,
                    "The same addresses and ports as in connection #{previous}, with another initial sequence number: a new connection (RFC 9293 section 3.6.1; RFC 6191). "
                );
            }
            _ => {}
        }
    }
    write!(
        out,
        "{} asks for a connection to port {} (RFC 9293 section 3.5). ",
        the_capital(sender),
        connection.endpoint(!sender).port
    )
}

/// Why this acknowledgment number, and why plus one.
fn acknowledges(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
) -> fmt::Result {
    let (sender, receiver) = (change.direction.sender(), change.direction.receiver());
    let fits = find(change, |event| match event {
        Event::Acknowledges { syn, .. } => Some(syn),
        _ => None,
    }) == Some(true);
    let data = find(change, |event| match event {
        Event::FastOpenAnswered { accepted: true } => Some(()),
        _ => None,
    })
    .is_some();
    if fits && data {
        return write!(
            out,
            "ack {}: the SYN took number 0, and its data the numbers up to {}; both are acknowledged (RFC 7413 section 4.2.2). ",
            change.ack,
            change.ack.wrapping_sub(1)
        );
    }
    if fits {
        return write!(
            out,
            "ack {}: {} has {}'s SYN, which takes number {}, and expects the one after it (RFC 9293 section 3.4). ",
            change.ack,
            the(sender),
            the(receiver),
            change.ack.wrapping_sub(1)
        );
    }
    if connection.peer(receiver).offer.is_none() {
        return write!(
            out,
            "It answers a SYN with the real number {}, which the capture does not have. ",
            segment.ack.0.wrapping_sub(1)
        );
    }
    Ok(())
}

/// The initial sequence number.
fn numbers(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let sender = change.direction.sender();
    write!(
        out,
        "{}'s initial sequence number (ISN) is {}, called {} here; the SYN takes it, so its first byte is {} (section 3.4.1). ",
        the_capital(sender),
        segment.seq.0,
        change.seq,
        change.seq.wrapping_add(1)
    )
}

fn fast_open(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
) -> fmt::Result {
    for event in &change.events {
        match *event {
            Event::FastOpen { bytes, cookie } if cookie && bytes > 0 => write!(
                out,
                "Its {} of data, numbers {}, come in the SYN itself; the cookie shows the server that this client's address is real (RFC 7413 section 4). ",
                Bytes(u64::from(bytes)),
                Range::of(change.seq.wrapping_add(1), bytes)
            )?,
            Event::FastOpen { cookie: false, .. } => write!(
                out,
                "It asks for a Fast Open cookie, so that the next SYN may carry data (RFC 7413 section 4.2.1). "
            )?,
            Event::FastOpenAnswered { accepted: false } => {
                let repeated = connection.handshake().syns > 1;
                write!(
                    out,
                    "The SYN's data are not acknowledged: {}the cookie was not valid or Fast Open is off there, and the client sends them again (RFC 7413 section 4.2.2). ",
                    if repeated {
                        "the SYN with them did not arrive, or "
                    } else {
                        ""
                    }
                )?;
            }
            _ => {}
        }
    }
    let told = change
        .events
        .iter()
        .any(|event| matches!(event, Event::FastOpen { .. }));
    if segment.len > 0 && !told {
        write!(
            out,
            "It carries {} of data, which the program gets once the handshake is complete (RFC 9293 section 3.5). ",
            Bytes(u64::from(segment.len))
        )?;
    }
    Ok(())
}

/// ECN is asked for with ECE and CWR on a SYN, and agreed to with ECE alone on its answer.
fn ecn(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
) -> fmt::Result {
    let receiver = the(change.direction.receiver());
    let bits = segment.flags & (Flags::AE | Flags::CWR | Flags::ECE);
    let answer = segment.flags.contains(Flags::ACK);
    if !answer && bits == Flags::AE | Flags::CWR | Flags::ECE {
        write!(
            out,
            "AE, CWR and ECE together ask {receiver} for Accurate ECN (RFC 9768 section 3.1.1). "
        )
    } else if !answer && bits == Flags::CWR | Flags::ECE {
        write!(
            out,
            "ECE and CWR together ask {receiver} for explicit congestion notification (RFC 3168 section 6.1.1). "
        )
    } else if answer && bits == Flags::ECE && super::ecn_agreed(connection) {
        write!(
            out,
            "ECE without CWR agrees to explicit congestion notification (RFC 3168 section 6.1.1). "
        )
    } else {
        Ok(())
    }
}
