//! Many connections at once: what a busy network of clients and servers looks like to one capture.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Recipe;
use super::dice::Dice;
use super::file::PcapFile;
use super::frame::{End, Ends, Packet};
use super::plan::Plan;

/// Client hosts, servers, and ports that a host gives to its connections.
const HOSTS: u64 = 20_000;
const SERVERS: u64 = 300;
const PORTS: u64 = 28_000;
const FIRST_PORT: u64 = 32_768;
const SERVICES: [u16; 8] = [443, 443, 443, 80, 80, 22, 5432, 8080];

/// Packets of opening and closing, which a connection has beside what it was made for.
const FRAME_WORK: u64 = 7;

/// A connection with packets that are still to be written.
struct Conversation {
    ends: Ends,
    packets: std::vec::IntoIter<Packet>,
}

/// All that are under way, by the time of their next packets.
struct Stage {
    due: BinaryHeap<Reverse<(u64, usize)>>,
    places: Vec<Option<(Packet, Conversation)>>,
    free: Vec<usize>,
}

pub(crate) fn write<W: Write>(
    recipe: &Recipe,
    dice: &mut Dice,
    file: &mut PcapFile<W>,
) -> io::Result<()> {
    let mut stage = Stage {
        due: BinaryHeap::new(),
        places: Vec::new(),
        free: Vec::new(),
    };
    let mut planned = 0;
    let spacing = 1_000_000_000 / recipe.rate.max(1);
    let mut begin = 0;
    for number in 0..recipe.connections {
        begin += dice.between(spacing / 2, spacing + spacing / 2);
        stage.play_until(begin, file)?;
        // Steered towards the wanted number of packets, whatever the dice have said so far.
        let mean = recipe.packets.saturating_sub(planned) / (recipe.connections - number);
        let conversation = conversation(number, begin, mean, dice);
        planned += conversation.packets.len() as u64;
        stage.enter(conversation);
    }
    stage.play_until(u64::MAX, file)
}

impl Stage {
    fn enter(&mut self, mut conversation: Conversation) {
        let Some(first) = conversation.packets.next() else {
            return;
        };
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.due.push(Reverse((first.time, place)));
        self.places[place] = Some((first, conversation));
    }

    /// Writes all packets before `end`.
    fn play_until<W: Write>(&mut self, end: u64, file: &mut PcapFile<W>) -> io::Result<()> {
        while let Some(&Reverse((time, place))) = self.due.peek() {
            if time >= end {
                break;
            }
            self.due.pop();
            let Some((packet, conversation)) = &mut self.places[place] else {
                continue;
            };
            file.packet(&mut conversation.ends, packet)?;
            if let Some(next) = conversation.packets.next() {
                *packet = next;
                self.due.push(Reverse((next.time, place)));
            } else {
                self.places[place] = None;
                self.free.push(place);
            }
        }
        Ok(())
    }
}

fn conversation(number: u64, begin: u64, mean: u64, dice: &mut Dice) -> Conversation {
    let ends = ends(number, dice);
    let round_trip = dice.between(100_000, 2_000_000) * dice.between(1, 20);
    let mut plan = Plan::new(begin, round_trip, [dice.any(), dice.any()]);
    let fate = dice.between(0, 999);
    match fate {
        0..20 => plan.knock(dice.between(1, 3)),
        20..50 => plan.be_refused(),
        _ => {
            // Most are short and a few are long.
            let packets = if dice.permille(25) {
                mean * 10
            } else {
                dice.between(mean / 4, mean + mean / 4)
            };
            plan.open();
            talk(
                &mut plan,
                packets.saturating_sub(FRAME_WORK),
                ends.room(),
                dice,
            );
            match fate {
                50..80 => plan.reset(if dice.permille(500) {
                    End::Client
                } else {
                    End::Server
                }),
                // Never closed, as far as the capture goes.
                80..95 => {}
                _ => {
                    let first = if dice.permille(600) {
                        End::Client
                    } else {
                        End::Server
                    };
                    plan.close(first, dice.permille(500));
                }
            }
        }
    }
    Conversation {
        ends,
        packets: plan.packets.into_iter(),
    }
}

/// Requests and replies until about so many packets are sent.
fn talk(plan: &mut Plan, packets: u64, room: u16, dice: &mut Dice) {
    let enough = plan.packets.len() as u64 + packets;
    loop {
        plan.request(dice.between(60, 900) as u16);
        match dice.between(0, 999) {
            0..15 => plan.lose_one(room),
            15..25 => plan.repeat_one(room),
            25..28 => plan.stall(room),
            _ => {}
        }
        let left = enough.saturating_sub(plan.packets.len() as u64);
        let segments = dice.between(1, 12).min(left * 2 / 3).max(1);
        plan.reply(segments, room);
        if plan.packets.len() as u64 >= enough {
            return;
        }
        plan.wait(dice.between(1_000_000, 80_000_000));
    }
}

fn ends(number: u64, dice: &mut Dice) -> Ends {
    let host = dice.between(1, HOSTS) as u32;
    let server = dice.between(1, SERVERS) as u32;
    let (client, server): (IpAddr, IpAddr) = if dice.permille(250) {
        // 2001:db8::/32 is for documentation (RFC 3849).
        let address = |net: u128, host: u32| {
            Ipv6Addr::from((0x2001_0db8_u128 << 96) | (net << 64) | u128::from(host))
        };
        (address(1, host).into(), address(2, server).into())
    } else {
        // 198.18.0.0/15 is for benchmarks (RFC 2544).
        let address = |net: Ipv4Addr, host: u32| Ipv4Addr::from_bits(net.to_bits() + host);
        (
            address(Ipv4Addr::new(10, 0, 0, 0), host).into(),
            address(Ipv4Addr::new(198, 18, 0, 0), server).into(),
        )
    };
    let service = SERVICES[dice.between(0, SERVICES.len() as u64 - 1) as usize];
    Ends {
        sockets: [
            (client, (FIRST_PORT + number % PORTS) as u16),
            (server, service),
        ],
        stamped: dice.permille(800),
        stamps: [0; 2],
    }
}
