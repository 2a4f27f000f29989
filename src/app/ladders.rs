//! Whole ladders: of the connections of a capture that has been read to its end.

use std::io::{self, BufWriter, Write};
use std::thread;

use super::keep::{Keeper, Kept};
use super::pipeline::{Quiet, Sink, Tracked};
use super::show::Manner;
use crate::decode;
use crate::explain::{self, Segments as _, Steps as _, Telling, Totals};
use crate::render::{Extras, LadderWriter, NotKept};
use crate::tcp::Side;
use crate::track::Connection;

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
        }
    }

    /// Writes the ladders that are ready, in their order, each thread a share of them.
    fn write_ready(&mut self) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        let rows = std::mem::take(&mut self.rows);
        if self.written == 0
            && let Some(first) = ready.drain(..ready.len().min(1)).next()
        {
            write_ladder(&mut self.out, &first.connection, &first.kept, &self.manner)?;
            self.manner.style.legend = false;
            self.written = 1;
        }
        self.written += ready.len() as u64;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let share = (rows / threads.min(WRITERS)).max(TOGETHER / WRITERS);
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
        write_ladder(out, &ready.connection, &ready.kept, manner)?;
    }
    Ok(())
}

/// Writes the ladder of one connection from its kept segments.
pub(crate) fn write_ladder(
    out: &mut dyn Write,
    connection: &Connection,
    kept: &Kept,
    manner: &Manner,
) -> io::Result<()> {
    let title = explain::title(connection, manner.places.of(kept.segments()), true);
    let before = [Side::Client, Side::Server].map(|side| connection.state_before(side));
    let mut steps = Telling::new(connection, kept, manner.ladder_wording());
    let mut writer = LadderWriter::new(manner.style.clone());
    writer.expect_frame(steps.highest_frame());
    writer.begin(&title, before, out)?;
    let payload = |frame| kept.payload(frame);
    let extras = Extras {
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
        if self.most.is_none_or(|most| started < most) || self.keeper.has(id) {
            self.keeper.keep(tracked);
        }
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        let Some(kept) = self.keeper.take(connection.id()) else {
            self.untold += 1;
            return Ok(());
        };
        self.rows += kept.count();
        self.ready.push(Ready {
            connection: connection.clone(),
            kept,
        });
        if self.rows >= TOGETHER {
            self.write_ready()?;
        }
        Ok(())
    }

    fn pause(&mut self, _quiet: Quiet) -> io::Result<()> {
        self.write_ready()?;
        self.out.flush()
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        self.write_ready()?;
        if self.untold > 0 {
            writeln!(
                self.out,
                "\n{} more connections; --connection N shows one, --all shows every ladder",
                self.untold
            )?;
        }
        self.out.flush()
    }
}

/// The captured payload of a frame, if it has any.
pub(crate) fn payload<'a>(tracked: &Tracked<'a>) -> Option<&'a [u8]> {
    let frame = tracked.frame.as_ref()?;
    decode::payload(frame).filter(|payload| !payload.is_empty())
}
