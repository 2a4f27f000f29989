//! Full sentences about what was found out about a segment: repeats, gaps, windows, probes, marks.

use std::fmt::{self, Write};

use super::Vantage;
use crate::explain::brief;
use crate::explain::words::{Ordinal, Range, ends, the, the_capital};
use crate::tcp::{Flags, Segment, Side, TcpState};
use crate::time::Span;
use crate::track::{Change, Connection, Event, Opened, RepeatCause};

pub(super) fn remark(
    out: &mut String,
    event: Event,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
    vantage: Vantage,
) -> fmt::Result {
    let (sender, receiver) = ends(change.direction);
    match event {
        Event::HandshakeCompletes {
            syn_to_synack,
            synack_to_ack,
        } => completes(
            out,
            change,
            connection,
            [syn_to_synack, synack_to_ack],
            vantage,
        ),
        Event::Repeats {
            frame,
            cause,
            after,
        } => repeats(out, segment, change, frame, cause, after),
        Event::DuplicateAck { number, of } => duplicate_ack(out, change, number, of),
        Event::DuplicateSack { left, right } => write!(
            out,
            "Its first SACK block reports {}{} as received twice (D-SACK, RFC 2883 section 4). ",
            brief::numbered(left, right),
            Range::of(left, right.wrapping_sub(left))
        ),
        Event::Gap { bytes } if vantage == Vantage::Arrived => write!(
            out,
            "{} before it have not arrived so far. They are late, or they were lost and come again. ",
            Range::before(change.seq, bytes),
        ),
        Event::Gap { bytes } => write!(
            out,
            "{} before it are not in the capture so far. They come late, or they were lost and come again; if {receiver} acknowledges them without that, only the capture missed them. ",
            Range::before(change.seq, bytes)
        ),
        Event::FillsGap => write!(
            out,
            "It fills a hole: packets with later numbers came first. "
        ),
        Event::AcknowledgesUnseen { bytes } => write!(
            out,
            "Of the numbers it covers {bytes} never appeared here: delivered, but missed by the capture, which may see one direction only. "
        ),
        Event::CongestionMark { in_ip } => congestion(out, segment, change, connection, in_ip),
        Event::WindowCloses
        | Event::WindowReopens { .. }
        | Event::FillsWindow
        | Event::WindowProbe { .. }
        | Event::AnswersProbe => window(out, event, segment, change),
        Event::KeepAlive { idle } => write!(
            out,
            "After {idle} without a packet {sender} repeats the number before its next one{}; that makes a living peer answer (RFC 9293 section 3.8.4). ",
            match segment.len {
                0 => "",
                _ => ", with a byte that counts for nothing",
            }
        ),
        Event::AnswersKeepAlive => write!(
            out,
            "The keep-alive's number is an old one, and such a segment is answered with the numbers as they stand (RFC 9293 section 3.10.7.4). "
        ),
        Event::ChallengeAck { of } => write!(
            out,
            "Packet {of} could have been forged or belong to an older connection. Instead of obeying, {sender} says where it stands; a peer that really lost the connection answers this with RST (RFC 5961 sections 3.2 and 4.2). "
        ),
        // Told where the numbers, the SACK blocks and the SYNs are explained.
        Event::Acknowledges { .. }
        | Event::SelectivelyAcknowledges { .. }
        | Event::Finishes { .. }
        | Event::Resets { .. }
        | Event::SimultaneousOpen
        | Event::SelfConnect
        | Event::SynRepeated { .. }
        | Event::FastOpen { .. }
        | Event::FastOpenAnswered { .. }
        | Event::ReusesPorts { .. }
        | Event::CaptureDuplicate { .. } => Ok(()),
    }
}

fn completes(
    out: &mut String,
    change: &Change,
    connection: &Connection,
    [answer, ack]: [Span; 2],
    vantage: Vantage,
) -> fmt::Result {
    let syn = match connection.handshake().syns {
        0 | 1 => "the SYN",
        _ => "the last SYN",
    };
    write!(
        out,
        "Each end now knows that the other has its ISN (RFC 9293 section 3.5, figure 6). "
    )?;
    if answer >= Span::ZERO && ack >= Span::ZERO {
        write!(
            out,
            "From {syn} it took {} {}: {answer} to the SYN-ACK and {ack} to this packet. ",
            answer + ack,
            vantage.place()
        )?;
    }
    if change.of(Side::Server).before != Some(TcpState::SynReceived) {
        return Ok(());
    }
    out.write_str(if connection.opened() == Some(Opened::FastOpen) {
        "With Fast Open the server's program need not wait for it: accept() can return as soon as the SYN's data are there (RFC 7413 section 4.2.2). "
    } else {
        "The server's program only fetches the finished connection with accept(). "
    })
}

