//! Ladders of hand-made stories: the drawings they must equal, and the widths they must keep.

mod stories;

use handshake_watch::calls::{Call, CallName};
use handshake_watch::explain::{self, Arrow, Conclusion, Line, Step, Tone, Weight};
use handshake_watch::render::{
    Explain, Extras, Glyphs, LadderWriter, NotKept, Payload, Style, TimeColumn, Width, ladder,
    ladder_with,
};
use handshake_watch::tcp::{Direction, Flags, Side, TcpState};
use handshake_watch::time::{Span, Timestamp};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use stories::{plain_exchange, refused, step, story};

fn drawn(story: &handshake_watch::explain::Story, style: &Style) -> String {
    let mut out = Vec::new();
    ladder(story, style, &mut out).expect("memory is written");
    String::from_utf8(out).expect("UTF-8")
}

fn at(columns: usize) -> Style {
    Style {
        width: Width::new(columns),
        ..Style::default()
    }
}

/// One of many packets that carry data from the server.
fn bulk(frame: u64) -> Step {
    let numbers = format!("{}–{}", frame * 1400, frame * 1400 + 1399);
    let mut step = step(
        frame,
        Direction::ServerToClient,
        Flags::ACK,
        "ACK",
        &numbers,
    );
    step.weight = Weight::Bulk;
    step.len = 1400;
    step.after = Span::from_micros(frame as i64 * 550);
    step.delta = Span::from_micros(550);
    step.time = step.time + step.after;
    step
}

#[test]
fn plain_exchange_is_as_drawn() {
    let expected = "\
#1  127.0.0.1:52126 (client) → 127.0.0.1:1712 (server)     on lo, 8 packets
 #   after       CLIENT                                           SERVER
                 CLOSED  state after each packet left / arrived   LISTEN
── open: three-way handshake, 23 µs ────────────────────────────────────────────
 1    0 µs     SYN-SENT ────────────── SYN  seq 0 ──────────────▶ SYN-RECEIVED
            asks to open; the SYN takes number 0, so the first byte will be 1
 2   11 µs  ESTABLISHED ◀──────── SYN-ACK  seq 0, ack 1 ─────────
            agrees (ack 1: send 1 next), opens its side; connect() can return
 3   23 µs              ────────────── ACK  ack 1 ──────────────▶ ESTABLISHED
            open both ways; kernels did it, accept() need not have been called
── data ────────────────────────────────────────────────────────────────────────
 4   46 µs              ──── PSH-ACK  1–13 \"Hello server!\" ─────▶
 5   50 µs              ◀───────────── ACK  ack 14 ──────────────
            the server's kernel has 1–13; whether its program read them: unknown
── close: by the client, three packets, 130 µs ─────────────────────────────────
 6   57 µs   FIN-WAIT-1 ─────────── FIN-ACK  seq 14 ────────────▶ CLOSE-WAIT
            no more bytes from the client; the FIN takes number 14
 7  174 µs    TIME-WAIT ◀──────── FIN-ACK  seq 1, ack 15 ──────── LAST-ACK
            closes too; ack 15 = got the FIN: one packet for both, so 3, not 4
 8  187 µs              ────────────── ACK  ack 2 ──────────────▶ CLOSED
✔ closed: 13 bytes to the server, 0 back; the client closed first, in FIN-ACK,
  FIN-ACK, ACK. Its end stays in TIME-WAIT (60 s on Linux); that is normal.
";
    assert_eq!(drawn(&plain_exchange(), &at(80)), expected);
}

#[test]
fn refusal_is_as_drawn() {
    let expected = "\
#1  127.0.0.1:52100 (client) → 127.0.0.1:1712 (no server)    on lo, 2 packets
                 CLOSED                                           CLOSED
 1    0 µs     SYN-SENT ────────────── SYN  seq 0 ──────────────▶
            asks to open port 1712
 2    9 µs       CLOSED ◀━━━━━━━━━━━━ RST-ACK  ack 1 ━━━━━━━━━━━━
            the kernel there answers \"nobody listens\"; ack 1 ties it to line 1
            (a reset for a closed port has the real sequence number 0: RFC 9293)
✗ refused: connect() fails with ECONNREFUSED, \"Connection refused\". The host was
  reached, and it (or a firewall that answers for it) said no. Silence would be
  \"no_answer\". Is the server running, on this address and port?  Try: ss -ltn
";
    let style = Style {
        legend: false,
        ..at(80)
    };
    assert_eq!(drawn(&refused(), &style), expected);
}

