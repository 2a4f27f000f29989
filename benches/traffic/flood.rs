//! A SYN flood: every packet is from somebody else, and nobody answers.

use std::io::{self, Write};
use std::net::Ipv4Addr;

use super::Recipe;
use super::dice::Dice;
use super::file::PcapFile;
use super::frame::{End, Ends, Packet, SYN};

/// Addresses of 10.0.0.0/8.
const ADDRESSES: u32 = 1 << 24;

/// Odd, so that multiples of it visit every address once before any of them twice.
const STRIDE: u32 = 10_368_889;

pub(crate) fn write<W: Write>(
    recipe: &Recipe,
    dice: &mut Dice,
    file: &mut PcapFile<W>,
) -> io::Result<()> {
    let net = Ipv4Addr::new(10, 0, 0, 0).to_bits();
    let mut host = 0_u32;
    let mut time = 0;
    for _ in 0..recipe.packets {
        host = (host + STRIDE) % ADDRESSES;
        time += dice.between(1000, 3000);
        let mut ends = Ends {
            sockets: [
                (
                    Ipv4Addr::from_bits(net + host).into(),
                    dice.between(1024, 65_535) as u16,
                ),
                (Ipv4Addr::new(198, 18, 0, 1).into(), 443),
            ],
            stamped: true,
            stamps: [0; 2],
        };
        let syn = Packet {
            time,
            from: End::Client,
            flags: SYN,
            seq: dice.any(),
            ack: 0,
            window: 64_240,
            len: 0,
            sack: None,
        };
        file.packet(&mut ends, &syn)?;
    }
    Ok(())
}
