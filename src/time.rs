//! Capture time: an instant stamped by whoever captured the packet, and the signed distance between two of them.
//!
//! Nothing here reads a clock. Capture clocks may step backwards, so distances are signed.

use std::fmt;
use std::ops::{Add, Sub};

/// Nanoseconds since 1970-01-01 00:00:00 UTC, as the capture says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

/// A signed distance between two [`Timestamp`]s, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span(i64);

const NANOS: i64 = 1_000_000_000;

impl Timestamp {
    /// The instant `nanos` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Seconds and nanoseconds after the epoch; saturates at the year 2262.
    #[must_use]
    pub const fn new(seconds: i64, nanos: u32) -> Self {
        Self(seconds.saturating_mul(NANOS).saturating_add(nanos as i64))
    }

    /// Nanoseconds after the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds after the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(NANOS)
    }

    /// The part below a second, 0 to 999 999 999 ns.
    #[must_use]
    pub const fn subsec_nanos(self) -> u32 {
        self.0.rem_euclid(NANOS) as u32
    }
}

impl Span {
    /// No distance.
    pub const ZERO: Self = Self(0);

    /// A distance of `nanos` nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// A distance of `micros` microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros * 1_000)
    }

    /// A distance of `millis` milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000_000)
    }

    /// A distance of `seconds` seconds.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * NANOS)
    }

    /// Nanoseconds, negative when the clock went backwards.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds as a floating-point number.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS as f64
    }

    /// The distance without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

/// Adaptive units with at most three significant digits or so: `0 µs`, `11 µs`, `1.2 ms`, `42 ms`, `30.1 s`, `250 s`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        // Each branch begins where rounding in the unit below would print 1000 of it.
        let text = match nanos {
            0..500 if nanos != 0 => format!("{sign}{nanos} ns"),
            0..999_500 => format!("{sign}{} µs", (nanos + 500) / 1_000),
            999_500..9_950_000 => format!("{sign}{:.1} ms", nanos as f64 / 1e6),
            9_950_000..999_500_000 => format!("{sign}{} ms", (nanos + 500_000) / 1_000_000),
            999_500_000..99_950_000_000 => format!("{sign}{:.1} s", nanos as f64 / 1e9),
            _ => format!("{sign}{} s", (nanos + 500_000_000) / 1_000_000_000),
        };
        f.pad(&text)
    }
}

impl Sub for Timestamp {
    type Output = Span;

    fn sub(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_choose_their_unit() {
        for (nanos, text) in [
            (0, "0 µs"),
            (40, "40 ns"),
            (11_000, "11 µs"),
            (999_400, "999 µs"),
            (999_600, "1.0 ms"),
            (9_960_000, "10 ms"),
            (999_600_000, "1.0 s"),
            (30_100_000_000, "30.1 s"),
            (250_000_000_000, "250 s"),
            (-11_000, "-11 µs"),
        ] {
            assert_eq!(Span::from_nanos(nanos).to_string(), text);
        }
    }

    #[test]
    fn time_before_the_epoch_keeps_a_positive_fraction() {
        let instant = Timestamp::from_nanos(-1);
        assert_eq!(
            (instant.seconds(), instant.subsec_nanos()),
            (-1, 999_999_999)
        );
    }
}
