//! The latest segments of one direction that took up sequence numbers: what a repeat repeats, what an ACK acknowledges.

use crate::tcp::{Segment, SeqNumber};
use crate::time::Timestamp;

/// Segments that are remembered in each direction. Enough for the flights of ordinary exchanges; in a bulk transfer an
/// older one is simply not named.
pub(in crate::track) const CAPACITY: usize = 16;

/// The same where memory is short.
const FEW: usize = 4;

/// One segment that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::track) struct Sent {
    pub(in crate::track) frame: u64,
    pub(in crate::track) time: Timestamp,
    pub(super) seq: SeqNumber,
    pub(super) end: SeqNumber,
    /// How often the timer made the sender send it.
    pub(super) timeouts: u16,
    /// How often it was sent before.
    pub(in crate::track) repeats: u16,
    /// Its IP identification, 0 where it has none.
    id: u16,
}

/// A ring of them. It grows on the heap as needed: most connections never send sixteen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::track) struct Ring {
    entries: Vec<Sent>,
    oldest: u32,
    /// It holds [`FEW`] at most.
    short: bool,
}

impl Ring {
    /// Adds a segment; the oldest one gives way.
    #[inline]
    pub(in crate::track) fn push(&mut self, segment: &Segment, repeats: u16, timeouts: u16) {
        let sent = Sent {
            frame: segment.frame,
            time: segment.time,
            seq: segment.seq,
            end: segment.seq_end(),
            timeouts,
            repeats,
            id: segment.ip.id.unwrap_or(0),
        };
        let capacity = if self.short { FEW } else { CAPACITY };
        if self.entries.len() < capacity {
            self.entries.push(sent);
        } else {
            self.entries[self.oldest as usize] = sent;
            self.oldest = (self.oldest + 1) % capacity as u32;
        }
    }

    /// The latest segment that carried any of `seq` up to `end`.
    pub(super) fn carrying(&self, seq: SeqNumber, end: SeqNumber) -> Option<&Sent> {
        self.latest()
            .find(|sent| sent.seq.before(end) && sent.end.after(seq))
    }

    /// Whether a segment is the very packet that `earlier` was: it has the same IP identification, and its sender gives each
    /// packet one of its own, as another packet shows.
    pub(super) fn is_same_packet(&self, segment: &Segment, earlier: &Sent) -> bool {
        segment.ip.id == Some(earlier.id)
            && earlier.id != 0
            && (segment.seq, segment.seq_end()) == (earlier.seq, earlier.end)
            && self
                .latest()
                .find(|sent| sent.seq != segment.seq)
                .is_some_and(|other| other.id != earlier.id)
    }

    /// The latest segment that ends at `end`.
    #[inline]
    pub(in crate::track) fn ending_at(&self, end: SeqNumber) -> Option<&Sent> {
        self.latest().find(|sent| sent.end == end)
    }

    /// The latest segment of all.
    pub(in crate::track) fn last(&self) -> Option<&Sent> {
        self.latest().next()
    }

    /// Forgets all but the latest few, and remembers no more from now on.
    pub(in crate::track) fn shorten(&mut self) {
        if self.short {
            return;
        }
        let mut kept = Vec::new();
        if !self.entries.is_empty() {
            kept.reserve_exact(FEW);
            kept.extend(self.latest().take(FEW).copied());
            kept.reverse();
        }
        *self = Self {
            entries: kept,
            oldest: 0,
            short: true,
        };
    }

    /// Takes it away, emptied: only its room is left.
    pub(in crate::track) fn emptied(&mut self) -> Self {
        let mut entries = std::mem::take(&mut self.entries);
        entries.clear();
        Self {
            entries,
            ..Self::default()
        }
    }

    /// Bytes it takes up on the heap.
    pub(in crate::track) fn heap(&self) -> usize {
        self.entries.capacity() * size_of::<Sent>()
    }

    fn latest(&self) -> impl Iterator<Item = &Sent> {
        let (newer, older) = self.entries.split_at(self.oldest as usize);
        newer.iter().rev().chain(older.iter().rev())
    }
}
