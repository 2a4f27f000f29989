//! The everyday frame: Ethernet with at most one VLAN tag, Linux cooked, BSD loopback or raw IP; then IPv4 without
//! options or IPv6 without extension headers; then TCP.
//!
//! A shortcut with the same answer as the general walk, and `None` for anything that is not plainly of this shape. What
//! it saves is asking at every header what it is; TCP itself is read by the same code.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::ip::{self, Envelope};
use super::link;
use super::part::Part;
use crate::capture::{Frame, LinkType};
use crate::tcp::IpFacts;

const ETHERNET_LEN: usize = 14;
const SLL_LEN: usize = 16;
const SLL2_LEN: usize = 20;
const V4_LEN: usize = 20;
const V6_LEN: usize = 40;

/// Addresses and TCP part of an everyday frame.
#[inline]
pub(super) fn packet<'a>(frame: &Frame<'a>) -> Option<(Envelope, Part<'a>)> {
    let packet = match frame.link {
        LinkType::ETHERNET => match frame.data.split_first_chunk::<ETHERNET_LEN>()? {
            ([.., 0x08, 0x00] | [.., 0x86, 0xdd], packet)
            | (
                [.., 0x81, 0x00],
                [_, _, 0x08, 0x00, packet @ ..] | [_, _, 0x86, 0xdd, packet @ ..],
            ) => packet,
            _ => return None,
        },
        LinkType::RAW => frame.data,
        LinkType::LINUX_SLL => match frame.data.split_first_chunk::<SLL_LEN>()? {
            ([.., 0x08, 0x00] | [.., 0x86, 0xdd], packet) => packet,
            _ => return None,
        },
        LinkType::LINUX_SLL2 => match frame.data.split_first_chunk::<SLL2_LEN>()? {
            ([0x08, 0x00, ..] | [0x86, 0xdd, ..], packet) => packet,
            _ => return None,
        },
        LinkType::NULL | LinkType::LOOP => match frame.data.split_first_chunk()? {
            (&family, packet) if link::is_ip_family(family) => packet,
            _ => return None,
        },
        _ => return None,
    };
    match packet.first()? {
        0x45 => v4(packet),
        0x60..=0x6f => v6(packet),
        _ => None,
    }
}

#[inline]
fn v4(packet: &[u8]) -> Option<(Envelope, Part<'_>)> {
    /// More fragments, and the fragment offset: all zero in a whole packet.
    const FRAGMENT: u16 = 0x3fff;

    let (header, payload) = packet.split_first_chunk::<V4_LEN>()?;
    let [
        _,
        service,
        len_high,
        len_low,
        id_high,
        id_low,
        place_high,
        place_low,
        ttl,
        protocol,
        _,
        _,
        addresses @ ..,
    ] = *header;
    let addresses = u64::from_be_bytes(addresses);
    let len = usize::from(u16::from_be_bytes([len_high, len_low])).checked_sub(V4_LEN)?;
    if protocol != ip::TCP || u16::from_be_bytes([place_high, place_low]) & FRAGMENT != 0 {
        return None;
    }
    let envelope = Envelope {
        source: Ipv4Addr::from_bits((addresses >> 32) as u32).into(),
        destination: Ipv4Addr::from_bits(addresses as u32).into(),
        facts: IpFacts {
            id: Some(u16::from_be_bytes([id_high, id_low])),
            ttl,
            ecn: service & 3,
            tunnelled: false,
        },
    };
    Some((envelope, Part::new(payload, len)))
}

#[inline]
fn v6(packet: &[u8]) -> Option<(Envelope, Part<'_>)> {
    let (header, payload) = packet.split_first_chunk::<V6_LEN>()?;
    let [
        _,
        class,
        _,
        _,
        len_high,
        len_low,
        next,
        hop_limit,
        addresses @ ..,
    ] = header;
    let len = usize::from(u16::from_be_bytes([*len_high, *len_low]));
    if *next != ip::TCP || len == 0 {
        return None;
    }
    let (&source, destination) = addresses.split_first_chunk::<16>()?;
    let &destination = destination.first_chunk::<16>()?;
    let envelope = Envelope {
        source: Ipv6Addr::from(source).into(),
        destination: Ipv6Addr::from(destination).into(),
        facts: IpFacts {
            id: None,
            ttl: *hop_limit,
            ecn: class >> 4 & 3,
            tunnelled: false,
        },
    };
    Some((envelope, Part::new(payload, len)))
}
