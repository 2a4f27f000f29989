//! A TCP header drawn as the RFC draws it: 32 bits a row, each field with its value.
//!
//! Comes in: a [`HeaderView`]. Goes out: lines.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |       Source Port 39940       |     Destination Port 1712     |  9c 04 06 b0
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! From 65 columns on a bit is two columns wide, as in the RFC, and from 78 on the bytes stand beside their row. Down to
//! 56 columns the box is narrower; below that it is a list. What is different from the packet before has an asterisk.

use std::io::{self, Write};

use super::line::Line;
use super::measure;
use super::style::{Glyphs, Ink, Style};
use crate::explain::{HeaderField, HeaderRow, HeaderView};

/// Bytes of a row.
const ROW: usize = 4;

/// Bytes in a line of hex below the box.
const HEX: usize = 16;

/// How large the box is.
#[derive(Clone, Copy)]
struct Layout {
    /// Columns inside the left half; the right half has as many.
    half: usize,
    /// The bits are numbered above, and ticks separate them.
    ruler: bool,
    /// Bytes stand beside their row.
    beside: bool,
}

impl Layout {
    /// The largest box that fits; `None` when none does.
    fn of(columns: usize) -> Option<Self> {
        match columns {
            78.. => Some(Self {
                half: 31,
                ruler: true,
                beside: true,
            }),
            65.. => Some(Self {
                half: 31,
                ruler: true,
                beside: false,
            }),
            56.. => Some(Self {
                half: 26,
                ruler: false,
                beside: false,
            }),
            _ => None,
        }
    }

    /// The column of the right border.
    const fn edge(self) -> usize {
        2 * self.half + 2
    }

    /// Columns of the offset and of the reserved bits: what the control bits leave of the left half.
    const fn offset_and_reserved(self) -> (usize, usize) {
        let both = self.half - 17;
        (both.div_ceil(2), both / 2)
    }
}

/// Where a horizontal line is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Between,
    Bottom,
}

/// The characters of the box's lines.
struct Drawing {
    horizontal: char,
    vertical: &'static str,
    ascii: bool,
}

/// Writes the header.
///
/// # Errors
/// When `out` cannot be written.
pub fn header(view: &HeaderView, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Line::new(style);
    for piece in measure::wrap(&view.title, style.width.columns(), style.width.columns()) {
        line.put(piece, Ink::Strong);
        line.finish(out)?;
    }
    paragraph(&mut line, &view.note, 2, style, out)?;
    match Layout::of(style.width.columns()) {
        Some(layout) => draw_box(view, layout, style, out)?,
        None => list(view, style, out)?,
    }
    paragraph(&mut line, &view.data, 2, style, out)?;
    for option in &view.options {
        let text = format!(
            "byte {}  {}  [{}]",
            option.at,
            option.text,
            hex(&option.bytes)
        );
        paragraph(&mut line, &text, 2, style, out)?;
    }
    let mut changes = view.changes.iter();
    if let Some(title) = changes.next() {
        paragraph(&mut line, title, 0, style, out)?;
    }
    for change in changes {
        paragraph(&mut line, change, 2, style, out)?;
    }
    if Layout::of(style.width.columns()).is_none_or(|layout| !layout.beside) {
        let most = style.width.columns().saturating_sub(6) / 3;
        let row = [HEX, HEX / 2, ROW]
            .into_iter()
            .find(|row| *row <= most)
            .unwrap_or(ROW);
        for (index, bytes) in view.bytes.chunks(row).enumerate() {
            line.put_number((index * row) as u64, 4, Ink::Quiet);
            line.put("  ", Ink::Plain);
            line.put(&hex(bytes), Ink::Plain);
            line.finish(out)?;
        }
    }
    Ok(())
}

