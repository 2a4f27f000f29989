//! Shows a sink only the part of a capture that was asked for. The tracker sees all of it, so states and numbers stay right.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::io;
use std::sync::Arc;

use super::sink::{Made, Quiet, Sink, Tracked};
use super::twins::Twins;
use crate::cli::Moment;
use crate::explain::Totals;
use crate::tcp::IcmpError;
use crate::time::{Span, Timestamp};
use crate::track::{Connection, ConnectionId, Verdict};

/// Packets shown on each side of the one that `--around` names: about a screen in all.
const AROUND: usize = 10;

/// A stretch of a capture.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stretch {
    pub(crate) from: Option<Moment>,
    pub(crate) to: Option<Moment>,
}

impl Stretch {
    /// Whether a packet lies in it; `start` is the time of the capture's first packet.
    fn contains(&self, frame: u64, time: Timestamp, start: Timestamp) -> bool {
        let after = |moment| match moment {
            Moment::Frame(first) => frame >= first,
            other => time >= instant(other, start),
        };
        let before = |moment| match moment {
            Moment::Frame(last) => frame <= last,
            other => time <= instant(other, start),
        };
        self.from.is_none_or(after) && self.to.is_none_or(before)
    }
}

/// The instant that a moment means in a capture that begins at `start`.
fn instant(moment: Moment, start: Timestamp) -> Timestamp {
    const DAY: i64 = 86_400;
    match moment {
        Moment::Frame(_) => start,
        Moment::SinceStart(span) => start + span,
        Moment::At(time) => time,
        Moment::TimeOfDay(clock) => {
            let midnight = Timestamp::new(start.seconds() - start.seconds().rem_euclid(DAY), 0);
            let same_day = midnight + clock;
            if same_day >= start {
                same_day
            } else {
                same_day + Span::from_secs(DAY)
            }
        }
    }
}

/// Passes on what is selected.
pub(crate) struct Selected<S> {
    pub(crate) inner: S,
    /// `None`: all.
    connections: Option<BTreeSet<ConnectionId>>,
    /// On a wire whose two ends' views are shown as one: what was chosen by the client's view brings the server's along.
    twins: Option<Arc<Twins>>,
    stretch: Stretch,
    start: Option<Timestamp>,
    /// Connections with a segment in the stretch, while there is one.
    touched: HashSet<ConnectionId>,
}

impl<S> Selected<S> {
    pub(crate) fn new(
        inner: S,
        connections: Option<BTreeSet<ConnectionId>>,
        stretch: Stretch,
    ) -> Self {
        Self {
            inner,
            connections,
            twins: None,
            stretch,
            start: None,
            touched: HashSet::new(),
        }
    }

    /// The same where a conversation on a wire is chosen by its client's view.
    pub(crate) fn joined(self, twins: Option<Arc<Twins>>) -> Self {
        Self { twins, ..self }
    }

    fn wants(&self, connection: ConnectionId) -> bool {
        self.connections
            .as_ref()
            .is_none_or(|wanted| wanted.contains(&connection) || self.brings(wanted, connection))
    }

    fn brings(&self, wanted: &BTreeSet<ConnectionId>, connection: ConnectionId) -> bool {
        let first = self
            .twins
            .as_ref()
            .and_then(|twins| twins.first_view(connection));
        first.is_some_and(|first| wanted.contains(&first))
    }

    const fn is_narrowed(&self) -> bool {
        self.stretch.from.is_some() || self.stretch.to.is_some()
    }
}

impl<S: Sink> Sink for Selected<S> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        let (frame, time) = (tracked.segment.frame, tracked.segment.time);
        let start = *self.start.get_or_insert(time);
        let id = tracked.change.connection;
        if !self.wants(id) {
            return Ok(());
        }
        if self.is_narrowed() {
            if !self.stretch.contains(frame, time, start) {
                return Ok(());
            }
            self.touched.insert(id);
        }
        self.inner.segment(tracked)
    }

    fn wants_segments(&self) -> bool {
        self.is_narrowed() || self.inner.wants_segments()
    }

    fn icmp_error(&mut self, error: &IcmpError, connection: &Connection) -> io::Result<()> {
        if !self.wants(connection.id()) {
            return Ok(());
        }
        self.inner.icmp_error(error, connection)
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        let id = connection.id();
        if !self.wants(id) || (self.is_narrowed() && !self.touched.remove(&id)) {
            return Ok(());
        }
        self.inner.connection(connection)
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        if made.connection.is_some_and(|id| !self.wants(id)) {
            return Ok(());
        }
        self.inner.call(made)
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        self.inner.pause(quiet)
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        self.inner.finish(totals)
    }

    fn satisfied(&self) -> bool {
        self.inner.satisfied()
    }
}

/// Finds out in a first pass which connections a verdict, or the frame of `--around`, selects.
#[derive(Debug, Default)]
pub(crate) struct Scout {
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) around: Option<u64>,
    /// What was found.
    pub(crate) connections: BTreeSet<ConnectionId>,
}

impl Sink for Scout {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        if self.around == Some(tracked.segment.frame) {
            self.connections.insert(tracked.change.connection);
        }
        Ok(())
    }

    fn wants_segments(&self) -> bool {
        self.around.is_some()
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if self.verdicts.contains(&connection.verdict()) {
            self.connections.insert(connection.id());
        }
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        Ok(())
    }

    fn satisfied(&self) -> bool {
        self.around.is_some() && !self.connections.is_empty()
    }
}

/// Finds in a pass over one connection the stretch around a frame.
#[derive(Debug)]
pub(crate) struct Surroundings {
    around: u64,
    /// The latest frames up to and including the one that is asked for.
    before: VecDeque<u64>,
    last: Option<u64>,
    after: usize,
}

impl Surroundings {
    pub(crate) fn of(around: u64) -> Self {
        Self {
            around,
            before: VecDeque::with_capacity(AROUND + 2),
            last: None,
            after: 0,
        }
    }

    pub(crate) fn stretch(&self) -> Stretch {
        Stretch {
            from: self.before.front().copied().map(Moment::Frame),
            to: self.last.map(Moment::Frame),
        }
    }
}

impl Sink for Surroundings {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        let frame = tracked.segment.frame;
        if frame <= self.around {
            self.before.push_back(frame);
            if self.before.len() > AROUND + 1 {
                self.before.pop_front();
            }
        } else {
            self.after += 1;
        }
        if self.after <= AROUND {
            self.last = Some(frame);
        }
        Ok(())
    }

    fn connection(&mut self, _connection: &Connection) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        Ok(())
    }

    fn satisfied(&self) -> bool {
        self.after > AROUND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_before_the_first_packet_means_the_next_day() {
        let start = Timestamp::new(86_400 + 3_600, 0);
        let clock = |hours: i64| Moment::TimeOfDay(Span::from_secs(hours * 3_600));
        assert_eq!(instant(clock(2), start), Timestamp::new(86_400 + 7_200, 0));
        assert_eq!(instant(clock(0), start), Timestamp::new(2 * 86_400, 0));
    }

    #[test]
    fn a_stretch_has_both_its_ends() {
        let stretch = Stretch {
            from: Some(Moment::Frame(3)),
            to: Some(Moment::SinceStart(Span::from_secs(2))),
        };
        let at = |seconds| Timestamp::new(seconds, 0);
        assert!(!stretch.contains(2, at(0), at(0)));
        assert!(stretch.contains(3, at(2), at(0)));
        assert!(!stretch.contains(4, at(3), at(0)));
    }
}
