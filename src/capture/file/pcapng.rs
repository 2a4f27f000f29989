//! The pcapng format: sections of blocks, each section with its own byte order and interfaces.
//!
//! Comes in: the input from its first byte. Goes out: the frames of its packet blocks (enhanced, simple, and the
//! obsolete kind) and the interfaces they name, numbered through over all sections. Other blocks are skipped.

use super::input::Input;
use super::reader::{Format, Need, Packet, Record};
use super::{LONGEST_RECORD, fill_blocking, impossible_length, longest_packet, not_a_capture};
use crate::capture::{Interface, ReadError};
use crate::time::Timestamp;

mod interface;

use interface::{Clock, describe};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// Type and length, before every block's body.
const BLOCK_START: usize = 8;
/// The length again, after it.
const BLOCK_END: usize = 4;
/// A block without a body. Of a section's header block, this much tells the byte order.
const SHORTEST_BLOCK: usize = BLOCK_START + BLOCK_END;

/// A block may be a bit longer than the longest packet: it has headers and options.
const LONGEST_BLOCK: u32 = LONGEST_RECORD + 256 * 1024;

/// Interfaces in all sections together; a frame names its own with 16 bits.
const MOST_INTERFACES: usize = 1 << 16;

pub(super) struct Pcapng {
    order: Order,
    interfaces: Vec<Interface>,
    /// How the time stamps of each of `interfaces` are meant.
    clocks: Vec<Clock>,
    /// The index in `interfaces` of the current section's first one.
    section: usize,
    /// Time of the last packet that had one: simple packets have none, and so keep their place.
    latest: Timestamp,
}

impl Pcapng {
    pub(super) fn recognises(start: [u8; 4]) -> bool {
        u32::from_be_bytes(start) == SECTION_HEADER
    }

    /// Looks at the first section's byte order and leaves its block to be read.
    pub(super) fn open(input: &mut Input) -> Result<Self, ReadError> {
        if !fill_blocking(input, SHORTEST_BLOCK)? {
            return Err(ReadError::Truncated {
                frame: 0,
                offset: input.offset(),
            });
        }
        let start = input.bytes().first_chunk();
        let Some(order) = start.and_then(Order::of_section) else {
            return Err(not_a_capture(input));
        };
        Ok(Self {
            order,
            interfaces: Vec::new(),
            clocks: Vec::new(),
            section: 0,
            latest: Timestamp::default(),
        })
    }

