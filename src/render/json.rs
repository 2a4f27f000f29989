//! JSON Lines, schema 1: a header, a line a segment, a line a final connection, a summary.
//!
//! Millions of lines are written here, so numbers are formatted straight into one buffer that is reused, and nothing is
//! allocated a line.

use super::escape;
use super::lesson::{Entry, LessonResult};
use crate::explain::{
    CallFacts, ConnectionFacts, SegmentFacts, Term, Totals, TroubleFacts, WaitFacts,
};
use crate::tcp::{Endpoint, Labels, TcpState};
use crate::text::{Digits, Piece, put};
use crate::time::{Span, Timestamp};

/// The number of the JSON contract; changes when a consumer could break.
pub const SCHEMA: u32 = 1;

/// Writes an object member by member: each key with its punctuation is one constant, which costs one copy.
macro_rules! object {
    ($line:expr, $first:literal: $write:ident($($value:expr),*)
        $(, $name:literal: $write_next:ident($($next:expr),*))* $(,)?) => {{
        $line.raw(concat!("{\"", $first, "\":"));
        $line.$write($($value),*);
        $(
            $line.raw(concat!(",\"", $name, "\":"));
            $line.$write_next($($next),*);
        )*
        $line.raw("}");
    }};
}

/// The header line.
pub fn header(out: &mut Vec<u8>, source: &str) {
    let mut line = Line { out };
    object!(line,
        "type": plain("header"),
        "schema": integer(SCHEMA),
        "tool": plain("handshake-watch"),
        "version": plain(env!("CARGO_PKG_VERSION")),
        "source": string(source),
    );
    line.end();
}

/// A segment's line.
pub fn segment(out: &mut Vec<u8>, facts: &SegmentFacts<'_>) {
    let segment = facts.segment;
    let mut line = Line { out };
    object!(line,
        "type": plain("segment"),
        "frame": integer(segment.frame),
        "time": timestamp(segment.time),
        "connection": integer(facts.connection),
        "direction": plain(facts.direction.name()),
        "src": endpoint(segment.tuple.source),
        "dst": endpoint(segment.tuple.destination),
        "flags": list(segment.flags.names(), Line::plain),
        "seq": integer(facts.seq),
        "ack": integer(facts.ack),
        "raw_seq": integer(segment.seq.0),
        "raw_ack": integer(segment.ack.0),
        "len": integer(segment.len),
        "window": integer(facts.window),
        "raw_window": integer(segment.window),
        "window_scale": optional(facts.window_scale, Line::integer),
        "labels": labels(facts.labels),
        "client_state": optional(facts.client_state, Line::state),
        "server_state": optional(facts.server_state, Line::state),
        "delivered": optional(facts.delivered, Line::boolean),
        "note": string(facts.note),
    );
    line.end();
}

/// A system call's line.
pub fn call(out: &mut Vec<u8>, facts: &CallFacts<'_>) {
    let call = facts.call;
    let mut line = Line { out };
    object!(line,
        "type": plain("call"),
        "time": timestamp(call.time),
        "side": plain(call.side.name()),
        "call": plain(call.call.name()),
        "result": optional(call.result, Line::integer),
        "errno": optional(call.errno.map(i64::from), Line::integer),
        "duration": seconds(call.duration),
        "connection": optional(facts.connection, Line::integer),
    );
    line.end();
}

/// The line that follows the summary of each scenario, where several are shown.
pub fn lesson(out: &mut Vec<u8>, result: &LessonResult) {
    let mut line = Line { out };
    object!(line,
        "type": plain("scenario"),
        "name": plain(result.name),
        "group": plain(result.group),
        "played": optional(result.played.as_deref(), Line::string),
        "expected": plain(result.expected),
        "verdict": optional(result.verdict.as_deref(), Line::string),
        "met": boolean(result.is_met()),
        "wrong": string(&result.wrong),
        "seconds": seconds(Span::from_millis((result.seconds * 1e3) as i64)),
    );
    line.end();
}

/// The line of an entry of the catalogue.
pub fn entry(out: &mut Vec<u8>, entry: &Entry<'_>) {
    let mut line = Line { out };
    object!(line,
        "name": string(entry.name),
        "title": string(entry.title),
        "group": string(entry.group),
        "teaches": string(entry.teaches),
        "verdict": string(entry.verdict),
        "constructed": boolean(entry.constructed),
    );
    line.end();
}

