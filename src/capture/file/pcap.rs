//! The classic pcap format: one header, then records of one link type.
//!
//! Comes in: the input from its first byte. Goes out: its frames. Both byte orders, microseconds and nanoseconds, and
//! the longer record headers of one old Linux variant are understood.

use super::input::{Fill, Input};
use super::{LONGEST_RECORD, Reader, fill_blocking, longest_packet, read_error};
use crate::capture::{Frame, Interface, LinkType, Next, ReadError};
use crate::time::Timestamp;

const HEADER: usize = 24;
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Written by patched libpcaps around 2000: each record header has eight more bytes about the interface.
const LONG_RECORDS: u32 = 0xa1b2_cd34;

pub(super) struct PcapReader {
    input: Input,
    interfaces: Vec<Interface>,
    number: u64,
    link: LinkType,
    big_endian: bool,
    nanoseconds: bool,
    lengths: Lengths,
    record_header: usize,
    longest: u32,
    finished: bool,
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

impl PcapReader {
    pub(super) fn recognises(start: [u8; 4]) -> bool {
        byte_order(start).is_some()
    }

    /// Takes the file header.
    pub(super) fn open(mut input: Input) -> Result<Self, ReadError> {
        if !fill_blocking(&mut input, HEADER)? {
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
            input,
            interfaces: vec![Interface {
                name: None,
                link,
                digits: if nanoseconds { 9 } else { 6 },
                snaplen,
            }],
            number: 0,
            link,
            big_endian,
            nanoseconds,
            lengths,
            record_header: if magic == LONG_RECORDS { 24 } else { 16 },
            longest: longest_packet(snaplen),
            finished: false,
        })
    }

    /// The next record's header, if all of it and its packet are in the window; else the bytes needed.
    #[inline]
    fn record(&self) -> Result<Record, Need> {
        let bytes = self.input.bytes();
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
            return Err(Need::Impossible { captured });
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
        Ok(Record {
            time: Timestamp::from_nanos(seconds * 1_000_000_000 + fraction),
            len,
            original_len: original.max(captured),
        })
    }

    /// The input has ended with less than a record.
    fn at_end(&self) -> Result<Next<'static>, ReadError> {
        if self.input.bytes().is_empty() {
            return Ok(Next::End);
        }
        Err(ReadError::Truncated {
            frame: self.number + 1,
            offset: self.input.offset(),
        })
    }

    /// Reads more, or says what to return instead of a frame.
    #[cold]
    fn refill(&mut self, need: Need) -> Option<Result<Next<'static>, ReadError>> {
        let need = match need {
            Need::Bytes(need) => need,
            Need::Impossible { captured } => {
                self.finished = true;
                return Some(Err(ReadError::Damaged {
                    frame: self.number,
                    offset: self.input.offset(),
                    what: impossible_length(captured, self.longest),
                }));
            }
        };
        match self.input.fill(need) {
            Ok(Fill::More) => return None,
            Ok(Fill::Pause) => return Some(Ok(Next::Pause)),
            Ok(Fill::End) => {
                self.finished = true;
                Some(self.at_end())
            }
            Err(error) => {
                self.finished = true;
                Some(Err(read_error(error, self.number, self.input.offset())))
            }
        }
    }
}

impl Reader for PcapReader {
    #[inline]
    fn next(&mut self) -> Result<(Next<'_>, &[Interface]), ReadError> {
        let record = loop {
            if self.finished {
                return Ok((Next::End, &self.interfaces));
            }
            match self.record() {
                Ok(record) => break record,
                Err(need) => {
                    if let Some(answer) = self.refill(need) {
                        return answer.map(|next| (next, &self.interfaces[..]));
                    }
                }
            }
        };
        self.number += 1;
        let frame = Frame {
            number: self.number,
            time: record.time,
            link: self.link,
            interface: 0,
            data: self.input.take(record.len, self.record_header..record.len),
            original_len: record.original_len,
        };
        Ok((Next::Frame(frame), &self.interfaces))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }
}

/// A whole record at the start of the window.
struct Record {
    time: Timestamp,
    /// Header and packet.
    len: usize,
    original_len: u32,
}

/// Why there is no whole record at the start of the window.
enum Need {
    /// It takes so many bytes in all.
    Bytes(usize),
    /// It claims more captured bytes than any packet has.
    Impossible { captured: u32 },
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

/// The words for a captured length that no packet has.
pub(super) fn impossible_length(captured: u32, longest: u32) -> String {
    debug_assert!(longest <= LONGEST_RECORD);
    format!("a packet of {captured} captured bytes, where {longest} are the most")
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
