//! Made-up conversations, which mostly go by the book and sometimes do not, so that each way is left and entered again in
//! every manner.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::ops::Range;

use handshake_watch::tcp::{
    Endpoint, FastOpen, Flags, FourTuple, IcmpError, IcmpKind, IpFacts, Options, OptionsSeen,
    SackBlock, Segment, SeqNumber,
};
use handshake_watch::time::{Span, Timestamp};
use proptest::prelude::*;

use super::ways::Taken;

/// What one end does next.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// What is its turn: SYN or SYN-ACK, an ACK of all there is, else some bytes or its FIN; after the end another SYN.
    Turn,
    /// So many bytes.
    Say(u32),
    /// An ACK without bytes.
    Nod,
    Fin,
    Reset,
    /// A SYN, or SYN-ACK where the other end asked: the same again, or if this is true one of another connection.
    Ask(bool),
    /// Any control bits.
    Odd(u16),
    /// An ICMP error about its segments.
    Error,
}

/// What becomes of a segment before it is captured.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Seen,
    Missed,
    /// It comes after the next one of its conversation.
    Late,
    /// It is recorded twice.
    Twice,
}

/// What else is unusual about a segment.
#[derive(Clone, Copy, Debug)]
enum Unusual {
    Nothing,
    /// Options of a SYN where they do not belong.
    Offer,
    /// Where this is false, no block is left of it.
    Sack(bool),
    Marked,
    Control(Flags),
    Cut,
    FastOpen,
    Multipath,
    Announces,
}

/// One end does something.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) talk: u16,
    by_server: bool,
    act: Act,
    /// Its number is off by so much: it repeats something, or skips what nobody saw.
    ahead: i32,
    /// It leaves so many of the last bytes unacknowledged.
    behind: u32,
    window: u16,
    unusual: Unusual,
    fate: Fate,
    /// Nanoseconds since the one before.
    pause: i64,
    /// Decides what else there is to decide.
    chance: u16,
}

/// More than a note can count, in nanoseconds. Meanwhile packets of others may be captured, more than a note can count, too.
const AGES: i64 = 1 << 48;

/// Moves in so many conversations: from such where most is odd to such where hardly anything is. What notes have room for
/// is odd more often than what they have none for, so that a connection is only noted for long.
pub(crate) fn moves(talks: u16, most: usize) -> impl Strategy<Value = Vec<Move>> {
    prop_oneof![Just(15), Just(150), Just(1500)]
        .prop_flat_map(move |calm| prop::collection::vec(one_move(talks, calm), 1..most))
}

prop_compose! {
    fn one_move(talks: u16, calm: u32)(
        // The first ones talk most.
        talk in (0..talks, 0..talks).prop_map(|(one, other)| one.min(other)),
        by_server in any::<bool>(),
        act in act(calm),
        ahead in prop_oneof![
            2 * calm => Just(0),
            40 => prop_oneof![Just(-1), Just(-500), Just(-1000), Just(1), Just(500), -6000..6000],
            1 => any::<i32>(),
        ],
        behind in prop_oneof![2 * calm => Just(0), 20 => 1_u32..3000, 5 => any::<u32>()],
        window in prop_oneof![2 * calm => Just(60_000), 5 => Just(0), 5 => Just(500), 5 => any::<u16>()],
        unusual in unusual(calm),
        fate in prop_oneof![
            2 * calm => Just(Fate::Seen),
            15 => Just(Fate::Missed),
            15 => Just(Fate::Late),
            5 => Just(Fate::Twice),
        ],
        pause in prop_oneof![
            2 * calm => 0_i64..3_000_000,
            calm / 4 => 0_i64..400_000_000,
            calm / 10 => 0_i64..9_000_000_000,
            5 => 0_i64..90_000_000_000,
            1 => -2_000_000_i64..0,
            1 => AGES - 90_000_000_000..AGES + 90_000_000_000,
        ],
        chance in any::<u16>(),
    ) -> Move {
        Move { talk, by_server, act, ahead, behind, window, unusual, fate, pause, chance }
    }
}

