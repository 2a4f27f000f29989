//! The files that a command writes: opened before rights are given up, emptied when there is something to write.
//!
//! Comes in: the names after `-o` and `-w`. Goes out: an [`Output`] and [`Frames`] on files that are neither each other nor
//! the capture that is read, under whatever names.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::exit::ExitCode;
use super::failure::Failure;
use super::missing;
use super::output::{Later, Output};
use crate::capture::{Frame, Interface, SaveError, Saver, Unread};
use crate::privilege::{ResultFile, is_same_file};

/// Where results go. Files still have what was in them before.
pub(crate) struct Results<'a> {
    /// The file of `--output`; `None` for standard output.
    output: Option<Named<'a>>,
    /// The file of `--write`.
    frames: Option<Named<'a>>,
    /// What standard output is, where results go there.
    stdout: Option<Metadata>,
    spare: Spare,
}

/// An open file and how it was called.
struct Named<'a> {
    file: ResultFile,
    path: &'a Path,
}

impl<'a> Results<'a> {
    /// Opens what was asked for, and empties nothing.
    pub(crate) fn open(
        output: Option<&'a Path>,
        frames: Option<&'a Path>,
    ) -> Result<Self, Failure> {
        if output.or(frames).is_some() {
            take_limits_as_errors();
        }
        Ok(Self {
            stdout: if output.is_none() { stdout() } else { None },
            output: output.map(open_output).transpose()?,
            frames: frames.map(open_frames).transpose()?,
            spare: Spare::default(),
        })
    }

    /// Refuses to write two results to one file.
    pub(crate) fn spare_each_other(&self) -> Result<(), Failure> {
        let Some(frames) = &self.frames else {
            return Ok(());
        };
        let other = match &self.output {
            Some(output) => Some(output.file.facts()),
            None => self.stdout.as_ref(),
        };
        if !other.is_some_and(|other| is_same_file(frames.file.facts(), other)) {
            return Ok(());
        }
        let with = match &self.output {
            Some(output) => format!("-o {}", output.path.display()),
            None => "standard output".to_owned(),
        };
        Err(Failure::new(
            ExitCode::Usage,
            format_args!(
                "-w {} and {with} would overwrite each other: they are the same file",
                frames.path.display()
            ),
        )
        .hint("name another file after -w"))
    }

    /// Refuses to write where the capture is read from.
    pub(crate) fn spare(&self, input: &Unread) -> Result<(), Failure> {
        for (option, named) in [("-o", &self.output), ("-w", &self.frames)] {
            if let Some(named) = named
                && is_same_file(input.facts(), named.file.facts())
            {
                return Err(Failure::new(
                    ExitCode::Usage,
                    format_args!(
                        "{option} {} would overwrite the capture that is read: it is the same file",
                        named.path.display()
                    ),
                )
                .hint(format_args!("name a new file after {option}")));
            }
        }
        // With `>>` a shell would let us read what we have just written, for ever.
        let grows = self.stdout.as_ref();
        if grows.is_some_and(|stdout| is_same_file(input.facts(), stdout)) {
            return Err(Failure::new(
                ExitCode::Usage,
                "standard output would overwrite the capture that is read: it is the same file",
            )
            .hint("name a new file after -o"));
        }
        Ok(())
    }

    /// There is nothing to write because of this failure: files that were created are removed, or it is said that they are
    /// there.
    pub(crate) fn stay_empty(&mut self, failure: Failure) -> Failure {
        let named = self.output.iter_mut().chain(&mut self.frames);
        named.for_each(|named| self.spare.give_up(&mut named.file));
        self.spare.explains(failure)
    }

    /// There is something to write: what the files held before is gone from now on.
    pub(crate) fn begin(self) -> Result<(Output, Frames), Failure> {
        let output = match self.output {
            None => Output::stdout(),
            Some(Named { file, path }) => {
                Output::File(file.begin().map_err(|error| cannot_write(path, &error))?)
            }
        };
        let mut frames = Frames::of(self.frames, self.spare);
        frames
            .begin()
            .map_err(|error| Failure::new(ExitCode::Output, error))?;
        Ok((output, frames))
    }

    /// For saying that there was no result, once it is begun later.
    pub(crate) fn sparing(&self) -> Spare {
        self.spare.clone()
    }

    /// There may be nothing to write, which is known at the end. Until then the files keep what they hold.
    pub(crate) fn begin_later(self) -> (Output, Frames) {
        let output = match self.output {
            None => Output::stdout(),
            Some(Named { file, .. }) => {
                Output::Later(Box::new(Later::new(file, self.spare.clone())))
            }
        };
        (output, Frames::of(self.frames, self.spare))
    }
}

/// Says that there was no result, so that files to which nothing was written keep what they hold.
#[derive(Clone, Default)]
pub(crate) struct Spare(Arc<Spared>);

#[derive(Default)]
struct Spared {
    is_set: AtomicBool,
    /// Files that were created for a result, and cannot be removed from where this process is confined.
    stay_empty: Mutex<Vec<PathBuf>>,
}