#[test]
fn ascii_says_the_same() {
    let style = Style {
        glyphs: Glyphs::Ascii,
        legend: false,
        ..at(80)
    };
    let text = drawn(&refused(), &style);
    assert!(text.is_ascii(), "{text}");
    for line in [
        " 1    0 us     SYN-SENT -------------- SYN  seq 0 -------------->",
        " 2    9 us       CLOSED <============ RST-ACK  ack 1 ============",
        "x refused: connect() fails with ECONNREFUSED, \"Connection refused\". The host was",
    ] {
        assert!(text.lines().any(|drawn| drawn == line), "{line}\n{text}");
    }
}

#[test]
fn rows_close_together_have_different_times() {
    let afters = [0, 999, 1_234_000, 43_840_000, 1_015_400_000, 1_015_420_000];
    let afters = afters.into_iter().chain([12_345_600_000, 123_456_000_000]);
    let mut before = Span::ZERO;
    let steps = afters.zip(1..).map(|(nanos, frame)| {
        let mut step = bulk(frame);
        step.after = Span::from_nanos(nanos);
        step.delta = step.after - before;
        before = step.after;
        step
    });
    let story = story(steps.collect());
    let times = |columns: usize| -> Vec<String> {
        let style = Style {
            fold: false,
            ..at(columns)
        };
        let text = drawn(&story, &style);
        let rows = text.lines().filter(|line| line.contains('◀'));
        rows.map(|row| row.chars().skip(2).take(8).collect::<String>())
            .map(|time| time.trim().to_owned())
            .collect()
    };
    let narrow = "0 µs, 1 µs, 1.23 ms, 43.8 ms, 1.015 s, +20 µs, 12.35 s, 123.5 s";
    assert_eq!(times(80).join(", "), narrow);
    // A wide ladder has a column for what lies between two packets.
    assert_eq!(times(100).join(", "), narrow.replace("+20 µs", "1.015 s"));
}

#[test]
fn sixty_columns_keep_labels_and_states() {
    let text = drawn(&plain_exchange(), &at(60));
    for line in [
        " 1     SYN-SENT ───────── SYN  seq 0 ─────────▶ SYN-RECEIVED",
        " 2  ESTABLISHED ◀─── SYN-ACK  seq 0, ack 1 ────",
        " 4              ─ PSH-ACK  1–13 \"Hello ser…\" ─▶",
    ] {
        assert!(text.lines().any(|drawn| drawn == line), "{line}\n{text}");
    }
}

#[test]
fn narrow_lines_are_a_list() {
    let text = drawn(&plain_exchange(), &at(50));
    for line in [
        " 1    0 µs C→S SYN  seq 0",
        "   client SYN-SENT, server SYN-RECEIVED",
    ] {
        assert!(text.lines().any(|drawn| drawn == line), "{line}\n{text}");
    }
}

#[test]
fn wide_lines_show_deltas_and_details() {
    let text = drawn(&plain_exchange(), &at(140));
    let syn = text
        .lines()
        .find(|line| line.contains("SYN  seq 0"))
        .expect("the SYN's row");
    assert!(
        syn.ends_with("  mss 65495, sack, wscale 10, window 65495"),
        "{syn}"
    );
    let ack = text
        .lines()
        .find(|line| line.starts_with(" 3 "))
        .expect("the third row");
    assert!(ack.starts_with(" 3   23 µs   12 µs "), "{ack}");
}

