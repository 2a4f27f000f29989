//! What is lost, late or doubled on a wire, and how the ends notice and repair it.

use std::time::Duration;

use super::{ENTRY, recording};
use crate::lab::LabError;
use crate::lab::ends::{Manner, PATIENCE, client, listen, meet, part, pause, system};
use crate::lab::network::{Network, PLAIN};
use crate::lab::scenario::{Group, Origin, Scenario, Sign, Stage};
use crate::lab::wire::{Fate, Kind, Plan, Random, Rule};
use crate::tcp::{Flags, Labels, Side};

/// The full-size payload on a wire of 1500 bytes with timestamps.
const SEGMENT: usize = 1_448;

/// Textbooks describe Reno; this kernel's own default may be paced and would look different.
const RENO: Network = Network {
    congestion: Some("reno"),
    ..PLAIN
};

/// Reno, and no tail loss probes: where nothing is lost, a delayed ACK on a busy machine must not provoke one.
const TEXTBOOK: Network = Network {
    settings: &[("ipv4/tcp_early_retrans", "0")],
    ..RENO
};

const WIRE: Plan = Plan {
    latency: Duration::from_millis(30),
    rate: None,
    rules: &[],
    random: None,
    summary: "30 ms each way",
};

/// Most entries here. Which labels there are decides each by itself.
const LOSS: Scenario = Scenario {
    group: Group::Loss,
    network: TEXTBOOK,
    forbidden: Labels::ZERO_WINDOW.union(Labels::KEEP_ALIVE),
    ..ENTRY
};

/// A D-SACK: its first block is about bytes that are acknowledged already (RFC 2883 section 4).
const REPORTED_TWICE: Sign = Sign {
    name: "ACK with D-SACK",
    on: |segment| {
        let first = segment.options.sack.first();
        first.is_some_and(|block| block.right.at_or_before(segment.ack))
    },
};

/// What happens to one packet.
const fn once(from: Side, kind: Kind, nth: u32, fate: Fate) -> Rule {
    Rule {
        from,
        kind,
        first: nth,
        last: nth,
        fate,
    }
}

pub(in crate::lab) const LOST_SYN: Scenario = Scenario {
    name: "lost-syn",
    title: "the first SYN is lost",
    teaches: "nothing is known about the path yet, so the client waits a whole second before it repeats its SYN (RFC 6298)",
    watch_for: "the second between the two SYNs, and that both have the same number",
    question: "The SYN is lost. Who notices, and when?",
    required: Labels::RETRANSMISSION,
    origin: Origin::Wire(
        greeting,
        &Plan {
            rules: &[once(Side::Client, Kind::Syn, 1, Fate::Lose)],
            summary: "30 ms each way; the first SYN is lost",
            ..WIRE
        },
    ),
    recording: recording!("lost-syn"),
    ..LOSS
};

pub(in crate::lab) const LOST_SYN_ACK: Scenario = Scenario {
    name: "lost-syn-ack",
    title: "the SYN-ACK is lost",
    teaches: "the client cannot tell a lost SYN from a lost SYN-ACK: it repeats the SYN, and the server repeats its answer",
    watch_for: "the server is in SYN-RECEIVED already when the second SYN arrives",
    question: "The client repeats its SYN. Was the first one lost?",
    required: Labels::RETRANSMISSION,
    origin: Origin::Wire(
        greeting,
        &Plan {
            rules: &[once(Side::Server, Kind::Syn, 1, Fate::Lose)],
            summary: "30 ms each way; the first SYN-ACK is lost",
            ..WIRE
        },
    ),
    recording: recording!("lost-syn-ack"),
    ..LOSS
};

/// One message, and the client closes.
fn greeting(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(b"Hello server!")?;
    server.recv_bytes(13)?;
    part(client, server)
}

pub(in crate::lab) const LOST_DATA: Scenario = Scenario {
    name: "lost-data",
    title: "one segment of five is lost: duplicate ACKs, SACK, fast retransmit",
    teaches: "segments after a hole make the receiver repeat its ACK; three of these tell the sender what to send again, without a timer",
    watch_for: "the ACK number that does not move, the SACK ranges that grow, and the repeated segment one round trip later",
    question: "Three duplicate ACKs arrive. Which bytes does the client send again?",
    signs: &[super::SELECTIVE_ACK],
    required: Labels::DUPLICATE_ACK.union(Labels::FAST_RETRANSMISSION),
    origin: Origin::Wire(
        five_segments,
        &Plan {
            rules: &[once(Side::Client, Kind::Data, 2, Fate::Lose)],
            summary: "30 ms each way; the second data segment is lost",
            ..WIRE
        },
    ),
    recording: recording!("lost-data"),
    ..LOSS
};

