//! A conversation on a wire of which both ends' views are known: one event a row, a packet is two of them.
//!
//! Comes in: the two connections that are one, with their segments, and which frame is the arrival of which. Goes out:
//! [`WireEvent`]s, one by one as they happen or all in a [`WireStory`]: what left, what arrived, what was lost, and what
//! each end knew at that moment.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::brief::{find, not_here};
use super::full::{Vantage, full};
use super::glossary::Term;
use super::reach::{Reach, Ruler};
use super::related::related;
use super::step::{Narrator, Wording};
use super::story::{Conclusion, Line, Step, Title, Weight};
use super::words::{the, the_capital};
use crate::tcp::{Flags, Segment, Side, TcpState};
use crate::time::{Span, Timestamp};
use crate::track::{Change, Connection, Event};

/// What never arrives, in a word that needs no colour.
const LOST: &str = "LOST on the wire";

/// A conversation as both of its ends saw it.
#[derive(Clone, Debug)]
pub struct WireStory {
    /// Who and where, as the client sees it.
    pub title: Title,
    /// What stands above the margins: what the client's and the server's numbers are.
    pub margins: [&'static str; 2],
    /// The events, in the order of time.
    pub events: Vec<WireEvent>,
    /// How it ended, as the client saw it.
    pub conclusion: Conclusion,
}

/// A packet leaves or arrives.
#[derive(Clone, Debug)]
pub struct WireEvent {
    /// Since the first packet.
    pub after: Span,
    /// At which end.
    pub side: Side,
    /// The packet's number: of the frame in which it was sent.
    pub packet: u64,
    /// What happens.
    pub what: WireHalf,
    /// What stands on the half arrow, beside the number. Empty for an ordinary arrival.
    pub label: String,
    /// What is remarkable.
    pub tags: Vec<String>,
    /// How the line is drawn.
    pub line: Line,
    /// What this end knows now: its new state, or its numbers.
    pub margin: String,
    /// What is said below it, where there is something to say; with paragraphs, every clause that was not said before.
    pub note: String,
    /// One short clause about the packet, as this end sees it.
    pub brief: String,
    /// The paragraph about it; empty when it was not asked for. What was said where the packet left is not said again
    /// where it arrives.
    pub full: String,
    /// This end's state after it, where it changed.
    pub state: Option<TcpState>,
    /// How far the client's and the server's direction have got, as far as this end knows.
    pub reach: [Reach; 2],
    /// Words of the glossary that it is about.
    pub terms: Vec<&'static Term>,
}

impl WireEvent {
    /// What happens, in words: `packet 8 leaves the client and is lost`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let (packet, end) = (self.packet, the(self.side));
        match self.what {
            WireHalf::Leaves => format!("packet {packet} leaves {end}"),
            WireHalf::Lost => format!("packet {packet} leaves {end} and is lost on its way"),
            WireHalf::Arrives => format!("packet {packet} arrives at {end}"),
        }
    }
}

/// Which half of an arrow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireHalf {
    /// It leaves and will arrive.
    Leaves,
    /// It leaves and will not arrive.
    Lost,
    /// It arrives.
    Arrives,
}

/// One end's view of a connection: the connection, and its segments with what they did.
pub struct View<'a> {
    /// As tracked from this end's frames.
    pub connection: &'a Connection,
    /// Its segments in capture order.
    pub segments: Vec<(&'a Segment, &'a Change)>,
}

