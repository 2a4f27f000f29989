//! A wire between two real sockets of this machine: late, lossy, or both, exactly as planned.
//!
//! ```text
//! socket 10.17.12.1:40000 ─▶ kernel ─▶ wire0 ─▶ this loop: lose, delay, double, mark ─▶ swap addresses ─┐
//! socket 10.17.12.1:1712  ◀─ kernel ◀─ wire0 ◀──────────────────────────────────────────────────────────┘
//! ```
//!
//! Both sockets have our own address and take the other one for the far end's. A packet for the far end comes out of the
//! device; with source and destination exchanged it goes back in, and the kernel delivers it to the other socket. The
//! exchange changes no checksum. A capture on the device shows each packet twice: as it was sent, and as it arrived.
//!
//! Comes in: a [`Plan`]. Goes out: packets, later. What becomes of the n-th packet of a kind is written in the plan, and
//! random losses repeat with their seed; times, ports and initial sequence numbers do not repeat.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::{TimeSpec, TimeValLike as _};

use super::LabError;
use super::fates::Fates;
use super::network::{Cable, HERE, THERE};
use crate::tcp::Side;

/// The longest packet that the device gives us; its MTU is 1500.
const LONGEST: usize = 2048;
/// Packets under way at once. More than any scenario sends; what comes on top of it is lost, as in a full router.
const ROOM: usize = 4096;
/// A wire that is being stopped waits so long for a last packet, which a kernel's delayed acknowledgment can be.
const LAST: Duration = Duration::from_millis(120);

/// What a wire does to packets.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How long every packet is under way.
    pub latency: Duration,
    /// Bytes a second in each direction; `None`: no limit.
    pub rate: Option<u32>,
    /// What happens to which packets. The first rule that fits counts.
    pub rules: &'static [Rule],
    /// Losses by chance.
    pub random: Option<Random>,
    /// What one reads about it: `30 ms each way; the second data segment is lost`.
    pub summary: &'static str,
}

/// What happens to some packets.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Whose packets.
    pub from: Side,
    /// Which kind.
    pub kind: Kind,
    /// The first of them that it happens to, counted from 1.
    pub first: u32,
    /// The last of them.
    pub last: u32,
    /// What happens.
    pub fate: Fate,
}

/// Kinds of packets, each counted on its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// With the SYN flag.
    Syn,
    /// With payload, sent for the first time or again.
    Data,
    /// With the FIN flag and no payload.
    Fin,
    /// Everything else: acknowledgments and resets.
    Ack,
    /// All of these, counted together.
    Any,
}

/// What happens to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It never arrives.
    Lose,
    /// It arrives so much later than others.
    Delay(Duration),
    /// It arrives twice, the second time so much later.
    Double(Duration),
    /// A router marks that it is congested: CE in the IP header (RFC 3168 section 5).
    Mark,
}

/// Losses by chance, the same ones for the same seed.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    /// Where the sequence of chances begins.
    pub seed: u64,
    /// Of a hundred packets with payload, how many are lost.
    pub percent: u8,
}

/// A wire at work. It has to be stopped, so that packets under way arrive first.
pub(super) struct Wire {
    stop: io::PipeWriter,
    thread: JoinHandle<()>,
}

impl Wire {
    /// Starts carrying packets, and tells `fates` what becomes of each.
    pub(super) fn start(
        cable: &Cable,
        plan: &'static Plan,
        fates: Arc<Fates>,
    ) -> Result<Self, LabError> {
        let system = |call| move |error| LabError::System { call, error };
        let file = cable.file.try_clone().map_err(system("dup"))?;
        let (stopped, stop) = io::pipe().map_err(system("pipe"))?;
        let mut carrier = Carrier {
            file,
            header: cable.header,
            under_way: BinaryHeap::new(),
            decider: Decider::new(plan),
            serial: 0,
            free: [Instant::now(); 2],
            fates,
        };
        let thread = thread::Builder::new()
            .name("wire".to_owned())
            .spawn(move || {
                carrier.carry(&stopped);
                carrier.fates.end();
            })
            .map_err(system("thread"))?;
        Ok(Self { stop, thread })
    }

