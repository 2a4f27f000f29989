//! Packets between the thread that empties the kernel's ring and whoever analyses them.
//!
//! The ring alone cannot bridge a pause of the analysis: the kernel closes a block every millisecond, full or not, so
//! that 128 quiet packets can fill 64 MiB. Here packets lie side by side, and a slow reader costs nothing until the limit.
//! Whole batches change hands, and their memory goes round: a packet is copied out of the ring and not again.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::batch::Batch;

/// Memory for packets that nobody has taken yet. When it is used up the ring fills, and then the kernel drops and counts.
pub(super) const LIMIT: usize = 64 * 1024 * 1024;
/// Batches smaller than this are put together while they wait.
const SMALL: usize = 256 * 1024;
/// A batch that grew beyond this in a burst gives its memory back.
const USUAL: usize = 1024 * 1024;
/// Batches that are kept for the next packets, with those that wait: fresh memory costs more than copying into it.
const KEPT: usize = LIMIT / USUAL;
/// Empty batches that are kept while no packets come.
const SPARE: usize = 4;

/// What comes out.
pub(super) enum Taken {
    /// The batch has packets now.
    Packets,
    /// Nothing came in the given time.
    Nothing,
    /// Nothing comes any more; why, when that was not by request.
    End(Option<io::Error>),
}

/// Two threads meet here: one puts batches in, one takes everything there is.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is something to take, or never will be.
    filled: Condvar,
    /// There is room again, or nobody needs it.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Batch>,
    /// Memory that they occupy.
    size: usize,
    spare: Vec<Batch>,
    /// Who waits is woken; telling nobody would cost a system call all the same.
    waits: Option<End>,
    ended: bool,
    error: Option<io::Error>,
    /// Nobody takes packets any more.
    abandoned: bool,
    dropped: u64,
}

/// One of the two threads. They never wait both: one does for a queue that is not empty, the other for one that is not full.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Taker,
    Giver,
}

impl Queue {
    /// Puts all packets of a batch in, and empties it. Waits while the queue is full; false when nobody takes any more.
    pub(super) fn put(&self, batch: &mut Batch) -> bool {
        let mut state = self.lock();
        while state.size > LIMIT && !state.abandoned {
            state.waits = Some(End::Giver);
            state = self
                .emptied
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.size += batch.size();
        match state.waiting.back_mut() {
            Some(last) if last.size() + batch.size() <= SMALL => last.append(batch),
            _ if batch.len() == 0 => {}
            _ => {
                let empty = state.spare.pop().unwrap_or_default();
                state.waiting.push_back(std::mem::replace(batch, empty));
            }
        }
        batch.clear();
        let abandoned = state.abandoned;
        self.wake(state, End::Taker);
        !abandoned
    }

    /// Takes a batch in exchange for a used-up one, waiting at most `patience` for something.
    pub(super) fn take(&self, batch: &mut Batch, patience: Duration) -> Taken {
        batch.clear();
        batch.shrink_to(USUAL);
        let mut state = self.lock();
        if state.has_nothing() && !patience.is_zero() {
            (state, _) = self
                .filled
                .wait_timeout_while(state, patience, |state| {
                    let waits = state.has_nothing();
                    if waits {
                        state.waits = Some(End::Taker);
                    }
                    waits
                })
                .unwrap_or_else(PoisonError::into_inner);
            state.stop_waiting(End::Taker);
        }
        if let Some(first) = state.waiting.pop_front() {
            state.size -= first.size();
            let used_up = std::mem::replace(batch, first);
            if state.spare.len() + state.waiting.len() < KEPT {
                state.spare.push(used_up);
            }
            self.wake(state, End::Giver);
            return Taken::Packets;
        }
        if state.ended {
            return Taken::End(state.error.take());
        }
        if !patience.is_zero() {
            state.spare.truncate(SPARE);
        }
        Taken::Nothing
    }

    /// Nothing comes any more.
    pub(super) fn end(&self, error: Option<io::Error>) {
        let mut state = self.lock();
        state.ended = true;
        state.error = error;
        self.wake(state, End::Taker);
    }

    /// Nobody takes any more.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        self.wake(state, End::Giver);
    }

    /// Wakes this one if it waits. Gives the lock back first: who is woken would only wait for it.
    fn wake(&self, mut state: MutexGuard<'_, State>, end: End) {
        let waits = state.stop_waiting(end);
        drop(state);
        if waits {
            match end {
                End::Taker => self.filled.notify_one(),
                End::Giver => self.emptied.notify_one(),
            }
        }
    }

    pub(super) fn set_dropped(&self, dropped: u64) {
        self.lock().dropped = dropped;
    }

    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// A thread that panicked left the state whole: no invariant spans two statements.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_nothing(&self) -> bool {
        self.waiting.is_empty() && !self.ended
    }

    /// Whether this one was waiting.
    fn stop_waiting(&mut self, end: End) -> bool {
        let waits = self.waits == Some(end);
        if waits {
            self.waits = None;
        }
        waits
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::time::Timestamp;

    fn packet(len: usize) -> Batch {
        let mut batch = Batch::default();
        batch.push(Timestamp::default(), len as u32, &vec![0; len]);
        batch
    }

    #[test]
    fn packets_gather_while_nobody_takes_them() {
        let queue = Queue::default();
        for _ in 0..1000 {
            assert!(queue.put(&mut packet(60)));
        }
        let mut batch = Batch::default();
        assert!(matches!(
            queue.take(&mut batch, Duration::ZERO),
            Taken::Packets
        ));
        assert_eq!(batch.len(), 1000);
        assert!(matches!(
            queue.take(&mut batch, Duration::ZERO),
            Taken::Nothing
        ));
        queue.end(None);
        assert!(matches!(
            queue.take(&mut batch, Duration::ZERO),
            Taken::End(None)
        ));
    }

    #[test]
    fn a_full_queue_waits_until_it_is_emptied_or_abandoned() {
        let queue = Arc::new(Queue::default());
        assert!(queue.put(&mut packet(LIMIT + 1)));
        let putting = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.put(&mut packet(60))
        });
        let mut batch = Batch::default();
        queue.take(&mut batch, Duration::ZERO);
        assert!(putting.join().expect("no panic"), "emptied");

        assert!(queue.put(&mut packet(LIMIT + 1)));
        let putting = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.put(&mut packet(60))
        });
        queue.abandon();
        assert!(!putting.join().expect("no panic"), "abandoned");
    }
}
