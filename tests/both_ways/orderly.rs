//! Conversations in which nearly everything goes by the book, to the letter: any first numbers, windows, pauses and ways to
//! close, short ones and such that are longer than notes may be. Of each it is known whether it goes by the book.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use handshake_watch::tcp::{Endpoint, Flags, FourTuple, Options, OptionsSeen, Segment, SeqNumber};
use handshake_watch::time::{Span, Timestamp};
use handshake_watch::track::{ConnectionId, Limits};
use proptest::prelude::*;

use super::ways::{Taken, track};

/// Segments of a connection that is only noted, at the most.
const MOST: usize = 65;

/// What a segment carries.
#[derive(Clone, Copy, Debug)]
enum Says {
    Nothing,
    Bytes(u32),
    /// As many as the other end has room for, and if this is true its FIN is the last of them.
    All(bool),
    /// Its FIN, after so many bytes.
    Fin(u32),
}

/// How much of what waits for an acknowledgment gets one.
#[derive(Clone, Copy, Debug)]
enum Hears {
    All,
    /// So many segments.
    Some(usize),
    /// All but so many.
    AllBut(usize),
    /// All but the last byte.
    Most,
}

/// One end's next segment, unless it would repeat what was said.
#[derive(Clone, Debug)]
struct Step {
    by_server: bool,
    says: Says,
    hears: Hears,
    window: u16,
    /// Nanoseconds since the one before.
    pause: i64,
    odd: Odd,
}

/// What does not go by the book.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Odd {
    Nothing,
    /// An acknowledgment that says nothing new.
    Again,
    /// An acknowledgment of less than there was one of.
    Older,
    /// What comes third is no answer to the SYN-ACK.
    Deaf,
    Marked,
    Skips,
}

/// One conversation.
#[derive(Clone, Debug)]
struct Talk {
    iss: [u32; 2],
    scales: [Option<u8>; 2],
    windows: [u16; 2],
    pauses: [i64; 2],
    /// The server does not wait for the client's acknowledgment.
    early: bool,
    steps: Vec<Step>,
}

/// Those that talk at the same time, and those that do when they are final.
type Groups = Vec<Vec<Talk>>;

fn groups() -> impl Strategy<Value = (bool, Groups)> {
    let group = prop::collection::vec(talk(), 1..4);
    // Hardly any capture begins with the epoch.
    let epoch = prop_oneof![20 => Just(false), 1 => Just(true)];
    (epoch, prop::collection::vec(group, 1..4))
}

fn talk() -> impl Strategy<Value = Talk> {
    let steps = prop_oneof![3 => 0_usize..12, 1 => 0_usize..30, 2 => 30_usize..72];
    // How many segments may wait for their acknowledgment.
    let hasty = prop_oneof![3 => Just(4_u32), 1 => Just(0), 2 => Just(40)];
    let oddly = prop_oneof![2 => Just(0_u32), 1 => Just(1)];
    // How much of it the server says, and how often they say nothing.
    let says = prop_oneof![
        3 => Just((0.5, 15)),
        1 => Just((0.05, 1)),
        1 => Just((0.95, 1)),
    ];
    (steps, says, hasty, oddly)
        .prop_flat_map(|(count, says, hasty, oddly)| {
            let begin = prop_oneof![12 => Just(60_000_u16), 2 => 1_u16..3000, 1 => Just(0)];
            (
                (first_number(), first_number(), 0_u8..12, 0_u8..8),
                [scale(), scale()],
                [begin.clone(), begin],
                prop_oneof![7 => [pause(), pause()], 1 => Just([0; 2])],
                prop::collection::vec(step(says, hasty, oddly), count),
                prop::collection::vec(last_step(), 0..8),
            )
        })
        .prop_map(
            |((one, other, alike, early), scales, windows, pauses, mut steps, last)| {
                steps.extend(last);
                let early = early == 0;
                let alike = alike == 0 || early && alike < 6;
                Talk {
                    iss: [one, if alike { one } else { other }],
                    scales,
                    windows,
                    pauses,
                    early,
                    steps,
                }
            },
        )
}

/// Some wrap after a few segments, or take the number 0 for one of them.
fn first_number() -> impl Strategy<Value = u32> {
    let wraps = (0_u32..10, 0_u32..3).prop_map(|(after, off)| (after * 100 + off).wrapping_neg());
    prop_oneof![3 => any::<u32>(), 2 => wraps]
}

fn scale() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![2 => Just(None), 4 => (0_u8..4).prop_map(Some), 1 => (0_u8..16).prop_map(Some)]
}

fn pause() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => Just(0_i64),
        30 => 0_i64..3_000_000,
        10 => 0_i64..400_000_000,
        3 => 900_000_000_i64..6_000_000_000,
        1 => 9_900_000_000_i64..20_000_000_000,
        1 => -2_000_i64..0,
    ]
}

