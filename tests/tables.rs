//! Overviews, tables, summaries and plain sentences made from hand-made values.

mod stories;

use handshake_watch::explain::{
    CommonServer, ConnectionRow, Overview, Summary, TroubleGroup, TroubleRow,
};
use handshake_watch::render::{Explain, Glyphs, Style, Width, plain, summary, table};
use handshake_watch::tcp::Endpoint;
use handshake_watch::time::{Span, Timestamp};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use stories::{local, plain_exchange, refused};

fn at(columns: usize) -> Style {
    Style {
        width: Width::new(columns),
        ..Style::default()
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("memory is written");
    String::from_utf8(out).expect("UTF-8")
}

fn endpoint(address: &str, port: u16) -> Endpoint {
    Endpoint {
        address: address.parse().expect("a literal address"),
        port,
    }
}

fn trouble(
    id: u32,
    second: i64,
    client: (&str, u16),
    server: Endpoint,
    lasted: i64,
    what: &str,
) -> TroubleRow {
    TroubleRow {
        id,
        began: Timestamp::new(1_795_315_267 + second, 0),
        client: endpoint(client.0, client.1),
        server,
        lasted: Span::from_millis(lasted),
        what: what.to_owned(),
    }
}

fn night() -> Overview {
    let api = endpoint("10.0.3.17", 8443);
    let database = endpoint("10.0.3.9", 5432);
    Overview {
        source: "api.pcap".into(),
        connections: 500,
        packets: 1_843_201,
        bytes: 901_000_000,
        gaps: "no gaps in the capture".into(),
        period: Some((
            Timestamp::new(1_795_315_267, 0),
            Timestamp::new(1_795_316_173, 0),
        )),
        in_trouble: 12,
        others: vec![
            (397, "closed".into()),
            (82, "still open".into()),
            (9, "joined in the middle".into()),
        ],
        common_server: Some(CommonServer {
            server: api,
            in_trouble: 11,
            connections: 61,
        }),
        groups: vec![
            TroubleGroup {
                heading: "SERVER SILENT".into(),
                total: 5,
                meaning: "request acknowledged within 2 ms, no reply".into(),
                rows: vec![
                    trouble(
                        118,
                        183,
                        ("10.0.1.24", 51844),
                        api,
                        30_100,
                        "no reply 30.0 s; client sent FIN",
                    ),
                    trouble(
                        489,
                        874,
                        ("10.0.1.31", 41766),
                        api,
                        32_000,
                        "no reply 31.9 s; capture ends",
                    ),
                ],
            },
            TroubleGroup {
                heading: "PATH DEAD".into(),
                total: 1,
                meaning: "data repeated, never acknowledged".into(),
                rows: vec![trouble(
                    260,
                    485,
                    ("10.0.3.17", 48810),
                    database,
                    31_000,
                    "1448 B sent 8 times over 25.4 s",
                )],
            },
        ],
        healthy: "Among the other 488 the longest wait for a reply was 2.3 s (#204).".into(),
        hints: vec![
            "ladder: --connection 118".into(),
            "all 500: --all".into(),
            "slowest first: --sort wait".into(),
        ],
    }
}

fn rows() -> Vec<ConnectionRow> {
    let row = |id, server, verdict, server_bytes| ConnectionRow {
        id,
        client: local(52126),
        server,
        verdict,
        client_bytes: 13,
        server_bytes,
        lasted: Span::from_micros(187),
        retransmissions: 0,
        waited: None,
        trouble: Vec::new(),
    };
    vec![
        row(1, local(1712), "closed", 0),
        row(2, endpoint("2001:db8::17", 443), "no_answer", 5_200_000),
    ]
}

#[test]
fn trouble_comes_first_and_grouped() {
    let expected = "\
api.pcap  500 connections, 1 843 201 packets, 901 MB, no gaps in the capture
          2026-11-22 02:41:07 to 02:56:13 UTC (15 min 6 s)
12 in trouble; 488 not (397 closed, 82 still open, 9 joined in the middle)
11 of the 12 went to 10.0.3.17:8443, which has 61 of the 500 connections

    #  began     client            lasted  what happened
── SERVER SILENT  5   request acknowledged within 2 ms, no reply ───────────────
  118  02:44:10  10.0.1.24:51844   30.1 s  no reply 30.0 s; client sent FIN
  489  02:55:41  10.0.1.31:41766   32.0 s  no reply 31.9 s; capture ends
       ··· 3 more ···
── PATH DEAD  1   data repeated, never acknowledged   to 10.0.3.9:5432 ─────────
  260  02:49:12  10.0.3.17:48810   31.0 s  1448 B sent 8 times over 25.4 s
Among the other 488 the longest wait for a reply was 2.3 s (#204).
ladder: --connection 118    all 500: --all    slowest first: --sort wait
";
    assert_eq!(
        text(|out| table::overview(&night(), &at(80), out)),
        expected
    );
}

#[test]
fn a_healthy_capture_says_so() {
    let healthy = Overview {
        source: "fine.pcap".into(),
        connections: 2,
        packets: 16,
        bytes: 1200,
        others: vec![(2, "closed".into())],
        ..Overview::default()
    };
    let expected = "fine.pcap  2 connections, 16 packets, 1.2 kB\nnone in trouble (2 closed)\n";
    assert_eq!(
        text(|out| table::overview(&healthy, &at(80), out)),
        expected
    );
}

#[test]
fn connections_have_a_row_each() {
    let expected = "\
────────────────────────────────────────────────────────────────────────────────────────
#  client           server              verdict        sent  received  lasted  repeated
════════════════════════════════════════════════════════════════════════════════════════
1  127.0.0.1:52126  127.0.0.1:1712      closed         13 B       0 B  187 µs         0
                                        server_silent
2  127.0.0.1:52126  [2001:db8::17]:443  no_answer      13 B    5.2 MB  187 µs         0
────────────────────────────────────────────────────────────────────────────────────────
";
    let mut some = rows();
    some[0].trouble = vec!["server_silent"];
    some[1].trouble = vec!["no_answer"];
    assert_eq!(
        text(|out| table::connections(&some, &at(100), out)),
        expected
    );
}

#[test]
fn addresses_stay_whole() {
    let expected = "\
─────────────────────────────────────────────────────────────────────
#  client, server        verdict    sent  received  lasted  repeated
═════════════════════════════════════════════════════════════════════
1  127.0.0.1:52126       closed     13 B       0 B  187 µs         0
   → 127.0.0.1:1712
2  127.0.0.1:52126       no_answer  13 B    5.2 MB  187 µs         0
   → [2001:db8::17]:443
─────────────────────────────────────────────────────────────────────
";
    assert_eq!(
        text(|out| table::connections(&rows(), &at(75), out)),
        expected
    );
}

/// Beside the other columns an IPv6 address would be broken, an IPv4 one finds room.
#[test]
fn only_addresses_that_find_room_are_in_a_table() {
    let mut long = rows();
    long[1].client = endpoint("2001:db8:ffff:0:1:2:c633:30", 32909);
    assert_eq!(
        text(|out| table::connections(&long, &at(70), out)),
        "\
#1 closed: 127.0.0.1:52126 → 127.0.0.1:1712, sent 13 bytes, received 0
  bytes, lasted 187 µs, repeated 0
#2 no_answer: [2001:db8:ffff:0:1:2:c633:30]:32909 →
  [2001:db8::17]:443, sent 13 bytes, received 5.2 MB, lasted 187 µs,
  repeated 0
"
    );
    let mut short = rows();
    short[1].server = endpoint("198.151.100.248", 44300);
    short[0].trouble = vec!["reset_after_idle"];
    let table = text(|out| table::connections(&short, &at(80), out));
    assert!(table.contains("→ 198.151.100.248:44300\n"), "{table}");
    assert!(
        table.lines().all(|line| line.chars().count() <= 80),
        "{table}"
    );
}

/// The name of a trouble is there to be searched for: where it must be broken, the `_` shows that it goes on.
#[test]
fn what_was_wrong_is_broken_where_its_name_has_a_joint() {
    let mut rows = rows();
    rows[0].trouble = vec!["reset_after_idle", "slow_open"];
    rows[1].server = endpoint("198.151.100.248", 44300);
    for waited in [None, Some(Span::from_secs(5000))] {
        rows[0].waited = waited;
        for columns in 60..130 {
            let drawn = text(|out| table::connections(&rows, &at(columns), out));
            let words: Vec<&str> = drawn.split_whitespace().collect();
            for part in ["reset_after_idle", "slow_open", "no_answer"] {
                let found = words.iter().any(|word| {
                    let begun = word.trim_end_matches([',', ':']);
                    begun == part || begun.ends_with('_') && part.starts_with(begun)
                });
                assert!(found, "{part} in {columns} columns:\n{drawn}");
            }
            assert!(
                drawn.contains("198.151.100.248:44300"),
                "{columns} columns:\n{drawn}"
            );
        }
    }
}

/// Room that a table takes behind its last column counts, too: where just that is missing, nothing may be broken.
#[test]
fn a_table_that_nearly_fits_is_not_broken() {
    let rows = rows();
    for columns in 60..130 {
        let drawn = text(|out| table::connections(&rows, &at(columns), out));
        for row in &rows {
            for address in [row.client.to_string(), row.server.to_string()] {
                assert!(drawn.contains(&address), "{columns} columns:\n{drawn}");
            }
        }
    }
}

#[test]
fn narrow_connections_are_sentences() {
    let expected = "\
#1 closed: 127.0.0.1:52126 → 127.0.0.1:1712, sent
  13 bytes, received 0 bytes, lasted 187 µs,
  repeated 0
";
    assert_eq!(
        text(|out| table::connections(&rows()[..1], &at(50), out)),
        expected
    );
}

#[test]
fn a_run_is_summed_up() {
    let run = Summary {
        source: "lo".into(),
        frames: 1_203,
        segments: 1_200,
        skipped: vec![("not_tcp", 2), ("cut", 1), ("encrypted", 0)],
        connections: 3,
        by_verdict: vec![("refused", 1), ("closed", 2)],
        client_bytes: 13,
        server_bytes: 5_200_000,
        period: Some((
            Timestamp::new(1_795_315_267, 0),
            Timestamp::new(1_795_401_667, 0),
        )),
        capture_dropped: Some(0),
        ..Summary::default()
    };
    let expected = "\
source       lo
time         2026-11-22 02:41:07 to 2026-11-23 02:41:07 UTC (1 d)
packets      1 203, 1 200 TCP segments among them
skipped      3: 2 not_tcp, 1 cut
connections  3: 1 refused, 2 closed
data         13 bytes client→server, 5.2 MB server→client
repeated     0 segments
dropped      0 packets by the capture
";
    assert_eq!(text(|out| summary::summary(&run, &at(80), out)), expected);
}

#[test]
fn plain_sentences_draw_nothing() {
    let style = Style {
        color: true,
        ..at(80)
    };
    let told = text(|out| plain(&plain_exchange(), &style, out));
    let lines: Vec<&str> = told.lines().collect();
    for line in [
        "#1: client 127.0.0.1:52126, server 127.0.0.1:1712, on lo, 8 packets.",
        "#1 open: three-way handshake, 23 µs.",
        "#1 packet 2 at 11 µs: server to client, SYN-ACK seq 0, ack 1. Client ESTABLISHED. \
         Agrees (ack 1: send 1 next), opens its side; connect() can return.",
        "#1 packet 4 at 46 µs: client to server, PSH-ACK 1–13 \"Hello server!\" (13 bytes). \
         Sends 13 bytes.",
        "#1 packet 6 at 57 µs: client to server, FIN-ACK seq 14. Client FIN-WAIT-1, server \
         CLOSE-WAIT. No more bytes from the client; the FIN takes number 14.",
    ] {
        assert!(lines.contains(&line), "{line}\n{told}");
    }
    assert!(
        lines
            .iter()
            .all(|line| !line.contains(['─', '▶', '✔', '\u{1b}'])),
        "{told}"
    );
    let ascii = Style {
        glyphs: Glyphs::Ascii,
        explain: Explain::Full,
        ..at(80)
    };
    let told = text(|out| plain(&refused(), &ascii, out));
    assert!(told.is_ascii(), "{told}");
    assert!(told.ends_with("port?  Try: ss -ltn.\n"), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_line_is_wider_than_asked(
        columns in 20..250_usize,
        ascii in any::<bool>(),
        words in (".{0,40}", ".{0,100}", ".{0,100}"),
        address in any::<u128>(),
        seconds in any::<i32>(),
        id in any::<u32>(),
    ) {
        let style = Style {
            glyphs: if ascii { Glyphs::Ascii } else { Glyphs::Unicode },
            ..at(columns)
        };
        let mut overview = night();
        let strange = Endpoint { address: std::net::IpAddr::V6(address.into()), port: 65535 };
        overview.source = words.0;
        overview.healthy = words.2.clone();
        overview.hints.push(words.1.clone());
        overview.groups[0].rows[1].client = strange;
        overview.groups[0].rows[0].server = strange;
        overview.groups[0].rows[0].lasted = Span::from_secs(i64::from(seconds));
        overview.groups[0].rows[0].id = id;
        overview.groups[1].meaning = words.1;
        overview.groups[1].rows[0].what = words.2;
        if seconds % 2 == 0 {
            overview.period = Some((Timestamp::new(0, 0), Timestamp::new(i64::from(seconds), 0)));
        }
        let mut connections = rows();
        connections[0].client = strange;
        connections[1].trouble = vec!["server_silent", "slow_open"];
        let run = Summary { source: overview.source.clone(), skipped: vec![("not_tcp", u64::MAX)], ..Summary::default() };
        let pages = [
            text(|out| table::overview(&overview, &style, out)),
            text(|out| table::connections(&connections, &style, out)),
            text(|out| summary::summary(&run, &style, out)),
        ];
        for page in pages {
            prop_assert!(!ascii || page.is_ascii(), "{}", page);
            for line in page.lines() {
                prop_assert!(line.width() <= columns, "{} > {}: {:?}\n{}", line.width(), columns, line, page);
            }
        }
    }
}
