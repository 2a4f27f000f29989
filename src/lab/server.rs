//! The built-in server: what a first program with sockets does, for several clients at once.
//!
//! It listens on the loopback addresses, reads what each client sends, at most 1024 bytes at a time, until the client
//! closes, and closes too. It never answers. What it reads and every system call it makes go to a [`Listener`]; it prints
//! nothing itself.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Socket, Type};

use super::{LabError, tuple};
use crate::calls::{Call, CallName, Entered};
use crate::tcp::{FourTuple, Side};

/// Bytes that one `recv()` asks for.
const READ_AT_ONCE: usize = 1024;
/// Clients that are served at once, each by a thread. More wait in the kernel, whose handshake with them is complete.
const MAX_CLIENTS: usize = 64;
/// Connections that the kernel completes ahead of `accept()`.
const BACKLOG: i32 = 128;
/// Tries to find a port that is free on both addresses, when any port will do.
const PORT_TRIES: usize = 16;

/// What the server has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// A system call returned.
    Call(Call),
    /// A system call was made that may wait; it is reported again when it returns.
    Waits(Call),
    /// A client is connected.
    Connected(SocketAddr),
    /// A client sent something. Hostile bytes.
    Message(SocketAddr, Vec<u8>),
    /// A client closed, and the server closed too.
    Closed(SocketAddr),
    /// A connection broke.
    Broke(SocketAddr, io::ErrorKind),
}

/// Who is told; called from the server's threads.
pub type Listener = Arc<dyn Fn(Report) + Send + Sync>;

/// A running server. Dropping it stops it.
pub struct Server {
    addresses: Vec<SocketAddr>,
    stop: Option<io::PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// What every thread of the server needs.
#[derive(Clone)]
struct Shared {
    listener: Listener,
    /// Becomes readable when the server is stopped, and stays so.
    stop: Arc<io::PipeReader>,
    clients: Arc<AtomicUsize>,
}

/// A server that listens and has accepted nobody yet: its clients wait in the kernel. It has no thread, so that rights that
/// were needed for its port can be given up before [`Listening::serve`].
pub struct Listening {
    sockets: Vec<Bound>,
    listener: Listener,
}

impl Listening {
    /// Listens on `port` of 127.0.0.1 and, where the system has it, of `::1`. Port 0 takes any that is free on both.
    ///
    /// # Errors
    /// When the port is taken or may not be used. Nothing is left open then.
    pub fn on(port: u16, listener: Listener) -> Result<Self, LabError> {
        let sockets = bind_both(port, &listener)?;
        Ok(Self { sockets, listener })
    }

    /// Serves, on threads of its own.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn serve(self) -> Result<Server, LabError> {
        let Self { sockets, listener } = self;
        let addresses = sockets.iter().map(|(_, address)| *address).collect();
        let (reader, writer) = io::pipe().map_err(|error| LabError::System {
            call: "pipe",
            error,
        })?;
        let shared = Shared {
            listener,
            stop: Arc::new(reader),
            clients: Arc::default(),
        };
        let thread = thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || accept_all(sockets, &shared))
            .map_err(|error| LabError::System {
                call: "thread",
                error,
            })?;
        Ok(Server {
            addresses,
            stop: Some(writer),
            thread: Some(thread),
        })
    }
}

impl Server {
    /// [`Listening::on`] and [`Listening::serve`] in one.
    ///
    /// # Errors
    /// As for these two.
    pub fn start(port: u16, listener: Listener) -> Result<Self, LabError> {
        Listening::on(port, listener)?.serve()
    }

    /// Where it listens: IPv4 first.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Frees the port and closes every connection; returns when that is done.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Closing the only writer makes the reader readable in all threads.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by its own thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn report(&self, report: Report) {
        (self.listener)(report);
    }

    /// Waits until one of `sockets` is readable; `None` when the server is stopped.
    fn wait(&self, sockets: &[BorrowedFd<'_>]) -> Option<Vec<usize>> {
        let mut fds: Vec<PollFd<'_>> = sockets
            .iter()
            .map(|fd| PollFd::new(*fd, PollFlags::POLLIN))
            .collect();
        fds.push(PollFd::new(self.stop.as_fd(), PollFlags::POLLIN));
        loop {
            match poll(&mut fds, PollTimeout::NONE) {
                Err(nix::Error::EINTR) => {}
                Err(_) => return None,
                Ok(_) => break,
            }
        }
        let ready = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
        if fds.last().is_some_and(ready) {
            return None;
        }
        Some((0..sockets.len()).filter(|i| ready(&fds[*i])).collect())
    }
}

type Bound = (Socket, SocketAddr);

/// Binds both addresses before it listens on either: where one of them is taken, nobody was ever accepted on the other.
fn bind_both(port: u16, listener: &Listener) -> Result<Vec<Bound>, LabError> {
    let mut tries = 0;
    let bound = loop {
        tries += 1;
        let first = bind((Ipv4Addr::LOCALHOST, port).into(), listener)?;
        match bind((Ipv6Addr::LOCALHOST, first.1.port()).into(), listener) {
            Ok(second) => break vec![first, second],
            // IPv6 is switched off here.
            Err(LabError::System { error, .. })
                if matches!(
                    error.raw_os_error(),
                    Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT)
                ) =>
            {
                break vec![first];
            }
            Err(LabError::PortBusy { .. }) if port == 0 && tries < PORT_TRIES => {}
            Err(error) => return Err(error),
        }
    };
    for (socket, address) in &bound {
        let entered = Entered::now(Side::Server, CallName::Listen);
        let listening = socket.listen(BACKLOG);
        listener(Report::Call(
            entered.returned(listening.as_ref().map(|()| 0), None),
        ));
        listening.map_err(refused("listen", *address))?;
    }
    Ok(bound)
}

