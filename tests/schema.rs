//! `docs/schema.json` describes what `--format json` prints, and it forbids what would break a consumer.

#[macro_use]
mod skipped;

use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use handshake_watch::tcp::Labels;
use handshake_watch::track::{TroubleKind, Verdict};
use jsonschema::Validator;
use serde_json::{Value, json};

/// Segments of one foreign capture that are checked: enough to meet every kind, few enough for a hundred files.
const SEGMENTS_A_FILE: usize = 200;

#[test]
fn every_record_of_our_captures_is_as_documented() {
    let validator = validator();
    // A wire has facts that others have not.
    let folders = ["captures", "captures/scenarios"].map(|folder| captures(&root().join(folder)));
    assert!(folders.iter().all(|captures| captures.len() > 5));
    for capture in folders.concat() {
        let records = replay(&capture);
        check(&validator, &capture, &records);
        assert_eq!(records[0]["type"], "header", "{}", capture.display());
    }
}

#[test]
fn every_record_of_foreign_captures_is_as_documented() {
    let Some(corpus) = std::env::var_os("HANDSHAKE_WATCH_CORPUS") else {
        skipped!("set HANDSHAKE_WATCH_CORPUS to a folder of captures to run this test");
        return;
    };
    let validator = validator();
    for capture in captures(Path::new(&corpus)) {
        let mut segments = 0;
        let mut records = replay(&capture);
        records.retain(|record| {
            segments += usize::from(record["type"] == "segment");
            record["type"] != "segment" || segments <= SEGMENTS_A_FILE
        });
        check(&validator, &capture, &records);
    }
}

#[test]
fn words_and_played_packets_are_as_documented() {
    let validator = validator();
    let words = run(&["explain", "--format", "json"]);
    assert!(words.len() > 50 && words.iter().all(|word| word["type"] == "term"));
    // Where nothing can be captured the scenario plays its recording, which has no calls.
    let played = run(&["demo", "handshake", "-p", "21791", "--format", "json"]);
    for record in words.iter().chain(&played) {
        if let Err(error) = validator.validate(record) {
            panic!("{error} at {}: {record}", error.instance_path());
        }
        let mut without = record.as_object().expect("an object").clone();
        without.remove("meaning");
        without.remove("duration");
        let needed = without.len() < record.as_object().map_or(0, serde_json::Map::len);
        assert!(!needed || !validator.is_valid(&Value::Object(without)));
    }
}

#[test]
fn what_would_break_a_consumer_is_forbidden() {
    let validator = validator();
    let records = replay(&root().join("captures/handshake.pcapng"));
    for record in &records {
        let object = record.as_object().expect("records are objects");
        assert!(validator.is_valid(record), "{record}");
        for key in object.keys() {
            let mut without = object.clone();
            without.remove(key);
            assert!(
                !validator.is_valid(&Value::Object(without)),
                "{key} may not be left out of {record}"
            );
        }
        let mut more = object.clone();
        more.insert("invented_later".to_owned(), json!(1));
        assert!(
            validator.is_valid(&Value::Object(more)),
            "a new key breaks nobody"
        );
    }
    let wrong = [
        json!({"type": "call", "time": 1.5, "side": "server", "call": "accept", "result": 4, "errno": null,
               "duration": 0.1, "connection": 1}),
        json!({"type": "summary", "frames": -1, "tcp_segments": 0, "skipped": {}, "connections": 0,
               "by_verdict": {}, "evicted": 0, "capture_dropped": 0}),
        json!({"type": "summary", "frames": 1, "tcp_segments": 1, "skipped": {}, "connections": 1,
               "by_verdict": {"shut": 1}, "evicted": 0, "capture_dropped": 0}),
    ];
    for record in wrong {
        assert!(!validator.is_valid(&record), "{record}");
    }
    let scenario = json!({"type": "scenario", "name": "hello", "group": "data", "played": "live",
                          "expected": "closed", "verdict": null, "met": false, "wrong": "no connection instead of closed",
                          "seconds": 0.5});
    assert!(validator.is_valid(&scenario));
    let call = json!({"type": "call", "time": "1.000000005", "side": "server", "call": "accept", "result": 4,
                      "errno": null, "duration": 0.000_031, "connection": 1});
    assert!(
        validator.is_valid(&call),
        "{:?}",
        validator.validate(&call).err()
    );
    assert!(
        validator.is_valid(&json!({"type": "invented_later"})),
        "a new type breaks nobody"
    );
}

#[test]
fn the_schema_lists_the_words_that_the_program_uses() {
    let schema = schema();
    let listed = |pointer: &str| -> Vec<String> {
        let words = schema.pointer(pointer).and_then(Value::as_array);
        let words = words.unwrap_or_else(|| panic!("nothing at {pointer}"));
        let mut words: Vec<String> = words
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        words.sort();
        words
    };
    let sorted = |words: &[&str]| {
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        words.sort();
        words
    };
    assert_eq!(
        listed("/$defs/verdict/enum"),
        sorted(&Verdict::ALL.map(Verdict::name))
    );
    assert_eq!(
        listed("/$defs/trouble_kind/enum"),
        sorted(&TroubleKind::ALL.map(TroubleKind::name))
    );
    assert_eq!(
        listed("/$defs/segment/properties/labels/items/examples"),
        sorted(Labels::all_names())
    );
}

/// The records of a capture; none where it is no capture. Its exit code is another test's subject.
fn replay(capture: &Path) -> Vec<Value> {
    run(&[
        "replay".as_ref(),
        capture.as_os_str(),
        "--format".as_ref(),
        "json".as_ref(),
    ])
}

/// The lines of JSON that the program prints.
fn run<S: AsRef<OsStr> + Debug>(words: &[S]) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
        .args(words)
        .output()
        .expect("the program starts");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    text.lines()
        .map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{words:?}: {error}: {line}"))
        })
        .collect()
}

fn check(validator: &Validator, capture: &Path, records: &[Value]) {
    for record in records {
        if let Err(error) = validator.validate(record) {
            panic!(
                "{}: {error} at {}: {record}",
                capture.display(),
                error.instance_path()
            );
        }
    }
    let Some(last) = records.last() else { return };
    assert_eq!(last["type"], "summary", "{}", capture.display());
    let number = |value: &Value| value.as_u64().expect("a count");
    let sum = |counts: &Value| {
        counts
            .as_object()
            .expect("counts")
            .values()
            .map(number)
            .sum::<u64>()
    };
    assert_eq!(
        number(&last["frames"]),
        number(&last["tcp_segments"]) + sum(&last["skipped"]),
        "{}",
        capture.display()
    );
    assert_eq!(
        number(&last["connections"]),
        sum(&last["by_verdict"]),
        "{}",
        capture.display()
    );
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut captures: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| {
            path.extension()
                .and_then(|extension| extension.to_str())
                .is_some_and(|extension| ["cap", "pcap", "pcapng"].contains(&extension))
        })
        .collect();
    captures.sort();
    captures
}

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).expect("a valid schema")
}

fn schema() -> Value {
    let text = fs::read_to_string(root().join("docs/schema.json")).expect("the schema is there");
    serde_json::from_str(&text).expect("the schema is JSON")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
