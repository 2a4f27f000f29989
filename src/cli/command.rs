//! What the command line means: one value per command, cross-checked, with defaults filled in.

mod demo;
mod doctor;
mod ends;
mod explain;
mod live;
mod output;
mod replay;
mod resources;

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

pub use demo::{DemoCommand, DemoTask};
pub use doctor::DoctorCommand;
pub use ends::{ConnectCommand, ServeCommand};
pub use explain::ExplainCommand;
pub use live::{LiveCommand, Traffic};
pub use output::{OutputChoice, Present};
pub use replay::{ReplayCommand, Rows, Selection, TableChoice};
pub use resources::Resources;

use super::DEFAULT_PORT;
use super::args::{Cli, Compat, Subcommands};
use crate::track::LabelRules;

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Command {
    /// Capture, with or without traffic of our own.
    Live(LiveCommand),
    /// Read a capture.
    Replay(ReplayCommand),
    /// Play a scenario, or list them.
    Demo(DemoCommand),
    /// Run the built-in server.
    Serve(ServeCommand),
    /// Run the built-in client.
    Connect(ConnectCommand),
    /// Explain a word.
    Explain(ExplainCommand),
    /// Say what works here.
    Doctor(DoctorCommand),
}

impl Command {
    /// Whether it waits for keys between packets.
    #[must_use]
    pub const fn steps(&self) -> bool {
        match self {
            Self::Live(command) => command.output.present.step,
            Self::Replay(command) => command.output.present.step,
            Self::Demo(command) => command.output.present.step,
            Self::Serve(_) | Self::Connect(_) | Self::Explain(_) | Self::Doctor(_) => false,
        }
    }
}

/// A combination that means nothing, with the command it was typed for.
struct Misuse {
    command: &'static str,
    text: String,
}

type Checked<T> = Result<T, String>;

/// Understands a command line; the first word is the program's own name.
///
/// # Errors
/// The request for help or the version, and every wrong usage; `clap::Error::exit_code` tells them apart (0 and 2).
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let checked = match Cli::try_parse_from(words)?.command {
        Subcommands::Live(args) => live::live(args)
            .map(Command::Live)
            .map_err(misuse_of("live")),
        Subcommands::Replay(args) => replay::replay(args)
            .map(Command::Replay)
            .map_err(misuse_of("replay")),
        Subcommands::Demo(args) => demo::demo(args)
            .map(Command::Demo)
            .map_err(misuse_of("demo")),
        Subcommands::Serve(args) => Ok(Command::Serve(ServeCommand { port: args.port })),
        Subcommands::Connect(args) => Ok(Command::Connect(ends::connect(args))),
        Subcommands::Explain(args) => explain::explain(args)
            .map(Command::Explain)
            .map_err(misuse_of("explain")),
        Subcommands::Doctor(args) => doctor::doctor(args)
            .map(Command::Doctor)
            .map_err(misuse_of("doctor")),
    };
    checked.map_err(|misuse| {
        let mut declared = Cli::command();
        declared.build();
        // Through the subcommand, so that the usage line is its own.
        match declared.find_subcommand_mut(misuse.command) {
            Some(command) => command.error(ErrorKind::ArgumentConflict, misuse.text),
            None => declared.error(ErrorKind::ArgumentConflict, misuse.text),
        }
    })
}

fn misuse_of(command: &'static str) -> impl Fn(String) -> Misuse {
    move |text| Misuse { command, text }
}

fn or_default_port(ports: Vec<u16>) -> Vec<u16> {
    if ports.is_empty() {
        vec![DEFAULT_PORT]
    } else {
        ports
    }
}

const fn labels(compat: Option<Compat>) -> LabelRules {
    match compat {
        Some(Compat::Wireshark) => LabelRules::Wireshark,
        None => LabelRules::Own,
    }
}

/// One of the two would overwrite the other.
fn differ(one: Option<&Path>, other: Option<&Path>, which: &str) -> Checked<()> {
    match (one, other) {
        (Some(one), Some(other)) if one == other => {
            Err(format!("{which} name the same file, {}", one.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
