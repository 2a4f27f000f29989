//! TCP options: the bytes between the fixed header and the payload become an [`Options`] value.
//!
//! Every kind is read as its RFC defines it; one of an impossible length is marked and, where its length still leads
//! to the next option, stepped over as receivers do.

use crate::tcp::{FastOpen, Options, OptionsSeen, SackBlock, SeqNumber};

const END: u8 = 0;
const NO_OPERATION: u8 = 1;

/// The magic number that marks an experimental option (RFC 6994) as Fast Open (RFC 7413 section 4.1.1).
const FAST_OPEN_MAGIC: [u8; 2] = [0xf9, 0x89];

/// What the SYNs of most systems have.
const USUAL_IN_SYN: OptionsSeen = OptionsSeen::MSS
    .union(OptionsSeen::SACK_PERMITTED)
    .union(OptionsSeen::TIMESTAMPS)
    .union(OptionsSeen::WINDOW_SCALE);

/// Parses the captured option bytes into `options`, of which nothing remains as it was. `area` is the length of the whole
/// option area on the wire; fewer captured bytes mean that the snaplen cut it.
#[inline]
pub(super) fn parse(bytes: &[u8], area: usize, options: &mut Options) {
    // The room for SACK blocks need not be cleared, so that this is cheaper than a default value.
    options.sack.clear();
    options.mss = None;
    options.window_scale = None;
    options.fast_open = None;
    options.mptcp_subtype = None;
    // Nearly every segment of a connection that uses timestamps has just these twelve bytes (RFC 7323 appendix A).
    if let [NO_OPERATION, NO_OPERATION, 8, 10, value @ ..] = bytes
        && let Ok(value) = value.try_into()
        && area == bytes.len()
    {
        options.seen = OptionsSeen::TIMESTAMPS;
        options.timestamps = Some(two_words(value));
        return;
    }
    options.timestamps = None;
    options.seen = OptionsSeen::empty();
    // Most SYNs that ask for timestamps have just these twenty bytes.
    if let [
        2,
        4,
        mss_high,
        mss_low,
        4,
        2,
        8,
        10,
        value @ ..,
        NO_OPERATION,
        3,
        3,
        shift,
    ] = bytes
        && let Ok(value) = value.try_into()
        && area == bytes.len()
    {
        options.seen = USUAL_IN_SYN;
        options.mss = Some(u16::from_be_bytes([*mss_high, *mss_low]));
        options.timestamps = Some(two_words(value));
        options.window_scale = Some(*shift);
        return;
    }
    if area > 0 {
        parse_any(bytes, area, options);
    }
}

/// Parses options in any order into empty ones.
fn parse_any(bytes: &[u8], area: usize, options: &mut Options) {
    if bytes.len() < area {
        options.seen |= OptionsSeen::CUT;
    }
    let mut rest = bytes;
    while let Some((&kind, after)) = rest.split_first() {
        match kind {
            END => break,
            NO_OPERATION => {
                rest = after;
                continue;
            }
            _ => {}
        }
        let left_on_wire = area - (bytes.len() - rest.len());
        let Some(&len) = after.first() else {
            // The length byte is missing: cut off, unless the area itself ends here.
            if left_on_wire < 2 {
                options.seen |= OptionsSeen::MALFORMED;
            }
            break;
        };
        let len = usize::from(len);
        if len < 2 || len > left_on_wire {
            options.seen |= OptionsSeen::MALFORMED;
            break;
        }
        let Some((option, next)) = rest.split_at_checked(len) else {
            break;
        };
        let seen = read(kind, &option[2..], options);
        options.seen |= seen.unwrap_or(OptionsSeen::MALFORMED);
        rest = next;
    }
}

/// Reads one option's value; `None` when its length does not fit its kind.
fn read(kind: u8, value: &[u8], options: &mut Options) -> Option<OptionsSeen> {
    Some(match kind {
        2 => {
            options.mss = Some(u16::from_be_bytes(value.try_into().ok()?));
            OptionsSeen::MSS
        }
        3 => {
            let [shift] = value.try_into().ok()?;
            options.window_scale = Some(shift);
            OptionsSeen::WINDOW_SCALE
        }
        4 if value.is_empty() => OptionsSeen::SACK_PERMITTED,
        5 => {
            sack(value, options)?;
            OptionsSeen::SACK
        }
        8 => {
            options.timestamps = Some(two_words(value.try_into().ok()?));
            OptionsSeen::TIMESTAMPS
        }
        19 if value.len() == 16 => OptionsSeen::MD5,
        28 if value.len() == 2 => OptionsSeen::USER_TIMEOUT,
        29 if value.len() >= 2 => OptionsSeen::AO,
        30 => {
            options.mptcp_subtype = Some(value.first()? >> 4);
            OptionsSeen::MPTCP
        }
        34 => {
            options.fast_open = Some(fast_open(value));
            OptionsSeen::FAST_OPEN
        }
        253 | 254 => match value.strip_prefix(&FAST_OPEN_MAGIC) {
            Some(cookie) => {
                options.fast_open = Some(fast_open(cookie));
                OptionsSeen::FAST_OPEN
            }
            None => OptionsSeen::OTHER,
        },
        172 | 174 if matches!(value.len(), 0 | 3 | 6 | 9) => OptionsSeen::ACC_ECN,
        4 | 19 | 28 | 29 | 172 | 174 => return None,
        _ => OptionsSeen::OTHER,
    })
}

