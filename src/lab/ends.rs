//! The two ends of a scenario: sockets whose every call is reported and has a time limit.
//!
//! Comes in: a [`Stage`] and what to do. Goes out: system calls, one after the other, and a report of each. The kernel
//! completes handshakes by itself, so one thread can play both ends, and a scenario reads from top to bottom.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::scenario::Stage;
use super::server::Report;
use super::{LabError, aimed, tuple};
use crate::calls::{CallName, Entered};
use crate::tcp::{FourTuple, Side};

/// No call waits longer than this.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Clients that wait for `accept()`, unless a scenario is about this number.
const BACKLOG: i32 = 8;

/// A listening socket.
pub(super) struct Door<'a> {
    socket: Socket,
    stage: &'a Stage,
}

/// A connected socket.
pub(super) struct End<'a> {
    pub(super) socket: Socket,
    side: Side,
    tuple: Option<FourTuple>,
    stage: &'a Stage,
}

/// How a listening socket is to be.
pub(super) struct Manner {
    pub(super) backlog: i32,
    pub(super) protocol: Option<Protocol>,
    /// Called between `socket()` and `bind()`.
    pub(super) prepare: fn(&Socket) -> io::Result<()>,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            backlog: BACKLOG,
            protocol: None,
            prepare: |_| Ok(()),
        }
    }
}

/// A call failed.
pub(super) fn system(call: &'static str) -> impl Fn(io::Error) -> LabError {
    move |error| LabError::System { call, error }
}

/// Lets time pass: for a kernel's timer, or so that a reader sees two things apart.
pub(super) fn pause(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

/// Sets an option that has no safe wrapper.
pub(super) fn set_option(
    socket: &Socket,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the kernel reads one `c_int`, which outlives the call, from the address that is given with its size.
    #[allow(unsafe_code, reason = "these options have no safe wrapper")]
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// `socket()`, reported, with time limits for all that waits.
pub(super) fn socket(
    stage: &Stage,
    side: Side,
    protocol: Option<Protocol>,
) -> Result<Socket, LabError> {
    let entered = Entered::now(side, CallName::Socket);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, protocol);
    let number = socket.as_ref().map(|socket| i64::from(socket.as_raw_fd()));
    stage.report(Report::Call(entered.returned(number, None)));
    let socket = socket.map_err(system("socket"))?;
    socket
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| socket.set_write_timeout(Some(PATIENCE)))
        .map_err(system("setsockopt"))?;
    Ok(socket)
}

/// `bind()`, reported. A port with a connection in TIME-WAIT may be used when `reuse` says so.
pub(super) fn bind(
    stage: &Stage,
    side: Side,
    socket: &Socket,
    address: SocketAddr,
    reuse: bool,
) -> Result<(), LabError> {
    socket
        .set_reuse_address(reuse)
        .map_err(system("setsockopt"))?;
    let entered = Entered::now(side, CallName::Bind);
    let bound = socket.bind(&address.into());
    stage.report(Report::Call(
        entered.returned(bound.as_ref().map(|()| 0), None),
    ));
    bound.map_err(|error| match error.raw_os_error() {
        Some(libc::EADDRINUSE) => LabError::PortBusy { address },
        _ => system("bind")(error),
    })
}

/// A socket that listens where clients of this stage arrive.
pub(super) fn listen<'a>(stage: &'a Stage, manner: &Manner) -> Result<Door<'a>, LabError> {
    let socket = socket(stage, Side::Server, manner.protocol)?;
    (manner.prepare)(&socket).map_err(system("setsockopt"))?;
    bind(stage, Side::Server, &socket, stage.server(), true)?;
    let entered = Entered::now(Side::Server, CallName::Listen);
    let listening = socket.listen(manner.backlog);
    stage.report(Report::Call(
        entered.returned(listening.as_ref().map(|()| 0), None),
    ));
    listening.map_err(system("listen"))?;
    Ok(Door { socket, stage })
}

/// A client's socket, not connected yet.
pub(super) fn client(stage: &Stage, protocol: Option<Protocol>) -> Result<End<'_>, LabError> {
    Ok(End {
        socket: socket(stage, Side::Client, protocol)?,
        side: Side::Client,
        tuple: None,
        stage,
    })
}

/// A server's socket that connects instead of listening.
pub(super) fn caller(stage: &Stage) -> Result<End<'_>, LabError> {
    Ok(End {
        socket: socket(stage, Side::Server, None)?,
        side: Side::Server,
        tuple: None,
        stage,
    })
}

/// A client and a server that are connected.
pub(super) fn meet(stage: &Stage) -> Result<(End<'_>, End<'_>), LabError> {
    let door = listen(stage, &Manner::default())?;
    let mut client = client(stage, None)?;
    client.connect(PATIENCE)?;
    let server = door.accept()?;
    Ok((client, server))
}

impl<'a> Door<'a> {
    /// The next client.
    pub(super) fn accept(&self) -> Result<End<'a>, LabError> {
        let entered = Entered::now(Side::Server, CallName::Accept);
        self.stage.report(Report::Waits(entered.begun(None)));
        let accepted = self.socket.accept();
        let tuple = accepted.as_ref().ok().and_then(|(end, _)| tuple(end));
        let number = accepted.as_ref().map(|(end, _)| i64::from(end.as_raw_fd()));
        self.stage
            .report(Report::Call(entered.returned(number, tuple)));
        let (socket, _) = accepted.map_err(system("accept"))?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| socket.set_write_timeout(Some(PATIENCE)))
            .map_err(system("setsockopt"))?;
        Ok(End {
            socket,
            side: Side::Server,
            tuple,
            stage: self.stage,
        })
    }

    /// Ends listening. Clients that nobody accepted are reset.
    pub(super) fn close(self) {
        let entered = Entered::now(Side::Server, CallName::Close);
        drop(self.socket);
        self.stage
            .report(Report::Call(entered.returned(Ok(0), None)));
    }
}