/// Five full segments at once, as the initial window of ten allows. The receive buffer has a fixed size: while it grows,
/// each ACK offers more, and an ACK that offers more is not a duplicate (RFC 5681 section 2). It is so small that the
/// first segment uses up what Linux adds once it knows how much memory a segment takes.
fn five_segments(stage: &Stage) -> Result<(), LabError> {
    let door = listen(
        stage,
        &Manner {
            prepare: |socket| socket.set_recv_buffer_size(16_000),
            ..Manner::default()
        },
    )?;
    let mut client = client(stage, None)?;
    client.connect(PATIENCE)?;
    let mut server = door.accept()?;
    client.send(&[b'.'; 5 * SEGMENT])?;
    // A program that reads makes room, and then the next ACK offers more again.
    pause(150);
    server.recv_bytes(5 * SEGMENT)?;
    part(client, server)
}

pub(in crate::lab) const LOST_TAIL: Scenario = Scenario {
    name: "lost-tail",
    title: "the last segments are lost: a probe, then the timer, each wait twice as long",
    teaches: "after the last segment nothing can cause duplicate ACKs: a tail loss probe tries first, then the timer runs out and doubles",
    watch_for: "the first repetition comes early and repeats the very last segment (RFC 8985); the timer repeats the first missing one",
    question: "The last two segments are lost. Which later segment could make the server complain?",
    required: Labels::RETRANSMISSION.union(Labels::TAIL_LOSS_PROBE),
    origin: Origin::Wire(
        one_then_two,
        &Plan {
            rules: &[Rule {
                from: Side::Client,
                kind: Kind::Data,
                first: 2,
                last: 5,
                fate: Fate::Lose,
            }],
            summary: "30 ms each way; of the data, the second to the fifth packet are lost",
            ..WIRE
        },
    ),
    network: RENO,
    recording: recording!("lost-tail"),
    ..LOSS
};

fn three_segments(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(&[b'.'; 3 * SEGMENT])?;
    server.recv_bytes(3 * SEGMENT)?;
    pause(100);
    part(client, server)
}

/// After the first segment the client knows how long a round trip takes.
fn one_then_two(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(&[b'.'; SEGMENT])?;
    pause(150);
    client.send(&[b'.'; 2 * SEGMENT])?;
    server.recv_bytes(3 * SEGMENT)?;
    pause(100);
    part(client, server)
}

pub(in crate::lab) const LOST_ACK: Scenario = Scenario {
    name: "lost-ack",
    title: "an ACK is lost, and nobody minds",
    teaches: "ACKs are cumulative: the next one says everything that the lost one would have said",
    watch_for: "one ACK never arrives, and nothing is repeated",
    question: "An ACK is lost. What has to be sent again?",
    forbidden: LOSS.forbidden.union(Labels::ANY_RETRANSMISSION),
    origin: Origin::Wire(
        spaced_segments,
        &Plan {
            rules: &[once(Side::Server, Kind::Ack, 1, Fate::Lose)],
            summary: "30 ms each way; the server's first ACK is lost",
            ..WIRE
        },
    ),
    recording: recording!("lost-ack"),
    ..LOSS
};

fn spaced_segments(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    // Nagle's algorithm would wait for the lost ACK.
    client
        .socket
        .set_tcp_nodelay(true)
        .map_err(system("setsockopt"))?;
    for _ in 0..3 {
        client.send(&[b'.'; SEGMENT])?;
        pause(10);
    }
    server.recv_bytes(3 * SEGMENT)?;
    pause(100);
    part(client, server)
}

pub(in crate::lab) const REORDERING: Scenario = Scenario {
    name: "reordering",
    title: "a segment is overtaken on its way",
    teaches: "a late segment looks like a lost one to the receiver: it repeats its ACK and reports by SACK what came early",
    watch_for: "duplicate ACKs that stop by themselves; the sender has repeated nothing if the segment was late by little",
    question: "The server complains about a hole, and the client does nothing. Why is that right?",
    required: Labels::DUPLICATE_ACK,
    forbidden: LOSS.forbidden.union(Labels::ANY_RETRANSMISSION),
    origin: Origin::Wire(
        five_segments,
        &Plan {
            rules: &[once(
                Side::Client,
                Kind::Data,
                3,
                Fate::Delay(Duration::from_millis(4)),
            )],
            summary: "30 ms each way; the third data segment takes 4 ms more",
            ..WIRE
        },
    ),
    recording: recording!("reordering"),
    ..LOSS
};

