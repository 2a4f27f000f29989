//! Messages to people, on standard error: results go to standard output and nowhere else.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::render::escape;

/// What a hint begins with, and what stands below it.
const HINT: &str = "hint: ";

/// What went wrong. Its first line is prose, and so is a hint's; those below may be commands, which nobody could copy if
/// they were broken.
pub(crate) fn problem(message: impl fmt::Display) {
    write(&problem_within(&message.to_string(), width()));
}

fn problem_within(message: &str, width: usize) -> String {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    let mut text = fitting(&format!("handshake-watch: {first}"), width);
    for line in lines {
        text.push('\n');
        match line.strip_prefix(HINT) {
            // A command in it can still be copied: it is broken between words, and what goes on stands below its beginning.
            Some(hint) => {
                let room = width.saturating_sub(HINT.len()).max(1);
                let below = format!("\n{}", " ".repeat(HINT.len()));
                text.push_str(HINT);
                text.push_str(&fitting(hint, room).replace('\n', &below));
            }
            None => text.push_str(line),
        }
    }
    text.push('\n');
    text
}

/// What a person would like to know.
pub(crate) fn note(message: impl fmt::Display) {
    let text = lines(&message.to_string());
    write_or_hold(&text, &text);
}

/// What a person would like to know now, after a note that is of interest at any time: where messages are held back, the
/// note alone is written in the end.
pub(crate) fn note_for_now(note: &str, now: &str) {
    let note = lines(note);
    write_or_hold(&format!("{note}{}", lines(now)), &note);
}

/// The lines of a message; none when it is empty.
fn lines(message: &str) -> String {
    if message.is_empty() {
        return String::new();
    }
    format!("{}\n", fitting(message, width()))
}

/// Whether no line of a text is longer than the terminal's.
pub(crate) fn fits(text: &str) -> bool {
    let width = width();
    text.lines().all(|line| line.chars().count() <= width)
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

/// Hears what is said while messages are held back.
pub(crate) type Listener = Box<dyn Fn(&str) + Send>;

/// While a screen is shown, what was said meanwhile, and who is told of it.
static HELD: Mutex<Option<(Listener, String)>> = Mutex::new(None);

/// As much is held back; nobody reads more of it afterwards.
const HELD_MAX: usize = 16 * 1024;

/// From now on messages would tear the screen: `listener` hears them, and they are written when that is over.
pub(crate) fn hold(listener: Listener) {
    *held() = Some((listener, String::new()));
}

/// The screen is gone: writes what was held back.
pub(crate) fn release() {
    let kept = held().take();
    if let Some((_, text)) = kept {
        write(&text);
    }
}

fn held() -> MutexGuard<'static, Option<(Listener, String)>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes lines in which nothing acts but their ends.
fn write(text: &str) {
    write_or_hold(text, text);
}

/// The same, of which `lasting` is still to be told when messages are not held back any more.
fn write_or_hold(text: &str, lasting: &str) {
    if let Some((listener, kept)) = held().as_mut() {
        if !text.trim().is_empty() && kept.len() + text.len() <= HELD_MAX {
            kept.push_str(lasting);
            listener(text.trim());
        }
        return;
    }
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

    #[test]
    fn hints_are_broken_between_words_and_commands_are_not() {
        let message =
            "it failed\nhint: do this first, then that:\n  sudo a-long-command --with words";
        assert_eq!(
            problem_within(message, 26),
            "handshake-watch: it failed\nhint: do this first, then\n      that:\n  sudo a-long-command --with words\n"
        );
        assert_eq!(
            problem_within(message, usize::MAX),
            format!("handshake-watch: {message}\n")
        );
    }
}
