//! `demo`: plays a scenario and shows what it puts on the wire: in a private network where that is possible, else on the
//! loopback of this machine, else from its recording.

mod judge;
mod list;
mod place;
mod player;
mod series;
mod words;

use std::path::Path;
use std::sync::Arc;

use super::calls::{self, Told, WithCalls};
use super::descriptors;
use super::exit::ExitCode;
use super::failure::Failure;
use super::live;
use super::memory::Memory;
use super::output::Output;
use super::pipeline;
use super::program;
use super::reader::Reader;
use super::results::{self, Frames, Spare};
use super::sandbox;
use super::saving;
use super::say;
use super::show;
use super::sides::Sides;
use super::signals;
use super::sink::Both;
use super::step::Billing;
use super::twins::Joined;
use super::wire::{self, Coverage};
use crate::capture::live::Settings;
use crate::capture::{self, Source};
use crate::cli::{DEFAULT_PORT, DemoCommand, DemoTask, Format, OutputChoice, Resources};
use crate::explain::difference;
use crate::lab::apart::end_with_parent;
use crate::lab::fates::Fates;
use crate::lab::network::WIRE_DEVICE;
use crate::lab::scenario::{Origin, SCENARIOS, Scenario, Stage, TIME_LIMIT};
use crate::lab::script::Script;
use crate::privilege::Needs;
use crate::render::escape;
use crate::track::{Limits, Tracker};

use self::judge::{Judge, Judgement};
use self::place::Place;
use self::player::Player;
use self::words::Words;

/// Plays a scenario or several, or lists all.
pub(crate) fn demo(command: &DemoCommand) -> Result<ExitCode, Failure> {
    match &command.task {
        DemoTask::List => list::list(&command.output),
        DemoTask::All { port } => series::all(command, *port),
        DemoTask::Course { from, port } => series::course(command, from.as_deref(), *port),
        DemoTask::Play {
            scenario,
            port,
            write,
        } => {
            let performance = Performance {
                scenario: Scenario::named(scenario).ok_or_else(|| no_such(scenario))?,
                port: *port,
                write: write.as_deref(),
                sandboxed: command.sandboxed,
                choice: &command.output,
                telling: Telling::Alone,
            };
            judged(performance.play(None)?)
        }
    }
}

/// A scenario that did not show what it is meant to show did not do its job, alone as among all.
fn judged(shown: Shown) -> Result<ExitCode, Failure> {
    let wrong = shown.judgement.map(|judgement| judgement.wrong);
    match wrong.filter(|wrong| !wrong.is_empty()) {
        Some(wrong) => Err(Failure::new(
            ExitCode::Lab,
            format_args!("not everything went as it should: {wrong}"),
        )
        .hint("timers run late on a busy machine; try again")),
        None => Ok(shown.code),
    }
}

fn no_such(name: &str) -> Failure {
    let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    let typed = name.to_lowercase();
    let differences = names.iter().map(|name| (difference(&typed, name), name));
    // More than every third letter wrong is another word.
    let near = differences.filter(|(wrong, _)| wrong * 3 <= typed.chars().count());
    let near = near.min().map(|(_, name)| name);
    Failure::new(
        ExitCode::Usage,
        format_args!("there is no scenario \"{}\"", escape::terminal(name)),
    )
    .hint(format_args!(
        "{}there are: {}\n{} demo --list    # says what each is about",
        near.map_or_else(String::new, |near| format!("did you mean {near}? ")),
        names.join(", "),
        program::name()
    ))
}

/// What is played and how it is shown.
struct Performance<'a> {
    scenario: &'static Scenario,
    port: u16,
    write: Option<&'a Path>,
    sandboxed: bool,
    choice: &'a OutputChoice,
    telling: Telling,
}

/// What is said besides the packets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// To people, on standard error: a scenario was asked for.
    Alone,
    /// Among the results: it is one of several.
    Series,
}

/// What came of a performance.
struct Shown {
    code: ExitCode,
    /// `live`, `recorded`, `constructed`
    played: &'static str,
    /// `None` where a signal ended it early.
    judgement: Option<Judgement>,
}

/// Where results go, and where they come from besides packets.
struct Results<'a> {
    files: Files<'a>,
    calls: Option<Told>,
    judge: Judge,
}

/// Where results go.
enum Files<'a> {
    /// Where those of a series do.
    Given(Output),
    /// To files that hold what was in them before.
    Own(Box<results::Results<'a>>),
}

