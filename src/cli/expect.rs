//! What `--expect` demands of a connection. Parsed and worded here; `app` holds it against what was tracked.

use std::fmt;
use std::str::FromStr;

use crate::tcp::{Flags, Labels, Side};
use crate::track::{Ended, Opened, TroubleKind, Verdict};

/// One demand; it must hold for every selected connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expectation {
    /// `verdict=closed`.
    Verdict(Verdict),
    /// `opened=handshake`; `opened=none`: it never opened.
    Opened(Option<Opened>),
    /// `ended=fin`; `ended=none`: it has not ended.
    Ended(Option<Ended>),
    /// `closed_by=client`; `closed_by=none`: nobody closed or reset it.
    ClosedBy(Option<Side>),
    /// `retransmissions<=2`, of both ends together.
    Retransmissions(Comparison, u64),
    /// `label=zero_window`: some segment has it.
    Label(Labels),
    /// `no-label=duplicate_ack`: no segment has it.
    NoLabel(Labels),
    /// `trouble=server_silent`; `trouble=none`: nothing is wrong with it.
    Trouble(Option<TroubleKind>),
    /// `SYN, SYN-ACK, ACK`: its first segments in capture order, both directions.
    Flags(Vec<FlagsPattern>),
}

/// How a measured number is held against the demanded one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// One segment's control bits. PSH is ignored unless it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlagsPattern(Flags);

/// The words before the sign, for messages.
const KEYS: &str = "verdict, opened, ended, closed_by, retransmissions, label, no-label, trouble";

impl Comparison {
    /// Whether `measured` is as demanded.
    #[must_use]
    pub const fn holds(self, measured: u64, demanded: u64) -> bool {
        match self {
            Self::Equal => measured == demanded,
            Self::Less => measured < demanded,
            Self::AtMost => measured <= demanded,
            Self::More => measured > demanded,
            Self::AtLeast => measured >= demanded,
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl FlagsPattern {
    /// Whether a segment with these control bits is meant.
    #[must_use]
    pub fn matches(self, flags: Flags) -> bool {
        if self.0.contains(Flags::PSH) {
            flags == self.0
        } else {
            flags - Flags::PSH == self.0
        }
    }
}

/// `SYN-ACK` in any order of its parts: `ACK-SYN` means the same.
impl FromStr for FlagsPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut flags = Flags::empty();
        for name in text.split('-') {
            let flag = Flags::from_name(&name.to_ascii_uppercase()).ok_or_else(|| {
                format!(
                    "{name:?} is no TCP flag; flags are SYN, SYN-ACK, ACK, PSH-ACK, FIN-ACK, RST and the like"
                )
            })?;
            flags |= flag;
        }
        Ok(Self(flags))
    }
}

impl fmt::Display for FlagsPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(at) = text.find(['=', '<', '>']) else {
            return sequence(text);
        };
        let (key, rest) = (text[..at].trim(), &text[at..]);
        let (comparison, value) = split_sign(rest);
        let value = value.trim();
        if key == "retransmissions" {
            let count = value
                .parse()
                .map_err(|_| format!("{value:?} is not a number of retransmissions"))?;
            return Ok(Self::Retransmissions(comparison, count));
        }
        let expectation = match key {
            "verdict" => word(value, &Verdict::ALL, Verdict::name).map(Self::Verdict),
            "opened" => word_or_none(value, &Opened::ALL, Opened::name).map(Self::Opened),
            "ended" => {
                word_or_none(value, &[Ended::Fin, Ended::Reset], Ended::name).map(Self::Ended)
            }
            "closed_by" => {
                word_or_none(value, &[Side::Client, Side::Server], Side::name).map(Self::ClosedBy)
            }
            "label" => label(value).map(Self::Label),
            "no-label" => label(value).map(Self::NoLabel),
            "trouble" => {
                word_or_none(value, &TroubleKind::ALL, TroubleKind::name).map(Self::Trouble)
            }
            _ => Err(format!(
                "nothing is known as {key:?}; expect one of: {KEYS}"
            )),
        }?;
        if comparison == Comparison::Equal {
            Ok(expectation)
        } else {
            Err(format!(
                "{key} is a word and not a number: write {key}={value}"
            ))
        }
    }
}

