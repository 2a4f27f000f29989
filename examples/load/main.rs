//! Makes TCP traffic on loopback, to watch or to measure with. It ends by itself: numbers and times have limits.
//!
//! ```sh
//! cargo run --release --example load -- connections 24000 threads 2 seconds 10
//! cargo run --release --example load -- paced 500 rate 50
//! cargo run --release --example load -- bulk 1000000000 port 4000
//! ```
//!
//! `port` is 1712 and `seconds` 30 unless given. `make bench-live` makes the same traffic beside captures of it.

#![expect(clippy::print_stderr, reason = "people are told what was made")]

mod traffic;

use std::process::ExitCode;
use std::time::Duration;

use traffic::{
    MOST_A_SECOND, MOST_BYTES, MOST_CONNECTIONS, MOST_THREADS, MOST_TIME, Made, Traffic,
};

const USAGE: &str = "usage: load connections N [threads T] [seconds S] [port P]
       load paced N [rate R] [seconds S] [port P]
       load bulk BYTES [seconds S] [port P]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match make(&words) {
        Ok(made) => {
            let seconds = made.time.as_secs_f64();
            eprintln!(
                "{} connections, {} bytes in {seconds:.2} s: {:.0} connections a second, {:.1} MB/s",
                made.connections,
                made.bytes,
                made.connections as f64 / seconds,
                made.bytes as f64 / seconds / 1e6,
            );
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn make(words: &[String]) -> Result<Made, String> {
    let [kind, amount, options @ ..] = words else {
        return Err(USAGE.to_owned());
    };
    let (mut threads, mut rate, mut seconds, mut port) = (2, 50, 30, 1712);
    for pair in options.chunks(2) {
        let [name, value] = pair else {
            return Err(USAGE.to_owned());
        };
        match (kind.as_str(), name.as_str()) {
            ("connections", "threads") => threads = number(name, value, MOST_THREADS)?,
            ("paced", "rate") => rate = number(name, value, MOST_A_SECOND)?,
            (_, "seconds") => seconds = number(name, value, MOST_TIME.as_secs())?,
            (_, "port") => port = number(name, value, u64::from(u16::MAX))?,
            _ => return Err(USAGE.to_owned()),
        }
    }
    let traffic = match kind.as_str() {
        "connections" => Traffic::Connections {
            count: number(kind, amount, MOST_CONNECTIONS)?,
            threads,
        },
        "paced" => Traffic::Paced {
            count: number(kind, amount, MOST_CONNECTIONS)?,
            a_second: rate,
        },
        "bulk" => Traffic::Bulk {
            bytes: number(kind, amount, MOST_BYTES)?,
        },
        _ => return Err(USAGE.to_owned()),
    };
    traffic
        .make(port as u16, Duration::from_secs(seconds))
        .map_err(|error| format!("port {port}: {error}"))
}

fn number(name: &str, value: &str, most: u64) -> Result<u64, String> {
    match value.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("{name} {value} is no number from 1 to {most}")),
    }
}
