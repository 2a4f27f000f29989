//! Text that came from a packet, a file or an interface name becomes harmless, once per target.
//!
//! Comes in: any text or bytes. Goes out: the same text where it is clean, borrowed; else a copy in which whatever could
//! steer a terminal, close a quotation or start a formula is written as a readable escape. Nothing is dropped silently:
//! a reader sees that something was there.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// Text for a terminal or a plain file: control characters, direction marks and invisible characters become `\n`,
/// `\x1b`, `\u{202e}`. Backslashes stay, so the result is for reading, not for parsing.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    let (_, rest) = text.split_at(harmless_run(text.as_bytes(), is_plain_ascii));
    if rest.chars().all(is_visible) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push_visible(&mut safe, c);
    }
    Cow::Owned(safe)
}

/// Appends packet bytes as the inside of a quotation: like [`terminal`], and quotation marks and backslashes are
/// escaped too, so that what is shown can be told from what was sent. Bytes that are not UTF-8 become `\xNN`.
pub fn push_quoted(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_quoted_character(out, c);
        }
        for byte in chunk.invalid() {
            push_hex(out, *byte);
        }
    }
}

/// Appends one character of a quotation.
pub(super) fn push_quoted_character(out: &mut String, c: char) {
    if c == '"' || c == '\\' {
        out.push('\\');
    }
    push_visible(out, c);
}

/// The bytes without a character that was cut in the middle at their end.
#[must_use]
pub fn without_cut_character(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        // No error length means that more bytes could have completed the character.
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    }
}

/// Text inside an HTML element or a quoted attribute.
#[must_use]
pub fn html(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'' | '`');
    if !text.contains(special) && text.chars().all(is_visible) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if special(c) {
            push_entity(&mut safe, "&#", c);
        } else {
            push_visible(&mut safe, c);
        }
    }
    Cow::Owned(safe)
}

/// Text of a Mermaid participant, message or note. Mermaid has no quoting that holds everywhere, so everything but
/// letters, digits and harmless punctuation becomes an entity code, and so does the first letter of the word `end`,
/// which closes a block wherever it stands alone.
#[must_use]
pub fn mermaid(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| {
        is_visible(c)
            && (c.is_alphanumeric()
                || matches!(c, ' ' | '-' | '.' | ',' | '_' | '/' | '=' | '!' | '?'))
    };
    let ends = |word: &str| word.eq_ignore_ascii_case("end");
    if text.chars().all(harmless) && !text.split(|c: char| !c.is_alphanumeric()).any(ends) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() * 2);
    for word in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let closes = ends(word.trim_end_matches(|c: char| !c.is_alphanumeric()));
        for (position, c) in word.chars().enumerate() {
            if is_visible(c) {
                push_mermaid(&mut safe, c, harmless(c) && !(closes && position == 0));
            } else {
                // The escape itself holds characters that need an entity.
                let mut escape = String::new();
                push_visible(&mut escape, c);
                for escaped in escape.chars() {
                    push_mermaid(&mut safe, escaped, harmless(escaped));
                }
            }
        }
    }
    Cow::Owned(safe)
}

/// One field of a CSV file (RFC 4180). A field that a spreadsheet would take for a formula gets an apostrophe in front.
#[must_use]
pub fn csv(text: &str) -> Cow<'_, str> {
    let starts_formula = text.trim_start().starts_with([
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ]) || text.starts_with(['\t', '\r', '\n']);
    let visible = terminal(text);
    let needs_quotes = visible.contains([',', ';', '"', '\'', ' ']);
    if !starts_formula && !needs_quotes {
        return visible;
    }
    let mut safe = String::with_capacity(visible.len() + 4);
    safe.push('"');
    if starts_formula {
        safe.push('\'');
    }
    for c in visible.chars() {
        if c == '"' {
            safe.push('"');
        }
        safe.push(c);
    }
    safe.push('"');
    Cow::Owned(safe)
}

