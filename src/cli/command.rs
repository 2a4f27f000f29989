//! What the command line means: one value per command, cross-checked, with defaults filled in.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use super::DEFAULT_PORT;
use super::args::{
    Cli, Compat, ConnectArgs, DemoArgs, DoctorArgs, ExchangeArgs, ExplainArgs, LimitArgs, LiveArgs,
    OutputArgs, PresentArgs, ReplayArgs, Subcommands,
};
use super::choice::{ColorChoice, Format, Ladder, Only};
use super::expect::Expectation;
use super::value::{Moment, Speed};
use crate::explain::Sort;
use crate::render::{Explain, TimeColumn};
use crate::track::{LabelRules, Verdict};

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Command {
    /// Capture, with or without traffic of our own.
    Live(LiveCommand),
    /// Read a capture.
    Replay(ReplayCommand),
    /// Play a scenario, or list them.
    Demo(DemoCommand),
    /// Run the built-in server.
    Serve(ServeCommand),
    /// Run the built-in client.
    Connect(ConnectCommand),
    /// Explain a word.
    Explain(ExplainCommand),
    /// Say what works here.
    Doctor(DoctorCommand),
}

impl Command {
    /// Whether it waits for keys between packets.
    #[must_use]
    pub const fn steps(&self) -> bool {
        match self {
            Self::Live(command) => command.output.present.step,
            Self::Replay(command) => command.output.present.step,
            Self::Demo(command) => command.output.present.step,
            Self::Serve(_) | Self::Connect(_) | Self::Explain(_) | Self::Doctor(_) => false,
        }
    }
}

/// `live`.
#[derive(Clone, Debug)]
pub struct LiveCommand {
    /// The interface; `None` is the loopback one. Any other than the loopback one is only watched.
    pub interface: Option<String>,
    /// The ports that were asked for, or the default one. Traffic of our own uses the first.
    pub ports: Vec<u16>,
    /// What the capture is filtered by, in libpcap's language: ports and `--filter` together.
    pub capture_filter: String,
    /// End after so many TCP segments.
    pub count: Option<u64>,
    /// End after this time.
    pub duration: Option<Duration>,
    /// Bytes kept of each packet.
    pub snaplen: u32,
    /// Bytes of the kernel's ring.
    pub buffer_size: u32,
    /// Where to save frames.
    pub write: Option<PathBuf>,
    /// Whether to make traffic.
    pub traffic: Traffic,
    /// End after our own exchange.
    pub once: bool,
    /// What the client sends.
    pub message: String,
    /// How long the client waits.
    pub timeout: Duration,
    /// Whose rules give labels.
    pub labels: LabelRules,
    /// What every connection has to fulfil.
    pub expect: Vec<Expectation>,
    /// What it may use.
    pub resources: Resources,
    /// Give up rights before looking at packets.
    pub sandboxed: bool,
    /// How it is shown.
    pub output: OutputChoice,
}

/// Whether `live` makes traffic of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Traffic {
    /// On the loopback interface, when nobody listens on the port.
    WhenHarmless,
    /// On the loopback interface, even to a server that is there already.
    Always,
    /// In a private network namespace.
    Private,
    /// None: nothing is sent, no port is opened.
    Never,
}

/// `replay`.
#[derive(Clone, Debug)]
pub struct ReplayCommand {
    /// The capture; `-` is standard input.
    pub file: PathBuf,
    /// Which part of it.
    pub selection: Selection,
    /// Only packets that match, in libpcap's language.
    pub filter: Option<String>,
    /// Ports that are servers' where no SYN tells.
    pub ports: Vec<u16>,
    /// Where to save the selected frames.
    pub write: Option<PathBuf>,
    /// Only the header of this frame.
    pub header: Option<u64>,
    /// How a table is laid out.
    pub table: TableChoice,
    /// Whose rules give labels.
    pub labels: LabelRules,
    /// What every selected connection has to fulfil.
    pub expect: Vec<Expectation>,
    /// What it may use.
    pub resources: Resources,
    /// Give up rights before looking at packets.
    pub sandboxed: bool,
    /// How it is shown.
    pub output: OutputChoice,
}

