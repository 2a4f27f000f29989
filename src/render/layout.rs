//! Where everything on a ladder stands: columns for a width, computed once and shared by all painters.
//!
//! Comes in: the wanted width and how wide frame numbers and connection tags are. Goes out: column positions. Nothing is
//! drawn here.
//!
//! ```text
//! tag number   after       Δ        state  arrow                                      state        details
//! #2       4   46 µs   23 µs  ESTABLISHED ──── PSH-ACK  1–13 "Hello server!" ─────▶  ESTABLISHED  window 65536
//! ```
//!
//! What gives way as a line gets shorter, in this order:
//! 1. from 112 columns down, the details at the right;
//! 2. from 96 columns down, the Δ column;
//! 3. then the arrow shrinks, down to `ARROW_GOOD` columns (68 columns in all with short frame numbers);
//! 4. then the time column goes, and the arrow has its room: 60 columns still show full labels and full state names;
//! 5. below 56 columns, or when the arrow would be under `ARROW_MIN`, there are no lanes but a list.
//!
//! With `big` the times and the details go at once.
//!
//! Frame numbers stay everywhere, because sentences refer to them, and state names are never shortened, because they are
//! what a reader looks up.

use super::style::{Style, TimeColumn, Width};

/// The longest state name is `SYN-RECEIVED`.
const STATE: usize = 12;
/// `46 µs`, `99.9 ms`, `1234 s` with a space before them.
const SPAN: usize = 8;
/// `02:41:07.238346` with a space before it.
const CLOCK: usize = 16;
/// The label `FIN-ACK  seq 1, ack 15` with some line on either side.
const ARROW_GOOD: usize = 31;
/// Shorter than this an arrow holds a name and nothing else.
const ARROW_MIN: usize = 20;
/// The arrow at 80 columns, and the least from there on.
const ARROW_AT_80: usize = 41;
/// Longer arrows are hard to follow from end to end.
const ARROW_MAX: usize = 61;
/// `mss 65495, sack, timestamps, wscale 10, window 65495` and some more.
const DETAILS_MAX: usize = 60;
/// Less than this is not worth a column.
const DETAILS_MIN: usize = 22;
/// Below this many columns there is a list.
const LIST_BELOW: usize = 56;
/// From this many columns on a list has times.
const LIST_TIME_FROM: usize = 44;
/// A list whose numbers leave less than this has them among its words.
const LIST_TEXT_MIN: usize = 12;
/// From this many columns on there is a Δ column.
const DELTA_FROM: usize = 96;
/// From this many columns on there are details.
const DETAILS_FROM: usize = 112;
/// Sentences wider than this are tiring to read.
const TEXT_MAX: usize = 100;

/// Widths of the columns of a ladder. A width of 0 means that there is no such column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The connection's tag, `#2`, with the space after it.
    pub tag: usize,
    /// The frame number.
    pub number: usize,
    /// The time, with the space before it.
    pub time: usize,
    /// The time since the previous packet, with the space before it.
    pub delta: usize,
    /// A state's name.
    pub state: usize,
    /// The arrow from lane to lane.
    pub arrow: usize,
    /// Options and window.
    pub details: usize,
    /// The right edge: headings reach it, sentences break before it.
    pub total: usize,
    /// There is no room for lanes: a list instead.
    pub list: bool,
}

impl Layout {
    /// The columns for a style, frame numbers of `digits` digits, and tags of `tag` columns (0: no tags).
    #[must_use]
    pub fn new(style: &Style, digits: usize, tag: usize) -> Self {
        let width = style.width.columns();
        let mut layout = Self {
            tag,
            number: digits.max(2),
            time: match style.time {
                TimeColumn::Relative | TimeColumn::Delta => SPAN,
                TimeColumn::Absolute => CLOCK,
            },
            delta: 0,
            state: STATE,
            arrow: 0,
            details: 0,
            total: width,
            list: false,
        };
        // With `--time delta` the first time column says already what a Δ column would.
        if width >= DELTA_FROM && style.time != TimeColumn::Delta {
            layout.delta = SPAN;
        }
        if style.big {
            layout.time = 0;
            layout.delta = 0;
        }
        if layout.room(width) < ARROW_GOOD {
            layout.time = 0;
        }
        let room = layout.room(width);
        if width < LIST_BELOW || room < ARROW_MIN {
            layout.list = true;
            layout.state = 0;
            layout.delta = 0;
            layout.time = if style.big || width < LIST_TIME_FROM {
                0
            } else {
                SPAN
            };
            return layout;
        }
        let (arrow, details) = if style.big {
            (room.min(ARROW_MAX), 0)
        } else {
            share(width, room)
        };
        layout.arrow = arrow;
        layout.details = details;
        // The air at the right of drawings for 80 columns belongs to the ladder; what is left beyond it does not.
        layout.total = width.min(layout.details_start() + details);
        layout
    }

