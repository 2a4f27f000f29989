//! Connections that are only noted: while nobody looks at single segments, they are tracked when they are final.
//!
//! A connection that is tracked takes more than a thousand bytes, all over memory, and every segment waits for them. Where
//! only its end result is wanted, its segments are noted instead, in 32 bytes each, and tracked one after the other when it
//! is final: in a place that never leaves the processor's cache, by the same code, or by one that reads all of them at once
//! where everything went by the book. The results are the same, which tests compare.
//!
//! What must be known meanwhile is only whether the connection has ended. That is easily seen of a connection that opens
//! with SYN and SYN-ACK, or is refused, and closes with FINs, whatever is lost, repeated or late in between. What is not of
//! this kind, or means more than a note can hold, has the connection tracked from then on; so it is when it goes on for
//! long.

mod gist;
mod note;
mod noted;
mod pages;

use std::{iter, mem};

use self::gist::Flight;
use self::note::{Facts, Marks, Note, is_plain};
use self::noted::{Front, Noted, Stage};
use self::pages::Pages;
use super::ahead::fetch;
use super::connection::{Connection, Roles};
use super::event::Change;
use super::limits::LabelRules;
use super::tracker::ConnectionId;
use crate::tcp::{Endpoint, Flags, FourTuple, Labels, Segment, SeqNumber, Side};
use crate::time::Timestamp;

/// Notes that are given room at once.
const CHUNK: usize = 8;

/// Notes of a connection at the most. Tracked in full it takes as much memory as these.
const MOST: usize = 64;

/// Notes of one connection that follow each other.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Chunk([Note; CHUNK]);

/// All connections that are only noted.
#[derive(Debug, Default)]
pub(super) struct Notes {
    places: Pages<Noted>,
    free: Vec<u32>,
    chunks: Pages<Chunk>,
    /// Of each chunk, the one that follows it.
    links: Pages<u32>,
    free_chunks: Vec<u32>,
}

/// Where noted connections are tracked. Its room is used again and again.
#[derive(Debug)]
pub(super) struct Retrace {
    pub(super) connection: Connection,
    segment: Segment,
    change: Change,
    /// What client and server sent.
    flights: [Flight; 2],
    /// Segments that showed a gap of the capture.
    pub(super) gaps: u64,
    /// Connections that were read in one go.
    pub(super) gists: u64,
}

/// What became of a segment that was to be noted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// It is noted.
    Noted,
    /// It is noted, and the connection has ended with it.
    Ended,
    /// It cannot be noted: the connection has to be tracked.
    No,
}

impl Notes {
    /// Whether a connection that begins with `segment` can be noted.
    #[inline]
    pub(super) fn can_begin(segment: &Segment) -> bool {
        let asks = Flags::ECE | Flags::CWR | Flags::AE;
        segment.flags - asks == Flags::SYN
            && segment.len == 0
            && segment.ack == SeqNumber(0)
            && segment.tuple.source != segment.tuple.destination
            && segment.announces.is_none()
            && is_plain(segment)
    }

    /// Notes a connection that begins with `segment`, which must be one that [can begin](Self::can_begin) it.
    pub(super) fn open(&mut self, id: ConnectionId, segment: &Segment) -> u32 {
        let iss = segment.seq;
        let client = Front {
            iss,
            next: iss + 1,
            una: iss,
        };
        let noted = Noted {
            endpoints: [segment.tuple.source, segment.tuple.destination],
            id,
            count: 1,
            stage: Stage::empty(),
            first_frame: segment.frame,
            fronts: [client, Front::default()],
            start: segment.time,
            syn: Facts::of_syn(segment, Side::Client),
            first_chunk: 0,
            last_chunk: 0,
        };
        if let Some(place) = self.free.pop() {
            self.places[place] = noted;
            return place;
        }
        self.places.push(noted)
    }

    /// Notes a segment of a connection.
    #[inline]
    pub(super) fn take(&mut self, place: u32, segment: &Segment) -> Taken {
        let noted = &mut self.places[place];
        let index = usize::from(noted.count) - 1;
        if index >= MOST {
            return Taken::No;
        }
        let Some(note) = noted.note(segment) else {
            return Taken::No;
        };
        let within = index % CHUNK;
        if within == 0 {
            let chunk = if let Some(free) = self.free_chunks.pop() {
                free
            } else {
                self.links.push(0);
                self.chunks.push(Chunk::default())
            };
            if index == 0 {
                noted.first_chunk = chunk;
            } else {
                self.links[noted.last_chunk] = chunk;
            }
            noted.last_chunk = chunk;
        }
        self.chunks[noted.last_chunk].0[within] = note;
        noted.count += 1;
        if noted.stage.contains(Stage::OVER) {
            Taken::Ended
        } else {
            Taken::Noted
        }
    }

