//! A network of our own: a private loopback that may be captured without being root.
//!
//! [`enter`] moves this process, which must still have a single thread, into a new network namespace and brings its
//! loopback up. An unprivileged process makes a new user namespace at the same time, in which it has every capability
//! over that network and none outside of it. There is no way back: the whole command runs inside.
//! [`probe`] tries the same in a child process and leaves this one as it was, so that a caller can choose another way.

use std::fmt;
use std::fs;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, getegid, geteuid};

/// What had to be done, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Make the namespaces.
    Unshare,
    /// Keep our user and group inside.
    MapIds,
    /// Bring the loopback device up.
    LoopbackUp,
    /// Open a capture there.
    Capture,
}

/// The system refused one stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Which one.
    pub stage: Stage,
    /// The error number.
    pub errno: i32,
}

const STAGES: [Stage; 4] = [
    Stage::Unshare,
    Stage::MapIds,
    Stage::LoopbackUp,
    Stage::Capture,
];

/// Exit codes of the probing child are this plus the stage's place; the error number follows on its own.
const CHILD_FINE: i32 = 0;

impl Refused {
    fn new(stage: Stage, errno: Errno) -> Self {
        Self {
            stage,
            errno: errno as i32,
        }
    }

    /// The settings of this system that explain the refusal, as far as they can be read.
    #[must_use]
    pub fn causes(&self) -> Vec<Cause> {
        let set = |path: &str, value: &str| {
            fs::read_to_string(path).is_ok_and(|found| found.trim() == value)
        };
        let mut causes = Vec::new();
        if set("/proc/sys/user/max_user_namespaces", "0") {
            causes.push(Cause::NoUserNamespaces);
        }
        if set("/proc/sys/user/max_net_namespaces", "0") {
            causes.push(Cause::NoNetworkNamespaces);
        }
        if set("/proc/sys/kernel/unprivileged_userns_clone", "0") {
            causes.push(Cause::RootOnly);
        }
        if set(
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
        ) {
            causes.push(Cause::AppArmor);
        }
        if causes.is_empty()
            && fs::read_to_string("/proc/self/status")
                .is_ok_and(|status| status.lines().any(|line| line == "Seccomp:\t2"))
        {
            causes.push(Cause::SystemCallFilter);
        }
        causes
    }
}

/// A setting that forbids private namespaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// sysctl `user.max_user_namespaces` is 0.
    NoUserNamespaces,
    /// sysctl `user.max_net_namespaces` is 0.
    NoNetworkNamespaces,
    /// sysctl `kernel.unprivileged_userns_clone` is 0.
    RootOnly,
    /// sysctl `kernel.apparmor_restrict_unprivileged_userns` is 1.
    AppArmor,
    /// A seccomp filter is on this process, as containers have.
    SystemCallFilter,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoUserNamespaces => "the sysctl user.max_user_namespaces is 0",
            Self::NoNetworkNamespaces => "the sysctl user.max_net_namespaces is 0",
            Self::RootOnly => "the sysctl kernel.unprivileged_userns_clone is 0",
            Self::AppArmor => "AppArmor restricts user namespaces of programs it does not know",
            Self::SystemCallFilter => "a system call filter is in force, as in containers",
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.stage {
            Stage::Unshare => "make a private network namespace",
            Stage::MapIds => "keep the user inside a private namespace",
            Stage::LoopbackUp => "bring the loopback of a private namespace up",
            Stage::Capture => "capture inside a private namespace",
        };
        let error = Errno::from_raw(self.errno).desc();
        write!(f, "this system does not let us {what}: {error}")?;
        for (i, cause) in self.causes().iter().enumerate() {
            f.write_str(if i == 0 { " (" } else { "; " })?;
            write!(f, "{cause}")?;
        }
        if self.causes().is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}

impl std::error::Error for Refused {}

