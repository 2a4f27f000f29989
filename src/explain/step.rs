//! One packet as a [`Step`]: what stands on its arrow, which heading stands above it, how much it matters.

use std::fmt::Write;

use super::brief::{above, brief, find};
use super::full::{Vantage, full};
use super::story::{Arrow, Line, Step, Weight};
use super::verdict::closing_packets;
use super::words::{Range, the};
use crate::tcp::{Flags, Labels, OptionsSeen, Segment, SeqNumber, TcpState};
use crate::text::put;
use crate::time::{Span, Timestamp};
use crate::track::{Change, Connection, Event, Opened, RepeatCause, Transition, Verdict};

/// How much is to be said, and in which numbers.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent wish of whoever shows the words"
)]
pub struct Wording {
    /// Make the full paragraph, too.
    pub full: bool,
    /// Sequence and acknowledgment numbers as they are in the headers.
    pub raw_seq: bool,
    /// Make no clause where the arrow says it all.
    pub no_routine: bool,
    /// Say nothing of options and window, for which only wide screens have room.
    pub no_details: bool,
}

/// Parts of a connection's life, each with its heading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Phase {
    Open,
    Data,
    Close,
}

/// What depends on the packets before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance {
    /// Since the connection's previous packet.
    pub(super) delta: Span,
    /// The phase that begins.
    pub(super) begins: Option<Phase>,
}

/// Turns the tracked segments of one connection into steps, in capture order.
#[derive(Debug)]
pub struct Narrator {
    wording: Wording,
    previous: Option<Timestamp>,
    phase: Option<Phase>,
    /// The whole connection is known, so headings can say how it went on.
    known: bool,
}

impl Narrator {
    /// For packets as they happen: what comes later is not known.
    #[must_use]
    pub const fn live(wording: Wording) -> Self {
        Self {
            wording,
            previous: None,
            phase: None,
            known: false,
        }
    }

    /// For a connection that is over: `connection` given to [`step`](Self::step) is its final self.
    #[must_use]
    pub const fn afterwards(wording: Wording) -> Self {
        Self {
            known: true,
            ..Self::live(wording)
        }
    }

    /// The next packet of the connection.
    pub fn step(&mut self, segment: &Segment, change: &Change, connection: &Connection) -> Step {
        let mut step = Step::blank();
        self.step_into(&mut step, segment, change, connection);
        step
    }

    /// The next packet of the connection, told in the place of another, whose room is used again.
    pub fn step_into(
        &mut self,
        step: &mut Step,
        segment: &Segment,
        change: &Change,
        connection: &Connection,
    ) {
        if self.has_hindsight(connection) {
            let mut corrected = change.clone();
            corrected.in_hindsight(connection, segment.frame);
            let glance = self.glance(segment, &corrected, connection);
            self.tell(step, glance, segment, &corrected, connection);
        } else {
            let glance = self.glance(segment, change, connection);
            self.tell(step, glance, segment, change, connection);
        }
    }

    /// Whether changes must be [corrected](Change::in_hindsight) before they are told: a SYN that nobody accepted moved
    /// no server, and one that was repeated need not have; nor did a SYN-ACK that nobody acknowledged move a client.
    pub(super) fn has_hindsight(&self, connection: &Connection) -> bool {
        self.known
            && (connection.syn_heard().is_some()
                || matches!(
                    connection.verdict(),
                    Verdict::Refused | Verdict::NoAnswer | Verdict::Unfinished | Verdict::Aborted
                ))
    }

    /// What depends on the packets before; each packet of the connection must be looked at, told or not.
    pub(super) fn glance(
        &mut self,
        segment: &Segment,
        change: &Change,
        connection: &Connection,
    ) -> Glance {
        let previous = self.previous.replace(segment.time);
        Glance {
            delta: previous.map_or(Span::ZERO, |previous| segment.time - previous),
            begins: self.begins(segment, change, connection),
        }
    }

