//! The sink behind `--format json`.

use std::io::{self, Write};
use std::sync::Arc;

use super::sink::{Made, Quiet, Sink, Tracked};
use super::twins::Twins;
use crate::explain::{self, CallFacts, ConnectionFacts, Moment, Totals};
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
    /// Of a wire: whose view each connection is.
    wire: Option<Arc<Twins>>,
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
            wire: None,
        }
    }

    /// The capture is of a wire: connections say whose view they are.
    pub(crate) fn joined(mut self, twins: Arc<Twins>) -> Self {
        self.wire = Some(twins);
        self
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

/// The facts with the vantage and the twin. A connection of which nothing arrived has none.
fn names<'f>(twins: &Twins, facts: &ConnectionFacts<'f>) -> ConnectionFacts<'f> {
    ConnectionFacts {
        vantage: Some(twins.side(facts.first_frame).name()),
        twin: twins.twin(facts.id),
        ..facts.clone()
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

    fn wants_segments(&self) -> bool {
        self.segments
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if !self.connections {
            return Ok(());
        }
        let buffer = &mut self.buffer;
        let wire = self.wire.as_deref();
        explain::with_connection_facts(connection, |facts| match wire {
            None => json::connection(buffer, facts),
            Some(twins) => json::connection(buffer, &names(twins, facts)),
        });
        self.write_if_full()
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        // A call is one record, which stands where it returned; it is narrowed away with either of the others.
        if made.moment == Moment::Called || !self.segments || !self.connections {
            return Ok(());
        }
        let facts = CallFacts {
            call: made.call,
            connection: made.connection,
        };
        json::call(&mut self.buffer, &facts);
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
