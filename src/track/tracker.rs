//! The table of live connections: finds the one a segment belongs to, opens new ones, and lets final ones go.
//!
//! Connections lie in a slab and are found by a hash table of slab indices, so a segment costs one look-up and no
//! allocation. A connection is final when its tuple is reused by a SYN with another number, when it ended and
//! [`LINGER`] of capture time have passed, when it is evicted, or at the end of input.

use std::collections::VecDeque;

use ahash::RandomState;
use arrayvec::ArrayVec;
use hashbrown::HashTable;

use super::connection::{Connection, Roles};
use super::event::{Change, Event};
use super::pressure::{Graves, Pressure};
use super::wireshark::Analysis;
use crate::tcp::{Endpoint, FourTuple, IcmpError, Labels, Segment, Side};
use crate::time::{Span, Timestamp};

/// A connection's number, from 1, in order of first appearance.
pub type ConnectionId = u32;

/// How long an ended connection still takes late segments: twice the maximum segment lifetime as Linux has it.
const LINGER: Span = Span::from_secs(60);

/// Ports below this are given out for services (RFC 6335 section 6).
const WELL_KNOWN: u16 = 1024;

/// A SYN that was not answered within this waits in vain. It covers the first two of its repetitions, which come after
/// one and three seconds (RFC 6298 section 2), and any round trip.
const PATIENCE: Span = Span::from_secs(4);

/// What a connection costs beside its own size and heap: its place in the table and in queues.
const OVERHEAD: usize = 64;

/// Announced data connections that are remembered: each is opened right after its announcement, so that few are due at
/// once; looking through these costs nothing where nobody speaks FTP.
const ANNOUNCED: usize = 64;

/// The server's ports of an FTP session: of the connection that carries commands, and of data connections that it opens
/// (RFC 959 section 8).
const FTP: u16 = 21;
const FTP_DATA: u16 = 20;

/// Where a data connection was announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Announcement {
    endpoint: Endpoint,
    /// The client waits there for the server.
    by_client: bool,
}

/// Fewer connections than this are never kept, however little memory is allowed: less would make nonsense of the output.
const FEWEST: usize = 64;

/// Segments that are looked ahead at: as many connections as a processor fetches from memory at once, and no more than
/// stay in its cache until they are needed.
pub const AHEAD: usize = 16;

/// Fewer connections than this stay in the cache anyway.
const FEW: usize = 512;

/// Bytes that memory is fetched by.
const CACHE_LINE: usize = 64;

/// Where the tracker keeps a connection. Reused once the connection is final.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Slot(pub(super) u32);

/// Of a late segment whose connection was evicted.
const SHADE: Slot = Slot(u32::MAX);

/// Whose rules give a segment its labels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LabelRules {
    /// Ours.
    #[default]
    Own,
    /// Exactly Wireshark 4.0's.
    Wireshark,
}

/// What the tracker is told before it starts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Whose rules give labels.
    pub labels: LabelRules,
    /// Ports that are servers' where no SYN tells.
    pub server_ports: Vec<u16>,
    /// Bytes that live connections may take together; when they are used up, connections are evicted.
    pub memory: usize,
    /// Let every analyst judge every segment, also those that go by the book. The results are the same, which tests hold
    /// it to, and it takes longer.
    pub thorough: bool,
}

impl Limits {
    /// Holds some 150 000 connections at once, more than most captures ever have.
    pub const DEFAULT_MEMORY: usize = 256 * 1024 * 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            labels: LabelRules::default(),
            server_ports: Vec::new(),
            memory: Self::DEFAULT_MEMORY,
            thorough: false,
        }
    }
}

/// What was given up to keep memory bounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Losses {
    /// Connections that were evicted before they were final.
    pub evicted: u64,
    /// Those of them that had not ended. The others only waited for late segments.
    pub unended: u64,
    /// Segments of evicted connections that came later. They are counted and tracked no further.
    pub late_segments: u64,
}

/// All connections of a capture.
pub struct Tracker {
    limits: Limits,
    hasher: RandomState,
    index: HashTable<u32>,
    slab: Vec<Connection>,
    free: Vec<u32>,
    /// Bytes that connections hold beside the slab.
    heap: usize,
    last_id: ConnectionId,
    /// Capture time: the latest time stamp so far.
    now: Timestamp,
    /// Ended connections, in the order in which their linger time runs out.
    lingering: VecDeque<(Timestamp, u32, ConnectionId)>,
    pressure: Pressure,
    graves: Graves,
    /// Where data connections were announced, the latest last.
    announced: VecDeque<Announcement>,
    /// Stands for an evicted connection while a late segment of it is looked at.
    shade: Option<Box<Connection>>,
    /// Memory ran short, so that connections remember less.
    frugal: bool,
    losses: Losses,
    /// Segments that did not go by the book.
    judged: u64,
    /// Final, and not looked at yet.
    ended: VecDeque<u32>,
    /// After the end of input: slots of what is left, by id, the first one last.
    rest: Vec<u32>,
    /// The final connection that was looked at last.
    leaving: Option<u32>,
    /// Of the segments that come next: frames, and the hashes of their tuples.
    ahead: ArrayVec<(u64, u64), AHEAD>,
    /// Those of them that have come.
    arrived: usize,
}

