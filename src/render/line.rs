//! One line of output while it is being put together: text, its colours and its width in columns.
//!
//! Comes in: pieces of text with their ink. Goes out: one write of bytes a line, with or without colours, from the same
//! pieces. The buffers are reused from line to line.

use std::borrow::Cow;
use std::io::{self, Write};

use super::measure;
use super::style::{GlyphSet, Glyphs, Ink, Style};
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
    painted: Vec<u8>,
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
            painted: Vec::new(),
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
        self.pad_to(end.saturating_sub(measure::width(&clean)));
        self.put_clean(&clean, ink);
    }

    /// Adds a number that ends at column `end`.
    pub(super) fn put_number(&mut self, number: u64, end: usize, ink: Ink) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number);
        self.pad_to(end.saturating_sub(digits.len()));
        self.put_clean(digits, ink);
    }

    /// Adds as much of clean text as fits into `room` columns, ending in an ellipsis where something was cut.
    pub(super) fn put_cut(&mut self, clean: &str, room: usize, ink: Ink) {
        if measure::width(clean) <= room {
            self.put_clean(clean, ink);
            return;
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

    /// Adds a glyph of one column `count` times.
    pub(super) fn fill(&mut self, glyph: &str, count: usize, ink: Ink) {
        self.begin(ink);
        for _ in 0..count {
            self.text.push_str(glyph);
        }
        self.width += count;
    }

    /// Fills with spaces up to a column; does nothing when the line is that wide already.
    pub(super) fn pad_to(&mut self, column: usize) {
        if column > self.width {
            self.fill(" ", column - self.width, Ink::Plain);
        }
    }

    /// Writes the line and its line break, and empties it.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let length = self.text.trim_end_matches(' ').len();
        self.text.truncate(length);
        // What was only spaces at the end is gone, and its ink with it.
        self.inks.retain(|(start, _)| *start < length);
        let mut painted = std::mem::take(&mut self.painted);
        painted.clear();
        if self.color {
            for (piece, ink) in self.pieces() {
                let style = ink.ansi();
                // Writing to memory cannot fail.
                let _ = write!(painted, "{style}{piece}{style:#}");
            }
        } else {
            painted.extend_from_slice(self.text.as_bytes());
        }
        painted.push(b'\n');
        self.text.clear();
        self.inks.clear();
        self.width = 0;
        let written = out.write_all(&painted);
        self.painted = painted;
        written
    }

    fn begin(&mut self, ink: Ink) {
        if self.inks.last().is_none_or(|(_, last)| *last != ink) {
            self.inks.push((self.text.len(), ink));
        }
    }
}
