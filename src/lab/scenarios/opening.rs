//! How connections open, or do not.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Protocol, SockFilter, Socket};

use super::{ENTRY, ETHERNET, TROUBLE, recording};
use crate::lab::LabError;
use crate::lab::client::{self, Ending, Errand};
use crate::lab::ends::{
    Manner, PATIENCE, bind, caller, client, listen, meet, part, pause, set_option, socket, system,
};
use crate::lab::network::{HERE, Network, PLAIN, THERE};
use crate::lab::scenario::{Origin, Scenario, Sign, Stage};
use crate::lab::server::{Report, Server};
use crate::lab::wire::Plan;
use crate::tcp::{Flags, Labels, Options, OptionsSeen, Side};

/// What a SYN-ACK has and nothing else.
const SYN_ACK: Flags = Flags::SYN.union(Flags::ACK);

pub(in crate::lab) const HANDSHAKE: Scenario = Scenario {
    name: "handshake",
    title: "a whole connection: open, 13 bytes, close",
    teaches: "three packets open a connection, and each direction is closed by its own FIN",
    watch_for: "the numbers: a SYN and a FIN take one each, though they carry no byte",
    question: "The client sends 13 bytes after its SYN with number 0. Which number does the server acknowledge?",
    origin: Origin::Sockets(handshake),
    recording: recording!("handshake"),
    ..ENTRY
};

/// The built-in server, the built-in client, one greeting.
fn handshake(stage: &Stage) -> Result<(), LabError> {
    let server = Server::start(stage.port, Arc::clone(&stage.listener))?;
    let errand = Errand {
        addresses: vec![(Ipv4Addr::LOCALHOST, server.port()).into()],
        ..Errand::local(stage.port)
    };
    let outcome = client::run(&errand, &mut |call| stage.report(Report::Call(call)))?;
    server.stop();
    closed(outcome.ending)
}

fn closed(ending: Ending) -> Result<(), LabError> {
    match ending {
        Ending::Closed => Ok(()),
        ending => Err(LabError::Unexpected {
            what: "the built-in server did not close",
            ending,
        }),
    }
}

pub(in crate::lab) const REFUSED: Scenario = Scenario {
    name: "refused",
    title: "nobody listens on the port",
    teaches: "a kernel answers a SYN for a port without a listener with a reset, at once",
    watch_for: "the reset's acknowledgment number, which ties it to the SYN",
    question: "No server program runs. Who sends the reset?",
    verdict: "refused",
    origin: Origin::Sockets(refused),
    recording: recording!("refused"),
    ..ENTRY
};

/// A client alone. The port is bound but nobody listens on it, so that no other program can come in between.
fn refused(stage: &Stage) -> Result<(), LabError> {
    let holder = socket(stage, Side::Server, None)?;
    bind(stage, Side::Server, &holder, stage.server(), true)?;
    expect_refusal(client(stage, None)?.connect(PATIENCE))
}

fn expect_refusal(connected: Result<(), LabError>) -> Result<(), LabError> {
    match connected {
        Err(LabError::NotConnected { error, .. })
            if error.kind() == std::io::ErrorKind::ConnectionRefused =>
        {
            Ok(())
        }
        Err(error) => Err(error),
        Ok(()) => Err(LabError::Uninvited),
    }
}

pub(in crate::lab) const FILTERED: Scenario = Scenario {
    name: "filtered",
    title: "a packet filter swallows every SYN, and nothing comes back",
    teaches: "silence is not refusal: the client repeats its SYN, first every second, then after ever longer waits",
    watch_for: "the waits between the SYNs: Linux repeats some at an even pace and only then doubles the wait",
    question: "The first SYN got no answer for a second. Does the client know whether the server exists?",
    verdict: "no_answer",
    required: Labels::RETRANSMISSION,
    forbidden: Labels::CAPTURE_GAP,
    origin: Origin::Sockets(filtered),
    network: Network {
        settings: &[("ipv4/tcp_syn_linear_timeouts", "2")],
        keeps_rights: true,
        ..PLAIN
    },
    recording: recording!("filtered"),
    ..ENTRY
};

