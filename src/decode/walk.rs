//! From the link layer inwards, one header after another, until there is TCP or a reason to stop.
//!
//! Comes in: a frame. Goes out: what it held. `link`, `ip` and `tunnel` each know how one header says what follows it;
//! the order in which headers may follow each other is not checked, because tunnels allow nearly any.

use super::part::Part;
use super::{Decoded, Fragment, Skip, icmp, ip, link, segment, tunnel};
use crate::capture::Frame;
use crate::tcp::RawHeader;
use crate::tcp::Segment;

/// Headers inside each other before we give up. The deepest stacks in use (`QinQ`, MPLS, a pseudowire, an overlay and
/// what it carries) have about a dozen; a crafted frame could hold thousands.
const MAX_HEADERS: usize = 32;

/// What a [`Part`] begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layer {
    /// An Ethernet header.
    Ethernet,
    /// Whatever this `EtherType` announces.
    EtherType(u16),
    /// An IEEE 802.2 LLC header.
    Llc,
    /// IEEE 802.11.
    Wlan,
    /// An IPv4 or IPv6 header; its version field says which.
    Ip,
    /// A PPP frame, with or without address and control bytes.
    Ppp,
    /// A `PPPoE` session header.
    Pppoe,
    /// An MPLS label stack.
    Mpls,
    /// A GRE header.
    Gre,
    /// Whatever this IP protocol number announces.
    Protocol(u8),
}

/// One header's answer: what follows it, and where.
pub(super) type Step<'a> = Result<(Layer, Part<'a>), Skip>;

/// What the headers led to.
enum Found<'a> {
    Tcp(ip::Envelope, Part<'a>),
    Icmp(ip::Envelope, icmp::Version, Part<'a>),
    Fragment(Fragment<'a>),
}

/// What to do with an IP fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fragments {
    /// Hand it out, to be put together with the others.
    Return,
    /// Count it only: a fragment inside a datagram that was itself put together.
    Skip,
}

/// Decodes a frame of any shape. A segment is written into `place`.
pub(super) fn walk<'a>(
    frame: &Frame<'a>,
    fragments: Fragments,
    place: &mut Segment,
) -> Decoded<'a, ()> {
    let found = link::first(frame.link, Part::of_frame(frame))
        .and_then(|(layer, part)| descend(layer, part));
    match found {
        Ok(Found::Tcp(envelope, part)) => segment::segment(frame, &envelope, part, place)
            .map_or_else(Decoded::Skipped, Decoded::Segment),
        Ok(Found::Icmp(envelope, v6, part)) => icmp::error(frame, &envelope, v6, part)
            .map_or_else(Decoded::Skipped, Decoded::IcmpError),
        Ok(Found::Fragment(fragment)) if fragments == Fragments::Return => {
            Decoded::Fragment(fragment)
        }
        Ok(Found::Fragment(_)) => Decoded::Skipped(Skip::Fragment),
        Err(reason) => Decoded::Skipped(reason),
    }
}

/// The captured payload bytes of a frame that holds a whole TCP segment.
pub(super) fn payload<'a>(frame: &Frame<'a>) -> Option<&'a [u8]> {
    segment::payload(tcp(frame)?)
}

/// The TCP header of a frame that holds a whole TCP segment.
pub(super) fn header<'a>(frame: &Frame<'a>) -> Option<RawHeader<'a>> {
    RawHeader::of(tcp(frame)?.data())
}

fn tcp<'a>(frame: &Frame<'a>) -> Option<Part<'a>> {
    let (layer, part) = link::first(frame.link, Part::of_frame(frame)).ok()?;
    match descend(layer, part).ok()? {
        Found::Tcp(_, part) => Some(part),
        Found::Icmp(..) | Found::Fragment(_) => None,
    }
}

fn descend(mut layer: Layer, mut part: Part<'_>) -> Result<Found<'_>, Skip> {
    let mut envelope: Option<ip::Envelope> = None;
    let mut tunnelled = false;
    let mut guessed = false;
    for _ in 0..MAX_HEADERS {
        let step = match layer {
            Layer::Ethernet => link::ethernet(part),
            Layer::EtherType(kind) => link::ether_type(kind, part),
            Layer::Llc => link::llc(part),
            Layer::Wlan => link::wlan(part),
            Layer::Ppp => link::ppp(part),
            Layer::Pppoe => tunnel::pppoe(part),
            Layer::Mpls => tunnel::mpls(part),
            Layer::Gre => tunnel::gre(part),
            Layer::Ip => match ip::packet(part) {
                Ok(packet) => {
                    let mut current = packet.envelope;
                    current.facts.tunnelled = tunnelled || envelope.is_some();
                    if let Some(fragment) = packet.fragment {
                        return self::fragment(&packet, current, fragment);
                    }
                    envelope = Some(current);
                    Ok((Layer::Protocol(packet.protocol), packet.payload))
                }
                Err(reason) => Err(reason),
            },
            Layer::Protocol(number) => match (number, envelope) {
                (ip::TCP, Some(envelope)) => return Ok(Found::Tcp(envelope, part)),
                (ip::ICMP, Some(envelope)) => {
                    return Ok(Found::Icmp(envelope, icmp::Version::V4, part));
                }
                (ip::ICMPV6, Some(envelope)) => {
                    return Ok(Found::Icmp(envelope, icmp::Version::V6, part));
                }
                (ip::UDP, _) => {
                    guessed = true;
                    tunnel::udp(part)
                }
                _ => tunnel::protocol(number, part),
            },
        };
        // `PPPoE` and MPLS have no addresses of their own, but the same inner ones can recur under another session or label.
        tunnelled |= matches!(layer, Layer::Pppoe | Layer::Mpls);
        (layer, part) = match step {
            Ok(next) => next,
            // Port numbers only suggest a tunnel. What does not hold together as one was something else.
            Err(Skip::MalformedLink | Skip::MalformedIp) if guessed => return Err(Skip::NotTcp),
            Err(reason) => return Err(reason),
        };
    }
    Err(Skip::TooDeep)
}

fn fragment<'a>(
    packet: &ip::Packet<'a>,
    envelope: ip::Envelope,
    place: ip::Place,
) -> Result<Found<'a>, Skip> {
    if let Some(reason) = ip::never_tcp(packet.protocol) {
        return Err(reason);
    }
    // A fragment with missing bytes would leave a hole, or as the last one a wrong length.
    if packet.payload.is_cut() {
        return Err(Skip::Cut);
    }
    Ok(Found::Fragment(Fragment {
        source: envelope.source,
        destination: envelope.destination,
        protocol: packet.protocol,
        id: place.id,
        offset: place.offset,
        more: place.more,
        ip: envelope.facts,
        payload: packet.payload.data(),
    }))
}
