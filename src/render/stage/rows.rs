//! The rows of a screen: each beat in exactly one line, drawn by the same writers as whole ladders.
//!
//! Comes in: beats. Goes out: painted lines, and what found no room on the current one's arrow, which has to be said
//! below. With `--big` arrows are drawn from edge to edge and hold nothing but the essential word.

use super::{Act, Beat, What};
use crate::explain::{CallRow, Line as Stroke, Step, WireEvent, WireHalf};
use crate::render::arrow::LOST;
use crate::render::layout::Layout;
use crate::render::line::Line;
use crate::render::measure::width;
use crate::render::style::{Explain, Ink, Style};
use crate::render::wire::{NARROWEST, WireWriter};
use crate::render::{LadderWriter, measure};
use crate::tcp::{Direction, Side};

/// A drawn row.
pub(super) struct Row {
    /// The line, with its colours.
    pub(super) painted: String,
    /// What had no room on it.
    pub(super) below: String,
}

/// Draws the rows of one connection.
pub(super) struct Rows<'a> {
    act: &'a Act,
    style: &'a Style,
    ladder: LadderWriter,
    wire: Option<WireWriter>,
    line: Line,
}

impl<'a> Rows<'a> {
    pub(super) fn new(act: &'a Act, style: &'a Style) -> Self {
        let quiet = Style {
            explain: Explain::None,
            fold: false,
            payload: false,
            ..style.clone()
        };
        let mut ladder = LadderWriter::new(quiet.clone());
        ladder.expect_frame(act.highest_frame);
        let has_room = style.width.columns() >= NARROWEST;
        Self {
            act,
            style,
            ladder,
            wire: (act.margins.is_some() && has_room).then(|| WireWriter::new(&quiet)),
            line: Line::new(style),
        }
    }

    /// The columns of an ordinary ladder.
    pub(super) fn layout(&self) -> Layout {
        Layout::new(self.style, self.digits(), 0)
    }

    /// Where half arrows are drawn: the first column and how many there are, and what stands at both ends of them.
    pub(super) fn lane(&self) -> Option<((usize, usize), &'static str)> {
        self.wire.as_ref().map(WireWriter::lane)
    }

    /// Digits of the longest frame number.
    fn digits(&self) -> usize {
        self.act.highest_frame.checked_ilog10().unwrap_or(0) as usize + 1
    }

    /// The line of a beat; none for the last words, which stand below.
    pub(super) fn draw(&mut self, beat: &Beat) -> Option<Row> {
        match &beat.what {
            What::Packet(step) if self.style.big => Some(self.big(step)),
            What::Packet(step) => Some(self.packet(step)),
            What::Half(event) if self.wire.is_some() => Some(self.half(event)),
            What::Half(event) => Some(self.half_in_words(event)),
            What::Call(call) => Some(self.call(call)),
            What::Several { words, .. } => Some(self.several(words)),
            What::End(_) => None,
        }
    }

