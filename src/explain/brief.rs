//! The brief clause about one segment. The first case that applies speaks; the others can be seen on the arrow and its tags.

use std::fmt::{self, Write};

use super::words::{Bytes, Range, ends, the};
use crate::tcp::{Flags, Labels, Segment, TcpState};
use crate::track::{Change, Event, RepeatCause, ResetEffect};

/// Appends the brief clause about `segment` to `out`.
pub fn brief(out: &mut String, segment: &Segment, change: &Change) {
    // Writing to a String cannot fail.
    let _ = write_brief(out, segment, change);
}

fn write_brief(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    if let Some(of) = find(change, |event| match event {
        Event::CaptureDuplicate { of } => Some(of),
        _ => None,
    }) {
        return write!(
            out,
            "the capture recorded packet {of} a second time; it was sent once"
        );
    }
    let flags = segment.flags;
    if flags.contains(Flags::RST) {
        return reset(out, segment, change);
    }
    if flags.contains(Flags::SYN) {
        return synchronize(out, segment, change);
    }
    if let Some((frame, cause, after)) = find(change, |event| match event {
        Event::Repeats {
            frame,
            cause,
            after,
        } => Some((frame, cause, after)),
        _ => None,
    }) {
        return repeats(out, segment, change, frame, cause, after);
    }
    if flags.contains(Flags::FIN) {
        return finish(out, segment, change);
    }
    if let Some(written) = window_and_probe(out, segment, change) {
        return written;
    }
    if segment.len > 0 {
        return data(out, segment, change);
    }
    acknowledgment(out, segment, change)
}

/// The first event that `pick` wants.
pub(super) fn find<T>(change: &Change, pick: impl Fn(Event) -> Option<T>) -> Option<T> {
    change.events.iter().copied().find_map(pick)
}

fn has(change: &Change, wanted: impl Fn(Event) -> bool) -> bool {
    change.events.iter().copied().any(wanted)
}

fn reset(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let (sender, receiver) = ends(change.direction);
    let effect = find(change, |event| match event {
        Event::Resets { effect } => Some(effect),
        _ => None,
    });
    match effect {
        Some(ResetEffect::Refuses) => {
            write!(out, "the kernel there answers \"nobody listens\"")?;
            if segment.flags.contains(Flags::ACK) {
                write!(out, "; ack {} ties it to the SYN", change.ack)?;
            }
            if segment.seq.0 == 0 {
                write!(
                    out,
                    " (a reset for a closed port has the real sequence number 0: RFC 9293)"
                )?;
            }
            Ok(())
        }
        Some(ResetEffect::AbortsOpening) => {
            write!(out, "{sender} breaks off before the handshake is complete")
        }
        Some(ResetEffect::AfterClose) => {
            write!(out, "the connection was over already; this changes nothing")
        }
        Some(ResetEffect::Ignored) => write!(
            out,
            "its number is outside what {receiver} accepts: a correct receiver ignores it"
        ),
        Some(ResetEffect::Challenged) => write!(
            out,
            "in the window but not the expected number: {receiver} should ask back (RFC 5961)"
        ),
        Some(ResetEffect::Ends) | None => write!(
            out,
            "{sender} aborts: no more bytes either way, and {receiver} gets \"connection reset\""
        ),
    }
}

