//! Endpoints as text, as their `Display` writes them, but on the stack and without the formatting machinery: a segment's
//! line has two, and they would be half of its cost.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arrayvec::ArrayString;

use crate::tcp::Endpoint;

/// The longest endpoint: `[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535`.
const LONGEST: usize = 47;

/// `127.0.0.1:1712` or `[::1]:1712`.
pub(super) fn text(endpoint: Endpoint) -> ArrayString<LONGEST> {
    let mut text = ArrayString::new();
    match endpoint.address {
        IpAddr::V4(address) => v4(&mut text, address),
        IpAddr::V6(address) => {
            text.push('[');
            v6(&mut text, address);
            text.push(']');
        }
    }
    text.push(':');
    text.push_str(itoa::Buffer::new().format(endpoint.port));
    text
}

fn v4(text: &mut ArrayString<LONGEST>, address: Ipv4Addr) {
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        text.push_str(itoa::Buffer::new().format(octet));
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
            let value = (group >> (4 * digit)) as u8 & 0xf;
            text.push(char::from(crate::render::escape::hex_digit(value)));
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
        fn an_endpoint_is_written_as_its_display_writes_it(
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
                let written = text(endpoint);
                prop_assert_eq!(written.as_str(), endpoint.to_string());
            }
        }
    }
}
