//! One connection as an observer infers it: two ends, the opening, measures, and what is said of it.

use arrayvec::ArrayVec;

use super::ahead::fetch;
use super::book::{Analysts, Book};
use super::hardship::Hardships;
use super::labels::Ring;
use super::machine::{Crossing, End, Known, Machine, Over};
use super::opening::Opening;
use super::sequence::Sent;
use super::waits::Waits;
use super::{ConnectionId, Ended, Opened, Trouble, Verdict, trouble, verdict};
use crate::tcp::{Endpoint, FastOpen, IcmpKind, OptionsSeen, SeqNumber, Side, TcpState};
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
    /// Maximum segment size it can receive, in bytes (RFC 9293 section 3.7.1).
    pub mss: Option<u16>,
    /// Its window scale shift, in bits (RFC 7323 section 2.2).
    pub window_scale: Option<u8>,
    /// The window field in bytes: on a SYN it is never scaled.
    pub window: u16,
    /// Which options were there.
    pub seen: OptionsSeen,
    /// Its Fast Open option.
    pub fast_open: Option<FastOpen>,
    /// It asked for ECN (ECE and CWR on a SYN, ECE on a SYN-ACK; RFC 3168 section 6.1.1).
    pub ecn: bool,
}

/// What both SYNs agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Negotiated {
    /// Options that both ends sent: window scale and timestamps (RFC 7323), SACK permitted (RFC 2018) hold only then.
    pub options: OptionsSeen,
    /// Explicit congestion notification (RFC 3168).
    pub ecn: bool,
}

/// Segments and bytes that one end sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Segments, those without payload and copies included.
    pub packets: u64,
    /// Payload bytes, each counted once: repeated bytes do not count again.
    pub bytes: u64,
    /// Segments that were any kind of retransmission.
    pub retransmissions: u64,
}

/// Round-trip times of what one end sent: from a segment sent once to the ACK that ends exactly there, as seen at the
/// capture point (RFC 6298 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoundTrips {
    /// How many samples were taken.
    pub count: u32,
    /// The shortest.
    pub min: Span,
    /// The longest.
    pub max: Span,
    /// SRTT of RFC 6298 section 2: each new sample counts one eighth.
    pub smoothed: Span,
}

/// One end of a connection as it can be inferred from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Peer {
    /// Its state (RFC 9293 section 3.3.2), `None` where unknown.
    pub state: Option<TcpState>,
    /// What it offered; `None` when its SYN was not seen.
    pub offer: Option<Offer>,
    /// What it sent.
    pub counts: Counts,
    /// Frame of its first FIN.
    pub fin_frame: Option<u64>,
    /// Payload bytes it has sent that are not acknowledged yet (`FlightSize` of RFC 5681 section 2).
    pub in_flight: u32,
    /// Round-trip times of what it sent.
    pub round_trips: RoundTrips,
}

/// What is kept of one end beside its machine; frames are 0 where there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Party {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) fin: u64,
    pub(super) fin_acked: u64,
    pub(super) round_trips: RoundTrips,
    pub(super) retransmissions: u32,
    pub(super) offer: Option<Offer>,
}

/// The opening of a connection (RFC 9293 section 3.5). Frames are numbers in the capture, from 1; times are as seen at the
/// capture point.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Handshake {
    /// Frame of the first SYN.
    pub syn: Option<u64>,
    /// Frame of the first SYN-ACK.
    pub syn_ack: Option<u64>,
    /// Frame of the ACK that completes it.
    pub ack: Option<u64>,
    /// How many SYNs the client sent until then, repeats included; what the network or the capture doubled was sent once.
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
    /// Frame that ended it; the last one seen when it never ended.
    pub to_frame: u64,
    /// From its beginning to the acknowledgment of what began it: quick, and the program is slow; late, and the path
    /// or the capture point is; `None`, it was never acknowledged alone.
    pub acknowledged: Option<Span>,
}

/// An ICMP error about the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpRemark {
    /// The frame of the first one.
    pub frame: u64,
    /// What it says.
    pub kind: IcmpKind,
    /// How many there were.
    pub count: u32,
}

/// Who sent the RST that took effect, and whether it had no ACK.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resetter {
    pub(super) side: Side,
    pub(super) bare: bool,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) endpoints: [Endpoint; 2],
    pub(super) id: ConnectionId,
    pub(super) roles: Roles,
    pub(super) evicted: bool,
    /// It waits in the queue of those that become final after their linger time.
    pub(super) lingers: bool,
    /// It has left the table, and is only there to be looked at.
    pub(super) is_final: bool,
    /// Bytes on the heap that the tracker counts for it.
    pub(super) weighed: u32,
    /// Which end sent the first segment: the records of the analysts below count ends from it.
    pub(super) first_sender: Side,
    /// Who sent the RST that took effect, and how; says nothing while `reset` is 0.
    pub(super) reset_by: Resetter,
    /// Frame of the RST that took effect, 0 when there was none.
    pub(super) reset: u64,
    pub(super) first_frame: u64,
    pub(super) last_frame: u64,
    pub(super) start: Timestamp,
    pub(super) last: Timestamp,
    /// Time up to which nothing more of it was seen; later than `last` once the input has ended.
    pub(super) until: Timestamp,
    pub(super) machine: Machine,
    pub(super) parties: [Party; 2],
    pub(super) opening: Opening,
    pub(super) waits: Waits,
    pub(super) hardships: Option<Box<Hardships>>,
    pub(super) icmp: Option<Box<IcmpRemark>>,
    pub(super) book: Book,
    /// Those who judge its segments, when not everything went by the book.
    pub(super) analysts: Option<Box<Analysts>>,
}

