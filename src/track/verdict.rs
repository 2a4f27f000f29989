//! How a connection opened, ended, and what was wrong with it: the words of the JSON contract as enums.

use arrayvec::ArrayVec;

use super::connection::Connection;
use super::machine::{Crossing, Known, Over};
use crate::tcp::Side;
use crate::time::Span;

/// One word for the whole connection; the first that applies, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verdict {
    /// An RST or ICMP unreachable answered a SYN before any SYN-ACK (RFC 9293 section 3.5.3).
    Refused,
    /// SYNs from one side, nothing back.
    NoAnswer,
    /// SYN-ACK seen, RST before the handshake completed.
    Aborted,
    /// SYN-ACK seen, handshake never completed, no RST.
    Unfinished,
    /// An acceptable RST before both FINs were acknowledged (RFC 9293 section 3.5.3).
    Reset,
    /// Both FINs acknowledged (RFC 9293 section 3.6).
    Closed,
    /// One FIN: the other direction may go on (RFC 9293 section 3.6.1).
    HalfClosed,
    /// None of these.
    Open,
}

impl Verdict {
    /// All verdicts, in the order in which they are tried.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::NoAnswer,
        Self::Aborted,
        Self::Unfinished,
        Self::Reset,
        Self::Closed,
        Self::HalfClosed,
        Self::Open,
    ];

    /// The word of the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
            Self::Aborted => "aborted",
            Self::Unfinished => "unfinished",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::HalfClosed => "half_closed",
            Self::Open => "open",
        }
    }

    /// Whether nothing can follow that would change what is said about it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Refused | Self::Aborted | Self::Reset | Self::Closed
        )
    }
}

/// How a connection opened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Opened {
    /// SYN, SYN-ACK, ACK.
    Handshake,
    /// Both ends sent a SYN (RFC 9293 figure 7).
    Simultaneous,
    /// The SYN-ACK came in two pieces: an ACK and a SYN (RFC 9293 section 3.4.1).
    Split,
    /// Data in the SYN was accepted (RFC 7413).
    FastOpen,
    /// A socket connected to itself.
    SelfConnect,
    /// No SYN was seen.
    MidStream,
}

impl Opened {
    /// All ways to open.
    pub const ALL: [Self; 6] = [
        Self::Handshake,
        Self::Simultaneous,
        Self::Split,
        Self::FastOpen,
        Self::SelfConnect,
        Self::MidStream,
    ];

    /// The word of the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Simultaneous => "simultaneous",
            Self::Split => "split",
            Self::FastOpen => "fast_open",
            Self::SelfConnect => "self_connect",
            Self::MidStream => "mid_stream",
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ended {
    /// Both FINs were acknowledged.
    Fin,
    /// By an effective RST.
    Reset,
}

impl Ended {
    /// The word of the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Reset => "reset",
        }
    }
}

/// Something that an engineer should look at, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// Which kind.
    pub kind: TroubleKind,
    /// Number of the first frame that shows it.
    pub first_frame: u64,
    /// Number of the last frame that shows it.
    pub last_frame: u64,
    /// How long it lasted.
    pub lasted: Span,
    /// How often, where that makes sense: SYNs, probes, repeats; else 0.
    pub count: u32,
    /// Whose window it is, or whose data are not acknowledged; `None` where the kind names the end, or it concerns both.
    pub side: Option<Side>,
    /// The most payload bytes that one of its segments carried, where the path takes none of them; else 0.
    pub bytes: u32,
}

/// Kinds of trouble, in the order in which a table lists them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TroubleKind {
    /// A request was acknowledged and got no reply for long.
    ServerSilent,
    /// The client owed the next byte for long.
    ClientSilent,
    /// SYNs without any answer.
    NoAnswer,
    /// An RST after a long silence.
    ResetAfterIdle,
    /// A window of zero for long.
    ReceiverFull,
    /// Data repeated and never acknowledged.
    PathDead,
    /// SYNs repeated, or a handshake far slower than the later round trips.
    SlowOpen,
    /// A large share of segments had to be repeated.
    HeavyLoss,
    /// Nobody listened.
    Refused,
    /// The handshake never completed.
    Unfinished,
    /// The handshake was reset.
    Aborted,
}

