//! `demo`: which scenario, or all of them.

use std::path::PathBuf;

use super::output::{OutputChoice, Present, output, with_calls};
use super::{Checked, differ};
use crate::cli::args::DemoArgs;
use crate::cli::choice::Format;

/// `demo`.
#[derive(Clone, Debug)]
pub struct DemoCommand {
    /// Play or list.
    pub task: DemoTask,
    /// Give up rights before looking at packets.
    pub sandboxed: bool,
    /// How it is shown.
    pub output: OutputChoice,
}

/// What `demo` is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DemoTask {
    /// Name all scenarios.
    List,
    /// Play each, one after the other.
    All {
        /// The servers' port.
        port: u16,
    },
    /// Ask about each, then play it.
    Course {
        /// Where to begin, as typed.
        from: Option<String>,
        /// The servers' port.
        port: u16,
    },
    /// Play one.
    Play {
        /// Its name, as typed: whether it exists is not known here.
        scenario: String,
        /// The server's port.
        port: u16,
        /// Where to save frames.
        write: Option<PathBuf>,
    },
}

pub(super) fn demo(args: DemoArgs) -> Checked<DemoCommand> {
    let output = with_calls(output(args.output, &args.present)?, args.syscalls)?;
    if args.list && output.present != Present::default() {
        return Err("--list names scenarios: name one of them to step through it".to_owned());
    }
    differ(
        args.write.as_deref(),
        output.file.as_deref(),
        "--write and --output",
    )?;
    if args.course && output.format.is_some_and(|format| format == Format::Json) {
        return Err("a course is for people: use --all for --format json".to_owned());
    }
    let task = match args.scenario {
        from if args.course => DemoTask::Course {
            from,
            port: args.port,
        },
        _ if args.all => DemoTask::All { port: args.port },
        Some(scenario) => DemoTask::Play {
            scenario,
            port: args.port,
            write: args.write,
        },
        None if args.list => DemoTask::List,
        None => {
            return Err(
                "name a scenario: `demo handshake` is the first, `demo --list` names all, `demo --all` plays them"
                    .to_owned(),
            );
        }
    };
    Ok(DemoCommand {
        task,
        sandboxed: !args.sandbox.no_sandbox,
        output,
    })
}
