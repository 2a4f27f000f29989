//! `replay`: a capture file or pipe is read, tracked, selected and shown.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::budget::{Beside, Budget};
use super::exit::ExitCode;
use super::expect::ExpectSink;
use super::failure::Failure;
use super::header;
use super::pipeline::{self, Both, Outcome, Reader, Sink};
use super::progress::Progress;
use super::results::Results;
use super::sandbox;
use super::saving::{self, Noting, save_selected};
use super::say;
use super::select::{Scout, Selected, Stretch, Surroundings};
use super::show::{self, Places, What};
use super::step::{Billing, Origin};
use super::twins::{Joined, Twins};
use super::wire::{self, Joinable};
use crate::capture::{FilterSet, Interface, Source, Unread};
use crate::cli::{Format, Present, ReplayCommand, Rows};
use crate::explain::Totals;
use crate::privilege::Needs;
use crate::track::{ConnectionId, Limits, Tracker};

/// Reads the capture and shows it.
pub(crate) fn replay(command: &ReplayCommand) -> Result<ExitCode, Failure> {
    let mut passes = Passes::open(command)?;
    // What is wrong with the input is told first, so a file that cannot be written has to wait.
    let results = Results::open(command.output.file.as_deref(), command.write.as_deref());
    if let Ok(results) = &results {
        results.spare_each_other()?;
        passes.inputs().try_for_each(|input| results.spare(input))?;
    }
    // Everything is open by now, this is still the only thread, and no byte of the capture was looked at.
    sandbox::enter(command.sandboxed, &Needs::default())?;
    let Pass { input, filter } = passes.take()?;
    let source = input.read()?;
    let budget = budget(command, &*source);
    // It begins like a capture: only now a file that was there may lose what it holds.
    let (output, saver) = results?.begin()?;
    if let Some(frame) = command.header {
        let mut reader = Reader::new(source);
        reader.filter = filter;
        return header::header(command, frame, reader, output);
    }
    let chosen = resolve(command, &mut passes)?;
    // A selection is saved by a pass of its own, when it is known what belongs to it.
    let partly = !command.selection.is_everything();
    let (now, later) = if partly { (None, saver) } else { (saver, None) };
    let (source, problem) = saving::saving(source, now, passes.saved.take());
    let (source, twins) = begin(command, source);
    let what = what(command, source.interfaces(), budget);
    let shown = match &twins {
        Some(twins) => wire::sink(
            &command.output,
            output,
            what.source,
            "",
            twins,
            billing(command),
        ),
        None => show::whole(&command.output, output, &what),
    };
    let selected = Selected::new(
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
    let mut selected = Joined::new(selected, twins);
    let mut reader = Reader::new(source);
    reader.filter = filter;
    reader.keep_frames = command.output.payload;
    let mut code = ExitCode::Fine;
    match pipeline::run(
        reader,
        tracker(command, budget),
        &mut selected,
        command.resources.threads,
        Progress::watched(writes_meanwhile(command)),
    ) {
        Ok(outcome) => {
            let nothing = selected.inner.inner.second.second.frames.is_empty();
            // Of a connection that does not exist more is said below.
            if partly && nothing && unknown(command, &outcome.totals).next().is_none() {
                say_what_there_is(&outcome.totals);
            }
            code = code.or(judge(command, outcome));
        }
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
    let Both { first, second } = selected.inner.inner.second;
    if let Some(saver) = later {
        save_selected(passes.take()?.input.read()?, &second.frames, saver)?;
    }
    for line in first.failures() {
        say::problem(format_args!("not as expected: {line}"));
        code = code.or(ExitCode::NotAsExpected);
    }
    Ok(code)
}

/// Joins both sides of a wire where all of it is shown. A pipe that grows is shown as it comes.
fn begin(command: &ReplayCommand, source: Joinable) -> (Joinable, Option<Arc<Twins>>) {
    let whole = command.selection.is_everything() && command.filter.is_none();
    if !whole || command.file == Path::new("-") {
        return (source, None);
    }
    wire::begin(source)
}

fn what<'a>(command: &'a ReplayCommand, interfaces: &[Interface], budget: Budget) -> What<'a> {
    let names = interfaces.iter().map(|interface| interface.name.clone());
    What {
        source: command.file.to_str().unwrap_or("the capture"),
        places: Places::Many(names.collect()),
        growing: command.file == Path::new("-"),
        rows: command.table,
        chosen: !command.selection.is_everything(),
        budget,
        threads: command.resources.threads,
        billing: billing(command),
    }
}

fn billing(command: &ReplayCommand) -> Billing {
    let name = command.file.file_name().unwrap_or(command.file.as_os_str());
    let name = if name == "-" {
        "the pipe".into()
    } else {
        name.to_string_lossy()
    };
    Billing {
        origin: Origin::Recorded,
        intro: vec![format!("{name}, packet by packet")],
        question: None,
    }
}

/// The input, open once for each time that it is read, and the filter, compiled as often: later, nothing can be opened.
struct Passes {
    passes: Vec<Pass>,
    /// For what is saved while it is shown.
    saved: Option<FilterSet>,
}

