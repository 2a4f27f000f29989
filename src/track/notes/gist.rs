//! What became of a noted connection in which everything went by the book: nearly all of them.
//!
//! Analysts remember of each segment what later ones are compared with. Here all segments are known from the beginning and
//! nothing comes after them, so only what the end result is made of is kept: how far each end is, who spoke, round-trip
//! times. At the first segment that does not go by the [book](crate::track::book) the work so far is thrown away, and the
//! connection is [tracked](super::Notes::retrace) segment by segment instead. Tests compare what both ways tell.

use std::iter;

use super::note::{Facts, Marks, Note};
use super::noted::Noted;
use super::{Notes, Retrace};
use crate::tcp::{Flags, Segment, SeqNumber, Side, TcpState};
use crate::time::{Span, Timestamp};
use crate::track::book::{ANY_WAY, NOT_YET};
use crate::track::connection::Connection;
use crate::track::labels::REMEMBERED;
use crate::track::machine::{End, Known, Over};
use crate::track::observe::{Met, Way, offer};
use crate::track::sequence::Sent;
use crate::track::wireshark::Completeness;

/// Segments of one end at the most: as many as can be noted, and the one that began it.
const MOST: usize = super::MOST + 1;

/// What one end sent that takes up numbers, in their order.
#[derive(Debug)]
pub(super) struct Flight {
    /// The number after each segment, and when it was captured.
    sent: [(SeqNumber, Timestamp); MOST],
    count: usize,
    /// How many of them are acknowledged.
    heard: usize,
}

/// One end, as far as it has been read.
#[derive(Clone, Copy, Debug)]
struct Half {
    iss: SeqNumber,
    /// The number after the last one that it sent.
    next: SeqNumber,
    /// What of it is acknowledged.
    una: SeqNumber,
    /// Its latest acknowledgment number.
    says: SeqNumber,
    /// Its latest window, in bytes, and the number up to which both let the other end send.
    window: u32,
    edge: SeqNumber,
    /// How far its windows are shifted.
    shift: u8,
    packets: u32,
    bytes: u32,
    /// Frames of its FIN and of what acknowledged that; 0 while there is none.
    fin: u64,
    fin_acked: u64,
}

/// What is read of a connection.
struct Gist<'a> {
    /// What both ends share is written at once.
    connection: &'a mut Connection,
    flights: &'a mut [Flight; 2],
    halves: [Half; 2],
    /// The end that closed second had acknowledged the other's FIN by then.
    in_turn: bool,
}

impl Notes {
    /// Tells what became of a noted connection if everything in it went by the book; false if not, and then what is in
    /// `retrace` means nothing.
    pub(super) fn gist(&self, place: u32, retrace: &mut Retrace) -> bool {
        let noted = &self.places[place];
        if noted.syn.window == 0
            || noted.start == Timestamp::default()
            || noted.fronts[0].iss + 1 == NOT_YET
        {
            return false;
        }
        let mut rest = self.all(noted);
        let (second, third) = match (rest.next(), rest.next()) {
            (Some(second), Some(third)) => (second, third),
            (Some(_), None) => return false,
            (None, _) => {
                self.begin(place, retrace);
                ask_in_vain(noted, retrace);
                return true;
            }
        };
        self.begin(place, retrace);
        let Some(mut gist) = handshake(noted, second, third, retrace) else {
            return false;
        };
        let ways = Connection::ways();
        let mut last = third;
        for note in iter::once(third).chain(rest) {
            last = note;
            let from = usize::from(note.facts.marks.contains(Marks::SERVER));
            if !gist.read(note, noted.met(note), ways[from]) {
                return false;
            }
        }
        gist.finish(noted.met(last));
        noted.mark(&mut retrace.connection);
        true
    }
}

/// A SYN, the first segment.
fn ask(connection: &mut Connection, syn: &Segment) {
    connection.parties[0].offer = Some(offer(syn));
    connection.book.learn_scale(syn, 0);
    connection.book.write(syn.flags, 0, 0);
    connection.book.completeness = Completeness::SYN;
    connection.opening.syn(syn.frame, syn.time, true);
}