/// What the program may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resources {
    /// Memory in bytes, all of it.
    pub memory: u64,
    /// Threads, 1 or 2.
    pub threads: usize,
}

impl Resources {
    /// As much as any machine has to spare.
    pub const DEFAULT_MEMORY: u64 = 256_000_000;

    /// With less, nearly nothing would be left for connections beside the program itself and what it reads ahead.
    pub const LEAST_MEMORY: u64 = 32_000_000;

    /// Two threads where there are two processors.
    fn usual_threads() -> usize {
        std::thread::available_parallelism().map_or(1, |count| count.get().min(2))
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            memory: Self::DEFAULT_MEMORY,
            threads: Self::usual_threads(),
        }
    }
}

/// Which part of a capture is shown. Empty lists and `None` select everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// Connections by number.
    pub connections: Vec<u32>,
    /// Connections by verdict.
    pub verdicts: Vec<Verdict>,
    /// Not before this moment.
    pub from: Option<Moment>,
    /// Not after this moment.
    pub to: Option<Moment>,
    /// Only the connection of this frame, around it.
    pub around: Option<u64>,
}

impl Selection {
    /// Whether everything is selected.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// Which rows a table has, and in which order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableChoice {
    /// Their order.
    pub sort: Sort,
    /// How many of them.
    pub rows: Rows,
}

/// How many rows a table has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rows {
    /// About as many as a screen holds; a line says how many more there are.
    #[default]
    Screenful,
    /// The first so many.
    Top(usize),
    /// All.
    All,
}

/// `demo`.
#[derive(Clone, Debug)]
pub struct DemoCommand {
    /// Play or list.
    pub task: DemoTask,
    /// Give up rights before looking at packets.
    pub sandboxed: bool,
    /// How it is shown.
    pub output: OutputChoice,
}

/// What `demo` is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DemoTask {
    /// Name all scenarios.
    List,
    /// Play each, one after the other.
    All {
        /// The servers' port.
        port: u16,
    },
    /// Ask about each, then play it.
    Course {
        /// Where to begin, as typed.
        from: Option<String>,
        /// The servers' port.
        port: u16,
    },
    /// Play one.
    Play {
        /// Its name, as typed: whether it exists is not known here.
        scenario: String,
        /// The server's port.
        port: u16,
        /// Where to save frames.
        write: Option<PathBuf>,
    },
}

/// `serve`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServeCommand {
    /// The port to listen on.
    pub port: u16,
}

/// `connect`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectCommand {
    /// The server's address.
    pub address: IpAddr,
    /// The server's port.
    pub port: u16,
    /// What to send.
    pub message: String,
    /// How long to wait for the server.
    pub timeout: Duration,
}

/// `explain`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainCommand {
    /// The word as typed, which may not exist; `None` lists all.
    pub term: Option<String>,
    /// JSON instead of text.
    pub json: bool,
    /// How it is shown.
    pub output: OutputChoice,
}

/// `doctor`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DoctorCommand {
    /// How it is shown: as text, or as JSON.
    pub output: OutputChoice,
}

/// How a result is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each an option of its own"
)]
pub struct OutputChoice {
    /// `None`: what suits the command and the size of the input.
    pub format: Option<Format>,
    /// Narrows JSON.
    pub only: Option<Only>,
    /// `None`: brief where few connections are shown, else only at trouble.
    pub explain: Option<Explain>,
    /// Columns; `None`: the terminal's, else 80.
    pub width: Option<u16>,
    /// ASCII was demanded. Otherwise the locale decides.
    pub ascii: bool,
    /// Whether to use colour.
    pub color: ColorChoice,
    /// What the time column shows.
    pub time: TimeColumn,
    /// Real sequence numbers.
    pub raw_seq: bool,
    /// Show payload bytes.
    pub payload: bool,
    /// Show the system calls of the built-in ends.
    pub syscalls: bool,
    /// Fold nothing.
    pub all_packets: bool,
    /// Whose view of a wire is drawn; `None`: both, where there is room.
    pub ladder: Option<Ladder>,
    /// A file instead of standard output.
    pub file: Option<PathBuf>,
    /// How it is presented to an audience.
    pub present: Present,
}

