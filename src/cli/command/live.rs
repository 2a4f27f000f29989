//! `live`: what is captured, how long, and whether traffic is made.

use std::path::PathBuf;
use std::time::Duration;

use super::ends::exchange;
use super::output::{OutputChoice, output, with_calls};
use super::resources::{Resources, resources};
use super::{Checked, differ, labels, or_default_port};
use crate::cli::DEFAULT_PORT;
use crate::cli::args::LiveArgs;
use crate::cli::expect::Expectation;
use crate::track::LabelRules;

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

/// libpcap takes sizes as C `int`.
const LARGEST_PCAP_SIZE: u64 = i32::MAX as u64;

pub(super) fn live(args: LiveArgs) -> Checked<LiveCommand> {
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

fn pcap_size(bytes: u64, name: &str) -> Checked<u32> {
    match bytes {
        1..=LARGEST_PCAP_SIZE => Ok(bytes as u32),
        _ => Err(format!("{name} has to be between 1 byte and 2 GiB")),
    }
}
