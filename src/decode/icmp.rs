//! ICMP and `ICMPv6` errors that quote a TCP header (RFC 792, RFC 4443).
//!
//! The quoted header is evidence about a connection, never a segment of it.

use super::Skip;
use super::ip::{self, Envelope};
use super::part::Part;
use crate::capture::Frame;
use crate::tcp::{Endpoint, FourTuple, IcmpError, IcmpKind, SeqNumber};

/// Type, code, checksum and the four bytes whose meaning depends on the type.
const HEADER_LEN: usize = 8;

/// Which of the two protocols.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    V4,
    V6,
}

/// Reads the message at the start of `part`.
pub(super) fn error(
    frame: &Frame<'_>,
    envelope: &Envelope,
    version: Version,
    part: Part<'_>,
) -> Result<IcmpError, Skip> {
    let header: [u8; HEADER_LEN] = *part.head(Skip::Icmp)?;
    let kind = match version {
        Version::V4 => kind_v4(header),
        Version::V6 => kind_v6(header),
    }
    .ok_or(Skip::Icmp)?;
    let quoted = ip::packet(part.after(HEADER_LEN)).map_err(|_| Skip::Icmp)?;
    let at_start = quoted.fragment.is_none_or(|place| place.offset == 0);
    if quoted.protocol != ip::TCP || !at_start {
        return Err(Skip::Icmp);
    }
    // RFC 792 promises eight bytes of the transport header: the ports and the sequence number.
    let start = *quoted.payload.head(Skip::Icmp).map_err(|_| Skip::Icmp)?;
    let start = u64::from_be_bytes(start);
    Ok(IcmpError {
        frame: frame.number,
        time: frame.time,
        reporter: envelope.source,
        tuple: FourTuple {
            source: Endpoint {
                address: quoted.envelope.source,
                port: (start >> 48) as u16,
            },
            destination: Endpoint {
                address: quoted.envelope.destination,
                port: (start >> 32) as u16,
            },
        },
        seq: SeqNumber(start as u32),
        kind,
    })
}

fn kind_v4(header: [u8; HEADER_LEN]) -> Option<IcmpKind> {
    let [kind, code, _, _, _, _, mtu_high, mtu_low] = header;
    Some(match (kind, code) {
        // Fragmentation needed; the MTU is there since RFC 1191.
        (3, 4) => IcmpKind::TooBig {
            mtu: u32::from(u16::from_be_bytes([mtu_high, mtu_low])),
        },
        (3, code) => IcmpKind::Unreachable { code, v6: false },
        (11, _) => IcmpKind::TimeExceeded,
        // Source quench, redirect, parameter problem.
        (4 | 5 | 12, _) => IcmpKind::Other { kind, code },
        _ => return None,
    })
}

fn kind_v6(header: [u8; HEADER_LEN]) -> Option<IcmpKind> {
    let [kind, code, _, _, mtu @ ..] = header;
    Some(match kind {
        1 => IcmpKind::Unreachable { code, v6: true },
        2 => IcmpKind::TooBig {
            mtu: u32::from_be_bytes(mtu),
        },
        3 => IcmpKind::TimeExceeded,
        // Types below 128 are errors (RFC 4443 section 2.1).
        4..128 => IcmpKind::Other { kind, code },
        _ => return None,
    })
}