fn synchronize(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let (sender, _) = ends(change.direction);
    if has(change, |event| event == Event::SelfConnect) && !segment.flags.contains(Flags::ACK) {
        return write!(
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
        return write!(
            out,
            "no answer yet: asks again with the same number (SYN {}, {since_first} after the first)",
            before + 1
        );
    }
    if let Some(previous) = find(change, |event| match event {
        Event::ReusesPorts { previous } => Some(previous),
        _ => None,
    }) {
        return write!(
            out,
            "asks to open a new connection on a used pair of ports (before: #{previous})"
        );
    }
    if !segment.flags.contains(Flags::ACK) {
        if let Some((bytes, cookie)) = find(change, |event| match event {
            Event::FastOpen { bytes, cookie } => Some((bytes, cookie)),
            _ => None,
        }) {
            return if cookie && bytes > 0 {
                write!(
                    out,
                    "asks to open and brings {} along with a Fast Open cookie",
                    Bytes(u64::from(bytes))
                )
            } else if cookie {
                write!(out, "asks to open, with a Fast Open cookie but no data")
            } else {
                write!(
                    out,
                    "asks to open, and for a Fast Open cookie for the next time"
                )
            };
        }
        if has(change, |event| event == Event::SimultaneousOpen) {
            return write!(
                out,
                "{sender} asks too: the SYNs cross (simultaneous open, RFC 9293 figure 7)"
            );
        }
        return write!(
            out,
            "asks to open; the SYN takes number {}, so the first byte will be {}",
            change.seq,
            change.seq.wrapping_add(1)
        );
    }
    if has(change, |event| matches!(event, Event::Repeats { .. })) {
        return write!(out, "no ACK came for its SYN-ACK: sends it again");
    }
    if has(change, |event| event == Event::SimultaneousOpen) {
        return write!(
            out,
            "acknowledges the crossing SYN (ack {}) and repeats its own",
            change.ack
        );
    }
    match find(change, |event| match event {
        Event::FastOpenAnswered { accepted } => Some(accepted),
        _ => None,
    }) {
        Some(true) => {
            return write!(
                out,
                "agrees, and has the SYN's data already (ack {}): Fast Open worked",
                change.ack
            );
        }
        Some(false) => {
            return write!(
                out,
                "agrees, but not to the SYN's data (ack {}): it must be sent again",
                change.ack
            );
        }
        None => {}
    }
    write!(
        out,
        "agrees (ack {0}: send {0} next), opens its side; connect() can return",
        change.ack
    )
}

fn repeats(
    out: &mut String,
    segment: &Segment,
    change: &Change,
    frame: Option<u64>,
    cause: RepeatCause,
    after: Option<crate::time::Span>,
) -> fmt::Result {
    let (_, receiver) = ends(change.direction);
    match frame {
        Some(frame) => write!(out, "repeats packet {frame}")?,
        None if segment.len > 0 => write!(
            out,
            "repeats {}, first sent before the capture or missed by it",
            Range::of(change.seq, segment.len)
        )?,
        None => write!(
            out,
            "repeats what was first sent before the capture or missed by it"
        )?,
    }
    if let Some(after) = after {
        write!(out, " after {after}")?;
    }
    match cause {
        RepeatCause::Timer { attempt: 0 | 1 } => {
            write!(
                out,
                ": no acknowledgment came, its timer ran out (inferred)"
            )
        }
        RepeatCause::Timer { attempt } => write!(
            out,
            ": still no acknowledgment, repeat {attempt}, the timer backs off (inferred)"
        ),
        RepeatCause::FastRetransmit => write!(
            out,
            ": {receiver}'s ACKs show that it is missing, no need to wait for the timer (inferred)"
        ),
        RepeatCause::TailLossProbe => write!(
            out,
            " to provoke an ACK: a tail loss probe (inferred, RFC 8985)"
        ),
        RepeatCause::Spurious => write!(out, ": needless, {receiver} had acknowledged it already"),
        RepeatCause::Unknown => Ok(()),
    }
}

fn finish(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let (sender, _) = ends(change.direction);
    let number = change.seq.wrapping_add(segment.len);
    let first = find(change, |event| match event {
        Event::Finishes { first } => Some(first),
        _ => None,
    });
    let acknowledges_fin = has(change, |event| {
        matches!(event, Event::Acknowledges { fin: true, .. })
    });
    if segment.len > 0 {
        write!(
            out,
            "the last {} and ",
            Bytes(u64::from(segment.len)).to_string().as_str()
        )?;
    }
    match first {
        Some(false) if acknowledges_fin => write!(
            out,
            "closes too; ack {} = got the FIN: one packet for both, so 3, not 4",
            change.ack
        ),
        Some(false) if change.of(change.direction.sender()).after == Some(TcpState::Closing) => {
            write!(
                out,
                "closes at the same time: the FINs cross (simultaneous close)"
            )
        }
        Some(false) => write!(
            out,
            "closes too: no more bytes from {sender}; the FIN takes number {number}"
        ),
        _ => write!(
            out,
            "no more bytes from {sender}; the FIN takes number {number}"
        ),
    }
}

/// What a segment says about windows and liveness; `None` when it says nothing of the kind.
fn window_and_probe(out: &mut String, segment: &Segment, change: &Change) -> Option<fmt::Result> {
    let (sender, receiver) = ends(change.direction);
    for event in &change.events {
        return Some(match *event {
            Event::WindowProbe { number } => write!(
                out,
                "asks whether {receiver} has room again (zero-window probe {number})"
            ),
            Event::AnswersProbe => write!(out, "still no room: window 0"),
            Event::WindowCloses => write!(
                out,
                "window 0: {sender}'s program does not read, so {receiver} must stop sending"
            ),
            Event::WindowReopens { closed_for } => write!(
                out,
                "room for {} again, after {closed_for} without any",
                Bytes(u64::from(change.window))
            ),
            Event::KeepAlive { idle } => write!(
                out,
                "is {receiver} still there? A keep-alive after {idle} of silence"
            ),
            Event::AnswersKeepAlive => write!(out, "still here: answers the keep-alive"),
            Event::FillsWindow => write!(
                out,
                "{} fill the window: {sender} must wait until {receiver} makes room",
                Range::of(change.seq, segment.len)
            ),
            Event::ChallengeAck { of } => write!(
                out,
                "answers packet {of}, which looked out of place, with its real numbers (RFC 5961)"
            ),
            _ => continue,
        });
    }
    None
}

fn data(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let (sender, receiver) = ends(change.direction);
    let range = Range::of(change.seq, segment.len);
    for event in &change.events {
        return match *event {
            Event::Gap { bytes } => write!(
                out,
                "{} before these bytes were not seen: lost, or missed by the capture",
                Range::before(change.seq, bytes)
            ),
            Event::FillsGap => write!(
                out,
                "late: {range} belong before packets that were seen earlier"
            ),
            Event::OutsideWindow => write!(out, "outside what {receiver} accepts: dropped there"),
            _ => continue,
        };
    }
    if change.begins {
        return write!(
            out,
            "the capture begins in the middle; numbers count from {sender}'s first byte here"
        );
    }
    write!(
        out,
        "{} for {receiver}, numbered {range}; the next is {}",
        Bytes(u64::from(segment.len)),
        change.seq.wrapping_add(segment.len)
    )
}

fn acknowledgment(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let (sender, _) = ends(change.direction);
    if !segment.flags.contains(Flags::ACK) {
        return write!(
            out,
            "no control bit that means anything here; {sender} breaks the rules, or this is a probe"
        );
    }
    for event in &change.events {
        return match *event {
            Event::HandshakeCompletes { .. } => write!(
                out,
                "open both ways; kernels did it, accept() need not have been called"
            ),
            Event::DuplicateAck { number, of } => {
                write!(
                    out,
                    "still waits for {} (duplicate {number} of packet {of})",
                    change.ack
                )?;
                selective(out, segment, change)
            }
            Event::AcknowledgesUnseen { bytes } => write!(
                out,
                "{sender} has {}, which the capture missed",
                Range::before(change.ack, bytes)
            ),
            Event::Acknowledges { bytes, fin, .. } => acknowledges(out, change, bytes, fin),
            _ => continue,
        };
    }
    if change.labels.contains(Labels::WINDOW_UPDATE) {
        return write!(out, "room for {} now", Bytes(u64::from(change.window)));
    }
    if change.begins {
        return write!(
            out,
            "the capture begins in the middle of this connection; roles are judged by ports"
        );
    }
    write!(out, "nothing new; still expects {}", change.ack)
}

fn acknowledges(out: &mut String, change: &Change, bytes: u32, fin: bool) -> fmt::Result {
    let sender = change.direction.sender();
    match (bytes, fin) {
        (_, true) => {
            let after = change.of(sender).after;
            match after {
                Some(TcpState::TimeWait) => write!(
                    out,
                    "got the FIN; {} waits a while (TIME-WAIT) in case this ACK is lost",
                    the(sender)
                ),
                Some(TcpState::CloseWait) => write!(
                    out,
                    "got the FIN; {}'s own direction is still open (half-closed)",
                    the(sender)
                ),
                _ => write!(out, "got the FIN; nothing is left to acknowledge"),
            }
        }
        (0, false) => write!(out, "expects {} next", change.ack),
        (bytes, false) => write!(
            out,
            "{}'s kernel has {}; whether its program read them: unknown",
            the(sender),
            // The number after the last acknowledged byte is the acknowledgment itself.
            Range::before(change.ack, bytes)
        ),
    }
}

/// `, has 2897–4344` for SACK blocks above the acknowledgment number.
fn selective(out: &mut String, segment: &Segment, change: &Change) -> fmt::Result {
    let base = segment.ack - change.ack;
    let mut beyond = segment
        .options
        .sack
        .iter()
        .filter(|block| block.left.after(segment.ack) && block.right.after(block.left))
        .peekable();
    if beyond.peek().is_some() {
        write!(out, ", has")?;
    }
    for (index, block) in beyond.enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let count = block.right.distance(block.left).unsigned_abs();
        write!(
            out,
            "{comma} {}",
            Range::of(block.left.relative_to(base), count)
        )?;
    }
    Ok(())
}
