//! One packet as a [`Step`]: what stands on its arrow, which heading stands above it, how much it matters.

use std::fmt::Write;

use super::brief::{brief, find};
use super::full::full;
use super::story::{Arrow, Line, Step, Weight};
use super::verdict::closing_packets;
use super::words::{Range, the};
use crate::tcp::{Flags, Labels, OptionsSeen, Segment, TcpState};
use crate::time::{Span, Timestamp};
use crate::track::{Change, Connection, Event, Opened, RepeatCause, Verdict};

/// How much is to be said, and in which numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wording {
    /// Make the full paragraph, too.
    pub full: bool,
    /// Sequence and acknowledgment numbers as they are in the headers.
    pub raw_seq: bool,
}

/// Parts of a connection's life, each with its heading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Phase {
    Open,
    Data,
    Close,
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
        let corrected = self.in_hindsight(change, connection);
        let change = corrected.as_ref().unwrap_or(change);
        let mut clause = String::new();
        brief(&mut clause, segment, change);
        let previous = self.previous.replace(segment.time);
        Step {
            frame: segment.frame,
            connection: change.connection,
            time: segment.time,
            after: segment.time - connection.start(),
            delta: previous.map_or(Span::ZERO, |previous| segment.time - previous),
            direction: change.direction,
            flags: segment.flags,
            arrow: arrow(segment, change, self.wording.raw_seq),
            client: change.client.after.filter(|_| change.client.changed()),
            server: change.server.after.filter(|_| change.server.changed()),
            heading: self.heading(segment, change, connection),
            routine: routine(segment, change),
            brief: clause,
            full: if self.wording.full {
                full(segment, change, connection)
            } else {
                String::new()
            },
            details: details(segment, change),
            weight: weight(segment, change),
            preview: segment.preview,
            len: segment.len,
        }
    }

    /// The change as it is known to have been when the connection is over: a SYN that nobody accepted moved no server.
    fn in_hindsight(&self, change: &Change, connection: &Connection) -> Option<Change> {
        let nobody = matches!(connection.verdict(), Verdict::Refused | Verdict::NoAnswer);
        (self.known && nobody).then(|| {
            let mut corrected = change.clone();
            corrected.in_hindsight(connection);
            corrected
        })
    }

    /// The heading, when a phase begins with this packet.
    fn heading(
        &mut self,
        segment: &Segment,
        change: &Change,
        connection: &Connection,
    ) -> Option<String> {
        let phase = self.phase_of(segment, change);
        if self.phase.is_some_and(|current| current >= phase) {
            return None;
        }
        let opening_known = self.known && connection.opened().is_none();
        self.phase = Some(phase);
        match phase {
            // A connection that never opened has no phases worth a heading.
            _ if opening_known => None,
            Phase::Open => Some(self.opening(connection)),
            Phase::Data => Some("data".to_owned()),
            Phase::Close => Some(self.closing(segment, change, connection)),
        }
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
        if segment.flags.intersects(Flags::FIN | Flags::RST) {
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
            Some(rtt) => format!("open: {how}, {rtt}"),
            None => format!("open: {how}"),
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

fn arrow(segment: &Segment, change: &Change, raw_seq: bool) -> Arrow {
    Arrow {
        name: name(segment, change),
        numbers: numbers(segment, change, raw_seq),
        tags: tags(change),
        line: line(segment, change),
    }
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

fn name(segment: &Segment, change: &Change) -> String {
    let flags = segment.flags;
    if change.labels.contains(Labels::KEEP_ALIVE) {
        return "KEEP-ALIVE".to_owned();
    }
    if change.labels.contains(Labels::ZERO_WINDOW_PROBE) {
        return "WINDOW-PROBE".to_owned();
    }
    let repeated = repeats(change);
    let any = change.labels.intersects(Labels::ANY_RETRANSMISSION);
    if !any && repeated.is_none() {
        return flags.to_string();
    }
    let (frame, cause) = repeated.unwrap_or((None, RepeatCause::Unknown));
    let kind = match cause {
        RepeatCause::FastRetransmit => "FAST-RETRANS",
        RepeatCause::TailLossProbe => "TAIL-PROBE",
        RepeatCause::Spurious => "SPURIOUS-RETRANS",
        RepeatCause::Timer { .. } | RepeatCause::Unknown => "RETRANS",
    };
    let controls = flags.intersects(Flags::SYN | Flags::FIN);
    let mut name = if controls {
        format!("{flags} {kind}")
    } else {
        kind.to_owned()
    };
    if let Some(frame) = frame {
        let _ = write!(name, " of {frame}");
    }
    name
}

/// `seq 0, ack 1` where a number is taken, `1–13` for data, the acknowledgment where it says something new.
fn numbers(segment: &Segment, change: &Change, raw_seq: bool) -> String {
    let (seq, ack) = if raw_seq {
        (segment.seq.0, segment.ack.0)
    } else {
        (change.seq, change.ack)
    };
    let flags = segment.flags;
    let mut out = String::new();
    let refuses = flags.contains(Flags::RST) && segment.seq.0 == 0 && flags.contains(Flags::ACK);
    let syn = flags.contains(Flags::SYN);
    if syn || (flags.intersects(Flags::FIN | Flags::RST) && segment.len == 0 && !refuses) {
        let _ = write!(out, "seq {seq}");
    }
    if segment.len > 0 {
        let first = seq.wrapping_add(u32::from(syn));
        let comma = if out.is_empty() { "" } else { ", " };
        let _ = write!(out, "{comma}{}", Range::of(first, segment.len));
    }
    let news = find(change, |event| {
        matches!(event, Event::Acknowledges { .. }).then_some(())
    })
    .is_some();
    let only_ack = out.is_empty();
    let tells = news || only_ack || flags.is_syn_ack() || refuses;
    if flags.contains(Flags::ACK) && tells && (refuses || !flags.contains(Flags::RST)) {
        let comma = if out.is_empty() { "" } else { ", " };
        let _ = write!(out, "{comma}ack {ack}");
    }
    sack(&mut out, segment, segment.ack - ack);
    out
}

/// `, SACK 2897–4344` for blocks above the acknowledgment number.
fn sack(out: &mut String, segment: &Segment, base: crate::tcp::SeqNumber) {
    let mut first = true;
    for block in &segment.options.sack {
        if !block.left.after(segment.ack) || !block.right.after(block.left) {
            continue;
        }
        let count = block.right.distance(block.left).unsigned_abs();
        let lead = if first { ", SACK " } else { ", " };
        let _ = write!(
            out,
            "{lead}{}",
            Range::of(block.left.relative_to(base), count)
        );
        first = false;
    }
}

fn tags(change: &Change) -> Vec<String> {
    let mut tags = Vec::new();
    for event in &change.events {
        match *event {
            Event::DuplicateAck { number, .. } => tags.push(format!("DUP-ACK #{number}")),
            Event::CaptureDuplicate { of } => tags.push(format!("CAPTURED TWICE, {of}")),
            _ => {}
        }
    }
    for (label, tag) in [
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
    tags
}

/// Options and window, for screens with room for them.
fn details(segment: &Segment, change: &Change) -> String {
    let mut out = String::new();
    let options = &segment.options;
    if segment.flags.contains(Flags::SYN) {
        let _ = write!(out, "win {}", segment.window);
        if let Some(mss) = options.mss {
            let _ = write!(out, ", mss {mss}");
        }
        if let Some(shift) = options.window_scale {
            let _ = write!(out, ", wscale {shift}");
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
        let _ = write!(out, "win {}", change.window);
    }
    out
}

fn weight(segment: &Segment, change: &Change) -> Weight {
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
