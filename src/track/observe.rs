//! One segment meets its connection: machines move, measures grow, facts come out as a [`Change`].

use arrayvec::ArrayVec;

use super::connection::{Connection, IcmpRemark, Offer, Party, Roles, RoundTrips};
use super::event::{Change, Event, RepeatCause, ResetEffect, Transition};
use super::hardship::{Hardships, Stretch};
use super::labels::{Facts, Judge};
use super::machine::{Crossing, Did, Machine, Moves};
use super::opening::Opening;
use super::tracker::{ConnectionId, LabelRules, Slot};
use super::trouble::{IDLE_BEFORE_RESET, RESET_FOLLOWS_WITHIN, SILENT_AFTER};
use super::waits::{Speech, Wait, Waits, longer};
use super::wireshark::Analysis;
use super::zeek::Record;
use crate::tcp::{
    Direction, Endpoint, FastOpen, Flags, IcmpError, IcmpKind, Labels, OptionsSeen, Segment, Side,
    TcpState,
};
use crate::time::Span;

/// Shifts above this are used as this (RFC 7323 section 2.3).
const MAX_SHIFT: u8 = 14;

/// Who sends to whom, in the numberings that the parts of a connection use.
#[derive(Clone, Copy)]
struct Way {
    from: Side,
    to: Side,
    /// Machines of sender and receiver; the same one for a socket connected to itself.
    s: usize,
    r: usize,
    /// 0 for the end that sent the connection's first segment.
    teller: usize,
}

