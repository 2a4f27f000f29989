//! The sink of a live watch: passes everything on, and tells people what a capture cannot show.
//!
//! What other threads have to say is kept back until the packets that came before it have been shown.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::say;
use super::sink::{Made, Quiet, Sink, Tracked};
use crate::explain::Totals;
use crate::tcp::{Endpoint, IcmpError, Side};
use crate::time::{Span, Timestamp};
use crate::track::{Connection, ConnectionId, Verdict};

/// How long nothing may arrive before a person is told what to try.
const PATIENCE: Duration = Duration::from_secs(4);
/// A client that tries both addresses of `localhost` tries the second one well within this.
const SECOND_TRY: Span = Span::from_secs(1);

/// A packet is shown this long after it was captured, or its row is left out: a terminal that is further behind than a
/// person notices will not catch up by itself.
const LATE: Span = Span::from_millis(500);

/// What another thread wants to tell people. Both may be empty.
pub(crate) struct Words {
    /// What has happened.
    pub(crate) news: String,
    /// How the watch goes on, which is of no interest once it is over.
    pub(crate) outlook: String,
}

/// Wraps the sink that shows.
pub(crate) struct Watch<S> {
    inner: S,
    /// What other threads want to tell people.
    words: Receiver<Words>,
    /// What to say when nothing arrives.
    idle: Option<String>,
    since: Instant,
    /// The latest refusal on a loopback address.
    refused: Option<(Endpoint, Timestamp)>,
    /// `localhost` was explained.
    explained: bool,
    shown: u64,
    /// Rows may be left out when they cannot be written as fast as packets come.
    may_skip: bool,
    skipped: u64,
    /// Connections that have a row, and are not final: the last words about others would come out of nowhere.
    told: HashSet<ConnectionId>,
}

impl<S: Sink> Watch<S> {
    /// `idle` is said once, if nothing arrives for a few seconds.
    /// `may_skip`: the output is a terminal, so that rows may be left out when it is too slow for them.
    pub(crate) fn new(
        inner: S,
        words: Receiver<Words>,
        idle: Option<String>,
        may_skip: bool,
    ) -> Self {
        Self {
            inner,
            words,
            idle,
            since: Instant::now(),
            refused: None,
            explained: false,
            shown: 0,
            may_skip,
            skipped: 0,
            told: HashSet::new(),
        }
    }

    /// Whether this packet's row is left out, because the terminal is far behind.
    fn skips(&mut self, tracked: &Tracked<'_>) -> bool {
        let late = self.may_skip && now() - tracked.segment.time > LATE;
        self.skipped += u64::from(late);
        late
    }

    /// The terminal has caught up.
    fn say_skipped(&mut self) -> io::Result<()> {
        if self.skipped > 0 {
            self.inner.pause(Quiet::Moment)?;
            say::note(format_args!(
                "{} packets came too fast for this terminal and have no row; \
                 they are counted and judged all the same",
                self.skipped
            ));
            self.skipped = 0;
        }
        Ok(())
    }

    fn say_words(&mut self) {
        for words in self.words.try_iter() {
            say::note_for_now(&words.news, &words.outlook);
        }
    }

    fn say_news(&mut self) {
        for words in self.words.try_iter() {
            say::note_for_now(&words.news, "");
        }
    }

    /// Refused on one loopback address and accepted on the other soon after: a client that was told `localhost`.
    fn notice_localhost(&mut self, tracked: &Tracked<'_>) -> Option<String> {
        let connection = tracked.connection;
        let server = connection.endpoint(Side::Server);
        if self.explained || !server.address.is_loopback() {
            return None;
        }
        if connection.verdict() == Verdict::Refused {
            self.refused = Some((server, tracked.segment.time));
            return None;
        }
        let (refused, when) = self.refused?;
        let accepted = connection.handshake().ack == Some(tracked.segment.frame);
        let other_family = refused.address.is_ipv6() != server.address.is_ipv6();
        if !accepted
            || !other_family
            || refused.port != server.port
            || tracked.segment.time - when > SECOND_TRY
        {
            return None;
        }
        self.explained = true;
        Some(format!(
            "refused on {refused}, then accepted on {server}: \
             `localhost` is two addresses, and a client tries one after the other. \
             This server listens on {} only.",
            server.address
        ))
    }
}

/// The clock that also stamps captured packets.
pub(super) fn now() -> Timestamp {
    let clock = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::new(clock.as_secs() as i64, clock.subsec_nanos())
}

impl<S: Sink> Sink for Watch<S> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        self.shown += 1;
        if self.skips(tracked) {
            return Ok(());
        }
        if self.may_skip {
            self.say_skipped()?;
            self.told.insert(tracked.change.connection);
        }
        self.inner.segment(tracked)?;
        if let Some(remark) = self.notice_localhost(tracked) {
            self.inner.pause(Quiet::Moment)?;
            say::note(remark);
        }
        Ok(())
    }

    fn wants_segments(&self) -> bool {
        // The first ones in any case: they show that there is something to watch.
        self.shown == 0 || self.inner.wants_segments()
    }

    fn icmp_error(&mut self, error: &IcmpError, connection: &Connection) -> io::Result<()> {
        self.inner.icmp_error(error, connection)
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if self.may_skip && !self.told.remove(&connection.id()) {
            return Ok(());
        }
        self.inner.connection(connection)
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        self.inner.call(made)
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        self.inner.pause(quiet)?;
        // While it is quiet for a moment only, the packets that a message speaks of may still be on their way.
        if quiet == Quiet::While {
            self.say_skipped()?;
            self.say_words();
        }
        if self.shown == 0
            && self.since.elapsed() >= PATIENCE
            && let Some(idle) = self.idle.take()
        {
            say::note(idle);
        }
        Ok(())
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        self.inner.finish(totals)?;
        self.say_skipped()?;
        self.say_news();
        if totals.capture_dropped > 0 {
            say::note(format_args!(
                "the capture missed {} packets: the network did not lose them, they came \
                 faster than they were taken. A larger --buffer-size helps.",
                totals.capture_dropped
            ));
        }
        Ok(())
    }

    fn satisfied(&self) -> bool {
        self.inner.satisfied()
    }
}
