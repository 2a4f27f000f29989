//! The table of live connections: finds the one a segment belongs to, opens new ones, and lets final ones go.
//!
//! Connections lie in [places](super::places) and are found by the hash of their tuple, so a segment costs one look-up and no
//! allocation. A connection is final when its tuple is reused by a SYN with another number, when it ended and
//! [a while](super::leaving) of capture time has passed, when it is evicted, or at the end of input.

use std::collections::VecDeque;
use std::net::IpAddr;

use ahash::RandomState;

use super::ahead::Ahead;
use super::announced::Announced;
use super::connection::{Connection, Roles};
use super::event::{Change, Event};
use super::index::Index;
use super::leaving::Leaving;
use super::limits::{LabelRules, Limits, Losses};
use super::notes::{Notes, Retrace, Taken};
use super::places::{Kept, Place, Places};
use super::pressure::{Graves, Pressure};
use super::room::SHADE;
use super::wireshark::{Analysis, Former};
use crate::tcp::{Endpoint, FourTuple, IcmpError, Labels, Segment};
use crate::time::Timestamp;

/// A connection's number, from 1, in order of first appearance.
pub type ConnectionId = u32;

/// Ports below this are given out for services (RFC 6335 section 6).
const WELL_KNOWN: u16 = 1024;

/// Bytes that came before, or should have: Wireshark's FTP dissector does not look into them.
const AGAIN: Labels = Labels::RETRANSMISSION.union(Labels::OUT_OF_ORDER);

/// Where the tracker keeps a connection. Reused once the connection is final.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Slot(pub(super) u32);

/// Hashes tuples. Seeded, so that nobody can make connections that collide.
#[derive(Clone, Debug)]
pub struct FlowHasher(RandomState);

/// The hash of a tuple, by which its connection is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FlowHash(pub(super) u64);

/// All connections of a capture.
pub struct Tracker {
    pub(super) limits: Limits,
    hasher: FlowHasher,
    pub(super) index: Index,
    pub(super) places: Places,
    pub(super) last_id: ConnectionId,
    /// Capture time: the latest time stamp so far.
    pub(super) now: Timestamp,
    /// Ended connections by hash and number, in the order in which their linger time runs out.
    pub(super) lingering: VecDeque<(Timestamp, FlowHash, ConnectionId)>,
    pub(super) pressure: Pressure,
    pub(super) graves: Graves,
    /// What Wireshark remembers of final connections, where its labels are wanted.
    pub(super) former: Former,
    announced: Announced,
    /// Stands for an evicted connection while a late segment of it is looked at.
    pub(super) shade: Option<Box<Connection>>,
    /// Memory ran short, so that connections remember less.
    pub(super) frugal: bool,
    pub(super) losses: Losses,
    /// Segments that did not go by the book.
    judged: u64,
    /// Segments that showed a gap of the capture.
    gaps: u64,
    /// Final, and not looked at yet.
    pub(super) ended: VecDeque<Leaving>,
    /// After the end of input: what is left, by number, the first one last.
    pub(super) rest: Vec<(ConnectionId, Place)>,
    /// Where the final connection was kept that was looked at last.
    pub(super) left: Option<u32>,
    /// Where noted connections are tracked.
    pub(super) retrace: Box<Retrace>,
    pub(super) ahead: Ahead,
}

