//! Emptying the five sets of capabilities (`capabilities(7)`).
//!
//! A new user id empties the permitted and effective sets by itself. But a binary with file capabilities keeps its id, and so
//! does every process in a user namespace of its own: there this is the wall that counts.

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};

/// Whether this process may become another user and leave its groups.
pub(super) fn may_change_ids() -> bool {
    // What cannot be found out counts as yes: the attempt will tell.
    let has = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(true);
    has(Capability::CAP_SETUID) && has(Capability::CAP_SETGID)
}

/// Empties the bounding set, from which programs with file capabilities would get theirs. That takes `CAP_SETPCAP`: root
/// has it, a binary with `cap_net_raw` alone has not. False when the set is not empty afterwards; then `no_new_privs` keeps
/// programs from gaining anything, and the system call filter from being started.
pub(super) fn empty_bounding() -> bool {
    // Tells the same as the error, and more of it.
    let _ = caps::clear(None, CapSet::Bounding);
    caps::read(None, CapSet::Bounding).is_ok_and(|left| left.is_empty())
}

/// Empties the other four, of the calling thread, except for one capability that a scenario needs in its private network.
///
/// # Errors
/// When the kernel refuses, which it has no reason to.
pub(super) fn give_up(kept: Option<Capability>) -> Result<(), CapsError> {
    // Kernels before 4.3 have no ambient set, and then nothing is in it.
    let _ = caps::clear(None, CapSet::Ambient);
    caps::clear(None, CapSet::Inheritable)?;
    let had = caps::read(None, CapSet::Permitted)?;
    let kept: CapsHashSet = kept.into_iter().filter(|kept| had.contains(kept)).collect();
    if kept.is_empty() {
        // The effective set goes with it, also capabilities that are newer than the list of this program.
        return caps::clear(None, CapSet::Permitted);
    }
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)
}

/// Whether nothing else is left in the sets that give power.
pub(super) fn are_gone(kept: Option<Capability>) -> bool {
    [CapSet::Permitted, CapSet::Effective, CapSet::Inheritable]
        .into_iter()
        .all(|set| {
            let left = caps::read(None, set);
            left.is_ok_and(|left| left.into_iter().all(|left| Some(left) == kept))
        })
}