impl Tracker {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            hasher: RandomState::new(),
            index: HashTable::new(),
            slab: Vec::new(),
            free: Vec::new(),
            heap: 0,
            last_id: 0,
            now: Timestamp::from_nanos(i64::MIN),
            lingering: VecDeque::new(),
            pressure: Pressure::default(),
            graves: Graves::default(),
            announced: VecDeque::new(),
            shade: None,
            frugal: false,
            losses: Losses::default(),
            judged: 0,
            ended: VecDeque::new(),
            rest: Vec::new(),
            leaving: None,
            ahead: ArrayVec::new_const(),
            arrived: 0,
        }
    }

    /// Tracks one segment. Look at [`next_final`](Self::next_final) after it, so that final connections do not pile up.
    #[inline]
    pub fn segment(&mut self, segment: &Segment) -> Change {
        let mut change = Change::default();
        self.segment_into(segment, &mut change);
        change
    }

    /// The same, into a change that was used before: it is large, and most of it stays empty.
    #[inline]
    pub fn segment_into(&mut self, segment: &Segment, change: &mut Change) {
        self.now = self.now.max(segment.time);
        self.release_lingering();
        let hash = self.expected(segment);
        match self.find(hash, &segment.tuple) {
            Some(slot) if !self.begins_anew(slot, segment) => {
                self.take(slot, segment, false, change);
            }
            Some(slot) => self.renew(hash, slot, segment, change),
            None => self.meet(hash, segment, change),
        }
    }

    /// What comes next, at most [`AHEAD`] segments in the order in which they will be tracked. Changes no result. All their
    /// connections are fetched from memory at once, so that it is waited for once and not once for each.
    pub fn look_ahead(&mut self, segments: &[Segment]) {
        self.ahead.clear();
        self.arrived = 0;
        if self.index.len() < FEW {
            return;
        }
        let mut slots = ArrayVec::<u32, AHEAD>::new_const();
        for segment in segments.iter().take(AHEAD) {
            let hash = self.hash(&segment.tuple);
            self.ahead.push((segment.frame, hash));
            // Whether it really is this connection is not asked: the answer lies in the memory that is being fetched.
            if let Some(slot) = self.index.find(hash, |_| true) {
                fetch(&self.slab[*slot as usize]);
                slots.push(*slot);
            } else {
                self.graves.fetch(hash);
            }
        }
        // By now the first are there, and say where the rest of them lies.
        for slot in slots {
            self.slab[slot as usize].fetch_rings();
        }
    }

    /// The hash of a segment's tuple, known already if it was looked ahead at.
    #[inline]
    fn expected(&mut self, segment: &Segment) -> u64 {
        match self.ahead.get(self.arrived) {
            Some((frame, hash)) if *frame == segment.frame => {
                self.arrived += 1;
                *hash
            }
            _ => self.hash(&segment.tuple),
        }
    }

    fn take(&mut self, slot: u32, segment: &Segment, begins: bool, change: &mut Change) {
        if let Some(port) = segment.announces {
            self.announce(Announcement {
                endpoint: Endpoint {
                    address: segment.tuple.source.address,
                    port: port.get(),
                },
                by_client: segment.tuple.destination.port == FTP,
            });
        }
        let connection = &mut self.slab[slot as usize];
        change.connection = connection.id;
        change.slot = Slot(slot);
        change.begins = begins;
        if self.limits.thorough {
            connection.take_thoroughly(segment, self.limits.labels, change);
            self.judged += 1;
        } else if !connection.take(segment, self.limits.labels, change) {
            self.judged += 1;
        }
        self.weigh(slot);
        if self.slab[slot as usize].machine.over.is_some() != self.slab[slot as usize].lingers {
            self.linger(slot);
        }
    }

    /// Counts what a connection takes up on the heap now.
    #[inline]
    fn weigh(&mut self, slot: u32) {
        let connection = &mut self.slab[slot as usize];
        let heap = connection.heap();
        self.heap = self.heap + heap - connection.weighed as usize;
        connection.weighed = heap as u32;
    }

    /// A segment of no connection in the table.
    fn meet(&mut self, hash: u64, segment: &Segment, change: &mut Change) {
        if let Some(id) = self.graves.find(hash, segment) {
            self.haunt(id, segment, change);
            return;
        }
        let slot = self.open(hash, segment);
        if segment.flags.is_syn_only() && self.was_announced(&segment.tuple) {
            self.slab[slot as usize].begin_with(Analysis::announced());
        }
        self.take(slot, segment, true, change);
    }

    /// A SYN with another number on the tuple of `slot`: that connection is final, a new one begins.
    fn renew(&mut self, hash: u64, slot: u32, segment: &Segment, change: &mut Change) {
        let previous = self.slab[slot as usize].id;
        self.remove(hash, slot);
        let slot = self.open(hash, segment);
        self.slab[slot as usize].begin_with(Analysis::on_used_ports());
        self.take(slot, segment, true, change);
        change.labels |= Labels::REUSED_PORTS;
        let _ = change.events.try_push(Event::ReusesPorts { previous });
    }

    /// Remembers where a data connection is to be expected.
    fn announce(&mut self, announcement: Announcement) {
        if self.announced.len() >= ANNOUNCED {
            self.announced.pop_front();
        }
        self.announced.push_back(announcement);
    }

    /// Whether a data connection with this first tuple is due. An announcement is good for one. To a client that waits, the
    /// server connects from a port of its own (RFC 959 section 3.2).
    fn was_announced(&mut self, tuple: &FourTuple) -> bool {
        let found = self.announced.iter().position(|known| {
            known.endpoint == tuple.destination
                && (!known.by_client || tuple.source.port == FTP_DATA)
        });
        found.is_some_and(|index| self.announced.remove(index).is_some())
    }

    fn begins_anew(&self, slot: u32, segment: &Segment) -> bool {
        if !segment.flags.is_syn_only() {
            return false;
        }
        let connection = &self.slab[slot as usize];
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
        let slot = self.find(self.hash(&error.tuple), &error.tuple)?;
        let connection = &mut self.slab[slot as usize];
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
            _ => &self.slab[slot.0 as usize],
        }
    }

    /// The next connection that became final and was not looked at yet, in the order in which they did. Its place is
    /// given away when the next one is asked for.
    #[inline]
    pub fn next_final(&mut self) -> Option<&Connection> {
        if let Some(slot) = self.leaving.take() {
            self.vacate(slot);
        }
        let slot = self.ended.pop_front().or_else(|| self.rest.pop())?;
        self.leaving = Some(slot);
        Some(&self.slab[slot as usize])
    }

    /// The end of input: every connection is final now, in order of first appearance.
    pub fn finish(&mut self) {
        self.rest = self.index.iter().copied().collect();
        self.rest
            .sort_unstable_by_key(|slot| std::cmp::Reverse(self.slab[*slot as usize].id));
        for slot in &self.rest {
            let connection = &mut self.slab[*slot as usize];
            connection.until = self.now;
        }
        self.index.clear();
        self.lingering.clear();
    }

    /// What was given up to keep memory bounded.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.losses
    }

    /// Segments that took the long way, where every analyst judges them; all others went by the book. Tests see by it
    /// that there is a short way at all. What takes that pays nothing for the count.
    #[doc(hidden)]
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.judged
    }

    /// How many connections are kept now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.index.len()
    }

    #[inline]
    fn hash(&self, tuple: &FourTuple) -> u64 {
        self.hasher.hash_one(tuple.key())
    }

    #[inline]
    fn find(&self, hash: u64, tuple: &FourTuple) -> Option<u32> {
        self.index
            .find(hash, |slot| self.slab[*slot as usize].is_of(tuple))
            .copied()
    }

    /// Makes a connection for `segment`; room is made for it first.
    fn open(&mut self, hash: u64, segment: &Segment) -> u32 {
        // Two for one, so that connections which have grown since they were opened make room as well.
        for _ in 0..2 {
            if self.is_full() {
                self.evict_one();
            }
        }
        self.last_id = self.last_id.saturating_add(1);
        let id = self.last_id;
        let (client, roles) = self.client_of(segment);
        let mut connection = Connection::begin(id, segment, client, roles);
        if self.frugal {
            connection.slim_down();
        }
        let slot = if let Some(slot) = self.free.pop() {
            self.slab[slot as usize] = connection;
            slot
        } else {
            self.slab.push(connection);
            (self.slab.len() - 1) as u32
        };
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.index.insert_unique(hash, slot, |slot| {
            hasher.hash_one(slab[*slot as usize].tuple().key())
        });
        self.pressure.opened(slot, &self.slab[slot as usize]);
        slot
    }

    fn is_full(&self) -> bool {
        let connections = self.index.len();
        let bytes = connections * (size_of::<Connection>() + OVERHEAD) + self.heap;
        connections >= FEWEST && bytes >= self.limits.memory
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

    /// Queues a connection that ended, or takes one that goes on again out of the queue.
    fn linger(&mut self, slot: u32) {
        let connection = &mut self.slab[slot as usize];
        connection.lingers = connection.machine.over.is_some();
        if connection.lingers {
            self.lingering
                .push_back((self.now + LINGER, slot, connection.id));
        }
    }

    #[inline]
    fn release_lingering(&mut self) {
        while let Some(&(due, slot, id)) = self.lingering.front() {
            if due > self.now {
                return;
            }
            self.lingering.pop_front();
            self.release(slot, id);
        }
    }

    /// Lets go of a queued connection, if it is still the one that was queued.
    fn release(&mut self, slot: u32, id: ConnectionId) {
        let connection = &self.slab[slot as usize];
        if connection.is_kept_as(id) && connection.lingers {
            let hash = self.hash(&connection.tuple());
            self.remove(hash, slot);
        }
    }

    /// Takes a connection out of the table; it is final. Queues may still hold its slot.
    fn remove(&mut self, hash: u64, slot: u32) {
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
            entry.remove();
            self.slab[slot as usize].is_final = true;
            self.ended.push_back(slot);
        }
    }

    /// Gives a final connection's place away.
    fn vacate(&mut self, slot: u32) {
        let connection = &mut self.slab[slot as usize];
        self.heap -= connection.weighed as usize;
        connection.clear();
        self.free.push(slot);
    }

    /// Makes room: the least informative connection goes. That is a SYN which waited in vain; else one that ended and only
    /// waits for late segments; else a SYN which waits; else the one that was silent for longest.
    fn evict_one(&mut self) {
        self.pressure.begin(&self.slab);
        let patience = Some((self.now, PATIENCE));
        let mut slot = self.pressure.unanswered(&self.slab, patience);
        slot = slot.or_else(|| self.oldest_ended());
        if slot.is_none() && self.economize() {
            return;
        }
        let slot = slot
            .or_else(|| self.pressure.unanswered(&self.slab, None))
            .or_else(|| self.pressure.longest_idle(&self.slab));
        let Some(slot) = slot else {
            return;
        };
        let connection = &mut self.slab[slot as usize];
        connection.evicted = true;
        connection.until = connection.until.max(self.now);
        let hash = self.hash(&self.slab[slot as usize].tuple());
        self.graves.bury(hash, &self.slab[slot as usize]);
        self.losses.evicted += 1;
        self.losses.unended += u64::from(!self.slab[slot as usize].lingers);
        self.remove(hash, slot);
    }

    /// Rather than give up a connection that goes on, all remember less. That can be done once.
    fn economize(&mut self) -> bool {
        if std::mem::replace(&mut self.frugal, true) {
            return false;
        }
        for slot in 0..self.slab.len() {
            if self.slab[slot].id != 0 {
                self.slab[slot].slim_down();
                self.weigh(slot as u32);
            }
        }
        true
    }

    fn oldest_ended(&mut self) -> Option<u32> {
        while let Some((_, slot, id)) = self.lingering.pop_front() {
            let connection = &self.slab[slot as usize];
            if connection.is_kept_as(id) && connection.lingers {
                return Some(slot);
            }
        }
        None
    }

    /// A late segment of an evicted connection: it keeps its number, and nothing more is inferred.
    #[cold]
    fn haunt(&mut self, grave: super::pressure::Grave, segment: &Segment, change: &mut Change) {
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

/// Asks the processor to bring something into its cache, without waiting for it.
#[inline]
pub(super) fn fetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    for line in 0..size_of::<T>().div_ceil(CACHE_LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let address = (&raw const *place)
            .cast::<i8>()
            .wrapping_add(line * CACHE_LINE);
        // SAFETY: a prefetch is a hint. It reads nothing that the program could see and faults on no address.
        #[expect(unsafe_code, reason = "there is no safe way to give this hint")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(address);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
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

    #[test]
    fn a_connection_stays_small() {
        let parts = [
            size_of::<Connection>(),
            size_of::<crate::track::machine::Machine>(),
            size_of::<crate::track::connection::Party>(),
            size_of::<crate::track::waits::Waits>(),
            size_of::<crate::track::opening::Opening>(),
            size_of::<crate::track::book::Book>(),
            size_of::<crate::track::book::Analysts>(),
            size_of::<Change>(),
        ];
        assert!(parts[0] <= 1280, "{parts:?}");
    }
}