/// `socket()` and `bind()`.
fn bind(address: SocketAddr, listener: &Listener) -> Result<Bound, LabError> {
    let say = |entered: Entered, result: Result<i64, &io::Error>| {
        listener(Report::Call(entered.returned(result, None)));
    };

    let entered = Entered::now(Side::Server, CallName::Socket);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None);
    say(
        entered,
        socket.as_ref().map(|socket| i64::from(socket.as_raw_fd())),
    );
    let socket = socket.map_err(refused("socket", address))?;
    // Without this a port with a connection in TIME-WAIT could not be used for a minute. Two listeners on one port
    // are still refused.
    socket
        .set_reuse_address(true)
        .map_err(refused("setsockopt", address))?;
    if address.is_ipv6() {
        socket
            .set_only_v6(true)
            .map_err(refused("setsockopt", address))?;
    }

    let entered = Entered::now(Side::Server, CallName::Bind);
    let bound = socket.bind(&address.into());
    say(entered, bound.as_ref().map(|()| 0));
    bound.map_err(refused("bind", address))?;

    let address = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket())
        .unwrap_or(address);
    Ok((socket, address))
}

/// Tells a taken port and a forbidden one from other failures.
fn refused(call: &'static str, address: SocketAddr) -> impl Fn(io::Error) -> LabError {
    move |error| match error.raw_os_error() {
        Some(libc::EADDRINUSE) => LabError::PortBusy { address },
        Some(libc::EACCES) => LabError::PortForbidden { address },
        _ => LabError::System { call, error },
    }
}

/// The accepting thread: one more thread for each client. Returns when stopped and every client's thread has ended.
fn accept_all(sockets: Vec<Bound>, shared: &Shared) {
    for (socket, _) in &sockets {
        // A client may have gone between `poll` and `accept`; that must not block the other address.
        let _ = socket.set_nonblocking(true);
    }
    thread::scope(|scope| {
        let fds: Vec<BorrowedFd<'_>> = sockets.iter().map(|(socket, _)| socket.as_fd()).collect();
        while let Some(ready) = shared.wait(&fds) {
            for i in ready {
                let Some((client, peer)) = accept(&sockets[i].0, shared) else {
                    continue;
                };
                if shared.clients.fetch_add(1, Ordering::SeqCst) >= MAX_CLIENTS {
                    // Served here, so that the next ones wait in the kernel.
                    serve(client, peer, shared);
                    continue;
                }
                let own = shared.clone();
                scope.spawn(move || serve(client, peer, &own));
            }
        }
        // The port is free from here on, while clients are still being closed.
        drop(fds);
        for (socket, _) in sockets {
            close(socket, None, shared);
        }
    });
}

fn accept(socket: &Socket, shared: &Shared) -> Option<(Socket, SocketAddr)> {
    let entered = Entered::now(Side::Server, CallName::Accept);
    let accepted = socket.accept();
    if let Err(error) = &accepted {
        if error.kind() != io::ErrorKind::WouldBlock {
            shared.report(Report::Call(entered.returned(Err(error), None)));
        }
        if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) {
            // The client stays in the queue and would wake `poll` at once again: let others close something first.
            thread::sleep(std::time::Duration::from_millis(50));
        }
        return None;
    }
    let (client, peer) = accepted.ok()?;
    let peer = peer.as_socket()?;
    // Listening sockets do not pass this on in Linux, but do in the BSDs.
    let _ = client.set_nonblocking(false);
    let number = i64::from(client.as_raw_fd());
    shared.report(Report::Call(entered.returned(Ok(number), tuple(&client))));
    Some((client, peer))
}

/// One client, until it closes or the server is stopped.
fn serve(mut client: Socket, peer: SocketAddr, shared: &Shared) {
    shared.report(Report::Connected(peer));
    let socket = tuple(&client);
    let outcome = read_all(&mut client, peer, socket, shared);
    close(client, socket, shared);
    shared.clients.fetch_sub(1, Ordering::SeqCst);
    shared.report(match outcome {
        Ok(()) => Report::Closed(peer),
        Err(error) => Report::Broke(peer, error.kind()),
    });
}

fn read_all(
    client: &mut Socket,
    peer: SocketAddr,
    socket: Option<FourTuple>,
    shared: &Shared,
) -> io::Result<()> {
    let mut buffer = [0; READ_AT_ONCE];
    loop {
        // The call is entered before it waits, as in a program that simply calls recv().
        let entered = Entered::now(Side::Server, CallName::Recv);
        if shared.wait(&[client.as_fd()]).is_none() {
            return Ok(());
        }
        let read = client.read(&mut buffer);
        shared.report(Report::Call(
            entered.returned(read.as_ref().map(|read| *read as i64), socket),
        ));
        match read {
            Ok(0) => return Ok(()),
            Ok(len) => shared.report(Report::Message(peer, buffer[..len].to_vec())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn close(socket: Socket, tuple: Option<FourTuple>, shared: &Shared) {
    let entered = Entered::now(Side::Server, CallName::Close);
    // The kernel reports errors of close() only for files; the descriptor is gone in any case.
    drop(socket);
    shared.report(Report::Call(entered.returned(Ok(0), tuple)));
}
