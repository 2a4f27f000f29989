//! How connections end.

use std::net::SocketAddr;
use std::time::Duration;

use super::{ENTRY, TROUBLE, recording};
use crate::lab::LabError;
use crate::lab::ends::{
    Manner, PATIENCE, bind, client, listen, meet, part, pause, set_option, system,
};
use crate::lab::network::{Network, PLAIN};
use crate::lab::scenario::{Group, Origin, Scenario, Stage};
use crate::lab::wire::Plan;
use crate::tcp::{Labels, Side};

pub(in crate::lab) const CLOSE_THREE: Scenario = Scenario {
    name: "close-three",
    title: "closed in three packets: the server closes at once",
    group: Group::Closing,
    teaches: "when the other end closes as soon as it sees the FIN, its ACK and its own FIN are one packet",
    watch_for: "the server's FIN-ACK: it acknowledges the client's FIN and closes the other direction",
    question: "Books show four packets. Which two have become one?",
    origin: Origin::Sockets(close_three),
    recording: recording!("close-three"),
    ..ENTRY
};

fn close_three(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    // This reader already waits when the FIN arrives, so that it closes before the kernel has sent a mere ACK.
    server
        .socket
        .set_tcp_quickack(false)
        .map_err(system("setsockopt"))?;
    client.send(b"Goodbye!")?;
    server.recv_bytes(8)?;
    part(client, server)
}

pub(in crate::lab) const CLOSE_FOUR: Scenario = Scenario {
    name: "close-four",
    title: "closed in four packets: the server takes its time",
    group: Group::Closing,
    teaches: "each direction is closed on its own: the kernel acknowledges a FIN, and the program closes when it likes",
    watch_for: "CLOSE-WAIT at the server for as long as its program has not called close()",
    question: "The client is in FIN-WAIT-2. Whom is it waiting for?",
    origin: Origin::Sockets(close_four),
    recording: recording!("close-four"),
    ..ENTRY
};

fn close_four(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(b"Goodbye!")?;
    server.recv_bytes(8)?;
    client.shut()?;
    server.recv_to_end()?;
    pause(400);
    server.close();
    client.recv_to_end()?;
    client.close();
    Ok(())
}

pub(in crate::lab) const HALF_CLOSE: Scenario = Scenario {
    name: "half-close",
    title: "the client has said everything and still listens",
    group: Group::Closing,
    teaches: "shutdown() closes one direction; the other one carries data for as long as its sender likes",
    watch_for: "data from the server after the client's FIN",
    question: "The client has sent its FIN. May the server still send?",
    origin: Origin::Sockets(half_close),
    recording: recording!("half-close"),
    ..ENTRY
};

fn half_close(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(b"pear\napple\nfig\n")?;
    client.shut()?;
    server.recv_to_end()?;
    pause(100);
    for line in [b"apple\n".as_slice(), b"fig\n", b"pear\n"] {
        server.send(line)?;
        client.recv_bytes(line.len())?;
    }
    server.close();
    client.recv_to_end()?;
    client.close();
    Ok(())
}

const CALM: Plan = Plan {
    latency: Duration::from_millis(30),
    rate: None,
    rules: &[],
    random: None,
    summary: "30 ms each way; nothing is lost",
};

pub(in crate::lab) const SIMULTANEOUS_CLOSE: Scenario = Scenario {
    name: "simultaneous-close",
    title: "both ends close at the same time, and their FINs cross",
    group: Group::Closing,
    teaches: "two FINs that cross lead both ends through CLOSING, and both wait in TIME-WAIT",
    watch_for: "the state CLOSING, at both ends",
    question: "Both ends have sent a FIN. Which of them stays in TIME-WAIT?",
    origin: Origin::Wire(simultaneous_close, &CALM),
    recording: recording!("simultaneous-close"),
    ..ENTRY
};

fn simultaneous_close(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(b"Goodbye!")?;
    server.recv_bytes(8)?;
    pause(100);
    client.shut()?;
    server.shut()?;
    server.recv_to_end()?;
    client.recv_to_end()?;
    server.close();
    client.close();
    Ok(())
}

