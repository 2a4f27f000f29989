//! What a wire decides about each packet, for whoever captures them: a ladder that is drawn while packets fly has to know
//! at once which of them never arrive.
//!
//! Comes in: from the wire, packets as it takes them, and whether they will arrive. Goes out: the same answer to the one
//! who has captured such a packet where it was sent, which may be a little before the wire has looked at it.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A wire decides within microseconds, but its thread may have to wait for the processor. What it has not looked at after
/// this time the kernel has lost on the way to it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Decisions that nobody has asked for. Scenarios send some hundreds of packets; where nobody asks, these are enough.
const UNASKED: usize = 4096;

/// The decisions of one wire.
#[derive(Debug, Default)]
pub struct Fates {
    decided: Mutex<Decided>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Decided {
    /// By the packet's print, in the order in which such packets were sent: whether it arrives.
    arrives: HashMap<u64, VecDeque<bool>>,
    unasked: usize,
    /// The wire is taken down.
    over: bool,
}

impl Fates {
    /// Whether this IPv4 packet, which was captured where it was sent, arrives. Waits until the wire has decided.
    #[must_use]
    pub fn arrives(&self, packet: &[u8]) -> bool {
        let print = print(packet);
        let undecided = |decided: &mut Decided| {
            !decided.over && decided.arrives.get(&print).is_none_or(VecDeque::is_empty)
        };
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, undecided);
        let (mut decided, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let decision = decided
            .arrives
            .get_mut(&print)
            .and_then(VecDeque::pop_front);
        decided.unasked -= usize::from(decision.is_some());
        decision.unwrap_or(false)
    }

    /// The wire has decided about a packet.
    pub(super) fn decide(&self, packet: &[u8], arrives: bool) {
        let mut decided = self.lock();
        if decided.unasked < UNASKED {
            let same = decided.arrives.entry(print(packet)).or_default();
            same.push_back(arrives);
            decided.unasked += 1;
            self.changed.notify_all();
        }
    }

    /// The wire takes no more packets.
    pub(super) fn end(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Decided> {
        self.decided.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells packets apart: both headers without their checksums, which a device may fill in after the capture.
fn print(packet: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let header = packet
        .first()
        .map_or(0, |first| usize::from(first & 0x0f) * 4);
    let (ip, tcp) = packet.split_at(header.min(packet.len()));
    let offset = tcp.get(12).map_or(0, |byte| usize::from(byte >> 4) * 4);
    let tcp = &tcp[..offset.min(tcp.len())];
    for (bytes, checksum) in [(ip, 10), (tcp, 16)] {
        let (before, after) = bytes.split_at(checksum.min(bytes.len()));
        before.hash(&mut hasher);
        after.get(2..).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: [u8; 40] = {
        let mut packet = [0; 40];
        packet[0] = 0x45;
        packet[32] = 0x50;
        packet
    };

    fn with(at: usize, value: u8) -> [u8; 40] {
        let mut packet = PACKET;
        packet[at] = value;
        packet
    }

    #[test]
    fn equal_packets_have_their_fates_in_turn() {
        let fates = Fates::default();
        fates.decide(&PACKET, false);
        fates.decide(&with(5, 1), false);
        fates.decide(&PACKET, true);
        assert!(!fates.arrives(&PACKET));
        assert!(fates.arrives(&PACKET), "the second of its kind");
        assert!(!fates.arrives(&with(5, 1)), "another packet");
    }

    #[test]
    fn checksums_do_not_tell_packets_apart() {
        let fates = Fates::default();
        fates.decide(&with(37, 9), true);
        assert!(fates.arrives(&PACKET));
    }

    #[test]
    fn whoever_waits_hears_of_a_decision_and_of_the_end() {
        let fates = Fates::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| [fates.arrives(&PACKET), fates.arrives(&PACKET)]);
            fates.decide(&PACKET, true);
            fates.end();
            let answers = waiting.join().expect("it does not panic");
            assert_eq!(answers, [true, false]);
        });
    }

    #[test]
    fn no_bytes_are_too_strange() {
        for len in 0..60 {
            for first in [0x00, 0x45, 0x4f, 0xff] {
                let mut packet = vec![0xff; len];
                if let Some(byte) = packet.first_mut() {
                    *byte = first;
                }
                print(&packet);
            }
        }
    }
}
