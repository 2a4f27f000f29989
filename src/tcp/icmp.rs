//! ICMP errors about TCP connections (RFC 792, RFC 4443).

use std::net::IpAddr;

use super::{FourTuple, SeqNumber};
use crate::time::Timestamp;

/// An ICMP error message about a TCP connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpError {
    /// The packet's number in the capture, from 1.
    pub frame: u64,
    /// When it was captured.
    pub time: Timestamp,
    /// Who reported it.
    pub reporter: IpAddr,
    /// The quoted segment's tuple: its source is the end that the error is for.
    pub tuple: FourTuple,
    /// The sequence number of the quoted segment, absolute.
    pub seq: SeqNumber,
    /// What it says.
    pub kind: IcmpKind,
}

/// Kinds of ICMP error that matter to TCP (RFC 792, RFC 4443; what TCP does with them: RFC 5461).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IcmpKind {
    /// Destination unreachable with its code, other than "too big".
    Unreachable {
        /// The code as sent; what it means differs between ICMP and `ICMPv6`.
        code: u8,
        /// `ICMPv6` rather than ICMP.
        v6: bool,
    },
    /// The packet did not fit: next-hop MTU in bytes, 0 if not said.
    TooBig {
        /// MTU of the next hop in bytes; 0 where a router does not say it (RFC 1191 section 4).
        mtu: u32,
    },
    /// TTL or hop limit ran out on the way.
    TimeExceeded,
    /// Any other error.
    Other {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
    },
}
