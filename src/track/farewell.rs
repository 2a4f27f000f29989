//! What becomes of all connections that are left when the input ends, told on two threads.
//!
//! Most captures are shorter than the time for which an ended connection still waits for late segments, so that nearly all
//! of their connections become final at once. Then nothing more is read, and a second thread is free to track what is
//! noted. The connections are taken in blocks, in turn by one thread and the other, and told in the order of their first
//! segments by the one that asks.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use super::ahead::{NEXT, SOON};
use super::connection::Connection;
use super::limits::LabelRules;
use super::notes::{Notes, Retrace};
use super::places::{Kept, Place};
use super::tracker::{ConnectionId, Tracker};
use crate::time::Timestamp;

/// Connections in a block: enough that a hand-over costs each of them little, and few enough that two blocks of them stay in
/// the second-level cache.
const BLOCK: usize = 128;

/// With fewer connections than these a thread takes longer to begin than it saves.
const WORTH_A_THREAD: usize = 16 * BLOCK;

/// Blocks that are told and wait.
const WAITING: usize = 2;

/// What is needed to tell what became of a connection.
struct Teller<'a> {
    notes: &'a Notes,
    rules: LabelRules,
    /// Up to when all of them were watched.
    until: Timestamp,
}

/// A block of connections on its way between the threads: those that were noted, told. Its room is used again.
#[derive(Default)]
struct Block {
    told: Vec<Connection>,
    count: usize,
}

type Left = (ConnectionId, Place);

impl Tracker {
    /// After [`finish`](Self::finish): gives all connections that are left to `take`, in order of first appearance, as
    /// [`next_final`](Self::next_final) would. Where they are many, a second thread helps if it `may_help`.
    ///
    /// # Errors
    /// What `take` returns; the rest is not told then.
    pub fn tell_rest<E>(
        &mut self,
        may_help: bool,
        mut take: impl FnMut(&Connection) -> Result<(), E>,
    ) -> Result<(), E> {
        if !may_help || self.rest.len() < WORTH_A_THREAD {
            while let Some(connection) = self.next_final() {
                take(connection)?;
            }
            return Ok(());
        }
        let left: Vec<Left> = std::mem::take(&mut self.rest).into_iter().rev().collect();
        let until = self.now;
        let (slab, notes) = self.places.apart();
        let teller = Teller {
            notes,
            rules: self.limits.labels,
            until,
        };
        let mut others = Retrace::new();
        let (teller, left, far) = (&teller, &left, &mut others);
        let near = &mut *self.retrace;
        let done = thread::scope(|scope| {
            let (told, to_take) = mpsc::sync_channel(WAITING);
            let (used, to_use) = mpsc::channel();
            let helper = thread::Builder::new()
                .name("teller".to_owned())
                .spawn_scoped(scope, move || teller.help(left, far, &to_use, &told));
            for (number, block) in left.chunks(BLOCK).enumerate() {
                // Without a second thread all blocks are this one's.
                let theirs = match &helper {
                    Ok(_) if number % 2 == 1 => to_take.recv().ok(),
                    _ => None,
                };
                let mut from_there = theirs.iter().flat_map(Block::connections);
                for (index, (_, place)) in block.iter().enumerate() {
                    match place.kept() {
                        Kept::Full(slot) => {
                            let connection = &mut slab[slot as usize];
                            connection.until = until;
                            take(connection)?;
                        }
                        Kept::Noted(place) => take(match from_there.next() {
                            Some(connection) => connection,
                            None => teller.tell(place, block, index, near),
                        })?,
                    }
                }
                if let Some(block) = theirs {
                    // A helper that has ended needs no more.
                    let _ = used.send(block);
                }
            }
            Ok(())
        });
        self.retrace.gaps += others.gaps;
        done
    }
}

