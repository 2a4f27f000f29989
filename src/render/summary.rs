//! A run in a dozen lines of counts.
//!
//! Comes in: a [`Summary`]. Goes out: one line a subject. Lines that would say nothing are left out, except that
//! packets and connections are always counted.

use std::io::{self, Write};

use super::quantity::{Bytes, Count, Plural};
use super::style::{Ink, Style};
use super::table::{Page, period};
use crate::explain::Summary;

/// Columns of the names at the left.
const NAMES: usize = "connections".len() + 2;
/// Below this many columns names stand before their facts without a column.
const ALIGNED_FROM: usize = 40;

/// Writes the counts of a run.
///
/// # Errors
/// When `out` cannot be written.
pub fn summary(summary: &Summary, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(style, out);
    for (name, facts) in lines(summary) {
        let indent = if page.total < ALIGNED_FROM { 2 } else { NAMES };
        page.line.put_clean(name, Ink::Strong);
        page.line.pad_to(indent.max(name.len() + 1));
        page.wrapped(&facts, indent, Ink::Plain)?;
    }
    Ok(())
}

fn lines(summary: &Summary) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if !summary.source.is_empty() {
        lines.push(("source", summary.source.clone()));
    }
    if let Some(times) = summary.period {
        lines.push(("time", period(times)));
    }
    let segments = Plural(summary.segments, "TCP segment");
    lines.push((
        "packets",
        format!("{}, {segments} among them", Count(summary.frames)),
    ));
    if let Some(wire) = summary.wire {
        lines.push(("wire", wire.in_words()));
    }
    let skipped: u64 = summary.skipped.iter().map(|(_, count)| count).sum();
    if skipped > 0 {
        lines.push(("skipped", counted(skipped, &summary.skipped)));
    }
    lines.push((
        "connections",
        counted(summary.connections, &summary.by_verdict),
    ));
    if !summary.by_trouble.is_empty() {
        lines.push(("trouble", listed(&summary.by_trouble)));
    }
    if summary.connections > 0 {
        let (client, server) = (Bytes(summary.client_bytes), Bytes(summary.server_bytes));
        lines.push((
            "data",
            format!("{client} client→server, {server} server→client"),
        ));
        lines.push((
            "repeated",
            Plural(summary.retransmissions, "segment").to_string(),
        ));
    }
    if let Some(dropped) = summary.capture_dropped {
        lines.push((
            "dropped",
            format!("{} by the capture", Plural(dropped, "packet")),
        ));
    }
    if let Some(words) = summary.given_up() {
        lines.push(("given up", words));
    }
    lines
}

/// `11: 9 not_tcp, 2 cut`
fn counted(total: u64, parts: &[(&'static str, u64)]) -> String {
    match listed(parts) {
        parts if parts.is_empty() => Count(total).to_string(),
        parts => format!("{}: {parts}", Count(total)),
    }
}

fn listed(parts: &[(&'static str, u64)]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{} {name}", Count(*count)))
        .collect();
    parts.join(", ")
}
