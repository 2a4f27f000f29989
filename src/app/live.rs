//! `live`: captures an interface, makes traffic of its own where that surprises nobody, and watches on.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};

use super::budget::{Beside, Budget};
use super::calls::{self, Teller, Told, WithCalls};
use super::descriptors;
use super::exchange::{self, Exchange, port_option};
use super::exit::ExitCode;
use super::expect::ExpectSink;
use super::failure::Failure;
use super::output::Output;
use super::pipeline;
use super::program;
use super::reader::Reader;
use super::remedy::Remedy;
use super::results::{Frames, Results};
use super::sandbox;
use super::saving;
use super::say;
use super::show::{self, Manner, Places};
use super::signals;
use super::sink::{Both, Sink};
use super::step::{self, Full, Pace};
use super::watch::{Watch, Words};
use crate::capture::live::{LiveError, LiveSource, Settings};
use crate::capture::{Source as _, Stopper};
use crate::cli::{Format, LiveCommand, Traffic};
use crate::lab::LabError;
use crate::lab::server::Listening;
use crate::privilege::{Needs, Sockets};
use crate::track::{Limits, Tracker};

/// Captures, and shows what is captured.
pub(crate) fn live(command: &LiveCommand) -> Result<ExitCode, Failure> {
    descriptors::ensure(descriptors::WITH_TRAFFIC, without_descriptors(command))?;
    if command.traffic == Traffic::Private {
        enter_private()?;
    }
    let mut source = open(&Settings {
        interface: command.interface.clone(),
        filter: Some(command.capture_filter.clone()),
        snaplen: command.snaplen,
        buffer_size: command.buffer_size,
    })?;
    let words = mpsc::channel();
    let (teller, told) = wants_calls(command).then(calls::queue).unzip();
    let plan = Plan::new(command, &source, &words.0, teller.as_ref())?;
    let told = told.filter(|_| plan.makes_traffic());
    if command.output.syscalls && told.is_none() {
        say::note("no traffic of our own here, and so no system calls to show");
    }
    let results = Results::open(command.output.file.as_deref(), command.write.as_deref())?;
    results.spare_each_other()?;
    // Everything is open by now, and this is still the only thread.
    let needs = Needs {
        sockets: plan.sockets(command),
        capture: source.descriptor(),
        ..Needs::default()
    };
    sandbox::enter(command.sandboxed, &needs)?;
    let (output, frames) = results.begin()?;
    // The stage locks standard output itself, on its own thread.
    let output = (!command.output.present.step).then_some(output);
    if let Some(duration) = command.duration {
        source.stop_after(duration);
    }
    let stopper = source.stopper();
    stop_at_signal(&stopper)?;
    plan.announce(command, &source);
    let talk = Talk {
        words: words.0,
        queue: words.1,
        calls: teller.zip(told),
    };
    watch(command, source, plan, (output, frames), talk, &stopper)
}

/// What other threads have to tell, and its way to the watch.
struct Talk {
    words: Sender<Words>,
    queue: Receiver<Words>,
    /// System calls of our own ends, where there are any that are wanted.
    calls: Option<(Teller, Told)>,
}

/// Runs the pipeline until the capture ends.
fn watch(
    command: &LiveCommand,
    source: LiveSource,
    plan: Plan,
    (output, frames): (Option<Output>, Frames),
    Talk {
        words,
        queue,
        calls,
    }: Talk,
    stopper: &Stopper,
) -> Result<ExitCode, Failure> {
    // Rows that are held back on purpose are not late.
    let may_skip = by_rows(command)
        && command.output.present.speed.is_none()
        && output.as_ref().is_some_and(Output::is_terminal);
    let shown = shown(command, output, name_of(&source), stopper);
    let idle = plan.hint_when_idle(command, &source);
    let (teller, told) = calls.unzip();
    let both = Both {
        first: Watch::new(shown, queue, idle, may_skip),
        second: ExpectSink::new(command.expect.clone()),
    };
    let mut sink = WithCalls::new(both, told);
    let tracker = Tracker::new(Limits {
        labels: command.labels,
        server_ports: command.ports.clone(),
        memory: Budget::of(&command.resources, Beside::Nothing, source.held()).connections,
        ..Limits::default()
    });
    let (source, problem) = saving::saving(Box::new(source), frames, None);
    let mut reader = Reader::new(source);
    reader.limit = command.count;
    reader.keep_frames = command.output.payload;

    let exchange = plan.exchange(command, stopper, words, teller)?;
    let outcome = match pipeline::run(reader, tracker, &mut sink, command.resources.threads, None) {
        Ok(outcome) => outcome,
        // Nobody reads any more, and that is a fine end of a watch.
        Err(error) => return Failure::output(&error).map_or(Ok(ExitCode::Fine), Err),
    };
    let mut code = ExitCode::Fine;
    if let Some(error) = outcome.unreadable {
        let failure = Failure::from(error);
        code = code.or(failure.code);
        say::problem(failure);
    }
    if let Some(failure) = problem.take() {
        code = code.or(failure.code);
        say::problem(failure);
    }
    // An exchange that a signal overtook is left alone: it has its own time limits, and nothing that must be saved.
    if let Some(thread) = exchange.filter(|thread| command.once || thread.is_finished())
        && let Ok(Err(failure)) = thread.join()
        && command.once
    {
        code = code.or(failure.code);
        say::problem(failure);
    }
    for line in sink.inner.second.failures() {
        say::problem(format_args!("not as expected: {line}"));
        code = code.or(ExitCode::NotAsExpected);
    }
    Ok(code)
}

