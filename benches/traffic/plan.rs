//! A connection's packets, written down one after the other as its ends would send them.

use super::frame::{ACK, End, FIN, PSH, Packet, RST, SYN};

const MICROSECOND: u64 = 1000;
const SECOND: u64 = 1_000_000_000;

/// Windows: of a SYN, and the scaled ones afterwards.
const FIRST_WINDOW: u16 = 64_240;
const WINDOW: u16 = 501;

/// A connection under way. Nothing is sent yet; the packets lie in their order.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) packets: Vec<Packet>,
    now: u64,
    /// Time to the other end and back.
    round_trip: u64,
    /// The number that each end sends next.
    next: [u32; 2],
}

impl Plan {
    /// Begins at `now`, with these first numbers.
    pub(crate) fn new(now: u64, round_trip: u64, first: [u32; 2]) -> Self {
        Self {
            packets: Vec::new(),
            now,
            round_trip,
            next: first,
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, nanos: u64) {
        self.now += nanos;
    }

    /// A segment with the numbers that are due.
    pub(crate) fn send(&mut self, from: End, flags: u8, len: u16) -> Packet {
        let packet = Packet {
            time: self.now,
            from,
            flags,
            seq: self.next[from as usize],
            ack: self.next[from.other() as usize],
            window: if flags & SYN == 0 {
                WINDOW
            } else {
                FIRST_WINDOW
            },
            len,
            sack: None,
        };
        let controls = u32::from(flags & (SYN | FIN) != 0);
        let next = &mut self.next[from as usize];
        *next = next.wrapping_add(u32::from(len) + controls);
        self.packets.push(packet);
        packet
    }

    /// A copy of a segment that was lost behind the place of the capture.
    pub(crate) fn send_again(&mut self, packet: Packet) {
        self.packets.push(Packet {
            time: self.now,
            ..packet
        });
    }

    /// An acknowledgment and nothing else.
    pub(crate) fn acknowledge(&mut self, from: End) {
        self.send(from, ACK, 0);
    }

    /// SYNs that are repeated and never answered.
    pub(crate) fn knock(&mut self, times: u64) {
        let syn = self.send(End::Client, SYN, 0);
        for time in 1..times {
            self.wait(SECOND << (time - 1));
            self.send_again(syn);
        }
    }

    /// A SYN, and the answer that nobody listens.
    pub(crate) fn be_refused(&mut self) {
        self.send(End::Client, SYN, 0);
        self.wait(self.round_trip);
        self.next[End::Server as usize] = 0;
        self.send(End::Server, RST | ACK, 0);
    }

    pub(crate) fn open(&mut self) {
        self.send(End::Client, SYN, 0);
        self.wait(self.round_trip);
        self.send(End::Server, SYN | ACK, 0);
        self.wait(30 * MICROSECOND);
        self.acknowledge(End::Client);
    }

    /// A request in one segment, acknowledged on its own.
    pub(crate) fn request(&mut self, len: u16) {
        self.wait(200 * MICROSECOND);
        self.send(End::Client, ACK | PSH, len);
        self.wait(self.round_trip);
        self.acknowledge(End::Server);
    }

    /// A reply in so many segments, of which every second one and the last are acknowledged.
    pub(crate) fn reply(&mut self, segments: u64, len: u16) {
        for segment in 1..=segments {
            self.wait(12 * MICROSECOND);
            let last = segment == segments;
            self.send(End::Server, if last { ACK | PSH } else { ACK }, len);
            if last || segment % 2 == 0 {
                self.wait(20 * MICROSECOND);
                self.acknowledge(End::Client);
            }
        }
    }

    /// A segment that is lost before the capture sees it: the three behind it are asked about, then it comes.
    pub(crate) fn lose_one(&mut self, len: u16) {
        let lost = self.send(End::Server, ACK | PSH, len);
        self.packets.pop();
        let begin = self.next[End::Server as usize];
        for _ in 0..3 {
            self.wait(12 * MICROSECOND);
            self.send(End::Server, ACK, len);
            self.wait(8 * MICROSECOND);
            let end = self.next[End::Server as usize];
            self.acknowledge(End::Client);
            if let Some(duplicate) = self.packets.last_mut() {
                duplicate.ack = lost.seq;
                duplicate.sack = Some((begin, end));
            }
        }
        self.wait(self.round_trip);
        self.send_again(lost);
        self.wait(20 * MICROSECOND);
        self.acknowledge(End::Client);
    }

    /// A segment that is lost behind the capture, and so seen twice.
    pub(crate) fn repeat_one(&mut self, len: u16) {
        let lost = self.send(End::Server, ACK | PSH, len);
        self.wait(self.round_trip + SECOND / 5);
        self.send_again(lost);
        self.wait(20 * MICROSECOND);
        self.acknowledge(End::Client);
    }

    /// The client reads nothing for a while.
    pub(crate) fn stall(&mut self, len: u16) {
        self.send(End::Server, ACK | PSH, len);
        self.wait(20 * MICROSECOND);
        self.acknowledge(End::Client);
        if let Some(full) = self.packets.last_mut() {
            full.window = 0;
        }
        self.wait(SECOND / 20);
        self.acknowledge(End::Client);
    }

    pub(crate) fn reset(&mut self, from: End) {
        self.wait(100 * MICROSECOND);
        self.send(from, RST | ACK, 0);
    }

    /// An orderly end. `apart`: the other end acknowledges the FIN before it closes, too.
    pub(crate) fn close(&mut self, first: End, apart: bool) {
        self.wait(100 * MICROSECOND);
        self.send(first, FIN | ACK, 0);
        self.wait(self.round_trip);
        if apart {
            self.acknowledge(first.other());
            self.wait(500 * MICROSECOND);
        }
        self.send(first.other(), FIN | ACK, 0);
        self.wait(30 * MICROSECOND);
        self.acknowledge(first);
    }
}