#[test]
fn every_kind_of_line_has_its_shape() {
    let mut story = story(vec![
        step(
            1,
            Direction::ClientToServer,
            Flags::ACK,
            "RETRANS of 5",
            "1–1448",
        ),
        step(
            2,
            Direction::ServerToClient,
            Flags::ACK,
            "RETRANS of 6",
            "1–1448",
        ),
        step(3, Direction::ClientToServer, Flags::ACK, "ACK", "1–1448"),
        step(4, Direction::ServerToClient, Flags::ACK, "ACK", "1–1448"),
    ]);
    for (step, line) in
        story
            .steps
            .iter_mut()
            .zip([Line::Repeat, Line::Repeat, Line::Lost, Line::Lost])
    {
        step.arrow.line = line;
    }
    let text = drawn(&story, &at(80));
    for line in [
        " 1    0 µs              ──────── RETRANS of 5  1–1448 ────────▶▶▶",
        " 2    0 µs              ◀◀◀──────── RETRANS of 6  1–1448 ────────",
        " 3    0 µs              ───── ACK  1–1448 ──────╳ LOST",
        " 4    0 µs                         LOST ╳───── ACK  1–1448 ──────",
    ] {
        assert!(text.lines().any(|drawn| drawn == line), "{line}\n{text}");
    }
}

#[test]
fn what_finds_no_room_on_the_arrow_stands_below() {
    let mut with_tags = step(7, Direction::ServerToClient, Flags::ACK, "ACK", "ack 1449");
    with_tags.arrow.tags = vec!["DUP-ACK #2".into(), "ZERO-WIN".into()];
    let one = story(vec![with_tags]);
    let room = drawn(&one, &at(80));
    assert!(
        room.contains(" ACK  ack 1449  DUP-ACK #2  ZERO-WIN ─"),
        "{room}"
    );
    let none = drawn(&one, &at(60));
    assert!(none.contains(" ACK  ack 1449  DUP-ACK #2 ─"), "{none}");
    assert!(none.contains("\n    ZERO-WIN: a clause\n"), "{none}");

    let long = story(vec![step(
        7,
        Direction::ClientToServer,
        Flags::ACK,
        "FAST-RETRANS of 1234567",
        "144900–289600",
    )]);
    let text = drawn(
        &long,
        &Style {
            explain: Explain::None,
            ..at(56)
        },
    );
    assert!(text.contains(" FAST-R…  144900–289600 "), "{text}");
    assert!(text.contains("\n    FAST-RETRANS of 1234567\n"), "{text}");
}

#[test]
fn of_numbers_that_find_no_room_the_first_stay() {
    let duplicate = story(vec![step(
        7,
        Direction::ServerToClient,
        Flags::ACK,
        "ACK",
        "ack 1449, SACK 2897–4344",
    )]);
    let text = drawn(&duplicate, &at(60));
    assert!(text.contains("◀────── ACK  ack 1449, … ──────"), "{text}");
    assert!(text.contains("\n    SACK 2897–4344: a clause\n"), "{text}");
}

#[test]
fn payload_is_quoted_escaped_and_cut() {
    let draw = |payload: &[u8], len: u32, columns: usize| {
        let mut hello = step(4, Direction::ClientToServer, Flags::ACK, "PSH-ACK", "1–99");
        hello.preview = handshake_watch::tcp::Preview::of(payload);
        hello.len = len;
        drawn(&story(vec![hello]), &at(columns))
    };
    let get = draw(b"GET /index.html HTTP/1.1\r\n", 26, 80);
    assert!(
        get.contains(" PSH-ACK  1–99 \"GET /index.html HTT…\" "),
        "{get}"
    );
    let hostile = draw(b"\x1b]0;owner\x07\"\xff", 12, 80);
    assert!(hostile.contains("\"\\x1b]0;owner\\x07\\\"…\""), "{hostile}");
    let tls = draw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 517, 80);
    assert!(tls.contains("\"\\x16\\x03\\x01\\x02…\""), "{tls}");
}

#[test]
fn uneventful_stretches_are_folded_and_named() {
    let mut steps = plain_exchange().steps;
    let closing = steps.split_off(5);
    let fin_at = 5 + 3_812 + 4;
    steps.extend((0..3_812 + 4).map(|index| bulk(6 + index)));
    steps.extend(closing.into_iter().enumerate().map(|(index, mut step)| {
        step.frame = fin_at + 1 + index as u64;
        step
    }));
    let mut folded = plain_exchange();
    folded.steps = steps;
    let text = drawn(&folded, &at(80));
    assert!(text.lines().count() < 40, "{text}");
    let fold = text
        .lines()
        .find(|line| line.contains("···"))
        .expect("a folded stretch");
    assert!(
        fold.contains(" packets, 5.3 MB server→client in "),
        "{fold}"
    );
    assert!(fold.ends_with("nothing unusual ···"), "{fold}");
    let unfolded = drawn(
        &folded,
        &Style {
            fold: false,
            ..at(80)
        },
    );
    assert!(unfolded.lines().count() > 3_812);
}

