//! Made-up conversations, which mostly go by the book and sometimes do not, so that the short way is left and entered
//! again in every manner; and the same where memory is short, which makes connections remember less and others go.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::ops::Range;

use handshake_watch::tcp::{
    Endpoint, Flags, FourTuple, IpFacts, Options, OptionsSeen, Segment, SeqNumber,
};
use handshake_watch::time::{Span, Timestamp};
use handshake_watch::track::{LabelRules, Limits, Losses, Tracker};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::known::known;

/// The tracker never keeps fewer connections than this.
const FEWEST: u16 = 64;

/// What one end does next.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// What is its turn: SYN or SYN-ACK, an ACK of all there is, else some bytes.
    Turn,
    /// So many bytes.
    Data(u32),
    /// An ACK that leaves out the last so many bytes.
    AckAllBut(u32),
    /// Bytes from so many before the last, as many as that, again.
    Again(u32, u32),
    /// Bytes beyond so many that the capture missed.
    Beyond(u32),
    Fin,
    Reset,
    /// A SYN of another connection.
    NewSyn,
    /// It has no room.
    Closed,
    /// The packet before, recorded twice.
    Copy,
    /// Any control bits.
    Odd(u16),
}

/// Which connection, whether its server, what, and how much later in microseconds.
type Move = (u16, bool, Act, i64);

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        80 => Just(Act::Turn),
        40 => (1_u32..3000).prop_map(Act::Data),
        3 => (0_u32..3000).prop_map(Act::AckAllBut),
        4 => (1_u32..6000, 1_u32..600).prop_map(|(back, len)| Act::Again(back, len)),
        1 => (1_u32..3000).prop_map(Act::Beyond),
        2 => Just(Act::Fin),
        1 => Just(Act::Reset),
        1 => Just(Act::NewSyn),
        1 => Just(Act::Closed),
        2 => Just(Act::Copy),
        1 => any::<u16>().prop_map(Act::Odd),
    ]
}

/// Moves of as many connections.
fn moves(connections: u16, most: usize) -> impl Strategy<Value = Vec<Move>> {
    let pause = prop_oneof![8 => 1_i64..1000, 4 => 1000_i64..300_000, 1 => 300_000_i64..9_000_000];
    prop::collection::vec((0..connections, any::<bool>(), act(), pause), 1..most)
}

/// One conversation as both ends have it: client, then server.
#[derive(Clone, Debug, Default)]
struct Talk {
    next: [SeqNumber; 2],
    said: [SeqNumber; 2],
    begun: [bool; 2],
    latest: Option<Segment>,
}

/// Makes segments of moves.
struct Author {
    talks: HashMap<u16, Talk>,
    time: Timestamp,
    frame: u64,
}

impl Author {
    fn new() -> Self {
        Self {
            talks: HashMap::new(),
            time: Timestamp::new(1_700_000_000, 0),
            frame: 0,
        }
    }

    /// Connections that are open and go on: the opening, and then turns of both ends.
    fn open(&mut self, connections: Range<u16>, turns: usize) -> Vec<Segment> {
        let moves = connections.flat_map(|which| {
            (0..turns).map(move |turn| (which, turn % 4 == 1 || turn % 4 == 2, Act::Turn, 100))
        });
        moves.map(|one| self.segment(one)).collect()
    }

    fn segment(&mut self, (which, from_server, act, pause): Move) -> Segment {
        let pause = if matches!(act, Act::Copy) { 5 } else { pause };
        self.time = self.time + Span::from_micros(pause);
        self.frame += 1;
        let (from, to) = (usize::from(from_server), usize::from(!from_server));
        let talk = self.talks.entry(which).or_default();
        let peer = talk.next[to];
        let ack = Flags::ACK;
        let next = talk.next[from];
        let begins = SeqNumber(u32::from(which) * 1_000_003 + u32::from(from_server) * 77_777);
        let (flags, seq, acks, len) = match act {
            Act::Turn if !talk.begun[from] && talk.begun[to] => (Flags::SYN | ack, begins, peer, 0),
            Act::Turn if !talk.begun[from] => (Flags::SYN, begins, SeqNumber(0), 0),
            Act::Turn if talk.said[from] != peer => (ack, next, peer, 0),
            Act::Turn => (ack | Flags::PSH, next, peer, 500),
            Act::Data(len) => (ack, next, peer, len),
            Act::AckAllBut(bytes) => (ack, next, peer - bytes, 0),
            Act::Again(back, len) => (ack, next - back, peer, len.min(back)),
            Act::Beyond(bytes) => (ack, next + bytes, peer, 100),
            Act::Fin => (ack | Flags::FIN, next, peer, 0),
            Act::Reset => (ack | Flags::RST, next, peer, 0),
            Act::NewSyn => (Flags::SYN, next + 1_000_000, SeqNumber(0), 0),
            Act::Closed => (ack, next, peer, 0),
            Act::Copy => match &talk.latest {
                Some(latest) => {
                    let (frame, time) = (self.frame, self.time);
                    return Segment {
                        frame,
                        time,
                        ..latest.clone()
                    };
                }
                None => (ack, next, peer, 0),
            },
            Act::Odd(bits) => (Flags::from_bits_truncate(bits), next, peer, 10),
        };
        let end = |port| Endpoint {
            address: Ipv4Addr::LOCALHOST.into(),
            port,
        };
        let ends = [end(20_000 + which), end(80)];
        let syn = flags.contains(Flags::SYN);
        let segment = Segment {
            frame: self.frame,
            time: self.time,
            tuple: FourTuple {
                source: ends[from],
                destination: ends[to],
            },
            seq,
            ack: acks,
            len,
            flags,
            window: if matches!(act, Act::Closed) {
                0
            } else {
                60_000
            },
            ip: IpFacts {
                id: Some(self.frame as u16),
                ..IpFacts::default()
            },
            options: options(which, syn),
            ..Segment::default()
        };
        if syn {
            talk.begun[from] = true;
            talk.next[from] = segment.seq_end();
        } else if segment.seq_end().after(next) {
            talk.next[from] = segment.seq_end();
        }
        if flags.contains(Flags::ACK) {
            talk.said[from] = acks;
        }
        talk.latest = Some(segment.clone());
        segment
    }
}

