//! Who talks to whom: endpoints, the directed pair a segment carries, and the undirected key both directions share.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Not;

use crate::text::display;

/// An address and a port. Written `127.0.0.1:1712` and `[::1]:1712`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Endpoint {
    /// The IP address; for tunnelled traffic the inner one.
    pub address: IpAddr,
    /// The TCP port.
    pub port: u16,
}

/// Source and destination of one segment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FourTuple {
    /// Who sent the segment.
    pub source: Endpoint,
    /// Whom it was sent to.
    pub destination: Endpoint,
}

/// The same for both directions of a connection, so that a map finds it from either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowKey {
    low: Endpoint,
    high: Endpoint,
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// Sent the first SYN, or is taken for the one that did.
    Client,
    /// The other end.
    Server,
}

/// Which way a segment travels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Direction {
    /// From the client to the server.
    #[default]
    ClientToServer,
    /// From the server to the client.
    ServerToClient,
}

impl Default for Endpoint {
    /// No address and no port: `0.0.0.0:0`.
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: 0,
        }
    }
}

impl FourTuple {
    /// The tuple of a segment that goes the other way.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
        }
    }

    /// Whether it leads from one of these ends to the other, either way.
    #[inline]
    #[must_use]
    pub fn joins(&self, [one, other]: &[Endpoint; 2]) -> bool {
        // Ports differ more often than addresses, and are compared sooner.
        let leads = |from: &Endpoint, to: &Endpoint| {
            self.source.port == from.port
                && self.destination.port == to.port
                && self.source.address == from.address
                && self.destination.address == to.address
        };
        leads(one, other) || leads(other, one)
    }

    /// The key that both directions share.
    #[must_use]
    pub fn key(&self) -> FlowKey {
        if self.source <= self.destination {
            FlowKey {
                low: self.source,
                high: self.destination,
            }
        } else {
            FlowKey {
                low: self.destination,
                high: self.source,
            }
        }
    }

    /// Source and destination are the same socket: a connection of a socket with itself.
    #[must_use]
    pub fn is_self(&self) -> bool {
        self.source == self.destination
    }
}

impl Hash for FlowKey {
    /// Feeds the hasher two or four whole words for IPv4, instead of byte strings with length prefixes.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(u32::from(self.low.port) << 16 | u32::from(self.high.port));
        for endpoint in [&self.low, &self.high] {
            match endpoint.address {
                IpAddr::V4(address) => state.write_u32(address.to_bits()),
                IpAddr::V6(address) => state.write_u128(address.to_bits()),
            }
        }
    }
}

impl Not for Side {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

impl Side {
    /// `client` or `server`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

impl Direction {
    /// The side that sends in this direction.
    #[must_use]
    pub const fn sender(self) -> Side {
        match self {
            Self::ClientToServer => Side::Client,
            Self::ServerToClient => Side::Server,
        }
    }

    /// The side that receives in this direction.
    #[must_use]
    pub const fn receiver(self) -> Side {
        match self {
            Self::ClientToServer => Side::Server,
            Self::ServerToClient => Side::Client,
        }
    }

    /// The direction in which `side` sends.
    #[must_use]
    pub const fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::ClientToServer,
            Side::Server => Self::ServerToClient,
        }
    }

    /// `client_to_server` or `server_to_client`, as in the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientToServer => "client_to_server",
            Self::ServerToClient => "server_to_client",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str, port: u16) -> Endpoint {
        Endpoint {
            address: text.parse().expect("a literal address"),
            port,
        }
    }

    #[test]
    fn both_directions_share_a_key() {
        let tuple = FourTuple {
            source: endpoint("127.0.0.1", 52126),
            destination: endpoint("127.0.0.1", 1712),
        };
        assert_eq!(tuple.key(), tuple.reversed().key());
        assert!(!tuple.is_self());
    }

    #[test]
    fn ipv6_endpoints_are_bracketed() {
        assert_eq!(endpoint("::1", 1712).to_string(), "[::1]:1712");
    }
}