/// Appends the body of a JSON string, without its quotation marks. Each invalid byte sequence becomes U+FFFD. Control
/// and direction characters are written as `\u` and four digits: the string's value is the same, and a terminal that shows the line
/// is not steered by it.
pub fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    let rest = push_harmless(out, bytes);
    for chunk in rest.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_json(out, c);
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Appends what stands before the first character that JSON may have to escape, and gives the rest.
fn push_harmless<'t>(out: &mut Vec<u8>, bytes: &'t [u8]) -> &'t [u8] {
    let end = harmless_run(bytes, |byte| {
        is_plain_ascii(byte) && byte != b'"' && byte != b'\\'
    });
    let (harmless, rest) = bytes.split_at(end);
    out.extend_from_slice(harmless);
    rest
}

/// How many bytes there are before the first that is neither harmless ASCII nor part of a sign that our own sentences
/// use: they are harmless to their end.
fn harmless_run(bytes: &[u8], harmless: impl Fn(u8) -> bool) -> usize {
    const DASH: &[u8] = "–".as_bytes();
    const ELLIPSIS: &[u8] = "…".as_bytes();
    const MICRO: &[u8] = "µ".as_bytes();
    let mut end = 0;
    loop {
        // Sixteen at a time without a branch between them, which a compiler turns into a few instructions.
        while let Some(chunk) = bytes[end..].first_chunk::<16>()
            && chunk.iter().fold(true, |all, byte| all & harmless(*byte))
        {
            end += chunk.len();
        }
        let rest = &bytes[end..];
        end += rest
            .iter()
            .position(|byte| !harmless(*byte))
            .unwrap_or(rest.len());
        match &bytes[end..] {
            rest if rest.starts_with(DASH) => end += DASH.len(),
            rest if rest.starts_with(MICRO) => end += MICRO.len(),
            rest if rest.starts_with(ELLIPSIS) => end += ELLIPSIS.len(),
            _ => return end,
        }
    }
}

fn push_json(out: &mut Vec<u8>, c: char) {
    let short = match c {
        '"' => b'"',
        '\\' => b'\\',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        _ => 0,
    };
    if short != 0 {
        out.extend_from_slice(&[b'\\', short]);
    } else if is_visible(c) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.extend_from_slice(b"\\u");
            for shift in [12, 8, 4, 0] {
                out.push(hex_digit((*unit >> shift) as u8 & 0xf));
            }
        }
    }
}

fn push_mermaid(out: &mut String, c: char, harmless: bool) {
    if harmless {
        out.push(c);
    } else {
        push_entity(out, "#", c);
    }
}

fn push_entity(out: &mut String, prefix: &str, c: char) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{prefix}{};", u32::from(c));
}

