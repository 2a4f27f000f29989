//! Wiring: files, threads, standard output and exit codes for each command.

mod exit;
mod expect;
mod failure;
mod json;
mod keep;
mod ladders;
mod output;
mod pipeline;
mod replay;
mod say;
mod select;
mod stream;

pub use exit::ExitCode;

use std::ffi::OsString;

use crate::cli::{self, Command};

/// Understands the command line, does what it says, and tells people what went wrong.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match cli::parse(words) {
        Ok(command) => command,
        Err(error) => {
            // Help goes to standard output, wrong usage to standard error; when that is closed nobody is left to be told.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::Usage
            } else {
                ExitCode::Fine
            };
        }
    };
    run(&command).unwrap_or_else(|failure| {
        say::problem(&failure);
        failure.code
    })
}

fn run(command: &Command) -> Result<ExitCode, failure::Failure> {
    match command {
        Command::Replay(command) => replay::replay(command),
        Command::Live(_) | Command::Demo(_) | Command::Serve(_) | Command::Connect(_) => {
            Err(failure::Failure::new(ExitCode::Lab, "not built yet"))
        }
    }
}
