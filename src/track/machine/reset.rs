//! RSTs: which of them end a connection, which are challenged, which are ignored.

use super::{Known, Machine, Over};
use crate::tcp::{Flags, Segment, SeqNumber, TcpState};
use crate::track::ResetEffect;

impl Machine {
    /// Whether an RST answers a segment that could belong to no connection: what went before had no ACK and was dropped
    /// (RFC 9293 section 3.10.7.1 gives such an answer the number 0). It ends nothing, for there was nothing.
    pub(super) fn answers_nothing(&self, segment: &Segment, s: usize, r: usize) -> bool {
        let [sender, receiver] = [&self.ends[s], &self.ends[r]];
        segment.flags.contains(Flags::ACK)
            && segment.seq == SeqNumber(0)
            && receiver.known == Known::BASE
            && (sender.known - Known::BASE).is_empty()
            && self.over.is_none()
    }

    /// What an RST does depends on the state of the end that receives it (RFC 9293 section 3.10.7, RFC 5961 section 3).
    pub(super) fn reset(&mut self, segment: &Segment, s: usize, r: usize) -> ResetEffect {
        if self.over.is_some() {
            return ResetEffect::AfterClose;
        }
        let effect = match self.ends[r].state {
            Some(TcpState::SynSent) => {
                let end = &self.ends[r];
                match segment.acknowledges() {
                    Some(ack) if ack.after(end.base) && ack.at_or_before(end.nxt()) => {
                        ResetEffect::Refuses
                    }
                    _ => ResetEffect::Ignored,
                }
            }
            Some(TcpState::Listen) => ResetEffect::Ignored,
            Some(TcpState::Closed) => ResetEffect::AfterClose,
            None if self.ends[s].state == Some(TcpState::SynSent) => {
                // Clears an older connection of the other end; the SYN is still under way (RFC 9293 figure 9).
                self.ends[r].state = Some(TcpState::Closed);
                return ResetEffect::Ends;
            }
            _ => self.judge_reset_number(segment, s, r),
        };
        match effect {
            ResetEffect::Refuses => self.end_by(Over::Refused),
            ResetEffect::AbortsOpening | ResetEffect::Ends => {
                let receiver = &self.ends[r];
                let listens =
                    receiver.state == Some(TcpState::SynReceived) && !receiver.knows(Known::ACTIVE);
                self.end_by(Over::Reset);
                if listens {
                    // Who opened passively waits for others (RFC 9293 section 3.10.7.4).
                    self.ends[r].state = Some(TcpState::Listen);
                }
            }
            ResetEffect::Challenged
            | ResetEffect::AfterClose
            | ResetEffect::Ignored
            | ResetEffect::NoConnection => {}
        }
        effect
    }

    /// Exactly the expected number ends the connection, another one in the window is challenged, the rest is ignored.
    /// Which number the receiver expects lies between what it said last and what was sent to it; both ends of that range
    /// are accepted, because a segment seen here may not have arrived.
    fn judge_reset_number(&self, segment: &Segment, s: usize, r: usize) -> ResetEffect {
        let (sender, receiver) = (&self.ends[s], &self.ends[r]);
        let unknown = !sender.knows(Known::SENT);
        let at_nxt = sender.knows(Known::SENT) && segment.seq == sender.nxt();
        let as_said = receiver.knows(Known::ACKS) && segment.seq == receiver.expects;
        if unknown || at_nxt || as_said {
            let opening =
                !self.complete && (sender.knows(Known::SYN) || receiver.knows(Known::SYN));
            return if opening {
                ResetEffect::AbortsOpening
            } else {
                ResetEffect::Ends
            };
        }
        let expected = if receiver.knows(Known::ACKS) {
            receiver.expects
        } else {
            sender.nxt()
        };
        let ahead = segment.seq.distance(expected);
        if ahead > 0 && ahead.unsigned_abs() < receiver.window.max(1) {
            ResetEffect::Challenged
        } else {
            ResetEffect::Ignored
        }
    }
}
