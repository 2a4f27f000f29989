//! Each conversation on a wire counts once, though both of its ends were recorded.
//!
//! Comes in: what was tracked at both ends. Goes out, to the sink behind it: all segments, the client's view of each
//! connection, and totals without the others. What is lost or doubled on the way the [`Twins`] know.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use super::sink::{Made, Quiet, Sink, Tracked};
use super::twins::Twins;
use crate::explain::Totals;
use crate::tcp::IcmpError;
use crate::track::{Connection, ConnectionId};

/// A sink that is given each conversation on a wire once, as its client saw it. Of what has no client's view, or of which
/// only the server's view was chosen, it is given that one.
pub(crate) struct OneView<S> {
    pub(crate) inner: S,
    /// `None`: this is no wire, and everything passes as it is.
    twins: Option<Arc<Twins>>,
    /// Connections of which a segment has passed: no more than a recording that is joined has packets, and what is larger is
    /// not joined.
    seen: HashSet<ConnectionId>,
}

impl<S> OneView<S> {
    pub(crate) fn new(inner: S, twins: Option<Arc<Twins>>) -> Self {
        Self {
            inner,
            twins,
            seen: HashSet::new(),
        }
    }

    fn is_second(&self, connection: &Connection) -> bool {
        let twins = self.twins.as_ref();
        let first = twins.and_then(|twins| twins.first_view(connection.id()));
        first.is_some_and(|first| self.seen.contains(&first))
    }
}

impl<S: Sink> Sink for OneView<S> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        if self.twins.is_some() {
            self.seen.insert(tracked.change.connection);
        }
        self.inner.segment(tracked)
    }

    fn wants_segments(&self) -> bool {
        self.inner.wants_segments()
    }

    fn icmp_error(&mut self, error: &IcmpError, connection: &Connection) -> io::Result<()> {
        self.inner.icmp_error(error, connection)
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if self.is_second(connection) {
            return Ok(());
        }
        self.inner.connection(connection)
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        self.inner.call(made)
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        self.inner.pause(quiet)
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        match &self.twins {
            Some(twins) => self.inner.finish(&twins.once(totals)),
            None => self.inner.finish(totals),
        }
    }

    fn satisfied(&self) -> bool {
        self.inner.satisfied()
    }
}
