//! What Zeek remembers of one end.

use crate::tcp::{Flags, Segment, SeqNumber};

/// Numbers that are further away than this, on a SYN, a RST or as an acknowledgment of 0, are not believed.
const TOO_FAR: i32 = 1 << 20;

/// Behind this many bytes, a number cannot lie before the first one: half of the number space is near.
pub(in crate::track) const FAR: i32 = 1 << 30;

/// The states of an end in Zeek.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Nothing was seen from it.
    Inactive,
    /// It sent a SYN.
    SynSent,
    /// It sent a SYN-ACK, though it is the originator.
    SynAckSent,
    /// It was joined in the middle.
    Partial,
    /// Its SYN was answered, or it answered one.
    Established,
    /// It sent a FIN.
    Closed,
    /// It sent a RST.
    Reset,
}

bitflags::bitflags! {
    /// What was seen from one end.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub(in crate::track) struct Marks: u16 {
        const SYN = 1;
        const FIN = 1 << 1;
        const RST = 1 << 2;
        const DATA = 1 << 3;
        const ACK = 1 << 4;
        const FIN_RST = 1 << 5;
        const MANY = 1 << 6;
        /// A FIN takes one number off its size, also one that came with other control bits.
        const FIN_COUNTED = 1 << 7;
        /// There are bytes above a hole.
        const HOLE = 1 << 8;
        /// It sent so much that numbers cannot be compared with its first one any more.
        const FAR = 1 << 9;
    }
}

/// One end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct End {
    /// The number of its SYN, or what it would have been.
    pub(super) start: SeqNumber,
    pub(super) last: SeqNumber,
    /// The highest acknowledgment of what it sent.
    pub(super) highest_ack: SeqNumber,
    /// Where its last FIN stood.
    pub(super) fin_at: SeqNumber,
    /// The number after its last FIN.
    pub(super) after_fin: SeqNumber,
    /// Where its last RST stood.
    pub(super) rst_at: SeqNumber,
    pub(super) contiguous: SeqNumber,
    above_hole: SeqNumber,
    /// Segments that did not advance.
    pub(super) repeats: u16,
    /// Segments with a window of zero.
    pub(super) zero_windows: u16,
    /// Gaps in what it sent.
    pub(super) gaps: u16,
    /// What was seen from it.
    pub(super) marks: Marks,
    /// Its state.
    pub(super) state: State,
    /// Its state before this one.
    pub(super) before: State,
}

impl End {
    pub(super) fn new() -> Self {
        let zero = SeqNumber(0);
        Self {
            start: zero,
            last: zero,
            highest_ack: zero,
            fin_at: zero,
            after_fin: zero,
            rst_at: zero,
            contiguous: zero,
            above_hole: zero,
            repeats: 0,
            zero_windows: 0,
            gaps: 0,
            marks: Marks::empty(),
            state: State::Inactive,
            before: State::Inactive,
        }
    }

    pub(super) fn set(&mut self, state: State) {
        if self.state != state {
            self.before = self.state;
            self.state = state;
        }
    }

    /// Where its numbering starts, as far as this segment says something about that.
    pub(super) fn begin(&mut self, segment: &Segment) {
        let syn = segment.flags.contains(Flags::SYN);
        match self.state {
            State::Inactive if !syn => {
                self.restart(segment.seq - 1, segment.seq);
                return;
            }
            State::Inactive | State::Established | State::Partial if syn => {}
            State::SynSent | State::SynAckSent if syn && segment.seq != self.start => {}
            State::Reset if syn && self.before == State::Inactive => {}
            _ => return,
        }
        self.restart(segment.seq, end_of(segment));
    }

    fn restart(&mut self, start: SeqNumber, last: SeqNumber) {
        self.start = start;
        self.highest_ack = start;
        self.last = last;
        self.contiguous = start + 1;
        self.marks -= Marks::HOLE | Marks::FAR;
    }

    /// Takes in an acknowledgment of what this end sent.
    pub(super) fn acknowledged(&mut self, segment: &Segment) {
        if self.state == State::Inactive {
            let start = segment.ack - 1;
            self.restart(start, start);
            self.highest_ack = segment.ack;
            return;
        }
        let ahead = segment.ack.distance(self.highest_ack);
        let broken = segment.ack.0 == 0 && ahead > TOO_FAR;
        if (self.marks.contains(Marks::FAR) || segment.ack.at_or_after(self.start))
            && !segment.flags.contains(Flags::RST)
            && ahead > 0
            && !broken
        {
            self.highest_ack = segment.ack;
        }
    }

