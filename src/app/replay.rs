//! `replay`: a capture file or pipe is read, tracked, selected and shown.

use std::collections::BTreeSet;
use std::path::Path;

use super::exit::ExitCode;
use super::expect::ExpectSink;
use super::failure::Failure;
use super::output::Output;
use super::pipeline::{self, Both, Outcome, Reader, Sink};
use super::say;
use super::select::{Scout, Selected, Stretch, Surroundings};
use super::show::{self, What};
use crate::capture;
use crate::cli::ReplayCommand;
use crate::track::{ConnectionId, Limits, Tracker};

/// Reads the capture and shows it.
pub(crate) fn replay(command: &ReplayCommand) -> Result<ExitCode, Failure> {
    let source = capture::open(&command.file)?;
    let chosen = resolve(command)?;
    let output = Output::open(command.output.file.as_deref())?;
    let shown = show::whole(
        &command.output,
        output,
        &What {
            source: &command.file.display().to_string(),
            interface: None,
            growing: command.file == Path::new("-"),
            rows: command.table,
            chosen: !command.selection.is_everything(),
        },
    );
    let expectations = ExpectSink::new(command.expect.clone());
    let mut selected = Selected::new(
        Both {
            first: shown,
            second: expectations,
        },
        chosen.connections,
        chosen.stretch,
    );
    let mut reader = Reader::new(source);
    reader.keep_frames = command.output.payload;
    let mut code = ExitCode::Fine;
    match pipeline::run(reader, tracker(command), &mut selected, 2) {
        Ok(outcome) => code = code.or(judge(command, outcome)),
        Err(error) => match Failure::output(&error) {
            Some(failure) => return Err(failure),
            // Whoever read the output has enough; expectations about the rest cannot be judged.
            None => return Ok(ExitCode::Fine),
        },
    }
    for line in selected.inner.second.failures() {
        say::problem(format_args!("not as expected: {line}"));
        code = code.or(ExitCode::NotAsExpected);
    }
    Ok(code)
}

/// What the selection means in this capture.
#[derive(Default)]
struct Chosen {
    connections: Option<BTreeSet<ConnectionId>>,
    stretch: Stretch,
}

/// Finds out what is selected; verdicts and surroundings are only known after a first pass.
fn resolve(command: &ReplayCommand) -> Result<Chosen, Failure> {
    let selection = &command.selection;
    let mut chosen = Chosen {
        connections: (!selection.connections.is_empty())
            .then(|| selection.connections.iter().copied().collect()),
        stretch: Stretch {
            from: selection.from,
            to: selection.to,
        },
    };
    if selection.verdicts.is_empty() && selection.around.is_none() {
        return Ok(chosen);
    }
    if command.file == Path::new("-") {
        return Err(Failure::new(
            ExitCode::Usage,
            "--verdict and --around have to read the capture twice, which a pipe does not allow",
        )
        .hint("save it first: ... > FILE.pcap, then handshake-watch replay FILE.pcap"));
    }
    let mut scout = Scout {
        verdicts: selection.verdicts.clone(),
        around: selection.around,
        ..Scout::default()
    };
    first_pass(command, &mut scout)?;
    let mut found = scout.connections;
    if let Some(wanted) = &chosen.connections {
        found = found.intersection(wanted).copied().collect();
    }
    if let Some(frame) = selection.around {
        if found.is_empty() {
            return Err(Failure::new(
                ExitCode::Usage,
                format_args!("frame {frame} holds no TCP segment in this capture"),
            ));
        }
        let surroundings = Surroundings::of(frame);
        let mut pass = Selected::new(surroundings, Some(found.clone()), Stretch::default());
        first_pass(command, &mut pass)?;
        chosen.stretch = pass.inner.stretch();
    }
    chosen.connections = Some(found);
    Ok(chosen)
}

/// A pass whose result is not shown. How the input ends is reported by the pass that shows it.
fn first_pass(command: &ReplayCommand, sink: &mut dyn Sink) -> Result<(), Failure> {
    let reader = Reader::new(capture::open(&command.file)?);
    match pipeline::run(reader, tracker(command), sink, 2) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(
            ExitCode::Input,
            format_args!("{}: {error}", command.file.display()),
        )),
    }
}

fn tracker(command: &ReplayCommand) -> Tracker {
    Tracker::new(Limits {
        labels: command.labels,
        server_ports: command.ports.clone(),
        ..Limits::default()
    })
}

/// What is to be said about a finished run, and its exit code.
fn judge(command: &ReplayCommand, outcome: Outcome) -> ExitCode {
    let mut code = ExitCode::Fine;
    let connections = outcome.totals.connections;
    for wanted in &command.selection.connections {
        if u64::from(*wanted) > connections {
            say::problem(format_args!(
                "there is no connection {wanted}: the capture has {connections}"
            ));
            code = code.or(ExitCode::Usage);
        }
    }
    if let Some(error) = outcome.unreadable {
        say::problem(Failure::from(error));
        code = code.or(ExitCode::Input);
    }
    let unknown_link = outcome
        .totals
        .skipped
        .iter()
        .find(|(reason, _)| *reason == crate::decode::Skip::LinkType.name());
    if let Some((_, count)) = unknown_link
        && *count == outcome.totals.frames
    {
        say::problem(format_args!(
            "all {count} packets have a link type that is not understood"
        ));
        code = code.or(ExitCode::Input);
    }
    code
}
