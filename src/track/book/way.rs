//! The short way itself: which segments may take it, and what they change.
//!
//! Two kinds do: bytes and acknowledgments of an open connection, which are nearly all there are; and the ceremony of
//! opening and closing, as long as nothing about it is unusual. For anything else the analysts are called.

use super::super::connection::Connection;
use super::super::event::{Change, Event, Transition};
use super::super::machine::{Crossing, Known};
use super::super::observe::Way;
use super::super::wireshark::{self, Scale};
use super::{ANY_WAY, MANY, NOT_YET, Page, TELLING, letter};
use crate::tcp::{Flags, Labels, OptionsSeen, Segment, SeqNumber, Side, TcpState};
use crate::time::Timestamp;

/// Neither end's state changes in it.
const AT_WORK: Transition = Transition {
    before: Some(TcpState::Established),
    after: Some(TcpState::Established),
};

impl Connection {
    /// Takes a segment of an open connection if it goes by the book; false if it does not.
    #[inline]
    pub(in crate::track) fn turn_page(
        &mut self,
        segment: &Segment,
        way: Way,
        change: &mut Change,
    ) -> bool {
        let (sender, receiver) = (&self.machine.ends[way.s], &self.machine.ends[way.r]);
        let open = Some(TcpState::Established);
        let news = segment.ack.relative_to(receiver.una);
        let under_way = receiver.nxt().relative_to(receiver.una);
        let next = segment.seq + segment.len;
        if segment.flags - ANY_WAY != Flags::ACK
            || sender.state != open
            || receiver.state != open
            || !receiver.known.contains(Known::ACKED)
            || segment.seq != sender.nxt()
            || news > under_way
            || under_way > MANY
            || segment.len > MANY
            || (segment.len == 0 && news == 0)
            || !is_unremarkable(segment)
            || segment.options.window_scale.is_some()
            || segment.options.seen.intersects(TELLING)
            || next == NOT_YET
            || segment.ack == NOT_YET
        {
            return false;
        }
        let (from, to) = (way.teller, 1 - way.teller);
        if segment.len > 0 && self.book.pages[to].right_edge(receiver.expects) == Some(next) {
            return false;
        }
        let letter = letter(segment.flags, segment.len);
        if self.analysts.is_some() && !self.book.pages[from].letters.contains(letter) {
            return false;
        }
        self.book.write(segment.flags, segment.len, from);
        let shift = self.book.pages[from].scale.shift();
        let window = u32::from(segment.window) << shift.unwrap_or(0);
        let (seq, ack) = (
            segment.seq.relative_to(sender.base),
            segment.ack.relative_to(receiver.base),
        );
        let all = segment.ack == receiver.nxt();
        let base = sender.base;

        let sender = &mut self.machine.ends[way.s];
        sender.expects = segment.ack;
        sender.window = window;
        sender.sent.extend(segment.len);
        self.machine.ends[way.r].una = segment.ack;
        self.see(segment.into(), way.from);
        self.book.take(segment, from, base, news > 0, all);
        change.seq = seq;
        change.ack = ack;
        change.window = window;
        change.window_scale = shift;
        change.labels = Labels::empty();
        change.client = AT_WORK;
        change.server = AT_WORK;
        change.delivered = None;
        if segment.len > 0 {
            self.parties[way.from as usize].bytes += u64::from(segment.len);
            self.speak(segment.into(), way, true, false);
        }
        if news > 0 {
            let acknowledged = self.book.acknowledge(segment, to, news);
            change.events.push(Event::from(acknowledged));
            self.hear(segment.time, way, acknowledged.rtt);
        }
        true
    }