/// Moves this process into a private network. Must be called before any thread is started.
///
/// # Errors
/// Which stage was refused. After [`Stage::Unshare`] was refused the process is as it was.
pub fn enter() -> Result<(), Refused> {
    let (user, group) = (geteuid(), getegid());
    let refused = |stage| move |errno| Refused::new(stage, errno);

    // Real root needs no user namespace, and keeps its rights over files without one. Root in a container may have
    // been deprived of this right; then the other way is tried.
    let as_root = user.is_root() && unshare(CloneFlags::CLONE_NEWNET).is_ok();
    if !as_root {
        // The files below belong to root while the process counts as not dumpable: a binary with capabilities does.
        let dumpable = prctl::get_dumpable().unwrap_or(true);
        let _ = prctl::set_dumpable(true);
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
            .map_err(refused(Stage::Unshare))?;
        // A single identity is mapped to itself, which needs no right outside. The kernel wants setgroups switched off
        // first (user_namespaces(7)).
        write_proc("/proc/self/setgroups", "deny")
            .and_then(|()| write_proc("/proc/self/uid_map", &format!("{user} {user} 1")))
            .and_then(|()| write_proc("/proc/self/gid_map", &format!("{group} {group} 1")))
            .map_err(refused(Stage::MapIds))?;
        let _ = prctl::set_dumpable(dumpable);
    }
    loopback_up().map_err(refused(Stage::LoopbackUp))
}

/// Whether [`enter`] and a capture inside would work, found out by a child process.
///
/// # Errors
/// Which stage was refused.
pub fn probe() -> Result<(), Refused> {
    let failed = |errno| Refused::new(Stage::Unshare, errno);
    // SAFETY: the child makes system calls, formats two short strings, and leaves by `_exit` without running destructors.
    // It is called before any thread is started, or from tests whose allocator survives a fork (glibc's does).
    #[allow(unsafe_code, reason = "fork has no safe wrapper")]
    match unsafe { fork() }.map_err(failed)? {
        ForkResult::Child => {
            let code = match enter().and_then(|()| open_packet_socket()) {
                Ok(()) => CHILD_FINE,
                Err(refused) => encode(refused),
            };
            // SAFETY: nothing of this copy of the process is needed any more.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => loop {
            match waitpid(child, None) {
                Ok(WaitStatus::Exited(_, CHILD_FINE)) => return Ok(()),
                Ok(WaitStatus::Exited(_, code)) => return Err(decode(code)),
                // A seccomp filter may kill instead of refusing.
                Ok(WaitStatus::Signaled(..)) => return Err(failed(Errno::EPERM)),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        },
    }
}

/// An exit code has eight bits: two for the stage, six for the error number, which is below 64 for every refusal here.
fn encode(refused: Refused) -> i32 {
    let stage = STAGES
        .iter()
        .position(|stage| *stage == refused.stage)
        .unwrap_or(0) as i32;
    stage << 6 | refused.errno.clamp(1, 63)
}

fn decode(code: i32) -> Refused {
    Refused {
        stage: STAGES[(code >> 6 & 3) as usize],
        errno: code & 63,
    }
}

/// What a capture begins with. Protocol 0 receives nothing.
fn open_packet_socket() -> Result<(), Refused> {
    crate::privilege::packet_socket()
        .map_err(|errno| Refused::new(Stage::Capture, Errno::from_raw(errno)))
}

/// These files take one write with the whole text.
fn write_proc(path: &str, text: &str) -> Result<(), Errno> {
    fs::write(path, text)
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
}

/// `ip link set lo up`; the addresses 127.0.0.1 and `::1` come by themselves.
fn loopback_up() -> Result<(), Errno> {
    let any = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let mut name = [0; libc::IFNAMSIZ];
    name[0] = b'l' as libc::c_char;
    name[1] = b'o' as libc::c_char;
    let mut request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: 0 },
    };
    // SAFETY: both requests read and write one `ifreq`, which lives on this stack frame; reading back `ifru_flags` is what
    // SIOCGIFFLAGS fills in.
    #[allow(unsafe_code, reason = "ioctl has no safe wrapper")]
    unsafe {
        Errno::result(libc::ioctl(
            any.as_raw_fd(),
            libc::SIOCGIFFLAGS as _,
            &raw mut request,
        ))?;
        request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        Errno::result(libc::ioctl(
            any.as_raw_fd(),
            libc::SIOCSIFFLAGS as _,
            &raw const request,
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_the_exit_code() {
        for stage in STAGES {
            for errno in [libc::EPERM, libc::EACCES, libc::ENOSPC, libc::EINVAL] {
                let refused = Refused { stage, errno };
                assert_eq!(decode(encode(refused)), refused);
                assert_ne!(encode(refused), CHILD_FINE);
            }
        }
    }
}
