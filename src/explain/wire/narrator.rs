//! What was seen at both ends becomes events, one by one; at the end, what the wire did to the conversation.
//!
//! Comes in: the segments that each end has seen, in capture order. Goes out: [`WireEvent`]s with their words: where a
//! packet leaves what its sender knows, where it arrives what is news there.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;

use super::journey::{Journeys, Met};
use super::known::{Hole, Known};
use super::{WireEvent, WireHalf, WireSetting};
use crate::explain::brief::{find, not_here};
use crate::explain::full::{Vantage, full};
use crate::explain::reach::{Reach, Ruler};
use crate::explain::related::related;
use crate::explain::step::{Narrator, Wording};
use crate::explain::story::{Conclusion, Line, Step, Weight};
use crate::explain::words::{Count, Range, the, the_capital};
use crate::explain::{trouble, verdict};
use crate::tcp::{Flags, Segment, Side, TcpState};
use crate::time::{Span, Timestamp};
use crate::track::{Change, Connection, Event, Opened, Transition, Trouble, TroubleKind};

/// The state of an end that had none before and has none now.
const CLOSED: Transition = Transition {
    before: Some(TcpState::Closed),
    after: Some(TcpState::Closed),
};

/// What never arrives, in a word that needs no colour.
const LOST: &str = "LOST on the wire";

/// Turns the segments that both ends of a wire have seen into events, in capture order.
pub struct WireNarrator {
    /// The client's and the server's view.
    ends: [End; 2],
    /// The time of the first packet.
    start: Option<Timestamp>,
    /// By packet.
    said: HashMap<u64, Said>,
    full: bool,
    journeys: Journeys,
    /// What each packet under way did to its sender, who alone knows that.
    moved: HashMap<u64, Transition>,
}

