//! The command line as it is declared: names, help texts, and the conflicts that names alone show.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use super::choice::{ColorChoice, Format, Ladder, Only};
use super::expect::Expectation;
use super::value::{
    Moment, Speed, parse_address, parse_duration, parse_moment, parse_number, parse_size,
    parse_speed,
};
use crate::explain::Sort;
use crate::render::{Explain, TimeColumn};
use crate::track::Verdict;

/// See a TCP connection, live or recorded, as a ladder: who sent what, what it means, and how it ended.
#[derive(Parser, Debug)]
#[command(
    name = "handshake-watch",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    disable_help_flag = true,
    after_help = "\
Examples:
  handshake-watch demo handshake       a narrated handshake; needs no root
  handshake-watch replay trace.pcap    a capture: trouble first, then the rest
  sudo handshake-watch live            watch port 1712 on the loopback interface

Exit codes:
  0  fine                              4  not permitted to capture
  1  an --expect was not met           5  no such interface, or a bad filter
  2  wrong usage                       6  the output cannot be written
  3  input unreadable or cut short     7  built-in ends or a scenario failed
130  interrupted; replay shows what was read, and a second Ctrl-C ends at once"
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Subcommands,

    // The long form would give every choice a paragraph and the page five screens.
    /// Print help
    #[arg(short, long, action = ArgAction::HelpShort, global = true)]
    help: Option<bool>,
}

#[derive(Subcommand, Debug)]
pub(super) enum Subcommands {
    /// Capture while the built-in server and client talk; then watch on
    Live(LiveArgs),
    /// Read a capture file or a pipe
    Replay(ReplayArgs),
    /// Play a teaching scenario: real sockets, captured and narrated
    Demo(DemoArgs),
    /// Run only the built-in server
    Serve(ServeArgs),
    /// Run only the built-in client: connect, send one message, close
    Connect(ConnectArgs),
    /// Say what a word of the output means: a state, a label, a verdict
    Explain(ExplainArgs),
    /// Say what works on this machine, and what mends the rest
    Doctor(DoctorArgs),
}

/// `live`.
#[derive(Args, Debug)]
#[command(after_help = "\
Traffic is made only where it can surprise nobody: on the loopback interface,
without --filter, while nobody listens on the port. Else nothing is sent.

Examples:
  sudo handshake-watch live                    our connection, then yours
  sudo handshake-watch live --once             only the built-in exchange
  sudo handshake-watch live -i eth0 -p 8443    watch others; sends nothing
  handshake-watch live --private               without root")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, as they are typed"
)]
pub(super) struct LiveArgs {
    #[command(flatten)]
    pub(super) sandbox: SandboxArgs,

    #[command(flatten)]
    pub(super) limits: LimitArgs,

    /// Interface to capture on [default: the loopback one]
    #[arg(short, long, value_name = "NAME", help_heading = "What to capture")]
    pub(super) interface: Option<String>,

    /// TCP port to watch; repeatable [default: 1712]
    #[arg(short, long, value_name = "N", value_parser = parse_number::<u16, 1, 65_535>, help_heading = "What to capture")]
    pub(super) port: Vec<u16>,

    /// libpcap filter; with --port both must match; implies --watch-only
    #[arg(long, value_name = "BPF", help_heading = "What to capture")]
    pub(super) filter: Option<String>,

    /// End after N TCP segments
    #[arg(short, long, value_name = "N", value_parser = parse_number::<u64, 1, { u64::MAX }>, help_heading = "What to capture")]
    pub(super) count: Option<u64>,

    /// End after this time, such as 30s
    #[arg(long, value_name = "T", value_parser = parse_duration, help_heading = "What to capture")]
    pub(super) duration: Option<Duration>,

    /// Bytes kept of each packet
    #[arg(long, value_name = "SIZE", default_value = "256KiB", value_parser = parse_size, help_heading = "What to capture")]
    pub(super) snaplen: u64,

