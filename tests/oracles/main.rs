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

/// What may disagree, by group and column, and how often. What that is, and who is right, is told in docs/oracles.md; all
/// other columns agree everywhere. Those with 0 are here because they have to be compared at all.
const MOST: [(&str, &str, u64); 24] = [
    ("plain", "present", 15),
    ("plain", "flags", 0),
    ("plain", "src", 0),
    ("plain", "dst", 5),
    ("plain", "len", 0),
    ("plain", "seq", 0),
    ("plain", "ack", 0),
    ("plain", "window", 0),
    ("plain", "labels", 0),
    ("plain", "labels where any", 0),
    ("plain", "connection", 0),
    ("plain", "completeness", 1),
    ("tunnelled", "present", 5),
    ("tunnelled", "labels", 3),
    ("fragmented", "len", 1),
    ("fragmented", "labels", 1),
    ("fragmented", "labels where any", 1),
    ("damaged", "len", 1),
    ("damaged", "labels", 2),
    ("damaged", "labels where any", 1),
    ("zeek", "found", 1),
    ("zeek", "conn_state", 0),
    ("zeek", "history", 5),
    ("zeek", "history without C G T W", 4),
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
    let worse = tally.worse_than(&MOST);
    assert!(
        tally.broken.is_empty() && worse.is_empty(),
        "{}",
        [tally.broken, worse].concat().join("\n")
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
