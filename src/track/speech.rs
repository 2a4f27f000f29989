//! What a segment means for waits and hardships: whose turn it is, what was silent, closed, repeated or reset.

use arrayvec::ArrayVec;

use super::connection::{Connection, Resetter, RoundTrips};
use super::event::{Event, RepeatCause, ResetEffect};
use super::hardship::Stretch;
use super::labels::Facts;
use super::machine::{Did, Moves};
use super::observe::{Met, Way};
use super::trouble::{IDLE_BEFORE_RESET, RESET_FOLLOWS_WITHIN, SILENT_AFTER};
use super::waits::{Speech, Wait, longer};
use crate::tcp::{Flags, Labels, Segment, Side};
use crate::time::{Span, Timestamp};

impl Connection {
    pub(super) fn tell_reset(
        &mut self,
        segment: &Segment,
        way: Way,
        moves: &Moves,
        events: &mut ArrayVec<Event, 8>,
    ) {
        let Some(effect) = moves.reset else {
            return;
        };
        let _ = events.try_push(Event::Resets { effect });
        let ends = matches!(
            effect,
            ResetEffect::Refuses | ResetEffect::AbortsOpening | ResetEffect::Ends
        );
        if ends && self.machine.over.is_some() {
            self.reset = segment.frame;
            self.reset_by = Resetter {
                side: way.from,
                bare: !segment.flags.contains(Flags::ACK),
            };
            self.judge_idle(segment, way.from);
            let ended = self.waits.reset(segment.frame, segment.time);
            self.note_silence(ended);
        }
    }

    /// Keeps the idle stretch before an RST only where the RST answers what ended it, or ended it itself.
    fn judge_idle(&mut self, segment: &Segment, from: Side) {
        let (frame, since) = self
            .waits
            .turn
            .map_or((self.first_frame, self.start), |turn| {
                (turn.frame, turn.time)
            });
        if segment.time - since >= IDLE_BEFORE_RESET {
            let mut stretch = Stretch::begin(frame, since);
            stretch.extend(segment.frame, segment.time);
            self.hardships.get_or_insert_default().idle = Some((from, stretch));
            return;
        }
        if let Some(hardships) = &mut self.hardships {
            hardships.idle = hardships.idle.filter(|(by, idle)| {
                *by != from && segment.time - (idle.began + idle.lasted) <= RESET_FOLLOWS_WITHIN
            });
        }
    }

    /// New bytes and FINs: whose turn it is.
    pub(super) fn tell_speech(
        &mut self,
        segment: &Segment,
        way: Way,
        moves: &Moves,
        labels: Labels,
        events: &mut ArrayVec<Event, 8>,
    ) {
        let fin = moves.did.contains(Did::FIN);
        if fin {
            let first = self.is_self() || self.parties[way.to as usize].fin == 0;
            let _ = events.try_push(Event::Finishes { first });
        }
        let in_syn = moves.did.contains(Did::SYN) && segment.len > 0;
        let bytes = moves.taken.fresh > 0 || in_syn;
        if (bytes || fin) && !labels.contains(Labels::KEEP_ALIVE) {
            self.speak(segment.into(), way, bytes, fin);
        }
    }

    /// New bytes, a FIN, or both.
    #[inline]
    pub(super) fn speak(&mut self, met: Met, way: Way, bytes: bool, fin: bool) {
        self.note_idle(met, way.from);
        let held_back = self.hardships.as_mut().is_some_and(|hard| {
            std::mem::take(&mut hard.windows.reopened) || hard.windows.is_closed(way.to)
        });
        let speech = Speech {
            side: way.from,
            bytes,
            fin,
            held_back,
            frame: met.frame,
            time: met.time,
        };
        let ended = self.waits.speak(speech, self.opening.ack != 0);
        self.note_silence(ended);
    }

    /// A long silence ends here; or somebody replies, and it did no harm.
    fn note_idle(&mut self, met: Met, from: Side) {
        if let Some(hardships) = &mut self.hardships {
            hardships.idle = hardships.idle.filter(|(by, _)| *by == from);
        }
        let Some(turn) = self.waits.turn else {
            return;
        };
        if met.time - turn.time >= IDLE_BEFORE_RESET {
            let mut stretch = Stretch::begin(turn.frame, turn.time);
            stretch.extend(met.frame, met.time);
            self.hardships.get_or_insert_default().idle = Some((from, stretch));
        }
    }

    fn note_silence(&mut self, ended: Option<Wait>) {
        let Some(wait) = ended.filter(|wait| wait.for_data && wait.lasted >= SILENT_AFTER) else {
            return;
        };
        let kept = &mut self.hardships.get_or_insert_default().silent[wait.owed_by as usize];
        if longer(Some(wait), *kept) {
            *kept = Some(wait);
        }
    }

    /// Closed windows and repeats.
    pub(super) fn tell_hardship(
        &mut self,
        segment: &Segment,
        way: Way,
        facts: &Facts,
        labels: Labels,
    ) {
        let (frame, time) = (segment.frame, segment.time);
        let wanted = self.parties[way.to as usize].fin == 0;
        if labels.contains(Labels::ZERO_WINDOW) && wanted {
            let hardships = self.hardships.get_or_insert_default();
            hardships.windows.close(way.from, frame, time);
        }
        // What the network doubled was sent once.
        let doubled = facts
            .repeats
            .is_some_and(|repeat| repeat.cause == RepeatCause::Network)
            || facts.is_syn_copy();
        if labels.intersects(Labels::ANY_RETRANSMISSION) && !doubled {
            let data = facts.repeats.and_then(|repeat| {
                let unheard = segment.len > 0 && repeat.cause != RepeatCause::Spurious;
                let before = repeat.after.filter(|_| unheard)?;
                Some((repeat.frame?, time + (Span::ZERO - before)))
            });
            let hardships = self.hardships.get_or_insert_default();
            hardships.repeats.repeat(way.from, segment, data);
        }
        let Some(hardships) = &mut self.hardships else {
            return;
        };
        if facts.reopens_window.is_some() {
            hardships.windows.open(way.from, frame, time);
        }
        if facts.probe.is_some() {
            hardships.windows.probe(way.to, frame, time);
        }
    }

    /// What the peer hears when this acknowledges something new.
    #[inline]
    pub(super) fn hear(&mut self, time: Timestamp, way: Way, rtt: Option<Span>) {
        if let Some(hardships) = &mut self.hardships {
            hardships.repeats.heard(way.to);
        }
        let all = self.machine.ends[way.r].in_flight() == 0;
        self.hear_news(time, way.from, rtt, all);
    }

    /// The same where nothing was repeated. `all`: no bytes of the peer are left to be acknowledged.
    #[inline]
    pub(super) fn hear_news(&mut self, time: Timestamp, by: Side, rtt: Option<Span>, all: bool) {
        if let Some(rtt) = rtt {
            self.parties[!by as usize].round_trips.sample(rtt);
        }
        if all {
            self.waits.acknowledged(by, time);
        }
    }
}

impl RoundTrips {
    /// RFC 6298 section 2.3 with alpha 1/8.
    fn sample(&mut self, rtt: Span) {
        if self.count == 0 {
            (self.min, self.max, self.smoothed) = (rtt, rtt, rtt);
        } else {
            self.min = self.min.min(rtt);
            self.max = self.max.max(rtt);
            let smoothed = self.smoothed.as_nanos();
            let step = rtt.as_nanos().saturating_sub(smoothed) / 8;
            self.smoothed = Span::from_nanos(smoothed.saturating_add(step));
        }
        self.count = self.count.saturating_add(1);
    }
}
