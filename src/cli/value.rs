//! Durations, sizes and moments as people type them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::time::{Span, Timestamp};

/// A point of a capture, as `--from` and `--to` name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// A packet's number in the capture.
    Frame(u64),
    /// A distance from the capture's first packet.
    SinceStart(Span),
    /// An instant with date and zone.
    At(Timestamp),
    /// A time of day in the zone that absolute times are printed in: the first such moment in the capture.
    TimeOfDay(Span),
}

/// How fast packets are played: 1 is as fast as they came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Speed {
    millionths: u64,
}

impl Speed {
    /// How long a wait lasts when it is played.
    #[must_use]
    pub fn stretch(self, wait: Duration) -> Duration {
        let nanos = wait.as_nanos().saturating_mul(1_000_000) / u128::from(self.millionths);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Parses `0.01x`, `0.5`, `2x`.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn parse_speed(text: &str) -> Result<Speed, String> {
    const HELP: &str = "write a factor from 0.000001x to 1000x: 0.01x is a hundred times slower";
    let number = text.strip_suffix(['x', 'X']).unwrap_or(text);
    let plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let factor: f64 = number.parse().map_err(|_| HELP)?;
    if !plain || !(0.000_001..=1000.0).contains(&factor) {
        return Err(HELP.to_owned());
    }
    Ok(Speed {
        millionths: ((factor * 1e6).round() as u64).max(1),
    })
}

const SECONDS_A_DAY: u64 = 86_400;

/// Parses an IP address. Names are not looked up.
///
/// # Errors
/// A sentence that says what is accepted.
pub(super) fn parse_address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| match text.parse::<SocketAddr>() {
        Ok(both) => format!("write the port after -p: {} -p {}", both.ip(), both.port()),
        Err(_) if text.parse::<u16>().is_ok() => format!("write the port after -p: -p {text}"),
        Err(_) => {
            "write an IP address, such as 127.0.0.1 or ::1: names are not looked up".to_owned()
        }
    })
}

/// Parses a whole number of this type from `LEAST` to `MOST`.
///
/// # Errors
/// A sentence that says what is accepted.
pub(super) fn parse_number<T: TryFrom<u64>, const LEAST: u64, const MOST: u64>(
    text: &str,
) -> Result<T, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let range = match MOST {
        u64::MAX => format!("{LEAST}.."),
        _ => format!("{LEAST}..={MOST}"),
    };
    if !is_number {
        return Err(format!("write a number in {range}"));
    }
    let number = text.parse().ok();
    let number = number.filter(|number| (LEAST..=MOST).contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("{text} is not in {range}"))
}

/// Parses `250ms`, `5s`, `1.5m`, `2h`. A bare number is refused: seconds or milliseconds cannot be guessed.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "write a number and a unit: 250ms, 5s, 1.5m or 2h";
    let (number, unit) = split_unit(text).ok_or(HELP)?;
    let nanos_a_unit = match unit {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" | "min" => 60e9,
        "h" => 3600e9,
        _ => return Err(HELP.to_owned()),
    };
    let nanos = number * nanos_a_unit;
    // What `Span` can hold: about 292 years.
    if nanos > i64::MAX as f64 {
        return Err("longer than 292 years".to_owned());
    }
    Ok(Duration::from_nanos(nanos.round() as u64))
}

/// Parses a size in bytes: `65535`, `256KiB`, `64MB`. `K`, `M` and `G` alone mean KiB, MiB and GiB, as in other tools.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn parse_size(text: &str) -> Result<u64, String> {
    const HELP: &str = "write bytes, or a number and a unit: 65535, 256KiB, 64MB or 1GiB";
    let (number, unit) = split_unit(text).ok_or(HELP)?;
    let bytes_a_unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "k" | "kib" => 1 << 10,
        "mb" => 1_000_000,
        "m" | "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "g" | "gib" => 1 << 30,
        _ => return Err(HELP.to_owned()),
    };
    let bytes = number * bytes_a_unit as f64;
    // Above 2^53 a double no longer counts single bytes; nobody means such a size.
    if bytes > (1u64 << 53) as f64 {
        return Err("larger than any machine's memory".to_owned());
    }
    Ok(bytes.round() as u64)
}

