//! Whether as many files can be open at once as a run needs.
//!
//! Comes in: how many. Goes out: nothing, or how few there are ([`TooFew`]). A run that lacks one in its middle can only guess
//! what went wrong: libpcap finds no interface then, and a wire is gone before its first packet. So they are counted before
//! anything is made. Nothing stays open.

use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;

/// What `ulimit -n` may as well be set to where fewer would do: enough for every run of ours, and for a shell beside it.
const ENOUGH: u64 = 64;

/// Too few descriptors can be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFew {
    /// As many are wanted.
    pub needed: u64,
    /// As many there are.
    pub free: u64,
    /// `ulimit -n`.
    pub limit: u64,
}

/// Makes sure that `needed` more descriptors can be opened. What the system lets everybody raise is raised for it.
///
/// # Errors
/// When there are fewer.
pub fn ensure_descriptors(needed: u64) -> Result<(), TooFew> {
    let mut free = free(needed);
    let (mut limit, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
    // The soft limit may be raised to the hard one by anybody (getrlimit(2)). Descriptors that were inherited may lie beyond it.
    let wanted = hard.min(limit.saturating_add(needed.max(ENOUGH)));
    if free < needed && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
        limit = wanted;
        free = self::free(needed);
    }
    if free == needed {
        return Ok(());
    }
    Err(TooFew {
        needed,
        free,
        limit,
    })
}

/// As many of `wanted` descriptors can be opened: counted by opening them, for what was inherited is open already, and may
/// have any number.
fn free(wanted: u64) -> u64 {
    let copies = (0..wanted).map_while(|_| io::stdin().as_fd().try_clone_to_owned().ok());
    copies.collect::<Vec<OwnedFd>>().len() as u64
}

impl TooFew {
    /// What helps: words, and a command for a shell.
    #[must_use]
    pub fn remedy(&self) -> String {
        let open = self.limit.saturating_sub(self.free);
        let enough = ENOUGH.max(open.saturating_add(self.needed));
        if geteuid().is_root() {
            return format!("this raises it in this terminal:\nulimit -n {enough}");
        }
        // Without root a shell may lower its hard limit, and never raise it again.
        format!(
            "`ulimit -n {enough}` raises it in another terminal; in this one it takes root:\n\
             sudo prlimit --pid $$ --nofile={enough}"
        )
    }
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "too many open files (EMFILE): this needs {} file descriptors, and the limit of {} leaves {}",
            self.needed, self.limit, self.free
        )
    }
}

impl std::error::Error for TooFew {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_is_a_limit_that_is_enough() {
        let few = |limit, free| TooFew {
            needed: 24,
            free,
            limit,
        };
        assert!(few(8, 5).remedy().contains("ulimit -n 64"));
        assert!(few(90, 3).remedy().contains("ulimit -n 111"));
    }

    #[test]
    fn what_can_be_opened_is_enough() {
        assert_eq!(ensure_descriptors(1), Ok(()));
    }
}
