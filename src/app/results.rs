//! The files that a command writes: opened before rights are given up, emptied when there is something to write.
//!
//! Comes in: the names after `-o` and `-w`. Goes out: an [`Output`] and a [`Saver`] on files that are neither each other nor
//! the capture that is read, under whatever names.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;

use super::exit::ExitCode;
use super::failure::Failure;
use super::output::{Later, Output};
use crate::capture::{SaveError, Saver, Unread};
use crate::privilege::{ResultFile, is_same_file};

/// Where results go. Files still have what was in them before.
pub(crate) struct Results<'a> {
    /// The file of `--output`; `None` for standard output.
    output: Option<Named<'a>>,
    /// The file of `--write`.
    frames: Option<Named<'a>>,
    /// What standard output is, where results go there.
    stdout: Option<Metadata>,
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
        let stay = named.filter_map(|named| named.file.give_up());
        let stay: Vec<String> = stay.map(|path| path.display().to_string()).collect();
        if stay.is_empty() {
            return failure;
        }
        failure.and(format_args!("{} stays empty", stay.join(" and ")))
    }

    /// There is something to write: what the files held before is gone from now on.
    pub(crate) fn begin(self) -> Result<(Output, Option<Saver>), Failure> {
        let output = match self.output {
            None => Output::stdout(),
            Some(Named { file, path }) => {
                Output::File(file.begin().map_err(|error| cannot_write(path, &error))?)
            }
        };
        Ok((output, Frames(self.frames).begin()?))
    }

    /// There may be nothing to write, which is known at the end. Until then the files keep what they hold.
    pub(crate) fn begin_later(self) -> (Output, Frames<'a>) {
        let output = match self.output {
            None => Output::stdout(),
            Some(Named { file, .. }) => Output::Later(Box::new(Later::new(file))),
        };
        (output, Frames(self.frames))
    }
}

/// The file of `--write`, if there is one. It still has what was in it before.
pub(crate) struct Frames<'a>(Option<Named<'a>>);

impl Frames<'_> {
    /// There are frames to write, be it none.
    pub(crate) fn begin(self) -> Result<Option<Saver>, Failure> {
        let saver = self.0.map(|Named { file, path }| {
            file.begin()
                .map_err(|error| create_error(path, error))
                .and_then(|file| Saver::new(file, path))
                .map_err(|error| Failure::new(ExitCode::Output, error))
        });
        saver.transpose()
    }
}

fn open_output(path: &Path) -> Result<Named<'_>, Failure> {
    let file = ResultFile::open(path).map_err(|error| cannot_write(path, &error))?;
    Ok(Named { file, path })
}

fn open_frames(path: &Path) -> Result<Named<'_>, Failure> {
    let file = ResultFile::open(path)
        .map_err(|error| Failure::new(ExitCode::Output, create_error(path, error)))?;
    Ok(Named { file, path })
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        ExitCode::Output,
        format_args!("cannot write {}: {error}", path.display()),
    )
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
