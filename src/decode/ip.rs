//! IPv4 and IPv6: one header with its options or extension headers becomes addresses, facts and the payload.
//!
//! Neither header checksums nor option contents are judged: a packet that was captured is shown. The payload's length
//! comes from the header, never from the frame, unless the header says 0: a host that leaves segmentation to its
//! network card captures such packets.

use std::net::{IpAddr, Ipv6Addr};

use etherparse::{
    Ipv4Header, Ipv4HeaderSlice, Ipv6FragmentHeader, Ipv6FragmentHeaderSlice, Ipv6Header,
    Ipv6HeaderSlice,
};

use super::Skip;
use super::part::Part;
use crate::tcp::IpFacts;

pub(super) const ICMP: u8 = 1;
pub(super) const IPV4: u8 = 4;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const IPV6: u8 = 41;
pub(super) const GRE: u8 = 47;
pub(super) const ESP: u8 = 50;
pub(super) const ICMPV6: u8 = 58;
pub(super) const IPIP_OLD: u8 = 94;
pub(super) const ETHERIP: u8 = 97;
pub(super) const MPLS: u8 = 137;
pub(super) const ETHERNET: u8 = 143;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

/// Addresses and facts of one IP header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) facts: IpFacts,
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) id: u32,
    pub(super) offset: u32,
    pub(super) more: bool,
}

/// One IP packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) envelope: Envelope,
    /// The protocol of `payload`, after IPv6 extension headers and AH.
    pub(super) protocol: u8,
    /// Set when `payload` is only a part of a datagram's payload.
    pub(super) fragment: Option<Place>,
    pub(super) payload: Part<'a>,
}

/// Why a packet of this protocol cannot hold TCP, as far as its number tells.
pub(super) fn never_tcp(protocol: u8) -> Option<Skip> {
    match protocol {
        TCP | UDP | IPV4 | IPV6 | IPIP_OLD | GRE | ETHERIP | MPLS | ETHERNET | AUTHENTICATION => {
            None
        }
        ESP => Some(Skip::Encrypted),
        ICMP | ICMPV6 => Some(Skip::Icmp),
        _ => Some(Skip::NotTcp),
    }
}

