//! `conn_state` and `history` as Zeek writes them into conn.log, one small value per connection.
//!
//! Comes in: a connection's segments in capture order, each with the end that sent it. Goes out: which end is the
//! originator, the connection's state in one word, and the string of letters that tells what was seen first from whom.
//! Zeek's timers, which split a connection that was idle or half closed, are not imitated, and checksums are not looked
//! at. Content gaps (`g`) are found with one remembered hole per direction instead of a reassembler.

mod book;
mod end;
#[cfg(test)]
mod tests;

pub(super) use end::{FAR, Marks as Letters};

use end::{End, Marks, State};

use crate::tcp::{Flags, Segment};

/// Letters of `history` that are kept. Sixteen can appear once each, and repeated ones come ever more rarely.
const HISTORY_CAPACITY: usize = 28;

/// Ports by which Zeek's standard scripts guess who is the server when the first packet is no SYN.
const LIKELY_SERVER_PORTS: [u16; 58] = [
    21, 22, 25, 53, 79, 80, 81, 88, 102, 110, 135, 139, 143, 389, 443, 445, 502, 513, 514, 563,
    585, 587, 614, 631, 636, 989, 990, 992, 993, 995, 1080, 1434, 1883, 2811, 3128, 3268, 3306,
    3389, 5060, 5222, 5223, 5269, 5432, 5555, 5900, 6379, 6666, 6667, 6668, 6669, 7000, 8000, 8080,
    8443, 8883, 8888, 9092, 20000,
];

/// SYN, FIN or RST.
const CONTROL: Flags = Flags::SYN.union(Flags::FIN).union(Flags::RST);

/// What Zeek would remember of one connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    ends: [End; 2],
    history: [u8; HISTORY_CAPACITY],
    length: u8,
    /// The end that sent the connection's first segment is the originator (0), or the other one is (1).
    originator: u8,
    /// The originator's side of the connection was joined in the middle.
    partial: bool,
}

impl Record {
    /// A connection of which nothing was seen.
    pub(super) fn new() -> Self {
        Self {
            ends: [End::new(), End::new()],
            history: [0; HISTORY_CAPACITY],
            length: 0,
            originator: 0,
            partial: false,
        }
    }

    /// Which end Zeek calls originator: 0 for the one that sent the first segment.
    pub(super) fn originator(&self) -> usize {
        usize::from(self.originator)
    }

    /// The letters: upper case for the originator, lower case for the responder, `^` where the roles were swapped.
    /// `-` is Zeek's word for nothing: no header was whole.
    pub(super) fn history(&self) -> &str {
        if self.length == 0 {
            return "-";
        }
        std::str::from_utf8(&self.history[..usize::from(self.length)]).unwrap_or_default()
    }