impl TroubleKind {
    /// All kinds, in table order.
    pub const ALL: [Self; 11] = [
        Self::ServerSilent,
        Self::ClientSilent,
        Self::NoAnswer,
        Self::ResetAfterIdle,
        Self::ReceiverFull,
        Self::PathDead,
        Self::SlowOpen,
        Self::HeavyLoss,
        Self::Refused,
        Self::Unfinished,
        Self::Aborted,
    ];

    /// The word of the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerSilent => "server_silent",
            Self::ClientSilent => "client_silent",
            Self::NoAnswer => "no_answer",
            Self::ResetAfterIdle => "reset_after_idle",
            Self::ReceiverFull => "receiver_full",
            Self::PathDead => "path_dead",
            Self::SlowOpen => "slow_open",
            Self::HeavyLoss => "heavy_loss",
            Self::Refused => "refused",
            Self::Unfinished => "unfinished",
            Self::Aborted => "aborted",
        }
    }
}

/// The first verdict that applies.
pub(super) fn judge(connection: &Connection) -> Verdict {
    let machine = &connection.machine;
    let fin = machine
        .ends
        .iter()
        .any(|end| end.known.contains(Known::FIN));
    if machine.complete {
        return match machine.over {
            Some(Over::Fin) => Verdict::Closed,
            Some(Over::Reset | Over::Refused) => Verdict::Reset,
            None if fin => Verdict::HalfClosed,
            None => Verdict::Open,
        };
    }
    let syn = connection.opening.syn != 0;
    let syn_ack = connection.opening.syn_ack != 0;
    let both = machine
        .ends
        .iter()
        .all(|end| end.known.contains(Known::SYN));
    match machine.over {
        Some(Over::Refused) => Verdict::Refused,
        Some(Over::Reset) if syn_ack || both => Verdict::Aborted,
        None if syn_ack || both => Verdict::Unfinished,
        // A client that takes its own SYN back had no answer either; nor has one whose answers do not fit its SYN.
        _ if syn => Verdict::NoAnswer,
        Some(Over::Reset) => Verdict::Reset,
        Some(Over::Fin) => Verdict::Closed,
        None if fin => Verdict::HalfClosed,
        None => Verdict::Open,
    }
}

pub(super) fn opened(connection: &Connection) -> Option<Opened> {
    let machine = &connection.machine;
    if !machine.complete {
        return None;
    }
    let syn = machine
        .ends
        .iter()
        .any(|end| end.known.contains(Known::SYN));
    Some(match machine.crossing {
        _ if !syn => Opened::MidStream,
        _ if connection.is_self() => Opened::SelfConnect,
        Crossing::Simultaneous => Opened::Simultaneous,
        Crossing::Split => Opened::Split,
        Crossing::None if machine.fast_open => Opened::FastOpen,
        Crossing::None => Opened::Handshake,
    })
}

pub(super) fn closed_by(connection: &Connection) -> Option<Side> {
    let by_reset = matches!(connection.machine.over, Some(Over::Reset | Over::Refused));
    if by_reset && connection.reset != 0 {
        return Some(connection.reset_by.side);
    }
    match connection.parties.each_ref().map(|party| party.fin) {
        [0, 0] => None,
        [0, _] => Some(Side::Server),
        [client, server] if server != 0 && server < client => Some(Side::Server),
        _ => Some(Side::Client),
    }
}

/// The opening, and what ended it; a refusal's or a reset's last frame is the RST, a half close's is the FIN.
pub(super) fn evidence(connection: &Connection) -> ArrayVec<u64, 12> {
    let opening = &connection.opening;
    let mut frames = ArrayVec::from_iter([opening.syn, opening.syn_ack, opening.ack]);
    let verdict = judge(connection);
    match verdict {
        Verdict::Refused | Verdict::Aborted | Verdict::Reset => {
            frames.push(connection.reset);
            if connection.reset == 0 {
                frames.extend(connection.icmp.as_ref().map(|icmp| icmp.frame));
            }
        }
        Verdict::Closed => {
            for party in &connection.parties {
                frames.extend([party.fin, party.fin_acked]);
            }
        }
        Verdict::HalfClosed => frames.extend(connection.parties.each_ref().map(|party| party.fin)),
        Verdict::NoAnswer | Verdict::Unfinished | Verdict::Open => {}
    }
    frames.retain(|frame| *frame != 0);
    if frames.is_empty() {
        frames.push(connection.first_frame);
    }
    frames.sort_unstable();
    let mut last = 0;
    frames.retain(|frame| std::mem::replace(&mut last, *frame) != *frame);
    frames
}