/// A listening socket with a filter that lets nothing in, as a firewall that drops. The client gives up after 8 s.
fn filtered(stage: &Stage) -> Result<(), LabError> {
    let _door = listen(
        stage,
        &Manner {
            prepare: swallow_everything,
            ..Manner::default()
        },
    )?;
    match client(stage, None)?.connect(Duration::from_secs(8)) {
        Err(LabError::NotConnected { error, .. })
            if error.kind() == std::io::ErrorKind::TimedOut =>
        {
            Ok(())
        }
        Err(error) => Err(error),
        Ok(()) => Err(LabError::Uninvited),
    }
}

/// A BPF program of one instruction, `ret #0`: of every packet, keep nothing. Some kernels let nobody attach a filter who
/// has no rights over the network.
pub(super) fn swallow_everything(socket: &Socket) -> std::io::Result<()> {
    const RETURN_CONSTANT: u16 = 0x06;
    socket.attach_filter(&[SockFilter::new(RETURN_CONSTANT, 0, 0, 0)])
}

pub(in crate::lab) const LOCALHOST: Scenario = Scenario {
    name: "localhost",
    title: "localhost is two addresses: refused on ::1, accepted on 127.0.0.1",
    teaches: "a name can have an IPv6 and an IPv4 address; a server that listens on one is not found on the other",
    watch_for: "the addresses of the two connections: the first try is refused, the second one succeeds",
    question: "The server runs, and yet the first connection is refused. Where does it listen?",
    verdict: "refused",
    origin: Origin::Sockets(localhost),
    recording: recording!("localhost"),
    ..ENTRY
};

fn localhost(stage: &Stage) -> Result<(), LabError> {
    let door = listen(stage, &Manner::default())?;
    let sixth = (Ipv6Addr::LOCALHOST, stage.port).into();
    let errand = Errand {
        addresses: vec![sixth, stage.server()],
        ..Errand::local(stage.port)
    };
    let listener = Arc::clone(&stage.listener);
    let client =
        std::thread::spawn(move || client::run(&errand, &mut |call| listener(Report::Call(call))));
    let mut server = door.accept()?;
    server.recv_to_end()?;
    server.close();
    match client.join() {
        Ok(outcome) => closed(outcome?.ending),
        Err(_) => Err(LabError::NoAddress),
    }
}

pub(in crate::lab) const ACCEPT_NOT_CALLED: Scenario = Scenario {
    name: "accept-not-called",
    title: "the server listens, and its program never calls accept()",
    teaches: "the kernel shakes hands and takes data by itself; accept() only fetches a connection that exists already",
    watch_for: "the handshake and the acknowledged data, though the server's program does nothing; then the reset when it ends",
    question: "The server's program sleeps. Will connect() return?",
    verdict: "reset",
    origin: Origin::Sockets(accept_not_called),
    recording: recording!("accept-not-called"),
    ..ENTRY
};

fn accept_not_called(stage: &Stage) -> Result<(), LabError> {
    let door = listen(stage, &Manner::default())?;
    let mut client = client(stage, None)?;
    client.connect(PATIENCE)?;
    client.send(b"Is anybody there?")?;
    pause(300);
    // A connection that nobody fetched ends with the socket that it waits at.
    door.close();
    pause(50);
    client.close();
    Ok(())
}

pub(in crate::lab) const BACKLOG: Scenario = Scenario {
    name: "backlog",
    title: "the queue before accept() is full, and a second client has to wait",
    teaches: "listen() has a queue; when it is full the kernel ignores SYNs, and clients see a slow server, not an error",
    watch_for: "the second client's SYN is repeated until the server's program fetches the first client",
    question: "The second client's SYN arrives at a full queue. Is it refused?",
    required: Labels::RETRANSMISSION,
    forbidden: Labels::CAPTURE_GAP,
    origin: Origin::Sockets(backlog),
    recording: recording!("backlog"),
    ..ENTRY
};

