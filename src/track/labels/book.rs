//! What the judge remembers of a connection that goes by the book.

use super::half::{Half, Marks};
use super::{Judge, Suspect};
use crate::time::{Span, Timestamp};
use crate::track::book::{Outline, OutlineEnd, Page};

/// Marks that a segment by the book must find on each half, and must not.
const AT_REST: Marks = Marks::STARTED.union(Marks::ACKED).union(Marks::ACKS);
const NOT_BY_THE_BOOK: Marks = Marks::FIN
    .union(Marks::WINDOW_CLOSED)
    .union(Marks::KEEP_ALIVE)
    .union(Marks::PROBE)
    .union(Marks::SACKED)
    .union(Marks::RECOVERING)
    .union(Marks::TIMED_OUT);

impl Judge {
    /// What is remembered when everything went by the book so far.
    pub(in crate::track) fn by_the_book(outline: &Outline, pages: &[Page; 2]) -> Self {
        let answered = outline.ends[1].started;
        let mut judge = Self {
            handshake: outline.handshake(),
            syn_time: outline.start,
            suspect: (!answered).then_some(Suspect {
                frame: outline.first_frame,
                from: 0,
                syn: true,
            }),
            ..Self::new()
        };
        for (from, (half, told)) in judge.halves.iter_mut().zip(&outline.ends).enumerate() {
            if !told.started {
                continue;
            }
            half.first = told.base;
            half.syns = 1;
            (half.syn_time, half.marks) = if from == 0 {
                (outline.start, Marks::STARTED | Marks::SYN)
            } else {
                (outline.answered, Marks::STARTED | Marks::SYN_ACK)
            };
            half.marks.set(Marks::ACKED, told.acked.is_some());
            half.marks.set(Marks::ACKS, told.says.is_some());
            half.marks.set(Marks::SACK, told.sack);
            if let Some(fin) = told.fin {
                half.marks |= Marks::FIN;
                half.fin_end = fin + 1;
            }
        }
        judge.catch_up(outline, pages);
        judge
    }

    /// Takes over what changed while segments went by the book, but for the segments that were sent.
    pub(in crate::track) fn catch_up(&mut self, outline: &Outline, pages: &[Page; 2]) {
        for ((half, told), page) in self.halves.iter_mut().zip(&outline.ends).zip(pages) {
            half.next = told.next;
            half.acked = told.acked.unwrap_or_default();
            half.last_ack = told.says.unwrap_or_default();
            half.ack_frame = page.ack_frame;
            half.window = page.window;
            half.round_trip = page.round_trip;
            half.copies = page.copies;
        }
        self.last_time = outline.last;
        self.last_from = usize::from(outline.last_from);
    }

    /// Takes over the segments that were sent.
    pub(in crate::track) fn take_sent(&mut self, pages: &mut [Page; 2]) {
        for (half, page) in self.halves.iter_mut().zip(pages) {
            half.sent = std::mem::take(&mut page.sent);
        }
    }

    /// Whether the next segment by the book changes no more than [`catch_up`](Self::catch_up) takes over.
    pub(in crate::track) fn agrees(&self, outline: &Outline) -> bool {
        self.suspect.is_none()
            && !self.self_connect
            && (self.handshake != Span::ZERO || self.syn_time == Timestamp::default())
            && self.last_time == outline.last
            && self
                .halves
                .iter()
                .zip(&outline.ends)
                .all(|(half, told)| half.agrees(told))
    }

    /// Gives what changes while segments go by the book.
    pub(in crate::track) fn hand_over(&mut self, pages: &mut [Page; 2]) {
        for (half, page) in self.halves.iter_mut().zip(pages) {
            page.ack_frame = half.ack_frame;
            page.round_trip = half.round_trip;
            page.sent = std::mem::take(&mut half.sent);
            page.copies = half.copies;
        }
    }

    /// Which end sent the last segment.
    pub(in crate::track) fn last_from(&self) -> u8 {
        self.last_from as u8
    }

    /// The last window field and the time of the last segment of one end, copies left out.
    pub(in crate::track) fn latest(&self, from: usize) -> (u16, Timestamp) {
        let half = &self.halves[from];
        (half.window, half.copies.last_time())
    }
}

impl Half {
    fn agrees(&self, told: &OutlineEnd) -> bool {
        let opened = self.marks.intersects(Marks::SYN | Marks::SYN_ACK);
        self.marks.contains(AT_REST)
            && !self.marks.intersects(NOT_BY_THE_BOOK)
            && self.duplicates == 0
            && self.window != 0
            && self.next == told.next
            && Some(self.acked) == told.acked
            && Some(self.last_ack) == told.says
            && !(opened && self.acked == self.first)
            && self.holes.is_empty()
    }
}
