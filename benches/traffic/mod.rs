//! Large captures of made-up traffic, for the benchmarks: the same bytes for the same recipe, on every machine.
//!
//! Comes in: a [`Recipe`]. Goes out: a pcap file on any writer. Nothing here is random and nothing is read.

mod bulk;
mod dice;
mod file;
mod flood;
mod frame;
mod mix;
mod plan;

use std::io::{self, Write};
use std::str::FromStr;

use dice::Dice;
use file::PcapFile;

/// What kind of traffic a capture has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Many connections of many kinds: requests and replies, losses, refusals, resets, orderly closings.
    Mix,
    /// A few connections that send full segments as fast as they can.
    Bulk,
    /// SYNs that nobody answers, each from another address and port.
    Syn,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "mix" => Ok(Self::Mix),
            "bulk" => Ok(Self::Bulk),
            "syn" => Ok(Self::Syn),
            _ => Err(format!("{word} is neither mix nor bulk nor syn")),
        }
    }
}

/// What a capture is made from.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// What kind of traffic.
    pub(crate) kind: Kind,
    /// About how many packets.
    pub(crate) packets: u64,
    /// How many connections; of a flood it is the packets that count.
    pub(crate) connections: u64,
    /// Connections that begin in each second of capture time: what decides how many are there at once.
    pub(crate) rate: u64,
    /// Captured bytes of each packet at most.
    pub(crate) snaplen: u32,
    /// Another seed makes other packets of the same kind.
    pub(crate) seed: u64,
}

impl Recipe {
    /// As many packets of a kind, with what is usual for it.
    pub(crate) fn of(kind: Kind, packets: u64) -> Self {
        let connections = match kind {
            Kind::Mix => (packets / 20).max(1),
            Kind::Bulk => 16,
            Kind::Syn => packets,
        };
        Self {
            kind,
            packets,
            connections,
            rate: 1000,
            snaplen: 262_144,
            seed: 9293,
        }
    }

    /// Writes the capture. Gives back how many packets and bytes it has.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(crate) fn write(&self, out: impl Write) -> io::Result<Made> {
        let mut dice = Dice::new(self.seed);
        let mut file = PcapFile::begin(out, self.snaplen)?;
        match self.kind {
            Kind::Mix => mix::write(self, &mut dice, &mut file)?,
            Kind::Bulk => bulk::write(self, &mut dice, &mut file)?,
            Kind::Syn => flood::write(self, &mut dice, &mut file)?,
        }
        file.finish()
    }
}

/// What was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Made {
    /// Packets in the file.
    pub(crate) packets: u64,
    /// Its length.
    pub(crate) bytes: u64,
}
