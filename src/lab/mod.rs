//! Teaching traffic: the built-in server and client, scenarios, and the private namespace they can run in.
//!
//! Comes in: a port, a message, the name of a scenario. Goes out: real packets between real sockets of this machine, and a
//! report of each system call that caused them. Nothing here captures, and nothing prints.

#[cfg(unix)]
pub mod apart;
pub mod client;
mod ends;
pub mod fates;
#[cfg(target_os = "linux")]
pub mod namespace;
pub mod network;
pub mod scenario;
mod scenarios;
pub mod script;
pub mod server;
mod veth;
pub mod wire;

use std::io;
use std::net::SocketAddr;

use socket2::Socket;

use crate::tcp::{Endpoint, FourTuple};

/// A built-in end could not do its job.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Another program listens there.
    #[error("another program already listens on {address}")]
    PortBusy {
        /// Where.
        address: SocketAddr,
    },
    /// The system keeps this port for privileged programs.
    #[error(
        "not permitted to listen on {address}: ports below 1024 need root's rights, which this process does not have"
    )]
    PortForbidden {
        /// Where.
        address: SocketAddr,
    },
    /// Nobody accepted our connection.
    #[error("cannot connect to {address}: {}", said(error))]
    NotConnected {
        /// To whom.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// There was nobody to connect to.
    #[error("no address to connect to")]
    NoAddress,
    /// The other end did something that it cannot do.
    #[error("{what}: {ending}")]
    Unexpected {
        /// What happened.
        what: &'static str,
        /// How the exchange ended.
        ending: client::Ending,
    },
    /// Somebody answered where nobody should.
    #[error("somebody answered where nobody should have")]
    Uninvited,
    /// A kernel setting cannot be changed.
    #[error("cannot set net.{}: {}", name.replace('/', "."), said(error))]
    Setting {
        /// The file below `/proc/sys/net`.
        name: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// No wire can be made.
    #[error(
        "cannot make a wire: /dev/net/tun: {}; a veth device: {}",
        said(tun),
        said(veth)
    )]
    NoDevice {
        /// Why not with a TUN device.
        tun: io::Error,
        /// Why not with a virtual Ethernet device.
        veth: io::Error,
    },
    /// A scenario that needs a wire was played without.
    #[error("this scenario needs a wire")]
    NoWire,
    /// A scenario that sends packets of its own making was played without the right to.
    #[error("this scenario needs a raw socket")]
    NoRawSocket,
    /// A script of our own cannot be read.
    #[error("script: {0}")]
    Script(script::ScriptError),
    /// A system call failed.
    #[error("{call}() failed: {}", said(error))]
    System {
        /// Which one.
        call: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// The system's words without its number, which says nothing to a reader.
fn said(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    }
}

/// As [`tuple()`] where the socket is connected. Else our own end, whose port is 0 when the kernel has taken it back, and whom
/// `connect()` was called for.
fn aimed(socket: &Socket, address: SocketAddr) -> Option<FourTuple> {
    tuple(socket).or_else(|| {
        let own = socket.local_addr().ok()?.as_socket()?;
        Some(FourTuple {
            source: endpoint(own),
            destination: endpoint(address),
        })
    })
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        address: address.ip(),
        port: address.port(),
    }
}

/// Local end as source, remote end as destination; `None` while a socket is not connected.
fn tuple(socket: &Socket) -> Option<FourTuple> {
    let end = |address: socket2::SockAddr| address.as_socket().map(endpoint);
    Some(FourTuple {
        source: end(socket.local_addr().ok()?)?,
        destination: end(socket.peer_addr().ok()?)?,
    })
}
