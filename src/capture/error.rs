//! Why a capture could not be read. Every variant carries the facts; the text is made here.

use std::io;
use std::path::PathBuf;

/// Reading a capture failed. Packets before the failure were returned.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened.
    #[error("cannot open {}: {error}", path.display())]
    Open {
        /// As the user wrote it.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A directory, not a file.
    #[error("{} is a directory, not a capture file", path.display())]
    Directory {
        /// As the user wrote it.
        path: PathBuf,
    },
    /// Not a single byte.
    #[error("the input is empty (0 bytes), not a capture")]
    Empty,
    /// The first bytes are of no capture format.
    #[error(
        "not a capture file: it begins with {}, which is neither pcap nor pcapng",
        first(start)
    )]
    NotACapture {
        /// The first bytes.
        start: Vec<u8>,
    },
    /// The input ends in the middle of a record.
    #[error(
        "the capture is cut short in packet {frame}, at byte {offset}; \
         everything before it is shown (normal for an interrupted tcpdump)"
    )]
    Truncated {
        /// The packet that is not whole.
        frame: u64,
        /// Where the incomplete record begins, in the uncompressed data.
        offset: u64,
    },
    /// A record or block header is impossible.
    #[error(
        "the capture is damaged at byte {offset}, after packet {frame}: {what}; everything before it is shown"
    )]
    Damaged {
        /// The last whole packet.
        frame: u64,
        /// Where, in the uncompressed data.
        offset: u64,
        /// What is impossible there.
        what: String,
    },
    /// The system failed while reading.
    #[error("reading failed after packet {frame}: {error}; everything before it is shown")]
    Io {
        /// The last whole packet.
        frame: u64,
        /// What the system said.
        error: io::Error,
    },
}

/// The first bytes of a file as a person recognises them: as text where they are, else in hex.
fn first(start: &[u8]) -> String {
    match std::str::from_utf8(start.trim_ascii_end()) {
        Ok(text) if !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
            format!("\"{text}\"")
        }
        _ if start.starts_with(b"snoop\0") => "the mark of a snoop file".to_owned(),
        _ => {
            let hex: Vec<_> = start.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("the bytes {}", hex.join(" "))
        }
    }
}
