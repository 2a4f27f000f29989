//! Both views of a wire, joined: which frame is the arrival of which other one, and what never arrived.
//!
//! Comes in: the frames of a capture with a `client side` and a `server side`, all of them or as they are captured. Goes
//! out: [`Twins`], which know each frame's and each connection's other half; and [`Joined`], a sink that tells it to the sink
//! behind it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::memory::Memory;
use super::sink::{Made, Quiet, Sink, Tracked};
use crate::capture::Frame;
use crate::decode::{self, Decoded};
use crate::explain::{Totals, WireCounts};
use crate::tcp::{Direction, Endpoint, IcmpError, Segment, Side, TcpState};
use crate::track::{Change, Connection, ConnectionId, Transition, Verdict};

/// What a segment keeps on its way; of its addresses source and destination are exchanged.
#[derive(PartialEq, Eq, Hash, Debug)]
struct Mark {
    ports: (u16, u16),
    seq: u32,
    ack: u32,
    flags: u16,
    len: u32,
    window: u16,
    timestamps: Option<(u32, u32)>,
    id: Option<u16>,
}

/// A frame that left one side.
#[derive(Debug)]
struct Sent {
    frame: u64,
    arrived: bool,
}

/// The halves of every packet on a wire. One thread learns of frames, another one asks about those that it has learned of.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    halves: Mutex<Halves>,
}

#[derive(Debug, Default)]
struct Halves {
    /// Of each arrival, the frame in which it was sent; and of each sent frame, its first arrival.
    other: HashMap<u64, u64>,
    lost: HashSet<u64>,
    /// Frames captured at the server's side.
    at_server: HashSet<u64>,
    /// What each side has sent.
    sent: HashMap<(u16, Mark), Vec<Sent>>,
    /// From which address to which one each side has sent.
    ways: HashSet<(u16, IpAddr, IpAddr)>,
    /// Packets that were sent, and that arrived.
    packets: [u64; 2],
    views: Views,
}

/// Which connections are one conversation as its two ends saw it.
#[derive(Debug, Default)]
struct Views {
    /// The latest connection between two ends.
    latest: HashMap<[Endpoint; 2], ConnectionId>,
    /// At which end each connection was seen.
    met: HashMap<ConnectionId, Side>,
    twins: HashMap<ConnectionId, ConnectionId>,
    /// The verdicts on the server's views of those that have a client's.
    second: Vec<Verdict>,
}

impl Views {
    /// A connection of which a segment has come. What one end calls the other's address, that one calls its own.
    fn meet(&mut self, connection: &Connection, side: Side) {
        let id = connection.id();
        if self.met.contains_key(&id) {
            return;
        }
        self.met.insert(id, side);
        let [one, two] = [Side::Client, Side::Server].map(|side| connection.endpoint(side));
        let at = |address, end: Endpoint| Endpoint { address, ..end };
        let own = sorted([one, two]);
        let exchanged = sorted([at(two.address, one), at(one.address, two)]);
        let twin = self.latest.get(&exchanged).copied();
        if let Some(twin) = twin.filter(|twin| own != exchanged && !self.twins.contains_key(twin)) {
            self.twins.insert(id, twin);
            self.twins.insert(twin, id);
        }
        self.latest.insert(own, id);
    }

    /// The client's view of a conversation, when this is the server's.
    fn first(&self, id: ConnectionId) -> Option<ConnectionId> {
        let second = self.met.get(&id) == Some(&Side::Server);
        self.twins.get(&id).copied().filter(|_| second)
    }
}

fn sorted(mut ends: [Endpoint; 2]) -> [Endpoint; 2] {
    ends.sort_unstable();
    ends
}

impl Twins {
    /// Joins the frames of a capture that is over: what has not arrived is lost. `None` where an arrival was recorded
    /// without its departure: by then nobody can tell which way it went, nor what was lost and what only not recorded.
    pub(crate) fn of(memory: &Memory) -> Option<Self> {
        let twins = Self::default();
        for frame in memory.frames() {
            twins.learn(&frame);
        }
        let mut halves = twins.halves();
        // What seems to leave a side for itself.
        let ways = &halves.ways;
        let against = |&(side, from, to)| from != to && ways.contains(&(side, to, from));
        if ways.iter().any(against) {
            return None;
        }
        let sent = std::mem::take(&mut halves.sent);
        let lost = sent.into_values().flatten().filter(|sent| !sent.arrived);
        halves.lost = lost.map(|sent| sent.frame).collect();
        drop(halves);
        Some(twins)
    }

    /// The next frame of the capture.
    pub(crate) fn learn(&self, frame: &Frame<'_>) {
        let Decoded::Segment(segment) = decode::frame(frame) else {
            return;
        };
        let mut halves = self.halves();
        let side = frame.interface.min(1);
        if side == 1 {
            halves.at_server.insert(frame.number);
        }
        // An arrival at this side was sent at the other side before.
        let left = halves.sent.get_mut(&(1 - side, mark(&segment)));
        let earlier = left.and_then(|left| {
            // What arrives once more than it was sent was doubled on its way.
            let next = left.iter().position(|sent| !sent.arrived);
            let next = next.unwrap_or(left.len().saturating_sub(1));
            let sent = left.get_mut(next)?;
            let first = !std::mem::replace(&mut sent.arrived, true);
            Some((sent.frame, first))
        });
        let Some((sent, first)) = earlier else {
            let sent = halves.sent.entry((side, mark(&segment))).or_default();
            sent.push(Sent {
                frame: frame.number,
                arrived: false,
            });
            halves.packets[0] += 1;
            let tuple = segment.tuple;
            let way = (side, tuple.source.address, tuple.destination.address);
            halves.ways.insert(way);
            return;
        };
        halves.packets[1] += 1;
        halves.other.insert(frame.number, sent);
        if first {
            halves.other.insert(sent, frame.number);
        }
    }

