//! One connection as an observer infers it: two ends, the opening, measures, and what is said of it.

use arrayvec::ArrayVec;

use super::{ConnectionId, Ended, Opened, Trouble, Verdict};
use crate::tcp::{Endpoint, FastOpen, OptionsSeen, Side, TcpState};
use crate::time::{Span, Timestamp};

/// How it is known which end is the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Roles {
    /// The first SYN, or its SYN-ACK, was seen.
    Seen,
    /// Judged by port numbers, because the capture began in the middle.
    Assumed,
}

/// What one end offered in its SYN or SYN-ACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offer {
    /// Maximum segment size it can receive, bytes.
    pub mss: Option<u16>,
    /// Its window scale shift.
    pub window_scale: Option<u8>,
    /// The window field, unscaled.
    pub window: u16,
    /// Which options were there.
    pub seen: OptionsSeen,
    /// Its Fast Open option.
    pub fast_open: Option<FastOpen>,
    /// It asked for ECN (ECE and CWR on a SYN, ECE on a SYN-ACK; RFC 3168 section 6.1.1).
    pub ecn: bool,
}

/// Segments and bytes that one end sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Segments.
    pub packets: u64,
    /// Payload bytes, each counted once: repeated bytes do not count again.
    pub bytes: u64,
    /// Segments that were any kind of retransmission.
    pub retransmissions: u64,
}

/// One end of a connection as it can be inferred from outside.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Its state, `None` where unknown.
    pub state: Option<TcpState>,
    /// What it offered; `None` when its SYN was not seen.
    pub offer: Option<Offer>,
    /// What it sent.
    pub counts: Counts,
    /// Frame of its first FIN.
    pub fin_frame: Option<u64>,
    /// Payload bytes it has sent that are not acknowledged yet.
    pub in_flight: u32,
}

/// The opening of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Handshake {
    /// Frame of the first SYN.
    pub syn: Option<u64>,
    /// Frame of the first SYN-ACK.
    pub syn_ack: Option<u64>,
    /// Frame of the ACK that completes it.
    pub ack: Option<u64>,
    /// How many SYNs the client sent.
    pub syns: u32,
    /// From the most recent SYN to the SYN-ACK.
    pub syn_to_synack: Option<Span>,
    /// From the SYN-ACK to the ACK.
    pub synack_to_ack: Option<Span>,
    /// From the most recent SYN to the ACK.
    pub initial_rtt: Option<Span>,
}

/// The longest time in which one end owed the next byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LongestWait {
    /// Who owed it. `None`: neither, the connection was idle between exchanges.
    pub owed_by: Option<Side>,
    /// How long.
    pub lasted: Span,
    /// Frame after which the wait began.
    pub from_frame: u64,
    /// Frame that ended it.
    pub to_frame: u64,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) id: ConnectionId,
    pub(super) endpoints: [Endpoint; 2],
    pub(super) roles: Roles,
    pub(super) peers: [Peer; 2],
    pub(super) handshake: Handshake,
    pub(super) first_frame: u64,
    pub(super) last_frame: u64,
    pub(super) start: Timestamp,
    pub(super) last: Timestamp,
    pub(super) evicted: bool,
}

impl Connection {
    /// Its number, in order of first appearance, from 1.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Address and port of one end.
    #[must_use]
    pub fn endpoint(&self, side: Side) -> Endpoint {
        self.endpoints[side as usize]
    }

    /// How the roles are known.
    #[must_use]
    pub fn roles(&self) -> Roles {
        self.roles
    }

    /// One end.
    #[must_use]
    pub fn peer(&self, side: Side) -> &Peer {
        &self.peers[side as usize]
    }

    /// The opening.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// First and last frame.
    #[must_use]
    pub fn frames(&self) -> (u64, u64) {
        (self.first_frame, self.last_frame)
    }

    /// Time of the first segment.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Time of the last segment.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.last
    }

    /// From the first to the last segment.
    #[must_use]
    pub fn duration(&self) -> Span {
        self.last - self.start
    }

    /// The state of one end before the first segment, as far as it is known: judged from what followed.
    #[must_use]
    pub fn state_before(&self, _side: Side) -> Option<TcpState> {
        None
    }

    /// One word for it as it stands.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict::Open
    }

    /// How it opened; `None` if it never did.
    #[must_use]
    pub fn opened(&self) -> Option<Opened> {
        None
    }

    /// How it ended; `None` if it has not.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        None
    }

    /// Sender of the first FIN or of the effective RST.
    #[must_use]
    pub fn closed_by(&self) -> Option<Side> {
        None
    }

    /// The frames that prove the verdict, in order.
    #[must_use]
    pub fn evidence(&self) -> ArrayVec<u64, 12> {
        ArrayVec::new()
    }

    /// What an engineer should look at.
    #[must_use]
    pub fn troubles(&self) -> ArrayVec<Trouble, 8> {
        ArrayVec::new()
    }

    /// The longest wait, once there was one.
    #[must_use]
    pub fn longest_wait(&self) -> Option<LongestWait> {
        None
    }

    /// The end that Zeek calls originator.
    #[must_use]
    pub fn originator(&self) -> Side {
        Side::Client
    }

    /// Zeek's `conn_state`.
    #[must_use]
    pub fn conn_state(&self) -> &'static str {
        "OTH"
    }

    /// Zeek's `history`.
    #[must_use]
    pub fn history(&self) -> &str {
        ""
    }

    /// Wireshark's `tcp.completeness`.
    #[must_use]
    pub fn completeness(&self) -> u8 {
        0
    }

    /// It was given up to keep memory bounded, before it was final.
    #[must_use]
    pub fn evicted(&self) -> bool {
        self.evicted
    }
}
