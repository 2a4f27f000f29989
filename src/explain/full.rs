//! The full paragraph about one segment, made from its actual numbers, with the RFC section that rules it.
//!
//! It begins where the brief clause ends: what the numbers mean, what the options offer, how long things took, and which
//! state each end is in now. Sentences about what no observer can see say "inferred". Of the connection only what never
//! changes once it is known is used (endpoints, offers), because a story is told when the connection is over.

mod closing;
mod opening;
mod options;
mod remark;

use std::fmt::{self, Write};

use super::brief::{above, find};
use super::words::{Bytes, Number, Range, ends, the, the_capital};
use crate::tcp::{Flags, Segment, Side, TcpState};
use crate::time::Span;
use crate::track::{Change, Connection, Event, Offer, RepeatCause};

/// From where a segment is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Vantage {
    /// Somewhere between the ends: what its receiver makes of it is inferred.
    Between,
    /// Where it is sent: what its receiver makes of it is not known yet.
    Sent,
    /// Where it arrives.
    Arrived,
}

impl Vantage {
    /// Where times were measured.
    const fn place(self) -> &'static str {
        match self {
            Self::Between => "where the capture was made",
            Self::Sent | Self::Arrived => "as this end sees it",
        }
    }
}

/// Appends the paragraph about `segment`.
pub(super) fn full(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
    vantage: Vantage,
) {
    // Writing to a String cannot fail.
    let _ = write_full(out, segment, change, connection, vantage);
    out.truncate(out.trim_end().len());
}

fn write_full(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
    vantage: Vantage,
) -> fmt::Result {
    let copy = find(change, |event| match event {
        Event::CaptureDuplicate { of } => Some(of),
        _ => None,
    });
    if let Some(of) = copy {
        return write!(
            out,
            "Flags, numbers, length, window and timestamps are those of packet {of}, which came less than 50 µs before: the same packet, captured at two places or in both directions of one interface (inferred). It counts once."
        );
    }
    let flags = segment.flags;
    if flags.contains(Flags::RST) {
        closing::reset(out, segment, change, connection)?;
    } else if flags.contains(Flags::SYN) {
        opening::synchronize(out, segment, change, connection)?;
    } else if flags.contains(Flags::ACK) {
        exchange(out, segment, change, connection, vantage)?;
    } else {
        return write!(
            out,
            "Only a first SYN and some resets come without ACK; in a connection's later states a segment without it is dropped (RFC 9293 section 3.10.7.4), and a closed port answers it with RST (section 3.10.7.1)."
        );
    }
    states(out, change, connection.is_self(), vantage)
}

/// A segment of an open connection: what it brings, what it acknowledges, what was found out about it.
fn exchange(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
    vantage: Vantage,
) -> fmt::Result {
    let asks = find(change, |event| {
        matches!(event, Event::KeepAlive { .. } | Event::WindowProbe { .. }).then_some(())
    })
    .is_some();
    if segment.len > 0 && !asks {
        data(out, segment, change, connection, vantage)?;
    }
    if segment.flags.contains(Flags::FIN) {
        closing::finish(out, segment, change)?;
    }
    if !asks {
        acknowledgment(out, segment, change, vantage)?;
    }
    for event in &change.events {
        remark::remark(out, *event, segment, change, connection, vantage)?;
    }
    if asks {
        return Ok(());
    }
    missing(out, segment, change)?;
    window(out, segment, change, connection)
}

fn data(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
    vantage: Vantage,
) -> fmt::Result {
    let sender = change.direction.sender();
    let next = change.seq.wrapping_add(segment.len);
    let again = find(change, |event| match event {
        Event::Repeats { cause, .. } => Some(cause),
        _ => None,
    });
    if again == Some(RepeatCause::Network) {
        // Its sender sent it once.
        let come = if segment.len == 1 { "comes" } else { "come" };
        return write!(
            out,
            "{} {come} again: {}. ",
            Bytes(u64::from(segment.len)),
            Range::of(change.seq, segment.len)
        );
    }
    if again.is_some() {
        return write!(
            out,
            "{} sends {} again: {}. ",
            the_capital(sender),
            Bytes(u64::from(segment.len)),
            Range::of(change.seq, segment.len)
        );
    }
    if vantage == Vantage::Arrived {
        // It was told where it was sent.
        return Ok(());
    }
    let (name, each, them) = match segment.len {
        1 => ("number", "", "it"),
        _ => ("numbers", ", one for each byte", "them"),
    };
    write!(
        out,
        "{} sends {}: {name} {}{each}",
        the_capital(sender),
        Bytes(u64::from(segment.len)),
        Range::of(change.seq, segment.len)
    )?;
    let late = find(change, |event| (event == Event::FillsGap).then_some(())).is_some();
    if late {
        write!(out, " (RFC 9293 section 3.4). ")?;
    } else {
        write!(
            out,
            ", so an ACK of {next} will cover {them} (RFC 9293 section 3.4). "
        )?;
    }
    if segment.flags.contains(Flags::PSH) {
        // Where a send() is longer than a segment, stacks also set it in between.
        let ends = if is_full(segment, connection.peer(!sender).offer) {
            ""
        } else {
            "; it usually ends what one send() gave"
        };
        write!(
            out,
            "PSH asks to hand {them} to the program without delay{ends} (section 3.9.1.2). "
        )?;
    }
    if segment.flags.contains(Flags::URG) {
        write!(
            out,
            "URG: what lies before number {} is urgent (section 3.8.5, which advises new programs against it). ",
            change.seq.wrapping_add(u32::from(segment.urgent))
        )?;
    }
    Ok(())
}