    /// Tells what became of a connection.
    pub(super) fn tell(&self, place: u32, rules: LabelRules, retrace: &mut Retrace) {
        if self.gist(place, retrace) {
            retrace.gists += 1;
        } else {
            self.retrace(place, rules, retrace);
        }
    }

    /// Tracks what is noted of a connection, so that it can go on.
    pub(super) fn retrace(&self, place: u32, rules: LabelRules, retrace: &mut Retrace) {
        let noted = &self.places[place];
        let mut next = self.begin(place, retrace);
        let Retrace {
            connection,
            segment,
            change,
            gaps,
            ..
        } = retrace;
        let [ask, answer] = Connection::ways();
        connection.take_on(ask, segment, rules, change);
        for note in self.all(noted) {
            next = noted.write(note, next, segment);
            let from_client = !note.facts.marks.contains(Marks::SERVER);
            let way = if from_client { ask } else { answer };
            connection.take_on(way, segment, rules, change);
            *gaps += u64::from(change.labels.contains(Labels::CAPTURE_GAP));
        }
        noted.mark(connection);
    }

    /// Begins a connection again, and writes its first segment. What the ends send next.
    fn begin(&self, place: u32, retrace: &mut Retrace) -> [SeqNumber; 2] {
        let noted = &self.places[place];
        let [client, server] = noted.endpoints;
        let segment = &mut retrace.segment;
        segment.frame = noted.first_frame;
        segment.time = noted.start;
        segment.tuple = FourTuple {
            source: client,
            destination: server,
        };
        let [first, answer] = noted.fronts.map(|front| front.iss);
        segment.seq = first;
        noted.syn.write(segment, SeqNumber(0));
        let connection = &mut retrace.connection;
        connection.begin_again(noted.id, segment, client, Roles::Seen);
        [first + 1, answer]
    }

    /// What is noted of a connection, in order; of its first segment there is no note.
    #[inline]
    fn all(&self, noted: &Noted) -> impl Iterator<Item = &Note> {
        let count = usize::from(noted.count) - 1;
        let chunks = self.chunks_of(noted);
        chunks.flat_map(|chunk| &self.chunks[chunk].0).take(count)
    }

    /// Where it is noted.
    #[inline]
    fn chunks_of(&self, noted: &Noted) -> impl Iterator<Item = u32> {
        let count = usize::from(noted.count).saturating_sub(1).div_ceil(CHUNK);
        let following = |chunk: &u32| self.links.get(*chunk).copied();
        iter::successors(Some(noted.first_chunk), following).take(count)
    }

    /// The latest note of a connection, if there is one.
    fn latest(&self, noted: &Noted) -> Option<&Note> {
        let last = usize::from(noted.count).checked_sub(2)?;
        Some(&self.chunks[noted.last_chunk].0[last % CHUNK])
    }

    /// Gives up what is noted of a connection.
    pub(super) fn remove(&mut self, place: u32) {
        let mut free = mem::take(&mut self.free_chunks);
        free.extend(self.chunks_of(&self.places[place]));
        self.free_chunks = free;
        let noted = &mut self.places[place];
        noted.id = 0;
        noted.count = 1;
        self.free.push(place);
    }

    /// Bytes that all of them take up.
    pub(super) fn size(&self) -> usize {
        (self.places.len() - self.free.len()) * size_of::<Noted>()
            + (self.chunks.len() - self.free_chunks.len()) * size_of::<Chunk>()
    }

    /// Places that there are, taken or not.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The number of the connection, or 0.
    #[inline]
    pub(super) fn id(&self, place: u32) -> ConnectionId {
        self.places[place].id
    }

    /// Whether the connection with this number is still there, and in the table.
    pub(super) fn is_kept_as(&self, place: u32, id: ConnectionId) -> bool {
        let noted = &self.places[place];
        noted.id == id && !noted.stage.contains(Stage::FINAL)
    }

    /// Client, server.
    #[inline]
    pub(super) fn endpoints(&self, place: u32) -> &[Endpoint; 2] {
        &self.places[place].endpoints
    }

