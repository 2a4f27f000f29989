//! A whole connection as a [`Story`], or as steps that are told when they are wanted.

use super::step::{Glance, Narrator, Wording, moved_to, weight};
use super::story::{Outline, Step, Steps, Story, Title};
use super::verdict::conclusion;
use super::words::Count;
use crate::tcp::{Segment, Side};
use crate::track::{Change, Connection, Roles, Verdict};

/// What takes the place of an interface's name where packets were made by hand, and never captured.
pub const CONSTRUCTED: &str = "constructed";

/// Tells a connection that is over from its kept segments, which may be fewer than it had.
pub fn story<'a>(
    connection: &Connection,
    interface: Option<&str>,
    kept: impl IntoIterator<Item = (&'a Segment, &'a Change)>,
    wording: Wording,
) -> Story {
    let mut narrator = Narrator::afterwards(wording);
    let steps = kept
        .into_iter()
        .map(|(segment, change)| narrator.step(segment, change, connection))
        .collect();
    Story {
        title: title(connection, interface, true),
        client_before: connection.state_before(Side::Client),
        server_before: connection.state_before(Side::Server),
        steps,
        conclusion: conclusion(connection),
    }
}

/// The kept segments of a connection, which may be fewer than it had, and what each did. In capture order.
pub trait Segments {
    /// How many there are.
    fn count(&self) -> usize;

    /// One of them. Below [`count`](Self::count).
    fn segment(&self, index: usize) -> &Segment;

    /// Puts what it did into `change`. Below [`count`](Self::count).
    fn change(&self, index: usize, change: &mut Change);
}

/// The steps of a connection that is over, each told when it is wanted: of a long story only what is shown costs words,
/// and no two steps are held at once.
pub struct Telling<'a, S> {
    connection: &'a Connection,
    segments: &'a S,
    narrator: Narrator,
    /// Of the segments that were looked at so far.
    glances: Vec<Glance>,
    /// What the segment did that was looked at last.
    change: Change,
    step: Step,
}

impl<'a, S: Segments> Telling<'a, S> {
    /// Nothing is told yet.
    pub fn new(connection: &'a Connection, segments: &'a S, wording: Wording) -> Self {
        Self {
            connection,
            segments,
            narrator: Narrator::afterwards(wording),
            glances: Vec::with_capacity(segments.count()),
            change: Change::default(),
            step: Step::blank(),
        }
    }

    /// Looks at all segments up to this one, whose change is at hand then; what depends on those before it.
    fn look(&mut self, index: usize) -> Glance {
        for next in self.glances.len()..index {
            let glance = self.look_at(next);
            self.glances.push(glance);
        }
        if let Some(glance) = self.glances.get(index) {
            let glance = *glance;
            self.read(index);
            glance
        } else {
            let glance = self.look_at(index);
            self.glances.push(glance);
            glance
        }
    }

    fn look_at(&mut self, index: usize) -> Glance {
        self.read(index);
        let segment = self.segments.segment(index);
        self.narrator.glance(segment, &self.change, self.connection)
    }

    fn read(&mut self, index: usize) {
        self.segments.change(index, &mut self.change);
        if self.narrator.has_hindsight(self.connection) {
            let frame = self.segments.segment(index).frame;
            self.change.in_hindsight(self.connection, frame);
        }
    }
}

impl<S: Segments> Steps for Telling<'_, S> {
    fn count(&self) -> usize {
        self.segments.count()
    }

    fn highest_frame(&self) -> u64 {
        let frames = (0..self.count()).map(|index| self.segments.segment(index).frame);
        frames.max().unwrap_or(0)
    }

    fn outline(&mut self, index: usize) -> Outline {
        let glance = self.look(index);
        let (segment, change) = (self.segments.segment(index), &self.change);
        Outline {
            time: segment.time,
            delta: glance.delta,
            direction: change.direction,
            len: segment.len,
            turns: glance.begins.is_some()
                || [change.client, change.server]
                    .into_iter()
                    .any(|side| moved_to(side).is_some()),
            weight: weight(segment, change),
        }
    }

    fn step(&mut self, index: usize) -> &Step {
        let glance = self.look(index);
        let segment = self.segments.segment(index);
        self.narrator.tell(
            &mut self.step,
            glance,
            segment,
            &self.change,
            self.connection,
        );
        &self.step
    }
}

/// The line above a connection's ladder. `over`: its packets can be counted.
#[must_use]
pub fn title(connection: &Connection, interface: Option<&str>, over: bool) -> Title {
    let assumed = connection.roles() == Roles::Assumed;
    let packets =
        connection.peer(Side::Client).counts.packets + connection.peer(Side::Server).counts.packets;
    let mut remark = match interface {
        Some(CONSTRUCTED) => CONSTRUCTED.to_owned(),
        Some(name) => format!("on {name}"),
        None => String::new(),
    };
    if over {
        let comma = if remark.is_empty() { "" } else { ", " };
        remark = format!("{remark}{comma}{}", Count(packets, "packet"));
    }
    Title {
        id: connection.id(),
        client: connection.endpoint(Side::Client),
        client_role: if assumed { "client, assumed" } else { "client" },
        server: connection.endpoint(Side::Server),
        server_role: match connection.verdict() {
            Verdict::Refused if over => "no server",
            _ if assumed => "server, assumed",
            _ => "server",
        },
        remark,
    }
}
