//! The ladder of a wire: one row an event, half an arrow leaves and the other half arrives, joined by the packet's number.
//!
//! Comes in: a [`WireStory`]. Goes out: lines. A packet that is lost ends in mid-air, always with the word. What each end
//! knows stands in the margin beside its lane.

use std::io::{self, Write};

use super::arrow::LOST;
use super::ladder::LadderWriter;
use super::line::Line;
use super::measure::{width, wrap};
use super::payload::Payload;
use super::style::{Explain, Glyphs, Ink, Run, Style};
use crate::explain::{CallRow, Line as Stroke, Title, WireEvent, WireHalf, WireStory};
use crate::tcp::Side;
use crate::time::Span;

/// Columns of the time.
const TIME: usize = 7;
/// Columns of the longest state, left of the client's lane. Behind the time there is a space before it.
const STATE: usize = 12;
/// Columns right of the server's lane: `next expected`. Beside the time there is one more.
const RIGHT: usize = 13;

/// Columns of the strokes and spaces around the label of a packet that is lost.
const STROKES: usize = 6;

/// What begins the ranges of a selective acknowledgment, behind the number that is acknowledged.
const SACK: &str = ", SACK ";

/// Narrower than this the half arrows hold no label.
pub const NARROWEST: usize = TIMED_FROM - TIME;
/// From this many columns on there are times.
const TIMED_FROM: usize = 64;

/// Writes a whole story, and what the programs at both ends called, each in its own margin.
///
/// # Errors
/// When `out` cannot be written.
pub fn wire(
    story: &WireStory,
    calls: &[CallRow],
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    wire_paced(story, calls, style, &mut |_, _| Ok(()), &|_| None, out)
}

/// The same with a wait before each row, and the payload that leaves: `wait` is told how long after the one before it
/// happened, `payload` gives what was captured of it.
///
/// # Errors
/// When `out` cannot be written, and those of `wait`.
pub fn wire_paced<'p>(
    story: &WireStory,
    calls: &[CallRow],
    style: &Style,
    wait: &mut dyn FnMut(Span, &mut dyn Write) -> io::Result<()>,
    payload: &dyn Fn(&WireEvent) -> Option<Payload<'p>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = WireWriter::new(style);
    writer.begin(&story.title, story.margins, out)?;
    let mut calls = calls.iter().peekable();
    let mut last = Span::ZERO;
    let mut pass =
        |now: Span, out: &mut dyn Write| wait(now - std::mem::replace(&mut last, now), out);
    for event in &story.events {
        while let Some(call) = calls.next_if(|call| call.after <= event.after) {
            pass(call.after, out)?;
            writer.call(call, out)?;
        }
        pass(event.after, out)?;
        writer.event(event, out)?;
        if let Some(payload) = payload(event) {
            writer.payload(payload, style, out)?;
        }
    }
    for call in calls {
        pass(call.after, out)?;
        writer.call(call, out)?;
    }
    LadderWriter::new(style.clone()).conclude(&story.title, &story.conclusion, out)
}

/// The pieces of half arrows.
#[derive(Debug)]
struct Pieces {
    bar: &'static str,
    rule: Run,
    heavy: Run,
    down: &'static str,
    up: &'static str,
    to_right: &'static str,
    to_left: &'static str,
    lost: &'static str,
}

impl Pieces {
    fn of(glyphs: Glyphs) -> Self {
        let set = glyphs.set();
        let (bar, down, up) = match glyphs {
            Glyphs::Unicode => ("│", "╲", "╱"),
            Glyphs::Ascii => ("|", "\\", "/"),
        };
        Self {
            bar,
            rule: set.rule,
            heavy: set.heavy,
            down,
            up,
            to_right: set.to_right,
            to_left: set.to_left,
            lost: set.lost,
        }
    }
}

/// A ladder of a wire that is written event by event.
#[derive(Debug)]
pub struct WireWriter {
    line: Line,
    /// Columns of the time, none where there is no room for it or who reads is far away; and of everything left of the
    /// client's lane.
    time: usize,
    left: usize,
    lane: usize,
    /// Columns right of the server's lane.
    right: usize,
    glyphs: Pieces,
    explain: Explain,
    text: String,
}

impl WireWriter {
    /// A ladder with nothing on it.
    #[must_use]
    pub fn new(style: &Style) -> Self {
        let columns = style.width.columns().max(NARROWEST);
        let time = if style.big || columns < TIMED_FROM {
            0
        } else {
            TIME
        };
        let air = usize::from(time > 0);
        let (left, right) = (time + air + STATE, air + RIGHT);
        Self {
            line: Line::new(style),
            time,
            left,
            lane: columns - left - right - 2,
            right,
            glyphs: Pieces::of(style.glyphs),
            explain: style.explain,
            text: String::new(),
        }
    }

