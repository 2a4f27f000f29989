//! What the program gives up before it looks at packets, seen from outside in /proc while it captures, and from inside by
//! trying what has to fail. What cannot be tested here is skipped, and says why.
#![cfg(target_os = "linux")]

#[path = "../copied/mod.rs"]
mod copied;
#[path = "../skipped/mod.rs"]
#[macro_use]
mod skipped;
mod from_inside;
mod from_outside;

use std::io::Result;

use handshake_watch::lab::namespace;
use handshake_watch::privilege;
use nix::unistd::geteuid;

/// A user without rights, who is not the one that the program itself knows as nobody.
const STRANGER: u32 = 65533;

/// Whether this is root and may capture.
fn is_root() -> bool {
    let may = geteuid().is_root() && privilege::packet_socket().is_ok();
    if !may {
        skipped("run as root, with the right to capture, to run this test");
    }
    may
}

/// Whether private networks are possible here.
fn is_private_possible() -> bool {
    namespace::probe()
        .inspect_err(|refused| skipped(&refused.to_string()))
        .is_ok()
}

fn skipped(why: &str) {
    skipped!("{why}");
}

/// The error number; 0 for success.
fn number<T>(result: Result<T>) -> i32 {
    match result {
        Ok(_) => 0,
        Err(error) => error.raw_os_error().unwrap_or(-1),
    }
}
