//! What was found once, as the smallest input that showed it.

use std::net::Ipv4Addr;

use handshake_watch::explain::{
    ConnectionRow, Line, Narrator, Reach, WireEvent, WireHalf, WireStory, Wording,
};
use handshake_watch::render::{self, Glyphs, Style, Width, wire};
use handshake_watch::tcp::{Direction, Endpoint, Flags, Segment, SeqNumber, Side};
use handshake_watch::time::Span;
use handshake_watch::track::{Limits, Tracker};

use super::mutate::HOSTILE;
use super::page::{self, Promise};
use super::scene::plain_segment;
use super::stories::{step, story};

/// A RST takes no number for its bytes. Where FIN or SYN made their count wrap, taking them off again was an overflow.
#[test]
fn a_reset_with_more_bytes_than_numbers() {
    let mut tracker = Tracker::new(Limits::default());
    for (frame, flags, len) in [
        (1, Flags::SYN, 0),
        (2, Flags::RST | Flags::FIN | Flags::SYN, u32::MAX),
        (3, Flags::RST | Flags::FIN, u32::MAX),
    ] {
        tracker.segment(&Segment {
            frame,
            flags,
            len,
            seq: SeqNumber(u32::MAX),
            ..plain_segment()
        });
    }
    tracker.finish();
    assert!(tracker.next_final().is_some(), "one connection");
    assert!(tracker.next_final().is_none(), "and no other");
}

/// Four bits of the option are the subtype; a byte with more of them was shifted out of sixteen.
#[test]
fn a_multipath_subtype_that_no_header_has_room_for() {
    let mut tracker = Tracker::new(Limits::default());
    for (frame, subtype) in (1..).zip([0, 15, 16, u8::MAX]) {
        let mut segment = Segment {
            frame,
            flags: Flags::ACK,
            ..plain_segment()
        };
        segment.options.mptcp_subtype = Some(subtype);
        tracker.segment(&segment);
    }
    tracker.finish();
    assert!(tracker.next_final().is_some(), "one connection");
}

/// Whether a segment is full was asked by adding its options to its bytes, for which there was no room.
#[test]
fn a_pushed_segment_with_more_bytes_than_numbers() {
    let mut tracker = Tracker::new(Limits::default());
    let mut narrator = Narrator::live(Wording {
        full: true,
        ..Wording::default()
    });
    let mut answer = Segment {
        frame: 1,
        flags: Flags::SYN | Flags::ACK,
        ..plain_segment()
    };
    answer.options.mss = Some(1460);
    let data = Segment {
        frame: 2,
        tuple: answer.tuple.reversed(),
        flags: Flags::PSH | Flags::ACK,
        len: u32::MAX,
        ..plain_segment()
    };
    for segment in [answer, data] {
        let change = tracker.segment(&segment);
        let told = narrator.step(&segment, &change, tracker.connection(change.slot));
        let pushed = segment.flags.contains(Flags::PSH);
        let full = told.full.contains("PSH asks to hand") && !told.full.contains("send()");
        assert_eq!(full, pushed, "{}", told.full);
    }
}

/// A column of waits that only some connections have moved the cells behind it in the rows of the others.
#[test]
fn a_column_that_only_some_rows_have() {
    let end = |port| Endpoint {
        address: Ipv4Addr::LOCALHOST.into(),
        port,
    };
    let rows = [None, Some(Span::from_micros(201)), None].map(|waited| ConnectionRow {
        id: 1,
        client: end(50_000),
        server: end(1712),
        verdict: "closed",
        client_bytes: 13,
        server_bytes: 0,
        lasted: Span::from_micros(187),
        retransmissions: 77,
        waited,
        trouble: Vec::new(),
    });
    for columns in [40, 80, 120] {
        let style = Style {
            width: Width::new(columns),
            ..Style::default()
        };
        let mut page = Vec::new();
        render::table::connections(&rows, &style, &mut page).expect("memory");
        let text = String::from_utf8(page).expect("UTF-8");
        let repeated = text.lines().filter(|line| line.trim_end().ends_with("77"));
        assert!(columns < 80 || repeated.count() == 3, "{text}");
        assert_eq!(text.matches("201 µs").count(), 1, "{text}");
    }
}

/// Numbers that are longer than the arrow pushed its head out of the lane, where there was no name to cut.
#[test]
fn an_arrow_is_no_longer_than_its_lane() {
    let numbers =
        "seq 4294967295, ack 4294967295, and more than any lane has room for, however wide";
    for (columns, glyphs) in [20, 33, 40, 57, 80, 100]
        .into_iter()
        .flat_map(|columns| [Glyphs::Unicode, Glyphs::Ascii].map(|glyphs| (columns, glyphs)))
    {
        for (name, numbers) in [
            ("", numbers),
            (numbers, numbers),
            (numbers, ""),
            ("SYN", numbers),
        ] {
            let mut packet = step(1, Direction::ClientToServer, Flags::SYN, name, numbers);
            for line in [Line::Plain, Line::Heavy, Line::Repeat, Line::Lost] {
                packet.arrow.line = line;
                let style = Style {
                    width: Width::new(columns),
                    glyphs,
                    ..Style::default()
                };
                let mut page = Vec::new();
                render::ladder(&story(vec![packet.clone()]), &style, &mut page).expect("memory");
                let promise = Promise {
                    color: false,
                    ascii: glyphs == Glyphs::Ascii,
                    width: Some(columns),
                };
                page::check(&page, promise, "the ladder");
            }
        }
    }
}

/// What is remarkable about a lost packet was written as it was, and margins as long as they were.
#[test]
fn a_wire_is_as_harmless_and_as_narrow_as_a_ladder() {
    // The narrowest ones have no times.
    for (columns, times) in [(wire::NARROWEST, 0), (64, 6), (80, 6), (200, 6)] {
        let mut events = Vec::new();
        for side in [Side::Client, Side::Server] {
            for what in [WireHalf::Leaves, WireHalf::Lost, WireHalf::Arrives] {
                events.push(WireEvent {
                    after: Span::from_micros(-350),
                    side,
                    packet: u64::MAX,
                    what,
                    label: HOSTILE.concat(),
                    tags: HOSTILE.map(str::to_owned).to_vec(),
                    line: Line::Plain,
                    margin: HOSTILE.concat(),
                    note: HOSTILE.concat(),
                    brief: HOSTILE.concat(),
                    full: HOSTILE.concat(),
                    state: None,
                    reach: [Reach::default(); 2],
                    terms: Vec::new(),
                });
            }
        }
        let told = story(Vec::new());
        let story = WireStory {
            title: told.title,
            margins: ["seq", "ack"],
            events,
            conclusion: told.conclusion,
        };
        let style = Style {
            width: Width::new(columns),
            ..Style::default()
        };
        let mut page = Vec::new();
        wire::wire(&story, &[], &style, &mut page).expect("memory");
        let promise = Promise {
            color: false,
            ascii: false,
            width: Some(columns),
        };
        page::check(&page, promise, "the wire");
        let text = String::from_utf8(page).expect("UTF-8");
        let early = text.matches("  -0.3 ").count();
        assert!(early == times && !text.contains(".-"), "{text}");
    }
}
