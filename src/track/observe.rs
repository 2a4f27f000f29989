//! One segment meets its connection: machines move, measures grow, facts come out as a [`Change`].

use arrayvec::ArrayVec;

use super::book::{Analysts, Book};
use super::connection::{Connection, IcmpRemark, Offer, Party, Resetter, Roles};
use super::event::{Change, Event, Transition};
use super::hardship::Hardships;
use super::labels::Judge;
use super::limits::LabelRules;
use super::machine::{Crossing, Did, Machine, Moves};
use super::opening::Opening;
use super::tracker::ConnectionId;
use super::waits::Waits;
use crate::tcp::{
    Direction, Endpoint, FastOpen, Flags, IcmpError, IcmpKind, Labels, OptionsSeen, Segment, Side,
    TcpState,
};
use crate::time::Timestamp;

/// Who sends to whom, in the numberings that the parts of a connection use.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) from: Side,
    pub(super) to: Side,
    /// Machines of sender and receiver; the same one for a socket connected to itself.
    pub(super) s: usize,
    pub(super) r: usize,
    /// 0 for the end that sent the connection's first segment.
    pub(super) teller: usize,
    pub(super) direction: Direction,
}

/// Where and when a segment was captured.
#[derive(Clone, Copy)]
pub(super) struct Met {
    pub(super) frame: u64,
    pub(super) time: Timestamp,
}

impl From<&Segment> for Met {
    #[inline]
    fn from(segment: &Segment) -> Self {
        Self {
            frame: segment.frame,
            time: segment.time,
        }
    }
}

impl Connection {
    /// A connection that begins with `segment`.
    pub(super) fn begin(
        id: ConnectionId,
        segment: &Segment,
        client: Endpoint,
        roles: Roles,
    ) -> Self {
        let (server, first_sender) = if client == segment.tuple.source {
            (segment.tuple.destination, Side::Client)
        } else {
            (segment.tuple.source, Side::Server)
        };
        Self {
            id,
            roles,
            first_sender,
            first_frame: segment.frame,
            start: segment.time,
            last: segment.time,
            ..Self::husk([client, server])
        }
    }

    /// The same in the place of another connection, whose room on the heap is used again.
    pub(super) fn begin_again(
        &mut self,
        id: ConnectionId,
        segment: &Segment,
        client: Endpoint,
        roles: Roles,
    ) {
        let [first, second] = &mut self.book.pages;
        let rings = [first.sent.emptied(), second.sent.emptied()];
        *self = Self::begin(id, segment, client, roles);
        [self.book.pages[0].sent, self.book.pages[1].sent] = rings;
    }

    /// Nothing yet: what fills the place of a connection that has left the table.
    pub(super) fn husk(endpoints: [Endpoint; 2]) -> Self {
        Self {
            endpoints,
            id: 0,
            roles: Roles::Assumed,
            evicted: false,
            lingers: false,
            is_final: false,
            weighed: 0,
            first_sender: Side::Client,
            reset_by: Resetter {
                side: Side::Client,
                bare: false,
            },
            reset: 0,
            first_frame: 0,
            last_frame: 0,
            start: Timestamp::default(),
            last: Timestamp::default(),
            until: Timestamp::default(),
            machine: Machine::default(),
            parties: [Party::default(), Party::default()],
            opening: Opening::new(),
            waits: Waits::default(),
            hardships: None,
            icmp: None,
            book: Book::new(),
            analysts: None,
        }
    }

    /// Bytes it takes up beside the table.
    #[inline]
    pub(super) fn heap(&self) -> usize {
        let hardships = self
            .hardships
            .as_ref()
            .map_or(0, |_| size_of::<Hardships>());
        let analysts = self
            .analysts
            .as_ref()
            .map_or(0, |analysts| size_of::<Analysts>() + analysts.judge.heap());
        let [first, second] = &self.book.pages;
        let [client, server] = &self.machine.ends;
        analysts
            + hardships
            + first.sent.heap()
            + second.sent.heap()
            + client.sent.heap()
            + server.sent.heap()
    }

