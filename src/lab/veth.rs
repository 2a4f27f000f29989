//! A wire without `/dev/net/tun`, which some systems keep for root: two virtual Ethernet devices that are the ends of one cable.
//!
//! ```text
//! sockets ─▶ kernel ─▶ wire0 ═══════ wire1 ─▶ packet socket: what a TUN device would have given
//! ```
//!
//! Comes in: the names of the two devices. Goes out: a file that gives and takes Ethernet frames at the far end. The near
//! end resolves no addresses, so that each frame it sends is addressed to itself: written back as it is, it is received.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::mem;
use std::os::fd::OwnedFd;

use nix::net::if_::if_nametoindex;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Bytes of an Ethernet header.
pub(super) const HEADER: usize = 14;

/// Attributes of a link (`linux/if_link.h`, `linux/veth.h`).
const NAME: u16 = 3;
const LINK_INFO: u16 = 18;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const PEER: u16 = 1;

/// Lengths of `struct nlmsghdr` and `struct ifinfomsg`.
const MESSAGE: usize = 16;
const LINK: usize = 16;

/// `ip link add NEAR type veth peer name FAR`
pub(super) fn make(near: &str, far: &str) -> io::Result<()> {
    let mut peer = vec![0; LINK];
    attribute(&mut peer, NAME, &terminated(far));
    let mut data = Vec::new();
    attribute(&mut data, PEER, &peer);
    let mut info = Vec::new();
    attribute(&mut info, INFO_KIND, b"veth");
    attribute(&mut info, INFO_DATA, &data);
    let mut message = header();
    message.resize(MESSAGE + LINK, 0);
    attribute(&mut message, NAME, &terminated(near));
    attribute(&mut message, LINK_INFO, &info);
    let length = message.len() as u32;
    message[..4].copy_from_slice(&length.to_ne_bytes());
    request(&message)
}

/// Frames with IPv4 that arrive at `far`; what is written leaves from there.
pub(super) fn open(far: &str) -> io::Result<File> {
    let index = if_nametoindex(far)?;
    // Without a protocol it receives nothing before it is bound.
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    #[allow(
        unsafe_code,
        reason = "an address of this family has no safe constructor"
    )]
    // SAFETY: the storage is large enough for every address, and all of it that is used is written.
    let ((), address) = unsafe {
        SockAddr::try_init(|storage, length| {
            storage
                .cast::<libc::sockaddr_ll>()
                .write(libc::sockaddr_ll {
                    sll_family: libc::AF_PACKET as u16,
                    sll_protocol: (libc::ETH_P_IP as u16).to_be(),
                    sll_ifindex: index as i32,
                    sll_hatype: 0,
                    sll_pkttype: 0,
                    sll_halen: 0,
                    sll_addr: [0; 8],
                });
            length.write(mem::size_of::<libc::sockaddr_ll>() as libc::socklen_t);
            Ok(())
        })
    }?;
    socket.bind(&address)?;
    Ok(File::from(OwnedFd::from(socket)))
}

/// `struct nlmsghdr` of a request to make a link, without its length.
fn header() -> Vec<u8> {
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let mut header = vec![0; 4];
    header.extend(libc::RTM_NEWLINK.to_ne_bytes());
    header.extend((flags as u16).to_ne_bytes());
    header
}

/// Adds `struct rtattr` and its value, and fills up to a multiple of four.
fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = (4 + value.len()) as u16;
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn terminated(name: &str) -> Vec<u8> {
    let mut name = name.as_bytes().to_vec();
    name.push(0);
    name
}

/// Sends a request to the kernel and reads its answer: an error number, or 0.
fn request(message: &[u8]) -> io::Result<()> {
    let socket = Socket::new(
        Domain::from(libc::AF_NETLINK),
        Type::RAW,
        Some(Protocol::from(libc::NETLINK_ROUTE)),
    )?;
    let mut file = File::from(OwnedFd::from(socket));
    file.write_all(message)?;
    let mut answer = [0; 1024];
    let read = file.read(&mut answer)?;
    let code = answer[..read].get(MESSAGE..MESSAGE + 4);
    let code = code.and_then(|code| code.try_into().ok());
    match i32::from_ne_bytes(code.unwrap_or_default()) {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(-code)),
    }
}