prop_compose! {
    fn step((server, quiet): (f64, u32), hasty: u32, oddly: u32)(
        by_server in prop::bool::weighted(server),
        says in prop_oneof![
            quiet => Just(Says::Nothing),
            30 => Just(Says::Bytes(100)),
            10 => (1_u32..3000).prop_map(Says::Bytes),
            1 => Just(Says::Bytes(u32::from(u16::MAX))),
            3 * oddly => Just(Says::All(false)),
        ],
        hears in prop_oneof![
            20 => Just(Hears::All),
            hasty => (0_usize..3).prop_map(Hears::Some),
            hasty => (14_usize..18).prop_map(Hears::AllBut),
            3 * hasty => Just(Hears::Some(0)),
            6 => Just(Hears::Most),
        ],
        window in prop_oneof![90 => Just(60_000), 20 => 1_u16..3000, oddly => Just(0)],
        pause in pause(),
        odd in prop_oneof![
            150 => Just(Odd::Nothing),
            2 * oddly => Just(Odd::Again),
            oddly => Just(Odd::Older),
            2 * oddly => Just(Odd::Deaf),
            oddly => Just(Odd::Marked),
            oddly => Just(Odd::Skips),
        ],
    ) -> Step {
        Step { by_server, says, hears, window, pause, odd }
    }
}

prop_compose! {
    /// FINs in every order, and what acknowledges them.
    fn last_step()(
        by_server in any::<bool>(),
        says in prop_oneof![
            3 => Just(Says::Nothing),
            1 => Just(Says::Bytes(100)),
            5 => Just(Says::Fin(0)),
            1 => Just(Says::All(true)),
            1 => (0_u32..300).prop_map(Says::Fin),
        ],
        hears in prop_oneof![
            6 => Just(Hears::All),
            2 => (0_usize..3).prop_map(Hears::Some),
            1 => Just(Hears::Most),
        ],
        pause in pause(),
    ) -> Step {
        Step { by_server, says, hears, window: 60_000, pause, odd: Odd::Nothing }
    }
}

/// Makes segments of conversations.
struct Author {
    time: Timestamp,
    script: Vec<Taken>,
    talks: u16,
    /// Those that go by the book.
    by_the_book: BTreeSet<ConnectionId>,
}

/// How far a conversation is: client, then server.
struct Stand {
    id: ConnectionId,
    ends: [Endpoint; 2],
    start: Timestamp,
    /// The number after each segment that is not acknowledged.
    waiting: [Vec<SeqNumber>; 2],
    next: [SeqNumber; 2],
    una: [SeqNumber; 2],
    /// Up to where each lets the other send.
    edge: [SeqNumber; 2],
    scales: [u8; 2],
    closed: [bool; 2],
    segments: usize,
    by_the_book: bool,
}

impl Author {
    fn new(epoch: bool) -> Self {
        let start = Timestamp::new(1_700_000_000, 0);
        Self {
            time: if epoch { Timestamp::default() } else { start },
            script: Vec::new(),
            talks: 0,
            by_the_book: BTreeSet::new(),
        }
    }

    fn play(&mut self, groups: &Groups) {
        for group in groups {
            let mut stands: Vec<_> = group.iter().map(|talk| self.begin(talk)).collect();
            for turn in 0..80 {
                for (talk, stand) in group.iter().zip(&mut stands) {
                    if let Some(step) = talk.steps.get(turn) {
                        self.go_on(step, stand, turn == 0 && !talk.early);
                    }
                }
            }
            let orderly = stands.iter().filter(|stand| stand.is_by_the_book());
            self.by_the_book.extend(orderly.map(|stand| stand.id));
            // Those that ended are final with the next segment.
            self.time = self.time + Span::from_secs(61);
        }
    }

    fn capture(&mut self, mut segment: Segment) {
        segment.frame = self.script.len() as u64 + 1;
        segment.time = self.time;
        self.script.push(Taken::Segment(Box::new(segment)));
    }

    /// SYN and SYN-ACK.
    fn begin(&mut self, talk: &Talk) -> Stand {
        self.talks += 1;
        let ends = [20_000 + self.talks, 80].map(|port| Endpoint {
            address: Ipv4Addr::LOCALHOST.into(),
            port,
        });
        let iss = talk.iss.map(SeqNumber);
        let both = talk.scales.iter().all(Option::is_some);
        let next = iss.map(|iss| iss + 1);
        let start = self.time;
        for from in [0, 1] {
            let window_scale = talk.scales[from];
            let options = Options {
                window_scale,
                seen: window_scale.map_or(OptionsSeen::empty(), |_| OptionsSeen::WINDOW_SCALE),
                ..Options::default()
            };
            self.capture(Segment {
                tuple: FourTuple {
                    source: ends[from],
                    destination: ends[1 - from],
                },
                flags: [Flags::SYN, Flags::SYN | Flags::ACK][from],
                seq: iss[from],
                ack: [SeqNumber(0), next[0]][from],
                window: talk.windows[from],
                options,
                ..Segment::default()
            });
            self.time = self.time + Span::from_nanos(talk.pauses[from]);
        }
        Stand {
            id: self.talks.into(),
            ends,
            start,
            waiting: [Vec::new(), vec![next[1]]],
            next,
            una: [next[0], iss[1]],
            edge: [next[1], next[0] + u32::from(talk.windows[1])],
            scales: talk
                .scales
                .map(|scale| if both { scale.unwrap_or(0).min(14) } else { 0 }),
            closed: [false; 2],
            segments: 2,
            by_the_book: start != Timestamp::default()
                && self.time != start
                && talk.pauses[0] >= 0
                && !talk.windows.contains(&0)
                && !next.contains(&SeqNumber(0)),
        }
    }