    /// Which way `segment` travels. A socket connected to itself leaves no address to tell by, so what asks goes to the
    /// right and what answers goes to the left: a SYN-ACK, and an ACK that carries nothing.
    #[inline]
    pub(super) fn direction(&self, segment: &Segment) -> Direction {
        if segment.tuple.source != self.endpoints[0] {
            return Direction::ServerToClient;
        }
        if !self.is_self() {
            return Direction::ClientToServer;
        }
        let control = Flags::FIN | Flags::SYN | Flags::RST;
        let bare = segment.len == 0 && !segment.flags.intersects(control);
        if segment.flags.is_syn_ack() || (bare && segment.flags.contains(Flags::ACK)) {
            Direction::ServerToClient
        } else {
            Direction::ClientToServer
        }
    }

    /// How the analysts below number the end that sends `segment`.
    pub(super) fn teller(&self, from: Side) -> usize {
        usize::from(from != self.first_sender && !self.is_self())
    }

    /// Which way a segment travels in a connection whose client sent the first one, and is not connected to itself.
    #[inline]
    fn way_from(from: Side) -> Way {
        let to = !from;
        Way {
            from,
            to,
            s: from as usize,
            r: to as usize,
            teller: from as usize,
            direction: match from {
                Side::Client => Direction::ClientToServer,
                Side::Server => Direction::ServerToClient,
            },
        }
    }

    /// The ways of client and server in such a connection.
    #[inline]
    pub(super) fn ways() -> [Way; 2] {
        [Side::Client, Side::Server].map(Self::way_from)
    }

    fn way(&self, direction: Direction) -> Way {
        let (from, to) = (direction.sender(), direction.receiver());
        let (s, r) = if self.is_self() {
            (0, 0)
        } else {
            (from as usize, to as usize)
        };
        Way {
            from,
            to,
            s,
            r,
            teller: self.teller(from),
            direction,
        }
    }

    /// Takes a segment of this connection, and tells what it did. True if it went by the book.
    #[inline]
    pub(super) fn take(
        &mut self,
        segment: &Segment,
        rules: LabelRules,
        change: &mut Change,
    ) -> bool {
        self.take_on(self.way(self.direction(segment)), segment, rules, change)
    }

    /// The same when it is known which way it travels.
    #[inline]
    pub(super) fn take_on(
        &mut self,
        way: Way,
        segment: &Segment,
        rules: LabelRules,
        change: &mut Change,
    ) -> bool {
        change.direction = way.direction;
        change.events.clear();
        if self.book.open {
            if self.turn_page(segment, way, change) {
                return true;
            }
            if self.is_ceremony(segment, way) {
                self.take_ceremony(segment, way, change);
                return true;
            }
        }
        self.take_any(segment, rules, way, change);
        self.settle_down();
        false
    }

    /// The same without the short way.
    pub(super) fn take_thoroughly(
        &mut self,
        segment: &Segment,
        rules: LabelRules,
        change: &mut Change,
    ) {
        let way = self.way(self.direction(segment));
        change.direction = way.direction;
        change.events.clear();
        self.take_any(segment, rules, way, change);
    }

