//! Ctrl-C, SIGTERM and SIGHUP: the first one ends what goes on in order, a second Ctrl-C ends the process at once.

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::process;
use std::ptr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit::ExitCode;
use super::say;
use super::step;

/// Whether a signal has come, and whoever waits for one.
static HAS_COME: Mutex<bool> = Mutex::new(false);
static COME: Condvar = Condvar::new();

/// Whether a signal that ends what goes on has come.
pub(crate) fn has_come() -> bool {
    *lock()
}

/// Waits, but not after a signal has come.
pub(crate) fn wait(at_most: Duration) {
    let waited = COME.wait_timeout_while(lock(), at_most, |come| !*come);
    drop(waited);
}

fn lock() -> MutexGuard<'static, bool> {
    HAS_COME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `end` at the first signal, from a thread of its own. Must come after everything that wants a single thread.
pub(crate) fn at_end(end: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // Scripts start what runs beside them with SIGINT ignored, and yet send it to end a capture; `nohup` means what it says.
    let hangup = Some(SIGHUP).filter(|signal| !is_ignored(*signal));
    let mut signals = Signals::new([SIGINT, SIGTERM].into_iter().chain(hangup))?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let mut end = Some(end);
            for signal in signals.forever() {
                if signal == SIGINT {
                    say::interrupted();
                }
                *lock() = true;
                COME.notify_all();
                match end.take() {
                    Some(end) => end(),
                    // Whoever asks twice does not want to wait for the verdicts.
                    None if signal == SIGINT => {
                        step::restore();
                        process::exit(i32::from(ExitCode::Interrupted.number()));
                    }
                    None => {}
                }
            }
        })?;
    Ok(())
}

/// Whether whoever started us has this signal ignored.
fn is_ignored(signal: c_int) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    #[allow(
        unsafe_code,
        reason = "the safe wrappers only change what a signal does"
    )]
    // SAFETY: nothing is changed without a new action, and what is there is written before it is read.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
