//! The built-in client: connects, says one thing, closes, and waits for the other side to close, each with a time limit.
//!
//! It works with any server: one that answers is listened to, one that never answers or never closes is given up.
//! Every system call goes to a callback; nothing is printed.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::{LabError, aimed, tuple};
use crate::calls::{Call, CallName, Entered};
use crate::tcp::Side;

/// What the client says unless told otherwise.
pub const GREETING: &str = "Hello server!";
/// How long it waits for each of: the connection, the other side's closing.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are kept for showing.
const ANSWER_LIMIT: usize = 4096;

/// What the client is to do.
#[derive(Clone, Debug)]
pub struct Errand {
    /// Whom to try, in this order; the next one only when one refuses.
    pub addresses: Vec<SocketAddr>,
    /// What to say; nothing is sent when it is empty.
    pub message: Vec<u8>,
    /// The limit for connecting, and for the rest.
    pub timeout: Duration,
}

impl Errand {
    /// The usual greeting to `port` of this machine, as `localhost` is resolved: 127.0.0.1, then `::1`.
    #[must_use]
    pub fn local(port: u16) -> Self {
        Self {
            addresses: vec![
                (Ipv4Addr::LOCALHOST, port).into(),
                (Ipv6Addr::LOCALHOST, port).into(),
            ],
            message: GREETING.into(),
            timeout: PATIENCE,
        }
    }
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Who accepted.
    pub server: SocketAddr,
    /// Our own address and port.
    pub local: Option<SocketAddr>,
    /// The start of what the server said. Hostile bytes.
    pub answer: Vec<u8>,
    /// How it ended.
    pub ending: Ending,
}

/// How the exchange ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The server closed too.
    Closed,
    /// The server had not closed when the time was up; the client let go.
    GivenUp,
    /// The server reset the connection, or it broke otherwise.
    Broke(io::ErrorKind),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("it closed"),
            Self::GivenUp => f.write_str("it was not heard of in time"),
            Self::Broke(kind) => write!(f, "the connection broke, {kind}"),
        }
    }
}

/// Does the errand.
///
/// # Errors
/// When nobody accepted the connection.
pub fn run(errand: &Errand, report: &mut dyn FnMut(Call)) -> Result<Outcome, LabError> {
    let mut refused = None;
    for address in &errand.addresses {
        match connect(*address, errand.timeout, report) {
            Ok(socket) => return Ok(talk(socket, *address, errand, report)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                // The first refusal is the one to tell about.
                refused.get_or_insert(LabError::NotConnected {
                    address: *address,
                    error,
                });
            }
            // This machine does without one of the two families.
            Err(error)
                if refused.is_some()
                    && matches!(
                        error.raw_os_error(),
                        Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT | libc::ENETUNREACH)
                    ) => {}
            Err(error) => {
                return Err(LabError::NotConnected {
                    address: *address,
                    error,
                });
            }
        }
    }
    Err(refused.unwrap_or(LabError::NoAddress))
}

fn connect(
    address: SocketAddr,
    timeout: Duration,
    report: &mut dyn FnMut(Call),
) -> io::Result<Socket> {
    let entered = Entered::now(Side::Client, CallName::Socket);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None);
    let number = socket.as_ref().map(|socket| i64::from(socket.as_raw_fd()));
    report(entered.returned(number, None));
    let socket = socket?;

    let entered = Entered::now(Side::Client, CallName::Connect);
    let connected = socket.connect_timeout(&address.into(), timeout);
    report(entered.returned(connected.as_ref().map(|()| 0), aimed(&socket, address)));
    connected?;
    Ok(socket)
}

fn talk(
    mut socket: Socket,
    server: SocketAddr,
    errand: &Errand,
    report: &mut dyn FnMut(Call),
) -> Outcome {
    let local = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket());
    let ends = tuple(&socket);
    let deadline = Instant::now() + errand.timeout;
    let mut answer = Vec::new();
    let ending = exchange(
        &mut socket,
        errand,
        deadline,
        &mut answer,
        &mut |entered, result| {
            report(entered.returned(result, ends));
        },
    )
    .unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ending::GivenUp,
        kind => Ending::Broke(kind),
    });

    let entered = Entered::now(Side::Client, CallName::Close);
    drop(socket);
    report(entered.returned(Ok(0), ends));
    Outcome {
        server,
        local,
        answer,
        ending,
    }
}

/// Says the message, closes our direction, and reads until the server closes its own.
///
/// `shutdown()` sends the FIN that `close()` would send. But a `close()` before the server's answer has been read would
/// reset the connection, and we do not know whether this server answers.
fn exchange(
    socket: &mut Socket,
    errand: &Errand,
    deadline: Instant,
    answer: &mut Vec<u8>,
    report: &mut dyn FnMut(Entered, Result<i64, &io::Error>),
) -> io::Result<Ending> {
    let mut rest = errand.message.as_slice();
    while !rest.is_empty() {
        socket.set_write_timeout(Some(until(deadline)?))?;
        let entered = Entered::now(Side::Client, CallName::Send);
        let sent = socket.write(rest);
        report(entered, sent.as_ref().map(|sent| *sent as i64));
        match sent {
            Ok(sent) => rest = &rest[sent..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }

    let entered = Entered::now(Side::Client, CallName::Shutdown);
    let closed = socket.shutdown(Shutdown::Write);
    report(entered, closed.as_ref().map(|()| 0));
    closed?;

    let mut buffer = [0; 1024];
    loop {
        socket.set_read_timeout(Some(until(deadline)?))?;
        let entered = Entered::now(Side::Client, CallName::Recv);
        let read = socket.read(&mut buffer);
        report(entered, read.as_ref().map(|read| *read as i64));
        match read {
            Ok(0) => return Ok(Ending::Closed),
            Ok(len) => {
                let room = ANSWER_LIMIT.saturating_sub(answer.len());
                answer.extend_from_slice(&buffer[..len.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The time that is left. A server that keeps sending must not keep us for ever.
fn until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}