/// Reads the IP header at the start of `part`.
pub(super) fn packet(part: Part<'_>) -> Result<Packet<'_>, Skip> {
    let [first] = part.head(Skip::MalformedIp)?;
    match first >> 4 {
        4 => v4(part),
        6 => v6(part),
        _ => Err(Skip::MalformedIp),
    }
}

fn v4(part: Part<'_>) -> Result<Packet<'_>, Skip> {
    let [first] = part.head(Skip::MalformedIp)?;
    let header_len = usize::from(first & 0x0f) * 4;
    if header_len < Ipv4Header::MIN_LEN {
        return Err(Skip::MalformedIp);
    }
    part.need(header_len, Skip::MalformedIp)?;
    let header = Ipv4HeaderSlice::from_slice(part.data()).map_err(|_| Skip::MalformedIp)?;
    let whole = match usize::from(header.total_len()) {
        0 => part,
        len if len < header_len => return Err(Skip::MalformedIp),
        len => part.exactly(len),
    };
    let offset = u32::from(header.fragments_offset().value()) * 8;
    let more = header.more_fragments();
    let mut packet = Packet {
        envelope: Envelope {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            facts: IpFacts {
                id: Some(header.identification()),
                ttl: header.ttl(),
                ecn: header.ecn().value(),
                tunnelled: false,
            },
        },
        protocol: header.protocol().0,
        fragment: (more || offset != 0).then_some(Place {
            id: u32::from(header.identification()),
            offset,
            more,
        }),
        payload: whole.after(header_len),
    };
    while packet.protocol == AUTHENTICATION && packet.fragment.is_none() {
        packet.protocol = packet.step_over_authentication()?;
    }
    Ok(packet)
}

fn v6(part: Part<'_>) -> Result<Packet<'_>, Skip> {
    part.need(Ipv6Header::LEN, Skip::MalformedIp)?;
    let header = Ipv6HeaderSlice::from_slice(part.data()).map_err(|_| Skip::MalformedIp)?;
    let payload = part.after(Ipv6Header::LEN);
    let mut packet = Packet {
        envelope: Envelope {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            facts: IpFacts {
                id: None,
                ttl: header.hop_limit(),
                ecn: header.ecn().value(),
                tunnelled: false,
            },
        },
        protocol: header.next_header().0,
        fragment: None,
        // 0 is a jumbogram (RFC 2675) or offload as with IPv4; the frame knows the length in both cases.
        payload: match header.payload_length() {
            0 => payload,
            len => payload.exactly(usize::from(len)),
        },
    };
    packet.step_over_extensions()?;
    Ok(packet)
}

impl Packet<'_> {
    /// Goes through IPv6 extension headers up to the first other one, or up to a fragment's payload. Each header takes
    /// at least 8 of at most 64 KiB, so the loop ends.
    fn step_over_extensions(&mut self) -> Result<(), Skip> {
        loop {
            self.protocol = match self.protocol {
                HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 => {
                    self.step_over_option_header()?
                }
                AUTHENTICATION => self.step_over_authentication()?,
                FRAGMENT => {
                    self.payload
                        .need(Ipv6FragmentHeader::LEN, Skip::MalformedIp)?;
                    let header = Ipv6FragmentHeaderSlice::from_slice(self.payload.data())
                        .map_err(|_| Skip::MalformedIp)?;
                    self.payload = self.payload.after(Ipv6FragmentHeader::LEN);
                    // An atomic fragment (RFC 6946) is a whole packet that happens to carry the header.
                    if header.is_fragmenting_payload() {
                        self.protocol = header.next_header().0;
                        self.fragment = Some(Place {
                            id: header.identification(),
                            offset: u32::from(header.fragment_offset().value()) * 8,
                            more: header.more_fragments(),
                        });
                        return Ok(());
                    }
                    header.next_header().0
                }
                _ => return Ok(()),
            };
        }
    }

    /// Headers of RFC 8200's common shape: next header, length in 8-byte units beyond the first.
    fn step_over_option_header(&mut self) -> Result<u8, Skip> {
        let [next, units] = *self.payload.head(Skip::MalformedIp)?;
        let len = (usize::from(units) + 1) * 8;
        if len > self.payload.wire() {
            return Err(Skip::MalformedIp);
        }
        if self.protocol == ROUTING
            && let Some(last) = self.payload.data().get(..len).and_then(final_destination)
        {
            self.envelope.destination = last.into();
        }
        self.payload = self.payload.after(len);
        Ok(next)
    }

    /// AH (RFC 4302 section 2) authenticates what follows and hides nothing. Its length is in 4-byte units, less two.
    fn step_over_authentication(&mut self) -> Result<u8, Skip> {
        let [next, units] = *self.payload.head(Skip::MalformedIp)?;
        let len = (usize::from(units) + 2) * 4;
        if len > self.payload.wire() {
            return Err(Skip::MalformedIp);
        }
        self.payload = self.payload.after(len);
        Ok(next)
    }
}

/// Where a packet with a routing header ends up: while segments are left, the IPv6 header names only the next stop, and
/// TCP at both ends knows the last (RFC 8200 section 8.1). Types 0 (RFC 2460), 2 (RFC 6275) and 4 (RFC 8754).
fn final_destination(header: &[u8]) -> Option<Ipv6Addr> {
    let (&kind, &left) = (header.get(2)?, header.get(3)?);
    if left == 0 {
        return None;
    }
    let start = match kind {
        // Type 0 lists the stops in order.
        0 => header.len().checked_sub(16)?,
        // Type 2 has one address; type 4 lists the last stop first.
        2 | 4 => 8,
        _ => return None,
    };
    if start < 8 {
        return None;
    }
    let bytes: [u8; 16] = header.get(start..start + 16)?.try_into().ok()?;
    Some(Ipv6Addr::from(bytes))
}