impl Connection {
    /// What the numbers of one end are relative to.
    pub(super) fn base(&self, side: Side) -> Option<SeqNumber> {
        let end = &self.machine.ends[side as usize];
        end.known.contains(Known::BASE).then_some(end.base)
    }

    /// Whether it is in the table.
    pub(super) fn is_kept(&self) -> bool {
        self.id != 0 && !self.is_final
    }

    /// Whether it is the one with this number, and still in the table: places are given to others.
    pub(super) fn is_kept_as(&self, id: ConnectionId) -> bool {
        self.id == id && !self.is_final
    }

    /// Fetches what the next segment needs beside the connection itself.
    #[inline]
    pub(super) fn fetch_rings(&self) {
        for page in &self.book.pages {
            if let Some(sent) = page.sent.last() {
                fetch(sent);
            }
        }
    }

    /// Remembers only the latest few of the segments that it sends, from now on.
    pub(super) fn slim_down(&mut self) {
        for page in &mut self.book.pages {
            page.sent.shorten();
        }
        if let Some(analysts) = &mut self.analysts {
            analysts.judge.shorten();
        }
    }

    /// Gives up what it holds, so that its place can be taken by another.
    pub(super) fn clear(&mut self) {
        self.id = 0;
        self.weighed = 0;
        self.hardships = None;
        self.icmp = None;
        self.analysts = None;
        for page in &mut self.book.pages {
            page.sent = Ring::default();
        }
        for end in &mut self.machine.ends {
            end.sent = Sent::default();
        }
    }

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
    pub fn peer(&self, side: Side) -> Peer {
        let end = self.end_of(side);
        let party = &self.parties[side as usize];
        Peer {
            state: end.state,
            offer: party.offer,
            counts: Counts {
                packets: party.packets,
                bytes: party.bytes,
                retransmissions: u64::from(party.retransmissions),
            },
            fin_frame: (party.fin != 0).then_some(party.fin),
            in_flight: end.in_flight(),
            round_trips: party.round_trips,
        }
    }

    /// The machine of one end; a socket connected to itself has only one.
    #[inline]
    pub(super) fn end_of(&self, side: Side) -> &End {
        let index = if self.is_self() { 0 } else { side as usize };
        &self.machine.ends[index]
    }

    /// A socket connected to itself: both ends are the same.
    #[must_use]
    pub fn is_self(&self) -> bool {
        self.endpoints[0] == self.endpoints[1]
    }

    /// The opening: its frames and times, as far as they were seen.
    #[must_use]
    pub fn handshake(&self) -> Handshake {
        self.opening.handshake()
    }

    /// The frame of the SYN that was answered, where the client had to repeat it until then.
    #[must_use]
    pub fn syn_heard(&self) -> Option<u64> {
        self.opening
            .heard()
            .filter(|_| self.machine.crossing == Crossing::None)
    }

