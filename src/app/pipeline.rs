//! Frames in, tracked segments out: reads, filters, reassembles and decodes on one thread, tracks on another.
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
use crate::calls::Call;
use crate::capture::{FilterSet, Frame, Interface, LinkType, Next, ReadError, Source};
use crate::decode::{self, Decoded, Fragment, Skip};
use crate::explain::{Moment, Totals, occurred};
use crate::reassemble::Reassembler;
use crate::tcp::{IcmpError, Segment};
use crate::time::Timestamp;
use crate::track::{
    AHEAD, Change, Connection, ConnectionId, FlowHash, FlowHasher, Tracker, Verdict,
};

/// Segments in a batch: large enough that a hand-over costs little a segment, small enough to stay in the second-level cache.
const BATCH: usize = 1024;

/// Batches under way at once: enough to keep both threads busy when either stumbles.
const BATCHES: usize = 6;

/// Empty batches that are given back at once: each time a reader is woken that waits for them, which costs more than they do.
const TOGETHER: usize = 3;

/// How long the input must be silent before it counts as growing rather than merely slower than we are.
const QUIET: Duration = Duration::from_millis(150);

/// How often a sink is asked whether it has enough while nothing comes.
const IDLE: Duration = Duration::from_secs(1);

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

impl<S: Sink + ?Sized> Sink for Box<S> {
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

/// How quiet the input is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quiet {
    /// Nothing at this moment.
    Moment,
    /// Nothing for a while: the input is still being written.
    While,
}

/// Reads frames and decodes them.
pub(crate) struct Reader {
    pub(crate) source: Box<dyn Source + Send>,
    pub(crate) keep_frames: bool,
    /// The input counts as ended after so many segments.
    pub(crate) limit: Option<u64>,
    /// Frames that do not match do not count.
    pub(crate) filter: Option<FilterSet>,
    reassembler: Reassembler,
    counts: Counts,
}

/// Frames by what became of them.
#[derive(Clone, Copy, Default)]
struct Counts {
    frames: u64,
    segments: u64,
    skipped: [u64; Skip::ALL.len()],
    /// What the capture lost before it could be read.
    dropped: u64,
    /// Frames whose VLAN or tunnel headers may have hidden them from the filter.
    hidden: u64,
    /// Bytes on the wire.
    bytes: u64,
    /// Times of the earliest and the latest packet.
    period: Option<(Timestamp, Timestamp)>,
    /// Bytes of the input that were read, and how many there are.
    read: Option<(u64, u64)>,
}

/// A batch of decoded frames on its way to the tracker. Its room is used again and again.
#[derive(Default)]
struct Batch {
    /// Places for segments; the first `filled` are taken.
    places: Vec<Segment>,
    filled: usize,
    /// The hashes of their tuples.
    hashes: Vec<FlowHash>,
    /// ICMP errors, and before which of the segments they came.
    errors: Vec<(usize, IcmpError)>,
    /// The frames' bytes, one after the other, when they are kept.
    bytes: Vec<u8>,
    /// Where each segment's frame ends in `bytes`, and what else is needed to make it a [`Frame`] again.
    frames: Vec<KeptFrame>,
}

#[derive(Clone, Copy)]
struct KeptFrame {
    end: usize,
    link: LinkType,
    original_len: u32,
}

/// Why a batch was handed over.
enum Status {
    Full(Counts),
    Pause(Counts),
    End(Counts, Option<ReadError>),
}

/// A source that has ended.
struct Nothing;

impl Source for Nothing {
    fn next(&mut self) -> Result<Next<'_>, ReadError> {
        Ok(Next::End)
    }

    fn interfaces(&self) -> &[Interface] {
        &[]
    }
}

impl Reader {
    pub(crate) fn new(source: Box<dyn Source + Send>) -> Self {
        Self {
            source,
            keep_frames: false,
            limit: None,
            filter: None,
            reassembler: Reassembler::new(),
            counts: Counts::default(),
        }
    }

