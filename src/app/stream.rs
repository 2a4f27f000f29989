//! Ladder rows as packets happen: live, and for input that is still being written.

use std::collections::HashMap;
use std::io::{self, Write};

use super::ladders::payload;
use super::pipeline::{Quiet, Sink, Tracked};
use super::show::{Manner, Places};
use crate::cli::Format;
use crate::explain::{self, Conclusion, Narrator, Step, Title, Totals, Wording};
use crate::render::{LadderWriter, PlainWriter};
use crate::tcp::{Side, TcpState};
use crate::track::{Connection, ConnectionId, Verdict};

/// Written out when this much has gathered without a pause.
const FLUSH_AT: usize = 64 * 1024;

/// Connections whose story is told at once. Nobody follows more by eye; rows of further ones still appear, without a
/// title and without last words before the end.
const TOLD_AT_ONCE: usize = 4096;

/// How packets are told.
pub(crate) enum Telling {
    /// As rows of a ladder.
    Ladder(Box<LadderWriter>),
    /// As sentences.
    Plain(Box<PlainWriter>),
}

impl Telling {
    /// As sentences for that format, else as a ladder.
    pub(super) fn new(format: Format, manner: &Manner) -> Self {
        match format {
            Format::Plain => Self::Plain(Box::new(PlainWriter::new(manner.style.clone()))),
            _ => Self::Ladder(Box::new(LadderWriter::new(manner.style.clone()))),
        }
    }

    pub(super) fn begin(
        &mut self,
        title: &Title,
        before: [Option<TcpState>; 2],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        match self {
            Self::Ladder(writer) => writer.begin(title, before, out),
            Self::Plain(writer) => writer.begin(title, out),
        }
    }

    pub(super) fn step(&mut self, step: &Step, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Ladder(writer) => writer.step(step, out),
            Self::Plain(writer) => writer.step(step, out),
        }
    }

    pub(super) fn payload(
        &mut self,
        captured: &[u8],
        len: u32,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        match self {
            Self::Ladder(writer) => writer.payload(captured, len, out),
            Self::Plain(writer) => writer.payload(captured, len, out),
        }
    }

    pub(super) fn conclude(
        &mut self,
        title: &Title,
        conclusion: &Conclusion,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        match self {
            Self::Ladder(writer) => writer.conclude(title, conclusion, out),
            Self::Plain(writer) => writer.conclude(title, conclusion, out),
        }
    }
}

/// Writes each packet's row at once, and a connection's last words as soon as it has ended.
pub(crate) struct StreamSink<W> {
    out: W,
    buffer: Vec<u8>,
    telling: Telling,
    payload: bool,
    wording: Wording,
    places: Places,
    told: HashMap<ConnectionId, Told>,
    /// The step that is told; its room is used again.
    step: Step,
}

/// A connection whose story is being told.
struct Told {
    narrator: Narrator,
    /// Its last words have been said.
    concluded: bool,
}

impl<W: Write> StreamSink<W> {
    /// Nothing is written before the first packet.
    pub(crate) fn new(out: W, format: Format, manner: &Manner) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(FLUSH_AT + 4096),
            payload: manner.style.payload,
            telling: Telling::new(format, manner),
            wording: match format {
                Format::Plain => manner.wording,
                _ => manner.ladder_wording(),
            },
            places: manner.places.clone(),
            told: HashMap::new(),
            step: Step::blank(),
        }
    }

    fn conclude(&mut self, connection: &Connection, over: bool) -> io::Result<()> {
        self.telling.conclude(
            &explain::title(connection, None, over),
            &explain::conclusion(connection),
            &mut self.buffer,
        )
    }

    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()
    }
}

impl StreamSink<Vec<u8>> {
    /// Writes what was told so far to `out`, and tells the rest there.
    pub(crate) fn continue_on<W: Write>(mut self, out: W) -> io::Result<StreamSink<W>> {
        self.write()?;
        let mut onward = StreamSink {
            out,
            buffer: self.out,
            telling: self.telling,
            payload: self.payload,
            wording: self.wording,
            places: self.places,
            told: self.told,
            step: self.step,
        };
        onward.write()?;
        Ok(onward)
    }
}

/// Whether nothing can follow that would change what is said about it.
pub(super) fn is_over(connection: &Connection) -> bool {
    matches!(
        connection.verdict(),
        Verdict::Refused | Verdict::Aborted | Verdict::Reset | Verdict::Closed
    )
}

impl<W: Write> Sink for StreamSink<W> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        let (segment, change, connection) = (tracked.segment, tracked.change, tracked.connection);
        let known = self.told.contains_key(&change.connection);
        if !known && self.told.len() < TOLD_AT_ONCE {
            let before = [Side::Client, Side::Server].map(|side| connection.state_before(side));
            let title = explain::title(connection, self.places.of([segment]), false);
            self.telling.begin(&title, before, &mut self.buffer)?;
            let told = Told {
                narrator: Narrator::live(self.wording),
                concluded: false,
            };
            self.told.insert(change.connection, told);
        }
        let mut untold = Told {
            narrator: Narrator::live(self.wording),
            concluded: true,
        };
        let told = self.told.get_mut(&change.connection).unwrap_or(&mut untold);
        let step = &mut self.step;
        told.narrator.step_into(step, segment, change, connection);
        let concludes = !told.concluded && is_over(connection);
        told.concluded |= concludes;
        self.telling.step(step, &mut self.buffer)?;
        if self.payload
            && let Some(payload) = payload(tracked)
        {
            self.telling
                .payload(payload, segment.len, &mut self.buffer)?;
        }
        if concludes {
            self.conclude(connection, true)?;
        }
        if self.buffer.len() >= FLUSH_AT {
            self.write()?;
        }
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        match self.told.remove(&connection.id()) {
            Some(told) if told.concluded => Ok(()),
            _ => self.conclude(connection, true),
        }
    }

    fn pause(&mut self, _quiet: Quiet) -> io::Result<()> {
        self.write()
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        self.write()
    }
}
