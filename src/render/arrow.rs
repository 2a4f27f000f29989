//! One arrow: its label, its line and its head, in exactly the columns it is given.
//!
//! Comes in: a step and a number of columns. Goes out: that many columns on a line, and what found no room on it, which
//! must stand under the row. When room is short the payload goes first, then the tags move below, then the name is cut,
//! last the numbers move below, from their end; the head is never pushed.

use std::fmt::Write as _;

use super::escape;
use super::line::Line;
use super::measure::width;
use super::style::{Glyphs, Ink};
use crate::explain::{Line as Stroke, Step, Weight};
use crate::tcp::Direction;

/// A name cut shorter than this says nothing.
const NAME_MIN: usize = 4;
/// A quoted payload shorter than this, quotes and ellipsis included, says nothing.
const PREVIEW_MIN: usize = 6;
/// Of a payload that is not text this many bytes are shown: enough to recognise a protocol by.
const BINARY_SHOWN: usize = 4;

/// The words on an arrow and those that found no room on it. Kept and reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Label {
    /// Name and numbers.
    core: String,
    /// The quoted payload, with the space before it.
    preview: String,
    /// What is remarkable, with spaces before each.
    tags: String,
    /// What must stand below, ready to be read.
    pub(super) below: String,
    /// Columns of each of the first three.
    columns: [usize; 3],
}

impl Label {
    /// Chooses what of a step's words fits into `room` columns.
    pub(super) fn fit(&mut self, step: &Step, glyphs: Glyphs, line: &Line, room: usize) {
        for part in [
            &mut self.core,
            &mut self.preview,
            &mut self.tags,
            &mut self.below,
        ] {
            part.clear();
        }
        self.columns = [self.fit_core(step, line, room), 0, 0];
        let mut left = room.saturating_sub(self.columns[0]);
        for tag in &step.arrow.tags {
            let tag = line.clean(tag);
            let needed = 2 + width(&tag);
            if needed <= left && self.below.is_empty() {
                left -= needed;
                self.columns[2] += needed;
                self.tags.push_str("  ");
                self.tags.push_str(&tag);
            } else {
                self.move_below(&tag);
            }
        }
        if left > PREVIEW_MIN {
            self.columns[1] = self.preview(step, glyphs, line, left - 1);
        }
    }

    /// Name and numbers, `SYN-ACK  seq 0, ack 1`, and how many columns they have.
    fn fit_core(&mut self, step: &Step, line: &Line, room: usize) -> usize {
        let name = line.clean(&step.arrow.name);
        let numbers = line.clean(&step.arrow.numbers);
        let (name_width, numbers_width) = (width(&name), width(&numbers));
        let name_room = match numbers_width {
            0 => room,
            columns => room.saturating_sub(2 + columns),
        };
        let numbers_fit =
            numbers_width <= room && (name_width <= name_room || name_room >= NAME_MIN);
        let name_room = if numbers_fit { name_room } else { room };
        let mut columns = 0;
        if name_width <= name_room {
            self.core.push_str(&name);
            columns += name_width;
        } else {
            let ellipsis = line.glyphs().ellipsis;
            let kept = name_room.saturating_sub(width(ellipsis));
            if width(ellipsis) <= name_room {
                self.core.push_str(super::measure::beginning(&name, kept));
                self.core.push_str(ellipsis);
                columns += width(&self.core);
            }
            self.move_below(&name);
        }
        if numbers.is_empty() {
            return columns;
        }
        if numbers_fit {
            if !self.core.is_empty() {
                self.core.push_str("  ");
                columns += 2;
            }
            self.core.push_str(&numbers);
            columns += numbers_width;
            return columns;
        }
        // The acknowledgment number says more than the ranges after it, which alone move below.
        let more = format!(", {}", line.glyphs().ellipsis);
        let parts = numbers.rmatch_indices(", ").map(|(at, _)| at);
        let room = room.saturating_sub(columns + 2 + width(&more));
        let mut fitting =
            parts.filter(|&at| name_width <= columns && width(&numbers[..at]) <= room);
        match fitting.next() {
            Some(at) => {
                let first = self.core.len();
                self.core.push_str("  ");
                self.core.push_str(&numbers[..at]);
                self.core.push_str(&more);
                columns += width(&self.core[first..]);
                self.move_below(&numbers[at + 2..]);
            }
            None => self.move_below(&numbers),
        }
        columns
    }