#[test]
fn trouble_keeps_its_neighbours() {
    let mut steps: Vec<Step> = (1..=101).map(bulk).collect();
    steps[50].weight = Weight::Trouble;
    steps[50].arrow.name = "RETRANS of 49".into();
    let text = drawn(
        &story(steps),
        &Style {
            explain: Explain::AtTrouble,
            ..at(80)
        },
    );
    let numbers: Vec<u64> = text
        .lines()
        .filter(|line| line.contains('▶') || line.contains('◀'))
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    assert_eq!(numbers, [1, 2, 49, 50, 51, 52, 53, 100, 101]);
    assert_eq!(text.matches("a clause").count(), 1, "{text}");
}

#[test]
fn pauses_have_a_row() {
    let mut story = plain_exchange();
    story.steps[5].delta = Span::from_millis(9_970);
    let text = drawn(&story, &at(80));
    assert!(text.contains("\n   ··· 10.0 s idle ···\n"), "{text}");
}

#[test]
fn packets_that_were_not_kept_are_admitted() {
    let story = plain_exchange();
    let mut out = Vec::new();
    let extras = Extras {
        not_kept: Some(NotKept {
            before: 5,
            packets: 12_345,
        }),
        payload: None,
        ..Extras::default()
    };
    ladder_with(&story, &at(80), extras, &mut out).expect("memory is written");
    let text = String::from_utf8(out).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .position(|line| *line == "   ··· 12 345 packets not kept ···");
    let next = lines[at.expect("the row") + 1];
    assert!(next.starts_with("── close"), "{next}");
}

/// The plain exchange with what its client called.
fn drawn_with_calls(style: &Style) -> String {
    let story = plain_exchange();
    let times: Vec<Timestamp> = story.steps.iter().map(|step| step.time).collect();
    let call = |call, side, begin: i64, lasted: i64, result: Result<i64, i32>| Call {
        time: times[0] + Span::from_micros(begin),
        side,
        call,
        result: result.ok(),
        errno: result.err(),
        duration: Span::from_micros(lasted),
        socket: None,
    };
    let calls = [
        call(CallName::Connect, Side::Client, -20, 50, Ok(0)),
        call(CallName::Accept, Side::Server, 32, 3, Ok(4)),
        call(CallName::Recv, Side::Server, 52, 1, Err(libc::ECONNRESET)),
    ];
    let rows = explain::call_rows(&calls, &times);
    let extras = Extras {
        calls: &rows,
        ..Extras::default()
    };
    let mut out = Vec::new();
    ladder_with(&story, style, extras, &mut out).expect("memory is written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn system_calls_stand_beside_the_lane_of_their_end() {
    let text = drawn_with_calls(&at(80));
    let lines: Vec<&str> = text.lines().collect();
    let row = |words: &str| {
        let at = lines.iter().position(|line| line.contains(words));
        at.unwrap_or_else(|| panic!("no {words} in\n{text}"))
    };
    assert!(row("connect() called") < row("SYN  seq 0"), "{text}");
    assert!(
        row("ACK  ack 1 ") < row("connect() = 0, after 50 µs"),
        "{text}"
    );
    let called = "    -20 µs              connect() called";
    assert_eq!(lines[row("connect() called")], called);
    let accepted = "     32 µs                                           accept() = 4";
    assert_eq!(lines[row("accept() = 4")], accepted);
    assert!(row("accept() = 4") < row("1–13"), "{text}");
    assert!(text.contains("recv() = -1 ECONNRESET"), "{text}");
}

#[test]
fn rows_of_calls_are_no_wider_than_asked() {
    for columns in Width::MIN..=200 {
        for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
            let style = Style {
                glyphs,
                ..at(columns)
            };
            let text = drawn_with_calls(&style);
            assert!(text.contains("accept()"), "{columns}:\n{text}");
            for line in text.lines() {
                assert!(line.width() <= columns, "{columns}: {line}");
            }
        }
    }
}

