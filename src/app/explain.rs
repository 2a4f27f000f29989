//! `explain`: a word of the glossary, or the list of all.

use std::io::Write;

use super::exit::ExitCode;
use super::failure::Failure;
use super::output::{self, Output};
use super::program;
use crate::cli::ExplainCommand;
use crate::explain::{look_up, nearest, terms};
use crate::render::{Explain, glossary};

/// Says what a word means.
pub(crate) fn explain(command: &ExplainCommand) -> Result<ExitCode, Failure> {
    let term = match &command.term {
        Some(word) => Some(look_up(word).ok_or_else(|| unknown(word))?),
        None => None,
    };
    let mut out = Output::open(command.output.file.as_deref())?;
    let style = output::style(&command.output, &out, Explain::Full);
    let written = match (term, command.json) {
        (Some(term), true) => glossary::json(std::slice::from_ref(term), &mut out),
        (None, true) => glossary::json(terms(), &mut out),
        (Some(term), false) => glossary::term(term, &style, &mut out),
        (None, false) => glossary::list(terms(), &style, &mut out),
    }
    .and_then(|()| out.flush());
    match written.err().as_ref().and_then(Failure::output) {
        Some(failure) => Err(failure),
        None => Ok(ExitCode::Fine),
    }
}

fn unknown(word: &str) -> Failure {
    let shown = crate::render::escape::terminal(word);
    let failure = Failure::new(
        ExitCode::Usage,
        format_args!("the glossary has no word \"{shown}\""),
    );
    match nearest(word).as_slice() {
        [] => failure.hint(format_args!(
            "this lists all words:\n{} explain",
            program::name()
        )),
        near => failure.hint(format_args!("did you mean {}?", near.join(", "))),
    }
}