    /// Returns when everything under way has arrived.
    pub(super) fn stop(self) {
        drop(self.stop);
        // A panic there was reported by its own thread.
        let _ = self.thread.join();
    }
}

/// A packet that arrives later.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    due: Instant,
    /// Among packets that are due together, the one that was sent first arrives first.
    serial: u64,
    bytes: Vec<u8>,
}

struct Carrier {
    file: File,
    /// Bytes before the IP header.
    header: usize,
    under_way: BinaryHeap<Reverse<Flying>>,
    decider: Decider,
    serial: u64,
    /// When each direction has sent what it was given before.
    free: [Instant; 2],
    fates: Arc<Fates>,
}

impl Carrier {
    /// Until it is stopped and nothing comes any more.
    fn carry(&mut self, stopped: &io::PipeReader) {
        let mut ending = None;
        let mut packet = [0; LONGEST];
        loop {
            self.deliver();
            let now = Instant::now();
            let next = self.under_way.peek().map(|Reverse(first)| first.due);
            if ending.is_some_and(|end| now >= end) && next.is_none() {
                return;
            }
            let wake = next.into_iter().chain(ending).min();
            let wait = wake.map(|wake| wake.saturating_duration_since(now));
            let wait = wait.map(|wait| TimeSpec::nanoseconds(wait.as_nanos() as i64));
            let mut fds = vec![PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
            if ending.is_none() {
                fds.push(PollFd::new(stopped.as_fd(), PollFlags::POLLIN));
            }
            match ppoll(&mut fds, wait, None) {
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(_) => return,
            }
            let ready = |i: usize| fds.get(i).and_then(PollFd::any).unwrap_or(false);
            let (readable, stop) = (ready(0), ready(1));
            if stop {
                ending = Some(Instant::now() + LAST);
            }
            if readable {
                let Ok(len) = self.file.read(&mut packet) else {
                    return;
                };
                if ending.is_some() {
                    ending = Some(Instant::now() + LAST);
                }
                self.take(&packet[..len]);
            }
        }
    }

    /// Gives every packet that is due to its receiver.
    fn deliver(&mut self) {
        let now = Instant::now();
        while let Some(Reverse(first)) = self.under_way.peek() {
            if first.due > now {
                return;
            }
            if let Some(Reverse(packet)) = self.under_way.pop() {
                // A kernel that does not take a packet has lost it, as kernels do.
                let _ = self.file.write(&packet.bytes);
            }
        }
    }

    /// A packet has been sent: decides what becomes of it.
    fn take(&mut self, frame: &[u8]) {
        let bytes = frame.get(self.header..).unwrap_or_default();
        let Some(packet) = Packet::of(bytes, self.decider.client) else {
            return;
        };
        let mut due = self.departed(packet.from, bytes.len()) + self.decider.plan.latency;
        let fate = self.decider.fate(&packet);
        self.decider.client = Some(self.decider.client.unwrap_or(packet.source_port));
        let arrives = fate != Some(Fate::Lose) && self.under_way.len() < ROOM;
        self.fates.decide(bytes, arrives);
        if !arrives {
            return;
        }
        let mut frame = frame.to_vec();
        swap(&mut frame[self.header..]);
        match fate {
            Some(Fate::Delay(more)) => due += more,
            Some(Fate::Mark) => mark(&mut frame[self.header..]),
            Some(Fate::Double(_) | Fate::Lose) | None => {}
        }
        let copy = match fate {
            Some(Fate::Double(later)) => Some((due + later, frame.clone())),
            _ => None,
        };
        self.send(due, frame);
        if let Some((due, copy)) = copy {
            self.send(due, copy);
        }
    }

    fn send(&mut self, due: Instant, bytes: Vec<u8>) {
        if self.under_way.len() < ROOM {
            self.serial += 1;
            self.under_way.push(Reverse(Flying {
                due,
                serial: self.serial,
                bytes,
            }));
        }
    }

    /// When the packet's last byte has left, at the rate of the plan.
    fn departed(&mut self, from: Side, len: usize) -> Instant {
        let now = Instant::now();
        let Some(rate) = self.decider.plan.rate else {
            return now;
        };
        let free = &mut self.free[from as usize];
        let takes = Duration::from_nanos(len as u64 * 1_000_000_000 / u64::from(rate.max(1)));
        *free = (*free).max(now) + takes;
        *free
    }
}

/// What matters of a packet.
struct Packet {
    from: Side,
    kind: Kind,
    source_port: u16,
}

impl Packet {
    /// A TCP packet from our address to the other one; everything else is not carried. The client is whoever sent first.
    fn of(bytes: &[u8], client: Option<u16>) -> Option<Self> {
        let ip = bytes.first_chunk::<20>()?;
        let header = usize::from(ip[0] & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
        if ip[0] >> 4 != 4
            || ip[9] != 6
            || ip[12..16] != HERE.octets()
            || ip[16..20] != THERE.octets()
        {
            return None;
        }
        let tcp = bytes.get(header..total)?;
        let ports = tcp.first_chunk::<20>()?;
        let source_port = u16::from_be_bytes([ports[0], ports[1]]);
        let payload = tcp.len().checked_sub(usize::from(ports[12] >> 4) * 4)?;
        let (fin, syn) = (ports[13] & 1 != 0, ports[13] & 2 != 0);
        let kind = match (syn, payload > 0, fin) {
            (true, ..) => Kind::Syn,
            (_, true, _) => Kind::Data,
            (_, _, true) => Kind::Fin,
            _ => Kind::Ack,
        };
        Some(Self {
            from: if client.is_none_or(|client| client == source_port) {
                Side::Client
            } else {
                Side::Server
            },
            kind,
            source_port,
        })
    }
}

/// Counts packets and looks them up in the plan.
struct Decider {
    plan: &'static Plan,
    /// Of each side: SYNs, data, FINs, acknowledgments, all.
    counts: [[u32; 5]; 2],
    chance: u64,
    /// The port of whoever sent first.
    client: Option<u16>,
}

impl Decider {
    fn new(plan: &'static Plan) -> Self {
        Self {
            plan,
            counts: [[0; 5]; 2],
            chance: plan.random.map_or(0, |random| random.seed),
            client: None,
        }
    }