/// A queue of length 0 holds one connection.
fn backlog(stage: &Stage) -> Result<(), LabError> {
    let door = listen(
        stage,
        &Manner {
            backlog: 0,
            ..Manner::default()
        },
    )?;
    let mut first = client(stage, None)?;
    first.connect(PATIENCE)?;
    let mut second = client(stage, None)?;
    second.begin_connecting(stage.target())?;
    // The SYN is repeated after a second; the next one finds room.
    pause(1_500);
    let first_served = door.accept()?;
    second.wait_until_connected()?;
    second.send(b"At last!")?;
    let mut second_served = door.accept()?;
    second_served.recv_bytes(8)?;
    part(first, first_served)?;
    part(second, second_served)
}

pub(in crate::lab) const FAST_OPEN: Scenario = Scenario {
    name: "fast-open",
    title: "Fast Open: a cookie the first time, data in the SYN the second time",
    teaches: "with a cookie from an earlier connection a client may send data in its SYN and save a round trip",
    watch_for: "the second connection: its SYN carries the request, and the SYN-ACK acknowledges it",
    question: "The second SYN carries 15 bytes. Which number does the SYN-ACK acknowledge?",
    required: Labels::TFO_SYN.union(Labels::TFO_ACCEPTED),
    forbidden: TROUBLE.union(Labels::TFO_IGNORED),
    origin: Origin::Sockets(fast_open),
    network: Network {
        settings: &[("ipv4/tcp_fastopen", "3")],
        ..PLAIN
    },
    recording: recording!("fast-open"),
    ..ENTRY
};

fn fast_open(stage: &Stage) -> Result<(), LabError> {
    let door = listen(
        stage,
        &Manner {
            prepare: |socket| set_option(socket, libc::IPPROTO_TCP, libc::TCP_FASTOPEN, 5),
            ..Manner::default()
        },
    )?;
    for _ in 0..2 {
        let mut client = client(stage, None)?;
        set_option(
            &client.socket,
            libc::IPPROTO_TCP,
            libc::TCP_FASTOPEN_CONNECT,
            1,
        )
        .map_err(system("setsockopt"))?;
        // With a cookie this returns at once, and the SYN leaves with the first data.
        client.connect(PATIENCE)?;
        client.send(b"GET / HTTP/1.0\n")?;
        let mut server = door.accept()?;
        server.recv_bytes(15)?;
        part(client, server)?;
    }
    Ok(())
}

pub(in crate::lab) const ECN: Scenario = Scenario {
    name: "ecn",
    title: "both ends agree to be told of congestion before packets are lost (ECN)",
    teaches: "two flags in the SYN ask for explicit congestion notification, one in the SYN-ACK agrees",
    watch_for: "ECE and CWR in the SYN, ECE alone in the SYN-ACK",
    question: "The SYN has ECE and CWR set. Was there congestion?",
    signs: &[
        Sign {
            name: "SYN with ECE and CWR",
            on: |segment| segment.flags == Flags::SYN.union(Flags::ECE).union(Flags::CWR),
        },
        Sign {
            name: "SYN-ACK with ECE alone",
            on: |segment| segment.flags == SYN_ACK.union(Flags::ECE),
        },
    ],
    origin: Origin::Sockets(one_request),
    network: Network {
        settings: &[("ipv4/tcp_ecn", "1")],
        ..PLAIN
    },
    recording: recording!("ecn"),
    ..ENTRY
};

/// A request, an answer, and the client closes.
fn one_request(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(b"Hello server!")?;
    server.recv_bytes(13)?;
    server.send(b"Hello client!")?;
    client.recv_bytes(13)?;
    part(client, server)
}

