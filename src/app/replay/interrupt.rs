//! Ctrl-C while a capture is read: nothing that was read is lost.

use crate::app::exit::ExitCode;
use crate::app::failure::Failure;
use crate::app::say;
use crate::app::signals;
use crate::app::wire::Joinable;
use crate::capture::{Stopper, Stopping, Unread};
use crate::explain::Totals;
use crate::render::Plural;

/// Ends the reading at the first Ctrl-C: what was read by then is shown.
pub(super) struct Interrupt {
    stopper: Stopper,
    stopping: Stopping,
}

impl Interrupt {
    pub(super) fn new() -> Result<Self, Failure> {
        let (stopper, stopping) = Stopper::new().map_err(|error| {
            Failure::new(ExitCode::Input, format_args!("cannot make a pipe: {error}"))
        })?;
        Ok(Self { stopper, stopping })
    }

    /// From now on a signal ends the reading. Must come when no more has to be done by a single thread.
    pub(super) fn at_signal(&self) {
        let stopper = self.stopper.clone();
        // Where signals cannot be watched for, the first one ends everything, as it does other programs.
        let _ = signals::at_end(move || stopper.stop());
    }

    /// Begins to read what can be ended.
    pub(super) fn read(&self, input: Unread) -> Result<Joinable, Failure> {
        let begun = input.until(self.stopping.clone()).read();
        begun.map_err(|error| self.explains(error.into()))
    }

    /// Whether something was not read because of it.
    pub(super) fn was_heard(&self) -> bool {
        self.stopper.was_heard()
    }

    /// Why something failed, if that was because of it.
    pub(super) fn explains(&self, failure: Failure) -> Failure {
        if self.was_heard() {
            Self::failure()
        } else {
            failure
        }
    }

    pub(super) fn failure() -> Failure {
        Failure::new(
            ExitCode::Interrupted,
            "interrupted before there was anything to show",
        )
    }

    /// Says how far the reading came. `nothing`: not as far as what was selected.
    pub(super) fn tell(totals: &Totals, nothing: bool) -> ExitCode {
        let packets = Plural(totals.frames, "packet");
        let shown = if nothing {
            "nothing that was asked for came before"
        } else {
            "everything before is shown"
        };
        say::problem(format_args!("interrupted after {packets}; {shown}"));
        ExitCode::Interrupted
    }
}
