//! A conversation on a wire of which both ends' views are known: one event a row, a packet is two of them.
//!
//! Comes in: the two connections that are one, with their segments, and which frame is the arrival of which. Goes out: a
//! [`WireStory`]: what left, what arrived, what was lost, and what each end knew at that moment.

use std::fmt::Write as _;

use super::glossary::Term;
use super::reach::{Reach, Ruler};
use super::related::related;
use super::step::Wording;
use super::story::{Conclusion, Line, Step, Title, Weight};
use super::tell::story;
use super::words::{the, the_capital};
use crate::tcp::{Direction, Flags, Segment, Side, TcpState};
use crate::time::Span;
use crate::track::{Change, Connection, Opened};

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
    /// What is said about it, where there is something to say.
    pub note: String,
    /// One short clause about the packet, as this end sees it.
    pub brief: String,
    /// The paragraph about it; empty when it was not asked for.
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

/// Tells what happened on a wire. `sent_as` gives the frame that holds the same packet at the other end.
pub fn wire_story(
    client: &View<'_>,
    server: &View<'_>,
    sent_as: &dyn Fn(u64) -> Option<u64>,
    remark: &str,
    wording: Wording,
) -> WireStory {
    let mut events = Vec::new();
    let start = client.connection.start();
    let mut title = None;
    let mut conclusion = None;
    for (side, view) in [(Side::Client, client), (Side::Server, server)] {
        let segments = view.segments.iter().copied();
        let told = story(view.connection, None, segments, wording);
        let mut known = Known::default();
        let mut ruler = Ruler::default();
        for (step, (segment, change)) in told.steps.iter().zip(&view.segments) {
            // What was sent elsewhere before arrives here. Where SYNs cross each end is the client in its own eyes, so the
            // roles do not tell.
            let sent = sent_as(step.frame).filter(|sent| *sent < step.frame);
            let sends = sent.is_none();
            known.learn(segment, change, sends);
            let mut event = event(step, change, side, sends, sent.unwrap_or(step.frame));
            event.after = step.time - start;
            let own = match (sender(change.direction), sends) {
                (sender, true) => sender,
                (Side::Client, false) => Side::Server,
                (Side::Server, false) => Side::Client,
            };
            let state = match own {
                Side::Client => step.client,
                Side::Server => step.server,
            };
            event.reach = ruler.learn(segment, change, view.connection);
            event.terms = related(segment, change);
            event.state = state;
            event.margin = match state {
                Some(state) => state.name().to_owned(),
                None => known.margin(side),
            };
            events.push((step.frame, event));
        }
        if side == Side::Client {
            (title, conclusion) = (Some(told.title), Some(told.conclusion));
        }
    }
    events.sort_by_key(|(frame, _)| *frame);
    let mut title = title.unwrap_or_else(|| super::tell::title(client.connection, None, true));
    remark.clone_into(&mut title.remark);
    let mut conclusion =
        conclusion.unwrap_or_else(|| super::verdict::conclusion(client.connection));
    tell_lost_fin(&mut conclusion, Side::Client, client, server);
    tell_lost_fin(&mut conclusion, Side::Server, server, client);
    WireStory {
        title,
        margins: ["unacked", "next expected"],
        events: events.into_iter().map(|(_, event)| event).collect(),
        conclusion,
    }
}

/// The conclusion is the client's, who cannot know of a FIN that was lost, or that its own was.
fn tell_lost_fin(conclusion: &mut Conclusion, side: Side, own: &View<'_>, other: &View<'_>) {
    // Where SYNs cross each end is the client in its own eyes.
    if own.connection.opened() == Some(Opened::Simultaneous)
        || other.connection.peer(side).fin_frame.is_some()
    {
        return;
    }
    if let Some(frame) = own.connection.peer(side).fin_frame {
        let (closer, unaware) = (the_capital(side), the(!side));
        let _ = write!(
            conclusion.text,
            " {closer} has closed its direction, but its FIN (packet {frame}) was lost on the wire: {unaware} does not know."
        );
    }
}

fn sender(direction: Direction) -> Side {
    match direction {
        Direction::ClientToServer => Side::Client,
        Direction::ServerToClient => Side::Server,
    }
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
        full: step.full.clone(),
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