    /// The first payload bytes in quotation marks, ` "Hello server!"`, cut between characters; how many columns it has.
    fn preview(&mut self, step: &Step, glyphs: Glyphs, line: &Line, room: usize) -> usize {
        if step.preview.bytes().is_empty() {
            return 0;
        }
        let (bytes, goes_on) = shown_payload(step);
        let ellipsis = line.glyphs().ellipsis;
        let ellipsis_width = width(ellipsis);
        self.preview.push_str(" \"");
        let reserve = if goes_on { ellipsis_width } else { 0 };
        let (mut columns, whole) = push_payload(
            &mut self.preview,
            bytes,
            glyphs,
            room - 2,
            reserve,
            ellipsis_width,
        );
        if goes_on || !whole {
            self.preview.push_str(ellipsis);
            columns += ellipsis_width;
        }
        self.preview.push('"');
        columns + 3
    }

    fn move_below(&mut self, words: &str) {
        if !self.below.is_empty() {
            self.below.push_str(", ");
        }
        self.below.push_str(words);
    }

    /// Columns of the label with the spaces around it.
    fn width(&self) -> usize {
        let words: usize = self.columns.iter().sum();
        if words == 0 { 0 } else { words + 2 }
    }

    /// The whole label for a list, where nothing needs to be cut to a column.
    pub(super) fn write_to(&self, text: &mut String) {
        text.push_str(&self.core);
        text.push_str(&self.preview);
        text.push_str(&self.tags);
    }
}

/// Draws an arrow of exactly `columns` columns; what found no room is in `label.below`.
pub(super) fn draw(
    line: &mut Line,
    label: &mut Label,
    step: &Step,
    glyphs: Glyphs,
    columns: usize,
) {
    let set = line.glyphs();
    let stroke = step.arrow.line;
    let head = match stroke {
        Stroke::Plain | Stroke::Heavy => 1,
        Stroke::Repeat => 3,
        Stroke::Lost => width(set.lost) + 1 + LOST.len(),
    };
    // One column of line at either end, and the spaces around the label.
    label.fit(step, glyphs, line, columns.saturating_sub(head + 4));
    let label_width = label.width();
    let reach = if stroke == Stroke::Lost {
        // Ends in mid-air, but never before its label does.
        (columns * 3 / 4).max(head + label_width + 2)
    } else {
        columns
    };
    let shaft = reach.saturating_sub(head + label_width);
    let before = shaft / 2;
    let after = shaft - before;
    let glyph = if stroke == Stroke::Heavy {
        set.heavy
    } else {
        set.rule
    };
    let ink = match step.direction {
        Direction::ClientToServer => Ink::ToServer,
        Direction::ServerToClient => Ink::ToClient,
    };
    let start = line.width();
    if step.direction == Direction::ClientToServer {
        line.fill(glyph, before, ink);
        paint_label(line, label, step, ink);
        line.fill(glyph, after, ink);
        match stroke {
            Stroke::Lost => {
                line.put_clean(set.lost, Ink::Problem);
                line.put_clean(" ", Ink::Problem);
                line.put_clean(LOST, Ink::Problem);
            }
            _ => put_head(line, set.to_right, head, ink),
        }
        line.pad_to(start + columns);
    } else {
        line.pad_to(start + columns - reach);
        match stroke {
            Stroke::Lost => {
                line.put_clean(LOST, Ink::Problem);
                line.put_clean(" ", Ink::Problem);
                line.put_clean(set.lost, Ink::Problem);
            }
            _ => put_head(line, set.to_left, head, ink),
        }
        line.fill(glyph, before, ink);
        paint_label(line, label, step, ink);
        line.fill(glyph, after, ink);
    }
}

/// The head of an arrow: of a repeated segment a triple one.
fn put_head(line: &mut Line, glyph: &str, count: usize, ink: Ink) {
    for _ in 0..count {
        line.put_measured(glyph, 1, ink);
    }
}

/// The word that stands at the end of a lost segment's line, because a cross alone is easily missed.
pub(super) const LOST: &str = "LOST";

