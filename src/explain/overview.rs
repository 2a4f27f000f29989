//! What a reader sees of many connections at once: trouble first, then the rest in a line; and the counts of a run.
//!
//! Plain values without behaviour. Sentences about TCP are finished here; renderers only place them.

use super::facts::WireCounts;
use super::words::{Count, Number};
use crate::tcp::Endpoint;
use crate::time::{Span, Timestamp};

/// A capture at a glance.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The capture's name. Hostile text.
    pub source: String,
    /// How many connections there are.
    pub connections: u64,
    /// How many packets.
    pub packets: u64,
    /// How many bytes the packets had on the wire.
    pub bytes: u64,
    /// What is known about packets that the capture missed, `no gaps in the capture`, or that a wire lost; and about
    /// connections that were given up. Empty when nothing is known.
    pub gaps: String,
    /// Times of the first and the last packet.
    pub period: Option<(Timestamp, Timestamp)>,
    /// How many connections are in trouble.
    pub in_trouble: u64,
    /// The others by what became of them: `(397, "closed")`, `(9, "joined in the middle")`.
    pub others: Vec<(u64, String)>,
    /// The server that most of the trouble has in common, when there is one.
    pub common_server: Option<CommonServer>,
    /// The connections in trouble by cause.
    pub groups: Vec<TroubleGroup>,
    /// One line about the connections without trouble.
    pub healthy: String,
    /// Commands that lead on: `ladder: --connection 118`.
    pub hints: Vec<String>,
}

/// A server that most of the trouble has in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommonServer {
    /// Its address and port.
    pub server: Endpoint,
    /// How many of the connections in trouble went to it.
    pub in_trouble: u64,
    /// How many connections went to it in all.
    pub connections: u64,
}

/// Connections with the same trouble.
#[derive(Clone, Debug)]
pub struct TroubleGroup {
    /// What it is called: `SERVER SILENT`.
    pub heading: String,
    /// How many connections have it, shown or not.
    pub total: u64,
    /// What it means: `request acknowledged within 2 ms, no reply`.
    pub meaning: String,
    /// The connections that are shown.
    pub rows: Vec<TroubleRow>,
}

/// One connection in trouble.
#[derive(Clone, Debug)]
pub struct TroubleRow {
    /// The connection's number.
    pub id: u32,
    /// When its first packet was captured.
    pub began: Timestamp,
    /// The client.
    pub client: Endpoint,
    /// The server.
    pub server: Endpoint,
    /// From its first to its last packet.
    pub lasted: Span,
    /// What happened: `no reply 30.0 s; client sent FIN`.
    pub what: String,
}

/// One connection of a table of all.
#[derive(Clone, Debug)]
pub struct ConnectionRow {
    /// The connection's number.
    pub id: u32,
    /// The client.
    pub client: Endpoint,
    /// The server.
    pub server: Endpoint,
    /// The verdict's word.
    pub verdict: &'static str,
    /// Payload bytes from the client, each counted once.
    pub client_bytes: u64,
    /// Payload bytes from the server.
    pub server_bytes: u64,
    /// From its first to its last packet.
    pub lasted: Span,
    /// How many segments were retransmissions.
    pub retransmissions: u64,
    /// The longest wait for the other end, where rows are ordered by that.
    pub waited: Option<Span>,
    /// The words of its troubles: `server_silent`. Empty when there are none.
    pub trouble: Vec<&'static str>,
}

/// The counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The capture's or the interface's name. Hostile text.
    pub source: String,
    /// Packets read.
    pub frames: u64,
    /// TCP segments among them.
    pub segments: u64,
    /// The others by reason: `("not_tcp", 3)`.
    pub skipped: Vec<(&'static str, u64)>,
    /// Connections.
    pub connections: u64,
    /// Connections by verdict.
    pub by_verdict: Vec<(&'static str, u64)>,
    /// Connections by trouble.
    pub by_trouble: Vec<(&'static str, u64)>,
    /// Payload bytes from clients, each counted once.
    pub client_bytes: u64,
    /// Payload bytes from servers.
    pub server_bytes: u64,
    /// Segments that were retransmissions.
    pub retransmissions: u64,
    /// Times of the first and the last packet.
    pub period: Option<(Timestamp, Timestamp)>,
    /// Connections given up to keep memory bounded.
    pub evicted: u64,
    /// Those of them that had not ended.
    pub evicted_unended: u64,
    /// Packets that the capture dropped, where it says so.
    pub capture_dropped: Option<u64>,
    /// On a wire of which both ends were recorded and joined: its packets.
    pub wire: Option<WireCounts>,
}

/// Why connections are given up.
const BOUNDED: &str = "to keep memory bounded";

impl Summary {
    /// `12 connections, to keep memory bounded: 2 before the end, the others soon after it`; `None` where none was given up.
    #[must_use]
    pub fn given_up(&self) -> Option<String> {
        let evicted = Count(self.evicted, "connection");
        match (self.evicted, self.evicted_unended) {
            (0, _) => None,
            (_, 0) => Some(format!("{evicted} soon after the end, {BOUNDED}")),
            (all, unended) if all == unended => {
                Some(format!("{evicted} before the end, {BOUNDED}"))
            }
            (_, unended) => Some(format!(
                "{evicted}, {BOUNDED}: {} before the end, the others soon after it",
                Number(unended)
            )),
        }
    }
}

/// `2 connections given up before the end to keep memory bounded (--memory)`
pub(super) fn given_up_unended(connections: u64) -> String {
    let given_up = Count(connections, "connection");
    format!("{given_up} given up before the end {BOUNDED} (--memory)")
}