impl Tracker {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            hasher: FlowHasher(RandomState::new()),
            index: Index::default(),
            places: Places::default(),
            last_id: 0,
            now: Timestamp::from_nanos(i64::MIN),
            lingering: VecDeque::new(),
            pressure: Pressure::default(),
            graves: Graves::default(),
            former: Former::default(),
            announced: Announced::default(),
            shade: None,
            frugal: false,
            losses: Losses::default(),
            judged: 0,
            gaps: 0,
            ended: VecDeque::new(),
            rest: Vec::new(),
            left: None,
            retrace: Box::new(Retrace::new()),
            ahead: Ahead::default(),
        }
    }

    /// What hashes tuples for this tracker, also for a thread that decodes.
    #[must_use]
    pub fn hasher(&self) -> FlowHasher {
        self.hasher.clone()
    }

    /// Tracks one segment. Look at [`next_final`](Self::next_final) after it, so that final connections do not pile up.
    #[inline]
    pub fn segment(&mut self, segment: &Segment) -> Change {
        let mut change = Change::default();
        let hash = self.hash(&segment.tuple);
        self.segment_into(segment, hash, &mut change);
        change
    }

    /// The same, into a change that was used before: it is large, and most of it stays empty. `hash` must be what
    /// [`hasher`](Self::hasher) makes of the segment's tuple, or its connection is not found.
    #[inline]
    pub fn segment_into(&mut self, segment: &Segment, hash: FlowHash, change: &mut Change) {
        self.arrive(segment);
        let found = self.find(hash, &segment.tuple);
        self.any(hash, found, segment, change);
    }

    /// Tracks one segment of which nobody wants to know what it did, only what becomes of its connection; this takes less
    /// time and memory. Otherwise like [`segment_into`](Self::segment_into), and both may be called in turn. `room` is to
    /// work in: what it holds afterwards means nothing.
    #[inline]
    pub fn note(&mut self, segment: &Segment, hash: FlowHash, room: &mut Change) {
        self.arrive(segment);
        let found = self.find(hash, &segment.tuple);
        let noted = match found.map(Place::kept) {
            Some(Kept::Noted(place)) => match self.places.notes.take(place, segment) {
                Taken::Noted => true,
                Taken::Ended => {
                    self.await_end(hash, self.places.notes.id(place));
                    true
                }
                Taken::No => false,
            },
            Some(Kept::Full(_)) => false,
            None => self.note_first(hash, segment),
        };
        if !noted {
            self.any(hash, found, segment, room);
        }
    }

    /// Notes the first segment of a connection; false if it has to be tracked.
    fn note_first(&mut self, hash: FlowHash, segment: &Segment) -> bool {
        // Wireshark's rules need what it remembers of connections that are final.
        if self.limits.thorough
            || self.limits.labels == LabelRules::Wireshark
            || !self.announced.is_empty()
            || !Notes::can_begin(segment)
            || self.graves.knows(hash)
        {
            return false;
        }
        self.make_room();
        let id = self.next_id();
        let place = Place::noted(self.places.notes.open(id, segment));
        self.register(hash, place);
        true
    }

    /// Capture time goes on.
    #[inline]
    fn arrive(&mut self, segment: &Segment) {
        self.now = self.now.max(segment.time);
        self.release_lingering();
    }

    /// Tracks any segment, whose connection was `found` there.
    #[inline]
    fn any(
        &mut self,
        hash: FlowHash,
        found: Option<Place>,
        segment: &Segment,
        change: &mut Change,
    ) {
        match found {
            Some(place) => {
                let slot = self.in_full(hash, place);
                if self.begins_anew(slot, segment) {
                    self.renew(hash, slot, segment, change);
                } else {
                    self.take(slot, segment, false, change);
                }
            }
            None => self.meet(hash, segment, change),
        }
    }

    /// The slot of a connection that is to be kept in full from now on.
    #[inline]
    fn in_full(&mut self, hash: FlowHash, place: Place) -> u32 {
        match place.kept() {
            Kept::Full(slot) => slot,
            Kept::Noted(noted) => self.unfold(hash, noted),
        }
    }

    /// Tracks what is noted of a connection.
    #[cold]
    fn unfold(&mut self, hash: FlowHash, noted: u32) -> u32 {
        self.retrace(noted);
        let mut connection = self.retrace.give();
        if self.frugal {
            connection.slim_down();
        }
        let slot = self.places.put(connection);
        self.places.weigh(slot);
        let place = Place::full(slot);
        self.index.moved(hash, Place::noted(noted), place);
        self.pressure.opened(&self.places, place);
        slot
    }

    fn take(&mut self, slot: u32, segment: &Segment, begins: bool, change: &mut Change) {
        let connection = &mut self.places.slab[slot as usize];
        change.connection = connection.id;
        change.slot = Slot(slot);
        change.begins = begins;
        if self.limits.thorough {
            connection.take_thoroughly(segment, self.limits.labels, change);
            self.judged += 1;
        } else if !connection.take(segment, self.limits.labels, change) {
            self.judged += 1;
        }
        if segment.announces.is_some() && !change.labels.intersects(AGAIN) {
            self.announced.hear(segment);
        }
        let turns = connection.machine.over.is_some() != connection.lingers;
        self.gaps += u64::from(change.labels.contains(Labels::CAPTURE_GAP));
        self.places.weigh(slot);
        if turns {
            self.linger(slot);
        }
    }

    /// A segment of no connection in the table.
    fn meet(&mut self, hash: FlowHash, segment: &Segment, change: &mut Change) {
        if let Some(id) = self.graves.find(hash, segment) {
            self.haunt(id, segment, change);
            return;
        }
        let slot = self.open(hash, segment);
        if segment.flags.is_syn_only() && self.announced.take(&segment.tuple) {
            self.places.slab[slot as usize].begin_with(Analysis::announced());
        } else if let Some(known) = self.former.resume(segment) {
            self.places.slab[slot as usize].begin_with(known);
        }
        self.take(slot, segment, true, change);
    }

    /// A SYN with another number on the tuple of `slot`: that connection is final, a new one begins.
    fn renew(&mut self, hash: FlowHash, slot: u32, segment: &Segment, change: &mut Change) {
        let previous = self.places.slab[slot as usize].id;
        self.remove(hash, Place::full(slot), None);
        let slot = self.open(hash, segment);
        self.places.slab[slot as usize].begin_with(Analysis::on_used_ports());
        self.take(slot, segment, true, change);
        if self.limits.labels == LabelRules::Own {
            change.labels |= Labels::REUSED_PORTS;
        }
        let _ = change.events.try_push(Event::ReusesPorts { previous });
    }

    fn begins_anew(&self, slot: u32, segment: &Segment) -> bool {
        if !segment.flags.is_syn_only() {
            return false;
        }
        let connection = &self.places.slab[slot as usize];
        let from = connection.direction(segment).sender();
        match self.limits.labels {
            LabelRules::Own => connection.machine.is_begun_anew(segment, from as usize),
            LabelRules::Wireshark => {
                let teller = connection.teller(from);
                connection.is_new_conversation(segment, teller)
            }
        }
    }

    /// Credits an ICMP error to the connection it quotes; `None` when there is no such connection.
    pub fn icmp_error(&mut self, error: &IcmpError) -> Option<Slot> {
        let hash = self.hash(&error.tuple);
        let place = self.find(hash, &error.tuple)?;
        let slot = self.in_full(hash, place);
        let connection = &mut self.places.slab[slot as usize];
        connection.take_icmp(error);
        if connection.machine.over.is_some() != connection.lingers {
            self.linger(slot);
        }
        Some(Slot(slot))
    }

    /// A connection that is still kept. For the slot of a late segment of an evicted connection, what little is still
    /// known of it: number and ends.
    ///
    /// # Panics
    /// When `slot` is from an earlier segment and its connection is final.
    #[must_use]
    pub fn connection(&self, slot: Slot) -> &Connection {
        match &self.shade {
            Some(shade) if slot == SHADE => shade,
            _ => &self.places.slab[slot.0 as usize],
        }
    }

    /// What was given up to keep memory bounded.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// Segments so far that showed a gap of the capture. Those of connections that are only [noted](Self::note) count when
    /// these are final.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.gaps + self.retrace.gaps
    }

    /// Segments that took the long way, where every analyst judges them; all others went by the book. Tests see by it
    /// that there is a short way at all. What takes that pays nothing for the count.
    #[doc(hidden)]
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.judged
    }

    /// Final connections that had only been noted and went by the book, so that they were read in one go. Tests see by it
    /// that there is such a way.
    #[doc(hidden)]
    #[must_use]
    pub fn gists(&self) -> u64 {
        self.retrace.gists
    }

    /// How many connections are kept now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.index.len()
    }

    #[inline]
    pub(super) fn hash(&self, tuple: &FourTuple) -> FlowHash {
        self.hasher.hash(tuple)
    }

    #[inline]
    fn find(&self, hash: FlowHash, tuple: &FourTuple) -> Option<Place> {
        self.index
            .find(hash, |place| tuple.joins(self.places.endpoints(place)))
    }

    /// Makes a connection for `segment`; room is made for it first.
    fn open(&mut self, hash: FlowHash, segment: &Segment) -> u32 {
        self.make_room();
        let id = self.next_id();
        let (client, roles) = self.client_of(segment);
        let mut connection = Connection::begin(id, segment, client, roles);
        if self.frugal {
            connection.slim_down();
        }
        let slot = self.places.put(connection);
        self.register(hash, Place::full(slot));
        slot
    }

    fn next_id(&mut self) -> ConnectionId {
        self.last_id = self.last_id.saturating_add(1);
        self.last_id
    }

    /// Makes a connection known to those who look for it.
    fn register(&mut self, hash: FlowHash, place: Place) {
        self.index.insert(hash, place);
        self.pressure.opened(&self.places, place);
    }

    /// Which end is the client, and how that is known. Fixed at the first segment.
    fn client_of(&self, segment: &Segment) -> (Endpoint, Roles) {
        let FourTuple {
            source,
            destination,
        } = segment.tuple;
        if segment.flags.is_syn_only() {
            return (source, Roles::Seen);
        }
        if segment.flags.is_syn_ack() {
            return (destination, Roles::Seen);
        }
        // The more a port looks like a server's, the higher; of two that look alike, the lower port is the server's.
        let rank = |port: u16| {
            let watched = self.limits.server_ports.contains(&port);
            (watched, port < WELL_KNOWN, u16::MAX - port)
        };
        let client = if rank(destination.port) >= rank(source.port) {
            source
        } else {
            destination
        };
        (client, Roles::Assumed)
    }
}

impl FlowHasher {
    /// Of a tuple; the same for both directions.
    #[inline]
    #[must_use]
    pub fn hash(&self, tuple: &FourTuple) -> FlowHash {
        let (source, destination) = (&tuple.source, &tuple.destination);
        if let (IpAddr::V4(from), IpAddr::V4(to)) = (source.address, destination.address) {
            // An end of IPv4 is less than a word, and words are put in order faster than ends.
            let from = u64::from(from.to_bits()) << 16 | u64::from(source.port);
            let to = u64::from(to.to_bits()) << 16 | u64::from(destination.port);
            return FlowHash(self.0.hash_one((from.min(to), from.max(to))));
        }
        FlowHash(self.0.hash_one(tuple.key()))
    }
}

impl std::fmt::Debug for Tracker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tracker")
            .field("live", &self.live())
            .field("last_id", &self.last_id)
            .field("losses", &self.losses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hundreds of thousands of them are kept: what one grows by takes room from others.
    #[test]
    fn a_connection_stays_small() {
        assert!(
            size_of::<Connection>() <= 832,
            "{}",
            size_of::<Connection>()
        );
    }
}
