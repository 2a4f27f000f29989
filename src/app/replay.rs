//! `replay`: a capture file or pipe is read, tracked, selected and shown.

mod interrupt;
mod passes;

use std::path::Path;
use std::sync::Arc;

use super::budget::{Beside, Budget};
use super::descriptors;
use super::exit::ExitCode;
use super::expect::ExpectSink;
use super::failure::Failure;
use super::header;
use super::missing;
use super::one_view::OneView;
use super::output::Output;
use super::pipeline::{self, Outcome};
use super::program;
use super::progress::Progress;
use super::reader::Reader;
use super::results::{Frames, Results};
use super::sandbox;
use super::saving::{self, Noting, save_selected};
use super::say;
use super::select::Selected;
use super::show::{self, Places, What};
use super::sink::{Both, Sink};
use super::step::{Billing, Origin};
use super::twins::{Joined, Twins};
use super::wire::{self, Coverage, Joinable};
use crate::capture::{FilterSet, Interface, Source};
use crate::cli::{Format, Present, ReplayCommand, Rows};
use crate::explain::{Totals, WireSetting};
use crate::privilege::Needs;
use crate::render::Plural;
use crate::track::{Limits, Tracker};

use self::interrupt::Interrupt;
use self::passes::{Chosen, Pass, Passes, resolve};

/// What stands above the ladder of a wire whose setting is not known.
const BOTH_ENDS: &str = "wire: each packet recorded twice, as sent and as received";

/// Reads the capture and shows it.
pub(crate) fn replay(command: &ReplayCommand) -> Result<ExitCode, Failure> {
    descriptors::ensure(descriptors::TO_READ, ExitCode::Input)?;
    let mut passes = Passes::open(command)?;
    // What is wrong with the input is told first, so a file that cannot be written has to wait.
    let mut results = Results::open(command.output.file.as_deref(), command.write.as_deref());
    if let Ok(results) = &results {
        results.spare_each_other()?;
        passes.inputs().try_for_each(|input| results.spare(input))?;
    }
    let interrupt = Interrupt::new()?;
    // Everything is open by now, this is still the only thread, and no packet of the capture was looked at.
    sandbox::enter(command.sandboxed, &Needs::default())?;
    // What is presented was read before, and whoever has seen enough of it wants it to end at once.
    if is_growing(command) || command.output.present == Present::default() {
        interrupt.at_signal();
    }
    let Pass { input, filter } = passes.take()?;
    let source = interrupt.read(input);
    let source = source.map_err(|failure| match &mut results {
        Ok(results) => results.stay_empty(failure),
        Err(_) => failure,
    })?;
    let mut results = results?;
    if let Some(frame) = command.header {
        let mut reader = Reader::new(source);
        reader.filter = filter;
        return header::header(command, frame, reader, results)
            .map_err(|failure| interrupt.explains(failure));
    }
    let chosen =
        resolve(command, &mut passes, &interrupt).map_err(|failure| results.stay_empty(failure))?;
    let reading = Reading {
        source,
        filter,
        chosen,
        later: passes,
    };
    show(command, reading, results, &interrupt)
}

/// A capture that begins like one, and what is wanted of it.
struct Reading {
    source: Joinable,
    filter: Option<FilterSet>,
    chosen: Chosen,
    /// For reading it once more.
    later: Passes,
}

