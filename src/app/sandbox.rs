//! Giving up rights before the first packet is looked at, as the commands do it.

use super::exit::ExitCode;
use super::failure::Failure;
use super::say;
use crate::privilege::{Needs, confine};

/// Confines this process to what it still needs, unless that was forbidden. Must come before any thread is started, and
/// after everything is open, bound and looked up.
pub(crate) fn enter(wanted: bool, needs: &Needs) -> Result<(), Failure> {
    if !wanted {
        say::note(
            "warning: --no-sandbox leaves this process every right it has while it reads packets",
        );
        return Ok(());
    }
    // Walls that are missing here are for `doctor` to tell: nothing can be done about them in the middle of a run.
    confine(needs).map(|_| ()).map_err(|error| {
        Failure::new(ExitCode::NotPermitted, error)
            .hint("--no-sandbox goes on with all rights; only for packets that you trust")
    })
}
