//! Whole ladders: of the connections of a capture that has been read to its end.

use std::io::{self, BufWriter, Write};
use std::thread;

use super::keep::{Keeper, Kept};
use super::pipeline::{Made, Quiet, Sink, Tracked};
use super::show::Manner;
use crate::calls::Call;
use crate::decode;
use crate::explain::{self, Moment, Segments as _, Steps as _, Telling, Totals};
use crate::render::{Extras, LadderWriter, NotKept};
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

use crate::explain::{self, Moment, Segments as _, Steps as _, Telling, Totals};
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
use crate::explain::{self, Moment, Segments as _, Steps as _, Telling, Totals};
        Ok(())
    }

    fn pause(&mut self, _quiet: Quiet) -> io::Result<()> {
        self.write_ready()?;
        self.out.flush()
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
use crate::explain::{self, Moment, Segments as _, Steps as _, Telling, Totals};
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
