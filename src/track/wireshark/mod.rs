//! The labels, relative numbers and completeness that Wireshark 4.0 gives, one small value per connection.
//!
//! Comes in: a connection's segments in capture order, each with the end that sent it. Goes out: the fifteen labels of
//! `tcp.analysis` (and the Fast Open remarks), the numbers relative to the first ones, the scaled window, and the mask
//! `tcp.completeness` as a second pass over the file would end with. Times of retransmissions, bytes in flight and the
//! list of unacknowledged segments are left out: no label depends on them.
//!
//! These are somebody else's rules, kept to the letter so that two tools can be held against each other. Where they
//! call things by a wrong name, [`labels`](super::labels) says it better.

mod book;
mod flow;
mod former;
#[cfg(test)]
mod tests;

pub(super) use flow::{MAX_UNACKNOWLEDGED, Scale};
pub(super) use former::Former;

use flow::{Flow, Marks, later};

use crate::tcp::{FastOpen, Flags, Labels, OptionsSeen, Segment};
use crate::time::{Span, Timestamp};

/// Out of order rather than repeated, when the handshake's round trip is not known: within this of the highest segment.
const REORDERING: Span = Span::from_millis(3);

/// Fast retransmission: within this of the last duplicate ACK.
const FAST: Span = Span::from_millis(20);

/// SYN, FIN or RST.
const CONTROL: Flags = Flags::SYN.union(Flags::FIN).union(Flags::RST);

bitflags::bitflags! {
    /// The mask `tcp.completeness`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(super) struct Completeness: u8 {
        const SYN = 1;
        const SYN_ACK = 2;
        const ACK = 4;
        const DATA = 8;
        const FIN = 16;
        const RST = 32;
    }
}

bitflags::bitflags! {
    /// Facts about the whole connection.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    struct Seen: u8 {
        /// A segment was observed.
        const ANY = 1;
        /// The first one began on a used pair of ports, and has not been labelled yet.
        const REUSED = 1 << 1;
        /// Both ends are one socket: Wireshark cannot tell directions apart and takes everything for one.
        const SELF = 1 << 2;
        /// A SYN was seen, so its time is known.
        const SYN_TIME = 1 << 3;
        /// The SYN had a Fast Open cookie and data.
        const FAST_OPEN_DATA = 1 << 4;
        /// The SYN had data.
        const SYN_DATA = 1 << 5;
        /// Both numberings and the handshake's round trip are known as well as they will be, unless a SYN follows.
        const SETTLED = 1 << 6;
        /// Another connection announced this one.
        const ANNOUNCED = 1 << 7;
    }
}

/// What Wireshark remembers of one connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Analysis {
    flows: [Flow; 2],
    syn_time: Timestamp,
    first_round_trip: Span,
    /// Subtypes of Multipath TCP's option that were seen, a bit each. Wireshark counts those of all paths together.
    operations: u16,
    completeness: Completeness,
    /// What the first segment adds once there is a second one: a first pass ignores it, a second pass does not.
    of_first: Completeness,
    seen: Seen,
}

impl Analysis {
    /// A connection whose ports were not used before.
    pub(super) fn new() -> Self {
        Self {
            flows: [Flow::new(), Flow::new()],
            syn_time: Timestamp::default(),
            first_round_trip: Span::ZERO,
            operations: 0,
            completeness: Completeness::empty(),
            of_first: Completeness::empty(),
            seen: Seen::empty(),
        }
    }

    /// A connection that begins with a SYN for which [`is_new_conversation`](Self::is_new_conversation) held.
    pub(super) fn on_used_ports() -> Self {
        Self {
            seen: Seen::REUSED,
            ..Self::new()
        }
    }

    /// A connection that was announced by another, as FTP announces its data connections. Wireshark's FTP dissector has
    /// made the conversation by the time its SYN comes, so that the SYN is not the first thing in it.
    pub(super) fn announced() -> Self {
        Self {
            seen: Seen::ANNOUNCED,
            ..Self::new()
        }
    }

    /// A SYN with another number than this direction began with: it belongs to a new connection.
    pub(super) fn is_new_conversation(&self, segment: &Segment, from: usize) -> bool {
        let flow = &self.flows[self.flow(from)];
        segment.flags.is_syn_only() && flow.marks.contains(Marks::BASE) && segment.seq != flow.base
    }

    /// SEG.SEQ relative to the sender's first number. Valid after the segment was observed.
    pub(super) fn relative_seq(&self, segment: &Segment, from: usize) -> u32 {
        segment.seq.relative_to(self.flows[self.flow(from)].base)
    }

