//! How often a capture is read, and what a first reading finds out.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use super::interrupt::Interrupt;
use super::{begin, budget, tracker};
use crate::app::exit::ExitCode;
use crate::app::failure::Failure;
use crate::app::one_view::OneView;
use crate::app::pipeline;
use crate::app::program;
use crate::app::progress::Progress;
use crate::app::reader::Reader;
use crate::app::select::{Scout, Selected, Stretch, Surroundings};
use crate::app::sink::Sink;
use crate::app::twins::Joined;
use crate::capture::{FilterSet, Unread};
use crate::cli::ReplayCommand;
use crate::render::Plural;
use crate::track::ConnectionId;

/// The input, open once for each time that it is read, and the filter, compiled as often: later, nothing can be opened.
pub(super) struct Passes {
    passes: Vec<Pass>,
    /// For what is saved while it is shown.
    pub(super) saved: Option<FilterSet>,
}

pub(super) struct Pass {
    pub(super) input: Unread,
    pub(super) filter: Option<FilterSet>,
}

impl Passes {
    pub(super) fn open(command: &ReplayCommand) -> Result<Self, Failure> {
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
                input: input(command)?,
                filter: filter(command)?,
            })
        });
        Ok(Self {
            passes: passes.collect::<Result<_, Failure>>()?,
            saved,
        })
    }

    pub(super) fn inputs(&self) -> impl Iterator<Item = &Unread> {
        self.passes.iter().map(|pass| &pass.input)
    }

    pub(super) fn take(&mut self) -> Result<Pass, Failure> {
        self.passes
            .pop()
            .ok_or_else(|| Failure::new(ExitCode::Input, "the capture is read too often"))
    }
}

/// What is plainly no capture is refused before anything is made for its results.
fn input(command: &ReplayCommand) -> Result<Unread, Failure> {
    if command.file == Path::new("-") && io::stdin().is_terminal() {
        return Err(Failure::new(
            ExitCode::Usage,
            "standard input is a terminal, and nobody types a capture",
        )
        .hint(format_args!(
            "name a file, or let a program type it:\nsudo tcpdump -i any -U -w - tcp | {} replay -",
            program::name()
        )));
    }
    let input = Unread::open(&command.file)?;
    input.recognise()?;
    Ok(input)
}

fn filter(command: &ReplayCommand) -> Result<Option<FilterSet>, Failure> {
    let compiled = command.filter.as_deref().map(FilterSet::compile);
    compiled.transpose().map_err(Failure::filter)
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
    .hint(format_args!(
        "save it first, with `... > FILE.pcap`, and read that:\n{} replay FILE.pcap",
        program::name()
    )))
}

/// What the selection means in this capture.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) connections: Option<BTreeSet<ConnectionId>>,
    pub(super) stretch: Stretch,
}

/// Finds out what is selected; verdicts and surroundings are only known after a first pass.
pub(super) fn resolve(
    command: &ReplayCommand,
    passes: &mut Passes,
    interrupt: &Interrupt,
) -> Result<Chosen, Failure> {
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
    let packets = first_pass(command, passes.take()?, &mut scout, interrupt)?;
    let mut found = scout.connections;
    if let Some(wanted) = &chosen.connections {
        found = found.intersection(wanted).copied().collect();
    }
    if let Some(frame) = selection.around {
        if found.is_empty() {
            return Err(Failure::new(
                ExitCode::Usage,
                format_args!(
                    "frame {frame} holds no TCP segment in this capture of {}",
                    Plural(packets, "packet")
                ),
            ));
        }
        let surroundings = Surroundings::of(frame);
        let mut pass = Selected::new(surroundings, Some(found.clone()), Stretch::default());
        first_pass(command, passes.take()?, &mut pass, interrupt)?;
        chosen.stretch = pass.inner.stretch();
    }
    chosen.connections = Some(found);
    Ok(chosen)
}

/// A pass whose result is not shown, and how many packets it has met. How the input ends is reported by the pass that shows it.
fn first_pass(
    command: &ReplayCommand,
    pass: Pass,
    sink: &mut dyn Sink,
    interrupt: &Interrupt,
) -> Result<u64, Failure> {
    // Of a wire the client's view is judged.
    let (source, twins) = begin(command, interrupt.read(pass.input)?);
    let mut sink = Joined::new(OneView::new(sink, twins.clone()), twins);
    let mut reader = Reader::new(source);
    let budget = budget(command, &*reader.source, false);
    reader.filter = pass.filter;
    match pipeline::run(
        reader,
        tracker(command, budget),
        &mut sink,
        command.resources.threads,
        Progress::watched(false),
    ) {
        // What it was to find out is not known.
        Ok(_) if interrupt.was_heard() => Err(Interrupt::failure()),
        Ok(outcome) => Ok(outcome.totals.frames),
        Err(error) => Err(Failure::new(
            ExitCode::Input,
            format_args!("{}: {error}", command.file.display()),
        )),
    }
}
