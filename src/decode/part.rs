//! A stretch of a frame: the bytes that were captured and the length it had on the wire.
//!
//! Every layer takes one and hands on a smaller one. Keeping both lengths is what tells a packet that the snaplen cut
//! (`Skip::Cut`) from one that contradicts itself, and what gives a snapped segment its true length.

use super::Skip;
use crate::capture::Frame;

/// Captured bytes of one layer and what follows it, with their length on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    data: &'a [u8],
    wire: usize,
}

impl<'a> Part<'a> {
    /// The whole frame. A file may claim an original length below the captured one; the bytes are there, so they count.
    pub(super) fn of_frame(frame: &Frame<'a>) -> Self {
        Self {
            data: frame.data,
            wire: frame.data.len().max(frame.original_len as usize),
        }
    }

    /// Bytes of a layer whose length on the wire is known; what is captured beyond it is padding.
    pub(super) fn new(data: &'a [u8], wire: usize) -> Self {
        Self {
            data: &data[..wire.min(data.len())],
            wire,
        }
    }

    /// The captured bytes, at most as many as there were on the wire.
    pub(super) fn data(self) -> &'a [u8] {
        self.data
    }

    /// Bytes on the wire; more than `data().len()` when the capture cut them off.
    pub(super) fn wire(self) -> usize {
        self.wire
    }

    /// The capture holds fewer bytes than there were.
    pub(super) fn is_cut(self) -> bool {
        self.data.len() < self.wire
    }

    /// The first `N` bytes, or why they are not there: cut off by the snaplen, or never sent (`otherwise`).
    pub(super) fn head<const N: usize>(self, otherwise: Skip) -> Result<&'a [u8; N], Skip> {
        match self.data.first_chunk() {
            Some(head) => Ok(head),
            None => Err(self.missing(N, otherwise)),
        }
    }

    /// Checks that the first `len` bytes are captured.
    pub(super) fn need(self, len: usize, otherwise: Skip) -> Result<(), Skip> {
        if self.data.len() < len {
            return Err(self.missing(len, otherwise));
        }
        Ok(())
    }

    fn missing(self, len: usize, otherwise: Skip) -> Skip {
        if self.wire < len {
            otherwise
        } else {
            Skip::Cut
        }
    }

    /// What follows a header of `len` bytes.
    pub(super) fn after(self, len: usize) -> Self {
        Self {
            data: self.data.get(len..).unwrap_or_default(),
            wire: self.wire.saturating_sub(len),
        }
    }

    /// At most `len` bytes: a length field that trims padding but cannot add bytes.
    pub(super) fn at_most(self, len: usize) -> Self {
        self.exactly(len.min(self.wire))
    }

    /// `len` bytes, as an IP header declares them: what is beyond is padding, what is missing was cut off before the
    /// capture's own length was written down.
    pub(super) fn exactly(self, len: usize) -> Self {
        Self::new(self.data, len)
    }
}