fn act(calm: u32) -> impl Strategy<Value = Act> {
    prop_oneof![
        2 * calm => Just(Act::Turn),
        calm => (1_u32..3000).prop_map(Act::Say),
        1 => prop_oneof![Just(1), Just(70_000), Just(1 << 30), Just((1 << 30) + 1)].prop_map(Act::Say),
        20 => Just(Act::Nod),
        20 => Just(Act::Fin),
        1 => Just(Act::Reset),
        2 => any::<bool>().prop_map(Act::Ask),
        1 => any::<u16>().prop_map(Act::Odd),
        1 => Just(Act::Error),
    ]
}

fn unusual(calm: u32) -> impl Strategy<Value = Unusual> {
    prop_oneof![
        4 * calm => Just(Unusual::Nothing),
        5 => Just(Unusual::Offer),
        2 => any::<bool>().prop_map(Unusual::Sack),
        1 => Just(Unusual::Marked),
        10 => any::<u16>().prop_map(|bits| Unusual::Control(Flags::from_bits_truncate(bits) & ASIDE)),
        1 => Just(Unusual::Cut),
        4 => Just(Unusual::FastOpen),
        1 => Just(Unusual::Multipath),
        1 => Just(Unusual::Announces),
    ]
}

/// Control bits that may accompany others.
const ASIDE: Flags = Flags::PSH
    .union(Flags::URG)
    .union(Flags::ECE)
    .union(Flags::CWR)
    .union(Flags::AE);

/// A conversation apart from the others.
const OTHER: u16 = 4000;

/// One conversation as both ends have it: client, then server.
#[derive(Debug, Default)]
struct Talk {
    /// Connections before this one.
    round: u32,
    iss: [Option<SeqNumber>; 2],
    /// Which end asked first.
    asker: usize,
    next: [SeqNumber; 2],
    /// What each acknowledged last.
    said: [SeqNumber; 2],
    closed: [bool; 2],
    reset: bool,
    /// On its way.
    late: Option<Segment>,
}

/// Makes of moves what a tracker takes.
pub(crate) struct Author {
    talks: HashMap<u16, Talk>,
    time: Timestamp,
    frame: u64,
    pub(crate) script: Vec<Taken>,
}

impl Author {
    pub(crate) fn new() -> Self {
        Self {
            talks: HashMap::new(),
            time: Timestamp::new(1_700_000_000, 0),
            frame: 0,
            script: Vec::new(),
        }
    }

    /// Many moves. Now and then, and in the end, nothing is said for so long that connections which ended are final.
    pub(crate) fn play_all(&mut self, moves: &[Move]) {
        for part in moves.chunks(40) {
            for one in part {
                self.play(one);
            }
            self.time = self.time + Span::from_secs(61);
            self.open(OTHER..OTHER + 1, 1);
        }
    }

    /// Connections that are open and go on: the opening, and then turns of both ends.
    pub(crate) fn open(&mut self, talks: Range<u16>, turns: usize) {
        for talk in talks {
            for turn in 0..turns {
                self.play(&Move {
                    talk,
                    by_server: turn % 4 == 1 || turn % 4 == 2,
                    act: Act::Turn,
                    ahead: 0,
                    behind: 0,
                    window: 60_000,
                    unusual: Unusual::Nothing,
                    fate: Fate::Seen,
                    pause: 100_000,
                    chance: 7,
                });
            }
        }
    }

