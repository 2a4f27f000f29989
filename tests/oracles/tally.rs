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

    /// The columns that agree less than they must, or that were never compared.
    pub(crate) fn short_of(&self, least: &[(&'static str, &'static str, f64)]) -> Vec<String> {
        let nothing = Agreement::default();
        least
            .iter()
            .filter_map(|(group, column, percent)| {
                let agreement = self.columns.get(&(group, column)).unwrap_or(&nothing);
                (agreement.percent() < *percent).then(|| {
                    format!("{group} {column}: {agreement}, at least {percent} % are demanded")
                })
            })
            .collect()
    }
}

impl Agreement {
    fn percent(&self) -> f64 {
        100.0 * self.good as f64 / self.all.max(1) as f64
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} % of {}", self.percent(), self.all)?;
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
