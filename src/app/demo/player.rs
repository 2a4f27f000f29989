//! A scenario that plays on a thread of its own while it is captured, and whether it came to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::Judged;
use crate::app::exchange;
use crate::app::exit::ExitCode;
use crate::app::failure::Failure;
use crate::app::results::Spare;
use crate::capture::Stopper;
use crate::lab::LabError;
use crate::lab::scenario::{Scenario, Stage, TIME_LIMIT};

/// What plays it.
pub(super) struct Player {
    thread: JoinHandle<(Result<(), LabError>, Stage)>,
    over: Arc<AtomicBool>,
    begin: Instant,
}

impl Player {
    /// Begins. Afterwards `stopper` ends the capture; where the scenario failed, files that hold nothing of it are to be
    /// spared.
    pub(super) fn begin(
        scenario: &'static Scenario,
        stage: Stage,
        stopper: Stopper,
        spare: Spare,
    ) -> Result<Self, Failure> {
        let over = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new()
            .name("scenario".to_owned())
            .spawn({
                let over = Arc::clone(&over);
                move || {
                    let result = scenario.play(&stage);
                    if result.is_err() {
                        spare.set();
                    }
                    over.store(true, Ordering::SeqCst);
                    stopper.stop();
                    // A wire's device has to be there until its last packet was captured, also of what failed.
                    (result, stage)
                }
            })
            .map_err(|error| {
                Failure::new(
                    ExitCode::Lab,
                    format_args!("cannot start a thread: {error}"),
                )
            })?;
        Ok(Self {
            thread,
            over,
            begin: Instant::now(),
        })
    }

    /// What became of it, now that what was captured is `shown`.
    pub(super) fn end(self, shown: Judged) -> Judged {
        if !self.over.load(Ordering::SeqCst) {
            let (code, _) = shown?;
            // A player that is overtaken is left alone; each of its waits has a limit.
            if self.begin.elapsed() >= TIME_LIMIT {
                return Err(Failure::new(
                    ExitCode::Lab,
                    "the scenario did not come to its end",
                ));
            }
            return Ok((code, None));
        }
        match self.thread.join() {
            Ok((Ok(()), _)) => shown,
            Ok((Err(error), _)) => match shown {
                Err(failure) if failure.code == ExitCode::Output => Err(failure),
                // Whatever else went wrong with what was captured of it comes of that.
                _ => Err(exchange::failure(error)),
            },
            Err(_) => Err(Failure::new(ExitCode::Lab, "the scenario failed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a run ends whose scenario failed, when the capture ended so.
    fn end(shown: Judged) -> Judged {
        let scenario = Scenario::named("handshake").expect("listed");
        let stage = scenario.prepare(0, Arc::new(|_| ())).expect("no network");
        let player = Player {
            thread: thread::spawn(move || (Err(LabError::NoWire), stage)),
            over: Arc::new(AtomicBool::new(true)),
            begin: Instant::now(),
        };
        player.end(shown)
    }

    #[test]
    fn what_a_failed_scenario_does_to_its_capture_is_not_the_cause() {
        let failed = |code| {
            let shown = Err(Failure::new(code, "the interface disappeared"));
            end(shown).expect_err("it failed").code
        };
        assert_eq!(failed(ExitCode::Input), ExitCode::Lab);
        assert_eq!(failed(ExitCode::Output), ExitCode::Output);
        let fine = end(Ok((ExitCode::Fine, None)));
        assert_eq!(fine.expect_err("it failed").code, ExitCode::Lab);
    }
}
