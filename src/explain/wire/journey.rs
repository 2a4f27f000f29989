//! What became of packets on their way: how long they took, what became of those of the handshake, and what each FIN found
//! where it arrived.
//!
//! Comes in: when a packet leaves, and when it arrives or that it never will. Goes out: what is said of that at the end.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::WireSetting;
use crate::explain::trouble::ASKS_FOR_SYN;
use crate::explain::words::{the, the_capital};
use crate::tcp::{Flags, Segment, Side};
use crate::time::Span;

/// Packets of which is remembered how long they took: more than any recording of a wire that is joined holds.
const MEASURED: usize = 100_000;

/// Packets under way at once. A wire carries fewer; the time of any others is not measured.
const UNDER_WAY: usize = 4096;

/// Packets with SYN that are remembered. Kernels give up after fewer.
const OPENING: usize = 32;

/// What a packet takes longer than it should, in percent of that, before it is worth a word. Timers of a quiet machine are
/// late by less than a tenth of what our wires take.
const LATE_PERCENT: i64 = 30;

/// An end that answers a SYN later than this was not free to: a kernel needs microseconds.
const ANSWERS_WITHIN: Span = Span::from_millis(100);

/// The packets of a conversation on their way.
#[derive(Default)]
pub(super) struct Journeys {
    under_way: HashMap<u64, Span>,
    took: Vec<Span>,
    opening: Vec<Opening>,
    /// By sender.
    fins: [Option<Fin>; 2],
    /// Packets that never arrive.
    pub(super) lost: u64,
}

/// A packet of the handshake.
struct Opening {
    packet: u64,
    from: Side,
    left: Span,
    fate: Fate,
}

/// The SYN or SYN-ACK of an end that came first.
struct Passage {
    packet: u64,
    left: Span,
    came: Span,
    /// When the first one left, which may have come later or not at all.
    begun: Span,
    /// The last one of those that left before it and were lost.
    lost: Option<u64>,
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    UnderWay,
    Lost,
    Arrived(Span),
}

/// An end's FIN, and what it met where it arrived.
#[derive(Clone, Copy)]
struct Fin {
    packet: u64,
    met: Met,
}

/// How a FIN was received.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Met {
    /// Not at all so far.
    Nobody,
    /// Not at all.
    Lost,
    /// An end without a connection.
    Closed,
    /// An end that misses something before it.
    Gap,
    /// An end that could take it.
    Open,
}

impl Journeys {
    /// A packet leaves; `lost`: it will not arrive.
    pub(super) fn leaves(
        &mut self,
        packet: u64,
        from: Side,
        segment: &Segment,
        lost: bool,
        now: Span,
    ) {
        self.lost += u64::from(lost);
        if !lost && self.under_way.len() < UNDER_WAY {
            self.under_way.insert(packet, now);
        }
        if segment.flags.contains(Flags::SYN) && self.opening.len() < OPENING {
            let fate = if lost { Fate::Lost } else { Fate::UnderWay };
            self.opening.push(Opening {
                packet,
                from,
                left: now,
                fate,
            });
        }
        if segment.flags.contains(Flags::FIN) {
            let met = if lost { Met::Lost } else { Met::Nobody };
            self.fins[from as usize].get_or_insert(Fin { packet, met });
        }
    }

    /// A packet arrives. What comes a second time has arrived before.
    pub(super) fn arrives(
        &mut self,
        packet: u64,
        from: Side,
        segment: &Segment,
        met: Met,
        now: Span,
    ) {
        if let Some(left) = self.under_way.remove(&packet)
            && self.took.len() < MEASURED
        {
            self.took.push(now - left);
        }
        let mut opening = self.opening.iter_mut();
        if let Some(syn) = opening.find(|syn| syn.packet == packet && syn.fate == Fate::UnderWay) {
            syn.fate = Fate::Arrived(now);
        }
        if segment.flags.contains(Flags::FIN) {
            let fin = self.fins[from as usize].get_or_insert(Fin { packet, met });
            if met > fin.met {
                *fin = Fin { packet, met };
            }
        }
    }

    /// Tells of a FIN that its receiver has not taken, which the verdict of one view cannot know. `taken`: by what comes
    /// later it has.
    pub(super) fn tell_fin(&self, out: &mut String, side: Side, taken: bool) {
        let Some(Fin { packet, met }) = self.fins[side as usize] else {
            return;
        };
        let (closer, other) = (the_capital(side), the(!side));
        // Writing to a string cannot fail.
        let _ = match met {
            Met::Open => Ok(()),
            Met::Gap if taken => Ok(()),
            Met::Nobody => write!(
                out,
                " {closer} has closed its direction; its FIN (packet {packet}) had not arrived when the recording ended."
            ),
            Met::Lost => write!(
                out,
                " {closer} has closed its direction, but its FIN (packet {packet}) was lost on the wire: {other} does not know."
            ),
            Met::Closed => write!(
                out,
                " {closer} has closed its direction, but when its FIN (packet {packet}) arrived, {other} was CLOSED already."
            ),
            Met::Gap => write!(
                out,
                " {closer} has closed its direction; its FIN (packet {packet}) arrived, but not all that comes before it: {other} cannot take it yet."
            ),
        };
    }

