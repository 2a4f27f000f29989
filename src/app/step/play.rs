//! What is stepped through, and how far: connections, their beats, and the place between two of them.
//!
//! Beats are kept as they were told, not told again: going back shows what was there before.

use std::collections::{HashMap, VecDeque};

use crate::explain;
use crate::render::stage::{Act, Beat, What};
use crate::tcp::Side;

/// Beats that are kept of a live capture, which may go on for days; older ones cannot be gone back to. A lecture has some
/// hundreds, and 10 000 are about 20 MB.
pub(super) const KEPT: usize = 10_000;

/// Connections and beats in the order in which they are shown.
#[derive(Debug, Default)]
pub(super) struct Play {
    acts: HashMap<usize, Act>,
    begun: usize,
    beats: VecDeque<Beat>,
    /// Beats that are not kept any more, by connection.
    forgotten: HashMap<usize, u64>,
    gone: u64,
    /// Packets among them.
    packets_gone: u64,
    /// Beats that were revealed.
    shown: usize,
    /// The next beat is asked for.
    asking: bool,
    /// Every beat is asked for before it is shown.
    asks: bool,
}

impl Play {
    /// Nothing yet. `asks`: before each beat there is a question.
    pub(super) fn new(asks: bool) -> Self {
        Self {
            asks,
            ..Self::default()
        }
    }

    /// A connection that begins; gives its number.
    pub(super) fn begin(&mut self, act: Act) -> usize {
        let number = self.begun;
        self.acts.insert(number, act);
        self.begun += 1;
        number
    }

    /// What is known of a connection now.
    pub(super) fn know(&mut self, act: usize, frame: u64) {
        if let Some(act) = self.acts.get_mut(&act) {
            act.highest_frame = act.highest_frame.max(frame);
        }
    }

    /// A beat that can be revealed from now on.
    pub(super) fn add(&mut self, mut beat: Beat) {
        if self.asks
            && let Some(phase) = &mut beat.phase
        {
            // `open: three-way handshake, 34 µs` answers questions that were not asked yet.
            let short = explain::short_heading(phase).len();
            phase.truncate(short);
        }
        self.beats.push_back(beat);
    }

    /// Beats that were told so far.
    pub(super) fn told(&self) -> u64 {
        self.gone + self.beats.len() as u64
    }

    /// Beats that were revealed so far.
    pub(super) fn at(&self) -> u64 {
        self.gone + self.shown as u64
    }

    /// Packets that were revealed so far, and those that were told.
    pub(super) fn packets(&self) -> (u64, u64) {
        let count = |beats: &mut dyn Iterator<Item = &Beat>| beats.map(Beat::packets).sum::<u64>();
        let shown = count(&mut self.beats.iter().take(self.shown));
        let waiting = count(&mut self.beats.iter().skip(self.shown));
        let at = self.packets_gone + shown;
        (at, at + waiting)
    }

    /// Beats that are held back.
    pub(super) fn waiting(&self) -> usize {
        self.beats.len() - self.shown
    }

    /// Whether the next beat is asked for.
    pub(super) fn asking(&self) -> bool {
        self.asking
    }

    /// The beat that was revealed last.
    pub(super) fn current(&self) -> Option<&Beat> {
        self.shown.checked_sub(1).and_then(|at| self.beats.get(at))
    }

    /// The one that comes next.
    pub(super) fn following(&self) -> Option<&Beat> {
        self.beats.get(self.shown)
    }

    /// Reveals, or asks; false where nothing follows.
    pub(super) fn next(&mut self) -> bool {
        if self.waiting() == 0 {
            return false;
        }
        // What a program does next is no question about TCP.
        if self.asks_for(self.following()) && !self.asking {
            self.asking = true;
            return true;
        }
        self.asking = false;
        self.shown += 1;
        true
    }

    /// Undoes what [`next`](Self::next) did; false at the beginning.
    pub(super) fn back(&mut self) -> bool {
        if self.asking {
            self.asking = false;
            return true;
        }
        if self.shown == 0 {
            return false;
        }
        self.shown -= 1;
        self.asking = self.asks_for(self.following());
        true
    }

    /// Whether a beat is asked for before it is shown.
    fn asks_for(&self, beat: Option<&Beat>) -> bool {
        self.asks && !beat.is_some_and(|beat| matches!(beat.what, What::Call(_)))
    }

    /// To before the first beat that is kept.
    pub(super) fn restart(&mut self) {
        self.shown = 0;
        self.asking = false;
    }

    /// To the last beat.
    pub(super) fn last(&mut self) {
        self.shown = self.beats.len();
        self.asking = false;
    }

    /// The connection on the screen.
    pub(super) fn act(&self) -> Option<(usize, &Act)> {
        let beat = if self.asking {
            self.following()
        } else {
            self.current().or_else(|| self.following())
        };
        let index = beat?.act;
        self.acts.get(&index).map(|act| (index, act))
    }

    /// The revealed beats of a connection, and how many before them are not kept.
    pub(super) fn revealed(&self, act: usize) -> (Vec<&Beat>, u64) {
        let beats = self.beats.iter().take(self.shown);
        let forgotten = self.forgotten.get(&act).copied().unwrap_or(0);
        (beats.filter(|beat| beat.act == act).collect(), forgotten)
    }

    /// Lets go of the oldest revealed beats when there are too many.
    pub(super) fn forget(&mut self) {
        while self.shown > KEPT
            && let Some(beat) = self.beats.pop_front()
        {
            self.shown -= 1;
            self.gone += 1;
            self.packets_gone += beat.packets();
            *self.forgotten.entry(beat.act).or_default() += 1;
            if matches!(beat.what, What::End(_)) {
                self.acts.remove(&beat.act);
                self.forgotten.remove(&beat.act);
            }
            if let Some(act) = self.acts.get_mut(&beat.act) {
                for (state, side) in act.before.iter_mut().zip([Side::Client, Side::Server]) {
                    *state = beat.state(side).or(*state);
                }
            }
        }
    }
}
