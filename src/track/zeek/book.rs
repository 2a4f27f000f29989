//! What Zeek would remember of a connection that goes by the book.

use super::end::{End, Marks, State};
use super::{HISTORY_CAPACITY, Record};
use crate::track::book::{Outline, OutlineEnd, Page};

/// Marks that a segment by the book must not find.
const NOT_BY_THE_BOOK: Marks = Marks::HOLE.union(Marks::FIN_COUNTED);

impl Record {
    /// What is remembered when everything went by the book so far.
    pub(in crate::track) fn by_the_book(outline: &Outline, pages: &[Page; 2]) -> Self {
        let mut record = Self {
            length: outline.history.len() as u8,
            ..Self::new()
        };
        record.history[..outline.history.len()].copy_from_slice(&outline.history);
        let answered = outline.ends[1].started;
        for (from, (end, told)) in record.ends.iter_mut().zip(&outline.ends).enumerate() {
            if !told.started {
                continue;
            }
            end.start = told.base;
            end.highest_ack = told.base;
            (end.state, end.before) = match (told.fin, from) {
                (Some(_), _) => (State::Closed, State::Established),
                (None, 0) if answered => (State::Established, State::SynSent),
                (None, 0) => (State::SynSent, State::Inactive),
                (None, _) => (State::Established, State::Inactive),
            };
            if let Some(fin) = told.fin {
                end.fin_at = fin;
                end.after_fin = fin + 1;
                end.marks |= Marks::FIN_COUNTED;
            }
            end.marks |= pages[from].letters;
        }
        record.catch_up(outline, pages);
        record
    }

    /// Takes over what changed while segments went by the book.
    pub(in crate::track) fn catch_up(&mut self, outline: &Outline, pages: &[Page; 2]) {
        for ((end, told), page) in self.ends.iter_mut().zip(&outline.ends).zip(pages) {
            if !told.started {
                continue;
            }
            end.last = told.next;
            end.contiguous = told.fin.unwrap_or(told.next);
            end.highest_ack = told.acked.unwrap_or(told.base);
            end.marks |= page.letters;
        }
    }

    /// Whether the next segment by the book changes no more than [`catch_up`](Self::catch_up) takes over.
    pub(in crate::track) fn agrees(&self, outline: &Outline) -> bool {
        self.history[..usize::from(self.length)] != *b"H"
            && self
                .ends
                .iter()
                .zip(&outline.ends)
                .all(|(end, told)| end.agrees(told))
    }

    /// Gives what changes while segments go by the book.
    pub(in crate::track) fn hand_over(&self, pages: &mut [Page; 2]) {
        for (end, page) in self.ends.iter().zip(pages) {
            page.letters = end.marks;
        }
    }

    /// The history, as long as it has no more letters than everything by the book gives.
    pub(in crate::track) fn short_history<const N: usize>(
        &self,
    ) -> Option<arrayvec::ArrayVec<u8, N>> {
        const { assert!(N <= HISTORY_CAPACITY) };
        arrayvec::ArrayVec::try_from(&self.history[..usize::from(self.length)]).ok()
    }
}

impl End {
    fn agrees(&self, told: &OutlineEnd) -> bool {
        self.state == State::Established
            && !self.marks.intersects(NOT_BY_THE_BOOK)
            && self.start == told.base
            && self.last == told.next
            && self.contiguous == told.next
            && Some(self.highest_ack) == told.acked
    }
}
