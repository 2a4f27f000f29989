//! Judging the sequence numbers a segment takes up: new, early, late, or there before.

use super::copies::Copies;
use super::facts::{Repeat, SynRepeat};
use super::half::Marks;
use super::{CONTROL, Judge, Ruling};
use crate::tcp::{Flags, Labels, Segment};
use crate::time::Span;
use crate::track::RepeatCause;

/// Duplicate ACKs after which a sender repeats without waiting for the timer (RFC 5681 section 3.2).
const DUPLICATE_THRESHOLD: u32 = 3;

/// The least that common stacks add to the round trip before their timer runs out.
const LEAST_TIMER: Span = Span::from_millis(200);

/// Timers tick coarsely and captures stamp late: so much less still counts as the timer.
const TIMER_SLACK: Span = Span::from_millis(20);

/// How long a receiver may hold back the ACK of a single segment, which a tail loss probe waits for as well.
const DELAYED_ACK: Span = Span::from_millis(200);

impl Judge {
    pub(super) fn judge_bytes(
        &mut self,
        segment: &Segment,
        from: usize,
        to: usize,
        ruling: &mut Ruling,
    ) {
        if segment.flags.contains(Flags::RST) {
            return;
        }
        self.halves[from].marks -= Marks::KEEP_ALIVE | Marks::PROBE;
        if segment.flags.contains(Flags::SYN) && self.judge_syn(segment, from, to, ruling) {
            return;
        }
        if !self.halves[from].has(Marks::STARTED) {
            self.halves[from].start(segment);
            self.keep(segment, from, 0, 0);
            return;
        }
        if self.probes_or_keeps_alive(segment, from, to, ruling) {
            return;
        }
        let half = &mut self.halves[from];
        if segment.seq.after(half.next) {
            half.holes.open(half.next, segment);
            ruling.labels |= Labels::LOST_SEGMENT;
            ruling.facts.gap = Some(segment.seq.relative_to(half.next));
            half.next = segment.seq;
        }
        if segment.seq_len() == 0 {
            return;
        }
        // More than a byte from the number before the next one: the byte before was a keep-alive's or a probe's.
        let after_probe = segment.seq + 1 == half.next && segment.len > 1;
        if segment.seq.before(half.next) && !after_probe {
            self.judge_old(segment, from, to, ruling);
        } else {
            self.keep(segment, from, 0, 0);
        }
        let half = &mut self.halves[from];
        half.next = half.next.max(segment.seq_end());
    }

    /// SYNs: the first, the crossing, the repeated. True when nothing is left to judge.
    fn judge_syn(
        &mut self,
        segment: &Segment,
        from: usize,
        to: usize,
        ruling: &mut Ruling,
    ) -> bool {
        let answer = segment.flags.contains(Flags::ACK);
        let other = &self.halves[to];
        let crossing = !answer && to != from && other.has(Marks::SYN) && !other.has(Marks::SYN_ACK);
        let half = &mut self.halves[from];
        if self.self_connect {
            ruling.labels |= Labels::SELF_CONNECT;
            ruling.facts.self_connect = true;
        }
        let mark = if answer { Marks::SYN_ACK } else { Marks::SYN };
        let first_of_kind = !half.has(mark);
        half.marks |= mark;
        if !half.has(Marks::STARTED) || (answer && segment.seq != half.first) {
            if crossing && !half.has(Marks::STARTED) {
                self.simultaneous = true;
                ruling.labels |= Labels::SIMULTANEOUS_OPEN;
                ruling.facts.simultaneous_open = true;
            }
            half.start(segment);
            half.syn_time = segment.time;
            half.syns = 1;
            self.keep(segment, from, 0, 0);
            return true;
        }
        if first_of_kind && answer && (self.simultaneous || self.self_connect) {
            // The SYN is said again because it now acknowledges the other one, not because it was lost.
            if self.simultaneous {
                ruling.labels |= Labels::SIMULTANEOUS_OPEN;
            }
            return true;
        }
        if segment.seq != half.first {
            return false;
        }
        if !answer {
            self.judge_syn_again(segment, from, to, ruling);
        }
        false
    }

