//! The byte ruler: a line per direction that shows what is acknowledged, in flight, and allowed by the window.
//!
//! Comes in: how far both directions have got. Goes out: two lines. The three parts of a bar follow each other as the
//! numbers do. What is acknowledged only grows, so it gets at most a third of the bar; each part that is not empty has at
//! least one column, so that 13 bytes beside a window of 65 536 can be seen.

use crate::explain::Reach;
use crate::render::line::Line;
use crate::render::measure::width;
use crate::render::style::{Glyphs, Ink, Style};

/// A bar shorter than this shows nothing.
const BAR_MIN: usize = 6;
/// A longer one is hard to compare with the line below it.
const BAR_MAX: usize = 40;
/// Columns for the words, so that bars do not change their length with every number: `13 acknowledged, 0 in flight, 65 523
/// allowed` and some more.
const WORDS: usize = 46;
/// From this many columns on directions are named in words.
const WIDE: usize = 72;

/// Puts one line for the direction from the client (0) or from the server (1).
pub(super) fn ruler(line: &mut Line, way: usize, reach: Reach, style: &Style) {
    let columns = style.width.columns();
    let ink = [Ink::ToServer, Ink::ToClient][way.min(1)];
    let name = match (way, columns >= WIDE) {
        (0, true) => "to server ",
        (_, true) => "to client ",
        (0, false) => "C→S ",
        (_, false) => "S→C ",
    };
    line.put(name, ink);
    let left = columns.saturating_sub(line.width());
    let words = reach.in_words();
    let short = reach.in_short();
    let bar = left.saturating_sub(WORDS.max(width(&words)) + 2);
    if bar >= BAR_MIN {
        draw(line, reach, bar.min(BAR_MAX), ink, style.glyphs);
        line.put_clean("  ", Ink::Plain);
        line.put(&words, Ink::Plain);
        return;
    }
    let bar = left.saturating_sub(width(&short) + 2);
    if bar >= BAR_MIN {
        draw(line, reach, bar.min(BAR_MAX), ink, style.glyphs);
        line.put_clean("  ", Ink::Plain);
    }
    let short = line.clean(&short).into_owned();
    let room = columns.saturating_sub(line.width());
    line.put_cut(&short, room, Ink::Plain);
}

fn draw(line: &mut Line, reach: Reach, columns: usize, ink: Ink, glyphs: Glyphs) {
    let [solid, light, dots] = match glyphs {
        Glyphs::Unicode => ["▓", "░", "·"],
        Glyphs::Ascii => ["#", "=", "."],
    };
    let [acknowledged, in_flight, allowed] = share(reach, columns);
    let begin = line.width();
    for (glyph, count) in [(solid, acknowledged), (light, in_flight), (dots, allowed)] {
        line.put_clean(&glyph.repeat(count), ink);
    }
    line.pad_to(begin + columns);
}

/// Columns of the three parts, together at most `columns`.
fn share(reach: Reach, columns: usize) -> [usize; 3] {
    let in_flight = f64::from(reach.in_flight);
    let allowed = f64::from(reach.allowed.unwrap_or(0));
    let acknowledged = reach.acknowledged as f64;
    let total = acknowledged + in_flight + allowed;
    if total <= 0.0 {
        return [0; 3];
    }
    let part = |part: f64, of: f64, room: usize, least: usize| -> usize {
        if part <= 0.0 || room == 0 {
            return 0;
        }
        // At most the room, which is some tens.
        ((part / of * room as f64).round() as usize).clamp(least.min(room), room)
    };
    let first = part(acknowledged, total, columns, 1).min((columns / 3).max(1));
    let room = columns - first;
    let for_rest = room.saturating_sub(usize::from(allowed > 0.0));
    let second = part(in_flight, in_flight + allowed, room, 1).min(for_rest);
    let third = if allowed > 0.0 { room - second } else { 0 };
    [first, second, third]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::style::Width;

    fn reach(acknowledged: u64, in_flight: u32, allowed: Option<u32>) -> Reach {
        Reach {
            acknowledged,
            in_flight,
            allowed,
            next: None,
        }
    }

    fn drawn(columns: usize, reach: Reach) -> String {
        let style = Style {
            width: Width::new(columns),
            ..Style::default()
        };
        let mut line = Line::new(&style);
        ruler(&mut line, 0, reach, &style);
        assert!(line.width() <= columns, "{}", line.as_str());
        line.as_str().to_owned()
    }

    #[test]
    fn small_parts_can_be_seen_beside_large_ones() {
        assert_eq!(share(reach(13, 0, Some(65_523)), 20), [1, 0, 19]);
        assert_eq!(share(reach(13, 1, Some(65_523)), 20), [1, 1, 18]);
        assert_eq!(share(reach(9_000_000, 100, Some(0)), 21), [7, 14, 0]);
        assert_eq!(share(reach(0, 1448, Some(1)), 20), [0, 19, 1]);
        assert_eq!(share(reach(0, 0, None), 20), [0, 0, 0]);
    }

    #[test]
    fn parts_never_exceed_the_bar() {
        for columns in 1..60 {
            for acknowledged in [0, 1, 1 << 40] {
                for in_flight in [0, 1, u32::MAX] {
                    for allowed in [None, Some(0), Some(1), Some(u32::MAX)] {
                        let parts = share(reach(acknowledged, in_flight, allowed), columns);
                        assert!(parts.iter().sum::<usize>() <= columns);
                    }
                }
            }
        }
    }

    #[test]
    fn lines_fit_every_width() {
        for columns in 20..=200 {
            drawn(columns, reach(u64::MAX, u32::MAX, Some(u32::MAX)));
            drawn(columns, reach(0, 0, None));
        }
        assert_eq!(
            drawn(60, reach(13, 0, Some(65_523))),
            "C→S ▓·······  13 acknowledged, 0 in flight, 65 523 allowed"
        );
    }
}