/// Shows what is chosen, and saves and judges it where that is asked for.
fn show(
    command: &ReplayCommand,
    reading: Reading,
    results: Results<'_>,
    interrupt: &Interrupt,
) -> Result<ExitCode, Failure> {
    let Reading {
        source,
        filter,
        chosen,
        later: mut passes,
    } = reading;
    let spare = results.sparing();
    let (output, frames) = results.begin_later();
    // A selection is saved by a pass of its own, when it is known what belongs to it.
    let partly = !command.selection.is_everything();
    let (now, later) = if partly {
        (Frames::unwanted(), frames)
    } else {
        (frames, Frames::unwanted())
    };
    let (source, problem) = saving::saving(source, now, passes.saved.take());
    let (source, twins) = begin(command, source);
    if twins.is_none() && wire::begins_at_client(&*source) == Some(true) {
        say::note(format_args!(
            "this was recorded on a wire, and each of its ends is shown on its own: \
             only files of up to {} are joined, in which nothing arrives that has not left",
            Plural(wire::MOST_FRAMES as u64, "packet")
        ));
    }
    let budget = budget(command, &*source, twins.is_some());
    let what = what(command, source.interfaces(), budget);
    let told = Both {
        first: shown(command, output, &what, twins.as_ref()),
        second: OneView::new(ExpectSink::new(command.expect.clone()), twins.clone()),
    };
    let chosen_frames = Noting {
        wanted: partly,
        ..Noting::default()
    };
    let one_ladder = twins.clone().filter(|_| draws_both_ends(command));
    let selected = Both {
        first: Selected::new(told, chosen.connections.clone(), chosen.stretch).joined(one_ladder),
        // What only one end's frames are saved of would look as if nothing had arrived.
        second: Selected::new(chosen_frames, chosen.connections, chosen.stretch)
            .joined(twins.clone()),
    };
    let mut selected = Joined::new(selected, twins);
    let mut reader = Reader::new(source);
    reader.filter = filter;
    reader.keep_frames = command.output.payload;
    let ran = pipeline::run(
        reader,
        tracker(command, budget),
        &mut selected,
        command.resources.threads,
        Progress::watched(writes_meanwhile(command)),
    );
    let Both { first, second } = selected.inner;
    let (expected, noted) = (first.inner.second.inner, second.inner);
    let nothing = partly && noted.frames.is_empty();
    let mut code = match ran {
        Ok(outcome) => judge(command, outcome, nothing, interrupt),
        Err(error) => match Failure::output(&error) {
            Some(failure) => return Err(failure),
            // Whoever read the output has enough; expectations about the rest cannot be judged.
            None => return Ok(ExitCode::Fine),
        },
    };
    if let Some(failure) = problem.take() {
        code = code.or(failure.code);
        say::problem(failure);
    }
    if nothing && matches!(code, ExitCode::Usage | ExitCode::Interrupted) {
        // There is no such connection, or it was not reached: what was found the last time stays.
        spare.set();
    } else if later.are_wanted() {
        save_selected(passes.take()?.input.read()?, &noted.frames, later)?;
    }
    for line in expected.failures() {
        say::problem(format_args!("not as expected: {line}"));
        code = code.or(ExitCode::NotAsExpected);
    }
    Ok(code)
}

/// What shows the capture.
fn shown(
    command: &ReplayCommand,
    output: Output,
    what: &What<'_>,
    twins: Option<&Arc<Twins>>,
) -> Box<dyn Sink> {
    match twins {
        Some(twins) => {
            let coverage = if is_whole(command) {
                Coverage::Whole
            } else {
                Coverage::Part
            };
            let setting = WireSetting {
                remark: BOTH_ENDS.to_owned(),
                ..WireSetting::default()
            };
            wire::sink(&command.output, output, what, setting, twins, coverage)
        }
        None => show::whole(&command.output, output, what),
    }
}

/// Whether it may still be written while it is read.
fn is_growing(command: &ReplayCommand) -> bool {
    command.file == Path::new("-")
}

/// Joins both sides of a wire. A pipe that grows is shown as it comes.
fn begin(command: &ReplayCommand, source: Joinable) -> (Joinable, Option<Arc<Twins>>) {
    if is_growing(command) {
        return (source, None);
    }
    wire::begin(source, &command.resources)
}

/// Whether all packets of the connections that are shown are.
fn is_whole(command: &ReplayCommand) -> bool {
    let selection = &command.selection;
    let narrowed = selection.from.is_some() || selection.to.is_some() || selection.around.is_some();
    !narrowed && command.filter.is_none()
}

/// Whether both ends of a wire are drawn as one ladder.
fn draws_both_ends(command: &ReplayCommand) -> bool {
    let ladder = matches!(command.output.format, None | Some(Format::Timeline));
    ladder && is_whole(command)
}

