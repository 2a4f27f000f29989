//! Which user a process of root continues as, and becoming that user.
//!
//! Comes in: who called `sudo`, from its environment, and the ids of this process. Goes out: a user and a group without any
//! right of root, for good. User names are never looked up: that would read files and may ask the network.

use std::env;
#[cfg(target_os = "linux")]
use std::fs;

#[cfg(target_os = "linux")]
use nix::errno::Errno;
use nix::unistd::{geteuid, getgid, getuid};

/// The user whom systems keep for those who own nothing: what the kernel shows for ids that it cannot name (overflowuid in
/// `proc_sys_kernel(5)`), and user and group `nobody` in distributions.
const NOBODY: Identity = Identity {
    uid: 65534,
    gid: 65534,
};

/// A user and a group, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The user.
    pub uid: u32,
    /// The group, which will be the only one.
    pub gid: u32,
}

/// As whom a process continues once it has given up root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Successor {
    /// It was never root, and stays who it is.
    Same,
    /// As this user: whoever called `sudo`, else nobody.
    Becomes(Identity),
    /// It stays user 0, because there is no other here: a namespace with a single user, or a container whose root may not
    /// change users. Without capabilities it has no power beyond the files of that user.
    OnlyRoot,
}

impl Identity {
    /// Who called `sudo` to start this process; `None` when nobody did, or not as somebody who is not root.
    #[must_use]
    pub fn of_caller() -> Option<Self> {
        Self::from_words(
            &env::var("SUDO_UID").unwrap_or_default(),
            &env::var("SUDO_GID").unwrap_or_default(),
        )
    }

    /// The two variables are as trustworthy as root's environment is. Still, an id that is no number, or root's, or the one
    /// that setresuid(2) takes for "leave it as it is" would silently keep root.
    fn from_words(uid: &str, gid: &str) -> Option<Self> {
        let id = |word: &str| {
            let digits = word.bytes().all(|byte| byte.is_ascii_digit());
            let id = word.parse().ok().filter(|_| digits);
            id.filter(|id| !matches!(*id, 0 | u32::MAX))
        };
        Some(Self {
            uid: id(uid)?,
            gid: id(gid)?,
        })
    }
}

/// Whether this process is root in any of its ids.
fn is_root() -> bool {
    #[cfg(target_os = "linux")]
    if let Ok(user) = nix::unistd::getresuid() {
        return user.real.is_root() || user.effective.is_root() || user.saved.is_root();
    }
    getuid().is_root() || geteuid().is_root()
}

impl Successor {
    /// As whom this process would continue.
    #[must_use]
    pub fn here() -> Self {
        if !is_root() {
            return Self::Same;
        }
        let identity = if getuid().is_root() {
            Identity::of_caller().unwrap_or(NOBODY)
        } else {
            // A set-user-ID binary: its caller is known to the kernel, and made the environment.
            Identity {
                uid: getuid().as_raw(),
                gid: getgid().as_raw(),
            }
        };
        if may_become(identity) {
            Self::Becomes(identity)
        } else {
            Self::OnlyRoot
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn may_become(_: Identity) -> bool {
    true
}

/// Whether this system knows another user than root. What cannot be found out counts as yes: if that is wrong, becoming
/// that user fails, and the program ends.
#[cfg(target_os = "linux")]
fn may_become(identity: Identity) -> bool {
    let read = |path| fs::read_to_string(path).ok();
    let known = |path, id| read(path).is_none_or(|map| is_mapped(&map, id));
    known("/proc/self/uid_map", identity.uid)
        && known("/proc/self/gid_map", identity.gid)
        && read("/proc/self/setgroups").is_none_or(|word| word.trim() != "deny")
        && super::capability::may_change_ids()
}

/// Whether a user namespace knows an id. Each line of its map is: first id inside, first id outside, how many
/// (`user_namespaces(7)`).
#[cfg(target_os = "linux")]
fn is_mapped(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(first)), _, Some(Ok(count))) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return false;
        };
        (first..first.saturating_add(count)).contains(&u64::from(id))
    })
}

/// Continues as this user, with its group alone. The C library does it in all threads at once.
///
/// # Errors
/// The call that was refused.
#[cfg(target_os = "linux")]
pub(super) fn become_user(identity: Identity) -> Result<(), (&'static str, Errno)> {
    use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
    let (user, group) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    // The user comes last: it takes the right to the other two with it.
    setgroups(&[group]).map_err(|errno| ("setgroups", errno))?;
    setresgid(group, group, group).map_err(|errno| ("setresgid", errno))?;
    setresuid(user, user, user).map_err(|errno| ("setresuid", errno))
}

/// Whether nothing of root is left, and none can be had again: tried, not concluded. For a process with capabilities left
/// the attempt would succeed, so they go first.
#[cfg(target_os = "linux")]
pub(super) fn is_given_up(identity: Option<Identity>) -> bool {
    use nix::unistd::{Uid, getgroups, getresgid, getresuid, setuid};
    let as_wanted = identity.is_none_or(|identity| {
        let (uid, gid) = (identity.uid, identity.gid);
        let users = getresuid()
            .is_ok_and(|now| [now.real, now.effective, now.saved].map(Uid::as_raw) == [uid; 3]);
        let groups = getresgid().is_ok_and(|now| {
            [now.real, now.effective, now.saved].map(nix::unistd::Gid::as_raw) == [gid; 3]
        });
        let others =
            getgroups().is_ok_and(|groups| groups.iter().all(|group| group.as_raw() == gid));
        users && groups && others
    });
    as_wanted && setuid(Uid::from_raw(0)).is_err()
}

/// Whether a file that this process makes should be given to whoever called `sudo`: only root can, and only root's would
/// not be theirs.
pub(super) fn owner_of_results() -> Option<Identity> {
    let root = geteuid().is_root() && getuid().is_root();
    root.then(Identity::of_caller).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_two_numbers_and_never_root() {
        let caller = Identity {
            uid: 1000,
            gid: 100,
        };
        assert_eq!(Identity::from_words("1000", "100"), Some(caller));
        for (uid, gid) in [
            ("", ""),
            ("1000", ""),
            ("0", "100"),
            ("1000", "0"),
            ("00", "1"),
            ("-1", "1"),
            ("+5", "1"),
            (" 5", "1"),
            ("5", "users"),
            ("4294967295", "1"),
            ("4294967296", "1"),
        ] {
            assert_eq!(Identity::from_words(uid, gid), None, "{uid:?} {gid:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_namespace_knows_the_ids_in_its_map() {
        let whole = "         0          0 4294967295\n";
        let single = "0 1000 1";
        let several = "0 1000 1\n1 100000 65536";
        assert!(is_mapped(whole, 0) && is_mapped(whole, 65534));
        assert!(is_mapped(single, 0) && !is_mapped(single, 1000));
        assert!(is_mapped(several, 65534) && !is_mapped(several, 65537));
        assert!(!is_mapped("", 0) && !is_mapped("0 0", 0) && !is_mapped("x y z", 0));
    }
}
