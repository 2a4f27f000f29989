//! Makes a large capture of made-up traffic, the same bytes each time:
//!
//! ```sh
//! cargo run --release --example traffic -- mix FILE --packets 2000000
//! ```
//!
//! Kinds are `mix`, `bulk` and `syn`. Options are `--packets`, `--connections`, `--rate` (connections that begin in a
//! second), `--snaplen` and `--seed`, each with a number. `make bench` calls it.

#![expect(clippy::print_stderr, reason = "people are told what was made")]

#[path = "../benches/traffic/mod.rs"]
mod traffic;

use std::fs::File;
use std::io::BufWriter;
use std::process::ExitCode;

use traffic::{Made, Recipe};

const USAGE: &str = "usage: traffic mix|bulk|syn FILE [--packets N] [--connections N] [--rate N] [--snaplen N] [--seed N]";

/// Packets where no number is given.
const PACKETS: u64 = 1_000_000;

/// Written out when this much has gathered.
const BUFFER: usize = 1 << 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match make(&words) {
        Ok(Made { packets, bytes }) => {
            eprintln!("{packets} packets, {bytes} bytes: {}", words[1]);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn make(words: &[String]) -> Result<Made, String> {
    let [kind, path, options @ ..] = words else {
        return Err(USAGE.to_owned());
    };
    let kind = kind.parse()?;
    let packets = number(options, "--packets")?.unwrap_or(PACKETS);
    let mut recipe = Recipe::of(kind, packets);
    for pair in options.chunks(2) {
        let Some(value) = number(pair, &pair[0])? else {
            continue;
        };
        match pair[0].as_str() {
            "--packets" => {}
            "--connections" => recipe.connections = value,
            "--rate" => recipe.rate = value,
            "--snaplen" => recipe.snaplen = u32::try_from(value).unwrap_or(u32::MAX),
            "--seed" => recipe.seed = value,
            _ => return Err(USAGE.to_owned()),
        }
    }
    let file = File::create(path).map_err(|error| format!("{path}: {error}"))?;
    recipe
        .write(BufWriter::with_capacity(BUFFER, file))
        .map_err(|error| format!("{path}: {error}"))
}

/// The number behind a word.
fn number(options: &[String], word: &str) -> Result<Option<u64>, String> {
    let Some(at) = options.iter().position(|option| option == word) else {
        return Ok(None);
    };
    let value = options.get(at + 1).and_then(|value| value.parse().ok());
    value.map(Some).ok_or_else(|| USAGE.to_owned())
}
