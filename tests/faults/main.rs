//! What goes wrong around the program while it works: signals, full disks, interfaces and descriptors that go away, a terminal
//! that nobody reads, hints that are followed, more connections than a person has ever seen, and times that run backwards.
//!
//! Live captures are made in a private network of the test's own thread, which takes root. Where that is not possible a test
//! is skipped and says why. No test sleeps: each wait is for something that must happen, and fails after [`PATIENCE`]. Only
//! where it is time itself that goes wrong, some passes: rows are late after a while, and a client gives up after a second.
#![cfg(target_os = "linux")]

#[path = "../copied/mod.rs"]
mod copied;
#[path = "../piped/mod.rs"]
mod piped;
#[path = "../skipped/mod.rs"]
#[macro_use]
mod skipped;
mod hints;
mod limits;
mod network;
mod saved;
mod signals;
mod terminal;
mod times;
mod watching;
mod writing;

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use handshake_watch::lab::namespace;
use nix::unistd::geteuid;

/// What has not happened by then will not happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a test in a network of its own, in which this thread and the programs that it starts are alone.
fn in_private_network(test: impl FnOnce() + Send + 'static) {
    if !geteuid().is_root() {
        return skipped("run as root to run this test");
    }
    let thread = thread::spawn(move || {
        // Root takes only this thread there; other tests stay where they are.
        match namespace::enter() {
            Ok(()) => test(),
            Err(refused) => skipped(&refused.to_string()),
        }
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a tool that changes this thread's network or mounts; false, and the test is skipped, where it cannot.
fn tool(words: &[&str]) -> bool {
    let (name, arguments) = words.split_first().expect("a name");
    let run = Command::new(name)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    match run {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            skipped(&format!("{}: {}", words.join(" "), why.trim()));
            false
        }
        Err(error) => {
            skipped(&format!("{name} does not start: {error}"));
            false
        }
    }
}

fn skipped(why: &str) {
    skipped!("{why}");
}
