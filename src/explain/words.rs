//! Small words that many sentences share: ranges, counts, sides.

use std::fmt;

use crate::tcp::{Direction, Side};

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

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count == 1 {
            return write!(f, "{}", self.first);
        }
        let last = self.first.wrapping_add(self.count.wrapping_sub(1));
        write!(f, "{}–{last}", self.first)
    }
}

/// `1 byte`, `13 bytes`, `5.2 MB`: exact up to five digits.
pub(super) struct Bytes(pub(super) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 byte"),
            count @ ..100_000 => write!(f, "{count} bytes"),
            count @ ..1_000_000 => write!(f, "{} kB", (count + 500) / 1_000),
            count @ ..1_000_000_000 => write!(f, "{:.1} MB", count as f64 / 1e6),
            count => write!(f, "{:.1} GB", count as f64 / 1e9),
        }
    }
}

/// A count with its noun: `1 SYN`, `4 SYNs`. The plural takes an `s`.
pub(super) struct Count(pub(super) u64, pub(super) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
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
    fn bytes_are_exact_while_short() {
        assert_eq!(Bytes(1).to_string(), "1 byte");
        assert_eq!(Bytes(99_999).to_string(), "99999 bytes");
        assert_eq!(Bytes(5_200_000).to_string(), "5.2 MB");
    }
}
