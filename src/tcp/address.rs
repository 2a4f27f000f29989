//! Endpoints as text, on the stack and without the formatting machinery: a segment's line of JSON has two, and they would
//! be half of its cost.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Endpoint;
use crate::text::{Piece, Text};

/// The longest endpoint: `[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535`.
const LONGEST: usize = 47;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Every octet's digits, and at the end how many there are.
const OCTETS: [[u8; 4]; 256] = octets();

/// Text of an endpoint under way, all ASCII. A copy for each number of one to three digits would take longer than making
/// them.
struct Short {
    bytes: [u8; LONGEST],
    len: usize,
}

/// `127.0.0.1:1712` or `[::1]:1712`.
impl Piece for Endpoint {
    fn put(&self, out: &mut impl Text) {
        let mut text = Short {
            bytes: [0; LONGEST],
            len: 0,
        };
        match self.address {
            IpAddr::V4(address) => text.v4(address),
            IpAddr::V6(address) => {
                text.push(b'[');
                text.v6(address);
                text.push(b']');
            }
        }
        text.push(b':');
        text.port(self.port);
        out.push_ascii(&text.bytes[..text.len]);
    }
}

impl Short {
    #[inline]
    fn push(&mut self, byte: u8) {
        // There is room for the longest.
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    /// The first `count` of these. All are written, at the same price; what follows overwrites the others.
    #[inline]
    fn push_some(&mut self, digits: [u8; 4], count: usize) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + digits.len()) {
            place.copy_from_slice(&digits);
            self.len += count;
        }
    }

    fn port(&mut self, port: u16) {
        for unit in [10_000, 1000, 100, 10] {
            if port >= unit {
                self.push(DIGITS[usize::from(port / unit % 10)]);
            }
        }
        self.push(DIGITS[usize::from(port % 10)]);
    }

    fn v4(&mut self, address: Ipv4Addr) {
        for (index, octet) in address.octets().into_iter().enumerate() {
            if index > 0 {
                self.push(b'.');
            }
            let digits = OCTETS[usize::from(octet)];
            self.push_some(digits, digits[3].into());
        }
    }

    /// RFC 5952: lower case, no leading zeros, the first of the longest runs of zero groups is left out.
    fn v6(&mut self, address: Ipv6Addr) {
        if let Some(address) = address.to_ipv4_mapped() {
            for byte in *b"::ffff:" {
                self.push(byte);
            }
            self.v4(address);
            return;
        }
        let groups = address.segments();
        let (from, to) = longest_zeros(&groups);
        for (index, group) in groups.into_iter().enumerate() {
            if (from..to).contains(&index) {
                if index == from {
                    self.push(b':');
                    self.push(b':');
                }
                continue;
            }
            if index > 0 && index != to {
                self.push(b':');
            }
            let digits = [12, 8, 4, 0].map(|shift| DIGITS[usize::from(group >> shift & 0xf)]);
            let zeros = (group | 1).leading_zeros() / 4;
            let digits = u32::from_be_bytes(digits) << (8 * zeros);
            self.push_some(digits.to_be_bytes(), 4 - zeros as usize);
        }
    }
}

const fn octets() -> [[u8; 4]; 256] {
    let mut octets = [[0; 4]; 256];
    let mut octet = 0;
    while octet < 256 {
        let (hundreds, tens, ones) = (octet / 100, octet / 10 % 10, octet % 10);
        let [hundreds, tens, ones] = [DIGITS[hundreds], DIGITS[tens], DIGITS[ones]];
        octets[octet] = match octet {
            0..10 => [ones, 0, 0, 1],
            10..100 => [tens, ones, 0, 2],
            _ => [hundreds, tens, ones, 3],
        };
        octet += 1;
    }
    octets
}

/// Where the zeros to leave out begin and end; far away when no two stand side by side.
fn longest_zeros(groups: &[u16; 8]) -> (usize, usize) {
    const NONE: (usize, usize) = (usize::MAX, usize::MAX);
    let mut longest = NONE;
    let mut begin = 0;
    for (index, group) in groups.iter().enumerate() {
        if *group != 0 {
            begin = index + 1;
            continue;
        }
        let end = index + 1;
        if end - begin > 1.max(longest.1 - longest.0) {
            longest = (begin, end);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_endpoint_is_written_as_a_socket_address_is(
            // Addresses are mostly zeros, or compression would hardly ever be seen.
            groups in proptest::array::uniform8(prop_oneof![3 => Just(0), 1 => Just(0xffff), 2 => any::<u16>()]),
            v4 in any::<[u8; 4]>(),
            port in any::<u16>(),
        ) {
            for address in [
                IpAddr::from(groups),
                IpAddr::from(v4),
                Ipv4Addr::from(v4).to_ipv6_mapped().into(),
                Ipv4Addr::from(v4).to_ipv6_compatible().into(),
            ] {
                let endpoint = Endpoint { address, port };
                let expected = std::net::SocketAddr::from((address, port)).to_string();
                prop_assert_eq!(endpoint.to_string(), expected);
            }
        }
    }
}