/// A glossary term's line.
pub fn term(out: &mut Vec<u8>, term: &Term) {
    let mut line = Line { out };
    object!(line,
        "type": plain("term"),
        "name": string(term.name),
        "also": list(term.also.iter().copied(), Line::string),
        "meaning": string(term.meaning),
        "text": string(term.text),
        "see": list(term.see.iter().copied(), Line::string),
        "rfc": optional(Some(term.rfc).filter(|rfc| !rfc.is_empty()), Line::string),
    );
    line.end();
}

/// A connection's line.
pub fn connection(out: &mut Vec<u8>, facts: &ConnectionFacts<'_>) {
    let mut line = Line { out };
    object!(line,
        "type": plain("connection"),
        "id": integer(facts.id),
        "client": endpoint(facts.client),
        "server": endpoint(facts.server),
        "roles": plain(facts.roles),
        "verdict": plain(facts.verdict),
        "opened": optional(facts.opened, Line::plain),
        "ended": optional(facts.ended, Line::plain),
        "closed_by": optional(facts.closed_by, Line::plain),
        "reason": string(facts.reason),
        "evidence": list(facts.evidence.iter().copied(), Line::integer),
        "trouble": list(facts.troubles, Line::trouble),
        "first_frame": integer(facts.first_frame),
        "last_frame": integer(facts.last_frame),
        "start": timestamp(facts.start),
        "duration": seconds(facts.duration),
        "handshake": handshake(facts),
        "longest_wait": optional(facts.longest_wait, Line::wait),
        "client_packets": integer(facts.client_packets),
        "server_packets": integer(facts.server_packets),
        "client_bytes": integer(facts.client_bytes),
        "server_bytes": integer(facts.server_bytes),
        "retransmissions": integer(facts.retransmissions),
        "conn_state": plain(facts.conn_state),
        "history": plain(facts.history),
        "originator": plain(facts.originator),
        "completeness": integer(facts.completeness),
        "client_state": optional(facts.client_state, Line::state),
        "server_state": optional(facts.server_state, Line::state),
        "vantage": optional(facts.vantage, Line::plain),
        "twin": optional(facts.twin, Line::integer),
        "evicted": boolean(facts.evicted),
    );
    line.end();
}

/// The last line.
pub fn summary(out: &mut Vec<u8>, totals: &Totals) {
    let mut line = Line { out };
    object!(line,
        "type": plain("summary"),
        "frames": integer(totals.frames),
        "tcp_segments": integer(totals.segments),
        "skipped": counts(&totals.skipped),
        "connections": integer(totals.connections),
        "by_verdict": counts(&totals.by_verdict),
        "evicted": integer(totals.evicted),
        "capture_dropped": integer(totals.capture_dropped),
    );
    line.end();
}

/// One line at the end of a buffer.
struct Line<'a> {
    out: &'a mut Vec<u8>,
}

