//! Frames in, tracked segments out: what a [`Reader`] does on one thread, and tracking on another, which tells a [`Sink`].
//!
//! ```text
//! thread 1: Source ─▶ filter ─▶ decode ⇄ reassemble ─▶ Batch ══╗ bounded channel
//! thread 2: Sink ◀─ Tracker ◀──────────────────────────────────╝ empty batches go back
//! ```
//!
//! A batch is handed over when it is full, and whenever the source pauses, so that a live packet never waits for others.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use super::progress::Progress;
use super::reader::{Batch, Counts, Reader, Status};
use super::sink::{Quiet, Sink, Tracked};
use crate::capture::{Frame, ReadError};
use crate::decode::Skip;
use crate::explain::{Totals, occurred};
use crate::tcp::{IcmpError, Segment};
use crate::track::{AHEAD, Change, Connection, FlowHash, FlowHasher, Tracker, Verdict};

/// Batches under way at once: enough to keep both threads busy when either stumbles.
const BATCHES: usize = 6;

/// Empty batches that are given back at once: each time a reader is woken that waits for them, which costs more than they do.
const TOGETHER: usize = 3;

/// How long the input must be silent before it counts as growing rather than merely slower than we are.
const QUIET: Duration = Duration::from_millis(150);

/// How often a sink is asked whether it has enough while nothing comes.
const IDLE: Duration = Duration::from_secs(1);

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) totals: Totals,
    /// Frames whose VLAN or tunnel headers may have hidden them from the filter.
    pub(crate) hidden: u64,
    /// Why the input could not be read to its end.
    pub(crate) unreadable: Option<ReadError>,
}

/// Runs the pipeline to the end of the source, or until the sink is satisfied.
pub(crate) fn run(
    mut reader: Reader,
    tracker: Tracker,
    sink: &mut dyn Sink,
    threads: usize,
    progress: Option<Progress>,
) -> io::Result<Outcome> {
    let hasher = tracker.hasher();
    let mut analysis = Analysis {
        tracker,
        change: Change::default(),
        sink,
        finals: Finals {
            count: 0,
            verdicts: [0; Verdict::ALL.len()],
            progress,
        },
        helped: threads > 1,
    };
    if threads < 2 {
        let mut batch = Batch::default();
        loop {
            let status = reader.fill(&mut batch, &hasher);
            if let Some(outcome) = analysis.batch(&batch, status)? {
                return Ok(outcome);
            }
        }
    }
    let (full_sender, full) = mpsc::sync_channel(BATCHES);
    let (empty, empty_receiver) = mpsc::sync_channel(BATCHES);
    for _ in 0..BATCHES {
        // The channel has room for exactly these.
        let _ = empty.send(Batch::default());
    }
    let worker = thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || read(reader, &hasher, &empty_receiver, &full_sender))?;
    let outcome = analysis.receive(&full, &empty);
    drop(full);
    drop(empty);
    // A reader that waits on a source which never ends is left behind; it holds nothing that must be saved.
    if worker.is_finished() && worker.join().is_err() {
        return Err(io::Error::other("the reading thread failed"));
    }
    outcome
}

/// The reading thread: fills empty batches until the source ends or nobody takes them any more.
fn read(
    mut reader: Reader,
    hasher: &FlowHasher,
    empty: &Receiver<Batch>,
    full: &SyncSender<(Batch, Status)>,
) {
    while let Ok(mut batch) = empty.recv() {
        let status = reader.fill(&mut batch, hasher);
        let last = matches!(status, Status::End(..));
        if full.send((batch, status)).is_err() || last {
            return;
        }
    }
}

/// The tracking side.
struct Analysis<'a> {
    tracker: Tracker,
    /// What the latest segment did.
    change: Change,
    sink: &'a mut dyn Sink,
    finals: Finals,
    /// There may be another thread.
    helped: bool,
}

/// Connections that became final.
struct Finals {
    count: u64,
    verdicts: [u64; Verdict::ALL.len()],
    /// Shown to a person who waits.
    progress: Option<Progress>,
}

impl Finals {
    /// Counts a connection and hands it over.
    fn take(&mut self, connection: &Connection, sink: &mut dyn Sink) -> io::Result<()> {
        self.count += 1;
        self.verdicts[connection.verdict() as usize] += 1;
        if let Some(progress) = &mut self.progress {
            progress.is_final(connection);
        }
        sink.connection(connection)
    }
}

