//! One segment meets its connection: machines move, measures grow, facts come out as a [`Change`].

use arrayvec::ArrayVec;

use super::connection::{
    Connection, Handshake, IcmpRemark, Latest, Offer, Peer, Roles, RoundTrips,
};
use super::event::{Change, Event, RepeatCause, ResetEffect, Transition};
use super::hardship::{Repeats, Stretch, Windows};
use super::machine::{Crossing, Did, Known, Machine, Moves};
use super::tracker::{ConnectionId, LabelRules, Slot};
use super::trouble::{IDLE_BEFORE_RESET, RESET_FOLLOWS_WITHIN};
use super::waits::{Speech, Waits};
use super::wireshark::Analysis;
use super::zeek::Record;
use crate::tcp::{
    Direction, Endpoint, FastOpen, Flags, IcmpError, IcmpKind, Labels, OptionsSeen, Segment,
    SeqNumber, Side, TcpState,
};
use crate::time::Span;

/// Shifts above this are used as this (RFC 7323 section 2.3).
const MAX_SHIFT: u8 = 14;

/// What was true of the sender before the segment.
struct Before {
    states: [Option<TcpState>; 2],
    /// SND.NXT of the sender, where it is known.
    nxt: Option<SeqNumber>,
    /// The sender's FIN had been seen.
    fin: bool,
    receiver_closed: bool,
}

