//! Screens of ladders that are stepped through: they keep to their size, and say what they have to.

mod stories;

use handshake_watch::explain::{
    Line, Reach, Steps, Story, Tone, WireEvent, WireHalf, WireStory, look_up,
};
use handshake_watch::render::stage::{
    Act, Beat, Board, Hold, Screen, Sidelights, beats, compose, help, wire_beats,
};
use handshake_watch::render::{Explain, Glyphs, Style, Width};
use handshake_watch::tcp::Side;
use handshake_watch::time::Span;
use unicode_width::UnicodeWidthStr;

const FULL: &str = "The client asks for a connection to port 1712 (RFC 9293 section 3.5). The client's initial sequence number \
    is 3696819945, called 0 here; the SYN takes it, so its first byte is 1. It offers to take segments of up to 65495 bytes, to \
    count later windows in units of 1024, selective ACKs and timestamps.";

/// A story with a paragraph for each packet, as beats.
fn told(mut story: Story) -> (Act, Vec<Beat>) {
    for step in &mut story.steps {
        FULL.clone_into(&mut step.full);
    }
    let reach = Reach {
        acknowledged: 13,
        in_flight: 7,
        allowed: Some(65_516),
        next: Some(21),
    };
    let lights = Sidelights {
        reach: vec![[reach; 2]; story.steps.len()],
        terms: vec![vec![look_up("SYN").expect("a term")]; story.steps.len()],
        end_terms: Vec::new(),
    };
    let before = [story.client_before, story.server_before];
    let mut steps = story.steps.as_slice();
    let act = Act::new(story.title, before, steps.highest_frame());
    let beats = beats(0, &mut steps, story.conclusion, lights, true, None);
    (act, beats)
}

/// A wire on which one packet arrives and one is lost.
fn wire() -> (Act, Vec<Beat>) {
    let title = stories::plain_exchange().title;
    let conclusion = stories::plain_exchange().conclusion;
    let event = |packet, side, what, label: &str| WireEvent {
        after: Span::from_micros(1500),
        side,
        packet,
        what,
        label: label.to_owned(),
        tags: if what == WireHalf::Lost {
            vec!["LOST on the wire".to_owned()]
        } else {
            Vec::new()
        },
        line: Line::Plain,
        margin: "1448".to_owned(),
        note: String::new(),
        brief: "1448 bytes for the server".to_owned(),
        full: FULL.to_owned(),
        state: None,
        reach: [Reach::default(); 2],
        terms: Vec::new(),
    };
    let story = WireStory {
        title,
        margins: ["unacked", "next expected"],
        events: vec![
            event(1, Side::Client, WireHalf::Leaves, "1–1448"),
            event(2, Side::Client, WireHalf::Lost, "1449–2896"),
            event(1, Side::Server, WireHalf::Arrives, ""),
            event(3, Side::Server, WireHalf::Leaves, "ack 1449"),
            event(3, Side::Client, WireHalf::Arrives, ""),
        ],
        conclusion,
    };
    (Act::of_wire(&story), wire_beats(0, story, Vec::new()))
}

fn style(columns: usize) -> Style {
    Style {
        width: Width::new(columns),
        explain: Explain::Full,
        ..Style::default()
    }
}

