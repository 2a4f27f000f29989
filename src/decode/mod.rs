//! A frame's bytes become a [`Segment`], an ICMP error about a connection, an IP fragment, or the reason why not.
//!
//! Stateless: nothing is kept between frames, and any bytes at all give an answer without a panic. Fragments go to
//! `reassemble`, which hands whole datagrams back to [`datagram`]. Meaning for a connection is `track`'s business.

mod fast;
mod walk;

mod link;

mod ip;
mod tunnel;

mod ftp;
mod icmp;
mod segment;

mod options;
mod part;

use std::fmt;
use std::net::IpAddr;

use crate::capture::Frame;
use crate::tcp::{IcmpError, RawHeader, Segment};

/// Decodes one frame.
pub fn frame<'a>(frame: &Frame<'a>) -> Decoded<'a> {
    let mut place = Segment::default();
    frame_into(frame, &mut place).with(place)
}

/// Decodes one frame. If it holds a segment then that is written into `place`, which saves copying it.
#[inline]
pub fn frame_into<'a>(frame: &Frame<'a>, place: &mut Segment) -> Decoded<'a, ()> {
    match fast::packet(frame) {
        Some((envelope, part)) => segment::segment(frame, &envelope, part, place)
            .map_or_else(Decoded::Skipped, Decoded::Segment),
        None => walk::walk(frame, walk::Fragments::Return, place),
    }
}

/// Decodes an IP datagram that was put together from fragments. `frame` is the one that completed it, with the whole
/// datagram as its data and [`LinkType::RAW`](crate::capture::LinkType::RAW) as its link type. A fragment inside it (a
/// tunnel's) is counted, not returned.
pub fn datagram<'a>(frame: &Frame<'a>) -> Decoded<'a> {
    let mut place = Segment::default();
    datagram_into(frame, &mut place).with(place)
}

/// [`datagram`] as [`frame_into`] does it.
pub fn datagram_into<'a>(frame: &Frame<'a>, place: &mut Segment) -> Decoded<'a, ()> {
    walk::walk(frame, walk::Fragments::Skip, place)
}

/// The captured payload bytes of a frame that holds a TCP segment; a segment itself carries only the first few.
#[must_use]
pub fn payload<'a>(frame: &Frame<'a>) -> Option<&'a [u8]> {
    walk::payload(frame)
}

/// The TCP header's bytes of a frame that holds a TCP segment.
#[must_use]
pub fn header<'a>(frame: &Frame<'a>) -> Option<RawHeader<'a>> {
    walk::header(frame)
}

/// What one frame held. `S` is nothing where the segment itself was written elsewhere.
#[derive(Clone, Debug)]
#[must_use]
pub enum Decoded<'a, S = Segment> {
    /// A TCP segment; under tunnels the innermost one.
    Segment(S),
    /// A fragment of an IP datagram that may hold TCP.
    Fragment(Fragment<'a>),
    /// An ICMP error that quotes a TCP header.
    IcmpError(IcmpError),
    /// Nothing for us, and why.
    Skipped(Skip),
}

impl<'a> Decoded<'a, ()> {
    fn with(self, segment: Segment) -> Decoded<'a> {
        match self {
            Self::Segment(()) => Decoded::Segment(segment),
            Self::Fragment(fragment) => Decoded::Fragment(fragment),
            Self::IcmpError(error) => Decoded::IcmpError(error),
            Self::Skipped(reason) => Decoded::Skipped(reason),
        }
    }
}

/// An IP fragment, borrowed from its frame.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// IPv4 protocol, or the next header after IPv6's fragment header.
    pub protocol: u8,
    /// The identification shared by a datagram's fragments.
    pub id: u32,
    /// Where `payload` belongs in the datagram, in bytes.
    pub offset: u32,
    /// More fragments follow.
    pub more: bool,
    /// The IP header facts of this fragment.
    pub ip: crate::tcp::IpFacts,
    /// The fragment's bytes of the datagram's payload, all of them.
    pub payload: &'a [u8],
}

/// Why a frame gave no segment. The names are the keys of `skipped` in the JSON contract.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Skip {
    /// A link type that is not understood.
    LinkType,
    /// ARP, LLDP, ...: a link-layer protocol other than IP.
    NotIp,
    /// IP, but neither TCP nor a tunnel that is understood.
    NotTcp,
    /// ICMP or `ICMPv6` that is about no TCP connection.
    Icmp,
    /// An ICMP error that was credited to a TCP connection.
    IcmpError,
    /// A fragment that waits for the others of its datagram, or waits in vain.
    Fragment,
    /// The snaplen cut the packet before the TCP header's fixed part ended, or cut a fragment, which is then no use.
    Cut,
    /// A link-layer header that contradicts itself.
    MalformedLink,
    /// An IP header that contradicts itself.
    MalformedIp,
    /// A TCP header that contradicts itself.
    MalformedTcp,
    /// More headers inside each other than anyone sends.
    TooDeep,
    /// Encrypted (ESP, protected 802.11): what is inside cannot be known.
    Encrypted,
}

impl Skip {
    /// All reasons, in the order in which they are reported.
    pub const ALL: [Self; 12] = [
        Self::LinkType,
        Self::NotIp,
        Self::NotTcp,
        Self::Icmp,
        Self::IcmpError,
        Self::Fragment,
        Self::Cut,
        Self::MalformedLink,
        Self::MalformedIp,
        Self::MalformedTcp,
        Self::TooDeep,
        Self::Encrypted,
    ];

    /// The key in the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkType => "link_type",
            Self::NotIp => "not_ip",
            Self::NotTcp => "not_tcp",
            Self::Icmp => "icmp",
            Self::IcmpError => "icmp_error",
            Self::Fragment => "fragment",
            Self::Cut => "cut",
            Self::MalformedLink => "malformed_link",
            Self::MalformedIp => "malformed_ip",
            Self::MalformedTcp => "malformed_tcp",
            Self::TooDeep => "too_deep",
            Self::Encrypted => "encrypted",
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
