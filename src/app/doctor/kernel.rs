//! What this Linux kernel offers: virtual devices, walls for a sandbox, and what it does to checksums.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

use super::Check;
use crate::lab::apart::apart;
use crate::lab::namespace;
use crate::lab::network::has_other_wire;
use crate::privilege::{self, Successor};

const WIRE: &str = "a wire between two real ends, on which packets can be lost on purpose";
const FILES: &str = "a sandbox without any file, and with one TCP port";
const CALLS: &str = "a sandbox that starts no program and opens no other kind of socket";
const ROOT: &str = "parsing packets without root's rights";
const CHECKSUMS: &str = "not taking an unfinished checksum for a damaged packet";

/// Everything that only Linux has.
pub(super) fn checks(other_wire: bool) -> Vec<Check> {
    let status = privilege::status();
    vec![
        tun(other_wire),
        landlock(status.landlock),
        seccomp(status.seccomp),
        unprivileged(status.successor),
    ]
}

/// Opening the device makes no interface yet.
fn tun(other_wire: bool) -> Check {
    const PATH: &str = "/dev/net/tun";
    let opened = File::options().read(true).write(true).open(PATH);
    tun_check(PATH, opened.map(drop), other_wire)
}

/// Without the device a wire is made of others where the kernel has them: then nothing is amiss.
fn tun_check(path: &str, opened: io::Result<()>, other_wire: bool) -> Check {
    match opened {
        Ok(()) => Check::works("tun_device", WIRE, format!("{path} may be opened")),
        Err(error) if other_wire => Check::works(
            "tun_device",
            WIRE,
            format!("{path}: {error}; a wire is made of two veth devices instead"),
        ),
        Err(error) => {
            let check = Check::absent("tun_device", WIRE, format!("{path}: {error}"));
            match error.kind() {
                ErrorKind::PermissionDenied => check.mend(format!("sudo chmod 666 {path}")),
                _ => check.mend("sudo modprobe tun"),
            }
        }
    }
}

/// Whether a wire can be made of other devices. Must be called before any thread is started: it forks.
pub(super) fn other_wire() -> bool {
    const YES: u8 = 0;
    const NO: u8 = 1;
    let ended = apart(|_| match namespace::enter() {
        Ok(()) if has_other_wire() => YES,
        _ => NO,
    });
    ended.is_ok_and(|ended| ended.code == Some(YES.into()))
}

fn landlock(version: Option<u32>) -> Check {
    match version {
        Some(version) => {
            let what = match version {
                0..=3 => "paths",
                4..=5 => "paths and TCP ports",
                _ => "paths, TCP ports and signals",
            };
            Check::works("landlock", FILES, format!("ABI {version}: {what}"))
        }
        None => Check::absent(
            "landlock",
            FILES,
            "not in this kernel, or not switched on (Linux 5.13 or newer has it)",
        )
        .mend("cat /sys/kernel/security/lsm    # names what is on; the boot parameter lsm= adds landlock"),
    }
}

fn seccomp(available: bool) -> Check {
    if !available {
        return Check::absent(
            "seccomp",
            CALLS,
            "this kernel, or this kind of machine, has no filter of system calls",
        );
    }
    let found = if status_line("Seccomp:").as_deref() == Some("2") {
        "system calls can be filtered; one filter holds this process already, as in containers"
    } else {
        "system calls can be filtered"
    };
    Check::works("seccomp", CALLS, found)
}

fn unprivileged(successor: Successor) -> Check {
    match successor {
        Successor::Same => Check::works("ordinary_user", ROOT, "this process is not root"),
        Successor::Becomes(identity) => Check::works(
            "ordinary_user",
            ROOT,
            format!(
                "root goes on as user {} of group {} before it reads a packet",
                identity.uid, identity.gid
            ),
        ),
        Successor::OnlyRoot => Check::absent(
            "ordinary_user",
            ROOT,
            "root is the only user here, as in a container with a single one",
        ),
    }
}

/// What the kernel leaves out of packets that it hands to itself.
pub(super) fn offload(interface: &str) -> Option<Check> {
    let found = if sends_unfinished_checksums(interface)? {
        format!(
            "on for {interface}: the checksums of its packets are left unfinished, because nothing could damage \
             them on the way; other tools may call them wrong, here they are not judged"
        )
    } else {
        format!("off for {interface}: the checksums of its packets are finished")
    };
    Some(Check::works("checksum_offload", CHECKSUMS, found))
}

/// Asks the driver as ethtool does (`ETHTOOL_GTXCSUM`).
fn sends_unfinished_checksums(interface: &str) -> Option<bool> {
    #[repr(C)]
    struct Answer {
        command: u32,
        data: u32,
    }
    const GET_TX_CHECKSUM: u32 = 0x16;

    // Any socket carries the question; this one touches no network.
    let socket = UnixDatagram::unbound().ok()?;
    let mut answer = Answer {
        command: GET_TX_CHECKSUM,
        data: 0,
    };
    let mut name = [0; libc::IFNAMSIZ];
    // The last byte stays 0 and ends the name.
    let room = name.len() - 1;
    for (place, byte) in name[..room].iter_mut().zip(interface.bytes()) {
        *place = byte as libc::c_char;
    }
    let mut request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: (&raw mut answer).cast(),
        },
    };
    // SAFETY: the request and the answer that it points to live on this stack frame, and this command writes the answer's
    // eight bytes and nothing else.
    #[allow(unsafe_code, reason = "ioctl has no safe wrapper")]
    let result =
        unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    (result == 0).then_some(answer.data != 0)
}

/// Whether this process acts as root.
pub(super) fn is_root() -> bool {
    status_line("Uid:").is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
}

/// Whether it has capabilities without being root: those of its file.
pub(super) fn has_file_capabilities() -> bool {
    let some = |set: String| set.chars().any(|digit| digit != '0');
    !is_root() && status_line("CapPrm:").is_some_and(some)
}

fn status_line(key: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_another_kind_stands_in_for_is_not_missed() {
        let check = |other| tun_check("/tun", Err(ErrorKind::PermissionDenied.into()), other);
        let replaced = check(true);
        assert!(replaced.works && replaced.mend.is_none());
        assert!(replaced.found.ends_with("veth devices instead"));
        let missing = check(false);
        assert_eq!(
            (missing.works, missing.mend.as_deref()),
            (false, Some("sudo chmod 666 /tun"))
        );
    }
}
