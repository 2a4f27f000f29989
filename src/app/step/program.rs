//! What is presented and how: where the packets come from, what is said before the first, and how more of them come.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::play::KEPT;
use crate::app::show::Manner;
use crate::cli::{OutputChoice, Speed};
use crate::render::{Explain, Style};
use crate::time::Timestamp;

/// What is said about a presentation, and how it looks.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// `captured a moment ago`.
    pub(super) origin: String,
    /// Said before the first packet.
    pub(super) intro: Vec<String>,
    /// Asked before the last packets.
    pub(super) question: Option<&'static str>,
    pub(super) style: Style,
    /// Columns that were asked for; `None`: the terminal's.
    pub(super) columns: Option<usize>,
    pub(super) speed: Option<Speed>,
    pub(super) raw_seq: bool,
    /// Ask before each packet.
    pub(super) asks: bool,
}

/// Where packets that are stepped through come from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Captured by this process just before.
    JustNow,
    /// Captured some time ago.
    Recorded,
    /// Made by hand.
    Constructed,
}

impl Origin {
    /// Says so. `first`: when the first packet was captured.
    pub(super) fn words(&self, first: Option<Timestamp>) -> String {
        match (self, first) {
            (Self::JustNow, _) => "captured a moment ago".to_owned(),
            (Self::Recorded, Some(first)) => {
                let utc = first.utc();
                // Minutes are enough to tell a recording from what happens now.
                let clock = utc.clock().to_string();
                format!(
                    "recorded {} {} UTC",
                    utc.date(),
                    &clock[..clock.len().min(5)]
                )
            }
            (Self::Recorded, None) => "recorded".to_owned(),
            (Self::Constructed, _) => "constructed, not captured".to_owned(),
        }
    }
}

impl Program {
    /// What was asked for on the command line.
    pub(super) fn new(choice: &OutputChoice, manner: &Manner) -> Self {
        Self {
            origin: String::new(),
            intro: Vec::new(),
            question: None,
            style: Style {
                big: choice.present.big,
                explain: choice.explain.unwrap_or(Explain::Full),
                ..manner.style.clone()
            },
            columns: choice.width.map(usize::from),
            speed: choice.present.speed,
            raw_seq: choice.raw_seq,
            asks: choice.present.hide,
        }
    }
}

impl Program {
    /// What is to come, and what keys do; a paragraph each.
    pub(super) fn manual(&self) -> Vec<String> {
        let question = if self.asks {
            "; before each of them, a question"
        } else {
            ""
        };
        let mut manual = vec![
            format!(
                "What comes: one packet at a time, with its arrow, what it means, and in which state it leaves each end{question}."
            ),
            "Space, Enter or the right arrow: the next one. Backspace or the left arrow: back to the one before.".to_owned(),
            "?: what the words of the packet on the screen mean, and where the RFC says so.".to_owned(),
            "Down and up: more of a long explanation. r: from the beginning. End: to how it ended. q: the end.".to_owned(),
        ];
        if self.speed.is_some() {
            manual.push("Packets come by themselves: Space holds, p plays on.".to_owned());
        }
        manual
    }
}

/// How more packets come.
pub(super) enum Supply<'a> {
    /// All are there.
    Whole,
    /// From a capture that goes on.
    Live(&'a Held),
}

impl Supply<'_> {
    /// That many beats were revealed by now, counted from the first.
    pub(super) fn reached(&self, at: u64) {
        if let Self::Live(held) = self {
            let mut counts = held.lock();
            let newly = at.saturating_sub(counts.furthest);
            counts.furthest += newly;
            counts.waiting = counts.waiting.saturating_sub(newly as usize);
            held.changed.notify_all();
        }
    }

    /// Beats that came too fast to be kept.
    pub(super) fn dropped(&self) -> u64 {
        match self {
            Self::Whole => 0,
            Self::Live(held) => held.lock().dropped,
        }
    }
}

/// How much a capture that goes on is held back.
#[derive(Debug, Default)]
pub(super) struct Held {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Counts {
    /// Beats that were told and not revealed.
    waiting: usize,
    /// The furthest place that was revealed.
    furthest: u64,
    dropped: u64,
    /// Nobody looks any more.
    ended: bool,
}

/// What to do with a beat for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    /// Leave it out, and count it: a capture does not wait.
    Drop,
    /// Wait until there is room: a pipe does.
    Wait,
}

impl Held {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more beat may be told.
    pub(super) fn admits(&self, full: Full) -> bool {
        let mut counts = self.lock();
        while full == Full::Wait && counts.waiting >= KEPT && !counts.ended {
            let woken = self.changed.wait(counts);
            counts = woken.unwrap_or_else(PoisonError::into_inner);
        }
        if counts.waiting >= KEPT {
            counts.dropped += u64::from(!counts.ended);
            return false;
        }
        counts.waiting += 1;
        true
    }

    /// Nobody looks any more.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended
    }
}
