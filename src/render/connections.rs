//! A table of connections, one row each.
//!
//! Comes in: rows of facts. Goes out: lines no wider than asked. Addresses are kept whole as long as there is any way:
//! first client and server share a column, one above the other; on still narrower lines a connection is a sentence.

use std::io::{self, Write};

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, Width, presets,
};

use super::measure::{width, wrap};
use super::quantity::{Bytes, Count, Plural};
use super::style::{Glyphs, Ink, Style};
use super::table::Page;
use crate::explain::ConnectionRow;
use crate::time::Span;

/// Below this many columns a table would be mostly rules and gaps.
const TABLE_MIN: usize = 70;
/// The longest server whose address is IPv4, below its client. The narrowest table has room for it.
const STACKED_MAX: usize = "> 255.255.255.255:65535".len();
/// Which column has the addresses, once they share one.
const ADDRESSES: usize = 1;
/// Columns between two columns of the table.
const GAP: usize = 2;

/// Which rows a table has, and in which order.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// So many rows.
    pub shown: u64,
    /// Of so many connections.
    pub of: u64,
    /// What stands first, in words.
    pub by: &'a str,
}

/// Writes what a table is ordered by, above it: `20 of 500 connections, the longest wait for the other end first`.
///
/// # Errors
/// When `out` cannot be written.
pub fn order(order: &Order<'_>, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let connections = Plural(order.of, "connection");
    let words = if order.shown < order.of {
        format!("{} of {connections}, {}", Count(order.shown), order.by)
    } else {
        format!("{connections}, {}", order.by)
    };
    Page::new(style, out).wrapped(&words, 0, Ink::Strong)
}

/// Writes a table of connections.
///
/// # Errors
/// When `out` cannot be written.
pub fn connections(rows: &[ConnectionRow], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(style, out);
    if page.total < TABLE_MIN {
        return sentences(rows, &mut page);
    }
    let arrow = page.line.glyphs().arrow;
    let waits = rows.iter().any(|row| row.waited.is_some());
    let mut lines: Vec<Vec<String>> = rows.iter().map(|row| cells(row, waits, &page)).collect();
    let mut names = vec![
        "#", "client", "server", "verdict", "sent", "received", "lasted", "repeated",
    ];
    // Everything right of the verdict is a number, and so is the first column.
    let mut numbers = 4;
    if waits {
        names.insert(names.len() - 1, "waited");
        numbers += 1;
    }
    if natural_width(&names, &lines) > page.total {
        names.splice(1..3, ["client, server"]);
        for line in &mut lines {
            let stacked = format!("{}\n{arrow} {}", line[1], line[2]);
            line.splice(1..3, [stacked]);
        }
    }
    let addresses = lines
        .iter()
        .flat_map(|line| line[ADDRESSES].lines())
        .map(width)
        .max()
        .unwrap_or(0);
    let is_tight = natural_width(&names, &lines) > page.total;
    let numbers_from = names.len() - numbers;
    if is_tight {
        let too_wide = with_gaps(&narrowest(&names, &lines)).saturating_sub(page.total);
        fold_outcomes(&mut lines, numbers_from - 1, too_wide);
    }
    let narrowest = narrowest(&names, &lines);
    // Beside the other columns a long address or the word of a trouble would be broken in the middle.
    if is_tight && (addresses > STACKED_MAX || with_gaps(&narrowest) > page.total) {
        return sentences(rows, &mut page);
    }
    let mut table = Table::new();
    table
        .load_style(match style.glyphs {
            Glyphs::Unicode => presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()),
            Glyphs::Ascii => presets::ASCII_HORIZONTAL_ONLY.row_separator(LineStyle::none()),
        })
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(page.total as u16)
        .set_header(names);
    for line in lines {
        table.add_row(line.into_iter().enumerate().map(|(index, text)| {
            let is_number = index == 0 || index >= numbers_from;
            Cell::new(text).set_alignment(if is_number {
                CellAlignment::Right
            } else {
                CellAlignment::Left
            })
        }));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP as u16 - 1));
    }
    if is_tight {
        // What may be broken is between a number and its unit.
        for (column, least) in table.column_iter_mut().zip(narrowest) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(
                (least + GAP - 1) as u16,
            )));
        }
    }
    for text in table.trim_fmt().lines() {
        page.line.put_cut(text, page.total, Ink::Plain);
        page.line.finish(page.out)?;
    }
    Ok(())
}

