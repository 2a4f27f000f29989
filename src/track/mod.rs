//! Segments become connections: two inferred state machines each, labels, measures and a verdict.
//!
//! Comes in: [`Segment`](crate::tcp::Segment)s in capture order. Goes out: one [`Change`] a segment, and a [`Connection`] when it is
//! final. No bytes of packets are kept, no clock is read, no text is made: facts only, which `explain` puts into words.
//!
//! We observe from outside. A segment moves its sender, and its receiver on the assumption that it was delivered;
//! acknowledgment numbers decide, not flags alone (RFC 9293 section 3.10.7).

mod book;
mod connection;
mod event;
mod hardship;
mod labels;
mod machine;

mod observe;
mod opening;
mod pressure;
#[cfg(test)]
mod script;
mod sequence;
mod speech;
mod tracker;
mod trouble;
mod verdict;
mod waits;
mod wireshark;
mod zeek;

pub use connection::{
    Connection, Counts, Handshake, IcmpRemark, LongestWait, Negotiated, Offer, Peer, Roles,
    RoundTrips,
};
pub use event::{Change, Event, RepeatCause, ResetEffect, Transition};
pub use tracker::{AHEAD, ConnectionId, LabelRules, Limits, Losses, Slot, Tracker};
pub use verdict::{Ended, Opened, Trouble, TroubleKind, Verdict};
