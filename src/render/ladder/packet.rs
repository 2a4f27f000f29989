//! One packet of a ladder: its row between the lanes, or in a list, and what is said about it below.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::LadderWriter;
use crate::explain::{Line as Stroke, Step, Weight};
use crate::render::arrow;
use crate::render::measure::{width, wrap};
use crate::render::style::{Explain, Ink, TimeColumn};
use crate::tcp::Direction;
use crate::text::{Digits, put};
use crate::time::Span;

impl LadderWriter {
    /// One packet: its heading, its row, its explanation.
    pub(super) fn row(&mut self, step: &Step, out: &mut dyn Write) -> io::Result<()> {
        self.current = Some(step.connection);
        self.last_time = Some(step.time);
        if let Some(heading) = &step.heading {
            self.heading(heading, step.connection, out)?;
        }
        if self.layout.list {
            self.list_row(step, out)?;
        } else {
            self.lane_row(step, out)?;
        }
        self.explanation(step, out)
    }

    fn lane_row(&mut self, step: &Step, out: &mut dyn Write) -> io::Result<()> {
        let layout = self.layout;
        self.numbers(step);
        if let Some(state) = step.client {
            self.line
                .put_right(state.name(), layout.left_end(), Ink::Strong);
        }
        self.line.pad_to(layout.arrow_start());
        let glyphs = self.style.glyphs;
        arrow::draw(&mut self.line, &mut self.label, step, glyphs, layout.arrow);
        if let Some(state) = step.server {
            self.line.pad_to(layout.right_start());
            self.line.put_clean(state.name(), Ink::Strong);
        }
        if layout.details > 0 && !step.details.is_empty() {
            self.line.pad_to(layout.details_start());
            let details = self.line.clean(&step.details);
            self.line.put_cut(&details, layout.details, Ink::Quiet);
        }
        self.line.finish(out)
    }

    /// Tag, frame number and times.
    fn numbers(&mut self, step: &Step) {
        let layout = self.layout;
        if layout.tag > 0 {
            self.line.put_clean("#", Ink::Quiet);
            self.line
                .put_number(u64::from(step.connection), 0, Ink::Quiet);
        }
        self.line
            .put_number(step.frame, layout.number_end(), Ink::Quiet);
        if layout.time > 0 {
            match self.style.time {
                TimeColumn::Relative => self.after(step),
                TimeColumn::Delta => self.span(step.delta, layout.time_end()),
                // A list has no room for a time of day, but for the time since the packet before.
                TimeColumn::Absolute if layout.list => self.span(step.delta, layout.time_end()),
                TimeColumn::Absolute => {
                    self.text.clear();
                    // Writing to a string cannot fail.
                    let _ = write!(self.text, "{:.6}", step.time.utc().clock());
                    self.line
                        .put_right(&self.text, layout.time_end(), Ink::Quiet);
                }
            }
        }
        if layout.delta > 0 {
            self.span(step.delta, layout.delta_end());
        }
    }

    /// The time since the connection's first packet, with as many digits as the column has room for. A row that would
    /// say the same as the one above it says how much later it is instead: `1.000 s`, then `+17 µs`.
    fn after(&mut self, step: &Step) {
        let end = self.layout.time_end();
        self.exact(step.after);
        let later = step.delta > Span::ZERO && self.layout.delta == 0;
        let same = self.after_of == Some(step.connection) && self.last_after == self.text;
        if later && same {
            self.text.clear();
            put!(&mut self.text, "+", step.delta);
        } else {
            self.after_of = Some(step.connection);
            self.last_after.clone_from(&self.text);
        }
        self.time(end);
    }

    /// Puts a time into `self.text`, at most seven columns of it.
    pub(super) fn exact(&mut self, span: Span) {
        let nanos = span.as_nanos();
        let (unit, name, decimals) = match nanos {
            999_500..9_995_000 => (1_000_000, "ms", 2),
            9_995_000..99_950_000 => (1_000_000, "ms", 1),
            999_500_000..9_999_500_000 => (1_000_000_000, "s", 3),
            9_999_500_000..99_995_000_000 => (1_000_000_000, "s", 2),
            99_995_000_000..999_950_000_000 => (1_000_000_000, "s", 1),
            _ => return self.rough(span),
        };
        let scale = 10_i64.pow(decimals);
        let rounded = (nanos * scale + unit / 2) / unit;
        self.text.clear();
        put!(&mut self.text, rounded / scale, ".");
        let fraction = (rounded % scale) as u32;
        match decimals {
            1 => put!(&mut self.text, Digits::<1>(fraction)),
            2 => put!(&mut self.text, Digits::<2>(fraction)),
            _ => put!(&mut self.text, Digits::<3>(fraction)),
        }
        put!(&mut self.text, " ", name);
    }

