//! Our own labels: what an analyst would call a segment, judged by sequence space and evidence rather than by time limits.
//!
//! Comes in: a connection's segments in capture order, the end that sent each, and the labels Wireshark would give, of
//! which the undisputed ones are taken over. Goes out: [`Labels`], and the [`Facts`] behind them. One [`Judge`] a
//! connection. Where the rules differ from Wireshark's:
//!
//! - An empty segment one before the next number is a zero-window probe when the peer's window is closed (Linux sends
//!   these), a keep-alive only when everything before it is acknowledged.
//! - Crossing SYNs are a simultaneous open, and a socket may be connected to itself: neither repeats anything.
//! - Bytes that were missing are out of order if they were sent before what overtook them, or the receiver had not asked
//!   for them yet; otherwise they are sent again. Time decides nothing here.
//! - A duplicate ACK is RFC 5681's: something is outstanding, and nothing else changed. What reports by D-SACK that something
//!   came twice is none (RFC 6675 section 2), nor is it a window update.
//! - Fast retransmissions need the evidence of RFC 5681 or 6675; the repeat of a tail is a tail loss probe (RFC 8985).
//! - An ACK of bytes that were never seen shows that the capture missed them.
//!
//! Everything is inferred from one place on the path, so causes are likely, not certain.

mod acks;
mod book;
mod bytes;
mod copies;
mod facts;
mod half;
mod hole;
mod sent;
#[cfg(test)]
mod tests;

pub(super) use copies::Copies;
pub(super) use facts::{Acknowledged, Facts};
pub(super) use half::smoothed;
pub(super) use sent::{CAPACITY as REMEMBERED, Ring};

use half::{Half, Marks};

use crate::tcp::{Flags, Labels, Segment};
use crate::time::{Span, Timestamp};

/// Wireshark's labels that need no correction.
const TAKEN_OVER: Labels = Labels::REUSED_PORTS
    .union(Labels::TFO_SYN)
    .union(Labels::TFO_ACCEPTED)
    .union(Labels::TFO_IGNORED)
    .union(Labels::WINDOW_FULL);

/// SYN, FIN or RST.
const CONTROL: Flags = Flags::SYN.union(Flags::FIN).union(Flags::RST);

/// Labels of a segment and the facts behind them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Ruling {
    /// What it is called.
    pub(super) labels: Labels,
    /// Why.
    pub(super) facts: Facts,
}

/// A segment that a cautious receiver checks with an ACK (RFC 5961).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Suspect {
    frame: u64,
    /// Which end sent it.
    from: usize,
    syn: bool,
}

/// What is remembered of one connection to judge its next segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Judge {
    halves: [Half; 2],
    /// Time from the last SYN to the ACK that completed the opening; zero until known.
    handshake: Span,
    syn_time: Timestamp,
    last_time: Timestamp,
    last_from: usize,
    suspect: Option<Suspect>,
    self_connect: bool,
    simultaneous: bool,
}

impl Judge {
    /// A connection of which nothing was seen.
    pub(super) fn new() -> Self {
        Self {
            halves: [Half::default(), Half::default()],
            handshake: Span::ZERO,
            syn_time: Timestamp::default(),
            last_time: Timestamp::default(),
            last_from: 0,
            suspect: None,
            self_connect: false,
            simultaneous: false,
        }
    }

    /// The frame of the original, if the capture recorded this packet before. Ask this first: a copy changes nothing,
    /// carries [`Labels::CAPTURE_DUPLICATE`] alone, and is not to be observed.
    pub(super) fn original(&self, segment: &Segment, from: usize) -> Option<u64> {
        self.halves[from]
            .copies
            .original(segment, self.last_from == from)
    }

    /// The ruling on a copy of the packet in frame `of`.
    pub(super) fn copy(of: u64) -> Ruling {
        Ruling {
            labels: Labels::CAPTURE_DUPLICATE,
            facts: Facts {
                duplicate_of: Some(of),
                ..Facts::default()
            },
        }
    }

    /// Remembers only the latest few segments, from now on.
    pub(super) fn shorten(&mut self) {
        for half in &mut self.halves {
            half.sent.shorten();
        }
    }

    /// Bytes that this connection's rings and holes take up on the heap.
    pub(super) fn heap(&self) -> usize {
        self.halves
            .iter()
            .map(|half| half.sent.heap() + half.holes.heap())
            .sum()
    }

