//! Judging what a segment acknowledges.

use super::facts::{Acknowledged, DuplicateAck};
use super::half::Marks;
use super::{CONTROL, Judge, Ruling};
use crate::tcp::{Flags, Labels, Options, Segment, SeqNumber};

impl Judge {
    pub(super) fn judge_acknowledgment(
        &mut self,
        segment: &Segment,
        from: usize,
        to: usize,
        ruling: &mut Ruling,
    ) {
        let Some(ack) = segment.acknowledges() else {
            return;
        };
        // The acknowledgment of a RST may be any number.
        if segment.flags.contains(Flags::RST) || !self.halves[to].has(Marks::STARTED) {
            return;
        }
        let reported = self.read_sack(segment, ack, to, ruling);
        self.find_unseen(ack, to, ruling);
        let advances = self.advance(segment, ack, to, ruling);
        let empty = segment.len == 0 && !segment.flags.intersects(CONTROL);
        if advances || !empty {
            return;
        }
        if self.answers(segment, from, to, ruling) {
            return;
        }
        let twice = ruling.labels.contains(Labels::DUPLICATE_SACK);
        if !twice && self.is_duplicate(segment, from, to) {
            let half = &mut self.halves[from];
            half.duplicates = half.duplicates.saturating_add(1);
            ruling.labels |= Labels::DUPLICATE_ACK;
            ruling.facts.duplicate_ack = Some(DuplicateAck {
                number: half.duplicates,
                of: half.ack_frame,
            });
        } else if reported.is_none() {
            return;
        }
        self.halves[to].holes.complain(segment, reported);
    }

    /// SACK blocks: what arrived beyond a hole, and what arrived twice. Gives the highest number reported now.
    fn read_sack(
        &mut self,
        segment: &Segment,
        ack: SeqNumber,
        to: usize,
        ruling: &mut Ruling,
    ) -> Option<SeqNumber> {
        let blocks = &segment.options.sack;
        let first = blocks.first()?;
        let inside_second = blocks.get(1).is_some_and(|second| {
            first.left.at_or_after(second.left) && first.right.at_or_before(second.right)
        });
        let twice = first.right.at_or_before(ack) || inside_second;
        if twice {
            ruling.labels |= Labels::DUPLICATE_SACK;
            ruling.facts.duplicate_sack = Some((first.left, first.right));
        }
        let mut highest = None;
        let others = blocks.iter().skip(usize::from(twice));
        for block in others.filter(|block| block.right.after(ack)) {
            ruling.facts.sack_blocks += 1;
            highest = Some(match highest {
                Some(other) => block.right.max(other),
                None => block.right,
            });
        }
        if let Some(highest) = highest {
            let half = &mut self.halves[to];
            half.sacked = if half.has(Marks::SACKED) {
                half.sacked.max(highest)
            } else {
                highest
            };
            half.marks |= Marks::SACKED;
        }
        highest
    }

    /// Bytes that were acknowledged and not seen: they were delivered, and the capture missed them.
    fn find_unseen(&mut self, ack: SeqNumber, to: usize, ruling: &mut Ruling) {
        let sender = &mut self.halves[to];
        let mut unseen = sender.holes.acknowledge(ack);
        if ack.after(sender.next) {
            let beyond = ack.relative_to(sender.next);
            let probed = sender.has(Marks::PROBE) && beyond == 1;
            if !probed {
                unseen = unseen.saturating_add(beyond);
            }
            sender.next = ack;
        }
        if unseen > 0 {
            ruling.labels |= Labels::ACK_LOST_SEGMENT | Labels::CAPTURE_GAP;
            ruling.facts.unseen = Some(unseen);
        }
    }

    /// Whether the acknowledgment is new; if so, what it covers and how long that took.
    fn advance(
        &mut self,
        segment: &Segment,
        ack: SeqNumber,
        to: usize,
        ruling: &mut Ruling,
    ) -> bool {
        let sender = &mut self.halves[to];
        let before = if sender.has(Marks::ACKED) {
            sender.acked
        } else {
            sender.first
        };
        if !ack.after(before) {
            return false;
        }
        let has_syn = sender.marks.intersects(Marks::SYN | Marks::SYN_ACK);
        let syn = has_syn && before == sender.first;
        let fin = sender.has(Marks::FIN)
            && ack.at_or_after(sender.fin_end)
            && before.before(sender.fin_end);
        // What SACK has reported before is answered already: this answers what filled the hole before it.
        let reported = sender.has(Marks::SACKED) && ack.at_or_before(sender.sacked);
        let latest = sender.sent.ending_at(ack).filter(|_| !reported);
        let rtt = latest
            .filter(|sent| sent.repeats == 0)
            .map(|sent| segment.time - sent.time);
        ruling.facts.acknowledges = Some(Acknowledged {
            bytes: ack
                .relative_to(before)
                .saturating_sub(u32::from(syn) + u32::from(fin)),
            syn,
            fin,
            frame: latest.map(|sent| sent.frame),
            rtt,
        });
        if let Some(rtt) = rtt {
            sender.sample(rtt);
        }
        sender.acked = ack;
        sender.marks |= Marks::ACKED;
        if sender.has(Marks::SACKED) && ack.at_or_after(sender.sacked) {
            sender.marks -= Marks::SACKED;
        }
        if ack.at_or_after(sender.recover) {
            sender.marks -= Marks::RECOVERING | Marks::TIMED_OUT;
        }
        true
    }

    /// Answers to a keep-alive or a window probe are no duplicate ACKs, though they look alike.
    fn answers(&mut self, segment: &Segment, from: usize, to: usize, ruling: &mut Ruling) -> bool {
        let asker = &self.halves[to];
        let half = &self.halves[from];
        let same =
            segment.seq == half.next && half.has(Marks::ACKS) && segment.ack == half.last_ack;
        if asker.has(Marks::PROBE) {
            if segment.window == 0 && same {
                ruling.labels |= Labels::ZERO_WINDOW_PROBE_ACK;
            }
            ruling.facts.answers_probe = true;
            // One answer each: what comes after it, such as a window update, speaks for itself.
            self.halves[to].marks -= Marks::PROBE;
            return true;
        }
        if asker.has(Marks::KEEP_ALIVE) && segment.window != 0 && same {
            ruling.labels |= Labels::KEEP_ALIVE_ACK;
            ruling.facts.answers_keep_alive = true;
            return true;
        }
        false
    }

    /// RFC 5681 section 2: something is outstanding, and neither number nor window changed.
    fn is_duplicate(&self, segment: &Segment, from: usize, to: usize) -> bool {
        let half = &self.halves[from];
        let sender = &self.halves[to];
        half.has(Marks::ACKS)
            && segment.ack == half.last_ack
            && segment.seq == half.next
            && segment.window == half.window
            && segment.window != 0
            && sender.has_outstanding()
            && (!sender.has(Marks::ACKED) || segment.ack == sender.acked)
            && !self.is_signal(segment, from, to)
    }

    /// An ACK that repeats only to carry a signal of Multipath TCP, which is no sign of loss (RFC 8684 section 4). Nearly all
    /// its ACKs carry DSS, but where SACK was agreed on, one that was provoked by a gap also says what lies beyond it.
    fn is_signal(&self, segment: &Segment, from: usize, to: usize) -> bool {
        let agreed = self.halves[from].has(Marks::SACK) && self.halves[to].has(Marks::SACK);
        segment.options.mptcp_subtype.is_some_and(|subtype| {
            subtype != Options::DSS || (agreed && segment.options.sack.is_empty())
        })
    }
}
