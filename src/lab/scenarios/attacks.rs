//! What others can do to a server: made with packets that no ordinary socket sends, against our own kernel only.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use super::opening::swallow_everything;
use super::{ENTRY, recording};
use crate::lab::LabError;
use crate::lab::ends::{Manner, PATIENCE, client, listen, part, pause, system};
use crate::lab::network::{Network, PLAIN};
use crate::lab::scenario::{Group, Origin, Scenario, Sign, Stage};
use crate::lab::script::Script;
use crate::tcp::{Flags, Labels};

/// The port that probes come from.
const PROBER: u16 = 40_000;

const ATTACK: Scenario = Scenario {
    group: Group::Attacks,
    network: Network { raw: true, ..PLAIN },
    forbidden: Labels::CAPTURE_GAP.union(Labels::ZERO_WINDOW),
    ..ENTRY
};

pub(in crate::lab) const SYN_SCAN: Scenario = Scenario {
    name: "syn-scan",
    title: "a port scan: a SYN to each of five ports, and no connection wanted",
    teaches: "a closed port answers with RST-ACK, an open one with SYN-ACK; the scanner resets that one and has its answer",
    watch_for: "the one port that answers differently, and who sends which reset",
    question: "The scanner's program never calls connect(). Why does its kernel reset the open port?",
    verdict: "refused",
    origin: Origin::Sockets(syn_scan),
    recording: recording!("syn-scan"),
    ..ATTACK
};

fn syn_scan(stage: &Stage) -> Result<(), LabError> {
    let door = listen(stage, &Manner::default())?;
    let below = stage.port.saturating_sub(2).max(1);
    for port in below..=below.saturating_add(4) {
        send(
            stage,
            &format!(
                "client 127.0.0.1:{PROBER} isn 1\nserver 127.0.0.1:{port}\n0 C > S SYN win 1024 mss 1460"
            ),
        )?;
        pause(20);
    }
    door.close();
    Ok(())
}

pub(in crate::lab) const NULL_PROBE: Scenario = Scenario {
    name: "null-probe",
    title: "segments without any flag, to a closed and to an open port",
    teaches: "a closed port answers whatever it gets with a reset, an open one ignores what has no flag: silence means open, or filtered",
    watch_for: "no flags at all; the RST-ACK of the closed port, and nothing from the open one",
    question: "Which of the two ports is open: the one that answers or the one that does not?",
    signs: &[Sign {
        name: "segment without flags",
        on: |segment| segment.flags.is_empty(),
    }],
    verdict: "open",
    origin: Origin::Sockets(null_probe),
    recording: recording!("null-probe"),
    ..ATTACK
};

fn null_probe(stage: &Stage) -> Result<(), LabError> {
    probe(stage, "none")
}

pub(in crate::lab) const XMAS_PROBE: Scenario = Scenario {
    name: "xmas-probe",
    title: "segments lit like a Christmas tree: FIN, PSH and URG without a connection",
    teaches: "RFC 9293 says what a port without a connection does with any segment; scanners read its state from that",
    watch_for: "the flags of the probe; the closed port answers with RST-ACK, the open one stays silent",
    question: "No ACK, no SYN, no RST. What does a listening port do with it?",
    signs: &[Sign {
        name: "FIN, PSH and URG together",
        on: |segment| segment.flags == Flags::FIN.union(Flags::PSH).union(Flags::URG),
    }],
    verdict: "open",
    origin: Origin::Sockets(xmas_probe),
    recording: recording!("xmas-probe"),
    ..ATTACK
};

fn xmas_probe(stage: &Stage) -> Result<(), LabError> {
    probe(stage, "FIN-PSH-URG")
}

/// The same segment to the port below the server's, which is closed, and to the server's.
fn probe(stage: &Stage, flags: &str) -> Result<(), LabError> {
    let door = listen(stage, &Manner::default())?;
    for port in [stage.port.saturating_sub(1).max(1), stage.port] {
        send(
            stage,
            &format!(
                "client 127.0.0.1:{PROBER} isn 1\nserver 127.0.0.1:{port}\n0 C > S {flags} win 1024"
            ),
        )?;
        pause(50);
    }
    door.close();
    Ok(())
}

pub(in crate::lab) const SYN_FLOOD: Scenario = Scenario {
    name: "syn-flood",
    title: "a SYN flood, and SYN cookies that let a real client in",
    teaches: "unfinished handshakes fill the server's queue; with cookies it keeps no memory of a SYN until the ACK returns its number",
    watch_for: "many SYN-ACKs that nobody acknowledges, and the real client that is served in spite of them",
    question: "The queue is full of SYNs that will never be completed. How can the server still accept somebody?",
    verdict: "unfinished",
    origin: Origin::Sockets(syn_flood),
    network: Network {
        raw: true,
        keeps_rights: true,
        settings: &[
            ("ipv4/tcp_syncookies", "1"),
            ("ipv4/tcp_max_syn_backlog", "4"),
            ("ipv4/tcp_synack_retries", "1"),
        ],
        ..PLAIN
    },
    recording: recording!("syn-flood"),
    ..ATTACK
};

/// The senders' addresses belong to a socket that swallows every answer, as a machine that is switched off does.
fn syn_flood(stage: &Stage) -> Result<(), LabError> {
    const SENDERS: u8 = 12;
    let silent = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(system("socket"))?;
    swallow_everything(&silent)
        .and_then(|()| silent.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PROBER)).into()))
        .and_then(|()| silent.listen(1))
        .map_err(system("listen"))?;
    let door = listen(
        stage,
        &Manner {
            backlog: 4,
            ..Manner::default()
        },
    )?;
    for sender in 1..=SENDERS {
        send(
            stage,
            &format!(
                "client 127.9.9.{sender}:{PROBER} isn {sender}000\nserver 127.0.0.1:{}\n0 C > S SYN win 1024 mss 1460",
                stage.port
            ),
        )?;
        pause(5);
    }
    pause(100);
    let mut client = client(stage, None)?;
    client.connect(PATIENCE)?;
    let mut server = door.accept()?;
    client.send(b"Is this taken?")?;
    server.recv_bytes(14)?;
    part(client, server)?;
    // The kernel repeats one SYN-ACK for each SYN that it remembers.
    pause(1_300);
    Ok(())
}

/// Sends a script's packets as they are.
fn send(stage: &Stage, script: &str) -> Result<(), LabError> {
    let script = Script::parse(script).map_err(LabError::Script)?;
    let raw = stage.raw()?;
    for (segment, frame) in script.segments().zip(script.frames()) {
        let to = segment.tuple.destination;
        let to = SocketAddr::from((to.address, to.port));
        raw.send_to(&frame.bytes, &to.into())
            .map_err(system("sendto"))?;
    }
    Ok(())
}
