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
    let mut used = 0;
    for (position, c) in text.char_indices() {
        used += columns(c);
        if used > room {
            return &text[..position];
        }
    }
    text
}

fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Lines of a text broken between words; a word that is too long for a line is broken inside.
#[derive(Clone, Debug)]
pub(super) struct Wrapped<'a> {
    rest: &'a str,
    room: usize,
    later_room: usize,
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
        let after_fits_space = self.rest[fitting.len()..].starts_with(' ');
        let end = if after_fits_space {
            fitting.len()
        } else if let Some(space) = fitting.rfind(' ') {
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
    fn wide_characters_count_twice() {
        assert_eq!(width("日本 µs"), 7);
        assert_eq!(beginning("日本", 3), "日");
        assert_eq!(lines("日本", 1, 1), ["日", "本"]);
    }
}
