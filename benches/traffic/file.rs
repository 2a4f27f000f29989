//! A pcap file with microseconds, Ethernet frames and a snaplen.

use std::io::{self, Write};

use super::Made;
use super::frame::{Ends, Framer, Packet};

/// 2026-01-01 00:00:00 UTC, when every capture begins: seconds since 1970.
const BEGIN: u64 = 1_767_225_600;

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

/// A file under way.
pub(crate) struct PcapFile<W> {
    out: W,
    framer: Framer,
    snaplen: usize,
    made: Made,
}

impl<W: Write> PcapFile<W> {
    pub(crate) fn begin(mut out: W, snaplen: u32) -> io::Result<Self> {
        const VERSION: [u16; 2] = [2, 4];
        const ETHERNET: u32 = 1;
        let mut header = Vec::with_capacity(FILE_HEADER);
        header.extend(0xa1b2_c3d4_u32.to_le_bytes());
        header.extend(VERSION.into_iter().flat_map(u16::to_le_bytes));
        // Time zone and accuracy, which nobody uses.
        header.extend([0; 8]);
        header.extend(snaplen.to_le_bytes());
        header.extend(ETHERNET.to_le_bytes());
        out.write_all(&header)?;
        Ok(Self {
            out,
            framer: Framer::new(),
            snaplen: snaplen as usize,
            made: Made {
                packets: 0,
                bytes: header.len() as u64,
            },
        })
    }

    /// Appends the frame of a packet between these ends.
    pub(crate) fn packet(&mut self, ends: &mut Ends, packet: &Packet) -> io::Result<()> {
        let frame = self.framer.frame(ends, packet);
        let captured = &frame[..frame.len().min(self.snaplen)];
        let micros = packet.time / 1000;
        let fields = [
            (BEGIN + micros / 1_000_000) as u32,
            (micros % 1_000_000) as u32,
            captured.len() as u32,
            frame.len() as u32,
        ];
        let mut header = [0; RECORD_HEADER];
        for (place, field) in header.chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        self.out.write_all(&header)?;
        self.out.write_all(captured)?;
        self.made.packets += 1;
        self.made.bytes += (RECORD_HEADER + captured.len()) as u64;
        Ok(())
    }

    /// Packets so far.
    pub(crate) fn packets(&self) -> u64 {
        self.made.packets
    }

    pub(crate) fn finish(mut self) -> io::Result<Made> {
        self.out.flush()?;
        Ok(self.made)
    }
}