/// How packets are presented to an audience.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Present {
    /// Hold before each packet until a key is pressed.
    pub step: bool,
    /// Ask what comes next before showing it.
    pub hide: bool,
    /// Play with the packets' own waits at this speed.
    pub speed: Option<Speed>,
    /// To be read from the last row.
    pub big: bool,
}

/// A combination that means nothing, with the command it was typed for.
struct Misuse {
    command: &'static str,
    text: String,
}

type Checked<T> = Result<T, String>;

/// The message of the built-in client when no other is given.
const DEFAULT_MESSAGE: &str = "Hello server!";
/// How long the built-in client waits when nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// libpcap takes sizes as C `int`.
const LARGEST_PCAP_SIZE: u64 = i32::MAX as u64;

/// Understands a command line; the first word is the program's own name.
///
/// # Errors
/// The request for help or the version, and every wrong usage; `clap::Error::exit_code` tells them apart (0 and 2).
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let checked = match Cli::try_parse_from(words)?.command {
        Subcommands::Live(args) => live(args).map(Command::Live).map_err(misuse_of("live")),
        Subcommands::Replay(args) => replay(args)
            .map(Command::Replay)
            .map_err(misuse_of("replay")),
        Subcommands::Demo(args) => demo(args).map(Command::Demo).map_err(misuse_of("demo")),
        Subcommands::Serve(args) => Ok(Command::Serve(ServeCommand { port: args.port })),
        Subcommands::Connect(args) => Ok(Command::Connect(connect(args))),
        Subcommands::Explain(args) => explain(args)
            .map(Command::Explain)
            .map_err(misuse_of("explain")),
        Subcommands::Doctor(args) => doctor(args)
            .map(Command::Doctor)
            .map_err(misuse_of("doctor")),
    };
    checked.map_err(|misuse| {
        let mut declared = Cli::command();
        declared.build();
        // Through the subcommand, so that the usage line is its own.
        match declared.find_subcommand_mut(misuse.command) {
            Some(command) => command.error(ErrorKind::ArgumentConflict, misuse.text),
            None => declared.error(ErrorKind::ArgumentConflict, misuse.text),
        }
    })
}

fn misuse_of(command: &'static str) -> impl Fn(String) -> Misuse {
    move |text| Misuse { command, text }
}

fn live(args: LiveArgs) -> Checked<LiveCommand> {
    let traffic = if args.private {
        Traffic::Private
    } else if args.make_traffic {
        Traffic::Always
    } else if args.watch_only || args.filter.is_some() {
        Traffic::Never
    } else {
        Traffic::WhenHarmless
    };
    let (message, timeout) = (
        args.exchange.message.is_some(),
        args.exchange.timeout.is_some(),
    );
    for (given, name) in [
        (args.syscalls, "--syscalls"),
        (args.once, "--once"),
        (message, "--message"),
        (timeout, "--timeout"),
    ] {
        if given && traffic == Traffic::Never {
            let cause = if args.watch_only {
                "--watch-only"
            } else {
                "--filter"
            };
            return Err(format!(
                "{name} is about traffic of our own, and with {cause} none is made (--make-traffic makes it)"
            ));
        }
    }
    let output = with_calls(output(args.output, &args.present)?, args.syscalls)?;
    differ(
        args.write.as_deref(),
        output.file.as_deref(),
        "--write and --output",
    )?;
    let (message, timeout) = exchange(args.exchange);
    Ok(LiveCommand {
        capture_filter: capture_filter(&args.port, args.filter.as_deref()),
        interface: args.interface,
        ports: or_default_port(args.port),
        count: args.count,
        duration: args.duration,
        snaplen: pcap_size(args.snaplen, "--snaplen")?,
        buffer_size: pcap_size(args.buffer_size, "--buffer-size")?,
        write: args.write,
        traffic,
        once: args.once || traffic == Traffic::Private,
        message,
        timeout,
        labels: labels(args.analysis.compat),
        expect: args.analysis.expect,
        resources: resources(&args.limits)?,
        sandboxed: !args.sandbox.no_sandbox,
        output,
    })
}