struct Pass {
    input: Unread,
    filter: Option<FilterSet>,
}

impl Passes {
    fn open(command: &ReplayCommand) -> Result<Self, Failure> {
        let saved = filter(command)?;
        let selection = &command.selection;
        let mut count = 1;
        if command.write.is_some() && !selection.is_everything() {
            twice(command, "--write of a selection has")?;
            count += 1;
        }
        if !selection.verdicts.is_empty() || selection.around.is_some() {
            twice(command, "--verdict and --around have")?;
            count += 1 + usize::from(selection.around.is_some());
        }
        let passes = (0..count).map(|_| {
            Ok(Pass {
                input: Unread::open(&command.file)?,
                filter: filter(command)?,
            })
        });
        Ok(Self {
            passes: passes.collect::<Result<_, Failure>>()?,
            saved,
        })
    }

    fn inputs(&self) -> impl Iterator<Item = &Unread> {
        self.passes.iter().map(|pass| &pass.input)
    }

    fn take(&mut self) -> Result<Pass, Failure> {
        self.passes
            .pop()
            .ok_or_else(|| Failure::new(ExitCode::Input, "the capture is read too often"))
    }
}

fn filter(command: &ReplayCommand) -> Result<Option<FilterSet>, Failure> {
    let compiled = command.filter.as_deref().map(FilterSet::compile);
    compiled
        .transpose()
        .map_err(|error| Failure::new(ExitCode::Interface, error))
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
fn resolve(command: &ReplayCommand, passes: &mut Passes) -> Result<Chosen, Failure> {
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
    let mut scout = Scout {
        verdicts: selection.verdicts.clone(),
        around: selection.around,
        ..Scout::default()
    };
    first_pass(command, passes.take()?, &mut scout)?;
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
        first_pass(command, passes.take()?, &mut pass)?;
        chosen.stretch = pass.inner.stretch();
    }
    chosen.connections = Some(found);
    Ok(chosen)
}

/// A pass whose result is not shown. How the input ends is reported by the pass that shows it.
fn first_pass(command: &ReplayCommand, pass: Pass, sink: &mut dyn Sink) -> Result<(), Failure> {
    let mut reader = Reader::new(pass.input.read()?);
    let budget = budget(command, &*reader.source);
    reader.filter = pass.filter;
    match pipeline::run(
        reader,
        tracker(command, budget),
        sink,
        command.resources.threads,
        Progress::watched(false),
    ) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(
            ExitCode::Input,
            format_args!("{}: {error}", command.file.display()),
        )),
    }
}

pub(super) fn tracker(command: &ReplayCommand, budget: Budget) -> Tracker {
    Tracker::new(Limits {
        labels: command.labels,
        server_ports: command.ports.clone(),
        memory: budget.connections,
        ..Limits::default()
    })
}

pub(super) fn budget(command: &ReplayCommand, source: &dyn Source) -> Budget {
    let few = matches!(command.table.rows, Rows::Screenful);
    let presented = command.output.present != Present::default();
    let beside = match command.output.format {
        Some(Format::Timeline) => Beside::Segments,
        // What is chosen or presented is shown as ladders, however long.
        None if presented || !command.selection.is_everything() => Beside::Segments,
        None | Some(Format::Table) if !few => Beside::Rows,
        // Else ladders are only drawn of captures that are small.
        _ => Beside::Nothing,
    };
    Budget::of(&command.resources, beside, source.held())
}

/// Whether results are written while the capture is read, and not at the end.
fn writes_meanwhile(command: &ReplayCommand) -> bool {
    let page = match command.output.format {
        Some(Format::Table | Format::Summary) => true,
        // A pipe that pauses is shown by rows, and what is presented has the whole screen.
        None => command.file != Path::new("-") && command.output.present == Present::default(),
        _ => false,
    };
    !page && command.output.file.is_none()
}

/// Connections that are asked for and do not exist.
fn unknown<'a>(command: &'a ReplayCommand, totals: &Totals) -> impl Iterator<Item = u32> + 'a {
    let connections = totals.connections;
    let wanted = command.selection.connections.iter().copied();
    wanted.filter(move |&wanted| u64::from(wanted) > connections)
}

/// Nothing was selected, and an empty screen would not say why.
fn say_what_there_is(totals: &Totals) {
    match totals.period {
        Some((first, last)) => say::note(format_args!(
            "nothing is selected: the capture has {} packets, from {} to {} UTC",
            totals.frames,
            first.utc(),
            last.utc()
        )),
        None => say::note("nothing is selected: the capture has no packets"),
    }
}

/// What is to be said about a finished run, and its exit code.
pub(super) fn judge(command: &ReplayCommand, outcome: Outcome) -> ExitCode {
    let mut code = ExitCode::Fine;
    let connections = outcome.totals.connections;
    for wanted in unknown(command, &outcome.totals) {
        say::problem(format_args!(
            "there is no connection {wanted}: the capture has {connections}"
        ));
        code = code.or(ExitCode::Usage);
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