    /// The kernel's buffer for packets not read yet
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size, help_heading = "What to capture")]
    pub(super) buffer_size: u64,

    /// Also save the frames: .pcapng as pcapng, any other name as pcap
    #[arg(short, long, value_name = "FILE", help_heading = "What to capture")]
    pub(super) write: Option<PathBuf>,

    /// End after the built-in exchange
    #[arg(long, conflicts_with = "watch_only", help_heading = "Traffic")]
    pub(super) once: bool,

    /// Open no port and send nothing
    #[arg(long, conflicts_with_all = ["make_traffic", "private"], help_heading = "Traffic")]
    pub(super) watch_only: bool,

    /// Let the client talk to a server that is there already
    #[arg(long, help_heading = "Traffic")]
    pub(super) make_traffic: bool,

    /// In a network of its own, without root; implies --once
    #[arg(long, conflicts_with_all = ["interface", "filter"], help_heading = "Traffic")]
    pub(super) private: bool,

    #[command(flatten)]
    pub(super) exchange: ExchangeArgs,

    /// Show system calls of the built-in server and client
    #[arg(long, help_heading = "Output")]
    pub(super) syscalls: bool,

    #[command(flatten)]
    pub(super) analysis: AnalysisArgs,

    #[command(flatten)]
    pub(super) present: PresentArgs,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// `replay`.
#[derive(Args, Debug)]
#[command(after_help = "\
Read are .pcap and .pcapng, also as .gz or .zst. Up to 3 connections and 200
segments are shown as a table and ladders, more as the table alone.

Examples:
  handshake-watch replay trace.pcap                      trouble first
  handshake-watch replay trace.pcap --connection 118     one ladder
  handshake-watch replay t.pcap --expect verdict=closed  a test: 0 or 1
  tcpdump -i lo -U -w - tcp | handshake-watch replay - --format plain")]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    pub(super) sandbox: SandboxArgs,

    #[command(flatten)]
    pub(super) limits: LimitArgs,

    /// The capture, or - for a pipe, which may still be growing
    pub(super) file: PathBuf,

    /// Only connection N; may be repeated
    #[arg(long, value_name = "N", value_parser = parse_number::<u32, 1, 4_294_967_295>, help_heading = "Selection")]
    pub(super) connection: Vec<u32>,

    /// Only connections with one of these verdicts
    #[arg(long, value_name = "V,...", value_delimiter = ',', value_parser = verdict_parser(), help_heading = "Selection")]
    pub(super) verdict: Vec<Verdict>,

    /// From a frame (1200), a time since the start (1.5s) or a clock time (02:41:07) on
    #[arg(long, value_name = "TIME|FRAME", value_parser = parse_moment, help_heading = "Selection")]
    pub(super) from: Option<Moment>,

    /// Up to and including such a moment
    #[arg(long, value_name = "TIME|FRAME", value_parser = parse_moment, help_heading = "Selection")]
    pub(super) to: Option<Moment>,

    /// The connection of this frame, and what is around it
    #[arg(long, value_name = "FRAME", value_parser = parse_number::<u64, 1, { u64::MAX }>,
        conflicts_with_all = ["connection", "verdict", "from", "to"], help_heading = "Selection")]
    pub(super) around: Option<u64>,

    /// Only packets that match this libpcap filter
    #[arg(long, value_name = "BPF", help_heading = "Selection")]
    pub(super) filter: Option<String>,

    /// A port that is a server's, where no SYN tells; may be repeated [default: 1712]
    #[arg(short, long, value_name = "N", value_parser = parse_number::<u16, 1, 65_535>, help_heading = "Selection")]
    pub(super) port: Vec<u16>,

    /// Save the selected frames as .pcapng, else as pcap
    #[arg(short, long, value_name = "FILE", help_heading = "Selection")]
    pub(super) write: Option<PathBuf>,

    // Declared, so that whoever asks for it learns why there is nothing to show.
    /// A recording has no system calls
    #[arg(long, hide = true)]
    pub(super) syscalls: bool,

    /// Draw one packet's TCP header: --header --frame K
    #[arg(
        long,
        requires = "frame",
        conflicts_with_all = ["connection", "verdict", "from", "to", "around", "write"],
        help_heading = "Selection"
    )]
    pub(super) header: bool,

    /// Which frame
    #[arg(
        long,
        value_name = "FRAME",
        requires = "header",
        value_parser = parse_number::<u64, 1, { u64::MAX }>,
        help_heading = "Selection"
    )]
    pub(super) frame: Option<u64>,

    /// Order of the table's rows
    #[arg(
        long,
        value_name = "BY",
        default_value = "trouble",
        hide_possible_values = false,
        help_heading = "Table"
    )]
    pub(super) sort: Sort,

    /// Show the first N rows [default: about a screenful]
    #[arg(long, value_name = "N", conflicts_with = "all", help_heading = "Table")]
    pub(super) top: Option<usize>,

    /// Show all rows
    #[arg(long, help_heading = "Table")]
    pub(super) all: bool,

    #[command(flatten)]
    pub(super) analysis: AnalysisArgs,

    #[command(flatten)]
    pub(super) present: PresentArgs,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// `demo`.