    fn go_on(&mut self, step: &Step, stand: &mut Stand, completes: bool) {
        let from = usize::from(step.by_server && !completes);
        let to = 1 - from;
        let heard = if completes && step.odd != Odd::Deaf {
            Hears::All
        } else {
            step.hears
        };
        let (mut len, mut fin) = match step.says {
            Says::Nothing => (0, false),
            Says::Bytes(len) => (len, false),
            Says::All(fin) => {
                let room = stand.edge[to].relative_to(stand.next[from]);
                let fits = (1..65_536).contains(&room);
                (if fits { room - u32::from(fin) } else { 100 }, fin)
            }
            Says::Fin(len) => (len, true),
        };
        if stand.closed[from] {
            (len, fin) = (0, false);
        }
        let mut ack = stand.hear(to, heard);
        if len == 0 && !fin && ack == stand.una[to] && step.odd != Odd::Again {
            ack = stand.hear(to, Hears::All);
            if ack == stand.una[to] {
                return;
            }
        }
        let next = stand.next[from] + (len + u32::from(fin));
        let new = ack != stand.una[to] || next != stand.next[from];
        stand.by_the_book &= new
            && matches!(step.odd, Odd::Nothing | Odd::Again)
            && (stand.segments > 2 || completes && !fin)
            && step.window > 0
            && (len == 0 || fin || next != stand.edge[to])
            && self.time >= stand.start
            && ![next, ack].contains(&SeqNumber(0));
        let psh = if len % 2 == 0 {
            Flags::empty()
        } else {
            Flags::PSH
        };
        let with = if fin { Flags::FIN } else { psh };
        let odd = |odd, flags| {
            if step.odd == odd {
                flags
            } else {
                Flags::empty()
            }
        };
        let skips = u32::from(step.odd == Odd::Skips);
        let older = u32::from(step.odd == Odd::Older);
        self.capture(Segment {
            tuple: FourTuple {
                source: stand.ends[from],
                destination: stand.ends[to],
            },
            flags: Flags::ACK | with | odd(Odd::Marked, Flags::ECE),
            seq: stand.next[from] + skips,
            ack: ack - older,
            len,
            window: step.window,
            ..Segment::default()
        });
        self.time = self.time + Span::from_nanos(step.pause);
        stand.segments += 1;
        stand.waiting[to].retain(|end| end.after(ack));
        stand.una[to] = ack;
        stand.edge[from] = ack + (u32::from(step.window) << stand.scales[from]);
        if next != stand.next[from] {
            stand.next[from] = next + skips;
            stand.waiting[from].push(next + skips);
        }
        stand.closed[from] |= fin;
    }
}

impl Stand {
    /// What acknowledges so much of what this end sent.
    fn hear(&self, of: usize, hears: Hears) -> SeqNumber {
        let waiting = &self.waiting[of];
        match (hears, waiting.as_slice()) {
            (Hears::Some(1..), [first]) | (Hears::Some(1), [first, ..]) => *first,
            (Hears::Some(2..), [_, second, ..]) => *second,
            (Hears::AllBut(few), [before @ .., _]) if before.len() >= few => {
                before[before.len() - few]
            }
            (Hears::All, [.., last]) => *last,
            (Hears::Most, [.., last]) => *last - 1,
            _ => self.una[of],
        }
    }

    fn is_by_the_book(&self) -> bool {
        self.by_the_book && (3..=MOST).contains(&self.segments)
    }
}

/// Tracks what is only noted, and by all analysts. All that goes by the book must be read in one go, and nothing else.
fn compare(epoch: bool, groups: &Groups) -> Result<(), String> {
    let mut author = Author::new(epoch);
    author.play(groups);
    let [noted, thorough] = [false, true].map(|thorough| {
        let limits = Limits {
            thorough,
            ..Limits::default()
        };
        track(&author.script, &limits, |_| false)
    });
    noted.tells_as(&thorough)?;
    noted.reads_by_the_book(&author.script)?;
    let missed: Vec<_> = author.by_the_book.difference(&noted.gists).collect();
    if missed.is_empty() {
        return Ok(());
    }
    Err(format!("{missed:?} went by the book"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// What goes by the book is read in one go, and the same is told of it.
    #[test]
    fn orderly_talk_is_read_in_one_go((epoch, groups) in groups()) {
        compare(epoch, &groups).map_err(TestCaseError::fail)?;
    }
}
