//! Capture files built byte by byte, in both byte orders and with any resolution of time.

use super::Packet;

/// The order of a number's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

/// One interface of a pcapng section, and how its time stamps are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    pub(crate) link: u16,
    /// Decimal digits below a second, up to 12.
    pub(crate) digits: u8,
    /// Seconds that are to be added to every time stamp.
    pub(crate) offset: i64,
}

impl Order {
    pub(crate) const BOTH: [Self; 2] = [Self::Little, Self::Big];

    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.u32(*word)).collect()
    }
}

/// A pcap file; `digits` is 6 or 9.
pub(crate) fn pcap(order: Order, digits: u8, link: u16, packets: &[Packet]) -> Vec<u8> {
    let (magic, unit) = if digits == 9 {
        (0xa1b2_3c4d, 1)
    } else {
        (0xa1b2_c3d4, 1000)
    };
    let mut file = order.words(&[magic]);
    file.extend(order.u16(2));
    file.extend(order.u16(4));
    file.extend(order.words(&[0, 0, 65_535, u32::from(link)]));
    for packet in packets {
        let len = packet.data.len() as u32;
        file.extend(order.words(&[
            packet.time.seconds() as u32,
            packet.time.subsec_nanos() / unit,
            len,
            len,
        ]));
        file.extend(&packet.data);
    }
    file
}

/// The section header of a pcapng file and the descriptions of its interfaces.
pub(crate) fn section(order: Order, interfaces: &[Interface]) -> Vec<u8> {
    let mut body = order.words(&[0x1a2b_3c4d]);
    body.extend(order.u16(1));
    body.extend(order.u16(0));
    body.extend([0xff; 8]);
    let mut file = block(order, 0x0a0d_0d0a, &body);
    for interface in interfaces {
        let mut body = order.u16(interface.link).to_vec();
        body.extend([0; 6]);
        // if_tsresol, padded to four bytes; if_tsoffset; the end of the options.
        body.extend([order.u16(9), order.u16(1)].concat());
        body.extend([interface.digits, 0, 0, 0]);
        body.extend([order.u16(14), order.u16(8)].concat());
        body.extend(match order {
            Order::Little => interface.offset.to_le_bytes(),
            Order::Big => interface.offset.to_be_bytes(),
        });
        body.extend([0; 4]);
        file.extend(block(order, 1, &body));
    }
    file
}

/// An enhanced packet block of the `index`th interface of its section.
pub(crate) fn packet(order: Order, index: u32, interface: Interface, packet: &Packet) -> Vec<u8> {
    let nanos = i128::from(packet.time.as_nanos()) - i128::from(interface.offset) * 1_000_000_000;
    let ticks = nanos * 10_i128.pow(u32::from(interface.digits)) / 1_000_000_000;
    let ticks = u64::try_from(ticks).expect("a time that the format can tell");
    let len = packet.data.len() as u32;
    let mut body = order.words(&[index, (ticks >> 32) as u32, ticks as u32, len, len]);
    body.extend(&packet.data);
    body.resize(body.len().next_multiple_of(4), 0);
    block(order, 6, &body)
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let len = body.len() as u32 + 12;
    [
        order.words(&[kind, len]),
        body.to_vec(),
        order.words(&[len]),
    ]
    .concat()
}