fn paint_label(line: &mut Line, label: &Label, step: &Step, ink: Ink) {
    if label.width() == 0 {
        return;
    }
    let is_problem = step.arrow.line != Stroke::Plain || step.weight == Weight::Trouble;
    let [core, preview, tags] = label.columns;
    line.put_measured(" ", 1, ink);
    line.put_measured(
        &label.core,
        core,
        if is_problem { Ink::Problem } else { ink },
    );
    line.put_measured(&label.preview, preview, Ink::Plain);
    line.put_measured(
        &label.tags,
        tags,
        if is_problem {
            Ink::Problem
        } else {
            Ink::Strong
        },
    );
    line.put_measured(" ", 1, ink);
}

/// Appends payload in quotable form as far as it fits into `room` columns, of which `reserve` must stay free in any
/// case, and `cut_reserve` when it has to be cut. Says how many columns were filled, and whether all of it fitted.
fn push_payload(
    text: &mut String,
    bytes: &[u8],
    glyphs: Glyphs,
    room: usize,
    reserve: usize,
    cut_reserve: usize,
) -> (usize, bool) {
    // The longest beginning that leaves room for an ellipsis, should what follows not fit.
    let (mut safe_end, mut safe_used) = (text.len(), 0);
    let mut used = 0;
    for chunk in bytes.utf8_chunks() {
        let characters = chunk.valid().chars().map(Unit::Character);
        let others = chunk.invalid().iter().copied().map(Unit::Byte);
        for unit in characters.chain(others) {
            used += unit.push_to(text, glyphs);
            if used + reserve > room {
                text.truncate(safe_end);
                return (safe_used, false);
            }
            if used + cut_reserve <= room {
                (safe_end, safe_used) = (text.len(), used);
            }
        }
    }
    (used, true)
}

/// Appends what a step knows of its payload, in quotation marks, with a space before it.
pub(super) fn push_quotation(text: &mut String, step: &Step, glyphs: Glyphs) {
    let (bytes, goes_on) = shown_payload(step);
    text.push_str(" \"");
    push_payload(text, bytes, glyphs, usize::MAX, 0, 0);
    if goes_on {
        text.push_str(glyphs.set().ellipsis);
    }
    text.push('"');
}

/// The payload bytes that are worth showing, and whether more followed them.
fn shown_payload(step: &Step) -> (&[u8], bool) {
    let mut bytes = step.preview.bytes();
    if (bytes.len() as u64) < u64::from(step.len) {
        bytes = escape::without_cut_character(bytes);
    }
    if !is_mostly_text(bytes) {
        bytes = &bytes[..bytes.len().min(BINARY_SHOWN)];
    }
    (bytes, (bytes.len() as u64) < u64::from(step.len))
}

/// One character of a payload, or a byte that belongs to none.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Character(char),
    Byte(u8),
}

impl Unit {
    /// Appends it in quotable form, and says how many columns it has. Payload is never spelled otherwise in ASCII, only
    /// escaped.
    pub(super) fn push_to(self, text: &mut String, glyphs: Glyphs) -> usize {
        let start = text.len();
        match self {
            Self::Byte(byte) => escape::push_hex(text, byte),
            Self::Character(c) if c.is_ascii() => escape::push_quoted_character(text, c),
            Self::Character(c) if glyphs == Glyphs::Ascii => {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
            }
            Self::Character(c) => {
                escape::push_quoted_character(text, c);
                return width(&text[start..]);
            }
        }
        // All of it is ASCII.
        text.len() - start
    }
}

/// Whether at least three quarters of the bytes are text as people write it.
pub(super) fn is_mostly_text(bytes: &[u8]) -> bool {
    let is_text = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    let enough = |readable: usize| readable * 4 >= bytes.len() * 3;
    let ascii = bytes.iter().filter(|byte| is_text(**byte)).count();
    // No more than this can belong to other characters: most payload is one or the other without looking closer.
    let others = bytes.windows(2).map(|pair| match pair {
        [0xc2..=0xdf, 0x80..=0xbf] => 2,
        [0xe0..=0xef, 0x80..=0xbf] => 3,
        [0xf0..=0xf4, 0x80..=0xbf] => 4,
        _ => 0,
    });
    if enough(ascii) || !enough(ascii + others.sum::<usize>()) {
        return enough(ascii);
    }
    let characters = bytes
        .utf8_chunks()
        .flat_map(|chunk| chunk.valid().chars())
        .filter(|c| !c.is_ascii() && !c.is_control());
    enough(ascii + characters.map(char::len_utf8).sum::<usize>())
}
