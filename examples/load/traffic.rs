//! TCP traffic of this machine with itself, with an end: everything has a limit in number and in time.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// More than this is refused, whatever is asked for.
pub(crate) const MOST_CONNECTIONS: u64 = 1_000_000;
pub(crate) const MOST_THREADS: u64 = 16;
pub(crate) const MOST_BYTES: u64 = 20_000_000_000;
pub(crate) const MOST_TIME: Duration = Duration::from_secs(120);
/// Beyond this a connection that is opened every so often is not opened every so often any more.
pub(crate) const MOST_A_SECOND: u64 = 10_000;

/// What the client of a short connection says, and what it hears.
const REQUEST: &[u8] = b"ping";
const REPLY: &[u8] = b"pong";
/// Bytes of a transfer that are given to the system at once.
const PIECE: usize = 256 * 1024;
/// Connections of one pair of addresses: it has too few ports for many more, and each shall have ports of its own.
const EACH_ADDRESS: u64 = 8000;
/// An end that hears nothing for this long gives up, so that a lost reply ends nothing else.
const PATIENCE: Duration = Duration::from_secs(5);

/// What traffic is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Traffic {
    /// Connections with a request and a reply each, as fast as so many clients can make them.
    Connections { count: u64, threads: u64 },
    /// The same, evenly spread over time, from one client.
    Paced { count: u64, a_second: u64 },
    /// One connection that carries so many bytes.
    Bulk { bytes: u64 },
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    /// Connections that were opened and closed in order.
    pub(crate) connections: u64,
    /// Bytes that clients sent.
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

impl Traffic {
    /// Makes it, on `port` of loopback addresses from 127.0.0.1 on, of which each client has its own. Ends after `limit` in
    /// any case.
    pub(crate) fn make(self, port: u16, limit: Duration) -> io::Result<Made> {
        let begin = Instant::now();
        let end = begin + limit.min(MOST_TIME);
        let (connections, bytes) = match self {
            Self::Connections { count, threads } => {
                let threads = threads.clamp(1, MOST_THREADS);
                let count = count.min(MOST_CONNECTIONS);
                let done = AtomicU64::new(0);
                thread::scope(|scope| {
                    let clients: Vec<_> = (0..threads)
                        .map(|number| {
                            let share = count / threads + u64::from(number < count % threads);
                            let done = &done;
                            scope.spawn(move || client(number as u8, port, share, end, done))
                        })
                        .collect();
                    clients.into_iter().try_for_each(joined)
                })?;
                let done = done.into_inner();
                (done, done * REQUEST.len() as u64)
            }
            Self::Paced { count, a_second } => {
                let done = AtomicU64::new(0);
                let between = Duration::from_secs(1) / a_second.clamp(1, MOST_A_SECOND) as u32;
                let count = count.min(MOST_CONNECTIONS);
                exchanges(&listen(0, 0, port)?, count, Some(between), end, &done)?;
                let done = done.into_inner();
                (done, done * REQUEST.len() as u64)
            }
            Self::Bulk { bytes } => (
                1,
                transfer(&listen(0, 0, port)?, bytes.min(MOST_BYTES), end)?,
            ),
        };
        Ok(Made {
            connections,
            bytes,
            time: begin.elapsed(),
        })
    }
}

fn joined(thread: thread::ScopedJoinHandle<'_, io::Result<()>>) -> io::Result<()> {
    let failed = |_| Err(io::Error::other("a client failed"));
    thread.join().unwrap_or_else(failed)
}

/// A server for the client with this number, each `turn` with another address.
fn listen(number: u8, turn: u8, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::new(127, 0, turn, 1 + number), port))
}

/// One of several clients.
fn client(number: u8, port: u16, count: u64, end: Instant, done: &AtomicU64) -> io::Result<()> {
    let mut left = count;
    for turn in 0..=u8::MAX {
        let some = left.min(EACH_ADDRESS);
        exchanges(&listen(number, turn, port)?, some, None, end, done)?;
        left -= some;
        if left == 0 || Instant::now() >= end {
            break;
        }
    }
    Ok(())
}

/// A client and its server, with one connection after the other.
fn exchanges(
    listener: &TcpListener,
    count: u64,
    between: Option<Duration>,
    end: Instant,
    done: &AtomicU64,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    thread::scope(|scope| {
        let server = scope.spawn(|| answer(listener));
        let mut due = Instant::now();
        for _ in 0..count {
            if Instant::now() >= end {
                break;
            }
            exchange(address)?;
            done.fetch_add(1, Ordering::Relaxed);
            if let Some(between) = between {
                due += between;
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
        bid_farewell(address)?;
        joined(server)
    })
}

/// Answers requests until a connection ends without any: that is how a client says that there are no more.
fn answer(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request = [0; REQUEST.len()];
        if stream.read(&mut request)? == 0 {
            return Ok(());
        }
        stream.write_all(REPLY)?;
        // The client closes first, so that the server's port has no connections in TIME-WAIT.
        let _ = stream.read(&mut request)?;
    }
}

fn exchange(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let mut reply = [0; REPLY.len()];
    stream.read_exact(&mut reply)
}

fn bid_farewell(address: SocketAddr) -> io::Result<()> {
    TcpStream::connect(address)?.shutdown(Shutdown::Write)
}

/// Sends zeros, and counts them.
fn transfer(listener: &TcpListener, bytes: u64, end: Instant) -> io::Result<u64> {
    let address = listener.local_addr()?;
    thread::scope(|scope| {
        let server = scope.spawn(|| -> io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            let mut room = vec![0; PIECE];
            while stream.read(&mut room)? > 0 {}
            Ok(())
        });
        let mut stream = TcpStream::connect(address)?;
        let piece = vec![0; PIECE];
        let mut sent = 0;
        while sent < bytes && Instant::now() < end {
            let len = (bytes - sent).min(PIECE as u64);
            stream.write_all(&piece[..len as usize])?;
            sent += len;
        }
        drop(stream);
        joined(server)?;
        Ok(sent)
    })
}
