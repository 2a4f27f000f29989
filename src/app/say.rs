//! Messages to people, on standard error: results go to standard output and nowhere else.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal, Write};

use crate::render::escape;

/// What went wrong. Its first line is prose; those below may be commands, which nobody could copy if they were broken.
pub(crate) fn problem(message: impl fmt::Display) {
    let message = format!("handshake-watch: {message}");
    let (prose, rest) = message.split_at(message.find('\n').unwrap_or(message.len()));
    write(&format!("{}{rest}\n", fitting(prose, width())));
}

/// What a person would like to know.
pub(crate) fn note(message: impl fmt::Display) {
    write(&format!("{}\n", fitting(&message.to_string(), width())));
}

/// A terminal shows `^C` when that is typed: what follows begins below it.
pub(crate) fn interrupted() {
    if io::stderr().is_terminal() {
        write("\n");
    }
}

/// Whether a word that was typed can be repeated as it is.
pub(crate) fn is_harmless(word: &OsStr) -> bool {
    word.to_str()
        .is_some_and(|word| escape::terminal(word) == word)
}

/// Writes lines in which nothing acts but their ends.
fn write(text: &str) {
    let lines: Vec<_> = text.split('\n').map(escape::terminal).collect();
    // Nobody is left to be told that standard error is closed.
    let _ = io::stderr().lock().write_all(lines.join("\n").as_bytes());
}

/// Columns of the terminal; no limit where there is none, for programs that read lines.
fn width() -> usize {
    let size = terminal_size::terminal_size_of(io::stderr());
    size.map_or(usize::MAX, |(width, _)| usize::from(width.0))
}

/// The text with its lines broken between words where they are longer than `width`.
fn fitting(text: &str, width: usize) -> String {
    let mut fitting = String::with_capacity(text.len() + 8);
    let mut column = 0;
    for word in text.split_inclusive([' ', '\n']) {
        let len = word.trim_end().chars().count();
        if column > 0 && column + len > width {
            fitting.truncate(fitting.trim_end_matches(' ').len());
            fitting.push('\n');
            column = 0;
        }
        fitting.push_str(word);
        column += word.chars().count();
        if word.ends_with('\n') {
            column = 0;
        }
    }
    fitting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_only_when_too_long() {
        let text = "one two three\nfour";
        assert_eq!(fitting(text, 13), text);
        assert_eq!(fitting(text, 12), "one two\nthree\nfour");
        assert_eq!(fitting(text, 4), "one\ntwo\nthree\nfour");
        assert_eq!(fitting(text, usize::MAX), text);
    }
}