impl Teller<'_> {
    /// Tells every other block of what is left, from the second on.
    fn help(
        &self,
        left: &[Left],
        retrace: &mut Retrace,
        to_use: &Receiver<Block>,
        told: &SyncSender<Block>,
    ) {
        for block in left.chunks(BLOCK).skip(1).step_by(2) {
            let mut room = to_use.try_recv().unwrap_or_default();
            room.count = 0;
            for (index, (_, place)) in block.iter().enumerate() {
                if let Kept::Noted(place) = place.kept() {
                    self.tell(place, block, index, retrace);
                    room.keep(retrace);
                }
            }
            if told.send(room).is_err() {
                return;
            }
        }
    }

    /// Fetches what is told soon from memory.
    fn fetch(&self, block: &[Left], index: usize) {
        let noted = |turns: usize| match block.get(index + turns)?.1.kept() {
            Kept::Noted(place) => Some(place),
            Kept::Full(_) => None,
        };
        if let Some(soon) = noted(SOON) {
            self.notes.fetch(soon);
        }
        if let Some(next) = noted(NEXT) {
            self.notes.fetch_all(next);
        }
    }

    /// What became of a connection that is noted, the one with this index of a block.
    fn tell<'r>(
        &self,
        place: u32,
        block: &[Left],
        index: usize,
        retrace: &'r mut Retrace,
    ) -> &'r Connection {
        self.fetch(block, index);
        self.notes.tell(place, self.rules, retrace);
        retrace.connection.until = self.until;
        &retrace.connection
    }
}

impl Block {
    /// Takes what was told.
    fn keep(&mut self, retrace: &mut Retrace) {
        match self.told.get_mut(self.count) {
            Some(room) => std::mem::swap(room, &mut retrace.connection),
            None => self.told.push(retrace.give()),
        }
        self.count += 1;
    }

    fn connections(&self) -> &[Connection] {
        &self.told[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::Flags;
    use crate::track::script::segment;
    use crate::track::{Change, Limits};

    const CONNECTIONS: u16 = 20 * BLOCK as u16 + 1;

    /// Some are looked at, some end, some do not go by the book, and some are nothing but SYNs.
    fn tracker() -> Tracker {
        let talk = [
            "0 > S 0+0 - 100",
            "1 < SA 0+0 1 100",
            "2 > A 1+0 1 100",
            "3 > PA 1+10 1 100",
            "4 > PA 1+10 1 100",
            "5 < A 1+0 11 100",
            "6 > FA 11+0 1 100",
            "7 < FA 1+0 12 100",
            "8 > A 12+0 2 100",
        ];
        let mut tracker = Tracker::new(Limits::default());
        let mut change = Change::default();
        let mut frame = 0;
        for port in 0..CONNECTIONS {
            let by_the_book = |line: &&&str| port % 5 < 3 || !line.starts_with('4');
            let lines = if port % 7 == 0 { 1 } else { talk.len() };
            for line in talk[..lines].iter().filter(by_the_book) {
                frame += 1;
                let (mut segment, _) = segment(line, frame, [1024 + port, 80]);
                segment
                    .flags
                    .set(Flags::URG, port % 11 == 0 && frame % 2 == 0);
                let hash = tracker.hash(&segment.tuple);
                if port % 3 == 0 {
                    tracker.segment_into(&segment, hash, &mut change);
                } else {
                    tracker.note(&segment, hash, &mut change);
                }
            }
        }
        tracker.finish();
        tracker
    }

    fn tell(connection: &Connection) -> String {
        format!(
            "{} {:?} {} {:?} {} {:?}",
            connection.id(),
            connection.verdict(),
            connection.history(),
            connection.frames(),
            connection.conn_state(),
            connection.longest_wait(),
        )
    }

    #[test]
    fn a_second_thread_changes_nothing() {
        let [alone, together] = [false, true].map(|may_help| {
            let mut told = Vec::new();
            let done: Result<(), ()> = tracker().tell_rest(may_help, |connection| {
                told.push(tell(connection));
                Ok(())
            });
            done.map(|()| told)
        });
        assert_eq!(alone.as_ref().map(Vec::len), Ok(usize::from(CONNECTIONS)));
        assert_eq!(alone, together);
    }

    #[test]
    fn whoever_has_enough_is_told_no_more() {
        let mut told = 0;
        let done = tracker().tell_rest(true, |_| {
            told += 1;
            if told == 500 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((told, done), (500, Err("enough")));
    }
}
