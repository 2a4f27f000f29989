//! Words, numbers, times and texts of one line.

use super::Problem;
use crate::tcp::{Flags, SackBlock, SeqNumber};
use crate::time::{Span, Timestamp};

pub(super) type Result<T> = std::result::Result<T, Problem>;

/// The rest of one line.
pub(super) struct Words<'a> {
    pub(super) rest: &'a str,
}

impl<'a> Words<'a> {
    /// The next word; empty at the end of the line or at a comment.
    pub(super) fn next(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        if rest.starts_with('#') {
            self.rest = "";
            return "";
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        word
    }

    pub(super) fn peek(&self) -> &'a str {
        Words { rest: self.rest }.next()
    }

    pub(super) fn end(&mut self) -> Result<()> {
        match self.next() {
            "" => Ok(()),
            word => expected("the end of the line", word),
        }
    }

    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Result<T> {
        let word = self.next();
        let Ok(number) = word.parse::<u64>() else {
            return expected("a number", word);
        };
        match T::try_from(number) {
            Ok(number) => Ok(number),
            Err(_) => expected("a number that fits the field", word),
        }
    }

    /// `100-200`
    pub(super) fn sack(&mut self, isn: SeqNumber) -> Result<SackBlock> {
        let word = self.next();
        let edges = word.split_once('-').and_then(|(left, right)| {
            Some((left.parse::<u32>().ok()?, right.parse::<u32>().ok()?))
        });
        match edges {
            Some((left, right)) => Ok(SackBlock {
                left: isn + left,
                right: isn + right,
            }),
            None => expected("a range such as 100-200", word),
        }
    }

    /// A text in quotation marks.
    pub(super) fn text(&mut self) -> Result<Vec<u8>> {
        let rest = self.rest.trim_start();
        let mut bytes = Vec::new();
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &rest[at + 1..];
                    return Ok(bytes);
                }
                '\\' => bytes.push(escaped(&mut chars)?),
                c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        expected("a closing quotation mark", "")
    }
}

fn escaped(chars: &mut impl Iterator<Item = (usize, char)>) -> Result<u8> {
    let mut next = || chars.next().map(|(_, c)| c);
    match next() {
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some('"') => Ok(b'"'),
        Some('\\') => Ok(b'\\'),
        Some('x') => {
            let digits = [next(), next()].map(|c| c.and_then(|c| c.to_digit(16)));
            match digits {
                [Some(high), Some(low)] => Ok((high * 16 + low) as u8),
                _ => expected("two hexadecimal digits after \\x", ""),
            }
        }
        _ => expected("one of n, r, \", \\ or xNN after a backslash", ""),
    }
}

pub(super) fn flags(word: &str) -> Option<Flags> {
    if word == "none" {
        return Some(Flags::empty());
    }
    if word.is_empty() {
        return None;
    }
    word.split('-').try_fold(Flags::empty(), |flags, name| {
        Flags::from_name(name).map(|flag| flags | flag)
    })
}

/// `0`, `12us`, `1.5s`, `-3ms`.
pub(super) fn span(text: &str) -> Option<Span> {
    let digits = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (amount, unit) = text.split_at(digits);
    let unit = match unit {
        "ns" => 1.0,
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "" if amount == "0" => 1.0,
        _ => return None,
    };
    let amount: f64 = amount.parse().ok()?;
    amount
        .is_finite()
        .then(|| Span::from_nanos((amount * unit).round() as i64))
}

/// Seconds with up to nine decimals.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Some(Timestamp::new(seconds.parse().ok()?, nanos))
}

/// What should stand where `found` does.
pub(super) fn expected<T>(what: &'static str, found: &str) -> Result<T> {
    Err(Problem::Expected {
        what,
        found: found.to_owned(),
    })
}
