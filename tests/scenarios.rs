//! Every scenario of the catalogue: played for real where this system allows it, and from its recording everywhere.
//!
//! Where a scenario cannot play, the program itself falls back to the recording; the test prints why and checks that.

#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "a test that cannot run here says why")]

#[macro_use]
mod skipped;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use handshake_watch::capture::{self, Next};
use handshake_watch::decode::{self, Decoded};
use handshake_watch::lab::scenario::{SCENARIOS, Scenario, TIME_LIMIT};
use handshake_watch::tcp::Labels;
use serde_json::Value;

/// Scenarios wait more than they work.
const AT_ONCE: usize = 8;

/// How often a scenario may be played until it goes as it should. A real kernel's timers and a wire's delays meet other
/// programs for the processor; what a late wake-up changed once is not what the scenario shows. Recordings get one try.
const TRIES: usize = 3;

/// Below the ports that this system hands out by itself; scenarios use a few ports around theirs.
const FIRST_PORT: usize = 21_800;

#[test]
fn every_scenario_comes_to_its_end() {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((i, scenario)) = take(&next) {
                    let port = (FIRST_PORT + 10 * i).to_string();
                    let mut tries = 0;
                    let output = loop {
                        tries += 1;
                        let begin = Instant::now();
                        let output = run(&["demo", scenario.name, "-p", &port, "--format", "json"]);
                        assert!(
                            begin.elapsed() < TIME_LIMIT,
                            "{} takes too long",
                            scenario.name
                        );
                        match judge(scenario, &output) {
                            Ok(()) => break output,
                            Err(wrong) if tries < TRIES => println!("try {tries}: {wrong}"),
                            Err(wrong) => panic!("{tries} tries: {wrong}"),
                        }
                    };
                    let words = String::from_utf8_lossy(&output.stderr);
                    if let Some((_, why)) = words.split_once("recorded earlier and played back: ") {
                        let why = why.lines().next().unwrap_or_default();
                        skipped!("{} plays from its recording here: {why}", scenario.name);
                    }
                }
            });
        }
    });
}

