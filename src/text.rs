//! Text put together from pieces: words, numbers, and whatever knows how to write itself.
//!
//! Comes in: pieces. Goes out: their text at the end of a buffer that is used again. `core::fmt` would do the same through
//! a table of functions and with padding to look after, at several times the cost; millions of lines are written here.

use std::fmt;

use arrayvec::ArrayString;

/// Where text can be put.
pub trait Text {
    /// Appends a piece of text.
    fn push_text(&mut self, text: &str);

    /// Appends text that the caller knows to be ASCII: where bytes are wanted, nobody looks again.
    #[inline]
    fn push_ascii(&mut self, text: &[u8]) {
        self.push_text(str::from_utf8(text).unwrap_or_default());
    }
}

impl Text for String {
    #[inline]
    fn push_text(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl Text for Vec<u8> {
    #[inline]
    fn push_text(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }

    #[inline]
    fn push_ascii(&mut self, text: &[u8]) {
        self.extend_from_slice(text);
    }
}

/// Of a size that the longest text fits into.
impl<const LONGEST: usize> Text for ArrayString<LONGEST> {
    #[inline]
    fn push_text(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// Something that has a text.
pub trait Piece {
    /// Appends the text.
    fn put(&self, out: &mut impl Text);
}

impl Piece for str {
    #[inline]
    fn put(&self, out: &mut impl Text) {
        out.push_text(self);
    }
}

impl<P: Piece + ?Sized> Piece for &P {
    #[inline]
    fn put(&self, out: &mut impl Text) {
        (**self).put(out);
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Piece for $number {
            #[inline]
            fn put(&self, out: &mut impl Text) {
                out.push_text(itoa::Buffer::new().format(*self));
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, usize, i64);

/// A number with zeros in front: `Digits::<6>(42)` is `000042`. At most nine digits, and no number may have more.
#[derive(Clone, Copy, Debug)]
pub struct Digits<const COUNT: usize>(pub u32);

impl<const COUNT: usize> Piece for Digits<COUNT> {
    #[inline]
    fn put(&self, out: &mut impl Text) {
        const AHEAD: u32 = 1_000_000_000;
        // A one in front keeps the zeros that a number begins with.
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(AHEAD + self.0 % AHEAD);
        out.push_text(&digits[digits.len() - COUNT..]);
    }
}

/// A number with its thousands set apart: `1 843 201`.
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub u64);

impl Piece for Grouped {
    fn put(&self, out: &mut impl Text) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(self.0);
        let head = match digits.len() % 3 {
            0 => 3,
            short => short,
        };
        out.push_text(&digits[..head]);
        for start in (head..digits.len()).step_by(3) {
            out.push_text(" ");
            out.push_text(&digits[start..start + 3]);
        }
    }
}

/// Writes a piece where only the formatting machinery can be written to.
///
/// # Errors
/// Those of the formatter.
pub fn display(piece: &impl Piece, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    struct Formatted<'a, 'b>(&'a mut fmt::Formatter<'b>, fmt::Result);
    impl Text for Formatted<'_, '_> {
        fn push_text(&mut self, text: &str) {
            if self.1.is_ok() {
                self.1 = self.0.write_str(text);
            }
        }
    }
    let mut formatted = Formatted(f, Ok(()));
    piece.put(&mut formatted);
    formatted.1
}

/// Appends pieces one after the other: `put!(out, "ack ", number)`.
macro_rules! put {
    ($out:expr, $($piece:expr),+ $(,)?) => {{
        let out = &mut *$out;
        $($crate::text::Piece::put(&$piece, out);)+
    }};
}
pub(crate) use put;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other() {
        let mut text = String::from("of ");
        put!(
            &mut text,
            7_u32,
            ": ",
            -3_i64,
            "–",
            Digits::<2>(5),
            " ",
            Digits::<9>(999_999_999)
        );
        assert_eq!(text, "of 7: -3–05 999999999");
    }

    #[test]
    fn pieces_can_be_formatted() {
        struct Shown;
        impl fmt::Display for Shown {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                display(&"seen", f)
            }
        }
        assert_eq!(format!("[{Shown}]"), "[seen]");
    }
}
