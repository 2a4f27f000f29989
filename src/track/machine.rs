//! The two state machines of a connection, moved by sequence and acknowledgment numbers.
//!
//! Comes in: one segment and who sent it. Goes out: [`Moves`], what it did to the opening, the closing and the numbers.
//! States are those after the segment was sent and received (RFC 9293 figure 6): a segment moves its sender, and its
//! receiver on the assumption that it was delivered. What repeats an earlier segment moves nothing, because every rule
//! here asks for a number that was not sent or acknowledged before. Time, labels and measures are not kept here.

mod end;
mod moves;
mod reset;

pub(super) use end::{End, Known};
pub(super) use moves::{Did, Moves};

use super::ResetEffect;
use super::sequence::Sent;
use crate::tcp::{Flags, Segment, TcpState};

/// How far an acknowledgment may run ahead of what the capture saw before it is taken for nonsense: the largest window
/// that RFC 7323 section 2.3 allows.
const LARGEST_WINDOW: u32 = 1 << 30;

/// How both SYNs met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Crossing {
    /// One SYN, answered.
    #[default]
    None,
    /// Both sent a SYN before they had the other's (RFC 9293 figure 7).
    Simultaneous,
    /// The second SYN came after an ACK of the first.
    Split,
}

/// How the conversation is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Over {
    /// Both FINs are acknowledged.
    Fin,
    /// An RST that answered a SYN.
    Refused,
    /// Any other effective RST.
    Reset,
}

/// Both machines of one connection. `ends` is indexed by [`Side`](crate::tcp::Side); a socket connected to itself has one
/// end, the first.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    pub(super) ends: [End; 2],
    pub(super) over: Option<Over>,
    pub(super) crossing: Crossing,
    /// Both ends were synchronized at some time.
    pub(super) complete: bool,
    /// The SYN-ACK acknowledged data of the SYN.
    pub(super) fast_open: bool,
}

impl Machine {
    /// A SYN without ACK from end `s` that cannot belong to what this machine has seen, because that end began with
    /// another number. The SYN of a split handshake may: its sender has only sent an ACK so far.
    pub(super) fn is_begun_anew(&self, segment: &Segment, s: usize) -> bool {
        let own = &self.ends[s];
        let peer = &self.ends[1 - s];
        if !own.knows(Known::BASE) || own.base == segment.seq {
            return false;
        }
        let second_half = !self.complete
            && self.over.is_none()
            && !own.knows(Known::SYN)
            && peer.knows(Known::ACTIVE | Known::SYN_ACKED);
        !second_half
    }

    /// Takes a segment of end `s` for end `r`; both are the same for a socket connected to itself.
    #[inline]
    pub(super) fn segment(&mut self, segment: &Segment, s: usize, r: usize) -> Moves {
        let mut moves = Moves::default();
        if segment.flags.contains(Flags::RST) {
            let answers_nothing = self.answers_nothing(segment, s, r);
            self.learn_bases(segment, s, r);
            moves.reset = Some(if answers_nothing {
                self.ends[s].state = Some(TcpState::Closed);
                ResetEffect::NoConnection
            } else {
                self.reset(segment, s, r)
            });
            return moves;
        }
        self.learn_bases(segment, s, r);
        if let Some(ack) = segment.acknowledges() {
            let sender = &mut self.ends[s];
            sender.expects = ack;
            sender.known |= Known::ACKS;
        }
        if segment.flags.is_syn_ack() {
            self.syn_ack(segment, s, r, &mut moves);
        } else if segment.flags.contains(Flags::SYN) {
            self.syn(segment, s, r, &mut moves);
        } else if segment.flags.contains(Flags::ACK) {
            self.plain(segment, s, r, &mut moves);
        }
        // What has neither SYN nor RST nor ACK is dropped, whatever else it carries (RFC 9293 sections 3.10.7.2 and
        // 3.10.7.4): probes are made so, connections are not.
        self.conclude(&mut moves);
        moves
    }

