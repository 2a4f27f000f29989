//! Ends a source from another thread, also while it waits for packets.
//!
//! ```text
//! Stopper::stop() ──▶ flag, for a source that is reading
//!                └──▶ pipe, for a source that waits: it is readable from then on
//! ```

use std::io::{self, PipeReader, PipeWriter, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Ends a source from another thread, at once: what it has read by then is still delivered.
#[derive(Clone, Debug)]
pub struct Stopper {
    flags: Arc<Flags>,
    pipe: Arc<PipeWriter>,
}

/// How a source learns that it is to end.
#[derive(Clone, Debug)]
pub struct Stopping {
    flags: Arc<Flags>,
    pipe: Arc<PipeReader>,
}

#[derive(Debug, Default)]
struct Flags {
    stop: AtomicBool,
    /// A source ended because of it.
    heard: AtomicBool,
}

impl Stopper {
    /// A stopper, and what it stops with.
    ///
    /// # Errors
    /// When no pipe can be made: no descriptors are left.
    pub fn new() -> io::Result<(Self, Stopping)> {
        let (reader, writer) = io::pipe()?;
        let flags = Arc::default();
        let stopping = Stopping {
            flags: Arc::clone(&flags),
            pipe: Arc::new(reader),
        };
        let pipe = Arc::new(writer);
        Ok((Self { flags, pipe }, stopping))
    }

    /// Ends the source. A second call does nothing.
    pub fn stop(&self) {
        if !self.flags.stop.swap(true, Ordering::SeqCst) {
            // One byte always fits into an empty pipe; if the reader is gone, the source has ended already.
            let _ = (&*self.pipe).write_all(&[0]);
        }
    }

    /// Whether a source has ended because of it, and not by itself before.
    #[must_use]
    pub fn was_heard(&self) -> bool {
        self.flags.heard.load(Ordering::SeqCst)
    }
}

impl Stopping {
    /// Whether the source is to end.
    pub(super) fn is_demanded(&self) -> bool {
        self.flags.stop.load(Ordering::SeqCst)
    }

    /// The source ends because it was told to.
    pub(super) fn heard(&self) {
        self.flags.heard.store(true, Ordering::SeqCst);
    }

    /// For whoever waits for several things: the source is to end when this is readable.
    pub(super) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)
    }

    /// Waits until `input` can be read without waiting, be it that it has ended.
    ///
    /// # Errors
    /// `ECANCELED` when the source is to end, and what the system refuses.
    pub(super) fn wait_for(&self, input: BorrowedFd<'_>) -> io::Result<()> {
        while !self.is_demanded() {
            let mut both = [PollFd::new(input, PollFlags::POLLIN), self.poll_fd()];
            match poll(&mut both, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            if both[0].any() == Some(true) {
                return Ok(());
            }
        }
        Err(Errno::ECANCELED.into())
    }
}
