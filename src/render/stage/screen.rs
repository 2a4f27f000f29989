//! Which line of a screen is what: the header, the rows that have room, the explanation, the byte ruler, the keys.
//!
//! What gives way as a screen gets lower, in this order: the byte ruler, older rows, the end of the explanation. The
//! current row, the keys and what fits of the explanation are always there.

use super::rows::{Rows, painted};
use super::{Act, Beat, What, bytes, words};
use crate::explain::{Conclusion, Tone, short_heading};
use crate::render::line::Line;
use crate::render::measure::{width, wrap};
use crate::render::style::{Explain, Glyphs, Ink, Style};
use crate::time::Span;

/// Longer lines are tiring to read.
const TEXT_MAX: usize = 100;
/// A pause that is worth a word.
const PAUSE: Span = Span::from_secs(1);
/// Rows that stay while the explanation is long, from a screen of this many lines between header and keys on.
const ROWS_KEPT: [(usize, usize); 3] = [(12, 4), (8, 3), (4, 2)];

/// What is on a screen.
pub struct Board<'a> {
    /// The connection.
    pub act: &'a Act,
    /// Its beats that were revealed and are still kept, oldest first; the last one is the current one.
    pub shown: &'a [&'a Beat],
    /// Its beats before those.
    pub forgotten: u64,
    /// The question that is asked instead of showing the next beat.
    pub asks: Option<&'a str>,
    /// What is said before the first beat.
    pub intro: &'a [String],
    /// `3 of 8`.
    pub counter: &'a str,
    /// Where the packets come from: `captured a moment ago`.
    pub origin: &'a str,
    /// What other parts of the program have to say.
    pub notice: Option<&'a str>,
    /// Lines of the explanation that were read already.
    pub scroll: usize,
    /// What the keys do now.
    pub hold: Hold,
}

/// What the keys do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// The next beat is held back.
    Next,
    /// There is no next one.
    End,
    /// There is none yet.
    Waiting,
    /// Beats come by themselves.
    Playing,
    /// They would, and are held.
    Paused,
}

/// A composed screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Screen {
    /// As many lines as asked for.
    pub lines: Vec<String>,
    /// The line of the explanation at which it goes on where this screen cuts it.
    pub more: Option<usize>,
}

/// A line of the explanation.
type Said = (String, Ink);

/// Composes a screen of `height` lines.
#[must_use]
pub fn compose(board: &Board<'_>, style: &Style, height: usize) -> Screen {
    let mut drawing = Drawing {
        board,
        style,
        columns: style.width.columns(),
        line: Line::new(style),
    };
    drawing.compose(height)
}

/// A screen while it is being put together.
pub(super) struct Drawing<'a> {
    pub(super) board: &'a Board<'a>,
    pub(super) style: &'a Style,
    pub(super) columns: usize,
    pub(super) line: Line,
}

