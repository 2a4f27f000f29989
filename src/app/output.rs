//! Where results go, and what that place can show.

use std::env;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::failure::Failure;
use super::results::{Results, Spare};
use crate::cli::{ColorChoice, OutputChoice};
use crate::privilege::ResultFile;
use crate::render::{Explain, Glyphs, Style, Width};

/// Standard output or a file.
pub(crate) enum Output {
    /// Locked for the whole run: nobody else writes there.
    Stdout(io::StdoutLock<'static>),
    /// The file of `--output`.
    File(File),
    /// The same, which still has what was in it before.
    Later(Box<Later>),
}

/// A file that is emptied when the first is written to it, or at the end when nothing was: an empty result is one, too.
pub(crate) struct Later {
    /// Until something is written.
    file: Option<ResultFile>,
    open: Option<File>,
    spare: Spare,
}

impl Later {
    pub(crate) fn new(file: ResultFile, spare: Spare) -> Self {
        Self {
            file: Some(file),
            open: None,
            spare,
        }
    }

    fn open(&mut self) -> io::Result<&mut File> {
        if let Some(file) = self.file.take() {
            self.open = Some(file.begin()?);
        }
        let lost = || io::Error::other("it could not be emptied");
        self.open.as_mut().ok_or_else(lost)
    }
}

impl Drop for Later {
    fn drop(&mut self) {
        match &mut self.file {
            Some(file) if self.spare.is_set() => self.spare.give_up(file),
            // Whoever could not empty it before has said so.
            _ => drop(self.open()),
        }
    }
}

impl Output {
    /// Opens what was asked for, where nothing else is written and nothing is read.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self, Failure> {
        Results::open(file, None)?.begin().map(|(output, _)| output)
    }

    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Self::Stdout(io::stdout().lock())
    }

    /// The same place once more, for somebody who keeps it.
    pub(crate) fn again(&mut self) -> io::Result<Self> {
        Ok(match self {
            Self::Stdout(_) => Self::Stdout(io::stdout().lock()),
            Self::File(file) => Self::File(file.try_clone()?),
            Self::Later(later) => Self::File(later.open()?.try_clone()?),
        })
    }

    /// Whether a person watches it.
    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Stdout(stdout) if stdout.is_terminal())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File(file) => file.write(bytes),
            Self::Later(later) => later.open()?.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(file) => file.flush(),
            // Files have no buffer of their own.
            Self::Later(_) => Ok(()),
        }
    }
}

/// The style for this output: what was asked for, else what the terminal and the environment say.
pub(crate) fn style(choice: &OutputChoice, output: &Output, explain: Explain) -> Style {
    style_on(choice, output.is_terminal(), explain)
}

/// The same for what is or is not a terminal.
pub(crate) fn style_on(choice: &OutputChoice, terminal: bool, explain: Explain) -> Style {
    Style {
        width: Width::new(usize::from(choice.width.unwrap_or_else(terminal_width))),
        glyphs: if choice.ascii || !locale_is_utf8() {
            Glyphs::Ascii
        } else {
            Glyphs::Unicode
        },
        color: color(choice.color, terminal),
        explain: choice.explain.unwrap_or(explain),
        time: choice.time,
        fold: !choice.all_packets,
        payload: choice.payload,
        big: choice.present.big,
        ..Style::default()
    }
}

/// Columns of the terminal; 80 where there is none.
fn terminal_width() -> u16 {
    terminal_columns().unwrap_or(80)
}

/// Columns of the terminal; `None` where there is none.
pub(crate) fn terminal_columns() -> Option<u16> {
    terminal_size::terminal_size().map(|(width, _)| width.0)
}

/// Lines of the terminal; `None` where there is none.
pub(crate) fn terminal_height() -> Option<usize> {
    terminal_size::terminal_size().map(|(_, height)| usize::from(height.0))
}

/// The locale's character set, by the rules of setlocale: the first of these that is set and not empty decides.
pub(crate) fn locale_is_utf8() -> bool {
    locale().is_some_and(|(_, locale)| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// The variable that decides, and its value.
pub(crate) fn locale() -> Option<(&'static str, String)> {
    ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| {
        let value = env::var(name).ok().filter(|value| !value.is_empty())?;
        Some((name, value))
    })
}

/// `NO_COLOR` and `CLICOLOR_FORCE` as <https://no-color.org> and <https://bixense.com/clicolors> describe them.
fn color(choice: ColorChoice, terminal: bool) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            let forced = set("CLICOLOR_FORCE") && env::var("CLICOLOR_FORCE").as_deref() != Ok("0");
            let dumb = env::var("TERM").is_ok_and(|term| term == "dumb");
            !set("NO_COLOR") && (forced || (terminal && !dumb))
        }
    }
}
