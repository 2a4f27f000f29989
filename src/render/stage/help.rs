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
    let columns = style.width.columns();
    let mut line = Line::new(style);
    let mut text = Vec::new();
    let mut block = |words: &str, indent: usize, ink: Ink| {
        let room = columns.min(TEXT_MAX).saturating_sub(indent).max(1);
        let clean = line.clean(words).into_owned();
        for part in wrap(&clean, room, room) {
            line.pad_to(indent);
            line.put_clean(part, ink);
            text.push(painted(&mut line));
        }
    };
    for term in terms {
        block(&format!("{}: {}", term.name, term.meaning), 0, Ink::Strong);
        block(term.text, INDENT, Ink::Plain);
        if !term.rfc.is_empty() {
            block(term.rfc, INDENT, Ink::Quiet);
        }
    }
    if terms.is_empty() {
        block("There is no word to explain here.", 0, Ink::Plain);
    }
    let fixed = 2.min(height.saturating_sub(1));
    let room = height.saturating_sub(fixed);
    let scroll = scroll.min(text.len().saturating_sub(room));
    let more = scroll + room < text.len();
    let mut lines = Vec::with_capacity(height);
    if height > 2 {
        let heading = format!("what does this mean: {about}");
        let heading = line.clean(&heading).into_owned();
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
