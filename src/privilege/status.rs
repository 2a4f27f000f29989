//! What the walls would be here: facts for whoever asks what works.
//!
//! Goes out: what the kernel offers and as whom this process would continue. Nothing is changed.

use super::identity::{Identity, Successor};

/// What confining this process would come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// The version of Landlock's interface; `None` where the kernel has it not, or not switched on. From 4 on it knows TCP
    /// ports, from 6 on signals.
    pub landlock: Option<u32>,
    /// Whether system calls can be filtered.
    pub seccomp: bool,
    /// As whom `live` would continue.
    pub successor: Successor,
    /// Whom new files would be given to.
    pub owner: Option<Identity>,
}

/// Finds out what confining this process would come to.
#[must_use]
pub fn status() -> Status {
    #[cfg(target_os = "linux")]
    let (landlock, seccomp) = (super::rules::version(), super::filter::is_available());
    #[cfg(not(target_os = "linux"))]
    let (landlock, seccomp) = (None, false);
    Status {
        landlock,
        seccomp,
        successor: Successor::here(),
        owner: super::identity::owner_of_results(),
    }
}
