//! Connections that are only noted until they are final come out like those that are tracked segment by segment, whatever
//! their segments are; and when memory is short, each is given out once.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use handshake_watch::tcp::{
    Endpoint, Flags, FourTuple, IpFacts, Options, OptionsSeen, SackBlock, Segment, SeqNumber,
};
use handshake_watch::time::{Span, Timestamp};
use handshake_watch::track::{Change, LabelRules, Limits, Tracker};
use proptest::prelude::*;

/// What one end does next, as a socket would, or not quite.
#[derive(Clone, Debug)]
struct Step {
    connection: u16,
    by_server: bool,
    act: Act,
    /// Its sequence number is off by this.
    off: i32,
    /// It acknowledges so much less than all.
    behind: u32,
    window: u16,
    pause: i64,
    id: u16,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    /// What comes next in an orderly conversation.
    Go,
    Open,
    Say(u32),
    Nod,
    Close,
    Abort,
    Sack,
    Marked,
}

fn step() -> impl Strategy<Value = Step> {
    let act = prop_oneof![
        60 => Just(Act::Go),
        1 => Just(Act::Open),
        3 => prop_oneof![1u32..2000, Just(70_000)].prop_map(Act::Say),
        2 => Just(Act::Nod),
        2 => Just(Act::Close),
        1 => Just(Act::Abort),
        1 => Just(Act::Sack),
        1 => Just(Act::Marked),
    ];
    let off = prop_oneof![60 => Just(0), 2 => -1500i32..1500, 1 => Just(-1), 1 => any::<i32>()];
    let behind = prop_oneof![40 => Just(0u32), 1 => 1u32..3000, 1 => any::<u32>()];
    let window = prop_oneof![40 => 1000u16..60000, 1 => Just(0), 1 => any::<u16>()];
    let pause = prop_oneof![
        9 => 0i64..3_000_000,
        2 => 0i64..4_000_000_000,
        1 => 0i64..90_000_000_000,
        1 => -2_000_000i64..0,
    ];
    (
        0..3u16,
        any::<bool>(),
        act,
        off,
        behind,
        window,
        pause,
        any::<u16>(),
    )
        .prop_map(
            |(connection, by_server, act, off, behind, window, pause, id)| Step {
                connection,
                by_server,
                act,
                off,
                behind,
                window,
                pause,
                id,
            },
        )
}

/// The segments of these steps.
fn play(steps: Vec<Step>) -> Vec<Segment> {
    let endpoint = |host, port| Endpoint {
        address: Ipv4Addr::new(10, 0, 0, host).into(),
        port,
    };
    let mut time = Timestamp::new(1_700_000_000, 0);
    let mut next = [[1000u32, 0xffff_ff00]; 3];
    let mut steps_of = [0; 3];
    let mut segments = Vec::new();
    for mut step in steps {
        time = time + Span::from_nanos(step.pause);
        if let Act::Go = step.act {
            let done = &mut steps_of[usize::from(step.connection)];
            *done += 1;
            (step.by_server, step.act) = match (*done, step.id % 8) {
                (1, _) => (false, Act::Open),
                (2, _) => (true, Act::Open),
                (3, _) => (false, Act::Nod),
                (_, 0) => (step.by_server, Act::Close),
                (_, 1..4) => (step.by_server, Act::Say(u32::from(step.id) % 1400 + 1)),
                _ => (step.by_server, Act::Nod),
            };
        }
        let (from, to) = (usize::from(step.by_server), usize::from(!step.by_server));
        let numbers = &mut next[usize::from(step.connection)];
        let (client, server) = (endpoint(1, 4000 + step.connection), endpoint(2, 80));
        let ends = [client, server];
        let mut options = Options {
            timestamps: (step.id % 3 > 0).then_some((u32::from(step.id), 7)),
            ..Options::default()
        };
        let (flags, len) = match step.act {
            Act::Open => {
                options.mss = Some(1460);
                options.window_scale = (step.id % 2 > 0).then_some(7);
                options.seen = OptionsSeen::MSS | OptionsSeen::SACK_PERMITTED;
                let answers = if step.by_server {
                    Flags::ACK
                } else {
                    Flags::empty()
                };
                (Flags::SYN | answers, 0)
            }
            Act::Say(len) => (Flags::PSH | Flags::ACK, len),
            Act::Go | Act::Nod | Act::Sack | Act::Marked => (Flags::ACK, 0),
            Act::Close => (Flags::FIN | Flags::ACK, 0),
            Act::Abort => (Flags::RST | Flags::ACK, 0),
        };
        if let Act::Sack = step.act {
            options.seen |= OptionsSeen::SACK;
            let left = SeqNumber(numbers[to]);
            options.sack.push(SackBlock {
                left,
                right: left + 100,
            });
        }
        let ack = if flags.contains(Flags::ACK) {
            numbers[to].wrapping_sub(step.behind)
        } else {
            0
        };
        let segment = Segment {
            frame: segments.len() as u64 + 1,
            time,
            tuple: FourTuple {
                source: ends[from],
                destination: ends[to],
            },
            seq: SeqNumber(numbers[from].wrapping_add_signed(step.off)),
            ack: SeqNumber(ack),
            len,
            flags,
            window: step.window,
            ip: IpFacts {
                id: (step.id % 5 > 0).then_some(step.id),
                ecn: if let Act::Marked = step.act { 3 } else { 0 },
                ..IpFacts::default()
            },
            options,
            ..Segment::default()
        };
        if step.off == 0 {
            numbers[from] = numbers[from].wrapping_add(segment.seq_len());
        }
        segments.push(segment);
    }
    segments
}