impl Line<'_> {
    fn end(self) {
        self.out.push(b'\n');
    }

    #[inline]
    fn raw(&mut self, text: &str) {
        put!(self.out, text);
    }

    #[inline]
    fn integer<I: Piece>(&mut self, value: I) {
        put!(self.out, value);
    }

    fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    /// A string of our own that needs no escaping.
    #[inline]
    fn plain(&mut self, text: &str) {
        put!(self.out, "\"", text, "\"");
    }

    fn string(&mut self, text: &str) {
        self.raw("\"");
        escape::json(self.out, text.as_bytes());
        self.raw("\"");
    }

    fn state(&mut self, state: TcpState) {
        self.plain(state.name());
    }

    fn labels(&mut self, labels: Labels) {
        // Most segments have none, and need not be asked about each.
        if labels.is_empty() {
            self.raw("[]");
        } else {
            self.list(labels.names(), Line::plain);
        }
    }

    fn trouble(&mut self, trouble: &TroubleFacts) {
        object!(self,
            "kind": plain(trouble.kind),
            "first_frame": integer(trouble.first_frame),
            "last_frame": integer(trouble.last_frame),
            "seconds": seconds(trouble.lasted),
        );
    }

    fn handshake(&mut self, facts: &ConnectionFacts<'_>) {
        object!(self,
            "syn_to_synack": optional(facts.syn_to_synack, Line::seconds),
            "synack_to_ack": optional(facts.synack_to_ack, Line::seconds),
            "initial_rtt": optional(facts.initial_rtt, Line::seconds),
        );
    }

    fn wait(&mut self, wait: WaitFacts) {
        object!(self,
            "owed_by": optional(wait.owed_by, Line::plain),
            "seconds": seconds(wait.lasted),
            "from_frame": integer(wait.from_frame),
            "to_frame": integer(wait.to_frame),
        );
    }

    fn endpoint(&mut self, endpoint: Endpoint) {
        put!(self.out, "\"", endpoint, "\"");
    }

    /// A string with nine decimals.
    fn timestamp(&mut self, time: Timestamp) {
        let nanos = time.as_nanos();
        let sign = if nanos < 0 { "-" } else { "" };
        let nanos = nanos.unsigned_abs();
        let decimals = Digits::<9>((nanos % NANOS) as u32);
        put!(self.out, "\"", sign, nanos / NANOS, ".", decimals, "\"");
    }

    /// A number of seconds without trailing zeros and without an exponent.
    fn seconds(&mut self, span: Span) {
        let nanos = span.as_nanos();
        if nanos < 0 {
            self.raw("-");
        }
        let nanos = nanos.unsigned_abs();
        self.integer(nanos / NANOS);
        let fraction = (nanos % NANOS) as u32;
        if fraction > 0 {
            put!(self.out, ".", Digits::<9>(fraction));
            while self.out.pop_if(|digit| *digit == b'0').is_some() {}
        }
    }

    #[inline]
    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.raw("null"),
        }
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        let mut before = "[";
        for item in items {
            self.raw(before);
            write(self, item);
            before = ",";
        }
        // Without an item the bracket is still to be opened.
        self.raw(if before == "[" { "[]" } else { "]" });
    }

    fn counts(&mut self, counts: &[(&'static str, u64)]) {
        self.raw("{");
        for (index, (name, count)) in counts.iter().enumerate() {
            self.raw(if index > 0 { "," } else { "" });
            self.plain(name);
            self.raw(":");
            self.integer(*count);
        }
        self.raw("}");
    }
}

/// Nanoseconds in a second.
const NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Line<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Line { out: &mut out });
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn seconds_are_plain_decimals() {
        for (nanos, expected) in [
            (0, "0"),
            (222_000, "0.000222"),
            (1, "0.000000001"),
            (60_000_000_000, "60"),
            (-1_500_000_000, "-1.5"),
        ] {
            assert_eq!(text(|o| o.seconds(Span::from_nanos(nanos))), expected);
        }
    }

    #[test]
    fn timestamps_have_nine_decimals() {
        let time = Timestamp::new(1_795_327_023, 238_346_000);
        assert_eq!(text(|o| o.timestamp(time)), "\"1795327023.238346000\"");
    }

    #[test]
    fn hostile_strings_stay_inside_their_quotes() {
        let hostile = "a\"b\\c\n\u{1b}]0;x\u{7}\u{7f}é";
        let line = text(|o| o.string(hostile));
        let back: String = serde_json::from_str(&line).expect("valid JSON");
        assert_eq!(back, hostile);
        assert!(!line.bytes().any(|byte| byte < 0x20 || byte == 0x7f));
    }

    #[test]
    fn header_and_summary_are_valid_json() {
        let mut out = Vec::new();
        header(&mut out, "a\"b.pcap");
        summary(
            &mut out,
            &Totals {
                frames: 8,
                segments: 7,
                skipped: vec![("not_tcp", 1)],
                ..Totals::default()
            },
        );
        let lines: Vec<serde_json::Value> = String::from_utf8(out)
            .expect("UTF-8")
            .lines()
            .map(|line| serde_json::from_str(line).expect("valid JSON"))
            .collect();
        assert_eq!(lines[0]["source"], "a\"b.pcap");
        assert_eq!(lines[1]["skipped"]["not_tcp"], 1);
        assert_eq!(lines[1]["by_verdict"], serde_json::json!({}));
    }
}
