//! Whole ladders: of the connections of a capture that has been read to its end.

use std::io::{self, BufWriter, Write};
use std::thread;

use super::keep::{Keeper, Kept};
use super::show::Manner;
use super::sink::{Made, Quiet, Sink, Tracked};
use crate::calls::Call;
use crate::decode;
use crate::explain::{self, Moment, Segments as _, Steps as _, Telling, Totals};
use crate::render::{Extras, LadderWriter, NotKept, Payload, Plural, Style, table};
use crate::tcp::Side;
use crate::track::{Connection, ConnectionId};

/// Ladders that are shown when nothing says which: a table finds the one that matters sooner than scrolling.
pub(crate) const LADDERS: u64 = 10;

/// Written out when this much has gathered.
const BUFFER: usize = 64 * 1024;

/// Rows that are written together: some milliseconds of work, beside which starting a thread for a share of it is little.
const TOGETHER: usize = 8 * 1024;

/// Threads that write ladders at most: the disk or the pipe behind them takes no more.
const WRITERS: usize = 4;

/// A connection that is final, and what is kept of it.
struct Ready {
    connection: Connection,
    kept: Kept,
    calls: Vec<Call>,
}

/// Writes a ladder for each connection when it is final.
pub(crate) struct LadderSink<W: Write> {
    out: BufWriter<W>,
    manner: Manner,
    keeper: Keeper,
    /// How many ladders there may be; `None`: any number.
    most: Option<u64>,
    /// Final connections whose ladders are to be written together, and how many rows they have.
    ready: Vec<Ready>,
    rows: usize,
    written: u64,
    untold: u64,
    /// What the programs called, where that is wanted.
    calls: Option<KeptCalls>,
    /// With calls: final connections, whose ladders wait for the last calls.
    ended: Vec<Connection>,
}

/// Calls, kept with the connection in whose ladder they stand.
#[derive(Debug, Default)]
pub(crate) struct KeptCalls {
    kept: Vec<(Option<ConnectionId>, Call)>,
    /// The connection that began last.
    latest: Option<ConnectionId>,
}

/// Calls that are kept. The ends of a scenario make a few hundred at most.
const CALLS: usize = 10_000;

impl KeptCalls {
    /// A segment of this connection comes: calls about no connection, such as `listen()`, stand with the one that begins
    /// next.
    pub(crate) fn segment(&mut self, connection: ConnectionId) {
        if self.latest.is_none_or(|latest| latest < connection) {
            self.latest = Some(connection);
            for (owner, _) in &mut self.kept {
                *owner = owner.or(self.latest);
            }
        }
    }

    /// Keeps a call. One that was only made comes again when it returns.
    pub(crate) fn keep(&mut self, made: &Made<'_>) {
        if made.moment != Moment::Called && self.kept.len() < CALLS {
            self.kept.push((made.connection, made.call.clone()));
        }
    }

    /// The calls that stand in the ladder of any of these connections.
    pub(crate) fn of(&self, connections: &[ConnectionId]) -> Vec<Call> {
        let own = self.kept.iter().filter(|(owner, _)| {
            // What follows the last connection's beginning stands with that one.
            let owner = owner.or(self.latest);
            owner.is_some_and(|owner| connections.contains(&owner))
        });
        own.map(|(_, call)| call.clone()).collect()
    }
}

impl<W: Write> LadderSink<W> {
    /// `most`: how many ladders; `None`: one for each connection.
    pub(crate) fn new(out: W, manner: Manner, most: Option<u64>) -> Self {
        Self {
            out: BufWriter::with_capacity(BUFFER, out),
            keeper: Keeper::new(manner.memory, manner.style.payload),
            manner,
            most,
            ready: Vec::new(),
            rows: 0,
            written: 0,
            untold: 0,
            calls: None,
            ended: Vec::new(),
        }
    }

    /// Also shows what the programs called.
    pub(crate) fn with_calls(mut self, wanted: bool) -> Self {
        self.calls = wanted.then(KeptCalls::default);
        self
    }

    /// Puts a final connection's ladder with those that are to be written.
    fn make_ready(&mut self, connection: &Connection) -> io::Result<()> {
        let Some(kept) = self.keeper.take(connection.id()) else {
            self.untold += 1;
            return Ok(());
        };
        let calls = self.calls.as_ref();
        // One of which nothing was kept takes room, too.
        self.rows += kept.count().max(1);
        self.ready.push(Ready {
            connection: connection.clone(),
            kept,
            calls: calls.map_or_else(Vec::new, |calls| calls.of(&[connection.id()])),
        });
        if self.rows >= TOGETHER {
            self.write_ready()?;
        }
        Ok(())
    }