    /// Takes in how far a segment of this end reaches. True when it has bytes and does not advance.
    pub(super) fn advance(&mut self, segment: &Segment) -> bool {
        let end = end_of(segment);
        let ahead = end.distance(self.last);
        let far = ahead.unsigned_abs() > TOO_FAR.unsigned_abs();
        if segment.flags.intersects(Flags::SYN | Flags::RST) && far {
            return false;
        }
        if segment.flags.contains(Flags::FIN) && self.last == self.start + 1 {
            self.last = end;
            return false;
        }
        if self.state == State::Reset {
            return false;
        }
        if ahead > 0 {
            self.last = end;
            return false;
        }
        segment.len > 0
    }

    /// Notes bytes for the search of gaps.
    pub(super) fn keep(&mut self, segment: &Segment) {
        let before_start = !self.marks.contains(Marks::FAR) && segment.seq.before(self.start);
        if segment.len == 0 || segment.flags.contains(Flags::RST) || before_start {
            return;
        }
        let first = segment.seq + u32::from(segment.flags.contains(Flags::SYN));
        let end = first + segment.len;
        if first.after(self.contiguous) {
            if !self.marks.contains(Marks::HOLE) || first.before(self.above_hole) {
                self.above_hole = first;
                self.marks |= Marks::HOLE;
            }
            return;
        }
        self.contiguous = self.contiguous.max(end);
        self.close_hole();
        self.look_back();
    }

    fn close_hole(&mut self) {
        if self.marks.contains(Marks::HOLE) && self.contiguous.at_or_after(self.above_hole) {
            let fin =
                u32::from(self.marks.contains(Marks::FIN_COUNTED) && self.last == self.after_fin);
            self.contiguous = self.contiguous.max(self.last - fin);
            self.marks -= Marks::HOLE;
        }
    }

    /// Notes when the first number is far behind.
    fn look_back(&mut self) {
        if self.contiguous.distance(self.start) > FAR {
            self.marks |= Marks::FAR;
        }
    }

    /// Forgets what is acknowledged. True when some of it was never seen.
    pub(super) fn trim(&mut self, ack: SeqNumber, partial: bool) -> bool {
        let mut up_to = ack;
        if self.marks.contains(Marks::FIN_COUNTED) && up_to.at_or_after(self.after_fin) {
            up_to = self.after_fin - 1;
        }
        let first_of_partial =
            partial && !self.marks.contains(Marks::FAR) && up_to.distance(self.start) <= 2;
        if self.state == State::Inactive || !up_to.after(self.contiguous) {
            return false;
        }
        let only_ends_seen = self.contiguous == self.start + 1
            && self.marks.intersects(Marks::FIN_COUNTED | Marks::RST);
        self.contiguous = up_to;
        self.close_hole();
        self.look_back();
        !first_of_partial && !only_ends_seen
    }

    /// Open, or closed after having been open.
    pub(super) fn is_orderly(&self) -> bool {
        self.state == State::Established
            || (self.state == State::Closed && self.before == State::Established)
    }

    /// Bytes it sent, or was acknowledged to have sent. Only whether it is 0 matters here.
    pub(super) fn size(&self, peer: &Self) -> u32 {
        let nothing_acked = self.highest_ack.distance(self.start) <= 1;
        if self.before == State::SynSent
            && self.state == State::Reset
            && peer.state == State::Inactive
            && !nothing_acked
        {
            return 0;
        }
        let size = self.last.max(self.highest_ack).relative_to(self.start);
        let fin = u32::from(self.marks.contains(Marks::FIN_COUNTED));
        size.saturating_sub(1).saturating_sub(fin)
    }
}

/// The number after a segment; the bytes of a RST do not count.
fn end_of(segment: &Segment) -> SeqNumber {
    if segment.flags.contains(Flags::RST) {
        segment.seq + segment.seq_len().wrapping_sub(segment.len)
    } else {
        segment.seq_end()
    }
}
