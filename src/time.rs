//! Capture time: an instant stamped by whoever captured the packet, and the signed distance between two of them.
//!
//! Nothing here reads a clock. Capture clocks may step backwards, so distances are signed.

use std::fmt;
use std::ops::{Add, Sub};

use arrayvec::ArrayString;

use crate::text::{Piece, Text, put};

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
impl Piece for Span {
    fn put(&self, out: &mut impl Text) {
        let nanos = self.0.unsigned_abs();
        // Each branch begins where rounding in the unit below would print 1000 of it. Tenths are rounded half up, in
        // integers.
        let (tenths, shown, unit) = match nanos {
            1..500 => (nanos * 10, false, " ns"),
            0..999_500 => ((nanos + 500) / 1_000 * 10, false, " µs"),
            999_500..9_950_000 => ((nanos + 50_000) / 100_000, true, " ms"),
            9_950_000..999_500_000 => ((nanos + 500_000) / 1_000_000 * 10, false, " ms"),
            999_500_000..99_950_000_000 => ((nanos + 50_000_000) / 100_000_000, true, " s"),
            _ => ((nanos + 500_000_000) / 1_000_000_000 * 10, false, " s"),
        };
        if self.0 < 0 {
            put!(out, "-");
        }
        put!(out, tenths / 10);
        if shown {
            put!(out, ".", tenths % 10);
        }
        put!(out, unit);
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The longest is 20 characters: the sign, ten digits of seconds, the unit.
        let mut text = ArrayString::<32>::new();
        self.put(&mut text);
        f.pad(&text)
    }
}

impl Span {
    /// For long distances: as [`Display`](fmt::Display) below a minute, then `15 min 6 s`, `3 h 12 min`, `2 d 4 h`.
    #[must_use]
    pub fn in_words(self) -> impl fmt::Display {
        InWords(self)
    }
}

struct InWords(Span);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (self.0.0.unsigned_abs() + NANOS as u64 / 2) / NANOS as u64;
        let (large, large_unit, small, small_unit) = match seconds {
            0..60 => return self.0.fmt(f),
            60..3_600 => (seconds / 60, "min", seconds % 60, "s"),
            3_600..86_400 => (seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
            _ => (seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
        };
        let sign = if self.0.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{large} {large_unit}")?;
        if small > 0 {
            write!(f, " {small} {small_unit}")?;
        }
        Ok(())
    }
}

/// A date and time of day in UTC. Written `2026-11-22 02:41:07`; with a precision, `{:.6}`, with that many decimals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Utc {
    /// The year, 1677 to 2262 for every [`Timestamp`].
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// Nanoseconds of the second.
    pub nanos: u32,
}

impl Timestamp {
    /// The date and time of day in UTC.
    #[must_use]
    pub fn utc(self) -> Utc {
        let days = self.seconds().div_euclid(86_400);
        let second = self.seconds().rem_euclid(86_400);
        let (year, month, day) = calendar(days);
        Utc {
            year,
            month,
            day,
            hour: (second / 3_600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
            nanos: self.subsec_nanos(),
        }
    }
}

impl Utc {
    /// The date: `2026-11-22`.
    #[must_use]
    pub fn date(self) -> impl fmt::Display {
        Date(self)
    }

    /// The time of day: `02:41:07`; with a precision, `{:.6}`, with that many decimals.
    #[must_use]
    pub fn clock(self) -> impl fmt::Display {
        Clock(self)
    }
}

struct Date(Utc);
struct Clock(Utc);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", Date(*self))?;
        Clock(*self).fmt(f)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Utc {
            year, month, day, ..
        } = self.0;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Utc {
            hour,
            minute,
            second,
            nanos,
            ..
        } = self.0;
        write!(f, "{hour:02}:{minute:02}:{second:02}")?;
        match f.precision().unwrap_or(0).min(9) {
            0 => Ok(()),
            // Cut, not rounded: a time of day must not move into the next second.
            digits => write!(f, ".{:0digits$}", nanos / 10_u32.pow(9 - digits as u32)),
        }
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn calendar(days: i64) -> (i32, u8, u8) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    // Years are counted from March, so that the leap day is the last of its year.
    let since_march_2000 = days - 11_017;
    let cycle = since_march_2000.div_euclid(DAYS_OF_400_YEARS);
    let mut rest = since_march_2000.rem_euclid(DAYS_OF_400_YEARS);
    // The last century of a cycle and the last year of four have a day more: it must not begin a fifth.
    let centuries = (rest / 36_524).min(3);
    rest -= centuries * 36_524;
    let fours = rest / 1_461;
    rest -= fours * 1_461;
    let years = (rest / 365).min(3);
    rest -= years * 365;
    let mut year = 2000 + cycle * 400 + centuries * 100 + fours * 4 + years;
    let mut month = 3;
    for length in [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    if month > 12 {
        month -= 12;
        year += 1;
    }
    (year as i32, month, rest as u8 + 1)
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
    fn long_spans_are_spoken() {
        for (seconds, text) in [
            (59, "59.0 s"),
            (906, "15 min 6 s"),
            (7200, "2 h"),
            (11_580, "3 h 13 min"),
            (187_200, "2 d 4 h"),
            (-60, "-1 min"),
        ] {
            assert_eq!(Span::from_secs(seconds).in_words().to_string(), text);
        }
    }

    #[test]
    fn the_calendar_knows_leap_days() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (-1, "1969-12-31 23:59:59"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"),
            (1_709_164_800, "2024-02-29 00:00:00"),
            (1_735_603_200, "2024-12-31 00:00:00"),
            (1_795_315_267, "2026-11-22 02:41:07"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (-2_203_891_200, "1900-03-01 00:00:00"),
        ] {
            assert_eq!(Timestamp::new(seconds, 0).utc().to_string(), text);
        }
        let instant = Timestamp::new(1_795_315_267, 238_346_999);
        assert_eq!(format!("{:.6}", instant.utc().clock()), "02:41:07.238346");
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