/// Tells what happened on a wire. `other` gives the frame that holds the same packet at the other end.
pub fn wire_story(
    client: &View<'_>,
    server: &View<'_>,
    other: &dyn Fn(u64) -> Option<u64>,
    remark: &str,
    wording: Wording,
) -> WireStory {
    let views = [(Side::Client, client), (Side::Server, server)];
    let mut seen: Vec<_> = views
        .iter()
        .flat_map(|(side, view)| view.segments.iter().map(|seen| (*side, *seen)))
        .collect();
    seen.sort_by_key(|(_, (segment, _))| segment.frame);
    let mut narrator = WireNarrator::afterwards(wording);
    let events = seen.into_iter().map(|(side, (segment, change))| {
        let connection = match side {
            Side::Client => client.connection,
            Side::Server => server.connection,
        };
        narrator.event(side, segment, change, connection, other)
    });
    WireStory {
        events: events.collect(),
        title: wire_title(client.connection, remark, true),
        margins: WIRE_MARGINS,
        conclusion: super::verdict::conclusion(client.connection),
    }
}

/// What stands above the margins: what the client's and the server's numbers are.
pub const WIRE_MARGINS: [&str; 2] = ["unacked", "next expected"];

/// The line above the ladder of a wire. `remark` says what the wire does; `over`: nothing more is to come.
#[must_use]
pub fn wire_title(client: &Connection, remark: &str, over: bool) -> Title {
    Title {
        remark: remark.to_owned(),
        ..super::tell::title(client, None, over)
    }
}

/// Which end of a wire a ladder shows: `the server's end of the wire, where the server is 10.17.12.1 ...`. `own` is that
/// end's address in what it sends, `other` the one that it sends to.
#[must_use]
pub fn wire_end(side: Side, [own, other]: [IpAddr; 2]) -> String {
    let (end, far) = (the(side), the(!side));
    format!(
        "{}, where {end} is {own} and {far} {other} (the wire exchanges them)",
        wire_end_in_words(side)
    )
}

/// The same without addresses: `the server's end of the wire`.
#[must_use]
pub fn wire_end_in_words(side: Side) -> String {
    format!("{}'s end of the wire", the(side))
}

/// The same in short, beside other words: `server's end`.
#[must_use]
pub fn wire_end_in_short(side: Side) -> String {
    format!("{}'s end", side.name())
}

/// Turns the segments that both ends of a wire have seen into events, in capture order.
pub struct WireNarrator {
    /// The client's and the server's view.
    ends: [End; 2],
    /// The time of the first packet.
    start: Option<Timestamp>,
    /// By packet.
    said: HashMap<u64, Said>,
    full: bool,
}

/// What is told of one end, and what it knows.
struct End {
    narrator: Narrator,
    known: Known,
    ruler: Ruler,
}

/// What was said where a packet left, so that it is not said again where it arrives.
struct Said {
    brief: String,
    full: String,
}

/// Packets under way of which is known what was said. A wire carries fewer at once; of what is lost it is forgotten.
const UNDER_WAY: usize = 4096;

impl WireNarrator {
    /// For packets as they happen: what comes later is not known.
    #[must_use]
    pub fn live(wording: Wording) -> Self {
        Self::of(wording, Narrator::live)
    }

    /// For a connection that is over: the connections given to [`event`](Self::event) are their final selves.
    #[must_use]
    pub fn afterwards(wording: Wording) -> Self {
        Self::of(wording, Narrator::afterwards)
    }

    fn of(wording: Wording, narrator: fn(Wording) -> Narrator) -> Self {
        let end = || End {
            // Paragraphs are made here, as each end sees it.
            narrator: narrator(Wording {
                full: false,
                ..wording
            }),
            known: Known::default(),
            ruler: Ruler::default(),
        };
        Self {
            ends: [end(), end()],
            start: None,
            said: HashMap::new(),
            full: wording.full,
        }
    }

