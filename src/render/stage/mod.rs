//! One screen of a ladder that is stepped through: what stays, what was, what is, and which keys go on.
//!
//! Comes in: a [`Board`]: a connection, the beats of it that were revealed so far, and what is to be said around them; and
//! a size. Goes out: exactly as many lines as the screen has rows, none wider than it. Nothing is kept from one screen to
//! the next, so going back shows what was there before.
//!
//! ```text
//! #1  127.0.0.1:34904 → 127.0.0.1:1712                 2 of 9    title, counter
//!          CLIENT                                 SERVER         lane header
//!          CLOSED  ··· states after each ···      LISTEN         states before the first row below
//!  1     SYN-SENT ───────── SYN  seq 0 ─────────▶ SYN-RECEIVED   one row for each beat
//!  2  ESTABLISHED ◀──── SYN-ACK  seq 0, ack 1 ───                the current one is the last
//!
//! ── open ──────────────────────── captured a moment ago ──────  heading, where it comes from
//! agrees (ack 1: send 1 next), opens its side                    the current one explained
//! to server ▓▓▓▓░░░░·····  13 acknowledged, 0 in flight, ...     how far the bytes have got
//! Space next   Backspace back   ? what does this mean            keys
//! ```

mod bytes;
mod header;
mod help;
mod rows;
mod screen;
mod words;

pub use super::fold::not_kept;
pub use help::{help, manual};
pub use screen::{Board, Hold, Screen, compose};

use std::net::Ipv4Addr;

use super::fold::{self, NotKept, Row};
use crate::explain::{
    CallRow, Conclusion, Outline, Reach, Step, Steps, Term, Title, WireEvent, WireStory,
    related_to_call,
};
use crate::tcp::{Endpoint, Side, TcpState};
use crate::time::Span;

/// A connection as it is presented.
#[derive(Clone, Debug)]
pub struct Act {
    /// Who and where.
    pub title: Title,
    /// The client's and the server's state before the first beat.
    pub before: [Option<TcpState>; 2],
    /// Both ends' views of a wire: what stands above the margins. `None`: an ordinary ladder.
    pub margins: Option<[&'static str; 2]>,
    /// The highest frame number that is known of it, so that columns need not move.
    pub highest_frame: u64,
}

/// What one key reveals.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Which connection it belongs to, counted from 0.
    pub act: usize,
    /// What it is.
    pub what: What,
    /// The part of the connection's life that it belongs to.
    pub phase: Option<String>,
    /// How far both directions have got after it; `None` where that is not known.
    pub reach: Option<[Reach; 2]>,
    /// Words of the glossary that it is about.
    pub terms: Vec<&'static Term>,
}

/// The kinds of beats.
#[derive(Clone, Debug)]
pub enum What {
    /// A packet. Its heading is the beat's phase.
    Packet(Box<Step>),
    /// A packet leaves or arrives.
    Half(Box<WireEvent>),
    /// A program calls the system, or the call returns.
    Call(Box<CallRow>),
    /// Packets that stand in one row.
    Several {
        /// What is said of them.
        words: String,
        /// How many there are.
        packets: u64,
    },
    /// The last words about the connection.
    End(Conclusion),
}

impl Act {
    /// No connection yet: number 0.
    #[must_use]
    pub fn nothing() -> Self {
        let nowhere = Endpoint {
            address: Ipv4Addr::UNSPECIFIED.into(),
            port: 0,
        };
        Self {
            title: Title {
                id: 0,
                client: nowhere,
                client_role: "client",
                server: nowhere,
                server_role: "server",
                remark: String::new(),
            },
            before: [None, None],
            margins: None,
            highest_frame: 0,
        }
    }

    /// An ordinary connection, with the states before its first packet, whose frames have numbers up to this one.
    #[must_use]
    pub const fn new(title: Title, before: [Option<TcpState>; 2], highest_frame: u64) -> Self {
        Self {
            title,
            before,
            margins: None,
            highest_frame,
        }
    }

    /// The connection of a wire's story.
    #[must_use]
    pub fn of_wire(story: &WireStory) -> Self {
        Self {
            title: story.title.clone(),
            before: [None, None],
            margins: Some(story.margins),
            highest_frame: 0,
        }
    }
}

impl Beat {
    /// A call, in this part of the connection's life.
    #[must_use]
    pub fn of_call(
        act: usize,
        call: CallRow,
        phase: Option<String>,
        reach: Option<[Reach; 2]>,
    ) -> Self {
        Self {
            act,
            terms: related_to_call(&call),
            what: What::Call(Box::new(call)),
            phase,
            reach,
        }
    }

    /// What the state of `side` is after it, where it changed.
    #[must_use]
    pub fn state(&self, side: Side) -> Option<TcpState> {
        match &self.what {
            What::Packet(step) if side == Side::Client => step.client,
            What::Packet(step) => step.server,
            What::Half(event) => event.state.filter(|_| event.side == side),
            What::Call(_) | What::Several { .. } | What::End(_) => None,
        }
    }

