//! Room for another connection: which one goes for it, and what becomes of late segments of those that went.

use super::ahead::{FAR, NEXT, SOON};
use super::connection::{Connection, Roles};
use super::event::Change;
use super::limits::LabelRules;
use super::places::{Kept, Place};
use super::pressure::Grave;
use super::tracker::{Slot, Tracker};
use crate::tcp::{Labels, Segment, Side};
use crate::time::Span;

/// A SYN that was not answered within this waits in vain. It covers the first two of its repetitions, which come after
/// one and three seconds (RFC 6298 section 2), and any round trip.
const PATIENCE: Span = Span::from_secs(4);

/// Fewer connections than this are never kept, however little memory is allowed: less would make nonsense of the output.
const FEWEST: usize = 64;

/// Of a late segment whose connection was evicted.
pub(super) const SHADE: Slot = Slot(u32::MAX);

impl Tracker {
    /// Makes room for one more connection.
    #[inline]
    pub(super) fn make_room(&mut self) {
        // Two for one, so that connections which have grown since they were opened make room as well.
        for _ in 0..2 {
            if self.is_full() {
                self.evict_one();
            }
        }
    }

    fn is_full(&self) -> bool {
        let live = self.live();
        live >= FEWEST && self.places.size(live) >= self.limits.memory
    }

    /// The least informative connection goes. That is a SYN which waited in vain; else one that ended and only
    /// waits for late segments; else a SYN which waits; else the one that was silent for longest.
    fn evict_one(&mut self) {
        self.pressure.begin(&self.places);
        self.prepare();
        let patience = Some((self.now, PATIENCE));
        let mut place = self.pressure.unanswered(&self.places, patience);
        place = place.or_else(|| self.oldest_ended());
        if place.is_none() && self.economize() {
            return;
        }
        let place = place
            .or_else(|| self.pressure.unanswered(&self.places, None))
            .or_else(|| self.pressure.longest_idle(&self.places));
        let Some(place) = place else {
            return;
        };
        self.places.evict(place);
        let until = match place.kept() {
            Kept::Full(slot) => self.places.slab[slot as usize].until.max(self.now),
            Kept::Noted(_) => self.now,
        };
        let (id, tuple) = (self.places.id(place), self.places.tuple(place));
        let hash = self.hash(&tuple);
        let bases = self.places.bases(place);
        self.graves.bury(hash, id, &tuple, bases);
        self.losses.evicted += 1;
        self.losses.unended += u64::from(!self.places.lingers(place));
        self.remove(hash, place, Some(until));
    }

    /// Fetches from memory what the evictions to come will need. In a flood one goes with each that comes, and none of them was
    /// touched for long.
    fn prepare(&self) {
        if let Some(place) = self.pressure.syn(SOON) {
            self.places.fetch(place);
        }
        if let Some(place) = self.pressure.syn(NEXT) {
            let hash = self.hash(&self.places.tuple(place));
            self.index.fetch(hash);
            self.graves.fetch(hash);
        }
    }

    /// Rather than give up a connection that goes on, all remember less. That can be done once.
    fn economize(&mut self) -> bool {
        if std::mem::replace(&mut self.frugal, true) {
            return false;
        }
        for slot in 0..self.places.slab.len() {
            if self.places.slab[slot].id != 0 {
                self.places.slab[slot].slim_down();
                self.places.weigh(slot as u32);
            }
        }
        true
    }

    fn oldest_ended(&mut self) -> Option<Place> {
        while let Some((_, hash, id)) = self.lingering.pop_front() {
            if let Some((_, hash, _)) = self.lingering.get(FAR) {
                self.index.fetch(*hash);
                self.graves.fetch(*hash);
            }
            if let Some((_, hash, _)) = self.lingering.get(SOON)
                && let Some(soon) = self.index.probe(*hash)
            {
                self.places.fetch(soon);
            }
            if let Some((_, hash, id)) = self.lingering.get(NEXT)
                && let Some(next) = self.find_lingering(*hash, *id)
            {
                self.places.fetch_all(next);
            }
            if let Some(place) = self.find_lingering(hash, id) {
                return Some(place);
            }
        }
        None
    }

    /// A late segment of an evicted connection: it keeps its number, and nothing more is inferred.
    #[cold]
    pub(super) fn haunt(&mut self, grave: Grave, segment: &Segment, change: &mut Change) {
        self.losses.late_segments += 1;
        let client = grave.client(&segment.tuple);
        let mut shade = Connection::begin(grave.id, segment, client, Roles::Seen);
        change.connection = grave.id;
        change.slot = SHADE;
        change.begins = false;
        shade.take(segment, LabelRules::Own, change);
        let [from, to] = match change.direction.sender() {
            Side::Client => grave.bases,
            Side::Server => [grave.bases[1], grave.bases[0]],
        };
        change.seq = from.map_or(change.seq, |base| segment.seq.relative_to(base));
        if let (Some(ack), Some(base)) = (segment.acknowledges(), to) {
            change.ack = ack.relative_to(base);
        }
        (change.client, change.server) = Default::default();
        change.events.clear();
        change.labels = Labels::empty();
        shade.evicted = true;
        match &mut self.shade {
            Some(place) => **place = shade,
            None => self.shade = Some(Box::new(shade)),
        }
    }
}
