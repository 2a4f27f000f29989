//! Messages to people, on standard error: results go to standard output and nowhere else.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::render::{escape, shell};

/// What a hint begins with, and what stands below it.
const HINT: &str = "hint: ";

/// Before each command below a hint.
const COMMAND: &str = "  ";

/// What went wrong. Its first line is prose, and so is a hint's; those below are commands.
pub(crate) fn problem(message: impl fmt::Display) {
    let text = problem_within(&message.to_string(), width());
    write_or_hold(&text, &text, Tone::Problem);
}

fn problem_within(message: &str, width: usize) -> String {
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default();
    let mut text = fitting(&format!("handshake-watch: {first}"), width);
    let mut hinted = false;
    for line in lines {
        text.push('\n');
        if let Some(hint) = line.strip_prefix(HINT) {
            let room = width.saturating_sub(HINT.len()).max(1);
            let below = format!("\n{}", " ".repeat(HINT.len()));
            hinted = true;
            text.push_str(HINT);
            text.push_str(&fitting(hint, room).replace('\n', &below));
        } else if !hinted {
            text.push_str(&fitting(line, width));
        } else {
            let room = width.saturating_sub(COMMAND.len()).max(1);
            let lines = shell::lines(line.trim_start(), room);
            let lines: Vec<_> = lines.iter().map(|line| [COMMAND, line].concat()).collect();
            text.push_str(&lines.join("\n"));
        }
    }
    text.push('\n');
    text
}

/// What a person would like to know.
pub(crate) fn note(message: impl fmt::Display) {
    let text = lines(&message.to_string());
    write_or_hold(&text, &text, Tone::Note);
}

/// What a person would like to know now, after a note that is of interest at any time: where messages are held back, the
/// note alone is written in the end.
pub(crate) fn note_for_now(note: &str, now: &str) {
    let note = lines(note);
    write_or_hold(&format!("{note}{}", lines(now)), &note, Tone::Note);
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
        write_or_hold("\n", "\n", Tone::Note);
    }
}

/// Whether a word that was typed can be repeated as it is.
pub(crate) fn is_harmless(word: &OsStr) -> bool {
    word.to_str()
        .is_some_and(|word| escape::terminal(word) == word)
}

/// Hears what is said while messages are held back.
pub(crate) type Listener = Box<dyn Fn(&str, Tone) + Send>;

/// How a message is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tone {
    /// Of interest at once.
    Problem,
    /// About what has been seen by then.
    Note,
}

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

/// Writes, or tells whoever holds messages back; `lasting` is still to be told when they are not held back any more.
fn write_or_hold(text: &str, lasting: &str, tone: Tone) {
    if let Some((listener, kept)) = held().as_mut() {
        if !text.trim().is_empty() && kept.len() + text.len() <= HELD_MAX {
            kept.push_str(lasting);
            listener(text.trim(), tone);
        }
        return;
    }
    write(text);
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

/// The text with its lines broken between words where they are longer than `width`. A command in it, between backticks, is
/// one word where a line has room for it.
fn fitting(text: &str, width: usize) -> String {
    let mut fitting = String::with_capacity(text.len() + 8);
    let mut column = 0;
    for word in words(text, width) {
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

/// Words, each with the space or the end of the line behind it.
fn words(text: &str, width: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = word(rest, width);
        let blank = rest[end..].chars().next().map_or(0, char::len_utf8);
        let (word, others) = rest.split_at(end + blank);
        rest = others;
        (!word.is_empty()).then_some(word)
    })
}

/// Bytes of the first word.
fn word(text: &str, width: usize) -> usize {
    let blank = |from: usize| {
        let len = text[from..].find([' ', '\n']);
        len.map_or(text.len(), |len| from + len)
    };
    let end = blank(0);
    let command = text[..end].find('`').and_then(|open| {
        let close = open + 1 + text[open + 1..].find('`')?;
        let end = blank(close);
        let fits = text[..end].chars().count() <= width;
        (fits && !text[..close].contains('\n')).then_some(end)
    });
    command.unwrap_or(end)
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
        let command = "run `one two`; three";
        assert_eq!(fitting(command, 12), "run\n`one two`;\nthree");
        assert_eq!(fitting(command, 9), "run `one\ntwo`;\nthree", "no room");
        assert_eq!(fitting("a `b\nc` d", 4), "a `b\nc` d");
    }

    #[test]
    fn hints_are_broken_between_words_and_commands_where_a_shell_goes_on() {
        let message = "it failed\nhint: do this first, then that:\n  sudo a-long-command --with words    # and this";
        assert_eq!(
            problem_within(message, 26),
            "handshake-watch: it failed\nhint: do this first, then\n      that:\n  # and this\n  \
             sudo a-long-command \\\n      --with words\n"
        );
        assert_eq!(
            problem_within("one two\n  three four", 17),
            "handshake-watch:\none two\n  three four\n",
            "no command without a hint"
        );
        assert_eq!(
            problem_within(message, usize::MAX),
            format!("handshake-watch: {message}\n")
        );
    }
}
