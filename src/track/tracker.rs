//! The table of live connections: finds the one a segment belongs to, opens new ones, and lets final ones go.

use std::collections::HashMap;

use arrayvec::ArrayVec;

use super::connection::{Connection, Handshake, Peer, Roles};
use super::event::{Change, Transition};
use crate::tcp::{Direction, FlowKey, IcmpError, Labels, Segment, Side};

/// A connection's number, from 1, in order of first appearance.
pub type ConnectionId = u32;

/// Where the tracker keeps a connection. Reused once the connection is final.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slot(pub(super) u32);

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
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Whose rules give labels.
    pub labels: LabelRules,
    /// Ports that are servers' where no SYN tells.
    pub server_ports: Vec<u16>,
}

/// All connections of a capture.
pub struct Tracker {
    index: HashMap<FlowKey, u32>,
    connections: Vec<Connection>,
    ended: Vec<Connection>,
}

impl Tracker {
    /// An empty table.
    #[must_use]
    pub fn new(_limits: Limits) -> Self {
        Self {
            index: HashMap::new(),
            connections: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// Tracks one segment.
    pub fn segment(&mut self, segment: &Segment) -> Change {
        let key = segment.tuple.key();
        let next = self.connections.len() as u32;
        let slot = *self.index.entry(key).or_insert(next);
        let begins = slot == next;
        if begins {
            self.connections.push(Connection {
                id: slot + 1,
                endpoints: [segment.tuple.source, segment.tuple.destination],
                roles: Roles::Seen,
                peers: [Peer::default(), Peer::default()],
                handshake: Handshake::default(),
                first_frame: segment.frame,
                last_frame: segment.frame,
                start: segment.time,
                last: segment.time,
                evicted: false,
            });
        }
        let connection = &mut self.connections[slot as usize];
        connection.last = segment.time;
        connection.last_frame = segment.frame;
        let direction = if segment.tuple.source == connection.endpoint(Side::Client) {
            Direction::ClientToServer
        } else {
            Direction::ServerToClient
        };
        Change {
            connection: connection.id,
            slot: Slot(slot),
            begins,
            direction,
            seq: segment.seq.0,
            ack: segment.ack.0,
            window: u32::from(segment.window),
            window_scale: None,
            labels: Labels::empty(),
            client: Transition::default(),
            server: Transition::default(),
            delivered: None,
            events: ArrayVec::new(),
        }
    }

    /// Credits an ICMP error to the connection it quotes; `None` when there is no such connection.
    pub fn icmp_error(&mut self, _error: &IcmpError) -> Option<Slot> {
        None
    }

    /// A connection that is still kept.
    #[must_use]
    pub fn connection(&self, slot: Slot) -> &Connection {
        &self.connections[slot.0 as usize]
    }

    /// Connections that became final since the last call, in the order in which they did.
    pub fn drain_final(&mut self) -> impl Iterator<Item = Connection> + '_ {
        self.ended.drain(..)
    }

    /// The end of input: every connection is final now, in order of first appearance.
    pub fn finish(&mut self) {
        self.index.clear();
        self.ended.append(&mut self.connections);
    }
}
