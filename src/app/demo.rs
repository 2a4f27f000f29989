//! `demo`: plays a scenario and shows what it puts on the wire: in a private network where that is possible, else on the
//! loopback of this machine, else from its recording.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::exchange;
use super::exit::ExitCode;
use super::failure::Failure;
use super::live;
use super::memory::Memory;
use super::output::Output;
use super::pipeline::{self, Reader};
use super::results;
use super::sandbox;
use super::saving;
use super::say;
use super::show;
use super::sides::Sides;
use super::step::{self, Billing};
use super::twins::Joined;
use super::wire;
use crate::capture::live::Settings;
use crate::capture::{self, Saver, Source};
use crate::cli::{DEFAULT_PORT, DemoCommand, DemoTask, Format, OutputChoice};
use crate::lab::network::WIRE_DEVICE;
use crate::lab::scenario::{Group, Origin, SCENARIOS, Scenario, Stage, TIME_LIMIT};
use crate::lab::script::Script;
use crate::privilege::{self, Needs, Sockets};
use crate::render::escape;
use crate::track::{Limits, Tracker};

/// Plays a scenario, or lists all.
pub(crate) fn demo(command: &DemoCommand) -> Result<ExitCode, Failure> {
    match &command.task {
        DemoTask::List => list(&command.output),
        DemoTask::Play {
            scenario,
            port,
            write,
        } => Performance {
            scenario: Scenario::named(scenario).ok_or_else(|| no_such(scenario))?,
            port: *port,
            write: write.as_deref(),
            sandboxed: command.sandboxed,
            choice: &command.output,
        }
        .play(),
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

/// Where a scenario plays.
enum Place {
    /// In a network of its own; this process is inside already.
    #[cfg(target_os = "linux")]
    Private,
    /// On the loopback of this machine.
    Host,
    /// Nowhere: its packets were written by hand.
    Constructed,
    /// Nowhere: its recording is shown, for this reason.
    Recorded(String),
}

impl Place {
    /// Finds the best one, and goes there. Must come before any thread is started.
    #[cfg(target_os = "linux")]
    fn find(scenario: &Scenario) -> Self {
        use crate::lab::namespace;
        if scenario.constructed() {
            return Self::Constructed;
        }
        // Tried in a child process first: a half-made private network could not be left again.
        match namespace::probe().and_then(|()| namespace::enter()) {
            Ok(()) => Self::Private,
            Err(refused) => Self::without_private(scenario, &refused.to_string()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn find(scenario: &Scenario) -> Self {
        if scenario.constructed() {
            return Self::Constructed;
        }
        Self::without_private(scenario, "a private network needs Linux")
    }

    fn without_private(scenario: &Scenario, why: &str) -> Self {
        if privilege::packet_socket().is_err() {
            Self::Recorded(format!("capturing is not permitted here, and {why}"))
        } else if scenario.plays_anywhere() {
            Self::Host
        } else {
            Self::Recorded(why.to_owned())
        }
    }

    /// What people are told about it.
    fn describe(&self, scenario: &Scenario) -> String {
        match (self, scenario.origin) {
            #[cfg(target_os = "linux")]
            (Self::Private, Origin::Wire(_, plan)) => {
                format!("live, on a wire of this process: {}", plan.summary)
            }
            #[cfg(target_os = "linux")]
            (Self::Private, _) => "live, in a private network of this process".to_owned(),
            (Self::Host, _) => "live, on the loopback of this machine".to_owned(),
            (Self::Constructed, _) => "constructed: no kernel would send these packets".to_owned(),
            (Self::Recorded(why), _) => format!("recorded earlier and played back: {why}"),
        }
    }

    /// The same as a sentence.
    fn announce(&self, scenario: &Scenario) -> String {
        let described = self.describe(scenario);
        let mut letters = described.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).chain(['.']).collect()
    }

    /// Where its packets come from, for whoever steps through them.
    const fn origin(&self) -> step::Origin {
        match self {
            #[cfg(target_os = "linux")]
            Self::Private => step::Origin::JustNow,
            Self::Host => step::Origin::JustNow,
            Self::Constructed => step::Origin::Constructed,
            Self::Recorded(_) => step::Origin::Recorded,
        }
    }

    /// What a scenario's own ends may do after this process has given up its rights.
    fn sockets(&self, port: u16) -> Sockets {
        match self {
            Self::Host => Sockets::Both { port },
            _ => Sockets::Private,
        }
    }

    /// In a private network there is no other traffic, and a scenario may use several ports.
    fn filter(&self, scenario: &Scenario, port: u16) -> String {
        match self {
            Self::Host => format!("tcp port {port}"),
            _ if scenario.on_wire() => "ip and tcp".to_owned(),
            _ => "tcp".to_owned(),
        }
    }
}

/// What is played and how it is shown.
struct Performance<'a> {
    scenario: &'static Scenario,
    port: u16,
    write: Option<&'a Path>,
    sandboxed: bool,
    choice: &'a OutputChoice,
}

/// Where results go.
struct Results {
    output: Output,
    saver: Option<Saver>,
}

impl Performance<'_> {
    fn play(&self) -> Result<ExitCode, Failure> {
        let mut place = Place::find(self.scenario);
        let mut stage = None;
        if !matches!(place, Place::Recorded(_) | Place::Constructed) {
            match self.scenario.prepare(self.port, Arc::new(|_| ())) {
                Ok(ready) => stage = Some(ready),
                Err(error) => place = Place::Recorded(error.to_string()),
            }
        }
        let files = results::Results::open(self.choice.file.as_deref(), self.write)?;
        files.spare_each_other()?;
        let (output, saver) = files.begin()?;
        let results = Results { output, saver };
        say::note(format_args!(
            "{}: {} ({})\nwatch for {}\n",
            self.scenario.name,
            self.scenario.title,
            place.describe(self.scenario),
            self.scenario.watch_for
        ));
        match (stage, self.scenario.origin) {
            (Some(stage), _) => self.capture(stage, &place, results),
            (None, Origin::Constructed(script)) => {
                sandbox::enter(self.sandboxed, &Needs::default())?;
                let script =
                    Script::parse(script).map_err(|error| Failure::new(ExitCode::Lab, error))?;
                let source = Box::new(Memory::of_script(&script));
                self.show(source, results, DEFAULT_PORT, self.billing(&place))
            }
            (None, _) => {
                sandbox::enter(self.sandboxed, &Needs::default())?;
                let source = capture::recorded(self.scenario.recording)?;
                self.show(source, results, DEFAULT_PORT, self.billing(&place))
            }
        }
    }

    /// What is said around its packets when they are stepped through.
    fn billing(&self, place: &Place) -> Billing {
        let scenario = self.scenario;
        Billing {
            origin: place.origin(),
            intro: vec![
                format!("{}: {}", scenario.name, scenario.title),
                format!("Watch for {}.", scenario.watch_for),
                place.announce(scenario),
            ],
            question: Some(scenario.question),
        }
    }

    /// Lets the scenario run, and captures it.
    fn capture(&self, stage: Stage, place: &Place, results: Results) -> Result<ExitCode, Failure> {
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
        sandbox::enter(self.sandboxed, &needs)?;
        source.stop_after(TIME_LIMIT);
        let stopper = source.stopper();
        live::stop_at_signal(&stopper)?;
        let player = thread::Builder::new()
            .name("scenario".to_owned())
            .spawn(move || {
                let result = scenario.play(&stage);
                stopper.stop();
                // A wire's device has to be there until its last packet was captured.
                result.map(|()| stage)
            })
            .map_err(|error| {
                Failure::new(
                    ExitCode::Lab,
                    format_args!("cannot start a thread: {error}"),
                )
            })?;
        let source: Box<dyn Source + Send> = if scenario.on_wire() {
            Box::new(Sides::new(source, self.port))
        } else {
            Box::new(source)
        };
        let code = self.show(source, results, self.port, self.billing(place))?;
        // A player that a signal overtook is left alone; each of its waits has a limit.
        if !player.is_finished() && code != ExitCode::Fine {
            return Ok(code);
        }
        match player.join() {
            Ok(Ok(_)) => Ok(code),
            Ok(Err(error)) => Err(exchange::failure(error)),
            Err(_) => Err(Failure::new(ExitCode::Lab, "the scenario failed")),
        }
    }

    fn show(
        &self,
        source: Box<dyn Source + Send>,
        Results { output, saver }: Results,
        port: u16,
        billing: Billing,
    ) -> Result<ExitCode, Failure> {
        let interface = source.interfaces().first();
        let interface = interface.and_then(|interface| interface.name.clone());
        let (source, problem) = saving::saving(source, saver, None);
        let name = format!("demo {}", self.scenario.name);
        let (source, twins) = match self.scenario.origin {
            Origin::Wire(..) => {
                let (memory, twins) = wire::begin(source);
                (Box::new(memory) as Box<dyn Source + Send>, twins)
            }
            _ => (source, None),
        };
        let shown = match (&twins, self.scenario.origin) {
            (Some(twins), Origin::Wire(_, plan)) => {
                let remark = format!("wire: {}", plan.summary);
                wire::sink(self.choice, output, &name, &remark, twins, billing)
            }
            _ => show::scenario(self.choice, output, &name, interface.as_deref(), billing),
        };
        let mut sink = Joined::new(shown, twins);
        let tracker = Tracker::new(Limits {
            server_ports: vec![port],
            ..Limits::default()
        });
        let mut reader = Reader::new(source);
        reader.keep_frames = self.choice.payload;
        match pipeline::run(reader, tracker, &mut sink, 2) {
            Ok(outcome) => match outcome.unreadable {
                Some(error) => Err(error.into()),
                None => problem.take().map_or(Ok(ExitCode::Fine), Err),
            },
            Err(error) => Failure::output(&error).map_or(Ok(ExitCode::Fine), Err),
        }
    }
}

/// All scenarios, by group.
fn list(choice: &OutputChoice) -> Result<ExitCode, Failure> {
    let mut output = Output::open(choice.file.as_deref())?;
    let written = if choice.format == Some(Format::Json) {
        list_json(&mut output)
    } else {
        list_text(&mut output)
    };
    match written.and_then(|()| output.flush()) {
        Ok(()) => Ok(ExitCode::Fine),
        Err(error) => Failure::output(&error).map_or(Ok(ExitCode::Fine), Err),
    }
}

fn list_text(out: &mut Output) -> io::Result<()> {
    let width = SCENARIOS.iter().map(|s| s.name.len()).max().unwrap_or(0);
    for group in Group::ALL {
        let mut members = SCENARIOS.iter().filter(|s| s.group == group).peekable();
        if members.peek().is_none() {
            continue;
        }
        writeln!(out, "{}", group.name())?;
        for scenario in members {
            writeln!(out, "  {:width$}  {}", scenario.name, scenario.title)?;
        }
    }
    Ok(())
}

fn list_json(out: &mut Output) -> io::Result<()> {
    for scenario in SCENARIOS {
        let mut line = Vec::new();
        for (i, (key, value)) in [
            ("name", scenario.name),
            ("title", scenario.title),
            ("group", scenario.group.name()),
            ("teaches", scenario.teaches),
            ("verdict", scenario.verdict),
        ]
        .into_iter()
        .enumerate()
        {
            line.extend_from_slice(if i == 0 { b"{\"" } else { b",\"" });
            line.extend_from_slice(key.as_bytes());
            line.extend_from_slice(b"\":\"");
            escape::json(&mut line, value.as_bytes());
            line.push(b'"');
        }
        writeln!(line, ",\"constructed\":{}}}", scenario.constructed())?;
        out.write_all(&line)?;
    }
    Ok(())
}