    /// Makes the words about a packet that was looked at.
    pub(super) fn tell(
        &self,
        step: &mut Step,
        glance: Glance,
        segment: &Segment,
        change: &Change,
        connection: &Connection,
    ) {
        let routine = routine(segment, change);
        step.frame = segment.frame;
        step.connection = change.connection;
        step.time = segment.time;
        step.after = segment.time - connection.start();
        step.delta = glance.delta;
        step.direction = change.direction;
        step.flags = segment.flags;
        arrow(&mut step.arrow, segment, change, self.wording.raw_seq);
        step.client = moved_to(change.client);
        step.server = moved_to(change.server);
        step.heading = glance.begins.map(|phase| match phase {
            Phase::Open => self.opening(connection),
            Phase::Data => "data".to_owned(),
            Phase::Close => self.closing(segment, change, connection),
        });
        step.routine = routine;
        step.brief.clear();
        if !(routine && self.wording.no_routine) {
            brief(&mut step.brief, segment, change);
        }
        step.full.clear();
        if self.wording.full {
            full(
                &mut step.full,
                segment,
                change,
                connection,
                Vantage::Between,
            );
        }
        step.details.clear();
        if !self.wording.no_details {
            details(&mut step.details, segment, change);
        }
        step.weight = weight(segment, change);
        step.preview = segment.preview;
        step.len = segment.len;
    }

    /// The phase that begins with this packet, when it has a heading.
    fn begins(
        &mut self,
        segment: &Segment,
        change: &Change,
        connection: &Connection,
    ) -> Option<Phase> {
        let phase = self.phase_of(segment, change);
        if self.phase.is_some_and(|current| current >= phase) {
            return None;
        }
        self.phase = Some(phase);
        // A connection that never opened has no phases worth a heading.
        let never_opened = self.known && connection.opened().is_none();
        (!never_opened).then_some(phase)
    }

    fn phase_of(&self, segment: &Segment, change: &Change) -> Phase {
        let opening = [change.client, change.server].iter().any(|transition| {
            matches!(
                transition.after,
                Some(TcpState::SynSent | TcpState::SynReceived | TcpState::Listen)
            ) || matches!(
                transition.before,
                Some(TcpState::SynSent | TcpState::SynReceived)
            )
        });
        // Nothing is aborted that was not open; and who is refused may try again, and have more luck.
        let asks = change.of(change.direction.receiver()).before == Some(TcpState::SynSent);
        let refused = segment.flags.contains(Flags::RST) && asks;
        if segment.flags.intersects(Flags::FIN | Flags::RST) && !refused {
            return Phase::Close;
        }
        if segment.flags.contains(Flags::SYN) || (opening && segment.len == 0) {
            return Phase::Open;
        }
        self.phase.unwrap_or(Phase::Data).max(Phase::Data)
    }

    fn opening(&self, connection: &Connection) -> String {
        if !self.known {
            return "open".to_owned();
        }
        let how = match connection.opened() {
            Some(Opened::Handshake) | None => "three-way handshake",
            Some(Opened::Simultaneous) => "simultaneous open",
            Some(Opened::Split) => "split handshake",
            Some(Opened::FastOpen) => "Fast Open",
            Some(Opened::SelfConnect) => "a socket connected to itself",
            Some(Opened::MidStream) => "before the capture began",
        };
        match connection.handshake().initial_rtt {
            // Not where the capture's clock stepped back.
            Some(rtt) if rtt >= Span::ZERO => format!("open: {how}, {rtt}"),
            _ => format!("open: {how}"),
        }
    }

    fn closing(&self, segment: &Segment, change: &Change, connection: &Connection) -> String {
        let side = connection
            .closed_by()
            .unwrap_or_else(|| change.direction.sender());
        let mut heading = if segment.flags.contains(Flags::RST) {
            format!("abort: by {}", the(side))
        } else {
            format!("close: by {}", the(side))
        };
        if self.known && segment.flags.contains(Flags::FIN) {
            let packets = match closing_packets(connection) {
                Some(3) => ", three packets",
                Some(4) => ", four packets",
                _ => "",
            };
            let _ = write!(heading, "{packets}, {}", connection.end() - segment.time);
        }
        heading
    }
}

