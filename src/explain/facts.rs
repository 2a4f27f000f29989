//! Segments, connections and totals as plain facts with their words already made: what JSON Lines are written from.

use super::words::{Count, Number};
use crate::tcp::{Direction, Endpoint, Labels, Segment, TcpState};
use crate::time::{Span, Timestamp};

/// A segment as outside programs see it.
#[derive(Clone, Copy, Debug)]
pub struct SegmentFacts<'a> {
    /// The segment as decoded.
    pub segment: &'a Segment,
    /// Its connection's number.
    pub connection: u32,
    /// Who sent it to whom.
    pub direction: Direction,
    /// Relative sequence number.
    pub seq: u32,
    /// Relative acknowledgment number; 0 without the ACK flag.
    pub ack: u32,
    /// Offered receive window in bytes.
    pub window: u32,
    /// The sender's scale shift, where known.
    pub window_scale: Option<u8>,
    /// What an analyst calls it.
    pub labels: Labels,
    /// The client's state after it.
    pub client_state: Option<TcpState>,
    /// The server's state after it.
    pub server_state: Option<TcpState>,
    /// On a wire, whether it arrived.
    pub delivered: Option<bool>,
    /// The brief sentence.
    pub note: &'a str,
}

/// A connection as outside programs see it.
#[derive(Clone, Debug)]
pub struct ConnectionFacts<'a> {
    /// Its number.
    pub id: u32,
    /// The client's address and port.
    pub client: Endpoint,
    /// The server's.
    pub server: Endpoint,
    /// `seen` or `assumed`.
    pub roles: &'static str,
    /// The verdict's word.
    pub verdict: &'static str,
    /// How it opened.
    pub opened: Option<&'static str>,
    /// How it ended.
    pub ended: Option<&'static str>,
    /// Who closed it.
    pub closed_by: Option<&'static str>,
    /// One sentence.
    pub reason: &'a str,
    /// The frames that prove it.
    pub evidence: &'a [u64],
    /// What is wrong with it.
    pub troubles: &'a [TroubleFacts],
    /// Its first frame.
    pub first_frame: u64,
    /// Its last frame.
    pub last_frame: u64,
    /// Time of the first segment.
    pub start: Timestamp,
    /// From the first to the last segment.
    pub duration: Span,
    /// From SYN to SYN-ACK.
    pub syn_to_synack: Option<Span>,
    /// From SYN-ACK to ACK.
    pub synack_to_ack: Option<Span>,
    /// From SYN to ACK.
    pub initial_rtt: Option<Span>,
    /// The longest wait.
    pub longest_wait: Option<WaitFacts>,
    /// Segments the client sent.
    pub client_packets: u64,
    /// Segments the server sent.
    pub server_packets: u64,
    /// Payload bytes the client sent, repeats not counted.
    pub client_bytes: u64,
    /// Payload bytes the server sent, repeats not counted.
    pub server_bytes: u64,
    /// Segments that were any kind of retransmission.
    pub retransmissions: u64,
    /// Zeek's `conn_state`.
    pub conn_state: &'static str,
    /// Zeek's `history`.
    pub history: &'a str,
    /// The end that Zeek calls originator.
    pub originator: &'static str,
    /// Wireshark's `tcp.completeness`.
    pub completeness: u8,
    /// The client's last state.
    pub client_state: Option<TcpState>,
    /// The server's last state.
    pub server_state: Option<TcpState>,
    /// On a wire: whose view of the twin connections this is.
    pub vantage: Option<&'static str>,
    /// On a wire: the other view's number.
    pub twin: Option<u32>,
    /// It was given up to keep memory bounded.
    pub evicted: bool,
}

/// A trouble as outside programs see it.
#[derive(Clone, Copy, Debug)]
pub struct TroubleFacts {
    /// Its word.
    pub kind: &'static str,
    /// First frame that shows it.
    pub first_frame: u64,
    /// Last frame that shows it.
    pub last_frame: u64,
    /// How long it lasted.
    pub lasted: Span,
}

/// The longest wait as outside programs see it.
#[derive(Clone, Copy, Debug)]
pub struct WaitFacts {
    /// Who owed the next byte.
    pub owed_by: Option<&'static str>,
    /// How long.
    pub lasted: Span,
    /// Frame before the wait.
    pub from_frame: u64,
    /// Frame that ended it.
    pub to_frame: u64,
}

/// The counts of a whole capture.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Packets, after the filter.
    pub frames: u64,
    /// Packets that held a TCP segment.
    pub segments: u64,
    /// Packets that did not, by reason; reasons that never occurred are left out.
    pub skipped: Vec<(&'static str, u64)>,
    /// Connections.
    pub connections: u64,
    /// Connections by verdict; verdicts that never occurred are left out.
    pub by_verdict: Vec<(&'static str, u64)>,
    /// Connections given up to keep memory bounded.
    pub evicted: u64,
    /// Those of them that had not ended.
    pub evicted_unended: u64,
    /// Packets that the capture itself lost, where it says.
    pub capture_dropped: u64,
    /// Bytes that the packets had on the wire.
    pub bytes: u64,
    /// Times of the earliest and the latest packet.
    pub period: Option<(Timestamp, Timestamp)>,
    /// Segments which show that the capture missed something that was delivered.
    pub gaps: u64,
    /// On a wire of which both ends were recorded and joined: its packets.
    pub wire: Option<WireCounts>,
}

/// The packets of a wire of which both ends were recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WireCounts {
    /// How many were sent.
    pub sent: u64,
    /// How many were received; one that the wire doubled counts twice.
    pub received: u64,
    /// How many of those that were sent never arrived.
    pub lost: u64,
}

impl WireCounts {
    /// `both ends recorded and joined: 17 packets sent, 16 received, 1 lost`
    #[must_use]
    pub fn in_words(self) -> String {
        format!(
            "both ends recorded and joined: {} sent, {} received, {} lost",
            Count(self.sent, "packet"),
            Number(self.received),
            Number(self.lost)
        )
    }
}

/// Names with their counts, without those that never occurred.
#[must_use]
pub fn occurred<const N: usize>(
    names: [&'static str; N],
    counts: &[u64; N],
) -> Vec<(&'static str, u64)> {
    let all = names.into_iter().zip(counts.iter().copied());
    all.filter(|(_, count)| *count > 0).collect()
}
