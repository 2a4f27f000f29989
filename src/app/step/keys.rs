//! Keys: bytes as terminals send them become what they ask for.
//!
//! Comes in: what one read from the terminal gave. Goes out: keys. Presenters' remote controls send Page Up and Page Down.

/// What a key asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    /// The next packet.
    Next,
    /// Back to where it was.
    Back,
    /// What does this mean?
    Help,
    /// From the beginning.
    Restart,
    /// To the last packet there is.
    Last,
    /// Out of what lies above the packets.
    Escape,
    /// The explanation goes on.
    More,
    /// The explanation's earlier lines.
    Less,
    /// Play on by itself, or hold.
    Play,
    /// The end, or out of what lies above the packets.
    Quit,
    /// The end, whatever is shown.
    Interrupt,
}

/// Each key of a read. A sequence that is not known means nothing.
pub(super) fn parse(bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let (key, len) = if *first == ESCAPE {
            sequence(after)
        } else {
            (single(*first), 0)
        };
        keys.extend(key);
        rest = &after[len..];
    }
    keys
}

const ESCAPE: u8 = 0x1b;

fn single(byte: u8) -> Option<Key> {
    Some(match byte {
        b' ' | b'\n' | b'\r' | b'n' | b'l' => Key::Next,
        0x7f | 0x08 | b'b' | b'h' => Key::Back,
        b'?' => Key::Help,
        b'r' | b'g' => Key::Restart,
        b'q' | b'Q' => Key::Quit,
        // Ctrl-C and Ctrl-D.
        0x03 | 0x04 => Key::Interrupt,
        b'm' | b'j' => Key::More,
        b'k' => Key::Less,
        b'p' => Key::Play,
        b'G' => Key::Last,
        _ => return None,
    })
}

/// What follows an escape character, and how many bytes of it belong to it.
fn sequence(after: &[u8]) -> (Option<Key>, usize) {
    let lead = usize::from(matches!(after.first(), Some(b'[' | b'O')));
    if lead == 0 {
        // With Alt a key is the same key; alone it is Escape.
        return match after.first() {
            Some(byte) if *byte != ESCAPE => (single(*byte), 1),
            _ => (Some(Key::Escape), 0),
        };
    }
    let body = &after[lead..];
    let end = body.iter().position(|byte| (0x40..=0x7e).contains(byte));
    let Some(end) = end else {
        return (None, after.len());
    };
    let key = match &body[..=end] {
        b"C" | b"6~" => Some(Key::Next),
        b"D" | b"5~" => Some(Key::Back),
        b"B" => Some(Key::More),
        b"A" => Some(Key::Less),
        b"H" | b"1~" | b"7~" => Some(Key::Restart),
        b"F" | b"4~" | b"8~" => Some(Key::Last),
        b"11~" | b"P" => Some(Key::Help),
        _ => None,
    };
    (key, lead + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_terminals_send() {
        for (bytes, keys) in [
            (&b" "[..], &[Key::Next][..]),
            (b"\x7f", &[Key::Back]),
            (b"\x08", &[Key::Back]),
            (b"?", &[Key::Help]),
            (b"\x1b", &[Key::Escape]),
            (b"\x1b\x1b", &[Key::Escape, Key::Escape]),
            (b"\x1b[C\x1b[D", &[Key::Next, Key::Back]),
            (b"\x1bOC", &[Key::Next]),
            (b"\x1b[6~\x1b[5~", &[Key::Next, Key::Back]),
            (b"\x1b[1;5A", &[]),
            (b"\x1b[<35;10;10M", &[]),
            (b"\x1b[", &[]),
            (b"\x03", &[Key::Interrupt]),
            ("é".as_bytes(), &[]),
            (b"xr q", &[Key::Restart, Key::Next, Key::Quit]),
        ] {
            assert_eq!(parse(bytes), keys, "{bytes:?}");
        }
    }

    #[test]
    fn no_bytes_are_too_strange() {
        for first in 0..=255_u8 {
            for second in 0..=255 {
                parse(&[ESCAPE, first, second]);
                parse(&[first, ESCAPE, second]);
            }
        }
    }
}