impl Drawing<'_> {
    fn compose(&mut self, height: usize) -> Screen {
        let mut rows = Rows::new(self.board.act, self.style);
        let mut below = String::new();
        let current = self.board.shown.last().and_then(|beat| rows.draw(beat));
        if let Some(row) = current {
            below = row.below;
        }
        let mut said = self.said(&below);
        // One line each for the keys and the rule above the explanation; on the lowest screens there is no rule.
        let rule = usize::from(height >= 6);
        let mut header = self.header(height);
        let body = height.saturating_sub(header.len() + rule + 1);
        let wanted_rows = self.wanted_rows();
        let kept = ROWS_KEPT
            .iter()
            .find(|(from, _)| body >= *from)
            .map_or(1, |(_, rows)| *rows)
            .min(wanted_rows)
            .min(body);
        let with_ruler = self.ruler_fits(body, kept, said.len());
        let ruler = if with_ruler { 2 } else { 0 };
        // Air between the clause and the paragraph, where every row has room as well.
        let clause = said
            .iter()
            .take_while(|(_, ink)| *ink == Ink::Strong)
            .count();
        if (1..said.len()).contains(&clause) && wanted_rows + said.len() + ruler < body {
            said.insert(clause, (String::new(), Ink::Plain));
        }
        let for_text = body - kept - ruler;
        let text = said.len().min(for_text);
        let for_rows = body - ruler - text;
        let first = self.first_row(for_rows);
        self.states(&mut header, first);
        let mut lines = header;
        let top = lines.len();
        self.rows(&mut lines, first);
        lines.resize(top + for_rows, String::new());
        if rule == 1 {
            lines.push(self.rule());
        }
        let scroll = self.board.scroll.min(said.len().saturating_sub(text));
        let more = (scroll + text < said.len() && text > 0).then_some(scroll + text);
        for (words, ink) in said.into_iter().skip(scroll).take(text) {
            self.line.put_clean(&words, ink);
            lines.push(painted(&mut self.line));
        }
        if let Some(reach) = self.reach().filter(|_| with_ruler) {
            for (way, reach) in reach.into_iter().enumerate() {
                bytes::ruler(&mut self.line, way, reach, self.style);
                lines.push(painted(&mut self.line));
            }
        }
        lines.push(self.keys(more.is_some()));
        // A terminal of one or two lines shows the current row and nothing else.
        lines.truncate(height);
        lines.resize(height, String::new());
        Screen { lines, more }
    }

    /// Rows of all beats that were revealed, and one for the question.
    fn wanted_rows(&self) -> usize {
        let drawn = self.drawn().count();
        drawn + usize::from(self.board.asks.is_some())
    }

    fn drawn(&self) -> impl Iterator<Item = &Beat> {
        let shown = self.board.shown.iter().copied();
        shown.filter(|beat| !matches!(beat.what, What::End(_)))
    }

    /// The index of the first drawn beat that has room.
    fn first_row(&self, for_rows: usize) -> usize {
        self.wanted_rows().saturating_sub(for_rows)
    }

    fn rows(&mut self, lines: &mut Vec<String>, first: usize) {
        let mut rows = Rows::new(self.board.act, self.style);
        for beat in self.drawn().skip(first) {
            if let Some(row) = rows.draw(beat) {
                lines.push(row.painted);
            }
        }
        if self.board.asks.is_some() {
            lines.push(self.asking_row(&rows));
        }
    }

    /// `            ··················  ?  ··················`
    fn asking_row(&mut self, rows: &Rows<'_>) -> String {
        let (lane, bar) = rows.lane().unzip();
        let layout = rows.layout();
        let dot = match self.style.glyphs {
            Glyphs::Unicode => "·",
            Glyphs::Ascii => ".",
        };
        let (start, length) = match lane {
            Some(lane) => lane,
            None if layout.list || self.style.big => (0, self.columns),
            None => (layout.arrow_start(), layout.arrow),
        };
        let bar = bar.unwrap_or_default();
        let sign = "  ?  ";
        let dots = length.saturating_sub(sign.len());
        self.line.pad_to(start - width(bar));
        self.line.put_clean(bar, Ink::Plain);
        self.line.put_clean(&dot.repeat(dots / 2), Ink::Quiet);
        self.line.put_clean(sign, Ink::Problem);
        self.line
            .put_clean(&dot.repeat(dots - dots / 2), Ink::Quiet);
        self.line.put_clean(bar, Ink::Plain);
        painted(&mut self.line)
    }

    fn reach(&self) -> Option<[crate::explain::Reach; 2]> {
        self.board.shown.last().and_then(|beat| beat.reach)
    }

    fn ruler_fits(&self, body: usize, kept: usize, said: usize) -> bool {
        // Before both ends were heard there is nothing to measure.
        let heard = self
            .reach()
            .is_some_and(|reach| reach.iter().all(|way| way.next.is_some()));
        !self.style.big && heard && body >= kept + said + 2
    }

    /// Which part of the connection's life this is; and when, where rows have no times.
    fn phase(&self) -> String {
        let Some(beat) = self.board.shown.last() else {
            return if self.board.asks.is_some() {
                "held back"
            } else {
                "the beginning"
            }
            .to_owned();
        };
        let phase = beat.phase.as_deref().unwrap_or_default();
        match &beat.what {
            _ if self.board.asks.is_some() => "held back".to_owned(),
            What::End(_) => "how it ended".to_owned(),
            What::Packet(step) if Rows::new(self.board.act, self.style).layout().time == 0 => {
                let phase = short_heading(phase);
                let comma = if phase.is_empty() { "" } else { ", " };
                format!("{phase}{comma}at {}", step.after)
            }
            _ => phase.to_owned(),
        }
    }

    /// `── open ───────────────────── captured a moment ago ──`
    fn rule(&mut self) -> String {
        let rule = self.line.glyphs().rule;
        let phase = self.phase();
        let mut phase = self.line.clean(&phase).into_owned();
        let origin = self.line.clean(self.board.origin).into_owned();
        let origin_columns = width(&origin) + 4;
        self.line.fill(rule, 2.min(self.columns), Ink::Quiet);
        let phase_room = self.columns.saturating_sub(2 + origin_columns + 3);
        if width(&phase) > phase_room {
            let short = short_heading(&phase).len();
            phase.truncate(short);
        }
        if !phase.is_empty() && phase_room >= 4 {
            self.line.put_clean(" ", Ink::Quiet);
            self.line.put_cut(&phase, phase_room, Ink::Strong);
            self.line.put_clean(" ", Ink::Quiet);
        }
        let fill = self
            .columns
            .saturating_sub(self.line.width() + origin_columns);
        self.line.fill(rule, fill, Ink::Quiet);
        let room = self.columns.saturating_sub(self.line.width());
        if room > 3 && !origin.is_empty() {
            self.line.put_clean(" ", Ink::Quiet);
            self.line
                .put_cut(&origin, room.saturating_sub(2), Ink::Quiet);
            self.line.put_clean(" ", Ink::Quiet);
        }
        let rest = self.columns.saturating_sub(self.line.width());
        self.line.fill(rule, rest, Ink::Quiet);
        painted(&mut self.line)
    }

    /// What is said about the current beat, broken into lines.
    fn said(&mut self, below: &str) -> Vec<Said> {
        let mut said = Vec::new();
        let board = self.board;
        if let Some(question) = board.asks {
            self.block(&mut said, question, Ink::Strong);
        } else if let Some(beat) = board.shown.last() {
            self.beat(&mut said, beat, below);
        } else {
            for (index, paragraph) in board.intro.iter().enumerate() {
                let ink = if index == 0 { Ink::Strong } else { Ink::Plain };
                self.block(&mut said, paragraph, ink);
            }
        }
        if let Some(notice) = board.notice {
            self.block(&mut said, notice, Ink::Quiet);
        }
        said
    }

    fn beat(&mut self, said: &mut Vec<Said>, beat: &Beat, below: &str) {
        let full = self.style.explain == Explain::Full && !self.style.big;
        let silent = self.style.explain == Explain::None;
        match &beat.what {
            What::Packet(step) => {
                let mut brief = String::new();
                if step.delta >= PAUSE {
                    brief = format!("{} later: ", step.delta.in_words());
                }
                if !below.is_empty() && !self.style.big {
                    brief.push_str(below);
                    brief.push_str(": ");
                }
                brief.push_str(&step.brief);
                if !silent {
                    self.block(said, &brief, Ink::Strong);
                }
                if full {
                    self.block(said, &step.full, Ink::Plain);
                }
            }
            What::Half(event) => {
                if !silent {
                    let brief = format!("{}: {}", event.in_words(), event.brief);
                    self.block(said, &brief, Ink::Strong);
                }
                if full {
                    self.block(said, &event.full, Ink::Plain);
                }
            }
            What::Call(call) => {
                if !silent {
                    self.block(said, &call.in_words(), Ink::Strong);
                }
                // One clause is all that there is to say, so it is the paragraph, too.
                if !silent && !self.style.big {
                    self.block(said, call.note, Ink::Plain);
                }
            }
            What::Several { words, .. } => {
                let note =
                    format!("{words}. Folded into one row; --all-packets steps through them.");
                self.block(said, &note, Ink::Plain);
            }
            What::End(conclusion) => self.conclusion(said, conclusion),
        }
    }

    fn conclusion(&mut self, said: &mut Vec<Said>, conclusion: &Conclusion) {
        let set = self.line.glyphs();
        let (sign, ink) = match conclusion.tone {
            Tone::Good => (set.good, Ink::Strong),
            Tone::Bad => (set.bad, Ink::Problem),
            Tone::Neutral => (set.neutral, Ink::Strong),
        };
        self.block(said, &format!("{sign} {}", conclusion.word), ink);
        self.block(said, &conclusion.text, Ink::Plain);
        if let Some(advice) = conclusion.advice.as_deref().filter(|_| !self.style.big) {
            self.block(said, advice, Ink::Plain);
        }
    }

    fn block(&mut self, said: &mut Vec<Said>, words: &str, ink: Ink) {
        let room = self.columns.min(TEXT_MAX);
        let clean = self.line.clean(words);
        let ink = if self.style.big && ink == Ink::Plain {
            Ink::Strong
        } else {
            ink
        };
        said.extend(wrap(&clean, room, room).map(|part| (part.to_owned(), ink)));
    }

    fn keys(&mut self, more: bool) -> String {
        let choices = match self.board.hold {
            Hold::Next => words::NEXT,
            Hold::End => words::LAST,
            Hold::Waiting => words::WAIT,
            Hold::Playing => words::PLAYS,
            Hold::Paused => words::HELD,
        };
        if more {
            self.line.put_clean(
                match self.style.glyphs {
                    Glyphs::Unicode => words::MORE,
                    Glyphs::Ascii => words::MORE_ASCII,
                },
                Ink::Strong,
            );
        }
        let room = self.columns.saturating_sub(self.line.width());
        let keys = fitting(&choices, room);
        self.line.put_cut(keys, room, Ink::Quiet);
        painted(&mut self.line)
    }
}

/// The longest of the choices that fits; the shortest where none does.
pub(super) fn fitting<'w>(choices: &[&'w str], room: usize) -> &'w str {
    let fits = choices.iter().find(|words| width(words) <= room);
    fits.or(choices.last()).copied().unwrap_or_default()
}
