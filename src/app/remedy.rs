//! What to do where capturing is not permitted.
//!
//! Comes in: how this program was called. Goes out: commands for a shell, each with what it does. Runs none of them.

use std::env;
use std::fmt;

use super::program::{self, Program};
use crate::render::shell;

/// What to do when capturing is not permitted, with this program's own name in it.
pub(crate) struct Remedy {
    program: &'static Program,
    /// The rest of the command line, ready for a shell.
    arguments: String,
}

impl Remedy {
    /// For this process: its program, and the arguments that it was called with.
    pub(crate) fn here() -> Self {
        let words: Vec<String> = env::args_os()
            .skip(1)
            .map(|word| shell::word(&word))
            .collect();
        Self {
            program: program::program(),
            arguments: words.join(" "),
        }
    }

    /// Each way as a command and what it does.
    pub(crate) fn ways(&self) -> [(String, &'static str); 3] {
        let command = format!("sudo {} {}", self.program.as_root(), self.arguments);
        [
            (command.trim_end().to_owned(), "as root, this once"),
            (
                format!("sudo setcap cap_net_raw=ep {}", self.program.file()),
                "for every user of this file, until it is rebuilt",
            ),
            (
                format!("{} demo handshake", program::name()),
                "without root: a private network, or a recording",
            ),
        ]
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (command, what)) in self.ways().iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{command}{}{what}", shell::REMARK)?;
        }
        Ok(())
    }
}
