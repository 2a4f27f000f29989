//! JSON Lines, schema 1: a header, a line a segment, a line a final connection, a summary.
//!
//! Millions of lines are written here, so numbers are formatted straight into one buffer that is reused, and nothing is
//! allocated a line.

use std::net::IpAddr;

use super::escape;
use crate::explain::{ConnectionFacts, SegmentFacts, Term, Totals};
use crate::tcp::{Endpoint, TcpState};
use crate::time::{Span, Timestamp};

/// The number of the JSON contract; changes when a consumer could break.
pub const SCHEMA: u32 = 1;

/// The header line.
pub fn header(out: &mut Vec<u8>, source: &str) {
    let mut line = Object::begin(out, "header");
    line.key("schema").integer(SCHEMA);
    line.key("tool").string("handshake-watch");
    line.key("version").string(env!("CARGO_PKG_VERSION"));
    line.key("source").string(source);
    line.end();
}

/// A segment's line.
pub fn segment(out: &mut Vec<u8>, facts: &SegmentFacts<'_>) {
    let segment = facts.segment;
    let mut line = Object::begin(out, "segment");
    line.key("frame").integer(segment.frame);
    line.key("time").timestamp(segment.time);
    line.key("connection").integer(facts.connection);
    line.key("direction").plain(facts.direction.name());
    line.key("src").endpoint(segment.tuple.source);
    line.key("dst").endpoint(segment.tuple.destination);
    line.key("flags").list(segment.flags.names(), Object::plain);
    line.key("seq").integer(facts.seq);
    line.key("ack").integer(facts.ack);
    line.key("raw_seq").integer(segment.seq.0);
    line.key("raw_ack").integer(segment.ack.0);
    line.key("len").integer(segment.len);
    line.key("window").integer(facts.window);
    line.key("raw_window").integer(segment.window);
    line.key("window_scale")
        .optional(facts.window_scale, Object::integer);
    line.key("labels").list(facts.labels.names(), Object::plain);
    line.key("client_state")
        .optional(facts.client_state, Object::state);
    line.key("server_state")
        .optional(facts.server_state, Object::state);
    line.key("delivered")
        .optional(facts.delivered, Object::boolean);
    line.key("note").string(facts.note);
    line.end();
}

/// A glossary term's line.
pub fn term(out: &mut Vec<u8>, term: &Term) {
    let mut line = Object::begin(out, "term");
    line.key("name").string(term.name);
    line.key("also")
        .list(term.also.iter().copied(), Object::string);
    line.key("meaning").string(term.meaning);
    line.key("text").string(term.text);
    line.key("see")
        .list(term.see.iter().copied(), Object::string);
    line.key("rfc")
        .optional(Some(term.rfc).filter(|rfc| !rfc.is_empty()), Object::string);
    line.end();
}

/// A connection's line.
pub fn connection(out: &mut Vec<u8>, facts: &ConnectionFacts<'_>) {
    let mut line = Object::begin(out, "connection");
    line.key("id").integer(facts.id);
    line.key("client").endpoint(facts.client);
    line.key("server").endpoint(facts.server);
    line.key("roles").plain(facts.roles);
    line.key("verdict").plain(facts.verdict);
    line.key("opened").optional(facts.opened, Object::plain);
    line.key("ended").optional(facts.ended, Object::plain);
    line.key("closed_by")
        .optional(facts.closed_by, Object::plain);
    line.key("reason").string(facts.reason);
    line.key("evidence")
        .list(facts.evidence.iter().copied(), Object::integer);
    line.key("trouble").list(facts.troubles, |line, trouble| {
        line.open();
        line.key("kind").plain(trouble.kind);
        line.key("first_frame").integer(trouble.first_frame);
        line.key("last_frame").integer(trouble.last_frame);
        line.key("seconds").seconds(trouble.lasted);
        line.close();
    });
    line.key("first_frame").integer(facts.first_frame);
    line.key("last_frame").integer(facts.last_frame);
    line.key("start").timestamp(facts.start);
    line.key("duration").seconds(facts.duration);
    line.key("handshake").open();
    line.key("syn_to_synack")
        .optional(facts.syn_to_synack, Object::seconds);
    line.key("synack_to_ack")
        .optional(facts.synack_to_ack, Object::seconds);
    line.key("initial_rtt")
        .optional(facts.initial_rtt, Object::seconds);
    line.close();
    line.key("longest_wait")
        .optional(facts.longest_wait, |line, wait| {
            line.open();
            line.key("owed_by").optional(wait.owed_by, Object::plain);
            line.key("seconds").seconds(wait.lasted);
            line.key("from_frame").integer(wait.from_frame);
            line.key("to_frame").integer(wait.to_frame);
            line.close();
        });
    line.key("client_packets").integer(facts.client_packets);
    line.key("server_packets").integer(facts.server_packets);
    line.key("client_bytes").integer(facts.client_bytes);
    line.key("server_bytes").integer(facts.server_bytes);
    line.key("retransmissions").integer(facts.retransmissions);
    line.key("conn_state").plain(facts.conn_state);
    line.key("history").plain(facts.history);
    line.key("originator").plain(facts.originator);
    line.key("completeness").integer(facts.completeness);
    line.key("client_state")
        .optional(facts.client_state, Object::state);
    line.key("server_state")
        .optional(facts.server_state, Object::state);
    line.key("vantage").optional(facts.vantage, Object::plain);
    line.key("twin").optional(facts.twin, Object::integer);
    line.key("evicted").boolean(facts.evicted);
    line.end();
}