    /// What was seen at `side`. `other` gives the frame that holds the same packet at the other end.
    pub fn event(
        &mut self,
        side: Side,
        segment: &Segment,
        change: &Change,
        connection: &Connection,
        other: &dyn Fn(u64) -> Option<u64>,
    ) -> WireEvent {
        let End {
            narrator,
            known,
            ruler,
        } = &mut self.ends[side as usize];
        let start = *self.start.get_or_insert(segment.time);
        // What was sent elsewhere before arrives here. Where SYNs cross each end is the client in its own eyes, so the
        // roles do not tell.
        let sent_as = |frame: u64| other(frame).filter(|sent| *sent < frame);
        let sent = sent_as(segment.frame);
        let sends = sent.is_none();
        let packet = sent.unwrap_or(segment.frame);
        known.learn(segment, change, sends);
        let change = &renumbered(change, sends, &|frame| sent_as(frame).unwrap_or(frame));
        let step = narrator.step(segment, change, connection);
        let mut event = event(&step, change, side, sends, packet);
        if let Some(missing) = missing(change).filter(|_| !sends) {
            event.brief.clear();
            not_here(&mut event.brief, change, missing);
        }
        event.after = step.time - start;
        let own = match (change.direction.sender(), sends) {
            (sender, true) => sender,
            (sender, false) => !sender,
        };
        event.state = match own {
            Side::Client => step.client,
            Side::Server => step.server,
        };
        event.reach = ruler.learn(segment, change, connection);
        event.terms = related(segment, change);
        event.margin = match event.state {
            Some(state) => state.name().to_owned(),
            None => known.margin(side),
        };
        if self.full {
            self.explain(&mut event, segment, change, connection);
        }
        event
    }

    /// Makes the paragraph: where a packet leaves, what its sender knows; where it arrives, what is news there.
    fn explain(
        &mut self,
        event: &mut WireEvent,
        segment: &Segment,
        change: &Change,
        connection: &Connection,
    ) {
        let text = &mut event.full;
        if event.what == WireHalf::Arrives {
            full(text, segment, change, connection, Vantage::Arrived);
            if let Some(said) = self.said.get(&event.packet) {
                event.full = news(text, &said.full);
                if said.brief != event.brief {
                    event.note.clone_from(&event.brief);
                }
            }
            return;
        }
        full(text, segment, change, connection, Vantage::Sent);
        event.note.clone_from(&event.brief);
        if event.what == WireHalf::Lost {
            unnoticed(text, segment, change.direction.sender());
        }
        if event.what == WireHalf::Leaves && self.said.len() < UNDER_WAY {
            let said = Said {
                brief: event.brief.clone(),
                full: event.full.clone(),
            };
            self.said.insert(event.packet, said);
        }
    }
}

/// What of a paragraph was not said before, sentence by sentence.
fn news(text: &str, before: &str) -> String {
    let said: Vec<&str> = sentences(before).collect();
    let new = sentences(text).filter(|sentence| !said.contains(sentence));
    new.collect::<Vec<_>>().join(" ")
}

/// Each with its full stop.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        let end = rest.find(". ").map_or(rest.len(), |stop| stop + 1);
        let (sentence, after) = rest.split_at(end);
        rest = after.trim_start();
        (!sentence.is_empty()).then_some(sentence)
    })
}

/// What the sender of a packet that is lost can know of that.
fn unnoticed(out: &mut String, segment: &Segment, sender: Side) {
    let space = if out.is_empty() { "" } else { " " };
    let asks = segment.len > 0 || segment.flags.intersects(Flags::SYN | Flags::FIN);
    let name = the_capital(sender);
    // Writing to a string cannot fail.
    let _ = if asks {
        write!(
            out,
            "{space}The wire loses it. {name} cannot know that: it only sees that no ACK of these numbers comes."
        )
    } else {
        write!(
            out,
            "{space}The wire loses it. {name} cannot know that, for an ACK without data is not acknowledged; a later one says all that this one said."
        )
    };
}

/// Numbers before a segment that this end has not seen.
fn missing(change: &Change) -> Option<u32> {
    find(change, |event| match event {
        Event::Gap { bytes } => Some(bytes),
        _ => None,
    })
}

