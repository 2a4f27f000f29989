//! The ladder: two lanes, one row a packet, each end's state beside its lane, a sentence below.
//!
//! Comes in: a finished [`Story`], or its parts one at a time while they happen. Goes out: lines. Both ways draw each
//! packet with the same function; only a finished story can be folded, because folding needs to know what follows.

mod between;
mod call;
mod packet;

pub(super) use between::legend_within;

use std::fmt::Write as _;
use std::io::{self, Write};

use super::arrow::Label;
use super::fold::{self, NotKept, Row};
use super::layout::Layout;
use super::line::Line;
use super::measure::wrap;
use super::payload::Payload;
use super::style::{Ink, Style};
use crate::explain::{CallRow, Conclusion, Outline, Step, Steps, Story, Title, Tone};
use crate::tcp::{Endpoint, TcpState};
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
    pub payload: Option<&'a dyn Fn(u64) -> Option<Payload<'a>>>,
    /// What the programs at both ends called, in the order of time. With it nothing is folded.
    pub calls: &'a [CallRow],
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
    let mut steps = story.steps.as_slice();
    let mut writer = LadderWriter::new(style.clone());
    writer.expect_frame(steps.highest_frame());
    writer.begin(
        &story.title,
        [story.client_before, story.server_before],
        out,
    )?;
    writer.steps(&mut steps, extras, out)?;
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
    /// Open connections: number, and whose title to repeat.
    open: Vec<(u32, [Endpoint; 2])>,
    /// Whose row was written last.
    current: Option<u32>,
    /// When it was captured.
    last_time: Option<crate::time::Timestamp>,
    /// Connection of the row above, when the next row may refer to its time, and that time.
    after_of: Option<u32>,
    last_after: String,
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
            after_of: None,
            last_after: String::new(),
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
            self.open.push((title.id, [title.client, title.server]));
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

    /// Writes the rows of a conversation that is over, folded where the style wants that.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn steps(
        &mut self,
        steps: &mut dyn Steps,
        extras: Extras<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if !self.style.fold || !extras.calls.is_empty() {
            return self.every_step(steps, extras, out);
        }
        let outlines: Vec<Outline> = (0..steps.count())
            .map(|index| steps.outline(index))
            .collect();
        for row in fold::plan(&outlines, extras.not_kept) {
            match row {
                Row::Step(index) => self.row_with_payload(steps.step(index), extras, out)?,
                Row::Idle(pause) => self.idle(pause, out)?,
                Row::Fold(fold) => self.fold(&fold, out)?,
                Row::NotKept(packets) => self.not_kept(packets, out)?,
            }
        }
        Ok(())
    }

    fn every_step(
        &mut self,
        steps: &mut dyn Steps,
        extras: Extras<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let count = steps.count();
        let missing = extras.not_kept.filter(|missing| missing.packets > 0);
        let mut calls = extras.calls;
        for index in 0..count {
            if let Some(missing) = missing.filter(|missing| missing.before == index) {
                self.not_kept(missing.packets, out)?;
            }
            let step = steps.step(index);
            calls = self.calls_before(step.time, calls, step.connection, out)?;
            self.row_with_payload(step, extras, out)?;
        }
        if let Some(missing) = missing.filter(|missing| missing.before >= count) {
            self.not_kept(missing.packets, out)?;
        }
        let id = self.current.unwrap_or(0);
        calls.iter().try_for_each(|call| self.call(call, id, out))
    }

    fn row_with_payload(
        &mut self,
        step: &Step,
        extras: Extras<'_>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        self.row(step, out)?;
        let kept = extras.payload.filter(|_| self.style.payload);
        match kept.and_then(|of| of(step.frame)) {
            Some(payload) => self.payload(payload, out),
            None => Ok(()),
        }
    }

    /// Writes captured payload under the row of its packet.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn payload(&mut self, payload: Payload<'_>, out: &mut dyn Write) -> io::Result<()> {
        let indent = self.layout.number_end() + 1;
        super::payload::payload(payload, indent, &self.style, out)
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
