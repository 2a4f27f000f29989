//! A source whose frames are also saved to a file, on the thread that reads them: nothing is copied, and what is not shown
//! because a terminal is slow is saved all the same.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::exit::ExitCode;
use super::failure::Failure;
use super::results::Frames;
use super::sink::{Sink, Tracked};
use crate::capture::{FilterSet, Interface, Next, ReadError, SaveError, Source};
use crate::explain::Totals;
use crate::track::Connection;

/// The frames that are to be saved, by number: a bit each, so that ten million cost little more than a megabyte.
#[derive(Debug, Default)]
pub(crate) struct FrameSet {
    bits: Vec<u64>,
}

impl FrameSet {
    pub(crate) fn insert(&mut self, frame: u64) {
        let (word, bit) = (frame as usize / 64, frame % 64);
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << bit;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// Whether this frame and those after it are not in it, as far as whole words tell.
    fn end_before(&self, frame: u64) -> bool {
        frame as usize / 64 >= self.bits.len()
    }

    fn contains(&self, frame: u64) -> bool {
        let word = self.bits.get(frame as usize / 64);
        word.is_some_and(|word| word & (1 << (frame % 64)) != 0)
    }
}

/// Notes which frames are selected, for [`save_selected`]. It has to stand behind the selection.
#[derive(Debug, Default)]
pub(crate) struct Noting {
    pub(crate) frames: FrameSet,
    /// Somebody will ask for them.
    pub(crate) wanted: bool,
}

impl Sink for Noting {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        if self.wanted {
            self.frames.insert(tracked.segment.frame);
        }
        Ok(())
    }

    fn wants_segments(&self) -> bool {
        self.wanted
    }

    fn connection(&mut self, _connection: &Connection) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        Ok(())
    }
}

/// Saves the chosen frames of a source. Of a segment that came in IP fragments it is the last fragment that was chosen.
pub(crate) fn save_selected(
    mut source: Box<dyn Source + Send>,
    chosen: &FrameSet,
    mut frames: Frames,
) -> Result<(), Failure> {
    let failure = |error| Failure::new(ExitCode::Output, error);
    // How the input ends was reported by the pass that showed it.
    while let Ok((next, interfaces)) = source.next_with_interfaces() {
        match next {
            Next::Frame(frame) if chosen.contains(frame.number) => {
                frames.write(&frame, interfaces).map_err(failure)?;
            }
            // After an interrupt the rest of a file is long.
            Next::Frame(frame) if chosen.end_before(frame.number) => break,
            Next::Frame(_) | Next::Pause => {}
            Next::End => break,
        }
    }
    frames.finish().map_err(failure)
}

/// Passes frames on and saves them. Ends when the file cannot be written.
pub(crate) struct Saving {
    source: Box<dyn Source + Send>,
    /// `None` once the file is complete, or lost.
    frames: Option<Frames>,
    /// Only frames that match are saved; all are passed on.
    filter: Option<FilterSet>,
    problem: Problem,
}

/// What went wrong with the file, for the thread that reports it.
#[derive(Clone, Default)]
pub(crate) struct Problem(Arc<Mutex<Option<SaveError>>>);

impl Problem {
    /// The failure that ends the command.
    pub(crate) fn take(&self) -> Option<Failure> {
        let mut problem = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let error = problem.take()?;
        Some(Failure::new(ExitCode::Output, error))
    }

    fn set(&self, error: SaveError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// Saves what `source` gives, if there is a file for it.
pub(crate) fn saving(
    source: Box<dyn Source + Send>,
    frames: Frames,
    filter: Option<FilterSet>,
) -> (Box<dyn Source + Send>, Problem) {
    let problem = Problem::default();
    if !frames.are_wanted() {
        return (source, problem);
    }
    let saving = Saving {
        source,
        frames: Some(frames),
        filter,
        problem: problem.clone(),
    };
    (Box::new(saving), problem)
}

impl Source for Saving {
    fn next(&mut self) -> Result<Next<'_>, ReadError> {
        let Self {
            source,
            frames,
            filter,
            problem,
        } = self;
        let Some(open) = frames else {
            return Ok(Next::End);
        };
        let (next, interfaces) = source.next_with_interfaces()?;
        let saved = match &next {
            Next::Frame(frame) if filter.as_mut().is_some_and(|only| !only.matches(frame)) => {
                Ok(())
            }
            Next::Frame(frame) => open.write(frame, interfaces),
            // Whoever looks at the file meanwhile finds everything that is shown.
            Next::Pause => open.flush(),
            Next::End => Ok(()),
        };
        if let Err(error) = saved {
            problem.set(error);
            *frames = None;
            return Ok(Next::End);
        }
        Ok(next)
    }

    fn interfaces(&self) -> &[Interface] {
        self.source.interfaces()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.source.progress()
    }

    fn held(&self) -> u64 {
        self.source.held()
    }

    fn dropped(&self) -> u64 {
        self.source.dropped()
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.frames.take().map(Frames::finish) {
            self.problem.set(error);
        }
    }
}