impl Files<'_> {
    /// For saying that there was no result.
    fn sparing(&self) -> Spare {
        match self {
            Self::Given(_) => Spare::default(),
            Self::Own(files) => files.sparing(),
        }
    }

    /// There is nothing to write because of this failure.
    fn stay_empty(&mut self, failure: Failure) -> Failure {
        match self {
            Self::Given(_) => failure,
            Self::Own(files) => files.stay_empty(failure),
        }
    }

    /// There may be something to write.
    fn begin(self) -> (Output, Frames) {
        match self {
            Self::Given(output) => (output, Frames::unwanted()),
            Self::Own(files) => files.begin_later(),
        }
    }
}

/// Packets that are about to come.
struct Ready {
    source: Box<dyn Source + Send>,
    /// Of the server.
    port: u16,
    /// Where they come from a wire that is at work.
    fates: Option<Arc<Fates>>,
    /// What makes them. `None`: they were made before.
    player: Option<Player>,
}

impl Ready {
    fn made_before(source: Box<dyn Source + Send>) -> Self {
        Self {
            source,
            port: DEFAULT_PORT,
            fates: None,
            player: None,
        }
    }
}

impl Performance<'_> {
    /// Plays it. In a series the output is given, and what is said goes there as well.
    fn play(&self, mut given: Option<Output>) -> Result<Shown, Failure> {
        descriptors::ensure(self.descriptors(), ExitCode::Lab)?;
        let mut place = Place::find(self.scenario);
        let mut stage = None;
        let mut calls = None;
        if !matches!(place, Place::Recorded(_) | Place::Constructed) {
            let (teller, told) = calls::queue();
            let listener = Arc::new(move |report| teller.report(report));
            match self.scenario.prepare(self.port, listener) {
                Ok(ready) => {
                    stage = Some(ready);
                    calls = Some(told).filter(|_| self.wants_calls());
                }
                Err(error) => place = Place::Recorded(error.to_string()),
            }
        }
        let mut words = Words::new(self, given.as_mut())?;
        let mut files = if let Some(output) = given {
            Files::Given(output)
        } else {
            let files = results::Results::open(self.choice.file.as_deref(), self.write)?;
            files.spare_each_other()?;
            Files::Own(Box::new(files))
        };
        let described = place.describe(self.scenario, stage.as_ref());
        words.before(&described)?;
        let billing = self.billing(&place, &described);
        if self.choice.syscalls && stage.is_none() {
            say::note("no system calls are shown: no program makes these packets now\n");
        }
        let ready = self
            .prepare(stage, &place, files.sparing())
            .map_err(|failure| files.stay_empty(failure))?;
        let spare = files.sparing();
        let results = Results {
            files,
            calls,
            judge: Judge::new(self.scenario),
        };
        let shown = self.present(ready, results, billing);
        let (code, judgement) = shown.map_err(|failure| spare.explains(failure))?;
        if let Some(judgement) = &judgement {
            words.after(judgement)?;
        }
        Ok(Shown {
            code,
            played: place.name(),
            judgement,
        })
    }

    /// As many files are open at once.
    fn descriptors(&self) -> u64 {
        if self.scenario.constructed() {
            descriptors::TO_READ
        } else {
            descriptors::WITH_TRAFFIC
        }
    }

    /// In JSON they are shown wherever there are any.
    fn wants_calls(&self) -> bool {
        self.choice.syscalls || self.choice.format == Some(Format::Json)
    }

    fn confine(&self, needs: &Needs) -> Result<(), Failure> {
        sandbox::enter(self.sandboxed, needs)?;
        if self.telling == Telling::Series {
            end_with_parent();
        }
        Ok(())
    }

    /// What is played back slowly must be ended in order, for the terminal shows no keys meanwhile.
    fn end_waits_at_signal(&self) -> Result<(), Failure> {
        if self.choice.present.speed.is_none() {
            return Ok(());
        }
        signals::at_end(|| ()).map_err(|error| {
            Failure::new(
                ExitCode::Lab,
                format_args!("cannot watch for signals: {error}"),
            )
        })
    }

    /// What is said around its packets when they are stepped through.
    fn billing(&self, place: &Place, described: &str) -> Billing {
        let scenario = self.scenario;
        let mut letters = described.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let sentence = first.into_iter().chain(letters).chain(['.']).collect();
        Billing {
            origin: place.origin(),
            intro: vec![
                format!("{}: {}", scenario.name, scenario.title),
                format!("Watch for: {}.", scenario.watch_for),
                sentence,
            ],
            question: Some(scenario.question),
        }
    }

    /// Gets what is to be shown, and gives up all rights that this does not need.
    fn prepare(&self, stage: Option<Stage>, place: &Place, spare: Spare) -> Result<Ready, Failure> {
        if let Some(stage) = stage {
            return self.capture(stage, place, spare);
        }
        self.confine(&Needs::default())?;
        self.end_waits_at_signal()?;
        Ok(Ready::made_before(match self.scenario.origin {
            Origin::Constructed(script) => {
                let script =
                    Script::parse(script).map_err(|error| Failure::new(ExitCode::Lab, error))?;
                Box::new(Memory::of_script(&script))
            }
            _ => capture::recorded(self.scenario.recording)?,
        }))
    }

    /// Lets the scenario run, and captures it.
    fn capture(&self, stage: Stage, place: &Place, spare: Spare) -> Result<Ready, Failure> {
        let scenario = self.scenario;
        let mut source = live::open(&Settings {
            interface: scenario.on_wire().then(|| WIRE_DEVICE.to_owned()),
            filter: Some(place.filter(scenario, self.port)),
            ..Settings::default()
        })
        // The interface is our own: nobody has named a wrong one.
        .map_err(|failure| match failure.code {
            ExitCode::Interface => failure.without_hint(ExitCode::Lab),
            _ => failure,
        })?;
        let needs = Needs {
            sockets: place.sockets(self.port),
            network_admin: scenario.network.keeps_rights,
            capture: source.descriptor(),
        };
        self.confine(&needs)?;
        source.stop_after(TIME_LIMIT);
        let stopper = source.stopper();
        live::stop_at_signal(&stopper)?;
        let fates = scenario.on_wire().then(|| stage.fates());
        let player = Player::begin(scenario, stage, stopper, spare)?;
        Ok(Ready {
            source: if scenario.on_wire() {
                Box::new(Sides::new(source, self.port))
            } else {
                Box::new(source)
            },
            port: self.port,
            fates,
            player: Some(player),
        })
    }

    /// Shows what is ready, to its end.
    fn present(&self, mut ready: Ready, results: Results<'_>, billing: Billing) -> Judged {
        let player = ready.player.take();
        let shown = self.show(ready, results, billing);
        match player {
            Some(player) => player.end(shown),
            None => shown,
        }
    }

    /// Shows the packets that come.
    fn show(&self, ready: Ready, results: Results<'_>, billing: Billing) -> Judged {
        let Ready {
            source,
            port,
            fates,
            ..
        } = ready;
        let spare = results.files.sparing();
        let (output, frames) = results.files.begin();
        let interface = source.interfaces().first();
        let interface = interface.and_then(|interface| interface.name.clone());
        let (source, problem) = saving::saving(source, frames, None);
        let name = format!("demo {}", self.scenario.name);
        let coverage = match fates {
            Some(_) => Coverage::Live,
            None => Coverage::Whole,
        };
        let (source, twins) = match (self.scenario.origin, fates) {
            (Origin::Wire(..), Some(fates)) => {
                let (source, twins) = wire::follow(source, fates);
                (source, Some(twins))
            }
            (Origin::Wire(..), None) => wire::begin(source, &Resources::default()),
            _ => (source, None),
        };
        let what = show::what_of_scenario(&name, interface.as_deref(), billing);
        let shown = if let (Some(twins), Origin::Wire(_, plan)) = (&twins, self.scenario.origin) {
            wire::sink(
                self.choice,
                output,
                &what,
                wire::setting(plan),
                twins,
                coverage,
            )
        } else {
            show::whole(self.choice, output, &what)
        };
        let mut sink = Both {
            first: WithCalls::new(Joined::new(shown, twins), results.calls),
            second: results.judge,
        };
        let tracker = Tracker::new(Limits {
            server_ports: vec![port],
            ..Limits::default()
        });
        let mut reader = Reader::new(source);
        reader.keep_frames = self.choice.payload;
        match pipeline::run(reader, tracker, &mut sink, 2, None) {
            Ok(outcome) => match outcome.unreadable.map(Failure::from).or(problem.take()) {
                Some(failure) => {
                    spare.set();
                    Err(failure)
                }
                None => Ok((ExitCode::Fine, Some(sink.second.judgement()))),
            },
            // Whoever has read enough need not hear whether the rest was as it should be.
            Err(error) => Failure::output(&error).map_or(Ok((ExitCode::Fine, None)), Err),
        }
    }
}

/// How showing ended, and the judgement where everything was seen.
type Judged = Result<(ExitCode, Option<Judgement>), Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_that_shows_something_else_did_not_do_its_job() {
        let code = |judgement| {
            let shown = Shown {
                code: ExitCode::Fine,
                played: "live",
                judgement,
            };
            judged(shown).unwrap_or_else(|failure| failure.code)
        };
        let wrong = |wrong: &str| {
            Some(Judgement {
                verdict: Some("reset"),
                wrong: wrong.to_owned(),
            })
        };
        assert_eq!(code(wrong("reset instead of closed")), ExitCode::Lab);
        assert_eq!(code(wrong("")), ExitCode::Fine);
        assert_eq!(code(None), ExitCode::Fine, "ended by a signal");
    }
}
