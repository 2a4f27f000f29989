//! Times the program beside a bare libpcap loop and the peers that are installed, on captures that are made for it, and
//! prints tables of ratios. `make bench` calls it.
//!
//! All run in turn, round after round, so that a machine which is busy for a while is busy for all of them. Numbers of
//! `BENCH_PACKETS` and `BENCH_ROUNDS` in the environment make it smaller or larger.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

#[cfg(unix)]
mod contenders;
#[cfg(unix)]
mod machine;
#[cfg(unix)]
mod once;
#[cfg(unix)]
mod page;
#[cfg(unix)]
#[path = "../../benches/traffic/mod.rs"]
mod traffic;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let done = match words.split_first() {
        None => compare(),
        Some((first, command)) if first == once::WORD => once::run(command),
        Some(_) => Err("usage: compare".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("what a process took is only asked on Unix");
    ExitCode::FAILURE
}

/// Rounds where no number is given, and packets of the large captures.
#[cfg(unix)]
const ROUNDS: u64 = 5;
#[cfg(unix)]
const PACKETS: u64 = 2_000_000;

#[cfg(unix)]
fn compare() -> Result<(), String> {
    use contenders::{Capture, Places};

    let rounds = machine::number("BENCH_ROUNDS", ROUNDS)?.max(1);
    let places = Places::find()?;
    let captures = Capture::all(machine::number("BENCH_PACKETS", PACKETS)?);
    let before = machine::load();
    let mut results = Vec::new();
    for capture in captures {
        eprintln!("{}: making it", capture.name);
        let made = capture.make(&places.folder)?;
        results.push(contenders::rounds(&places, capture, made, rounds)?);
        // What comes next shall find room on the disk.
        let _ = std::fs::remove_file(places.capture(results[results.len() - 1].capture.name));
    }
    print!("{}", page::page(&results, rounds, &before));
    Ok(())
}