pub(in crate::lab) const DUPLICATE: Scenario = Scenario {
    name: "duplicate",
    title: "the network delivers a segment twice",
    teaches: "a receiver knows by the number that it has these bytes already, and says so at once (D-SACK, RFC 2883)",
    watch_for: "the second copy changes nothing; its ACK reports the range that came twice",
    question: "The server receives the same bytes twice. How often does its program read them?",
    signs: &[REPORTED_TWICE],
    forbidden: LOSS.forbidden.union(Labels::ANY_RETRANSMISSION),
    origin: Origin::Wire(
        three_segments,
        &Plan {
            rules: &[once(
                Side::Client,
                Kind::Data,
                1,
                Fate::Double(Duration::from_millis(10)),
            )],
            summary: "30 ms each way; the first data segment arrives twice",
            ..WIRE
        },
    ),
    recording: recording!("duplicate"),
    ..LOSS
};

pub(in crate::lab) const SPURIOUS: Scenario = Scenario {
    name: "spurious",
    title: "the ACKs are late, and the timer repeats what was never lost",
    teaches: "a sender's timer can be wrong: when a path becomes slower all at once, it runs out before the ACK arrives",
    watch_for: "a repeated segment (a tail loss probe), then the ACK of the first copy, and a D-SACK that tells the sender of its mistake",
    question: "The timer ran out. Was anything lost?",
    signs: &[REPORTED_TWICE],
    required: Labels::RETRANSMISSION,
    origin: Origin::Wire(
        request_after_request,
        &Plan {
            rules: &[Rule {
                from: Side::Server,
                kind: Kind::Ack,
                first: 2,
                last: 3,
                fate: Fate::Delay(Duration::from_millis(400)),
            }],
            summary: "30 ms each way; the server's second and third ACK take 400 ms more",
            ..WIRE
        },
    ),
    network: RENO,
    recording: recording!("spurious"),
    ..LOSS
};

fn request_after_request(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    for _ in 0..2 {
        client.send(&[b'.'; 500])?;
        server.recv_bytes(500)?;
        pause(700);
    }
    part(client, server)
}

pub(in crate::lab) const RANDOM_LOSS: Scenario = Scenario {
    name: "random-loss",
    title: "one packet in ten is lost by chance",
    teaches: "each hole is found by duplicate ACKs and filled one round trip later, and after each the sender has less under way",
    watch_for: "the two lost segments, and how many segments leave together before the first loss and after it",
    question: "Nobody tells the sender how much the path can carry. What does it take a lost packet for?",
    required: Labels::DUPLICATE_ACK.union(Labels::FAST_RETRANSMISSION),
    signs: &[super::SELECTIVE_ACK],
    origin: Origin::Wire(
        many_segments,
        &Plan {
            // The chances of this seed lose the 4th and the 17th packet with data, and the next one only after the end.
            random: Some(Random {
                seed: 1_017,
                percent: 10,
            }),
            summary: "30 ms each way; each data segment is lost with a chance of one in ten (seed 1017)",
            ..WIRE
        },
    ),
    recording: recording!("random-loss"),
    ..LOSS
};

/// More than the initial window of ten, in a receive buffer of a fixed size; see [`five_segments`].
fn many_segments(stage: &Stage) -> Result<(), LabError> {
    const ALL: usize = 22 * SEGMENT;
    let door = listen(
        stage,
        &Manner {
            prepare: |socket| socket.set_recv_buffer_size(64_000),
            ..Manner::default()
        },
    )?;
    let mut client = client(stage, None)?;
    client.connect(PATIENCE)?;
    let mut server = door.accept()?;
    client.send(&vec![b'.'; ALL])?;
    pause(600);
    server.recv_bytes(ALL)?;
    part(client, server)
}

