//! Records `captures/` anew: real sockets talk in a private network, and what they send is captured there. Needs no root.
//!
//! `make record` calls it; a folder as argument is used instead of `captures/`. A take whose packets do not come in the
//! order that it is meant to show (the kernel may answer sooner or later) is recorded again.

#![expect(clippy::print_stderr, reason = "people are told what is recorded")]

#[cfg(target_os = "linux")]
mod recorder;
#[cfg(target_os = "linux")]
mod takes;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let folder = std::env::args_os()
        .nth(1)
        .unwrap_or_else(|| "captures".into());
    match recorder::record_all(folder.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("recording needs a private network, and that needs Linux");
    ExitCode::FAILURE
}