/// The same with the numbers that packets have on this ladder, where one that arrived has the number with which it was
/// sent. What comes for the first time is no repeat to its receiver, who cannot know that it was sent before.
fn renumbered(change: &Change, sends: bool, number: &dyn Fn(u64) -> u64) -> Change {
    let mut change = change.clone();
    if !sends {
        let first = |event: &Event| matches!(event, Event::Repeats { frame: None, .. });
        change.events.retain(|event| !first(event));
    }
    for event in &mut change.events {
        match event {
            Event::DuplicateAck { of, .. }
            | Event::ChallengeAck { of }
            | Event::CaptureDuplicate { of } => *of = number(*of),
            Event::Acknowledges { frame, .. } | Event::Repeats { frame, .. } => {
                *frame = frame.map(number);
            }
            _ => {}
        }
    }
    change
}

fn event(step: &Step, change: &Change, side: Side, sends: bool, packet: u64) -> WireEvent {
    let lost = sends && change.delivered == Some(false);
    let mut label = String::new();
    if sends {
        label.clone_from(&step.arrow.name);
        // Data and acknowledgments are told by their numbers.
        if ["ACK", "PSH-ACK"].contains(&label.as_str()) && !step.arrow.numbers.is_empty() {
            label.clear();
        }
        if !label.is_empty() && !step.arrow.numbers.is_empty() {
            label.push_str("  ");
        }
        label.push_str(&step.arrow.numbers);
    }
    // What a segment means to its sender is said where it leaves, what it means to its receiver where it arrives.
    let mut tags = if sends {
        Vec::new()
    } else {
        step.arrow.tags.clone()
    };
    if lost {
        tags.push(LOST.to_owned());
    }
    let told = sends && step.weight == Weight::Trouble && !step.routine;
    WireEvent {
        after: step.after,
        side,
        packet,
        what: match (sends, lost) {
            (true, true) => WireHalf::Lost,
            (true, false) => WireHalf::Leaves,
            (false, _) => WireHalf::Arrives,
        },
        label,
        tags,
        line: if lost { Line::Lost } else { step.arrow.line },
        margin: String::new(),
        note: if told {
            step.brief.clone()
        } else {
            String::new()
        },
        brief: step.brief.clone(),
        full: String::new(),
        state: None,
        reach: [Reach::default(); 2],
        terms: Vec::new(),
    }
}

/// What one end knows of the numbers.
#[derive(Default)]
struct Known {
    /// After the last byte that it sent, and what of that is acknowledged.
    sent: u32,
    acked: u32,
    /// The next byte that it waits for, and what came early.
    next: u32,
    early: Vec<(u32, u32)>,
}

impl Known {
    fn learn(&mut self, segment: &Segment, change: &Change, sends: bool) {
        let control = segment.flags.intersection(Flags::SYN | Flags::FIN).bits();
        let end = change
            .seq
            .wrapping_add(segment.len)
            .wrapping_add(control.count_ones());
        if sends {
            // Numbers of a SYN or FIN are no bytes.
            if segment.len > 0 {
                self.sent = later(self.sent, change.seq.wrapping_add(segment.len));
            }
            return;
        }
        if segment.flags.contains(Flags::ACK) {
            self.acked = later(self.acked, change.ack);
        }
        if end != change.seq {
            self.early.push((change.seq, end));
        }
        // At most one pass for each piece: every pass takes at least one away.
        while let Some(at) = self
            .early
            .iter()
            .position(|(from, _)| later(self.next, *from) == self.next)
        {
            let (_, end) = self.early.swap_remove(at);
            self.next = later(self.next, end);
        }
    }

    fn margin(&self, side: Side) -> String {
        match side {
            Side::Client => self.sent.saturating_sub(self.acked.max(1)).to_string(),
            Side::Server if self.early.is_empty() => self.next.to_string(),
            Side::Server => format!("{}, hole", self.next),
        }
    }
}

/// The later one of two sequence numbers.
fn later(one: u32, other: u32) -> u32 {
    if (other.wrapping_sub(one) as i32) > 0 {
        other
    } else {
        one
    }
}