/// What is told of one end, and what it knows.
struct End {
    narrator: Narrator,
    known: Known,
    ruler: Ruler,
    /// Packets that found no connection here and were not answered so far, in the order of their arrival.
    unanswered: VecDeque<u64>,
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
            unanswered: VecDeque::new(),
        };
        Self {
            ends: [end(), end()],
            start: None,
            said: HashMap::new(),
            full: wording.full,
            journeys: Journeys::default(),
            moved: HashMap::new(),
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
            ..
        } = &mut self.ends[side as usize];
        let start = *self.start.get_or_insert(segment.time);
        // What was sent elsewhere before arrives here; the roles do not tell.
        let sent_as = |frame: u64| other(frame).filter(|sent| *sent < frame);
        let sent = sent_as(segment.frame);
        let sends = sent.is_none();
        let packet = sent.unwrap_or(segment.frame);
        let now = segment.time - start;
        let mut change = renumbered(change, sends, &|frame| sent_as(frame).unwrap_or(frame));
        let sender = change.direction.sender();
        let own = if sends { sender } else { !sender };
        // Where SYNs cross each end is the client in its own eyes. On this ladder it is one of them.
        let mirrored = (own != side).then(|| connection.mirrored());
        if mirrored.is_some() {
            change = change.mirrored();
        }
        // What an observer at the receiver's end takes the sender for can be ahead of it. Of a FIN it says how it was meant.
        let tells = segment
            .flags
            .intersects(Flags::SYN | Flags::FIN | Flags::RST);
        if sends {
            if self.moved.len() < UNDER_WAY {
                self.moved.insert(packet, *change.of_mut(side));
            }
        } else if let Some(moved) = self.moved.get(&packet).filter(|_| !tells) {
            *change.of_mut(!side) = *moved;
        }
        let (change, connection) = (&change, mirrored.as_ref().unwrap_or(connection));
        // Such an end has no connection, and so no numbers.
        let over = change.of(side) == CLOSED;
        if !over {
            known.learn(segment, change, sends, now);
        }
        let step = narrator.step(segment, change, connection);
        let mut event = event(&step, change, side, sends, packet);
        if let Some(missing) = missing(change).filter(|_| !sends) {
            event.brief.clear();
            not_here(&mut event.brief, change, missing);
        }
        event.after = now;
        event.state = match side {
            Side::Client => step.client,
            Side::Server => step.server,
        };
        ruler.learn(segment, change, connection);
        event.terms = related(segment, change);
        event.margin = match event.state {
            Some(state) => state.name().to_owned(),
            None if over => TcpState::Closed.name().to_owned(),
            None => known.margin(side),
        };
        // What is in flight is what its sender takes for that.
        let [client, server] = &self.ends;
        event.reach = [client.ruler.reaches()[0], server.ruler.reaches()[1]];
        if sends {
            let lost = event.what == WireHalf::Lost;
            self.journeys.leaves(packet, side, segment, lost, now);
        } else {
            let met = match missing(change) {
                _ if over => Met::Closed,
                Some(_) => Met::Gap,
                None => Met::Open,
            };
            self.journeys.arrives(packet, !side, segment, met, now);
        }
        if self.full {
            self.explain(&mut event, segment, change, connection);
        }
        if over {
            self.after_the_end(&mut event, segment);
        }
        event
    }

    /// The last words: how it ended as the client saw it, and what both ends' views tell besides. `server`: its view, where
    /// anything arrived there.
    #[must_use]
    pub fn conclusion(
        &self,
        client: &Connection,
        server: Option<&Connection>,
        setting: &WireSetting,
    ) -> Conclusion {
        let server = server.filter(|server| !crossed(client, server));
        let arrived = server.map(|server| server.peer(Side::Client).counts.bytes);
        let mut conclusion = verdict::conclude(client, arrived);
        let text = &mut conclusion.text;
        for (side, other) in [(Side::Client, server), (Side::Server, Some(client))] {
            let taken = other.is_none_or(|other| other.peer(side).fin_frame.is_some());
            self.journeys.tell_fin(text, side, taken);
        }
        let lost = self.journeys.lost;
        if lost > 0 {
            let were = if lost == 1 { "was" } else { "were" };
            // Writing to a string cannot fail.
            let _ = write!(text, " {} {were} lost on the wire.", Count(lost, "packet"));
        }
        // What the client can only ask is known here.
        if conclusion.advice.as_deref() == Some(trouble::ASKS_FOR_SYN) {
            conclusion.advice = self.journeys.tell_opening(text).map(ToOwned::to_owned);
        }
        let dead = |found: &Trouble| found.kind == TroubleKind::PathDead;
        if lost > 0 && client.troubles().first().is_some_and(dead) {
            text.push_str(" It was the path: what left one end did not reach the other.");
            conclusion.advice = None;
        }
        let longest = [Side::Client, Side::Server]
            .into_iter()
            .filter_map(|side| Some((side, self.ends[side as usize].known.longest_hole()?)))
            .max_by_key(|(_, hole)| hole.lasted());
        if let Some((side, hole)) = longest {
            waited(text, side, hole);
        }
        self.journeys.tell_late(text, setting);
        conclusion
    }

    /// What comes to an end without a connection, and what that end answers (RFC 9293 section 3.10.7.1).
    fn after_the_end(&mut self, event: &mut WireEvent, segment: &Segment) {
        let end = &mut self.ends[event.side as usize];
        let is_reset = segment.flags.contains(Flags::RST);
        let name = the(event.side);
        if event.what == WireHalf::Arrives && !is_reset {
            if end.unanswered.len() < UNDER_WAY {
                end.unanswered.push_back(event.packet);
            }
            event.brief = format!("{name} is CLOSED already: this finds no connection there");
            event.full = format!(
                "What finds no connection is not taken; {name} answers it with RST (RFC 9293 section 3.10.7.1)."
            );
        } else if event.what != WireHalf::Arrives
            && is_reset
            && let Some(asked) = end.unanswered.pop_front()
        {
            event.brief = format!("answers packet {asked}: there is no connection any more");
            event.full.clear();
        } else {
            return;
        }
        event.note.clone_from(&event.brief);
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

/// Where SYNs cross each end is the client in its own eyes, and sides of both views do not compare.
fn crossed(one: &Connection, other: &Connection) -> bool {
    [one, other]
        .iter()
        .any(|view| view.opened() == Some(Opened::Simultaneous))
}

/// What came after a hole waited for it, though it had arrived.
fn waited(out: &mut String, side: Side, hole: Hole) {
    let name = the_capital(side);
    let (since, until) = (milliseconds(hole.since), milliseconds(hole.until));
    let missing = Range::of(hole.first, hole.early.wrapping_sub(hole.first));
    let early = Range::of(hole.early, hole.end.wrapping_sub(hole.early));
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        " {name} had bytes after {missing} from {since} on, but its program could read none of them before {until}: TCP hands over bytes in order, and {early} waited for what was missing."
    );
}

/// As in the column of times: `123.6 ms`.
fn milliseconds(span: Span) -> String {
    let tenths = span.as_nanos() / 100_000;
    format!("{}.{} ms", tenths / 10, tenths % 10)
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
            "{space}The wire loses it. {name} cannot know that: it learns it from ACKs that do not come, or that go on asking for these numbers."
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