    /// Takes any segment: each analyst judges it by its own rules.
    fn take_any(&mut self, segment: &Segment, rules: LabelRules, way: Way, change: &mut Change) {
        let before = self.states();
        let analysts = self.analysts();
        // Before it is observed: a scale is for the segments after the one that tells it.
        change.window = analysts.wireshark.window(segment, way.teller);
        change.window_scale = analysts
            .wireshark
            .window_scale(way.teller)
            .filter(|_| !segment.flags.contains(Flags::SYN));
        let wireshark = analysts.wireshark.observe(segment, way.teller);
        analysts.zeek.observe(segment, way.teller);
        let original = match rules {
            LabelRules::Own => analysts.judge.original(segment, way.teller),
            LabelRules::Wireshark => None,
        };
        let mut ruling = match original {
            Some(of) => Judge::copy(of),
            None => analysts.judge.observe(segment, way.teller, wireshark),
        };
        if !analysts.wireshark.saw_data_in_syn() {
            ruling.labels -= Labels::TFO_ACCEPTED;
        }
        let numbers = (
            analysts.wireshark.relative_seq(segment, way.teller),
            analysts.wireshark.relative_ack(segment, way.teller),
        );
        self.see(segment.into(), way.from);
        let mut moves = match original {
            // The capture's own copy of a packet moves nothing and counts for nothing but a packet.
            Some(_) => Moves::default(),
            // Whom a reset has closed does not ask anew because a copy of its SYN comes later.
            None if ruling.facts.is_syn_copy()
                && before[way.from as usize] == Some(TcpState::Closed) =>
            {
                Moves::default()
            }
            None => self.machine.segment(segment, way.s, way.r),
        };
        moves.did.set(Did::SYN_COPY, ruling.facts.is_syn_copy());
        self.machine.ends[way.s].window = change.window;
        if self.machine.crossing == Crossing::Split {
            ruling.facts.simultaneous_open = false;
            ruling.labels -= Labels::SIMULTANEOUS_OPEN;
        }
        change.labels = match rules {
            LabelRules::Own => ruling.labels,
            LabelRules::Wireshark => wireshark,
        };
        let events = &mut change.events;
        if original.is_none() {
            self.settle(segment, way, &moves, change.labels);
            self.tell_reset(segment, way, &moves, events);
            self.tell_opening(segment, way, &moves, events);
            self.tell_speech(segment, way, &moves, change.labels, events);
            self.tell_hardship(segment, way, &ruling.facts, change.labels);
            if let Some(acknowledged) = ruling.facts.acknowledges {
                self.hear(segment.time, way, acknowledged.rtt);
            }
        }
        ruling.facts.events(self.machine.ends[way.r].base, events);
        mark_congestion(segment, events);
        (change.seq, change.ack) = self.relative_numbers(segment, way, numbers);
        change.delivered = None;
        self.tell_states(before, change);
    }

    /// What became of the states.
    pub(super) fn tell_states(&self, before: [Option<TcpState>; 2], change: &mut Change) {
        let after = self.states();
        let transition = |side: Side| Transition {
            before: before[side as usize],
            after: after[side as usize],
        };
        change.client = transition(Side::Client);
        change.server = transition(Side::Server);
    }

    pub(super) fn states(&self) -> [Option<TcpState>; 2] {
        [Side::Client, Side::Server].map(|side| self.end_of(side).state)
    }

    /// Counts, offers, and the frames of FINs.
    pub(super) fn settle(&mut self, segment: &Segment, way: Way, moves: &Moves, labels: Labels) {
        let party = &mut self.parties[way.from as usize];
        party.bytes += u64::from(moves.taken.fresh);
        if segment.flags.contains(Flags::SYN)
            && !segment.flags.contains(Flags::RST)
            && party.offer.is_none()
        {
            // Data in a SYN, of which no other segment tells.
            party.bytes += u64::from(segment.len);
            party.offer = Some(offer(segment));
        }
        if moves.did.contains(Did::FIN) && party.fin == 0 {
            party.fin = segment.frame;
        }
        if labels.intersects(Labels::ANY_RETRANSMISSION) {
            party.retransmissions = party.retransmissions.saturating_add(1);
        }
        if moves.did.contains(Did::ACKS_FIN) {
            let acked = if self.is_self() { Side::Client } else { way.to };
            self.parties[acked as usize].fin_acked = segment.frame;
        }
    }

