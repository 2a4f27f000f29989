//! Wiring: files, threads, standard output and exit codes for each command.

mod budget;
mod calls;
mod demo;
mod descriptors;
mod doctor;
mod ends;
mod exchange;
mod exit;
mod expect;
mod explain;
mod failure;
mod header;
mod json;
mod keep;
mod ladders;
mod live;
mod memory;
mod missing;
mod one_view;
mod output;
mod pipeline;
mod program;
mod progress;
mod reader;
mod remedy;
mod replay;
mod results;
mod sandbox;
mod saving;
mod say;
mod select;
mod show;
mod sides;
mod signals;
mod sink;
mod step;
mod stream;
mod table;
mod twins;
mod watch;
mod wire;

pub use exit::ExitCode;

use std::ffi::OsString;
use std::io::{self, Write as _};

use self::failure::Failure;
use crate::cli::{self, Command};

/// Understands the command line, does what it says, and tells people what went wrong.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    let harmless = words.iter().all(|word| say::is_harmless(word));
    let command = match cli::parse(words) {
        Ok(command) => command,
        Err(error) => {
            // Help goes to standard output, wrong usage to standard error; when that is closed nobody is left to be told.
            // What was typed is repeated there, and may be the name of a file that somebody else gave it.
            let text = error.render().to_string();
            if harmless && error.use_stderr() && !say::fits(&text) {
                // Without its colours, but with whole words.
                say::note(text.trim_end());
            } else if harmless {
                let printed = error.print().and_then(|()| io::stdout().flush());
                if let Some(failure) = printed.err().as_ref().and_then(Failure::output)
                    && !error.use_stderr()
                {
                    say::problem(&failure);
                    return failure.code;
                }
            } else {
                say::problem(error.render());
            }
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

fn run(command: &Command) -> Result<ExitCode, Failure> {
    if command.steps() {
        step::find()?;
    }
    match command {
        Command::Replay(command) => replay::replay(command),
        Command::Live(command) => live::live(command),
        Command::Demo(command) => demo::demo(command),
        Command::Serve(command) => ends::serve(command),
        Command::Connect(command) => ends::connect(command),
        Command::Explain(command) => explain::explain(command),
        Command::Doctor(command) => doctor::doctor(command),
    }
}
