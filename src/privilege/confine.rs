//! The order in which everything is given up.
//!
//! Comes in: what the rest of the run needs. Goes out: which walls stand. Must come before any thread is started and before
//! the first packet is looked at; what is to be opened, bound or looked up has to be done before.

use std::os::fd::RawFd;

use super::identity::Successor;

/// What the rest of the run still has to do that it cannot do with what is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// What it does on the network itself.
    pub sockets: Sockets,
    /// The capture's own descriptor, if there is one: it is for reading. A packet socket could send frames as well.
    pub capture: Option<RawFd>,
    /// It goes on changing its network, which has to be a private one: `CAP_NET_ADMIN` is kept, and no other capability.
    pub network_admin: bool,
}

/// Which sockets the rest of the run makes. Those that are open stay usable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sockets {
    /// None.
    #[default]
    None,
    /// TCP connections to this port.
    Client {
        /// The port connected to.
        port: u16,
    },
    /// TCP servers on this port, and connections to it.
    Both {
        /// The port bound and connected to.
        port: u16,
    },
    /// TCP of all kinds and on all ports. Only for a private network, where there is nobody else to reach.
    Private,
}

/// Which walls stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Confined {
    /// As whom this process continues.
    pub successor: Successor,
    /// Whether the bounding set of capabilities is empty.
    pub bounding_empty: bool,
    /// Whether no program can give it more rights again.
    pub no_new_privs: bool,
    /// Paths and ports.
    pub landlock: Layer,
    /// System calls.
    pub seccomp: Layer,
}

/// How much of a wall this kernel can build.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// All of it.
    Whole,
    /// What an older kernel knows of it.
    Partly,
    /// Nothing.
    Missing,
}

/// Rights could not be given up. To go on would be to parse packets with them.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The sandbox would hold one of several threads.
    #[error("{count} threads run already, and a sandbox would hold only one of them")]
    Threads {
        /// How many there are.
        count: usize,
    },
    /// Root could not become somebody else.
    #[error("cannot give up root: {call}() failed: {error}")]
    Identity {
        /// The call that was refused.
        call: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// Capabilities are left.
    #[error("cannot give up capabilities: {words}")]
    Capabilities {
        /// What the system said.
        words: String,
    },
    /// Another user was taken, and yet root could be had again.
    #[error("root was given up and could be had again")]
    NotGivenUp,
}

/// Gives up everything that is not needed any more. There is no way back.
///
/// Walls that this kernel lacks are left out, and the result says so. Rights that are there and cannot be given up are an
/// error, after which no packet should be looked at.
///
/// # Errors
/// What could not be given up.
#[cfg(target_os = "linux")]
pub fn confine(needs: &Needs) -> Result<Confined, ConfineError> {
    use super::{capability, filter, identity, rules};
    use caps::Capability;

    alone()?;
    let successor = Successor::here();
    // While this is still root: it takes a capability to do it.
    let bounding_empty = capability::empty_bounding();
    let identity = match successor {
        Successor::Becomes(identity) => Some(identity),
        Successor::Same | Successor::OnlyRoot => None,
    };
    if let Some(identity) = identity {
        if needs.network_admin {
            // A new user id would take all capabilities; the next step takes the others.
            let _ = nix::sys::prctl::set_keepcaps(true);
        }
        identity::become_user(identity).map_err(|(call, errno)| ConfineError::Identity {
            call,
            error: errno.into(),
        })?;
    }
    let capabilities = |words: String| ConfineError::Capabilities { words };
    let kept = needs.network_admin.then_some(Capability::CAP_NET_ADMIN);
    capability::give_up(kept).map_err(|error| capabilities(error.to_string()))?;
    if !capability::are_gone(kept) {
        return Err(capabilities("some are left".to_owned()));
    }
    // User 0 is root again as soon as it asks; there it is the capabilities that count, and they were looked at.
    if successor != Successor::OnlyRoot && !identity::is_given_up(identity) {
        return Err(ConfineError::NotGivenUp);
    }
    Ok(Confined {
        successor,
        bounding_empty,
        no_new_privs: nix::sys::prctl::set_no_new_privs().is_ok(),
        landlock: rules::enforce(needs),
        seccomp: filter::enforce(needs),
    })
}

/// Gives up root. This system has no other wall that a program can build around itself by documented means.
///
/// # Errors
/// What could not be given up.
#[cfg(not(target_os = "linux"))]
pub fn confine(_: &Needs) -> Result<Confined, ConfineError> {
    use nix::unistd::{Gid, Uid, setgid, setuid};

    let successor = Successor::here();
    if let Successor::Becomes(identity) = successor {
        let refused = |call| {
            move |errno: nix::Error| ConfineError::Identity {
                call,
                error: errno.into(),
            }
        };
        // SAFETY: reads one number from this stack frame.
        #[allow(unsafe_code, reason = "nix does not wrap it on every system")]
        let groups = unsafe { libc::setgroups(1, &raw const identity.gid) };
        if groups != 0 {
            return Err(ConfineError::Identity {
                call: "setgroups",
                error: std::io::Error::last_os_error(),
            });
        }
        // For root these set the saved ids, too (POSIX, setuid()).
        setgid(Gid::from_raw(identity.gid)).map_err(refused("setgid"))?;
        setuid(Uid::from_raw(identity.uid)).map_err(refused("setuid"))?;
        if setuid(Uid::from_raw(0)).is_ok() {
            return Err(ConfineError::NotGivenUp);
        }
    }
    Ok(Confined {
        successor,
        bounding_empty: false,
        no_new_privs: false,
        landlock: Layer::Missing,
        seccomp: Layer::Missing,
    })
}

/// Our own traffic is over: from now on no thread can make a socket, connect one, or listen on one. Those that are open stay
/// usable. Meant for after [`confine`]; false where system calls cannot be filtered.
#[allow(
    clippy::must_use_candidate,
    reason = "whoever calls it cannot do anything about a kernel without filters"
)]
pub fn no_more_sockets() -> bool {
    #[cfg(target_os = "linux")]
    return super::filter::enforce_no_more_sockets();
    #[cfg(not(target_os = "linux"))]
    false
}

/// Landlock and capabilities are a thread's own, so there must be one only. Without /proc it is left to the caller.
#[cfg(target_os = "linux")]
fn alone() -> Result<(), ConfineError> {
    let count = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if count > 1 {
        return Err(ConfineError::Threads { count });
    }
    Ok(())
}
