//! Brief clauses about what is sent again.

use std::fmt::{self, Write};

use super::find;
use crate::explain::words::{Range, ends};
use crate::tcp::Segment;
use crate::time::Span;
use crate::track::{Change, Event, RepeatCause};

/// What is repeated, after how long, and why as far as can be inferred; `None` when nothing is.
pub(super) fn repeats(out: &mut String, segment: &Segment, change: &Change) -> Option<fmt::Result> {
    let (frame, cause, after) = find(change, |event| match event {
        Event::Repeats {
            frame,
            cause,
            after,
        } => Some((frame, cause, after)),
        _ => None,
    })?;
    Some(what(out, segment, change, frame).and_then(|()| {
        // A capture clock that stepped back makes no sense here.
        if let Some(after) = after.filter(|after| *after >= Span::ZERO) {
            write!(out, " after {after}")?;
        }
        why(out, change, cause)
    }))
}

fn what(out: &mut String, segment: &Segment, change: &Change, frame: Option<u64>) -> fmt::Result {
    match frame {
        Some(frame) => write!(out, "packet {frame} again"),
        None if segment.len > 0 => write!(
            out,
            "{} again, not captured before",
            Range::of(change.seq, segment.len)
        ),
        None => write!(out, "sent again, not captured before"),
    }
}

fn why(out: &mut String, change: &Change, cause: RepeatCause) -> fmt::Result {
    let (_, receiver) = ends(change.direction);
    match cause {
        RepeatCause::Timer { attempt: 0 | 1 } => {
            write!(out, ": no ACK came, the timer ran out (inferred)")
        }
        RepeatCause::Timer { attempt } => {
            write!(out, ", repeat {attempt}: the timer backs off (inferred)")
        }
        RepeatCause::FastRetransmit => {
            write!(out, ": {receiver}'s ACKs miss it (inferred)")
        }
        RepeatCause::TailLossProbe => {
            write!(out, ": tail loss probe, to get an ACK (inferred)")
        }
        RepeatCause::Spurious => write!(out, ", needless: {receiver} had acknowledged it"),
        RepeatCause::Unknown => write!(out, "; the cause cannot be told"),
    }
}