fn screen(
    (act, beats): &(Act, Vec<Beat>),
    shown: usize,
    style: &Style,
    height: usize,
    change: impl FnOnce(&mut Board<'_>),
) -> Screen {
    let shown: Vec<&Beat> = beats.iter().take(shown).collect();
    let counter = format!("{} of {}", shown.len(), beats.len());
    let intro = ["watch for the numbers".to_owned()];
    let mut board = Board {
        act,
        shown: &shown,
        forgotten: 0,
        asks: None,
        intro: &intro,
        counter: &counter,
        origin: "captured a moment ago",
        notice: None,
        scroll: 0,
        hold: if shown.len() < beats.len() {
            Hold::Next
        } else {
            Hold::End
        },
    };
    change(&mut board);
    compose(&board, style, height)
}

#[test]
fn every_screen_keeps_to_its_size() {
    let told = [
        told(stories::plain_exchange()),
        told(stories::refused()),
        wire(),
    ];
    for story in &told {
        for columns in [20, 21, 40, 55, 56, 60, 63, 64, 80, 112, 200] {
            for (glyphs, big) in [
                (Glyphs::Unicode, false),
                (Glyphs::Ascii, false),
                (Glyphs::Unicode, true),
                (Glyphs::Ascii, true),
            ] {
                let style = Style {
                    glyphs,
                    big,
                    ..style(columns)
                };
                for height in [1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 18, 24, 50] {
                    for shown in 0..=story.1.len() {
                        for asks in [None, Some("What comes next? Who sends it?")] {
                            let screen = screen(story, shown, &style, height, |board| {
                                board.asks = asks;
                                board.scroll = shown % 4;
                                board.notice = asks;
                            });
                            assert_eq!(screen.lines.len(), height);
                            for line in &screen.lines {
                                assert!(
                                    line.width() <= columns && !line.contains('\n'),
                                    "{columns}x{height}, {shown}: {line:?}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_current_packet_and_the_keys_are_always_there() {
    let story = told(stories::plain_exchange());
    for (columns, height) in [(60, 18), (80, 24), (40, 10), (200, 50), (60, 8), (40, 6)] {
        for (shown, name) in [(1, "SYN"), (2, "SYN-ACK"), (4, "1–13"), (8, "ack 2")] {
            let lines = screen(&story, shown, &style(columns), height, |_| ()).lines;
            assert!(
                lines.iter().any(|line| line.contains(name)),
                "{columns}x{height}: {name} in\n{}",
                lines.join("\n")
            );
            assert!(lines[height - 1].contains("next"), "{}", lines[height - 1]);
        }
    }
}

#[test]
fn screens_are_as_drawn() {
    let story = told(stories::plain_exchange());
    insta::assert_snapshot!(
        "stage_60x18",
        screen(&story, 4, &style(60), 18, |_| ()).lines.join("\n")
    );
    insta::assert_snapshot!(
        "stage_80x24",
        screen(&story, 8, &style(80), 24, |_| ()).lines.join("\n")
    );
    insta::assert_snapshot!(
        "stage_big_60x18",
        screen(
            &story,
            8,
            &Style {
                big: true,
                ..style(60)
            },
            18,
            |_| ()
        )
        .lines
        .join("\n")
    );
    insta::assert_snapshot!(
        "stage_question_60x18",
        screen(&story, 2, &style(60), 18, |board| {
            board.asks = Some("What comes next?");
        })
        .lines
        .join("\n")
    );
}

#[test]
fn what_scrolled_away_is_counted_and_its_states_stay() {
    let story = told(stories::plain_exchange());
    let lines = screen(&story, 8, &style(60), 12, |_| ()).lines;
    assert!(
        lines[2].contains("6 rows above") && lines[2].contains("FIN-WAIT-1"),
        "{}",
        lines.join("\n")
    );
    let all = screen(&story, 8, &style(60), 30, |_| ()).lines;
    assert!(all[2].contains("CLOSED") && all[2].contains("LISTEN"));
    let forgotten = screen(&story, 8, &style(60), 30, |board| board.forgotten = 100).lines;
    assert!(forgotten[2].contains("100 rows above"));
}

#[test]
fn a_long_explanation_is_read_in_parts_without_a_gap() {
    let story = told(stories::plain_exchange());
    let mut words = Vec::new();
    let mut scroll = 0;
    loop {
        let screen = screen(&story, 1, &style(40), 10, |board| board.scroll = scroll);
        let text = &screen.lines[4..9];
        words.extend(text.iter().cloned());
        match screen.more {
            Some(more) => {
                assert!(screen.lines[9].contains("more"));
                assert!(more > scroll);
                scroll = more;
            }
            None => break,
        }
    }
    let read = words.join(" ");
    for word in FULL.split(' ') {
        assert!(read.contains(word), "{word} was never shown in:\n{read}");
    }
}

#[test]
fn explanations_are_as_long_as_asked_for() {
    let story = told(stories::plain_exchange());
    let lines = |explain| {
        let style = Style {
            explain,
            ..style(80)
        };
        screen(&story, 1, &style, 24, |_| ()).lines.join("\n")
    };
    assert!(lines(Explain::Full).contains("initial sequence number"));
    let brief = lines(Explain::Brief);
    assert!(brief.contains("a clause") || brief.contains("asks to open"));
    assert!(!brief.contains("initial sequence number"));
    assert!(!lines(Explain::None).contains("asks to open"));
}

#[test]
fn the_byte_ruler_has_a_line_for_each_direction() {
    let story = told(stories::plain_exchange());
    let lines = screen(&story, 4, &style(80), 24, |_| ()).lines;
    for name in ["to server", "to client"] {
        let line = lines.iter().find(|line| line.starts_with(name));
        let line = line.expect("a ruler");
        assert!(
            line.contains("13 acknowledged, 7 in flight, 65 516 allowed"),
            "{line}"
        );
    }
    let big = Style {
        big: true,
        ..style(80)
    };
    let lines = screen(&story, 4, &big, 24, |_| ()).lines;
    assert!(!lines.iter().any(|line| line.contains("in flight")));
}

#[test]
fn the_verdict_is_the_last_step() {
    let mut refused = stories::refused();
    refused.conclusion.tone = Tone::Bad;
    let story = told(refused);
    let lines = screen(&story, story.1.len(), &style(60), 18, |_| ()).lines;
    assert!(lines.iter().any(|line| line.starts_with("✗ refused")));
    assert!(lines[17].contains("the end"));
}

#[test]
fn lost_packets_are_named_on_a_wire_at_any_width() {
    let story = wire();
    for columns in [40, 60, 64, 80, 120] {
        let lines = screen(&story, 2, &style(columns), 24, |_| ())
            .lines
            .join("\n");
        assert!(lines.contains("lost") || lines.contains("LOST"), "{lines}");
    }
}

/// Numbers beside the lanes mean nothing without their names, from the last row as little as from the first.
#[test]
fn margins_are_named_on_a_projector() {
    let story = wire();
    for (columns, height) in [(60, 18), (80, 24)] {
        let big = Style {
            big: true,
            ..style(columns)
        };
        let lines = screen(&story, 5, &big, height, |_| ()).lines;
        assert!(lines[1].contains("unacked│"), "{lines:#?}");
        assert!(lines[1].contains("│next expected"), "{lines:#?}");
    }
}

#[test]
fn hostile_names_do_nothing_to_the_terminal() {
    let mut plain = stories::plain_exchange();
    plain.title.remark = "\u{1b}[2J".to_owned();
    plain.steps[0].brief = "\u{1b}]0;owned\u{7}".to_owned();
    let story = told(plain);
    let lines = screen(&story, 1, &style(80), 24, |board| {
        board.notice = Some("\u{1b}[31m");
        board.origin = "\u{9b}2J";
    })
    .lines;
    for line in lines {
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn every_word_of_the_help_can_be_reached() {
    let terms: Vec<_> = ["SYN", "window", "SYN-SENT", "sequence number"]
        .into_iter()
        .filter_map(look_up)
        .collect();
    assert_eq!(terms.len(), 4);
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    let whole: String = terms
        .iter()
        .map(|term| {
            let (name, meaning, text) = (term.name, term.meaning, term.text);
            dense(&format!("{name}: {meaning} {text} {}", term.rfc))
        })
        .collect();
    for (columns, height) in [(60, 18), (40, 10), (20, 3), (80, 3)] {
        let mut scroll = 0;
        // What was read, page by page; only the last page may begin with lines of the one before it.
        let mut read = String::new();
        let last = loop {
            let screen = help(&terms, "packet 1, SYN", scroll, &style(columns), height);
            assert_eq!(screen.lines.len(), height);
            assert!(screen.lines.iter().all(|line| line.width() <= columns));
            let (heading, body) = screen.lines.split_first().expect("a heading");
            assert!(
                "what does this mean: packet 1, SYN".starts_with(heading.trim_end_matches('…'))
            );
            let page = dense(&body[..height - 2].join("\n"));
            match screen.more {
                Some(more) => scroll = more,
                None => break page,
            }
            read.push_str(&page);
        };
        let size = format!("{columns}x{height}");
        assert!(whole.starts_with(&read), "{size}: {read}");
        assert!(whole.ends_with(&last), "{size}: {last}");
        assert!(
            read.len() + last.len() >= whole.len(),
            "{size}: a part is missing"
        );
    }
    // One line has room for nothing but what the keys do.
    let screen = help(&terms, "packet 1, SYN", 0, &style(80), 1);
    assert_eq!(screen.lines.len(), 1);
    assert!(screen.lines[0].contains("Esc back"), "{:?}", screen.lines);
}
