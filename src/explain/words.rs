//! Small words that many sentences share: ranges, counts, sides.

use std::fmt::{self, Write};

use arrayvec::ArrayString;

use crate::tcp::{Direction, Side};
use crate::text::{Grouped, Piece, Text, display, put};

/// `the client` or `the server`.
pub(super) const fn the(side: Side) -> &'static str {
    match side {
        Side::Client => "the client",
        Side::Server => "the server",
    }
}

/// `The client` or `The server`, at the beginning of a sentence.
pub(super) const fn the_capital(side: Side) -> &'static str {
    match side {
        Side::Client => "The client",
        Side::Server => "The server",
    }
}

/// Who sends and who receives in a direction.
pub(super) const fn ends(direction: Direction) -> (&'static str, &'static str) {
    (the(direction.sender()), the(direction.receiver()))
}

/// Byte numbers, both ends included: `1–13`, or `7` for a single byte. Wraps modulo 2^32.
#[derive(Clone, Copy)]
pub(super) struct Range {
    first: u32,
    count: u32,
}

impl Range {
    /// `count` bytes (at least one) from number `first` on.
    pub(super) const fn of(first: u32, count: u32) -> Self {
        Self { first, count }
    }

    /// The `count` bytes before number `next`.
    pub(super) const fn before(next: u32, count: u32) -> Self {
        Self {
            first: next.wrapping_sub(count),
            count,
        }
    }
}

impl Piece for Range {
    fn put(&self, out: &mut impl Text) {
        put!(out, self.first);
        if self.count != 1 {
            let last = self.first.wrapping_add(self.count.wrapping_sub(1));
            put!(out, "–", last);
        }
    }
}

/// A count in a sentence: `1448`, `23 168`. From five digits on they are set apart as in tables; numbers of bytes, packets
/// and ports are names and no counts, and stay as they are typed.
#[derive(Clone, Copy)]
pub(super) struct Number(pub(super) u64);

impl Piece for Number {
    fn put(&self, out: &mut impl Text) {
        if self.0 < 10_000 {
            self.0.put(out);
        } else {
            Grouped(self.0).put(out);
        }
    }
}

/// What is more than this is rounded.
const EXACT: u64 = 100_000;

/// How many bytes, where the word stands before it: `0`, `23 168`, `5.2 MB`.
pub(super) struct Amount(pub(super) u64);

impl Piece for Amount {
    fn put(&self, out: &mut impl Text) {
        if self.0 < EXACT {
            Number(self.0).put(out);
        } else {
            Bytes(self.0).put(out);
        }
    }
}

/// `1 byte`, `13 bytes`, `5.2 MB`: exact up to five digits.
pub(super) struct Bytes(pub(super) u64);

impl Piece for Bytes {
    fn put(&self, out: &mut impl Text) {
        let (value, unit) = match self.0 {
            1 => return put!(out, "1 byte"),
            count @ ..EXACT => return put!(out, Number(count), " bytes"),
            count @ ..1_000_000 => return put!(out, (count + 500) / 1_000, " kB"),
            count @ ..1_000_000_000 => (count as f64 / 1e6, "MB"),
            count => (count as f64 / 1e9, "GB"),
        };
        // The longest number of bytes has eleven digits of gigabytes.
        let mut text = ArrayString::<24>::new();
        let _ = write!(text, "{value:.1} {unit}");
        put!(out, text.as_str());
    }
}

/// A count with its noun: `1 SYN`, `4 SYNs`. The plural takes an `s`.
pub(super) struct Count(pub(super) u64, pub(super) &'static str);

impl Piece for Count {
    fn put(&self, out: &mut impl Text) {
        let plural = if self.0 == 1 { "" } else { "s" };
        put!(out, Number(self.0), " ", self.1, plural);
    }
}

/// `2nd`, `3rd`, `11th`.
pub(super) struct Ordinal(pub(super) u32);

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = match (self.0 % 10, self.0 % 100) {
            (1, hundred) if hundred != 11 => "st",
            (2, hundred) if hundred != 12 => "nd",
            (3, hundred) if hundred != 13 => "rd",
            _ => "th",
        };
        write!(f, "{}{suffix}", self.0)
    }
}

macro_rules! formatted_too {
    ($($piece:ty),*) => {$(
        impl fmt::Display for $piece {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                display(self, f)
            }
        }
    )*};
}

formatted_too!(Range, Number, Amount, Bytes, Count);

/// Writes an enumeration item by item: commas between them, `and` before the last, `nothing` when there is none.
pub(super) struct List {
    held: String,
    items: usize,
}

impl List {
    pub(super) const fn new() -> Self {
        Self {
            held: String::new(),
            items: 0,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// One more item. It is held back until it is known whether it is the last.
    pub(super) fn next(&mut self, out: &mut String, item: fmt::Arguments<'_>) -> fmt::Result {
        if self.items > 1 {
            out.push_str(", ");
        }
        out.push_str(&self.held);
        self.items += 1;
        self.held.clear();
        self.held.write_fmt(item)
    }

    pub(super) fn end(self, out: &mut String) -> fmt::Result {
        match self.items {
            0 => out.write_str("nothing"),
            1 => out.write_str(&self.held),
            _ => write!(out, " and {}", self.held),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_inclusive_and_wrap() {
        assert_eq!(Range::of(1, 13).to_string(), "1–13");
        assert_eq!(Range::of(7, 1).to_string(), "7");
        assert_eq!(Range::before(14, 13).to_string(), "1–13");
        assert_eq!(Range::of(u32::MAX, 2).to_string(), "4294967295–0");
    }

    #[test]
    fn ordinals() {
        let written: Vec<_> = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111]
            .map(|number| Ordinal(number).to_string())
            .into();
        assert_eq!(
            written,
            [
                "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"
            ]
        );
    }

    #[test]
    fn lists_end_with_and() {
        for (items, written) in [
            (&[][..], "nothing"),
            (&["a"], "a"),
            (&["a", "b"], "a and b"),
            (&["a", "b", "c", "d"], "a, b, c and d"),
        ] {
            let (mut out, mut list) = (String::new(), List::new());
            for item in items {
                list.next(&mut out, format_args!("{item}")).expect("memory");
            }
            list.end(&mut out).expect("memory");
            assert_eq!(out, written);
        }
    }

    #[test]
    fn bytes_are_exact_while_short() {
        assert_eq!(Bytes(1).to_string(), "1 byte");
        assert_eq!(Bytes(9_999).to_string(), "9999 bytes");
        assert_eq!(Bytes(99_999).to_string(), "99 999 bytes");
        assert_eq!(Amount(10_000).to_string(), "10 000");
        assert_eq!(Count(1_843_201, "packet").to_string(), "1 843 201 packets");
        assert_eq!(Bytes(5_200_000).to_string(), "5.2 MB");
    }
}