impl Connection {
    /// A connection that begins with `segment`.
    pub(super) fn begin(
        id: ConnectionId,
        segment: &Segment,
        client: Endpoint,
        roles: Roles,
    ) -> Self {
        let server = if client == segment.tuple.source {
            segment.tuple.destination
        } else {
            segment.tuple.source
        };
        Self {
            id,
            roles,
            evicted: false,
            lingers: false,
            endpoints: [client, server],
            machine: Machine::default(),
            peers: [Peer::default(), Peer::default()],
            handshake: Handshake::default(),
            first_frame: segment.frame,
            last_frame: segment.frame,
            start: segment.time,
            last: segment.time,
            until: segment.time,
            syn_time: segment.time,
            syn_ack_time: None,
            opening_took: None,
            reset: None,
            icmp: None,
            waits: Waits::default(),
            windows: Windows::default(),
            repeats: Repeats::default(),
            idle: None,
            first_sender: if client == segment.tuple.source {
                Side::Client
            } else {
                Side::Server
            },
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
        if self.endpoints[0] != self.endpoints[1] {
            return Direction::ClientToServer;
        }
        let answers = segment.flags.is_syn_ack()
            || (segment.len == 0
                && segment.flags.contains(Flags::ACK)
                && !segment
                    .flags
                    .intersects(Flags::FIN | Flags::SYN | Flags::RST));
        if answers {
            Direction::ServerToClient
        } else {
            Direction::ClientToServer
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
        let (from, to) = (direction.sender(), direction.receiver());
        // A socket connected to itself has one machine, the first.
        let itself = self.is_self();
        let (s, r) = if itself {
            (0, 0)
        } else {
            (from as usize, to as usize)
        };
        let teller = usize::from(from != self.first_sender && !itself);
        let wireshark = self.wireshark.observe(segment, teller);
        self.zeek.observe(segment, teller);
        let before = self.before(s, from, to);
        let moves = self.machine.segment(segment, s, r);
        self.settle(segment, from, &moves);
        let window = self.offered_window(segment, from, s);
        let mut change = Change {
            connection: self.id,
            slot,
            begins,
            direction,
            seq: segment.seq.relative_to(self.machine.ends[s].base),
            ack: segment
                .acknowledges()
                .map_or(0, |ack| ack.relative_to(self.machine.ends[r].base)),
            window: window.0,
            window_scale: window.1,
            labels: Labels::empty(),
            client: self.transition(Side::Client, &before),
            server: self.transition(Side::Server, &before),
            delivered: None,
            events: ArrayVec::new(),
        };
        self.label(segment, &before, &moves, &mut change);
        self.tell_reset(segment, from, &moves, &mut change);
        self.tell_opening(segment, from, s, &moves, &mut change);
        self.tell_repeat(segment, s, &before, &mut change);
        self.tell_closing(segment, from, &before, &moves, &mut change);
        self.tell_acknowledgment(segment, from, to, &moves, &mut change);
        self.tell_window(segment, from, to, &mut change);
        tell_rest(segment, &moves, &mut change);
        self.measure(segment, from, &moves, &change);
        if rules == LabelRules::Wireshark {
            change.labels = wireshark;
        }
        change
    }

    fn before(&self, s: usize, from: Side, to: Side) -> Before {
        let end = &self.machine.ends[s];
        Before {
            states: [self.peers[0].state, self.peers[1].state],
            nxt: end.known.contains(Known::SENT).then(|| end.nxt()),
            fin: self.peers[from as usize].fin_frame.is_some(),
            receiver_closed: self.windows.is_closed(to),
        }
    }

    /// Carries over what the machines know into what is shown.
    fn settle(&mut self, segment: &Segment, from: Side, moves: &Moves) {
        self.last = segment.time;
        self.until = segment.time;
        self.last_frame = segment.frame;
        let itself = self.is_self();
        for side in [Side::Client, Side::Server] {
            let end = if itself { 0 } else { side as usize };
            let end = &self.machine.ends[end];
            let peer = &mut self.peers[side as usize];
            peer.state = end.state;
            peer.in_flight = end.in_flight();
        }
        let peer = &mut self.peers[from as usize];
        peer.counts.packets += 1;
        peer.counts.bytes += u64::from(moves.taken.fresh);
        if segment.flags.is_syn_only() || segment.flags.is_syn_ack() {
            peer.counts.bytes += match peer.offer {
                None => u64::from(segment.len),
                Some(_) => 0,
            };
            peer.offer.get_or_insert(offer(segment));
        }
        if moves.did.contains(Did::FIN) {
            peer.fin_frame.get_or_insert(segment.frame);
        }
        if moves.did.contains(Did::ACKS_FIN) {
            let acked = if itself { from } else { !from };
            self.peers[acked as usize]
                .fin_acked_frame
                .get_or_insert(segment.frame);
        }
    }

    /// The receive window in bytes, and the scale it was computed with (RFC 7323 section 2.3).
    #[inline]
    fn offered_window(&mut self, segment: &Segment, from: Side, s: usize) -> (u32, Option<u8>) {
        let scale = if segment.flags.contains(Flags::SYN) {
            None
        } else {
            self.window_scale(from)
        };
        let window = u32::from(segment.window) << scale.unwrap_or(0);
        self.machine.ends[s].window = window;
        (window, scale)
    }

    fn window_scale(&self, side: Side) -> Option<u8> {
        let own = self.peers[side as usize].offer?.window_scale?;
        self.peers[!side as usize].offer?.window_scale?;
        Some(own.min(MAX_SHIFT))
    }

    fn transition(&self, side: Side, before: &Before) -> Transition {
        Transition {
            before: before.states[side as usize],
            after: self.peers[side as usize].state,
        }
    }

    /// Labels that follow from numbers and states alone.
    fn label(&self, segment: &Segment, before: &Before, moves: &Moves, change: &mut Change) {
        let control = Flags::SYN | Flags::FIN | Flags::RST;
        let labels = &mut change.labels;
        let nudges = segment.len <= 1
            && !segment.flags.intersects(control)
            && before.nxt.is_some_and(|nxt| segment.seq == nxt - 1);
        if nudges {
            *labels |= if before.receiver_closed {
                Labels::ZERO_WINDOW_PROBE
            } else {
                Labels::KEEP_ALIVE
            };
        } else if segment.len > 0 && moves.taken.fresh == 0 && before.nxt.is_some()
            || moves.did.contains(Did::SYN_AGAIN)
            || (segment.flags.contains(Flags::FIN) && before.fin)
            || (segment.flags.is_syn_ack()
                && before.nxt.is_some()
                && !moves.did.contains(Did::SYN_ACK))
        {
            *labels |= Labels::RETRANSMISSION;
        }
        labels.set(Labels::LOST_SEGMENT, moves.taken.gap > 0);
        labels.set(Labels::ACK_LOST_SEGMENT, moves.unseen > 0);
        labels.set(Labels::OUT_OF_ORDER, moves.taken.fills);
        labels.set(
            Labels::ZERO_WINDOW,
            segment.window == 0 && !segment.flags.intersects(control),
        );
        labels.set(
            Labels::SIMULTANEOUS_OPEN,
            moves.did.contains(Did::CROSSES) && self.machine.crossing == Crossing::Simultaneous,
        );
        labels.set(Labels::SELF_CONNECT, change.begins && self.is_self());
        let cookie = matches!(segment.options.fast_open, Some(FastOpen::Cookie(_)));
        labels.set(Labels::TFO_SYN, segment.flags.is_syn_only() && cookie);
        labels.set(
            Labels::TFO_ACCEPTED,
            moves.did.contains(Did::TAKES_SYN_DATA),
        );
        labels.set(
            Labels::TFO_IGNORED,
            moves.did.contains(Did::LEAVES_SYN_DATA),
        );
        labels.set(Labels::CHALLENGE_ACK, moves.did.contains(Did::CHALLENGES));
    }

    fn tell_reset(&mut self, segment: &Segment, from: Side, moves: &Moves, change: &mut Change) {
        let Some(effect) = moves.reset else {
            return;
        };
        tell(change, Event::Resets { effect });
        if matches!(
            effect,
            ResetEffect::Refuses | ResetEffect::AbortsOpening | ResetEffect::Ends
        ) && self.machine.over.is_some()
        {
            self.reset = Some((segment.frame, from));
            self.judge_idle(segment, from);
            self.waits.reset(segment.frame, segment.time);
        }
    }

    /// Keeps the idle stretch before this RST only where the RST answers what ended it, or ended it itself.
    fn judge_idle(&mut self, segment: &Segment, from: Side) {
        let silent_since = self.waits.turn.map_or(self.start, |turn| turn.time);
        if segment.time - silent_since >= IDLE_BEFORE_RESET {
            let from_frame = self.waits.turn.map_or(self.first_frame, |turn| turn.frame);
            let mut idle = Stretch::begin(from_frame, silent_since);
            idle.extend(segment.frame, segment.time);
            self.idle = Some(idle);
            return;
        }
        let answers = self.idle.is_some_and(|idle| {
            idle.count != from as u32
                && segment.time - (idle.began + idle.lasted) <= RESET_FOLLOWS_WITHIN
        });
        if !answers {
            self.idle = None;
        }
    }

    fn tell_opening(
        &mut self,
        segment: &Segment,
        from: Side,
        s: usize,
        moves: &Moves,
        change: &mut Change,
    ) {
        let did = moves.did;
        if did.intersects(Did::SYN | Did::SYN_AGAIN) {
            self.take_syn(segment, from, did, change);
        }
        if did.contains(Did::SYN_ACK) {
            self.handshake.syn_ack.get_or_insert(segment.frame);
        }
        if segment.flags.is_syn_ack()
            && !did.contains(Did::ACKS_OTHER)
            && self.syn_ack_time.is_none()
            && !self.machine.ends[s].known.is_empty()
        {
            self.syn_ack_time = Some(segment.time);
            if self.handshake.syn.is_some() {
                self.handshake.syn_to_synack = Some(segment.time - self.syn_time);
            }
        }
        if did.intersects(Did::TAKES_SYN_DATA | Did::LEAVES_SYN_DATA) {
            let accepted = did.contains(Did::TAKES_SYN_DATA);
            tell(change, Event::FastOpenAnswered { accepted });
        }
        // As Wireshark times it: the first segment with ACK and without SYN, whoever sends it.
        if self.handshake.initial_rtt.is_none()
            && self.handshake.syn.is_some()
            && segment.flags.contains(Flags::ACK)
            && !segment.flags.contains(Flags::SYN)
        {
            self.handshake.initial_rtt = Some(segment.time - self.syn_time);
        }
        if did.contains(Did::COMPLETES) && self.handshake.ack.is_none() {
            self.complete(segment, change);
        }
    }

    fn complete(&mut self, segment: &Segment, change: &mut Change) {
        if self.handshake.syn.is_none() && self.handshake.syn_ack.is_none() {
            return;
        }
        self.handshake.ack = Some(segment.frame);
        self.opening_took = Some(segment.time - self.start);
        let Some(syn_ack_time) = self.syn_ack_time else {
            return;
        };
        let synack_to_ack = segment.time - syn_ack_time;
        if !segment.flags.contains(Flags::SYN) {
            self.handshake.synack_to_ack = Some(synack_to_ack);
        }
        if let Some(syn_to_synack) = self.handshake.syn_to_synack {
            tell(
                change,
                Event::HandshakeCompletes {
                    syn_to_synack,
                    synack_to_ack,
                },
            );
        }
    }

    fn take_syn(&mut self, segment: &Segment, from: Side, did: Did, change: &mut Change) {
        if self.handshake.syn.is_none() {
            self.handshake.syn = Some(segment.frame);
            if self.is_self() {
                tell(change, Event::SelfConnect);
            }
        }
        if did.contains(Did::CROSSES) && self.machine.crossing == Crossing::Simultaneous {
            tell(change, Event::SimultaneousOpen);
        }
        if did.contains(Did::SYN_AGAIN) && from == Side::Client {
            tell(
                change,
                Event::SynRepeated {
                    before: self.handshake.syns,
                    since_first: segment.time - self.start,
                },
            );
        }
        if let Some(fast_open) = segment.options.fast_open {
            tell(
                change,
                Event::FastOpen {
                    bytes: segment.len,
                    cookie: matches!(fast_open, FastOpen::Cookie(_)),
                },
            );
        }
        if from == Side::Client {
            self.handshake.syns = self.handshake.syns.saturating_add(1);
        }
        self.syn_time = segment.time;
        if !self.machine.complete {
            self.syn_ack_time = None;
        }
    }

    fn tell_repeat(&mut self, segment: &Segment, s: usize, before: &Before, change: &mut Change) {
        if !change.labels.intersects(Labels::ANY_RETRANSMISSION) {
            return;
        }
        let from = change.direction.sender();
        let end = &self.machine.ends[s];
        let spurious = end.known.contains(Known::ACKED)
            && segment.seq_end().at_or_before(end.una)
            && segment.len > 0;
        let peer = &mut self.peers[from as usize];
        peer.counts.retransmissions += 1;
        let latest = peer.latest;
        let same = latest.frame != 0 && latest.end == segment.seq_end();
        if same {
            peer.latest.once = false;
        }
        if segment.flags.contains(Flags::SYN) && segment.flags.is_syn_only() {
            // Told as a repeated SYN.
            self.repeats.repeat(from, segment.frame, segment.time, None);
            return;
        }
        tell(
            change,
            Event::Repeats {
                frame: same.then_some(latest.frame),
                cause: if spurious {
                    RepeatCause::Spurious
                } else {
                    RepeatCause::Unknown
                },
                after: same.then(|| segment.time - latest.time),
            },
        );
        let unheard = segment.len > 0 && !spurious && before.nxt.is_some();
        let first = (latest.frame, latest.time);
        self.repeats.repeat(
            from,
            segment.frame,
            segment.time,
            (unheard && latest.frame != 0).then_some(first),
        );
    }

    fn tell_closing(
        &mut self,
        segment: &Segment,
        from: Side,
        before: &Before,
        moves: &Moves,
        change: &mut Change,
    ) {
        if moves.did.contains(Did::FIN) {
            let first = self.is_self() || self.peers[!from as usize].fin_frame.is_none();
            tell(change, Event::Finishes { first });
        }
        let bytes = moves.taken.fresh > 0 || (segment.flags.is_syn_only() && segment.len > 0);
        let fin = moves.did.contains(Did::FIN);
        let quiet = change.labels.intersects(Labels::KEEP_ALIVE);
        if (bytes || fin) && !quiet {
            self.note_idle(segment, from);
            self.waits.speak(Speech {
                side: from,
                bytes,
                fin,
                held_back: before.receiver_closed || self.windows.reopened_since_speech,
                frame: segment.frame,
                time: segment.time,
            });
            self.windows.reopened_since_speech = false;
        }
    }

    /// A long silence ends here; or somebody replies, and it did no harm.
    fn note_idle(&mut self, segment: &Segment, from: Side) {
        if self.idle.is_some_and(|idle| idle.count != from as u32) {
            self.idle = None;
        }
        let Some(turn) = self.waits.turn else {
            return;
        };
        if segment.time - turn.time >= IDLE_BEFORE_RESET {
            let mut idle = Stretch::begin(turn.frame, turn.time);
            idle.extend(segment.frame, segment.time);
            // Who ended it, for the RST that may follow.
            idle.count = from as u32;
            self.idle = Some(idle);
        }
    }

    fn tell_acknowledgment(
        &mut self,
        segment: &Segment,
        from: Side,
        to: Side,
        moves: &Moves,
        change: &mut Change,
    ) {
        if moves.did.contains(Did::ACKS_NEW) {
            let peer = &mut self.peers[to as usize];
            let ends_here = peer.latest.frame != 0 && peer.latest.end == segment.ack;
            let rtt = (ends_here && peer.latest.once).then(|| segment.time - peer.latest.time);
            if let Some(rtt) = rtt {
                peer.round_trips.sample(rtt);
                // One segment, one sample.
                peer.latest.once = false;
            }
            tell(
                change,
                Event::Acknowledges {
                    bytes: moves.acked,
                    syn: moves.did.contains(Did::ACKS_SYN),
                    fin: moves.did.contains(Did::ACKS_FIN),
                    frame: ends_here.then_some(peer.latest.frame),
                    rtt,
                },
            );
            self.repeats.heard(to);
            if self.peers[to as usize].in_flight == 0 {
                self.waits.acknowledged(from, segment.time);
            }
        }
        if moves.did.contains(Did::CHALLENGES) {
            tell(
                change,
                Event::ChallengeAck {
                    of: moves.challenged_by,
                },
            );
        } else if moves.did.contains(Did::ACKS_OTHER) && !segment.flags.contains(Flags::SYN) {
            if let Some(of) = self.handshake.syn {
                change.labels |= Labels::CHALLENGE_ACK;
                tell(change, Event::ChallengeAck { of });
            }
        }
    }

    fn tell_window(&mut self, segment: &Segment, from: Side, to: Side, change: &mut Change) {
        if segment.flags.intersects(Flags::SYN | Flags::RST)
            || self.peers[to as usize].fin_frame.is_some()
        {
            return;
        }
        if segment.window == 0 {
            if self.windows.close(from, segment.frame, segment.time) {
                tell(change, Event::WindowCloses);
            }
        } else if let Some(closed_for) = self.windows.open(from, segment.frame, segment.time) {
            self.windows.reopened_since_speech = true;
            tell(change, Event::WindowReopens { closed_for });
        }
        if change.labels.contains(Labels::ZERO_WINDOW_PROBE) {
            let number = self.windows.probe(to, segment.frame, segment.time);
            tell(change, Event::WindowProbe { number });
        }
    }

    /// Remembers the latest segment that took numbers.
    fn measure(&mut self, segment: &Segment, from: Side, moves: &Moves, change: &Change) {
        let takes_numbers =
            moves.taken.fresh > 0 || moves.did.intersects(Did::SYN | Did::SYN_ACK | Did::FIN);
        if takes_numbers && !change.labels.intersects(Labels::ANY_RETRANSMISSION) {
            self.peers[from as usize].latest = Latest {
                end: segment.seq_end(),
                time: segment.time,
                frame: segment.frame,
                once: true,
            };
        }
    }

    /// An ICMP error that quotes a segment of this connection. "Unreachable" refuses a SYN that was not answered.
    pub(super) fn take_icmp(&mut self, error: &IcmpError) {
        let remark = self.icmp.get_or_insert(IcmpRemark {
            frame: error.frame,
            kind: error.kind,
            count: 0,
        });
        remark.count = remark.count.saturating_add(1);
        let opening = self.handshake.syn.is_some()
            && self.handshake.syn_ack.is_none()
            && !self.machine.complete
            && self.machine.over.is_none();
        if matches!(error.kind, IcmpKind::Unreachable { .. }) && opening {
            self.machine.unreachable();
            for peer in &mut self.peers {
                peer.state = Some(TcpState::Closed);
            }
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

/// Gaps, and marks of congestion.
fn tell_rest(segment: &Segment, moves: &Moves, change: &mut Change) {
    if moves.taken.gap > 0 {
        tell(
            change,
            Event::Gap {
                bytes: moves.taken.gap,
            },
        );
    }
    if moves.taken.fills {
        tell(change, Event::FillsGap);
    }
    if moves.unseen > 0 {
        tell(
            change,
            Event::AcknowledgesUnseen {
                bytes: moves.unseen,
            },
        );
    }
    if segment.ip.ecn == 3
        || segment.flags.contains(Flags::ECE) && !segment.flags.contains(Flags::SYN)
    {
        tell(
            change,
            Event::CongestionMark {
                in_ip: segment.ip.ecn == 3,
            },
        );
    }
}

/// Adds a remark; what does not fit is the least important.
fn tell(change: &mut Change, event: Event) {
    let _ = change.events.try_push(event);
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
            self.smoothed = Span::from_nanos(smoothed + (rtt.as_nanos() - smoothed) / 8);
        }
        self.count = self.count.saturating_add(1);
    }
}
