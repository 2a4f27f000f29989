//! Many connections on a page: those in trouble first, grouped by cause, the others in a line.
//!
//! Comes in: an [`Overview`]. Goes out: lines no wider than asked. Which connections are in trouble, and what is said
//! about it, was decided before.

use std::io::{self, Write};

pub use super::connections::{Order, connections, order};

use super::line::Line;
use super::measure::{width, wrap};
use super::quantity::{Bytes, Count, Plural};
use super::style::{Ink, Style};
use crate::explain::{Overview, TroubleGroup, TroubleRow};
use crate::time::Timestamp;

/// What happened needs at least this much room beside the other columns; else it has a line of its own.
const WHAT_MIN: usize = 20;
/// Wider than this, the eye loses the row.
const WIDEST: usize = 160;

/// Writes an overview of many connections.
///
/// # Errors
/// When `out` cannot be written.
pub fn overview(overview: &Overview, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(style, out);
    page.head(overview)?;
    if !overview.groups.is_empty() {
        let columns = Columns::of(overview, page.total);
        page.line.finish(page.out)?;
        page.column_names(&columns)?;
        for group in &overview.groups {
            page.group(group, overview, &columns)?;
        }
    }
    page.wrapped(&overview.healthy, 0, Ink::Plain)?;
    page.hints(&overview.hints)
}

/// Writes a sentence about what is not shown.
///
/// # Errors
/// When `out` cannot be written.
pub fn remark(words: &str, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    Page::new(style, out).wrapped(words, 0, Ink::Plain)
}

/// `2026-11-22 02:41:07 to 02:56:13 UTC (15 min 6 s)`; the second date only when it is another.
pub(super) fn period((first, last): (Timestamp, Timestamp)) -> String {
    let (begin, end) = (first.utc(), last.utc());
    let lasted = (last - first).in_words();
    if spans_days((first, last)) {
        format!("{begin} to {end} UTC ({lasted})")
    } else {
        format!("{begin} to {} UTC ({lasted})", end.clock())
    }
}

fn spans_days((first, last): (Timestamp, Timestamp)) -> bool {
    first.seconds().div_euclid(86_400) != last.seconds().div_euclid(86_400)
}

/// A page that is being written.
pub(super) struct Page<'o> {
    pub(super) line: Line,
    pub(super) out: &'o mut dyn Write,
    pub(super) total: usize,
}

impl<'o> Page<'o> {
    pub(super) fn new(style: &Style, out: &'o mut dyn Write) -> Self {
        Self {
            line: Line::new(style),
            out,
            total: style.width.columns().min(WIDEST),
        }
    }

    /// Writes words from where the line is, going on at `indent`; nothing when there are no words.
    pub(super) fn wrapped(&mut self, words: &str, indent: usize, ink: Ink) -> io::Result<()> {
        let clean = self.line.clean(words).into_owned();
        let begin = self.line.width().max(indent);
        let first = self.total.saturating_sub(begin);
        let mut written = false;
        for part in wrap(&clean, first, self.total - indent) {
            self.line.pad_to(indent);
            self.line.put_clean(part, ink);
            self.line.finish(self.out)?;
            written = true;
        }
        if !written && self.line.width() > 0 {
            self.line.finish(self.out)?;
        }
        Ok(())
    }

    /// The name of the capture, how much it holds, and how much of that is in trouble.
    fn head(&mut self, overview: &Overview) -> io::Result<()> {
        let source = self.line.clean(&overview.source).into_owned();
        // A long name has a line of its own; what belongs to it is indented a little.
        let indent = match width(&source) + 2 {
            columns if columns <= self.total / 3 => columns,
            _ => 2,
        };
        if indent == 2 {
            self.wrapped(&source, 0, Ink::Strong)?;
        } else {
            self.line.put_clean(&source, Ink::Strong);
            self.line.pad_to(indent);
        }
        let mut facts = format!(
            "{}, {}, {}",
            Plural(overview.connections, "connection"),
            Plural(overview.packets, "packet"),
            Bytes(overview.bytes)
        );
        if !overview.gaps.is_empty() {
            facts.push_str(", ");
            facts.push_str(&overview.gaps);
        }
        self.wrapped(&facts, indent, Ink::Plain)?;
        if let Some(times) = overview.period {
            self.wrapped(&period(times), indent, Ink::Plain)?;
        }
        self.balance(overview)?;
        if let Some(common) = overview.common_server {
            let words = format!(
                "{} of the {} went to {}, which has {} of the {} connections",
                Count(common.in_trouble),
                Count(overview.in_trouble),
                common.server,
                Count(common.connections),
                Count(overview.connections)
            );
            self.wrapped(&words, 0, Ink::Plain)?;
        }
        Ok(())
    }

