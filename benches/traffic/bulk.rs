//! A few downloads side by side.

use std::io::{self, Write};
use std::net::Ipv4Addr;

use super::Recipe;
use super::dice::Dice;
use super::file::PcapFile;
use super::frame::{End, Ends};
use super::plan::Plan;

/// What passes between two bursts, in nanoseconds.
const PAUSE: u64 = 3000;

pub(crate) fn write<W: Write>(
    recipe: &Recipe,
    dice: &mut Dice,
    file: &mut PcapFile<W>,
) -> io::Result<()> {
    let mut now = 0;
    let mut flows: Vec<(Ends, Plan)> = (0..recipe.connections.max(1))
        .map(|number| {
            (
                ends(number),
                Plan::new(0, 100_000, [dice.any(), dice.any()]),
            )
        })
        .collect();
    for flow in &mut flows {
        flow.1.open();
        flow.1.request(200);
        now = play(flow, now, file)?;
    }
    let last = flows.len() as u64 - 1;
    while file.packets() < recipe.packets {
        let flow = &mut flows[dice.between(0, last) as usize];
        let room = flow.0.room();
        if dice.permille(2) {
            flow.1.repeat_one(room);
        }
        flow.1.reply(dice.between(2, 16), room);
        now = play(flow, now, file)?;
    }
    for flow in &mut flows {
        flow.1.close(End::Server, false);
        now = play(flow, now, file)?;
    }
    Ok(())
}

/// Writes what a flow has planned, no earlier than `now`. Gives back when the next one may begin.
fn play<W: Write>(
    (ends, plan): &mut (Ends, Plan),
    now: u64,
    file: &mut PcapFile<W>,
) -> io::Result<u64> {
    let planned = plan.packets.first().map_or(0, |packet| packet.time);
    let late = now.saturating_sub(planned);
    let mut end = now;
    for mut packet in plan.packets.drain(..) {
        packet.time += late;
        end = packet.time;
        file.packet(ends, &packet)?;
    }
    plan.wait(late);
    Ok(end + PAUSE)
}

fn ends(number: u64) -> Ends {
    Ends {
        sockets: [
            (Ipv4Addr::new(10, 0, 0, 1).into(), 40_000 + number as u16),
            (Ipv4Addr::new(198, 18, 0, 1).into(), 443),
        ],
        stamped: true,
        stamps: [0; 2],
    }
}
