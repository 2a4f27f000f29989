//! Link layers: which header a frame begins with, and what it says follows.
//!
//! Only as much is read as is needed to find IP; addresses, priorities and VLAN numbers are left alone.

use etherparse::{Ethernet2Header, Ethernet2HeaderSlice, SingleVlanHeader, SingleVlanHeaderSlice};

use super::Skip;
use super::part::Part;
use super::walk::{Layer, Step};
use crate::capture::LinkType;

/// `EtherType` numbers of the IEEE registry.
pub(super) mod kind {
    pub(crate) const IPV4: u16 = 0x0800;
    pub(crate) const IPV6: u16 = 0x86dd;
    pub(crate) const ETHERNET: u16 = 0x6558;
    pub(crate) const PPP: u16 = 0x880b;
    pub(crate) const MPLS: u16 = 0x8847;
    pub(crate) const MPLS_UPSTREAM: u16 = 0x8848;
}

/// An Ethernet length field is at most this; greater numbers are `EtherType`s (IEEE 802.3 clause 3.2.6).
const MAX_LENGTH_FIELD: u16 = 1500;
const MIN_ETHER_TYPE: u16 = 0x0600;

/// The first layer of a frame of this link type.
pub(super) fn first(link: LinkType, part: Part<'_>) -> Step<'_> {
    match link {
        LinkType::ETHERNET => Ok((Layer::Ethernet, part)),
        LinkType::RAW
        | LinkType::RAW_BSD
        | LinkType::RAW_OPENBSD
        | LinkType::IPV4
        | LinkType::IPV6 => Ok((Layer::Ip, part)),
        LinkType::NULL | LinkType::LOOP => loopback(part),
        LinkType::LINUX_SLL => cooked(part),
        LinkType::LINUX_SLL2 => cooked_v2(part),
        LinkType::PPP => Ok((Layer::Ppp, part)),
        LinkType(50) => hdlc(part),
        LinkType(104) => cisco_hdlc(part),
        LinkType(51) => Ok((Layer::Pppoe, part)),
        // PPP with one byte before it that gives the direction.
        LinkType(204) => Ok((Layer::Ppp, part.after(1))),
        // RFC 1483 over ATM begins with LLC.
        LinkType(11 | 100) => Ok((Layer::Llc, part)),
        // FDDI: frame control and two addresses, then LLC.
        LinkType(10) => Ok((Layer::Llc, part.after(13))),
        LinkType(105) => Ok((Layer::Wlan, part)),
        LinkType(127) => radiotap(part),
        LinkType(129) => arcnet(part),
        LinkType(178) => juniper_ethernet(part),
        LinkType(219) => Ok((Layer::Mpls, part)),
        LinkType(239) => nflog(part),
        _ => Err(Skip::LinkType),
    }
}

/// Ethernet II, or IEEE 802.3 with LLC.
pub(super) fn ethernet(part: Part<'_>) -> Step<'_> {
    part.need(Ethernet2Header::LEN, Skip::MalformedLink)?;
    let header = Ethernet2HeaderSlice::from_slice(part.data()).map_err(|_| Skip::MalformedLink)?;
    length_or_type(header.ether_type().0, part.after(Ethernet2Header::LEN))
}

/// The field after the addresses is a length up to 1500 and a type from 1536.
fn length_or_type(field: u16, part: Part<'_>) -> Step<'_> {
    match field {
        0..=MAX_LENGTH_FIELD => Ok((Layer::Llc, part.at_most(usize::from(field)))),
        MIN_ETHER_TYPE.. => Ok((Layer::EtherType(field), part)),
        _ => Err(Skip::NotIp),
    }
}

/// What an `EtherType` announces.
pub(super) fn ether_type(number: u16, part: Part<'_>) -> Step<'_> {
    match number {
        kind::IPV4 | kind::IPV6 => Ok((Layer::Ip, part)),
        // IEEE 802.1Q, 802.1ad, and the numbers in use for stacked tags before it.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
            part.need(SingleVlanHeader::LEN, Skip::MalformedLink)?;
            let tag =
                SingleVlanHeaderSlice::from_slice(part.data()).map_err(|_| Skip::MalformedLink)?;
            length_or_type(tag.ether_type().0, part.after(SingleVlanHeader::LEN))
        }
        // VN-Tag: four bytes, then the next type. IEEE 802.1BR: six bytes.
        0x8926 => typed_after::<6>(part),
        0x893f => typed_after::<8>(part),
        kind::MPLS | kind::MPLS_UPSTREAM => Ok((Layer::Mpls, part)),
        0x8864 => Ok((Layer::Pppoe, part)),
        kind::PPP => Ok((Layer::Ppp, part)),
        0x8870 => Ok((Layer::Llc, part)),
        kind::ETHERNET => Ok((Layer::Ethernet, part)),
        // IEEE 802.1ah: four bytes of service tag, then the customer's frame. FabricPath: two bytes.
        0x88e7 => Ok((Layer::Ethernet, part.after(4))),
        0x8903 => Ok((Layer::Ethernet, part.after(2))),
        _ => Err(Skip::NotIp),
    }
}

/// A header of `N` bytes whose last two say what follows.
fn typed_after<const N: usize>(part: Part<'_>) -> Step<'_> {
    let header: &[u8; N] = part.head(Skip::MalformedLink)?;
    length_or_type(
        u16::from_be_bytes([header[N - 2], header[N - 1]]),
        part.after(N),
    )
}

/// IEEE 802.2: SNAP announces an `EtherType`, and IP has a number of its own.
pub(super) fn llc(part: Part<'_>) -> Step<'_> {
    let [dsap, ssap, control] = *part.head(Skip::MalformedLink)?;
    match (dsap, ssap, control) {
        (0xaa, 0xaa, 0x03) => {
            let [.., high, low] = *part.head::<8>(Skip::MalformedLink)?;
            Ok((
                Layer::EtherType(u16::from_be_bytes([high, low])),
                part.after(8),
            ))
        }
        (0x06, 0x06, 0x03) => Ok((Layer::Ip, part.after(3))),
        // Network layer protocol identifier of RFC 1483 section 4.1.
        (0xfe, 0xfe, 0x03) => match part.head::<4>(Skip::MalformedLink)?[3] {
            0xcc | 0x8e => Ok((Layer::Ip, part.after(4))),
            _ => Err(Skip::NotIp),
        },
        _ => Err(Skip::NotIp),
    }
}

fn loopback(part: Part<'_>) -> Step<'_> {
    if is_ip_family(*part.head(Skip::MalformedLink)?) {
        Ok((Layer::Ip, part.after(4)))
    } else {
        Err(Skip::NotIp)
    }
}

/// Whether an address family in four bytes is one of IP's. NULL has it in the capturing machine's byte order, and
/// families above 255 do not exist, so one of the two readings is small.
#[inline]
pub(super) fn is_ip_family(family: [u8; 4]) -> bool {
    let family = u32::from_be_bytes(family).min(u32::from_le_bytes(family));
    // AF_INET, then AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of Darwin.
    matches!(family, 2 | 10 | 24 | 28 | 30)
}

/// Linux cooked capture: the protocol is the last field of 16 bytes.
fn cooked(part: Part<'_>) -> Step<'_> {
    let header: &[u8; 16] = part.head(Skip::MalformedLink)?;
    let device = u16::from_be_bytes([header[2], header[3]]);
    cooked_protocol(
        device,
        u16::from_be_bytes([header[14], header[15]]),
        part.after(16),
    )
}

/// Version 2: the protocol comes first, of 20 bytes.
fn cooked_v2(part: Part<'_>) -> Step<'_> {
    let header: &[u8; 20] = part.head(Skip::MalformedLink)?;
    let device = u16::from_be_bytes([header[8], header[9]]);
    cooked_protocol(
        device,
        u16::from_be_bytes([header[0], header[1]]),
        part.after(20),
    )
}

fn cooked_protocol(device: u16, protocol: u16, part: Part<'_>) -> Step<'_> {
    /// Netlink messages: the protocol field is a netlink family there, a small number.
    const ARPHRD_NETLINK: u16 = 824;
    /// Linux's number for a frame that begins with LLC.
    const ETH_P_802_2: u16 = 4;
    match (device, protocol) {
        (_, MIN_ETHER_TYPE..) => Ok((Layer::EtherType(protocol), part)),
        (ARPHRD_NETLINK, _) => Err(Skip::NotIp),
        (_, ETH_P_802_2) => Ok((Layer::Llc, part)),
        _ => Err(Skip::NotIp),
    }
}

/// PPP (RFC 1661): address and control bytes are often left out, and so is the protocol's high byte.
pub(super) fn ppp(part: Part<'_>) -> Step<'_> {
    // 0xff begins no protocol number (RFC 1661 section 2), so it is the address.
    let part = match *part.head(Skip::MalformedLink)? {
        [0xff] => {
            part.need(2, Skip::MalformedLink)?;
            part.after(2)
        }
        _ => part,
    };
    let [first] = *part.head(Skip::MalformedLink)?;
    let (protocol, part) = if first & 1 == 1 {
        (u16::from(first), part.after(1))
    } else {
        let number = u16::from_be_bytes(*part.head(Skip::MalformedLink)?);
        (number, part.after(2))
    };
    match protocol {
        0x0021 | 0x0057 => Ok((Layer::Ip, part)),
        0x0281 | 0x0283 => Ok((Layer::Mpls, part)),
        _ => Err(Skip::NotIp),
    }
}

/// PPP in HDLC-like framing; some devices that are captured so speak Cisco's HDLC instead.
fn hdlc(part: Part<'_>) -> Step<'_> {
    match part.data() {
        [0x0f | 0x8f, ..] => cisco_hdlc(part),
        _ => Ok((Layer::Ppp, part)),
    }
}

fn cisco_hdlc(part: Part<'_>) -> Step<'_> {
    let [_, _, high, low] = *part.head(Skip::MalformedLink)?;
    Ok((
        Layer::EtherType(u16::from_be_bytes([high, low])),
        part.after(4),
    ))
}

/// Radiotap: a little-endian length, then the 802.11 frame.
fn radiotap(part: Part<'_>) -> Step<'_> {
    let [_, _, low, high] = *part.head(Skip::MalformedLink)?;
    let len = u16::from_le_bytes([low, high]);
    Ok((Layer::Wlan, part.after(usize::from(len))))
}

/// IEEE 802.11 data frames (clause 9.3.2); of an aggregate, the first.
pub(super) fn wlan(part: Part<'_>) -> Step<'_> {
    const DATA: u8 = 0x08;
    const TYPE: u8 = 0x0c;
    const NO_DATA: u8 = 0x40;
    const QOS: u8 = 0x80;
    const BOTH_DISTRIBUTION: u8 = 0x03;
    const PROTECTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    const AGGREGATE: u8 = 0x80;

    let [control, flags] = *part.head(Skip::MalformedLink)?;
    if control & TYPE != DATA || control & NO_DATA != 0 {
        return Err(Skip::NotIp);
    }
    if flags & PROTECTED != 0 {
        return Err(Skip::Encrypted);
    }
    let mut len = 24;
    if flags & BOTH_DISTRIBUTION == BOTH_DISTRIBUTION {
        len += 6;
    }
    let mut aggregate = false;
    if control & QOS != 0 {
        let [qos] = *part.after(len).head(Skip::MalformedLink)?;
        aggregate = qos & AGGREGATE != 0;
        len += if flags & ORDER == 0 { 2 } else { 6 };
    }
    if aggregate {
        // Two addresses and a length before each of the aggregated frames.
        len += 14;
    }
    Ok((Layer::Llc, part.after(len)))
}

/// Linux ARCNET: addresses, offset and a protocol number; RFC 1201 adds three bytes, RFC 1051 none.
fn arcnet(part: Part<'_>) -> Step<'_> {
    let [.., protocol] = *part.head::<5>(Skip::MalformedLink)?;
    match protocol {
        0xd4 | 0xc4 => Ok((Layer::Ip, part.after(8))),
        0xf0 => Ok((Layer::Ip, part.after(5))),
        _ => Err(Skip::NotIp),
    }
}

/// Juniper: a magic number, flags, extensions when the top flag says so, then the Ethernet frame.
fn juniper_ethernet(part: Part<'_>) -> Step<'_> {
    let [magic @ .., flags] = part.head::<4>(Skip::MalformedLink)?;
    if magic != b"MGC" {
        return Err(Skip::MalformedLink);
    }
    if flags & 0x80 == 0 {
        return Ok((Layer::Ethernet, part.after(4)));
    }
    let extensions = u16::from_be_bytes(*part.after(4).head(Skip::MalformedLink)?);
    Ok((Layer::Ethernet, part.after(6 + usize::from(extensions))))
}

/// NFLOG: attributes of a length and a type in the host's byte order, one of which is the packet. Little-endian hosts
/// only: which order it is cannot be told.
fn nflog(part: Part<'_>) -> Step<'_> {
    const PAYLOAD: u16 = 9;
    const HEADER_LEN: usize = 4;
    let mut part = part.after(HEADER_LEN);
    loop {
        let [len_low, len_high, type_low, type_high] = *part.head(Skip::MalformedLink)?;
        let len = usize::from(u16::from_le_bytes([len_low, len_high]));
        if len < HEADER_LEN {
            return Err(Skip::MalformedLink);
        }
        // The top two bits are flags of the attribute.
        if u16::from_le_bytes([type_low, type_high]) & 0x3fff == PAYLOAD {
            return Ok((Layer::Ip, part.at_most(len).after(HEADER_LEN)));
        }
        part = part.after(len.next_multiple_of(4));
    }
}
