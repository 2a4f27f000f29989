//! The program against what tshark and Zeek say of several hundred real captures: it must read each without a crash, a hang
//! or a broken line, and agree with them as far as docs/oracles.md says.
//!
//! The captures are no part of the project. `HANDSHAKE_WATCH_CORPUS` names a folder that holds them, with tables beside
//! them: X.packets.tsv and X.conns.tsv are what tshark says of X, `zeek_conn.tsv` is what Zeek's developers expect, INDEX.tsv
//! names link types. Without that folder nothing is tested.

#![expect(
    clippy::print_stdout,
    reason = "the figures, and why a test cannot run here"
)]

#[path = "../skipped/mod.rs"]
#[macro_use]
mod skipped;
mod judge;
mod program;
mod table;
mod tally;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use judge::Oracles;
use tally::Tally;

const FOLDER: &str = "HANDSHAKE_WATCH_CORPUS";

/// Captures that are judged at once. Each needs a process of the program, which has two threads itself.
const THREADS: usize = 2;

/// The least agreement in percent, by group and column. What keeps it from 100 is told in docs/oracles.md.
const LEAST: [(&str, &str, f64); 18] = [
    ("plain", "present", 99.9),
    ("plain", "flags", 99.9),
    ("plain", "src", 99.9),
    ("plain", "dst", 99.9),
    ("plain", "len", 99.9),
    ("plain", "seq", 99.5),
    ("plain", "ack", 99.5),
    ("plain", "window", 99.5),
    ("plain", "labels", 99.5),
    ("plain", "labels where any", 97.0),
    ("plain", "connection", 99.8),
    ("plain", "completeness", 99.5),
    ("tunnelled", "present", 95.0),
    ("fragmented", "present", 98.0),
    ("zeek", "found", 99.0),
    ("zeek", "conn_state", 95.0),
    ("zeek", "history", 88.0),
    ("zeek", "history without C G T W", 90.0),
];

#[test]
fn the_program_agrees_with_tshark_and_zeek() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        skipped!("{FOLDER} names no folder with captures and what other tools say of them");
        return;
    };
    let captures = captures(&folder);
    assert!(!captures.is_empty(), "no captures in {}", folder.display());
    let oracles = Oracles::read(&folder);
    let next = AtomicUsize::new(0);
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let judges: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut tally = Tally::default();
                    while let Some(capture) = captures.get(next.fetch_add(1, Ordering::Relaxed)) {
                        oracles.judge(capture, &mut tally);
                    }
                    tally
                })
            })
            .collect();
        for judge in judges {
            tally.add(judge.join().expect("a judge does not fail"));
        }
    });
    println!("{} captures\n{tally}", captures.len());
    let short = tally.short_of(&LEAST);
    assert!(
        tally.broken.is_empty() && short.is_empty(),
        "{}",
        [tally.broken, short].concat().join("\n")
    );
}

/// Everything in the folder that is no table or text, damaged captures and files that are no captures included.
fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry that can be read").path();
        if path.is_dir() {
            found.extend(captures(&path));
        } else if !["tsv", "txt", "md"]
            .iter()
            .any(|text| path.extension().is_some_and(|extension| extension == *text))
        {
            found.push(path);
        }
    }
    found.sort();
    found
}
