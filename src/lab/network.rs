//! What the network of a scenario has to be like: kernel settings, the size of packets, a wire's device, raw sockets.
//!
//! Comes in: a [`Network`]. Goes out: `Equipment` that was opened while this process still had every right over its
//! network, so that it can give these rights up before it plays. Only a private network is ever changed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use socket2::{Domain, Protocol, Socket, Type};

use super::{LabError, veth};

/// The name of the wire's device.
pub const WIRE_DEVICE: &str = "wire0";
/// The far end of a wire that is made of two devices.
const FAR_DEVICE: &str = "wire1";
/// Our own address on the wire's device: both ends are sockets of this machine.
pub(super) const HERE: Ipv4Addr = Ipv4Addr::new(10, 17, 12, 1);
/// The address that each end takes for the other's.
pub(super) const THERE: Ipv4Addr = Ipv4Addr::new(10, 17, 12, 2);
const WIRE_MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 252);

/// `SIOCETHTOOL` of `linux/sockios.h`, and the requests of `linux/ethtool.h` for what a device does instead of TCP.
const ETHTOOL: libc::c_ulong = 0x8946;
const ETHTOOL_SET_TX_CHECKSUM: u32 = 0x17;
const ETHTOOL_SET_TSO: u32 = 0x1f;
const ETHTOOL_SET_GSO: u32 = 0x24;

/// What a scenario asks of its network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    /// Files under `/proc/sys/net/` and what to write into them. A setting that this kernel does not know is left out.
    pub settings: &'static [(&'static str, &'static str)],
    /// How senders are to react to losses, where that matters: `reno`. What can be had instead will do.
    pub congestion: Option<&'static str>,
    /// The loopback device's largest packet. With it, segments are cut by TCP and not by a device, as on Ethernet.
    pub mtu: Option<u16>,
    /// A protocol besides TCP itself that its sockets need. Not every system has it.
    pub protocol: Option<libc::c_int>,
    /// It sends packets that no ordinary socket sends.
    pub raw: bool,
    /// It needs rights over its network until its end.
    pub keeps_rights: bool,
}

/// The loopback device as it is.
pub(super) const PLAIN: Network = Network {
    settings: &[],
    congestion: None,
    mtu: None,
    protocol: None,
    raw: false,
    keeps_rights: false,
};

impl Default for Network {
    fn default() -> Self {
        PLAIN
    }
}

/// Where a wire's packets come out and go in.
pub(super) struct Cable {
    pub(super) file: File,
    /// Bytes before the IP header.
    pub(super) header: usize,
}

/// What was opened for a scenario.
#[derive(Default)]
pub(super) struct Equipment {
    pub(super) wire: Option<Cable>,
    pub(super) raw: Option<Socket>,
    /// The congestion control in force, where one was wanted, and whether it is that one.
    pub(super) congestion: Option<String>,
}

impl Network {
    /// Makes the network so, and opens what the scenario needs.
    pub(super) fn prepare(&self, wire: bool) -> Result<Equipment, LabError> {
        for (name, value) in self.settings {
            let path = format!("/proc/sys/net/{name}");
            if let Err(error) = fs::write(path, value)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(LabError::Setting { name, error });
            }
        }
        let congestion = self.congestion.and_then(control_congestion);
        if let Some(mtu) = self.mtu {
            shorten_loopback(mtu).map_err(system("ioctl"))?;
        }
        if let Some(protocol) = self.protocol {
            Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::from(protocol)))
                .map_err(system("socket"))?;
        }
        Ok(Equipment {
            wire: wire.then(open_wire).transpose()?,
            raw: self.raw.then(open_raw).transpose()?,
            congestion,
        })
    }
}

/// Asks for a congestion control, and says which one there is. Some systems do not let everybody have every one.
fn control_congestion(wanted: &str) -> Option<String> {
    const SETTING: &str = "/proc/sys/net/ipv4/tcp_congestion_control";
    let refused = fs::write(SETTING, wanted).err();
    let found = fs::read_to_string(SETTING).ok()?;
    let found = found.trim();
    Some(match refused {
        Some(error) if found != wanted => {
            format!("{found} ({wanted} cannot be had: {})", super::said(&error))
        }
        _ => found.to_owned(),
    })
}

fn system(call: &'static str) -> impl Fn(io::Error) -> LabError {
    move |error| LabError::System { call, error }
}

/// A socket that sends packets with headers of our own. It receives nothing, for its protocol number is never received.
fn open_raw() -> Result<Socket, LabError> {
    Socket::new(
        Domain::IPV4,
        Type::RAW,
        Some(Protocol::from(libc::IPPROTO_RAW)),
    )
    .map_err(system("socket"))
}

/// The wire's device: of the kind that is made for this, or of another where that one is kept for root.
fn open_wire() -> Result<Cable, LabError> {
    let (tun, header) = match open_tun() {
        Ok(file) => (Ok(file), 0),
        Err(tun) => {
            let file = open_veth().map_err(|veth| LabError::NoDevice { tun, veth });
            (file, veth::HEADER)
        }
    };
    Ok(Cable { file: tun?, header })
}

