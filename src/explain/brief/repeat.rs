//! Brief clauses about what is sent again.

use super::find;
use crate::explain::words::{Range, ends};
use crate::tcp::Segment;
use crate::text::put;
use crate::time::Span;
use crate::track::{Change, Event, RepeatCause};

/// What is repeated, after how long, and why as far as can be inferred; whether anything is.
pub(super) fn repeats(out: &mut String, segment: &Segment, change: &Change) -> bool {
    let Some((frame, cause, after)) = find(change, |event| match event {
        Event::Repeats {
            frame,
            cause,
            after,
        } => Some((frame, cause, after)),
        _ => None,
    }) else {
        return false;
    };
    what(out, segment, change, frame);
    // A capture clock that stepped back makes no sense here.
    if let Some(after) = after.filter(|after| *after >= Span::ZERO) {
        put!(out, " after ", after);
    }
    why(out, change, cause);
    true
}

fn what(out: &mut String, segment: &Segment, change: &Change, frame: Option<u64>) {
    match frame {
        Some(frame) => put!(out, "packet ", frame, " again"),
        None if segment.len > 0 => put!(
            out,
            Range::of(change.seq, segment.len),
            " again, not captured before"
        ),
        None => put!(out, "sent again, not captured before"),
    }
}

fn why(out: &mut String, change: &Change, cause: RepeatCause) {
    let (_, receiver) = ends(change.direction);
    match cause {
        RepeatCause::Timer { attempt: 0 | 1 } => {
            put!(out, ": no ACK came, the timer ran out (inferred)");
        }
        RepeatCause::Timer { attempt } => {
            put!(
                out,
                ", repeat ",
                attempt,
                ": the timer backs off (inferred)"
            );
        }
        RepeatCause::AfterTimer => put!(out, ": out when the timer ran out (inferred)"),
        RepeatCause::FastRetransmit => {
            put!(out, ": ", receiver, "'s ACKs miss it (inferred)");
        }
        RepeatCause::TailLossProbe => {
            put!(out, ": tail loss probe, to get an ACK (inferred)");
        }
        RepeatCause::Spurious => put!(out, ", needless: ", receiver, " had acknowledged it"),
        RepeatCause::Network => put!(out, ": the network delivered it twice (inferred)"),
        RepeatCause::SynAgain => put!(out, ": the SYN came again (inferred)"),
        RepeatCause::Unknown => put!(out, "; the cause cannot be told"),
    }
}
