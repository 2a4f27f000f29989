//! The bytes of one TCP header (RFC 9293 section 3.1), taken apart field by field for readers who want to see the header
//! itself.

/// Length of a header without options (RFC 9293 section 3.1).
const FIXED_LEN: usize = 20;

/// A TCP header as it was captured: at least its fixed 20 bytes, and of its options what the capture has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawHeader<'a> {
    fixed: &'a [u8; FIXED_LEN],
    options: &'a [u8],
}

/// One option of a header, cut where the header or the capture ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawOption<'a> {
    /// Where in the header it begins, in bytes.
    pub at: usize,
    /// Its kind, as IANA numbers them (RFC 9293 section 3.2).
    pub kind: u8,
    /// All its bytes, kind and length included; a run of no-operations is one option.
    pub bytes: &'a [u8],
}

impl<'a> RawHeader<'a> {
    /// The header at the start of `segment`, the bytes of a TCP segment; `None` when there are fewer than 20.
    #[must_use]
    pub fn of(segment: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = segment.split_first_chunk()?;
        let options = usize::from(fixed[12] >> 4).saturating_mul(4).max(FIXED_LEN) - FIXED_LEN;
        Some(Self {
            fixed,
            options: &rest[..options.min(rest.len())],
        })
    }

    /// The captured bytes.
    pub fn bytes(self) -> impl Iterator<Item = u8> + 'a {
        self.fixed.iter().chain(self.options).copied()
    }

    /// Two bytes from `at` on, within the fixed part.
    fn word(self, at: usize) -> u16 {
        u16::from_be_bytes([self.fixed[at], self.fixed[at + 1]])
    }

    /// Source port.
    #[must_use]
    pub fn source_port(self) -> u16 {
        self.word(0)
    }

    /// Destination port.
    #[must_use]
    pub fn destination_port(self) -> u16 {
        self.word(2)
    }

    /// Sequence number of the first byte, or of the SYN.
    #[must_use]
    pub fn seq(self) -> u32 {
        u32::from(self.word(4)) << 16 | u32::from(self.word(6))
    }

    /// Acknowledgment field as it is, whether or not ACK is set.
    #[must_use]
    pub fn ack(self) -> u32 {
        u32::from(self.word(8)) << 16 | u32::from(self.word(10))
    }

    /// Length of the header in words of 32 bits, options included: 5 to 15.
    #[must_use]
    pub fn data_offset(self) -> u8 {
        self.fixed[12] >> 4
    }

    /// The four reserved bits; the last of them is AE of RFC 9768.
    #[must_use]
    pub fn reserved(self) -> u8 {
        self.fixed[12] & 0x0f
    }

    /// The eight control bits, CWR first and FIN last.
    #[must_use]
    pub fn control_bits(self) -> u8 {
        self.fixed[13]
    }

    /// The window field, unscaled: what it counts depends on the scale that the SYNs agreed on.
    #[must_use]
    pub fn window(self) -> u16 {
        self.word(14)
    }

    /// The checksum field; unfinished in what a machine captures of its own packets, where its interface computes it later.
    #[must_use]
    pub fn checksum(self) -> u16 {
        self.word(16)
    }

    /// The urgent pointer: bytes from the sequence number to the byte after the urgent data (RFC 9293 section 3.8.5).
    #[must_use]
    pub fn urgent(self) -> u16 {
        self.word(18)
    }

    /// Its options in order. What cannot be an option ends the list as one that runs to the end.
    pub fn options(self) -> impl Iterator<Item = RawOption<'a>> {
        let mut rest = self.options;
        let mut at = FIXED_LEN;
        std::iter::from_fn(move || {
            let kind = *rest.first()?;
            let len = match kind {
                0 => rest.len(),
                1 => rest.iter().take_while(|byte| **byte == 1).count(),
                _ => match rest.get(1) {
                    Some(len) if usize::from(*len) >= 2 => usize::from(*len).min(rest.len()),
                    _ => rest.len(),
                },
            };
            let (bytes, after) = rest.split_at(len);
            let option = RawOption { at, kind, bytes };
            rest = after;
            at += len;
            Some(option)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::RawHeader;

    #[test]
    fn fields_and_options_are_where_the_rfc_draws_them() {
        let mut bytes = vec![
            0x9c, 0x04, 0x06, 0xb0, 0, 0, 0, 9, 0, 0, 0, 8, 0x71, 0x52, 0, 64, 0xfe, 0x28, 0, 3,
        ];
        bytes.extend([1, 1, 2, 4, 5, 0xb4, 0, 0]);
        bytes.extend(*b"data");
        let header = RawHeader::of(&bytes).expect("a whole header");
        assert_eq!(
            (header.source_port(), header.destination_port()),
            (39_940, 1712)
        );
        assert_eq!((header.seq(), header.ack()), (9, 8));
        assert_eq!((header.data_offset(), header.reserved()), (7, 1));
        assert_eq!((header.control_bits(), header.window()), (0x52, 64));
        assert_eq!((header.checksum(), header.urgent()), (0xfe28, 3));
        let options: Vec<_> = header
            .options()
            .map(|option| (option.at, option.kind, option.bytes.len()))
            .collect();
        assert_eq!(options, [(20, 1, 2), (22, 2, 4), (26, 0, 2)]);
        assert_eq!(header.bytes().count(), 28);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for offset in 0..=15_u8 {
            for len in 0..64 {
                for filler in [0, 1, 2, 5, 255] {
                    let mut bytes = vec![filler; len];
                    if let Some(byte) = bytes.get_mut(12) {
                        *byte = offset << 4;
                    }
                    let Some(header) = RawHeader::of(&bytes) else {
                        assert!(len < 20);
                        continue;
                    };
                    let listed: usize = header.options().map(|option| option.bytes.len()).sum();
                    assert_eq!(listed + 20, header.bytes().count());
                }
            }
        }
    }
}
