//! `demo --list`: the catalogue of scenarios.

use std::io::{self, Write as _};

use crate::app::exit::ExitCode;
use crate::app::failure::Failure;
use crate::app::output::{self, Output};
use crate::cli::{Format, OutputChoice};
use crate::lab::scenario::{Group, SCENARIOS};
use crate::render::lesson::Entry;
use crate::render::{Explain, Style, json, lesson};

/// All scenarios, by group.
pub(super) fn list(choice: &OutputChoice) -> Result<ExitCode, Failure> {
    let mut output = Output::open(choice.file.as_deref())?;
    let written = if choice.format == Some(Format::Json) {
        list_json(&mut output)
    } else {
        let style = output::style(choice, &output, Explain::Brief);
        list_text(&style, &mut output)
    };
    match written.and_then(|()| output.flush()) {
        Ok(()) => Ok(ExitCode::Fine),
        Err(error) => Failure::output(&error).map_or(Ok(ExitCode::Fine), Err),
    }
}

fn list_text(style: &Style, out: &mut Output) -> io::Result<()> {
    let names = SCENARIOS.iter().map(|s| s.name.len()).max().unwrap_or(0);
    for group in Group::ALL {
        let mut members = SCENARIOS.iter().filter(|s| s.group == group).peekable();
        if members.peek().is_none() {
            continue;
        }
        writeln!(out, "{}", group.name())?;
        for scenario in members {
            lesson::entry(scenario.name, scenario.title, names, style, out)?;
        }
    }
    Ok(())
}

fn list_json(out: &mut Output) -> io::Result<()> {
    let mut line = Vec::new();
    for scenario in SCENARIOS {
        let entry = Entry {
            name: scenario.name,
            title: scenario.title,
            group: scenario.group.name(),
            teaches: scenario.teaches,
            verdict: scenario.verdict,
            constructed: scenario.constructed(),
        };
        line.clear();
        json::entry(&mut line, &entry);
        out.write_all(&line)?;
    }
    Ok(())
}
