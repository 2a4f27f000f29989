//! Text measured in columns: how wide it is, where to cut it, where to break it.
//!
//! Comes in: text without control characters (see `escape`). Goes out: numbers and slices of the same text.

use unicode_width::UnicodeWidthChar;

/// Columns that a text occupies. Counted by character, so a terminal that joins some of them shows it no wider.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().map(columns).sum()
    }
}

/// The longest beginning of `text` that is at most `room` columns wide.
pub(super) fn beginning(text: &str, room: usize) -> &str {
    // No character has more columns than bytes.
    if text.len() <= room {
        return text;
    }
    let mut end = 0;
    let mut used = 0;
    loop {
        let plain = ascii_run(&text.as_bytes()[end..], room - used);
        end += plain;
        used += plain;
        let Some(c) = text[end..].chars().next() else {
            return text;
        };
        used += columns(c);
        if used > room {
            return &text[..end];
        }
        end += c.len_utf8();
    }
}

/// How many of the first `most` bytes are ASCII before the first that is not.
fn ascii_run(bytes: &[u8], most: usize) -> usize {
    let bytes = &bytes[..bytes.len().min(most)];
    let mut end = 0;
    // Sixteen at a time: sentences are ASCII but for a dash or two.
    while let Some(chunk) = bytes[end..].first_chunk::<16>()
        && chunk.is_ascii()
    {
        end += chunk.len();
    }
    let rest = &bytes[end..];
    end + rest
        .iter()
        .position(|byte| !byte.is_ascii())
        .unwrap_or(rest.len())
}

/// Columns of one character. Those of our own words and drawings need no table.
#[inline]
fn columns(c: char) -> usize {
    match c {
        ' '..='~' | '–' | 'µ' | '…' | '·' | '─' => 1,
        _ => c.width().unwrap_or(0),
    }
}

/// Lines of a text broken between words; a word that is too long for a line is broken inside.
#[derive(Clone, Debug)]
pub(super) struct Wrapped<'a> {
    rest: &'a str,
    room: usize,
    later_room: usize,
}

/// Whether the space at `at` stands between thousands: `23 168`.
fn is_within_number(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let digits = |bytes: &[u8]| {
        bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    before.is_some_and(u8::is_ascii_digit) && digits(&bytes[at + 1..]) == 3
}

/// Where the end of a text begins that is set apart by two spaces, such as a command, and has room on one line.
fn set_apart(text: &str, up_to: usize, room: usize) -> Option<usize> {
    let mut pairs = text.as_bytes()[..up_to].windows(2);
    let at = pairs.rposition(|pair| pair == b"  ")?;
    (width(text[at..].trim_start()) <= room).then_some(at)
}

/// Breaks `text` into lines: the first is at most `first` columns wide, the others at most `later`.
pub(super) fn wrap(text: &str, first: usize, later: usize) -> Wrapped<'_> {
    Wrapped {
        rest: text.trim(),
        room: first,
        later_room: later.max(1),
    }
}

impl<'a> Iterator for Wrapped<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let room = std::mem::replace(&mut self.room, self.later_room);
        let fitting = beginning(self.rest, room);
        if fitting.len() == self.rest.len() {
            return Some(std::mem::take(&mut self.rest));
        }
        // The space behind what fits is a good place, too.
        let up_to = fitting.len() + usize::from(self.rest[fitting.len()..].starts_with(' '));
        let mut spaces = self.rest[..up_to].rmatch_indices(' ');
        let space = spaces.find(|(at, _)| !is_within_number(self.rest, *at));
        let end = if let Some(apart) = set_apart(self.rest, up_to, self.later_room) {
            apart
        } else if let Some((space, _)) = space {
            space
        } else if room < self.later_room {
            // The next line has more room: leave this one empty rather than break a word.
            0
        } else {
            // At least one character, or a wide one in one column would never be passed.
            let one = self.rest.chars().next().map_or(0, char::len_utf8);
            fitting.len().max(one)
        };
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        Some(line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, first: usize, later: usize) -> Vec<&str> {
        wrap(text, first, later).collect()
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(lines("one two three", 7, 7), ["one two", "three"]);
        assert_eq!(lines("one  two", 20, 20), ["one  two"]);
        assert_eq!(lines("abcdefgh ij", 4, 4), ["abcd", "efgh", "ij"]);
        assert_eq!(lines("abcdef", 2, 8), ["", "abcdef"]);
        assert_eq!(lines("  ", 4, 4), Vec::<&str>::new());
    }

    #[test]
    fn thousands_stay_together() {
        assert_eq!(lines("has 23 168 bytes", 7, 12), ["has", "23 168 bytes"]);
        assert_eq!(lines("port 5 1712", 6, 6), ["port 5", "1712"]);
    }

    #[test]
    fn what_two_spaces_set_apart_stays_whole() {
        let text = "Does it run?  Try: ss -ltn";
        assert_eq!(lines(text, 20, 20), ["Does it run?", "Try: ss -ltn"]);
        assert_eq!(lines(text, 26, 26), [text]);
        assert_eq!(lines(text, 20, 10), ["Does it run?  Try:", "ss -ltn"]);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(width("日本 µs"), 7);
        assert_eq!(beginning("日本", 3), "日");
        assert_eq!(lines("日本", 1, 1), ["日", "本"]);
    }

    #[test]
    fn a_beginning_has_as_many_columns_as_there_is_room() {
        let text = "0123456789abcdefghi–日本\u{301}x – 0123456789abcdef µ";
        for room in 0..=width(text) + 1 {
            let slow = text
                .char_indices()
                .map(|(at, c)| &text[..at + c.len_utf8()])
                .take_while(|begun| {
                    begun.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>() <= room
                })
                .last();
            assert_eq!(beginning(text, room), slow.unwrap_or(""), "{room}");
        }
    }

    #[test]
    fn what_needs_no_table_is_as_the_table_says() {
        for c in (' '..='~').chain("–µ…·─".chars()) {
            assert_eq!(Some(columns(c)), c.width(), "{c}");
        }
    }
}
