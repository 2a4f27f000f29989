//! Endpoints as text, on the stack and without the formatting machinery: a segment's line of JSON has two, and they would
//! be half of its cost.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arrayvec::ArrayString;

use super::Endpoint;
use crate::text::{Piece, Text, put};

/// The longest endpoint: `[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535`.
const LONGEST: usize = 47;

/// `127.0.0.1:1712` or `[::1]:1712`.
impl Piece for Endpoint {
    fn put(&self, out: &mut impl Text) {
        // Put together here and appended at once: an endless buffer would be asked for room at every point and colon.
        let mut text = ArrayString::<LONGEST>::new();
        match self.address {
            IpAddr::V4(address) => v4(&mut text, address),
            IpAddr::V6(address) => {
                text.push('[');
                v6(&mut text, address);
                text.push(']');
            }
        }
        put!(&mut text, ":", self.port);
        out.push_text(&text);
    }
}

fn v4(text: &mut ArrayString<LONGEST>, address: Ipv4Addr) {
    for (index, octet) in address.octets().into_iter().enumerate() {
        let point = if index > 0 { "." } else { "" };
        put!(text, point, octet);
    }
}

/// RFC 5952: lower case, no leading zeros, the first of the longest runs of zero groups is left out.
fn v6(text: &mut ArrayString<LONGEST>, address: Ipv6Addr) {
    if let Some(address) = address.to_ipv4_mapped() {
        text.push_str("::ffff:");
        v4(text, address);
        return;
    }
    let groups = address.segments();
    let (from, to) = longest_zeros(&groups);
    for (index, group) in groups.into_iter().enumerate() {
        if (from..to).contains(&index) {
            if index == from {
                text.push_str("::");
            }
            continue;
        }
        if index > 0 && index != to {
            text.push(':');
        }
        let digits = (16 - (group | 1).leading_zeros()).div_ceil(4);
        for digit in (0..digits).rev() {
            let value = u32::from(group >> (4 * digit) & 0xf);
            // Always a digit.
            text.push(char::from_digit(value, 16).unwrap_or('0'));
        }
    }
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
