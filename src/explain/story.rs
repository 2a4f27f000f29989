//! What renderers see: a conversation as titled, explained steps.

use super::words::Number;
use crate::tcp::{Direction, Endpoint, Flags, Preview, TcpState};
use crate::time::{Span, Timestamp};

/// A connection as a reader meets it.
#[derive(Clone, Debug)]
pub struct Story {
    /// Who and where.
    pub title: Title,
    /// The client's state before the first packet, as far as it is known.
    pub client_before: Option<TcpState>,
    /// The server's state before the first packet.
    pub server_before: Option<TcpState>,
    /// The packets, in capture order.
    pub steps: Vec<Step>,
    /// How it ended and why.
    pub conclusion: Conclusion,
}

/// The line above a ladder.
#[derive(Clone, Debug)]
pub struct Title {
    /// The connection's number.
    pub id: u32,
    /// The left lane.
    pub client: Endpoint,
    /// What the left end is: `client`, or `client, assumed`.
    pub client_role: &'static str,
    /// The right lane.
    pub server: Endpoint,
    /// What the right end is: `server`, `no server`.
    pub server_role: &'static str,
    /// Where and how much: `on lo, 8 packets`. May hold an interface's name: hostile text.
    pub remark: String,
}

/// One packet as a reader meets it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The packet's number in the capture.
    pub frame: u64,
    /// The connection's number.
    pub connection: u32,
    /// When it was captured.
    pub time: Timestamp,
    /// Since the connection's first packet.
    pub after: Span,
    /// Since the connection's previous packet.
    pub delta: Span,
    /// Who sent it to whom.
    pub direction: Direction,
    /// Its control bits as they are.
    pub flags: Flags,
    /// What stands on the arrow.
    pub arrow: Arrow,
    /// The client's state after the packet, when it changed.
    pub client: Option<TcpState>,
    /// The server's state after the packet, when it changed.
    pub server: Option<TcpState>,
    /// A heading that stands above this step because a phase begins here.
    pub heading: Option<String>,
    /// One short clause.
    pub brief: String,
    /// The arrow says it all: at the brief level a ladder leaves the clause out.
    pub routine: bool,
    /// A paragraph made from the packet's actual numbers; empty when it was not asked for.
    pub full: String,
    /// Options and window, for wide screens: `mss 65495, sack, wscale 10, window 65495`.
    pub details: String,
    /// Whether a fold may hide it.
    pub weight: Weight,
    /// The first captured payload bytes and the payload's length.
    pub preview: Preview,
    /// Payload length.
    pub len: u32,
}

impl Step {
    /// A step about which nothing is said yet: [`Narrator::step_into`](super::Narrator::step_into) uses its room again.
    #[must_use]
    pub const fn blank() -> Self {
        Self {
            frame: 0,
            connection: 0,
            time: Timestamp::from_nanos(0),
            after: Span::ZERO,
            delta: Span::ZERO,
            direction: Direction::ClientToServer,
            flags: Flags::empty(),
            arrow: Arrow {
                name: String::new(),
                numbers: String::new(),
                tags: Vec::new(),
                line: Line::Plain,
            },
            client: None,
            server: None,
            heading: None,
            brief: String::new(),
            routine: false,
            full: String::new(),
            details: String::new(),
            weight: Weight::Bulk,
            preview: Preview::EMPTY,
            len: 0,
        }
    }
}

impl Step {
    /// How much payload it has: `1448 bytes`, in full.
    #[must_use]
    pub fn size(&self) -> String {
        let plural = if self.len == 1 { "" } else { "s" };
        format!("{} byte{plural}", Number(u64::from(self.len)))
    }

    /// The one word that is to be read from the last row: `SYN`, `13 bytes`, `ACK 14`.
    #[must_use]
    pub fn essence(&self) -> String {
        let arrow = &self.arrow;
        let ordinary = ["ACK", "PSH-ACK"].contains(&arrow.name.as_str());
        let bytes = self.size();
        match (arrow.tags.first(), ordinary) {
            (Some(tag), true) if self.len == 0 => tag.clone(),
            (Some(tag), true) => format!("{bytes}  {tag}"),
            (Some(tag), false) => format!("{}  {tag}", arrow.name),
            (None, true) if self.len > 0 => bytes,
            // What is acknowledged, without what came beyond it.
            (None, true) => {
                let number = arrow.numbers.split(',').next().unwrap_or_default();
                number.to_uppercase()
            }
            (None, false) => arrow.name.clone(),
        }
    }
}

/// What must be known of a step to decide whether it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Outline {
    /// When it was captured.
    pub time: Timestamp,
    /// Since the connection's previous packet.
    pub delta: Span,
    /// Who sent it to whom.
    pub direction: Direction,
    /// Payload length.
    pub len: u32,
    /// A phase begins with it, or an end's state changes.
    pub turns: bool,
    /// Whether a fold may hide it.
    pub weight: Weight,
}

/// The steps of a conversation in capture order: told before, or each when it is wanted.
pub trait Steps {
    /// How many there are.
    fn count(&self) -> usize;

    /// The highest frame number.
    fn highest_frame(&self) -> u64;

    /// What decides whether a step is shown. Below [`count`](Self::count).
    fn outline(&mut self, index: usize) -> Outline;

    /// A step. Below [`count`](Self::count), and never one before the last that was asked for.
    fn step(&mut self, index: usize) -> &Step;
}

impl Steps for &[Step] {
    fn count(&self) -> usize {
        self.len()
    }

    fn highest_frame(&self) -> u64 {
        self.iter().map(|step| step.frame).max().unwrap_or(0)
    }

    fn outline(&mut self, index: usize) -> Outline {
        let step = &self[index];
        Outline {
            time: step.time,
            delta: step.delta,
            direction: step.direction,
            len: step.len,
            turns: step.heading.is_some() || step.client.is_some() || step.server.is_some(),
            weight: step.weight,
        }
    }

    fn step(&mut self, index: usize) -> &Step {
        &self[index]
    }
}

/// What stands on an arrow. Names are cut before numbers when room is short.
#[derive(Clone, Debug)]
pub struct Arrow {
    /// `SYN-ACK`, `PSH-ACK`, or what it is instead: `RETRANS of 5`.
    pub name: String,
    /// `seq 0, ack 1`, `1–13`, `ack 14`; with an en dash, inclusive.
    pub numbers: String,
    /// What is remarkable: `DUP-ACK #2`, `ZERO-WIN`. Words, so that meaning never rests on colour.
    pub tags: Vec<String>,
    /// How the line is drawn.
    pub line: Line,
}

/// How an arrow's line is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    /// An ordinary segment.
    Plain,
    /// An RST: a heavy line.
    Heavy,
    /// A retransmission: a triple head.
    Repeat,
    /// Sent and lost: ends in mid-air.
    Lost,
}

/// How much a step matters when there is no room for all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    /// Ordinary data or acknowledgment: may be folded away.
    Bulk,
    /// The opening or the closing: stays.
    Frame,
    /// Trouble: stays, with its neighbours.
    Trouble,
}

/// The last words about a connection.
#[derive(Clone, Debug)]
pub struct Conclusion {
    /// Whether it went well.
    pub tone: Tone,
    /// The verdict's word.
    pub word: &'static str,
    /// One or more sentences, without the word and without line breaks.
    pub text: String,
    /// What to check next, when there is something to check.
    pub advice: Option<String>,
}

/// Whether things went well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// ✔
    Good,
    /// ✗
    Bad,
    /// ·, still open or merely remarkable.
    Neutral,
}