    fn fate(&mut self, packet: &Packet) -> Option<Fate> {
        let counts = &mut self.counts[packet.from as usize];
        counts[packet.kind as usize] += 1;
        counts[Kind::Any as usize] += 1;
        let planned = self.plan.rules.iter().find(|rule| {
            let fits = rule.kind == packet.kind || rule.kind == Kind::Any;
            let count = counts[rule.kind as usize];
            rule.from == packet.from && fits && (rule.first..=rule.last).contains(&count)
        });
        let random = self.plan.random.filter(|_| packet.kind == Kind::Data);
        let unlucky = random.is_some_and(|random| self.roll() % 100 < u64::from(random.percent));
        planned
            .map(|rule| rule.fate)
            .or(unlucky.then_some(Fate::Lose))
    }

    /// The next number of the `SplitMix64` sequence: small, and good enough for losing packets.
    fn roll(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Exchanges source and destination address. Checksums are sums and do not care about order.
fn swap(packet: &mut [u8]) {
    let (front, back) = packet.split_at_mut(16);
    front[12..16].swap_with_slice(&mut back[..4]);
}

/// Sets the ECN field to CE, where the sender said that it understands that, and corrects the header's checksum
/// (RFC 1624, equation 3).
fn mark(packet: &mut [u8]) {
    let old = u16::from_be_bytes([packet[0], packet[1]]);
    if old.trailing_zeros() >= 2 {
        return;
    }
    let new = old | 3;
    packet[..2].copy_from_slice(&new.to_be_bytes());
    let checksum = u16::from_be_bytes([packet[10], packet[11]]);
    let mut sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    packet[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::script::Script;

    const PLAN: Plan = Plan {
        latency: Duration::ZERO,
        rate: None,
        rules: &[
            Rule {
                from: Side::Client,
                kind: Kind::Data,
                first: 2,
                last: 3,
                fate: Fate::Lose,
            },
            Rule {
                from: Side::Server,
                kind: Kind::Any,
                first: 1,
                last: 1,
                fate: Fate::Mark,
            },
        ],
        random: None,
        summary: "",
    };

    fn packets(lines: &str) -> Vec<Vec<u8>> {
        let text = format!("client 10.17.12.1:40000\nserver 10.17.12.2:1712\n{lines}");
        let script = Script::parse(&text).expect("a good script");
        script
            .frames()
            .into_iter()
            .map(|frame| frame.bytes)
            .collect()
    }

    fn fates(plan: &'static Plan, lines: &str) -> Vec<Option<Fate>> {
        let mut decider = Decider::new(plan);
        packets(lines)
            .iter()
            .map(|bytes| {
                let packet = Packet::of(bytes, decider.client).expect("from here to there");
                decider.client = Some(decider.client.unwrap_or(packet.source_port));
                decider.fate(&packet)
            })
            .collect()
    }

    #[test]
    fn rules_count_each_kind_of_each_side() {
        let lines = "0 C > S SYN\n+1ms C > S PSH-ACK len 5\n+1ms C > S ACK\n\
                     +1ms C > S PSH-ACK len 5\n+1ms C > S ACK len 5\n+1ms C > S FIN-ACK len 5";
        let lose = Some(Fate::Lose);
        assert_eq!(
            fates(&PLAN, lines),
            [None, None, None, lose, lose, None],
            "the second and third with payload"
        );
    }

    #[test]
    fn chance_repeats_with_its_seed() {
        const RANDOM: Plan = Plan {
            rules: &[],
            random: Some(Random {
                seed: 7,
                percent: 30,
            }),
            ..PLAN
        };
        let lines = "+1ms C > S ACK len 5\n".repeat(200);
        let first = fates(&RANDOM, &lines);
        let lost = first.iter().flatten().count();
        assert!((40..80).contains(&lost), "about 30 of a hundred: {lost}");
        assert_eq!(first, fates(&RANDOM, &lines));
    }

    #[test]
    fn only_tcp_between_the_two_addresses_is_carried() {
        let packet = &packets("0 C > S SYN\n")[0];
        let of = |change: fn(&mut Vec<u8>)| {
            let mut packet = packet.clone();
            change(&mut packet);
            Packet::of(&packet, None).is_some()
        };
        assert!(of(|_| {}));
        assert!(!of(|packet| packet[9] = 17));
        assert!(!of(|packet| swap(packet)));
        assert!(!of(|packet| packet.truncate(30)));
        assert!(!of(|packet| packet[32] = 0xf0));
    }

    #[test]
    fn a_mark_keeps_the_checksum_right() {
        for (tos, marked) in [(0, 0), (1, 3), (2, 3), (3, 3), (0xfe, 0xff)] {
            let mut packet = packets("0 C > S ACK len 5\n").remove(0);
            packet[1] = tos;
            packet[10..12].copy_from_slice(&[0, 0]);
            let sum = !folded(&packet[..20]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            mark(&mut packet);
            swap(&mut packet);
            assert_eq!(packet[1], marked);
            assert_eq!(folded(&packet[..20]), 0xffff, "tos {tos}");
        }
    }

    fn folded(header: &[u8]) -> u16 {
        let mut sum: u32 = header
            .chunks_exact(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
            .sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }
}
