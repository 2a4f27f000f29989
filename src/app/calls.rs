//! Puts the system calls of the built-in ends between the packets.
//!
//! Comes in: calls, from the threads of the ends as they return, and tracked segments. Goes out: both, to the sink behind,
//! in the order of time: segments when they were captured, calls when they returned. Both times are of the same clock.
//!
//! A call can be reported a little later than a packet that was captured after it. So a segment is passed on when it is
//! [`HOLD`] old, and no sooner, while there is anybody who could still report a call. Sinks are also told when a call was
//! made, if that is known before a segment that came until it returned: of a call that waits longer than [`HOLD`] it is,
//! where the end reports that it waits.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::say;
use super::sink::{Made, Quiet, Sink, Tracked};
use super::watch::now;
use crate::calls::{Call, CallName};
use crate::explain::{Moment, Totals};
use crate::lab::server::Report;
use crate::tcp::{FlowKey, FourTuple, IcmpError};
use crate::time::{Span, Timestamp};
use crate::track::{Connection, ConnectionId};

/// How old a segment is when it is passed on. A thread that has returned from a call reports it within microseconds,
/// unless others have the processor; nobody who watches notices this delay.
const HOLD: Span = Span::from_millis(10);

/// Calls on their way at once. The ends wait for each other and make a few; a client that reads from a fast server of
/// somebody else's could make more than are of interest.
const UNDER_WAY: usize = 4096;

/// Calls that have not returned. Each end waits in one at a time.
const WAITING: usize = 64;

/// Tuples whose connection is known. The built-in ends use a few.
const TUPLES: usize = 1024;

/// Where the ends report their calls.
#[derive(Clone)]
pub(crate) struct Teller {
    calls: SyncSender<Heard>,
    untold: Arc<AtomicU64>,
}

/// What is heard of a call.
enum Heard {
    /// It was made and may wait.
    Waits(Call),
    /// It has returned.
    Returned(Call),
}

/// Where calls come from.
pub(crate) struct Told {
    calls: Receiver<Heard>,
    untold: Arc<AtomicU64>,
}

/// The two ends of a queue of calls.
pub(crate) fn queue() -> (Teller, Told) {
    let (sender, receiver) = mpsc::sync_channel(UNDER_WAY);
    let untold = Arc::new(AtomicU64::new(0));
    let teller = Teller {
        calls: sender,
        untold: Arc::clone(&untold),
    };
    let told = Told {
        calls: receiver,
        untold,
    };
    (teller, told)
}

impl Teller {
    /// Reports a call; what does not fit any more is counted.
    pub(crate) fn call(&self, call: Call) {
        if self.calls.try_send(Heard::Returned(call)).is_err() {
            self.untold.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reports what of a report is a call.
    pub(crate) fn report(&self, report: Report) {
        match report {
            Report::Call(call) => self.call(call),
            // What does not fit is told when it returns.
            Report::Waits(call) => drop(self.calls.try_send(Heard::Waits(call))),
            _ => {}
        }
    }
}

/// A call that was not passed on yet, or only that it was made.
struct Held {
    call: Call,
    announced: bool,
}

impl Held {
    fn returned(&self) -> Moment {
        if self.announced {
            Moment::Returned
        } else {
            Moment::Whole
        }
    }
}

/// A sink that learns of calls.
pub(crate) struct WithCalls<S> {
    pub(crate) inner: S,
    /// `None`: there are no calls, and everything passes as it is.
    told: Option<Told>,
    /// By the time of their return.
    held: VecDeque<Held>,
    /// Calls that have not returned.
    waiting: Vec<Held>,
    /// The connection that each tuple belonged to last.
    owners: HashMap<FlowKey, ConnectionId>,
    /// The connection that began last, and whom its first segment was for.
    latest: Option<(ConnectionId, FourTuple)>,
}

impl<S: Sink> WithCalls<S> {
    pub(crate) fn new(inner: S, told: Option<Told>) -> Self {
        Self {
            inner,
            told,
            held: VecDeque::new(),
            waiting: Vec::new(),
            owners: HashMap::new(),
            latest: None,
        }
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Returned(call) => self.hold(call),
            Heard::Waits(call) if self.waiting.len() < WAITING => self.waiting.push(Held {
                call,
                announced: false,
            }),
            // It is told when it returns.
            Heard::Waits(_) => {}
        }
    }

    fn hold(&mut self, call: Call) {
        let same = self.waiting.iter().position(|held| {
            (held.call.side, held.call.call, held.call.time) == (call.side, call.call, call.time)
        });
        let announced = same.is_some_and(|same| self.waiting.swap_remove(same).announced);
        let end = call.returned_at();
        let place = self
            .held
            .partition_point(|held| held.call.returned_at() <= end);
        self.held.insert(place, Held { call, announced });
    }

    /// Holds every call that has been reported, until `time` is long enough ago.
    fn gather(&mut self, time: Timestamp) {
        while let Some(told) = &self.told {
            let left = (HOLD - (now() - time)).as_nanos().clamp(0, HOLD.as_nanos());
            let left = Duration::from_nanos(left.unsigned_abs());
            match told.calls.recv_timeout(left) {
                Ok(heard) => self.hear(heard),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    self.say_untold();
                    self.told = None;
                }
            }
        }
    }