    /// The numbers that relative ones count from: the ISS where it was seen, else one less than the first number, so that
    /// the first byte is 1 either way.
    fn learn_bases(&mut self, segment: &Segment, s: usize, r: usize) {
        if !self.ends[s].knows(Known::BASE) {
            let syn = segment.flags.contains(Flags::SYN);
            self.ends[s].base = segment.seq - u32::from(!syn);
            self.ends[s].known |= Known::BASE;
        }
        if segment.flags.contains(Flags::ACK) && !self.ends[r].knows(Known::BASE) {
            self.ends[r].base = segment.ack - 1;
            self.ends[r].known |= Known::BASE;
        }
    }

    /// A SYN without ACK.
    fn syn(&mut self, segment: &Segment, s: usize, r: usize, moves: &mut Moves) {
        let again = self.ends[s].knows(Known::SYN) && self.ends[s].base == segment.seq;
        if again {
            moves.did |= Did::SYN_AGAIN;
        } else {
            self.start_numbers(segment, s);
            moves.did |= Did::SYN;
        }
        self.ends[s].known |= Known::ACTIVE;
        if self.over == Some(Over::Refused) {
            // Some systems try a refused port again with the same SYN; the other end still has no socket there.
            self.over = None;
            self.ends[s].state = Some(TcpState::SynSent);
            return;
        }
        if self.over.is_some() {
            return;
        }
        if s != r && !again && self.ends[r].knows(Known::ACTIVE) && !self.complete {
            moves.did |= Did::CROSSES;
            self.crossing = if self.ends[r].knows(Known::SYN_ACKED) {
                Crossing::Split
            } else {
                Crossing::Simultaneous
            };
        }
        let sender = &mut self.ends[s].state;
        if matches!(sender, None | Some(TcpState::Closed | TcpState::Listen)) {
            *sender = Some(TcpState::SynSent);
        }
        let receiver = &mut self.ends[r].state;
        match receiver {
            None | Some(TcpState::Closed | TcpState::Listen | TcpState::SynSent) => {
                *receiver = Some(TcpState::SynReceived);
            }
            // RFC 9293 section 3.10.7.4, RFC 5961 section 4: in a synchronized state a SYN only provokes an ACK.
            _ => {}
        }
    }

    /// SYN and ACK. It counts when it acknowledges the other's ISS + 1, or more where the SYN carried data.
    fn syn_ack(&mut self, segment: &Segment, s: usize, r: usize, moves: &mut Moves) {
        let acceptable = {
            let peer = &self.ends[r];
            !peer.knows(Known::SYN)
                || (segment.ack.after(peer.base) && segment.ack.at_or_before(peer.nxt()))
        };
        if !acceptable {
            moves.did |= Did::ACKS_OTHER;
            return;
        }
        let own = &self.ends[s];
        if !own.knows(Known::SYN) || (own.base != segment.seq && !self.complete) {
            self.start_numbers(segment, s);
        }
        if !self.ends[s].knows(Known::SYN_ACK) {
            moves.did |= Did::SYN_ACK;
            self.judge_syn_data(segment, r, moves);
        }
        self.ends[s].known |= Known::SYN_ACK;
        self.acknowledge(segment, r, moves);
        if self.over.is_some() {
            return;
        }
        let sender = &mut self.ends[s].state;
        match sender {
            None | Some(TcpState::Closed | TcpState::Listen | TcpState::SynSent) => {
                *sender = Some(TcpState::SynReceived);
            }
            _ => {}
        }
        let receiver = &mut self.ends[r].state;
        match receiver {
            None | Some(TcpState::SynSent | TcpState::SynReceived) => {
                *receiver = Some(TcpState::Established);
            }
            _ => {}
        }
    }

    /// RFC 7413 section 4.2: the SYN-ACK acknowledges the SYN's data too, or only the SYN.
    fn judge_syn_data(&mut self, segment: &Segment, r: usize, moves: &mut Moves) {
        let peer = &self.ends[r];
        if peer.knows(Known::ACTIVE) && peer.nxt() != peer.base + 1 {
            self.fast_open = segment.ack.after(peer.base + 1);
            moves.did |= if self.fast_open {
                Did::TAKES_SYN_DATA
            } else {
                Did::LEAVES_SYN_DATA
            };
        }
    }

