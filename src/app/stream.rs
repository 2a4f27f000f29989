//! Ladder rows as packets happen: live, and for input that is still being written.

use std::collections::HashMap;
use std::io::{self, Write};

use super::ladders::payload;
use super::show::{Manner, Places};
use super::sink::{Made, Quiet, Sink, Tracked};
use crate::calls::Call;
use crate::cli::Format;
use crate::explain::{self, CallRow, Conclusion, Moment, Narrator, Step, Title, Totals, Wording};
use crate::render::{LadderWriter, Payload, PlainWriter};
use crate::tcp::{Side, TcpState};
use crate::time::Timestamp;
use crate::track::{Connection, ConnectionId};

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

    pub(super) fn call(
        &mut self,
        call: &CallRow,
        id: ConnectionId,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        match self {
            Self::Ladder(writer) => writer.call(call, id, out),
            Self::Plain(writer) => writer.call(call, id, out),
        }
    }

    pub(super) fn payload(&mut self, payload: Payload<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Ladder(writer) => writer.payload(payload, out),
            Self::Plain(writer) => writer.payload(payload, out),
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
    /// System calls, where they are wanted.
    calls: Option<Box<Calls>>,
    /// The step that is told; its room is used again.
    step: Step,
}

/// What is to be told of system calls and waits for its place.
#[derive(Default)]
struct Calls {
    /// Of no connection yet: they stand with the one that begins next.
    loose: Vec<(Call, Moment)>,
    /// The connection that began last, and when.
    latest: Option<(ConnectionId, Timestamp)>,
    /// When each connection began that is being told.
    starts: HashMap<ConnectionId, Timestamp>,
    /// Connections that have ended: programs still close their sockets, and the last words come after that.
    ended: Vec<Connection>,
    /// Meanings that were told.
    meanings: Vec<&'static str>,
}

/// Calls that wait for a connection; a program that makes more without one is no end of ours.
const LOOSE: usize = 1000;

/// Last words that wait until it is quiet; where it never is, the oldest are said.
const ENDED: usize = 256;

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
            calls: None,
            step: Step::blank(),
        }
    }

    /// Also tells what the programs called. Last words then wait until it is quiet.
    pub(crate) fn with_calls(mut self, wanted: bool) -> Self {
        self.calls = wanted.then(Box::default);
        self
    }

    /// Last words, or a note that they are to be said.
    fn end(&mut self, connection: &Connection) -> io::Result<()> {
        let Some(calls) = &mut self.calls else {
            return self.conclude(connection, true);
        };
        calls.ended.push(connection.clone());
        if calls.ended.len() > ENDED {
            return self.catch_up();
        }
        Ok(())
    }

    /// The calls that waited for a connection to begin.
    fn tell_loose(&mut self) -> io::Result<()> {
        let Some(calls) = &mut self.calls else {
            return Ok(());
        };
        let Some((id, start)) = calls.latest else {
            return Ok(());
        };
        for (call, moment) in std::mem::take(&mut calls.loose) {
            let mut row = explain::call_row(&call, moment, start);
            row.say_once(&mut calls.meanings);
            self.telling.call(&row, id, &mut self.buffer)?;
        }
        Ok(())
    }

    /// It is quiet: what waited is told.
    fn catch_up(&mut self) -> io::Result<()> {
        self.tell_loose()?;
        let ended = self
            .calls
            .as_mut()
            .map(|calls| std::mem::take(&mut calls.ended));
        for connection in ended.into_iter().flatten() {
            if let Some(calls) = &mut self.calls {
                calls.starts.remove(&connection.id());
            }
            self.conclude(&connection, true)?;
        }
        Ok(())
    }

    fn conclude(&mut self, connection: &Connection, over: bool) -> io::Result<()> {
        self.telling.conclude(
            &explain::title(connection, None, over),
            &explain::conclusion(connection),
            &mut self.buffer,
        )
    }

    /// Writes when much has gathered.
    fn write_much(&mut self) -> io::Result<()> {
        if self.buffer.len() < FLUSH_AT {
            return Ok(());
        }
        self.write()
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
            calls: self.calls,
            step: self.step,
        };
        onward.write()?;
        Ok(onward)
    }
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
            if let Some(calls) = &mut self.calls {
                calls.latest = Some((change.connection, segment.time));
                calls.starts.insert(change.connection, segment.time);
            }
            self.tell_loose()?;
        }
        let mut untold = Told {
            narrator: Narrator::live(self.wording),
            concluded: true,
        };
        let told = self.told.get_mut(&change.connection).unwrap_or(&mut untold);
        let step = &mut self.step;
        told.narrator.step_into(step, segment, change, connection);
        let concludes = !told.concluded && connection.verdict().is_final();
        told.concluded |= concludes;
        self.telling.step(step, &mut self.buffer)?;
        if self.payload
            && let Some(payload) = payload(tracked)
        {
            self.telling.payload(payload, &mut self.buffer)?;
        }
        if concludes {
            self.end(connection)?;
        }
        self.write_much()
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        match self.told.remove(&connection.id()) {
            Some(told) if told.concluded => Ok(()),
            _ => {
                self.end(connection)?;
                // At the end of a flood there are last words about each that is still kept.
                self.write_much()
            }
        }
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        let Some(calls) = &mut self.calls else {
            return Ok(());
        };
        if made.moment != Moment::Called {
            // It is told now, and not once more where its beginning still waits for a place.
            let (side, time) = (made.call.side, made.call.time);
            calls
                .loose
                .retain(|(call, _)| (call.side, call.time) != (side, time));
        }
        let own = made.connection;
        let Some((id, start)) = own.and_then(|id| Some((id, *calls.starts.get(&id)?))) else {
            if calls.loose.len() < LOOSE {
                calls.loose.push((made.call.clone(), made.moment));
            }
            return Ok(());
        };
        let mut row = explain::call_row(made.call, made.moment, start);
        row.say_once(&mut calls.meanings);
        self.telling.call(&row, id, &mut self.buffer)
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        if quiet == Quiet::While {
            self.catch_up()?;
        }
        self.write()
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        self.catch_up()?;
        self.write()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails says where")]
mod tests {
    use super::*;
    use crate::render::Style;
    use crate::tcp::{Flags, Segment};
    use crate::track::{Limits, Tracker};

    /// Notes the largest piece that it was handed.
    struct Largest<'a>(&'a mut usize);

    impl Write for Largest<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            *self.0 = bytes.len().max(*self.0);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// When the input ends there are last words about every connection that is still kept.
    #[test]
    fn last_words_do_not_gather_without_bound() {
        let mut tracker = Tracker::new(Limits::default());
        tracker.segment(&Segment {
            flags: Flags::SYN,
            ..Segment::default()
        });
        tracker.finish();
        let connection = tracker.next_final().unwrap().clone();
        let manner = Manner {
            style: Style::default(),
            wording: Wording::default(),
            places: Places::One(None),
            memory: 0,
            threads: 1,
        };
        let mut largest = 0;
        for format in [Format::Timeline, Format::Plain] {
            let mut sink = StreamSink::new(Largest(&mut largest), format, &manner);
            for _ in 0..2000 {
                sink.connection(&connection).unwrap();
            }
        }
        assert!((FLUSH_AT..2 * FLUSH_AT).contains(&largest), "{largest}");
    }
}