    pub(crate) fn play(&mut self, next: &Move) {
        self.time = self.time + Span::from_nanos(next.pause);
        let many = next.pause > AGES / 2 && next.chance.is_multiple_of(2);
        self.frame += u64::from(many) << 32;
        let talk = self.talks.entry(next.talk).or_default();
        let mut from = usize::from(next.by_server);
        let mut act = next.act;
        // Most who have not begun, or have closed, say nothing.
        let silent = talk.closed[from] || talk.reset || talk.iss.contains(&None);
        let turn = silent && !next.chance.is_multiple_of(11) && matches!(act, Act::Say(_));
        if turn || matches!(act, Act::Turn) {
            let Some(turn) = talk.turn(from, next.chance) else {
                return;
            };
            (act, from) = turn;
        }
        let tuple = tuple(next.talk, from);
        if let Act::Error = act {
            let error = IcmpError {
                frame: 0,
                time: self.time,
                reporter: tuple.source.address,
                tuple,
                seq: talk.next[from],
                kind: IcmpKind::Unreachable { code: 1, v6: false },
            };
            self.capture(Taken::Error(error));
            return;
        }
        let mut segment = talk.write(act, from, next);
        segment.tuple = tuple;
        segment.options.timestamps = (!next.chance.is_multiple_of(5))
            .then_some((self.script.len() as u32, next.chance.into()));
        segment.ip.id = (!next.chance.is_multiple_of(7)).then_some(self.script.len() as u16);
        let late = talk.late.take();
        match next.fate {
            Fate::Missed => {}
            Fate::Late => talk.late = Some(segment),
            Fate::Seen | Fate::Twice => {
                let again = matches!(next.fate, Fate::Twice).then(|| segment.clone());
                for segment in [segment].into_iter().chain(again) {
                    self.capture(Taken::Segment(Box::new(segment)));
                    self.time = self.time + Span::from_nanos(5000);
                }
            }
        }
        if let Some(late) = late {
            self.capture(Taken::Segment(Box::new(late)));
        }
    }

    /// Now it comes.
    fn capture(&mut self, mut taken: Taken) {
        self.frame += 1;
        let (frame, time) = match &mut taken {
            Taken::Segment(segment) => (&mut segment.frame, &mut segment.time),
            Taken::Error(error) => (&mut error.frame, &mut error.time),
        };
        (*frame, *time) = (self.frame, self.time);
        self.script.push(taken);
    }
}

impl Talk {
    /// What comes next in an orderly conversation, and who does it: this end, if it is its turn. After the end, for long,
    /// nothing.
    fn turn(&self, from: usize, chance: u16) -> Option<(Act, usize)> {
        let to = 1 - from;
        let heard = [0, 1].map(|end| self.said[1 - end] == self.next[end]);
        let ask = |anew, who| (Act::Ask(anew), who);
        let turn = match [from, to].map(|end| self.iss[end].is_some()) {
            _ if self.reset || self.closed == [true; 2] && heard == [true; 2] => {
                return chance
                    .is_multiple_of(8)
                    .then(|| ask(chance.is_multiple_of(16), 0));
            }
            [false, false] => ask(false, 0),
            [true, false] if chance % 9 == 1 => (Act::Reset, to),
            [true, false] if !chance.is_multiple_of(8) => ask(false, to),
            [true, false] | [false, true] => ask(false, from),
            _ if !heard[to] => (Act::Nod, from),
            _ if self.closed[from] && !heard[from] => (Act::Nod, to),
            _ if chance.is_multiple_of(8) => (Act::Fin, if self.closed[from] { to } else { from }),
            _ if self.closed[from] => (Act::Say(500), to),
            _ => (Act::Say(500), from),
        };
        Some(turn)
    }

