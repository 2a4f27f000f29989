//! Slow motion without keys: packets are written one after the other, with their own waits between them, stretched.
//!
//! Comes in: tracked segments. Goes out: the same, later. What is behind it must write each of them at once.

use std::io::{self, Write};
use std::time::Duration;

use super::gather::Gathering;
use super::player::LONGEST_WAIT;
use super::terminal::Hushed;
use crate::app::keep::{Keeper, Kept};
use crate::app::ladders::say_untold;
use crate::app::say;
use crate::app::show::Manner;
use crate::app::signals;
use crate::app::sink::{Made, Quiet, Sink, Tracked};
use crate::app::stream::Telling;
use crate::calls::Call;
use crate::cli::{Format, Speed};
use crate::explain::{self, Steps as _, Totals};
use crate::tcp::{IcmpError, Side};
use crate::time::{Span, Timestamp};
use crate::track::Connection;

/// Waits between packets.
#[derive(Debug)]
pub(crate) struct Pace {
    speed: Speed,
    /// It was said that waits are cut.
    told: bool,
    /// From the first wait on.
    hushed: Option<Hushed>,
}

impl Pace {
    pub(crate) const fn new(speed: Speed) -> Self {
        Self {
            speed,
            told: false,
            hushed: None,
        }
    }

    /// Waits as long as `gap` lasts at this speed.
    pub(crate) fn wait(&mut self, gap: Span) {
        if self.hushed.is_none() {
            self.hushed = Hushed::new();
        }
        let gap = Duration::from_nanos(gap.as_nanos().max(0).unsigned_abs());
        let wanted = self.speed.stretch(gap);
        if wanted > LONGEST_WAIT && !self.told && !signals::has_come() {
            self.told = true;
            say::note(format_args!(
                "waits are cut to {} s: one of them would last longer at this speed",
                LONGEST_WAIT.as_secs()
            ));
        }
        // After a signal nobody wants to wait any more.
        signals::wait(wanted.min(LONGEST_WAIT));
    }
}

/// Tells a connection from its kept segments, and what the programs called meanwhile, at this pace.
pub(crate) fn tell_slowly(
    connection: &Connection,
    kept: &Kept,
    calls: &[Call],
    format: Format,
    manner: &Manner,
    pace: &mut Pace,
    out: &mut dyn Write,
) -> io::Result<()> {
    let title = explain::title(connection, manner.places.of(kept.segments()), true);
    let before = [Side::Client, Side::Server].map(|side| connection.state_before(side));
    let mut steps = explain::Telling::new(connection, kept, manner.wording);
    let mut telling = Telling::new(format, manner);
    let mut bytes = Vec::new();
    telling.begin(&title, before, &mut bytes)?;
    let id = connection.id();
    let times: Vec<Timestamp> = kept.segments().map(|segment| segment.time).collect();
    let mut calls = explain::call_rows(calls, &times).into_iter().peekable();
    let mut last = Span::ZERO;
    // What is there already is read while the next one is waited for.
    let mut wait = |next: Span, bytes: &mut Vec<u8>, out: &mut dyn Write| {
        write(bytes, out)?;
        pace.wait(next - std::mem::replace(&mut last, next));
        io::Result::Ok(())
    };
    for index in 0..steps.count() {
        let step = steps.step(index);
        while let Some(call) = calls.next_if(|call| call.time <= step.time) {
            wait(call.after, &mut bytes, out)?;
            telling.call(&call, id, &mut bytes)?;
        }
        wait(step.after, &mut bytes, out)?;
        telling.step(step, &mut bytes)?;
        if let Some(payload) = kept.payload(step.frame) {
            telling.payload(payload, &mut bytes)?;
        }
    }
    for call in calls {
        wait(call.after, &mut bytes, out)?;
        telling.call(&call, id, &mut bytes)?;
    }
    telling.conclude(&title, &explain::conclusion(connection), &mut bytes)?;
    write(&mut bytes, out)
}

fn write(bytes: &mut Vec<u8>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(bytes)?;
    bytes.clear();
    out.flush()
}

/// Tells whole connections at this pace, one after the other.
pub(crate) struct SlowSink<W> {
    out: W,
    format: Format,
    manner: Manner,
    pace: Pace,
    gathering: Gathering,
}

impl<W: Write> SlowSink<W> {
    /// `most`: how many connections; `None`: all of them.
    pub(crate) fn new(
        out: W,
        format: Format,
        manner: Manner,
        pace: Pace,
        most: Option<u64>,
    ) -> Self {
        let keeper = Keeper::new(manner.memory, manner.style.payload);
        Self {
            out,
            format,
            manner,
            pace,
            gathering: Gathering::new(keeper, most),
        }
    }

    /// Also tells what the programs called.
    pub(crate) fn with_calls(mut self, wanted: bool) -> Self {
        self.gathering = self.gathering.with_calls(wanted);
        self
    }
}

impl<W: Write> Sink for SlowSink<W> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        self.gathering.segment(tracked);
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.gathering.connection(connection);
        Ok(())
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        self.gathering.call(made);
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        for (index, gathered) in self.gathering.all().enumerate() {
            if index > 0 {
                writeln!(self.out)?;
            }
            tell_slowly(
                &gathered.connection,
                &gathered.kept,
                &gathered.calls,
                self.format,
                &self.manner,
                &mut self.pace,
                &mut self.out,
            )?;
            self.manner.style.legend = false;
        }
        let untold = self.gathering.untold();
        say_untold(untold, &self.manner.style, &mut self.out)?;
        self.out.flush()
    }
}

/// A sink that takes its time.
pub(crate) struct Paced<S> {
    inner: S,
    pace: Pace,
    last: Option<Timestamp>,
}

/// Lets segments pass at this pace.
pub(crate) fn paced<S: Sink>(inner: S, pace: Pace) -> Paced<S> {
    Paced {
        inner,
        pace,
        last: None,
    }
}

impl<S: Sink> Sink for Paced<S> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        let time = tracked.segment.time;
        if let Some(last) = self.last.replace(time) {
            self.pace.wait(time - last);
        }
        self.inner.segment(tracked)?;
        self.inner.pause(Quiet::Moment)
    }

    fn icmp_error(&mut self, error: &IcmpError, connection: &Connection) -> io::Result<()> {
        self.inner.icmp_error(error, connection)
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.inner.connection(connection)
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        self.inner.call(made)
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        self.inner.pause(quiet)
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        self.inner.finish(totals)
    }

    fn satisfied(&self) -> bool {
        self.inner.satisfied()
    }
}
