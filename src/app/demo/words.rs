//! What is said before and after the packets of a scenario: to people on standard error, or among the results of a series.

use std::io::Write as _;

use super::judge::Judgement;
use super::{Performance, Telling};
use crate::app::exit::ExitCode;
use crate::app::failure::Failure;
use crate::app::output::{self, Output};
use crate::app::say;
use crate::cli::Format;
use crate::render::{Explain, Style, lesson};

/// What is said before and after the packets.
pub(super) struct Words<'a> {
    performance: &'a Performance<'a>,
    /// In a series of ladders, where it is said and how.
    among: Option<(Output, Style)>,
}

impl<'a> Words<'a> {
    /// `given`: the output of a series.
    pub(super) fn new(
        performance: &'a Performance<'_>,
        given: Option<&mut Output>,
    ) -> Result<Self, Failure> {
        let choice = performance.choice;
        let among = given.filter(|_| choice.format != Some(Format::Json));
        let again = among.map(Output::again).transpose();
        let again = again.map_err(|error| Failure::new(ExitCode::Output, error))?;
        Ok(Self {
            performance,
            among: again.map(|again| {
                let style = output::style(choice, &again, Explain::Brief);
                (again, style)
            }),
        })
    }

    pub(super) fn before(&mut self, place: &str) -> Result<(), Failure> {
        let scenario = self.performance.scenario;
        match (&mut self.among, self.performance.telling) {
            (Some((out, style)), _) => {
                let mut points = [
                    ("teaches", scenario.teaches),
                    ("watch for", scenario.watch_for),
                    ("packets", place),
                ]
                .into_iter();
                points
                    .try_for_each(|(word, text)| lesson::point(word, text, style, out))
                    .and_then(|()| writeln!(out))
                    .and_then(|()| out.flush())
                    .or_else(|error| Failure::output(&error).map_or(Ok(()), Err))
            }
            (None, Telling::Alone) => {
                say::note(format_args!(
                    "{}: {} ({place})\nwatch for: {}\n",
                    scenario.name, scenario.title, scenario.watch_for
                ));
                if self.performance.choice.present.step {
                    say::note("it plays first; then its packets wait for your keys");
                }
                Ok(())
            }
            (None, Telling::Series) => Ok(()),
        }
    }

    pub(super) fn after(&mut self, judgement: &Judgement) -> Result<(), Failure> {
        let Some((out, style)) = &mut self.among else {
            return Ok(());
        };
        lesson::outcome(judgement.verdict, &judgement.wrong, style, out)
            .and_then(|()| out.flush())
            .or_else(|error| Failure::output(&error).map_or(Ok(()), Err))
    }
}