/// Whether a segment carries about as much as its receiver takes in one, options counted.
fn is_full(segment: &Segment, receiver: Option<Offer>) -> bool {
    const OPTIONS: u32 = 40;
    receiver
        .and_then(|offer| offer.mss)
        .is_some_and(|mss| segment.len.saturating_add(OPTIONS) >= u32::from(mss))
}

fn acknowledgment(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    vantage: Vantage,
) -> fmt::Result {
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
        return nothing_new(out, segment, change);
    };
    write!(
        out,
        "ack {}: {} has everything before that number and expects it next",
        change.ack,
        the(sender)
    )?;
    let covered = Range::before(change.ack.wrapping_sub(u32::from(fin)), bytes);
    match (syn, bytes, fin) {
        (true, 0, false) => write!(
            out,
            "; new is {receiver}'s SYN, number {} and therefore plus one",
            change.ack.wrapping_sub(1)
        )?,
        (_, 0, true) => write!(
            out,
            "; new is {receiver}'s FIN, number {} and therefore plus one",
            change.ack.wrapping_sub(1)
        )?,
        (_, 0, false) => {}
        (_, _, true) => write!(out, "; new are {covered} and {receiver}'s FIN")?,
        (_, 1, false) => write!(out, "; new is {covered}")?,
        (_, _, false) => write!(out, "; new are {covered}")?,
    }
    match (frame, rtt) {
        // A capture clock that stepped back measures nothing.
        (Some(_), Some(rtt)) if rtt < Span::ZERO => {}
        (Some(frame), Some(rtt)) => write!(
            out,
            ". It answers packet {frame}, {rtt} later {}",
            vantage.place()
        )?,
        (Some(frame), None) => write!(
            out,
            ". It covers packet {frame}, which repeats or was repeated; its number does not tell which copy it answers, so without timestamps it measures no round trip (RFC 6298 section 3)"
        )?,
        _ => {}
    }
    write!(out, ". ")?;
    if bytes > 0 && segment.len == 0 {
        write!(
            out,
            "An ACK says that {}'s TCP has the bytes, not that its program has read them. ",
            the(sender)
        )?;
    }
    Ok(())
}

/// An acknowledgment number that was said before, or an older one.
fn nothing_new(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let explained = find(change, |event| match event {
        Event::DuplicateAck { .. }
        | Event::AnswersKeepAlive
        | Event::AnswersProbe
        | Event::ChallengeAck { .. }
        | Event::DuplicateSack { .. }
        | Event::WindowCloses
        | Event::WindowReopens { .. }
        | Event::HandshakeCompletes { .. } => Some(()),
        _ => None,
    })
    .is_some();
    let bare = segment.len == 0 && !segment.flags.contains(Flags::FIN);
    if !bare || explained || change.begins {
        return Ok(());
    }
    write!(
        out,
        "ack {} acknowledges nothing that was not acknowledged before (RFC 9293 section 3.4). ",
        change.ack
    )?;
    if segment.options.mptcp_subtype.is_some() {
        write!(
            out,
            "It is there for its option: Multipath TCP acknowledges and signals across its paths in ACKs of this kind (RFC 8684 section 3). "
        )?;
    }
    Ok(())
}

/// What the SACK blocks say is missing between the acknowledgment number and the first of them.
fn missing(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let base = segment.ack - change.ack;
    let nearest = segment
        .options
        .sack
        .iter()
        .filter(|block| block.left.after(segment.ack) && block.right.after(block.left))
        .map(|block| block.left.distance(segment.ack).unsigned_abs())
        .min();
    let Some(gap) = nearest else {
        return Ok(());
    };
    write!(out, "SACK: it also has ")?;
    for (index, range) in above(segment, change, base).enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(out, "{comma}{range}")?;
    }
    write!(
        out,
        ", so {} are the first bytes it misses (RFC 2018 section 3). ",
        Range::of(change.ack, gap)
    )
}