impl Connection {
    /// A connection that begins with `segment`.
    pub(super) fn begin(
        id: ConnectionId,
        segment: &Segment,
        client: Endpoint,
        roles: Roles,
    ) -> Self {
        let client_sends = client == segment.tuple.source;
        let (server, first_sender) = if client_sends {
            (segment.tuple.destination, Side::Client)
        } else {
            (segment.tuple.source, Side::Server)
        };
        Self {
            endpoints: [client, server],
            id,
            roles,
            evicted: false,
            lingers: false,
            first_sender,
            reset_by: Side::Client,
            reset: 0,
            first_frame: segment.frame,
            last_frame: segment.frame,
            start: segment.time,
            last: segment.time,
            until: segment.time,
            machine: Machine::default(),
            parties: [Party::default(), Party::default()],
            opening: Opening::new(),
            waits: Waits::default(),
            hardships: None,
            icmp: None,
            judge: Judge::new(),
            wireshark: Analysis::new(),
            zeek: Record::new(),
        }
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
        }
    }

    /// Takes a segment of this connection.
    #[inline]
    pub(super) fn take(
        &mut self,
        segment: &Segment,
        slot: Slot,
        begins: bool,
        rules: LabelRules,
    ) -> Change {
        let direction = self.direction(segment);
        let way = self.way(direction);
        let before = self.states();
        self.last = segment.time;
        self.until = segment.time;
        self.last_frame = segment.frame;
        self.parties[way.from as usize].packets += 1;
        let wireshark = self.wireshark.observe(segment, way.teller);
        self.zeek.observe(segment, way.teller);
        let original = match rules {
            LabelRules::Own => self.judge.original(segment, way.teller),
            LabelRules::Wireshark => None,
        };
        let mut events = ArrayVec::new();
        let (moves, mut ruling) = match original {
            // The capture's own copy of a packet moves nothing and counts for nothing but a packet.
            Some(of) => (Moves::default(), Judge::copy(of)),
            None => (
                self.machine.segment(segment, way.s, way.r),
                self.judge.observe(segment, way.teller, wireshark),
            ),
        };
        let (window, window_scale) = self.offered_window(segment, way);
        if self.machine.crossing == Crossing::Split {
            ruling.facts.simultaneous_open = false;
            ruling.labels -= Labels::SIMULTANEOUS_OPEN;
        }
        let labels = match rules {
            LabelRules::Own => ruling.labels,
            LabelRules::Wireshark => wireshark,
        };
        if original.is_none() {
            self.settle(segment, way, &moves, labels);
            self.tell_reset(segment, way, &moves, &mut events);
            self.tell_opening(segment, way, &moves, &mut events);
            self.tell_speech(segment, way, &moves, labels, &mut events);
            self.tell_hardship(segment, way, &ruling.facts, labels);
            self.hear(segment, way, &ruling.facts);
        }
        ruling
            .facts
            .events(self.machine.ends[way.r].base, &mut events);
        mark_congestion(segment, &mut events);
        let after = self.states();
        let transition = |side: Side| Transition {
            before: before[side as usize],
            after: after[side as usize],
        };
        Change {
            connection: self.id,
            slot,
            begins,
            direction,
            seq: segment.seq.relative_to(self.machine.ends[way.s].base),
            ack: segment
                .acknowledges()
                .map_or(0, |ack| ack.relative_to(self.machine.ends[way.r].base)),
            window,
            window_scale,
            labels,
            client: transition(Side::Client),
            server: transition(Side::Server),
            delivered: None,
            events,
        }
    }

    fn states(&self) -> [Option<TcpState>; 2] {
        [Side::Client, Side::Server].map(|side| self.end_of(side).state)
    }

    /// Counts, offers, and the frames of FINs.
    fn settle(&mut self, segment: &Segment, way: Way, moves: &Moves, labels: Labels) {
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

    /// The receive window in bytes, and the scale it was computed with (RFC 7323 section 2.3).
    #[inline]
    fn offered_window(&mut self, segment: &Segment, way: Way) -> (u32, Option<u8>) {
        let scale = if segment.flags.contains(Flags::SYN) {
            None
        } else {
            self.window_scale(way.from)
        };
        let window = u32::from(segment.window) << scale.unwrap_or(0);
        self.machine.ends[way.s].window = window;
        (window, scale)
    }

    fn window_scale(&self, side: Side) -> Option<u8> {
        let own = self.parties[side as usize].offer.as_ref()?.window_scale?;
        let other = if self.is_self() { side } else { !side };
        self.parties[other as usize].offer.as_ref()?.window_scale?;
        Some(own.min(MAX_SHIFT))
    }

    fn tell_reset(
        &mut self,
        segment: &Segment,
        way: Way,
        moves: &Moves,
        events: &mut ArrayVec<Event, 8>,
    ) {
        let Some(effect) = moves.reset else {
            return;
        };
        let _ = events.try_push(Event::Resets { effect });
        let ends = matches!(
            effect,
            ResetEffect::Refuses | ResetEffect::AbortsOpening | ResetEffect::Ends
        );
        if ends && self.machine.over.is_some() {
            self.reset = segment.frame;
            self.reset_by = way.from;
            self.judge_idle(segment, way.from);
            let ended = self.waits.reset(segment.frame, segment.time);
            self.note_silence(ended);
        }
    }

    /// Keeps the idle stretch before an RST only where the RST answers what ended it, or ended it itself.
    fn judge_idle(&mut self, segment: &Segment, from: Side) {
        let (frame, since) = self
            .waits
            .turn
            .map_or((self.first_frame, self.start), |turn| {
                (turn.frame, turn.time)
            });
        if segment.time - since >= IDLE_BEFORE_RESET {
            let mut stretch = Stretch::begin(frame, since);
            stretch.extend(segment.frame, segment.time);
            self.hardships.get_or_insert_default().idle = Some((from, stretch));
            return;
        }
        if let Some(hardships) = &mut self.hardships {
            hardships.idle = hardships.idle.filter(|(by, idle)| {
                *by != from && segment.time - (idle.began + idle.lasted) <= RESET_FOLLOWS_WITHIN
            });
        }
    }

    fn tell_opening(
        &mut self,
        segment: &Segment,
        way: Way,
        moves: &Moves,
        events: &mut ArrayVec<Event, 8>,
    ) {
        let did = moves.did;
        if did.intersects(Did::SYN | Did::SYN_AGAIN) {
            self.opening.syn(segment.frame, segment.time);
            if way.from == Side::Client {
                self.opening.syns = self.opening.syns.saturating_add(1);
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

    /// New bytes and FINs: whose turn it is.
    fn tell_speech(
        &mut self,
        segment: &Segment,
        way: Way,
        moves: &Moves,
        labels: Labels,
        events: &mut ArrayVec<Event, 8>,
    ) {
        let fin = moves.did.contains(Did::FIN);
        if fin {
            let first = self.is_self() || self.parties[way.to as usize].fin == 0;
            let _ = events.try_push(Event::Finishes { first });
        }
        let in_syn = moves.did.contains(Did::SYN) && segment.len > 0;
        let bytes = moves.taken.fresh > 0 || in_syn;
        if !(bytes || fin) || labels.contains(Labels::KEEP_ALIVE) {
            return;
        }
        self.note_idle(segment, way.from);
        let held_back = self.hardships.as_mut().is_some_and(|hard| {
            std::mem::take(&mut hard.windows.reopened) || hard.windows.is_closed(way.to)
        });
        let ended = self.waits.speak(Speech {
            side: way.from,
            bytes,
            fin,
            held_back,
            frame: segment.frame,
            time: segment.time,
        });
        self.note_silence(ended);
    }

    /// A long silence ends here; or somebody replies, and it did no harm.
    fn note_idle(&mut self, segment: &Segment, from: Side) {
        if let Some(hardships) = &mut self.hardships {
            hardships.idle = hardships.idle.filter(|(by, _)| *by == from);
        }
        let Some(turn) = self.waits.turn else {
            return;
        };
        if segment.time - turn.time >= IDLE_BEFORE_RESET {
            let mut stretch = Stretch::begin(turn.frame, turn.time);
            stretch.extend(segment.frame, segment.time);
            self.hardships.get_or_insert_default().idle = Some((from, stretch));
        }
    }

    fn note_silence(&mut self, ended: Option<Wait>) {
        let Some(wait) = ended.filter(|wait| wait.for_data && wait.lasted >= SILENT_AFTER) else {
            return;
        };
        let kept = &mut self.hardships.get_or_insert_default().silent[wait.owed_by as usize];
        if longer(Some(wait), *kept) {
            *kept = Some(wait);
        }
    }

    /// Closed windows and repeats.
    fn tell_hardship(&mut self, segment: &Segment, way: Way, facts: &Facts, labels: Labels) {
        let (frame, time) = (segment.frame, segment.time);
        let wanted = self.parties[way.to as usize].fin == 0;
        if labels.contains(Labels::ZERO_WINDOW) && wanted {
            let hardships: &mut Hardships = self.hardships.get_or_insert_default();
            hardships.windows.close(way.from, frame, time);
        }
        if labels.intersects(Labels::ANY_RETRANSMISSION) {
            let data = facts.repeats.and_then(|repeat| {
                let unheard = segment.len > 0 && repeat.cause != RepeatCause::Spurious;
                let before = repeat.after.filter(|_| unheard)?;
                Some((repeat.frame?, time + (Span::ZERO - before)))
            });
            let hardships: &mut Hardships = self.hardships.get_or_insert_default();
            hardships.repeats.repeat(way.from, frame, time, data);
        }
        let Some(hardships) = &mut self.hardships else {
            return;
        };
        if facts.reopens_window.is_some() {
            hardships.windows.open(way.from, frame, time);
        }
        if facts.probe.is_some() {
            hardships.windows.probe(way.to, frame, time);
        }
    }

    /// What the peer hears when this acknowledges something new.
    fn hear(&mut self, segment: &Segment, way: Way, facts: &Facts) {
        let Some(acknowledged) = facts.acknowledges else {
            return;
        };
        if let Some(rtt) = acknowledged.rtt {
            self.parties[way.to as usize].round_trips.sample(rtt);
        }
        if let Some(hardships) = &mut self.hardships {
            hardships.repeats.heard(way.to);
        }
        if self.machine.ends[way.r].in_flight() == 0 {
            self.waits.acknowledged(way.from, segment.time);
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

fn offer(segment: &Segment) -> Offer {
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
    let in_ip = segment.ip.ecn == 3;
    let in_tcp =
        segment.flags.intersects(Flags::ECE | Flags::CWR) && !segment.flags.contains(Flags::SYN);
    if in_ip || in_tcp {
        let _ = events.try_push(Event::CongestionMark { in_ip });
    }
}

impl RoundTrips {
    /// RFC 6298 section 2.3 with alpha 1/8.
    fn sample(&mut self, rtt: Span) {
        if self.count == 0 {
            (self.min, self.max, self.smoothed) = (rtt, rtt, rtt);
        } else {
            self.min = self.min.min(rtt);
            self.max = self.max.max(rtt);
            let smoothed = self.smoothed.as_nanos();
            let step = rtt.as_nanos().saturating_sub(smoothed) / 8;
            self.smoothed = Span::from_nanos(smoothed.saturating_add(step));
        }
        self.count = self.count.saturating_add(1);
    }
}
