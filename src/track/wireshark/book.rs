//! What Wireshark remembers of a connection that goes by the book.

use super::flow::{Flow, Marks};
use super::{Analysis, Completeness, Seen};
use crate::tcp::SeqNumber;
use crate::time::{Span, Timestamp};
use crate::track::book::{Outline, OutlineEnd, Page};

/// Marks that a segment by the book finds and leaves on each flow.
const AT_REST: Marks = Marks::BASE.union(Marks::WINDOW);

impl Analysis {
    /// What is remembered when everything went by the book so far.
    pub(in crate::track) fn by_the_book(outline: &Outline, pages: &[Page; 2]) -> Self {
        let mut analysis = Self {
            syn_time: outline.start,
            first_round_trip: outline.handshake(),
            completeness: outline.completeness,
            seen: Seen::ANY | Seen::SYN_TIME,
            ..Self::new()
        };
        for ((flow, told), page) in analysis.flows.iter_mut().zip(&outline.ends).zip(pages) {
            flow.scale = page.scale;
            if told.started {
                flow.base = told.base;
                flow.marks = AT_REST;
                flow.marks.set(Marks::FIRST_ACK_DUE, page.first_ack_due);
            }
        }
        analysis.catch_up(outline, pages);
        analysis.seen.set(Seen::SETTLED, analysis.is_settled());
        analysis
    }

    /// Takes over what changed while segments went by the book.
    pub(in crate::track) fn catch_up(&mut self, outline: &Outline, pages: &[Page; 2]) {
        for ((flow, told), page) in self.flows.iter_mut().zip(&outline.ends).zip(pages) {
            if !told.started {
                continue;
            }
            flow.next = told.next;
            flow.contiguous = told.next;
            flow.next_time = page.next_time;
            flow.last_ack = told.says.unwrap_or_default();
            flow.last_ack_time = page.last_time();
            flow.window = page.window;
            flow.unacknowledged = page.unacknowledged;
        }
    }

    /// Whether the next segment by the book changes no more than [`catch_up`](Self::catch_up) takes over.
    pub(in crate::track) fn agrees(&self, outline: &Outline) -> bool {
        let usual = Completeness::ACK | Completeness::DATA;
        self.seen.contains(Seen::ANY | Seen::SETTLED)
            && !self.seen.contains(Seen::SELF)
            && self.completeness.contains(usual | self.of_first)
            && self
                .flows
                .iter()
                .zip(&outline.ends)
                .all(|(flow, told)| flow.agrees(told) && flow.operations == self.operations)
    }

    /// Gives what changes while segments go by the book.
    pub(in crate::track) fn hand_over(&self, pages: &mut [Page; 2]) {
        for (flow, page) in self.flows.iter().zip(pages) {
            page.next_time = flow.next_time;
            page.unacknowledged = flow.unacknowledged;
            page.window = flow.window;
            page.scale = flow.scale;
            page.first_ack_due = flow.marks.contains(Marks::FIRST_ACK_DUE);
        }
    }

    /// The mask as it is.
    pub(in crate::track) fn seen_so_far(&self) -> Completeness {
        self.completeness
    }

    /// The last window field and the time of the last segment of one end.
    pub(in crate::track) fn latest(&self, from: usize) -> (u16, Timestamp) {
        let flow = &self.flows[from];
        (flow.window, flow.last_ack_time)
    }
}

impl Flow {
    fn agrees(&self, told: &OutlineEnd) -> bool {
        self.marks == AT_REST
            && self.duplicates == 0
            && self.base == told.base
            && self.next == told.next
            && self.contiguous == told.next
            && Some(self.last_ack) == told.says
            // Wireshark takes 0 for "not yet".
            && self.next != SeqNumber(0)
            && self.last_ack != SeqNumber(0)
    }
}

impl Outline {
    /// From the SYN to the first ACK without SYN; zero until there is one.
    pub(in crate::track) fn handshake(&self) -> Span {
        self.first_ack
            .map_or(Span::ZERO, |first_ack| first_ack - self.start)
    }
}
