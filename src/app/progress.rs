//! How far a long run is, on a terminal's standard error and nowhere else: results never mix with it.
//!
//! One line is written over again and again. Above it stand the first connections in trouble, as soon as they are known:
//! whoever waits for a large capture can begin to think.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::explain::{Pace, first_trouble};
use crate::render::escape;
use crate::track::Connection;

/// A run that is over within this needs no progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// Time between two lines: slow enough to be read.
const BEAT: Duration = Duration::from_millis(250);

/// Connections in trouble that are told at once. More would be a table, and that comes at the end.
const FIRST: usize = 3;

/// What a terminal needs to begin its line anew.
const ANEW: &str = "\r\u{1b}[K";

/// The progress of one run.
#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
    next: Instant,
    /// A line of ours stands on the terminal.
    shown: bool,
    /// Connections in trouble that are still to be told.
    told: Vec<String>,
    untold: usize,
}

impl Progress {
    /// The progress of a run that begins now, if somebody can watch it: standard error is a terminal, and what is
    /// `written_meanwhile` does not run over the same one.
    pub(crate) fn watched(written_meanwhile: bool) -> Option<Self> {
        let watched =
            io::stderr().is_terminal() && !(written_meanwhile && io::stdout().is_terminal());
        let now = Instant::now();
        watched.then(|| Self {
            began: now,
            next: now + PATIENCE,
            shown: false,
            told: Vec::new(),
            untold: FIRST,
        })
    }

    /// How far the run is now. `read` are bytes of the input, so far and in all.
    pub(crate) fn tell(&mut self, packets: u64, read: Option<(u64, u64)>) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + BEAT;
        self.shown = true;
        let pace = Pace {
            read,
            packets,
            seconds: (now - self.began).as_secs_f64(),
        };
        let mut text = String::new();
        for line in self.told.drain(..) {
            text.push_str(ANEW);
            text.push_str(&line);
            text.push('\n');
        }
        text.push_str(ANEW);
        text.extend(pace.to_string().chars().take(columns()));
        write(&text);
    }

    /// A connection is final. The first ones in trouble are told with the next line.
    pub(crate) fn is_final(&mut self, connection: &Connection) {
        if self.untold == 0 {
            return;
        }
        if let Some(line) = first_trouble(connection) {
            self.untold -= 1;
            let line = escape::terminal(&line).into_owned();
            self.told.push(line.chars().take(columns()).collect());
        }
    }

    /// Leaves the terminal to others.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            write(ANEW);
        }
    }
}

impl Drop for Progress {
    /// Also where the run fails.
    fn drop(&mut self) {
        self.clear();
    }
}

/// One less than the terminal has, so that a line never wraps.
fn columns() -> usize {
    let size = terminal_size::terminal_size_of(io::stderr());
    size.map_or(79, |(width, _)| usize::from(width.0).saturating_sub(1))
}

fn write(text: &str) {
    // Nobody is left to be told that standard error is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
