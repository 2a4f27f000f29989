//! How data flows, and what holds it back.

use std::time::Duration;

use socket2::TcpKeepalive;

use super::{ENTRY, ETHERNET, TROUBLE, recording};
use crate::lab::LabError;
use crate::lab::ends::{Manner, PATIENCE, client, listen, meet, part, pause, system};
use crate::lab::network::Network;
use crate::lab::scenario::{Group, Origin, Scenario, Sign, Stage};
use crate::tcp::{Flags, Labels};

pub(in crate::lab) const HELLO: Scenario = Scenario {
    name: "hello",
    title: "several messages, read at most 1024 bytes at a time",
    group: Group::Data,
    teaches: "TCP carries bytes, not messages: what one send() gives need not be what one recv() gets",
    watch_for: "2000 bytes leave in one send() and are fetched by two recv(); nothing on the arrow tells the program so",
    question: "The client calls send() four times. How often must the server call recv() to get everything?",
    origin: Origin::Sockets(hello),
    network: ETHERNET,
    recording: recording!("hello"),
    ..ENTRY
};

/// What a first server does: read up to 1024 bytes, and again, until the client has closed.
fn hello(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    for message in [
        b"Hello server!".as_slice(),
        &[b'a'; 1024],
        &[b'b'; 2000],
        b"Goodbye!",
    ] {
        client.send(message)?;
        let mut left = message.len();
        while left > 0 {
            left -= server.recv(1024)?.len().clamp(1, left);
        }
        pause(5);
    }
    part(client, server)
}

pub(in crate::lab) const NAGLE: Scenario = Scenario {
    name: "nagle",
    title: "Nagle's algorithm waits for an ACK that is being delayed",
    group: Group::Data,
    teaches: "a sender holds back a small segment while another one is unacknowledged; a receiver may delay its ACK: together they wait 40 ms for nothing",
    watch_for: "the pause before the second piece: the client has it, and sends it only when the first one is acknowledged",
    question: "Both pieces were given to send() at once. Why does the second leave 40 ms later?",
    origin: Origin::Sockets(nagle),
    network: ETHERNET,
    recording: recording!("nagle"),
    ..ENTRY
};

/// Write, write, read: the pattern that RFC 1122 section 4.2.3.4 has in mind.
fn nagle(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    for _ in 0..2 {
        // A young connection acknowledges at once, to let its peer speed up; this receiver is past that.
        server
            .socket
            .set_tcp_quickack(false)
            .map_err(system("setsockopt"))?;
        client.send(b"first piece, ")?;
        client.send(b"second piece")?;
        server.recv_bytes(25)?;
        server.send(b"answer")?;
        client.recv_bytes(6)?;
    }
    part(client, server)
}

pub(in crate::lab) const SLOW_READER: Scenario = Scenario {
    name: "slow-reader",
    title: "the sender fills the receiver's window and has to wait for the reader",
    group: Group::Data,
    teaches: "the window lets the reading program set the pace: a sender may have only so many bytes unacknowledged",
    watch_for: "segments that fill the window to its last byte, and the ACKs that open it again",
    question: "The client has 100 kB to send and the network is idle. What is it waiting for?",
    required: Labels::WINDOW_FULL,
    forbidden: Labels::CAPTURE_GAP,
    origin: Origin::Sockets(slow_reader),
    // A receiver that waits with its ACK until there is room looks like a loss, and a sender would probe (RFC 8985).
    network: Network {
        settings: &[("ipv4/tcp_early_retrans", "0")],
        ..ETHERNET
    },
    recording: recording!("slow-reader"),
    ..ENTRY
};

fn slow_reader(stage: &Stage) -> Result<(), LabError> {
    const ALL: usize = 100_000;
    let door = listen(
        stage,
        &Manner {
            prepare: |socket| socket.set_recv_buffer_size(32_000),
            ..Manner::default()
        },
    )?;
    let mut client = client(stage, None)?;
    client.connect(PATIENCE)?;
    let mut server = door.accept()?;
    // The kernel keeps what the window does not let out yet.
    client.send(&vec![b'.'; ALL])?;
    let mut left = ALL;
    while left > 0 {
        pause(10);
        left -= server.recv(10_000)?.len().clamp(1, left);
    }
    part(client, server)
}

pub(in crate::lab) const ZERO_WINDOW: Scenario = Scenario {
    name: "zero-window",
    title: "the reader stops: window 0, probes, and a window update",
    group: Group::Data,
    teaches: "a full receiver closes its window; the sender probes, so that a lost window update cannot stop both for ever",
    watch_for: "window 0, the probes at doubling intervals, and the update when the program reads again",
    question: "The window is 0 and the update could get lost. Who breaks the silence?",
    required: Labels::ZERO_WINDOW
        .union(Labels::ZERO_WINDOW_PROBE)
        .union(Labels::ZERO_WINDOW_PROBE_ACK),
    forbidden: Labels::CAPTURE_GAP.union(Labels::KEEP_ALIVE),
    origin: Origin::Sockets(zero_window),
    network: ETHERNET,
    recording: recording!("zero-window"),
    ..ENTRY
};