fn paragraph(
    line: &mut Line,
    text: &str,
    indent: usize,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let room = style.width.columns().saturating_sub(indent);
    let clean = line.clean(text).into_owned();
    for piece in measure::wrap(&clean, room, room) {
        line.pad_to(indent);
        line.put_clean(piece, Ink::Plain);
        line.finish(out)?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}

fn draw_box(
    view: &HeaderView,
    layout: Layout,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let drawing = match style.glyphs {
        Glyphs::Unicode => Drawing {
            horizontal: '─',
            vertical: "│",
            ascii: false,
        },
        Glyphs::Ascii => Drawing {
            horizontal: '-',
            vertical: "|",
            ascii: true,
        },
    };
    let mut line = Line::new(style);
    if layout.ruler {
        ruler(&mut line, out)?;
    }
    let mut above: Vec<usize> = Vec::new();
    for (index, row) in view.rows.iter().enumerate() {
        let cells = cells(row, layout);
        let below = borders(&cells);
        let place = if index == 0 {
            Place::Top
        } else {
            Place::Between
        };
        line.put(&border(&above, &below, layout, &drawing, place), Ink::Quiet);
        line.finish(out)?;
        let bytes = view.bytes.chunks(ROW).nth(index).filter(|_| index < 5);
        let height = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or(1);
        for level in 0..height {
            for cell in &cells {
                line.put(drawing.vertical, Ink::Quiet);
                // Shorter cells end at the bottom, so that values stand side by side.
                let missing = height - cell.lines.len();
                let text = level
                    .checked_sub(missing)
                    .map_or("", |level| cell.lines[level].as_str());
                centred(&mut line, text, cell.width, cell.ink);
            }
            line.put(drawing.vertical, Ink::Quiet);
            if let Some(bytes) = bytes.filter(|_| layout.beside && level + 1 == height) {
                line.put("  ", Ink::Plain);
                line.put(&hex(bytes), Ink::Quiet);
            }
            line.finish(out)?;
        }
        above = below;
    }
    let bottom = border(&above, &[], layout, &drawing, Place::Bottom);
    line.put(&bottom, Ink::Quiet);
    line.finish(out)
}

/// ` 0                   1`, and the single digits below: a bit is two columns wide.
fn ruler(line: &mut Line, out: &mut dyn Write) -> io::Result<()> {
    for tens in 0..4 {
        line.pad_to(1 + tens * 20);
        line.put(&tens.to_string(), Ink::Quiet);
    }
    line.finish(out)?;
    for bit in 0..32 {
        line.pad_to(1 + bit * 2);
        line.put(&(bit % 10).to_string(), Ink::Quiet);
    }
    line.finish(out)
}

/// A part of a row.
struct Cell {
    width: usize,
    lines: Vec<String>,
    ink: Ink,
}

fn cells(row: &HeaderRow, layout: Layout) -> Vec<Cell> {
    let named = |field: &HeaderField, width| Cell {
        width,
        lines: vec![format!("{} {}", field.name, value(field))],
        ink: ink(field),
    };
    match row {
        HeaderRow::Whole(field) => vec![named(field, 2 * layout.half + 1)],
        HeaderRow::Halves(fields) => fields
            .iter()
            .map(|field| named(field, layout.half))
            .collect(),
        HeaderRow::Control {
            offset,
            reserved,
            bits,
            window,
        } => {
            let (left, right) = layout.offset_and_reserved();
            let stacked = |field: &HeaderField, width| Cell {
                width,
                lines: vec![
                    short(field.name, width).to_owned(),
                    String::new(),
                    value(field),
                ],
                ink: ink(field),
            };
            let mut cells = vec![stacked(offset, left), stacked(reserved, right)];
            for (name, set) in bits {
                let mut lines: Vec<String> = name.chars().map(String::from).collect();
                lines.push(u8::from(*set).to_string());
                cells.push(Cell {
                    width: 1,
                    lines,
                    ink: if *set { Ink::Strong } else { Ink::Plain },
                });
            }
            cells.push(stacked(window, layout.half));
            cells
        }
    }
}

/// A name, or its first letters where it does not fit.
fn short(name: &str, width: usize) -> &str {
    if measure::width(name) <= width {
        name
    } else {
        measure::beginning(name, 3)
    }
}

fn value(field: &HeaderField) -> String {
    let mark = if field.changed { "*" } else { "" };
    format!("{}{mark}", field.value)
}

fn ink(field: &HeaderField) -> Ink {
    if field.changed {
        Ink::Strong
    } else {
        Ink::Plain
    }
}

/// Columns of the borders between cells.
fn borders(cells: &[Cell]) -> Vec<usize> {
    let mut column = 0;
    let mut borders: Vec<usize> = cells
        .iter()
        .map(|cell| {
            column += cell.width + 1;
            column
        })
        .collect();
    borders.pop();
    borders
}

/// The line between two rows, which joins the borders above and below it.
fn border(
    above: &[usize],
    below: &[usize],
    layout: Layout,
    drawing: &Drawing,
    place: Place,
) -> String {
    let edge = layout.edge();
    (0..=edge)
        .map(|column| {
            let (up, down) = (above.contains(&column), below.contains(&column));
            let side = column == 0 || column == edge;
            if drawing.ascii {
                let tick = layout.ruler && column % 2 == 0;
                return if side || up || down || tick { '+' } else { '-' };
            }
            match (place, up, down) {
                (Place::Top, ..) if column == 0 => '┌',
                (Place::Top, ..) if column == edge => '┐',
                (Place::Bottom, ..) if column == 0 => '└',
                (Place::Bottom, ..) if column == edge => '┘',
                _ if column == 0 => '├',
                _ if column == edge => '┤',
                (_, true, true) => '┼',
                (_, true, false) => '┴',
                (_, false, true) => '┬',
                (_, false, false) => drawing.horizontal,
            }
        })
        .collect()
}

fn centred(line: &mut Line, text: &str, width: usize, ink: Ink) {
    let start = line.width();
    let clean = line.clean(text).into_owned();
    let shown = measure::beginning(&clean, width);
    line.pad_to(start + (width - measure::width(shown)) / 2);
    line.put_clean(shown, ink);
    line.pad_to(start + width);
}

/// A field a line, for screens that no box fits on.
fn list(view: &HeaderView, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Line::new(style);
    let mut put = |text: &str| paragraph(&mut line, text, 2, style, out);
    for row in &view.rows {
        match row {
            HeaderRow::Whole(field) => put(&format!("{}: {}", field.name, value(field)))?,
            HeaderRow::Halves(fields) => {
                for field in fields {
                    put(&format!("{}: {}", field.name, value(field)))?;
                }
            }
            HeaderRow::Control {
                offset,
                reserved,
                bits,
                window,
            } => {
                put(&format!("Data Offset: {}", value(offset)))?;
                put(&format!("Reserved: {}", value(reserved)))?;
                let set: Vec<&str> = bits
                    .iter()
                    .filter(|(_, set)| *set)
                    .map(|(name, _)| *name)
                    .collect();
                put(&format!("Control bits: {}", set.join(" ")))?;
                put(&format!("Window: {}", value(window)))?;
            }
        }
    }
    Ok(())
}
