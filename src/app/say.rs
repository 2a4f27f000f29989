//! Messages to people, on standard error: results go to standard output and nowhere else.

use std::fmt;
use std::io::{self, Write};

/// What went wrong.
pub(crate) fn problem(message: impl fmt::Display) {
    line(format_args!("handshake-watch: {message}"));
}

/// What a person would like to know.
pub(crate) fn note(message: impl fmt::Display) {
    line(format_args!("{message}"));
}

fn line(text: fmt::Arguments<'_>) {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