/// The last line.
pub fn summary(out: &mut Vec<u8>, totals: &Totals) {
    let mut line = Object::begin(out, "summary");
    line.key("frames").integer(totals.frames);
    line.key("tcp_segments").integer(totals.segments);
    line.key("skipped").counts(&totals.skipped);
    line.key("connections").integer(totals.connections);
    line.key("by_verdict").counts(&totals.by_verdict);
    line.key("evicted").integer(totals.evicted);
    line.key("capture_dropped").integer(totals.capture_dropped);
    line.end();
}

/// Writes one line's object into a buffer. A comma is due before a key or element unless a bracket was just opened.
struct Object<'a> {
    out: &'a mut Vec<u8>,
    comma: bool,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut Vec<u8>, kind: &'static str) -> Self {
        let mut line = Self { out, comma: false };
        line.open();
        line.key("type").plain(kind);
        line
    }

    fn end(mut self) {
        self.close();
        self.out.push(b'\n');
    }

    fn open(&mut self) {
        self.out.push(b'{');
        self.comma = false;
    }

    fn close(&mut self) {
        self.out.push(b'}');
        self.comma = true;
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    fn key(&mut self, name: &'static str) -> &mut Self {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self
    }

    fn integer<I: itoa::Integer>(&mut self, value: I) {
        self.out
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    fn boolean(&mut self, value: bool) {
        self.out
            .extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A string of our own that needs no escaping.
    fn plain(&mut self, text: &str) {
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        escape::json(self.out, text.as_bytes());
        self.out.push(b'"');
    }

    fn state(&mut self, state: TcpState) {
        self.plain(state.name());
    }

    fn endpoint(&mut self, endpoint: Endpoint) {
        self.out.push(b'"');
        match endpoint.address {
            IpAddr::V4(address) => {
                for (index, octet) in address.octets().into_iter().enumerate() {
                    if index > 0 {
                        self.out.push(b'.');
                    }
                    self.integer(octet);
                }
            }
            IpAddr::V6(address) => {
                use std::io::Write as _;
                // Writing to a Vec cannot fail.
                let _ = write!(self.out, "[{address}]");
            }
        }
        self.out.push(b':');
        self.integer(endpoint.port);
        self.out.push(b'"');
    }

    /// A string with nine decimals.
    fn timestamp(&mut self, time: Timestamp) {
        self.out.push(b'"');
        let nanos = time.as_nanos();
        if nanos < 0 {
            self.out.push(b'-');
        }
        let nanos = nanos.unsigned_abs();
        self.integer(nanos / 1_000_000_000);
        self.out.push(b'.');
        self.fraction((nanos % 1_000_000_000) as u32, 9);
        self.out.push(b'"');
    }

    /// A number of seconds without trailing zeros and without an exponent.
    fn seconds(&mut self, span: Span) {
        let nanos = span.as_nanos();
        if nanos < 0 {
            self.out.push(b'-');
        }
        let nanos = nanos.unsigned_abs();
        self.integer(nanos / 1_000_000_000);
        let mut fraction = (nanos % 1_000_000_000) as u32;
        if fraction == 0 {
            return;
        }
        let mut digits = 9;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            digits -= 1;
        }
        self.out.push(b'.');
        self.fraction(fraction, digits);
    }

    /// `value` in exactly `digits` digits.
    fn fraction(&mut self, value: u32, digits: usize) {
        let mut text = [b'0'; 9];
        let mut rest = value;
        for place in text[..digits].iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.out.extend_from_slice(&text[..digits]);
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.out.extend_from_slice(b"null"),
        }
        self.comma = true;
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.out.push(b'[');
        self.comma = false;
        for item in items {
            self.separate();
            write(self, item);
        }
        self.out.push(b']');
        self.comma = true;
    }

    fn counts(&mut self, counts: &[(&'static str, u64)]) {
        self.open();
        for (name, count) in counts {
            self.key(name).integer(*count);
        }
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Object<'_>)) -> String {
        let mut out = Vec::new();
        write(&mut Object {
            out: &mut out,
            comma: false,
        });
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