    /// SEG.ACK relative to the receiver's first number; 0 without the ACK flag. Valid after the segment was observed.
    pub(super) fn relative_ack(&self, segment: &Segment, from: usize) -> u32 {
        match segment.acknowledges() {
            Some(ack) => ack.relative_to(self.flows[1 - self.flow(from)].base),
            None => 0,
        }
    }

    /// The offered window in bytes; unscaled on a SYN and while the scale is unknown.
    pub(super) fn window(&self, segment: &Segment, from: usize) -> u32 {
        let window = u32::from(segment.window);
        match self.window_scale(from) {
            Some(shift) if !segment.flags.contains(Flags::SYN) => window << shift,
            _ => window,
        }
    }

    /// The window scale shift of one end: `None` when it is unknown or known not to be used.
    pub(super) fn window_scale(&self, from: usize) -> Option<u8> {
        self.flows[self.flow(from)].scale.shift()
    }

    /// `tcp.completeness` as a second pass over the file ends with.
    pub(super) fn completeness(&self) -> u8 {
        self.completeness.bits()
    }

    /// Labels a segment and remembers it. `from` is 0 for the end that sent the connection's first segment, else 1.
    pub(super) fn observe(&mut self, segment: &Segment, from: usize) -> Labels {
        let from = self.flow(from);
        if self.seen.contains(Seen::SETTLED)
            && !segment.flags.contains(Flags::SYN)
            && segment.options.window_scale.is_none()
        {
            // Nearly every segment: nothing is learned from it that outlasts it.
            self.complete(segment);
            let labels = self.analyse(segment, from);
            return if is_given_up(segment) {
                Labels::empty()
            } else {
                labels
            };
        }
        self.observe_and_learn(segment, from)
    }

    fn observe_and_learn(&mut self, segment: &Segment, from: usize) -> Labels {
        let mut labels = self.begin(segment);
        let from = self.flow(from);
        self.complete(segment);
        labels |= self.restart(segment, from);
        self.learn_bases(segment, from);
        labels |= self.analyse(segment, from);
        // Only from the next segment on: the round trip of the handshake's last ACK is not used to judge that ACK.
        self.time_handshake(segment);
        self.seen.set(Seen::SETTLED, self.is_settled());
        if is_given_up(segment) {
            // Wireshark remembers such a segment, and learns from the options that are there. At the one that is cut it
            // gives up: what it would say or conclude after all of them is left out.
            self.flows[from].scale.say(segment);
            return self.fast_open_option(segment) | self.fast_open_answer(segment, from);
        }
        labels |= self.fast_open_option(segment) | self.fast_open_answer(segment, from);
        self.learn_scale(segment, from);
        labels
    }

    fn is_settled(&self) -> bool {
        let timed = self.first_round_trip != Span::ZERO || !self.seen.contains(Seen::SYN_TIME);
        timed
            && self.flows.iter().all(|flow| {
                flow.marks.contains(Marks::BASE) && !flow.marks.contains(Marks::FIRST_ACK_DUE)
            })
    }

    /// Which record a segment from `from` belongs to.
    fn flow(&self, from: usize) -> usize {
        if self.seen.contains(Seen::SELF) {
            0
        } else {
            from
        }
    }

    fn begin(&mut self, segment: &Segment) -> Labels {
        if self.seen.contains(Seen::ANY) {
            return Labels::empty();
        }
        self.seen.set(Seen::SELF, segment.tuple.is_self());
        if self.seen.contains(Seen::REUSED) {
            Labels::REUSED_PORTS
        } else {
            Labels::empty()
        }
    }

    fn complete(&mut self, segment: &Segment) {
        let bits = Completeness::of(segment.flags, segment.len);
        if self.seen.contains(Seen::ANY) {
            self.completeness |= bits | self.of_first;
        } else {
            self.seen |= Seen::ANY;
            self.of_first = bits;
            if self.seen.contains(Seen::REUSED) {
                self.completeness |= bits;
            }
            if segment.flags.is_syn_only() {
                let known_before = self.seen.contains(Seen::ANNOUNCED);
                let reused = self.seen.contains(Seen::REUSED);
                self.completeness.set(Completeness::SYN, !known_before);
                self.completeness
                    .set(Completeness::DATA, segment.len > 0 && !reused);
            }
        }
    }

    /// What a repeated SYN, or a SYN-ACK with another number, does to the sender's record.
    fn restart(&mut self, segment: &Segment, from: usize) -> Labels {
        let flow = &mut self.flows[from];
        if !segment.flags.contains(Flags::SYN) || !flow.marks.contains(Marks::BASE) {
            return Labels::empty();
        }
        if segment.flags.contains(Flags::ACK) {
            if segment.seq == flow.base {
                return Labels::empty();
            }
            flow.base = segment.seq;
            return Labels::REUSED_PORTS;
        }
        // A RST may have moved the next number away (its number can be the acknowledgment of something else).
        flow.next = flow.contiguous;
        Labels::empty()
    }