/// Every other conversation has what is usual in a SYN.
fn options(which: u16, syn: bool) -> Options {
    if !syn || which % 2 == 1 {
        return Options::default();
    }
    Options {
        seen: OptionsSeen::MSS | OptionsSeen::WINDOW_SCALE | OptionsSeen::SACK_PERMITTED,
        mss: Some(1460),
        window_scale: Some(7),
        ..Options::default()
    }
}

/// What is told of each segment and each connection, and what was given up; and how many segments every analyst judged.
fn track(segments: &[Segment], limits: Limits) -> (Vec<String>, Losses, u64) {
    let mut tracker = Tracker::new(limits);
    let mut told = Vec::new();
    for segment in segments {
        let change = tracker.segment(segment);
        told.push(format!("{change:?}"));
        told.push(known(tracker.connection(change.slot)));
        while let Some(connection) = tracker.next_final() {
            told.push(known(connection));
        }
    }
    tracker.finish();
    while let Some(connection) = tracker.next_final() {
        told.push(known(connection));
    }
    (told, tracker.losses(), tracker.judged())
}

/// Tracks on both ways, by either rules. What was given up.
fn compare(segments: &[Segment], memory: usize) -> Result<Losses, TestCaseError> {
    let mut losses = Losses::default();
    for labels in [LabelRules::Wireshark, LabelRules::Own] {
        let [short, thorough] = [false, true].map(|thorough| {
            let limits = Limits {
                labels,
                memory,
                thorough,
                ..Limits::default()
            };
            track(segments, limits)
        });
        for (short, thorough) in short.0.iter().zip(&thorough.0) {
            prop_assert_eq!(short, thorough);
        }
        prop_assert_eq!(short.0.len(), thorough.0.len());
        prop_assert_eq!(short.1, thorough.1);
        losses = short.1;
    }
    Ok(losses)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn any_talk_is_told_the_same(turns in 0_usize..8, moves in moves(3, 120)) {
        let mut author = Author::new();
        let mut segments = author.open(0..3, turns);
        segments.extend(moves.into_iter().map(|one| author.segment(one)));
        let losses = compare(&segments, Limits::DEFAULT_MEMORY)?;
        prop_assert_eq!(losses, Losses::default());
    }
}

proptest! {
    // Each of these fills the table first.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) })]

    /// One connection more than there is room for: all remember less, one goes, and of the others the same is told.
    #[test]
    fn any_talk_is_told_the_same_after_memory_was_short(moves in moves(8, 120)) {
        let mut author = Author::new();
        // The first one has been silent for longest: it is the one that goes. Those that talk later have sent more than
        // is remembered afterwards.
        let mut segments = author.open(0..1, 3);
        segments.extend(author.open(1..9, 16));
        segments.extend(author.open(9..FEWEST + 1, 3));
        let talk = moves.into_iter().map(|(which, server, act, pause)| (which + 1, server, act, pause));
        segments.extend(talk.map(|one| author.segment(one)));
        let losses = compare(&segments, 0)?;
        prop_assert_eq!(losses, Losses { evicted: 1, unended: 1, late_segments: 0 });
    }

    /// More connections than there is room for, again and again.
    #[test]
    fn any_talk_is_told_the_same_while_connections_go(moves in moves(2 * FEWEST, 250)) {
        let mut author = Author::new();
        let mut segments = author.open(0..FEWEST, 6);
        let others = (FEWEST..FEWEST + 4).map(|which| (which, false, Act::Turn, 100));
        segments.extend(others.map(|one| author.segment(one)));
        segments.extend(moves.into_iter().map(|one| author.segment(one)));
        let losses = compare(&segments, 0)?;
        prop_assert!(losses.evicted >= 4);
    }
}

/// Without this the comparison would compare little.
#[test]
fn most_talk_goes_by_the_book() {
    let mut runner = TestRunner::deterministic();
    let (mut segments, mut judged) = (0, 0);
    for _ in 0..50 {
        let moves = moves(3, 120)
            .new_tree(&mut runner)
            .expect("moves")
            .current();
        let mut author = Author::new();
        let mut talk = author.open(0..3, 4);
        talk.extend(moves.into_iter().map(|one| author.segment(one)));
        segments += talk.len() as u64;
        judged += track(&talk, Limits::default()).2;
    }
    assert!(2 * judged < segments, "{judged} of {segments} were judged");
}
