//! Words of the glossary as text and as JSON Lines.
//!
//! Comes in: terms. Goes out: paragraphs broken at the width, or one object a line, whose keys are those of the term.

use std::io::{self, Write};

use super::line::Line;
use super::measure;
use super::style::{Ink, Style};
use crate::explain::Term;

/// Columns before a paragraph that belongs to the line above it.
const INDENT: usize = 2;

/// The longest word is put in a column of its own in the list; a longer one pushes its meaning to the next line.
const NAMES: usize = 22;

/// Writes one term at length.
///
/// # Errors
/// When `out` cannot be written.
pub fn term(term: &Term, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Line::new(style);
    line.put(term.name, Ink::Strong);
    line.finish(out)?;
    let mut paragraph = |text: &str, ink| block(&mut line, text, style, ink, out);
    let mut meaning = term.meaning.to_owned();
    meaning.push('.');
    paragraph(&meaning, Ink::Plain)?;
    paragraph(term.text, Ink::Plain)?;
    for (title, words) in [("also found as: ", term.also), ("see also: ", term.see)] {
        if !words.is_empty() {
            paragraph(&format!("{title}{}", words.join(", ")), Ink::Quiet)?;
        }
    }
    if !term.rfc.is_empty() {
        paragraph(&format!("defined in: {}", term.rfc), Ink::Quiet)?;
    }
    Ok(())
}

/// Writes all terms, each with its one-line meaning.
///
/// # Errors
/// When `out` cannot be written.
pub fn list(terms: &[Term], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Line::new(style);
    let width = style.width.columns();
    // Where a column of names leaves too little room the meaning goes below.
    let column = if width >= 2 * NAMES { NAMES } else { INDENT };
    for term in terms {
        for piece in measure::wrap(term.name, width, width) {
            if line.width() > 0 {
                line.finish(out)?;
            }
            line.put(piece, Ink::Strong);
        }
        if line.width() + 1 >= column {
            line.finish(out)?;
        }
        let meaning = line.clean(term.meaning).into_owned();
        for piece in measure::wrap(&meaning, width - column, width - column) {
            line.pad_to(column);
            line.put_clean(piece, Ink::Plain);
            line.finish(out)?;
        }
    }
    Ok(())
}

fn block(
    line: &mut Line,
    text: &str,
    style: &Style,
    ink: Ink,
    out: &mut dyn Write,
) -> io::Result<()> {
    let room = style.width.columns() - INDENT;
    let clean = line.clean(text).into_owned();
    for piece in measure::wrap(&clean, room, room) {
        line.pad_to(INDENT);
        line.put_clean(piece, ink);
        line.finish(out)?;
    }
    Ok(())
}

/// Writes one JSON object a term.
///
/// # Errors
/// When `out` cannot be written.
pub fn json(terms: &[Term], out: &mut dyn Write) -> io::Result<()> {
    let mut buffer = Vec::new();
    for term in terms {
        super::json::term(&mut buffer, term);
    }
    out.write_all(&buffer)
}
