//! Slow motion without keys: packets are written one after the other, with their own waits between them, stretched.
//!
//! Comes in: tracked segments. Goes out: the same, later. What is behind it must write each of them at once.

use std::io::{self, Write};
use std::time::Duration;

use super::player::LONGEST_WAIT;
use super::terminal::Hushed;
use crate::app::keep::{Keeper, Kept};
use crate::app::ladders::{KeptCalls, LADDERS};
use crate::app::pipeline::{Made, Quiet, Sink, Tracked};
use crate::app::say;
use crate::app::show::Manner;
use crate::app::signals;
use crate::app::stream::Telling;
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

/// Tells whole connections at this pace, one after the other.
pub(crate) struct SlowSink<W> {
    out: W,
    format: Format,
    manner: Manner,
    pace: Pace,
    keeper: Keeper,
    ended: Vec<Connection>,
    /// What the programs called, where that is wanted.
    calls: Option<KeptCalls>,
}

impl<W: Write> SlowSink<W> {
    pub(crate) fn new(out: W, format: Format, manner: Manner, pace: Pace) -> Self {
        Self {
            out,
            format,
            keeper: Keeper::new(manner.memory, manner.style.payload),
            manner,
            pace,
            ended: Vec::new(),
            calls: None,
        }
    }

    /// Also tells what the programs called.
    pub(crate) fn with_calls(mut self, wanted: bool) -> Self {
        self.calls = wanted.then(KeptCalls::default);
        self
    }

    fn tell(&mut self, connection: &Connection, kept: &Kept) -> io::Result<()> {
        let place = self.manner.places.of(kept.segments());
        let title = explain::title(connection, place, true);
        let before = [Side::Client, Side::Server].map(|side| connection.state_before(side));
        let mut steps = explain::Telling::new(connection, kept, self.manner.wording);
        let mut telling = Telling::new(self.format, &self.manner);
        let mut bytes = Vec::new();
        telling.begin(&title, before, &mut bytes)?;
        let id = connection.id();
        let calls = self.calls.as_ref();
        let calls = calls.map_or_else(Vec::new, |calls| calls.of(&[id]));
        let times: Vec<Timestamp> = kept.segments().map(|segment| segment.time).collect();
        let mut calls = explain::call_rows(&calls, &times).into_iter().peekable();
        let mut last = Span::ZERO;
        for index in 0..steps.count() {
            let step = steps.step(index);
            while let Some(call) = calls.next_if(|call| call.time <= step.time) {
                self.wait(&mut last, call.after, &mut bytes)?;
                telling.call(&call, id, &mut bytes)?;
            }
            self.wait(&mut last, step.after, &mut bytes)?;
            telling.step(step, &mut bytes)?;
            if let Some(payload) = kept.payload(step.frame) {
                telling.payload(payload, step.len, &mut bytes)?;
            }
        }
        for call in calls {
            self.wait(&mut last, call.after, &mut bytes)?;
            telling.call(&call, id, &mut bytes)?;
        }
        telling.conclude(&title, &explain::conclusion(connection), &mut bytes)?;
        self.write(&mut bytes)
    }

    /// Waits for what comes next. What is there already is read meanwhile.
    fn wait(&mut self, last: &mut Span, next: Span, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.write(bytes)?;
        self.pace.wait(next - std::mem::replace(last, next));
        Ok(())
    }

    fn write(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.out.write_all(bytes)?;
        bytes.clear();
        self.out.flush()
    }
}

impl<W: Write> Sink for SlowSink<W> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        let id = tracked.change.connection;
        if let Some(calls) = &mut self.calls {
            calls.segment(id);
        }
        if (self.keeper.connections() as u64) < LADDERS || self.keeper.has(id) {
            self.keeper.keep(tracked);
        }
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if self.keeper.has(connection.id()) {
            self.ended.push(connection.clone());
        }
        Ok(())
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        if let Some(calls) = &mut self.calls {
            calls.keep(made);
        }
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        self.ended.sort_by_key(Connection::id);
        for (index, connection) in std::mem::take(&mut self.ended).iter().enumerate() {
            let Some(kept) = self.keeper.take(connection.id()) else {
                continue;
            };
            if index > 0 {
                writeln!(self.out)?;
            }
            self.tell(connection, &kept)?;
            self.manner.style.legend = false;
        }
        Ok(())
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