    /// `12 in trouble; 488 not (397 closed, 82 still open, 9 joined in the middle)`
    fn balance(&mut self, overview: &Overview) -> io::Result<()> {
        if overview.connections == 0 {
            return Ok(());
        }
        let healthy = overview.connections.saturating_sub(overview.in_trouble);
        let mut words = match (overview.in_trouble, healthy) {
            (0, _) => "none in trouble".to_owned(),
            (trouble, 0) => format!("{} in trouble", Count(trouble)),
            (trouble, healthy) => format!("{} in trouble; {} not", Count(trouble), Count(healthy)),
        };
        let others: Vec<String> = overview
            .others
            .iter()
            .map(|(count, what)| format!("{} {what}", Count(*count)))
            .collect();
        if !others.is_empty() {
            words = format!("{words} ({})", others.join(", "));
        }
        self.wrapped(&words, 0, Ink::Strong)
    }

    fn column_names(&mut self, columns: &Columns) -> io::Result<()> {
        // A row that is a sentence has no columns to name.
        if !columns.is_wide() {
            return Ok(());
        }
        self.line.put_right("#", columns.id_end, Ink::Quiet);
        self.line.pad_to(columns.began);
        self.line.put_clean("began", Ink::Quiet);
        self.line.pad_to(columns.client);
        self.line.put_clean("client", Ink::Quiet);
        self.line
            .put_right("lasted", columns.lasted_end, Ink::Quiet);
        if let Some(what) = columns.what {
            self.line.pad_to(what);
            self.line.put_clean("what happened", Ink::Quiet);
        }
        self.line.finish(self.out)
    }

    /// A heading with the group's size, meaning and, where it is not the common one, server; then its rows.
    fn group(
        &mut self,
        group: &TroubleGroup,
        overview: &Overview,
        columns: &Columns,
    ) -> io::Result<()> {
        let common = overview.common_server.map(|common| common.server);
        let first = group.rows.first().map(|row| row.server);
        let shared = first.filter(|server| group.rows.iter().all(|row| row.server == *server));
        let heading = format!(
            "{}  {}   {}",
            group.heading,
            Count(group.total),
            group.meaning
        );
        let server = shared
            .filter(|server| Some(*server) != common)
            .map(|server| format!("to {server}"));
        self.group_heading(&heading, server.as_deref())?;
        for row in &group.rows {
            let elsewhere = shared.is_none() && Some(row.server) != common;
            self.row(row, elsewhere, columns)?;
        }
        let hidden = group.total.saturating_sub(group.rows.len() as u64);
        if hidden > 0 {
            let dots = self.line.glyphs().dots;
            let words = format!("{dots} {} more {dots}", Count(hidden));
            self.line.pad_to(columns.began);
            self.wrapped(&words, columns.began, Ink::Quiet)?;
        }
        Ok(())
    }

    /// `── PATH DEAD  1   data repeated, never acknowledged   to 10.0.3.9:5432 ──`; what does not fit goes below.
    fn group_heading(&mut self, heading: &str, server: Option<&str>) -> io::Result<()> {
        let room = self.total - 3;
        let mut first = self.line.clean(heading).into_owned();
        let mut second = "";
        match server {
            Some(server) if width(&first) + 3 + width(server) <= room => {
                first.push_str("   ");
                first.push_str(server);
            }
            Some(server) => second = server,
            None => {}
        }
        let rule = self.line.glyphs().rule;
        let parts = wrap(&first, room, room).chain(wrap(second, room, room));
        let last = parts.clone().count().saturating_sub(1);
        for (index, part) in parts.enumerate() {
            if index == 0 {
                self.line.fill(rule, 2, Ink::Quiet);
            }
            self.line.pad_to(3);
            let ink = if index == 0 { Ink::Problem } else { Ink::Plain };
            self.line.put_clean(part, ink);
            let left = self.total - self.line.width();
            if index == last && left > 1 {
                self.line.put_clean(" ", Ink::Quiet);
                self.line.fill(rule, left - 1, Ink::Quiet);
            }
            self.line.finish(self.out)?;
        }
        Ok(())
    }