    /// Writes the title, the names of the lanes, and of what stands in the margins.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn begin(
        &mut self,
        title: &Title,
        margins: [&str; 2],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let columns = self.left + self.lane + self.right + 2;
        let name = format!(
            "#{}  {} ({}) → {} ({})   {}",
            title.id,
            title.client,
            title.client_role,
            title.server,
            title.server_role,
            title.remark
        );
        let name = self.line.clean(&name).into_owned();
        for (index, part) in wrap(&name, columns, columns - 4).enumerate() {
            self.line.pad_to(if index == 0 { 0 } else { 4 });
            self.line.put_clean(part, Ink::Strong);
            self.line.finish(out)?;
        }
        self.lanes(margins, out)
    }

    /// Writes the names of the lanes, and of what stands in the margins.
    pub(super) fn lanes(&mut self, margins: [&str; 2], out: &mut dyn Write) -> io::Result<()> {
        if self.time > 0 {
            self.line.put_right("ms", self.time, Ink::Quiet);
        }
        self.beside(["CLIENT", "SERVER"], Ink::Strong, out)?;
        self.margins(margins, out)
    }

    /// Writes the names of what stands in the margins.
    pub(super) fn margins(&mut self, names: [&str; 2], out: &mut dyn Write) -> io::Result<()> {
        self.beside(names, Ink::Quiet, out)
    }

    /// Writes a word at each lane.
    fn beside(&mut self, words: [&str; 2], ink: Ink, out: &mut dyn Write) -> io::Result<()> {
        self.line.put_right(words[0], self.left, ink);
        self.bars();
        self.line.put(words[1], ink);
        self.line.finish(out)
    }

    /// The first column between the bars and how many there are, and the bar.
    pub(super) const fn lane(&self) -> ((usize, usize), &'static str) {
        ((self.left + 1, self.lane), self.glyphs.bar)
    }

    /// When it happened.
    fn time(&mut self, after: Span) {
        if self.time > 0 {
            self.line
                .put_right(&milliseconds(after), self.time, Ink::Quiet);
        }
    }

    /// Both lanes with nothing between them.
    fn bars(&mut self) {
        self.line.put_clean(self.glyphs.bar, Ink::Plain);
        self.line.pad_to(self.left + 1 + self.lane);
        self.line.put_clean(self.glyphs.bar, Ink::Plain);
    }

    /// Writes what left or arrived, and what is said about it.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn event(&mut self, event: &WireEvent, out: &mut dyn Write) -> io::Result<()> {
        self.time(event.after);
        if event.side == Side::Client {
            let air = usize::from(self.time > 0);
            let room = self.left.saturating_sub(self.line.width() + air);
            let margin = self.fitting(&event.margin, room);
            self.line.put_right(&margin, self.left, Ink::Plain);
        }
        self.line.pad_to(self.left);
        self.line.put_clean(self.glyphs.bar, Ink::Plain);
        match (event.side, event.what) {
            (Side::Client, WireHalf::Arrives) => self.arrives_left(event),
            (Side::Server, WireHalf::Arrives) => self.arrives_right(event),
            (Side::Client, _) => self.leaves_left(event),
            (Side::Server, _) => self.leaves_right(event),
        }
        self.line.pad_to(self.left + 1 + self.lane);
        self.line.put_clean(self.glyphs.bar, Ink::Plain);
        if event.side == Side::Server {
            // Less than usual behind a packet's number that is longer than its lane.
            let room = (self.left + self.lane + self.right + 2).saturating_sub(self.line.width());
            let margin = self.fitting(&event.margin, room);
            self.line.put_clean(&margin, Ink::Plain);
        }
        self.line.finish(out)?;
        self.note(&event.note, out)?;
        if self.explain == Explain::Full {
            self.note(&event.full, out)?;
        }
        Ok(())
    }

    /// `connect = 0│                    │`, with an error's name where the lane begins.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn call(&mut self, call: &CallRow, out: &mut dyn Write) -> io::Result<()> {
        let ink = match (&call.error, call.side) {
            (Some(_), _) => Ink::Problem,
            (None, Side::Client) => Ink::ToServer,
            (None, Side::Server) => Ink::ToClient,
        };
        let error = self.line.clean(call.error.as_deref().unwrap_or_default());
        let (error, short) = (
            error.into_owned(),
            self.line.clean(&call.short).into_owned(),
        );
        self.time(call.after);
        let end = self.left + 1 + self.lane;
        if call.side == Side::Client {
            let room = self.left - self.time - usize::from(self.time > 0);
            self.line.pad_to(self.left - width(&short).min(room));
            self.line.put_cut(&short, room, ink);
        }
        self.line.pad_to(self.left);
        self.line.put_clean(self.glyphs.bar, Ink::Plain);
        if call.side == Side::Server {
            self.line.pad_to((end - 1).saturating_sub(width(&error)));
        }
        self.line.put_cut(&error, self.lane, Ink::Problem);
        self.line.pad_to(end);
        self.line.put_clean(self.glyphs.bar, Ink::Plain);
        if call.side == Side::Server {
            self.line.put_cut(&short, self.right, ink);
        }
        self.line.finish(out)?;
        self.note(call.note, out)
    }

    /// `── 4  1–1448 ──────────╲`
    fn leaves_left(&mut self, event: &WireEvent) {
        let (ink, rule) = self.stroke(event, Side::Client);
        let end = self.ending(event);
        let label = self.label(event, 3 + width(&end));
        let half = self.lane * 4 / 7;
        self.line.fill(rule, 2, ink);
        self.line.put_clean(&label, ink);
        let drawn = 2 + width(&label);
        if event.what == WireHalf::Lost {
            self.line.fill(rule, 2, ink);
            self.line.put_clean(&end, Ink::Problem);
        } else {
            self.line.fill(rule, self.rules(half, drawn + 1), ink);
            self.line.put_clean(self.glyphs.down, ink);
        }
    }

    /// `        ╱────── 9  ack 1449 ──`
    fn leaves_right(&mut self, event: &WireEvent) {
        let (ink, rule) = self.stroke(event, Side::Server);
        let end = self.ending(event);
        let label = self.label(event, 3 + width(&end));
        let half = self.lane * 4 / 7;
        let end_of_lane = self.left + 1 + self.lane;
        if event.what == WireHalf::Lost {
            let drawn = width(&end) + 2 + width(&label) + 2;
            self.line.pad_to(end_of_lane - drawn.min(self.lane));
            self.line.put_clean(&end, Ink::Problem);
            self.line.fill(rule, 2, ink);
        } else {
            let rules = self.rules(half, width(&label) + 3);
            let drawn = 1 + rules + width(&label) + 2;
            self.line.pad_to(end_of_lane - drawn.min(self.lane));
            self.line.put_clean(self.glyphs.up, ink);
            self.line.fill(rule, rules, ink);
        }
        self.line.put_clean(&label, ink);
        self.line.fill(rule, 2, ink);
    }

    /// `                ╲── 4 ────────▶`
    fn arrives_right(&mut self, event: &WireEvent) {
        let (ink, rule) = self.stroke(event, Side::Client);
        let head = head_of(event, self.glyphs.to_right);
        let tags = self.tags(event);
        let number = format!(" {} ", event.packet);
        let half = self.lane * 2 / 5;
        let rules = half.saturating_sub(3 + number.len() + width(&head)).max(1);
        let drawn = 3 + number.len() + rules + width(&head);
        let room = self.lane.saturating_sub(drawn + 1);
        let tags = super::measure::beginning(&tags, room).to_owned();
        let begin = self.left + 1 + self.lane.saturating_sub(drawn);
        self.line
            .pad_to(begin.saturating_sub(width(&tags) + 1).max(self.left + 1));
        if !tags.is_empty() {
            self.line.put_clean(&tags, Ink::Problem);
        }
        self.line.pad_to(begin);
        self.line.put_clean(self.glyphs.down, ink);
        self.line.fill(rule, 2, ink);
        self.line.put_clean(&number, ink);
        self.line.fill(rule, rules, ink);
        self.line.put_clean(&head, ink);
    }

    /// `◀──────── 9 ──╱ DUP-ACK #1`
    fn arrives_left(&mut self, event: &WireEvent) {
        let (ink, rule) = self.stroke(event, Side::Server);
        let head = head_of(event, self.glyphs.to_left);
        let number = format!(" {} ", event.packet);
        let half = self.lane * 2 / 5;
        let rules = half.saturating_sub(3 + number.len() + width(&head)).max(1);
        self.line.put_clean(&head, ink);
        self.line.fill(rule, rules, ink);
        self.line.put_clean(&number, ink);
        self.line.fill(rule, 2, ink);
        self.line.put_clean(self.glyphs.up, ink);
        let tags = self.tags(event);
        if !tags.is_empty() {
            let room = (self.left + self.lane).saturating_sub(self.line.width());
            self.line.put_clean(" ", Ink::Plain);
            self.line.put_cut(&tags, room, Ink::Problem);
        }
    }

    /// Columns of the stroke beside a label, where so many of a half arrow are drawn without it. A label that takes all of
    /// the lane has none.
    fn rules(&self, half: usize, drawn: usize) -> usize {
        let least = usize::from(drawn < self.lane);
        half.saturating_sub(drawn).max(least)
    }

    fn stroke(&self, event: &WireEvent, from: Side) -> (Ink, Run) {
        let ink = match from {
            Side::Client => Ink::ToServer,
            Side::Server => Ink::ToClient,
        };
        match event.line {
            Stroke::Heavy => (ink, self.glyphs.heavy),
            Stroke::Plain | Stroke::Repeat | Stroke::Lost => (ink, self.glyphs.rule),
        }
    }

    /// How a lost packet ends: in mid-air, and with a word. Where there is no room for more, with that word alone: what the
    /// packet is matters more.
    fn ending(&mut self, event: &WireEvent) -> String {
        if event.what != WireHalf::Lost {
            return String::new();
        }
        // Half of the lane is enough for any of ours.
        let words = self.fitting(&event.tags.join(", "), self.lane / 2);
        let sign = self.glyphs.lost;
        self.write_label(event);
        let drawn = STROKES + width(&self.text) + width(sign) + 1 + width(&words);
        let words = if drawn > self.lane { LOST } else { &words };
        match event.side {
            Side::Client => format!("{sign} {words}"),
            Side::Server => format!("{words} {sign}"),
        }
    }

    /// As much of a text as fits, made harmless.
    fn fitting(&self, text: &str, room: usize) -> String {
        super::measure::beginning(&self.line.clean(text), room).to_owned()
    }

    /// ` 4  1–1448 `, cut so that `reserved` columns of the lane are left. Half a number would be another number.
    fn label(&mut self, event: &WireEvent, reserved: usize) -> String {
        self.write_label(event);
        let room = self.lane.saturating_sub(reserved + 2);
        // Where the server acknowledges no more than before, its margin has that number; what it has besides is news.
        if width(&self.text) > room
            && let Some(ack) = self.text.find("ack ")
            && let Some(sack) = self.text.find(SACK)
        {
            self.text.replace_range(ack..sack + 2, "");
        }
        let mut fitting = super::measure::beginning(&self.text, room);
        if fitting.len() < self.text.len() {
            let whole = fitting.rfind("  ").max(fitting.rfind(", "));
            fitting = &fitting[..whole.unwrap_or(fitting.len())];
        }
        format!(" {} ", fitting.trim_end())
    }

    /// Puts `4  1–1448` into `self.text`.
    fn write_label(&mut self, event: &WireEvent) {
        self.text.clear();
        self.text.push_str(&event.packet.to_string());
        if !event.label.is_empty() {
            self.text.push_str("  ");
            self.text.push_str(&self.line.clean(&event.label));
        }
    }

    /// Writes captured payload under the row in which it leaves.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn payload(
        &mut self,
        payload: Payload<'_>,
        style: &Style,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        super::payload::payload(payload, self.indent(), style, out)
    }

    fn tags(&self, event: &WireEvent) -> String {
        self.line.clean(&event.tags.join(", ")).into_owned()
    }

    /// Where words begin that stand under a row.
    fn indent(&self) -> usize {
        self.time.max(3) + 1
    }

    /// What is said under a row.
    fn note(&mut self, note: &str, out: &mut dyn Write) -> io::Result<()> {
        let wanted = matches!(self.explain, Explain::Brief | Explain::Full);
        if note.is_empty() || !wanted {
            return Ok(());
        }
        let indent = self.indent();
        let room = self.left + self.lane + self.right + 2 - indent;
        let note = self.line.clean(note).into_owned();
        for part in wrap(&note, room, room) {
            self.line.pad_to(indent);
            self.line.put_clean(part, Ink::Quiet);
            self.line.finish(out)?;
        }
        Ok(())
    }
}

/// A repeated segment has a triple head.
fn head_of(event: &WireEvent, glyph: &'static str) -> String {
    glyph.repeat(if event.line == Stroke::Repeat { 3 } else { 1 })
}

/// One decimal, as `90.1`; before the first packet, as `-0.3`.
fn milliseconds(span: Span) -> String {
    let tenths = span.as_nanos() / 100_000;
    let sign = if tenths < 0 { "-" } else { "" };
    let tenths = tenths.unsigned_abs();
    format!("{sign}{}.{}", tenths / 10, tenths % 10)
}