    /// Fills `batch` until it is full, the source pauses, or it ends.
    fn fill(&mut self, batch: &mut Batch, hasher: &FlowHasher) -> Status {
        batch.clear();
        while !batch.is_full() {
            if self.limit == Some(self.counts.segments) {
                return self.end(None);
            }
            let frame = match self.source.next() {
                Ok(Next::Frame(frame)) => frame,
                Ok(Next::Pause) => return Status::Pause(self.counts),
                Ok(Next::End) => return self.end(None),
                Err(error) => return self.end(Some(error)),
            };
            if let Some(filter) = &mut self.filter
                && !filter.matches(&frame)
            {
                continue;
            }
            self.counts.frames += 1;
            self.counts.bytes += u64::from(frame.original_len);
            self.counts.period = Some(match self.counts.period {
                Some((first, last)) => (first.min(frame.time), last.max(frame.time)),
                None => (frame.time, frame.time),
            });
            let place = batch.place();
            let decoded = match decode::frame_into(&frame, place) {
                Decoded::Fragment(fragment) => {
                    whole(&mut self.reassembler, &fragment, &frame, place)
                }
                decoded => decoded,
            };
            match decoded {
                Decoded::Segment(()) => {
                    self.counts.segments += 1;
                    let hash = hasher.hash(&place.tuple);
                    batch.hashes.push(hash);
                    batch.filled += 1;
                    if self.keep_frames {
                        batch.keep(&frame);
                    }
                }
                Decoded::IcmpError(error) => {
                    self.counts.skipped[Skip::IcmpError as usize] += 1;
                    batch.errors.push((batch.filled, error));
                }
                Decoded::Fragment(_) => self.counts.skipped[Skip::Fragment as usize] += 1,
                Decoded::Skipped(reason) => self.counts.skipped[reason as usize] += 1,
            }
        }
        self.counts.read = self.source.progress();
        Status::Full(self.counts)
    }

    fn end(&mut self, unreadable: Option<ReadError>) -> Status {
        self.counts.dropped = self.source.dropped();
        let filter = self.filter.as_ref();
        self.counts.hidden = filter.map_or(0, FilterSet::unmatched_encapsulated);
        // What a source holds, such as a file that it saves to, is complete before anyone hears of the end.
        self.source = Box::new(Nothing);
        Status::End(self.counts, unreadable)
    }
}

/// What a fragment makes whole, or that it waits for others.
#[cold]
fn whole<'a>(
    reassembler: &mut Reassembler,
    fragment: &Fragment<'_>,
    frame: &Frame<'_>,
    place: &mut Segment,
) -> Decoded<'a, ()> {
    let Some(datagram) = reassembler.push(fragment, frame) else {
        return Decoded::Skipped(Skip::Fragment);
    };
    let whole = Frame {
        link: LinkType::RAW,
        data: datagram.bytes,
        original_len: datagram.bytes.len() as u32,
        ..*frame
    };
    match decode::datagram_into(&whole, place) {
        Decoded::Segment(()) => {
            place.ip.tunnelled |= datagram.tunnelled;
            Decoded::Segment(())
        }
        Decoded::IcmpError(error) => Decoded::IcmpError(error),
        Decoded::Fragment(_) => Decoded::Skipped(Skip::Fragment),
        Decoded::Skipped(reason) => Decoded::Skipped(reason),
    }
}

impl Batch {
    fn clear(&mut self) {
        self.filled = 0;
        self.hashes.clear();
        self.errors.clear();
        self.bytes.clear();
        self.frames.clear();
    }

    fn is_full(&self) -> bool {
        self.filled >= BATCH || self.errors.len() >= BATCH
    }

    /// Where the next segment is to be written.
    #[inline]
    fn place(&mut self) -> &mut Segment {
        if self.filled == self.places.len() {
            self.places.push(Segment::default());
        }
        &mut self.places[self.filled]
    }

    fn segments(&self) -> &[Segment] {
        &self.places[..self.filled]
    }

    fn keep(&mut self, frame: &Frame<'_>) {
        self.bytes.extend_from_slice(frame.data);
        self.frames.push(KeptFrame {
            end: self.bytes.len(),
            link: frame.link,
            original_len: frame.original_len,
        });
    }

    /// The kept frame of the `index`th segment.
    fn frame(&self, index: usize, segment: &Segment) -> Option<Frame<'_>> {
        let kept = self.frames.get(index)?;
        let begin = index
            .checked_sub(1)
            .map_or(0, |before| self.frames[before].end);
        Some(Frame {
            number: segment.frame,
            time: segment.time,
            link: kept.link,
            interface: segment.interface,
            data: &self.bytes[begin..kept.end],
            original_len: kept.original_len,
        })
    }
}

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
        verdicts: [0; Verdict::ALL.len()],
        connections: 0,
        progress,
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
    verdicts: [u64; Verdict::ALL.len()],
    connections: u64,
    /// Shown to a person who waits.
    progress: Option<Progress>,
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
                if let Some(progress) = &mut self.progress {
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
            self.connections += 1;
            self.verdicts[connection.verdict() as usize] += 1;
            if let Some(progress) = &mut self.progress {
                progress.is_final(connection);
            }
            self.sink.connection(connection)?;
        }
        Ok(())
    }

    fn end(&mut self, counts: &Counts, unreadable: Option<ReadError>) -> io::Result<Outcome> {
        if let Some(mut progress) = self.progress.take() {
            progress.clear();
        }
        self.tracker.finish();
        self.finals()?;
        let totals = Totals {
            frames: counts.frames,
            segments: counts.segments,
            skipped: occurred(Skip::ALL.map(Skip::name), &counts.skipped),
            connections: self.connections,
            by_verdict: occurred(Verdict::ALL.map(Verdict::name), &self.verdicts),
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