    /// The state in one word; tried in the order in which Zeek's script tries them.
    pub(super) fn conn_state(&self) -> &'static str {
        let originator = &self.ends[self.originator()];
        let responder = &self.ends[1 - self.originator()];
        let inactive = |end: &End| matches!(end.state, State::Inactive | State::Partial);
        match (originator.state, responder.state) {
            (State::SynSent | State::SynAckSent, State::Reset) => "REJ",
            (State::Reset, State::Reset)
                if originator.size(responder) == 0 && responder.size(originator) == 0 =>
            {
                "REJ"
            }
            (_, State::Reset) if inactive(originator) => "RSTRH",
            (_, State::Reset) => "RSTR",
            (State::Reset, _) if inactive(responder) && self.is_syn_then_reset() => "RSTOS0",
            (State::Reset, _) if inactive(responder) => "OTH",
            (State::Reset, _) => "RSTO",
            (State::Closed, State::Closed) => "SF",
            (State::Closed, _) if inactive(responder) => "SH",
            (State::Closed, _) => "S2",
            (_, State::Closed) if inactive(originator) => "SHR",
            (_, State::Closed) => "S3",
            (State::SynSent, State::Inactive) => "S0",
            (State::Established, State::Established) => "S1",
            _ => "OTH",
        }
    }

    /// The originator's history is a SYN, perhaps data, and then a RST.
    fn is_syn_then_reset(&self) -> bool {
        let history = self.history().as_bytes();
        let letters = history.strip_prefix(b"^").unwrap_or(history);
        let Some((b'S', rest)) = letters.split_first() else {
            return false;
        };
        rest.iter()
            .take_while(|letter| !b"HAFGIQ".contains(letter))
            .any(|letter| *letter == b'R')
    }

    /// Takes in a segment. `from` is 0 for the end that sent the connection's first segment, else 1.
    pub(super) fn observe(&mut self, segment: &Segment, from: usize) {
        if segment.header_cut {
            return;
        }
        let flags = segment.flags;
        let settled = self.is_settled(segment, from);
        if !settled {
            self.judge_roles(segment, from);
            self.ends[from].begin(segment);
            self.write_letters(segment, from);
        }
        if segment.window == 0
            && !flags.contains(Flags::RST)
            && self.ends[1 - from].state != State::Closed
            && self.ends[from].state != State::Reset
        {
            self.ends[from].zero_windows = self.ends[from].zero_windows.saturating_add(1);
            self.write_rarely(b'W', self.ends[from].zero_windows, from);
        }
        if flags.contains(Flags::FIN) {
            let end = &mut self.ends[from];
            end.marks |= Marks::FIN_COUNTED;
            end.after_fin = segment.seq + segment.seq_len();
        }
        if flags.contains(Flags::ACK) {
            self.ends[1 - from].acknowledged(segment);
        }
        if self.ends[from].advance(segment) {
            self.ends[from].repeats = self.ends[from].repeats.saturating_add(1);
            self.write_rarely(b'T', self.ends[from].repeats, from);
        }
        if !settled {
            self.change_state(segment, from);
        }
        if flags.contains(Flags::ACK) && self.reveals_gap(segment, from) {
            let sender = &mut self.ends[1 - from];
            sender.gaps = sender.gaps.saturating_add(1);
            let gaps = sender.gaps;
            self.write_rarely(b'G', gaps, 1 - from);
        }
        self.ends[from].keep(segment);
    }

    /// Data or an ACK on an open connection, not the first from there: neither roles, letters nor states can change. That
    /// is nearly every segment, so it is asked first.
    fn is_settled(&self, segment: &Segment, from: usize) -> bool {
        let mark = if segment.len > 0 {
            Marks::DATA
        } else {
            Marks::ACK
        };
        !segment.flags.intersects(CONTROL)
            && self.ends[from].marks.contains(mark)
            && self.ends.iter().all(|end| end.state == State::Established)
    }

    /// Before a segment's letters: which end is the originator.
    fn judge_roles(&mut self, segment: &Segment, from: usize) {
        if self.length == 0
            && self.ends[0].state == State::Inactive
            && self.ends[1].state == State::Inactive
        {
            self.originator = from as u8;
            self.partial = !segment.flags.is_syn_only();
            if self.partial && from_server(segment) {
                self.flip();
                self.partial = true;
            }
        } else if self.history[..usize::from(self.length)] == *b"H"
            && !segment.flags.intersects(CONTROL)
            && (segment.len > 0 || segment.flags.contains(Flags::ACK))
        {
            self.length = 0;
            self.flip();
            self.write(b'h');
            let responder = 1 - self.originator();
            self.ends[responder].set(State::Established);
        }
    }

    fn flip(&mut self) {
        self.originator = 1 - self.originator;
        self.partial = false;
        self.write(b'^');
    }

    fn write_letters(&mut self, segment: &Segment, from: usize) {
        let flags = segment.flags;
        let end = &mut self.ends[from];
        let control = flags & CONTROL;
        let fresh = |end: &mut End, mark: Marks| {
            let first = !end.marks.contains(mark);
            end.marks |= mark;
            first
        };
        let letter = match control {
            _ if control.contains(Flags::FIN | Flags::RST) => {
                fresh(end, Marks::FIN_RST).then_some(b'I')
            }
            Flags::SYN => {
                let first = fresh(end, Marks::SYN);
                let letter = if flags.contains(Flags::ACK) {
                    b'H'
                } else {
                    b'S'
                };
                (first || segment.seq != end.start).then_some(letter)
            }
            Flags::FIN => {
                let at = segment.seq + segment.len;
                let first = fresh(end, Marks::FIN);
                let other = at != end.fin_at;
                end.fin_at = at;
                (first || other).then_some(b'F')
            }
            Flags::RST => {
                let first = fresh(end, Marks::RST);
                let other = segment.seq != end.rst_at;
                end.rst_at = segment.seq;
                (first || other).then_some(b'R')
            }
            _ if !control.is_empty() => fresh(end, Marks::MANY).then_some(b'Q'),
            _ if segment.len > 0 => fresh(end, Marks::DATA).then_some(b'D'),
            _ if flags.contains(Flags::ACK) => fresh(end, Marks::ACK).then_some(b'A'),
            _ => None,
        };
        if let Some(letter) = letter {
            self.write_for(letter, from);
        }
    }

    /// Writes a letter at the first, tenth, hundredth, ... time.
    fn write_rarely(&mut self, letter: u8, count: u16, from: usize) {
        if matches!(count, 1 | 10 | 100 | 1_000 | 10_000) {
            self.write_for(letter, from);
        }
    }

    fn write_for(&mut self, letter: u8, from: usize) {
        let lower = from != self.originator();
        self.write(if lower {
            letter.to_ascii_lowercase()
        } else {
            letter
        });
    }

    fn write(&mut self, letter: u8) {
        if let Some(free) = self.history.get_mut(usize::from(self.length)) {
            *free = letter;
            self.length += 1;
        }
    }

    fn change_state(&mut self, segment: &Segment, from: usize) {
        match self.ends[from].state {
            State::Inactive => self.leave_inactive(segment, from),
            State::SynSent | State::SynAckSent => {
                let end = &mut self.ends[from];
                if segment.flags.contains(Flags::FIN) {
                    end.set(State::Closed);
                }
                if segment.flags.contains(Flags::RST) {
                    end.set(State::Reset);
                }
            }
            State::Established | State::Partial => self.leave_established(segment, from),
            State::Closed => {
                if segment.flags.contains(Flags::RST) && self.ends[1 - from].state != State::Closed
                {
                    self.ends[from].set(State::Reset);
                }
            }
            State::Reset => {}
        }
    }

    fn leave_inactive(&mut self, segment: &Segment, from: usize) {
        let flags = segment.flags;
        let peer = 1 - from;
        if flags.contains(Flags::SYN) {
            if from == self.originator() {
                let state = if flags.contains(Flags::ACK) {
                    State::SynAckSent
                } else {
                    State::SynSent
                };
                self.ends[from].set(state);
            } else {
                self.answer_syn(segment, from);
            }
        }
        if flags.contains(Flags::FIN) {
            self.ends[from].set(State::Closed);
        }
        if flags.contains(Flags::RST) {
            self.ends[from].set(State::Reset);
        }
        if self.ends[from].state != State::Inactive {
            return;
        }
        let early_ack = from != self.originator()
            && segment.len == 0
            && self.ends[peer].state == State::SynSent;
        if early_ack {
            // Some stacks acknowledge a SYN before they answer it: that says nothing yet.
        } else if flags.contains(Flags::ACK) && self.ends[peer].state == State::Established {
            self.ends[from].set(State::Established);
            self.partial = false;
        } else {
            self.ends[from].set(State::Partial);
        }
    }

    /// The responder's first SYN, with or without ACK.
    fn answer_syn(&mut self, segment: &Segment, from: usize) {
        let peer = 1 - from;
        let reversed = !segment.flags.contains(Flags::ACK)
            && self.ends[peer].state == State::SynAckSent
            && segment.seq + 1 == self.ends[from].highest_ack;
        if reversed {
            // SYN and SYN-ACK were captured in the wrong order.
            self.flip();
            self.ends[peer].set(State::Established);
        }
        if self.ends[peer].state == State::SynSent {
            self.ends[peer].set(State::Established);
        }
        self.ends[from].set(State::Established);
    }

    fn leave_established(&mut self, segment: &Segment, from: usize) {
        let flags = segment.flags;
        let peer = 1 - from;
        if flags.is_syn_only()
            && self.ends[from].state == State::Partial
            && self.ends[peer].state == State::Inactive
        {
            self.ends[from].set(State::SynSent);
        }
        if flags.contains(Flags::RST) {
            self.ends[from].set(State::Reset);
        } else if flags.contains(Flags::FIN) {
            self.ends[from].set(State::Closed);
            let other = &mut self.ends[peer];
            if other.state == State::Reset && other.before == State::Closed {
                // A FIN and then a RST from there: an ordinary end after all.
                other.set(State::Closed);
            }
        }
    }

    /// An ACK of bytes that were not seen, while both ends are open or closing in good order.
    fn reveals_gap(&mut self, segment: &Segment, from: usize) -> bool {
        let orderly = self.ends.iter().all(End::is_orderly);
        let partial = self.partial;
        self.ends[1 - from].trim(segment.ack, partial) && orderly
    }
}

/// Whether the first segment, no SYN of a client, seems to come from the server.
fn from_server(segment: &Segment) -> bool {
    let (source, destination) = (segment.tuple.source.port, segment.tuple.destination.port);
    let likely = |port: u16| LIKELY_SERVER_PORTS.binary_search(&port).is_ok();
    likely(source)
        && (!likely(destination) || (!segment.flags.contains(Flags::SYN) && source < destination))
}
