//! Keeps the segments of connections whose ladder is wanted, within bounds: what does not fit is counted.

use std::collections::{HashMap, VecDeque};

use super::ladders::payload;
use super::sink::Tracked;
use crate::explain::Segments;
use crate::render::Payload;
use crate::tcp::{Direction, Labels, Segment};
use crate::track::{Change, ConnectionId, Event, Slot, Transition};

/// A connection is kept whole up to here: no reader scrolls through more rows, and it is about 6 MB.
const WHOLE: usize = 20_000;

/// What is kept of a longer one, at its beginning and at its end: the opening and the closing with their surroundings.
const EDGE: usize = 200;

/// Of the segments that may be kept of all connections together, the part that may be kept whole. When it is used up, only
/// the edges of a connection are kept, and when all is, packets are counted and no longer kept.
const WHOLE_PERCENT: usize = 75;

/// Payload bytes kept of a segment, when payload is wanted: what a reader looks at, not a whole download.
pub(crate) const PAYLOAD: usize = 256;

/// The kept segments of one connection.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    payload: HashMap<u64, KeptPayload>,
    head: Rows,
    tail: VecDeque<Row>,
    dropped: u64,
}

/// The beginning of a payload.
#[derive(Debug)]
struct KeptPayload {
    bytes: Vec<u8>,
    /// Bytes that were captured.
    captured: u32,
    /// Bytes on the wire.
    len: u32,
}

impl KeptPayload {
    fn of(payload: Payload<'_>) -> Self {
        Self {
            bytes: payload.bytes[..payload.bytes.len().min(PAYLOAD)].to_vec(),
            captured: payload.captured,
            len: payload.len,
        }
    }

    fn get(&self) -> Payload<'_> {
        Payload {
            bytes: &self.bytes,
            captured: self.captured,
            len: self.len,
        }
    }
}

/// A segment and what it did, in less than half of the room that a [`Change`] has for eight events: most have one.
#[derive(Debug)]
struct Row {
    segment: Segment,
    direction: Direction,
    begins: bool,
    window_scale: Option<u8>,
    delivered: Option<bool>,
    client: Transition,
    server: Transition,
    connection: ConnectionId,
    slot: Slot,
    seq: u32,
    ack: u32,
    window: u32,
    labels: Labels,
    event: Option<Event>,
    more_events: Vec<Event>,
}

impl Row {
    fn of(segment: &Segment, change: &Change) -> Self {
        let mut events = change.events.iter().copied();
        Self {
            segment: segment.clone(),
            direction: change.direction,
            begins: change.begins,
            window_scale: change.window_scale,
            delivered: change.delivered,
            client: change.client,
            server: change.server,
            connection: change.connection,
            slot: change.slot,
            seq: change.seq,
            ack: change.ack,
            window: change.window,
            labels: change.labels,
            event: events.next(),
            more_events: events.collect(),
        }
    }

    fn fill(&self, change: &mut Change) {
        change.connection = self.connection;
        change.slot = self.slot;
        change.begins = self.begins;
        change.direction = self.direction;
        change.seq = self.seq;
        change.ack = self.ack;
        change.window = self.window;
        change.window_scale = self.window_scale;
        change.labels = self.labels;
        change.client = self.client;
        change.server = self.server;
        change.delivered = self.delivered;
        change.events.clear();
        change.events.extend(self.event);
        change.events.extend(self.more_events.iter().copied());
    }
}

/// Rows in capture order, in blocks: a row that is kept is never moved to make room for others.
#[derive(Debug, Default)]
struct Rows {
    /// All but the last are full.
    blocks: Vec<Vec<Row>>,
    count: usize,
}

/// Rows in a block: of an ordinary connection a few blocks, and no more than a few kilobytes that are not used.
const BLOCK: usize = 16;

impl Rows {
    fn push(&mut self, row: Row) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(row),
            Some(_) => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(row);
                self.blocks.push(block);
            }
            // Many connections have no more than a handful.
            None => self.blocks.push(vec![row]),
        }
        self.count += 1;
    }

    fn row(&self, index: usize) -> &Row {
        &self.blocks[index / BLOCK][index % BLOCK]
    }

    fn iter(&self) -> impl Iterator<Item = &Row> {
        self.blocks.iter().flatten()
    }

    /// Leaves the first `count` and gives the last `last`; what is between them is dropped.
    fn edges(&mut self, count: usize, last: usize) -> VecDeque<Row> {
        let mut tail: VecDeque<Row> = VecDeque::with_capacity(last + 1);
        let from = self.count - last;
        let blocks = std::mem::take(self).blocks;
        for (index, row) in blocks.into_iter().flatten().enumerate() {
            if index < count {
                self.push(row);
            } else if index >= from {
                tail.push_back(row);
            }
        }
        tail
    }
}