    /// A segment with neither SYN nor RST.
    #[inline]
    fn plain(&mut self, segment: &Segment, s: usize, r: usize, moves: &mut Moves) {
        let speaks_of_us = self.acknowledge(segment, r, moves);
        if self.ends[r].state == Some(TcpState::SynSent)
            && segment.flags.contains(Flags::ACK)
            && !speaks_of_us
            && !self.ends[s].knows(Known::SYN)
        {
            // RFC 9293 figure 9: the other end still has an older connection and says where it stands.
            self.ends[s].state = None;
            moves.did |= Did::ACKS_OTHER;
            return;
        }
        if !self.ends[s].knows(Known::SENT) {
            self.ends[s].sent = Sent::from(segment.seq);
            self.ends[s].known |= Known::SENT;
        }
        moves.taken = self.ends[s].sent.take(segment.seq, segment.len);
        if self.over == Some(Over::Refused)
            && speaks_of_us
            && self.ends[r].knows(Known::SYN_ACK | Known::SYN_ACKED)
        {
            // It acknowledges a SYN-ACK, so it did not take the RST for an answer: somebody else had sent that.
            self.over = None;
            for end in &mut self.ends {
                end.state = Some(TcpState::Established);
            }
        }
        if self.over.is_some() {
            return;
        }
        self.sender_must_be_open(segment, s, speaks_of_us);
        if speaks_of_us || segment.len > 0 || segment.flags.contains(Flags::FIN) {
            self.receiver_moves(segment, s, r, speaks_of_us);
        }
        if segment.flags.contains(Flags::FIN) {
            self.fin(segment, s, r, moves);
        }
    }

    /// What sending this says about the sender.
    fn sender_must_be_open(&mut self, segment: &Segment, s: usize, speaks_of_us: bool) {
        let carries = segment.len > 0 || segment.flags.contains(Flags::FIN);
        let fast_open = self.fast_open;
        let end = &mut self.ends[s];
        match end.state {
            // Joined in the middle: only a synchronized end sends this.
            None if carries || segment.flags.contains(Flags::ACK) => {
                end.state = Some(TcpState::Established);
            }
            // It acknowledges the peer's SYN, so it has it, though the capture has no SYN-ACK.
            Some(TcpState::SynSent) if speaks_of_us => end.state = Some(TcpState::Established),
            // Only Fast Open lets an end send data before its SYN is acknowledged.
            Some(TcpState::SynReceived) if carries && !fast_open => {
                end.state = Some(TcpState::Established);
            }
            _ => {}
        }
    }

    /// What receiving this does to the receiver, but for a FIN.
    fn receiver_moves(&mut self, segment: &Segment, s: usize, r: usize, speaks_of_us: bool) {
        let carries = segment.len > 0 || segment.flags.contains(Flags::FIN);
        let peer_open = self.ends[s].synchronized();
        let end = &mut self.ends[r];
        let acked = end.known;
        let after = match end.state {
            None => TcpState::Established,
            Some(TcpState::SynReceived) if speaks_of_us => TcpState::Established,
            // Data before any SYN-ACK: the capture missed the SYN-ACK. A bare ACK may be half of a split handshake.
            Some(TcpState::SynSent) if speaks_of_us && carries && peer_open => {
                TcpState::Established
            }
            Some(TcpState::FinWait1) if acked.contains(Known::FIN_ACKED) => TcpState::FinWait2,
            Some(TcpState::Closing) if acked.contains(Known::FIN_ACKED) => TcpState::TimeWait,
            Some(TcpState::LastAck) if acked.contains(Known::FIN_ACKED) => TcpState::Closed,
            _ => return,
        };
        end.state = Some(after);
    }

    /// The sender's first FIN. Which state it leads to depends on what was acknowledged, not on who was first.
    fn fin(&mut self, segment: &Segment, s: usize, r: usize, moves: &mut Moves) {
        let number = segment.seq + segment.len;
        let end = &self.ends[s];
        let old = end.knows(Known::ACKED) && number.before(end.una);
        if end.knows(Known::FIN) || old {
            return;
        }
        let end = &mut self.ends[s];
        end.fin = number;
        end.known |= Known::FIN;
        end.sent.advance(number + 1);
        moves.did |= Did::FIN;
        let peer = self.ends[r].known;
        let sender = match self.ends[s].state {
            Some(TcpState::SynReceived | TcpState::Established | TcpState::CloseWait) => {
                if s == r || !peer.contains(Known::FIN) {
                    TcpState::FinWait1
                } else if peer.contains(Known::FIN_ACKED) {
                    TcpState::LastAck
                } else {
                    // It had not seen the peer's FIN when it sent its own: both close at once (RFC 9293 figure 13).
                    TcpState::Closing
                }
            }
            _ => return,
        };
        self.ends[s].state = Some(sender);
        let receiver = match self.ends[r].state {
            Some(TcpState::SynReceived | TcpState::Established) => TcpState::CloseWait,
            Some(TcpState::FinWait1) => TcpState::Closing,
            Some(TcpState::FinWait2) => TcpState::TimeWait,
            _ => return,
        };
        self.ends[r].state = Some(receiver);
    }

