//! How often the program and another tool agree, by kind of capture and by what is compared.

use std::collections::BTreeMap;
use std::fmt;

/// Disagreements that are named of each column: enough to see what they have in common.
const NAMED: usize = 5;

/// What was compared.
#[derive(Default)]
pub(crate) struct Tally {
    columns: BTreeMap<(&'static str, &'static str), Agreement>,
    /// Captures on which the program crashed, hung or broke its output, and how.
    pub(crate) broken: Vec<String>,
}

#[derive(Default)]
struct Agreement {
    good: u64,
    all: u64,
    bad: Vec<String>,
}

impl Tally {
    /// Counts one comparison. `place` is asked only for a disagreement.
    pub(crate) fn check<T: PartialEq + fmt::Debug>(
        &mut self,
        group: &'static str,
        column: &'static str,
        (ours, theirs): (T, T),
        place: impl FnOnce() -> String,
    ) {
        let agreement = self.columns.entry((group, column)).or_default();
        agreement.all += 1;
        if ours == theirs {
            agreement.good += 1;
        } else if agreement.bad.len() < NAMED {
            let place = place();
            agreement
                .bad
                .push(format!("{place}: ours {ours:?}, theirs {theirs:?}"));
        }
    }

    /// Adds what another thread counted.
    pub(crate) fn add(&mut self, other: Self) {
        for (column, agreement) in other.columns {
            let sum = self.columns.entry(column).or_default();
            sum.good += agreement.good;
            sum.all += agreement.all;
            sum.bad.extend(agreement.bad);
            sum.bad.truncate(NAMED);
        }
        self.broken.extend(other.broken);
    }

    /// The columns that disagree more often than they may; those that are not listed may not at all. A listed one must have
    /// been compared.
    pub(crate) fn worse_than(&self, most: &[(&'static str, &'static str, u64)]) -> Vec<String> {
        let allowed = |column| {
            most.iter()
                .find(|(group, name, _)| (*group, *name) == column)
        };
        let worse = self
            .columns
            .iter()
            .filter_map(|((group, name), agreement)| {
                let most = allowed((*group, *name)).map_or(0, |(.., most)| *most);
                (agreement.differs() > most)
                    .then(|| format!("{group} {name}: {agreement}\n    more than {most} differ"))
            });
        let missing = most
            .iter()
            .filter(|(group, name, _)| !self.columns.contains_key(&(*group, *name)))
            .map(|(group, name, _)| format!("{group} {name}: never compared"));
        worse.chain(missing).collect()
    }
}

impl Agreement {
    fn percent(&self) -> f64 {
        100.0 * self.good as f64 / self.all.max(1) as f64
    }

    fn differs(&self) -> u64 {
        self.all - self.good
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, all) = (self.percent(), self.all);
        write!(f, "{percent:.2} % of {all}, {} differ", self.differs())?;
        for bad in &self.bad {
            write!(f, "\n    {bad}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((group, column), agreement) in &self.columns {
            writeln!(f, "{group:10}  {column:24}  {agreement}")?;
        }
        Ok(())
    }
}
