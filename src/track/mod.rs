//! Segments become connections: two inferred state machines each, labels, measures and a verdict.
//!
//! Comes in: [`Segment`](crate::tcp::Segment)s in capture order. Goes out: one [`Change`] a segment, and a [`Connection`] when it
//! is final. No bytes of packets are kept, no clock is read, no text is made: facts only, which `explain` puts into words.
//!
//! We observe from outside. A segment moves its sender, and its receiver on the assumption that it was delivered;
//! acknowledgment numbers decide, not flags alone (RFC 9293 section 3.10.7).

mod ahead;
mod announced;
mod book;
mod connection;
mod event;
mod farewell;
mod hardship;
mod index;
mod labels;
mod leaving;
mod limits;
mod machine;
mod notes;
mod observe;
mod opening;
mod places;
mod pressure;
mod room;
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

pub use ahead::AHEAD;
pub use connection::{
    Connection, Counts, Handshake, IcmpRemark, LongestWait, Negotiated, Offer, Peer, Roles,
    RoundTrips,
};
pub use event::{Change, Event, RepeatCause, ResetEffect, Transition};
pub use limits::{LabelRules, Limits, Losses};
pub use tracker::{ConnectionId, FlowHash, FlowHasher, Slot, Tracker};
pub use verdict::{Ended, Opened, Trouble, TroubleKind, Verdict};
