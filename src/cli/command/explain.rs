//! `explain`: which word, and in which shape.

use super::Checked;
use super::output::{OutputChoice, Present};
use crate::cli::args::ExplainArgs;
use crate::cli::choice::Format;
use crate::render::TimeColumn;

/// `explain`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainCommand {
    /// The word as typed, which may not exist; `None` lists all.
    pub term: Option<String>,
    /// JSON instead of text.
    pub json: bool,
    /// How it is shown.
    pub output: OutputChoice,
}

pub(super) fn explain(args: ExplainArgs) -> Checked<ExplainCommand> {
    let json = match args.format {
        None | Some(Format::Plain) => false,
        Some(Format::Json) => true,
        Some(_) => return Err("words are explained with --format plain or json".to_owned()),
    };
    Ok(ExplainCommand {
        term: (!args.term.is_empty()).then(|| args.term.join(" ")),
        json,
        output: OutputChoice {
            format: args.format,
            only: None,
            explain: None,
            width: args.width,
            ascii: args.ascii,
            color: args.color,
            time: TimeColumn::default(),
            raw_seq: false,
            payload: false,
            syscalls: false,
            all_packets: false,
            ladder: None,
            file: args.output,
            present: Present::default(),
        },
    })
}
