//! Who owed the next byte, and for how long.
//!
//! An exchange is a request's last byte, its acknowledgment, and the reply's first byte. An acknowledgment that comes
//! quickly and a reply that comes late point at the program; a late acknowledgment points at the path or the capture
//! point. What an end owes can only be guessed from outside: after bytes of the client the server owes a reply; after a
//! reply nobody owes anything; a server that speaks first is owed a reply by the client; and after one end's FIN the
//! other owes its own.

use super::connection::LongestWait;
use crate::tcp::Side;
use crate::time::{Span, Timestamp};

/// A pause within one end's own bytes that says "I did not wait for a reply": such a protocol is one-way, and a missing
/// reply is no silence. As long as the shortest silence that counts as trouble.
const ONE_WAY_PAUSE: Span = Span::from_secs(1);

/// What ended a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EndedBy {
    /// The end that owed sent bytes or its FIN.
    Reply,
    /// The end that was owed gave up: its FIN, or an RST of either end.
    GaveUp,
    /// Nothing; it goes on when the capture ends.
    Nothing,
}

/// A wait that is over, or that is looked at while it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wait {
    pub(super) lasted: Span,
    pub(super) from_frame: u64,
    pub(super) to_frame: u64,
    /// From its beginning to the acknowledgment of what began it.
    pub(super) acknowledged: Option<Span>,
    pub(super) owed_by: Side,
    pub(super) ended_by: EndedBy,
    /// It began with payload, not with a bare FIN.
    pub(super) for_data: bool,
}

/// The latest bytes, or FIN, of either end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Turn {
    pub(super) frame: u64,
    pub(super) time: Timestamp,
    acknowledged: Option<Span>,
    pub(super) side: Side,
    owes: Option<Side>,
    for_data: bool,
}

/// The waits of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    pub(super) turn: Option<Turn>,
    /// The longest of all in which somebody owed something.
    longest: Option<Wait>,
    /// Which ends sent on after a pause without having got a reply.
    one_way: [bool; 2],
    spoke: [bool; 2],
    finished: [bool; 2],
}

/// New bytes or a FIN of one end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speech {
    pub(super) side: Side,
    pub(super) bytes: bool,
    pub(super) fin: bool,
    /// The other end's window was closed since the last bytes.
    pub(super) held_back: bool,
    pub(super) frame: u64,
    pub(super) time: Timestamp,
}

impl Waits {
    /// One end sends new bytes or its FIN. Returns the wait that this ends, where somebody owed something. Where the
    /// opening was not seen, neither was who spoke first.
    #[inline]
    pub(super) fn speak(&mut self, speech: Speech, opening_seen: bool) -> Option<Wait> {
        let side = speech.side;
        // Within a burst nothing was waited for; only a change of turn or a pause is looked at.
        let ended = self
            .turn
            .filter(|turn| {
                turn.side != side || speech.fin || speech.time - turn.time >= ONE_WAY_PAUSE
            })
            .and_then(|turn| self.end_turn(turn, speech));
        self.spoke[side as usize] |= speech.bytes;
        self.finished[side as usize] |= speech.fin;
        self.turn = Some(Turn {
            side,
            owes: self.owed_after(speech, opening_seen),
            for_data: speech.bytes,
            frame: speech.frame,
            time: speech.time,
            acknowledged: None,
        });
        self.keep(ended)
    }

    fn end_turn(&mut self, turn: Turn, speech: Speech) -> Option<Wait> {
        let same = turn.side == speech.side;
        if same && !speech.fin && speech.held_back {
            return Some(turn.wait(!speech.side, EndedBy::Reply, speech.time, speech.frame));
        }
        if same && !speech.fin {
            self.one_way[turn.side as usize] |= turn.owes.is_some();
            return None;
        }
        let ended_by = if same {
            EndedBy::GaveUp
        } else {
            EndedBy::Reply
        };
        Some(turn.wait(turn.owes?, ended_by, speech.time, speech.frame))
    }

    /// Who owes something after this.
    fn owed_after(&self, speech: Speech, opening_seen: bool) -> Option<Side> {
        let other = !speech.side;
        if self.finished[other as usize] {
            return None;
        }
        // A reply is owed to the end that asks: the client, or a server that speaks before the client ever did.
        let greets = !self.spoke[other as usize] && opening_seen;
        let asks = speech.fin || speech.side == Side::Client || greets;
        asks.then_some(other)
    }

    /// The peer of whoever spoke last acknowledged all of it.
    #[inline]
    pub(super) fn acknowledged(&mut self, by: Side, time: Timestamp) {
        if let Some(turn) = &mut self.turn
            && turn.side != by
            && turn.acknowledged.is_none()
        {
            turn.acknowledged = Some(time - turn.time);
        }
    }

    /// An RST ends the conversation.
    pub(super) fn reset(&mut self, frame: u64, time: Timestamp) -> Option<Wait> {
        let turn = self.turn.take()?;
        self.keep(Some(turn.wait(turn.owes?, EndedBy::GaveUp, time, frame)))
    }

    fn keep(&mut self, wait: Option<Wait>) -> Option<Wait> {
        if longer(wait, self.longest) {
            self.longest = wait;
        }
        wait
    }

    /// The longest wait, with the one that still goes on.
    pub(super) fn longest(&self, last_frame: u64, until: Timestamp) -> Option<LongestWait> {
        let pending = self.pending(last_frame, until);
        let longest = if longer(pending, self.longest) {
            pending
        } else {
            self.longest
        }?;
        Some(LongestWait {
            owed_by: Some(longest.owed_by),
            lasted: longest.lasted,
            from_frame: longest.from_frame,
            to_frame: longest.to_frame,
            acknowledged: longest.acknowledged,
        })
    }

    /// The wait that goes on `until` the end of what is known.
    pub(super) fn pending(&self, last_frame: u64, until: Timestamp) -> Option<Wait> {
        let turn = self.turn?;
        Some(turn.wait(turn.owes?, EndedBy::Nothing, until, last_frame))
    }

    /// Whether `side` ever sent bytes.
    pub(super) fn spoke(&self, side: Side) -> bool {
        self.spoke[side as usize]
    }

    /// Whether `side` showed that it expects no replies.
    pub(super) fn is_one_way(&self, side: Side) -> bool {
        self.one_way[side as usize]
    }
}

/// Whether `a` is the longer wait.
pub(super) fn longer(a: Option<Wait>, b: Option<Wait>) -> bool {
    a.map(|wait| wait.lasted) > b.map(|wait| wait.lasted)
}

impl Turn {
    fn wait(&self, owed_by: Side, ended_by: EndedBy, time: Timestamp, frame: u64) -> Wait {
        Wait {
            owed_by,
            ended_by,
            for_data: self.for_data,
            lasted: time - self.time,
            from_frame: self.frame,
            to_frame: frame,
            acknowledged: self.acknowledged,
        }
    }
}