    /// Whether there may be details at this width.
    #[must_use]
    pub fn may_have_details(width: Width) -> bool {
        width.columns() >= DETAILS_FROM
    }

    /// Columns left for the arrow and what stands right of the states.
    fn room(&self, width: usize) -> usize {
        width.saturating_sub(self.arrow_start() + 1 + self.state)
    }

    /// Where the frame number ends.
    #[must_use]
    pub fn number_end(&self) -> usize {
        self.tag + self.number
    }

    /// Where the time ends.
    #[must_use]
    pub fn time_end(&self) -> usize {
        self.number_end() + self.time
    }

    /// Where the Δ column ends.
    #[must_use]
    pub fn delta_end(&self) -> usize {
        self.time_end() + self.delta
    }

    /// Where the left state ends; it is aligned to the right, towards its lane.
    #[must_use]
    pub fn left_end(&self) -> usize {
        self.delta_end() + 1 + self.state
    }

    /// Where arrows begin.
    #[must_use]
    pub fn arrow_start(&self) -> usize {
        self.left_end() + 1
    }

    /// Where the right state begins.
    #[must_use]
    pub fn right_start(&self) -> usize {
        self.arrow_start() + self.arrow + 1
    }

    /// Where details begin.
    #[must_use]
    pub fn details_start(&self) -> usize {
        self.right_start() + self.state + 2
    }

    /// Not even a list has room for a column of numbers: they are written among the words.
    #[must_use]
    pub fn is_cramped(&self) -> bool {
        self.list && self.time_end() + LIST_TEXT_MIN > self.total
    }

    /// Where sentences under a row begin: under the space before the client's lane.
    #[must_use]
    pub fn text_start(&self) -> usize {
        if self.is_cramped() {
            2
        } else if self.list {
            self.number_end() + 1
        } else {
            self.time_end() + 2
        }
    }

    /// Where sentences under a row must end.
    #[must_use]
    pub fn text_end(&self) -> usize {
        self.total.min(self.text_start() + TEXT_MAX)
    }
}

/// Divides the room right of the left state between the arrow and the details.
fn share(width: usize, room: usize) -> (usize, usize) {
    if width >= DETAILS_FROM && room > ARROW_AT_80 + 2 + DETAILS_MIN {
        let spare = room - ARROW_AT_80 - 2 - DETAILS_MIN;
        // Details get most of what comes in, for arrows are long enough already.
        let arrow = (ARROW_AT_80 + spare / 4).min(ARROW_MAX);
        return (arrow, (room - arrow - 2).min(DETAILS_MAX));
    }
    // Two columns of air at the right, unless the arrow needs them.
    let arrow = room.min(ARROW_AT_80.max(room.saturating_sub(2)));
    (arrow.min(ARROW_MAX), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(width: usize) -> Layout {
        let style = Style {
            width: Width::new(width),
            ..Style::default()
        };
        Layout::new(&style, 1, 0)
    }

    #[test]
    fn eighty_columns_are_as_drawn() {
        let layout = at(80);
        assert_eq!(
            (layout.number_end(), layout.time_end(), layout.left_end()),
            (2, 10, 23)
        );
        assert_eq!(
            (layout.arrow_start(), layout.arrow, layout.right_start()),
            (24, 41, 66)
        );
        assert_eq!((layout.text_start(), layout.total), (12, 80));
    }

    #[test]
    fn columns_give_way_in_the_stated_order() {
        assert!(at(112).details > 0 && at(111).details == 0);
        assert!(at(96).delta > 0 && at(95).delta == 0);
        assert!(at(68).time > 0 && at(67).time == 0);
        assert!(!at(56).list && at(55).list);
        assert_eq!(at(60).arrow, 31);
    }

    #[test]
    fn every_width_has_room_for_its_columns() {
        for width in Width::MIN..=300 {
            for digits in 1..=20 {
                for tag in [0, 3, 9] {
                    let style = Style {
                        width: Width::new(width),
                        ..Style::default()
                    };
                    let layout = Layout::new(&style, digits, tag);
                    assert!(layout.total <= width);
                    if !layout.list {
                        assert!(layout.right_start() + layout.state <= layout.total);
                        assert!((ARROW_MIN..=ARROW_MAX).contains(&layout.arrow));
                    }
                }
            }
        }
    }
}