#[derive(Args, Debug)]
#[command(after_help = "\
Where capturing is not permitted the scenario runs in a network namespace of
its own, without root; where that is forbidden too, its recording is played,
and one line says so.

Examples:
  handshake-watch demo --list                    all scenarios
  handshake-watch demo --course                  a lesson: question, then ladder
  handshake-watch demo handshake                 open, 13 bytes, close
  handshake-watch demo refused --explain full    a closed port, at length
  handshake-watch demo refused --step            one key, one packet")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, as they are typed"
)]
pub(super) struct DemoArgs {
    /// The scenario's name
    pub(super) scenario: Option<String>,

    /// List the scenarios
    #[arg(long, conflicts_with_all = ["scenario", "port", "write", "all", "course"])]
    pub(super) list: bool,

    /// Play every scenario and say whether each went as it should
    #[arg(long, conflicts_with_all = ["scenario", "write", "course"])]
    pub(super) all: bool,

    /// Go through them with a class: ask first, then show; from SCENARIO on
    #[arg(long, conflicts_with_all = ["write", "output"])]
    pub(super) course: bool,

    /// TCP port that its server uses
    #[arg(short, long, value_name = "N", default_value_t = super::DEFAULT_PORT, value_parser = parse_number::<u16, 1, 65_535>)]
    pub(super) port: u16,

    /// Also save the frames: .pcapng as pcapng, any other name as pcap
    #[arg(short, long, value_name = "FILE")]
    pub(super) write: Option<PathBuf>,

    #[command(flatten)]
    pub(super) sandbox: SandboxArgs,

    /// Show what the programs at both ends call: `connect()`, `accept()`, ...
    #[arg(long, help_heading = "Output")]
    pub(super) syscalls: bool,

    #[command(flatten)]
    pub(super) present: PresentArgs,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// `serve`.
#[derive(Args, Debug)]
#[command(after_help = "\
It listens on 127.0.0.1 and ::1 until Ctrl-C.

Three terminals show a connection as it happens:
  1  sudo handshake-watch live --watch-only
  2  handshake-watch serve
  3  handshake-watch connect")]
pub(super) struct ServeArgs {
    /// TCP port to listen on
    #[arg(short, long, value_name = "N", default_value_t = super::DEFAULT_PORT, value_parser = parse_number::<u16, 1, 65_535>)]
    pub(super) port: u16,
}

/// `connect`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  handshake-watch connect                to 127.0.0.1, port 1712
  handshake-watch connect ::1 -p 8080    another address and port")]
pub(super) struct ConnectArgs {
    /// The server's IP address
    #[arg(default_value = "127.0.0.1", value_parser = parse_address)]
    pub(super) address: IpAddr,

    /// The server's TCP port
    #[arg(short, long, value_name = "N", default_value_t = super::DEFAULT_PORT, value_parser = parse_number::<u16, 1, 65_535>)]
    pub(super) port: u16,

    #[command(flatten)]
    pub(super) exchange: ExchangeArgs,
}

/// `explain`.
#[derive(Args, Debug)]
#[command(after_help = "\
Case, spaces, dashes and underscores do not matter.

Examples:
  handshake-watch explain                  all words
  handshake-watch explain TIME-WAIT        a state
  handshake-watch explain window scale     an option")]
pub(super) struct ExplainArgs {
    /// The word, such as TIME-WAIT or `duplicate_ack`; without it all are listed
    pub(super) term: Vec<String>,

    /// Shape of the output: plain or json
    #[arg(long, value_name = "F", hide_possible_values = true)]
    pub(super) format: Option<Format>,

    /// Columns to use [default: the terminal's, else 80]
    #[arg(long, value_name = "N", value_parser = parse_number::<u16, 20, 1000>)]
    pub(super) width: Option<u16>,

    /// Write with ASCII characters only
    #[arg(long)]
    pub(super) ascii: bool,

    /// Use colours
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(super) color: ColorChoice,

    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// `doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
It looks and changes nothing. The exit code is 0 when `live` or `demo` would
capture, else 4.

Examples:
  handshake-watch doctor                   what works, and what mends the rest
  sudo handshake-watch doctor              the same for root
  handshake-watch doctor --format json     one object for each check")]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// What the built-in client says and how long it waits.
#[derive(Args, Debug)]
#[command(next_help_heading = "Traffic")]
pub(super) struct ExchangeArgs {
    /// What the client sends [default: "Hello server!"]
    #[arg(long, value_name = "TEXT")]
    pub(super) message: Option<String>,