/// Each final connection, in the order in which it became final. `noted` says which segments are only noted.
fn finals(segments: &[Segment], limits: &Limits, noted: impl Fn(usize) -> bool) -> Vec<String> {
    let mut tracker = Tracker::new(limits.clone());
    let hasher = tracker.hasher();
    let mut change = Change::default();
    let mut finals = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        let hash = hasher.hash(&segment.tuple);
        if noted(index) {
            tracker.note(segment, hash, &mut change);
        } else {
            tracker.segment_into(segment, hash, &mut change);
        }
        while let Some(connection) = tracker.next_final() {
            finals.push(told(connection));
        }
    }
    tracker.finish();
    while let Some(connection) = tracker.next_final() {
        finals.push(told(connection));
    }
    finals.push(format!("{} gaps", tracker.gaps()));
    finals
}

fn told(connection: &handshake_watch::track::Connection) -> String {
    use handshake_watch::tcp::Side::{Client, Server};
    let c = connection;
    format!(
        "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {}",
        c.id(),
        [Client, Server].map(|side| (c.endpoint(side), c.peer(side))),
        c.frames(),
        (c.start(), c.end()),
        c.verdict(),
        c.opened(),
        c.ended(),
        c.closed_by(),
        c.evidence(),
        c.troubles(),
        c.longest_wait(),
        c.handshake(),
        c.negotiated(),
        c.evicted(),
        c.conn_state(),
        c.history(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn noting_changes_nothing(
        steps in prop::collection::vec(step(), 1..90),
        labels in prop_oneof![Just(LabelRules::Own), Just(LabelRules::Wireshark)],
        switch in 0usize..120,
    ) {
        let segments = play(steps);
        let limits = Limits { labels, ..Limits::default() };
        let tracked = finals(&segments, &limits, |_| false);
        prop_assert_eq!(&finals(&segments, &limits, |_| true), &tracked);
        // A sink may lose interest in the course of a run.
        prop_assert_eq!(&finals(&segments, &limits, |index| index >= switch), &tracked);
        prop_assert_eq!(&finals(&segments, &limits, |index| index % 7 > 0), &tracked);
    }
}

#[test]
fn under_pressure_each_connection_is_given_out_once() {
    let mut segments = Vec::new();
    let mut time = Timestamp::new(1_700_000_000, 0);
    for number in 0..4000u32 {
        let steps = [(false, Act::Open), (true, Act::Open), (false, Act::Nod)];
        let steps = steps.map(|(by_server, act)| Step {
            connection: 0,
            by_server,
            act,
            off: 0,
            behind: 0,
            window: 1000,
            pause: 1000,
            id: 1,
        });
        // Some are only asked for, some repeat themselves.
        let wanted = [1, 3, 3, 2][number as usize % 4];
        for mut segment in play(steps.to_vec()).into_iter().take(wanted) {
            let host = Ipv4Addr::from(0x0a01_0000 + number).into();
            for end in [&mut segment.tuple.source, &mut segment.tuple.destination] {
                if end.port != 80 {
                    end.address = host;
                }
            }
            time = time + Span::from_micros(10);
            segment.time = time;
            segment.frame = segments.len() as u64 + 1;
            segments.push(segment);
        }
    }
    let limits = Limits {
        memory: 100_000,
        ..Limits::default()
    };
    for every in [1, 2, 1000] {
        let finals = finals(&segments, &limits, |index| index % every == 0);
        let ids: HashSet<&str> = finals
            .iter()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(finals.len(), 4001, "and a line of gaps");
        assert_eq!(ids.len(), 4001);
        let evicted = finals.iter().filter(|line| line.contains(" true ")).count();
        assert!(evicted > 3000, "{evicted}");
    }
}