    fn learn_bases(&mut self, segment: &Segment, from: usize) {
        let (forward, reverse) = pair(&mut self.flows, from);
        if !forward.marks.contains(Marks::BASE) {
            let syn = u32::from(segment.flags.contains(Flags::SYN));
            forward.base = segment.seq - (1 - syn);
            forward.marks |= Marks::BASE;
        }
        if !reverse.marks.contains(Marks::BASE) && segment.flags.contains(Flags::ACK) {
            reverse.base = segment.ack - 1;
            reverse.marks |= Marks::BASE;
        }
        if segment.flags.contains(Flags::SYN) {
            forward.marks |= Marks::FIRST_ACK_DUE;
        } else if segment.flags.contains(Flags::ACK) {
            forward.marks -= Marks::FIRST_ACK_DUE;
        }
    }

    fn time_handshake(&mut self, segment: &Segment) {
        if segment.flags.is_syn_only() {
            self.syn_time = segment.time;
            self.seen |= Seen::SYN_TIME;
        } else if self.first_round_trip == Span::ZERO
            && self.seen.contains(Seen::SYN_TIME)
            && segment.flags.contains(Flags::ACK)
            && !segment.flags.contains(Flags::SYN)
        {
            self.first_round_trip = segment.time - self.syn_time;
        }
    }

    /// The rules of `tcp.analysis`, in their order: an earlier one may keep later ones from being asked.
    fn analyse(&mut self, segment: &Segment, from: usize) -> Labels {
        let round_trip = self.first_round_trip;
        let (forward, reverse) = pair(&mut self.flows, from);
        let probe = segment.len == 1 && segment.seq == forward.next && reverse.has_window(0);
        let mut labels = if probe {
            Labels::ZERO_WINDOW_PROBE
        } else {
            window_labels(segment, forward, reverse, self.operations)
        };
        if segment.ack != forward.last_ack {
            forward.duplicates = 0;
        }
        labels |= acks_unseen(segment, reverse);
        if (segment.len > 0 || segment.flags.intersects(Flags::SYN | Flags::FIN))
            && !labels.contains(Labels::KEEP_ALIVE)
        {
            labels |= repeat(segment, forward, reverse, round_trip);
        }
        forward.remember(segment, labels);
        forward.operations = self.operations;
        // Later subtypes than MP_FASTCLOSE (RFC 8684 section 7.2) it does not count.
        if let Some(subtype @ ..=7) = segment.options.mptcp_subtype {
            self.operations |= 1 << subtype;
        }
        if reverse.next.at_or_before(segment.ack) {
            reverse.unacknowledged = 0;
        }
        labels
    }

    /// Fast Open (RFC 7413): a SYN with a cookie. What it brought is not forgotten when it is repeated without.
    fn fast_open_option(&mut self, segment: &Segment) -> Labels {
        if !segment.flags.is_syn_only() {
            return Labels::empty();
        }
        if segment.len > 0 {
            self.seen |= Seen::SYN_DATA;
        }
        if !matches!(segment.options.fast_open, Some(FastOpen::Cookie(_))) {
            return Labels::empty();
        }
        if segment.len > 0 {
            self.seen |= Seen::FAST_OPEN_DATA;
        }
        Labels::TFO_SYN
    }

    /// Whether a SYN-ACK acknowledges more than the SYN. Wireshark does not ask whether the SYN had any data.
    fn fast_open_answer(&self, segment: &Segment, from: usize) -> Labels {
        if !segment.flags.is_syn_ack() {
            Labels::empty()
        } else if segment.ack.relative_to(self.flows[1 - from].base) > 1 {
            Labels::TFO_ACCEPTED
        } else if self.seen.contains(Seen::FAST_OPEN_DATA) {
            Labels::TFO_IGNORED
        } else {
            Labels::empty()
        }
    }

    /// Whether a SYN had data, so that there was something that a SYN-ACK could accept.
    pub(super) fn saw_data_in_syn(&self) -> bool {
        self.seen.contains(Seen::SYN_DATA)
    }

    fn learn_scale(&mut self, segment: &Segment, from: usize) {
        let (forward, reverse) = pair(&mut self.flows, from);
        Scale::learn(segment, &mut forward.scale, &mut reverse.scale);
    }
}

impl Completeness {
    /// What a segment adds that is not the first.
    #[inline]
    pub(super) fn of(flags: Flags, len: u32) -> Self {
        let mut bits = Self::empty();
        if flags.is_syn_ack() {
            bits |= Self::SYN_ACK;
        } else if flags.contains(Flags::ACK) {
            bits |= if len == 0 { Self::ACK } else { Self::DATA };
        }
        if flags.contains(Flags::FIN | Flags::ACK) {
            bits |= Self::FIN;
        }
        if flags.contains(Flags::RST) {
            bits |= Self::RST;
        }
        bits
    }
}