/// A SYN to which nothing came back; it is written already.
fn ask_in_vain(noted: &Noted, retrace: &mut Retrace) {
    let Retrace {
        connection,
        segment,
        ..
    } = retrace;
    ask(connection, segment);
    let [client, server] = &mut connection.machine.ends;
    *client = End {
        state: Some(TcpState::SynSent),
        known: Known::BASE | Known::SYN | Known::ACTIVE | Known::SENT,
        base: segment.seq,
        window: segment.window.into(),
        sent: Sent::from(segment.seq + 1),
        ..End::default()
    };
    server.state = Some(TcpState::SynReceived);
    connection.parties[0].packets = 1;
    connection.until = segment.time;
    connection.last_frame = segment.frame;
    noted.mark(connection);
}

/// SYN and SYN-ACK, and what the third segment makes of them; the first one is written already. `None` if these are not
/// the three that open a connection by the book.
fn handshake<'a>(
    noted: &Noted,
    second: &Note,
    third: &Note,
    retrace: &'a mut Retrace,
) -> Option<Gist<'a>> {
    let Retrace {
        connection,
        segment,
        flights,
        ..
    } = retrace;
    let (answered, completed) = (noted.met(second), noted.met(third));
    let [client, server] = noted.fronts.map(|front| front.iss + 1);
    let from_server = [second, third].map(|note| note.facts.marks.contains(Marks::SERVER));
    if !second.facts.flags().contains(Flags::SYN)
        || from_server != [true, false]
        || third.facts.flags() - ANY_WAY != Flags::ACK
        || third.facts.ack != server.0
        || second.facts.window == 0
        || noted.start == completed.time
        || server == NOT_YET
    {
        return None;
    }
    ask(connection, segment);
    noted.write(second, [client, server - 1], segment);
    connection.parties[1].offer = Some(offer(segment));
    connection.book.learn_scale(segment, 1);
    connection.book.write(segment.flags, 0, 1);
    connection.opening.syn_ack(answered.frame, answered.time);
    connection.book.completeness |= Completeness::of(segment.flags, 0);
    connection.opening.plain_ack(completed.time);
    connection.opening.complete(completed.frame, completed.time);

    let [asks, answers] = flights;
    asks.clear();
    asks.send(client, noted.start);
    answers.clear();
    answers.send(server, answered.time);
    let rtt = asks.hear(client, answered.time);
    connection.hear_news(answered.time, Side::Server, rtt, true);
    let shift = |from: usize| connection.book.pages[from].scale.shift().unwrap_or(0);
    let half = |from: usize, next: SeqNumber, says: SeqNumber, window: u16| Half {
        iss: next - 1,
        next,
        una: says,
        says: SeqNumber(0),
        edge: SeqNumber(0),
        window: window.into(),
        shift: shift(from),
        packets: 1,
        bytes: 0,
        fin: 0,
        fin_acked: 0,
    };
    let halves = [
        half(0, client, client, noted.syn.window),
        Half {
            says: client,
            edge: client + u32::from(second.facts.window),
            ..half(1, server, server - 1, second.facts.window)
        },
    ];
    Some(Gist {
        connection,
        flights,
        halves,
        in_turn: false,
    })
}