pub(in crate::lab) const SMALL_MSS: Scenario = Scenario {
    name: "small-mss",
    title: "the client takes segments of at most 536 bytes",
    teaches: "each SYN says how long a segment its sender takes; the other end obeys, so 2000 bytes become four segments",
    watch_for: "mss 536 in the SYN; segments carry 524 bytes, because 12 of the 536 are needed for timestamps",
    question: "The server sends 2000 bytes by one send(). How many segments?",
    signs: &[
        Sign {
            name: "SYN with mss 536",
            on: |segment| segment.flags == Flags::SYN && segment.options.mss == Some(536),
        },
        Sign {
            name: "segment of 524 bytes",
            on: |segment| segment.len == 524,
        },
    ],
    origin: Origin::Sockets(small_mss),
    network: ETHERNET,
    recording: recording!("small-mss"),
    ..ENTRY
};

fn small_mss(stage: &Stage) -> Result<(), LabError> {
    let door = listen(stage, &Manner::default())?;
    let mut client = client(stage, None)?;
    client
        .socket
        .set_tcp_mss(536)
        .map_err(system("setsockopt"))?;
    client.connect(PATIENCE)?;
    let mut server = door.accept()?;
    client.send(b"How much is the fish?")?;
    server.recv_bytes(21)?;
    server.send(&[b'.'; 2000])?;
    client.recv_bytes(2000)?;
    part(client, server)
}

pub(in crate::lab) const ONLY_MSS: Scenario = Scenario {
    name: "only-mss",
    title: "no window scaling, no SACK, no timestamps: TCP as it was in 1981",
    teaches: "window scaling, SACK and timestamps are options that both SYNs have to offer; without them TCP still works, with less speed",
    watch_for: "the options of the SYN: mss alone; the windows never exceed 65535",
    question: "Would the SYN-ACK of a server that can do more look different?",
    signs: &[
        Sign {
            name: "SYN with mss alone",
            on: |segment| segment.flags == Flags::SYN && segment.options.seen == OptionsSeen::MSS,
        },
        Sign {
            name: "SYN-ACK with mss alone",
            on: |segment| segment.flags == SYN_ACK && segment.options.seen == OptionsSeen::MSS,
        },
    ],
    origin: Origin::Sockets(one_request),
    network: Network {
        settings: &[
            ("ipv4/tcp_window_scaling", "0"),
            ("ipv4/tcp_sack", "0"),
            ("ipv4/tcp_timestamps", "0"),
        ],
        ..PLAIN
    },
    recording: recording!("only-mss"),
    ..ENTRY
};

pub(in crate::lab) const NO_OPTIONS: Scenario = Scenario {
    name: "no-options",
    title: "SYNs without any option",
    teaches: "without the mss option an end takes segments of 536 bytes over IPv4, the default of RFC 9293",
    watch_for: "headers of 20 bytes, and segments of at most 536 bytes",
    question: "Neither SYN says how long a segment may be. How long may it be?",
    signs: &[
        Sign {
            name: "SYN without options",
            on: |segment| segment.flags == Flags::SYN && segment.options.seen.is_empty(),
        },
        Sign {
            name: "SYN-ACK without options",
            on: |segment| segment.flags == SYN_ACK && segment.options.seen.is_empty(),
        },
    ],
    origin: Origin::Constructed(include_str!("no-options.script")),
    recording: recording!("no-options"),
    ..ENTRY
};

