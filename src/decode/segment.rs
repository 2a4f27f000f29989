//! TCP: header, options and preview become a [`Segment`].

use std::net::IpAddr;

use etherparse::{LaxSlicedPacket, TransportSlice};

use super::{Decoded, Skip};
use crate::capture::{Frame, LinkType};
use crate::tcp::{Endpoint, Flags, FourTuple, IpFacts, Options, Preview, Segment, SeqNumber};

/// Decodes one frame.
#[must_use]
pub fn frame<'a>(frame: &Frame<'a>) -> Decoded<'a> {
    let sliced = match frame.link {
        LinkType::ETHERNET => LaxSlicedPacket::from_ethernet(frame.data).ok(),
        LinkType::RAW => LaxSlicedPacket::from_ip(frame.data).ok(),
        _ => return Decoded::Skipped(Skip::LinkType),
    };
    let Some(sliced) = sliced else {
        return Decoded::Skipped(Skip::MalformedIp);
    };
    let Some(TransportSlice::Tcp(tcp)) = sliced.transport else {
        return Decoded::Skipped(Skip::NotTcp);
    };
    let (source, destination): (IpAddr, IpAddr) = match &sliced.net {
        Some(etherparse::LaxNetSlice::Ipv4(ip)) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        Some(etherparse::LaxNetSlice::Ipv6(ip)) => (
            ip.header().source_addr().into(),
            ip.header().destination_addr().into(),
        ),
        _ => return Decoded::Skipped(Skip::NotIp),
    };
    let header = tcp.to_header();
    let mut flags = Flags::empty();
    flags.set(Flags::FIN, header.fin);
    flags.set(Flags::SYN, header.syn);
    flags.set(Flags::RST, header.rst);
    flags.set(Flags::PSH, header.psh);
    flags.set(Flags::ACK, header.ack);
    Decoded::Segment(Segment {
        frame: frame.number,
        time: frame.time,
        tuple: FourTuple {
            source: Endpoint {
                address: source,
                port: header.source_port,
            },
            destination: Endpoint {
                address: destination,
                port: header.destination_port,
            },
        },
        seq: SeqNumber(header.sequence_number),
        ack: SeqNumber(header.acknowledgment_number),
        len: tcp.payload().len() as u32,
        flags,
        window: header.window_size,
        urgent: header.urgent_pointer,
        ip: IpFacts::default(),
        interface: frame.interface,
        header_cut: false,
        options: Options::default(),
        preview: Preview::of(tcp.payload()),
    })
}

/// Decodes an IP datagram that was put together from fragments; `frame` is the one that completed it.
#[must_use]
pub fn datagram<'a>(frame: &Frame<'a>) -> Decoded<'a> {
    self::frame(frame)
}
