//! System calls of the built-in ends in words: what a program asked for and what it got, beside what its kernel sent.
//!
//! Comes in: finished calls and, where they are known, the times of the packets around them. Goes out: [`CallRow`]s in the
//! order of time. A call during which packets were seen has two rows: one where it was made, one where it returned.

use std::fmt::Write as _;

use super::words::the;
use crate::calls::{Call, CallName};
use crate::tcp::Side;
use crate::time::{Span, Timestamp};

/// A call that lasts so long has waited for something.
const LONG: Span = Span::from_millis(1);

/// What of a call a row shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// It was made; packets follow before it returns.
    Called,
    /// It returned; packets came in between.
    Returned,
    /// Both, for nothing came in between.
    Whole,
}

/// A call as a reader meets it.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// Which end made it.
    pub side: Side,
    /// When it was made, or when it returned.
    pub time: Timestamp,
    /// The same since the connection's first packet; negative before it.
    pub after: Span,
    /// `connect() = 0, after 62 µs`
    pub text: String,
    /// The same for a narrow margin: `connect = 0`
    pub short: String,
    /// `connect`
    pub name: &'static str,
    /// Which moment of the call this is.
    pub moment: Moment,
    /// What it returned: `0`, `-1`.
    pub result: String,
    /// How long it took, where packets came in between, and where that is long.
    pub took: Option<Span>,
    /// The error's name where it failed: `ECONNREFUSED`.
    pub error: Option<String>,
    /// What this result means, where a reader has not been told yet. Empty where there is nothing to say.
    pub note: &'static str,
}

impl CallRow {
    /// The row as a sentence: `the server's accept() returns 7 after 3.1 ms`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let (end, name) = (the(self.side), self.name);
        let made = match self.moment {
            Moment::Called => {
                return format!("{end}'s program calls {name}(), which has not returned yet");
            }
            Moment::Returned => format!("{end}'s {name}()"),
            Moment::Whole => format!("{end}'s program calls {name}(), which"),
        };
        let result = match &self.error {
            Some(error) => format!("fails with {error}"),
            None => format!("returns {}", self.result),
        };
        match self.took {
            Some(took) => format!("{made} {result} after {took}"),
            None => format!("{made} {result}"),
        }
    }

    /// Leaves out what was told before; `told` remembers it.
    pub fn say_once(&mut self, told: &mut Vec<&'static str>) {
        if told.contains(&self.note) {
            self.note = "";
        } else if !self.note.is_empty() {
            told.push(self.note);
        }
    }
}

/// A call with the number of its connection, for outside programs.
#[derive(Clone, Copy, Debug)]
pub struct CallFacts<'a> {
    /// The call.
    pub call: &'a Call,
    /// The connection that it was about, where there was one.
    pub connection: Option<u32>,
}

/// The row of one moment of a call. `start` is the time of the connection's first packet.
#[must_use]
pub fn call_row(call: &Call, moment: Moment, start: Timestamp) -> CallRow {
    let time = match moment {
        Moment::Returned => call.returned_at(),
        Moment::Called | Moment::Whole => call.time,
    };
    let name = call.call.name();
    let error = call.errno.filter(|_| moment != Moment::Called);
    let error = error.map(|number| match call.errno_name() {
        Some(name) => name.to_owned(),
        None => format!("error {number}"),
    });
    let result = match call.result {
        Some(result) => result.to_string(),
        None => "-1".to_owned(),
    };
    let (text, short) = match moment {
        Moment::Called => (format!("{name}() called"), format!("{name}()")),
        Moment::Returned | Moment::Whole => {
            let mut text = format!("{name}() = {result}");
            if let Some(error) = &error {
                text.push(' ');
                text.push_str(error);
            }
            if moment == Moment::Returned {
                // Writing to a string cannot fail.
                let _ = write!(text, ", after {}", call.duration);
            }
            (text, format!("{name} = {result}"))
        }
    };
    let worth_telling = moment == Moment::Returned || call.duration >= LONG;
    CallRow {
        side: call.side,
        time,
        after: time - start,
        text,
        short,
        name,
        moment,
        result,
        took: worth_telling.then_some(call.duration),
        error,
        note: match moment {
            Moment::Called => "",
            Moment::Returned | Moment::Whole => note(call, moment),
        },
    }
}

/// The rows of all calls of a connection, in the order of time. `packets` are the times of its packets, in that order.
/// Each meaning is told once.
#[must_use]
pub fn call_rows(calls: &[Call], packets: &[Timestamp]) -> Vec<CallRow> {
    let start = packets.first().or(calls.first().map(|call| &call.time));
    let Some(start) = start.copied() else {
        return Vec::new();
    };
    let before = |time| packets.partition_point(|packet| *packet <= time);
    let mut rows = Vec::with_capacity(calls.len());
    for call in calls {
        if before(call.time) == before(call.returned_at()) {
            rows.push(call_row(call, Moment::Whole, start));
        } else {
            rows.push(call_row(call, Moment::Called, start));
            rows.push(call_row(call, Moment::Returned, start));
        }
    }
    rows.sort_by_key(|row| row.time);
    let mut told = Vec::new();
    for row in &mut rows {
        row.say_once(&mut told);
    }
    rows
}

