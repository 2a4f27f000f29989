//! The seam between tracking and what is made of it: what a sink is told, and in which order. It does not say what a sink does with
//! it; two sinks can stand side by side and see the same.

use std::io;
use std::ops::DerefMut;

use crate::calls::Call;
use crate::capture::Frame;
use crate::explain::{Moment, Totals};
use crate::tcp::{IcmpError, Segment};
use crate::track::{Change, Connection, ConnectionId};

/// One tracked segment as sinks see it.
pub(crate) struct Tracked<'a> {
    /// The segment as decoded.
    pub(crate) segment: &'a Segment,
    /// What it did.
    pub(crate) change: &'a Change,
    /// Its connection, after it.
    pub(crate) connection: &'a Connection,
    /// Its frame, when the reader was told to keep frames.
    pub(crate) frame: Option<Frame<'a>>,
}

/// A system call of a built-in end as sinks see it.
#[derive(Clone, Copy)]
pub(crate) struct Made<'a> {
    /// The call.
    pub(crate) call: &'a Call,
    /// Its connection, as far as a segment of it was seen.
    pub(crate) connection: Option<ConnectionId>,
    /// Which end of it this is: a call is told of when it returned, and before when segments came in between.
    pub(crate) moment: Moment,
}

/// How quiet the input is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quiet {
    /// Nothing at this moment.
    Moment,
    /// Nothing for a while: the input is still being written.
    While,
}

/// What takes tracked segments and final connections: a format, a file, an expectation.
pub(crate) trait Sink {
    /// A segment, in capture order.
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()>;

    /// Whether segments are to be given at all. Where nobody looks at them, connections are only noted until they are final,
    /// which takes a fraction of the time. It may turn to false in the course of a run, and not back.
    fn wants_segments(&self) -> bool {
        true
    }

    /// An ICMP error about a connection.
    fn icmp_error(&mut self, _error: &IcmpError, _connection: &Connection) -> io::Result<()> {
        Ok(())
    }

    /// A connection that is final.
    fn connection(&mut self, connection: &Connection) -> io::Result<()>;

    /// A system call of a built-in end, at its place between the segments.
    fn call(&mut self, _made: &Made<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Nothing more for now: show what there is.
    fn pause(&mut self, _quiet: Quiet) -> io::Result<()> {
        Ok(())
    }

    /// The end.
    fn finish(&mut self, totals: &Totals) -> io::Result<()>;

    /// Whether nothing more is wanted: the run ends early.
    fn satisfied(&self) -> bool {
        false
    }
}

impl<P> Sink for P
where
    P: DerefMut,
    P::Target: Sink,
{
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        (**self).segment(tracked)
    }

    fn wants_segments(&self) -> bool {
        (**self).wants_segments()
    }

    fn icmp_error(&mut self, error: &IcmpError, connection: &Connection) -> io::Result<()> {
        (**self).icmp_error(error, connection)
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        (**self).connection(connection)
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        (**self).call(made)
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        (**self).pause(quiet)
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        (**self).finish(totals)
    }

    fn satisfied(&self) -> bool {
        (**self).satisfied()
    }
}

/// Two sinks that see the same; the run ends when the first is satisfied.
pub(crate) struct Both<A, B> {
    pub(crate) first: A,
    pub(crate) second: B,
}

impl<A: Sink, B: Sink> Sink for Both<A, B> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        self.first.segment(tracked)?;
        self.second.segment(tracked)
    }

    fn wants_segments(&self) -> bool {
        self.first.wants_segments() || self.second.wants_segments()
    }

    fn icmp_error(&mut self, error: &IcmpError, connection: &Connection) -> io::Result<()> {
        self.first.icmp_error(error, connection)?;
        self.second.icmp_error(error, connection)
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.first.connection(connection)?;
        self.second.connection(connection)
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        self.first.call(made)?;
        self.second.call(made)
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        self.first.pause(quiet)?;
        self.second.pause(quiet)
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        self.first.finish(totals)?;
        self.second.finish(totals)
    }

    fn satisfied(&self) -> bool {
        self.first.satisfied()
    }
}
