//! Connections of a capture that has an end, gathered until it is there: what is kept of each, and what its programs called.
//! It tells nothing; what cannot be told is counted.

use crate::app::keep::{Keeper, Kept};
use crate::app::ladders::KeptCalls;
use crate::app::sink::{Made, Tracked};
use crate::calls::Call;
use crate::track::Connection;

/// What waits to be told.
pub(super) struct Gathering {
    keeper: Keeper,
    /// How many connections there may be; `None`: any number.
    most: Option<u64>,
    ended: Vec<Connection>,
    untold: u64,
    /// What the programs called, where that is wanted.
    calls: Option<KeptCalls>,
}

/// A connection that has ended.
pub(super) struct Gathered {
    pub(super) connection: Connection,
    pub(super) kept: Kept,
    /// What its programs called meanwhile.
    pub(super) calls: Vec<Call>,
}

impl Gathering {
    /// `most`: how many connections; `None`: all of them.
    pub(super) fn new(keeper: Keeper, most: Option<u64>) -> Self {
        Self {
            keeper,
            most,
            ended: Vec::new(),
            untold: 0,
            calls: None,
        }
    }

    /// Also gathers what the programs called.
    pub(super) fn with_calls(self, wanted: bool) -> Self {
        Self {
            calls: wanted.then(KeptCalls::default),
            ..self
        }
    }

    pub(super) fn segment(&mut self, tracked: &Tracked<'_>) {
        let id = tracked.change.connection;
        if let Some(calls) = &mut self.calls {
            calls.segment(id);
        }
        let begun = self.keeper.connections() as u64;
        if self.most.is_none_or(|most| begun < most) || self.keeper.has(id) {
            self.keeper.keep(tracked);
        }
    }

    pub(super) fn connection(&mut self, connection: &Connection) {
        if self.keeper.has(connection.id()) {
            self.ended.push(connection.clone());
        } else {
            self.untold += 1;
        }
    }

    pub(super) fn call(&mut self, made: &Made<'_>) {
        if let Some(calls) = &mut self.calls {
            calls.keep(made);
        }
    }

    /// All that have ended, in the order in which they began; they are given up meanwhile.
    pub(super) fn all(&mut self) -> impl Iterator<Item = Gathered> {
        let mut ended = std::mem::take(&mut self.ended);
        ended.sort_by_key(Connection::id);
        ended.into_iter().filter_map(|connection| {
            let id = connection.id();
            let calls = self.calls.as_ref();
            Some(Gathered {
                kept: self.keeper.take(id)?,
                calls: calls.map_or_else(Vec::new, |calls| calls.of(&[id])),
                connection,
            })
        })
    }

    /// Connections that are not among them.
    pub(super) fn untold(&self) -> u64 {
        self.untold
    }
}
