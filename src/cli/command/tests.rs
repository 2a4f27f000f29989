use std::time::Duration;

use super::*;
use crate::cli::{Format, Moment};
use crate::track::Verdict;

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
fn an_order_asks_for_the_table() {
    for (line, format) in [
        ("replay a.pcap --sort wait", Some(Format::Table)),
        (
            "replay a.pcap --verdict reset --sort wait",
            Some(Format::Table),
        ),
        ("replay - --top 3", Some(Format::Table)),
        ("replay a.pcap --top 3", None),
        (
            "replay a.pcap --format timeline --all",
            Some(Format::Timeline),
        ),
        ("replay a.pcap --speed 1x --top 3", None),
    ] {
        assert_eq!(replay(line).output.format, format, "{line}");
    }
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
        ("replay a.pcap --format plain --top 3", "--format table"),
        (
            "replay a.pcap --format timeline --sort wait",
            "--format table",
        ),
        ("replay a.pcap --step --sort wait", "--format table"),
        ("replay - --speed 1x --all", "--format table"),
        ("replay - --format timeline --top 3", "--format table"),
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
        ("connect localhost", "127.0.0.1 or ::1"),
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
