//! The program captures its own traffic in a private network and shows the whole exchange. Needs no root; skipped, with
//! the reason printed, where the system forbids private networks.
#![cfg(target_os = "linux")]

#[macro_use]
mod skipped;

use std::process::{Command, Output};

use handshake_watch::lab::namespace;
use serde_json::Value;

/// Whether private networks are possible here; says why not.
fn possible() -> bool {
    match namespace::probe() {
        Ok(()) => true,
        Err(refused) => {
            skipped!("{refused}; run as root, or allow user namespaces, to run this test");
            false
        }
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// The objects of a run that went well.
fn objects(arguments: &[&str]) -> Vec<Value> {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    String::from_utf8(output.stdout)
        .expect("JSON is UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

fn of_type<'a>(objects: &'a [Value], wanted: &str) -> Vec<&'a Value> {
    objects
        .iter()
        .filter(|object| object["type"] == wanted)
        .collect()
}

/// Flags and direction of each segment, as `> SYN`.
fn segments(objects: &[Value]) -> Vec<String> {
    of_type(objects, "segment")
        .iter()
        .map(|segment| {
            let flags: Vec<&str> = segment["flags"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let arrow = if segment["direction"] == "client_to_server" {
                '>'
            } else {
                '<'
            };
            format!("{arrow} {}", flags.join("-"))
        })
        .collect()
}

/// The whole exchange, first SYN to last ACK. The two ACKs of the client's bytes and FIN may come alone or with the
/// server's FIN, depending on how soon the server's program runs.
fn assert_whole_exchange(objects: &[Value]) {
    let seen = segments(objects);
    let (opening, rest) = seen.split_at(3.min(seen.len()));
    assert_eq!(opening, ["> SYN", "< SYN-ACK", "> ACK"], "{seen:?}");
    assert_eq!(
        rest.first().map(String::as_str),
        Some("> PSH-ACK"),
        "{seen:?}"
    );
    assert_eq!(rest.last().map(String::as_str), Some("> ACK"), "{seen:?}");
    for fin in ["> FIN-ACK", "< FIN-ACK"] {
        let count = seen.iter().filter(|flags| *flags == fin).count();
        assert_eq!(count, 1, "{fin} in {seen:?}");
    }
    let numbers: Vec<u64> = of_type(objects, "segment")
        .iter()
        .filter_map(|segment| segment["frame"].as_u64())
        .collect();
    assert_eq!(numbers, (1..=seen.len() as u64).collect::<Vec<_>>());
}

fn assert_closed(objects: &[Value]) {
    let connections = of_type(objects, "connection");
    assert_eq!(connections.len(), 1);
    let connection = connections[0];
    assert_eq!(connection["verdict"], "closed");
    assert_eq!(connection["opened"], "handshake");
    assert_eq!(connection["closed_by"], "client");
    assert_eq!(connection["client_bytes"], 13);
    assert_eq!(connection["server_bytes"], 0);
    assert_eq!(connection["client_state"], "TIME-WAIT");
    assert_eq!(connection["server_state"], "CLOSED");
    let summary = of_type(objects, "summary");
    assert_eq!(summary[0]["connections"], 1);
    assert_eq!(summary[0]["capture_dropped"], 0);
}

#[test]
fn what_the_built_in_server_reads_is_told_to_people_and_not_to_programs() {
    if !possible() {
        return;
    }
    let message = "says \"Good \\x1bday\"";
    for (format, told) in [("timeline", true), ("json", false)] {
        let output = run(&[
            "live",
            "--private",
            "--once",
            "--message",
            "Good \u{1b}day",
            "--format",
            format,
        ]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(errors.contains(message), told, "{format}: {errors}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains(message));
    }
}

#[test]
fn live_in_a_private_network_shows_the_whole_exchange() {
    if !possible() {
        return;
    }
    let objects = objects(&["live", "--private", "--once", "--format", "json"]);
    assert_eq!(objects[0]["source"], "lo");
    assert_whole_exchange(&objects);
    assert_closed(&objects);
    let states: Vec<(&Value, &Value)> = of_type(&objects, "segment")
        .iter()
        .take(3)
        .map(|segment| (&segment["client_state"], &segment["server_state"]))
        .collect();
    assert_eq!(states[0].0, "SYN-SENT");
    assert_eq!(states[0].1, "SYN-RECEIVED");
    assert_eq!(states[1].0, "ESTABLISHED");
    assert_eq!(states[2].1, "ESTABLISHED");
}

#[test]
fn a_message_and_a_port_are_ours_to_choose() {
    if !possible() {
        return;
    }
    let objects = objects(&[
        "live",
        "--private",
        "-p",
        "4000",
        "--message",
        "four",
        "--format",
        "json",
    ]);
    let connection = of_type(&objects, "connection")[0];
    assert_eq!(connection["server"], "127.0.0.1:4000");
    assert_eq!(connection["client_bytes"], 4);
}

#[test]
fn a_watch_ends_after_so_many_segments() {
    if !possible() {
        return;
    }
    let objects = objects(&["live", "--private", "-c", "3", "--format", "json"]);
    assert_eq!(segments(&objects), ["> SYN", "< SYN-ACK", "> ACK"]);
    assert_eq!(of_type(&objects, "summary")[0]["tcp_segments"], 3);
}

/// Live where that is possible, else from the recording: the same either way.
#[test]
fn the_demo_of_a_handshake_is_a_whole_exchange() {
    let objects = objects(&["demo", "handshake", "--format", "json"]);
    assert_whole_exchange(&objects);
    assert_closed(&objects);
}

#[test]
fn the_demo_of_a_refusal_is_refused() {
    let objects = objects(&["demo", "refused", "--format", "json"]);
    assert_eq!(segments(&objects), ["> SYN", "< RST-ACK"]);
    assert_eq!(of_type(&objects, "connection")[0]["verdict"], "refused");
}
