//! A source whose frames are also saved to a file, on the thread that reads them: nothing is copied, and what is not shown
//! because a terminal is slow is saved all the same.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::exit::ExitCode;
use super::failure::Failure;
use crate::capture::{Interface, Next, ReadError, SaveError, Saver, Source};

/// Passes frames on and saves them. Ends when the file cannot be written.
pub(crate) struct Saving {
    source: Box<dyn Source + Send>,
    /// `None` once the file is complete, or lost.
    saver: Option<Saver>,
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

/// Saves what `source` gives to a new file, if there is to be one.
pub(crate) fn saving(
    source: Box<dyn Source + Send>,
    path: Option<&Path>,
) -> Result<(Box<dyn Source + Send>, Problem), Failure> {
    let problem = Problem::default();
    let Some(path) = path else {
        return Ok((source, problem));
    };
    let saver = Saver::create(path).map_err(|error| Failure::new(ExitCode::Output, error))?;
    let saving = Saving {
        source,
        saver: Some(saver),
        problem: problem.clone(),
    };
    Ok((Box::new(saving), problem))
}

impl Source for Saving {
    fn next(&mut self) -> Result<Next<'_>, ReadError> {
        let Self {
            source,
            saver,
            problem,
        } = self;
        let Some(open) = saver else {
            return Ok(Next::End);
        };
        let (next, interfaces) = source.next_with_interfaces()?;
        let saved = match &next {
            Next::Frame(frame) => open.write(frame, interfaces, None),
            // Whoever looks at the file meanwhile finds everything that is shown.
            Next::Pause => open.flush(),
            Next::End => Ok(()),
        };
        if let Err(error) = saved {
            problem.set(error);
            *saver = None;
            return Ok(Next::End);
        }
        Ok(next)
    }

    fn interfaces(&self) -> &[Interface] {
        self.source.interfaces()
    }

    fn dropped(&self) -> u64 {
        self.source.dropped()
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.saver.take().map(Saver::finish) {
            self.problem.set(error);
        }
    }
}