/// As it would be typed.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict(verdict) => write!(f, "verdict={}", verdict.name()),
            Self::Opened(opened) => write!(f, "opened={}", opened.map_or("none", Opened::name)),
            Self::Ended(ended) => write!(f, "ended={}", ended.map_or("none", Ended::name)),
            Self::ClosedBy(side) => write!(f, "closed_by={}", side.map_or("none", Side::name)),
            Self::Retransmissions(comparison, count) => {
                write!(f, "retransmissions{}{count}", comparison.sign())
            }
            Self::Label(label) => write!(f, "label={}", label.names().next().unwrap_or("")),
            Self::NoLabel(label) => write!(f, "no-label={}", label.names().next().unwrap_or("")),
            Self::Trouble(kind) => write!(f, "trouble={}", kind.map_or("none", TroubleKind::name)),
            Self::Flags(patterns) => patterns.iter().enumerate().try_for_each(|(at, pattern)| {
                write!(f, "{}{pattern}", if at == 0 { "" } else { ", " })
            }),
        }
    }
}

/// `=`, `<`, `<=`, `>` or `>=`, and what follows it. The text begins with one of them.
fn split_sign(text: &str) -> (Comparison, &str) {
    // Two characters before one, or `<=` would be read as `<`.
    [
        Comparison::AtMost,
        Comparison::AtLeast,
        Comparison::Less,
        Comparison::More,
        Comparison::Equal,
    ]
    .into_iter()
    .find_map(|sign| Some((sign, text.strip_prefix(sign.sign())?)))
    .unwrap_or((Comparison::Equal, text))
}

/// A sequence of control bits, separated by commas.
fn sequence(text: &str) -> Result<Expectation, String> {
    let patterns: Result<Vec<_>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    patterns.map(Expectation::Flags).map_err(|error| {
        format!("{error}. An expectation is KEY=WORD or flags, \"SYN, SYN-ACK, ACK\"; keys: {KEYS}")
    })
}

fn word<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    all.iter()
        .copied()
        .find(|candidate| name(*candidate) == text)
        .ok_or_else(|| unknown(text, all.iter().map(|candidate| name(*candidate))))
}

fn word_or_none<T: Copy>(
    text: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Option<T>, String> {
    if text == "none" {
        return Ok(None);
    }
    all.iter()
        .copied()
        .find(|candidate| name(*candidate) == text)
        .map(Some)
        .ok_or_else(|| {
            unknown(
                text,
                ["none"]
                    .into_iter()
                    .chain(all.iter().map(|candidate| name(*candidate))),
            )
        })
}

fn label(text: &str) -> Result<Labels, String> {
    Labels::named(text).ok_or_else(|| unknown(text, Labels::all_names().iter().copied()))
}

fn unknown<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> String {
    format!(
        "{text:?} is not one of: {}",
        known.collect::<Vec<_>>().join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Expectation {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_form_is_printed_as_it_is_typed() {
        for text in [
            "verdict=half_closed",
            "opened=fast_open",
            "opened=none",
            "ended=reset",
            "closed_by=server",
            "retransmissions=0",
            "retransmissions<3",
            "retransmissions<=3",
            "retransmissions>3",
            "label=zero_window",
            "no-label=duplicate_ack",
            "trouble=none",
            "trouble=server_silent",
            "SYN, SYN-ACK, ACK",
        ] {
            assert_eq!(parsed(text).to_string(), text);
        }
        assert_eq!(parsed("syn,ack-syn , ACK"), parsed("SYN, SYN-ACK, ACK"));
        assert_eq!(parsed(" verdict = closed "), parsed("verdict=closed"));
    }

    #[test]
    fn errors_list_the_words_that_would_work() {
        for (text, part) in [
            ("verdict=closd", "half_closed"),
            ("opened=tfo", "fast_open"),
            ("closed_by=me", "client, server"),
            ("label=resent", "retransmission"),
            ("trouble=some", "server_silent"),
            ("color=red", "closed_by"),
            ("retransmissions=few", "number"),
            ("verdict<closed", "verdict=closed"),
            ("SYN, SINACK", "SYN-ACK"),
            ("", "verdict"),
        ] {
            let error = text.parse::<Expectation>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn psh_counts_only_when_it_is_written() {
        let pattern = |text: &str| text.parse::<FlagsPattern>().expect("flags");
        assert!(pattern("ACK").matches(Flags::PSH | Flags::ACK));
        assert!(pattern("PSH-ACK").matches(Flags::PSH | Flags::ACK));
        assert!(!pattern("PSH-ACK").matches(Flags::ACK));
        assert!(!pattern("SYN").matches(Flags::SYN | Flags::ACK));
    }
}
