//! Whatever segments come, in whatever order, the tracker keeps its promises.

#[path = "both_ways/known.rs"]
mod known;

use std::collections::HashMap;
use std::net::Ipv4Addr;

use handshake_watch::tcp::{
    Endpoint, Flags, FourTuple, IpFacts, Options, Preview, Segment, SeqNumber, Side, TcpState,
};
use handshake_watch::time::{Span, Timestamp};
use handshake_watch::track::{Change, Connection, LabelRules, Limits, Tracker};
use proptest::prelude::*;

use known::known;

/// Numbers near each other, near the wrap, and far away, so that segments meet.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        8 => (0u32..40).prop_map(|n| n.wrapping_sub(20)),
        1 => 0x7fff_fff0u32..0x8000_0010,
        1 => any::<u32>(),
    ]
}

fn flags() -> impl Strategy<Value = Flags> {
    prop_oneof![
        Just(Flags::SYN),
        Just(Flags::SYN | Flags::ACK),
        Just(Flags::ACK),
        Just(Flags::PSH | Flags::ACK),
        Just(Flags::FIN | Flags::ACK),
        Just(Flags::RST),
        Just(Flags::RST | Flags::ACK),
        any::<u16>().prop_map(Flags::from_bits_truncate),
    ]
}

/// What one segment is made of: ports, numbers, flags, length, window, time since the one before.
type Recipe = (u16, u16, u32, u32, Flags, u32, u16, i64);

fn recipe() -> impl Strategy<Value = Recipe> {
    let len = prop_oneof![4 => 0u32..12, 1 => any::<u32>()];
    let window = prop_oneof![Just(0u16), 0u16..20, any::<u16>()];
    let pause = prop_oneof![
        6 => 0i64..1_000_000,
        2 => 0i64..30_000_000_000,
        1 => -1_000_000i64..0,
        1 => any::<i64>(),
    ];
    (
        1u16..4,
        1u16..4,
        number(),
        number(),
        flags(),
        len,
        window,
        pause,
    )
}

fn segments(recipes: Vec<Recipe>) -> Vec<Segment> {
    let endpoint = |port| Endpoint {
        address: Ipv4Addr::LOCALHOST.into(),
        port,
    };
    let mut time = Timestamp::new(1_700_000_000, 0);
    let mut segments = Vec::new();
    for (source, destination, seq, ack, flags, len, window, pause) in recipes {
        time = time + Span::from_nanos(pause);
        segments.push(Segment {
            frame: segments.len() as u64 + 1,
            time,
            tuple: FourTuple {
                source: endpoint(source),
                destination: endpoint(destination),
            },
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            len,
            flags,
            window,
            urgent: 0,
            ip: IpFacts::default(),
            interface: 0,
            header_cut: false,
            options: Options::default(),
            preview: Preview::default(),
            announces: None,
        });
    }
    segments
}

fn track(
    segments: &[Segment],
    rules: LabelRules,
    thorough: bool,
) -> (Vec<Change>, Vec<Connection>) {
    let mut tracker = Tracker::new(Limits {
        labels: rules,
        thorough,
        ..Limits::default()
    });
    let mut changes = Vec::new();
    let mut finals = Vec::new();
    for segment in segments {
        let change = tracker.segment(segment);
        while let Some(connection) = tracker.next_final() {
            finals.push(connection.clone());
        }
        assert_eq!(tracker.connection(change.slot).id(), change.connection);
        changes.push(change);
    }
    tracker.finish();
    while let Some(connection) = tracker.next_final() {
        finals.push(connection.clone());
    }
    assert!(tracker.next_final().is_none());
    (changes, finals)
}

/// Transitions that RFC 9293 figure 5 has, joined where one segment makes two; and an RST ends any state.
fn is_legal(before: Option<TcpState>, after: Option<TcpState>) -> bool {
    use TcpState as S;
    let (Some(before), Some(after)) = (before, after) else {
        // A state becomes known, or the other end turns out to speak of an older connection.
        return true;
    };
    if before == after || after == S::Closed {
        return true;
    }
    match before {
        S::Closed | S::Listen if matches!(after, S::SynSent | S::SynReceived | S::Established) => {
            true
        }
        // An RST that was taken for a refusal turns out to have been forged, in a segment that does more besides.
        S::Closed => is_legal(Some(S::Established), Some(after)),
        S::SynSent => !matches!(after, S::Listen | S::TimeWait),
        // An RST sends a passive opener back to LISTEN (RFC 9293 section 3.10.7.4).
        S::SynReceived => !matches!(after, S::SynSent | S::TimeWait),
        S::Established => matches!(
            after,
            S::FinWait1 | S::FinWait2 | S::CloseWait | S::LastAck | S::Closing | S::TimeWait
        ),
        S::FinWait1 => matches!(after, S::FinWait2 | S::Closing | S::TimeWait),
        S::FinWait2 | S::Closing => after == S::TimeWait,
        S::CloseWait => matches!(after, S::LastAck | S::Closing | S::TimeWait),
        S::Listen | S::LastAck | S::TimeWait => false,
    }
}

proptest! {
    // Failures are kept as scripts in `tracking.rs`, not as seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]
    #[test]
    fn invariants_hold(recipes in prop::collection::vec(recipe(), 0..60)) {
        let segments = segments(recipes);
        for rules in [LabelRules::Own, LabelRules::Wireshark] {
            let (changes, finals) = track(&segments, rules, false);
            let (thorough, ends) = track(&segments, rules, true);
            prop_assert_eq!(format!("{changes:?}"), format!("{thorough:?}"), "both ways");
            let told = |finals: &[Connection]| finals.iter().map(known).collect::<Vec<_>>();
            prop_assert_eq!(told(&finals), told(&ends), "both ways, at the end");
            let mut states: HashMap<u32, [Option<TcpState>; 2]> = HashMap::new();
            let mut counted: HashMap<u32, u64> = HashMap::new();
            let mut newest = 0;
            for change in &changes {
                prop_assert_eq!(change.begins, change.connection > newest, "ids count up");
                prop_assert!(change.connection <= newest + 1);
                newest = newest.max(change.connection);
                let known = states.entry(change.connection).or_default();
                for side in [Side::Client, Side::Server] {
                    let transition = change.of(side);
                    prop_assert_eq!(known[side as usize], transition.before);
                    prop_assert!(is_legal(transition.before, transition.after), "{:?}", transition);
                    known[side as usize] = transition.after;
                }
                *counted.entry(change.connection).or_default() += 1;
            }
            let mut ids: Vec<u32> = finals.iter().map(Connection::id).collect();
            ids.sort_unstable();
            prop_assert_eq!(ids, (1..=newest).collect::<Vec<_>>(), "each is final exactly once");
            for connection in &finals {
                let packets = [Side::Client, Side::Server].map(|side| connection.peer(side).counts.packets);
                prop_assert_eq!(packets.iter().sum::<u64>(), counted[&connection.id()]);
                prop_assert!(!connection.evidence().is_empty());
                let (first, last) = connection.frames();
                for frame in connection.evidence() {
                    prop_assert!((first..=last).contains(&frame));
                }
                let _ = (connection.verdict(), connection.opened(), connection.ended());
                let _ = (connection.troubles(), connection.longest_wait(), connection.negotiated());
                let _ = [Side::Client, Side::Server].map(|side| connection.state_before(side));
            }
        }
    }
}