    /// How long the client waits for the server [default: 5s]
    #[arg(long, value_name = "T", value_parser = parse_duration)]
    pub(super) timeout: Option<Duration>,
}

/// How connections are judged.
#[derive(Args, Debug)]
#[command(next_help_heading = "Judgement")]
pub(super) struct AnalysisArgs {
    /// Demand this of every selected connection, else exit with 1: verdict=closed, retransmissions<=2,
    /// no-label=zero_window, "SYN, SYN-ACK, ACK"; repeatable
    #[arg(long, value_name = "E")]
    pub(super) expect: Vec<Expectation>,

    /// Label segments exactly as this program does: wireshark
    #[arg(long, value_name = "WHOSE", hide_possible_values = true)]
    pub(super) compat: Option<Compat>,
}

/// Whose labels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Compat {
    /// Wireshark 4.0
    Wireshark,
}

/// What the program may use.
#[derive(Args, Debug)]
pub(super) struct LimitArgs {
    /// Memory to use at most [default: 256MB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(super) memory: Option<u64>,

    /// Threads to use, 1 or 2 [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = parse_number::<u8, 1, 2>)]
    pub(super) threads: Option<u8>,
}

/// What the process gives up before it looks at packets.
#[derive(Args, Debug)]
pub(super) struct SandboxArgs {
    /// Keep all rights while reading packets, also root's
    #[arg(long)]
    pub(super) no_sandbox: bool,
}

/// How packets are presented to an audience.
#[derive(Args, Debug)]
#[command(next_help_heading = "Presenting")]
pub(super) struct PresentArgs {
    /// Hold before each packet: Space shows it, ? explains
    #[arg(long)]
    pub(super) step: bool,

    /// Ask what comes next before showing it; implies --step
    #[arg(long)]
    pub(super) hide: bool,

    /// Play at this speed: 0.01x is a hundred times slower
    #[arg(long, value_name = "FACTOR", value_parser = parse_speed)]
    pub(super) speed: Option<Speed>,

    /// Few words and bold lines, to be read from the last row
    #[arg(long)]
    pub(super) big: bool,
}

/// How the result is shown.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, as they are typed"
)]
pub(super) struct OutputArgs {
    /// Shape: timeline, table, summary, plain, json
    #[arg(long, value_name = "F", hide_possible_values = true)]
    pub(super) format: Option<Format>,

    /// Narrow JSON to segments or connections
    #[arg(long, value_name = "WHAT", hide_possible_values = true)]
    pub(super) only: Option<Only>,

    /// How much is said about each packet: none, brief, full
    #[arg(long, value_name = "LEVEL", hide_possible_values = true)]
    pub(super) explain: Option<Explain>,

    /// Do not fold bulk transfers and idle stretches
    #[arg(long)]
    pub(super) all_packets: bool,

    /// Whose view of a wire is drawn: wire, client, server
    #[arg(long, value_name = "VIEW", hide_possible_values = true)]
    pub(super) ladder: Option<Ladder>,

    /// Show the captured payload bytes, escaped and as hex
    #[arg(long)]
    pub(super) payload: bool,

    /// Real sequence numbers instead of relative ones
    #[arg(long)]
    pub(super) raw_seq: bool,

    /// The time column: relative, delta, absolute
    #[arg(
        long,
        value_name = "STYLE",
        default_value = "relative",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(super) time: TimeColumn,

    /// Columns to use [default: the terminal's, else 80]
    #[arg(long, value_name = "N", value_parser = parse_number::<u16, 20, 1000>)]
    pub(super) width: Option<u16>,

    /// Draw with ASCII characters only
    #[arg(long)]
    pub(super) ascii: bool,

    /// Use colours: auto, always, never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(super) color: ColorChoice,

    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// Accepts exactly the words of [`Verdict::name`], so that there is no second list of verdicts.
fn verdict_parser() -> impl TypedValueParser<Value = Verdict> {
    PossibleValuesParser::new(Verdict::ALL.map(Verdict::name)).try_map(|word| {
        Verdict::ALL
            .into_iter()
            .find(|verdict| verdict.name() == word)
            .ok_or("no such verdict")
    })
}
