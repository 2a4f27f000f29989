//! What was found once, as the smallest input that showed it.

use handshake_watch::explain::Line;
use handshake_watch::render::{self, Glyphs, Style, Width};
use handshake_watch::tcp::{Direction, Flags, Segment, SeqNumber};
use handshake_watch::track::{Limits, Tracker};

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
    assert!(tracker.next_final().is_some());
    assert!(tracker.next_final().is_none());
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