/// The word that a heading begins with: `open` of `open: three-way handshake, 34 µs`. It tells nothing of what comes.
#[must_use]
pub fn short_heading(heading: &str) -> &str {
    heading.split(':').next().unwrap_or_default()
}

/// The state that an end is in now, when it was in another before.
pub(super) fn moved_to(transition: Transition) -> Option<TcpState> {
    transition.after.filter(|_| transition.changed())
}

/// The arrow says it all: the ladder needs no clause below it.
fn routine(segment: &Segment, change: &Change) -> bool {
    let quiet = change.labels.is_empty() && !change.begins;
    let plain_data = segment.len > 0
        && !segment
            .flags
            .intersects(Flags::SYN | Flags::FIN | Flags::RST | Flags::URG);
    let last_ack = segment.flags == Flags::ACK
        && segment.len == 0
        && find(change, |event| {
            matches!(event, Event::Acknowledges { fin: true, .. }).then_some(())
        })
        .is_some()
        && change.server.after == Some(TcpState::Closed);
    quiet && (plain_data || last_ack)
}

fn arrow(arrow: &mut Arrow, segment: &Segment, change: &Change, raw_seq: bool) {
    arrow.name.clear();
    name(&mut arrow.name, segment, change);
    arrow.numbers.clear();
    numbers(&mut arrow.numbers, segment, change, raw_seq);
    arrow.tags.clear();
    tags(&mut arrow.tags, change);
    arrow.line = line(segment, change);
}

fn line(segment: &Segment, change: &Change) -> Line {
    if segment.flags.contains(Flags::RST) {
        Line::Heavy
    } else if change.delivered == Some(false) {
        Line::Lost
    } else if change.labels.intersects(Labels::ANY_RETRANSMISSION) || repeats(change).is_some() {
        Line::Repeat
    } else {
        Line::Plain
    }
}

fn repeats(change: &Change) -> Option<(Option<u64>, RepeatCause)> {
    find(change, |event| match event {
        Event::Repeats { frame, cause, .. } => Some((frame, cause)),
        _ => None,
    })
}

fn name(out: &mut String, segment: &Segment, change: &Change) {
    let flags = segment.flags;
    if change.labels.contains(Labels::KEEP_ALIVE) {
        return put!(out, "KEEP-ALIVE");
    }
    if change.labels.contains(Labels::ZERO_WINDOW_PROBE) {
        return put!(out, "WINDOW-PROBE");
    }
    let repeated = repeats(change);
    let any = change.labels.intersects(Labels::ANY_RETRANSMISSION);
    if !any && repeated.is_none() {
        return put!(out, flags);
    }
    let (frame, cause) = repeated.unwrap_or((None, RepeatCause::Unknown));
    if flags.intersects(Flags::SYN | Flags::FIN) {
        put!(out, flags, " ");
    }
    put!(
        out,
        match cause {
            RepeatCause::FastRetransmit => "FAST-RETRANS",
            RepeatCause::TailLossProbe => "TAIL-PROBE",
            RepeatCause::Spurious => "SPURIOUS-RETRANS",
            RepeatCause::Network => "DELIVERED-TWICE",
            RepeatCause::Timer { .. }
            | RepeatCause::AfterTimer
            | RepeatCause::SynAgain
            | RepeatCause::Unknown => "RETRANS",
        }
    );
    if let Some(frame) = frame {
        put!(out, " of ", frame);
    }
}

/// `seq 0, ack 1` where a number is taken, `1–13` for data, the acknowledgment where it says something new.
fn numbers(out: &mut String, segment: &Segment, change: &Change, raw_seq: bool) {
    let (seq, ack) = if raw_seq {
        (segment.seq.0, segment.ack.0)
    } else {
        (change.seq, change.ack)
    };
    let flags = segment.flags;
    let refuses = flags.contains(Flags::RST) && segment.seq.0 == 0 && flags.contains(Flags::ACK);
    let syn = flags.contains(Flags::SYN);
    if syn || (flags.intersects(Flags::FIN | Flags::RST) && segment.len == 0 && !refuses) {
        put!(out, "seq ", seq);
    }
    if segment.len > 0 {
        let first = seq.wrapping_add(u32::from(syn));
        let comma = if out.is_empty() { "" } else { ", " };
        put!(out, comma, Range::of(first, segment.len));
    }
    let only_ack = out.is_empty();
    let tells = only_ack || flags.is_syn_ack() || refuses || acknowledges(change);
    if flags.contains(Flags::ACK) && tells && (refuses || !flags.contains(Flags::RST)) {
        let comma = if out.is_empty() { "" } else { ", " };
        put!(out, comma, "ack ", ack);
    }
    sack(out, segment, change, segment.ack - ack);
}

