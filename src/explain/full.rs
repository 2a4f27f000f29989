//! The full paragraph about one segment, made from its actual numbers, with the RFC section that rules it.
//!
//! It begins where the brief clause ends: what the numbers mean, what the options offer, how long things took, and which
//! state each end is in now. Sentences about what no observer can see say "inferred".

use std::fmt::{self, Write};

use super::brief::find;
use super::words::{Bytes, Range, ends, the, the_capital};
use crate::tcp::{FastOpen, Flags, OptionsSeen, Segment, Side, TcpState};
use crate::track::{Change, Connection, Event, RepeatCause, ResetEffect};

/// The paragraph about `segment`.
#[must_use]
pub(super) fn full(segment: &Segment, change: &Change, connection: &Connection) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_full(&mut out, segment, change, connection);
    out
}

fn write_full(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
) -> fmt::Result {
    let flags = segment.flags;
    if flags.contains(Flags::RST) {
        reset(out, segment, change)?;
    } else if flags.contains(Flags::SYN) {
        synchronize(out, segment, change, connection)?;
    } else {
        if segment.len > 0 {
            data(out, segment, change, connection)?;
        }
        if flags.contains(Flags::FIN) {
            finish(out, segment, change)?;
        }
        acknowledgment(out, segment, change)?;
    }
    for event in &change.events {
        remark(out, *event, segment, change)?;
    }
    states(out, change)
}

fn synchronize(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
) -> fmt::Result {
    let sender = change.direction.sender();
    let (_, receiver) = ends(change.direction);
    if segment.flags.contains(Flags::ACK) {
        write!(
            out,
            "{} acknowledges the SYN: ack {} is one more than the SYN's number, because a SYN counts as one. ",
            the_capital(sender),
            change.ack
        )?;
    } else {
        write!(
            out,
            "{} wants a connection to port {}. ",
            the_capital(sender),
            connection.endpoint(!sender).port
        )?;
    }
    write!(
        out,
        "Its own initial sequence number (ISN) is {}, which is shown as 0: numbers here count from it (RFC 9293 section 3.4.1). ",
        segment.seq.0
    )?;
    write!(
        out,
        "It can receive {} at once for now",
        Bytes(u64::from(segment.window))
    )?;
    offers(out, segment)?;
    write!(out, ". ")?;
    if segment.flags.is_syn_ack() {
        agreed(out, connection)?;
    }
    if segment.len > 0 {
        write!(
            out,
            "It carries {} of data already, bytes {}. ",
            Bytes(u64::from(segment.len)),
            Range::of(change.seq.wrapping_add(1), segment.len)
        )?;
    }
    let ecn = segment.flags & (Flags::ECE | Flags::CWR);
    if ecn == Flags::ECE | Flags::CWR && !segment.flags.contains(Flags::ACK) {
        write!(
            out,
            "ECE and CWR together ask {receiver} to use explicit congestion notification (RFC 3168 section 6.1.1). "
        )?;
    } else if ecn == Flags::ECE && segment.flags.contains(Flags::ACK) {
        write!(
            out,
            "ECE without CWR agrees to explicit congestion notification (RFC 3168 section 6.1.1). "
        )?;
    }
    Ok(())
}

/// The options of a SYN, as a continued sentence.
fn offers(out: &mut String, segment: &Segment) -> fmt::Result {
    let options = &segment.options;
    if let Some(mss) = options.mss {
        write!(
            out,
            ", in segments of at most {mss} bytes (MSS, RFC 9293 section 3.7.1)"
        )?;
    }
    if let Some(shift) = options.window_scale {
        let shift = shift.min(14);
        write!(
            out,
            "; its later windows count in units of {} bytes (window scale {shift}, RFC 7323)",
            1_u32 << shift
        )?;
    }
    if options.seen.contains(OptionsSeen::SACK_PERMITTED) {
        write!(out, "; it understands selective ACKs (SACK, RFC 2018)")?;
    }
    if options.timestamps.is_some() {
        write!(out, "; it sends timestamps (RFC 7323)")?;
    }
    match options.fast_open {
        Some(FastOpen::Request) => write!(out, "; it asks for a Fast Open cookie (RFC 7413)")?,
        Some(FastOpen::Cookie(len)) => write!(
            out,
            "; it shows a Fast Open cookie of {len} bytes (RFC 7413)"
        )?,
        None => {}
    }
    Ok(())
}

