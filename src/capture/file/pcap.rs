//! The classic pcap format: one header, then records of one link type.
//!
//! Comes in: the input from its first byte. Goes out: its frames. Both byte orders, microseconds and nanoseconds, and
//! the longer record headers of one old Linux variant are understood.

use super::input::Input;
use super::reader::{Format, Need, Packet, Record};
use super::{fill_blocking, impossible_length, longest_packet};
use crate::capture::{Interface, LinkType, ReadError};
use crate::time::Timestamp;

const HEADER: usize = 24;
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Written by patched libpcaps around 2000: each record header has eight more bytes about the interface.
const LONG_RECORDS: u32 = 0xa1b2_cd34;

pub(super) struct Pcap {
    interfaces: Vec<Interface>,
    link: LinkType,
    big_endian: bool,
    nanoseconds: bool,
    lengths: Lengths,
    record_header: usize,
    longest: u32,
}

/// In which order a record header names its two lengths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lengths {
    /// Captured, then original.
    CapturedFirst,
    /// Original, then captured: files of versions before 2.3.
    OriginalFirst,
    /// Version 2.3 was written both ways: the smaller one is the captured length.
    SmallerIsCaptured,
}

impl Pcap {
    pub(super) fn recognises(start: [u8; 4]) -> bool {
        byte_order(start).is_some()
    }

    /// Takes the file header.
    pub(super) fn open(input: &mut Input) -> Result<Self, ReadError> {
        if !fill_blocking(input, HEADER)? {
            return Err(ReadError::Truncated {
                frame: 0,
                offset: input.offset(),
            });
        }
        let header = input.take(HEADER, 0..HEADER);
        let start = [header[0], header[1], header[2], header[3]];
        let (magic, big_endian) = byte_order(start).unwrap_or((MICROSECONDS, false));
        let word = |at: usize| number(&header[at..], big_endian);
        let half = |at: usize| {
            let bytes = [header[at], header[at + 1]];
            if big_endian {
                u16::from_be_bytes(bytes)
            } else {
                u16::from_le_bytes(bytes)
            }
        };
        let lengths = match (half(4), half(6)) {
            (2, 0..3) | (543, 0) => Lengths::OriginalFirst,
            (2, 3) => Lengths::SmallerIsCaptured,
            (2, _) => Lengths::CapturedFirst,
            (major, minor) => {
                return Err(ReadError::Damaged {
                    frame: 0,
                    offset: 4,
                    what: format!("pcap version {major}.{minor} does not exist"),
                });
            }
        };
        let snaplen = word(16);
        // The upper half holds the length of a frame check sequence, not a part of the type.
        let link = LinkType(word(20) as u16);
        let nanoseconds = magic == NANOSECONDS;
        Ok(Self {
            interfaces: vec![Interface {
                name: None,
                link,
                digits: if nanoseconds { 9 } else { 6 },
                snaplen,
            }],
            link,
            big_endian,
            nanoseconds,
            lengths,
            record_header: if magic == LONG_RECORDS { 24 } else { 16 },
            longest: longest_packet(snaplen),
        })
    }
}

impl Format for Pcap {
    #[allow(
        clippy::inline_always,
        reason = "what a call hands back for each packet goes through memory"
    )]
    #[inline(always)]
    fn record(&mut self, bytes: &[u8]) -> Result<Record, Need> {
        let Some(header) = bytes.first_chunk::<16>() else {
            return Err(Need::Bytes(self.record_header));
        };
        let word = |at: usize| number(&header[at..at + 4], self.big_endian);
        let (first, second) = (word(8), word(12));
        let (captured, original) = match self.lengths {
            Lengths::CapturedFirst => (first, second),
            Lengths::OriginalFirst => (second, first),
            Lengths::SmallerIsCaptured => (first.min(second), first.max(second)),
        };
        if captured > self.longest {
            return Err(Need::Damaged(impossible_length(captured, self.longest)));
        }
        let len = self.record_header + captured as usize;
        if bytes.len() < len {
            return Err(Need::Bytes(len));
        }
        let (seconds, fraction) = (i64::from(word(0)), i64::from(word(4)));
        // Neither product nor sum can leave 64 bits, even if the fraction is more than a second.
        let fraction = if self.nanoseconds {
            fraction
        } else {
            fraction * 1000
        };
        Ok(Record::Packet(Packet {
            len,
            data: self.record_header..len,
            time: Timestamp::from_nanos(seconds * 1_000_000_000 + fraction),
            link: self.link,
            interface: 0,
            original_len: original.max(captured),
        }))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }
}

/// The magic number and whether the file is big-endian.
fn byte_order(start: [u8; 4]) -> Option<(u32, bool)> {
    [
        (u32::from_le_bytes(start), false),
        (u32::from_be_bytes(start), true),
    ]
    .into_iter()
    .find(|(magic, _)| matches!(*magic, MICROSECONDS | NANOSECONDS | LONG_RECORDS))
}

#[inline]
fn number(bytes: &[u8], big_endian: bool) -> u32 {
    let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
    if big_endian {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }
}