fn repeats(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    frame: Option<u64>,
    cause: RepeatCause,
    after: Option<Span>,
) -> fmt::Result {
    let sender = the(change.direction.sender());
    let receiver = the_capital(change.direction.receiver());
    match (frame, after) {
        (Some(frame), Some(after)) if after >= Span::ZERO => write!(
            out,
            "Packet {frame}, {after} earlier, {} {} already. ",
            if cause == RepeatCause::Network {
                "brought"
            } else {
                "sent"
            },
            if segment.len > 0 {
                "these bytes"
            } else {
                "this"
            }
        )?,
        (Some(frame), _) => write!(out, "Packet {frame} sent the same. ")?,
        (None, _) => write!(
            out,
            "It was sent before, though the capture has no earlier packet with it (inferred). "
        )?,
    }
    match cause {
        RepeatCause::Timer { attempt } => write!(
            out,
            "Inferred: no ACK reached {sender} before its retransmission timer (RTO) ran out{} (RFC 6298 section 5). ",
            match attempt {
                0 | 1 => "; the next time it waits twice as long",
                _ => "; it waits twice as long each time",
            }
        ),
        RepeatCause::AfterTimer => write!(
            out,
            "Inferred: it was not acknowledged either when the timer ran out for what comes before it. From then on {sender} sends again what it takes for lost, as ACKs allow, more and more at a time (slow start, RFC 5681 section 3.1). "
        ),
        RepeatCause::FastRetransmit => write!(
            out,
            "Inferred: a fast retransmit. {receiver}'s duplicate or selective ACKs show that later bytes arrived and these did not, so {sender} does not wait for its timer (RFC 5681 section 3.2, RFC 6675 section 5, RFC 8985). "
        ),
        RepeatCause::TailLossProbe => write!(
            out,
            "Inferred: a tail loss probe, two round trips after the last packet, or more while a single one is under way, whose ACK may be delayed. Its ACK tells what is missing at the end, where no later packet can show it (RFC 8985 section 7). "
        ),
        RepeatCause::Spurious => write!(
            out,
            "{receiver} had acknowledged them, so the repeat was needless: the ACK was lost, or came too late (inferred). "
        ),
        RepeatCause::Network => write!(
            out,
            "Inferred: it is the same packet, delivered twice by the network. Its IP identification is the same, and whoever sends something again numbers the packet anew. "
        ),
        // Told where SYN-ACKs are explained.
        RepeatCause::SynAgain | RepeatCause::Unknown => Ok(()),
    }
}

fn duplicate_ack(out: &mut String, change: &Change, number: u32, of: u64) -> fmt::Result {
    let (_, receiver) = ends(change.direction);
    write!(
        out,
        "ack {} for the {} time since packet {of}: something arrived, but not the number that is due (RFC 5681 section 2). ",
        change.ack,
        Ordinal(number.saturating_add(1))
    )?;
    match number {
        0..3 => Ok(()),
        3 => write!(
            out,
            "On the third duplicate {receiver} should repeat it without waiting for the timer (section 3.2). "
        ),
        _ => write!(
            out,
            "The third one was the sign for {receiver} to repeat it (section 3.2). "
        ),
    }
}

fn window(out: &mut String, event: Event, segment: &Segment, change: &Change) -> fmt::Result {
    let (sender, receiver) = ends(change.direction);
    let other = the_capital(change.direction.receiver());
    match event {
        Event::WindowCloses => write!(
            out,
            "Window 0: {sender}'s buffer is full, as its program reads too slowly or not at all (inferred). {other} may send no data now, only probes (RFC 9293 section 3.8.6.1). "
        ),
        Event::WindowReopens { closed_for } => write!(
            out,
            "After {closed_for} with a window of 0 there is room again: {sender}'s program has read (inferred). "
        ),
        Event::FillsWindow => write!(
            out,
            "Its last byte is the last one for which {receiver} has offered room, so {sender} has to stop (RFC 9293 section 3.8.6). "
        ),
        Event::WindowProbe { number } => write!(
            out,
            "{} probe of the closed window, with {}. The message that it has opened could be lost, and ACKs are not repeated, so {sender} asks, each time after a longer pause (RFC 9293 section 3.8.6.1). ",
            Ordinal(number),
            match segment.len {
                0 => "no byte and an old number, as Linux does it",
                _ => "one byte",
            }
        ),
        _ if change.window == 0 => write!(
            out,
            "Still window 0. As long as such answers come the connection stays open (RFC 9293 section 3.8.6.1). "
        ),
        _ => write!(out, "The answer to the probe: there is room now. "),
    }
}

/// CE, ECE and CWR. After Accurate ECN the two flags are part of a counter, and say something else.
fn congestion(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
    in_ip: bool,
) -> fmt::Result {
    let sender = the(change.direction.sender());
    let receiver = the(change.direction.receiver());
    if in_ip {
        write!(
            out,
            "A congested router on the way marked the packet instead of dropping it: congestion experienced (CE, RFC 3168 section 5). "
        )?;
    }
    if !super::ecn_agreed(connection) || segment.flags.contains(Flags::AE) {
        return Ok(());
    }
    if segment.flags.contains(Flags::ECE) {
        write!(
            out,
            "ECE: a marked packet has reached {sender}, which says so until {receiver} answers with CWR (RFC 3168 section 6.1.3). "
        )?;
    }
    if segment.flags.contains(Flags::CWR) {
        write!(
            out,
            "CWR: {sender} has reduced its congestion window (RFC 3168 section 6.1.2). "
        )?;
    }
    Ok(())
}
