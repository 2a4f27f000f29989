//! Watches the same traffic with the program and with `tcpdump -w`, in turn, and prints what each of them saw, lost and took.
//! `make bench-live` calls it.
//!
//! Everything happens in a network of its own, so that nothing else is captured, and nothing leaves it. The loads have an end
//! in number and in time. Numbers of `BENCH_CONNECTIONS`, `BENCH_BYTES` and `BENCH_ROUNDS` in the environment make them smaller
//! or larger. tcpdump runs with its own settings and, where it shall be compared like with like, with a ring as large as ours.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own"
)]

#[cfg(target_os = "linux")]
mod latency;
#[cfg(target_os = "linux")]
#[path = "../compare/machine.rs"]
mod machine;
#[cfg(target_os = "linux")]
mod page;
#[cfg(target_os = "linux")]
#[path = "../load/traffic.rs"]
mod traffic;
#[cfg(target_os = "linux")]
mod watcher;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("a network of its own needs Linux");
    ExitCode::FAILURE
}

/// The loads where no numbers are given. Connections are ten packets each, and each client has some thousand before it takes
/// another address.
#[cfg(target_os = "linux")]
const CONNECTIONS: u64 = 60_000;
#[cfg(target_os = "linux")]
const BYTES: u64 = 2_000_000_000;
#[cfg(target_os = "linux")]
const ROUNDS: u64 = 5;
/// Clients at once.
#[cfg(target_os = "linux")]
const CLIENTS: u64 = 2;
/// A load that takes longer is cut off.
#[cfg(target_os = "linux")]
const LONGEST: std::time::Duration = std::time::Duration::from_secs(30);

#[cfg(target_os = "linux")]
fn compare() -> Result<(), String> {
    use handshake_watch::lab::namespace;
    use traffic::Traffic;

    if !nix::unistd::geteuid().is_root() {
        return Err("only root may capture here: sudo make bench-live".to_owned());
    }
    let rounds = machine::number("BENCH_ROUNDS", ROUNDS)?.max(1);
    let loads = [
        (
            "connections with a request and a reply",
            Traffic::Connections {
                count: machine::number("BENCH_CONNECTIONS", CONNECTIONS)?,
                threads: CLIENTS,
            },
        ),
        (
            "one transfer",
            Traffic::Bulk {
                bytes: machine::number("BENCH_BYTES", BYTES)?,
            },
        ),
    ];
    let places = watcher::Places::find()?;
    namespace::enter().map_err(|refused| refused.to_string())?;
    println!(
        "{}; load average {} before. {rounds} rounds.",
        machine::machine(),
        machine::load()
    );
    for (title, load) in loads {
        let mut taken = watcher::WATCHERS.map(|_| Vec::new());
        for round in 1..=rounds {
            eprintln!("{title}: round {round} of {rounds}");
            for (watcher, taken) in watcher::WATCHERS.iter().zip(&mut taken) {
                if let Some(result) = watcher.watch(&places, load, LONGEST)? {
                    taken.push(result);
                }
            }
        }
        print!("{}", page::load(title, &taken));
    }
    eprintln!("latency");
    print!("{}", page::latency(&latency::measure(&places)?));
    println!("\nLoad average {} after.", machine::load());
    Ok(())
}
