//! What stands around the ladder of a scenario when several are shown: what it is about, whether it went as it should, and
//! the table of all at the end.
//!
//! Comes in: words of the catalogue and what came of each scenario. Goes out: lines.

use std::io::{self, Write};

use super::line::Line;
use super::measure::{width, wrap};
use super::style::{Ink, Style};

/// Columns before a paragraph that belongs to the line above it.
const INDENT: usize = 2;
/// Columns that a title in the catalogue needs beside its name.
const TITLE_MIN: usize = 30;
/// `constructed`
const PLAYED: usize = 11;
/// `half_closed`
const VERDICT: usize = 11;
/// ` 12.3 s`
const SECONDS: usize = 7;

/// A scenario, before its packets are shown.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'a> {
    /// Its place in the series, and how many there are.
    pub place: (usize, usize),
    /// What one types.
    pub name: &'a str,
    /// Which part of a connection's life it is about.
    pub group: &'a str,
    /// What it is about.
    pub title: &'a str,
}

/// A scenario in the catalogue, for outside programs.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What one types.
    pub name: &'a str,
    /// What it is about.
    pub title: &'a str,
    /// Which part of a connection's life it is about.
    pub group: &'a str,
    /// What one learns.
    pub teaches: &'a str,
    /// The verdict that it is meant to come to.
    pub verdict: &'a str,
    /// Its packets were written by hand.
    pub constructed: bool,
}

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct LessonResult {
    /// What one types.
    pub name: &'static str,
    /// Which part of a connection's life it is about.
    pub group: &'static str,
    /// `live`, `recorded`, `constructed`; `None` when it did not begin.
    pub played: Option<String>,
    /// The verdict that it is meant to come to.
    pub expected: &'static str,
    /// The verdict on its first connection.
    pub verdict: Option<String>,
    /// It could not do its job.
    pub failed: bool,
    /// What is not as it should be; empty where all is.
    pub wrong: String,
    /// How long it took.
    pub seconds: f64,
}

impl LessonResult {
    /// Whether all is as it should be.
    #[must_use]
    pub fn is_met(&self) -> bool {
        !self.failed && self.wrong.is_empty()
    }
}

/// Writes which scenario comes: `── 3 of 46  filtered (opening) ────`, and its title.
///
/// # Errors
/// When `out` cannot be written.
pub fn head(lesson: &Lesson<'_>, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let (at, of) = lesson.place;
    rule(
        &format!("{at} of {of}  {} ({})", lesson.name, lesson.group),
        style,
        out,
    )?;
    paragraph("", lesson.title, Ink::Strong, style, out)
}

/// Writes a paragraph that begins with a word: `watch for: the ACK number that does not move`.
///
/// # Errors
/// When `out` cannot be written.
pub fn point(word: &str, text: &str, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    paragraph(&format!("{word}: "), text, Ink::Plain, style, out)
}

/// Writes an entry of the catalogue: `  lost-ack   an ACK is lost, and nobody minds`, the names in `names` columns. A title
/// that is too long goes on below its beginning, or below its name where there is no room for both.
///
/// # Errors
/// When `out` cannot be written.
pub fn entry(
    name: &str,
    title: &str,
    names: usize,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let columns = style.width.columns();
    let mut line = Line::new(style);
    line.pad_to(INDENT);
    line.put_clean(name, Ink::Strong);
    let mut title_at = INDENT + names + 2;
    if columns < title_at + TITLE_MIN {
        line.finish(out)?;
        title_at = 2 * INDENT;
    }
    let room = columns - title_at;
    for part in wrap(title, room, room) {
        line.pad_to(title_at);
        line.put_clean(part, Ink::Plain);
        line.finish(out)?;
    }
    Ok(())
}

/// Writes whether a scenario went as it should.
///
/// # Errors
/// When `out` cannot be written.
pub fn outcome(
    verdict: Option<&str>,
    wrong: &str,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let verdict = verdict.unwrap_or("no connection");
    let (text, ink) = if wrong.is_empty() {
        (format!("as expected: {verdict}"), Ink::Strong)
    } else {
        (format!("not as expected: {wrong}"), Ink::Problem)
    };
    let mut line = Line::new(style);
    line.finish(out)?;
    block(&mut line, &text, 0, ink, style, out)
}