/// A connection's cells, clean: the table itself neither escapes nor spells. `waits`: there is a column for waits, also where
/// this connection has none.
fn cells(row: &ConnectionRow, waits: bool, page: &Page<'_>) -> Vec<String> {
    let in_words = |span: Span| page.line.clean(&span.in_words().to_string()).into_owned();
    let mut cells = vec![
        row.id.to_string(),
        row.client.to_string(),
        row.server.to_string(),
        outcome(row, "\n"),
        format!("{:#}", Bytes(row.client_bytes)),
        format!("{:#}", Bytes(row.server_bytes)),
        in_words(row.lasted),
    ];
    if waits {
        cells.push(row.waited.map(in_words).unwrap_or_default());
    }
    cells.push(Count(row.retransmissions).to_string());
    cells
}

/// The columns that a table needs when nothing in it is broken.
fn natural_width(names: &[&str], lines: &[Vec<String>]) -> usize {
    let columns = names.iter().enumerate().map(|(index, name)| {
        let cells = lines.iter().flat_map(|line| line[index].lines());
        cells.map(width).max().unwrap_or(0).max(name.len())
    });
    with_gaps(&columns.collect::<Vec<_>>())
}

/// The columns of a table of columns so wide.
fn with_gaps(columns: &[usize]) -> usize {
    // Also behind the last one there is room, which nobody sees.
    columns.iter().sum::<usize>() + GAP * columns.len() - 1
}

/// How wide each column has to be at least, so that no word, number or address in it is broken.
fn narrowest(names: &[&str], lines: &[Vec<String>]) -> Vec<usize> {
    let columns = names.iter().enumerate().map(|(index, name)| {
        let cells = lines.iter().flat_map(|line| line[index].lines());
        let widest = if index == ADDRESSES {
            cells.map(width).max()
        } else {
            cells.flat_map(str::split_whitespace).map(width).max()
        };
        let name = if index == ADDRESSES { 0 } else { name.len() };
        widest.unwrap_or(0).max(name)
    });
    columns.collect()
}

/// Breaks the longest words of column `index` behind one of their `_`, so that it is narrower by `too_wide` columns: there a
/// reader sees that the word goes on. Where that does not suffice nothing is lost, for then there is no table.
fn fold_outcomes(lines: &mut [Vec<String>], index: usize, too_wide: usize) {
    let words = lines.iter().flat_map(|line| line[index].lines());
    let room = words.map(width).max().unwrap_or(0).saturating_sub(too_wide);
    for line in lines {
        let folded: Vec<String> = line[index].lines().map(|word| fold(word, room)).collect();
        line[index] = folded.join("\n");
    }
}

/// `reset_after_` above `idle`.
fn fold(word: &str, room: usize) -> String {
    let mut folded = String::new();
    let mut used = 0;
    for part in word.split_inclusive('_') {
        if used > 0 && used + width(part) > room {
            folded.push('\n');
            used = 0;
        }
        folded.push_str(part);
        used += width(part);
    }
    folded
}

/// The verdict and what else was wrong: `closed`, `server_silent`. What has the verdict's name is not said twice.
fn outcome(row: &ConnectionRow, separator: &str) -> String {
    let mut words = row.verdict.to_owned();
    for trouble in row
        .trouble
        .iter()
        .filter(|trouble| **trouble != row.verdict)
    {
        words.push_str(separator);
        words.push_str(trouble);
    }
    words
}

/// `#1 closed: 127.0.0.1:52126 → 127.0.0.1:1712, sent 13 bytes, ...`, broken where it must be.
fn sentences(rows: &[ConnectionRow], page: &mut Page<'_>) -> io::Result<()> {
    for row in rows {
        let arrow = page.line.glyphs().arrow;
        let waited = row
            .waited
            .map(|wait| format!(", waited {}", wait.in_words()));
        let words = format!(
            "#{} {}: {} {arrow} {}, sent {}, received {}, lasted {}{}, repeated {}",
            row.id,
            outcome(row, ", "),
            row.client,
            row.server,
            Bytes(row.client_bytes),
            Bytes(row.server_bytes),
            row.lasted.in_words(),
            waited.unwrap_or_default(),
            Count(row.retransmissions)
        );
        // The first line is not indented, the others are, so that a connection's beginning is seen.
        let clean = page.line.clean(&words).into_owned();
        for (index, part) in wrap(&clean, page.total, page.total - 2).enumerate() {
            page.line.pad_to(if index == 0 { 0 } else { 2 });
            page.line.put_clean(part, Ink::Plain);
            page.line.finish(page.out)?;
        }
    }
    Ok(())
}
