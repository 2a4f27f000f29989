//! The ladder: two lanes, one row a packet, each end's state beside its lane, a sentence below.
//!
//! Comes in: a finished [`Story`], or its parts one at a time while they happen. Goes out: lines. Both ways draw each
//! packet with the same function; only a finished story can be folded, because folding needs to know what follows.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::arrow::{self, Label};
use super::fold::{self, Fold, NotKept, Row};
use super::layout::Layout;
use super::line::Line;
use super::measure::{width, wrap};
use super::quantity::{Bytes, Plural};
use super::style::{Explain, Ink, Style, TimeColumn};
use crate::explain::{Conclusion, Line as Stroke, Step, Story, Title, Tone, Weight};
use crate::tcp::{Direction, TcpState};
use crate::time::Span;

/// How many open connections a live ladder remembers the titles of; more than that nobody follows by eye.
const TITLES_KEPT: usize = 256;
/// How many recent times between packets decide what is a pause in a live ladder.
const RECENT: usize = 32;
/// A live ladder that turns to another connection after this long says again which one it is.
const PAUSE: Span = Span::from_secs(1);

/// What a ladder may show that a story does not hold.
#[derive(Clone, Copy, Default)]
pub struct Extras<'a> {
    /// Packets in the middle that were not kept.
    pub not_kept: Option<NotKept>,
    /// The captured payload of a frame, where it is kept. Asked only when the style wants payload.
    pub payload: Option<&'a dyn Fn(u64) -> Option<&'a [u8]>>,
}

/// Writes a whole story.
///
/// # Errors
/// When `out` cannot be written.
pub fn ladder(story: &Story, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    ladder_with(story, style, Extras::default(), out)
}

/// Writes a whole story and what the caller knows besides.
///
/// # Errors
/// When `out` cannot be written.
pub fn ladder_with(
    story: &Story,
    style: &Style,
    extras: Extras<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = LadderWriter::new(*style);
    writer.expect_frame(story.steps.iter().map(|step| step.frame).max().unwrap_or(0));
    writer.begin(
        &story.title,
        [story.client_before, story.server_before],
        out,
    )?;
    for row in fold::plan(&story.steps, style.fold, extras.not_kept) {
        match row {
            Row::Step(index) => {
                let step = &story.steps[index];
                writer.row(step, out)?;
                let captured = extras.payload.filter(|_| style.payload);
                if let Some(bytes) = captured.and_then(|of| of(step.frame)) {
                    writer.payload(bytes, step.len, out)?;
                }
            }
            Row::Idle(pause) => writer.idle(pause, out)?,
            Row::Fold(fold) => writer.fold(&fold, out)?,
            Row::NotKept(packets) => {
                writer.notice(&format!("{} not kept", Plural(packets, "packet")), out)?;
            }
        }
    }
    writer.conclude(&story.title, &story.conclusion, out)
}

/// A ladder that is written while it happens, of one connection or of several at once.
///
/// As long as only one connection is open it looks like the ladder of a finished story. While more are open each row
/// begins with its connection's tag, `#2`, in a column of its own; when another connection has its turn after a pause,
/// its title is repeated. No line separates them: interleaved connections would be shredded by it.
#[derive(Debug)]
pub struct LadderWriter {
    style: Style,
    layout: Layout,
    line: Line,
    label: Label,
    text: String,
    digits: usize,
    /// Columns of the widest tag; 0 while rows have none.
    tag: usize,
    /// Open connections: number, and title to repeat.
    open: Vec<(u32, String)>,
    /// Whose row was written last.
    current: Option<u32>,
    /// When it was captured.
    last_time: Option<crate::time::Timestamp>,
    recent: Vec<Span>,
    oldest: usize,
    legend_written: bool,
}

impl LadderWriter {
    /// A ladder with nothing on it.
    #[must_use]
    pub fn new(style: Style) -> Self {
        Self {
            layout: Layout::new(&style, 2, 0),
            line: Line::new(&style),
            label: Label::default(),
            text: String::new(),
            digits: 2,
            tag: 0,
            open: Vec::new(),
            current: None,
            last_time: None,
            recent: Vec::new(),
            oldest: 0,
            legend_written: false,
            style,
        }
    }

