//! The vocabulary of RFC 9293 as plain values. Nothing here knows where a segment came from or what it means for a connection.

mod address;
mod flags;
mod flow;
mod header;
mod icmp;
mod label;
mod options;
mod segment;
mod seq;
mod state;

pub use flags::Flags;
pub use flow::{Direction, Endpoint, FlowKey, FourTuple, Side};
pub use header::{RawHeader, RawOption};
pub use icmp::{IcmpError, IcmpKind};
pub use label::Labels;
pub use options::{FastOpen, Options, OptionsSeen, SackBlock, default_mss};
pub use segment::{IpFacts, Preview, Segment};
pub use seq::SeqNumber;
pub use state::TcpState;