fn resources(args: &LimitArgs) -> Checked<Resources> {
    let usual = Resources::default();
    let memory = args.memory.unwrap_or(usual.memory);
    if memory < Resources::LEAST_MEMORY {
        return Err(format!(
            "--memory {memory} is too little to work with: at least {}MB",
            Resources::LEAST_MEMORY / 1_000_000
        ));
    }
    Ok(Resources {
        memory,
        threads: args.threads.map_or(usual.threads, usize::from),
    })
}

fn replay(args: ReplayArgs) -> Checked<ReplayCommand> {
    let mut output = output(args.output, &args.present)?;
    // A fold could hide the very frame that is asked for, and there is only about a screen around it.
    output.all_packets |= args.around.is_some();
    if args.syscalls {
        return Err("a recording has no system calls: --syscalls is for live and demo, which show those of the built-in server and client".to_owned());
    }
    if args.header && (output.format.is_some() || !args.analysis.expect.is_empty()) {
        return Err("--header draws one frame: it takes neither --format nor --expect".to_owned());
    }
    if args.header && output.present != Present::default() {
        return Err(
            "--header draws one frame: there is nothing to step through or to play".to_owned(),
        );
    }
    let table = matches!(output.format, None | Some(Format::Table | Format::Timeline));
    if !table && (args.all || args.top.is_some() || args.sort != Sort::default()) {
        return Err("--sort, --top and --all are about the table: use --format table".to_owned());
    }
    if let (Some(Moment::Frame(from)), Some(Moment::Frame(to))) = (args.from, args.to)
        && from > to
    {
        return Err(format!("--from {from} comes after --to {to}"));
    }
    let input = Some(args.file.as_path()).filter(|file| *file != Path::new("-"));
    differ(input, output.file.as_deref(), "the capture and --output")?;
    differ(input, args.write.as_deref(), "the capture and --write")?;
    differ(
        args.write.as_deref(),
        output.file.as_deref(),
        "--write and --output",
    )?;
    let rows = match args.top {
        _ if args.all => Rows::All,
        Some(count) => Rows::Top(count),
        None => Rows::Screenful,
    };
    Ok(ReplayCommand {
        file: args.file,
        selection: Selection {
            connections: args.connection,
            verdicts: args.verdict,
            from: args.from,
            to: args.to,
            around: args.around,
        },
        filter: args.filter,
        ports: or_default_port(args.port),
        write: args.write,
        header: args.frame,
        table: TableChoice {
            sort: args.sort,
            rows,
        },
        labels: labels(args.analysis.compat),
        expect: args.analysis.expect,
        resources: resources(&args.limits)?,
        sandboxed: !args.sandbox.no_sandbox,
        output,
    })
}

fn demo(args: DemoArgs) -> Checked<DemoCommand> {
    let output = with_calls(output(args.output, &args.present)?, args.syscalls)?;
    if args.list && output.present != Present::default() {
        return Err("--list names scenarios: name one of them to step through it".to_owned());
    }
    differ(
        args.write.as_deref(),
        output.file.as_deref(),
        "--write and --output",
    )?;
    if args.course && output.format.is_some_and(|format| format == Format::Json) {
        return Err("a course is for people: use --all for --format json".to_owned());
    }
    let task = match args.scenario {
        from if args.course => DemoTask::Course {
            from,
            port: args.port,
        },
        _ if args.all => DemoTask::All { port: args.port },
        Some(scenario) => DemoTask::Play {
            scenario,
            port: args.port,
            write: args.write,
        },
        None if args.list => DemoTask::List,
        None => {
            return Err(
                "name a scenario: `demo handshake` is the first, `demo --list` names all, `demo --all` plays them"
                    .to_owned(),
            );
        }
    };
    Ok(DemoCommand {
        task,
        sandboxed: !args.sandbox.no_sandbox,
        output,
    })
}

