//! Tunnels: headers that carry another packet, so that the connection inside is found.
//!
//! UDP has no field that says what it carries. The port suggests a tunnel, and a payload that does not look like it is
//! `NotTcp`, not malformed.

use etherparse::{UdpHeader, UdpHeaderSlice};

use super::link::kind;
use super::part::Part;
use super::walk::{Layer, Step};
use super::{Skip, ip};

/// What an IP protocol number announces, other than TCP, UDP and ICMP.
pub(super) fn protocol(number: u8, part: Part<'_>) -> Step<'_> {
    match number {
        ip::IPV4 | ip::IPV6 | ip::IPIP_OLD => Ok((Layer::Ip, part)),
        ip::GRE => Ok((Layer::Gre, part)),
        ip::MPLS => Ok((Layer::Mpls, part)),
        ip::ETHERNET => Ok((Layer::Ethernet, part)),
        // EtherIP (RFC 3378): four bits of version and twelve of zero.
        ip::ETHERIP => Ok((Layer::Ethernet, part.after(2))),
        ip::ESP => Err(Skip::Encrypted),
        _ => Err(Skip::NotTcp),
    }
}

/// UDP: the destination port is asked first, then the source port, for answers come back from it.
pub(super) fn udp(part: Part<'_>) -> Step<'_> {
    part.need(UdpHeader::LEN, Skip::NotTcp)?;
    let header = UdpHeaderSlice::from_slice(part.data()).map_err(|_| Skip::NotTcp)?;
    let payload = part.after(UdpHeader::LEN);
    let payload = match usize::from(header.length()).checked_sub(UdpHeader::LEN) {
        Some(len) => payload.at_most(len),
        // 0 stands for a length that does not fit; anything else below 8 is wrong, and the IP length is right.
        None => payload,
    };
    [header.destination_port(), header.source_port()]
        .into_iter()
        .find_map(|port| {
            Some(match port {
                1701 => l2tp(payload),
                2152 => gtp(payload),
                3544 => teredo(payload),
                4754 => Ok((Layer::Gre, payload)),
                4789 | 8472 => vxlan(payload),
                4790 => vxlan_gpe(payload),
                6081 => geneve(payload),
                6635 => Ok((Layer::Mpls, payload)),
                _ => return None,
            })
        })
        .unwrap_or(Err(Skip::NotTcp))
}

/// VXLAN (RFC 7348 section 5): the bit that says the identifier is valid must be set.
fn vxlan(part: Part<'_>) -> Step<'_> {
    let [flags, ..] = *part.head::<8>(Skip::NotTcp)?;
    if flags & 0x08 == 0 {
        return Err(Skip::NotTcp);
    }
    Ok((Layer::Ethernet, part.after(8)))
}

/// VXLAN with a next-protocol field.
fn vxlan_gpe(part: Part<'_>) -> Step<'_> {
    let [flags, _, _, next, ..] = *part.head::<8>(Skip::NotTcp)?;
    let layer = match (flags & 0x0c, next) {
        (0x0c, 1 | 2) => Layer::Ip,
        (0x0c, 3) | (0x08, 0) => Layer::Ethernet,
        (0x0c, 5) => Layer::Mpls,
        _ => return Err(Skip::NotTcp),
    };
    Ok((layer, part.after(8)))
}

/// Geneve (RFC 8926 section 3.4): version 0, options, and an `EtherType`.
fn geneve(part: Part<'_>) -> Step<'_> {
    let [first, _, high, low, ..] = *part.head::<8>(Skip::NotTcp)?;
    if first >> 6 != 0 {
        return Err(Skip::NotTcp);
    }
    let options = usize::from(first & 0x3f) * 4;
    announced(u16::from_be_bytes([high, low]), part.after(8 + options))
}

/// GTP-U (3GPP TS 29.281 section 5): version 1 user data, with optional fields and extension headers.
fn gtp(part: Part<'_>) -> Step<'_> {
    const VERSION_AND_TYPE: u8 = 0xf0;
    const EXTENSION: u8 = 0x04;
    const ANY_OPTIONAL: u8 = 0x07;
    const USER_DATA: u8 = 0xff;

    let [flags, message, high, low, ..] = *part.head::<8>(Skip::NotTcp)?;
    if flags & VERSION_AND_TYPE != 0x30 || message != USER_DATA {
        return Err(Skip::NotTcp);
    }
    let len = usize::from(u16::from_be_bytes([high, low]));
    let mut part = part.after(8).at_most(len);
    if flags & ANY_OPTIONAL != 0 {
        let [.., mut next] = *part.head::<4>(Skip::NotTcp)?;
        part = part.after(4);
        while flags & EXTENSION != 0 && next != 0 {
            // A length in four-byte units, at the first byte; the last byte is the next header's type.
            let [units] = *part.head(Skip::NotTcp)?;
            let len = usize::from(units) * 4;
            if len == 0 {
                return Err(Skip::NotTcp);
            }
            part.need(len, Skip::NotTcp)?;
            next = part.data()[len - 1];
            part = part.after(len);
        }
    }
    match part.head(Skip::NotTcp)? {
        [0x40..=0x4f | 0x60..=0x6f] => Ok((Layer::Ip, part)),
        [0xff] => Ok((Layer::Ppp, part)),
        _ => Err(Skip::NotTcp),
    }
}

/// Teredo (RFC 4380 section 5.1.1): IPv6, perhaps after authentication and origin headers.
fn teredo(mut part: Part<'_>) -> Step<'_> {
    if part.data().starts_with(&[0, 1]) {
        let [_, _, id_len, auth_len] = *part.head(Skip::NotTcp)?;
        // A nonce of eight bytes and a confirmation byte follow identifier and authentication value.
        part = part.after(4 + usize::from(id_len) + usize::from(auth_len) + 9);
    }
    if part.data().starts_with(&[0, 0]) {
        part = part.after(8);
    }
    match part.head(Skip::NotTcp)? {
        [0x60..=0x6f] => Ok((Layer::Ip, part)),
        _ => Err(Skip::NotTcp),
    }
}

/// L2TP version 2 (RFC 2661 section 3.1): data messages carry PPP.
fn l2tp(part: Part<'_>) -> Step<'_> {
    const CONTROL: u16 = 0x8000;
    const LENGTH: u16 = 0x4000;
    const SEQUENCE: u16 = 0x0800;
    const OFFSET: u16 = 0x0200;
    const VERSION: u16 = 0x000f;

    let flags = u16::from_be_bytes(*part.head(Skip::NotTcp)?);
    if flags & CONTROL != 0 || flags & VERSION != 2 {
        return Err(Skip::NotTcp);
    }
    let mut len = 6;
    for (flag, field) in [(LENGTH, 2), (SEQUENCE, 4)] {
        if flags & flag != 0 {
            len += field;
        }
    }
    if flags & OFFSET != 0 {
        let offset = u16::from_be_bytes(*part.after(len).head(Skip::NotTcp)?);
        len += 2 + usize::from(offset);
    }
    Ok((Layer::Ppp, part.after(len)))
}

/// GRE (RFC 2784, RFC 2890), and version 1 as PPTP uses it (RFC 2637 section 4.1).
pub(super) fn gre(part: Part<'_>) -> Step<'_> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const ACKNOWLEDGMENT: u16 = 0x0080;
    const VERSION: u16 = 0x0007;

    let [a, b, c, d] = *part.head(Skip::NotTcp)?;
    let (flags, number) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let field = |flag| if flags & flag == 0 { 0 } else { 4 };
    match flags & VERSION {
        0 => {
            // Checksum and routing share one word (RFC 1701); the source routes after it are obsolete and not followed.
            if flags & ROUTING != 0 {
                return Err(Skip::NotTcp);
            }
            let len = 4 + field(CHECKSUM) + field(KEY) + field(SEQUENCE);
            let inner = part.after(len);
            match number {
                // ERSPAN: type I has no header and no sequence number, type II eight bytes.
                0x88be if flags & SEQUENCE == 0 => Ok((Layer::Ethernet, inner)),
                0x88be => Ok((Layer::Ethernet, inner.after(8))),
                0x22eb => erspan_iii(inner),
                _ => announced(number, inner),
            }
        }
        // Without a sequence number it only acknowledges.
        1 if number == kind::PPP && flags & SEQUENCE != 0 => {
            let len = 8 + field(SEQUENCE) + field(ACKNOWLEDGMENT);
            Ok((Layer::Ppp, part.after(len)))
        }
        _ => Err(Skip::NotTcp),
    }
}

/// ERSPAN type III: twelve bytes, and eight more when the last bit says so.
fn erspan_iii(part: Part<'_>) -> Step<'_> {
    let [.., last] = *part.head::<12>(Skip::NotTcp)?;
    let len = if last & 1 == 0 { 12 } else { 20 };
    Ok((Layer::Ethernet, part.after(len)))
}

/// A protocol type of GRE or Geneve, which is an `EtherType`.
fn announced(number: u16, part: Part<'_>) -> Step<'_> {
    match number {
        kind::IPV4 | kind::IPV6 | kind::ETHERNET | kind::PPP | kind::MPLS | kind::MPLS_UPSTREAM => {
            Ok((Layer::EtherType(number), part))
        }
        // NVGRE and others wrap Ethernet as 0x6558; the rest (NHRP, keep-alives, ...) holds no TCP.
        _ => Err(Skip::NotTcp),
    }
}

/// `PPPoE` session stage (RFC 2516 section 4): version 1, type 1, code 0, then PPP without address and control.
pub(super) fn pppoe(part: Part<'_>) -> Step<'_> {
    let [version_and_type, code, _, _, high, low] = *part.head(Skip::MalformedLink)?;
    if version_and_type != 0x11 {
        return Err(Skip::MalformedLink);
    }
    if code != 0 {
        return Err(Skip::NotIp);
    }
    let len = u16::from_be_bytes([high, low]);
    Ok((Layer::Ppp, part.after(6).at_most(usize::from(len))))
}

/// An MPLS label stack (RFC 3032). Nothing says what follows: the first four bits tell IP, and otherwise it is taken for
/// an Ethernet pseudowire, with or without a control word (RFC 4448, RFC 4385).
pub(super) fn mpls(part: Part<'_>) -> Step<'_> {
    const BOTTOM_OF_STACK: u8 = 0x01;
    /// Labels before we give up; networks use up to about five.
    const MAX_LABELS: usize = 16;

    let mut inner = part;
    for _ in 0..MAX_LABELS {
        let [_, _, label_end, _] = *inner.head(Skip::MalformedLink)?;
        inner = inner.after(4);
        if label_end & BOTTOM_OF_STACK != 0 {
            return match inner.head(Skip::MalformedLink)? {
                [0x40..=0x4f | 0x60..=0x6f] => Ok((Layer::Ip, inner)),
                // A control word begins with four zero bits; a destination address seldom with 0x00 and a zero nibble.
                [0x00..=0x0f] if has_control_word(inner) => Ok((Layer::Ethernet, inner.after(4))),
                // 0001 is an associated channel (RFC 5586), not data.
                [0x10..=0x1f] => Err(Skip::NotIp),
                _ => Ok((Layer::Ethernet, inner)),
            };
        }
    }
    Err(Skip::TooDeep)
}

/// Of the two readings of a pseudowire, the one whose type field is known. A control word wins when neither or both are.
fn has_control_word(part: Part<'_>) -> bool {
    let known = |at: usize| {
        matches!(
            part.data().get(at..at + 2),
            Some([0x08 | 0x81, 0x00] | [0x86, 0xdd] | [0x88, 0xa8 | 0x47 | 0x64])
        )
    };
    known(16) || !known(12)
}