/// The kept segments of the connections whose ladder is wanted.
#[derive(Debug)]
pub(crate) struct Keeper {
    connections: HashMap<ConnectionId, Kept, ahash::RandomState>,
    kept: usize,
    /// Segments that may be kept.
    most: usize,
    payload: bool,
}

impl Kept {
    /// The kept segments in capture order.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.head.iter().chain(&self.tail).map(|row| &row.segment)
    }

    /// What each of them did.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        self.head.iter().chain(&self.tail).map(|row| {
            let mut change = Change::default();
            row.fill(&mut change);
            change
        })
    }

    fn row(&self, index: usize) -> &Row {
        match index.checked_sub(self.head.count) {
            None => self.head.row(index),
            Some(index) => &self.tail[index],
        }
    }

    /// How many are missing, and after how many kept ones.
    pub(crate) fn gap(&self) -> Option<(usize, u64)> {
        (self.dropped > 0).then_some((self.head.count, self.dropped))
    }

    /// The beginning of a frame's payload.
    pub(crate) fn payload(&self, frame: u64) -> Option<Payload<'_>> {
        self.payload.get(&frame).map(KeptPayload::get)
    }

    fn len(&self) -> usize {
        self.head.count + self.tail.len()
    }

    fn push(&mut self, segment: &Segment, change: &Change, whole: usize) {
        let row = Row::of(segment, change);
        // Once there is a tail, nothing goes before it any more.
        if self.dropped == 0 && self.tail.is_empty() && self.head.count < whole {
            self.head.push(row);
            return;
        }
        if self.dropped == 0 && self.tail.is_empty() && self.head.count > 2 * EDGE {
            self.dropped = (self.head.count - 2 * EDGE) as u64;
            self.tail = self.head.edges(EDGE, EDGE);
        }
        if self.tail.len() >= EDGE {
            self.tail.pop_front();
            self.dropped += 1;
        }
        self.tail.push_back(row);
    }
}

impl Segments for Kept {
    fn count(&self) -> usize {
        self.len()
    }

    fn segment(&self, index: usize) -> &Segment {
        &self.row(index).segment
    }

    fn change(&self, index: usize, change: &mut Change) {
        self.row(index).fill(change);
    }
}

impl Keeper {
    /// Takes about `memory` bytes at most. `payload`: keep the beginning of each payload, too.
    pub(crate) fn new(memory: usize, payload: bool) -> Self {
        let each = size_of::<Row>() + if payload { PAYLOAD } else { 0 };
        Self {
            connections: HashMap::default(),
            kept: 0,
            most: memory / each,
            payload,
        }
    }

    /// Keeps a segment.
    pub(crate) fn keep(&mut self, tracked: &Tracked<'_>) {
        let whole = if self.kept < self.most / 100 * WHOLE_PERCENT {
            WHOLE
        } else {
            EDGE
        };
        let full = self.kept >= self.most;
        let kept = self
            .connections
            .entry(tracked.change.connection)
            .or_default();
        let before = kept.len();
        if full && kept.tail.is_empty() {
            kept.dropped += 1;
        } else {
            kept.push(tracked.segment, tracked.change, whole);
        }
        if self.payload
            && kept.dropped == 0
            && let Some(payload) = payload(tracked)
        {
            let payload = KeptPayload::of(payload);
            kept.payload.insert(tracked.segment.frame, payload);
        }
        self.kept = self.kept + kept.len() - before;
    }

    /// Whether something is kept of a connection.
    pub(crate) fn has(&self, connection: ConnectionId) -> bool {
        self.connections.contains_key(&connection)
    }

    /// Gives up what was kept of a connection.
    pub(crate) fn take(&mut self, connection: ConnectionId) -> Option<Kept> {
        let kept = self.connections.remove(&connection)?;
        self.kept -= kept.len();
        Some(kept)
    }

    /// Gives up everything.
    pub(crate) fn clear(&mut self) {
        self.connections.clear();
        self.kept = 0;
    }

    /// Of how many connections something is kept.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// How many segments are kept.
    pub(crate) fn len(&self) -> usize {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_in_order_when_room_comes_back() {
        let mut kept = Kept::default();
        let mut push = |frame: u64, whole: usize| {
            let segment = Segment {
                frame,
                ..Segment::default()
            };
            kept.push(&segment, &Change::default(), whole);
        };
        for frame in 1..=EDGE as u64 + 10 {
            push(frame, EDGE);
        }
        push(1000, WHOLE);
        let frames: Vec<u64> = kept.segments().map(|segment| segment.frame).collect();
        assert!(frames.is_sorted(), "{frames:?}");
    }
}
