//! Scripted segments for the tests of rules: one line a segment, with relative numbers.
//!
//! `30 > PA 1+10 1 100 id7 ts9/8 ws7 sackok sack21-31 cookie8` is: at 30 ms the end that began sends PSH-ACK, relative
//! number 1, ten bytes, acknowledging 1, window 100; then IP identification and options. Both ends' first numbers lie just
//! below a wrap, so that every test also tests the wrap.

use std::net::{IpAddr, Ipv4Addr};

use crate::tcp::{
    Endpoint, FastOpen, Flags, FourTuple, IpFacts, Options, OptionsSeen, Preview, SackBlock,
    Segment, SeqNumber,
};
use crate::time::Timestamp;

/// First numbers of the two ends.
pub(super) const FIRST: [u32; 2] = [u32::MAX - 3, u32::MAX - 4];

/// A segment and the end that sends it, for each line that is not empty.
pub(super) fn segments(script: &str) -> impl Iterator<Item = (Segment, usize)> {
    script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .zip(1..)
        .map(|(line, frame)| segment(line, frame, [40_000, 80]))
}

/// One line. `ports` are those of the end that began and of the other; equal ports make a socket talk to itself.
pub(super) fn segment(line: &str, frame: u64, ports: [u16; 2]) -> (Segment, usize) {
    let mut words = line.split_whitespace();
    let mut word = || words.next().expect("five words at least");
    let millis: f64 = word().parse().expect("milliseconds");
    let from = usize::from(word() == "<");
    let flags = flags(word());
    let (seq, len) = word().split_once('+').map_or_else(
        || panic!("{line}: sequence number and length, as 1+10"),
        |(seq, len)| (number(seq, FIRST[from]), len.parse().expect("length")),
    );
    let ack = match word() {
        "-" => SeqNumber(0),
        ack => number(ack, FIRST[1 - from]),
    };
    let window = word().parse().expect("window");
    let mut ip = IpFacts::default();
    let mut options = Options::default();
    for option in words {
        read_option(option, FIRST[1 - from], &mut ip, &mut options);
    }
    let end = |port, last| Endpoint {
        address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)),
        port,
    };
    let own = u8::from(ports[0] != ports[1]);
    let ends = [end(ports[0], 1), end(ports[1], 1 + own)];
    let segment = Segment {
        frame,
        time: Timestamp::from_nanos(1_000_000_000 + (millis * 1e6) as i64),
        tuple: FourTuple {
            source: ends[from],
            destination: ends[1 - from],
        },
        seq,
        ack,
        len,
        flags,
        window,
        urgent: 0,
        ip,
        interface: 0,
        header_cut: false,
        options,
        preview: Preview::default(),
        announces: None,
    };
    (segment, from)
}

fn flags(letters: &str) -> Flags {
    letters
        .chars()
        .map(|letter| match letter {
            'S' => Flags::SYN,
            'A' => Flags::ACK,
            'F' => Flags::FIN,
            'R' => Flags::RST,
            'P' => Flags::PSH,
            _ => Flags::empty(),
        })
        .collect()
}

fn number(text: &str, base: u32) -> SeqNumber {
    let relative: i64 = text.parse().expect("a relative number");
    SeqNumber(base.wrapping_add(relative as u32))
}

fn read_option(text: &str, base: u32, ip: &mut IpFacts, options: &mut Options) {
    let after = |prefix| text.strip_prefix(prefix);
    if text == "sackok" {
        options.seen |= OptionsSeen::SACK_PERMITTED;
    } else if let Some(block) = after("sack") {
        let (left, right) = block.split_once('-').expect("left-right");
        options.seen |= OptionsSeen::SACK;
        options.sack.push(SackBlock {
            left: number(left, base),
            right: number(right, base),
        });
    } else if let Some(shift) = after("ws") {
        options.window_scale = Some(shift.parse().expect("shift"));
    } else if let Some(id) = after("id") {
        ip.id = Some(id.parse().expect("identification"));
    } else if let Some(clocks) = after("ts") {
        let (value, echo) = clocks.split_once('/').expect("value/echo");
        options.timestamps = Some((value.parse().expect("value"), echo.parse().expect("echo")));
    } else if let Some(bytes) = after("cookie") {
        options.fast_open = Some(FastOpen::Cookie(bytes.parse().expect("bytes")));
    } else if let Some(subtype) = after("mp") {
        options.seen |= OptionsSeen::MPTCP;
        options.mptcp_subtype = Some(subtype.parse().expect("subtype"));
    } else {
        panic!("unknown option {text}");
    }
}
