//! The two state machines of a connection, moved by sequence and acknowledgment numbers.
//!
//! Comes in: one segment and who sent it. Goes out: [`Moves`], what it did to the opening, the closing and the numbers.
//! States are those after the segment was sent and received (RFC 9293 figure 6): a segment moves its sender, and its
//! receiver on the assumption that it was delivered. What repeats an earlier segment moves nothing, because every rule
//! here asks for a number that was not sent or acknowledged before. Time, labels and measures are not kept here.

use super::event::ResetEffect;
use super::sequence::{Sent, Taken};
use crate::tcp::{Flags, Segment, SeqNumber, TcpState};

/// How far an acknowledgment may run ahead of what the capture saw before it is taken for nonsense: the largest window
/// that RFC 7323 section 2.3 allows.
const LARGEST_WINDOW: u32 = 1 << 30;

bitflags::bitflags! {
    /// What is known of one end.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(super) struct Known: u16 {
        /// `base` is set: its ISS, or one less than the first number seen of it.
        const BASE = 1 << 0;
        /// Its SYN was seen, with or without ACK: `base` is its ISS.
        const SYN = 1 << 1;
        /// It sent a SYN without ACK: it opens actively.
        const ACTIVE = 1 << 2;
        /// It sent a SYN-ACK.
        const SYN_ACK = 1 << 3;
        /// `sent` holds numbers: SND.NXT is known.
        const SENT = 1 << 4;
        /// `una` is known: the peer acknowledged something.
        const ACKED = 1 << 5;
        /// Its SYN is acknowledged.
        const SYN_ACKED = 1 << 6;
        /// It sent a FIN, whose number is `fin`.
        const FIN = 1 << 7;
        /// Its FIN is acknowledged.
        const FIN_ACKED = 1 << 8;
    }
}

/// One end's state and numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct End {
    pub(super) state: Option<TcpState>,
    pub(super) known: Known,
    /// ISS, or what stands in for it.
    pub(super) base: SeqNumber,
    /// SND.UNA as its peer's acknowledgments tell.
    pub(super) una: SeqNumber,
    /// The number that its FIN takes.
    pub(super) fin: SeqNumber,
    /// The receive window it offered last, in bytes.
    pub(super) window: u32,
    /// What it sent.
    pub(super) sent: Sent,
}

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

bitflags::bitflags! {
    /// What a segment did, as far as both machines are concerned.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(super) struct Did: u16 {
        /// A SYN without ACK, the sender's first.
        const SYN = 1 << 0;
        /// A SYN without ACK that repeats one.
        const SYN_AGAIN = 1 << 1;
        /// A SYN-ACK that acknowledges the other's SYN, the first.
        const SYN_ACK = 1 << 2;
        /// Both ends are synchronized now.
        const COMPLETES = 1 << 3;
        /// The SYNs crossed.
        const CROSSES = 1 << 4;
        /// The sender's first FIN.
        const FIN = 1 << 5;
        /// Acknowledges the peer's SYN for the first time.
        const ACKS_SYN = 1 << 6;
        /// Acknowledges the peer's FIN for the first time.
        const ACKS_FIN = 1 << 7;
        /// An acknowledgment number further on than any before.
        const ACKS_NEW = 1 << 8;
        /// Its acknowledgment number belongs to no SYN of the peer: it speaks of an older connection.
        const ACKS_OTHER = 1 << 9;
        /// The SYN-ACK acknowledges data of the SYN.
        const TAKES_SYN_DATA = 1 << 10;
        /// The SYN-ACK leaves data of the SYN unacknowledged.
        const LEAVES_SYN_DATA = 1 << 11;
    }
}

/// What one segment did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moves {
    pub(super) did: Did,
    /// What an RST did.
    pub(super) reset: Option<ResetEffect>,
    /// Payload bytes acknowledged for the first time.
    pub(super) acked: u32,
    /// Acknowledged bytes that the capture never saw.
    pub(super) unseen: u32,
    /// What the payload added.
    pub(super) taken: Taken,
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

impl End {
    fn knows(&self, what: Known) -> bool {
        self.known.contains(what)
    }