impl Analysis<'_> {
    fn receive(
        &mut self,
        full: &Receiver<(Batch, Status)>,
        empty: &SyncSender<Batch>,
    ) -> io::Result<Outcome> {
        let mut paused = false;
        let mut latest = Counts::default();
        let mut spare = Vec::with_capacity(TOGETHER);
        loop {
            let (batch, status) = match full.recv_timeout(if paused { QUIET } else { IDLE }) {
                Ok(received) => received,
                // Somebody at a terminal may have enough while nothing comes.
                Err(RecvTimeoutError::Timeout) if self.sink.satisfied() => {
                    return self.end(&latest, None);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if std::mem::take(&mut paused) {
                        self.sink.pause(Quiet::While)?;
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the reading thread failed"));
                }
            };
            paused = matches!(status, Status::Pause(_));
            let (Status::Full(counts) | Status::Pause(counts) | Status::End(counts, _)) = &status;
            latest = *counts;
            if let Some(outcome) = self.batch(&batch, status)? {
                return Ok(outcome);
            }
            spare.push(batch);
            if spare.len() >= TOGETHER || paused {
                for batch in spare.drain(..) {
                    // A reader that has ended takes nothing back.
                    let _ = empty.send(batch);
                }
            }
        }
    }

    /// Tracks a batch; the outcome when it was the last.
    fn batch(&mut self, batch: &Batch, status: Status) -> io::Result<Option<Outcome>> {
        let mut errors = batch.errors.iter().peekable();
        let noted = !self.sink.wants_segments();
        for (index, segment) in batch.segments().iter().enumerate() {
            if index % AHEAD == 0 {
                self.tracker.look_ahead(&batch.hashes[index..], index == 0);
            }
            while let Some((_, error)) = errors.next_if(|(before, _)| *before == index) {
                self.icmp_error(error)?;
            }
            if noted {
                self.tracker
                    .note(segment, batch.hashes[index], &mut self.change);
                self.finals()?;
            } else {
                self.segment(segment, batch.hashes[index], batch.frame(index, segment))?;
            }
        }
        for (_, error) in errors {
            self.icmp_error(error)?;
        }
        let (counts, unreadable) = match status {
            Status::End(counts, unreadable) => (counts, unreadable),
            Status::Full(counts) | Status::Pause(counts) if self.sink.satisfied() => (counts, None),
            Status::Pause(_) => {
                self.sink.pause(Quiet::Moment)?;
                return Ok(None);
            }
            Status::Full(counts) => {
                if let Some(progress) = &mut self.finals.progress {
                    progress.tell(counts.frames, counts.read);
                }
                return Ok(None);
            }
        };
        self.end(&counts, unreadable).map(Some)
    }

    fn icmp_error(&mut self, error: &IcmpError) -> io::Result<()> {
        match self.tracker.icmp_error(error) {
            Some(slot) => self.sink.icmp_error(error, self.tracker.connection(slot)),
            None => Ok(()),
        }
    }

    fn segment(
        &mut self,
        segment: &Segment,
        hash: FlowHash,
        frame: Option<Frame<'_>>,
    ) -> io::Result<()> {
        self.tracker.segment_into(segment, hash, &mut self.change);
        self.finals()?;
        self.sink.segment(&Tracked {
            segment,
            change: &self.change,
            connection: self.tracker.connection(self.change.slot),
            frame,
        })
    }

    /// Hands over what became final.
    fn finals(&mut self) -> io::Result<()> {
        while let Some(connection) = self.tracker.next_final() {
            self.finals.take(connection, self.sink)?;
        }
        Ok(())
    }

    fn end(&mut self, counts: &Counts, unreadable: Option<ReadError>) -> io::Result<Outcome> {
        if let Some(mut progress) = self.finals.progress.take() {
            progress.clear();
        }
        self.finals()?;
        self.tracker.finish();
        let Self {
            tracker,
            sink,
            finals,
            ..
        } = self;
        tracker.tell_rest(self.helped, |connection| finals.take(connection, *sink))?;
        let totals = Totals {
            frames: counts.frames,
            segments: counts.segments,
            skipped: occurred(Skip::ALL.map(Skip::name), &counts.skipped),
            connections: self.finals.count,
            by_verdict: occurred(Verdict::ALL.map(Verdict::name), &self.finals.verdicts),
            evicted: self.tracker.losses().evicted,
            evicted_unended: self.tracker.losses().unended,
            capture_dropped: counts.dropped,
            bytes: counts.bytes,
            period: counts.period,
            gaps: self.tracker.gaps(),
        };
        self.sink.finish(&totals)?;
        Ok(Outcome {
            totals,
            hidden: counts.hidden,
            unreadable,
        })
    }
}