fn connect(args: ConnectArgs) -> ConnectCommand {
    let (message, timeout) = exchange(args.exchange);
    ConnectCommand {
        address: args.address,
        port: args.port,
        message,
        timeout,
    }
}

fn explain(args: ExplainArgs) -> Checked<ExplainCommand> {
    let json = match args.format {
        None | Some(Format::Plain) => false,
        Some(Format::Json) => true,
        Some(_) => return Err("words are explained with --format plain or json".to_owned()),
    };
    Ok(ExplainCommand {
        term: (!args.term.is_empty()).then(|| args.term.join(" ")),
        json,
        output: OutputChoice {
            format: args.format,
            only: None,
            explain: None,
            width: args.width,
            ascii: args.ascii,
            color: args.color,
            time: TimeColumn::default(),
            raw_seq: false,
            payload: false,
            syscalls: false,
            all_packets: false,
            ladder: None,
            file: args.output,
            present: Present::default(),
        },
    })
}

fn doctor(args: DoctorArgs) -> Checked<DoctorCommand> {
    let output = choice(args.output)?;
    match output.format {
        None | Some(Format::Json) => Ok(DoctorCommand { output }),
        Some(_) => Err("there are no connections to shape here: --format json, or none".to_owned()),
    }
}

/// How a result is shown, and presented.
fn output(args: OutputArgs, present: &PresentArgs) -> Checked<OutputChoice> {
    let mut output = choice(args)?;
    output.present = Present {
        step: present.step || present.hide,
        hide: present.hide,
        speed: present.speed,
        big: present.big,
    };
    let shows = |formats: &[Format]| output.format.is_none_or(|format| formats.contains(&format));
    let option = if present.step { "--step" } else { "--hide" };
    if output.present.step && !shows(&[Format::Timeline]) {
        return Err(format!(
            "{option} walks through ladders: use --format timeline, or none (--speed plays --format plain, too)"
        ));
    }
    if output.present.step && output.file.is_some() {
        return Err(format!(
            "{option} needs the terminal, and --output is for files: leave out one of them"
        ));
    }
    if output.present.step && output.payload {
        return Err(format!(
            "{option} has no room for --payload: use it without {option}"
        ));
    }
    if output.present.speed.is_some() && !shows(&[Format::Timeline, Format::Plain]) {
        return Err(
            "--speed plays ladders and sentences: use --format timeline or plain".to_owned(),
        );
    }
    if output.present.big && !shows(&[Format::Timeline]) {
        return Err("--big is about ladders: use --format timeline".to_owned());
    }
    Ok(output)
}

fn choice(args: OutputArgs) -> Checked<OutputChoice> {
    use Format::{Json, Plain, Timeline};
    let shows = |formats: &[Format]| args.format.is_none_or(|format| formats.contains(&format));
    if args.only.is_some() && args.format != Some(Json) {
        return Err("--only narrows JSON: add --format json".to_owned());
    }
    if args.all_packets && !shows(&[Timeline]) {
        return Err("--all-packets is about ladders: use --format timeline".to_owned());
    }
    if args.payload && !shows(&[Timeline, Plain]) {
        return Err("--payload is shown by --format timeline and --format plain".to_owned());
    }
    Ok(OutputChoice {
        format: args.format,
        only: args.only,
        explain: args.explain,
        width: args.width,
        ascii: args.ascii,
        color: args.color,
        time: args.time,
        raw_seq: args.raw_seq,
        payload: args.payload,
        syscalls: false,
        all_packets: args.all_packets,
        ladder: args.ladder,
        file: args.output,
        present: Present::default(),
    })
}

