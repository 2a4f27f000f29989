//! Where connections are kept while they are in the table: in full, or as [notes](super::notes).

use std::num::NonZeroU32;

use super::ahead::fetch;
use super::connection::Connection;
use super::notes::Notes;
use super::tracker::ConnectionId;
use crate::tcp::{Endpoint, FourTuple, SeqNumber, Side};
use crate::time::Timestamp;

/// What a connection costs beside its own size and heap: its place in the table and in queues.
const OVERHEAD: usize = 64;

/// Where one connection is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place(NonZeroU32);

/// The same, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kept {
    /// In full, in this slot.
    Full(u32),
    /// As notes.
    Noted(u32),
}

/// All connections, in places that are given to others once they are final.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Those that are kept in full.
    pub(super) slab: Vec<Connection>,
    free: Vec<u32>,
    /// Bytes that they hold beside the slab.
    heap: usize,
    /// Those that are noted.
    pub(super) notes: Notes,
}

impl Place {
    /// Half of the numbers are for notes; memory holds far less than the others.
    const NOTED: u32 = 1 << 31;

    pub(super) const fn full(slot: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(slot))
    }

    pub(super) const fn noted(place: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(place | Self::NOTED))
    }

    #[inline]
    pub(super) const fn kept(self) -> Kept {
        let number = self.0.get() - 1;
        if number & Self::NOTED == 0 {
            Kept::Full(number)
        } else {
            Kept::Noted(number & !Self::NOTED)
        }
    }
}

impl Places {
    /// A place for a connection that is kept in full.
    pub(super) fn put(&mut self, connection: Connection) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slab[slot as usize] = connection;
            return slot;
        }
        self.slab.push(connection);
        (self.slab.len() - 1) as u32
    }

    /// Those that are kept in full, and those that are noted.
    pub(super) fn apart(&mut self) -> (&mut [Connection], &Notes) {
        (&mut self.slab, &self.notes)
    }

    /// Gives a final connection's place away.
    pub(super) fn vacate(&mut self, slot: u32) {
        let connection = &mut self.slab[slot as usize];
        self.heap -= connection.weighed as usize;
        connection.clear();
        self.free.push(slot);
    }

    /// Counts what a connection takes up on the heap now.
    #[inline]
    pub(super) fn weigh(&mut self, slot: u32) {
        let connection = &mut self.slab[slot as usize];
        let heap = connection.heap();
        self.heap = self.heap + heap - connection.weighed as usize;
        connection.weighed = heap as u32;
    }

    /// Bytes that all of them take up, of which `live` are in the table.
    pub(super) fn size(&self, live: usize) -> usize {
        let full = self.slab.len() - self.free.len();
        live * OVERHEAD + full * size_of::<Connection>() + self.heap + self.notes.size()
    }

    /// Places that there are, taken or not.
    pub(super) fn len(&self) -> usize {
        self.slab.len() + self.notes.len()
    }

    /// The number of the connection there, 0 if there is none.
    #[inline]
    pub(super) fn id(&self, place: Place) -> ConnectionId {
        match place.kept() {
            Kept::Full(slot) => self.slab[slot as usize].id,
            Kept::Noted(place) => self.notes.id(place),
        }
    }

    /// Whether the connection with this number is still there, and in the table: places are given to others.
    pub(super) fn is_kept_as(&self, place: Place, id: ConnectionId) -> bool {
        match place.kept() {
            Kept::Full(slot) => self.slab[slot as usize].is_kept_as(id),
            Kept::Noted(place) => self.notes.is_kept_as(place, id),
        }
    }

    /// Client, server.
    #[inline]
    pub(super) fn endpoints(&self, place: Place) -> &[Endpoint; 2] {
        match place.kept() {
            Kept::Full(slot) => &self.slab[slot as usize].endpoints,
            Kept::Noted(place) => self.notes.endpoints(place),
        }
    }

    /// Source is the client.
    pub(super) fn tuple(&self, place: Place) -> FourTuple {
        let [source, destination] = *self.endpoints(place);
        FourTuple {
            source,
            destination,
        }
    }

    /// Where the numbers of client and server start, as far as it is known.
    pub(super) fn bases(&self, place: Place) -> [Option<SeqNumber>; 2] {
        match place.kept() {
            Kept::Full(slot) => {
                let connection = &self.slab[slot as usize];
                [Side::Client, Side::Server].map(|side| connection.base(side))
            }
            Kept::Noted(place) => self.notes.bases(place),
        }
    }

    /// Whether there are only SYNs of one end.
    pub(super) fn is_unanswered(&self, place: Place) -> bool {
        match place.kept() {
            Kept::Full(slot) => self.slab[slot as usize].is_unanswered(),
            Kept::Noted(place) => self.notes.is_unanswered(place),
        }
    }

    /// Whether it has ended and only waits for late segments.
    pub(super) fn lingers(&self, place: Place) -> bool {
        match place.kept() {
            Kept::Full(slot) => self.slab[slot as usize].lingers,
            Kept::Noted(place) => self.notes.lingers(place),
        }
    }

    /// Time of the first segment.
    pub(super) fn start(&self, place: Place) -> Timestamp {
        match place.kept() {
            Kept::Full(slot) => self.slab[slot as usize].start,
            Kept::Noted(place) => self.notes.start(place),
        }
    }

    /// Time of the last segment.
    pub(super) fn last(&self, place: Place) -> Timestamp {
        match place.kept() {
            Kept::Full(slot) => self.slab[slot as usize].last,
            Kept::Noted(place) => self.notes.last(place),
        }
    }

    /// It leaves the table, and is only there to be looked at.
    pub(super) fn finalize(&mut self, place: Place) {
        match place.kept() {
            Kept::Full(slot) => self.slab[slot as usize].is_final = true,
            Kept::Noted(place) => self.notes.finalize(place),
        }
    }

    /// It is given up to keep memory bounded.
    pub(super) fn evict(&mut self, place: Place) {
        match place.kept() {
            Kept::Full(slot) => self.slab[slot as usize].evicted = true,
            Kept::Noted(place) => self.notes.evict(place),
        }
    }

    /// All that are in the table, with their numbers.
    pub(super) fn kept(&self) -> impl Iterator<Item = (Place, ConnectionId)> {
        let full = (0u32..)
            .zip(&self.slab)
            .filter(|(_, connection)| connection.is_kept())
            .map(|(slot, connection)| (Place::full(slot), connection.id));
        let noted = self.notes.kept();
        full.chain(noted.map(|place| (Place::noted(place), self.notes.id(place))))
    }

    /// Fetches a connection from memory.
    #[inline]
    pub(super) fn fetch(&self, place: Place) {
        match place.kept() {
            Kept::Full(slot) => fetch(&self.slab[slot as usize]),
            Kept::Noted(place) => self.notes.fetch(place),
        }
    }

    /// Fetches what its next segment needs beside it. It should be there itself by now, and says where the rest lies.
    #[inline]
    pub(super) fn fetch_rest(&self, place: Place) {
        match place.kept() {
            Kept::Full(slot) => self.slab[slot as usize].fetch_rings(),
            Kept::Noted(place) => self.notes.fetch_end(place),
        }
    }

    /// Fetches all that its telling needs.
    pub(super) fn fetch_all(&self, place: Place) {
        if let Kept::Noted(place) = place.kept() {
            self.notes.fetch_all(place);
        }
    }
}