/// Whether a wire can be made without `/dev/net/tun`. Must be called in a private network, in which its device stays for as
/// long as there is one of the processes inside.
#[must_use]
pub fn has_other_wire() -> bool {
    open_veth().is_ok()
}

/// A network device whose packets we read and write. The kernel keeps it as long as the file is open.
fn open_tun() -> io::Result<File> {
    let tun = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    let mut request = named(WIRE_DEVICE);
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    ioctl(&tun, libc::TUNSETIFF as libc::c_ulong, &mut request)?;
    set_up(&control()?, 0)?;
    Ok(tun)
}

/// Two devices that are the ends of a cable, of which we hold the far one.
fn open_veth() -> io::Result<File> {
    veth::make(WIRE_DEVICE, FAR_DEVICE)?;
    let control = control()?;
    // What is read at the far end is what a wire carries: whole packets with their checksums.
    for command in [ETHTOOL_SET_TX_CHECKSUM, ETHTOOL_SET_TSO, ETHTOOL_SET_GSO] {
        switch_off(&control, WIRE_DEVICE, command)?;
    }
    let mut request = named(FAR_DEVICE);
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    ioctl(&control, libc::SIOCSIFFLAGS as libc::c_ulong, &mut request)?;
    set_up(&control, libc::IFF_NOARP)?;
    veth::open(FAR_DEVICE)
}

/// `ip address add 10.17.12.1/30 dev wire0; ip link set wire0 up`
fn set_up(control: &Socket, flags: libc::c_int) -> io::Result<()> {
    let mut request = named(WIRE_DEVICE);
    request.ifr_ifru.ifru_addr = address(HERE);
    ioctl(control, libc::SIOCSIFADDR as libc::c_ulong, &mut request)?;
    request.ifr_ifru.ifru_addr = address(WIRE_MASK);
    ioctl(control, libc::SIOCSIFNETMASK as libc::c_ulong, &mut request)?;
    let flags = libc::IFF_UP | libc::IFF_RUNNING | flags;
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    ioctl(control, libc::SIOCSIFFLAGS as libc::c_ulong, &mut request)
}

/// `ip link set lo mtu N; ethtool -K lo tso off gso off`: without offload, a segment is what one packet carries.
fn shorten_loopback(mtu: u16) -> io::Result<()> {
    let control = control()?;
    let mut request = named("lo");
    request.ifr_ifru.ifru_mtu = mtu.into();
    ioctl(&control, libc::SIOCSIFMTU as libc::c_ulong, &mut request)?;
    for command in [ETHTOOL_SET_TSO, ETHTOOL_SET_GSO] {
        // A kernel that does not let us only cuts its segments later than we would like.
        let _ = switch_off(&control, "lo", command);
    }
    Ok(())
}

/// `ethtool -K DEVICE ... off`
fn switch_off(control: &Socket, device: &str, command: u32) -> io::Result<()> {
    #[repr(C)]
    struct Value {
        command: u32,
        data: u32,
    }
    let mut value = Value { command, data: 0 };
    let mut request = named(device);
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    ioctl(control, ETHTOOL, &mut request)
}

fn control() -> io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::DGRAM, None)
}

/// A request about the device of this name, which is shorter than the field.
fn named(name: &str) -> libc::ifreq {
    let mut field = [0; libc::IFNAMSIZ];
    for (to, from) in field.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    libc::ifreq {
        ifr_name: field,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: 0 },
    }
}

/// An IPv4 address as a `sockaddr`: two bytes of port, then the address, after the family.
fn address(address: Ipv4Addr) -> libc::sockaddr {
    let mut data = [0; 14];
    for (to, from) in data[2..6].iter_mut().zip(address.octets()) {
        *to = from as libc::c_char;
    }
    libc::sockaddr {
        sa_family: libc::AF_INET as libc::sa_family_t,
        sa_data: data,
    }
}

fn ioctl(on: &impl AsRawFd, name: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: every request used here reads and writes one `ifreq`, and what it points to lives in the caller's frame.
    #[allow(unsafe_code, reason = "these requests have no safe wrapper")]
    let result = unsafe { libc::ioctl(on.as_raw_fd(), name as _, &raw mut *request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Whether an IPv4 packet on the wire's device is on its way to the wire; else it has come from there.
#[must_use]
pub fn is_sent(packet: &[u8]) -> bool {
    let ip = packet.first_chunk::<20>();
    ip.is_some_and(|ip| ip[12..16] == HERE.octets() && ip[16..20] == THERE.octets())
}

/// Whether an IPv4 packet on the wire's device is as the client sent it or received it: the client takes the far address
/// for the server's, so the server's port belongs to that one.
#[must_use]
pub fn is_client_side(packet: &[u8], port: u16) -> bool {
    let Some(ip) = packet.first_chunk::<20>() else {
        return true;
    };
    let tcp = packet.get(usize::from(ip[0] & 0x0f) * 4..);
    let Some(ports) = tcp.and_then(<[u8]>::first_chunk::<4>) else {
        return true;
    };
    let end = |address: &[u8], at: usize| {
        address == THERE.octets() && u16::from_be_bytes([ports[at], ports[at + 1]]) == port
    };
    end(&ip[12..16], 0) || end(&ip[16..20], 2)
}
