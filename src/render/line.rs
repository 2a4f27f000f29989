//! One line of output while it is being put together: text, its colours and its width in columns.
//!
//! Comes in: pieces of text with their ink. Goes out: one write of bytes a line, with or without colours, from the same
//! pieces. The buffers are reused from line to line.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::measure;
use super::style::{GlyphSet, Glyphs, Ink, Run, SPACES, Style};
use super::{ascii, escape};

/// A line buffer. Columns are counted as text is added.
#[derive(Debug)]
pub struct Line {
    text: String,
    /// Where in `text` a new ink begins.
    inks: Vec<(usize, Ink)>,
    width: usize,
    glyphs: Glyphs,
    color: bool,
    big: bool,
    painted: String,
}

impl Line {
    /// An empty line in this style's characters and colours.
    #[must_use]
    pub fn new(style: &Style) -> Self {
        Self {
            text: String::new(),
            inks: Vec::new(),
            width: 0,
            glyphs: style.glyphs,
            color: style.color,
            big: style.big,
            painted: String::new(),
        }
    }

    /// Columns filled so far.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// What stands on the line so far, without colours.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.trim_end()
    }

    /// The pieces of the line and their ink, for painters other than [`finish`](Self::finish).
    pub fn pieces(&self) -> impl Iterator<Item = (&str, Ink)> {
        self.inks.iter().enumerate().map(|(index, (start, ink))| {
            let end = self
                .inks
                .get(index + 1)
                .map_or(self.text.len(), |next| next.0);
            (&self.text[*start..end], *ink)
        })
    }

    /// The characters of this line's set.
    pub(super) fn glyphs(&self) -> &'static GlyphSet {
        self.glyphs.set()
    }

    /// Text made harmless and, where it must be, ASCII.
    pub(super) fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.glyphs {
            Glyphs::Unicode => escape::terminal(text),
            Glyphs::Ascii => ascii::text(text),
        }
    }

    /// Adds text of any origin.
    pub fn put(&mut self, text: &str, ink: Ink) {
        let clean = self.clean(text);
        self.put_clean(&clean, ink);
    }

    /// Adds text that [`clean`](Self::clean) has seen.
    pub(super) fn put_clean(&mut self, text: &str, ink: Ink) {
        if text.is_empty() {
            return;
        }
        self.begin(ink);
        self.text.push_str(text);
        self.width += measure::width(text);
    }

    /// Adds text that ends at column `end`; if it does not fit, it begins where the line is and pushes what follows.
    pub(super) fn put_right(&mut self, text: &str, end: usize, ink: Ink) {
        let clean = self.clean(text);
        let columns = measure::width(&clean);
        self.pad_to(end.saturating_sub(columns));
        self.put_measured(&clean, columns, ink);
    }

    /// Adds a number that ends at column `end`.
    pub(super) fn put_number(&mut self, number: u64, end: usize, ink: Ink) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number);
        self.pad_to(end.saturating_sub(digits.len()));
        self.put_measured(digits, digits.len(), ink);
    }

    /// Adds as much of clean text as fits into `room` columns, ending in an ellipsis where something was cut.
    pub(super) fn put_cut(&mut self, clean: &str, room: usize, ink: Ink) {
        let columns = measure::width(clean);
        if columns <= room {
            return self.put_measured(clean, columns, ink);
        }
        let ellipsis = self.glyphs().ellipsis;
        let kept = room.saturating_sub(measure::width(ellipsis));
        let start = self.width;
        self.put_clean(measure::beginning(clean, kept), ink);
        if kept > 0 {
            self.put_clean(ellipsis, ink);
        }
        debug_assert!(self.width <= start + room);
    }

    /// Adds text behind which nothing will stand, so that its columns need not be counted.
    pub(super) fn put_last(&mut self, clean: &str, ink: Ink) {
        if !clean.is_empty() {
            self.begin(ink);
            self.text.push_str(clean);
        }
    }

    /// Adds clean text that is known to be `columns` wide.
    pub(super) fn put_measured(&mut self, clean: &str, columns: usize, ink: Ink) {
        debug_assert_eq!(columns, measure::width(clean));
        if !clean.is_empty() {
            self.begin(ink);
            self.text.push_str(clean);
            self.width += columns;
        }
    }

    /// Adds `count` columns of a run.
    pub(super) fn fill(&mut self, run: Run, count: usize, ink: Ink) {
        self.begin(ink);
        run.push_to(&mut self.text, count);
        self.width += count;
    }

    /// Fills with spaces up to a column; does nothing when the line is that wide already.
    pub(super) fn pad_to(&mut self, column: usize) {
        if column > self.width {
            self.fill(SPACES, column - self.width, Ink::Plain);
        }
    }

    /// Writes the line and its line break, and empties it.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let spaces = self.text.bytes().rev().take_while(|byte| *byte == b' ');
        let length = self.text.len() - spaces.count();
        self.text.truncate(length);
        // What was only spaces at the end is gone, and its ink with it.
        while self.inks.pop_if(|(start, _)| *start >= length).is_some() {}
        let written = if self.color {
            self.paint();
            out.write_all(self.painted.as_bytes())
        } else {
            self.text.push('\n');
            out.write_all(self.text.as_bytes())
        };
        self.text.clear();
        self.inks.clear();
        self.width = 0;
        written
    }

    /// The line in its colours.
    fn paint(&mut self) {
        let mut painted = std::mem::take(&mut self.painted);
        painted.clear();
        for (piece, ink) in self.pieces() {
            let style = ink.ansi(self.big);
            // Writing to a string cannot fail.
            let _ = write!(painted, "{style}{piece}{style:#}");
        }
        painted.push('\n');
        self.painted = painted;
    }

    fn begin(&mut self, ink: Ink) {
        if self.inks.last().is_none_or(|(_, last)| *last != ink) {
            self.inks.push((self.text.len(), ink));
        }
    }
}