    /// A time in a column of seven and a space.
    fn span(&mut self, span: Span, end: usize) {
        self.rough(span);
        self.time(end);
    }

    /// Writes `self.text` to the right of its column, and cuts what would reach into the column before.
    pub(super) fn time(&mut self, end: usize) {
        let clean = self.line.clean(&self.text);
        let columns = width(&clean);
        let room = end.saturating_sub(self.line.width() + 1).max(1);
        self.line.pad_to(end.saturating_sub(columns));
        if columns <= room {
            self.line.put_measured(&clean, columns, Ink::Quiet);
        } else {
            self.line.put_cut(&clean, room, Ink::Quiet);
        }
    }

    /// Puts a time into `self.text`; days and hours where seconds would not fit.
    fn rough(&mut self, span: Span) {
        let seconds = span.as_nanos() / 1_000_000_000;
        self.text.clear();
        match seconds.abs() {
            0..9_999 => put!(&mut self.text, span),
            9_999..3_599_999 => put!(&mut self.text, seconds / 3_600, " h"),
            _ => put!(&mut self.text, seconds / 86_400, " d"),
        }
    }

    /// Below 56 columns: ` 1 C→S SYN  seq 0`, and the states on the next line.
    fn list_row(&mut self, step: &Step, out: &mut dyn Write) -> io::Result<()> {
        let (from, to) = match step.direction {
            Direction::ClientToServer => ('C', 'S'),
            Direction::ServerToClient => ('S', 'C'),
        };
        let set = self.line.glyphs();
        let begin = if self.layout.is_cramped() {
            0
        } else {
            self.numbers(step);
            self.layout.text_start().max(self.line.width() + 1)
        };
        self.line.pad_to(begin);
        self.text.clear();
        // Writing to a string cannot fail.
        if self.layout.is_cramped() {
            let _ = match self.layout.tag {
                0 => write!(self.text, "{} ", step.frame),
                _ => write!(self.text, "#{} {} ", step.connection, step.frame),
            };
        }
        let _ = write!(self.text, "{from}{}{to} ", set.arrow);
        let room = self.layout.total.saturating_sub(begin);
        let arrow_width = width(&self.text);
        let glyphs = self.style.glyphs;
        self.label
            .fit(step, glyphs, &self.line, room.saturating_sub(arrow_width));
        self.label.write_to(&mut self.text);
        if step.arrow.line == Stroke::Lost {
            let _ = write!(self.text, "  {} {}", set.lost, arrow::LOST);
        }
        let ink = match step.direction {
            Direction::ClientToServer => Ink::ToServer,
            Direction::ServerToClient => Ink::ToClient,
        };
        self.wrapped_text(ink, out)?;
        self.text.clear();
        for (side, state) in [("client", step.client), ("server", step.server)] {
            if let Some(state) = state {
                let separator = if self.text.is_empty() { "" } else { ", " };
                let _ = write!(self.text, "{separator}{side} {state}");
            }
        }
        self.wrapped_text(Ink::Strong, out)
    }

    /// What found no room on the arrow, then the clause, then the paragraph.
    fn explanation(&mut self, step: &Step, out: &mut dyn Write) -> io::Result<()> {
        let wanted = match self.style.explain {
            Explain::None => false,
            Explain::AtTrouble => step.weight == Weight::Trouble,
            // Where the arrow says it all, a clause would only push the next arrow off the screen.
            Explain::Brief => !step.routine,
            Explain::Full => true,
        };
        self.text.clear();
        self.text.push_str(&self.label.below);
        if wanted && !step.brief.is_empty() {
            if !self.text.is_empty() {
                self.text.push_str(": ");
            }
            self.text.push_str(&self.line.clean(&step.brief));
        }
        self.wrapped_text(Ink::Plain, out)?;
        if self.style.explain == Explain::Full && !step.full.is_empty() {
            self.text.clear();
            self.text.push_str(&self.line.clean(&step.full));
            self.wrapped_text(Ink::Plain, out)?;
        }
        Ok(())
    }

    /// Writes `self.text`, broken between words, in the column of sentences. It may begin on a line that is begun.
    pub(super) fn wrapped_text(&mut self, ink: Ink, out: &mut dyn Write) -> io::Result<()> {
        let start = self.layout.text_start();
        let end = self.layout.text_end();
        // A line that is begun has less room.
        let first = end.saturating_sub(self.line.width().max(start));
        for part in wrap(&self.text, first, end - start) {
            self.line.pad_to(start);
            self.line.put_last(part, ink);
            self.line.finish(out)?;
        }
        Ok(())
    }
}