#[test]
fn payload_is_asked_for_by_frame() {
    let story = plain_exchange();
    let payload = Payload::of(b"Hello server!", 13);
    let of = |frame: u64| (frame == 4).then_some(payload);
    let extras = Extras {
        not_kept: None,
        payload: Some(&of),
        ..Extras::default()
    };
    let mut out = Vec::new();
    ladder_with(
        &story,
        &Style {
            payload: true,
            ..at(80)
        },
        extras,
        &mut out,
    )
    .expect("memory");
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(
        text.contains("0000  48 65 6c 6c 6f 20 73 65 72 76 65 72 21"),
        "{text}"
    );
}

#[test]
fn absolute_times_name_their_zone() {
    let style = Style {
        time: TimeColumn::Absolute,
        ..at(100)
    };
    let text = drawn(&plain_exchange(), &style);
    assert!(text.contains(" #      time (UTC)"), "{text}");
    assert!(text.contains("\n 2 02:57:03.238277"), "{text}");
}

#[test]
fn a_live_ladder_equals_that_of_the_finished_story() {
    let story = plain_exchange();
    let mut out = Vec::new();
    let mut writer = LadderWriter::new(at(80));
    let before = [story.client_before, story.server_before];
    writer
        .begin(&story.title, before, &mut out)
        .expect("memory");
    for step in &story.steps {
        writer.step(step, &mut out).expect("memory");
    }
    writer
        .conclude(&story.title, &story.conclusion, &mut out)
        .expect("memory");
    assert_eq!(
        String::from_utf8(out).expect("UTF-8"),
        drawn(&story, &at(80))
    );
}

#[test]
fn interleaved_connections_are_told_apart() {
    let first = plain_exchange();
    let mut second = refused();
    second.title.id = 2;
    for step in &mut second.steps {
        step.connection = 2;
    }
    second.steps[1].time = first.steps[3].time + Span::from_secs(2);
    let mut out = Vec::new();
    let mut writer = LadderWriter::new(Style {
        explain: Explain::None,
        ..at(80)
    });
    writer
        .begin(&first.title, [None, None], &mut out)
        .expect("memory");
    writer.step(&first.steps[0], &mut out).expect("memory");
    writer
        .begin(&second.title, [None, None], &mut out)
        .expect("memory");
    writer.step(&second.steps[0], &mut out).expect("memory");
    writer.step(&first.steps[3], &mut out).expect("memory");
    writer.step(&second.steps[1], &mut out).expect("memory");
    writer
        .conclude(&second.title, &second.conclusion, &mut out)
        .expect("memory");
    let text = String::from_utf8(out).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    let starts = [
        "#1  127.0.0.1:52126 (client)",
        " #   after",
        "── open:",
        " 1    0 µs     SYN-SENT ──",
        "#2  127.0.0.1:52100 (client)",
        "#2  1    0 µs     SYN-SENT ──",
        "── #1 data ──",
        "#1  4   46 µs              ──",
        "      ··· 2.0 s idle ···",
        "#2  127.0.0.1:52100 → 127.0.0.1:1712",
        "#2  2    9 µs       CLOSED ◀",
        "✗ #2 refused: ",
    ];
    let lines: Vec<&str> = lines
        .into_iter()
        .filter(|line| !line.contains("state after"))
        .collect();
    assert!(lines.len() >= starts.len(), "{text}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(
            line.starts_with(start),
            "{start:?} is not the start of {line:?}\n{text}"
        );
    }
}

#[test]
fn hostile_names_are_harmless() {
    let mut story = refused();
    story.title.remark = "on \u{1b}[2J\u{202e}eth0\n".into();
    let text = drawn(&story, &at(100));
    assert!(text.contains("on \\x1b[2J\\u{202e}eth0\\n"), "{text}");
}

fn without_colors(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..start]);
        let end = rest[start..].find('m').expect("a colour ends in m");
        rest = &rest[start + end + 1..];
    }
    plain.push_str(rest);
    plain
}