/// The window in bytes, how it is computed from the field, and up to where it lets the other end send.
fn window(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    connection: &Connection,
) -> fmt::Result {
    let said = find(change, |event| {
        matches!(event, Event::WindowCloses | Event::AnswersProbe).then_some(())
    });
    let finished = matches!(
        change.of(change.direction.receiver()).after,
        Some(
            TcpState::FinWait1
                | TcpState::FinWait2
                | TcpState::Closing
                | TcpState::LastAck
                | TcpState::TimeWait
                | TcpState::Closed
        )
    );
    if finished || (segment.window == 0 && said.is_some()) {
        return Ok(());
    }
    let (_, receiver) = ends(change.direction);
    write!(out, "Window: ")?;
    match change.window_scale {
        Some(scale) if scale > 0 => {
            write!(
                out,
                "{} × 2^{scale} = {} bytes",
                segment.window,
                Number(u64::from(change.window))
            )?;
        }
        _ => write!(out, "{}", Bytes(u64::from(segment.window)))?,
    }
    if change.window_scale.is_none() && connection.negotiated().is_none() {
        return write!(
            out,
            ", or that times a scale which only the SYNs told, and the capture has not both of them (RFC 7323 section 2.2). "
        );
    }
    if change.window == 0 {
        return write!(out, ", so {receiver} may send nothing new. ");
    }
    write!(
        out,
        ", so {receiver} may send up to number {} (RFC 9293 section 3.8.6). ",
        change.ack.wrapping_add(change.window).wrapping_sub(1)
    )
}

/// Which state each end is in now, where that changed. A socket that talks to itself has one state.
fn states(out: &mut String, change: &Change, alone: bool, vantage: Vantage) -> fmt::Result {
    if alone {
        return match change.client.after.filter(|_| change.client.changed()) {
            Some(after) => write!(out, "The socket is {after}."),
            None => Ok(()),
        };
    }
    let mut first = true;
    let (sender, receiver) = (change.direction.sender(), change.direction.receiver());
    let (sides, arrives): (&[Side], _) = match vantage {
        Vantage::Between => (&[sender, receiver], " once this arrives (inferred)"),
        Vantage::Sent => (&[sender], ""),
        Vantage::Arrived => (&[receiver], ""),
    };
    for &side in sides {
        let transition = change.of(side);
        let Some(after) = transition.after.filter(|_| transition.changed()) else {
            continue;
        };
        let (arrives, note) = if side == sender {
            ("", state_note(after))
        } else if vantage == Vantage::Arrived {
            (arrives, state_note(after))
        } else if transition.before != Some(TcpState::SynSent) && after == TcpState::SynReceived {
            (arrives, ", if a socket listens there and has room")
        } else {
            (arrives, state_note(after))
        };
        let name = if first { the_capital(side) } else { the(side) };
        let lead = if first { "" } else { "; " };
        write!(out, "{lead}{name} is {after}{arrives}{note}")?;
        first = false;
    }
    if first {
        return Ok(());
    }
    write!(out, ".")
}

/// What some states wait for.
const fn state_note(state: TcpState) -> &'static str {
    match state {
        TcpState::SynSent => ", waiting for an answer",
        TcpState::SynReceived => ", waiting for the ACK of its SYN",
        TcpState::FinWait2 => ", waiting for the other end's FIN",
        TcpState::CloseWait => ", waiting for its own program to close",
        TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck => {
            ", waiting for the ACK of its FIN"
        }
        TcpState::TimeWait => {
            ", for twice the maximum segment lifetime (60 s on Linux), so that a lost ACK can be repeated and late copies disturb no new connection (RFC 9293 section 3.6.1)"
        }
        TcpState::Closed | TcpState::Listen | TcpState::Established => "",
    }
}

/// Whether `side` is known to have offered everything that ECN needs, and the other one, too.
fn ecn_agreed(connection: &Connection) -> bool {
    use crate::tcp::OptionsSeen;
    let accurate = [Side::Client, Side::Server].iter().any(|side| {
        connection
            .peer(*side)
            .offer
            .is_some_and(|offer| offer.seen.contains(OptionsSeen::ACC_ECN))
    });
    connection.negotiated().is_some_and(|agreed| agreed.ecn) && !accurate
}
