//! How connections leave: they linger when they have ended, become final, and are given out in that order.

use super::connection::Connection;
use super::limits::LabelRules;
use super::places::{Kept, Place};
use super::tracker::{ConnectionId, FlowHash, Tracker};
use crate::time::{Span, Timestamp};

/// How long an ended connection still takes late segments: twice the maximum segment lifetime as Linux has it.
pub(super) const LINGER: Span = Span::from_secs(60);

/// After the end of input, so many connections ahead are fetched from memory: first where they are kept, then what is kept.
const SOON: usize = 8;
const NEXT: usize = 4;

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
        if let Some(slot) = self.left.take() {
            self.places.vacate(slot);
        }
        let leaving = self.ended.pop_front().or_else(|| self.next_of_rest())?;
        Some(self.leave(leaving))
    }

    /// Tracks what is noted of a connection, and gives up the notes.
    pub(super) fn tell(&mut self, noted: u32) {
        let rules = self.limits.labels;
        self.places.notes.tell(noted, rules, &mut self.teller);
        self.places.notes.remove(noted);
    }

    fn leave(&mut self, Leaving { place, until }: Leaving) -> &Connection {
        let connection = match place.kept() {
            Kept::Full(slot) => {
                self.left = Some(slot);
                &mut self.places.slab[slot as usize]
            }
            Kept::Noted(noted) => {
                self.tell(noted);
                &mut self.teller.connection
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
        self.rest.sort_unstable_by(|a, b| b.cmp(a));
        self.index.clear();
        self.lingering.clear();
    }

    /// Queues a connection that ended, or takes one that goes on again out of the queue.
    pub(super) fn linger(&mut self, slot: u32) {
        let connection = &mut self.places.slab[slot as usize];
        connection.lingers = connection.machine.over.is_some();
        if connection.lingers {
            let (id, tuple) = (connection.id, connection.tuple());
            let hash = self.hash(&tuple);
            self.lingering.push_back((self.now + LINGER, hash, id));
        }
    }

    #[inline]
    pub(super) fn release_lingering(&mut self) {
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
