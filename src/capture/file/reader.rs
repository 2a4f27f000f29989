//! What both formats share: from records at the start of the window to frames, pauses, the end, or one error.
//!
//! Comes in: the input and a [`Format`] that knows its records. Goes out: a [`Source`].

use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;

use super::Progress;
use super::input::{Fill, Input};
use crate::capture::{Frame, Interface, LinkType, Next, ReadError, Source};
use crate::time::Timestamp;

/// A file format after its first bytes.
pub(super) trait Format {
    /// What lies at the start of these bytes.
    fn record(&mut self, bytes: &[u8]) -> Result<Record, Need>;

    /// The interfaces seen so far.
    fn interfaces(&self) -> &[Interface];
}

/// A whole record at the start of the window.
pub(super) enum Record {
    /// One with a packet.
    Packet(Packet),
    /// One of this many bytes that is passed over.
    Other(usize),
}

/// A packet and the record around it.
pub(super) struct Packet {
    /// Bytes of the whole record.
    pub(super) len: usize,
    /// Which of them are the packet.
    pub(super) data: Range<usize>,
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) interface: u16,
    pub(super) original_len: u32,
}

/// Why there is no whole record at the start of the window.
pub(super) enum Need {
    /// It takes so many bytes in all.
    Bytes(usize),
    /// No bytes will help: this is impossible.
    Damaged(String),
}

impl Need {
    pub(super) fn damaged(what: &str) -> Self {
        Self::Damaged(what.to_owned())
    }
}

/// An open capture.
pub(super) struct Reader<F> {
    format: F,
    input: Input,
    progress: Progress,
    /// Packets so far.
    number: u64,
    finished: bool,
}

impl<F: Format> Reader<F> {
    pub(super) fn new(mut format: F, mut input: Input, progress: Progress) -> Self {
        // What has been read already may describe interfaces, whose names are wanted before the first packet. Whatever is
        // wrong here is found again by the first read.
        while let Ok(Record::Other(len)) = format.record(input.bytes()) {
            input.skip(len);
        }
        Self {
            format,
            input,
            progress,
            number: 0,
            finished: false,
        }
    }

    /// Looks for a packet at the start of the window, or says what to return instead.
    #[allow(
        clippy::inline_always,
        reason = "a call for each packet copies its description, which took longer than finding it"
    )]
    #[inline(always)]
    fn find(&mut self) -> Result<Packet, Result<Next<'static>, ReadError>> {
        loop {
            if self.finished {
                return Err(Ok(Next::End));
            }
            match self.format.record(self.input.bytes()) {
                Ok(Record::Packet(packet)) => {
                    self.number += 1;
                    return Ok(packet);
                }
                Ok(Record::Other(len)) => self.input.skip(len),
                Err(need) => {
                    if let Some(answer) = self.refill(need) {
                        return Err(answer);
                    }
                }
            }
        }
    }

    /// Reads more, or says what to return instead of a frame.
    #[cold]
    fn refill(&mut self, need: Need) -> Option<Result<Next<'static>, ReadError>> {
        let offset = self.input.offset();
        let filled = match need {
            Need::Bytes(need) => self.input.fill(need),
            Need::Damaged(what) => {
                self.finished = true;
                return Some(Err(ReadError::Damaged {
                    frame: self.number,
                    offset,
                    what,
                }));
            }
        };
        match filled {
            Ok(Fill::More) => return None,
            Ok(Fill::Pause) => return Some(Ok(Next::Pause)),
            Ok(Fill::End | Fill::Stopped) | Err(_) => self.finished = true,
        }
        Some(match filled {
            Err(error) => Err(read_error(error, self.number, offset)),
            // What is left is not a packet that was cut: more of it may be there.
            Ok(Fill::Stopped) => Ok(Next::End),
            Ok(_) if self.input.bytes().is_empty() => Ok(Next::End),
            Ok(_) => Err(ReadError::Truncated {
                frame: self.number + 1,
                offset,
            }),
        })
    }
}

/// The packet as a frame, taken off the window.
#[inline]
fn frame(input: &mut Input, number: u64, packet: Packet) -> Frame<'_> {
    Frame {
        number,
        time: packet.time,
        link: packet.link,
        interface: packet.interface,
        data: input.take(packet.len, packet.data),
        original_len: packet.original_len,
    }
}

impl<F: Format> Source for Reader<F> {
    fn next(&mut self) -> Result<Next<'_>, ReadError> {
        match self.find() {
            Ok(packet) => Ok(Next::Frame(frame(&mut self.input, self.number, packet))),
            Err(answer) => answer,
        }
    }

    fn next_with_interfaces(&mut self) -> Result<(Next<'_>, &[Interface]), ReadError> {
        let next = match self.find() {
            Ok(packet) => Next::Frame(frame(&mut self.input, self.number, packet)),
            Err(answer) => answer?,
        };
        Ok((next, self.format.interfaces()))
    }

    fn interfaces(&self) -> &[Interface] {
        self.format.interfaces()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let total = self.progress.total?;
        Some((self.progress.read.load(Ordering::Relaxed), total))
    }

    fn held(&self) -> u64 {
        self.progress.window
    }
}

/// Reading failed: what it means for a capture of which `number` packets were returned. `offset` is where the record
/// begins that is not whole.
pub(super) fn read_error(error: io::Error, number: u64, offset: u64) -> ReadError {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        // The system's own errors carry a number; those of a decompressor do not.
        _ if error.raw_os_error().is_some() => ReadError::Io {
            frame: number,
            error,
        },
        UnexpectedEof => ReadError::Truncated {
            frame: number + 1,
            offset,
        },
        InvalidData | InvalidInput => ReadError::Damaged {
            frame: number,
            offset,
            what: error.to_string(),
        },
        _ => ReadError::Io {
            frame: number,
            error,
        },
    }
}
