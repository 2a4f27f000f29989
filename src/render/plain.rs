//! One sentence a packet, one line each, for logs and for screen readers: nothing is drawn, nothing is aligned.
//!
//! Comes in: a story, or its parts while they happen. Goes out: lines. They are as long as they are: who reads them
//! searches them or listens to them, and a broken line would hinder both.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::arrow;
use super::line::Line;
use super::payload::Payload;
use super::style::{Explain, Glyphs, Ink, Style, TimeColumn};
use crate::explain::{CallRow, Conclusion, Line as Stroke, Step, Story, Title, Weight};
use crate::tcp::TcpState;
use crate::text::put;

/// Columns before the bytes of a payload, which belong to the sentence above them.
const PAYLOAD_INDENT: usize = 2;

/// Writes a whole story.
///
/// # Errors
/// When `out` cannot be written.
pub fn plain(story: &Story, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = PlainWriter::new(style.clone());
    writer.begin(&story.title, out)?;
    for step in &story.steps {
        writer.step(step, out)?;
    }
    writer.conclude(&story.title, &story.conclusion, out)
}

/// Sentences that are written while it happens.
#[derive(Debug)]
pub struct PlainWriter {
    style: Style,
    line: Line,
    text: String,
    /// The connection whose first packet is still to come: it says when that was, for times count from there.
    begun: Option<u32>,
}

impl PlainWriter {
    /// A writer in this style; of it the characters, the time and the amount of explanation matter.
    #[must_use]
    pub fn new(mut style: Style) -> Self {
        // Colour would be noise in a log and is nothing to a screen reader.
        style.color = false;
        Self {
            line: Line::new(&style),
            text: String::new(),
            begun: None,
            style,
        }
    }

    /// Writes who a connection is between.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn begin(&mut self, title: &Title, out: &mut dyn Write) -> io::Result<()> {
        let text = &mut self.text;
        put!(
            text,
            "#",
            title.id,
            ": ",
            title.client_role,
            " ",
            title.client
        );
        put!(text, ", ", title.server_role, " ", title.server);
        self.sentence(", ", &title.remark);
        self.begun = Some(title.id);
        self.finish(out)
    }

    /// Writes what a packet was and what it means.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn step(&mut self, step: &Step, out: &mut dyn Write) -> io::Result<()> {
        if let Some(heading) = &step.heading {
            put!(&mut self.text, "#", step.connection, " ");
            self.sentence("", heading);
            self.finish(out)?;
        }
        self.packet(step);
        self.states(step);
        let wanted = match self.style.explain {
            Explain::None => false,
            Explain::AtTrouble => step.weight == Weight::Trouble,
            Explain::Brief | Explain::Full => true,
        };
        if wanted {
            self.sentence(" ", &step.brief);
        }
        if self.style.explain == Explain::Full {
            self.sentence(" ", &step.full);
        }
        self.finish(out)
    }

    /// Writes what a program called, and what it got.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn call(&mut self, call: &CallRow, id: u32, out: &mut dyn Write) -> io::Result<()> {
        // Writing to a string cannot fail.
        let _ = match self.style.time {
            TimeColumn::Absolute => write!(self.text, "#{id} at {:.6} UTC", call.time.utc()),
            TimeColumn::Relative | TimeColumn::Delta => {
                write!(self.text, "#{id} at {}", call.after)
            }
        };
        let text = self.line.clean(&call.text).into_owned();
        let _ = write!(self.text, ": {} program, {text}.", call.side.name());
        if self.style.explain != Explain::None {
            let note = self.line.clean(call.note).into_owned();
            self.sentence(" ", &note);
        }
        self.finish(out)
    }

    /// Writes captured payload under its packet's sentence.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn payload(&mut self, payload: Payload<'_>, out: &mut dyn Write) -> io::Result<()> {
        super::payload::payload(payload, PAYLOAD_INDENT, &self.style, out)
    }

    /// Writes how a connection ended.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn conclude(
        &mut self,
        title: &Title,
        conclusion: &Conclusion,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        put!(&mut self.text, "#", title.id, " ", conclusion.word);
        self.sentence(": ", &conclusion.text);
        if let Some(advice) = &conclusion.advice {
            self.sentence(" ", advice);
        }
        self.finish(out)
    }

    /// `#1 packet 4 at 46 µs: client to server, PSH-ACK 1–13 "Hello server!" (13 bytes).`
    fn packet(&mut self, step: &Step) {
        // Writing to a string cannot fail.
        let text = &mut self.text;
        put!(text, "#", step.connection, " packet ", step.frame, " ");
        match self.style.time {
            TimeColumn::Relative => put!(text, "at ", step.after),
            TimeColumn::Delta => put!(text, step.delta, " later"),
            TimeColumn::Absolute => {
                let _ = write!(text, "at {:.6} UTC", step.time.utc());
            }
        }
        if self.style.time == TimeColumn::Relative
            && self.begun.take_if(|id| *id == step.connection).is_some()
        {
            let _ = write!(text, " ({:.6} UTC)", step.time.utc());
        }
        let (from, to) = (step.direction.sender(), step.direction.receiver());
        put!(text, ": ", from.name(), " to ", to.name(), ", ");
        self.text.push_str(&self.line.clean(&step.arrow.name));
        if !step.arrow.numbers.is_empty() {
            self.text.push(' ');
            self.text.push_str(&self.line.clean(&step.arrow.numbers));
        }
        if !step.preview.bytes().is_empty() {
            arrow::push_quotation(&mut self.text, step, self.style.glyphs);
        }
        if step.len > 0 {
            put!(&mut self.text, " (", step.size().as_str(), ")");
        }
        for tag in &step.arrow.tags {
            self.text.push_str(", ");
            self.text.push_str(&self.line.clean(tag));
        }
        if step.arrow.line == Stroke::Lost {
            self.text.push_str(", LOST");
        }
        self.text.push('.');
    }

    /// ` Client ESTABLISHED, server SYN-RECEIVED.`
    fn states(&mut self, step: &Step) {
        let text = &mut self.text;
        match (
            step.client.map(TcpState::name),
            step.server.map(TcpState::name),
        ) {
            (Some(client), Some(server)) => {
                put!(text, " Client ", client, ", server ", server, ".");
            }
            (Some(client), None) => put!(text, " Client ", client, "."),
            (None, Some(server)) => put!(text, " Server ", server, "."),
            (None, None) => {}
        }
    }

    /// Adds a separator and words, and the period that they may lack.
    fn sentence(&mut self, separator: &str, words: &str) {
        let words = self.line.clean(words);
        let words = words.trim();
        if !words.is_empty() {
            self.text.push_str(separator);
            let mut letters = words.chars();
            match letters.next().filter(|_| self.text.ends_with(". ")) {
                Some(first) => {
                    self.text.extend(first.to_uppercase());
                    self.text.push_str(letters.as_str());
                }
                None => self.text.push_str(words),
            }
        }
        if !self.text.ends_with(['.', '!', '?', ':']) {
            self.text.push('.');
        }
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        // All pieces are clean already; what the numbers' units have outside ASCII is still to be spelled.
        match self.style.glyphs {
            Glyphs::Unicode => self.line.put_last(&self.text, Ink::Plain),
            Glyphs::Ascii => self.line.put_last(&self.line.clean(&self.text), Ink::Plain),
        }
        self.text.clear();
        self.line.finish(out)
    }
}
