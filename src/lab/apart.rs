//! Work in a process of its own: scenarios want different networks and different rights, and neither can be changed back.
//!
//! Comes in: work. Goes out: what it reported, and how it ended. The parent gains nothing from the child but these bytes,
//! keeps its rights, and looks at no packet.

use std::io::{self, PipeWriter, Read as _, Write as _};
use std::process;

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// Bytes of a report that are read. Ours are a few words.
const REPORT: u64 = 4096;

/// How work ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// The child's exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it reported.
    pub report: String,
}

/// Where work reports to.
pub struct Reporter(PipeWriter);

impl Reporter {
    /// Reports some words.
    pub fn say(&mut self, words: &str) {
        // Without a parent there is nobody left to tell.
        let _ = self.0.write_all(words.as_bytes());
    }
}

/// Does `work` in a child process and waits for its end; the number that it returns becomes the exit code. Must be called
/// before any thread is started, with nothing left in a buffer that the child would write out a second time.
///
/// # Errors
/// When there is no child.
pub fn apart(work: impl FnOnce(&mut Reporter) -> u8) -> io::Result<Ended> {
    let (mut reader, writer) = io::pipe()?;
    // SAFETY: by this function's contract there is one thread, so that the child may do whatever this process may.
    #[allow(unsafe_code, reason = "fork has no safe wrapper")]
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(reader);
            let mut reporter = Reporter(writer);
            let code = work(&mut reporter);
            process::exit(i32::from(code))
        }
        ForkResult::Parent { child } => {
            drop(writer);
            let mut report = Vec::new();
            // A child that reports nothing has failed, and says so by its code.
            let _ = reader.by_ref().take(REPORT).read_to_end(&mut report);
            let code = loop {
                match waitpid(child, None) {
                    Ok(WaitStatus::Exited(_, code)) => break Some(code),
                    Ok(WaitStatus::Signaled(..)) => break None,
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            };
            Ok(Ended {
                code,
                report: String::from_utf8_lossy(&report).into_owned(),
            })
        }
    }
}

/// From now on a child whose parent is ended from outside ends as well, in order. The kernel forgets this when a process
/// gives up rights, so it comes after that.
pub fn end_with_parent() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM);
}