impl Spare {
    pub(crate) fn set(&self) {
        self.0.is_set.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::SeqCst)
    }

    /// Nothing will be written to this file.
    pub(crate) fn give_up(&self, file: &mut ResultFile) {
        if let Some(path) = file.give_up() {
            self.empty().push(path);
        }
    }

    /// Adds to a failure which files stay empty because of it.
    pub(crate) fn explains(&self, failure: Failure) -> Failure {
        match self.words() {
            Some(words) => failure.and(words),
            None => failure,
        }
    }

    /// Which files stay empty, if any do.
    pub(crate) fn words(&self) -> Option<String> {
        let empty = std::mem::take(&mut *self.empty());
        let names: Vec<String> = empty
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let stay = if names.len() == 1 { "stays" } else { "stay" };
        (!names.is_empty()).then(|| format!("{} {stay} empty", names.join(" and ")))
    }

    fn empty(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        let empty = self.0.stay_empty.lock();
        empty.unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file of `--write`, if there is one. It is emptied when the first frame is written to it, or when it is finished: a
/// capture of nothing is a result, too.
pub(crate) struct Frames {
    /// Until something is written.
    file: Option<(ResultFile, PathBuf)>,
    saver: Option<Saver>,
    spare: Spare,
}

impl Frames {
    /// Nobody asked for a file.
    pub(crate) fn unwanted() -> Self {
        Self::of(None, Spare::default())
    }

    fn of(named: Option<Named<'_>>, spare: Spare) -> Self {
        Self {
            file: named.map(|Named { file, path }| (file, path.to_owned())),
            saver: None,
            spare,
        }
    }

    pub(crate) fn are_wanted(&self) -> bool {
        self.file.is_some() || self.saver.is_some()
    }

    /// What the file held before is gone from now on.
    fn begin(&mut self) -> Result<(), SaveError> {
        if let Some((file, path)) = self.file.take() {
            let file = file.begin().map_err(|error| create_error(&path, error))?;
            self.saver = Some(Saver::new(file, &path)?);
        }
        Ok(())
    }

    /// Appends a frame of a source with these interfaces.
    pub(crate) fn write(
        &mut self,
        frame: &Frame<'_>,
        interfaces: &[Interface],
    ) -> Result<(), SaveError> {
        self.begin()?;
        match &mut self.saver {
            Some(saver) => saver.write(frame, interfaces, None),
            None => Ok(()),
        }
    }

    /// Whoever looks at the file finds everything that was written.
    pub(crate) fn flush(&mut self) -> Result<(), SaveError> {
        self.saver.as_mut().map_or(Ok(()), Saver::flush)
    }

    /// Completes the file, unless nothing was written and it is to be spared.
    pub(crate) fn finish(mut self) -> Result<(), SaveError> {
        match &mut self.file {
            Some((file, _)) if self.spare.is_set() => self.spare.give_up(file),
            _ => self.begin()?,
        }
        self.saver.map_or(Ok(()), Saver::finish)
    }
}

fn open_output(path: &Path) -> Result<Named<'_>, Failure> {
    let file = ResultFile::open(path).map_err(|error| cannot_write(path, &error))?;
    Ok(Named { file, path })
}

fn open_frames(path: &Path) -> Result<Named<'_>, Failure> {
    let file = ResultFile::open(path).map_err(|error| {
        let hint = elsewhere(path, &error);
        Failure::new(ExitCode::Output, create_error(path, error)).hint_if(hint)
    })?;
    Ok(Named { file, path })
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        ExitCode::Output,
        format_args!("cannot write {}: {error}", path.display()),
    )
    .hint_if(elsewhere(path, error))
}

/// What lets a result be written after all.
fn elsewhere(path: &Path, error: &io::Error) -> Option<String> {
    match error.kind() {
        io::ErrorKind::NotFound => missing::result(path),
        io::ErrorKind::PermissionDenied => missing::forbidden(path),
        _ => None,
    }
}

fn create_error(path: &Path, error: io::Error) -> SaveError {
    SaveError::Create {
        path: path.to_owned(),
        error,
    }
}

/// What standard output is; `None` when it is closed.
fn stdout() -> Option<Metadata> {
    let copy = io::stdout().as_fd().try_clone_to_owned().ok()?;
    File::from(copy).metadata().ok()
}

/// A file that grows beyond `ulimit -f` ends a process with SIGXFSZ, unless that is taken for something else: then writing
/// fails, and what was written so far is closed in order (setrlimit(2)).
fn take_limits_as_errors() {
    // Where it cannot be done, the limit acts as it does on other programs.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_files_that_stay_empty_once() {
        let spare = Spare::default();
        let failure = || Failure::new(ExitCode::Lab, "it failed");
        assert_eq!(spare.explains(failure()).to_string(), "it failed");
        spare.empty().push("x.pcapng".into());
        let told = "it failed; x.pcapng stays empty";
        assert_eq!(spare.clone().explains(failure()).to_string(), told);
        assert_eq!(spare.explains(failure()).to_string(), "it failed");
    }
}