    /// A SYN with the number of the first one: sent again, or doubled on its way. Some systems wait for a few hundredths of
    /// a second only, so the header decides. Where nothing in it tells packets apart, what came at once is a copy, unless
    /// something had come back other than a SYN-ACK: that may have made its sender try again.
    fn judge_syn_again(&mut self, segment: &Segment, from: usize, to: usize, ruling: &mut Ruling) {
        let other = &self.halves[to];
        let half = &self.halves[from];
        let earlier = half.sent.carrying(segment.seq, segment.seq_end());
        let before = earlier.map_or(half.syn_time, |sent| sent.time);
        let waited = (segment.time - before).abs();
        let copy = if Copies::is_marked(segment) {
            waited < LEAST_TIMER
        } else {
            let unasked = other.has(Marks::SYN_ACK) || other.copies.last_time() <= before;
            waited < TIMER_SLACK && unasked
        };
        let copy = copy && half.copies.has(segment);
        let half = &mut self.halves[from];
        ruling.facts.syn_repeated = Some(SynRepeat {
            before: half.syns,
            since_first: segment.time - half.syn_time,
            copy,
        });
        half.syns = half.syns.saturating_add(u32::from(!copy));
    }

    fn keep(&mut self, segment: &Segment, from: usize, repeats: u16, timeouts: u16) {
        let half = &mut self.halves[from];
        if segment.flags.contains(Flags::FIN) {
            half.marks |= Marks::FIN;
            half.fin_end = segment.seq_end();
        }
        if segment.seq_len() > 0 {
            half.sent.push(segment, repeats, timeouts);
        }
    }

    /// Segments that ask something and bring nothing.
    fn probes_or_keeps_alive(
        &mut self,
        segment: &Segment,
        from: usize,
        to: usize,
        ruling: &mut Ruling,
    ) -> bool {
        if segment.len > 1 || segment.flags.intersects(CONTROL) {
            return false;
        }
        let closed = self.halves[to].has(Marks::WINDOW_CLOSED);
        let idle = segment.time - self.last_time;
        let half = &mut self.halves[from];
        let before_next = segment.seq + 1 == half.next && !half.has_outstanding();
        let byte_beyond = closed && segment.len == 1 && segment.seq == half.next;
        if !before_next && !byte_beyond {
            return false;
        }
        if closed {
            half.probes = half.probes.saturating_add(1);
            half.marks |= Marks::PROBE;
            ruling.labels |= Labels::ZERO_WINDOW_PROBE;
            ruling.facts.probe = Some(half.probes);
        } else {
            half.marks |= Marks::KEEP_ALIVE;
            ruling.labels |= Labels::KEEP_ALIVE;
            ruling.facts.keep_alive = Some(idle);
        }
        true
    }

    /// Numbers before the highest seen: late, or repeated.
    fn judge_old(&mut self, segment: &Segment, from: usize, to: usize, ruling: &mut Ruling) {
        let evidence = self.has_loss_evidence(segment, from, to);
        let half = &mut self.halves[from];
        if let Some(filled) = half.holes.fill(segment) {
            let late = filled.sent_before.unwrap_or(!filled.complained);
            ruling.facts.fills_gap = true;
            if late {
                ruling.labels |= Labels::OUT_OF_ORDER;
                self.keep(segment, from, 0, 0);
                return;
            }
            // It was lost before the capture point, so nothing tells when it was sent first.
            let cause = if evidence {
                ruling.labels |= Labels::FAST_RETRANSMISSION;
                RepeatCause::FastRetransmit
            } else {
                ruling.labels |= Labels::RETRANSMISSION;
                RepeatCause::Unknown
            };
            ruling.facts.repeats = Some(Repeat {
                frame: None,
                cause,
                after: None,
            });
            self.keep(segment, from, 1, 0);
            return;
        }
        self.judge_repeat(segment, from, to, evidence, ruling);
    }

