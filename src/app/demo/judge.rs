//! Whether a scenario showed what it is meant to show: its verdict, the labels and signs that belong to it, and none that
//! must not be there.

use std::io;

use crate::app::sink::{Sink, Tracked};
use crate::explain::Totals;
use crate::lab::scenario::Scenario;
use crate::tcp::Labels;
use crate::track::{Connection, Verdict};

/// The connection that the verdict is about; on a wire it is the client's view, and labels are judged on it alone.
const FIRST: u32 = 1;

/// Watches a scenario's packets.
pub(super) struct Judge {
    scenario: &'static Scenario,
    verdict: Option<Verdict>,
    labels: Labels,
    /// Of the scenario's signs, which were seen.
    signs: Vec<bool>,
}

/// What came of a scenario.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Judgement {
    /// The verdict on its first connection, if there was one.
    pub(super) verdict: Option<&'static str>,
    /// What is not as it should be, in words; empty where all is.
    pub(super) wrong: String,
}

impl Judge {
    pub(super) fn new(scenario: &'static Scenario) -> Self {
        Self {
            scenario,
            verdict: None,
            labels: Labels::empty(),
            signs: vec![false; scenario.signs.len()],
        }
    }

    /// The judgement, when everything was seen.
    pub(super) fn judgement(&self) -> Judgement {
        let verdict = self.verdict.map(Verdict::name);
        let names = |labels: Labels| labels.names().collect::<Vec<_>>().join(", ");
        let mut wrong = Vec::new();
        if verdict != Some(self.scenario.verdict) {
            let found = verdict.unwrap_or("no connection");
            wrong.push(format!("{found} instead of {}", self.scenario.verdict));
        }
        let missing = self.scenario.required.difference(self.labels);
        if !missing.is_empty() {
            wrong.push(format!("no {}", names(missing)));
        }
        for (sign, seen) in self.scenario.signs.iter().zip(&self.signs) {
            if !seen {
                wrong.push(format!("no {}", sign.name));
            }
        }
        let forbidden = self.scenario.forbidden.intersection(self.labels);
        if !forbidden.is_empty() {
            wrong.push(format!("{} as well", names(forbidden)));
        }
        Judgement {
            verdict,
            wrong: wrong.join("; "),
        }
    }
}

impl Sink for Judge {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        if self.scenario.on_wire() && tracked.change.connection != FIRST {
            return Ok(());
        }
        self.labels |= tracked.change.labels;
        for (sign, seen) in self.scenario.signs.iter().zip(&mut self.signs) {
            *seen |= (sign.on)(tracked.segment);
        }
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if connection.id() == FIRST {
            self.verdict = Some(connection.verdict());
        }
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::pipeline;
    use crate::app::reader::Reader;
    use crate::capture;
    use crate::track::{Limits, Tracker};

    /// What is wrong with a scenario when its packets are those of another one.
    fn wrong(scenario: &str, packets: &str) -> String {
        let of = |name| Scenario::named(name).expect("in the catalogue");
        let source = capture::recorded(of(packets).recording).expect("a recording");
        let tracker = Tracker::new(Limits::default());
        let mut judge = Judge::new(of(scenario));
        pipeline::run(Reader::new(source), tracker, &mut judge, 1, None)
            .expect("nothing is written");
        judge.judgement().wrong
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(wrong("urgent", "urgent"), "");
        assert_eq!(wrong("urgent", "handshake"), "no data with URG");
        assert_eq!(wrong("refused", "handshake"), "closed instead of refused");
        assert_eq!(
            wrong("time-wait", "handshake"),
            "no reused_ports",
            "a label is missing"
        );
        assert!(wrong("handshake", "zero-window").ends_with(" as well"));
    }
}
