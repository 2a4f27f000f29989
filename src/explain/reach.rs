//! How far each direction has got: what is acknowledged, what is in flight, and what the receiver's window still allows.
//!
//! Comes in: the tracked segments of one connection, in order. Goes out: after each of them a [`Reach`] a direction, in
//! bytes: SYN and FIN are not counted, though each takes a number. These are the pointers of RFC 9293 figure 3
//! (SND.UNA, SND.NXT and SND.UNA + SND.WND) as they can be seen at the capture point.

use super::words::{Bytes, Number};
use crate::tcp::{Flags, Segment, SeqNumber};
use crate::track::{Change, Connection};

/// How far one direction has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Bytes that are acknowledged; of a connection that was joined in the middle, those since then.
    pub acknowledged: u64,
    /// Bytes that were sent and are not acknowledged.
    pub in_flight: u32,
    /// Further bytes that the receiver's window allows; `None` where the window or its scale is not known.
    pub allowed: Option<u32>,
    /// The relative number that the sender uses next; `None` as long as it has sent nothing.
    pub next: Option<u32>,
}

impl Reach {
    /// `13 acknowledged, 0 in flight, 65 523 allowed`
    #[must_use]
    pub fn in_words(self) -> String {
        let allowed = match self.allowed {
            Some(0) => "none allowed".to_owned(),
            Some(allowed) => format!("{} allowed", amount(u64::from(allowed))),
            None => "window unknown".to_owned(),
        };
        format!(
            "{} acknowledged, {} in flight, {allowed}",
            amount(self.acknowledged),
            amount(u64::from(self.in_flight))
        )
    }

    /// The same where there is little room: `13 acked, 0 flying, 65 523 free`
    #[must_use]
    pub fn in_short(self) -> String {
        let allowed = match self.allowed {
            Some(allowed) => format!("{} free", amount(u64::from(allowed))),
            None => "window ?".to_owned(),
        };
        format!(
            "{} acked, {} flying, {allowed}",
            amount(self.acknowledged),
            amount(u64::from(self.in_flight))
        )
    }
}

/// Exact while that is short.
fn amount(bytes: u64) -> String {
    match bytes {
        ..1_000_000 => Number(bytes).to_string(),
        _ => Bytes(bytes).to_string(),
    }
}

/// Follows both directions of one connection.
#[derive(Clone, Debug, Default)]
pub struct Ruler {
    /// By sender.
    ways: [Way; 2],
}

/// The numbers of one direction; SYN and FIN are left out of them.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// Something is known of it.
    begun: bool,
    /// Its sender was heard.
    heard: bool,
    una: u32,
    nxt: u32,
    /// The number after the last one that the receiver allows.
    edge: Option<u32>,
    acknowledged: u64,
    /// The number that the FIN takes.
    fin: Option<u32>,
}

impl Ruler {
    /// Takes the next segment, and gives how far the directions have got: the client's, then the server's.
    pub fn learn(
        &mut self,
        segment: &Segment,
        change: &Change,
        connection: &Connection,
    ) -> [Reach; 2] {
        self.learn_one(segment, change, connection);
        self.reaches()
    }

    /// How far the directions have got: the client's, then the server's.
    #[must_use]
    pub fn reaches(&self) -> [Reach; 2] {
        self.ways.map(Way::reach)
    }

    fn learn_one(&mut self, segment: &Segment, change: &Change, connection: &Connection) {
        let flags = segment.flags;
        // A reset's numbers need not be the connection's, and after it nothing is in flight any more that counts.
        if flags.contains(Flags::RST) {
            return;
        }
        let sender = change.direction.sender();
        self.ways[sender as usize].send(segment, change);
        let scaled = flags.contains(Flags::SYN)
            || change.window_scale.is_some()
            || connection.negotiated().is_some();
        let window = scaled.then_some(change.window);
        let back = &mut self.ways[!sender as usize];
        if flags.contains(Flags::ACK) {
            back.acknowledge(change.ack, window);
        } else if flags.contains(Flags::SYN) && !back.begun {
            // The answer's first byte will be number 1, whatever its ISN.
            back.begin(1);
            back.edge = window.map(|window| window.wrapping_add(1));
        }
    }
}

impl Way {
    fn begin(&mut self, number: u32) {
        self.begun = true;
        self.una = number;
        self.nxt = number;
    }

    fn send(&mut self, segment: &Segment, change: &Change) {
        let first = change
            .seq
            .wrapping_add(u32::from(segment.flags.contains(Flags::SYN)));
        if !self.begun {
            self.begin(first);
        }
        self.heard = true;
        // After its FIN a sender has no more bytes, but uses the number after it.
        if self.fin.is_some() {
            return;
        }
        let end = first.wrapping_add(segment.len);
        self.nxt = later(self.nxt, end);
        if segment.flags.contains(Flags::FIN) {
            self.fin = Some(end);
        }
    }

    fn acknowledge(&mut self, ack: u32, window: Option<u32>) {
        let ends_fin = self.fin.is_some_and(|fin| ack == fin.wrapping_add(1));
        let ack = ack.wrapping_sub(u32::from(ends_fin));
        if !self.begun {
            self.begin(ack);
        }
        if later(self.una, ack) != ack {
            return;
        }
        self.acknowledged += u64::from(ack.wrapping_sub(self.una));
        self.una = ack;
        self.nxt = later(self.nxt, ack);
        self.edge = window.map(|window| ack.wrapping_add(window));
    }

    fn reach(self) -> Reach {
        let allowed = self.edge.map(|edge| {
            // A window that was taken back leaves less than what is in flight already.
            later(self.nxt, edge).wrapping_sub(self.nxt)
        });
        Reach {
            acknowledged: self.acknowledged,
            in_flight: self.nxt.wrapping_sub(self.una),
            allowed: allowed.filter(|_| self.begun),
            next: self
                .heard
                .then(|| self.nxt.wrapping_add(u32::from(self.fin.is_some()))),
        }
    }
}

/// The later one of two sequence numbers.
fn later(one: u32, other: u32) -> u32 {
    if SeqNumber(other).after(SeqNumber(one)) {
        other
    } else {
        one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(una: u32, nxt: u32, edge: u32) -> Way {
        Way {
            begun: true,
            heard: true,
            una,
            nxt,
            edge: Some(edge),
            ..Way::default()
        }
    }

    #[test]
    fn what_is_acknowledged_is_counted_across_the_wrap() {
        let mut way = way(u32::MAX - 9, 20, 120);
        way.acknowledge(10, Some(100));
        let reach = way.reach();
        assert_eq!((reach.acknowledged, reach.in_flight), (20, 10));
        assert_eq!(reach.allowed, Some(90));
    }

    #[test]
    fn an_older_acknowledgment_changes_nothing() {
        let mut way = way(50, 80, 200);
        way.acknowledge(40, Some(10));
        assert_eq!((way.una, way.edge), (50, Some(200)));
    }

    #[test]
    fn a_closed_or_shrunken_window_allows_nothing() {
        let mut way = way(1, 101, 151);
        way.acknowledge(51, Some(0));
        assert_eq!(way.reach().allowed, Some(0));
        assert_eq!(way.reach().in_flight, 50);
    }

    #[test]
    fn the_number_of_a_fin_is_no_byte() {
        let mut way = way(1, 14, 100);
        way.fin = Some(14);
        way.acknowledge(15, Some(100));
        let reach = way.reach();
        assert_eq!((reach.acknowledged, reach.in_flight), (13, 0));
        assert_eq!(reach.next, Some(15));
    }
}