/// Parses the argument of `--from` and `--to`: `1200` is a frame, `1.5s` a distance from the start, `02:41:07` or
/// `2026-11-22T02:41:07Z` a clock time.
///
/// # Errors
/// A sentence that says what is accepted.
pub fn parse_moment(text: &str) -> Result<Moment, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(0) => Err("frames are counted from 1".to_owned()),
            Ok(frame) => Ok(Moment::Frame(frame)),
            Err(_) => Err("that is more frames than any capture has".to_owned()),
        };
    }
    if let Ok(duration) = parse_duration(text) {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        return Ok(Moment::SinceStart(Span::from_nanos(nanos)));
    }
    if let Some(span) = time_of_day(text) {
        return Ok(Moment::TimeOfDay(span));
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return i64::try_from(instant.as_nanosecond())
            .map(|nanos| Moment::At(Timestamp::from_nanos(nanos)))
            .map_err(|_| "outside the years 1678 to 2262".to_owned());
    }
    Err(
        "write a frame number (1200), a time since the start (1.5s), a time of day (02:41:07), \
         or a date and time with its zone (2026-11-22T02:41:07Z)"
            .to_owned(),
    )
}

/// Splits `1.5ms` into its number, finite and not negative, and its unit.
fn split_unit(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// `02:41` or `02:41:07.25`, since midnight.
fn time_of_day(text: &str) -> Option<Span> {
    let two_digits = |part: &str, below: u64| -> Option<u64> {
        let valid = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|value| valid && *value < below)
    };
    let mut parts = text.split(':');
    let hours = two_digits(parts.next()?, 24)?;
    let minutes = two_digits(parts.next()?, 60)?;
    let (seconds, fraction) = match parts.next() {
        None => ("00", "0"),
        Some(rest) => rest.split_once('.').unwrap_or((rest, "0")),
    };
    // A leap second counts as the next minute's first.
    let seconds = two_digits(seconds, 61)?;
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !digits || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse::<u64>().ok()?;
    let total = (hours * 3600 + minutes * 60 + seconds).min(SECONDS_A_DAY);
    Some(Span::from_nanos((total * 1_000_000_000 + nanos) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        for (text, millis) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("1.5m", 90_000),
            ("2h", 7_200_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for text in [
            "",
            "5",
            "s",
            "-5s",
            "5 parsecs",
            "1e9s",
            "1.2.3s",
            "99999999999h",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_whole_and_in_their_range() {
        assert_eq!(parse_number::<u16, 1, 65_535>("1712"), Ok(1712));
        let error = |text| parse_number::<u16, 1, 65_535>(text).expect_err(text);
        for text in ["", "http", "-1", "+1", "1.5", " 1"] {
            assert_eq!(error(text), "write a number in 1..=65535");
        }
        for text in ["0", "65536", "99999999999999999999999"] {
            assert_eq!(error(text), format!("{text} is not in 1..=65535"));
        }
        let large = "18446744073709551615";
        assert_eq!(parse_number::<u64, 1, { u64::MAX }>(large), Ok(u64::MAX));
    }

    #[test]
    fn an_address_with_its_port_says_where_the_port_belongs() {
        for (text, words) in [
            ("127.0.0.1:80", "127.0.0.1 -p 80"),
            ("[::1]:80", "::1 -p 80"),
            ("1712", ": -p 1712"),
            ("localhost", "IP address"),
        ] {
            let error = parse_address(text).expect_err(text);
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn sizes_know_decimal_and_binary_units() {
        for (text, bytes) in [
            ("65535", 65_535),
            ("256KiB", 262_144),
            ("256k", 262_144),
            ("64MB", 64_000_000),
            ("64 MiB", 67_108_864),
            ("1.5G", 1_610_612_736),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MB", "-1", "1XB", "inf", "9999999999G"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_tell_frames_from_times() {
        let second = 1_000_000_000;
        for (text, moment) in [
            ("1200", Moment::Frame(1200)),
            ("1.5s", Moment::SinceStart(Span::from_millis(1500))),
            ("02:41", Moment::TimeOfDay(Span::from_secs(9660))),
            (
                "02:41:07.25",
                Moment::TimeOfDay(Span::from_nanos(9667 * second + second / 4)),
            ),
            ("1970-01-01T00:00:01Z", Moment::At(Timestamp::new(1, 0))),
            (
                "1970-01-01T01:00:01.5+01:00",
                Moment::At(Timestamp::new(1, 500_000_000)),
            ),
        ] {
            assert_eq!(parse_moment(text), Ok(moment), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "25:00",
            "2:41",
            "02:41:07.",
            "02:41:7",
            "02:41:07:00",
            "noon",
            "2026-11-22",
        ] {
            assert!(parse_moment(text).is_err(), "{text}");
        }
        assert!(parse_moment("1.5").is_err(), "neither a frame nor a time");
    }
}
