//! Compressed input: gzip with any number of members, zstd with any number of frames.
//!
//! Comes in: compressed bytes. Goes out: a reader of the plain ones, which gives everything before a cut or damage and
//! then an error of kind `UnexpectedEof` (cut) or `InvalidData`/`InvalidInput` (damaged). gzip gives what a pipe has
//! delivered so far; zstd holds back up to a window (often 2 to 8 MiB), because its decoder needs that to look back.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The most a zstd frame may ask us to keep in memory: what the `zstd` tool itself refuses to exceed unasked.
const ZSTD_WINDOW: u64 = 128 * 1024 * 1024;

/// Bytes that are enough to tell how much has to be kept to look back at.
pub(super) const BEGINNING: usize = 18;

/// Compressed bytes read at a time.
const CHUNK: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    /// Told by the first bytes, if they are of a compressed file.
    pub(super) fn of(start: [u8; 4]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or a skippable one, with which parallel compressors begin.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Bytes of plain text that are kept to look back at, as the first bytes of the file tell, [`BEGINNING`] of them where
    /// there are so many.
    pub(super) fn window(self, start: &[u8]) -> u64 {
        match self {
            // RFC 1951 section 2.
            Self::Gzip => 32 * 1024,
            Self::Zstd => zstd_window(start).unwrap_or(ZSTD_WINDOW),
        }
    }

    pub(super) fn reader(self, reader: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        let reader = BufReader::with_capacity(CHUNK, reader);
        match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(reader)),
            Self::Zstd => Box::new(ZstdReader::new(reader)),
        }
    }
}

/// The window of a zstd frame (RFC 8878 section 3.1.1.1): it has a field of its own, or is as large as the content. `None`
/// where another frame comes first.
fn zstd_window(start: &[u8]) -> Option<u64> {
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, rest @ ..] = start else {
        return None;
    };
    let single = descriptor & 0x20 != 0;
    let window = if single {
        let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let (len, least) = [(1, 0), (2, 256), (4, 0), (8, 0)][usize::from(descriptor >> 6)];
        let mut size = [0; 8];
        size[..len].copy_from_slice(rest.get(dictionary..dictionary + len)?);
        u64::from_le_bytes(size).saturating_add(least)
    } else {
        let field = rest.first()?;
        let base = 1_u64 << (10 + (field >> 3));
        base + base / 8 * u64::from(field & 7)
    };
    Some(window.min(ZSTD_WINDOW))
}

/// All frames of a zstd file, one after the other.
struct ZstdReader<R> {
    source: R,
    decoder: FrameDecoder,
    state: State,
}

enum State {
    /// Before a frame, or after the last one.
    Between,
    /// In a frame that has more blocks.
    Inside,
    /// The frame goes no further; what was decoded is handed out before the error.
    Failing(io::Error),
    Ended,
}

impl<R: BufRead> ZstdReader<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTD_WINDOW);
        Self {
            source,
            decoder,
            state: State::Between,
        }
    }

    fn begin_frame(&mut self) -> io::Result<State> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(State::Ended);
        }
        match self.decoder.init(&mut self.source) {
            Ok(()) => Ok(State::Inside),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => {
                let length = u64::from(length);
                let skipped = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
                if skipped < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(State::Between)
            }
            Err(error) => Err(plain_error(&error)),
        }
    }

    /// Decodes one more block; at the end of the frame compares its checksum.
    fn advance(&mut self) -> State {
        if self.decoder.is_finished() {
            let promised = self.decoder.get_checksum_from_data();
            if promised.is_some() && promised != self.decoder.get_calculated_checksum() {
                return State::Failing(damaged("zstd: the checksum does not match"));
            }
            return State::Between;
        }
        let one = BlockDecodingStrategy::UptoBlocks(1);
        match self.decoder.decode_blocks(&mut self.source, one) {
            Ok(_) => State::Inside,
            Err(error) => {
                self.release();
                State::Failing(plain_error(&error))
            }
        }
    }

    /// The decoder keeps a window of decoded bytes until its frame ends. An empty last block (RFC 8878, section 3.1.1.2)
    /// and a checksum, which nobody compares, end it, so that everything before the damage can be read.
    fn release(&mut self) {
        const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
        // Should even this fail, then less is shown before the error that is reported anyway.
        let _ = self
            .decoder
            .decode_blocks(&LAST_BLOCK[..], BlockDecodingStrategy::All);
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if matches!(self.state, State::Inside | State::Failing(_)) {
                let read = self.decoder.read(buffer)?;
                if read > 0 {
                    return Ok(read);
                }
            }
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Between => self.begin_frame()?,
                State::Inside => self.advance(),
                State::Failing(error) => return Err(error),
                State::Ended => return Ok(0),
            };
        }
    }
}

/// The decoder's error as one of input and output: the system's own, a cut, or damage in our words where we have some.
fn plain_error(error: &FrameDecoderError) -> io::Error {
    // Beyond what the format itself allows the decoder has another error.
    if let FrameDecoderError::WindowSizeTooBig { requested, .. }
    | FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig { got: requested }) =
        error
    {
        return damaged(&format!(
            "zstd: it needs a window of {requested} bytes, and we allow {ZSTD_WINDOW}"
        ));
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            if let Some(code) = io.raw_os_error() {
                return io::Error::from_raw_os_error(code);
            }
            if io.kind() == io::ErrorKind::UnexpectedEof {
                return io.kind().into();
            }
        }
        cause = current.source();
    }
    damaged(&format!("zstd: {error}"))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beginnings of frames as the `zstd` tool writes them.
    #[test]
    fn a_frame_tells_its_window() {
        let window = |rest: &[u8]| {
            let start = [&[0x28, 0xb5, 0x2f, 0xfd], rest].concat();
            Compression::Zstd.window(&start)
        };
        assert_eq!(window(&[0x04, 0x58, 0]), 2 << 20, "level 3, from a pipe");
        assert_eq!(window(&[0x84, 0x88, 0]), 128 << 20, "--long=27");
        assert_eq!(window(&[0x04, 0xff, 0]), ZSTD_WINDOW, "no more is allowed");
        assert_eq!(window(&[0x24, 0x10, 0]), 16, "as large as its content");
        assert_eq!(window(&[0x64, 0x10, 0x01]), 0x110 + 256);
        assert_eq!(window(&[0x64]), ZSTD_WINDOW, "cut short");
        assert_eq!(
            Compression::Zstd.window(&[0x50, 0x2a, 0x4d, 0x18]),
            ZSTD_WINDOW
        );
    }
}