fn what<'a>(command: &'a ReplayCommand, interfaces: &[Interface], budget: Budget) -> What<'a> {
    let names = interfaces.iter().map(|interface| interface.name.clone());
    What {
        source: command.file.to_str().unwrap_or("the capture"),
        places: Places::Many(names.collect()),
        growing: is_growing(command),
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

pub(super) fn tracker(command: &ReplayCommand, budget: Budget) -> Tracker {
    Tracker::new(Limits {
        labels: command.labels,
        server_ports: command.ports.clone(),
        memory: budget.connections,
        ..Limits::default()
    })
}

/// `wire`: it is drawn with both its ends' views, however many there are.
pub(super) fn budget(command: &ReplayCommand, source: &dyn Source, wire: bool) -> Budget {
    let few = matches!(command.table.rows, Rows::Screenful);
    let presented = command.output.present != Present::default();
    let beside = match command.output.format {
        Some(Format::Timeline) => Beside::Segments,
        // What is chosen or presented is shown as ladders, however long.
        None if wire || presented || !command.selection.is_everything() => Beside::Segments,
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
        None => !is_growing(command) && command.output.present == Present::default(),
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

/// Says what was asked for and does not exist, and where there is something if nothing was selected.
fn selected_something(command: &ReplayCommand, totals: &Totals, nothing: bool) -> ExitCode {
    let mut code = ExitCode::Fine;
    let mut unknown = unknown(command, totals).peekable();
    while let Some(wanted) = unknown.next() {
        let problem = Failure::new(
            ExitCode::Usage,
            format_args!(
                "there is no connection {wanted}: the capture has {}",
                totals.connections
            ),
        );
        code = problem.code;
        // Once for all of them, and not where a pipe has been read.
        let list = unknown.peek().is_none() && !is_growing(command) && totals.connections > 0;
        say::problem(problem.hint_if(list.then(|| {
            format!(
                "this lists them, each with its number:\n{} replay {} --format table --all",
                program::name(),
                missing::argument(&command.file)
            )
        })));
    }
    if nothing && code == ExitCode::Fine {
        say_what_there_is(totals, !command.selection.verdicts.is_empty());
    }
    code
}

/// Nothing was selected, and an empty screen would not say why. `by_verdict`: how connections ended was asked for.
fn say_what_there_is(totals: &Totals, by_verdict: bool) {
    if by_verdict && totals.connections > 0 {
        let verdicts = totals.by_verdict.iter();
        let verdicts = verdicts.map(|(name, count)| format!("{count} {name}"));
        say::note(format_args!(
            "nothing is selected: the capture has {}: {}",
            Plural(totals.connections, "connection"),
            verdicts.collect::<Vec<_>>().join(", ")
        ));
        return;
    }
    match totals.period {
        Some((first, last)) => say::note(format_args!(
            "nothing is selected: the capture has {}, from {} to {} UTC",
            Plural(totals.frames, "packet"),
            first.utc(),
            last.utc()
        )),
        None => say::note("nothing is selected: the capture has no packets"),
    }
}

/// What is to be said about a finished run, and its exit code.
fn judge(
    command: &ReplayCommand,
    outcome: Outcome,
    nothing: bool,
    interrupt: &Interrupt,
) -> ExitCode {
    let mut code = if interrupt.was_heard() {
        // Of what was not read nothing is known, such as whether it holds what was asked for.
        Interrupt::tell(&outcome.totals, nothing)
    } else {
        selected_something(command, &outcome.totals, nothing)
    };
    if outcome.hidden > 0 {
        say::note(format_args!(
            "{} packets with VLAN or tunnel headers did not match: \
             a filter looks right behind the link-layer header. Try: --filter 'vlan and ({})', or leave --filter out",
            outcome.hidden,
            command.filter.as_deref().unwrap_or_default()
        ));
    }
    let nothing_matched =
        outcome.totals.frames == 0 && outcome.hidden == 0 && !interrupt.was_heard();
    if let Some(filter) = command.filter.as_deref()
        && nothing_matched
        && outcome.unreadable.is_none()
    {
        say::note(format_args!(
            "no packet of the capture matches --filter \"{filter}\""
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