    /// This frame was sent, and will not arrive.
    pub(crate) fn lose(&self, frame: u64) {
        self.halves().lost.insert(frame);
    }

    /// The frame that holds the same packet at the other side, as far as that has been captured.
    pub(crate) fn other(&self, frame: u64) -> Option<u64> {
        self.halves().other.get(&frame).copied()
    }

    /// Whether the packet of this frame arrived.
    pub(crate) fn delivered(&self, frame: u64) -> bool {
        !self.halves().lost.contains(&frame)
    }

    /// At which side a frame was captured.
    pub(crate) fn side(&self, frame: u64) -> Side {
        if self.halves().at_server.contains(&frame) {
            Side::Server
        } else {
            Side::Client
        }
    }

    /// The other end's view of the same conversation, as far as a segment of it has come.
    pub(crate) fn twin(&self, id: ConnectionId) -> Option<ConnectionId> {
        self.halves().views.twins.get(&id).copied()
    }

    /// The client's view of a conversation, when this is the server's view of it.
    pub(crate) fn first_view(&self, id: ConnectionId) -> Option<ConnectionId> {
        self.halves().views.first(id)
    }

    /// A connection is final.
    fn end(&self, connection: &Connection) {
        let views = &mut self.halves().views;
        if views.first(connection.id()).is_some() {
            views.second.push(connection.verdict());
        }
    }

    /// The totals where each conversation counts once, by the verdict on its client's view.
    pub(crate) fn once(&self, totals: &Totals) -> Totals {
        let halves = self.halves();
        let second = &halves.views.second;
        let [sent, received] = halves.packets;
        let of = |name| {
            second
                .iter()
                .filter(|verdict| verdict.name() == name)
                .count() as u64
        };
        let by_verdict = totals.by_verdict.iter();
        let by_verdict = by_verdict.map(|(name, count)| (*name, count.saturating_sub(of(*name))));
        Totals {
            connections: totals.connections.saturating_sub(second.len() as u64),
            by_verdict: by_verdict.filter(|(_, count)| *count > 0).collect(),
            wire: Some(WireCounts {
                sent,
                received,
                lost: halves.lost.len() as u64,
            }),
            ..totals.clone()
        }
    }

    /// Learns to which connection a frame belongs.
    fn meet(&self, tracked: &Tracked<'_>) {
        let side = self.side(tracked.segment.frame);
        self.halves().views.meet(tracked.connection, side);
    }

    fn halves(&self) -> MutexGuard<'_, Halves> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mark(segment: &Segment) -> Mark {
    Mark {
        ports: (segment.tuple.source.port, segment.tuple.destination.port),
        seq: segment.seq.0,
        ack: segment.ack.0,
        flags: segment.flags.bits(),
        len: segment.len,
        window: segment.window,
        timestamps: segment.options.timestamps,
        id: segment.ip.id,
    }
}

/// A sink that learns what became of each segment.
pub(crate) struct Joined<S> {
    pub(crate) inner: S,
    /// `None`: this is no wire, and everything passes as it is.
    twins: Option<Arc<Twins>>,
    /// Of each connection: the state of an end that a lost segment did not reach, which is not what an observer who
    /// assumes delivery would think.
    held: HashMap<(ConnectionId, Side), Option<TcpState>>,
}

impl<S> Joined<S> {
    pub(crate) fn new(inner: S, twins: Option<Arc<Twins>>) -> Self {
        Self {
            inner,
            twins,
            held: HashMap::new(),
        }
    }

    /// A lost segment moves only its sender; its receiver stays where it was until a later one arrives.
    fn correct(&mut self, change: &mut Change, delivered: bool) {
        let receiver = match change.direction {
            Direction::ClientToServer => Side::Server,
            Direction::ServerToClient => Side::Client,
        };
        for side in [Side::Client, Side::Server] {
            let key = (change.connection, side);
            let transition = match side {
                Side::Client => &mut change.client,
                Side::Server => &mut change.server,
            };
            let held = self.held.get(&key).copied();
            let before = held.unwrap_or(transition.before);
            if side == receiver && !delivered {
                self.held.insert(key, before);
                *transition = Transition {
                    before,
                    after: before,
                };
            } else if side == receiver {
                self.held.remove(&key);
                transition.before = before;
            } else if let Some(held) = held {
                // What it sends itself shows that something has reached it, unless nothing changed.
                if transition.changed() {
                    self.held.remove(&key);
                    transition.before = held;
                } else {
                    *transition = Transition {
                        before: held,
                        after: held,
                    };
                }
            }
        }
    }
}

impl<S: Sink> Sink for Joined<S> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        let Some(twins) = &self.twins else {
            return self.inner.segment(tracked);
        };
        twins.meet(tracked);
        let mut change = tracked.change.clone();
        let delivered = twins.delivered(tracked.segment.frame);
        change.delivered = Some(delivered);
        self.correct(&mut change, delivered);
        self.inner.segment(&Tracked {
            segment: tracked.segment,
            change: &change,
            connection: tracked.connection,
            frame: tracked.frame,
        })
    }

    fn wants_segments(&self) -> bool {
        self.twins.is_some() || self.inner.wants_segments()
    }

    fn icmp_error(&mut self, error: &IcmpError, connection: &Connection) -> io::Result<()> {
        self.inner.icmp_error(error, connection)
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if let Some(twins) = &self.twins {
            twins.end(connection);
        }
        self.inner.connection(connection)
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        self.inner.call(made)
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        self.inner.pause(quiet)
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        self.inner.finish(totals)
    }

    fn satisfied(&self) -> bool {
        self.inner.satisfied()
    }
}
