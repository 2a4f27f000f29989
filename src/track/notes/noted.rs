//! How far a noted connection is, as far as that must be known before it is tracked: whether its next segment can be noted, and
//! whether it has ended.

use super::Notes;
use super::note::{Facts, Marks, Note, is_plain};
use crate::tcp::{Endpoint, Flags, FourTuple, Segment, SeqNumber, Side};
use crate::time::Timestamp;
use crate::track::book::{MANY, TELLING};
use crate::track::connection::Connection;
use crate::track::observe::Met;
use crate::track::tracker::ConnectionId;

/// One end, as far as its next segment is concerned.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Front {
    pub(super) iss: SeqNumber,
    /// The number after the highest that it has sent.
    pub(super) next: SeqNumber,
    /// What of it is acknowledged.
    pub(super) una: SeqNumber,
}

bitflags::bitflags! {
    /// How far a noted connection is.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(super) struct Stage: u8 {
        /// The server answered with a SYN-ACK.
        const ANSWERED = 1 << 0;
        /// The client sent its FIN.
        const CLIENT_FIN = 1 << 1;
        /// The server sent its own.
        const SERVER_FIN = 1 << 2;
        /// Both are acknowledged, or the server refused.
        const OVER = 1 << 3;
        /// It was given up to keep memory bounded.
        const EVICTED = 1 << 4;
        /// It has left the table.
        const FINAL = 1 << 5;
    }
}

/// A connection that is noted: two lines of the cache, of which the first says whose it is.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Noted {
    /// Client, server.
    pub(super) endpoints: [Endpoint; 2],
    pub(super) id: ConnectionId,
    /// Segments of it.
    pub(super) count: u8,
    pub(super) stage: Stage,
    pub(super) first_frame: u64,
    pub(super) start: Timestamp,
    pub(super) fronts: [Front; 2],
    pub(super) syn: Facts,
    /// Where its notes begin, and where the latest one is.
    pub(super) first_chunk: u32,
    pub(super) last_chunk: u32,
}

impl Noted {
    /// Makes a note of `segment` and remembers how far the connection is; `None` if it has to be tracked, and nothing is
    /// changed.
    #[inline]
    pub(super) fn note(&mut self, segment: &Segment) -> Option<Note> {
        let from = if segment.tuple.source == self.endpoints[0] {
            Side::Client
        } else {
            Side::Server
        };
        if self.stage.contains(Stage::OVER) || segment.announces.is_some() || !is_plain(segment) {
            return None;
        }
        let since = (segment.time - self.start).as_nanos();
        let since = u64::try_from(since).ok().filter(|since| since >> 48 == 0)?;
        let sender = &self.fronts[from as usize];
        // The server's first number is what it is.
        let first = !self.stage.contains(Stage::ANSWERED) && segment.flags.is_syn_ack();
        let ahead = if first {
            0
        } else {
            segment.seq.distance(sender.next)
        };
        let mut note = Note {
            since: since as u32,
            since_high: (since >> 32) as u16,
            ahead: i16::try_from(ahead).ok()?,
            frame: u32::try_from(segment.frame.wrapping_sub(self.first_frame)).ok()?,
            facts: Facts::default(),
        };
        note.facts = if self.stage.contains(Stage::ANSWERED) {
            self.go_on(segment, from)?
        } else {
            self.answer(segment, from)?
        };
        Some(note)
    }

    /// A segment after both SYNs.
    #[inline]
    fn go_on(&mut self, segment: &Segment, from: Side) -> Option<Facts> {
        let (sender, receiver) = (&self.fronts[from as usize], &self.fronts[!from as usize]);
        let fin = match from {
            Side::Client => Stage::CLIENT_FIN,
            Side::Server => Stage::SERVER_FIN,
        };
        let end = segment.seq_end();
        let grows = end.after(sender.next);
        let news = segment.ack.distance(receiver.una);
        let under_way = receiver.next.relative_to(receiver.una);
        let finishes = segment.flags.contains(Flags::FIN);
        if !segment.flags.contains(Flags::ACK)
            || segment.flags.intersects(Flags::SYN | Flags::RST)
            || segment.len > u32::from(u16::MAX)
            || segment.options.window_scale.is_some()
            || segment.options.seen.intersects(TELLING)
            || under_way > MANY
            || (news > 0 && news.unsigned_abs() > under_way)
            // Nothing lies behind a FIN, and no FIN is older than what was sent.
            || (grows && self.stage.contains(fin))
            || (finishes && !grows && !self.stage.contains(fin))
        {
            return None;
        }
        if grows {
            self.fronts[from as usize].next = end;
        }
        if news > 0 {
            self.fronts[!from as usize].una = segment.ack;
        }
        self.stage.set(fin, finishes || self.stage.contains(fin));
        let both = Stage::CLIENT_FIN | Stage::SERVER_FIN;
        if self.stage.contains(both) && self.fronts.iter().all(|front| front.una == front.next) {
            self.stage |= Stage::OVER;
        }
        Some(Facts::of(segment, from))
    }

    /// A segment before any answer to the SYN: the same again, an answer, or a refusal.
    fn answer(&mut self, segment: &Segment, from: Side) -> Option<Facts> {
        let client = &self.fronts[0];
        let answers = from == Side::Server && segment.len == 0 && segment.ack == client.next;
        if from == Side::Client {
            let again = Notes::can_begin(segment) && segment.seq == client.iss;
            return again.then(|| Facts::of_syn(segment, from));
        }
        if answers && segment.flags - (Flags::ECE | Flags::AE) == Flags::SYN | Flags::ACK {
            self.fronts[0].una = segment.ack;
            self.fronts[1] = Front {
                iss: segment.seq,
                next: segment.seq + 1,
                una: segment.seq,
            };
            self.stage |= Stage::ANSWERED;
            return Some(Facts::of_syn(segment, from));
        }
        if answers && segment.flags == Flags::RST | Flags::ACK {
            self.stage |= Stage::OVER;
            return Some(Facts::of(segment, from));
        }
        None
    }

    /// Where and when a segment of it was captured.
    #[inline]
    pub(super) fn met(&self, note: &Note) -> Met {
        Met {
            frame: self.first_frame + u64::from(note.frame),
            time: self.start + note.since(),
        }
    }

    /// Makes a segment of a note again. `next` is what client and server were to send next, and what comes back is what
    /// they send after it.
    #[inline]
    pub(super) fn write(
        &self,
        note: &Note,
        mut next: [SeqNumber; 2],
        segment: &mut Segment,
    ) -> [SeqNumber; 2] {
        let from = usize::from(note.facts.marks.contains(Marks::SERVER));
        let met = self.met(note);
        segment.frame = met.frame;
        segment.time = met.time;
        segment.tuple = FourTuple {
            source: self.endpoints[from],
            destination: self.endpoints[1 - from],
        };
        segment.seq = next[from] + i32::from(note.ahead) as u32;
        note.facts.write(segment, next[1 - from]);
        let end = segment.seq_end();
        if end.after(next[from]) {
            next[from] = end;
        }
        next
    }

    /// How it stands with the connection beside its segments.
    pub(super) fn mark(&self, connection: &mut Connection) {
        connection.evicted = self.stage.contains(Stage::EVICTED);
        connection.lingers = self.stage.contains(Stage::OVER);
    }
}