    /// The same with the roles of both ends exchanged, to be looked at. Where SYNs cross on a wire, each end is the client in
    /// its own eyes, and words about both views need one name for each.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        let mut mirrored = self.clone();
        mirrored.endpoints.swap(0, 1);
        mirrored.parties.swap(0, 1);
        mirrored.machine.ends.swap(0, 1);
        mirrored
    }

    /// What both SYNs agreed on; `None` when not both were seen.
    #[must_use]
    pub fn negotiated(&self) -> Option<Negotiated> {
        let client = self.parties[0].offer?;
        let server = self.parties[1].offer?;
        Some(Negotiated {
            options: client.seen & server.seen,
            ecn: client.ecn && server.ecn,
        })
    }

    /// The state of `side` before the first segment, judged by everything that was seen since: for the top of a ladder.
    #[must_use]
    pub fn state_before(&self, side: Side) -> Option<TcpState> {
        let [client, server] = &self.machine.ends;
        if self.is_self() || self.opened() == Some(Opened::Simultaneous) {
            return Some(TcpState::Closed);
        }
        let syn_seen = client.known.contains(Known::ACTIVE);
        let answered = server.known.contains(Known::SYN);
        match side {
            Side::Client if syn_seen => Some(TcpState::Closed),
            Side::Client if answered => Some(TcpState::SynSent),
            Side::Server if syn_seen && (answered || self.opened().is_some()) => {
                Some(TcpState::Listen)
            }
            Side::Server if answered => Some(TcpState::SynReceived),
            Side::Server if self.was_refused() => Some(TcpState::Closed),
            _ => None,
        }
    }

    /// The state of `side` after the last segment, judged by everything that was seen. A SYN that nobody answered need not have
    /// reached anybody.
    #[must_use]
    pub fn last_state(&self, side: Side) -> Option<TcpState> {
        match side {
            Side::Server if self.verdict() == Verdict::NoAnswer => None,
            _ => self.end_of(side).state,
        }
    }

    /// A refusing RST: there was no socket at the server's end.
    pub(super) fn was_refused(&self) -> bool {
        self.machine.over == Some(Over::Refused)
    }

    /// Numbers of the first and the last frame in the capture, from 1.
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

    /// Payload bytes a second that `side` sent, over the connection's whole duration; `None` where that is zero.
    #[must_use]
    pub fn goodput(&self, side: Side) -> Option<f64> {
        let seconds = self.duration().as_secs_f64();
        (seconds > 0.0).then(|| self.peer(side).counts.bytes as f64 / seconds)
    }

    /// One word for it as it stands.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        verdict::judge(self)
    }

    /// How it opened; `None` if it never did.
    #[must_use]
    pub fn opened(&self) -> Option<Opened> {
        verdict::opened(self)
    }

    /// How it ended; `None` if it has not.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        match self.machine.over? {
            Over::Fin => Some(Ended::Fin),
            Over::Refused | Over::Reset => (self.reset != 0).then_some(Ended::Reset),
        }
    }

    /// Sender of the first FIN or of the effective RST.
    #[must_use]
    pub fn closed_by(&self) -> Option<Side> {
        verdict::closed_by(self)
    }

    /// The RST that took effect has no ACK: so are answered segments that meet no connection, while a program that aborts
    /// one acknowledges what it has (RFC 9293 sections 3.5.2 and 3.10.7.1).
    #[must_use]
    pub fn reset_without_ack(&self) -> bool {
        self.reset != 0 && self.reset_by.bare
    }

    /// Whether payload can have reached `side`: it was sent some, it acknowledged some that the capture missed, or nobody knows
    /// what came before the capture.
    #[must_use]
    pub fn may_have_received(&self, side: Side) -> bool {
        let (own, other) = (self.end_of(side), self.end_of(!side));
        let seen = self.peer(!side).counts.bytes > 0;
        // SYN and FIN take a number each.
        let controls = 1 + u32::from(other.known.contains(Known::FIN_ACKED));
        let missed = own.known.contains(Known::ACKS)
            && other.known.contains(Known::BASE)
            && own.expects.after(other.base + controls);
        seen || missed || self.opened() == Some(Opened::MidStream)
    }

    /// Numbers of the frames that prove the verdict, in order of the capture.
    #[must_use]
    pub fn evidence(&self) -> ArrayVec<u64, 12> {
        verdict::evidence(self)
    }

    /// What an engineer should look at.
    #[must_use]
    pub fn troubles(&self) -> ArrayVec<Trouble, 8> {
        trouble::find(self)
    }

    /// The longest wait, once there was one.
    #[must_use]
    pub fn longest_wait(&self) -> Option<LongestWait> {
        self.waits.longest(self.last_frame, self.waited_until())
    }

    /// Nobody waits for anything after the end.
    pub(super) fn waited_until(&self) -> Timestamp {
        if self.machine.over.is_some() {
            self.last
        } else {
            self.until.max(self.last)
        }
    }

    /// The first ICMP error that quoted a segment of this connection.
    #[must_use]
    pub fn icmp_error(&self) -> Option<IcmpRemark> {
        self.icmp.as_deref().copied()
    }

    /// The end that Zeek calls originator.
    #[must_use]
    pub fn originator(&self) -> Side {
        let originator = self
            .analysts
            .as_ref()
            .map_or(0, |analysts| analysts.zeek.originator());
        if originator == 0 {
            self.first_sender
        } else {
            !self.first_sender
        }
    }

    /// Zeek's `conn_state`.
    #[must_use]
    pub fn conn_state(&self) -> &'static str {
        match &self.analysts {
            Some(analysts) => analysts.zeek.conn_state(),
            None => self.zeek_by_the_book().conn_state(),
        }
    }

    /// Zeek's `history`.
    #[must_use]
    pub fn history(&self) -> &str {
        match &self.analysts {
            Some(analysts) => analysts.zeek.history(),
            None => self.book.history(),
        }
    }

    /// Wireshark's `tcp.completeness`.
    #[must_use]
    pub fn completeness(&self) -> u8 {
        match &self.analysts {
            Some(analysts) => analysts.wireshark.completeness(),
            None => self.book.completeness.bits(),
        }
    }

    /// It was given up to keep memory bounded, before it was final.
    #[must_use]
    pub fn evicted(&self) -> bool {
        self.evicted
    }
}
