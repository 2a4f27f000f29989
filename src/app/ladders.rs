//! Whole ladders: of the connections of a capture that has been read to its end.

use std::io::{self, BufWriter, Write};

use super::keep::{Keeper, Kept};
use super::pipeline::{Quiet, Sink, Tracked};
use super::show::Manner;
use crate::decode;
use crate::explain::{self, Steps, Telling, Totals};
use crate::render::{Extras, LadderWriter, NotKept};
use crate::tcp::Side;
use crate::track::Connection;

/// Ladders that are shown when nothing says which: a table finds the one that matters sooner than scrolling.
pub(crate) const LADDERS: u64 = 10;

/// Written out when this much has gathered.
const BUFFER: usize = 64 * 1024;

/// Writes a ladder for each connection when it is final.
pub(crate) struct LadderSink<W: Write> {
    out: BufWriter<W>,
    manner: Manner,
    keeper: Keeper,
    /// How many ladders there may be; `None`: any number.
    most: Option<u64>,
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
            written: 0,
            untold: 0,
        }
    }
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
        let started = self.keeper.connections() as u64 + self.written;
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
        if self.written > 0 {
            writeln!(self.out)?;
        }
        self.written += 1;
        write_ladder(&mut self.out, connection, &kept, &self.manner)?;
        self.manner.style.legend = false;
        Ok(())
    }

    fn pause(&mut self, _quiet: Quiet) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
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