    /// Whether a segment opens or closes the connection by the book.
    pub(in crate::track) fn is_ceremony(&self, segment: &Segment, way: Way) -> bool {
        if self.analysts.is_some()
            || !is_unremarkable(segment)
            || self.machine.over.is_some()
            || self.machine.crossing != Crossing::None
            || self.machine.fast_open
            || self.is_self()
            || segment.seq + segment.seq_len() == NOT_YET
        {
            return false;
        }
        let (sender, receiver) = (&self.machine.ends[way.s], &self.machine.ends[way.r]);
        let packets = |side: Side| self.parties[side as usize].packets;
        let ecn = Flags::ECE | Flags::CWR;
        let flags = segment.flags - ANY_WAY;
        if flags - ecn == Flags::SYN {
            return self.last_frame == 0
                && way.from == Side::Client
                && segment.len == 0
                && segment.ack == NOT_YET
                && segment.options.fast_open.is_none()
                && segment.time != Timestamp::default();
        }
        if segment.ack == NOT_YET {
            return false;
        }
        if flags - Flags::ECE == Flags::SYN | Flags::ACK {
            return way.from == Side::Server
                && packets(Side::Client) == 1
                && packets(Side::Server) == 0
                && segment.len == 0
                && segment.ack == receiver.base + 1;
        }
        let silent = segment.seq_len() == 0;
        let acked = if receiver.known.contains(Known::ACKED) {
            receiver.una
        } else {
            receiver.base
        };
        let news = segment.ack.relative_to(acked);
        let under_way = receiver.nxt().relative_to(acked);
        let next = segment.seq + segment.len;
        let page = &self.book.pages[way.teller];
        let peer = &self.book.pages[1 - way.teller];
        (flags == Flags::ACK || flags == Flags::ACK | Flags::FIN)
            && sender.known.contains(Known::SYN)
            && receiver.known.contains(Known::SYN)
            && segment.seq == sender.nxt()
            && news <= under_way
            && under_way <= MANY
            && segment.len <= MANY
            && (news > 0 || (!silent && acked == receiver.una))
            && (silent || !sender.known.contains(Known::FIN))
            && segment.options.window_scale.is_none()
            && !segment.options.seen.intersects(TELLING)
            && page.unacknowledged < wireshark::MAX_UNACKNOWLEDGED
            && (segment.len == 0
                || flags != Flags::ACK
                || peer.right_edge(receiver.expects) != Some(next))
            && (self.opening.is_timed() || segment.time != self.start)
    }

    /// Takes a segment for which [`is_ceremony`](Self::is_ceremony) holds.
    pub(in crate::track) fn take_ceremony(
        &mut self,
        segment: &Segment,
        way: Way,
        change: &mut Change,
    ) {
        let (from, to) = (way.teller, 1 - way.teller);
        let before = self.states();
        let receiver = &self.machine.ends[way.r];
        let knew = self.machine.ends[way.s].known.contains(Known::ACKS);
        let acked = if receiver.known.contains(Known::ACKED) {
            receiver.una
        } else {
            receiver.base
        };
        let fin = receiver.known.contains(Known::FIN).then_some(receiver.fin);
        let first = receiver.base;
        let news = segment
            .acknowledges()
            .map_or(0, |ack| ack.relative_to(acked));

        self.see(segment.into(), way.from);
        let moves = self.machine.segment(segment, way.s, way.r);
        let syn = segment.flags.contains(Flags::SYN);
        if syn {
            self.book.learn_scale(segment, from);
        }
        self.book.write(segment.flags, segment.len, from);
        let shift = self.book.pages[from].scale.shift().filter(|_| !syn);
        let window = u32::from(segment.window) << shift.unwrap_or(0);
        self.machine.ends[way.s].window = window;
        let base = self.machine.ends[way.s].base;
        let all = segment.ack == self.machine.ends[way.r].nxt();
        let new = segment.flags.contains(Flags::ACK) && (news > 0 || !knew);
        self.book.take(segment, from, base, new, all);

        let events = &mut change.events;
        self.settle(segment, way, &moves, Labels::empty());
        self.tell_opening(segment, way, &moves, events);
        self.tell_speech(segment, way, &moves, Labels::empty(), events);
        if news > 0 {
            let mut acknowledged = self.book.acknowledge(segment, to, news);
            acknowledged.syn = acked == first;
            acknowledged.fin = fin.is_some_and(|fin| segment.ack.after(fin) && !acked.after(fin));
            let controls = u32::from(acknowledged.syn) + u32::from(acknowledged.fin);
            acknowledged.bytes = acknowledged.bytes.saturating_sub(controls);
            self.hear(segment.time, way, acknowledged.rtt);
            let _ = events.try_push(Event::from(acknowledged));
        }
        change.seq = segment.seq.relative_to(base);
        change.ack = segment
            .acknowledges()
            .map_or(0, |ack| ack.relative_to(first));
        change.window = window;
        change.window_scale = shift;
        change.labels = Labels::empty();
        change.delivered = None;
        self.tell_states(before, change);
    }
}

/// Nothing about it that an analyst remarks on, whatever the connection.
fn is_unremarkable(segment: &Segment) -> bool {
    segment.window != 0
        && !segment.ip.is_marked()
        && !segment.header_cut
        && !segment.options.seen.contains(OptionsSeen::SACK)
        && segment.options.mptcp_subtype.is_none()
}

impl Page {
    /// The number after the last byte that this end, acknowledging `acks`, lets the other send.
    fn right_edge(&self, acks: SeqNumber) -> Option<SeqNumber> {
        if self.scale == Scale::UNKNOWN {
            return None;
        }
        let shift = self.scale.shift().filter(|_| !self.first_ack_due);
        Some(acks + (u32::from(self.window) << shift.unwrap_or(0)))
    }
}