pub(in crate::lab) const TIME_WAIT: Scenario = Scenario {
    name: "time-wait",
    title: "the server closes first, and the same ports are used again",
    group: Group::Closing,
    teaches: "who closes first stays in TIME-WAIT; a new SYN with newer numbers may still use the same ports (RFC 9293, 3.6.1)",
    watch_for: "the second connection: the same two ports, a new initial sequence number, and no delay",
    question: "The server's end is in TIME-WAIT. Can the same client port connect again within the minute?",
    required: Labels::REUSED_PORTS,
    forbidden: TROUBLE,
    origin: Origin::Sockets(time_wait),
    recording: recording!("time-wait"),
    ..ENTRY
};

fn time_wait(stage: &Stage) -> Result<(), LabError> {
    let door = listen(stage, &Manner::default())?;
    let mut own = SocketAddr::from(([127, 0, 0, 1], 0));
    for _ in 0..2 {
        let mut client = client(stage, None)?;
        bind(stage, Side::Client, &client.socket, own, true)?;
        own = client.local()?;
        client.connect(PATIENCE)?;
        let mut server = door.accept()?;
        client.send(b"Hello server!")?;
        server.recv_bytes(13)?;
        server.shut()?;
        client.recv_to_end()?;
        client.close();
        server.recv_to_end()?;
        server.close();
        pause(200);
    }
    Ok(())
}

pub(in crate::lab) const RESET_LINGER: Scenario = Scenario {
    name: "reset-linger",
    title: "the client does not close, it aborts (SO_LINGER 0)",
    group: Group::Closing,
    teaches: "a reset ends both directions at once; what was under way is thrown away, and the other end gets ECONNRESET",
    watch_for: "the RST where a FIN would be, and that nobody answers it",
    question: "Who acknowledges a reset?",
    verdict: "reset",
    origin: Origin::Sockets(reset_linger),
    recording: recording!("reset-linger"),
    ..ENTRY
};

fn reset_linger(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(b"Hello server!")?;
    server.recv_bytes(13)?;
    pause(50);
    client
        .socket
        .set_linger(Some(Duration::ZERO))
        .map_err(system("setsockopt"))?;
    client.close();
    server.close();
    Ok(())
}

pub(in crate::lab) const RESET_UNREAD: Scenario = Scenario {
    name: "reset-unread",
    title: "the server closes without having read everything",
    group: Group::Closing,
    teaches: "close() with unread data sends a reset instead of a FIN: data was lost, and the sender must learn it (RFC 9293, 3.6.1)",
    watch_for: "the RST comes from the end that called an ordinary close()",
    question: "The server calls close(), not abort. Why is there no FIN?",
    verdict: "reset",
    origin: Origin::Sockets(reset_unread),
    recording: recording!("reset-unread"),
    ..ENTRY
};

fn reset_unread(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(b"This line is read.\n")?;
    server.recv_bytes(19)?;
    client.send(b"This one is not.\n")?;
    pause(50);
    server.close();
    client.close();
    Ok(())
}

pub(in crate::lab) const HALF_OPEN: Scenario = Scenario {
    name: "half-open",
    title: "the server's machine crashed, and the client does not know it",
    group: Group::Closing,
    teaches: "a connection exists only in the memory of its two ends; after a crash the first segment is answered by a reset",
    watch_for: "no packet announces the crash; the reset takes its number from the client's own acknowledgment",
    question: "The server has forgotten everything. How does its kernel answer the client's next segment?",
    verdict: "reset",
    origin: Origin::Sockets(half_open),
    network: Network {
        keeps_rights: true,
        ..PLAIN
    },
    recording: recording!("half-open"),
    ..ENTRY
};

/// A socket in repair mode disappears without a packet, as in a crash.
fn half_open(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(b"Hello server!")?;
    server.recv_bytes(13)?;
    pause(100);
    set_option(&server.socket, libc::IPPROTO_TCP, libc::TCP_REPAIR, 1)
        .map_err(system("setsockopt"))?;
    server.close();
    pause(500);
    client.send(b"Are you still there?")?;
    pause(50);
    client.close();
    Ok(())
}
