//! TCP: the header, its options and the first payload bytes become a [`Segment`].

use etherparse::TcpHeaderSlice;

use super::ip::Envelope;
use super::part::Part;
use super::{Decoded, Skip, ftp, options};
use crate::capture::Frame;
use crate::tcp::{Endpoint, Flags, FourTuple, Preview, Segment, SeqNumber};

/// Length of a TCP header without options (RFC 9293 section 3.1).
pub(super) const FIXED_LEN: usize = 20;

/// Reads the TCP header at the start of `part`, which is the payload of one IP packet. The answer is built
/// in the place where the caller wants it: a segment is large enough for each copy to show in a profile.
#[inline]
pub(super) fn segment<'a>(frame: &Frame<'a>, envelope: &Envelope, part: Part<'a>) -> Decoded<'a> {
    let fixed: &[u8; FIXED_LEN] = match part.head(Skip::MalformedTcp) {
        Ok(fixed) => fixed,
        Err(reason) => return Decoded::Skipped(reason),
    };
    let header_len = usize::from(fixed[12] >> 4) * 4;
    if header_len < FIXED_LEN || header_len > part.wire() {
        return Decoded::Skipped(Skip::MalformedTcp);
    }
    let data = part.data();
    let captured_len = header_len.min(data.len());
    let cut = captured_len < header_len;
    let whole;
    let header = if cut {
        // The slice insists on all options; the fixed part alone, with its own length in it, is a header too.
        let mut alone = *fixed;
        alone[12] = (FIXED_LEN as u8 / 4) << 4 | fixed[12] & 0x0f;
        whole = alone;
        TcpHeaderSlice::from_slice(&whole)
    } else {
        TcpHeaderSlice::from_slice(data)
    };
    let Ok(header) = header else {
        return Decoded::Skipped(Skip::MalformedTcp);
    };
    Decoded::Segment(Segment {
        frame: frame.number,
        time: frame.time,
        tuple: FourTuple {
            source: Endpoint {
                address: envelope.source,
                port: header.source_port(),
            },
            destination: Endpoint {
                address: envelope.destination,
                port: header.destination_port(),
            },
        },
        seq: SeqNumber(header.sequence_number()),
        ack: SeqNumber(header.acknowledgment_number()),
        len: (part.wire() - header_len) as u32,
        flags: Flags::from_bits_truncate(u16::from_be_bytes([fixed[12], fixed[13]])),
        window: header.window_size(),
        urgent: header.urgent_pointer(),
        ip: envelope.facts,
        interface: frame.interface,
        header_cut: cut,
        options: options::parse(&data[FIXED_LEN..captured_len], header_len - FIXED_LEN),
        preview: Preview::of(&data[captured_len..]),
        announces: if header.source_port() == ftp::CONTROL
            || header.destination_port() == ftp::CONTROL
        {
            ftp::announced(&data[captured_len..], envelope.source)
        } else {
            None
        },
    })
}

/// The captured bytes after the header at the start of `part`.
pub(super) fn payload(part: Part<'_>) -> Option<&[u8]> {
    let header_len = usize::from(part.data().get(12)? >> 4) * 4;
    part.data().get(header_len.max(FIXED_LEN)..)
}
