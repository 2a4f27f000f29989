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
    pub(super) owed_by: Option<Side>,
    pub(super) ended_by: EndedBy,
    /// It began with payload, not with a bare FIN.
    pub(super) for_data: bool,
    pub(super) lasted: Span,
    pub(super) from_frame: u64,
    pub(super) to_frame: u64,
    /// From its beginning to the acknowledgment of what began it.
    pub(super) acknowledged: Option<Span>,
}

/// The latest bytes, or FIN, of either end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Turn {
    pub(super) side: Side,
    owes: Option<Side>,
    for_data: bool,
    pub(super) frame: u64,
    pub(super) time: Timestamp,
    acknowledged: Option<Span>,
}

/// The waits of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    pub(super) turn: Option<Turn>,
    /// The longest of all in which somebody owed something.
    longest: Option<Wait>,
    /// The longest after payload in which the same end owed a reply; by the end that owed it.
    silent: [Option<Wait>; 2],
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
    /// One end sends new bytes or its FIN.
    #[inline]
    pub(super) fn speak(&mut self, speech: Speech) {
        let side = speech.side;
        if let Some(turn) = self.turn {
            // Within a burst nothing was waited for; only a change of turn or a pause is looked at.
            if turn.side != side || speech.fin || speech.time - turn.time >= ONE_WAY_PAUSE {
                self.end_turn(turn, speech);
            }
        }
        self.spoke[side as usize] |= speech.bytes;
        self.finished[side as usize] |= speech.fin;
        self.turn = Some(Turn {
            side,
            owes: self.owed_after(side, speech.fin),
            for_data: speech.bytes,
            frame: speech.frame,
            time: speech.time,
            acknowledged: None,
        });
    }

    fn end_turn(&mut self, turn: Turn, speech: Speech) {
        let continues = turn.side == speech.side && !speech.fin;
        if continues && speech.held_back {
            let wait = turn.wait(
                Some(!speech.side),
                EndedBy::Reply,
                speech.time,
                speech.frame,
            );
            self.keep(wait);
            return;
        }
        if continues {
            self.one_way[turn.side as usize] |= turn.owes.is_some();
            return;
        }
        let ended_by = if turn.side == speech.side {
            EndedBy::GaveUp
        } else {
            EndedBy::Reply
        };
        self.keep(turn.wait(turn.owes, ended_by, speech.time, speech.frame));
    }

    /// Who owes something after `side` spoke.
    fn owed_after(&self, side: Side, fin: bool) -> Option<Side> {
        let other = !side;
        if self.finished[other as usize] {
            return None;
        }
        // A reply is owed to the end that asks: the client, or a server that speaks before the client ever did.
        let asks = fin || side == Side::Client || !self.spoke[other as usize];
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
    pub(super) fn reset(&mut self, frame: u64, time: Timestamp) {
        if let Some(turn) = self.turn.take() {
            self.keep(turn.wait(turn.owes, EndedBy::GaveUp, time, frame));
        }
    }

    fn keep(&mut self, wait: Wait) {
        let Some(owed_by) = wait.owed_by else {
            return;
        };
        if self
            .longest
            .is_none_or(|longest| wait.lasted > longest.lasted)
        {
            self.longest = Some(wait);
        }
        let silent = &mut self.silent[owed_by as usize];
        if wait.for_data && silent.is_none_or(|silent| wait.lasted > silent.lasted) {
            *silent = Some(wait);
        }
    }

    /// The longest wait, with the one that still goes on.
    pub(super) fn longest(&self, last_frame: u64, until: Timestamp) -> Option<LongestWait> {
        let pending = self
            .pending(last_frame, until)
            .filter(|wait| wait.owed_by.is_some());
        let longest = later_if_longer(self.longest, pending)?;
        Some(LongestWait {
            owed_by: longest.owed_by,
            lasted: longest.lasted,
            from_frame: longest.from_frame,
            to_frame: longest.to_frame,
            acknowledged: longest.acknowledged,
        })
    }

    /// The longest wait for a reply of `side`, unless its peer showed that it expects none.
    pub(super) fn silence(&self, side: Side, last_frame: u64, until: Timestamp) -> Option<Wait> {
        if self.one_way[!side as usize] {
            return None;
        }
        let pending = self
            .pending(last_frame, until)
            .filter(|wait| wait.owed_by == Some(side) && wait.for_data);
        later_if_longer(self.silent[side as usize], pending)
    }

    fn pending(&self, last_frame: u64, until: Timestamp) -> Option<Wait> {
        let turn = self.turn?;
        Some(turn.wait(turn.owes, EndedBy::Nothing, until, last_frame))
    }
}

fn later_if_longer(kept: Option<Wait>, pending: Option<Wait>) -> Option<Wait> {
    match (kept, pending) {
        (Some(kept), Some(pending)) if pending.lasted > kept.lasted => Some(pending),
        (None, pending) => pending,
        (kept, _) => kept,
    }
}

impl Turn {
    fn wait(&self, owed_by: Option<Side>, ended_by: EndedBy, time: Timestamp, frame: u64) -> Wait {
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
