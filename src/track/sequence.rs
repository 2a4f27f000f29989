//! The numbers one end has sent: how far, and which of them the capture did not see.

use arrayvec::ArrayVec;

use crate::tcp::SeqNumber;

/// Holes that are remembered for each direction. Bursts of loss leave one or two; when there are more, the oldest is
/// forgotten, and bytes that fill it later are taken for repeated.
const HOLES: usize = 3;

/// What one end sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    nxt: SeqNumber,
    /// Most connections never have one, so they lie elsewhere.
    holes: Option<Box<Holes>>,
}

/// From each left number up to, not including, the right one: not seen. In order.
type Holes = ArrayVec<(SeqNumber, SeqNumber), HOLES>;

/// What a segment's payload added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Taken {
    /// Bytes that were never seen before.
    pub(super) fresh: u32,
    /// Bytes before this segment that were skipped.
    pub(super) gap: u32,
    /// Some of the bytes lie in an earlier hole.
    pub(super) fills: bool,
}

impl Sent {
    /// Nothing yet; the next number is `nxt`.
    pub(super) fn from(nxt: SeqNumber) -> Self {
        Self { nxt, holes: None }
    }

    /// The number after the highest one sent.
    pub(super) fn nxt(&self) -> SeqNumber {
        self.nxt
    }

    /// Whether all numbers up to the next one were seen.
    pub(super) fn is_whole(&self) -> bool {
        self.holes.is_none()
    }

    /// Takes `len` bytes that begin at the next number. There are no holes.
    #[inline]
    pub(super) fn extend(&mut self, len: u32) {
        self.nxt = self.nxt + len;
    }

    /// Bytes it takes up on the heap.
    pub(super) fn heap(&self) -> usize {
        self.holes.as_ref().map_or(0, |_| size_of::<Holes>())
    }

    /// Takes `len` bytes that begin at `seq`.
    #[inline]
    pub(super) fn take(&mut self, seq: SeqNumber, len: u32) -> Taken {
        let mut taken = Taken::default();
        let end = seq + len;
        let ahead = seq.distance(self.nxt);
        if ahead > 0 {
            taken.gap = ahead.unsigned_abs();
            let holes = self.holes.get_or_insert_default();
            if holes.is_full() {
                holes.remove(0);
            }
            holes.push((self.nxt, seq));
            self.nxt = seq;
        } else if ahead < 0 && len > 0 {
            taken.fresh = self.fill(seq, end);
            taken.fills = taken.fresh > 0;
        }
        let beyond = end.distance(self.nxt);
        if len > 0 && beyond > 0 {
            taken.fresh = beyond.unsigned_abs().saturating_add(taken.fresh);
            self.nxt = end;
        }
        taken
    }

    /// Moves the next number on without bytes: a FIN.
    pub(super) fn advance(&mut self, nxt: SeqNumber) {
        self.nxt = self.nxt.max(nxt);
    }

    /// The peer has everything before `ack`. Returns how many of those bytes the capture never saw.
    #[inline]
    pub(super) fn acknowledge(&mut self, ack: SeqNumber) -> u32 {
        let mut unseen = match self.holes {
            Some(_) => self.close(ack),
            None => 0,
        };
        let beyond = ack.distance(self.nxt);
        if beyond > 0 {
            unseen = beyond.unsigned_abs().saturating_add(unseen);
            self.nxt = ack;
        }
        unseen
    }

    /// Forgets holes before `ack`, and returns how many bytes they had.
    fn close(&mut self, ack: SeqNumber) -> u32 {
        let Some(holes) = &mut self.holes else {
            return 0;
        };
        let mut unseen = 0;
        while let Some((left, right)) = holes.first_mut() {
            if ack.at_or_before(*left) {
                return unseen;
            }
            if ack.before(*right) {
                unseen = ack.relative_to(*left).saturating_add(unseen);
                *left = ack;
                return unseen;
            }
            unseen = right.relative_to(*left).saturating_add(unseen);
            holes.remove(0);
        }
        self.holes = None;
        unseen
    }

    /// Bytes of `seq` to `end` that lie in holes; they are holes no more.
    fn fill(&mut self, seq: SeqNumber, end: SeqNumber) -> u32 {
        let Some(holes) = &mut self.holes else {
            return 0;
        };
        let mut filled = 0;
        let mut left_over = ArrayVec::<(SeqNumber, SeqNumber), { HOLES + 1 }>::new();
        for &(left, right) in holes.iter() {
            let from = left.max(seq);
            let to = if end.before(right) { end } else { right };
            if !from.before(to) {
                let _ = left_over.try_push((left, right));
                continue;
            }
            filled = to.relative_to(from).saturating_add(filled);
            if left.before(from) {
                let _ = left_over.try_push((left, from));
            }
            if to.before(right) {
                let _ = left_over.try_push((to, right));
            }
        }
        let surplus = left_over.len().saturating_sub(HOLES);
        if left_over.is_empty() {
            self.holes = None;
        } else {
            **holes = left_over.into_iter().skip(surplus).collect();
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(fresh: u32, gap: u32, fills: bool) -> Taken {
        Taken { fresh, gap, fills }
    }

    #[test]
    fn each_byte_counts_once_across_the_wrap() {
        let start = SeqNumber(u32::MAX - 4);
        let mut sent = Sent::from(start);
        assert_eq!(sent.take(start, 10), taken(10, 0, false));
        assert_eq!(sent.take(start, 10), taken(0, 0, false));
        assert_eq!(sent.take(start + 5, 10), taken(5, 0, false));
        assert_eq!(sent.nxt(), start + 15);
    }

    #[test]
    fn a_late_segment_fills_its_hole() {
        let mut sent = Sent::from(SeqNumber(1));
        assert_eq!(sent.take(SeqNumber(101), 100), taken(100, 100, false));
        assert_eq!(sent.take(SeqNumber(21), 30), taken(30, 0, true));
        assert_eq!(sent.take(SeqNumber(1), 100), taken(70, 0, true));
        assert_eq!(sent.take(SeqNumber(1), 100), taken(0, 0, false));
    }

    #[test]
    fn an_acknowledged_hole_was_missed_by_the_capture() {
        let mut sent = Sent::from(SeqNumber(1));
        sent.take(SeqNumber(101), 100);
        assert_eq!(sent.acknowledge(SeqNumber(51)), 50);
        assert_eq!(sent.acknowledge(SeqNumber(301)), 50 + 100);
        assert_eq!(sent.nxt(), SeqNumber(301));
    }
}
