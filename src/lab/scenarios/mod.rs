//! What each scenario does, in a file for each part of a connection's life: an entry of the catalogue, and beneath it the
//! calls that make it happen.

pub(super) mod attacks;
pub(super) mod closing;
pub(super) mod data;
pub(super) mod loss;
pub(super) mod opening;

use super::network::{Network, PLAIN};
use super::scenario::{Group, Origin, Scenario, Sign};
use crate::tcp::{Labels, OptionsSeen};

/// What most entries have in common. Nothing of what it says is shown.
const ENTRY: Scenario = Scenario {
    name: "",
    title: "",
    group: Group::Opening,
    teaches: "",
    watch_for: "",
    question: "",
    verdict: "closed",
    required: Labels::empty(),
    forbidden: TROUBLE,
    signs: &[],
    origin: Origin::Constructed(""),
    network: PLAIN,
    recording: &[],
};

/// Labels of segments that went wrong somehow: most scenarios must have none of them.
const TROUBLE: Labels = Labels::ANY_RETRANSMISSION
    .union(Labels::OUT_OF_ORDER)
    .union(Labels::LOST_SEGMENT)
    .union(Labels::ACK_LOST_SEGMENT)
    .union(Labels::ZERO_WINDOW)
    .union(Labels::ZERO_WINDOW_PROBE)
    .union(Labels::KEEP_ALIVE)
    .union(Labels::CAPTURE_GAP);

/// Ranges that came early, reported by their receiver (RFC 2018).
const SELECTIVE_ACK: Sign = Sign {
    name: "ACK with SACK",
    on: |segment| segment.options.seen.contains(OptionsSeen::SACK),
};

/// A loopback device with the packets of an Ethernet.
const ETHERNET: Network = Network {
    mtu: Some(1500),
    ..PLAIN
};

/// The recording of the scenario of this name.
macro_rules! recording {
    ($name:literal) => {
        include_bytes!(concat!("../../../captures/scenarios/", $name, ".pcapng"))
    };
}
use recording;