    /// Writes the ladders that are ready, in their order, each thread a share of them.
    fn write_ready(&mut self) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        let rows = std::mem::take(&mut self.rows);
        if self.written == 0
            && let Some(first) = ready.drain(..ready.len().min(1)).next()
        {
            write_ladder(
                &mut self.out,
                &first.connection,
                &first.kept,
                &first.calls,
                &self.manner,
            )?;
            self.manner.style.legend = false;
            self.written = 1;
        }
        self.written += ready.len() as u64;
        let threads = self.manner.threads;
        let share = (rows / threads.clamp(1, WRITERS)).max(TOGETHER / WRITERS);
        let shares = shares(&ready, share);
        let Some((first, others)) = shares.split_first() else {
            return Ok(());
        };
        let (out, manner) = (&mut self.out, &self.manner);
        thread::scope(|scope| {
            let begun: Vec<_> = others
                .iter()
                .map(|share| {
                    let writer = thread::Builder::new().name("writer".to_owned());
                    writer.spawn_scoped(scope, || text_of(share, manner))
                })
                .collect();
            write_more(out, first, manner)?;
            for (thread, share) in begun.into_iter().zip(others) {
                match thread {
                    Ok(thread) => match thread.join() {
                        Ok(text) => out.write_all(&text?)?,
                        Err(_) => return Err(io::Error::other("a writing thread failed")),
                    },
                    // No thread is to be had: it is done here.
                    Err(_) => write_more(out, share, manner)?,
                }
            }
            Ok(())
        })
    }
}

/// Divides into shares of at least so many rows, but for the last.
fn shares(ready: &[Ready], rows: usize) -> Vec<&[Ready]> {
    let mut taken = 0;
    ready
        .split_inclusive(|ready| {
            taken += ready.kept.count();
            let full = taken >= rows;
            if full {
                taken = 0;
            }
            full
        })
        .collect()
}

/// The ladders of a share, for whoever writes them in their turn.
fn text_of(share: &[Ready], manner: &Manner) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    write_more(&mut text, share, manner)?;
    Ok(text)
}

/// Writes ladders that are not the first.
fn write_more(out: &mut dyn Write, share: &[Ready], manner: &Manner) -> io::Result<()> {
    for ready in share {
        writeln!(out)?;
        write_ladder(out, &ready.connection, &ready.kept, &ready.calls, manner)?;
    }
    Ok(())
}

/// Writes the ladder of one connection from its kept segments.
pub(crate) fn write_ladder(
    out: &mut dyn Write,
    connection: &Connection,
    kept: &Kept,
    calls: &[Call],
    manner: &Manner,
) -> io::Result<()> {
    let title = explain::title(connection, manner.places.of(kept.segments()), true);
    let before = [Side::Client, Side::Server].map(|side| connection.state_before(side));
    let mut steps = Telling::new(connection, kept, manner.ladder_wording());
    let mut writer = LadderWriter::new(manner.style.clone());
    writer.expect_frame(steps.highest_frame());
    writer.begin(&title, before, out)?;
    let payload = |frame| kept.payload(frame);
    let calls = if calls.is_empty() {
        Vec::new()
    } else {
        let times = kept.segments().map(|segment| segment.time);
        explain::call_rows(calls, &times.collect::<Vec<_>>())
    };
    let extras = Extras {
        calls: &calls,
        not_kept: kept
            .gap()
            .map(|(before, packets)| NotKept { before, packets }),
        payload: Some(&payload),
    };
    writer.steps(&mut steps, extras, out)?;
    writer.conclude(&title, &explain::conclusion(connection), out)
}

impl<W: Write> Sink for LadderSink<W> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        let started = (self.keeper.connections() + self.ready.len()) as u64 + self.written;
        let id = tracked.change.connection;
        if let Some(calls) = &mut self.calls {
            calls.segment(id);
        }
        if self.most.is_none_or(|most| started < most) || self.keeper.has(id) {
            self.keeper.keep(tracked);
        }
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if self.calls.is_some() {
            self.ended.push(connection.clone());
            return Ok(());
        }
        self.make_ready(connection)
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        if let Some(calls) = &mut self.calls {
            calls.keep(made);
        }
        Ok(())
    }

    fn pause(&mut self, _quiet: Quiet) -> io::Result<()> {
        self.write_ready()?;
        self.out.flush()
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        for connection in std::mem::take(&mut self.ended) {
            self.make_ready(&connection)?;
        }
        self.write_ready()?;
        say_untold(self.untold, &self.manner.style, &mut self.out)?;
        self.out.flush()
    }
}

/// Says that there are connections without a ladder.
pub(crate) fn say_untold(untold: u64, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if untold == 0 {
        return Ok(());
    }
    let more = Plural(untold, "more connection");
    let words = format!("{more}; --connection N shows one, --all shows every ladder");
    writeln!(out)?;
    table::remark(&words, style, out)
}

/// The captured payload of a frame, if it has any.
pub(crate) fn payload<'a>(tracked: &Tracked<'a>) -> Option<Payload<'a>> {
    let captured = decode::payload(tracked.frame.as_ref()?)?;
    (!captured.is_empty()).then(|| Payload::of(captured, tracked.segment.len))
}
