//! The captured payload of one segment: as text where it is text, and as hexadecimal bytes.
//!
//! Comes in: bytes from a packet, hostile. Goes out: a bounded number of lines of harmless characters.

use std::io::{self, Write};

use super::arrow::{Unit, is_mostly_text};
use super::line::Line;
use super::quantity::Plural;
use super::style::{Glyphs, Ink, Style};

/// Bytes shown of one segment: as many as fill a screen, for a ladder must stay a ladder.
const SHOWN: usize = 512;

/// What is there of one segment's payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payload<'a> {
    /// Its beginning.
    pub bytes: &'a [u8],
    /// How many bytes were captured: more than these where not all of them were kept.
    pub captured: u32,
    /// Its length on the wire: more than what was captured where the snaplen cut it.
    pub len: u32,
}

impl<'a> Payload<'a> {
    /// Everything that was captured of a payload which was `len` bytes long on the wire.
    #[must_use]
    pub fn of(bytes: &'a [u8], len: u32) -> Self {
        Self {
            bytes,
            captured: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            len,
        }
    }
}

/// Writes the beginning of a payload, indented by `indent` columns.
///
/// # Errors
/// When `out` cannot be written.
pub fn payload(
    payload: Payload<'_>,
    indent: usize,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Payload {
        bytes,
        captured,
        len,
    } = payload;
    if bytes.is_empty() && len == 0 {
        return Ok(());
    }
    let mut line = Line::new(style);
    // At least one byte in hexadecimal and a letter must find room.
    let indent = indent.min(style.width.columns() - 16);
    let shown = &bytes[..bytes.len().min(SHOWN)];
    if is_mostly_text(shown) {
        text(shown, indent, style, &mut line, out)?;
    }
    hex(shown, indent, style, &mut line, out)?;
    let hidden = u64::from(captured).saturating_sub(shown.len() as u64);
    if hidden > 0 {
        let words = format!("{} more", Plural(hidden, "byte"));
        remark(&words, indent, style, &mut line, out)?;
    }
    let uncaptured = u64::from(len.saturating_sub(captured));
    if uncaptured > 0 {
        let words = format!("{} not captured", Plural(uncaptured, "byte"));
        remark(&words, indent, style, &mut line, out)?;
    }
    Ok(())
}

/// Quoted lines; a line break in the payload is shown and ends the line.
fn text(
    bytes: &[u8],
    indent: usize,
    style: &Style,
    line: &mut Line,
    out: &mut dyn Write,
) -> io::Result<()> {
    let room = style.width.columns() - indent - 2;
    let mut quoted = String::new();
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        quoted.clear();
        for chunk in piece.utf8_chunks() {
            for c in chunk.valid().chars() {
                Unit::Character(c).push_to(&mut quoted, style.glyphs);
            }
            for byte in chunk.invalid() {
                Unit::Byte(*byte).push_to(&mut quoted, style.glyphs);
            }
        }
        let mut rest = quoted.as_str();
        while !rest.is_empty() {
            let part = super::measure::beginning(rest, room);
            line.pad_to(indent);
            line.put_clean("\"", Ink::Quiet);
            line.put_clean(part, Ink::Plain);
            line.put_clean("\"", Ink::Quiet);
            line.finish(out)?;
            rest = &rest[part.len()..];
        }
    }
    Ok(())
}

/// `0000  48 65 6c 6c 6f  Hello`, as many bytes a line as fit, a power of two up to 16.
fn hex(
    bytes: &[u8],
    indent: usize,
    style: &Style,
    line: &mut Line,
    out: &mut dyn Write,
) -> io::Result<()> {
    const OFFSET: usize = 4;
    let room = style.width.columns() - indent;
    let per_line = [16, 8, 4, 2, 1]
        .into_iter()
        .find(|count| OFFSET + 2 + 3 * count + 1 + count <= room)
        .unwrap_or(1);
    let unseen = match style.glyphs {
        Glyphs::Unicode => "·",
        Glyphs::Ascii => ".",
    };
    let mut text = String::new();
    for (index, row) in bytes.chunks(per_line).enumerate() {
        line.pad_to(indent);
        text.clear();
        push_offset(&mut text, index * per_line);
        line.put_clean(&text, Ink::Quiet);
        text.clear();
        for byte in row {
            text.push(' ');
            text.push(char::from(super::escape::hex_digit(byte >> 4)));
            text.push(char::from(super::escape::hex_digit(byte & 0xf)));
        }
        line.put_clean(" ", Ink::Plain);
        line.put_clean(&text, Ink::Plain);
        line.pad_to(indent + OFFSET + 1 + 3 * per_line + 2);
        text.clear();
        for byte in row {
            match byte {
                0x20..0x7f => text.push(char::from(*byte)),
                _ => text.push_str(unseen),
            }
        }
        line.put_clean(&text, Ink::Quiet);
        line.finish(out)?;
    }
    Ok(())
}

fn push_offset(text: &mut String, offset: usize) {
    for shift in [12, 8, 4, 0] {
        let digit = (offset >> shift) as u8 & 0xf;
        text.push(char::from(super::escape::hex_digit(digit)));
    }
}

fn remark(
    words: &str,
    indent: usize,
    style: &Style,
    line: &mut Line,
    out: &mut dyn Write,
) -> io::Result<()> {
    line.pad_to(indent);
    let dots = line.glyphs().dots;
    line.put_clean(dots, Ink::Quiet);
    line.put_clean(" ", Ink::Quiet);
    // Number first, so that on the narrowest line it is the words that are cut.
    let room = style.width.columns() - line.width();
    line.put_cut(words, room, Ink::Quiet);
    line.finish(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::style::Width;

    fn shown(captured: &[u8], len: u32, columns: usize) -> String {
        let style = Style {
            width: Width::new(columns),
            ..Style::default()
        };
        let mut out = Vec::new();
        payload(Payload::of(captured, len), 4, &style, &mut out).expect("memory is written");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn text_is_shown_as_text_and_bytes() {
        assert_eq!(
            shown(b"Hi \"x\"\n\x1b[2J", 12, 60),
            concat!(
                "    \"Hi \\\"x\\\"\\n\"\n",
                "    \"\\x1b[2J\"\n",
                "    0000  48 69 20 22 78 22 0a 1b  Hi \"x\"··\n",
                "    0008  5b 32 4a                 [2J\n",
                "    ··· 1 byte not captured\n",
            )
        );
    }

    #[test]
    fn long_payload_is_cut_and_says_so() {
        let text = shown(&[0xff; 600], 600, 80);
        assert_eq!(text.lines().count(), SHOWN / 16 + 1);
        assert!(text.ends_with("··· 88 bytes more\n"), "{text}");
    }
}