    /// How many packets it counts for: what programs do beside packets is none, and neither are the last words. On a wire
    /// a packet that leaves and arrives is two.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        match self.what {
            What::Packet(_) | What::Half(_) => 1,
            What::Several { packets, .. } => packets,
            What::Call(_) | What::End(_) => 0,
        }
    }

    /// How long after this beat another one of the same connection happened; nothing where that is not known.
    #[must_use]
    pub fn gap_to(&self, following: &Self) -> Span {
        match (self.after(), &following.what) {
            // Between them stand packets that are not shown one by one.
            (None, What::Packet(step)) => step.delta,
            (Some(before), _) => following.after().map_or(Span::ZERO, |after| after - before),
            (None, _) => Span::ZERO,
        }
    }

    /// When it happened, since the connection's first packet; `None` where it stands for more than a moment.
    const fn after(&self) -> Option<Span> {
        match &self.what {
            What::Packet(step) => Some(step.after),
            What::Half(event) => Some(event.after),
            What::Call(call) => Some(call.after),
            What::Several { .. } | What::End(_) => None,
        }
    }
}

/// Puts calls between the beats of their connection, where they were made and where they returned.
#[must_use]
pub fn with_calls(act: usize, beats: Vec<Beat>, calls: Vec<CallRow>) -> Vec<Beat> {
    let mut together = Vec::with_capacity(beats.len() + calls.len());
    let mut calls = calls.into_iter().peekable();
    let mut before: Option<(Option<String>, Option<[Reach; 2]>)> = None;
    for beat in beats {
        let is_end = matches!(beat.what, What::End(_));
        let now = beat.after();
        while let Some(call) =
            calls.next_if(|call| is_end || now.is_some_and(|now| call.after <= now))
        {
            let (phase, reach) = before.clone().unwrap_or_default();
            together.push(Beat::of_call(act, call, phase, reach));
        }
        before = Some((beat.phase.clone(), beat.reach));
        together.push(beat);
    }
    together
}

/// What is known beside the steps of a connection, step by step.
#[derive(Debug, Default)]
pub struct Sidelights {
    /// How far both directions have got after each step.
    pub reach: Vec<[Reach; 2]>,
    /// Words of the glossary that each step is about.
    pub terms: Vec<Vec<&'static Term>>,
    /// Words that the end is about.
    pub end_terms: Vec<&'static Term>,
}

/// The beats of a connection that is over. With `folds` uneventful stretches are one beat each.
#[must_use]
pub fn beats(
    act: usize,
    steps: &mut dyn Steps,
    conclusion: Conclusion,
    mut lights: Sidelights,
    folds: bool,
    not_kept: Option<NotKept>,
) -> Vec<Beat> {
    let plan = plan(steps, folds, not_kept);
    let mut phase = None;
    let mut beats = Vec::with_capacity(plan.len() + 1);
    let mut reach = None;
    for row in plan {
        let (what, terms) = match row {
            Row::Step(index) => {
                let mut step = steps.step(index).clone();
                phase = step.heading.take().or(phase);
                reach = lights.reach.get(index).copied();
                let terms = lights.terms.get_mut(index).map(std::mem::take);
                (What::Packet(Box::new(step)), terms.unwrap_or_default())
            }
            Row::Fold(fold) => {
                reach = None;
                let what = What::Several {
                    words: fold.words(),
                    packets: fold.packets,
                };
                (what, Vec::new())
            }
            Row::NotKept(packets) => {
                reach = None;
                let what = What::Several {
                    words: fold::not_kept(packets),
                    packets,
                };
                (what, Vec::new())
            }
            // The time column and the explanation tell of pauses.
            Row::Idle(_) => continue,
        };
        beats.push(Beat {
            act,
            what,
            phase: phase.clone(),
            reach,
            terms,
        });
    }
    beats.push(Beat {
        act,
        what: What::End(conclusion),
        phase: None,
        reach,
        terms: lights.end_terms,
    });
    beats
}

/// Which steps are beats of their own.
fn plan(steps: &mut dyn Steps, folds: bool, not_kept: Option<NotKept>) -> Vec<Row> {
    let count = steps.count();
    if folds {
        let outlines: Vec<Outline> = (0..count).map(|index| steps.outline(index)).collect();
        return fold::plan(&outlines, not_kept);
    }
    let mut rows: Vec<Row> = (0..count).map(Row::Step).collect();
    if let Some(missing) = not_kept {
        rows.insert(missing.before.min(count), Row::NotKept(missing.packets));
    }
    rows
}

/// The beats of a whole story of a wire.
#[must_use]
pub fn wire_beats(act: usize, story: WireStory, end_terms: Vec<&'static Term>) -> Vec<Beat> {
    let mut beats = Vec::with_capacity(story.events.len() + 1);
    for mut event in story.events {
        beats.push(Beat {
            act,
            phase: None,
            reach: Some(event.reach),
            terms: std::mem::take(&mut event.terms),
            what: What::Half(Box::new(event)),
        });
    }
    beats.push(Beat {
        act,
        what: What::End(story.conclusion),
        phase: None,
        reach: None,
        terms: end_terms,
    });
    beats
}