    /// Passes on what returned until `time`, and which of the other calls were made by then.
    fn pass(&mut self, time: Timestamp) -> io::Result<()> {
        let mut due = Vec::new();
        while let Some(held) = self.held.front()
            && held.call.returned_at() <= time
            && let Some(held) = self.held.pop_front()
        {
            let end = held.call.returned_at();
            due.push((end, held.returned(), held.call));
        }
        for held in self.held.iter_mut().chain(&mut self.waiting) {
            if !held.announced && held.call.time <= time {
                held.announced = true;
                due.push((held.call.time, Moment::Called, held.call.clone()));
            }
        }
        due.sort_by_key(|(time, ..)| *time);
        for (_, moment, call) in &due {
            self.tell(call, *moment)?;
        }
        Ok(())
    }

    fn tell(&mut self, call: &Call, moment: Moment) -> io::Result<()> {
        let connection = self.connection_of(call, moment);
        self.inner.call(&Made {
            call,
            connection,
            moment,
        })
    }

    fn connection_of(&self, call: &Call, moment: Moment) -> Option<ConnectionId> {
        // A connect() that was only made has no connection yet, and the last one of its tuple is not its own.
        let begins = call.call == CallName::Connect && moment == Moment::Called;
        let tuple = call.socket.filter(|_| !begins)?;
        if tuple.source.port != 0 {
            return self.owners.get(&tuple.key()).copied();
        }
        let (id, first) = self.latest?;
        (first.destination == tuple.destination).then_some(id)
    }

    fn say_untold(&self) {
        let untold = self.told.as_ref();
        let untold = untold.map_or(0, |told| told.untold.swap(0, Ordering::Relaxed));
        if untold > 0 {
            say::note(format_args!(
                "{untold} system calls came too fast and are not shown"
            ));
        }
    }
}

/// What was captured before this is not held any more.
fn held_until() -> Timestamp {
    now() + Span::from_nanos(-HOLD.as_nanos())
}

