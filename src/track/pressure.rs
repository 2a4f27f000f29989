//! Which connection goes when there is no room for another, and what is remembered of it.
//!
//! Nothing is kept here before room runs out for the first time: until then opening a connection costs nothing more.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::ahead::fetch;
use super::connection::Connection;
use super::machine::Known;
use super::places::{Place, Places};
use super::tracker::{ConnectionId, FlowHash};
use crate::tcp::{Endpoint, FourTuple, Segment, SeqNumber, Side};
use crate::time::{Span, Timestamp};

/// Sets of evicted connections that are remembered, so that their late segments do not look like new connections. Late
/// segments come within seconds; all places together last a flood that long, and take four megabytes.
const SETS: usize = 1 << 14;

/// Graves in a set: as many as have their hashes in one line of the cache. Evictions spread over the sets by chance, so that
/// one may be forgotten a little before older ones are.
const SET: usize = 7;

/// A connection in a queue: its place, and its number, which tells whether the place is still its own.
type Queued = (Place, ConnectionId);

/// The order of eviction.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    begun: bool,
    /// Connections that began with a SYN, the oldest first. Some have been answered since.
    syns: VecDeque<Queued>,
    /// Connections by the time of a segment of theirs; a later one may have come since. Empty until it is asked for.
    idle: BinaryHeap<Reverse<(Timestamp, ConnectionId, Place)>>,
    ordered: bool,
}

impl Pressure {
    /// Room has run out for the first time: orders what there is.
    pub(super) fn begin(&mut self, places: &Places) {
        if self.begun {
            return;
        }
        self.begun = true;
        let mut kept: Vec<Queued> = places.kept().collect();
        kept.sort_unstable_by_key(|(_, id)| *id);
        for (place, _) in kept {
            self.opened(places, place);
        }
    }

    /// A connection was opened, or has got another place.
    #[inline]
    pub(super) fn opened(&mut self, places: &Places, place: Place) {
        if !self.begun {
            return;
        }
        let id = places.id(place);
        self.syns.push_back((place, id));
        if self.ordered {
            self.idle.push(Reverse((places.last(place), id, place)));
        }
    }

    /// The connection that is so many turns from the front of those that began with a SYN. It may be gone.
    pub(super) fn syn(&self, turns: usize) -> Option<Place> {
        self.syns.get(turns).map(|(place, _)| *place)
    }

    /// The oldest connection that has nothing but unanswered SYNs. With a time and a patience: only if its first one is
    /// older than that.
    pub(super) fn unanswered(
        &mut self,
        places: &Places,
        patience: Option<(Timestamp, Span)>,
    ) -> Option<Place> {
        self.forget_stale(places);
        // Answered ones at the front are done with; an answer is never taken back.
        while let Some(&(place, id)) = self.syns.front() {
            let waits = places.is_kept_as(place, id) && places.is_unanswered(place);
            if waits && patience.is_some_and(|(now, long)| now - places.start(place) < long) {
                return None;
            }
            self.syns.pop_front();
            if waits {
                return Some(place);
            }
        }
        None
    }

    /// The connection whose last segment is the oldest. Each look refreshes what is out of date.
    pub(super) fn longest_idle(&mut self, places: &Places) -> Option<Place> {
        if !std::mem::replace(&mut self.ordered, true) {
            let kept = places.kept();
            self.idle = kept
                .map(|(place, id)| Reverse((places.last(place), id, place)))
                .collect();
        }
        while let Some(Reverse((time, id, place))) = self.idle.pop() {
            if !places.is_kept_as(place, id) {
                continue;
            }
            let last = places.last(place);
            if last <= time {
                return Some(place);
            }
            self.idle.push(Reverse((last, id, place)));
        }
        None
    }

    /// Both queues hold what is gone until it is looked at; they must not outgrow the connections by much.
    fn forget_stale(&mut self, places: &Places) {
        let room = places.len() * 2 + 64;
        if self.syns.len() > room {
            self.syns
                .retain(|(place, id)| places.is_kept_as(*place, *id));
        }
        if self.idle.len() > room {
            self.idle
                .retain(|Reverse((_, id, place))| places.is_kept_as(*place, *id));
        }
    }
}

