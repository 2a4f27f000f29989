//! What is recorded: for each file the socket calls that make its packets, and the order of packets that it is to show.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use handshake_watch::lab::client::{self, GREETING};
use handshake_watch::lab::scenario::Scenario;
use handshake_watch::lab::server::Server;
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

/// The server's port in every take.
const PORT: u16 = 1712;
/// A port where nobody listens.
const CLOSED_PORT: u16 = 1713;
/// Longer than Linux delays an acknowledgment that could travel with data (40 ms), so that it comes alone.
const LONGER_THAN_DELAYED_ACK: Duration = Duration::from_millis(80);
/// No read or write of a take waits longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One recording.
pub(crate) struct Take {
    /// The file's name without its extension.
    pub(crate) name: &'static str,
    /// The extensions of the files it is saved to.
    pub(crate) formats: &'static [&'static str],
    /// Of what is captured, what is kept.
    pub(crate) filter: &'static str,
    /// The control bits of its segments, in turn; empty where timers decide how many there are.
    pub(crate) packets: &'static str,
    /// The calls.
    pub(crate) play: fn() -> Played,
}

type Played = Result<(), Box<dyn Error>>;

const ALL: &str = "tcp";
const BOTH: &[&str] = &["pcap", "pcapng"];
const NEW: &[&str] = &["pcapng"];

/// All recordings.
pub(crate) const TAKES: &[Take] = &[
    Take {
        name: "handshake",
        formats: BOTH,
        filter: ALL,
        packets: "SYN, SYN-ACK, ACK, PSH-ACK, ACK, FIN-ACK, FIN-ACK, ACK",
        play: || scenario("handshake"),
    },
    Take {
        name: "handshake-ipv6",
        formats: BOTH,
        filter: ALL,
        packets: "SYN, SYN-ACK, ACK, PSH-ACK, ACK, FIN-ACK, FIN-ACK, ACK",
        play: handshake_ipv6,
    },
    Take {
        name: "refused",
        formats: BOTH,
        filter: ALL,
        packets: "SYN, RST-ACK",
        play: || scenario("refused"),
    },
    Take {
        name: "no-answer",
        formats: NEW,
        filter: "tcp port 50000",
        packets: "",
        play: no_answer,
    },
    Take {
        name: "reset",
        formats: NEW,
        filter: ALL,
        packets: "SYN, SYN-ACK, ACK, PSH-ACK, ACK, RST-ACK",
        play: reset,
    },
    Take {
        name: "unread",
        formats: NEW,
        filter: ALL,
        packets: "SYN, SYN-ACK, ACK, PSH-ACK, ACK, RST-ACK",
        play: unread,
    },
    Take {
        name: "four-packets",
        formats: NEW,
        filter: ALL,
        packets: "SYN, SYN-ACK, ACK, PSH-ACK, ACK, FIN-ACK, ACK, FIN-ACK, ACK",
        play: four_packets,
    },
    Take {
        name: "half-close",
        formats: NEW,
        filter: ALL,
        packets: "SYN, SYN-ACK, ACK, PSH-ACK, ACK, FIN-ACK, ACK, PSH-ACK, ACK, PSH-ACK, ACK, FIN-ACK, ACK",
        play: half_close,
    },
    Take {
        name: "keep-alive",
        formats: NEW,
        filter: ALL,
        packets: "SYN, SYN-ACK, ACK, PSH-ACK, ACK, ACK, ACK, ACK, ACK, FIN-ACK, FIN-ACK, ACK",
        play: keep_alive,
    },
    Take {
        name: "zero-window",
        formats: NEW,
        filter: ALL,
        packets: "",
        play: zero_window,
    },
    Take {
        name: "self-connect",
        formats: NEW,
        filter: ALL,
        packets: "",
        play: self_connect,
    },
    Take {
        name: "several",
        formats: NEW,
        filter: ALL,
        packets: "",
        play: several,
    },
];

/// A teaching scenario, as `demo` plays it.
fn scenario(name: &str) -> Played {
    let scenario = Scenario::named(name).ok_or("no such scenario")?;
    scenario.play(&scenario.prepare(PORT, Arc::new(|_| ()))?)?;
    Ok(())
}

/// The built-in server and client, over IPv6.
fn handshake_ipv6() -> Played {
    let server = Server::start(PORT, Arc::new(|_| ()))?;
    let errand = client::Errand {
        addresses: vec![(Ipv6Addr::LOCALHOST, PORT).into()],
        ..client::Errand::local(PORT)
    };
    client::run(&errand, &mut |_| ())?;
    server.stop();
    Ok(())
}

/// A server that accepts nobody: once its queue is full, further SYNs are dropped, and the client repeats its own.
fn no_answer() -> Played {
    let listener = listener(0)?;
    let in_the_queue = connect(PORT)?;
    let client = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    client.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 50000)).into())?;
    let connected = client.connect_timeout(
        &SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)).into(),
        Duration::from_millis(3500),
    );
    drop((in_the_queue, listener));
    match connected {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(()),
        other => Err(format!("expected no answer, got {other:?}").into()),
    }
}

/// The client gives up the connection with `SO_LINGER` of zero seconds.
fn reset() -> Played {
    let (client, mut server) = pair()?;
    say(&client, GREETING)?;
    hear(&mut server, GREETING)?;
    SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
    drop(client);
    expect_reset(&mut server)
}