/// System calls are rows or lines of their own, and not every format has these.
fn with_calls(output: OutputChoice, wanted: bool) -> Checked<OutputChoice> {
    let formats = [Format::Timeline, Format::Plain, Format::Json];
    let shown = output.format.is_none_or(|format| formats.contains(&format));
    if wanted && !shown {
        return Err("--syscalls is shown by --format timeline, plain and json".to_owned());
    }
    if wanted && (output.present.step || output.present.speed.is_some()) {
        return Err(
            "--syscalls has no place among packets that are held back: leave out --step and --speed"
                .to_owned(),
        );
    }
    Ok(OutputChoice {
        syscalls: wanted,
        ..output
    })
}

fn exchange(args: ExchangeArgs) -> (String, Duration) {
    (
        args.message.unwrap_or_else(|| DEFAULT_MESSAGE.to_owned()),
        args.timeout.unwrap_or(DEFAULT_TIMEOUT),
    )
}

/// `--filter` alone replaces the default port; with ports, both must match.
fn capture_filter(ports: &[u16], filter: Option<&str>) -> String {
    let by_port = |ports: &[u16]| {
        let each: Vec<String> = ports
            .iter()
            .map(|port| format!("tcp port {port}"))
            .collect();
        each.join(" or ")
    };
    match (ports, filter) {
        ([], None) => by_port(&[DEFAULT_PORT]),
        (ports, None) => by_port(ports),
        ([], Some(filter)) => filter.to_owned(),
        (ports, Some(filter)) => format!("({filter}) and ({})", by_port(ports)),
    }
}

fn or_default_port(ports: Vec<u16>) -> Vec<u16> {
    if ports.is_empty() {
        vec![DEFAULT_PORT]
    } else {
        ports
    }
}

const fn labels(compat: Option<Compat>) -> LabelRules {
    match compat {
        Some(Compat::Wireshark) => LabelRules::Wireshark,
        None => LabelRules::Own,
    }
}

fn pcap_size(bytes: u64, name: &str) -> Checked<u32> {
    match bytes {
        1..=LARGEST_PCAP_SIZE => Ok(bytes as u32),
        _ => Err(format!("{name} has to be between 1 byte and 2 GiB")),
    }
}

