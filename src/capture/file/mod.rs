//! Capture files and pipes: pcap and pcapng, plain or compressed, told apart by their first bytes and never by name.
//!
//! Comes in: a path, or `-` for standard input. Goes out: a [`Source`] of frames borrowed from its read buffer. Headers
//! are taken apart by hand: a pcap record header is four numbers, and walking them in place costs a few nanoseconds a
//! packet, keeps the frames before any damage, and knows at every byte whether the input was cut there. Nothing here
//! looks into a frame.

mod compressed;
mod input;
mod pcap;
mod pcapng;
mod reader;

use std::fs::{File, Metadata};
use std::io::{self, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{ReadError, Source, Stopping};
use compressed::Compression;
use input::{Counted, Fill, Input, Stoppable};
use pcap::Pcap;
use pcapng::Pcapng;
use reader::{Reader, read_error};

/// The longest captured part of a packet that a file may claim without saying so in its snaplen: what libpcap and
/// Wireshark allow too. Longer ones are nearly always the sign of a damaged length.
const USUAL_SNAPLEN: u32 = 262_144;

/// No record or block is longer than this, whatever the file says, so that a few hostile bytes cannot make us
/// allocate gigabytes.
const LONGEST_RECORD: u32 = 16 * 1024 * 1024;

/// A capture file that is open and was not looked at yet, so that rights can be given up in between.
#[derive(Debug)]
pub struct Unread {
    file: File,
    facts: Metadata,
    stopping: Option<Stopping>,
}

impl Unread {
    /// Opens a capture file, or takes standard input for `-`. Reads nothing.
    ///
    /// # Errors
    /// When it cannot be opened or is a folder.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let fail = |error| ReadError::Open {
            path: path.to_owned(),
            error,
        };
        let file = if path == Path::new("-") {
            standard_input().map_err(fail)?
        } else {
            File::open(path).map_err(fail)?
        };
        let facts = file.metadata().map_err(fail)?;
        if facts.is_dir() {
            return Err(ReadError::Directory {
                path: path.to_owned(),
            });
        }
        Ok(Self {
            file,
            facts,
            stopping: None,
        })
    }

    /// What the system says of the open file. Writing to the same one would destroy what is to be read.
    #[must_use]
    pub fn facts(&self) -> &Metadata {
        &self.facts
    }

    /// Looks at the first bytes of a file, without taking them, for whether they are those of a capture. What they say about
    /// the rest is for [`Self::read`] to find out, and a pipe gives nothing twice.
    ///
    /// # Errors
    /// When it is empty, or of no format that is known.
    pub fn recognise(&self) -> Result<(), ReadError> {
        let mut start = [0; 8];
        let len = match (&self.file).stream_position() {
            Ok(at) if self.facts.is_file() => self.file.read_at(&mut start, at),
            _ => return Ok(()),
        };
        match (len, start) {
            // What cannot be read is reported by whoever reads it.
            (Err(_), _) => Ok(()),
            (Ok(0), _) => Err(ReadError::Empty),
            (Ok(4..), [a, b, c, d, ..]) if is_known([a, b, c, d]) => Ok(()),
            (Ok(len), _) => Err(ReadError::NotACapture {
                start: start[..len].to_vec(),
            }),
        }
    }

    /// Lets its reading end early. What was read by then is a capture that ends there.
    #[must_use]
    pub fn until(self, stopping: Stopping) -> Self {
        Self {
            stopping: Some(stopping),
            ..self
        }
    }

    /// Reads what it begins with. Blocks until the first bytes are there.
    ///
    /// # Errors
    /// When it does not begin like a capture.
    pub fn read(self) -> Result<Box<dyn Source + Send>, ReadError> {
        let Self {
            file,
            facts,
            stopping,
        } = self;
        let may_block = !facts.is_file();
        let read = Arc::new(AtomicU64::new(0));
        let progress = Progress {
            read: Arc::clone(&read),
            total: facts.is_file().then_some(facts.len()),
            window: 0,
        };
        let reader: Box<dyn io::Read + Send> = match &stopping {
            Some(stopping) => Box::new(Stoppable::new(file, stopping.clone())),
            None => Box::new(file),
        };
        let input = Input::new(Box::new(Counted::new(reader, read)), may_block, stopping);
        from_input(input, progress)
    }
}

