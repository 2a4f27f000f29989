//! What went wrong, for people: one line, a hint that works, and an exit code.

use std::fmt;
use std::io;

use super::exit::ExitCode;
use super::missing;
use crate::capture::ReadError;
use crate::render::escape;

/// A failure that ends a command.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the calling script sees.
    pub(crate) code: ExitCode,
    /// What failed and why.
    message: String,
    /// A command or a place to look that helps; several lines are allowed.
    hint: Option<String>,
}

impl Failure {
    /// A failure without a hint. The message is one line, whatever is in the names that it repeats.
    pub(crate) fn new(code: ExitCode, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: escape::terminal(&message.to_string()).into_owned(),
            hint: None,
        }
    }

    /// Adds what helps.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The same where something helps.
    pub(crate) fn hint_if(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// The same for a command to which it means something else, and for which the hint is none.
    pub(crate) fn without_hint(self, code: ExitCode) -> Self {
        Self {
            code,
            hint: None,
            ..self
        }
    }

    /// The filter does not compile.
    pub(crate) fn filter(error: impl fmt::Display) -> Self {
        Self::new(ExitCode::Interface, error).hint(
            "man pcap-filter describes the language; for example: tcp port 1712 and host 127.0.0.1",
        )
    }

    /// Adds to what is said of it.
    pub(crate) fn and(mut self, more: impl fmt::Display) -> Self {
        self.message.push_str("; ");
        self.message += &escape::terminal(&more.to_string());
        self
    }

    /// The output could not be written. `None` for a closed pipe: whoever read it has enough, and that is success.
    pub(crate) fn output(error: &io::Error) -> Option<Self> {
        (error.kind() != io::ErrorKind::BrokenPipe).then(|| {
            Self::new(
                ExitCode::Output,
                format_args!("the output cannot be written: {error}"),
            )
        })
    }
}

/// The lines as they go to standard error, without the program's name.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        // What can be copied stands on a line of its own, with nothing before it.
        let mut lines = self.hint.iter().flat_map(|hint| hint.lines());
        if let Some(first) = lines.next() {
            write!(f, "\nhint: {first}")?;
        }
        lines.try_for_each(|line| write!(f, "\n  {}", line.trim_start()))
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let hint = match &error {
            ReadError::Directory { path } => missing::folder(path),
            ReadError::Empty => Some(
                "was the capturing program stopped before it wrote anything? tcpdump -U writes each packet at once"
                    .to_owned(),
            ),
            ReadError::NotACapture { .. } => Some(
                "pcap, pcapng, .gz and .zst are understood; others can be converted:\neditcap -F pcapng IN OUT.pcapng"
                    .to_owned(),
            ),
            ReadError::Open { path, error } => match error.kind() {
                io::ErrorKind::PermissionDenied => Some(format!(
                    "this says who may read it:\nls -l {}",
                    missing::argument(path)
                )),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => missing::capture(path),
                _ => None,
            },
            ReadError::Truncated { .. }
            | ReadError::Damaged { .. }
            | ReadError::Io { .. } => None,
        };
        Self::new(ExitCode::Input, error).hint_if(hint)
    }
}