    /// Judges a segment and remembers it. `from` is 0 for the end that sent the connection's first segment, else 1;
    /// `wireshark` are the labels that Wireshark's rules give it.
    pub(super) fn observe(&mut self, segment: &Segment, from: usize, wireshark: Labels) -> Ruling {
        if !self.halves[0].has(Marks::STARTED) && !self.halves[1].has(Marks::STARTED) {
            self.self_connect = segment.tuple.is_self();
            self.last_time = segment.time;
        }
        // A socket that talks to itself is one end: what it sends is what it receives and acknowledges.
        let (from, to) = if self.self_connect {
            (0, 0)
        } else {
            (from, 1 - from)
        };
        let mut ruling = Ruling {
            labels: wireshark & TAKEN_OVER,
            facts: Facts::default(),
        };
        ruling.facts.fills_window = wireshark.contains(Labels::WINDOW_FULL);
        if self.challenges(segment, from, &mut ruling) {
            self.remember(segment, from, &ruling.facts);
            return ruling;
        }
        self.judge_acknowledgment(segment, from, to, &mut ruling);
        self.judge_bytes(segment, from, to, &mut ruling);
        self.judge_window(segment, from, to, wireshark, &mut ruling);
        self.remember(segment, from, &ruling.facts);
        ruling
    }

    /// An empty ACK that answers a RST or a SYN instead of obeying it.
    fn challenges(&mut self, segment: &Segment, from: usize, ruling: &mut Ruling) -> bool {
        let Some(suspect) = self.suspect.take() else {
            return false;
        };
        let plain = segment.flags.contains(Flags::ACK)
            && !segment.flags.intersects(CONTROL)
            && segment.len == 0;
        if suspect.from == from || !plain {
            return false;
        }
        // An ACK of just this SYN is the first half of an answer to it, unless the answer was given long ago.
        let other = &self.halves[suspect.from];
        let answers_syn = suspect.syn && !other.has(Marks::ACKED) && segment.ack == other.next;
        if answers_syn {
            return false;
        }
        ruling.labels |= Labels::CHALLENGE_ACK;
        ruling.facts.challenges = Some(suspect.frame);
        true
    }

    /// Zero window, its end, and updates.
    fn judge_window(
        &mut self,
        segment: &Segment,
        from: usize,
        to: usize,
        wireshark: Labels,
        ruling: &mut Ruling,
    ) {
        if segment.flags.intersects(CONTROL) {
            return;
        }
        let half = &mut self.halves[from];
        let closed = half.has(Marks::WINDOW_CLOSED);
        if segment.window == 0 {
            ruling.labels |= Labels::ZERO_WINDOW;
            if !closed {
                half.marks |= Marks::WINDOW_CLOSED;
                half.closed_since = segment.time;
                ruling.facts.closes_window = true;
            }
        } else if closed {
            half.marks -= Marks::WINDOW_CLOSED;
            ruling.facts.reopens_window = Some(segment.time - half.closed_since);
            self.halves[to].probes = 0;
        }
        let says_more = ruling
            .labels
            .intersects(Labels::KEEP_ALIVE_ACK | Labels::DUPLICATE_SACK);
        if wireshark.contains(Labels::WINDOW_UPDATE) && !says_more {
            ruling.labels |= Labels::WINDOW_UPDATE;
        }
    }

    fn remember(&mut self, segment: &Segment, from: usize, facts: &Facts) {
        let flags = segment.flags;
        if flags.contains(Flags::RST) || flags.is_syn_only() {
            let syn = flags.is_syn_only();
            if syn || self.is_suspicious_reset(segment, from) {
                self.suspect = Some(Suspect {
                    frame: segment.frame,
                    from,
                    syn,
                });
            }
        }
        if flags.is_syn_only() {
            if !facts.is_syn_copy() {
                self.syn_time = segment.time;
            }
        } else if self.handshake == Span::ZERO
            && self.syn_time != Timestamp::default()
            && flags.contains(Flags::ACK)
            && !flags.contains(Flags::SYN)
        {
            self.handshake = segment.time - self.syn_time;
        }
        self.halves[from].remember(segment);
        self.last_time = segment.time;
        self.last_from = from;
    }

    /// A RST at exactly the number its receiver waits for is obeyed, another one is checked (RFC 5961 section 3.2). What
    /// the receiver waits for is what it said last, or, while that is on its way, all that was sent.
    fn is_suspicious_reset(&self, segment: &Segment, from: usize) -> bool {
        let to = if self.self_connect { from } else { 1 - from };
        let receiver = &self.halves[to];
        receiver.has(Marks::ACKS)
            && segment.seq != receiver.last_ack
            && segment.seq != self.halves[from].next
    }

    /// The best estimate of a round trip over the whole path for what `from` sends.
    fn round_trip(&self, from: usize) -> Span {
        self.handshake.max(self.halves[from].round_trip)
    }
}