/// Opens a capture file, or standard input for `-`. Blocks until the first bytes are there.
///
/// # Errors
/// When it cannot be opened or does not begin like a capture.
pub fn open(path: &Path) -> Result<Box<dyn Source + Send>, ReadError> {
    Unread::open(path)?.read()
}

/// Opens a capture that is in memory: one that is part of the program, or one that a test has made.
///
/// # Errors
/// When it does not begin like a capture.
pub fn recorded(
    bytes: impl io::Read + Send + 'static,
) -> Result<Box<dyn Source + Send>, ReadError> {
    let progress = Progress {
        read: Arc::default(),
        total: None,
        window: 0,
    };
    from_input(Input::new(Box::new(bytes), false, None), progress)
}

/// A capture from any input.
fn from_input(
    mut input: Input,
    mut progress: Progress,
) -> Result<Box<dyn Source + Send>, ReadError> {
    let start = begin(&mut input)?;
    if let Some(compression) = Compression::of(start) {
        // What is shorter than that is no capture, which is said further on.
        fill_blocking(&mut input, compressed::BEGINNING)?;
        progress.window = compression.window(input.bytes());
        input = input.decompressed(compression);
    }
    let start = begin(&mut input)?;
    if Pcapng::recognises(start) {
        let format = Pcapng::open(&mut input)?;
        return Ok(Box::new(Reader::new(format, input, progress)));
    }
    if Pcap::recognises(start) {
        let format = Pcap::open(&mut input)?;
        return Ok(Box::new(Reader::new(format, input, progress)));
    }
    Err(not_a_capture(&input))
}

/// Standard input as a file of our own, without the buffer of the standard library in between.
#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Standard input as a file of our own, without the buffer of the standard library in between.
#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
}

fn is_known(start: [u8; 4]) -> bool {
    Compression::of(start).is_some() || Pcapng::recognises(start) || Pcap::recognises(start)
}

/// The first four bytes, which tell every format we know from the others.
fn begin(input: &mut Input) -> Result<[u8; 4], ReadError> {
    if !fill_blocking(input, 4)? {
        return Err(if input.bytes().is_empty() {
            ReadError::Empty
        } else {
            not_a_capture(input)
        });
    }
    let bytes = input.bytes();
    Ok([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Reads until `need` bytes are there, waiting for them; false when the input ends before that.
fn fill_blocking(input: &mut Input, need: usize) -> Result<bool, ReadError> {
    while input.bytes().len() < need {
        match input.fill(need) {
            Ok(Fill::More | Fill::Pause) => {}
            Ok(Fill::End | Fill::Stopped) => return Ok(false),
            Err(error) => return Err(read_error(error, 0, input.offset())),
        }
    }
    Ok(true)
}

fn not_a_capture(input: &Input) -> ReadError {
    let bytes = input.bytes();
    ReadError::NotACapture {
        start: bytes[..bytes.len().min(8)].to_vec(),
    }
}

/// The words for a captured length that no packet has.
fn impossible_length(captured: u32, longest: u32) -> String {
    format!("a packet of {captured} captured bytes, where {longest} are the most")
}

/// How long a packet's captured part may be where the file promises at most `snaplen`.
fn longest_packet(snaplen: u32) -> u32 {
    snaplen.clamp(USUAL_SNAPLEN, LONGEST_RECORD)
}

/// Bytes of the file as it lies on the disk, before decompression.
struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
    /// Memory that decompression takes.
    window: u64,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails says where")]
mod tests;