impl Connection {
    /// Nothing but SYNs of one end.
    pub(super) fn is_unanswered(&self) -> bool {
        let [client, server] = &self.machine.ends;
        let active = |end: &super::machine::End| end.known.contains(Known::ACTIVE);
        let silent = |side: Side| self.parties[side as usize].packets == 0;
        !self.machine.complete
            && ((active(client) && silent(Side::Server))
                || (active(server) && silent(Side::Client)))
    }

    /// Source is the client.
    pub(super) fn tuple(&self) -> FourTuple {
        FourTuple {
            source: self.endpoint(Side::Client),
            destination: self.endpoint(Side::Server),
        }
    }
}

/// What is remembered of an evicted connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grave {
    pub(super) id: ConnectionId,
    /// What the numbers of both ends are relative to.
    pub(super) bases: [Option<SeqNumber>; 2],
    /// The client is the end with the smaller address and port.
    client_is_low: bool,
}

impl Grave {
    /// Which end of a late segment is the client.
    pub(super) fn client(&self, tuple: &FourTuple) -> Endpoint {
        let (low, high) = if tuple.source <= tuple.destination {
            (tuple.source, tuple.destination)
        } else {
            (tuple.destination, tuple.source)
        };
        if self.client_is_low { low } else { high }
    }
}

/// Evicted connections by the hash of their tuple, in sets. A new one takes the place of the oldest of its set. The hash is
/// seeded and 64 bits wide, so that two tuples share one neither by accident nor by somebody's will, and nobody can aim at
/// a set.
#[derive(Debug, Default)]
pub(super) struct Graves {
    /// None before the first eviction, then always the same number.
    sets: Vec<GraveSet>,
}

/// A few graves that are looked through together: a flood buries as many as it opens, and each takes one look at memory.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct GraveSet {
    hashes: [u64; SET],
    /// The place that is taken next: its grave is the oldest.
    next: u64,
    graves: [Grave; SET],
}

impl Graves {
    /// Remembers an evicted connection. `bases` are the client's and the server's.
    pub(super) fn bury(
        &mut self,
        hash: FlowHash,
        id: ConnectionId,
        tuple: &FourTuple,
        bases: [Option<SeqNumber>; 2],
    ) {
        if self.sets.is_empty() {
            self.sets = vec![GraveSet::default(); SETS];
        }
        let grave = Grave {
            id,
            bases,
            client_is_low: tuple.source <= tuple.destination,
        };
        let set = &mut self.sets[place(hash)];
        let oldest = set.next as usize % SET;
        set.next = (set.next + 1) % SET as u64;
        set.hashes[oldest] = hash.0;
        set.graves[oldest] = grave;
    }

    /// Fetches what a look for this hash needs.
    #[inline]
    pub(super) fn fetch(&self, hash: FlowHash) {
        if let Some(set) = self.sets.get(place(hash)) {
            fetch(&set.hashes);
        }
    }

    /// Whether there is a grave with this hash.
    pub(super) fn knows(&self, hash: FlowHash) -> bool {
        self.sets
            .get(place(hash))
            .is_some_and(|set| set.hashes.contains(&hash.0))
    }

    /// The evicted connection that a segment is late for. A SYN with another number begins a new one instead.
    pub(super) fn find(&mut self, hash: FlowHash, segment: &Segment) -> Option<Grave> {
        if self.sets.is_empty() {
            return None;
        }
        let set = &mut self.sets[place(hash)];
        // A tuple that was buried twice is known by its latest connection.
        let index = (0..SET)
            .filter(|index| set.hashes[*index] == hash.0 && set.graves[*index].id != 0)
            .max_by_key(|index| set.graves[*index].id)?;
        let grave = set.graves[index];
        if segment.flags.is_syn_only() {
            let client = grave.client(&segment.tuple) == segment.tuple.source;
            let base = grave.bases[usize::from(!client)];
            if base != Some(segment.seq) {
                for (known, grave) in set.hashes.iter().zip(&mut set.graves) {
                    if *known == hash.0 {
                        grave.id = 0;
                    }
                }
                return None;
            }
        }
        Some(grave)
    }
}

fn place(hash: FlowHash) -> usize {
    // The table of connections uses the lower bits.
    (hash.0 >> 32) as usize % SETS
}
