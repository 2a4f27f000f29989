//! Scripts: a conversation written down, a line a segment, that becomes segments or whole frames.
//!
//! ```text
//! # The plain exchange: the client greets and closes.
//! client 127.0.0.1:52126 isn 1000
//! server 127.0.0.1:1712  isn 5000
//! 0      C > S  SYN mss 65495 wscale 10 sackok
//! +11us  S > C  SYN-ACK mss 65495 wscale 10 sackok
//! +12us  C > S  ACK
//! +23us  C > S  PSH-ACK "Hello server!"
//! +4us   S > C  ACK win 512
//! +1s    C > S  PSH-ACK seq 1 "Hello server!"
//! ```
//!
//! A time is since the first segment, or since the previous line with a plus. `C` and `S` are the ends that the head lines
//! name. What is left out is what an ordinary sender would write: the next sequence number, an acknowledgment of
//! everything the other end sent so far, a window of 65535. Numbers are relative to the ISNs.
//!
//! | word | meaning |
//! | --- | --- |
//! | `seq N`, `ack N` | numbers relative to the ISNs, where they are not the next ones |
//! | `rawseq N`, `rawack N` | header fields as they are; `rawack` also without the ACK flag |
//! | `len N`, `"text"` | payload: N filler bytes, or the text (`\n`, `\r`, `\"`, `\\`, `\xNN`) |
//! | `win N`, `urg N` | the fields as they are |
//! | `mss N`, `wscale N`, `sackok`, `ts V E`, `sack L-R`, `tfo`, `tfo N` | options; `sack` edges are relative to the other ISN, the right one is the number after the last; `tfo` asks for a cookie, `tfo N` has one of N bytes |
//! | `ttl N`, `ipid N`, `ce` | the IP header |
//!
//! `+5ms  icmp C unreachable 1` is an ICMP error that quotes the latest segment of `C`. A head line in the middle changes
//! the end from there on, and begins its numbers anew. Nothing here captures or sends: what a script gives is constructed.

mod frame;
mod line;
mod words;

use std::fmt;

pub use frame::ScriptFrame;

use crate::tcp::{IcmpError, Segment};

/// A parsed script.
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: Vec<Step>,
}

/// One line of a script.
#[derive(Clone, Debug)]
pub enum Step {
    /// A segment with its payload.
    Segment {
        /// As it would be decoded.
        segment: Segment,
        /// All of its payload.
        payload: Vec<u8>,
    },
    /// An ICMP error, with the segment it quotes.
    Icmp {
        /// As it would be decoded.
        error: IcmpError,
        /// What it quotes.
        quoted: Segment,
    },
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// Names the first line that cannot be understood, and what is expected there.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        line::parse(text).map(|steps| Self { steps })
    }

    /// Its lines, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Its segments, numbered from 1 as frames of a capture.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.steps.iter().filter_map(|step| match step {
            Step::Segment { segment, .. } => Some(segment),
            Step::Icmp { .. } => None,
        })
    }

    /// Whole frames, for a constructed capture: raw IP (link type 101) with correct checksums.
    #[must_use]
    pub fn frames(&self) -> Vec<ScriptFrame> {
        self.steps.iter().map(frame::of).collect()
    }
}

/// Why a script could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Problem {
    /// Something else is expected here.
    Expected {
        /// What.
        what: &'static str,
        /// What stands there; empty at the end of the line.
        found: String,
    },
    /// The payload's text is not as long as `len` says.
    Length {
        /// Said.
        said: usize,
        /// Counted.
        counted: usize,
    },
    /// The options do not fit in the 40 bytes that a header has for them.
    TooManyOptions {
        /// How many bytes they need.
        bytes: usize,
    },
    /// An ICMP error about an end that has sent nothing.
    NothingToQuote,
    /// The two ends have addresses of different versions.
    MixedAddresses,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.problem {
            Problem::Expected { what, found } if found.is_empty() => {
                write!(f, "the line ends where {what} is expected")
            }
            Problem::Expected { what, found } => write!(f, "expected {what}, found `{found}`"),
            Problem::Length { said, counted } => write!(
                f,
                "`len {said}` does not agree with a text of {counted} bytes"
            ),
            Problem::TooManyOptions { bytes } => {
                write!(
                    f,
                    "the options need {bytes} bytes, a header has room for 40"
                )
            }
            Problem::NothingToQuote => {
                write!(
                    f,
                    "this end has sent nothing that an ICMP error could quote"
                )
            }
            Problem::MixedAddresses => {
                write!(
                    f,
                    "client and server have addresses of different IP versions"
                )
            }
        }
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::{FastOpen, Flags, SeqNumber};
    use crate::time::{Span, Timestamp};

    const PLAIN: &str = "
