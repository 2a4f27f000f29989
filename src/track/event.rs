//! What one segment did: state transitions, labels and remarks, as facts without text.

use arrayvec::ArrayVec;

use super::{Connection, ConnectionId, Slot, Verdict};
use crate::tcp::{Direction, Labels, Side, TcpState};
use crate::time::Span;

/// What one segment did to its connection.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The connection's number.
    pub connection: ConnectionId,
    /// Where the tracker keeps it; valid until the next segment is tracked.
    pub slot: Slot,
    /// This segment is the connection's first.
    pub begins: bool,
    /// Who sent it to whom.
    pub direction: Direction,
    /// Relative sequence number (modulo 2^32; the first SYN is 0).
    pub seq: u32,
    /// Relative acknowledgment number; 0 without the ACK flag.
    pub ack: u32,
    /// The receive window it offers in bytes: scaled where the scale is known and applies.
    pub window: u32,
    /// The sender's window scale shift, where both SYNs were seen to offer one.
    pub window_scale: Option<u8>,
    /// What an analyst calls it.
    pub labels: Labels,
    /// The client's state before and after.
    pub client: Transition,
    /// The server's state before and after.
    pub server: Transition,
    /// On a wire: whether this sent segment arrived. `None` where that is not known.
    pub delivered: Option<bool>,
    /// Remarks, most important first.
    pub events: ArrayVec<Event, 8>,
}

/// A state before and after a segment; `None` where it is unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Transition {
    /// Before the segment.
    pub before: Option<TcpState>,
    /// After it was sent, or received.
    pub after: Option<TcpState>,
}

impl Transition {
    /// Whether the segment changed the state.
    #[must_use]
    pub fn changed(self) -> bool {
        self.before != self.after
    }
}

impl Change {
    /// The transition of one side.
    #[must_use]
    pub const fn of(&self, side: Side) -> Transition {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }

    /// The same, to be corrected by who knows better.
    pub const fn of_mut(&mut self, side: Side) -> &mut Transition {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The same with the roles of both ends exchanged.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        Self {
            direction: match self.direction {
                Direction::ClientToServer => Direction::ServerToClient,
                Direction::ServerToClient => Direction::ClientToServer,
            },
            client: self.server,
            server: self.client,
            ..self.clone()
        }
    }

    /// Corrects the states in `frame` by what the whole connection showed later: where a SYN was refused or never
    /// answered, no socket received it, though it had to be assumed that one did when it was sent. Where a SYN-ACK was never
    /// acknowledged, it opened nothing at the client's end, as far as anybody can see. Of SYNs before the
    /// one that was answered nobody knows: they may have been lost, or dropped at a full queue.
    pub fn in_hindsight(&mut self, connection: &Connection, frame: u64) {
        let known = match connection.verdict() {
            Verdict::Refused => Some(TcpState::Closed),
            Verdict::NoAnswer => None,
            Verdict::Unfinished | Verdict::Aborted
                if self.client.before == Some(TcpState::SynSent)
                    && self.client.after == Some(TcpState::Established) =>
            {
                self.client.after = self.client.before;
                return;
            }
            _ => {
                match connection.syn_heard() {
                    Some(heard) if frame < heard => self.server = Transition::default(),
                    Some(heard) if frame == heard => self.server.before = None,
                    _ => {}
                }
                return;
            }
        };
        self.server = Transition {
            before: known,
            after: known,
        };
    }
}