/// What both SYNs together agreed on.
fn agreed(out: &mut String, connection: &Connection) -> fmt::Result {
    let (Some(client), Some(server)) = (
        connection.peer(Side::Client).offer,
        connection.peer(Side::Server).offer,
    ) else {
        return Ok(());
    };
    let both = client.seen & server.seen;
    let mut names = Vec::new();
    for (option, name) in [
        (OptionsSeen::SACK_PERMITTED, "selective ACKs"),
        (OptionsSeen::TIMESTAMPS, "timestamps"),
        (OptionsSeen::WINDOW_SCALE, "window scaling"),
    ] {
        if both.contains(option) {
            names.push(name);
        }
    }
    match names.as_slice() {
        [] => Ok(()),
        [one] => write!(out, "Both offered {one}, so it is in use. "),
        [first @ .., last] => write!(
            out,
            "Both offered {} and {last}, so these are in use. ",
            first.join(", ")
        ),
    }
}

fn data(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
) -> fmt::Result {
    let sender = change.direction.sender();
    let (_, receiver) = ends(change.direction);
    let next = change.seq.wrapping_add(segment.len);
    write!(
        out,
        "{} sends {} to {receiver}: numbers {}. An ACK of {next} will say that all of it arrived. ",
        the_capital(sender),
        Bytes(u64::from(segment.len)),
        Range::of(change.seq, segment.len)
    )?;
    if segment.flags.contains(Flags::PSH) {
        write!(
            out,
            "PSH asks {receiver}'s kernel to hand the bytes to its program without waiting for more (RFC 9293 section 3.9.1.2). "
        )?;
    }
    if segment.flags.contains(Flags::URG) {
        write!(
            out,
            "URG marks urgent data up to the urgent pointer, {} (RFC 9293 section 3.8.5; new programs should not use it: RFC 6093). ",
            segment.urgent
        )?;
    }
    let in_flight = connection.peer(sender).in_flight;
    if in_flight > segment.len {
        write!(
            out,
            "With it {} are under way without an ACK. ",
            Bytes(u64::from(in_flight))
        )?;
    }
    Ok(())
}

fn finish(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let sender = change.direction.sender();
    let (_, receiver) = ends(change.direction);
    let number = change.seq.wrapping_add(segment.len);
    write!(
        out,
        "FIN: {} has no more bytes to send. The FIN takes number {number}, so that {receiver} can acknowledge it with {} (RFC 9293 section 3.6). It closes one direction only: {receiver} may go on sending. ",
        the(sender),
        number.wrapping_add(1)
    )
}

fn acknowledgment(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let Some(_) = segment.acknowledges() else {
        return Ok(());
    };
    let sender = change.direction.sender();
    let (_, receiver) = ends(change.direction);
    let Some((bytes, syn, fin, frame, rtt)) = find(change, |event| match event {
        Event::Acknowledges {
            bytes,
            syn,
            fin,
            frame,
            rtt,
        } => Some((bytes, syn, fin, frame, rtt)),
        _ => None,
    }) else {
        if segment.len == 0 && !segment.flags.contains(Flags::FIN) {
            write!(
                out,
                "ack {}: {} still expects that number next; nothing new arrived. ",
                change.ack,
                the(sender)
            )?;
        }
        return Ok(());
    };
    write!(
        out,
        "ack {}: {} has everything before that number",
        change.ack,
        the(sender)
    )?;
    match (syn, bytes, fin) {
        (true, 0, false) => write!(out, ", which is {receiver}'s SYN")?,
        (false, 0, true) => write!(out, ", which now includes {receiver}'s FIN")?,
        (_, bytes, false) if bytes > 0 => write!(
            out,
            ", newly {} ({})",
            Range::before(change.ack, bytes),
            Bytes(u64::from(bytes))
        )?,
        (_, bytes, true) if bytes > 0 => write!(
            out,
            ", newly {} and {receiver}'s FIN",
            Range::before(change.ack.wrapping_sub(1), bytes)
        )?,
        _ => {}
    }
    if let Some(frame) = frame {
        write!(out, "; it answers packet {frame}")?;
    }
    if let Some(rtt) = rtt {
        write!(out, ", {rtt} later")?;
    }
    write!(out, ". ")?;
    if bytes > 0 {
        write!(
            out,
            "The bytes are in {}'s kernel; whether its program has read them cannot be seen (RFC 9293 section 3.8.6.2). ",
            the(sender)
        )?;
    }
    Ok(())
}