/// Appends a character if it can be seen, else its escape.
fn push_visible(out: &mut String, c: char) {
    match c {
        _ if is_visible(c) => out.push(c),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ if c.is_ascii() => push_hex(out, c as u8),
        _ => {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
}

/// Appends a byte that is no character: `\x1b`. Four columns.
pub(super) fn push_hex(out: &mut String, byte: u8) {
    out.push_str("\\x");
    out.push(char::from(hex_digit(byte >> 4)));
    out.push(char::from(hex_digit(byte & 0xf)));
}

/// The lower-case hexadecimal digit of a value below 16.
pub(super) const fn hex_digit(value: u8) -> u8 {
    b"0123456789abcdef"[(value & 0xf) as usize]
}

const fn is_plain_ascii(byte: u8) -> bool {
    byte >= 0x20 && byte < 0x7f
}

/// Whether a character occupies columns of its own and steers nothing. Control characters have no width, and
/// characters of width 0 (marks, joiners, selectors) could hide text or change what stands beside them.
fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return is_plain_ascii(c as u8);
    }
    // Direction marks, separators of lines and paragraphs, tag characters, and marks that reach over the digits after them
    // are named here as well, so that safety does not rest on a table of widths.
    let steers = matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    !steers && c.width().is_some_and(|columns| columns > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quoted(bytes: &[u8]) -> String {
        let mut out = String::new();
        push_quoted(&mut out, bytes);
        out
    }

    fn json_body(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        json(&mut out, bytes);
        String::from_utf8(out).expect("the body is UTF-8")
    }

    #[test]
    fn clean_text_is_borrowed() {
        for text in ["eth0", "1–13, 46 µs → 日本"] {
            assert!(matches!(terminal(text), Cow::Borrowed(_)), "{text}");
        }
        assert!(matches!(html("plain"), Cow::Borrowed(_)));
        assert!(matches!(mermaid("plain, words"), Cow::Borrowed(_)));
        assert!(matches!(csv("127.0.0.1:1712"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_terminal_is_not_steered() {
        for (hostile, shown) in [
            ("\u{1b}[2J", "\\x1b[2J"),
            ("\u{1b}]0;owned\u{7}", "\\x1b]0;owned\\x07"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{7f}\u{8}b", "a\\x7f\\x08b"),
            ("line\r\nnext\t", "line\\r\\nnext\\t"),
            (
                "x\u{202e}y\u{2066}\u{200f}\u{61c}",
                "x\\u{202e}y\\u{2066}\\u{200f}\\u{61c}",
            ),
            (
                "a\u{200b}\u{200d}\u{feff}\u{301}",
                "a\\u{200b}\\u{200d}\\u{feff}\\u{301}",
            ),
            ("\u{2028}\u{e0041}", "\\u{2028}\\u{e0041}"),
            ("\u{600}12\u{6dd}", "\\u{600}12\\u{6dd}"),
        ] {
            assert_eq!(terminal(hostile), shown);
        }
    }

    #[test]
    fn a_quotation_cannot_be_closed_from_inside() {
        assert_eq!(quoted(b"say \"hi\" \\n\n"), "say \\\"hi\\\" \\\\n\\n");
        assert_eq!(quoted(b"\xff\x1bh\xc3\xa9"), "\\xff\\x1bh\u{e9}");
        assert_eq!(without_cut_character("né".as_bytes()), "né".as_bytes());
        assert_eq!(without_cut_character(b"n\xc3"), b"n");
        assert_eq!(without_cut_character(b"n\xff"), b"n\xff");
    }

    #[test]
    fn html_cannot_be_left() {
        assert_eq!(
            html("</b><script>'\"&\u{202e}"),
            "&#60;/b&#62;&#60;script&#62;&#39;&#34;&#38;\\u{202e}"
        );
    }

    #[test]
    fn mermaid_cannot_be_left() {
        assert_eq!(mermaid("a\nend\nb"), "a#92;n#101;nd#92;nb");
        assert_eq!(mermaid("the end."), "the #101;nd.");
        assert_eq!(
            mermaid("x;C->>S: %%{init}%%"),
            "x#59;C-#62;#62;S#58; #37;#37;#123;init#125;#37;#37;"
        );
        assert_eq!(mermaid("bend ending"), "bend ending");
    }

    #[test]
    fn a_spreadsheet_computes_nothing() {
        for (hostile, field) in [
            ("=1+1", "\"'=1+1\""),
            ("  @SUM(A1)", "\"'  @SUM(A1)\""),
            ("\t=x", "\"'\\t=x\""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\nlines", "two\\nlines"),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
        ] {
            assert_eq!(csv(hostile), field);
        }
    }

    #[test]
    fn json_keeps_the_value_and_calms_the_terminal() {
        assert_eq!(json_body(b"\"},{\"\\"), "\\\"},{\\\"\\\\");
        assert_eq!(json_body(b"a\x1b\x00\n"), "a\\u001b\\u0000\\n");
        assert_eq!(
            json_body("\u{9b}\u{202e}\u{e0041}é".as_bytes()),
            "\\u009b\\u202e\\udb40\\udc41é"
        );
        assert_eq!(json_body(b"lone \xff byte"), "lone \u{fffd} byte");
    }

    proptest! {
        #[test]
        fn nothing_invisible_is_left(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let text = String::from_utf8_lossy(&bytes);
            for safe in [terminal(&text), html(&text), mermaid(&text), csv(&text)] {
                prop_assert!(safe.chars().all(is_visible), "{safe:?}");
            }
            prop_assert!(quoted(&bytes).chars().all(is_visible));
        }

        #[test]
        fn json_is_read_back_unchanged(text in any::<String>()) {
            let document = format!("\"{}\"", json_body(text.as_bytes()));
            let back: String = serde_json::from_str(&document).expect("valid JSON");
            prop_assert_eq!(back, text);
        }
    }
}