/// Two numbers of 32 bits, as timestamps and SACK blocks have them.
fn two_words(value: [u8; 8]) -> (u32, u32) {
    let both = u64::from_be_bytes(value);
    ((both >> 32) as u32, both as u32)
}

fn fast_open(cookie: &[u8]) -> FastOpen {
    match cookie.len() {
        0 => FastOpen::Request,
        len => FastOpen::Cookie(len as u8),
    }
}

fn sack(value: &[u8], options: &mut Options) -> Option<()> {
    let (blocks, rest) = value.as_chunks::<8>();
    if !rest.is_empty() {
        return None;
    }
    options.sack.clear();
    for block in blocks {
        let (left, right) = two_words(*block);
        let block = SackBlock {
            left: SeqNumber(left),
            right: SeqNumber(right),
        };
        // An option area of 40 bytes has room for four blocks, so this never refuses one.
        options.sack.try_push(block).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8], area: usize) -> Options {
        let mut options = Options::default();
        parse(bytes, area, &mut options);
        options
    }

    fn whole(bytes: &[u8]) -> Options {
        parsed(bytes, bytes.len())
    }

    #[test]
    fn a_linux_syn() {
        let options = whole(&[
            2, 4, 0xff, 0xd7, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 10,
        ]);
        assert_eq!(
            options.seen,
            OptionsSeen::MSS
                | OptionsSeen::SACK_PERMITTED
                | OptionsSeen::TIMESTAMPS
                | OptionsSeen::WINDOW_SCALE
        );
        assert_eq!(options.mss, Some(65495));
        assert_eq!(options.timestamps, Some((7, 0)));
        assert_eq!(options.window_scale, Some(10));
    }

    #[test]
    fn sack_blocks_in_order() {
        let options = whole(&[1, 1, 5, 18, 0, 0, 0, 9, 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 4]);
        let edges: Vec<_> = options
            .sack
            .iter()
            .map(|block| (block.left.0, block.right.0))
            .collect();
        assert_eq!(edges, [(9, 12), (1, 4)]);
    }

    #[test]
    fn fast_open_standard_and_experimental() {
        assert_eq!(whole(&[34, 2]).fast_open, Some(FastOpen::Request));
        assert_eq!(
            whole(&[34, 6, 1, 2, 3, 4]).fast_open,
            Some(FastOpen::Cookie(4))
        );
        assert_eq!(
            whole(&[254, 4, 0xf9, 0x89]).fast_open,
            Some(FastOpen::Request)
        );
        let foreign = whole(&[254, 4, 0xca, 0xfe]);
        assert_eq!(
            (foreign.fast_open, foreign.seen),
            (None, OptionsSeen::OTHER)
        );
    }

    #[test]
    fn kinds_that_only_leave_a_mark() {
        let md5 = [&[19, 18][..], &[0; 16]].concat();
        for (bytes, seen) in [
            (&md5[..], OptionsSeen::MD5),
            (&[28, 4, 0, 5], OptionsSeen::USER_TIMEOUT),
            (&[29, 4, 0, 0], OptionsSeen::AO),
            (&[172, 5, 0, 0, 1], OptionsSeen::ACC_ECN),
            (&[174, 2], OptionsSeen::ACC_ECN),
            (&[77, 3, 9], OptionsSeen::OTHER),
        ] {
            assert_eq!(whole(bytes).seen, seen, "{bytes:?}");
        }
        assert_eq!(whole(&[30, 4, 0x10, 0]).mptcp_subtype, Some(1));
    }

    #[test]
    fn impossible_lengths_are_marked_and_what_came_before_stands() {
        for bytes in [
            &[2, 4, 5, 0xb4, 8, 1][..], // length below 2
            &[2, 4, 5, 0xb4, 8, 10, 0], // runs past the header
            &[2, 4, 5, 0xb4, 8],        // no length at all
        ] {
            let options = whole(bytes);
            assert_eq!(
                options.seen,
                OptionsSeen::MSS | OptionsSeen::MALFORMED,
                "{bytes:?}"
            );
            assert_eq!(options.mss, Some(1460));
        }
    }

    #[test]
    fn a_wrong_length_does_not_hide_the_next_option() {
        let options = whole(&[3, 4, 1, 1, 2, 4, 5, 0xb4]);
        assert_eq!(options.seen, OptionsSeen::MSS | OptionsSeen::MALFORMED);
        assert_eq!(options.window_scale, None);
    }

    #[test]
    fn nothing_after_the_end_of_the_list() {
        assert_eq!(whole(&[0, 2, 4, 5, 0xb4]), Options::default());
    }

    #[test]
    fn cut_by_the_capture_is_not_malformed() {
        let syn = [2, 4, 5, 0xb4, 4, 2, 1, 1];
        for captured in 0..syn.len() {
            let options = parsed(&syn[..captured], syn.len());
            let mut expected = OptionsSeen::CUT;
            expected.set(OptionsSeen::MSS, captured >= 4);
            expected.set(OptionsSeen::SACK_PERMITTED, captured >= 6);
            assert_eq!(options.seen, expected, "{captured} bytes captured");
        }
    }
}