    /// The numbers that everybody else shows, too. Only in a split handshake Wireshark counts from the wrong segment.
    fn relative_numbers(&self, segment: &Segment, way: Way, usual: (u32, u32)) -> (u32, u32) {
        if self.machine.crossing != Crossing::Split {
            return usual;
        }
        let base = |end: usize| self.machine.ends[end].base;
        let ack = segment.acknowledges();
        (
            segment.seq.relative_to(base(way.s)),
            ack.map_or(0, |ack| ack.relative_to(base(way.r))),
        )
    }

    pub(super) fn tell_opening(
        &mut self,
        segment: &Segment,
        way: Way,
        moves: &Moves,
        events: &mut ArrayVec<Event, 8>,
    ) {
        let did = moves.did;
        if did.intersects(Did::SYN | Did::SYN_AGAIN) {
            if !did.contains(Did::SYN_COPY) {
                let of_client = way.from == Side::Client;
                self.opening.syn(segment.frame, segment.time, of_client);
            }
            if let Some(fast_open) = segment.options.fast_open {
                let cookie = matches!(fast_open, FastOpen::Cookie(_));
                let bytes = segment.len;
                let _ = events.try_push(Event::FastOpen { bytes, cookie });
            }
        } else if segment.flags.is_syn_ack() {
            let counts = !did.contains(Did::ACKS_OTHER) && moves.reset.is_none();
            if counts {
                self.opening.syn_ack(segment.frame, segment.time);
            }
        } else if segment.flags.contains(Flags::ACK) {
            self.opening.plain_ack(segment.time);
        }
        if did.intersects(Did::TAKES_SYN_DATA | Did::LEAVES_SYN_DATA) {
            let accepted = did.contains(Did::TAKES_SYN_DATA);
            let _ = events.try_push(Event::FastOpenAnswered { accepted });
        }
        if did.contains(Did::COMPLETES)
            && let Some((syn_to_synack, synack_to_ack)) =
                self.opening.complete(segment.frame, segment.time)
        {
            let _ = events.try_push(Event::HandshakeCompletes {
                syn_to_synack,
                synack_to_ack,
            });
        }
    }

    /// An ICMP error that quotes a segment of this connection. "Unreachable" refuses a SYN that was not answered.
    pub(super) fn take_icmp(&mut self, error: &IcmpError) {
        let remark = self.icmp.get_or_insert(Box::new(IcmpRemark {
            frame: error.frame,
            kind: error.kind,
            count: 0,
        }));
        remark.count = remark.count.saturating_add(1);
        let opening = self.opening.syn != 0
            && self.opening.syn_ack == 0
            && !self.machine.complete
            && self.machine.over.is_none();
        if matches!(error.kind, IcmpKind::Unreachable { .. }) && opening {
            self.machine.unreachable();
        }
        self.until = self.until.max(error.time);
    }
}

/// What a SYN offers.
pub(super) fn offer(segment: &Segment) -> Offer {
    let options = &segment.options;
    let ecn = if segment.flags.contains(Flags::ACK) {
        segment.flags.contains(Flags::ECE)
    } else {
        segment.flags.contains(Flags::ECE | Flags::CWR)
    };
    Offer {
        mss: options.mss,
        window_scale: options
            .window_scale
            .filter(|_| options.seen.contains(OptionsSeen::WINDOW_SCALE)),
        window: segment.window,
        seen: options.seen,
        fast_open: options.fast_open,
        ecn,
    }
}

/// CE in the IP header, or its echo (RFC 3168); on SYNs the same bits only ask for ECN.
fn mark_congestion(segment: &Segment, events: &mut ArrayVec<Event, 8>) {
    let in_ip = segment.ip.is_marked();
    let in_tcp =
        segment.flags.intersects(Flags::ECE | Flags::CWR) && !segment.flags.contains(Flags::SYN);
    if in_ip || in_tcp {
        let _ = events.try_push(Event::CongestionMark { in_ip });
    }
}