    /// SND.NXT, as far as the capture saw it.
    pub(super) fn nxt(&self) -> SeqNumber {
        self.sent.nxt()
    }

    /// Payload bytes that were sent and are not acknowledged.
    pub(super) fn in_flight(&self) -> u32 {
        if !self.knows(Known::SENT) {
            return 0;
        }
        let from = if self.knows(Known::ACKED) {
            self.una
        } else {
            self.base + 1
        };
        let fin = u32::from(self.knows(Known::FIN) && !self.knows(Known::FIN_ACKED));
        let open = self.nxt().distance(from).max(0).unsigned_abs();
        open.saturating_sub(fin)
    }

    /// Whether its FIN or anything before is still unacknowledged.
    fn synchronized(&self) -> bool {
        self.state.is_some_and(TcpState::is_synchronized)
    }
}

impl Machine {
    /// Numbers are relative to these, and nothing else is known.
    pub(super) fn joined_at(bases: [Option<SeqNumber>; 2]) -> Self {
        let mut machine = Self::default();
        for (end, base) in machine.ends.iter_mut().zip(bases) {
            if let Some(base) = base {
                end.base = base;
                end.known |= Known::BASE;
            }
        }
        machine
    }

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
        self.learn_bases(segment, s, r);
        if segment.flags.contains(Flags::RST) {
            moves.reset = Some(self.reset(segment, s, r));
            return moves;
        }
        if segment.flags.is_syn_ack() {
            self.syn_ack(segment, s, r, &mut moves);
        } else if segment.flags.contains(Flags::SYN) {
            self.syn(segment, s, r, &mut moves);
        } else {
            self.plain(segment, s, r, &mut moves);
        }
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
        if self.over.is_some_and(|over| over != Over::Refused) {
            return;
        }
        self.over = None;
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
            // RFC 9293 figure 10: the other end still has an older connection and says where it stands.
            self.ends[s].state = None;
            moves.did |= Did::ACKS_OTHER;
            return;
        }
        if !self.ends[s].knows(Known::SENT) {
            self.ends[s].sent = Sent::from(segment.seq);
            self.ends[s].known |= Known::SENT;
        }
        moves.taken = self.ends[s].sent.take(segment.seq, segment.len);
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

    /// What an RST does depends on the state of the end that receives it (RFC 9293 section 3.10.7, RFC 5961 section 3).
    fn reset(&mut self, segment: &Segment, s: usize, r: usize) -> ResetEffect {
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
                // Clears an older connection of the other end; the SYN is still under way (RFC 9293 figure 10).
                self.ends[r].state = Some(TcpState::Closed);
                return ResetEffect::Ends;
            }
            _ => self.judge_reset_number(segment, s, r),
        };
        match effect {
            ResetEffect::Refuses => self.end_by(Over::Refused),
            ResetEffect::AbortsOpening | ResetEffect::Ends => self.end_by(Over::Reset),
            ResetEffect::Challenged | ResetEffect::AfterClose | ResetEffect::Ignored => {}
        }
        effect
    }

    /// Exactly the expected number ends the connection, another one in the window is challenged, the rest is ignored.
    /// Which number the receiver expects is known to lie between what it acknowledged and what was sent to it; both
    /// ends of that range are accepted, because a segment seen here may not have arrived.
    fn judge_reset_number(&self, segment: &Segment, s: usize, r: usize) -> ResetEffect {
        let sender = &self.ends[s];
        let opening =
            !self.complete && (sender.knows(Known::SYN) || self.ends[r].knows(Known::SYN));
        let unknown = !sender.knows(Known::SENT);
        let at_nxt = sender.knows(Known::SENT) && segment.seq == sender.nxt();
        let at_una = sender.knows(Known::ACKED) && segment.seq == sender.una;
        if unknown || at_nxt || at_una {
            return if opening {
                ResetEffect::AbortsOpening
            } else {
                ResetEffect::Ends
            };
        }
        let expected = if sender.knows(Known::ACKED) {
            sender.una
        } else {
            sender.nxt()
        };
        let ahead = segment.seq.distance(expected);
        if ahead > 0 && ahead.unsigned_abs() < self.ends[r].window.max(1) {
            ResetEffect::Challenged
        } else {
            ResetEffect::Ignored
        }
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
