//! How connections leave: they linger when they have ended, become final, and are given out in that order.

use std::cmp::Reverse;
use std::mem;

use super::ahead::{NEXT, SOON};
use super::connection::Connection;
use super::limits::LabelRules;
use super::places::{Kept, Place};
use super::tracker::{ConnectionId, FlowHash, Tracker};
use crate::time::{Span, Timestamp};

/// How long an ended connection still takes late segments: twice the maximum segment lifetime as Linux has it.
const LINGER: Span = Span::from_secs(60);

/// Entries of the queue that may be out of date, however few connections there are.
const SPARE: usize = 64;

/// A connection that is final.
#[derive(Clone, Copy)]
pub(super) struct Leaving {
    place: Place,
    /// Up to when it was watched, where that is later than its last segment.
    until: Option<Timestamp>,
}

impl Tracker {
    /// The next connection that became final and was not looked at yet, in the order in which they did. Its place is
    /// given away when the next one is asked for.
    #[inline]
    pub fn next_final(&mut self) -> Option<&Connection> {
        // This is asked after every segment, and hardly ever is there one.
        if self.left.is_none() && self.ended.is_empty() && self.rest.is_empty() {
            return None;
        }
        self.next_leaving()
    }

    fn next_leaving(&mut self) -> Option<&Connection> {
        if let Some(slot) = self.left.take() {
            self.places.vacate(slot);
        }
        let leaving = self.ended.pop_front().or_else(|| self.next_of_rest())?;
        Some(self.leave(leaving))
    }

    /// Tracks what is noted of a connection, and gives up the notes.
    pub(super) fn retrace(&mut self, noted: u32) {
        let rules = self.limits.labels;
        self.places.notes.retrace(noted, rules, &mut self.retrace);
        self.places.notes.remove(noted);
    }

    fn leave(&mut self, Leaving { place, until }: Leaving) -> &Connection {
        let connection = match place.kept() {
            Kept::Full(slot) => {
                self.left = Some(slot);
                &mut self.places.slab[slot as usize]
            }
            Kept::Noted(noted) => {
                let rules = self.limits.labels;
                self.places.notes.tell(noted, rules, &mut self.retrace);
                self.places.notes.remove(noted);
                &mut self.retrace.connection
            }
        };
        connection.until = until.unwrap_or(connection.until);
        connection
    }

    /// After the end of input.
    fn next_of_rest(&mut self) -> Option<Leaving> {
        let (_, place) = self.rest.pop()?;
        let later = |turns| self.rest.iter().rev().nth(turns);
        if let Some((_, soon)) = later(SOON) {
            self.places.fetch(*soon);
        }
        if let Some((_, next)) = later(NEXT) {
            self.places.fetch_all(*next);
        }
        let until = Some(self.now);
        Some(Leaving { place, until })
    }

    /// The end of input: every connection is final now, in order of first appearance.
    pub fn finish(&mut self) {
        let left = self.index.iter();
        self.rest = left.map(|place| (self.places.id(place), place)).collect();
        self.rest.sort_unstable_by_key(|(id, _)| Reverse(*id));
        self.index.clear();
        self.lingering.clear();
    }

    /// Queues a connection that ended, or takes one that goes on again out of the queue.
    pub(super) fn linger(&mut self, slot: u32) {
        let connection = &mut self.places.slab[slot as usize];
        connection.lingers = connection.machine.over.is_some();
        if connection.lingers {
            let (id, tuple) = (connection.id, connection.tuple());
            self.await_end(self.hash(&tuple), id);
        }
    }

    /// Queues a connection that ended.
    pub(super) fn await_end(&mut self, hash: FlowHash, id: ConnectionId) {
        // Ports that are used again and again within a minute leave an entry each time.
        if self.lingering.len() > self.places.len() * 2 + SPARE {
            let mut lingering = mem::take(&mut self.lingering);
            lingering.retain(|(_, hash, id)| self.find_lingering(*hash, *id).is_some());
            self.lingering = lingering;
        }
        self.lingering.push_back((self.now + LINGER, hash, id));
    }

    /// Lets those go that have lingered long enough.
    #[inline]
    pub(super) fn release_lingering(&mut self) {
        if let Some((due, _, _)) = self.lingering.front()
            && *due <= self.now
        {
            self.release_due();
        }
    }

    #[inline(never)]
    fn release_due(&mut self) {
        while let Some(&(due, hash, id)) = self.lingering.front() {
            if due > self.now {
                return;
            }
            self.lingering.pop_front();
            if let Some(place) = self.find_lingering(hash, id) {
                self.keep_for_wireshark(place);
                self.remove(hash, place, None);
            }
        }
    }

    /// Wireshark never forgets a connection, and its rules need what it knows of this one when the ports are used again.
    fn keep_for_wireshark(&mut self, place: Place) {
        if self.limits.labels == LabelRules::Wireshark
            && let Kept::Full(slot) = place.kept()
        {
            let connection = &mut self.places.slab[slot as usize];
            let key = connection.tuple().key();
            let first = connection.endpoint(connection.first_sender);
            self.former.keep(key, first, connection.wireshark());
        }
    }

    /// Where a queued connection is, if it still lingers.
    pub(super) fn find_lingering(&self, hash: FlowHash, id: ConnectionId) -> Option<Place> {
        let place = self.index.find(hash, |place| self.places.id(place) == id);
        place.filter(|place| self.places.lingers(*place))
    }

    /// Takes a connection out of the table; it is final. Queues may still hold its place.
    pub(super) fn remove(&mut self, hash: FlowHash, place: Place, until: Option<Timestamp>) {
        if self.index.remove(hash, place) {
            self.places.finalize(place);
            self.ended.push_back(Leaving { place, until });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::{Endpoint, Flags, Segment, SeqNumber};
    use crate::track::{Change, Limits};

    /// Ports that are refused again and again within a second.
    #[test]
    fn the_queue_does_not_grow_with_the_capture() {
        for noted in [false, true] {
            let mut tracker = Tracker::new(Limits::default());
            let mut change = Change::default();
            let mut segment = Segment::default();
            segment.tuple.destination = Endpoint {
                port: 80,
                ..Endpoint::default()
            };
            for turn in 1..20_000 {
                let asks = turn % 2 == 1;
                segment.frame = turn.into();
                segment.flags = if asks {
                    Flags::SYN
                } else {
                    Flags::RST | Flags::ACK
                };
                segment.seq = SeqNumber(if asks { turn * 1000 } else { 0 });
                segment.ack = SeqNumber(if asks { 0 } else { (turn - 1) * 1000 + 1 });
                let hash = tracker.hash(&segment.tuple);
                if noted {
                    tracker.note(&segment, hash, &mut change);
                } else {
                    tracker.segment_into(&segment, hash, &mut change);
                }
                while tracker.next_final().is_some() {}
                segment.tuple = segment.tuple.reversed();
            }
            assert_eq!(tracker.live(), 1);
            assert!(tracker.last_id > 9_000, "{}", tracker.last_id);
            let queued = tracker.lingering.len();
            assert!(queued < 1000, "{queued}");
        }
    }
}