# The plain exchange.
client 127.0.0.1:52126 isn 4294967290
server 127.0.0.1:1712 isn 5000
0      C > S  SYN mss 65495 wscale 10 sackok
+11us  S > C  SYN-ACK win 65483 mss 65495 wscale 10 sackok
+12us  C > S  ACK
46us   C > S  PSH-ACK len 13 \"Hello server!\"
+4us   S > C  ACK win 512 sack 1-5 ts 7 8
";

    fn parse(text: &str) -> Vec<Segment> {
        let script = Script::parse(text).expect("a good script");
        script.segments().cloned().collect()
    }

    #[test]
    fn what_is_left_out_is_the_next_number() {
        let segments = parse(PLAIN);
        assert_eq!(segments.len(), 5);
        assert_eq!(segments[1].ack, SeqNumber(4_294_967_291));
        assert_eq!(segments[3].seq, SeqNumber(4_294_967_291));
        assert_eq!(segments[4].ack, SeqNumber(8));
        assert_eq!(segments[3].flags, Flags::PSH | Flags::ACK);
        assert_eq!(segments[4].window, 512);
        assert_eq!(segments[4].options.sack[0].left, SeqNumber(4_294_967_291));
        assert_eq!(segments[4].options.timestamps, Some((7, 8)));
        assert_eq!(segments[4].time - segments[0].time, Span::from_micros(50));
        assert_eq!(segments[3].preview.bytes(), b"Hello server!");
        assert_eq!(segments[4].frame, 5);
    }

    #[test]
    fn raw_fields_ipv6_and_head_lines_in_the_middle() {
        let segments = parse(
            "at 1795327023.238266000
             client [::1]:4000 isn 7
             server [::1]:80
             0    C > S SYN tfo 8 len 3
             +1ms S > C RST-ACK rawseq 0
             client [::1]:4000 isn 90
             +1s  C > S SYN",
        );
        assert_eq!(segments[0].options.fast_open, Some(FastOpen::Cookie(8)));
        assert_eq!(segments[1].seq, SeqNumber(0));
        assert_eq!(segments[1].ack, SeqNumber(7 + 1 + 3));
        assert_eq!(segments[2].seq, SeqNumber(90));
        assert_eq!(segments[0].time, Timestamp::new(1_795_327_023, 238_266_000));
    }

    #[test]
    fn errors_name_the_line_and_what_is_expected() {
        for (text, message) in [
            (
                "0 C > S SIN",
                "line 1: expected flags such as SYN-ACK, found `SIN`",
            ),
            ("\n0 C > X SYN", "line 2: expected `C` or `S`, found `X`"),
            ("0 C > C SYN", "line 1: expected the other end, found `C`"),
            (
                "soon C > S SYN",
                "line 1: expected a time such as 0, 5ms or +12us, found `soon`",
            ),
            (
                "0 C > S SYN mss",
                "line 1: the line ends where a number is expected",
            ),
            (
                "0 C > S SYN mss 70000",
                "line 1: expected a number that fits the field, found `70000`",
            ),
            (
                "0 C > S ACK len 2 \"abc\"",
                "line 1: `len 2` does not agree with a text of 3 bytes",
            ),
            (
                "0 C > S ACK \"abc",
                "line 1: the line ends where a closing quotation mark is expected",
            ),
            (
                "0 C > S ACK hurry",
                "line 1: expected a word of the script language, found `hurry`",
            ),
            (
                "client 127.0.0.1",
                "line 1: expected an address and port such as 127.0.0.1:1712, found `127.0.0.1`",
            ),
            (
                "0 icmp C unreachable 1",
                "line 1: this end has sent nothing that an ICMP error could quote",
            ),
        ] {
            let error = Script::parse(text).expect_err(text);
            assert_eq!(error.to_string(), message);
        }
    }
}
