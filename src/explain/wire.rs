//! A conversation on a wire of which both ends' views are known: one event a row, a packet is two of them.
//!
//! Comes in: the two connections that are one, with their segments, and which frame is the arrival of which. Goes out:
//! [`WireEvent`]s, one by one as they happen or all in a [`WireStory`]: what left, what arrived, what was lost, and what
//! each end knew at that moment.

mod journey;
mod known;
mod narrator;

pub use narrator::WireNarrator;

use std::net::IpAddr;

use super::glossary::Term;
use super::reach::Reach;
use super::step::Wording;
use super::story::{Conclusion, Line, Title};
use super::words::the;
use crate::tcp::{Segment, Side, TcpState};
use crate::time::Span;
use crate::track::{Change, Connection};

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

/// What a wire was told to do, as far as that is known.
#[derive(Clone, Debug, Default)]
pub struct WireSetting {
    /// What one reads about it: `wire: 30 ms each way; the second data segment is lost`.
    pub remark: String,
    /// How long each packet takes; `None` where that is not known, or depends on the packet.
    pub latency: Option<Span>,
    /// How many packets are kept back for longer on purpose.
    pub delayed: usize,
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
    /// How far the client's and the server's direction have got, each as far as its sender knows.
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
    setting: &WireSetting,
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
        title: wire_title(client.connection, &setting.remark, true),
        margins: WIRE_MARGINS,
        conclusion: narrator.conclusion(client.connection, Some(server.connection), setting),
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

/// The same where both ends' SYNs crossed, and this one stands as the client because it has seen its own first.
#[must_use]
pub fn wire_end_crossed(side: Side) -> String {
    format!(
        "{}, which saw its own SYN first and so is the client here",
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