    /// The segment of an act, and what the ends make of it.
    fn write(&mut self, act: Act, from: usize, next: &Move) -> Segment {
        let to = 1 - from;
        let chance = next.chance;
        let ack = Flags::ACK;
        let (flags, len) = match act {
            Act::Say(len) => (ack | Flags::PSH, len),
            Act::Fin if chance % 64 == 8 => (Flags::FIN, 0),
            Act::Fin => (ack | Flags::FIN, u32::from(chance % 4) * 100),
            Act::Reset if chance.is_multiple_of(4) => (Flags::RST, 0),
            Act::Reset => (ack | Flags::RST, 0),
            Act::Ask(anew) => {
                self.begin(from, anew, next.talk);
                let asks = self.asker == from;
                (if asks { Flags::SYN } else { Flags::SYN | ack }, 0)
            }
            Act::Odd(bits) => (Flags::from_bits_truncate(bits), 10),
            Act::Turn | Act::Nod | Act::Error => (ack, 0),
        };
        let heard = self.next[to] - next.behind;
        let mut segment = Segment {
            seq: self.next[from] + next.ahead as u32,
            len,
            flags,
            window: next.window,
            ..Segment::default()
        };
        // Some do not leave the field empty where it means nothing.
        if flags.contains(ack) || chance % 5 < 2 {
            segment.ack = heard;
        }
        let options = &mut segment.options;
        if let Act::Ask(_) = act {
            self.reset = false;
            segment.seq = self.iss[from].unwrap_or_default() + next.ahead as u32;
            *options = offer(chance);
            if let Unusual::FastOpen = next.unusual {
                options.fast_open = (chance % 4 > 1).then_some(FastOpen::Cookie(8));
                segment.len = u32::from(chance % 2) * 100;
            }
        }
        match next.unusual {
            Unusual::Nothing | Unusual::FastOpen => {}
            Unusual::Offer => *options = offer(chance),
            Unusual::Sack(blocks) => {
                let left = heard + u32::from(chance % 3) - 1;
                let right = left + 500;
                options.seen |= OptionsSeen::SACK;
                options
                    .sack
                    .extend(blocks.then_some(SackBlock { left, right }));
            }
            Unusual::Multipath => options.mptcp_subtype = Some(2),
            Unusual::Marked => segment.ip.ecn = IpFacts::CE,
            Unusual::Control(flags) => segment.flags |= flags,
            Unusual::Cut => segment.header_cut = true,
            Unusual::Announces => segment.announces = NonZeroU16::new(80),
        }
        let end = segment.seq_end();
        if end.after(self.next[from]) && next.ahead.unsigned_abs() < 10_000 {
            self.next[from] = end;
        }
        if flags.contains(ack) {
            self.said[from] = heard;
        }
        self.closed[from] |= flags.contains(Flags::FIN);
        self.reset |= matches!(act, Act::Reset);
        segment
    }

    /// An end gets its first number. The next round, or one of the next, wraps with its first segment, and the first ones wrap
    /// after as many as fit before.
    fn begin(&mut self, from: usize, anew: bool, talk: u16) {
        if anew {
            *self = Self {
                round: self.round + 1,
                ..Self::default()
            };
        }
        match self.iss {
            [None, None] => self.asker = from,
            iss if iss[from].is_some() => return,
            _ => {}
        }
        let first = SeqNumber(u32::from(talk) * 1_000_000 + self.round * 250) - [501, 8001][from];
        self.iss[from] = Some(first);
        self.next[from] = first;
    }
}

fn tuple(talk: u16, from: usize) -> FourTuple {
    // One is connected to itself.
    let ports = [20_000 + talk, if talk == 3 { 20_003 } else { 80 }];
    let [source, destination] = [from, 1 - from].map(|end| Endpoint {
        address: Ipv4Addr::LOCALHOST.into(),
        port: ports[end],
    });
    FourTuple {
        source,
        destination,
    }
}

/// What a SYN offers.
fn offer(chance: u16) -> Options {
    let mut options = Options::default();
    if !chance.is_multiple_of(4) {
        options.seen |= OptionsSeen::MSS;
        options.mss = Some(1460 + chance % 2);
    }
    if !chance.is_multiple_of(3) {
        options.seen |= OptionsSeen::WINDOW_SCALE;
        options.window_scale = Some(chance as u8 % 15);
    }
    if !chance.is_multiple_of(2) {
        options.seen |= OptionsSeen::SACK_PERMITTED;
    }
    options
}