    fn packet(&mut self, step: &Step) -> Row {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail.
        let _ = self.ladder.step(step, &mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        let painted = lines.next().unwrap_or_default().to_owned();
        // A list has the states in lines of their own, and a screen says them at the top.
        let below: Vec<&str> = if self.layout().list {
            Vec::new()
        } else {
            lines.map(str::trim).collect()
        };
        Row {
            painted,
            below: below.join(" "),
        }
    }

    fn half(&mut self, event: &WireEvent) -> Row {
        let mut bytes = Vec::new();
        let bare = WireEvent {
            note: String::new(),
            ..event.clone()
        };
        if let Some(wire) = &mut self.wire {
            // Writing to memory cannot fail.
            let _ = wire.event(&bare, &mut bytes);
        }
        let text = String::from_utf8_lossy(&bytes);
        Row {
            painted: text.lines().next().unwrap_or_default().to_owned(),
            below: String::new(),
        }
    }

    fn call(&mut self, call: &CallRow) -> Row {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail.
        let _ = match &mut self.wire {
            Some(wire) => wire.call(call, &mut bytes),
            None if self.style.big || self.act.margins.is_some() => {
                return self.call_in_words(call);
            }
            None => self.ladder.call(call, self.act.title.id, &mut bytes),
        };
        let text = String::from_utf8_lossy(&bytes);
        Row {
            painted: text.lines().next().unwrap_or_default().to_owned(),
            below: String::new(),
        }
    }

    /// `connect() = 0, after 62 µs`, at its end's edge of the screen.
    fn call_in_words(&mut self, call: &CallRow) -> Row {
        let words = self.line.clean(&call.text).into_owned();
        let columns = self.style.width.columns();
        let ink = match (&call.error, call.side) {
            (Some(_), _) => Ink::Problem,
            (None, Side::Client) => Ink::ToServer,
            (None, Side::Server) => Ink::ToClient,
        };
        if call.side == Side::Server {
            self.line.pad_to(columns.saturating_sub(width(&words)));
        }
        let room = columns.saturating_sub(self.line.width());
        self.line.put_cut(&words, room, ink);
        self.finish()
    }

    /// Where two lanes have no room for half arrows.
    fn half_in_words(&mut self, event: &WireEvent) -> Row {
        let ink = match (event.side, event.what) {
            (_, WireHalf::Lost) => Ink::Problem,
            (Side::Client, WireHalf::Arrives) | (Side::Server, WireHalf::Leaves) => Ink::ToClient,
            (Side::Server, WireHalf::Arrives) | (Side::Client, WireHalf::Leaves) => Ink::ToServer,
        };
        let mut words = event.in_words();
        for more in [&event.label, &event.tags.join(", ")] {
            if !more.is_empty() {
                words.push_str(": ");
                words.push_str(more);
            }
        }
        let words = self.line.clean(&words).into_owned();
        if event.side == Side::Server {
            let columns = self.style.width.columns();
            self.line.pad_to(columns.saturating_sub(width(&words)));
        }
        let room = self.style.width.columns() - self.line.width();
        self.line.put_cut(&words, room, ink);
        self.finish()
    }

    fn several(&mut self, words: &str) -> Row {
        let dots = self.line.glyphs().dots;
        let words = format!("{dots} {words} {dots}");
        let words = self.line.clean(&words).into_owned();
        self.line
            .put_cut(&words, self.style.width.columns(), Ink::Quiet);
        self.finish()
    }

    /// `4 ━━━━━━━━━━━━━━━━━ 13 bytes ━━━━━━━━━━━━━━━━━━▶`
    fn big(&mut self, step: &Step) -> Row {
        let set = self.line.glyphs();
        let columns = self.style.width.columns();
        self.line.put_number(step.frame, self.digits(), Ink::Quiet);
        self.line.put_clean(" ", Ink::Plain);
        let head = match step.arrow.line {
            Stroke::Repeat => 3,
            Stroke::Lost => width(set.lost) + 1 + LOST.len(),
            Stroke::Plain | Stroke::Heavy => 1,
        };
        let room = columns.saturating_sub(self.line.width() + head + 4);
        let label = self.line.clean(&step.essence()).into_owned();
        let label = measure::beginning(&label, room).to_owned();
        let strokes = columns
            .saturating_sub(self.line.width() + head + width(&label) + 2)
            .min(columns);
        let (before, after) = (strokes / 2, strokes - strokes / 2);
        let (ink, to_server) = match step.direction {
            Direction::ClientToServer => (Ink::ToServer, true),
            Direction::ServerToClient => (Ink::ToClient, false),
        };
        let troubled = step.arrow.line != Stroke::Plain;
        let label_ink = if troubled { Ink::Problem } else { Ink::Strong };
        if !to_server {
            self.head(step, head, to_server, ink);
        }
        self.line.fill(set.heavy, before, ink);
        self.line.put_clean(" ", ink);
        self.line.put_clean(&label, label_ink);
        self.line.put_clean(" ", ink);
        self.line.fill(set.heavy, after, ink);
        if to_server {
            self.head(step, head, to_server, ink);
        }
        self.finish()
    }

    fn head(&mut self, step: &Step, head: usize, to_server: bool, ink: Ink) {
        let set = self.line.glyphs();
        if step.arrow.line != Stroke::Lost {
            let glyph = if to_server { set.to_right } else { set.to_left };
            return self.line.put_clean(&glyph.repeat(head), ink);
        }
        let words = if to_server {
            format!("{} {LOST}", set.lost)
        } else {
            format!("{LOST} {}", set.lost)
        };
        self.line.put_clean(&words, Ink::Problem);
    }

    fn finish(&mut self) -> Row {
        Row {
            painted: painted(&mut self.line),
            below: String::new(),
        }
    }
}

/// The line as bytes of a terminal, without its line break; the line is empty afterwards.
pub(super) fn painted(line: &mut Line) -> String {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = line.finish(&mut bytes);
    bytes.pop();
    String::from_utf8_lossy(&bytes).into_owned()
}
