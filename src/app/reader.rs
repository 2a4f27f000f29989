//! Frames in, batches of decoded segments out: reads, filters, decodes and reassembles, and counts what became of every frame.
//! It tracks nothing, and does not know on which thread it is.

use crate::capture::{FilterSet, Frame, Interface, LinkType, Next, ReadError, Source};
use crate::decode::{self, Decoded, Fragment, Skip};
use crate::reassemble::Reassembler;
use crate::tcp::{IcmpError, Segment};
use crate::time::Timestamp;
use crate::track::{FlowHash, FlowHasher};

/// Segments in a batch: large enough that a hand-over costs little a segment, small enough to stay in the second-level cache.
const BATCH: usize = 1024;

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
pub(super) struct Counts {
    pub(super) frames: u64,
    pub(super) segments: u64,
    pub(super) skipped: [u64; Skip::ALL.len()],
    /// What the capture lost before it could be read.
    pub(super) dropped: u64,
    /// Frames whose VLAN or tunnel headers may have hidden them from the filter.
    pub(super) hidden: u64,
    /// Bytes on the wire.
    pub(super) bytes: u64,
    /// Times of the earliest and the latest packet.
    pub(super) period: Option<(Timestamp, Timestamp)>,
    /// Bytes of the input that were read, and how many there are.
    pub(super) read: Option<(u64, u64)>,
}

/// A batch of decoded frames on its way to the tracker. Its room is used again and again.
#[derive(Default)]
pub(super) struct Batch {
    /// Places for segments; the first `filled` are taken.
    places: Vec<Segment>,
    filled: usize,
    /// The hashes of their tuples.
    pub(super) hashes: Vec<FlowHash>,
    /// ICMP errors, and before which of the segments they came.
    pub(super) errors: Vec<(usize, IcmpError)>,
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
pub(super) enum Status {
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
    pub(super) fn fill(&mut self, batch: &mut Batch, hasher: &FlowHasher) -> Status {
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

    pub(super) fn segments(&self) -> &[Segment] {
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
    pub(super) fn frame(&self, index: usize, segment: &Segment) -> Option<Frame<'_>> {
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