    /// Where the numbers of both ends start, as far as it is known.
    pub(super) fn bases(&self, place: u32) -> [Option<SeqNumber>; 2] {
        let noted = &self.places[place];
        let [client, server] = noted.fronts.map(|front| front.iss);
        let answered = noted.stage.contains(Stage::ANSWERED);
        [Some(client), answered.then_some(server)]
    }

    /// Nothing but SYNs of the client.
    pub(super) fn is_unanswered(&self, place: u32) -> bool {
        let stage = self.places[place].stage;
        !stage.intersects(Stage::ANSWERED | Stage::OVER)
    }

    /// Whether it has ended and only waits for late segments.
    pub(super) fn lingers(&self, place: u32) -> bool {
        self.places[place].stage.contains(Stage::OVER)
    }

    /// Time of the first segment.
    pub(super) fn start(&self, place: u32) -> Timestamp {
        self.places[place].start
    }

    /// Time of the last segment.
    pub(super) fn last(&self, place: u32) -> Timestamp {
        let noted = &self.places[place];
        let latest = self.latest(noted);
        latest.map_or(noted.start, |note| noted.start + note.since())
    }

    /// It leaves the table.
    pub(super) fn finalize(&mut self, place: u32) {
        self.places[place].stage |= Stage::FINAL;
    }

    /// It is given up to keep memory bounded.
    pub(super) fn evict(&mut self, place: u32) {
        self.places[place].stage |= Stage::EVICTED;
    }

    /// All that are in the table.
    pub(super) fn kept(&self) -> impl Iterator<Item = u32> {
        (0u32..)
            .zip(self.places.iter())
            .filter(|(_, noted)| noted.id != 0 && !noted.stage.contains(Stage::FINAL))
            .map(|(place, _)| place)
    }

    /// Fetches a connection from memory.
    #[inline]
    pub(super) fn fetch(&self, place: u32) {
        fetch(&self.places[place]);
    }

    /// Fetches where its next segment will be noted; it should be there itself by now.
    #[inline]
    pub(super) fn fetch_end(&self, place: u32) {
        let noted = &self.places[place];
        let index = usize::from(noted.count).wrapping_sub(1);
        if index % CHUNK != 0
            && let Some(chunk) = self.chunks.get(noted.last_chunk)
        {
            fetch(&chunk.0[index % CHUNK]);
        }
    }

    /// Fetches all that is noted of it; it should be there itself by now.
    #[inline]
    pub(super) fn fetch_all(&self, place: u32) {
        let noted = &self.places[place];
        for chunk in self.chunks_of(noted) {
            if let Some(chunk) = self.chunks.get(chunk) {
                fetch(chunk);
            }
        }
    }
}

impl Retrace {
    pub(super) fn new() -> Self {
        Self {
            connection: Connection::husk([Endpoint::default(); 2]),
            segment: Segment::default(),
            change: Change::default(),
            flights: [Flight::new(), Flight::new()],
            gaps: 0,
            gists: 0,
        }
    }

    /// Gives away the connection that was told.
    pub(super) fn give(&mut self) -> Connection {
        let nobody = Connection::husk([Endpoint::default(); 2]);
        mem::replace(&mut self.connection, nobody)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noted_connection_is_small() {
        assert_eq!(size_of::<Note>(), 32);
        assert_eq!(size_of::<Noted>(), 128);
    }

    /// Three connections at a time, of up to as many segments as can be noted, each by the client.
    #[test]
    fn what_one_connection_leaves_others_take() {
        let mut notes = Notes::default();
        let mut segment = Segment::default();
        segment.tuple.destination.port = 80;
        let empty = notes.size();
        for turn in 0..100 {
            segment.flags = Flags::SYN;
            let places = [0, 1, 2].map(|id| notes.open(id + 1, &segment));
            for _ in 0..turn % (MOST + 1) {
                for place in places {
                    assert_eq!(notes.take(place, &segment), Taken::Noted);
                }
            }
            let chunks = (turn % (MOST + 1)).div_ceil(CHUNK);
            let each = size_of::<Noted>() + chunks * size_of::<Chunk>();
            assert_eq!(notes.size(), 3 * each);
            for place in places {
                notes.remove(place);
            }
            assert_eq!(notes.size(), empty);
        }
        assert_eq!(notes.len(), 3);
        assert_eq!(notes.chunks.len(), 3 * MOST / CHUNK);
    }
}
