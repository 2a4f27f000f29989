//! Text for terminals and files that know nothing but ASCII: signs that have a common spelling are spelled, the rest is
//! escaped.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text in printable ASCII only.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match spelled(c) {
            Some(spelling) => plain.push_str(spelling),
            None if c.is_ascii() && !c.is_ascii_control() => plain.push(c),
            None if c.is_ascii() => {
                plain.push_str(&super::escape::terminal(c.encode_utf8(&mut [0; 4])));
            }
            None => {
                // Writing to a string cannot fail.
                let _ = write!(plain, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    Cow::Owned(plain)
}

/// How a sign that our own sentences and drawings use is spelled.
const fn spelled(c: char) -> Option<&'static str> {
    Some(match c {
        'µ' | 'μ' => "u",
        '–' | '—' | '−' | '─' | '‑' => "-",
        '→' => "->",
        '←' => "<-",
        '↔' => "<->",
        '▶' => ">",
        '◀' => "<",
        '━' => "=",
        '╳' => "X",
        '×' | '✗' => "x",
        '✔' => "ok",
        '…' => "...",
        '·' => ".",
        '≥' => ">=",
        '≤' => "<=",
        '≠' => "!=",
        '≈' => "~",
        '±' => "+-",
        'Δ' => "delta",
        '“' | '”' => "\"",
        '‘' | '’' => "'",
        '\u{a0}' | '\u{202f}' | '\u{2009}' => " ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn signs_are_spelled_and_the_rest_is_escaped() {
        assert_eq!(
            text("11 µs, 1–13 → ✔ “ok” é\n"),
            "11 us, 1-13 -> ok \"ok\" \\u{e9}\\n"
        );
    }
}