    /// The block at the start of the window, if it is whole.
    #[inline]
    fn block<'a>(&self, bytes: &'a [u8]) -> Result<Block<'a>, Need> {
        let Some(start) = bytes.first_chunk::<SHORTEST_BLOCK>() else {
            return Err(Need::Bytes(SHORTEST_BLOCK));
        };
        let kind = self.order.u32(start, 0);
        let order = if kind == SECTION_HEADER {
            Order::of_section(start)
                .ok_or_else(|| Need::damaged("a section without a byte order"))?
        } else {
            self.order
        };
        let len = order.u32(start, 4);
        if len < SHORTEST_BLOCK as u32 || len % 4 != 0 || len > LONGEST_BLOCK {
            return Err(Need::Damaged(format!("a block of {len} bytes")));
        }
        let len = len as usize;
        if bytes.len() < len {
            return Err(Need::Bytes(len));
        }
        let again = order.u32(bytes, len - BLOCK_END);
        if again as usize != len {
            return Err(Need::Damaged(format!(
                "a block's two lengths differ, {len} and {again}"
            )));
        }
        Ok(Block {
            kind,
            order,
            len,
            body: &bytes[BLOCK_START..len - BLOCK_END],
        })
    }

    /// An enhanced packet block, or an obsolete one, which differs in the width of its interface number.
    #[inline]
    fn timed_packet(
        &mut self,
        block: &Block<'_>,
        interface: impl Fn(Order, &[u8; 20]) -> u32,
    ) -> Result<Packet, Need> {
        const HEADER: usize = 20;
        let order = self.order;
        let Some(header) = block.body.first_chunk::<HEADER>() else {
            return Err(Need::damaged("a packet block without its header"));
        };
        let (index, described, clock) = self.interface(interface(order, header))?;
        let ticks = u64::from(order.u32(header, 4)) << 32 | u64::from(order.u32(header, 8));
        let captured = order.u32(header, 12);
        let longest = longest_packet(described.snaplen);
        if captured > longest {
            return Err(Need::Damaged(impossible_length(captured, longest)));
        }
        let room = block.body.len() - HEADER;
        if captured as usize > room {
            return Err(Need::Damaged(format!(
                "a packet of {captured} captured bytes in a block with room for {room}"
            )));
        }
        let start = BLOCK_START + HEADER;
        let packet = Packet {
            len: block.len,
            data: start..start + captured as usize,
            time: clock.time(ticks),
            link: described.link,
            interface: index,
            original_len: order.u32(header, 16).max(captured),
        };
        self.latest = packet.time;
        Ok(packet)
    }

    fn simple_packet(&self, block: &Block<'_>) -> Result<Packet, Need> {
        const HEADER: usize = 4;
        let Some(header) = block.body.first_chunk::<HEADER>() else {
            return Err(Need::damaged("a packet block without its header"));
        };
        let (index, described, _) = self.interface(0)?;
        let original_len = self.order.u32(header, 0);
        let snaplen = match described.snaplen {
            0 => u32::MAX,
            snaplen => snaplen,
        };
        let room = block.body.len() - HEADER;
        let captured = room.min(original_len.min(snaplen) as usize);
        let start = BLOCK_START + HEADER;
        Ok(Packet {
            len: block.len,
            data: start..start + captured,
            time: self.latest,
            link: described.link,
            interface: index,
            original_len,
        })
    }

    /// The `local`th interface of this section.
    #[inline]
    fn interface(&self, local: u32) -> Result<(u16, &Interface, &Clock), Need> {
        let index = self.section.saturating_add(local as usize);
        match (self.interfaces.get(index), self.clocks.get(index)) {
            (Some(interface), Some(clock)) => Ok((index as u16, interface, clock)),
            _ => Err(Need::Damaged(format!(
                "a packet of interface {local}, of which there is no description"
            ))),
        }
    }

    /// Learns from a block that is no packet.
    #[cold]
    fn other_block(&mut self, block: &Block<'_>) -> Result<(), Need> {
        let body = block.body;
        match block.kind {
            SECTION_HEADER => {
                if body.len() < 16 {
                    return Err(Need::damaged("a section without its header"));
                }
                let version = (block.order.u16(body, 4), block.order.u16(body, 6));
                // Version 1.2 was written by some tools and means the same.
                if !matches!(version, (1, 0 | 2)) {
                    let (major, minor) = version;
                    return Err(Need::Damaged(format!(
                        "pcapng version {major}.{minor} is not known"
                    )));
                }
                self.order = block.order;
                self.section = self.interfaces.len();
            }
            INTERFACE_DESCRIPTION => {
                if self.interfaces.len() == MOST_INTERFACES {
                    return Err(Need::Damaged(format!(
                        "more than {MOST_INTERFACES} interfaces"
                    )));
                }
                let (interface, clock) = describe(body, self.order)
                    .ok_or_else(|| Need::damaged("an interface without its description"))?;
                self.interfaces.push(interface);
                self.clocks.push(clock);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Format for Pcapng {
    #[inline]
    fn record(&mut self, bytes: &[u8]) -> Result<Record, Need> {
        let block = self.block(bytes)?;
        let packet = match block.kind {
            ENHANCED_PACKET => self.timed_packet(&block, |order, header| order.u32(header, 0))?,
            OBSOLETE_PACKET => {
                self.timed_packet(&block, |order, header| u32::from(order.u16(header, 0)))?
            }
            SIMPLE_PACKET => self.simple_packet(&block)?,
            _ => {
                self.other_block(&block)?;
                return Ok(Record::Other(block.len));
            }
        };
        Ok(Record::Packet(packet))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }
}

/// A whole block at the start of the window.
struct Block<'a> {
    kind: u32,
    order: Order,
    /// With its head and its tail.
    len: usize,
    body: &'a [u8],
}

/// The byte order of a section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    Little,
    Big,
}

impl Order {
    /// Of the section whose header block begins here.
    fn of_section(block: &[u8; SHORTEST_BLOCK]) -> Option<Self> {
        [Self::Little, Self::Big]
            .into_iter()
            .find(|order| order.u32(block, 8) == BYTE_ORDER)
    }

    #[inline]
    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    #[inline]
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = [bytes[at], bytes[at + 1]];
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }
}