    /// Makes room for frame numbers up to this one, so that columns need not move later.
    pub fn expect_frame(&mut self, frame: u64) {
        let digits = frame.checked_ilog10().unwrap_or(0) as usize + 1;
        if digits > self.digits {
            self.digits = digits;
            self.layout = Layout::new(&self.style, self.digits, self.tag);
        }
    }

    /// Writes the title of a connection that begins, and the states of the client and the server before it.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn begin(
        &mut self,
        title: &Title,
        before: [Option<TcpState>; 2],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if self.open.is_empty() && self.current.is_some() {
            self.line.finish(out)?;
        }
        if self.open.len() < TITLES_KEPT {
            let name = format!("#{}  {} → {}", title.id, title.client, title.server);
            self.open.push((title.id, name));
        }
        self.retag(title.id);
        self.current = Some(title.id);
        // The time since another connection's packet is no pause of this one.
        self.last_time = None;
        self.title(title, out)?;
        self.lanes(before, out)
    }

    /// Writes the row of a packet, and what is said about it.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn step(&mut self, step: &Step, out: &mut dyn Write) -> io::Result<()> {
        self.expect_frame(step.frame);
        self.retag(step.connection);
        let is_other = self.current.is_some_and(|id| id != step.connection);
        if let Some(last) = self.last_time {
            let since = step.time - last;
            if self.is_idle(since) && self.style.fold {
                self.idle(since, out)?;
            }
            if is_other && since >= PAUSE {
                self.repeat_title(step.connection, out)?;
            }
        }
        self.row(step, out)
    }

    /// Writes captured payload under the row of its packet.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn payload(&mut self, captured: &[u8], len: u32, out: &mut dyn Write) -> io::Result<()> {
        let indent = self.layout.number_end() + 1;
        super::payload::payload(captured, len, indent, &self.style, out)
    }

    /// Writes how a connection ended, and what to do about it.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn conclude(
        &mut self,
        title: &Title,
        conclusion: &Conclusion,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let set = self.line.glyphs();
        let (sign, ink) = match conclusion.tone {
            Tone::Good => (set.good, Ink::Strong),
            Tone::Bad => (set.bad, Ink::Problem),
            Tone::Neutral => (set.neutral, Ink::Strong),
        };
        self.text.clear();
        if self.tag > 0 {
            // Writing to a string cannot fail.
            let _ = write!(self.text, "#{} ", title.id);
        }
        self.text.push_str(conclusion.word);
        let details = [Some(&conclusion.text), conclusion.advice.as_ref()];
        let mut details = details
            .into_iter()
            .flatten()
            .filter(|text| !text.is_empty())
            .peekable();
        if details.peek().is_some() {
            self.text.push(':');
        }
        let head = self.text.len();
        for text in details {
            self.text.push(' ');
            self.text.push_str(&self.line.clean(text));
        }
        self.line.put_clean(sign, ink);
        self.line.put_clean(" ", ink);
        let indent = self.line.width();
        let room = self.layout.text_end() - indent;
        for (index, part) in wrap(&self.text, room, room).enumerate() {
            self.line.pad_to(indent);
            let strong = if index == 0 { head.min(part.len()) } else { 0 };
            self.line.put_clean(&part[..strong], ink);
            self.line.put_clean(&part[strong..], Ink::Plain);
            self.line.finish(out)?;
        }
        self.open.retain(|(id, _)| *id != title.id);
        self.current = Some(title.id);
        if self.open.is_empty() {
            self.tag = 0;
            self.layout = Layout::new(&self.style, self.digits, 0);
        }
        Ok(())
    }

    /// Turns tags on as soon as rows of more than one connection may meet; they stay until none is open.
    fn retag(&mut self, id: u32) {
        if self.open.iter().all(|(open, _)| *open == id) {
            return;
        }
        let widest = self
            .open
            .iter()
            .fold(id, |widest, (open, _)| widest.max(*open));
        let tag = "#".len() + widest.checked_ilog10().unwrap_or(0) as usize + 1 + " ".len();
        if tag > self.tag {
            self.tag = tag;
            self.layout = Layout::new(&self.style, self.digits, self.tag);
        }
    }

    /// `#1  127.0.0.1:52126 (client) → 127.0.0.1:1712 (server)     on lo, 8 packets`
    fn title(&mut self, title: &Title, out: &mut dyn Write) -> io::Result<()> {
        let total = self.layout.total;
        let arrow = self.line.glyphs().arrow;
        self.text.clear();
        // Writing to a string cannot fail.
        let _ = write!(
            self.text,
            "#{}  {} ({}) {arrow} {} ({})",
            title.id, title.client, title.client_role, title.server, title.server_role
        );
        let remark = self.line.clean(&title.remark);
        let needed = width(&self.text) + 2 + width(&remark);
        if needed <= total {
            // The remark stands apart as far as there is room, but not so far that the eye loses it.
            let gap = (total - needed + 2).div_ceil(2).clamp(2, 5);
            self.line.put_clean(&self.text, Ink::Strong);
            let column = self.line.width() + gap;
            if !remark.is_empty() {
                self.line.pad_to(column);
                self.line.put_clean(&remark, Ink::Quiet);
            }
            return self.line.finish(out);
        }
        for (text, ink, first) in [
            (self.text.as_str(), Ink::Strong, 0),
            (&remark, Ink::Quiet, 4),
        ] {
            for (index, part) in wrap(text, total - first, total - 4).enumerate() {
                self.line.pad_to(if index == 0 { first } else { 4 });
                self.line.put_clean(part, ink);
                self.line.finish(out)?;
            }
        }
        Ok(())
    }

    /// The names of the columns, once, and the states before the first packet.
    fn lanes(&mut self, before: [Option<TcpState>; 2], out: &mut dyn Write) -> io::Result<()> {
        let legend = self.style.legend && !self.legend_written;
        let layout = self.layout;
        if layout.list {
            return Ok(());
        }
        if legend {
            self.legend_written = true;
            self.line.put_right("#", layout.number_end(), Ink::Quiet);
            if layout.time > 0 {
                let name = match self.style.time {
                    TimeColumn::Relative => "after",
                    TimeColumn::Delta => self.line.glyphs().delta,
                    TimeColumn::Absolute => "time (UTC)",
                };
                self.line.put_right(name, layout.time_end(), Ink::Quiet);
            }
            if layout.delta > 0 {
                let name = self.line.glyphs().delta;
                self.line.put_right(name, layout.delta_end(), Ink::Quiet);
            }
            self.line
                .put_right("CLIENT", layout.left_end(), Ink::Strong);
            self.line.pad_to(layout.right_start());
            self.line.put_clean("SERVER", Ink::Strong);
            self.line.finish(out)?;
        }
        if !legend && before == [None, None] {
            return Ok(());
        }
        let [client, server] = before.map(|state| state.map_or("", TcpState::name));
        self.line.put_right(client, layout.left_end(), Ink::Strong);
        if legend {
            let words = [
                "state after each packet left / arrived",
                "states after each packet",
            ]
            .into_iter()
            .find(|words| words.len() <= layout.arrow)
            .unwrap_or("");
            self.line
                .pad_to(layout.arrow_start() + (layout.arrow - words.len()) / 2);
            self.line.put_clean(words, Ink::Quiet);
        }
        self.line.pad_to(layout.right_start());
        self.line.put_clean(server, Ink::Strong);
        self.line.finish(out)
    }

    fn repeat_title(&mut self, id: u32, out: &mut dyn Write) -> io::Result<()> {
        let Some((_, name)) = self.open.iter().find(|(open, _)| *open == id) else {
            return Ok(());
        };
        let name = self.line.clean(name).into_owned();
        let total = self.layout.total;
        for (index, part) in wrap(&name, total, total - 4).enumerate() {
            self.line.pad_to(if index == 0 { 0 } else { 4 });
            self.line.put_clean(part, Ink::Strong);
            self.line.finish(out)?;
        }
        Ok(())
    }

    /// One packet: its heading, its row, its explanation.
    fn row(&mut self, step: &Step, out: &mut dyn Write) -> io::Result<()> {
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
        self.explanation(step, out)?;
        if self.style.big {
            self.line.finish(out)?;
        }
        Ok(())
    }

    /// `── open: three-way handshake, 23 µs ─────────`
    fn heading(&mut self, heading: &str, id: u32, out: &mut dyn Write) -> io::Result<()> {
        let rule = self.line.glyphs().rule;
        let total = self.layout.total;
        self.text.clear();
        if self.tag > 0 {
            // Writing to a string cannot fail.
            let _ = write!(self.text, "#{id} ");
        }
        self.text.push_str(&self.line.clean(heading));
        let parts = wrap(&self.text, total - 3, total - 3);
        let last = parts.clone().count().saturating_sub(1);
        for (index, part) in parts.enumerate() {
            if index == 0 {
                self.line.fill(rule, 2, Ink::Quiet);
            }
            self.line.pad_to(3);
            self.line.put_clean(part, Ink::Strong);
            let left = total - self.line.width();
            if index == last && left > 1 {
                self.line.put_clean(" ", Ink::Quiet);
                self.line.fill(rule, left - 1, Ink::Quiet);
            }
            self.line.finish(out)?;
        }
        Ok(())
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
                TimeColumn::Relative => self.span(step.after, layout.time_end()),
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

    /// A time in a column of seven and a space; days and hours where seconds would not fit.
    fn span(&mut self, span: Span, end: usize) {
        let seconds = span.as_nanos() / 1_000_000_000;
        self.text.clear();
        // Writing to a string cannot fail.
        let _ = match seconds.abs() {
            0..9_999 => write!(self.text, "{span}"),
            9_999..3_599_999 => write!(self.text, "{} h", seconds / 3_600),
            _ => write!(self.text, "{} d", seconds / 86_400),
        };
        let text = self.line.clean(&self.text).into_owned();
        let room = end.saturating_sub(self.line.width() + 1);
        self.line.pad_to(end.saturating_sub(width(&text)));
        self.line.put_cut(&text, room.max(1), Ink::Quiet);
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
    fn wrapped_text(&mut self, ink: Ink, out: &mut dyn Write) -> io::Result<()> {
        let start = self.layout.text_start();
        let end = self.layout.text_end();
        // A line that is begun has less room.
        let first = end.saturating_sub(self.line.width().max(start));
        for part in wrap(&self.text, first, end - start) {
            self.line.pad_to(start);
            self.line.put_clean(part, ink);
            self.line.finish(out)?;
        }
        Ok(())
    }

    fn idle(&mut self, pause: Span, out: &mut dyn Write) -> io::Result<()> {
        self.notice(&format!("{} idle", pause.in_words()), out)
    }

    /// `··· 3 812 packets, 5.2 MB server→client in 2.1 s, nothing unusual ···`
    fn fold(&mut self, fold: &Fold, out: &mut dyn Write) -> io::Result<()> {
        let mut words = Plural(fold.packets, "packet").to_string();
        let ways = ["client→server", "server→client"];
        // Writing to a string cannot fail.
        for (bytes, way) in fold.bytes.into_iter().zip(ways) {
            if bytes > 0 {
                let _ = write!(words, ", {} {way}", Bytes(bytes));
            }
        }
        if fold.bytes == [0, 0] {
            words.push_str(", no data");
        }
        let _ = write!(words, " in {}", fold.lasted.in_words());
        if let Some(pause) = fold.longest_pause {
            let _ = write!(words, ", longest pause {}", pause.in_words());
        }
        words.push_str(", nothing unusual");
        self.notice(&words, out)
    }

    /// A row that stands for others, between dots.
    fn notice(&mut self, words: &str, out: &mut dyn Write) -> io::Result<()> {
        let dots = self.line.glyphs().dots;
        let start = (self.layout.number_end() + 1).min(self.layout.total / 4);
        let room = self.layout.total - start;
        self.text.clear();
        self.text.push_str(dots);
        self.text.push(' ');
        self.text.push_str(&self.line.clean(words));
        self.text.push(' ');
        self.text.push_str(dots);
        for part in wrap(&self.text, room, room) {
            self.line.pad_to(start);
            self.line.put_clean(part, Ink::Quiet);
            self.line.finish(out)?;
        }
        Ok(())
    }

    /// Whether a time between two packets is a pause, judged by the recent ones; remembers it for the next.
    fn is_idle(&mut self, since: Span) -> bool {
        // The recent times are sorted only when this one can be a pause at all.
        let idle = since >= PAUSE && since >= fold::idle_threshold(&mut self.recent.clone());
        if self.recent.len() < RECENT {
            self.recent.push(since);
        } else {
            self.recent[self.oldest] = since;
            self.oldest = (self.oldest + 1) % RECENT;
        }
        idle
    }
}
