//! The read buffer: a window over the input from which records are borrowed.
//!
//! Comes in: any reader. Goes out: the bytes that are there, and whether more can come. A read is asked for only when
//! the window holds no whole record, takes what is available, and on a pipe is announced by one [`Fill::Pause`].

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compressed::Compression;
use crate::capture::Stopping;

/// One read. Larger ones are not faster, smaller ones cost system calls.
const WINDOW: usize = 256 * 1024;

/// What [`Input::fill`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fill {
    /// There are more bytes than before.
    More,
    /// Nothing was read: the next call may block, and whoever prints should flush first.
    Pause,
    /// The input has ended.
    End,
    /// Nothing was read, and nothing will be: somebody wants it to end here.
    Stopped,
}

pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// The window is `buffer[start..end]`.
    start: usize,
    end: usize,
    /// Where `buffer[0]` is in the uncompressed data.
    base: u64,
    may_block: bool,
    /// The pause before the next read has been announced.
    announced: bool,
    ended: bool,
    /// Who may want it to end early.
    stopping: Option<Stopping>,
}

impl Input {
    pub(super) fn new(
        reader: Box<dyn Read + Send>,
        may_block: bool,
        stopping: Option<Stopping>,
    ) -> Self {
        Self {
            reader,
            buffer: vec![0; WINDOW],
            start: 0,
            end: 0,
            base: 0,
            may_block,
            announced: false,
            ended: false,
            stopping,
        }
    }

    /// The same input with a decompressor in between; what was read so far goes through it too.
    pub(super) fn decompressed(self, compression: Compression) -> Self {
        let head = Cursor::new(self.bytes().to_vec());
        let reader = compression.reader(Box::new(head.chain(self.reader)));
        Self::new(reader, self.may_block, self.stopping)
    }

    /// The bytes that are there and not yet consumed.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where [`Self::bytes`] begins in the uncompressed data.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Takes `len` bytes, of which `from..` are wanted, off the window. The caller has seen that they are there.
    #[inline]
    pub(super) fn take(&mut self, len: usize, wanted: std::ops::Range<usize>) -> &[u8] {
        let at = self.start;
        debug_assert!(wanted.end <= len && at + len <= self.end);
        self.start += len;
        &self.buffer[at + wanted.start..at + wanted.end]
    }

    /// Takes `len` bytes off the window that nobody wants.
    pub(super) fn skip(&mut self, len: usize) {
        debug_assert!(self.start + len <= self.end);
        self.start += len;
    }

    /// Reads once, making room for a record of `need` bytes first. The caller bounds `need`.
    pub(super) fn fill(&mut self, need: usize) -> io::Result<Fill> {
        if self.ended {
            return Ok(Fill::End);
        }
        if self.may_block && !self.announced {
            self.announced = true;
            return Ok(Fill::Pause);
        }
        self.make_room(need);
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(Fill::End);
                }
                Ok(read) => {
                    self.end += read;
                    self.announced = false;
                    return Ok(Fill::More);
                }
                Err(_) if self.is_stopped() => {
                    self.ended = true;
                    return Ok(Fill::Stopped);
                }
                // Whoever was interrupted may want to stop; on a file the read simply goes on.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    if self.may_block {
                        return Ok(Fill::Pause);
                    }
                }
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
    }

    fn is_stopped(&mut self) -> bool {
        let stopping = self.stopping.as_ref();
        let stopped = stopping.filter(|stopping| stopping.is_demanded());
        stopped.inspect(|stopping| stopping.heard()).is_some()
    }

    fn make_room(&mut self, need: usize) {
        // What is left of the last read is less than a record: moving it is cheap and keeps reads large.
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() < need {
            self.buffer.resize(need, 0);
        }
    }
}

/// A file or pipe of which no more is read once somebody says so, also while a read would wait. What a decompressor holds
/// by then still comes out of it.
pub(super) struct Stoppable {
    file: File,
    stopping: Stopping,
}

impl Stoppable {
    pub(super) fn new(file: File, stopping: Stopping) -> Self {
        Self { file, stopping }
    }
}

impl Read for Stoppable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stopping.wait_for(self.file.as_fd())?;
        self.file.read(buffer)
    }
}

/// A reader that counts what passes, for a progress display.
pub(super) struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    pub(super) fn new(reader: R, count: Arc<AtomicU64>) -> Self {
        Self { reader, count }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
