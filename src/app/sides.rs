//! A capture on a wire's device, sorted by side: each packet is there twice, as it was sent and as it arrived.
//!
//! Comes in: frames of one device. Goes out: the same frames on two interfaces, `client side` and `server side`, which is
//! how a saved file tells the two views apart.

use crate::capture::{Frame, Interface, LinkType, Next, ReadError, Source};
use crate::lab::network::is_client_side;

/// The interfaces' names, in the order of their numbers.
pub(crate) const SIDES: [&str; 2] = ["client side", "server side"];

/// What the frames begin with. A wire carries nothing but IPv4, and libpcap does not read a file with two interfaces of the
/// general type for raw IP, whose number in files is not the one that libpcap uses itself.
const LINK: LinkType = LinkType::IPV4;

/// Bytes of a header that says nothing on a wire.
const ETHERNET_HEADER: usize = 14;

/// A source with two interfaces.
pub(crate) struct Sides<S> {
    source: S,
    port: u16,
    interfaces: [Interface; 2],
}

impl<S: Source> Sides<S> {
    /// `port` is the server's.
    pub(crate) fn new(source: S, port: u16) -> Self {
        let device = source.interfaces().first().cloned();
        let device = device.unwrap_or(Interface {
            name: None,
            link: LinkType::RAW,
            digits: 9,
            snaplen: 0,
        });
        let interfaces = SIDES.map(|name| Interface {
            name: Some(name.to_owned()),
            link: LINK,
            ..device.clone()
        });
        Self {
            source,
            port,
            interfaces,
        }
    }
}

impl<S: Source> Source for Sides<S> {
    fn next(&mut self) -> Result<Next<'_>, ReadError> {
        Ok(self.next_with_interfaces()?.0)
    }

    fn next_with_interfaces(&mut self) -> Result<(Next<'_>, &[Interface]), ReadError> {
        let next = match self.source.next()? {
            Next::Frame(frame) => {
                // Some devices put an Ethernet header before each packet.
                let header = if frame.link == LinkType::ETHERNET {
                    ETHERNET_HEADER.min(frame.data.len())
                } else {
                    0
                };
                let data = &frame.data[header..];
                Next::Frame(Frame {
                    link: LINK,
                    interface: u16::from(!is_client_side(data, self.port)),
                    data,
                    original_len: frame.original_len.saturating_sub(header as u32),
                    ..frame
                })
            }
            other => other,
        };
        Ok((next, &self.interfaces))
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn dropped(&self) -> u64 {
        self.source.dropped()
    }
}
