//! TCP: the header, its options and the first payload bytes become a [`Segment`].

use super::ip::Envelope;
use super::part::Part;
use super::{Skip, ftp, options};
use crate::capture::Frame;
use crate::tcp::{Endpoint, Flags, FourTuple, Segment, SeqNumber};

/// Length of a TCP header without options (RFC 9293 section 3.1).
pub(super) const FIXED_LEN: usize = 20;

/// What tells most comes first: ports, numbers, flags and window. A capture that was cut behind these, as 68 bytes a packet
/// were over Ethernet and IPv6, still shows the segment.
const TELLING_LEN: usize = 16;

/// Reads the TCP header at the start of `part`, which is the payload of one IP packet, into `place`. A segment is large
/// enough for each copy of it to show in a profile; so it is written, field by field, where it is wanted.
#[inline]
pub(super) fn segment(
    frame: &Frame<'_>,
    envelope: &Envelope,
    part: Part<'_>,
    place: &mut Segment,
) -> Result<(), Skip> {
    let header: &[u8; TELLING_LEN] = part.head(Skip::MalformedTcp)?;
    if frame.data.len() >= frame.original_len as usize {
        // The packet itself ended here, whatever its IP header claims.
        part.need(FIXED_LEN, Skip::MalformedTcp)?;
    }
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let half = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let header_len = usize::from(header[12] >> 4) * 4;
    if header_len < FIXED_LEN || header_len > part.wire() {
        return Err(Skip::MalformedTcp);
    }
    let data = part.data();
    let captured_len = header_len.min(data.len());
    let payload = &data[captured_len..];
    let (source_port, destination_port) = (half(0), half(2));
    // Every field is named, so that none of the segment that was here before can remain.
    let Segment {
        frame: number,
        time,
        tuple,
        seq,
        ack,
        len,
        flags,
        window,
        urgent,
        ip,
        interface,
        header_cut,
        options,
        preview,
        announces,
    } = place;
    *number = frame.number;
    *time = frame.time;
    *tuple = FourTuple {
        source: Endpoint {
            address: envelope.source,
            port: source_port,
        },
        destination: Endpoint {
            address: envelope.destination,
            port: destination_port,
        },
    };
    *seq = SeqNumber(word(4));
    *ack = SeqNumber(word(8));
    *len = (part.wire() - header_len) as u32;
    *flags = Flags::from_bits_truncate(half(12));
    *window = half(14);
    *urgent = match data.get(18..FIXED_LEN) {
        Some(field) => u16::from_be_bytes([field[0], field[1]]),
        None => 0,
    };
    *ip = envelope.facts;
    *interface = frame.interface;
    *header_cut = captured_len < header_len;
    options::parse(
        data.get(FIXED_LEN..captured_len).unwrap_or_default(),
        header_len - FIXED_LEN,
        options,
    );
    preview.keep(payload);
    *announces = if source_port == ftp::CONTROL || destination_port == ftp::CONTROL {
        ftp::announced(payload, envelope.source)
    } else {
        None
    };
    Ok(())
}

/// The captured bytes after the header at the start of `part`.
pub(super) fn payload(part: Part<'_>) -> Option<&[u8]> {
    let header_len = usize::from(part.data().get(12)? >> 4) * 4;
    part.data().get(header_len.max(FIXED_LEN)..)
}
