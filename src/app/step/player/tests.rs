use std::sync::mpsc;

use super::*;
use crate::app::step::program::{Full, Held};
use crate::explain::Moment;
use crate::render::stage::What;
use crate::tcp::Side;
use crate::time::{Span, Timestamp};

/// Screens that nobody sees.
#[derive(Default)]
struct Shown(Vec<Vec<String>>);

impl Surface for Shown {
    fn size(&self) -> Option<(usize, usize)> {
        Some((60, 18))
    }

    fn show(&mut self, lines: &[String]) -> io::Result<()> {
        self.0.push(lines.to_vec());
        Ok(())
    }
}

fn program(asks: bool) -> Program {
    Program {
        origin: "captured a moment ago".to_owned(),
        intro: vec!["the beginning".to_owned()],
        question: None,
        style: Style::default(),
        columns: None,
        speed: None,
        raw_seq: false,
        asks,
    }
}

fn beat(words: &str) -> Beat {
    Beat {
        act: 0,
        what: What::Several {
            words: words.to_owned(),
            packets: 1,
        },
        phase: Some("open: three-way handshake".to_owned()),
        reach: None,
        terms: Vec::new(),
    }
}

fn play(asks: bool) -> Play {
    let mut play = Play::new(asks);
    play.begin(Act::nothing());
    for words in ["one", "two", "three"] {
        play.add(beat(words));
    }
    play
}

/// The screen after each of these keys, and the one before them.
fn screens(asks: bool, keys: &[Key]) -> Vec<String> {
    let mut player = Player::new(play(asks), program(asks), Supply::Whole);
    let mut shown = Shown::default();
    player.show(&mut shown).expect("memory");
    for key in keys {
        if player.take(Event::Key(*key)) == Flow::Ends {
            break;
        }
        player.show(&mut shown).expect("memory");
    }
    shown.0.iter().map(|lines| lines.join("\n")).collect()
}

#[test]
fn going_back_shows_what_was_there() {
    for asks in [false, true] {
        let there = [Key::Next; 8];
        let forth = screens(asks, &there);
        let back = screens(asks, &[there, [Key::Back; 8]].concat());
        let returned: Vec<&String> = back[forth.len() - 1..].iter().rev().collect();
        let steps = if asks { 6 } else { 3 };
        for (at, screen) in forth.iter().take(steps + 1).enumerate() {
            // At the end more keys change nothing, in either direction.
            assert_eq!(
                returned[at + 8 - steps],
                screen,
                "{at} of {steps}, asks: {asks}"
            );
        }
    }
}

#[test]
fn a_question_comes_before_the_answer() {
    let shown = screens(true, &[Key::Next, Key::Next]);
    assert!(shown[1].contains("What comes next?"), "{}", shown[1]);
    assert!(!shown[1].contains("··· one"), "{}", shown[1]);
    assert!(shown[2].contains("··· one"), "{}", shown[2]);
    // What the handshake will be is not given away by its heading.
    assert!(!shown[2].contains("three-way"), "{}", shown[2]);
}

#[test]
fn calls_are_no_question_and_no_packet() {
    use crate::calls::{Call, CallName};
    let call = Call {
        time: Timestamp::from_nanos(0),
        side: Side::Client,
        call: CallName::Send,
        result: Some(13),
        errno: None,
        duration: Span::ZERO,
        socket: None,
    };
    let row = explain::call_row(&call, Moment::Whole, call.time);
    let mut play = play(true);
    play.add(Beat::of_call(0, row, None, None));
    let mut player = Player::new(play, program(true), Supply::Whole);
    for _ in 0..6 {
        player.forward();
    }
    assert_eq!(player.counter(), "3 of 3");
    assert_eq!(player.play.waiting(), 1);
    player.forward();
    assert_eq!(player.play.waiting(), 0, "it is shown at once");
    assert_eq!(player.counter(), "3 of 3");
    assert!(player.play.back());
    assert!(!player.play.asking(), "and taken back at once");
}

#[test]
fn restart_last_help_and_quit() {
    let shown = screens(
        false,
        &[
            Key::Last,
            Key::Restart,
            Key::Next,
            Key::Help,
            Key::Quit,
            Key::Next,
            Key::Quit,
        ],
    );
    assert!(shown[1].contains("··· three"));
    assert_eq!(shown[2], shown[0]);
    assert!(shown[4].contains("what does this mean"));
    assert_eq!(shown[5], shown[3], "q leaves the words first");
    assert!(shown[6].contains("··· two"));
    assert_eq!(shown.len(), 7, "and then the program");
}

