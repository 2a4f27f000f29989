//! Counts and sizes as people read them: `3 812`, `5.2 MB`.

use std::fmt;

use crate::text::{Grouped, Piece, Text, display, put};

/// A count with its thousands set apart: `1 843 201`.
#[derive(Clone, Copy, Debug)]
pub struct Count(pub u64);

/// A number of bytes in decimal units with about two significant digits: `13 bytes`, `5.2 MB`, `901 MB`;
/// with `{:#}` the unit is short everywhere: `13 B`.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

/// A count of things whose plural ends in `s`: `1 packet`, `3 812 packets`.
#[derive(Clone, Copy, Debug)]
pub struct Plural(pub u64, pub &'static str);

impl Piece for Plural {
    fn put(&self, out: &mut impl Text) {
        let ending = if self.0 == 1 { "" } else { "s" };
        put!(out, Count(self.0), " ", self.1, ending);
    }
}

impl fmt::Display for Plural {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

impl Piece for Count {
    fn put(&self, out: &mut impl Text) {
        Grouped(self.0).put(out);
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
        match self.0 {
            count @ 0..1000 if f.alternate() => return write!(f, "{count} B"),
            1 => return f.write_str("1 byte"),
            count @ 0..1000 => return write!(f, "{count} bytes"),
            _ => {}
        }
        let mut value = self.0 as f64;
        let mut unit = "bytes";
        for larger in UNITS {
            // Below this the rounded number has at most three digits.
            if value < 999.5 {
                break;
            }
            value /= 1000.0;
            unit = larger;
        }
        if value < 9.95 {
            write!(f, "{value:.1} {unit}")
        } else {
            write!(f, "{value:.0} {unit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (count, text) in [
            (0, "0"),
            (812, "812"),
            (3812, "3 812"),
            (1_843_201, "1 843 201"),
        ] {
            assert_eq!(Count(count).to_string(), text);
        }
    }

    #[test]
    fn sizes_choose_their_unit() {
        for (bytes, text) in [
            (1, "1 byte"),
            (13, "13 bytes"),
            (5_200_000, "5.2 MB"),
            (999_700, "1.0 MB"),
            (901_000_000, "901 MB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