impl<S: Sink> Sink for WithCalls<S> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        let time = tracked.segment.time;
        self.gather(time);
        self.pass(time)?;
        if self.told.is_some() || !self.held.is_empty() {
            let (id, tuple) = (tracked.change.connection, tracked.segment.tuple);
            if self.owners.len() >= TUPLES {
                self.owners.clear();
            }
            self.owners.insert(tuple.key(), id);
            if self.latest.is_none_or(|(latest, _)| latest < id) {
                self.latest = Some((id, tuple));
            }
        }
        self.inner.segment(tracked)
    }

    fn wants_segments(&self) -> bool {
        self.told.is_some() || !self.held.is_empty() || self.inner.wants_segments()
    }

    fn icmp_error(&mut self, error: &IcmpError, connection: &Connection) -> io::Result<()> {
        self.inner.icmp_error(error, connection)
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.inner.connection(connection)
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        // A segment that was captured meanwhile is not here yet: what returned before it is.
        let until = held_until();
        self.gather(until);
        if quiet == Quiet::While {
            self.pass(until)?;
        }
        self.inner.pause(quiet)
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        self.gather(held_until());
        self.say_untold();
        while let Some(held) = self.held.pop_front() {
            self.tell(&held.call, held.returned())?;
        }
        self.inner.finish(totals)
    }

    fn satisfied(&self) -> bool {
        self.inner.satisfied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::pipeline;
    use crate::app::reader::Reader;
    use crate::capture;
    use crate::lab::scenario::Scenario;
    use crate::tcp::Side;
    use crate::track::{Limits, Tracker};

    /// Writes down what it is told, in a word each.
    #[derive(Default)]
    struct Diary {
        words: Vec<String>,
        times: Vec<Timestamp>,
        tuple: Option<FourTuple>,
    }

    impl Sink for Diary {
        fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
            self.words.push(tracked.segment.frame.to_string());
            self.times.push(tracked.segment.time);
            self.tuple.get_or_insert(tracked.segment.tuple);
            Ok(())
        }

        fn connection(&mut self, _connection: &Connection) -> io::Result<()> {
            Ok(())
        }

        fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
            let owner = made
                .connection
                .map_or(String::new(), |id| format!(" of {id}"));
            self.words
                .push(format!("{} {:?}{owner}", made.call.call, made.moment));
            Ok(())
        }

        fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
            Ok(())
        }
    }

    /// The first packets of a handshake, among these calls.
    fn diary(calls: Vec<Call>) -> Diary {
        diary_of(calls.into_iter().map(Report::Call))
    }

    /// The same among these reports.
    fn diary_of(reports: impl IntoIterator<Item = Report>) -> Diary {
        let scenario = Scenario::named("handshake").expect("in the catalogue");
        let source = capture::recorded(scenario.recording).expect("a recording");
        let (teller, told) = queue();
        for report in reports {
            teller.report(report);
        }
        drop(teller);
        let mut sink = WithCalls::new(Diary::default(), Some(told));
        let mut reader = Reader::new(source);
        reader.limit = Some(3);
        let tracker = Tracker::new(Limits::default());
        pipeline::run(reader, tracker, &mut sink, 1, None).expect("nothing is written");
        sink.inner
    }

    fn call(name: CallName, from: Timestamp, to: Timestamp, socket: Option<FourTuple>) -> Call {
        Call {
            time: from,
            side: Side::Client,
            call: name,
            result: Some(0),
            errno: None,
            duration: to - from,
            socket,
        }
    }

    #[test]
    fn calls_come_where_they_were_made_and_where_they_returned() {
        let packets = diary(Vec::new());
        let (first, last) = (packets.times[0], packets.times[2]);
        let near = |time: Timestamp, nanos| time + Span::from_nanos(nanos);
        let calls = vec![
            // Reported in another order than they returned in.
            call(
                CallName::Send,
                near(last, 50),
                near(last, 60),
                packets.tuple,
            ),
            call(
                CallName::Connect,
                near(first, -9),
                near(last, 20),
                packets.tuple,
            ),
            call(CallName::Listen, near(first, -30), near(first, -20), None),
        ];
        assert_eq!(
            diary(calls).words,
            [
                "listen() Whole",
                "connect() Called",
                "1",
                "2",
                "3",
                "connect() Returned of 1",
                "send() Whole of 1"
            ]
        );
    }

    /// What waits for longer than segments are held back for is known before it returns.
    #[test]
    fn a_call_that_waits_stands_where_it_was_made() {
        let packets = diary(Vec::new());
        let (first, last) = (packets.times[0], packets.times[2]);
        let made = first + Span::from_nanos(-9);
        let connect = call(CallName::Connect, made, last, packets.tuple);
        let begun = Call {
            result: None,
            duration: Span::ZERO,
            ..connect.clone()
        };
        let waits = Report::Waits(begun);
        assert_eq!(
            diary_of([waits.clone()]).words,
            ["connect() Called", "1", "2", "3"],
            "it has not returned"
        );
        let words = diary_of([waits, Report::Call(connect)]).words;
        let told = |word: &str| words.iter().filter(|told| told.contains(word)).count();
        assert_eq!((told("Called"), told("Returned")), (1, 1), "{words:?}");
    }

    #[test]
    fn a_failed_connect_belongs_to_the_connection_that_was_tried() {
        let packets = diary(Vec::new());
        let (first, last) = (packets.times[0], packets.times[2]);
        let mut tuple = packets.tuple.expect("a segment came");
        tuple.source.port = 0;
        let failed = call(CallName::Connect, first, last, Some(tuple));
        let words = diary(vec![failed]).words;
        assert!(
            words.contains(&"connect() Returned of 1".to_owned()),
            "{words:?}"
        );
    }
}
