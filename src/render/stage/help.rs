//! The screen that answers "what does this mean?": the words of the current packet, each with its meaning.

use super::rows::painted;
use super::words;
use crate::explain::Term;
use crate::render::line::Line;
use crate::render::measure::wrap;
use crate::render::style::{Ink, Style};

use super::screen::{Screen, fitting};

/// Columns before what belongs to a word.
const INDENT: usize = 2;
/// Longer lines are tiring to read.
const TEXT_MAX: usize = 100;

/// Composes the words of a packet, from line `scroll` of them on. `about` names the packet.
#[must_use]
pub fn help(
    terms: &[&'static Term],
    about: &str,
    scroll: usize,
    style: &Style,
    height: usize,
) -> Screen {
    let mut text = Text::new(style);
    for term in terms {
        text.block(&format!("{}: {}", term.name, term.meaning), 0, Ink::Strong);
        text.block(term.text, INDENT, Ink::Plain);
        if !term.rfc.is_empty() {
            text.block(term.rfc, INDENT, Ink::Quiet);
        }
    }
    if terms.is_empty() {
        text.block("There is no word to explain here.", 0, Ink::Plain);
    }
    text.screen(&format!("what does this mean: {about}"), scroll, height)
}

/// Composes what is to be known before the first packet, a paragraph each.
#[must_use]
pub fn manual(paragraphs: &[String], scroll: usize, style: &Style, height: usize) -> Screen {
    let mut text = Text::new(style);
    for paragraph in paragraphs {
        text.block(paragraph, 0, Ink::Plain);
    }
    text.screen("what this is, and what the keys do", scroll, height)
}

/// Text that may be longer than a screen.
struct Text {
    columns: usize,
    line: Line,
    lines: Vec<String>,
}

impl Text {
    fn new(style: &Style) -> Self {
        Self {
            columns: style.width.columns(),
            line: Line::new(style),
            lines: Vec::new(),
        }
    }

    fn block(&mut self, words: &str, indent: usize, ink: Ink) {
        let room = self.columns.min(TEXT_MAX).saturating_sub(indent).max(1);
        let clean = self.line.clean(words).into_owned();
        for part in wrap(&clean, room, room) {
            self.line.pad_to(indent);
            self.line.put_clean(part, ink);
            self.lines.push(painted(&mut self.line));
        }
    }

    /// The screen of it, from line `scroll` on.
    fn screen(self, heading: &str, scroll: usize, height: usize) -> Screen {
        let Self {
            columns,
            mut line,
            lines: text,
        } = self;
        let fixed = 2.min(height.saturating_sub(1));
        let room = height.saturating_sub(fixed);
        let scroll = scroll.min(text.len().saturating_sub(room));
        let more = scroll + room < text.len();
        let mut lines = Vec::with_capacity(height);
        if height > 2 {
            let heading = line.clean(heading).into_owned();
            line.put_cut(&heading, columns, Ink::Quiet);
            lines.push(painted(&mut line));
        }
        lines.extend(text.into_iter().skip(scroll).take(room));
        lines.resize(height.saturating_sub(1), String::new());
        let choices = if more {
            &words::HELP[..]
        } else {
            &words::HELP_END
        };
        line.put(fitting(choices, columns), Ink::Quiet);
        lines.push(painted(&mut line));
        lines.truncate(height);
        Screen {
            lines,
            more: more.then_some(scroll + room),
        }
    }
}