impl End<'_> {
    /// Connects to the stage's server; fails when that takes longer than `limit`.
    pub(super) fn connect(&mut self, limit: Duration) -> Result<(), LabError> {
        self.connect_to(self.stage.target(), limit)
    }

    /// Connects to some address.
    pub(super) fn connect_to(
        &mut self,
        address: SocketAddr,
        limit: Duration,
    ) -> Result<(), LabError> {
        let entered = Entered::now(self.side, CallName::Connect);
        self.waits(entered);
        let connected = self.socket.connect_timeout(&address.into(), limit);
        self.tuple = aimed(&self.socket, address);
        self.report(entered, connected.as_ref().map(|()| 0));
        connected.map_err(|error| LabError::NotConnected { address, error })
    }

    /// Sends the SYN and does not wait for the answer.
    pub(super) fn begin_connecting(&mut self, address: SocketAddr) -> Result<(), LabError> {
        self.socket.set_nonblocking(true).map_err(system("fcntl"))?;
        let entered = Entered::now(self.side, CallName::Connect);
        let connected = self.socket.connect(&address.into());
        self.tuple = aimed(&self.socket, address);
        self.report(entered, connected.as_ref().map(|()| 0));
        match connected {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => {
                Err(LabError::NotConnected { address, error })
            }
            _ => self.socket.set_nonblocking(false).map_err(system("fcntl")),
        }
    }

    /// Waits until a connection that was begun is there: a connected socket has a peer.
    pub(super) fn wait_until_connected(&mut self) -> Result<(), LabError> {
        for _ in 0..500 {
            if let Some(tuple) = tuple(&self.socket) {
                self.tuple = Some(tuple);
                return Ok(());
            }
            pause(10);
        }
        Err(system("connect")(io::ErrorKind::TimedOut.into()))
    }

    /// One `send()`; how many bytes it took.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<usize, LabError> {
        let entered = Entered::now(self.side, CallName::Send);
        let sent = self.socket.write(bytes);
        self.report(entered, sent.as_ref().map(|sent| *sent as i64));
        sent.map_err(system("send"))
    }

    /// One `send()` of a byte that is marked as urgent.
    pub(super) fn send_urgent(&mut self, byte: u8) -> Result<(), LabError> {
        let entered = Entered::now(self.side, CallName::Send);
        let sent = self.socket.send_out_of_band(&[byte]);
        self.report(entered, sent.as_ref().map(|sent| *sent as i64));
        sent.map(|_| ()).map_err(system("send"))
    }

    /// One `recv()` of at most `limit` bytes.
    pub(super) fn recv(&mut self, limit: usize) -> Result<Vec<u8>, LabError> {
        let mut buffer = vec![0; limit];
        let entered = Entered::now(self.side, CallName::Recv);
        self.waits(entered);
        let read = self.socket.read(&mut buffer);
        self.report(entered, read.as_ref().map(|read| *read as i64));
        buffer.truncate(read.map_err(system("recv"))?);
        Ok(buffer)
    }

    /// Reads `count` bytes, in as many calls as that takes.
    pub(super) fn recv_bytes(&mut self, count: usize) -> Result<(), LabError> {
        let mut left = count;
        while left > 0 {
            let read = self.recv(left.min(65_536))?.len();
            if read == 0 {
                return Err(system("recv")(io::ErrorKind::UnexpectedEof.into()));
            }
            left -= read;
        }
        Ok(())
    }

    /// Reads until the other end has closed its direction.
    pub(super) fn recv_to_end(&mut self) -> Result<(), LabError> {
        while !self.recv(65_536)?.is_empty() {}
        Ok(())
    }

    /// Closes this end's direction: sends its FIN, and goes on receiving.
    pub(super) fn shut(&mut self) -> Result<(), LabError> {
        let entered = Entered::now(self.side, CallName::Shutdown);
        let closed = self.socket.shutdown(std::net::Shutdown::Write);
        self.report(entered, closed.as_ref().map(|()| 0));
        closed.map_err(system("shutdown"))
    }

    /// `close()`.
    pub(super) fn close(self) {
        let entered = Entered::now(self.side, CallName::Close);
        let (tuple, stage) = (self.tuple, self.stage);
        drop(self.socket);
        stage.report(Report::Call(entered.returned(Ok(0), tuple)));
    }

    /// Our own address and port.
    pub(super) fn local(&self) -> Result<SocketAddr, LabError> {
        self.socket
            .local_addr()
            .map_err(system("getsockname"))?
            .as_socket()
            .ok_or(LabError::NoAddress)
    }

    fn waits(&self, entered: Entered) {
        self.stage.report(Report::Waits(entered.begun(self.tuple)));
    }

    fn report(&self, entered: Entered, result: Result<i64, &io::Error>) {
        self.stage
            .report(Report::Call(entered.returned(result, self.tuple)));
    }
}

/// The usual end: the client closes first, the server reads to the end and closes at once.
pub(super) fn part(mut client: End<'_>, mut server: End<'_>) -> Result<(), LabError> {
    client.shut()?;
    server.recv_to_end()?;
    server.close();
    client.recv_to_end()?;
    client.close();
    Ok(())
}