#[test]
fn every_recording_shows_the_same() {
    for scenario in SCENARIOS {
        let file = recording(scenario.name);
        let said = judge(scenario, &run(&["replay", &file, "--format", "json"]));
        said.unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}

#[test]
fn every_recording_has_the_signs_of_its_scenario_and_an_ordinary_one_has_none() {
    let segments_of = |name| {
        let scenario = Scenario::named(name).expect("in the catalogue");
        let mut source = capture::recorded(scenario.recording).expect("a recording");
        let mut segments = Vec::new();
        loop {
            match source.next().expect("readable to its end") {
                Next::Frame(frame) => {
                    if let Decoded::Segment(segment) = decode::frame(&frame) {
                        segments.push(segment);
                    }
                }
                Next::Pause => {}
                Next::End => return segments,
            }
        }
    };
    let ordinary = segments_of("handshake");
    for scenario in SCENARIOS {
        let segments = segments_of(scenario.name);
        for sign in scenario.signs {
            assert!(
                segments.iter().any(sign.on),
                "{} has no {}",
                scenario.name,
                sign.name
            );
            // The loopback of the ordinary one has room for large windows, too.
            let common = sign.name.contains("window scale");
            assert!(
                common || !ordinary.iter().any(sign.on),
                "{} says nothing",
                sign.name
            );
        }
    }
}

#[test]
fn calls_stand_where_they_returned_between_the_packets() {
    let output = run(&["demo", "handshake", "-p", "21790", "--format", "json"]);
    assert!(output.status.success());
    let records = records(&output);
    let calls: Vec<&Value> = records.iter().filter(|r| r["type"] == "call").collect();
    if calls.is_empty() {
        skipped!("this system lets no traffic be captured here, and a recording has no calls");
        return;
    }
    let seconds = |value: &Value| -> f64 {
        let text = value.as_str().expect("a time");
        // Of the seconds the last few digits are enough, and leave the float room for nanoseconds.
        text[text.len() - 14..].parse().expect("a number")
    };
    let moment = |record: &Value| {
        let after = record["duration"]
            .as_f64()
            .filter(|_| record["type"] == "call");
        seconds(&record["time"]) + after.unwrap_or(0.0)
    };
    let in_order: Vec<f64> = records
        .iter()
        .take_while(|record| record["type"] != "connection")
        .filter(|record| record["type"] != "header")
        .map(moment)
        .collect();
    assert!(in_order.is_sorted(), "{in_order:?}");

    let call = |side: &str, name: &str| {
        let found = calls
            .iter()
            .find(|c| c["side"] == side && c["call"] == name);
        *found.unwrap_or_else(|| panic!("the {side} calls no {name}()"))
    };
    let frame = |number: u64| {
        let found = records.iter().find(|record| record["frame"] == number);
        found.unwrap_or_else(|| panic!("no frame {number}"))
    };
    let connect = call("client", "connect");
    assert!(
        seconds(&connect["time"]) < moment(frame(1)),
        "called before its SYN"
    );
    assert!(
        moment(connect) > moment(frame(2)),
        "returned after the SYN-ACK"
    );
    assert!(
        moment(call("server", "accept")) > moment(frame(3)),
        "there was nothing to fetch"
    );
    for (side, name, connection) in [
        ("client", "connect", Value::from(1)),
        ("client", "send", Value::from(1)),
        ("client", "shutdown", Value::from(1)),
        ("server", "accept", Value::from(1)),
        ("server", "recv", Value::from(1)),
        ("server", "listen", Value::Null),
        ("client", "socket", Value::Null),
    ] {
        let call = call(side, name);
        assert_eq!(call["connection"], connection, "{call}");
        assert_eq!(call["errno"], Value::Null, "{call}");
    }
}

#[test]
fn calls_are_drawn_beside_the_lane_of_their_end() {
    let output = run(&[
        "demo",
        "lost-syn",
        "-p",
        "21780",
        "--syscalls",
        "--width",
        "80",
    ]);
    let drawn = String::from_utf8_lossy(&output.stdout);
    let words = String::from_utf8_lossy(&output.stderr);
    if words.contains("no system calls are shown") {
        skipped!("this system lets no wire be made, and a recording has no calls");
        return;
    }
    let row = |text: &str| {
        let found = drawn.lines().position(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no {text}:\n{drawn}"))
    };
    assert!(row("connect()│") < row("LOST on the wire"), "{drawn}");
    assert!(row("SYN-RECEIVED") < row("connect = 0│"), "{drawn}");
    // When the server's program gets to call it is up to the machine; that it returns before is impossible.
    assert!(row("SYN-RECEIVED") < row("│accept = "), "{drawn}");
    assert!(
        drawn.lines().all(|line| line.chars().count() <= 80),
        "{drawn}"
    );
}

#[test]
fn a_course_without_a_terminal_names_what_works() {
    let output = run(&["demo", "--course"]);
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("handshake-watch demo --all"), "{words}");
    let unknown = run(&["demo", "--course", "no-such"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_series_that_is_ended_leaves_no_scenario_behind() {
    let words = ["demo", "--all", "-p", "21770", "--format", "json"];
    let (mut series, mut lines) = begun(&words, Stdio::null());
    let mut next =
        || -> Option<Value> { Some(serde_json::from_str(&lines.next()?).expect("a line of JSON")) };
    // This one takes 8 s, and sends its first SYN at once.
    let mut recorded = false;
    while let Some(record) = next()
        && record["source"] != "demo filtered"
    {
        recorded |= record["played"] == "recorded";
    }
    let first = next().expect("a record");
    series.kill().expect("it runs");
    series.wait().expect("it has ended");
    // The end of the output is the end of everybody who could write to it.
    let mut syns = usize::from(first["type"] == "segment");
    while let Some(record) = next() {
        syns += usize::from(record["type"] == "segment");
    }
    if recorded {
        skipped!("scenarios play from their recordings here, and these take no time");
        return;
    }
    assert!(syns < 5, "{syns} SYNs were shown");
}

#[test]
fn the_list_names_every_scenario_with_what_it_comes_to() {
    let output = run(&["demo", "--list", "--format", "json"]);
    let listed = records(&output);
    assert_eq!(listed.len(), SCENARIOS.len());
    let page = run(&["demo", "--list"]).stdout;
    let page = String::from_utf8(page).expect("UTF-8");
    for (record, scenario) in listed.iter().zip(SCENARIOS) {
        let line = format!("\n  {} ", scenario.name);
        assert!(page.contains(&line), "{} is not listed", scenario.name);
        for key in ["title", "teaches"] {
            assert!(record[key].is_string(), "no {key} in {record}");
        }
        assert_eq!(record["name"], scenario.name);
        assert_eq!(record["group"], scenario.group.name());
        assert_eq!(record["verdict"], scenario.verdict);
        assert_eq!(record["constructed"], scenario.constructed());
    }
}

#[test]
fn both_sides_of_a_wire_are_joined() {
    for (name, lost) in [
        ("lost-data", 1),
        ("lost-syn", 1),
        ("lost-tail", 4),
        ("random-loss", 2),
        ("duplicate", 0),
        ("reordering", 0),
        ("simultaneous-open", 0),
    ] {
        let records = records(&run(&["replay", &recording(name), "--format", "json"]));
        let of = |kind: &'static str| records.iter().filter(move |record| record["type"] == kind);
        let twins: Vec<(&Value, &Value, &Value)> = of("connection")
            .map(|connection| {
                (
                    &connection["id"],
                    &connection["vantage"],
                    &connection["twin"],
                )
            })
            .collect();
        let (one, two) = (Value::from(1), Value::from(2));
        let (client, server) = (Value::from("client"), Value::from("server"));
        assert_eq!(twins.len(), 2, "{name}");
        assert!(twins.contains(&(&one, &client, &two)), "{name}: {twins:?}");
        assert!(twins.contains(&(&two, &server, &one)), "{name}: {twins:?}");
        let undelivered = of("segment").filter(|segment| segment["delivered"] == false);
        assert_eq!(undelivered.count(), lost, "{name}");
        assert!(of("segment").all(|segment| segment["delivered"].is_boolean()));

        let drawn = run(&["replay", &recording(name), "--width", "80"]);
        let drawn = String::from_utf8_lossy(&drawn.stdout);
        assert_eq!(drawn.matches("LOST").count(), lost, "{name}:\n{drawn}");
        assert!(
            drawn.lines().all(|line| line.chars().count() <= 80),
            "{name}:\n{drawn}"
        );
    }
}

/// On this wire everything is lost from a third of a second on, and it plays for five seconds more.
#[test]
fn the_ladder_of_a_wire_is_written_while_it_plays() {
    let words = ["demo", "path-dead", "-p", "21760", "--width", "80"];
    let (mut demo, lines) = begun(&words, Stdio::piped());
    let rows: Vec<String> = lines.take_while(|line| !line.contains("LOST")).collect();
    let ended = demo.try_wait().expect("it was started");
    demo.kill().expect("it was started");
    let words = demo.wait_with_output().expect("it has ended").stderr;
    if let Some((_, why)) = String::from_utf8_lossy(&words).split_once("recorded earlier") {
        skipped!("a recording takes no time{why}");
        return;
    }
    assert_eq!(ended, None, "the first loss is seen while it plays");
    let rows = rows.join("\n");
    for state in ["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED"] {
        assert!(rows.contains(state), "{rows}");
    }
}

/// What each end can know of a packet is said at that end, and nothing twice.
#[test]
fn paragraphs_stand_at_both_ends_of_a_wire() {
    let text = paragraphs("lost-data");
    for (sentence, times) in [
        ("initial sequence number", 2),
        ("The wire loses it.", 1),
        ("The server is SYN-RECEIVED", 1),
        ("once this arrives", 0),
        ("before it have not arrived so far", 1),
        ("fast retransmit", 1),
        ("where the capture was made", 0),
        ("1 packet was lost on the wire.", 1),
        ("2897–7240 waited for what was missing", 1),
    ] {
        assert_eq!(text.matches(sentence).count(), times, "{sentence}: {text}");
    }
}

#[test]
fn where_syns_cross_both_ends_keep_their_names() {
    let text = paragraphs("simultaneous-open");
    for (sentence, times) in [
        ("The client asks for a connection to port 1712", 1),
        ("The server asks for a connection to port 1713", 1),
        ("6 bytes for the server", 1),
        ("6 bytes for the client", 0),
        ("no more bytes from the client", 1),
        ("The server is CLOSE-WAIT", 1),
    ] {
        assert_eq!(text.matches(sentence).count(), times, "{sentence}: {text}");
    }
}

/// The ladder of a recorded wire with everything that is said of it, on one line.
fn paragraphs(name: &str) -> String {
    let file = recording(name);
    let output = run(&["replay", &file, "--explain", "full", "--width", "100"]);
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_lost_syn_does_not_move_the_server() {
    let file = recording("lost-syn");
    let records = records(&run(&["replay", &file, "--format", "json"]));
    let lost = records
        .iter()
        .find(|record| record["delivered"] == false)
        .expect("one is lost");
    assert_eq!(lost["client_state"], "SYN-SENT");
    assert_ne!(lost["server_state"], "SYN-RECEIVED");
}

/// Where both ends are seen nothing is asked or guessed that the other end's view answers.
#[test]
fn what_the_wire_shows_is_not_asked() {
    let text = paragraphs("lost-syn-ack");
    assert!(text.contains("agrees (ack 1: send 1 next), opens its side"));
    assert!(!text.contains("is not what the SYN calls for"), "{text}");
    assert!(
        text.contains("waited until packet 3 was sent again."),
        "{text}"
    );
    assert!(!text.contains("Was a SYN or SYN-ACK lost"), "{text}");
    // What SACK had reported is not answered by the ACK that the repeat brings.
    let text = paragraphs("lost-data");
    assert!(text.contains("It answers packet 7, 61 ms later"), "{text}");
    assert!(!text.contains("It answers packet 11"), "{text}");
    // The network doubled it; its sender sent it once.
    let text = paragraphs("duplicate");
    assert!(
        !text.contains("The client sends 1448 bytes again"),
        "{text}"
    );
}

#[test]
fn where_syns_cross_each_end_sends_its_own() {
    let drawn = run(&["replay", &recording("simultaneous-open"), "--width", "80"]);
    let drawn = String::from_utf8_lossy(&drawn.stdout);
    for state in ["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED"] {
        assert_eq!(
            drawn.matches(state).count(),
            2,
            "{state} at both ends:\n{drawn}"
        );
    }
}

#[test]
fn one_side_of_a_wire_can_be_drawn_alone() {
    let file = recording("lost-data");
    for (view, server) in [("client", "10.17.12.2:1712"), ("server", "10.17.12.1:1712")] {
        let output = run(&["replay", &file, "--ladder", view]);
        let text = String::from_utf8_lossy(&output.stdout);
        let title = text.lines().next().expect("a title");
        assert!(title.contains(server), "{title}");
        assert_eq!(text.matches("(client)").count(), 1, "one ladder: {text}");
    }
}

/// On a projector half arrows matter more than the time; with fewer columns one end is drawn.
#[test]
fn a_wire_has_half_arrows_on_small_screens() {
    let drawn = |width: &str, big: bool| {
        let file = recording("lost-data");
        let mut words = vec!["replay", &file, "--width", width];
        words.extend(big.then_some("--big"));
        String::from_utf8_lossy(&run(&words).stdout).into_owned()
    };
    for (width, big, halves, times) in [
        ("80", false, true, true),
        ("80", true, true, false),
        ("64", false, true, true),
        ("63", false, true, false),
        ("60", true, true, false),
        ("57", false, true, false),
        ("56", false, false, true),
    ] {
        let text = drawn(width, big);
        let row = text.lines().find(|line| line.contains("1–1448"));
        let row = row.expect("the first data");
        let most: usize = width.parse().expect("a number");
        assert_eq!(row.contains('╲'), halves, "{width} {big}: {text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= most),
            "{width} {big}: {text}"
        );
        if halves {
            assert_eq!(row.trim_start().starts_with("1448"), !times, "{row}");
        }
    }
}

/// Of an ACK for the same number, what it says besides is the news.
#[test]
fn selective_acknowledgments_find_room_on_small_screens() {
    for (name, ranges) in [("lost-data", 3), ("reordering", 2)] {
        let words = ["replay", &recording(name), "--width", "60", "--big"];
        let text = String::from_utf8_lossy(&run(&words).stdout).into_owned();
        let rows = text.lines().filter(|row| row.contains('│'));
        let rows = rows.filter(|row| row.contains("SACK ")).count();
        assert_eq!(rows, ranges, "{name}: {text}");
    }
}

/// What was lost has not come, whoever counts it.
#[test]
fn bytes_that_a_wire_lost_are_not_said_to_have_arrived() {
    let output = run(&["replay", &recording("path-dead"), "--width", "200"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("29 bytes sent to the server (13 arrived), 0 back"),
        "{text}"
    );
    // What both ends' recordings answer is not asked.
    assert!(
        text.contains("what left one end did not reach the other"),
        "{text}"
    );
    assert!(!text.contains("Was the route or the host gone?"), "{text}");
    assert!(
        !text.contains("MTU") && !text.contains("repeats had to"),
        "{text}"
    );
    let whole = run(&["replay", &recording("lost-data"), "--width", "200"]);
    assert!(String::from_utf8_lossy(&whole.stdout).contains("7240 bytes to the server, 0 back"));
}

/// The verdict is the client's, who heard nothing of it; the reader of both views is told.
#[test]
fn a_fin_that_was_lost_on_the_wire_is_told_of() {
    let output = run(&["replay", &recording("path-dead"), "--width", "200"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = text.split_whitespace().collect();
    let told = "its FIN (packet 17) was lost on the wire: the client does not know.";
    assert!(words.join(" ").contains(told), "{text}");
    let ended = run(&["replay", &recording("lost-data"), "--width", "200"]);
    assert!(!String::from_utf8_lossy(&ended.stdout).contains("does not know"));
}

fn recording(name: &str) -> String {
    format!(
        "{}/captures/scenarios/{name}.pcapng",
        env!("CARGO_MANIFEST_DIR")
    )
}

fn take(next: &AtomicUsize) -> Option<(usize, &'static Scenario)> {
    let i = next.fetch_add(1, Ordering::Relaxed);
    SCENARIOS.get(i).map(|scenario| (i, scenario))
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
        .args(arguments)
        .output()
        .expect("our own program starts")
}

/// Begins a run, and reads its lines while it goes on.
fn begun(arguments: &[&str], errors: Stdio) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .expect("our own program starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    (child, lines.map(|line| line.expect("readable")))
}

fn records(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

/// What differs from the scenario in the first connection's verdict, and the labels of all connections; on a wire, of the
/// client's view.
fn judge(scenario: &Scenario, output: &Output) -> Result<(), String> {
    let name = scenario.name;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{name}: {words}"));
    }
    let records = records(output);
    let verdict = records
        .iter()
        .find(|record| record["type"] == "connection" && record["id"] == 1)
        .map(|connection| connection["verdict"].as_str().expect("a word"));
    if verdict != Some(scenario.verdict) {
        return Err(format!("{name} is {verdict:?}, not {}", scenario.verdict));
    }
    let labels = records
        .iter()
        .filter(|record| record["type"] == "segment")
        .filter(|segment| !scenario.on_wire() || segment["connection"] == 1)
        .flat_map(|segment| segment["labels"].as_array().expect("a list"))
        .map(|label| Labels::named(label.as_str().expect("a word")).expect("a known label"))
        .fold(Labels::empty(), Labels::union);
    let names = |labels: Labels| labels.names().collect::<Vec<_>>().join(", ");
    let missing = scenario.required.difference(labels);
    let wrong = scenario.forbidden.intersection(labels);
    match (missing.is_empty(), wrong.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("{name} has no {}", names(missing))),
        (_, false) => Err(format!("{name} has {}", names(wrong))),
    }
}
