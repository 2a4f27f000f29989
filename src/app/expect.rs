//! Holds `--expect` against what was tracked, and names what failed.

use std::collections::HashMap;
use std::io;

use super::sink::{Sink, Tracked};
use crate::cli::Expectation;
use crate::explain::Totals;
use crate::tcp::{Flags, Labels, Side};
use crate::track::Connection;

/// Failures that are told one by one; more are counted. A script needs the first, a person not a thousand.
const TOLD: usize = 20;

/// Collects what the expectations need to know, and judges each connection when it is final.
pub(crate) struct ExpectSink {
    expectations: Vec<Expectation>,
    /// Segments of a flags sequence that have to be remembered: the longest one's.
    prefix: usize,
    seen: HashMap<u32, Seen>,
    judged: u64,
    failures: Vec<String>,
    failed: u64,
}

/// What is remembered of a connection until it is final.
#[derive(Default)]
struct Seen {
    labels: Labels,
    /// The first frame with each label, by bit.
    first: HashMap<u32, u64>,
    flags: Vec<(u64, Flags)>,
}

impl ExpectSink {
    pub(crate) fn new(expectations: Vec<Expectation>) -> Self {
        let prefix = expectations
            .iter()
            .map(|expectation| match expectation {
                Expectation::Flags(patterns) => patterns.len(),
                _ => 0,
            })
            .max()
            .unwrap_or(0);
        Self {
            expectations,
            prefix,
            seen: HashMap::new(),
            judged: 0,
            failures: Vec::new(),
            failed: 0,
        }
    }

    /// What did not hold, a line each; empty when all did.
    pub(crate) fn failures(&self) -> Vec<String> {
        if self.expectations.is_empty() {
            return Vec::new();
        }
        if self.judged == 0 {
            return vec!["no connection was selected, so nothing could be expected".to_owned()];
        }
        let mut lines = self.failures.clone();
        let untold = self.failed - self.failures.len() as u64;
        if untold > 0 {
            lines.push(format!("and {untold} more"));
        }
        lines
    }
}

impl Sink for ExpectSink {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        if self.expectations.is_empty() {
            return Ok(());
        }
        let seen = self.seen.entry(tracked.change.connection).or_default();
        let new = tracked.change.labels - seen.labels;
        seen.labels |= new;
        for label in new {
            seen.first.insert(label.bits(), tracked.segment.frame);
        }
        if seen.flags.len() < self.prefix {
            seen.flags
                .push((tracked.segment.frame, tracked.segment.flags));
        }
        Ok(())
    }

    fn wants_segments(&self) -> bool {
        !self.expectations.is_empty()
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if self.expectations.is_empty() {
            return Ok(());
        }
        self.judged += 1;
        let seen = self.seen.remove(&connection.id()).unwrap_or_default();
        for expectation in &self.expectations {
            let Some(found) = contradiction(expectation, connection, &seen) else {
                continue;
            };
            self.failed += 1;
            if self.failures.len() < TOLD {
                self.failures.push(format!(
                    "connection {} ({} to {}): expected {expectation}, but {found}",
                    connection.id(),
                    connection.endpoint(Side::Client),
                    connection.endpoint(Side::Server),
                ));
            }
        }
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        Ok(())
    }
}

/// What contradicts the expectation, with its frame; `None` when it holds.
fn contradiction(
    expectation: &Expectation,
    connection: &Connection,
    seen: &Seen,
) -> Option<String> {
    let last = connection.frames().1;
    match expectation {
        Expectation::Verdict(wanted) => {
            let found = connection.verdict();
            (found != *wanted).then(|| format!("it is {} (frame {last})", found.name()))
        }
        Expectation::Opened(wanted) => {
            let found = connection.opened();
            let word = found.map_or("none", crate::track::Opened::name);
            let first = connection.frames().0;
            (found != *wanted).then(|| format!("opened is {word} (frame {first})"))
        }
        Expectation::Ended(wanted) => {
            let found = connection.ended();
            let word = found.map_or("none", crate::track::Ended::name);
            (found != *wanted).then(|| format!("ended is {word} (frame {last})"))
        }
        Expectation::ClosedBy(wanted) => {
            let found = connection.closed_by();
            let word = found.map_or("none", Side::name);
            (found != *wanted).then(|| format!("closed_by is {word} (frame {last})"))
        }
        Expectation::Retransmissions(comparison, wanted) => {
            let count = |side| connection.peer(side).counts.retransmissions;
            let found = count(Side::Client) + count(Side::Server);
            (!comparison.holds(found, *wanted)).then(|| {
                let first = Labels::ANY_RETRANSMISSION
                    .iter()
                    .filter_map(|label| seen.first.get(&label.bits()))
                    .min();
                match first {
                    Some(frame) => format!("there are {found}, the first in frame {frame}"),
                    None => format!("there are {found} (frames up to {last})"),
                }
            })
        }
        Expectation::Label(label) => (!seen.labels.contains(*label))
            .then(|| format!("no segment has it (frames up to {last})")),
        Expectation::NoLabel(label) => seen
            .first
            .get(&label.bits())
            .map(|frame| format!("frame {frame} has it")),
        Expectation::Trouble(None) => connection.troubles().first().map(|trouble| {
            format!(
                "there is {} (frames {} to {})",
                trouble.kind.name(),
                trouble.first_frame,
                trouble.last_frame
            )
        }),
        Expectation::Trouble(Some(kind)) => connection
            .troubles()
            .iter()
            .all(|trouble| trouble.kind != *kind)
            .then(|| format!("there is no such trouble (frames up to {last})")),
        Expectation::Flags(patterns) => {
            patterns
                .iter()
                .enumerate()
                .find_map(|(index, pattern)| match seen.flags.get(index) {
                    None => Some(format!("it ends after frame {last}")),
                    Some((frame, flags)) => (!pattern.matches(*flags))
                        .then(|| format!("frame {frame} is {flags} instead of {pattern}")),
                })
        }
    }
}