#[test]
fn colours_change_nothing_but_colours() {
    let plain = drawn(&plain_exchange(), &at(80));
    let colored = drawn(
        &plain_exchange(),
        &Style {
            color: true,
            ..at(80)
        },
    );
    assert_ne!(plain, colored);
    assert_eq!(without_colors(&colored), plain);
}

prop_compose! {
    fn any_step()(
        frame in prop_oneof![1..100_u64, any::<u64>()],
        nanos in any::<i64>(),
        after in prop_oneof![0..10_000_000_i64, any::<i64>()],
        to_server in any::<bool>(),
        name in "[A-Z]{1,12}( of [0-9]{1,9})?",
        numbers in "(seq [0-9]{1,10}(, ack [0-9]{1,10})?|[0-9]{1,5}–[0-9]{1,9})?",
        tags in proptest::collection::vec("[A-Z-]{1,12}( #[0-9])?", 0..3),
        line in prop_oneof![Just(Line::Plain), Just(Line::Heavy), Just(Line::Repeat), Just(Line::Lost)],
        weight in prop_oneof![Just(Weight::Bulk), Just(Weight::Frame), Just(Weight::Trouble)],
        states in any::<(bool, bool)>(),
        heading in proptest::option::of(".{0,60}"),
        words in (".{0,100}", ".{0,200}", ".{0,60}"),
        payload in proptest::collection::vec(any::<u8>(), 0..40),
        connection in 1..4_u32,
    ) -> Step {
        let direction = if to_server { Direction::ClientToServer } else { Direction::ServerToClient };
        let mut step = step(frame, direction, Flags::ACK, &name, &numbers);
        step.connection = connection;
        step.time = Timestamp::from_nanos(nanos);
        step.after = Span::from_nanos(after);
        step.delta = Span::from_nanos(after / 2);
        step.arrow = Arrow { name, numbers, tags, line };
        step.client = states.0.then_some(TcpState::SynReceived);
        step.server = states.1.then_some(TcpState::Established);
        step.heading = heading;
        (step.brief, step.full, step.details) = words;
        step.weight = weight;
        step.preview = handshake_watch::tcp::Preview::of(&payload);
        step.len = payload.len() as u32;
        step
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_line_is_wider_than_asked(
        steps in proptest::collection::vec(any_step(), 0..12),
        columns in 20..250_usize,
        ascii in any::<bool>(),
        fold in any::<bool>(),
        live in any::<bool>(),
        absolute in any::<bool>(),
        remark in ".{0,60}",
        text in ".{0,200}",
    ) {
        let mut story = story(steps);
        story.title.remark = remark;
        story.conclusion = Conclusion { tone: Tone::Bad, word: "no_answer", text, advice: Some("Try: ss -ltn".into()) };
        let style = Style {
            glyphs: if ascii { Glyphs::Ascii } else { Glyphs::Unicode },
            explain: Explain::Full,
            time: if absolute { TimeColumn::Absolute } else { TimeColumn::Relative },
            fold,
            ..at(columns)
        };
        let mut out = Vec::new();
        if live {
            let mut writer = LadderWriter::new(style);
            for id in 1..4 {
                story.title.id = id;
                writer.begin(&story.title, [None, Some(TcpState::Listen)], &mut out).expect("memory");
            }
            for step in &story.steps {
                writer.step(step, &mut out).expect("memory");
                writer.payload(Payload::of(step.preview.bytes(), step.len + 1), &mut out).expect("memory");
            }
            writer.conclude(&story.title, &story.conclusion, &mut out).expect("memory");
        } else {
            ladder(&story, &style, &mut out).expect("memory");
        }
        let text = String::from_utf8(out).expect("UTF-8");
        prop_assert!(!ascii || text.is_ascii(), "{}", text);
        for line in text.lines() {
            prop_assert!(line.width() <= columns, "{} > {}: {:?}\n{}", line.width(), columns, line, text);
        }
        for step in &story.steps {
            if !fold {
                let shown: String = text.split_whitespace().collect();
                for tag in &step.arrow.tags {
                    let tag: String = tag.split_whitespace().collect();
                    prop_assert!(shown.contains(&tag), "{tag} is lost\n{text}");
                }
            }
        }
    }
}