/// Whether it acknowledges something new.
fn acknowledges(change: &Change) -> bool {
    find(change, |event| {
        matches!(event, Event::Acknowledges { .. }).then_some(())
    })
    .is_some()
}

/// `, SACK 2897–4344` for blocks above the acknowledgment number.
fn sack(out: &mut String, segment: &Segment, change: &Change, base: SeqNumber) {
    let mut lead = ", SACK ";
    for block in above(segment, change, base) {
        put!(out, lead, block);
        lead = ", ";
    }
}

fn tags(tags: &mut Vec<String>, change: &Change) {
    for event in &change.events {
        match *event {
            Event::DuplicateAck { number, .. } => tags.push(format!("DUP-ACK #{number}")),
            Event::CaptureDuplicate { of } => tags.push(format!("CAPTURED TWICE, {of}")),
            Event::CongestionMark { in_ip: true } => tags.push("CE".to_owned()),
            _ => {}
        }
    }
    if change.labels.is_empty() {
        return;
    }
    for (label, tag) in [
        (Labels::DUPLICATE_SACK, "D-SACK"),
        (Labels::ZERO_WINDOW, "ZERO-WIN"),
        (Labels::WINDOW_FULL, "WIN-FULL"),
        (Labels::WINDOW_UPDATE, "WIN-UPDATE"),
        (Labels::LOST_SEGMENT, "GAP BEFORE"),
        (Labels::OUT_OF_ORDER, "OUT-OF-ORDER"),
        (Labels::CAPTURE_GAP, "CAPTURE MISSED SOME"),
        (Labels::CHALLENGE_ACK, "CHALLENGE-ACK"),
        (Labels::SIMULTANEOUS_OPEN, "SIMULTANEOUS"),
        (Labels::REUSED_PORTS, "PORTS REUSED"),
    ] {
        if change.labels.contains(label) {
            tags.push(tag.to_owned());
        }
    }
}

/// Options and window, for screens with room for them.
fn details(out: &mut String, segment: &Segment, change: &Change) {
    let options = &segment.options;
    if segment.flags.contains(Flags::SYN) {
        put!(out, "win ", segment.window);
        if let Some(mss) = options.mss {
            put!(out, ", mss ", mss);
        }
        if let Some(shift) = options.window_scale {
            put!(out, ", wscale ", shift);
        }
        for (option, word) in [
            (OptionsSeen::SACK_PERMITTED, ", sack"),
            (OptionsSeen::TIMESTAMPS, ", ts"),
            (OptionsSeen::FAST_OPEN, ", tfo"),
            (OptionsSeen::MPTCP, ", mptcp"),
            (OptionsSeen::MD5, ", md5"),
        ] {
            if options.seen.contains(option) {
                out.push_str(word);
            }
        }
    } else if !segment.flags.contains(Flags::RST) {
        put!(out, "win ", change.window);
    }
}

pub(super) fn weight(segment: &Segment, change: &Change) -> Weight {
    let quiet = Labels::WINDOW_UPDATE | Labels::KEEP_ALIVE | Labels::KEEP_ALIVE_ACK;
    if segment.flags.contains(Flags::RST) || !quiet.contains(change.labels) {
        return Weight::Trouble;
    }
    let moved = change.client.changed() || change.server.changed();
    if moved || segment.flags.intersects(Flags::SYN | Flags::FIN) {
        return Weight::Frame;
    }
    Weight::Bulk
}
