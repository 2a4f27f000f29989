//! One system call of a built-in end: which side made it, when, and with what result.
//!
//! The built-in server and client hand these to whoever listens, so that a ladder can show what the program did beside
//! what its kernel sent. Times come from the real-time clock, the one that also stamps captured packets.

use std::fmt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::tcp::{FourTuple, Side};
use crate::time::{Span, Timestamp};

/// The calls that the built-in ends make on their sockets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallName {
    /// `socket()`
    Socket,
    /// `bind()`
    Bind,
    /// `listen()`
    Listen,
    /// `accept()`
    Accept,
    /// `connect()`
    Connect,
    /// `send()`
    Send,
    /// `recv()`
    Recv,
    /// `shutdown()`
    Shutdown,
    /// `close()`
    Close,
}

/// One finished system call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// When it was entered.
    pub time: Timestamp,
    /// Which end made it.
    pub side: Side,
    /// Which call it was.
    pub call: CallName,
    /// What it returned: a descriptor, a number of bytes, 0; `None` when it failed.
    pub result: Option<i64>,
    /// The error number when it failed.
    pub errno: Option<i32>,
    /// How long it took.
    pub duration: Span,
    /// Local and remote end of its socket, where it had both: the source is the caller's own end. After a failed
    /// `connect()` the own port is 0, for the kernel has taken it back.
    pub socket: Option<FourTuple>,
}

impl CallName {
    /// The name in lower case, as in a program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Bind => "bind",
            Self::Listen => "listen",
            Self::Accept => "accept",
            Self::Connect => "connect",
            Self::Send => "send",
            Self::Recv => "recv",
            Self::Shutdown => "shutdown",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}()", self.name())
    }
}

impl Call {
    /// When it returned.
    #[must_use]
    pub fn returned_at(&self) -> Timestamp {
        self.time + self.duration
    }

    /// The error's name in C, for the ones that sockets give most often; `None` for others and for success.
    #[must_use]
    pub fn errno_name(&self) -> Option<&'static str> {
        Some(match self.errno? {
            libc::EACCES => "EACCES",
            libc::EPERM => "EPERM",
            libc::EADDRINUSE => "EADDRINUSE",
            libc::EADDRNOTAVAIL => "EADDRNOTAVAIL",
            libc::EAFNOSUPPORT => "EAFNOSUPPORT",
            libc::EAGAIN => "EAGAIN",
            libc::ECONNABORTED => "ECONNABORTED",
            libc::ECONNREFUSED => "ECONNREFUSED",
            libc::ECONNRESET => "ECONNRESET",
            libc::EHOSTUNREACH => "EHOSTUNREACH",
            libc::EINPROGRESS => "EINPROGRESS",
            libc::EMFILE => "EMFILE",
            libc::ENETUNREACH => "ENETUNREACH",
            libc::ENOTCONN => "ENOTCONN",
            libc::EPIPE => "EPIPE",
            libc::ETIMEDOUT => "ETIMEDOUT",
            _ => return None,
        })
    }
}

/// A call that was entered and has not returned: remembers when.
#[derive(Clone, Copy, Debug)]
pub struct Entered {
    side: Side,
    call: CallName,
    time: Timestamp,
    since: Instant,
}

impl Entered {
    /// Notes the time just before a call.
    #[must_use]
    pub fn now(side: Side, call: CallName) -> Self {
        let clock = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            side,
            call,
            time: Timestamp::new(clock.as_secs() as i64, clock.subsec_nanos()),
            since: Instant::now(),
        }
    }

    /// What is known while the call goes on: neither a result nor how long it takes.
    #[must_use]
    pub const fn begun(self, socket: Option<FourTuple>) -> Call {
        Call {
            time: self.time,
            side: self.side,
            call: self.call,
            result: None,
            errno: None,
            duration: Span::ZERO,
            socket,
        }
    }

    /// The call has returned: `result` is its number, or the error.
    #[must_use]
    pub fn returned(self, result: Result<i64, &std::io::Error>, socket: Option<FourTuple>) -> Call {
        Call {
            time: self.time,
            side: self.side,
            call: self.call,
            result: result.ok(),
            errno: result.err().and_then(std::io::Error::raw_os_error),
            // A call that takes 292 years would saturate.
            duration: Span::from_nanos(
                i64::try_from(self.since.elapsed().as_nanos()).unwrap_or(i64::MAX),
            ),
            socket,
        }
    }
}