pub(in crate::lab) const SLOW_LINK: Scenario = Scenario {
    name: "slow-link",
    title: "a slow link: 100 kB a second, and a queue in front of it",
    teaches: "what is sent faster than the slowest link carries waits in a queue before it: nothing is lost, but everything takes longer",
    watch_for: "ten segments that leave at once and arrive 15 ms apart, and the ACKs, which come back in that rhythm and set the pace",
    question: "Ten segments of 1500 bytes leave at once. When does the tenth arrive, and when the first?",
    forbidden: LOSS.forbidden.union(Labels::ANY_RETRANSMISSION),
    origin: Origin::Wire(
        sixteen_segments,
        &Plan {
            rate: Some(100_000),
            summary: "30 ms and 100 kB a second each way; nothing is lost",
            ..WIRE
        },
    ),
    recording: recording!("slow-link"),
    ..LOSS
};

fn sixteen_segments(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client.send(&vec![b'.'; 16 * SEGMENT])?;
    server.recv_bytes(16 * SEGMENT)?;
    pause(100);
    part(client, server)
}

pub(in crate::lab) const ECN_MARKED: Scenario = Scenario {
    name: "ecn-marked",
    title: "a router marks a packet instead of dropping it",
    teaches: "with ECN agreed, congestion is reported without loss: CE in the IP header, ECE in the ACKs, CWR from the sender",
    watch_for: "ECE on the server's ACKs until the client's CWR says that it has slowed down",
    question: "The router's queue was too long. What was lost?",
    signs: &[
        Sign {
            name: "ACK with ECE",
            on: |segment| segment.flags.contains(Flags::ECE) && !segment.flags.contains(Flags::SYN),
        },
        Sign {
            name: "data with CWR",
            on: |segment| segment.flags.contains(Flags::CWR) && segment.len > 0,
        },
    ],
    forbidden: LOSS.forbidden.union(Labels::ANY_RETRANSMISSION),
    network: Network {
        settings: &[("ipv4/tcp_early_retrans", "0"), ("ipv4/tcp_ecn", "1")],
        ..RENO
    },
    origin: Origin::Wire(
        two_bursts,
        &Plan {
            rules: &[once(Side::Client, Kind::Data, 3, Fate::Mark)],
            summary: "30 ms each way; the third data segment is marked CE",
            ..WIRE
        },
    ),
    recording: recording!("ecn-marked"),
    ..LOSS
};

fn two_bursts(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    for _ in 0..2 {
        client.send(&[b'.'; 5 * SEGMENT])?;
        server.recv_bytes(5 * SEGMENT)?;
        pause(100);
    }
    part(client, server)
}

pub(in crate::lab) const PATH_DEAD: Scenario = Scenario {
    name: "path-dead",
    title: "the cable is cut: data is repeated and never acknowledged",
    teaches: "no packet tells of a dead path; the sender repeats with doubling waits until it gives up",
    watch_for: "the waits between the repetitions: after a tail loss probe and the first timer each is twice the one before; nothing ever comes back",
    question: "The server's machine is gone, or the cable, or only the ACKs are lost. Can the client tell?",
    verdict: "open",
    required: Labels::RETRANSMISSION,
    origin: Origin::Wire(
        cut,
        &Plan {
            rules: &[
                Rule {
                    from: Side::Client,
                    kind: Kind::Any,
                    first: 4,
                    last: u32::MAX,
                    fate: Fate::Lose,
                },
                Rule {
                    from: Side::Server,
                    kind: Kind::Any,
                    first: 3,
                    last: u32::MAX,
                    fate: Fate::Lose,
                },
            ],
            summary: "30 ms each way; from the client's fourth packet on nothing arrives",
            ..WIRE
        },
    ),
    network: RENO,
    recording: recording!("path-dead"),
    ..LOSS
};

/// The client's kernel gives up after four seconds instead of the usual quarter of an hour, before its program would.
fn cut(stage: &Stage) -> Result<(), LabError> {
    let (mut client, mut server) = meet(stage)?;
    client
        .socket
        .set_tcp_user_timeout(Some(Duration::from_secs(4)))
        .map_err(system("setsockopt"))?;
    client.send(b"Hello server!")?;
    server.recv_bytes(13)?;
    pause(200);
    client.send(b"Can you hear me?")?;
    match client.recv(1) {
        Err(LabError::System { .. }) => {}
        Err(error) => return Err(error),
        Ok(_) => return Err(LabError::Uninvited),
    }
    // Nothing that either end still says gets through.
    client.close();
    server.close();
    Ok(())
}