/// A receive buffer of 1 byte becomes the least that the kernel allows.
fn zero_window(stage: &Stage) -> Result<(), LabError> {
    const ALL: usize = 6_000;
    let door = listen(
        stage,
        &Manner {
            prepare: |socket| socket.set_recv_buffer_size(1),
            ..Manner::default()
        },
    )?;
    let mut client = client(stage, None)?;
    client.connect(PATIENCE)?;
    let mut server = door.accept()?;
    client.send(&[b'.'; ALL])?;
    pause(1_800);
    server.recv_bytes(ALL)?;
    part(client, server)
}

pub(in crate::lab) const WINDOW_SCALING: Scenario = Scenario {
    name: "window-scaling",
    title: "a window of megabytes in a field of 16 bits",
    group: Group::Data,
    teaches: "the window field counts in units that the SYN announces: shifted left by the window scale (RFC 7323)",
    watch_for: "wscale in the SYNs, and more than 65535 bytes that are there before the program has read the first of them",
    question: "The window field holds at most 65535. How can an end offer room for two million bytes?",
    signs: &[Sign {
        name: "SYN with a window scale above 7",
        on: |segment| {
            segment.flags.contains(Flags::SYN)
                && segment.options.window_scale.is_some_and(|scale| scale > 7)
        },
    }],
    origin: Origin::Sockets(window_scaling),
    network: Network {
        settings: &[("ipv4/tcp_rmem", "4096 4194304 33554432")],
        ..super::PLAIN
    },
    forbidden: TROUBLE,
    recording: recording!("window-scaling"),
    ..ENTRY
};

fn window_scaling(stage: &Stage) -> Result<(), LabError> {
    const ALL: usize = 120_000;
    let (mut client, mut server) = meet(stage)?;
    client.send(&vec![b'.'; ALL])?;
    pause(50);
    server.recv_bytes(ALL)?;
    part(client, server)
}

pub(in crate::lab) const KEEP_ALIVE: Scenario = Scenario {
    name: "keep-alive",
    title: "nothing to say: the server asks now and then whether the client is still there",
    group: Group::Data,
    teaches: "TCP itself is silent when idle; keep-alive repeats an old number so that the other end must answer",
    watch_for: "the sequence number of the probe: one less than the next one, so that it is out of date on purpose",
    question: "How can a segment without data make the other end answer?",
    required: Labels::KEEP_ALIVE.union(Labels::KEEP_ALIVE_ACK),
    forbidden: Labels::ANY_RETRANSMISSION
        .union(Labels::ZERO_WINDOW)
        .union(Labels::CAPTURE_GAP),
    origin: Origin::Sockets(keep_alive),
    recording: recording!("keep-alive"),
    ..ENTRY
};

/// Two hours are usual; here it is one second.
fn keep_alive(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    let second = Duration::from_secs(1);
    server
        .socket
        .set_tcp_keepalive(&TcpKeepalive::new().with_time(second).with_interval(second))
        .map_err(system("setsockopt"))?;
    client.send(b"Hello server!")?;
    server.recv_bytes(13)?;
    pause(2_500);
    part(client, server)
}

pub(in crate::lab) const URGENT: Scenario = Scenario {
    name: "urgent",
    title: "urgent data: a byte that wants to be noticed first",
    group: Group::Data,
    teaches: "the URG flag and the urgent pointer mark a place in the stream; the byte still travels in its order",
    watch_for: "the URG flag and the segment that carries it",
    question: "Does an urgent byte overtake the bytes before it?",
    signs: &[Sign {
        name: "data with URG",
        on: |segment| segment.flags.contains(Flags::URG) && segment.len > 0,
    }],
    origin: Origin::Sockets(urgent),
    recording: recording!("urgent"),
    ..ENTRY
};

fn urgent(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(b"a long calculation")?;
    server.recv_bytes(18)?;
    client.send_urgent(b'!')?;
    // Without asking for it, a program does not meet the urgent byte among the others.
    pause(50);
    client.send(b"another one")?;
    server.recv_bytes(11)?;
    part(client, server)
}

pub(in crate::lab) const SEQUENCE_WRAP: Scenario = Scenario {
    name: "sequence-wrap",
    title: "sequence numbers pass 4294967295 and go on with 0",
    group: Group::Data,
    teaches: "sequence numbers have 32 bits and wrap round; comparing them is arithmetic modulo 2^32",
    watch_for: "nothing unusual with relative numbers; --raw-seq shows where they begin again",
    question: "An ACK has a smaller number than the one before. Is it older?",
    origin: Origin::Constructed(include_str!("sequence-wrap.script")),
    recording: recording!("sequence-wrap"),
    ..ENTRY
};