/// One of the two would overwrite the other.
fn differ(one: Option<&Path>, other: Option<&Path>, which: &str) -> Checked<()> {
    match (one, other) {
        (Some(one), Some(other)) if one == other => {
            Err(format!("{which} name the same file, {}", one.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, clap::Error> {
        parse(
            ["handshake-watch"]
                .into_iter()
                .chain(line.split_whitespace())
                .map(OsString::from),
        )
    }

    fn live(line: &str) -> LiveCommand {
        match parsed(line) {
            Ok(Command::Live(command)) => command,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn replay(line: &str) -> ReplayCommand {
        match parsed(line) {
            Ok(Command::Replay(command)) => command,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn around_a_frame_nothing_is_folded() {
        assert!(replay("replay a.pcap --around 5120").output.all_packets);
        assert!(!replay("replay a.pcap --connection 1").output.all_packets);
    }

    #[test]
    fn the_declaration_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn live_alone_watches_the_default_port_and_makes_harmless_traffic() {
        let command = live("live");
        assert_eq!(command.traffic, Traffic::WhenHarmless);
        assert_eq!(command.capture_filter, "tcp port 1712");
        assert_eq!(
            (command.snaplen, command.buffer_size),
            (262_144, 67_108_864)
        );
        assert_eq!(
            (command.message.as_str(), command.timeout),
            ("Hello server!", Duration::from_secs(5))
        );
    }

    #[test]
    fn filter_and_ports_decide_what_is_captured_and_whether_anything_is_sent() {
        for (line, filter, traffic) in [
            (
                "live -p 80 -p 443",
                "tcp port 80 or tcp port 443",
                Traffic::WhenHarmless,
            ),
            ("live --filter tcp", "tcp", Traffic::Never),
            ("live --filter tcp --make-traffic", "tcp", Traffic::Always),
            (
                "live --filter ip6 -p 80",
                "(ip6) and (tcp port 80)",
                Traffic::Never,
            ),
            ("live --private", "tcp port 1712", Traffic::Private),
        ] {
            let command = live(line);
            assert_eq!(
                (command.capture_filter.as_str(), command.traffic),
                (filter, traffic),
                "{line}"
            );
        }
        assert!(live("live --private").once);
    }

    #[test]
    fn replay_selects_and_demands() {
        let command = replay(
            "replay - --verdict closed,reset --from 3 --to 2.5s --expect retransmissions=0 --all",
        );
        assert_eq!(
            command.selection.verdicts,
            [Verdict::Closed, Verdict::Reset]
        );
        assert_eq!(command.selection.from, Some(Moment::Frame(3)));
        assert_eq!(command.expect[0].to_string(), "retransmissions=0");
        assert_eq!(command.table.rows, Rows::All);
        assert!(!command.selection.is_everything());
        assert!(replay("replay a.pcap").selection.is_everything());
    }

    #[test]
    fn rights_are_given_up_unless_that_was_forbidden() {
        assert!(replay("replay a.pcap").sandboxed && live("live").sandboxed);
        assert!(!replay("replay a.pcap --no-sandbox").sandboxed);
        assert!(!live("live --no-sandbox").sandboxed);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_way_out() {
        for (line, hint) in [
            ("live --watch-only --once", "--once"),
            ("live --filter tcp --once", "--make-traffic"),
            ("live --watch-only --message hi", "--watch-only"),
            ("live --private -i eth0", "--interface"),
            ("live -p 0", "1..=65535"),
            ("live --snaplen 0", "--snaplen"),
            ("live -c 0", "--count"),
            ("replay", "<FILE>"),
            ("replay a.pcap --only segments", "--format json"),
            ("replay a.pcap --format json --sort wait", "--format table"),
            ("replay a.pcap --format json --payload", "--format timeline"),
            (
                "replay a.pcap --format table --all-packets",
                "--format timeline",
            ),
            ("replay a.pcap --syscalls", "live and demo"),
            ("live --watch-only --syscalls", "--syscalls"),
            ("demo hello --syscalls --format table", "timeline"),
            ("replay a.pcap --top 3 --all", "--all"),
            ("replay a.pcap --around 3 --connection 1", "--connection"),
            ("replay a.pcap --from 9 --to 3", "--from 9"),
            ("replay a.pcap --verdict shut", "half_closed"),
            ("replay a.pcap --expect verdict=shut", "half_closed"),
            ("replay a.pcap -o a.pcap", "same file"),
            ("replay a.pcap -w a.pcap", "same file"),
            ("replay a.pcap -w b.pcap -o b.pcap", "same file"),
            ("demo", "demo handshake"),
            ("demo --step", "--list"),
            ("demo --list handshake", "--list"),
            ("demo --all handshake", "--all"),
            ("demo --all --write x.pcap", "--write"),
            ("demo --course --format json", "--all"),
            ("replay a.pcap --header", "--frame"),
            ("replay a.pcap --frame 3", "--header"),
            ("replay a.pcap --header --frame 0", "--frame"),
            (
                "replay a.pcap --header --frame 3 --connection 1",
                "--header",
            ),
            ("replay a.pcap --header --frame 3 --format json", "--format"),
            ("explain SYN --format table", "plain or json"),
            ("connect localhost", "IP address"),
            ("doctor --format table", "--format json"),
            ("demo refused --step --format json", "--format timeline"),
            ("demo refused --hide --format plain", "--speed"),
            ("demo refused --step -o a.txt", "--output"),
            ("demo refused --step --payload", "--payload"),
            ("demo --list --step", "--list"),
            ("live --speed 0.1x --format json", "--format timeline"),
            ("replay a.pcap --speed 0", "0.01x"),
            ("replay a.pcap --speed=-1x", "0.01x"),
            ("replay a.pcap --speed fast", "0.01x"),
            ("replay a.pcap --big --format table", "--big"),
            ("replay a.pcap --header --frame 1 --step", "--header"),
            ("doctor --step", "--step"),
            ("dance", "dance"),
        ] {
            let error = parsed(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(hint), "{line}: {error}");
        }
        assert_eq!(parsed("--help").expect_err("help").exit_code(), 0);
    }
}