/// A fact about one segment. Frames are numbers in the capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// This ACK completes the opening.
    HandshakeCompletes {
        /// From the (last) SYN to its SYN-ACK, as seen at the capture point.
        syn_to_synack: Span,
        /// From the SYN-ACK to this ACK.
        synack_to_ack: Span,
    },
    /// Acknowledges something for the first time.
    Acknowledges {
        /// Payload bytes newly acknowledged (SYN and FIN not counted).
        bytes: u32,
        /// The peer's SYN is among what is acknowledged.
        syn: bool,
        /// The peer's FIN is among what is acknowledged.
        fin: bool,
        /// The latest segment that ends exactly here, when it is still known and SACK has not reported it before.
        frame: Option<u64>,
        /// Time since that segment, when it was sent only once (Karn's rule, RFC 6298 section 3).
        rtt: Option<Span>,
    },
    /// Says the same acknowledgment number again.
    DuplicateAck {
        /// The how-manieth duplicate, from 1.
        number: u32,
        /// The ACK that said it first.
        of: u64,
    },
    /// Sends again what an earlier segment sent.
    Repeats {
        /// The latest earlier segment that sent these bytes; `None` when the capture has none.
        frame: Option<u64>,
        /// What made the sender repeat it, as far as it can be inferred.
        cause: RepeatCause,
        /// Time since that segment.
        after: Option<Span>,
    },
    /// Bytes before this segment were not seen.
    Gap {
        /// How many.
        bytes: u32,
    },
    /// Arrived late: belongs before segments that were seen earlier, and was not seen before itself.
    FillsGap,
    /// Acknowledges bytes that the capture never saw, so they were delivered and the capture missed them.
    AcknowledgesUnseen {
        /// How many.
        bytes: u32,
    },
    /// SACK blocks beyond the acknowledgment number report segments that arrived out of order.
    SelectivelyAcknowledges {
        /// Blocks above the acknowledgment number.
        blocks: u8,
    },
    /// A D-SACK: something arrived twice (RFC 2883).
    DuplicateSack {
        /// First number of what arrived twice, relative.
        left: u32,
        /// The number after its last one, relative.
        right: u32,
    },
    /// The sender's receive window is now closed.
    WindowCloses,
    /// The sender's receive window is open again.
    WindowReopens {
        /// How long it was closed.
        closed_for: Span,
    },
    /// Fills the peer's window to the last byte.
    FillsWindow,
    /// A zero-window probe (RFC 9293 section 3.8.6.1).
    WindowProbe {
        /// The how-manieth since the window closed, from 1.
        number: u32,
    },
    /// Answers a zero-window probe.
    AnswersProbe,
    /// A keep-alive (RFC 9293 section 3.8.4).
    KeepAlive {
        /// Since the last segment in either direction.
        idle: Span,
    },
    /// Answers a keep-alive.
    AnswersKeepAlive,
    /// A FIN whose number was already taken by an earlier one is not repeated here; this is the sender's first.
    Finishes {
        /// The side that closes is the first to do so.
        first: bool,
    },
    /// An RST and what it did.
    Resets {
        /// Its effect.
        effect: ResetEffect,
    },
    /// SYNs crossed: both ends open actively (RFC 9293 figure 7).
    SimultaneousOpen,
    /// A socket talks to itself.
    SelfConnect,
    /// A SYN that was there before.
    SynRepeated {
        /// How many SYNs of this side there were before, copies not counted.
        before: u32,
        /// Since the first one.
        since_first: Span,
        /// It is the packet that came just before, as far as its header and the time tell: the network or the capture made
        /// a copy.
        copy: bool,
    },
    /// A SYN with a Fast Open cookie, or a request for one (RFC 7413).
    FastOpen {
        /// Data bytes carried in the SYN.
        bytes: u32,
        /// It has a cookie; otherwise it asks for one.
        cookie: bool,
    },
    /// The SYN-ACK's answer to data in the SYN.
    FastOpenAnswered {
        /// It acknowledges the data too.
        accepted: bool,
    },
    /// An ACK sent to check a suspicious segment (RFC 5961).
    ChallengeAck {
        /// The suspicious segment.
        of: u64,
    },
    /// The same pair of ports was used by an earlier connection.
    ReusesPorts {
        /// Its number.
        previous: ConnectionId,
    },
    /// The capture recorded the packet twice.
    CaptureDuplicate {
        /// The first record of it.
        of: u64,
    },
    /// The sender marks that it met congestion, or answers such a mark (RFC 3168).
    CongestionMark {
        /// CE in the IP header; otherwise ECE or CWR in the TCP header.
        in_ip: bool,
    },
}

/// What made a sender repeat something. All of these are inferred from timing and acknowledgments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RepeatCause {
    /// The retransmission timer ran out (RFC 6298).
    Timer {
        /// The how-manieth time for these bytes, from 1; from 2 on the timer has backed off.
        attempt: u32,
    },
    /// It was out when the timer ran out for something before it, and is sent again after that (RFC 5681 section 3.1).
    AfterTimer,
    /// Duplicate ACKs or SACK showed a loss (RFC 5681, 6675, 8985).
    FastRetransmit,
    /// The tail was repeated to provoke an ACK (RFC 8985 section 7).
    TailLossProbe,
    /// A SYN-ACK: the SYN that it answers came again.
    SynAgain,
    /// The receiver already had it.
    Spurious,
    /// It was sent once: the network delivered the same packet twice.
    Network,
    /// Cannot be told.
    Unknown,
}

/// What an RST did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResetEffect {
    /// It answers a SYN: nobody listens (RFC 9293 section 3.10.7.1).
    Refuses,
    /// It ends a handshake that was under way.
    AbortsOpening,
    /// It ends the connection.
    Ends,
    /// The connection was over already.
    AfterClose,
    /// Its number lies outside the receiver's window: a correct receiver ignores it.
    Ignored,
    /// Its number lies inside the window but is not the expected one: a challenge ACK is due (RFC 5961 section 3.2).
    Challenged,
    /// It answers a segment without ACK that met no connection, and ends none (RFC 9293 section 3.10.7.1).
    NoConnection,
}