/// What traffic there will be.
enum Plan {
    /// None of ours.
    WatchOnly,
    /// None of ours, because there is a server already.
    Occupied,
    /// Our server and client.
    BuiltIn(Listening),
    /// Our client, and a server that is there already.
    ClientOnly,
}

impl Plan {
    /// Decides, and opens the server's port. The capture is open already, so that nothing is missed.
    fn new(
        command: &LiveCommand,
        source: &LiveSource,
        words: &Sender<Words>,
        calls: Option<&Teller>,
    ) -> Result<Self, Failure> {
        let port = own_port(command);
        let demanded = command.once || command.traffic == Traffic::Always;
        if !source.is_loopback() && demanded {
            return Err(Failure::new(
                ExitCode::Usage,
                format_args!(
                    "traffic of our own stays on the loopback interface, and {} is another",
                    name_of(source)
                ),
            )
            .hint("leave out --once and --make-traffic, or -i"));
        }
        if command.traffic == Traffic::Never || !source.is_loopback() {
            return Ok(Self::WatchOnly);
        }
        let words = by_rows(command).then(|| words.clone());
        match exchange::server(port, words, calls.cloned()) {
            Ok(server) => Ok(Self::BuiltIn(server)),
            Err(LabError::PortBusy { .. }) if command.traffic == Traffic::Always => {
                Ok(Self::ClientOnly)
            }
            Err(LabError::PortBusy { .. }) if !command.once => Ok(Self::Occupied),
            Err(error @ LabError::PortBusy { .. }) => Err(exchange::failure(error)
                .hint("--make-traffic lets our client talk to that server; -p takes another port")),
            Err(error) => Err(exchange::failure(error)),
        }
    }

    /// Says that it watches, and for whose traffic. To be called when nothing can go wrong before the first packet, and a
    /// signal ends the watch in order: whoever waits for these words may send one at once.
    fn announce(&self, command: &LiveCommand, source: &LiveSource) {
        match self {
            Self::WatchOnly => say::note(format_args!(
                "watching {} for {}; Ctrl-C ends",
                name_of(source),
                command.capture_filter
            )),
            Self::Occupied => {
                let port = own_port(command);
                say::note(format_args!(
                    "a server already listens on {port}: watching it; \
                     run your client now, or `{} connect{}`",
                    program::name(),
                    port_option(port)
                ));
            }
            Self::BuiltIn(_) | Self::ClientOnly => {}
        }
    }

    /// What to say when nothing is seen for a while.
    fn hint_when_idle(&self, command: &LiveCommand, source: &LiveSource) -> Option<String> {
        let port = own_port(command);
        let seen = format!(
            "nothing seen yet on {} that matches \"{}\"",
            name_of(source),
            command.capture_filter
        );
        match self {
            Self::WatchOnly if source.is_loopback() => Some(format!(
                "{seen}.\nTry `{0} serve{1}` and `{0} connect{1}` in other \
                 terminals; another port: -p; packets that leave this machine: -i",
                program::name(),
                port_option(port)
            )),
            Self::WatchOnly => Some(format!(
                "{seen}.\nIs it the right interface? Connections of this machine with itself are on the \
                 loopback interface: leave out -i"
            )),
            Self::Occupied => Some(format!("{seen}: run your client now")),
            Self::BuiltIn(_) | Self::ClientOnly => None,
        }
    }

    /// What is still to be done on the network.
    fn sockets(&self, command: &LiveCommand) -> Sockets {
        match self {
            Self::WatchOnly | Self::Occupied => Sockets::None,
            Self::BuiltIn(_) | Self::ClientOnly => Sockets::Client {
                port: own_port(command),
            },
        }
    }

    fn makes_traffic(&self) -> bool {
        matches!(self, Self::BuiltIn(_) | Self::ClientOnly)
    }

