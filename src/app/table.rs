//! The sinks behind `--format table` and `--format summary`: connections are digested as they become final.

use std::io::{self, Write};

use super::output::terminal_height;
use super::sink::{Sink, Tracked};
use crate::cli::{Rows, TableChoice};
use crate::explain::{Digest, Sort, Totals};
use crate::render::table::Order;
use crate::render::{Style, summary, table};
use crate::track::Connection;

/// Rows of a table where there is no terminal to measure.
const SCREENFUL: usize = 20;
/// Bytes of a row in memory, with the words of its trouble.
const ROW: usize = 512;
/// Lines of the page that are no rows: heading, counts, hints, the prompt.
const FURNITURE: usize = 10;

/// Collects a page about many connections and writes it at the end.
pub(crate) struct TableSink<W> {
    out: W,
    style: Style,
    source: String,
    choice: TableChoice,
    most: usize,
    digest: Option<Digest>,
    /// Commands that lead on are told.
    hints: bool,
}

impl<W: Write> TableSink<W> {
    pub(crate) fn new(out: W, style: Style, source: &str, choice: TableChoice) -> Self {
        let most = match choice.rows {
            Rows::All => usize::MAX,
            Rows::Top(most) => most,
            Rows::Screenful => terminal_height().map_or(SCREENFUL, |height| {
                height.saturating_sub(FURNITURE).max(SCREENFUL / 2)
            }),
        };
        Self {
            out,
            style,
            source: source.to_owned(),
            digest: Some(Digest::new(choice.sort, most)),
            most,
            choice,
            hints: true,
        }
    }

    /// Where this is no capture file there are no options that lead on.
    pub(crate) fn without_hints(self) -> Self {
        Self {
            hints: false,
            ..self
        }
    }

    /// Keeps no more rows than fit into so many bytes; a line says how many more connections there are.
    pub(crate) fn within(mut self, memory: usize) -> Self {
        let most = self.most.min(memory / ROW);
        self.digest = Some(Digest::new(self.choice.sort, most));
        self
    }

    /// Writes the table of connections alone, where ladders follow that say the rest, and gives up the output.
    pub(crate) fn finish_before_ladders(mut self, totals: &Totals) -> io::Result<W> {
        if let Some(digest) = self.digest.take() {
            let (_, mut rows) = digest.overview(&self.source, totals);
            // As the ladders stand, unless another order is asked for.
            if self.choice.sort == Sort::Trouble {
                rows.sort_by_key(|row| row.id);
            }
            if !rows.is_empty() {
                table::connections(&rows, &self.style, &mut self.out)?;
            }
        }
        Ok(self.out)
    }

    /// Gives up the output, for whoever continues on it.
    pub(crate) fn into_output(self) -> W {
        self.out
    }
}

impl<W: Write> Sink for TableSink<W> {
    fn segment(&mut self, _tracked: &Tracked<'_>) -> io::Result<()> {
        Ok(())
    }

    fn wants_segments(&self) -> bool {
        false
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if let Some(digest) = &mut self.digest {
            digest.add(connection);
        }
        Ok(())
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        let Some(digest) = self.digest.take() else {
            return Ok(());
        };
        let (mut overview, rows) = digest.overview(&self.source, totals);
        if !self.hints {
            overview.hints.clear();
        }
        let sort = self.choice.sort;
        if sort != Sort::Trouble {
            // Groups by cause would be another order above the one that is asked for. The table has each one's trouble.
            overview.groups.clear();
        }
        let all_fit = rows.len() as u64 == overview.connections;
        table::overview(&overview, &self.style, &mut self.out)?;
        // Many connections are best met by their troubles; their rows are shown when somebody asks.
        let asked = self.choice != TableChoice::default();
        if !rows.is_empty() && (all_fit || asked) {
            let order = Order {
                shown: rows.len() as u64,
                of: overview.connections,
                by: sort.in_words(),
            };
            writeln!(self.out)?;
            // Else they are in the order of their numbers.
            if overview.connections > 1 && (asked || overview.in_trouble > 0) {
                table::order(&order, &self.style, &mut self.out)?;
            }
            table::connections(&rows, &self.style, &mut self.out)?;
        }
        self.out.flush()
    }
}

/// Counts, and writes the counts at the end.
pub(crate) struct SummarySink<W> {
    out: W,
    style: Style,
    source: String,
    digest: Digest,
}

impl<W: Write> SummarySink<W> {
    pub(crate) fn new(out: W, style: Style, source: &str) -> Self {
        Self {
            out,
            style,
            source: source.to_owned(),
            digest: Digest::new(Sort::default(), 0),
        }
    }
}

impl<W: Write> Sink for SummarySink<W> {
    fn segment(&mut self, _tracked: &Tracked<'_>) -> io::Result<()> {
        Ok(())
    }

    fn wants_segments(&self) -> bool {
        false
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.digest.add(connection);
        Ok(())
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        let counts = self.digest.summary(&self.source, totals);
        summary::summary(&counts, &self.style, &mut self.out)?;
        self.out.flush()
    }
}
