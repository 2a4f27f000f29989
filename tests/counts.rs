//! Summary, table and JSON come from the same tracker: their counts are compared on every capture there is.

#[macro_use]
mod skipped;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What one output says of a capture.
#[derive(PartialEq, Eq, Debug)]
struct Counts {
    packets: u64,
    connections: u64,
    verdicts: BTreeMap<String, u64>,
}

#[test]
fn summary_table_and_json_count_the_same() {
    let mut captures = vec![];
    collect(Path::new("captures"), &mut captures);
    if let Some(corpus) = env::var_os("HANDSHAKE_WATCH_CORPUS") {
        collect(Path::new(&corpus), &mut captures);
    } else {
        skipped!("the corpus: set HANDSHAKE_WATCH_CORPUS to a folder of captures");
    }
    assert!(captures.len() > 50, "{} captures", captures.len());
    let mut compared = 0;
    for capture in captures {
        let Some(json) = replay(&capture, &["--format", "json"]) else {
            continue;
        };
        let json = of_json(&json);
        let summary = replay(&capture, &["--format", "summary", "--width", "1000"]);
        let summary = of_summary(&summary.expect("a summary"));
        assert_eq!(json, summary, "{}", capture.display());
        let table = replay(&capture, &["--format", "table", "--all", "--width", "1000"]);
        let (packets, connections) = of_table(&table.expect("a table"));
        assert_eq!(
            (json.packets, json.connections),
            (packets, connections),
            "{}",
            capture.display()
        );
        compared += 1;
    }
    assert!(compared > 50, "{compared} captures");
}

/// Captures of a folder and the folders in it, the small ones: each is read three times.
fn collect(folder: &Path, captures: &mut Vec<PathBuf>) {
    const LARGEST: u64 = 100_000;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, captures);
        } else if path.metadata().expect("facts").len() <= LARGEST {
            captures.push(path);
        }
    }
}

/// What is printed, if anything is. What is no capture prints nothing, and a damaged one what could be read.
fn replay(capture: &Path, options: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
        .arg("replay")
        .arg(capture)
        .args(options)
        .output()
        .expect("the program starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (!text.is_empty()).then_some(text)
}

fn of_json(text: &str) -> Counts {
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object"))
        .collect();
    let kind = |record: &Value, kind: &str| record["type"] == kind;
    let mut verdicts = BTreeMap::new();
    for record in records.iter().filter(|record| kind(record, "connection")) {
        let verdict = record["verdict"].as_str().expect("a verdict");
        *verdicts.entry(verdict.to_owned()).or_default() += 1;
    }
    let summary = records.last().expect("a summary");
    let count = |key: &str| summary[key].as_u64().expect("a count");
    let segments = records.iter().filter(|record| kind(record, "segment"));
    assert_eq!(segments.count() as u64, count("tcp_segments"));
    assert_eq!(verdicts.values().sum::<u64>(), count("connections"));
    let told: BTreeMap<String, u64> =
        serde_json::from_value(summary["by_verdict"].clone()).expect("counts by verdict");
    assert_eq!(verdicts, told);
    // A conversation on a wire is two objects, one of each end; people count it once, by its client's.
    let seconds = records
        .iter()
        .filter(|record| record["vantage"] == "server" && !record["twin"].is_null());
    for second in seconds {
        let verdict = second["verdict"].as_str().expect("a verdict");
        *verdicts.get_mut(verdict).expect("it was counted") -= 1;
    }
    verdicts.retain(|_, count| *count > 0);
    Counts {
        packets: count("frames"),
        connections: verdicts.values().sum(),
        verdicts,
    }
}

/// `packets      26, 26 TCP segments among them` and `connections  4: 1 refused, 3 closed`.
fn of_summary(text: &str) -> Counts {
    let after = |word: &str| {
        let line = text.lines().find(|line| line.starts_with(word));
        line.map_or("0", |line| line[word.len()..].trim())
    };
    let connections = after("connections ");
    let (count, verdicts) = connections.split_once(':').unwrap_or((connections, ""));
    let verdicts = verdicts.split(", ").filter(|part| !part.trim().is_empty());
    Counts {
        packets: number(after("packets ").split(',').next().unwrap_or_default()),
        connections: number(count),
        verdicts: verdicts
            .map(|part| {
                let (count, verdict) = part.rsplit_once(' ').expect("a count and a verdict");
                (verdict.to_owned(), number(count))
            })
            .collect(),
    }
}

/// `NAME   4 connections, 26 packets, 1.9 kB, ...` is where the page begins.
fn of_table(text: &str) -> (u64, u64) {
    let before = |noun: &str| {
        let end = text.find(&format!(" {noun}")).expect("a page");
        // What stands before is the end of another count, or of the capture's name and at least two spaces.
        let begin = text[..end].rfind([',', '\n']).map_or(0, |at| at + 1);
        let words = &text[begin..end];
        number(words.rsplit_once("  ").map_or(words, |(_, count)| count))
    };
    (before("packet"), before("connection"))
}

/// A number whose groups of three digits stand apart.
fn number(text: &str) -> u64 {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}