/// What a result means that is not in its number. Each of these is about TCP; what a descriptor is need not be said here.
fn note(call: &Call, moment: Moment) -> &'static str {
    let waited = moment == Moment::Returned;
    match (call.call, call.result, call.errno_name()) {
        (CallName::Listen, Some(_), _) => {
            "from here on the kernel opens connections without asking"
        }
        (CallName::Connect, Some(_), _) if waited => {
            "returns because the SYN-ACK is there; it does not wait for accept()"
        }
        (CallName::Connect, None, Some("ECONNREFUSED")) => {
            "the reset became an error number: \"Connection refused\""
        }
        (CallName::Connect, None, Some("EINPROGRESS")) => {
            "the SYN is on its way; this socket was told not to wait"
        }
        (CallName::Connect, None, Some("ETIMEDOUT")) => {
            "nobody answered in time; the program learns no more than that"
        }
        (CallName::Accept, Some(_), _) if waited => {
            "waited until the kernel had opened a connection, and fetches it"
        }
        (CallName::Accept, Some(_), _) => "fetches a connection that the kernel has opened already",
        (CallName::Send, Some(_), _) => "the kernel has taken the bytes; that is not delivery",
        (CallName::Send | CallName::Recv, None, Some("ECONNRESET")) => {
            "the reset became an error number; what was not read is gone"
        }
        (CallName::Send | CallName::Recv, None, Some("ETIMEDOUT")) => {
            "the kernel gave up: what was sent was not acknowledged in time"
        }
        (CallName::Recv, Some(0), _) => {
            "0: the other end has closed its direction; this is its FIN for programs"
        }
        (CallName::Recv, Some(_), _) => {
            "now the program has the bytes; its kernel had received them before"
        }
        (CallName::Shutdown, Some(_), _) => "the FIN leaves after the last byte; receiving goes on",
        (CallName::Close, Some(_), _) => {
            "the program is done; what is left to do its kernel does alone"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: CallName, at: i64, lasted: i64, result: Result<i64, i32>) -> Call {
        Call {
            time: Timestamp::from_nanos(at),
            side: Side::Client,
            call: name,
            result: result.ok(),
            errno: result.err(),
            duration: Span::from_nanos(lasted),
            socket: None,
        }
    }

    fn texts(calls: &[Call], packets: &[i64]) -> Vec<String> {
        let packets: Vec<Timestamp> = packets
            .iter()
            .map(|at| Timestamp::from_nanos(*at))
            .collect();
        let rows = call_rows(calls, &packets);
        rows.into_iter().map(|row| row.text).collect()
    }

    #[test]
    fn a_call_that_packets_interrupt_has_two_rows() {
        let calls = [
            call(CallName::Connect, 900, 5_000, Ok(0)),
            call(CallName::Send, 7_000, 200, Ok(13)),
        ];
        assert_eq!(
            texts(&calls, &[1_000, 2_000, 8_000]),
            [
                "connect() called",
                "connect() = 0, after 5 µs",
                "send() = 13"
            ]
        );
    }

    #[test]
    fn rows_stand_where_calls_were_made_and_returned() {
        let calls = [
            call(CallName::Recv, 500, 9_000, Err(libc::ECONNRESET)),
            call(CallName::Send, 3_000, 100, Ok(1)),
        ];
        assert_eq!(
            texts(&calls, &[1_000]),
            [
                "recv() called",
                "send() = 1",
                "recv() = -1 ECONNRESET, after 9 µs"
            ]
        );
    }

    #[test]
    fn every_call_has_words_of_the_glossary() {
        for name in [
            CallName::Socket,
            CallName::Bind,
            CallName::Listen,
            CallName::Accept,
            CallName::Connect,
            CallName::Send,
            CallName::Recv,
            CallName::Shutdown,
            CallName::Close,
        ] {
            let call = call(name, 0, 0, Ok(0));
            let row = call_row(&call, Moment::Whole, call.time);
            assert!(!crate::explain::related_to_call(&row).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_call_is_told_as_a_sentence() {
        let words = |moment, lasted, result| {
            let call = call(CallName::Connect, 0, lasted, result);
            call_row(&call, moment, call.time).in_words()
        };
        assert_eq!(
            words(Moment::Called, 0, Ok(0)),
            "the client's program calls connect(), which has not returned yet"
        );
        assert_eq!(
            words(Moment::Returned, 61_000, Err(libc::ECONNREFUSED)),
            "the client's connect() fails with ECONNREFUSED after 61 µs"
        );
        assert_eq!(
            words(Moment::Whole, 900, Ok(0)),
            "the client's program calls connect(), which returns 0"
        );
    }

    #[test]
    fn a_meaning_is_told_once() {
        let calls = [1_000, 2_000, 3_000].map(|at| call(CallName::Recv, at, 10, Ok(7)));
        let notes = call_rows(&calls, &[]).into_iter().map(|row| row.note);
        assert_eq!(notes.filter(|note| !note.is_empty()).count(), 1);
    }
}