    /// Bytes that were seen before.
    fn judge_repeat(
        &mut self,
        segment: &Segment,
        from: usize,
        to: usize,
        evidence: bool,
        ruling: &mut Ruling,
    ) {
        let round_trip = self.round_trip(from);
        let agreed = self.halves[from].has(Marks::SACK) && self.halves[to].has(Marks::SACK);
        let answered = self.halves[to].copies.last_time();
        let half = &mut self.halves[from];
        let earlier = half.sent.carrying(segment.seq, segment.seq_end()).copied();
        let after = earlier.map(|sent| segment.time - sent.time);
        // A probe is timed from the last transmission or the last ACK, whichever came later (RFC 8985 section 7.2).
        let waited = (to != from)
            .then(|| after.map(|after| after.min(segment.time - answered)))
            .flatten();
        let timeouts = earlier.map_or(0, |sent| sent.timeouts);
        // Each new acknowledgment starts the timer anew (RFC 6298 section 5.3): what follows one at once was not
        // waited for.
        let restarted =
            self.last_from == to && segment.time - self.last_time < LEAST_TIMER - TIMER_SLACK;
        // When it runs out the earliest segment is sent again that is not acknowledged, and only that (section 5.4).
        let earliest = !half.has(Marks::ACKED) || segment.seq.at_or_before(half.acked);
        let timer = !restarted
            && earliest
            && after.is_some_and(|after| after >= round_trip + LEAST_TIMER - TIMER_SLACK);
        let is_tail = segment.seq_end() == half.next
            && half
                .sent
                .last()
                .is_some_and(|last| last.end == half.next && last.repeats == 0);
        let syn = segment.flags.contains(Flags::SYN);
        // The other end has said nothing but its SYN, and said that just now.
        let syn_again =
            segment.flags.is_syn_ack() && restarted && !self.halves[to].has(Marks::ACKS);
        let half = &mut self.halves[from];
        // What is missing by then is sent again whatever the receiver reports.
        let after_timer = half.has(Marks::TIMED_OUT) && segment.seq.before(half.recover) && !syn;
        // A SYN may be acknowledged and its acknowledgment ignored, when the queue of connections is full.
        let acked = half.has(Marks::ACKED) && segment.seq_end().at_or_before(half.acked) && !syn;
        // Nobody waits so shortly and numbers the packet as before: the network delivered it twice.
        let doubled = after.is_some_and(|after| after < LEAST_TIMER)
            && !syn
            && earlier.is_some_and(|earlier| half.sent.is_same_packet(segment, &earlier));
        let (label, cause) = if doubled {
            let label = if acked {
                Labels::SPURIOUS_RETRANSMISSION
            } else {
                Labels::RETRANSMISSION
            };
            (label, RepeatCause::Network)
        } else if syn_again {
            (Labels::RETRANSMISSION, RepeatCause::SynAgain)
        } else if acked {
            (Labels::SPURIOUS_RETRANSMISSION, RepeatCause::Spurious)
        } else if evidence && !timer && !after_timer {
            (Labels::FAST_RETRANSMISSION, RepeatCause::FastRetransmit)
        } else if agreed
            && is_tail
            && !syn
            && [after, waited]
                .into_iter()
                .flatten()
                .any(|wait| is_tail_probe(wait, round_trip, half.sends_one(segment)))
        {
            (
                Labels::RETRANSMISSION | Labels::TAIL_LOSS_PROBE,
                RepeatCause::TailLossProbe,
            )
        } else if timer {
            let attempt = u32::from(timeouts) + 1;
            (Labels::RETRANSMISSION, RepeatCause::Timer { attempt })
        } else if after_timer {
            (Labels::RETRANSMISSION, RepeatCause::AfterTimer)
        } else {
            (Labels::RETRANSMISSION, RepeatCause::Unknown)
        };
        half.begin_repair(cause);
        ruling.labels |= label;
        ruling.facts.repeats = Some(Repeat {
            frame: earlier.map(|sent| sent.frame),
            cause,
            after,
        });
        let repeats = earlier.map_or(0, |sent| sent.repeats).saturating_add(1);
        let by_timer = u16::from(matches!(cause, RepeatCause::Timer { .. }));
        self.keep(segment, from, repeats, timeouts.saturating_add(by_timer));
    }

    /// The receiver has shown that it misses these bytes: three duplicate ACKs, SACK of later ones, or a partial ACK
    /// while an earlier loss is repaired (RFC 5681, 6675, 6582).
    fn has_loss_evidence(&self, segment: &Segment, from: usize, to: usize) -> bool {
        let half = &self.halves[from];
        let receiver = &self.halves[to];
        let asked = receiver.duplicates >= DUPLICATE_THRESHOLD && receiver.last_ack == segment.seq;
        let reported = half.has(Marks::SACKED) && half.sacked.after(segment.seq_end());
        let repairing =
            half.has(Marks::RECOVERING) && half.has(Marks::ACKED) && segment.seq == half.acked;
        asked || reported || repairing
    }
}

/// Two round trips after the tail was sent or an ACK came, and the delay of an ACK more when only one segment is out (RFC 8985
/// section 7.2), up to where the timer would run out.
fn is_tail_probe(after: Span, round_trip: Span, alone: bool) -> bool {
    if round_trip == Span::ZERO {
        return false;
    }
    let two = round_trip + round_trip;
    let limit = if alone { two + DELAYED_ACK } else { two };
    let earliest = round_trip + Span::from_nanos(round_trip.as_nanos() / 2);
    after >= earliest && after <= limit + TIMER_SLACK
}
