//! The sink behind `--format json`.

use std::io::{self, Write};

use super::pipeline::{Quiet, Sink, Tracked};
use crate::explain::{self, Totals};
use crate::render::json;
use crate::track::Connection;

/// Written out when the buffer holds this much: one system call for a few hundred lines.
const FLUSH_AT: usize = 128 * 1024;

/// Writes JSON Lines.
pub(crate) struct JsonSink<W> {
    out: W,
    buffer: Vec<u8>,
    note: String,
    segments: bool,
    connections: bool,
}

impl<W: Write> JsonSink<W> {
    /// A sink that writes the header at once.
    pub(crate) fn new(out: W, source: &str, segments: bool, connections: bool) -> Self {
        let mut buffer = Vec::with_capacity(FLUSH_AT + 4096);
        json::header(&mut buffer, source);
        Self {
            out,
            buffer,
            note: String::new(),
            segments,
            connections,
        }
    }

    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn write_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() < FLUSH_AT {
            return Ok(());
        }
        self.write()
    }
}

impl<W: Write> Sink for JsonSink<W> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        if !self.segments {
            return Ok(());
        }
        self.note.clear();
        explain::brief(&mut self.note, tracked.segment, tracked.change);
        let facts = explain::segment_facts(tracked.segment, tracked.change, &self.note);
        json::segment(&mut self.buffer, &facts);
        self.write_if_full()
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if !self.connections {
            return Ok(());
        }
        explain::with_connection_facts(connection, |facts| {
            json::connection(&mut self.buffer, facts);
        });
        self.write_if_full()
    }

    fn pause(&mut self, _quiet: Quiet) -> io::Result<()> {
        self.write()?;
        self.out.flush()
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        json::summary(&mut self.buffer, totals);
        self.write()?;
        self.out.flush()
    }
}