/// Whether Wireshark stops reading among the options: where the capture cut them off, or at a SACK option without a block.
fn is_given_up(segment: &Segment) -> bool {
    let options = &segment.options;
    segment.header_cut || (options.seen.contains(OptionsSeen::SACK) && options.sack.is_empty())
}

/// The sender's record and the receiver's.
fn pair(flows: &mut [Flow; 2], from: usize) -> (&mut Flow, &mut Flow) {
    let [first, second] = flows;
    if from == 0 {
        (first, second)
    } else {
        (second, first)
    }
}

/// Labels about windows, gaps, keep-alives and duplicate ACKs.
fn window_labels(segment: &Segment, forward: &mut Flow, reverse: &Flow, operations: u16) -> Labels {
    let mut labels = Labels::empty();
    if forward.next.0 != 0
        && later(segment.seq, forward.next)
        && !segment.flags.contains(Flags::RST)
    {
        labels |= Labels::LOST_SEGMENT;
    }
    if segment.flags.intersects(CONTROL) {
        return labels;
    }
    if segment.window == 0 {
        labels |= Labels::ZERO_WINDOW;
    }
    if segment.len <= 1 && segment.seq == forward.next - 1 {
        labels |= Labels::KEEP_ALIVE;
    }
    if segment.len > 0 {
        if reverse.right_edge() == Some(segment.seq + segment.len) {
            labels |= Labels::WINDOW_FULL;
        }
        return labels;
    }
    if segment.seq != forward.next || segment.ack != forward.last_ack {
        return labels;
    }
    let same = forward.has_window(segment.window);
    if segment.window == 0 {
        if same && reverse.marks.contains(Marks::PROBE) {
            labels |= Labels::ZERO_WINDOW_PROBE_ACK;
        }
    } else if !same {
        labels |= Labels::WINDOW_UPDATE;
    } else if reverse.marks.contains(Marks::KEEP_ALIVE) {
        labels |= Labels::KEEP_ALIVE_ACK;
    } else if operations == forward.operations {
        // Else it may repeat the ACK only to carry what is new in Multipath TCP (RFC 8684 section 4).
        forward.duplicates = forward.duplicates.max(0).saturating_add(1);
        labels |= Labels::DUPLICATE_ACK;
    }
    labels
}

/// Whether a segment acknowledges what the other direction was not seen to send.
fn acks_unseen(segment: &Segment, reverse: &mut Flow) -> Labels {
    if reverse.contiguous.0 == 0
        || !segment.flags.contains(Flags::ACK)
        || !later(segment.ack, reverse.contiguous)
    {
        return Labels::empty();
    }
    if reverse.contiguous.before(reverse.next) {
        reverse.contiguous = reverse.next;
        return Labels::ACK_LOST_SEGMENT;
    }
    // Said once for each hole, until the other direction acknowledges something else.
    let said = reverse.duplicates != 0;
    reverse.duplicates = flow::UNSEEN_WAS_SAID;
    if said {
        Labels::empty()
    } else {
        Labels::ACK_LOST_SEGMENT
    }
}

/// Retransmission, its kinds, or out of order: exactly one or none.
fn repeat(segment: &Segment, forward: &Flow, reverse: &Flow, round_trip: Span) -> Labels {
    if segment.len > 0
        && reverse.last_ack.0 != 0
        && (segment.seq + segment.len).at_or_before(reverse.last_ack)
    {
        return Labels::SPURIOUS_RETRANSMISSION;
    }
    // More than a byte at the number before the next one may be what a probe's byte stood for.
    let behind = forward.next.0 != 0
        && segment.seq.before(forward.next)
        && !(segment.len > 1 && segment.seq == forward.next - 1);
    if !behind {
        return Labels::empty();
    }
    // The mark that unseen bytes were acknowledged counts as many duplicates: Wireshark compares it unsigned.
    if (reverse.duplicates >= 2 || reverse.duplicates == flow::UNSEEN_WAS_SAID)
        && reverse.last_ack == segment.seq
        && within(segment.time - reverse.last_ack_time, FAST)
    {
        return Labels::FAST_RETRANSMISSION;
    }
    let limit = if round_trip == Span::ZERO {
        REORDERING
    } else {
        round_trip
    };
    if within(segment.time - forward.next_time, limit) && forward.next != flow::end_of(segment) {
        return Labels::OUT_OF_ORDER;
    }
    Labels::RETRANSMISSION
}

/// Shorter than `limit`, both taken as unsigned: a clock that steps back makes a span endless.
fn within(span: Span, limit: Span) -> bool {
    (span.as_nanos() as u64) < limit.as_nanos() as u64
}