#[test]
fn what_waits_is_counted_until_it_is_seen() {
    let held = Held::new();
    let mut player = Player::new(Play::new(false), program(false), Supply::Live(&held));
    let (sender, events) = mpsc::channel();
    let mut shown = Shown::default();
    let send = |event| sender.send(event).expect("a listener");
    send(Event::Begins(Box::new(Act::nothing())));
    for words in ["one", "two", "three"] {
        assert!(held.admits(Full::Drop));
        send(Event::Told(Box::new(beat(words)), 1));
    }
    for event in [Key::Next, Key::Back, Key::Next, Key::Next, Key::Interrupt] {
        send(Event::Key(event));
    }
    player.run(&events, &mut shown).expect("memory");
    assert_eq!(player.play.at(), 2);
    assert!(player.origin().ends_with("; 1 more wait"));
    assert!(player.counter().contains("so far"));
}

#[test]
fn a_capture_that_goes_on_for_days_is_bounded() {
    use crate::app::step::play::KEPT;
    let held = Held::new();
    let mut player = Player::new(Play::new(false), program(false), Supply::Live(&held));
    player.take(Event::Begins(Box::new(Act::nothing())));
    for index in 0..KEPT + 5 {
        if held.admits(Full::Drop) {
            player.take(Event::Told(Box::new(beat(&index.to_string())), 1));
        }
    }
    assert_eq!((player.play.waiting(), player.supply.dropped()), (KEPT, 5));
    // What was seen makes room, and the oldest of it is let go.
    for index in 0..KEPT {
        player.take(Event::Key(Key::Next));
        assert!(held.admits(Full::Drop), "{index}");
        player.take(Event::Told(Box::new(beat("more")), 1));
    }
    for _ in 0..20 {
        player.take(Event::Key(Key::Next));
    }
    let (kept, forgotten) = player.play.revealed(0);
    assert_eq!((kept.len(), forgotten), (KEPT, 20));
}

#[test]
fn slow_motion_waits_as_long_as_the_packets_did() {
    let speed = crate::cli::parse_speed("0.5x").expect("a speed");
    let mut slow = program(false);
    slow.speed = Some(speed);
    let mut player = Player::new(play(false), slow, Supply::Whole);
    player.look_ahead();
    assert!(player.due.is_some(), "it begins by itself");
    player.take(Event::Key(Key::Next));
    assert_eq!((player.due, player.play.at()), (None, 0), "Space holds");
    player.take(Event::Key(Key::Next));
    assert_eq!((player.due, player.play.at()), (None, 1), "and then steps");
    player.take(Event::Key(Key::Play));
    assert!(player.due.is_some());
}

/// Words that were said now, and what is on the screen after each of these keys.
fn notices(tone: Tone, keys: usize) -> Vec<bool> {
    let held = Held::new();
    let mut player = Player::new(play(false), program(false), Supply::Live(&held));
    player.take(Event::Said("the server is\nstopped".to_owned(), tone));
    (0..=keys)
        .map(|_| {
            let mut shown = Shown::default();
            player.show(&mut shown).expect("memory");
            player.take(Event::Key(Key::Next));
            shown.0[0].join("\n").contains("the server is stopped")
        })
        .collect()
}

#[test]
fn what_is_said_of_packets_comes_after_them() {
    assert_eq!(notices(Tone::Note, 3), [false, false, false, true]);
    assert_eq!(notices(Tone::Problem, 3), [true, false, false, false]);
}

#[test]
fn what_waits_and_what_was_seen_are_counted_alike() {
    let held = Held::new();
    let mut play = play(false);
    play.add(Beat {
        what: What::Several {
            words: "no packet of its own, as a verdict".to_owned(),
            packets: 0,
        },
        ..beat("")
    });
    let mut player = Player::new(play, program(false), Supply::Live(&held));
    let mut counts = Vec::new();
    for _ in 0..4 {
        counts.push((player.counter(), player.origin()));
        player.take(Event::Key(Key::Next));
    }
    let origin = |rest: &str| format!("captured a moment ago{rest}");
    let counts: Vec<(&str, String)> = counts
        .iter()
        .map(|(counter, origin)| (counter.as_str(), origin.clone()))
        .collect();
    assert_eq!(
        counts,
        [
            ("0 of 3 so far", origin("; 3 more wait")),
            ("1 of 3 so far", origin("; 2 more wait")),
            ("2 of 3 so far", origin("; 1 more wait")),
            ("3 of 3 so far", origin("")),
        ]
    );
}

#[test]
fn help_before_the_first_packet_is_about_what_comes() {
    let shown = screens(false, &[Key::Help, Key::Escape, Key::Next, Key::Help]);
    assert!(shown[1].contains("the beginning"), "{}", shown[1]);
    assert!(
        shown[1].contains("What comes: one packet at a time"),
        "{}",
        shown[1]
    );
    assert!(
        shown[1].contains("Space, Enter or the right arrow"),
        "{}",
        shown[1]
    );
    assert_eq!(shown[2], shown[0]);
    assert!(shown[4].contains("what does this mean"), "{}", shown[4]);
}
