//! `demo`: plays a scenario and shows what it puts on the wire: in a private network where that is possible, else on the
//! loopback of this machine, else from its recording.

mod judge;
mod list;
mod place;
mod series;
mod words;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::calls::{self, Told, WithCalls};
use super::exchange;
use super::exit::ExitCode;
use super::failure::Failure;
use super::live;
use super::memory::Memory;
use super::output::Output;
use super::pipeline;
use super::reader::Reader;
use super::results;
use super::sandbox;
use super::saving;
use super::say;
use super::show;
use super::sides::Sides;
use super::signals;
use super::sink::Both;
use super::step::Billing;
use super::twins::Joined;
use super::wire;
use crate::capture::live::Settings;
use crate::capture::{self, Saver, Source};
use crate::cli::{DEFAULT_PORT, DemoCommand, DemoTask, Format, OutputChoice, Resources};
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
    Failure::new(
        ExitCode::Usage,
        format_args!("there is no scenario \"{}\"", escape::terminal(name)),
    )
    .hint(format_args!("there are: {}", names.join(", ")))
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
struct Results {
    output: Output,
    saver: Option<Saver>,
    calls: Option<Told>,
    judge: Judge,
}

impl Performance<'_> {
    /// Plays it. In a series the output is given, and what is said goes there as well.
    fn play(&self, given: Option<Output>) -> Result<Shown, Failure> {
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
        let (mut output, saver) = if let Some(output) = given {
            (output, None)
        } else {
            let files = results::Results::open(self.choice.file.as_deref(), self.write)?;
            files.spare_each_other()?;
            files.begin()?
        };
        let mut words = Words::new(self, &mut output)?;
        let described = place.describe(self.scenario, stage.as_ref());
        words.before(&described)?;
        let billing = self.billing(&place, &described);
        if self.choice.syscalls && stage.is_none() {
            say::note("no system calls are shown: no program makes these packets now\n");
        }
        let results = Results {
            output,
            saver,
            calls,
            judge: Judge::new(self.scenario),
        };
        let (code, judgement) = match (stage, self.scenario.origin) {
            (Some(stage), _) => self.capture(stage, &place, results, billing)?,
            (None, Origin::Constructed(script)) => {
                self.confine(&Needs::default())?;
                self.end_waits_at_signal()?;
                let script =
                    Script::parse(script).map_err(|error| Failure::new(ExitCode::Lab, error))?;
                let source = Box::new(Memory::of_script(&script));
                self.show(source, None, results, DEFAULT_PORT, billing)?
            }
            (None, _) => {
                self.confine(&Needs::default())?;
                self.end_waits_at_signal()?;
                let source = capture::recorded(self.scenario.recording)?;
                self.show(source, None, results, DEFAULT_PORT, billing)?
            }
        };
        if let Some(judgement) = &judgement {
            words.after(judgement)?;
        }
        Ok(Shown {
            code,
            played: place.name(),
            judgement,
        })
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

    /// Lets the scenario run, and captures it.
    fn capture(&self, stage: Stage, place: &Place, results: Results, billing: Billing) -> Judged {
        let scenario = self.scenario;
        let mut source = live::open(&Settings {
            interface: scenario.on_wire().then(|| WIRE_DEVICE.to_owned()),
            filter: Some(place.filter(scenario, self.port)),
            ..Settings::default()
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
        let over = Arc::new(AtomicBool::new(false));
        let fates = scenario.on_wire().then(|| stage.fates());
        let player = thread::Builder::new()
            .name("scenario".to_owned())
            .spawn({
                let over = Arc::clone(&over);
                move || {
                    let result = scenario.play(&stage);
                    over.store(true, Ordering::SeqCst);
                    stopper.stop();
                    // A wire's device has to be there until its last packet was captured.
                    result.map(|()| stage)
                }
            })
            .map_err(|error| {
                Failure::new(
                    ExitCode::Lab,
                    format_args!("cannot start a thread: {error}"),
                )
            })?;
        let begin = Instant::now();
        let source: Box<dyn Source + Send> = if scenario.on_wire() {
            Box::new(Sides::new(source, self.port))
        } else {
            Box::new(source)
        };
        let (code, judgement) = self.show(source, fates, results, self.port, billing)?;
        if !over.load(Ordering::SeqCst) {
            // A player that is overtaken is left alone; each of its waits has a limit.
            if begin.elapsed() >= TIME_LIMIT {
                return Err(Failure::new(
                    ExitCode::Lab,
                    "the scenario did not come to its end",
                ));
            }
            return Ok((code, None));
        }
        match player.join() {
            Ok(Ok(_)) => Ok((code, judgement)),
            Ok(Err(error)) => Err(exchange::failure(error)),
            Err(_) => Err(Failure::new(ExitCode::Lab, "the scenario failed")),
        }
    }

    /// Shows what comes from `source`. `fates`: it comes from a wire that is at work.
    fn show(
        &self,
        source: Box<dyn Source + Send>,
        fates: Option<Arc<Fates>>,
        Results {
            output,
            saver,
            calls,
            judge,
        }: Results,
        port: u16,
        billing: Billing,
    ) -> Judged {
        let interface = source.interfaces().first();
        let interface = interface.and_then(|interface| interface.name.clone());
        let (source, problem) = saving::saving(source, saver, None);
        let name = format!("demo {}", self.scenario.name);
        let live = fates.is_some();
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
            let remark = format!("wire: {}", plan.summary);
            wire::sink(self.choice, output, &what, &remark, twins, live)
        } else {
            show::whole(self.choice, output, &what)
        };
        let mut sink = Both {
            first: WithCalls::new(Joined::new(shown, twins), calls),
            second: judge,
        };
        let tracker = Tracker::new(Limits {
            server_ports: vec![port],
            ..Limits::default()
        });
        let mut reader = Reader::new(source);
        reader.keep_frames = self.choice.payload;
        match pipeline::run(reader, tracker, &mut sink, 2, None) {
            Ok(outcome) => match outcome.unreadable.map(Failure::from).or(problem.take()) {
                Some(failure) => Err(failure),
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