fn reset(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let sender = change.direction.sender();
    let (_, receiver) = ends(change.direction);
    let effect = find(change, |event| match event {
        Event::Resets { effect } => Some(effect),
        _ => None,
    });
    match effect {
        Some(ResetEffect::Refuses) => {
            write!(
                out,
                "RST answers the SYN: there is no socket that listens on this address and port, or something on the way says so. "
            )?;
            if segment.flags.contains(Flags::ACK) {
                write!(
                    out,
                    "The SYN had no ACK, so the reset carries sequence number 0 and acknowledges the SYN (ack {}), which proves that its sender saw it (RFC 9293 section 3.10.7.1). ",
                    change.ack
                )?;
            }
            write!(
                out,
                "On {receiver} connect() fails with ECONNREFUSED at once. "
            )
        }
        Some(ResetEffect::Ignored) => write!(
            out,
            "Its sequence number {} lies outside {receiver}'s window, so a correct {receiver} drops it (RFC 9293 section 3.10.7.4). ",
            change.seq
        ),
        Some(ResetEffect::Challenged) => write!(
            out,
            "Its sequence number {} lies in {receiver}'s window but is not the next one expected. RFC 5961 section 3.2 has {receiver} answer with a challenge ACK instead of giving up, because a forger could have guessed this much. ",
            change.seq
        ),
        Some(ResetEffect::AfterClose) => write!(
            out,
            "Both directions had ended before, so there is nothing left to abort. "
        ),
        Some(ResetEffect::AbortsOpening) => write!(
            out,
            "{} gives the connection up before the handshake was complete (RFC 9293 section 3.5.2). ",
            the_capital(sender)
        ),
        Some(ResetEffect::Ends) | None => write!(
            out,
            "{} aborts the connection: what was not delivered yet is thrown away, nothing is acknowledged any more, and {receiver}'s program gets ECONNRESET (RFC 9293 section 3.5.3). Typical causes: the program closed the socket with unread data in it, asked for it (SO_LINGER 0), or was gone when this segment's cause arrived. ",
            the_capital(sender)
        ),
    }
}

fn remark(out: &mut String, event: Event, segment: &Segment, change: &Change) -> fmt::Result {
    let sender = change.direction.sender();
    let (_, receiver) = ends(change.direction);
    match event {
        Event::HandshakeCompletes {
            syn_to_synack,
            synack_to_ack,
        } => write!(
            out,
            "The handshake took {}: {syn_to_synack} from SYN to SYN-ACK, {synack_to_ack} from there to this ACK, as seen where the capture was made. The two kernels did it alone; the server's program need not have called accept(). ",
            syn_to_synack + synack_to_ack
        ),
        Event::Repeats { cause, .. } => repeat_cause(out, cause, sender),
        Event::DuplicateAck { number, .. } => write!(
            out,
            "The same acknowledgment number for the {} time: each one says that another segment arrived, but not the one that is due. From the third on the sender repeats it (RFC 5681 section 3.2). ",
            ordinal(number.saturating_add(1))
        ),
        Event::DuplicateSack { left, right } => write!(
            out,
            "Its first SACK block reports {} as received twice (D-SACK, RFC 2883). ",
            Range::of(left, right.wrapping_sub(left))
        ),
        Event::WindowCloses => write!(
            out,
            "Window 0: {}'s receive buffer is full because its program does not read (inferred); {receiver} may only send probes now (RFC 9293 section 3.8.6.1). ",
            the(sender)
        ),
        Event::FillsWindow => write!(
            out,
            "It reaches the last byte that {receiver} has room for. "
        ),
        Event::Gap { bytes } => write!(
            out,
            "{} before it are missing here. If {receiver} repeats its last ACK they were lost; if it acknowledges past them the capture missed them. ",
            Bytes(u64::from(bytes))
        ),
        Event::AcknowledgesUnseen { bytes } => write!(
            out,
            "{} of what it acknowledges never appeared in this capture, so the capture is incomplete; the network delivered them. ",
            Bytes(u64::from(bytes))
        ),
        Event::SynRepeated { .. } => write!(
            out,
            "Until an answer comes, the kernel repeats its SYN after about 1 s and then ever more rarely (RFC 6298 section 5); newer Linux kernels begin with several repeats at equal distance. "
        ),
        Event::CongestionMark { in_ip: true } => write!(
            out,
            "A router marked the packet: congestion experienced (CE, RFC 3168 section 5). "
        ),
        Event::CongestionMark { in_ip: false } if !segment.flags.contains(Flags::SYN) => {
            if segment.flags.contains(Flags::CWR) {
                write!(
                    out,
                    "CWR: {} has slowed down because of a congestion mark (RFC 3168 section 6.1.2). ",
                    the(sender)
                )
            } else {
                write!(
                    out,
                    "ECE: {} has received a congestion mark and says so until {receiver} answers with CWR (RFC 3168 section 6.1.3). ",
                    the(sender)
                )
            }
        }
        _ => Ok(()),
    }
}