/// Writes the table of all scenarios that were shown.
///
/// # Errors
/// When `out` cannot be written.
pub fn table(results: &[LessonResult], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    rule("all together", style, out)?;
    let mut line = Line::new(style);
    let names = results.iter().map(|result| width(result.name));
    let played = names.max().unwrap_or(0) + 1;
    let verdict = played + PLAYED + 1;
    for result in results {
        let ink = if result.is_met() {
            Ink::Plain
        } else {
            Ink::Problem
        };
        line.put(result.name, Ink::Strong);
        for (text, column, room) in [
            (
                result.played.as_deref().unwrap_or("not played"),
                played,
                PLAYED,
            ),
            (result.verdict.as_deref().unwrap_or("-"), verdict, VERDICT),
        ] {
            line.pad_to(column);
            let text = line.clean(text).into_owned();
            line.put_cut(&text, room, ink);
        }
        let end = verdict + VERDICT + SECONDS;
        line.put_right(&format!("{:.1} s", result.seconds), end, Ink::Quiet);
        let words = match (result.failed, result.wrong.as_str()) {
            (false, "") => "as expected",
            (true, "") => "could not do its job",
            (_, wrong) => wrong,
        };
        let columns = style.width.columns();
        // What does not fit behind the columns goes below them.
        let words = line.clean(words).into_owned();
        if end + 2 + width(&words) <= columns {
            line.pad_to(end + 2);
            line.put_clean(&words, ink);
            line.finish(out)?;
        } else {
            line.finish(out)?;
            block(&mut line, &words, 2 * INDENT, ink, style, out)?;
        }
    }
    let met = results.iter().filter(|result| result.is_met()).count();
    let total = results.iter().map(|result| result.seconds).sum::<f64>();
    let text = format!("{met} of {} as expected, in {total:.0} s", results.len());
    line.put(&text, Ink::Strong);
    line.finish(out)
}

/// `── text ─────────`
fn rule(text: &str, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Line::new(style);
    let glyph = line.glyphs().heavy;
    let columns = style.width.columns();
    let text = line.clean(text).into_owned();
    line.fill(glyph, 2, Ink::Quiet);
    line.put_clean(" ", Ink::Plain);
    line.put_cut(&text, columns - 4, Ink::Strong);
    line.put_clean(" ", Ink::Plain);
    let left = columns.saturating_sub(line.width());
    line.fill(glyph, left, Ink::Quiet);
    line.finish(out)
}

fn paragraph(
    begin: &str,
    text: &str,
    ink: Ink,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = Line::new(style);
    block(&mut line, &format!("{begin}{text}"), 0, ink, style, out)
}

/// Text broken at the width; lines after the first are indented.
fn block(
    line: &mut Line,
    text: &str,
    indent: usize,
    ink: Ink,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let columns = style.width.columns();
    let clean = line.clean(text).into_owned();
    let (first, later) = (columns - indent, columns - indent - INDENT);
    for (index, part) in wrap(&clean, first, later).enumerate() {
        line.pad_to(if index == 0 { indent } else { indent + INDENT });
        line.put_clean(part, ink);
        line.finish(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Width;

    #[test]
    fn a_title_goes_on_below_its_beginning() {
        let at = |columns| {
            let style = Style {
                width: Width::new(columns),
                ..Style::default()
            };
            let mut out = Vec::new();
            let title = "one segment of five is lost: duplicate ACKs";
            entry("lost-data", title, 10, &style, &mut out).expect("memory is written");
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(
            at(60),
            "  lost-data   one segment of five is lost: duplicate ACKs\n"
        );
        assert_eq!(
            at(50),
            "  lost-data   one segment of five is lost:\n              duplicate ACKs\n"
        );
        assert_eq!(
            at(40),
            "  lost-data\n    one segment of five is lost:\n    duplicate ACKs\n"
        );
    }
}
