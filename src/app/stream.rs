//! Ladder rows as packets happen: live, and for input that is still being written.

use std::collections::HashMap;
use std::io::{self, Write};

use super::ladders::payload;
use super::pipeline::{Quiet, Sink, Tracked};
use crate::explain::{self, Narrator, Totals, Wording};
use crate::render::{LadderWriter, Style};
use crate::tcp::Side;
use crate::track::{Connection, ConnectionId, Verdict};

/// Written out when this much has gathered without a pause.
const FLUSH_AT: usize = 64 * 1024;

/// Connections whose story is told at once. Nobody follows more by eye; rows of further ones still appear, without a
/// title and without last words before the end.
const TOLD_AT_ONCE: usize = 4096;

/// Writes each packet's row at once, and a connection's last words as soon as it has ended.
pub(crate) struct StreamSink<W> {
    out: W,
    buffer: Vec<u8>,
    ladder: LadderWriter,
    payload: bool,
    wording: Wording,
    interface: Option<String>,
    told: HashMap<ConnectionId, Told>,
}

/// A connection whose story is being told.
struct Told {
    narrator: Narrator,
    /// Its last words have been said.
    concluded: bool,
}

impl<W: Write> StreamSink<W> {
    /// Nothing is written before the first packet.
    pub(crate) fn new(out: W, style: Style, wording: Wording, interface: Option<String>) -> Self {
        Self {
            out,
            buffer: Vec::with_capacity(FLUSH_AT + 4096),
            payload: style.payload,
            ladder: LadderWriter::new(style),
            wording,
            interface,
            told: HashMap::new(),
        }
    }

    fn conclude(&mut self, connection: &Connection, over: bool) -> io::Result<()> {
        self.ladder.conclude(
            &explain::title(connection, self.interface.as_deref(), over),
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

/// Whether nothing can follow that would change what is said about it.
fn is_over(connection: &Connection) -> bool {
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
            let title = explain::title(connection, self.interface.as_deref(), false);
            self.ladder.begin(&title, before, &mut self.buffer)?;
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
        let step = told.narrator.step(segment, change, connection);
        let concludes = !told.concluded && is_over(connection);
        told.concluded |= concludes;
        self.ladder.step(&step, &mut self.buffer)?;
        if self.payload
            && let Some(payload) = payload(tracked)
        {
            self.ladder
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