    /// Answers what a slow handshake makes one ask, as far as both views know. Gives what remains to be asked.
    pub(super) fn tell_opening(&self, out: &mut String) -> Option<&'static str> {
        let (Some(there), Some(back)) = (self.passage(Side::Client), self.passage(Side::Server))
        else {
            return Some(ASKS_FOR_SYN);
        };
        let mut lost = [there.lost, back.lost].into_iter().flatten().peekable();
        if lost.peek().is_some() {
            for packet in lost {
                // Writing to a string cannot fail.
                let _ = write!(
                    out,
                    " The handshake waited until packet {packet} was sent again."
                );
            }
            return None;
        }
        if self.opening.iter().all(|syn| syn.fate != Fate::Lost) {
            out.push_str(" No SYN or SYN-ACK was lost: packet ");
        } else {
            out.push_str(" It did not wait for what was lost: packet ");
        }
        let waited = back.begun - there.came;
        let _ = write!(
            out,
            "{} took {} to the server, packet {} {} back",
            there.packet,
            there.came - there.left,
            back.packet,
            back.came - back.left
        );
        // SYNs that cross answer nothing.
        let _ = match waited.as_nanos() {
            ..0 => write!(out, "."),
            _ => write!(out, "; the server answered after {waited}."),
        };
        (waited > ANSWERS_WITHIN).then_some("Was the server's queue full at that moment?")
    }

    /// Which of an end's SYNs came first, and how.
    fn passage(&self, side: Side) -> Option<Passage> {
        let of = || self.opening.iter().filter(|syn| syn.from == side);
        let came = of().filter_map(|syn| match syn.fate {
            Fate::Arrived(came) => Some((syn, came)),
            Fate::UnderWay | Fate::Lost => None,
        });
        let (first, came) = came.min_by_key(|(_, came)| *came)?;
        let before = of().take_while(|syn| syn.packet != first.packet);
        let lost = before.filter(|syn| syn.fate == Fate::Lost).last();
        Some(Passage {
            packet: first.packet,
            left: first.left,
            came,
            begun: of().next()?.left,
            lost: lost.map(|syn| syn.packet),
        })
    }

    /// Says what was set and what was measured, where that differs much.
    pub(super) fn tell_late(&self, out: &mut String, setting: &WireSetting) {
        let Some(latency) = setting.latency else {
            return;
        };
        let mut took = self.took.clone();
        took.sort_unstable();
        // Those that the wire keeps back on purpose are not late.
        took.truncate(took.len().saturating_sub(setting.delayed));
        let (Some(&least), Some(&most)) = (took.first(), took.last()) else {
            return;
        };
        let allowed = latency.as_nanos() / 100 * (100 + LATE_PERCENT);
        if most.as_nanos() <= allowed {
            return;
        }
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            " The wire was set to {latency} each way; measured were {least} to {most}: a busy machine carries packets late."
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of packets that took so many milliseconds on a wire of 30, of which so many are kept back.
    fn late(took: &[i64], delayed: usize) -> String {
        let mut journeys = Journeys::default();
        let segment = Segment::default();
        for (packet, took) in (1..).zip(took) {
            let left = Span::from_millis(i64::try_from(packet).unwrap_or(0));
            journeys.leaves(packet, Side::Client, &segment, false, left);
            let now = left + Span::from_millis(*took);
            journeys.arrives(packet, Side::Client, &segment, Met::Open, now);
        }
        let setting = WireSetting {
            latency: Some(Span::from_millis(30)),
            delayed,
            ..WireSetting::default()
        };
        let mut text = String::new();
        journeys.tell_late(&mut text, &setting);
        text
    }

    #[test]
    fn what_is_late_is_said_and_what_is_kept_back_is_not() {
        let said = late(&[31, 95, 44], 0);
        assert!(
            said.contains("set to 30 ms each way; measured were 31 ms to 95 ms"),
            "{said}"
        );
        assert_eq!(late(&[31, 30, 38], 0), "");
        assert_eq!(late(&[31, 430, 31, 431], 2), "");
        assert!(late(&[31, 430, 95, 431], 2).contains("31 ms to 95 ms"));
        assert_eq!(late(&[], 2), "");
    }
}
