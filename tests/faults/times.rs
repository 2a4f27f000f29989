//! Clocks that are set while packets are captured, and captures that were put together in the wrong order.

use std::io::Write as _;
use std::process::{Command, Output};

use serde_json::Value;

use super::piped;

/// Eight packets of one connection.
const SAMPLE: &[u8] = include_bytes!("../../captures/handshake.pcap");
/// Where records begin, and how long their header is.
const FIRST: usize = 24;
const HEADER: usize = 16;

/// The sample's records.
fn records() -> Vec<Vec<u8>> {
    let mut rest = &SAMPLE[FIRST..];
    let mut records = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes([rest[8], rest[9], rest[10], rest[11]]) as usize;
        let (record, after) = rest.split_at(HEADER + length);
        records.push(record.to_vec());
        rest = after;
    }
    records
}

/// Moves a record by so many seconds.
fn moved(mut record: Vec<u8>, seconds: i64) -> Vec<u8> {
    let now = u32::from_le_bytes([record[0], record[1], record[2], record[3]]);
    let then = (i64::from(now) + seconds).clamp(0, i64::from(u32::MAX)) as u32;
    record[..4].copy_from_slice(&then.to_le_bytes());
    record
}

fn replay(records: &[Vec<u8>], format: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handshake-watch"));
    let (child, mut input) = piped::start(command.args(["replay", "-", "--format", format]));
    let capture = [&SAMPLE[..FIRST], &records.concat()].concat();
    input.write_all(&capture).expect("it reads");
    drop(input);
    child.wait_with_output().expect("an end")
}

/// What is told as JSON, where every packet is told and every other format shows something, too.
fn told(records: &[Vec<u8>]) -> Vec<Value> {
    for format in ["timeline", "plain", "table", "summary"] {
        let run = replay(records, format);
        assert!(run.status.success(), "{format}: {run:?}");
        assert!(!run.stdout.is_empty(), "{format}");
    }
    let run = replay(records, "json");
    assert!(run.status.success(), "{run:?}");
    let text = String::from_utf8(run.stdout).expect("UTF-8");
    let objects = text.lines().map(serde_json::from_str::<Value>);
    let objects: Vec<Value> = objects.map(|object| object.expect("JSON")).collect();
    let segments = of_type(&objects, "segment");
    let frames: Vec<u64> = segments.filter_map(|it| it["frame"].as_u64()).collect();
    assert_eq!(frames, (1..=records.len() as u64).collect::<Vec<_>>());
    objects
}

fn of_type<'a>(objects: &'a [Value], wanted: &str) -> impl Iterator<Item = &'a Value> {
    objects
        .iter()
        .filter(move |object| object["type"] == wanted)
}

/// What is told of the one connection.
fn connection(records: &[Vec<u8>]) -> Value {
    let objects = told(records);
    let mut connections = of_type(&objects, "connection");
    let connection = connections.next().expect("a connection").clone();
    assert!(connections.next().is_none(), "one connection");
    connection
}

/// The order of the packets decides, not their times: a clock that is set changes no verdict.
#[test]
fn a_clock_that_is_set_changes_no_verdict() {
    let usual = connection(&records());
    for seconds in [-1, -3600, -2_000_000_000, 3600] {
        for from in 1..8 {
            let records: Vec<_> = (0..)
                .zip(records())
                .map(|(place, record)| moved(record, if place < from { 0 } else { seconds }))
                .collect();
            let connection = connection(&records);
            for key in ["verdict", "opened", "closed_by", "client_bytes", "history"] {
                assert_eq!(connection[key], usual[key], "{key}, {seconds} s at {from}");
            }
            assert_eq!(connection["retransmissions"], 0, "{seconds} s at {from}");
        }
    }
}

/// Every packet a second before the one before it.
#[test]
fn times_that_run_backwards_are_told() {
    let records = (0..)
        .zip(records())
        .map(|(place, record)| moved(record, -place));
    let connection = connection(&records.collect::<Vec<_>>());
    assert_eq!(connection["verdict"], "closed");
    assert_eq!(
        (&connection["first_frame"], &connection["last_frame"]),
        (&1.into(), &8.into())
    );
}

/// Two captures pasted together the wrong way round: the end of the connection comes first, and is told for what it is;
/// what follows begins with a SYN, and so is another connection.
#[test]
fn captures_pasted_in_the_wrong_order_are_two_connections() {
    let mut records = records();
    records.rotate_left(4);
    let objects = told(&records);
    let connections: Vec<_> = of_type(&objects, "connection")
        .map(|it| {
            let frames = (&it["first_frame"], &it["last_frame"]);
            (&it["roles"], &it["verdict"], &it["client_bytes"], frames)
        })
        .collect();
    let closed = (
        &"assumed".into(),
        &"closed".into(),
        &0.into(),
        (&1.into(), &4.into()),
    );
    let open = (
        &"seen".into(),
        &"open".into(),
        &13.into(),
        (&5.into(), &8.into()),
    );
    assert_eq!(connections, [closed, open]);
    let labels: Vec<_> = of_type(&objects, "segment")
        .map(|it| &it["labels"])
        .collect();
    assert_eq!(labels[4], &Value::from(["reused_ports"]), "{labels:?}");
}

/// Each packet has its row, whatever order they come in, and no order of these makes an end that was not there.
#[test]
fn packets_that_come_backwards_are_told() {
    let mut records = records();
    records.reverse();
    for turned in [0, 3] {
        records.rotate_left(turned);
        let objects = told(&records);
        let closed = of_type(&objects, "connection").filter(|it| it["verdict"] == "closed");
        assert_eq!(closed.count(), 0, "{objects:?}");
        let page = replay(&records, "timeline").stdout;
        let page = String::from_utf8(page).expect("UTF-8");
        let rows: Vec<(usize, &str)> = page
            .lines()
            .filter_map(|line| Some((line.get(..2)?.trim().parse().ok()?, line[2..].trim())))
            .collect();
        let numbers: Vec<usize> = rows.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8], "{page}");
        let earlier = rows.iter().filter(|(_, row)| row.starts_with('-'));
        assert!(
            earlier.count() >= 3,
            "times before the first packet's: {page}"
        );
    }
}