    /// Begins the exchange, if there is to be one.
    fn exchange(
        self,
        command: &LiveCommand,
        stopper: &Stopper,
        words: Sender<Words>,
        calls: Option<Teller>,
    ) -> Result<Option<std::thread::JoinHandle<Result<(), Failure>>>, Failure> {
        let server = match self {
            Self::WatchOnly | Self::Occupied => return Ok(None),
            Self::BuiltIn(server) => Some(server.serve().map_err(exchange::failure)?),
            Self::ClientOnly => None,
        };
        let exchange = Exchange {
            port: own_port(command),
            server,
            message: command.message.clone(),
            timeout: command.timeout,
            ends: command.once.then(|| stopper.clone()),
            seals: command.sandboxed,
            words,
            calls,
        };
        exchange.begin().map(Some).map_err(|error: io::Error| {
            Failure::new(
                ExitCode::Lab,
                format_args!("cannot start a thread: {error}"),
            )
        })
    }
}

/// What shows packets as they happen, or when somebody wants the next one.
fn shown(
    command: &LiveCommand,
    output: Option<Output>,
    interface: &str,
    stopper: &Stopper,
) -> Box<dyn Sink> {
    let choice = &command.output;
    if let Some(output) = output {
        let shown = show::happening(choice, output, interface, Some(interface));
        let Some(speed) = choice.present.speed else {
            return shown;
        };
        return Box::new(step::paced(shown, Pace::new(speed)));
    }
    let place = Places::One(Some(interface.to_owned()));
    let manner = Manner::of_terminal(choice, place);
    let intro = vec![format!(
        "watching {interface} for {}: the capture goes on while packets are held back here",
        command.capture_filter
    )];
    let stopper = stopper.clone();
    let origin = "captured a moment ago";
    let quit = move || stopper.stop();
    Box::new(step::live(choice, &manner, Full::Drop, origin, intro, quit))
}

/// The first Ctrl-C ends the capture, and with it the watch.
pub(crate) fn stop_at_signal(stopper: &Stopper) -> Result<(), Failure> {
    let stopper = stopper.clone();
    signals::at_end(move || stopper.stop()).map_err(|error| {
        Failure::new(
            ExitCode::Lab,
            format_args!("cannot watch for signals: {error}"),
        )
    })
}

/// Opens a capture, or says what to do so that it can be opened.
pub(crate) fn open(settings: &Settings) -> Result<LiveSource, Failure> {
    LiveSource::open(settings).map_err(|error| match error {
        LiveError::NotPermitted { .. } => Failure::new(ExitCode::NotPermitted, error)
            .hint(format_args!("any of these helps:\n{}", Remedy::here())),
        LiveError::Filter { .. } => Failure::filter(error),
        LiveError::NoSuchInterface { .. } => {
            Failure::new(ExitCode::Interface, error).hint(format_args!(
                "without -i it is this machine's loopback interface:\n{} live",
                program::name()
            ))
        }
        LiveError::List { .. } | LiveError::Failed { .. } | LiveError::Pipe(_) => {
            Failure::new(ExitCode::Interface, error)
        }
    })
}

/// Moves this process into a network of its own.
#[cfg(target_os = "linux")]
fn enter_private() -> Result<(), Failure> {
    crate::lab::namespace::enter().map_err(|refused| {
        Failure::new(ExitCode::NotPermitted, refused).hint(format_args!(
            "either of these helps:\n\
             sudo {} live --once    # on this machine's own loopback\n\
             {} demo handshake    # plays a recording where nothing else works",
            program::program().as_root(),
            program::name()
        ))
    })
}

#[cfg(not(target_os = "linux"))]
fn enter_private() -> Result<(), Failure> {
    Err(
        Failure::new(ExitCode::NotPermitted, "a private network needs Linux").hint(format_args!(
            "on this machine's own loopback:\nsudo {} live --once",
            program::program().as_root()
        )),
    )
}

/// What it means when too few files can be opened: there is no input, or no traffic either.
fn without_descriptors(command: &LiveCommand) -> ExitCode {
    if command.traffic == Traffic::Never || command.interface.is_some() {
        ExitCode::Input
    } else {
        ExitCode::Lab
    }
}

/// Whether people read along, a row or a sentence a packet.
fn by_rows(command: &LiveCommand) -> bool {
    matches!(
        command.output.format,
        None | Some(Format::Timeline | Format::Plain)
    )
}

/// Whether system calls are shown: in JSON they are, wherever there are any.
fn wants_calls(command: &LiveCommand) -> bool {
    command.output.syscalls || command.output.format == Some(Format::Json)
}

/// The port that traffic of our own uses.
fn own_port(command: &LiveCommand) -> u16 {
    let first = command.ports.first().copied();
    first.unwrap_or(crate::cli::DEFAULT_PORT)
}

fn name_of(source: &LiveSource) -> &str {
    source
        .interface()
        .name
        .as_deref()
        .unwrap_or("the interface")
}
