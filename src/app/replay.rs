//! `replay`: a capture file or pipe is read, tracked, selected and shown.

use std::collections::BTreeSet;
use std::path::Path;

use super::exit::ExitCode;
use super::expect::ExpectSink;
use super::failure::Failure;
use super::header;
use super::output::Output;
use super::pipeline::{self, Both, Outcome, Reader, Sink};
use super::saving::{Noting, save_selected, saving};
use super::say;
use super::select::{Scout, Selected, Stretch, Surroundings};
use super::show::{self, What};
use crate::capture::{self, FilterSet, Source};
use crate::cli::ReplayCommand;
use crate::track::{ConnectionId, Limits, Tracker};

/// One reads and decodes, one tracks and shows.
const THREADS: usize = 2;

/// Reads the capture and shows it.
pub(crate) fn replay(command: &ReplayCommand) -> Result<ExitCode, Failure> {
    if let Some(frame) = command.header {
        return header::header(command, frame);
    }
    let filter = filter(command)?;
    let source = capture::open(&command.file)?;
    let chosen = resolve(command)?;
    let partly = !command.selection.is_everything();
    if partly && command.write.is_some() {
        twice(command, "--write of a selection has")?;
    }
    let to_save = command.write.as_deref().filter(|_| !partly);
    let (source, problem) = saving(source, to_save, filter)?;
    let output = Output::open(command.output.file.as_deref())?;
    let shown = show::whole(&command.output, output, &what(command));
    let mut selected = Selected::new(
        Both {
            first: shown,
            second: Both {
                first: ExpectSink::new(command.expect.clone()),
                second: Noting::default(),
            },
        },
        chosen.connections,
        chosen.stretch,
    );
    let mut reader = reader(command, source)?;
    reader.keep_frames = command.output.payload;
    let mut code = ExitCode::Fine;
    match pipeline::run(reader, tracker(command), &mut selected, THREADS) {
        Ok(outcome) => code = code.or(judge(command, outcome)),
        Err(error) => match Failure::output(&error) {
            Some(failure) => return Err(failure),
            // Whoever read the output has enough; expectations about the rest cannot be judged.
            None => return Ok(ExitCode::Fine),
        },
    }
    if let Some(failure) = problem.take() {
        code = code.or(failure.code);
        say::problem(failure);
    }
    let Both { first, second } = selected.inner.second;
    if let Some(path) = command.write.as_deref().filter(|_| partly) {
        save_selected(capture::open(&command.file)?, &second.frames, path)?;
    }
    for line in first.failures() {
        say::problem(format_args!("not as expected: {line}"));
        code = code.or(ExitCode::NotAsExpected);
    }
    Ok(code)
}

fn what(command: &ReplayCommand) -> What<'_> {
    What {
        source: command.file.to_str().unwrap_or("the capture"),
        interface: None,
        growing: command.file == Path::new("-"),
        rows: command.table,
        chosen: !command.selection.is_everything(),
    }
}

fn filter(command: &ReplayCommand) -> Result<Option<FilterSet>, Failure> {
    let compiled = command.filter.as_deref().map(FilterSet::compile);
    compiled
        .transpose()
        .map_err(|error| Failure::new(ExitCode::Interface, error))
}

pub(super) fn reader(
    command: &ReplayCommand,
    source: Box<dyn Source + Send>,
) -> Result<Reader, Failure> {
    let mut reader = Reader::new(source);
    reader.filter = filter(command)?;
    Ok(reader)
}

/// Refuses what has to read a pipe twice.
fn twice(command: &ReplayCommand, what: &str) -> Result<(), Failure> {
    if command.file != Path::new("-") {
        return Ok(());
    }
    Err(Failure::new(
        ExitCode::Usage,
        format_args!("{what} to read the capture twice, which a pipe does not allow"),
    )
    .hint("save it first: ... > FILE.pcap, then handshake-watch replay FILE.pcap"))
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
    twice(command, "--verdict and --around have")?;
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
    let reader = reader(command, capture::open(&command.file)?)?;
    match pipeline::run(reader, tracker(command), sink, THREADS) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(
            ExitCode::Input,
            format_args!("{}: {error}", command.file.display()),
        )),
    }
}

pub(super) fn tracker(command: &ReplayCommand) -> Tracker {
    Tracker::new(Limits {
        labels: command.labels,
        server_ports: command.ports.clone(),
        ..Limits::default()
    })
}

/// What is to be said about a finished run, and its exit code.
pub(super) fn judge(command: &ReplayCommand, outcome: Outcome) -> ExitCode {
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
    if outcome.hidden > 0 {
        say::note(format_args!(
            "{} packets with VLAN or tunnel headers did not match: a filter looks right behind the link-layer header. Try: --filter 'vlan and ({})', or leave --filter out",
            outcome.hidden,
            command.filter.as_deref().unwrap_or_default()
        ));
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