fn repeat_cause(out: &mut String, cause: RepeatCause, sender: Side) -> fmt::Result {
    match cause {
        RepeatCause::Timer { attempt } => write!(
            out,
            "Inferred: {}'s retransmission timer ran out{} (RFC 6298 section 5). ",
            the(sender),
            if attempt > 1 {
                ", and it doubles with each repeat"
            } else {
                ""
            }
        ),
        RepeatCause::FastRetransmit => write!(
            out,
            "Inferred: a fast retransmit, triggered by duplicate or selective ACKs instead of the timer (RFC 5681 section 3.2, RFC 6675, RFC 8985). "
        ),
        RepeatCause::TailLossProbe => write!(
            out,
            "Inferred: a tail loss probe. The last segment is repeated early so that its ACK shows what is missing (RFC 8985 section 7). "
        ),
        RepeatCause::Spurious => write!(
            out,
            "Its bytes had been acknowledged before, so the repeat was needless; the ACK was late or lost on its way. "
        ),
        RepeatCause::Unknown => Ok(()),
    }
}

/// Which state each end is in now, when that changed.
fn states(out: &mut String, change: &Change) -> fmt::Result {
    let mut written = false;
    for side in [change.direction.sender(), change.direction.receiver()] {
        let transition = change.of(side);
        let Some(after) = transition.after.filter(|_| transition.changed()) else {
            continue;
        };
        let how = if side == change.direction.sender() {
            "having sent it"
        } else {
            "on receiving it (inferred)"
        };
        write!(
            out,
            "{} is {after} {how}{}. ",
            the_capital(side),
            state_note(after)
        )?;
        written = true;
    }
    if !written && out.is_empty() {
        write!(out, "Neither end changes its state.")?;
    }
    out.truncate(out.trim_end().len());
    Ok(())
}

/// What some states wait for.
const fn state_note(state: TcpState) -> &'static str {
    match state {
        TcpState::TimeWait => {
            ": it stays so for a while (60 s on Linux), so that late copies cannot disturb a new connection (RFC 9293 section 3.6.1)"
        }
        TcpState::CloseWait => ": it waits for its own program to close",
        TcpState::FinWait2 => ": it waits for the other end's FIN",
        TcpState::LastAck => ": it waits for the ACK of its FIN",
        _ => "",
    }
}

/// `2nd`, `3rd`, `11th`.
fn ordinal(number: u32) -> String {
    let suffix = match (number % 10, number % 100) {
        (1, hundred) if hundred != 11 => "st",
        (2, hundred) if hundred != 12 => "nd",
        (3, hundred) if hundred != 13 => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::ordinal;

    #[test]
    fn ordinals() {
        let written: Vec<_> = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal).into();
        assert_eq!(
            written,
            [
                "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"
            ]
        );
    }
}
