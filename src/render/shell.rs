//! Commands that people copy into a shell: words quoted where that is needed, and lines that end where a shell goes on.
//!
//! Comes in: words, or a command with a remark behind it. Goes out: text that a shell takes literally, without anything that
//! steers a terminal; lines of at most so many columns, of which no word is broken.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

use super::escape;
use super::measure::width;

/// Between a command and what is said of it on the same line.
pub const REMARK: &str = "    # ";

/// Where a command goes on, below its beginning.
const INDENT: &str = "    ";

/// Tells a shell that a command goes on.
const GOES_ON: &str = " \\";

/// A word as a shell takes it literally.
#[must_use]
pub fn word(word: &OsStr) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Some(text) if escape::terminal(text) == text => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        // What could steer a terminal, or is no text, is written as bash, zsh and ksh read it.
        _ => bytes(word.as_bytes()),
    }
}

fn bytes(bytes: &[u8]) -> String {
    let mut text = String::from("$'");
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            // Three digits, so that none after it belongs to it. Writing to a string cannot fail.
            _ => drop(write!(text, "\\{byte:03o}")),
        }
    }
    text.push('\'');
    text
}

/// A command in lines of at most `room` columns, as far as its words are no longer than that. A remark that does not fit
/// behind it stands before it.
#[must_use]
pub fn lines(command: &str, room: usize) -> Vec<String> {
    if width(command) <= room {
        return vec![command.to_owned()];
    }
    let (command, remark) = match command.split_once(REMARK) {
        Some((command, remark)) => (command, Some(remark)),
        None => (command, None),
    };
    let mut lines = Vec::new();
    if let Some(remark) = remark {
        fill(remark.split(' '), ["# ", "# ", ""], room, &mut lines);
    }
    if width(command) <= room {
        lines.push(command.to_owned());
    } else {
        fill(
            words(command).into_iter(),
            ["", INDENT, GOES_ON],
            room,
            &mut lines,
        );
    }
    lines
}

/// Words on lines: what the first and the others begin with, and what all but the last end with.
fn fill<'a>(
    words: impl Iterator<Item = &'a str>,
    [first, other, end]: [&str; 3],
    room: usize,
    lines: &mut Vec<String>,
) {
    let mut words = words.peekable();
    let mut line = first.to_owned();
    let mut begun = false;
    while let Some(word) = words.next() {
        let end_here = if words.peek().is_some() { end } else { "" };
        if begun && width(&line) + 1 + width(word) + width(end_here) > room {
            line.push_str(end);
            lines.push(std::mem::replace(&mut line, other.to_owned()));
            begun = false;
        }
        if begun {
            line.push(' ');
        }
        line.push_str(word);
        begun = true;
    }
    lines.push(line);
}

/// The words of a command, each with its quotes.
fn words(command: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut from = 0;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in command.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', None | Some('"' | '$')) => escaped = true,
            // Within `$'…'` a backslash escapes, within `'…'` it does not.
            ('\'', None) if command[..at].ends_with('$') => quote = Some('$'),
            ('\'' | '"', None) => quote = Some(c),
            ('\'', Some('\'' | '$')) | ('"', Some('"')) => quote = None,
            (' ', None) => {
                words.push(&command[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    words.push(&command[from..]);
    words
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What bash understands; `None` where there is none.
    fn understood(command: &str) -> Option<String> {
        let script = format!("f() {{ printf '<%s>' \"$@\"; }}; f {command}");
        let run = Command::new("bash").args(["-c", &script]).output().ok()?;
        assert!(run.status.success(), "{script}");
        Some(String::from_utf8_lossy(&run.stdout).into_owned())
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_see_more_in_them() {
        for (plain, quoted) in [
            ("handshake", "handshake"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("Zürich", "'Zürich'"),
            ("a\u{1b}[2J\n'", r"$'a\033[2J\012\''"),
        ] {
            assert_eq!(word(OsStr::new(plain)), quoted);
            if let Some(heard) = understood(quoted) {
                assert_eq!(heard, format!("<{plain}>"));
            }
        }
        assert_eq!(word(OsStr::from_bytes(b"\xff1")), r"$'\3771'");
    }

    #[test]
    fn commands_are_broken_where_a_shell_goes_on() {
        let command =
            "sudo '/home/a b/program' live --filter 'tcp port 80'    # as root, this once";
        assert_eq!(lines(command, 100), [command]);
        assert_eq!(
            lines(command, 60),
            [
                "# as root, this once",
                "sudo '/home/a b/program' live --filter 'tcp port 80'"
            ]
        );
        assert_eq!(
            lines(command, 30),
            [
                "# as root, this once",
                r"sudo '/home/a b/program' \",
                r"    live --filter \",
                "    'tcp port 80'"
            ]
        );
        assert_eq!(
            lines(command, 10),
            [
                "# as root,",
                "# this",
                "# once",
                r"sudo \",
                r"    '/home/a b/program' \",
                r"    live \",
                r"    --filter \",
                "    'tcp port 80'"
            ]
        );
    }

    #[test]
    fn broken_commands_mean_the_same() {
        let command = r#"a 'b c' "d \" e" f\ g $'h \' i' j"#;
        let Some(whole) = understood(command) else {
            return;
        };
        for room in 1..40 {
            let broken = lines(command, room).join("\n");
            assert_eq!(understood(&broken), Some(whole.clone()), "{broken}");
        }
    }
}
