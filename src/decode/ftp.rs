//! FTP announces its data connections on the control connection (RFC 959 sections 3.2 and 4.1.2, RFC 2428). Who knows the
//! announcement knows the data connection before its first SYN, and tools that look into payloads count from there.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

/// The control connection's port (RFC 959 section 8).
pub(super) const CONTROL: u16 = 21;

/// No announcement is longer; a reply's text may be, but not in practice.
const LONGEST: usize = 128;

/// The port on which `sender` says that it waits for a data connection. An announcement for another host says nothing
/// about an end of this capture, and is left out; so is EPRT, which Wireshark, whose count this serves, does not follow.
pub(super) fn announced(payload: &[u8], sender: IpAddr) -> Option<NonZeroU16> {
    let line = payload.get(..payload.len().min(LONGEST))?;
    let line = line.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let line = std::str::from_utf8(line).ok()?;
    match line.get(..4)?.to_ascii_uppercase().as_str() {
        "PORT" => host_port(line.get(5..)?, sender),
        "227 " => {
            let begin = line.find(['(', '='])?;
            host_port(&line[begin + 1..], sender)
        }
        "229 " => extended(&line[line.find('(')? + 1..]),
        _ => None,
    }
}

/// `h1,h2,h3,h4,p1,p2`
fn host_port(text: &str, sender: IpAddr) -> Option<NonZeroU16> {
    let mut numbers = [0_u8; 6];
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != ',')
        .unwrap_or(text.len());
    let mut parts = text[..end].split(',');
    for number in &mut numbers {
        *number = parts.next()?.parse().ok()?;
    }
    let [a, b, c, d, high, low] = numbers;
    let host = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
    NonZeroU16::new(u16::from_be_bytes([high, low])).filter(|_| host == sender)
}

/// `|||6446|`: the field between the third and the fourth delimiter.
fn extended(text: &str) -> Option<NonZeroU16> {
    let delimiter = text.chars().next()?;
    text.split(delimiter).nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announcements_name_a_port_of_their_sender() {
        let sender = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
        for (line, port) in [
            ("PORT 10,0,0,7,25,46\r\n", Some(6446)),
            ("PORT 10,0,0,8,25,46\r\n", None),
            (
                "227 Entering Passive Mode (10,0,0,7,25,46).\r\n",
                Some(6446),
            ),
            ("227 Entering Passive Mode. 10,0,0,7\r\n", None),
            (
                "229 Entering Extended Passive Mode (|||6446|)\r\n",
                Some(6446),
            ),
            ("229 Entering Extended Passive Mode (||||)\r\n", None),
            ("EPRT |1|10.0.0.7|6446|\r\n", None),
            ("PORT 10,0,0,7,0,0\r\n", None),
            ("220 welcome\r\n", None),
            ("227", None),
        ] {
            let found = announced(line.as_bytes(), sender).map(NonZeroU16::get);
            assert_eq!(found, port, "{line}");
        }
    }
}