    /// Numbers of a SYN: it takes one, its data follow.
    fn start_numbers(&mut self, segment: &Segment, s: usize) {
        let end = &mut self.ends[s];
        end.base = segment.seq;
        end.known |= Known::SYN | Known::SENT;
        end.sent = Sent::from(segment.seq + 1);
        end.sent.take(segment.seq + 1, segment.len);
    }

    /// Takes the acknowledgment number of `segment` for end `r`. False when there is none or it cannot be about what
    /// `r` sent.
    #[inline]
    fn acknowledge(&mut self, segment: &Segment, r: usize, moves: &mut Moves) -> bool {
        let Some(ack) = segment.acknowledges() else {
            return false;
        };
        let end = &mut self.ends[r];
        if !end.knows(Known::SENT) {
            end.sent = Sent::from(ack);
            end.una = ack;
            end.known |= Known::SENT | Known::ACKED;
            return true;
        }
        let from = if end.knows(Known::ACKED) {
            end.una
        } else {
            end.base
        };
        let news = ack.distance(from);
        if news <= 0 {
            // An older number is normal for a segment that was overtaken; for a SYN it must be beyond the ISS.
            return end.knows(Known::ACKED);
        }
        let beyond_fin = end.knows(Known::FIN) && ack.after(end.fin + 1);
        if beyond_fin || ack.distance(end.nxt()) > LARGEST_WINDOW as i32 {
            return false;
        }
        if end.knows(Known::SYN)
            && !end.knows(Known::SYN_ACKED)
            && end.knows(Known::ACTIVE)
            && end.state == Some(TcpState::SynSent)
            && ack.after(end.nxt())
        {
            // Nothing but the SYN was sent, so no larger number can be meant.
            return false;
        }
        moves.did |= Did::ACKS_NEW;
        moves.unseen = end.sent.acknowledge(ack);
        let mut bytes = news.unsigned_abs() - u32::from(from == end.base);
        if end.knows(Known::SYN) && !end.knows(Known::SYN_ACKED) {
            end.known |= Known::SYN_ACKED;
            moves.did |= Did::ACKS_SYN;
        }
        if end.knows(Known::FIN) && !end.knows(Known::FIN_ACKED) && ack.after(end.fin) {
            end.known |= Known::FIN_ACKED;
            moves.did |= Did::ACKS_FIN;
            bytes = bytes.saturating_sub(1);
        }
        moves.acked = bytes;
        end.una = ack;
        end.known |= Known::ACKED;
        true
    }

    fn end_by(&mut self, over: Over) {
        self.over = Some(over);
        for end in &mut self.ends {
            end.state = Some(TcpState::Closed);
        }
    }

    /// The server is unreachable: its SYN will never be answered.
    pub(super) fn unreachable(&mut self) {
        self.end_by(Over::Refused);
    }

    /// Whether the opening or the closing is complete now.
    #[inline]
    fn conclude(&mut self, moves: &mut Moves) {
        if !self.complete && self.over.is_none() && self.all(End::synchronized) {
            self.complete = true;
            moves.did |= Did::COMPLETES;
        }
        if moves.did.contains(Did::ACKS_FIN)
            && self.over.is_none()
            && self.all(|end| end.knows(Known::FIN_ACKED))
        {
            self.over = Some(Over::Fin);
        }
    }

    fn all(&self, holds: impl Fn(&End) -> bool) -> bool {
        let [client, server] = &self.ends;
        // A socket connected to itself only ever uses the first end.
        holds(client) && (holds(server) || server.known.is_empty())
    }
}