impl Gist<'_> {
    /// Reads a segment that comes after both SYNs; false if it does not go by the book.
    #[inline]
    fn read(&mut self, note: &Note, met: Met, way: Way) -> bool {
        let Facts {
            ack, len, window, ..
        } = note.facts;
        let (ack, len, window) = (SeqNumber(ack), u32::from(len), u32::from(window));
        let all_flags = note.facts.flags();
        let flags = all_flags - ANY_WAY;
        let fin = flags.contains(Flags::FIN);
        let [client, server] = &mut self.halves;
        let (own, peer) = if way.s == 0 {
            (client, server)
        } else {
            (server, client)
        };
        let news = ack.relative_to(peer.una);
        let next = own.next + (len + u32::from(fin));
        if flags - Flags::FIN != Flags::ACK
            || note.ahead != 0
            || window == 0
            || news > peer.next.relative_to(peer.una)
            || (next == own.next && news == 0)
            || (next != own.next && own.fin != 0)
            || (len > 0 && !fin && peer.edge == next)
            || next == NOT_YET
            || ack == NOT_YET
        {
            return false;
        }
        own.next = next;
        own.says = ack;
        own.window = window << own.shift;
        own.edge = ack + own.window;
        own.packets += 1;
        own.bytes += len;
        if news > 0 {
            peer.una = ack;
            if peer.fin != 0 && ack == peer.next {
                peer.fin_acked = met.frame;
            }
        }
        if fin {
            own.fin = met.frame;
            self.in_turn = peer.fin_acked != 0;
        }
        let left = peer.next.relative_to(peer.una);
        let all = left == 0 || (left == 1 && peer.fin != 0);
        let connection = &mut *self.connection;
        connection.book.write(all_flags, len, way.s);
        connection.book.completeness |= Completeness::of(all_flags, len);
        if len > 0 || fin {
            connection.speak(met, way, len > 0, fin);
            self.flights[way.s].send(next, met.time);
        }
        if news > 0 {
            let rtt = self.flights[way.r].hear(ack, met.time);
            connection.hear_news(met.time, way.from, rtt, all);
        }
        true
    }

    /// All is read; the last segment was captured there.
    fn finish(self, last: Met) {
        let Self {
            connection,
            halves,
            in_turn,
            ..
        } = self;
        connection.last = last.time;
        connection.until = last.time;
        connection.last_frame = last.frame;
        let machine = &mut connection.machine;
        machine.complete = true;
        machine.over = (halves[0].fin_acked != 0 && halves[1].fin_acked != 0).then_some(Over::Fin);
        let opens = [Known::ACTIVE, Known::SYN_ACK];
        for side in [0, 1] {
            let (half, peer) = (&halves[side], &halves[1 - side]);
            machine.ends[side] = half.end(opens[side], half.state(peer, in_turn));
            let party = &mut connection.parties[side];
            party.packets = half.packets.into();
            party.bytes = half.bytes.into();
            party.fin = half.fin;
            party.fin_acked = half.fin_acked;
        }
    }
}

impl Half {
    /// Its state (RFC 9293 figures 5, 12 and 13). `in_turn`: whoever closed second had acknowledged the other's FIN.
    fn state(&self, peer: &Self, in_turn: bool) -> TcpState {
        let first = peer.fin == 0 || self.fin < peer.fin;
        match (self.fin != 0, peer.fin != 0) {
            (false, false) => TcpState::Established,
            (false, true) => TcpState::CloseWait,
            (true, false) if self.fin_acked == 0 => TcpState::FinWait1,
            (true, false) => TcpState::FinWait2,
            (true, true) if in_turn && first => TcpState::TimeWait,
            (true, true) if in_turn && self.fin_acked == 0 => TcpState::LastAck,
            (true, true) if in_turn => TcpState::Closed,
            (true, true) if self.fin_acked == 0 => TcpState::Closing,
            (true, true) => TcpState::TimeWait,
        }
    }

    /// All that is known of it. `opens`: what it opened the connection with.
    fn end(&self, opens: Known, state: TcpState) -> End {
        let mut known = opens
            | Known::BASE
            | Known::SYN
            | Known::SYN_ACKED
            | Known::SENT
            | Known::ACKED
            | Known::ACKS;
        known.set(Known::FIN, self.fin != 0);
        known.set(Known::FIN_ACKED, self.fin_acked != 0);
        End {
            state: Some(state),
            known,
            base: self.iss,
            una: self.una,
            expects: self.says,
            fin: self.next - u32::from(self.fin != 0),
            window: self.window,
            sent: Sent::from(self.next),
        }
    }
}

impl Flight {
    pub(super) fn new() -> Self {
        Self {
            sent: [(SeqNumber(0), Timestamp::default()); MOST],
            count: 0,
            heard: 0,
        }
    }

    fn clear(&mut self) {
        (self.count, self.heard) = (0, 0);
    }

    #[inline]
    fn send(&mut self, end: SeqNumber, time: Timestamp) {
        if let Some(sent) = self.sent.get_mut(self.count) {
            *sent = (end, time);
            self.count += 1;
        }
    }

    /// Something new is acknowledged: how long after the segment that it ends with, where that would still be remembered.
    #[inline]
    fn hear(&mut self, ack: SeqNumber, time: Timestamp) -> Option<Span> {
        let waiting = &self.sent[self.heard..self.count];
        let covered = waiting.iter().take_while(|(end, _)| end.at_or_before(ack));
        self.heard += covered.count();
        let last = self.heard.checked_sub(1)?;
        let (end, sent) = self.sent[last];
        (end == ack && self.count - last <= REMEMBERED).then(|| time - sent)
    }
}