/// The server closes without having read what the client sent: its kernel resets the connection, or the client would
/// believe that its bytes were read.
fn unread() -> Played {
    let (mut client, server) = pair()?;
    say(&client, GREETING)?;
    drop(server);
    expect_reset(&mut client)
}

/// The server's program closes a while after the client did: its kernel acknowledges the FIN by itself.
fn four_packets() -> Played {
    let (mut client, mut server) = pair()?;
    say(&client, GREETING)?;
    client.shutdown(Shutdown::Write)?;
    hear(&mut server, GREETING)?;
    thread::sleep(LONGER_THAN_DELAYED_ACK);
    drop(server);
    hear(&mut client, "")
}

/// The client closes its direction, and then the server answers.
fn half_close() -> Played {
    let (mut client, mut server) = pair()?;
    say(&client, "What is the time?")?;
    client.shutdown(Shutdown::Write)?;
    hear(&mut server, "What is the time?")?;
    thread::sleep(LONGER_THAN_DELAYED_ACK);
    say(&server, "A minute ")?;
    thread::sleep(LONGER_THAN_DELAYED_ACK);
    say(&server, "to twelve.")?;
    thread::sleep(LONGER_THAN_DELAYED_ACK);
    drop(server);
    hear(&mut client, "A minute to twelve.")?;
    Ok(())
}

/// The client's kernel asks twice whether the silent server is still there.
fn keep_alive() -> Played {
    let (mut client, mut server) = pair()?;
    let second = Duration::from_secs(1);
    let keepalive = TcpKeepalive::new().with_time(second).with_interval(second);
    SockRef::from(&client).set_tcp_keepalive(&keepalive)?;
    say(&client, GREETING)?;
    let server = thread::spawn(move || -> io::Result<()> {
        server.read_to_end(&mut Vec::new())?;
        Ok(())
    });
    thread::sleep(Duration::from_millis(2500));
    client.shutdown(Shutdown::Write)?;
    hear(&mut client, "")?;
    server.join().map_err(|_| "the server failed")??;
    Ok(())
}

/// The server's program does not read for a while; its small buffer fills up.
fn zero_window() -> Played {
    const MUCH: usize = 6000;
    let (client, mut server) = pair_with_buffer(Some(2048))?;
    let writer = thread::spawn(move || -> io::Result<()> {
        (&client).write_all(&[b'.'; MUCH])?;
        client.shutdown(Shutdown::Write)?;
        (&client).read_to_end(&mut Vec::new())?;
        Ok(())
    });
    thread::sleep(Duration::from_secs(1));
    server.read_exact(&mut [0; MUCH])?;
    drop(server);
    writer.join().map_err(|_| "the client failed")??;
    Ok(())
}

/// A socket that connects to its own address, as a client may by accident when its server is down.
fn self_connect() -> Played {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.connect(&address.into())?;
    let mut socket = patient(socket.into())?;
    say(&socket, GREETING)?;
    socket.read_exact(&mut [0; GREETING.len()])?;
    socket.shutdown(Shutdown::Write)?;
    hear(&mut socket, "")?;
    Ok(())
}

/// Four connections at once: closed by the client, closed by the server over IPv6, refused, reset.
fn several() -> Played {
    let (first, mut first_server) = pair()?;
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, PORT))?;
    let mut second = patient(TcpStream::connect((Ipv6Addr::LOCALHOST, PORT))?)?;
    let second_server = patient(listener.accept()?.0)?;
    say(&first, "first")?;
    if connect(CLOSED_PORT).is_ok() {
        return Err("somebody listens on the closed port".into());
    }
    let (fourth, mut fourth_server) = pair()?;
    say(&second, "second")?;
    say(&fourth, "fourth")?;
    say(&second_server, "welcome")?;
    hear(&mut first_server, "first")?;
    hear(&mut fourth_server, "fourth")?;
    (&second_server).read_exact(&mut [0; 6])?;
    second_server.shutdown(Shutdown::Write)?;
    SockRef::from(&fourth).set_linger(Some(Duration::ZERO))?;
    drop(fourth);
    first.shutdown(Shutdown::Write)?;
    drop(first_server);
    hear(&mut second, "welcome")?;
    drop(second);
    drop(first);
    Ok(())
}

/// A client and a server that are connected.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    pair_with_buffer(None)
}

/// A client and a server that are connected; the server's receive buffer is as small as the kernel allows, but for this.
fn pair_with_buffer(receive: Option<usize>) -> io::Result<(TcpStream, TcpStream)> {
    let listener = listener(8)?;
    if let Some(size) = receive {
        SockRef::from(&listener).set_recv_buffer_size(size)?;
    }
    let client = connect(PORT)?;
    let server = patient(listener.accept()?.0)?;
    Ok((client, server))
}

fn listener(backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // The port may still have a connection in TIME-WAIT from the take before.
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)).into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn connect(port: u16) -> io::Result<TcpStream> {
    patient(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)
}

fn patient(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn say(mut stream: &TcpStream, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes())
}

/// Reads exactly this text; an empty one is the other side's FIN.
fn hear(stream: &mut TcpStream, text: &str) -> Played {
    let mut buffer = vec![0; text.len().max(1)];
    if text.is_empty() {
        return match stream.read(&mut buffer)? {
            0 => Ok(()),
            _ => Err("bytes came instead of a FIN".into()),
        };
    }
    stream.read_exact(&mut buffer)?;
    Ok(())
}

fn expect_reset(stream: &mut TcpStream) -> Played {
    match stream.read(&mut [0; 64]) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        other => Err(format!("expected a reset, got {other:?}").into()),
    }
}