    fn row(&mut self, row: &TroubleRow, elsewhere: bool, columns: &Columns) -> io::Result<()> {
        self.line
            .put_number(u64::from(row.id), columns.id_end, Ink::Strong);
        let began = row.began.utc();
        let time = if columns.dates {
            // The year stands at the top of the page.
            format!("{} {}", &began.date().to_string()[5..], began.clock())
        } else {
            began.clock().to_string()
        };
        let client = row.client.to_string();
        let lasted = self.line.clean(&row.lasted.to_string()).into_owned();
        let what = if elsewhere {
            format!("{}; to {}", row.what, row.server)
        } else {
            row.what.clone()
        };
        if !columns.is_wide() {
            let words = format!("{time}  {client}  {lasted}  {what}");
            self.line.pad_to(columns.began);
            return self.wrapped(&words, columns.began, Ink::Plain);
        }
        self.line.pad_to(columns.began);
        self.line.put_clean(&time, Ink::Quiet);
        self.line.pad_to(columns.client);
        self.line.put_clean(&client, Ink::Plain);
        self.line.put_right(&lasted, columns.lasted_end, Ink::Plain);
        if let Some(start) = columns.what {
            self.line.pad_to(start);
            return self.wrapped(&what, start, Ink::Plain);
        }
        self.line.finish(self.out)?;
        self.line.pad_to(columns.began);
        self.wrapped(&what, columns.began, Ink::Plain)
    }

    /// As many hints on a line as fit, apart from each other.
    fn hints(&mut self, hints: &[String]) -> io::Result<()> {
        const APART: usize = 4;
        for hint in hints {
            let clean = self.line.clean(hint).into_owned();
            let begun = self.line.width() > 0;
            if begun && self.line.width() + APART + width(&clean) > self.total {
                self.line.finish(self.out)?;
            } else if begun {
                self.line.pad_to(self.line.width() + APART);
            }
            if width(&clean) > self.total {
                self.wrapped(&clean, 2.min(self.line.width()), Ink::Quiet)?;
            } else {
                self.line.put_clean(&clean, Ink::Quiet);
            }
        }
        if self.line.width() > 0 {
            self.line.finish(self.out)?;
        }
        Ok(())
    }
}

/// Where the columns of the troubled stand.
struct Columns {
    id_end: usize,
    began: usize,
    client: usize,
    lasted_end: usize,
    /// `None`: on a line of its own.
    what: Option<usize>,
    /// Times need dates.
    dates: bool,
    total: usize,
}

impl Columns {
    fn of(overview: &Overview, total: usize) -> Self {
        let rows = || overview.groups.iter().flat_map(|group| &group.rows);
        let digits = |id: u32| id.checked_ilog10().unwrap_or(0) as usize + 1;
        let id_end = rows().map(|row| digits(row.id)).max().unwrap_or(1).max(5);
        let dates = overview.period.is_some_and(spans_days);
        let began = id_end + 2;
        let client = began + if dates { "11-22 02:41:07" } else { "02:41:07" }.len() + 2;
        let widest = rows()
            .map(|row| row.client.to_string().len())
            .max()
            .unwrap_or(0);
        let lasted = rows()
            .map(|row| width(&row.lasted.to_string()))
            .max()
            .unwrap_or(0);
        let lasted_end = client + widest.max("client".len()) + 2 + lasted.max(7);
        let what = lasted_end + 2;
        // A server's address must not be broken in the middle.
        let common = overview.common_server.map(|common| common.server);
        let servers = rows().filter(|row| Some(row.server) != common);
        let address = servers.map(|row| row.server.to_string().len()).max();
        let what_min = WHAT_MIN.max(address.unwrap_or(0));
        Self {
            id_end,
            began,
            client,
            lasted_end,
            what: (what + what_min <= total).then_some(what),
            dates,
            total,
        }
    }

    /// There is room for the columns at all; otherwise a row is one sentence.
    fn is_wide(&self) -> bool {
        self.lasted_end <= self.total
    }
}
