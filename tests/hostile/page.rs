//! Whether output can be shown: nothing in it may steer a terminal or break a line of JSON.
//!
//! The rules are written down here a second time, from what terminals do and not from what the program does.

use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What was promised for a page of text.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// Colours may be set. Nothing else may follow an escape character.
    pub color: bool,
    /// Only ASCII was wanted.
    pub ascii: bool,
    /// No line is wider than this.
    pub width: Option<usize>,
}

/// Holds a page of text to its promise.
pub fn check(page: &[u8], promise: Promise, what: &str) {
    let text =
        std::str::from_utf8(page).unwrap_or_else(|error| panic!("{what} is not UTF-8: {error}"));
    for line in text.split_terminator('\n') {
        let plain = if promise.color {
            without_colors(line)
        } else {
            line.to_owned()
        };
        if let Some(c) = plain.chars().find(|c| !is_harmless(*c)) {
            panic!("{what} holds {c:?} in {line:?}");
        }
        assert!(
            !promise.ascii || plain.is_ascii(),
            "{what} is not ASCII in {line:?}"
        );
        if let Some(width) = promise.width {
            assert!(
                plain.width() <= width,
                "{what} has {} columns of {width} in {line:?}",
                plain.width()
            );
        }
    }
}

/// Parses JSON Lines.
pub fn json_lines(page: &[u8]) -> Vec<Value> {
    let calm = Promise {
        color: false,
        ascii: false,
        width: None,
    };
    check(page, calm, "JSON");
    page.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line)
                .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(line)))
        })
        .collect()
}

/// Removes `ESC [ digits and semicolons m`. Anything else that begins with an escape character stays, and is found.
fn without_colors(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        let sequence = &rest[at + 2..];
        let end = sequence.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        if let Some(after) = end.strip_prefix('m') {
            rest = after;
        } else {
            plain.push('\u{1b}');
            rest = sequence;
        }
    }
    plain.push_str(rest);
    plain
}

/// A character that only takes up columns.
fn is_harmless(c: char) -> bool {
    // General categories Cc, Cf, Zl and Zp, as far as they act on a terminal or on the order of text.
    let acts = c.is_control()
        || matches!(u32::from(c),
            0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x180e
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            | 0xfeff | 0xfff9..=0xfffb | 0x110bd | 0x110cd | 0x13430..=0x1343f
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff);
    !acts && c.width().is_some_and(|columns| columns > 0)
}

#[test]
fn the_check_sees_what_it_forbids() {
    let promise = Promise {
        color: true,
        ascii: false,
        width: Some(4),
    };
    check("\u{1b}[1;31mabcd\u{1b}[0m\nx\n".as_bytes(), promise, "fine");
    for bad in [
        "\u{1b}[2J",
        "\u{1b}]0;x\u{7}",
        "\u{9b}1m",
        "a\rb",
        "\u{202e}",
        "a\0",
        "\u{200d}",
        "abcde",
        "e\u{301}",
    ] {
        let found = std::panic::catch_unwind(|| check(bad.as_bytes(), promise, "bad"));
        assert!(found.is_err(), "{bad:?} was let through");
    }
    let bytes = std::panic::catch_unwind(|| check(b"\x9b1m", promise, "bad"));
    assert!(bytes.is_err(), "a lone C1 byte was let through");
}