pub(in crate::lab) const MPTCP: Scenario = Scenario {
    name: "mptcp",
    title: "Multipath TCP asks to use several paths",
    teaches: "MPTCP is an option of ordinary TCP segments; whoever does not know it sees an ordinary connection",
    watch_for: "the handshake is the same; an option of kind 30 in its SYN-ACK and its ACK carries the keys of the ends",
    question: "A middle box that has never heard of MPTCP looks at this. What does it see?",
    signs: &[
        Sign {
            name: "SYN with MP_CAPABLE",
            on: |segment| {
                segment.flags == Flags::SYN
                    && segment.options.mptcp_subtype == Some(Options::MP_CAPABLE)
            },
        },
        Sign {
            name: "SYN-ACK with MP_CAPABLE",
            on: |segment| {
                segment.flags == SYN_ACK
                    && segment.options.mptcp_subtype == Some(Options::MP_CAPABLE)
            },
        },
    ],
    origin: Origin::Sockets(mptcp),
    network: Network {
        settings: &[("mptcp/enabled", "1")],
        protocol: Some(libc::IPPROTO_MPTCP),
        ..PLAIN
    },
    recording: recording!("mptcp"),
    ..ENTRY
};

fn mptcp(stage: &Stage) -> Result<(), LabError> {
    let protocol = Some(Protocol::from(libc::IPPROTO_MPTCP));
    let door = listen(
        stage,
        &Manner {
            protocol,
            ..Manner::default()
        },
    )?;
    let mut client = client(stage, protocol)?;
    client.connect(PATIENCE)?;
    let mut server = door.accept()?;
    client.send(b"Hello server!")?;
    server.recv_bytes(13)?;
    part(client, server)
}

pub(in crate::lab) const SELF_CONNECT: Scenario = Scenario {
    name: "self-connect",
    title: "a socket that connects to itself",
    teaches: "a client whose own port is the port it connects to meets its own SYN: a simultaneous open with itself",
    watch_for: "source and destination are the same; no server exists, and yet connect() succeeds",
    question: "Nobody listens. Why is the connection not refused?",
    required: Labels::SELF_CONNECT,
    forbidden: Labels::CAPTURE_GAP.union(Labels::ZERO_WINDOW),
    origin: Origin::Sockets(self_connect),
    recording: recording!("self-connect"),
    ..ENTRY
};

fn self_connect(stage: &Stage) -> Result<(), LabError> {
    let mut alone = client(stage, None)?;
    bind(stage, Side::Client, &alone.socket, stage.server(), true)?;
    alone.connect(PATIENCE)?;
    alone.send(b"Hello myself!")?;
    alone.recv_bytes(13)?;
    alone.shut()?;
    alone.recv_to_end()?;
    alone.close();
    Ok(())
}

/// Long enough that both SYNs are under way at once, short enough to wait for.
const CALM: Plan = Plan {
    latency: Duration::from_millis(30),
    rate: None,
    rules: &[],
    random: None,
    summary: "30 ms each way; nothing is lost",
};

pub(in crate::lab) const SIMULTANEOUS_OPEN: Scenario = Scenario {
    name: "simultaneous-open",
    title: "both ends call connect() at the same time",
    teaches: "two SYNs that cross open one connection, without any server: four packets instead of three",
    watch_for: "each end goes from SYN-SENT to SYN-RECEIVED when the other's SYN arrives, as in figure 7 of RFC 9293",
    question: "Each end has sent a SYN and receives one without ACK. Is that an error?",
    required: Labels::SIMULTANEOUS_OPEN,
    forbidden: Labels::CAPTURE_GAP.union(Labels::ZERO_WINDOW),
    origin: Origin::Wire(simultaneous_open, &CALM),
    recording: recording!("simultaneous-open"),
    ..ENTRY
};

fn simultaneous_open(stage: &Stage) -> Result<(), LabError> {
    let other = stage.port.checked_add(1).unwrap_or(1_024);
    let mut left = client(stage, None)?;
    let mut right = caller(stage)?;
    let here = |port| SocketAddr::from((HERE, port));
    bind(stage, Side::Client, &left.socket, here(other), true)?;
    bind(stage, Side::Server, &right.socket, here(stage.port), true)?;
    left.begin_connecting((THERE, stage.port).into())?;
    right.begin_connecting((THERE, other).into())?;
    left.wait_until_connected()?;
    right.wait_until_connected()?;
    left.send(b"Hello!")?;
    right.recv_bytes(6)?;
    part(left, right)
}
