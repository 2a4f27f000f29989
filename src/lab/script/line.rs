//! Lines of a script become steps.

use std::net::SocketAddr;

use super::words::{Result, Words, expected, flags, span, timestamp};
use super::{Problem, ScriptError, Step};
use crate::tcp::{
    Endpoint, FastOpen, Flags, FourTuple, IcmpError, IcmpKind, IpFacts, Options, OptionsSeen,
    Preview, Segment, SeqNumber,
};
use crate::time::Timestamp;

/// When nothing says otherwise, the first segment's time: some instant with a round number.
const START: Timestamp = Timestamp::new(1_700_000_000, 0);

/// The window field where a line has no `win`.
const WINDOW: u16 = 65535;

/// The TTL of Linux.
const TTL: u8 = 64;

/// One end as the lines so far left it.
struct End {
    endpoint: Endpoint,
    isn: SeqNumber,
    /// The next number it would send.
    next: SeqNumber,
    latest: Option<Segment>,
}

/// What is carried from line to line.
struct Reader {
    /// Client, server.
    ends: [End; 2],
    start: Timestamp,
    now: Timestamp,
    steps: Vec<Step>,
}

pub(super) fn parse(text: &str) -> std::result::Result<Vec<Step>, ScriptError> {
    let mut reader = Reader {
        ends: [
            end([127, 0, 0, 1], 40000, 1000),
            end([127, 0, 0, 1], 1712, 5000),
        ],
        start: START,
        now: START,
        steps: Vec::new(),
    };
    for (number, line) in text.lines().enumerate() {
        reader.line(line).map_err(|problem| ScriptError {
            line: number + 1,
            problem,
        })?;
    }
    Ok(reader.steps)
}

fn end(address: [u8; 4], port: u16, isn: u32) -> End {
    End {
        endpoint: Endpoint {
            address: address.into(),
            port,
        },
        isn: SeqNumber(isn),
        next: SeqNumber(isn),
        latest: None,
    }
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<()> {
        let mut words = Words { rest: line };
        match words.next() {
            "" => Ok(()),
            "client" => self.head(0, &mut words),
            "server" => self.head(1, &mut words),
            "at" => {
                let word = words.next();
                let Some(start) = timestamp(word) else {
                    return expected("seconds since 1970 such as 1700000000.5", word);
                };
                (self.start, self.now) = (start, start);
                words.end()
            }
            time => {
                self.pass(time)?;
                self.event(&mut words)
            }
        }
    }

    /// `client 127.0.0.1:52126 isn 1000`
    fn head(&mut self, which: usize, words: &mut Words<'_>) -> Result<()> {
        let word = words.next();
        let Ok(address) = word.parse::<SocketAddr>() else {
            return expected("an address and port such as 127.0.0.1:1712", word);
        };
        let end = &mut self.ends[which];
        end.endpoint = Endpoint {
            address: address.ip(),
            port: address.port(),
        };
        end.latest = None;
        match words.next() {
            "" => {}
            "isn" => end.isn = SeqNumber(words.number()?),
            word => return expected("`isn`", word),
        }
        end.next = end.isn;
        words.end()
    }

    /// Whose numbers are sent and acknowledged. A socket connected to itself has one set, the client's.
    fn pair(&self, from: usize) -> (usize, usize) {
        if self.ends[0].endpoint == self.ends[1].endpoint {
            (0, 0)
        } else {
            (from, 1 - from)
        }
    }

    fn pass(&mut self, word: &str) -> Result<()> {
        let (since, amount) = match word.strip_prefix('+') {
            Some(amount) => (self.now, amount),
            None => (self.start, word),
        };
        let Some(span) = span(amount) else {
            return expected("a time such as 0, 5ms or +12us", word);
        };
        self.now = since + span;
        Ok(())
    }

    fn event(&mut self, words: &mut Words<'_>) -> Result<()> {
        let word = words.next();
        if word == "icmp" {
            return self.icmp(words);
        }
        let from = side(word)?;
        let arrow = words.next();
        if arrow != ">" {
            return expected("`>`", arrow);
        }
        let word = words.next();
        if side(word)? == from {
            return expected("the other end", word);
        }
        self.segment(from, words)
    }

    fn segment(&mut self, from: usize, words: &mut Words<'_>) -> Result<()> {
        let word = words.next();
        let Some(flags) = flags(word) else {
            return expected("flags such as SYN-ACK", word);
        };
        let mut segment = self.ordinary(from, flags)?;
        let mut payload = None;
        let mut len = None;
        loop {
            let rest = words.rest.trim_start();
            if rest.starts_with('"') {
                payload = Some(words.text()?);
                continue;
            }
            let word = words.next();
            if word.is_empty() {
                break;
            }
            if word == "len" {
                len = Some(words.number::<u16>()?);
            } else {
                self.field(word, from, &mut segment, words)?;
            }
        }
        let payload = payload_of(payload, len)?;
        segment.len = payload.len() as u32;
        segment.preview = Preview::of(&payload);
        let options = super::frame::options(&segment.options).len();
        if options > 40 {
            return Err(Problem::TooManyOptions { bytes: options });
        }
        let (own, _) = self.pair(from);
        let end = &mut self.ends[own];
        if !segment.flags.contains(Flags::RST) {
            end.next = end.next.max(segment.seq_end());
        }
        end.latest = Some(segment.clone());
        self.steps.push(Step::Segment { segment, payload });
        Ok(())
    }

    /// What an ordinary sender would write.
    fn ordinary(&self, from: usize, flags: Flags) -> Result<Segment> {
        let (own, peer) = self.pair(from);
        let (own, peer) = (&self.ends[own], &self.ends[peer]);
        if own.endpoint.address.is_ipv4() != peer.endpoint.address.is_ipv4() {
            return Err(Problem::MixedAddresses);
        }
        // Whoever has not sent its SYN yet, but is past it, sends from the number after its ISN on.
        let begun = own.next != own.isn || flags.contains(Flags::SYN);
        let seq = own.next + u32::from(!begun);
        let peer_next = peer.next + u32::from(peer.next == peer.isn);
        Ok(Segment {
            frame: self.steps.len() as u64 + 1,
            time: self.now,
            tuple: FourTuple {
                source: own.endpoint,
                destination: peer.endpoint,
            },
            seq,
            ack: if flags.contains(Flags::ACK) {
                peer_next
            } else {
                SeqNumber(0)
            },
            len: 0,
            flags,
            window: if flags.contains(Flags::RST) {
                0
            } else {
                WINDOW
            },
            urgent: 0,
            ip: IpFacts {
                id: own.endpoint.address.is_ipv4().then_some(0),
                ttl: TTL,
                ecn: 0,
                tunnelled: false,
            },
            interface: 0,
            header_cut: false,
            options: Options::default(),
            preview: Preview::default(),
            announces: None,
        })
    }

    fn field(
        &self,
        word: &str,
        from: usize,
        segment: &mut Segment,
        words: &mut Words<'_>,
    ) -> Result<()> {
        let (own, peer) = self.pair(from);
        let (own, peer) = (self.ends[own].isn, self.ends[peer].isn);
        let options = &mut segment.options;
        match word {
            "seq" => segment.seq = own + words.number()?,
            "ack" => segment.ack = peer + words.number()?,
            "rawseq" => segment.seq = SeqNumber(words.number()?),
            "rawack" => segment.ack = SeqNumber(words.number()?),
            "win" => segment.window = words.number()?,
            "urg" => segment.urgent = words.number()?,
            "ttl" => segment.ip.ttl = words.number()?,
            "ipid" => segment.ip.id = Some(words.number()?),
            "ce" => segment.ip.ecn = 3,
            "mss" => {
                options.mss = Some(words.number()?);
                options.seen |= OptionsSeen::MSS;
            }
            "wscale" => {
                options.window_scale = Some(words.number()?);
                options.seen |= OptionsSeen::WINDOW_SCALE;
            }
            "sackok" => options.seen |= OptionsSeen::SACK_PERMITTED,
            "ts" => {
                options.timestamps = Some((words.number()?, words.number()?));
                options.seen |= OptionsSeen::TIMESTAMPS;
            }
            "sack" => {
                let block = words.sack(peer)?;
                options.seen |= OptionsSeen::SACK;
                if options.sack.try_push(block).is_err() {
                    return Err(Problem::TooManyOptions { bytes: 2 + 5 * 8 });
                }
            }
            "tfo" => {
                options.seen |= OptionsSeen::FAST_OPEN;
                let cookie = words.peek().starts_with(|c: char| c.is_ascii_digit());
                options.fast_open = Some(if cookie {
                    FastOpen::Cookie(words.number()?)
                } else {
                    FastOpen::Request
                });
            }
            word => return expected("a word of the script language", word),
        }
        Ok(())
    }

    /// `icmp C unreachable 1`
    fn icmp(&mut self, words: &mut Words<'_>) -> Result<()> {
        let which = side(words.next())?;
        let v6 = self.ends[which].endpoint.address.is_ipv6();
        let kind = match words.next() {
            "unreachable" => IcmpKind::Unreachable {
                code: words.number()?,
                v6,
            },
            "too-big" => IcmpKind::TooBig {
                mtu: words.number()?,
            },
            "time-exceeded" => IcmpKind::TimeExceeded,
            word => return expected("`unreachable`, `too-big` or `time-exceeded`", word),
        };
        words.end()?;
        let Some(quoted) = self.ends[which].latest.clone() else {
            return Err(Problem::NothingToQuote);
        };
        let error = IcmpError {
            frame: self.steps.len() as u64 + 1,
            time: self.now,
            reporter: quoted.tuple.destination.address,
            tuple: quoted.tuple,
            seq: quoted.seq,
            kind,
        };
        self.steps.push(Step::Icmp { error, quoted });
        Ok(())
    }
}

fn payload_of(text: Option<Vec<u8>>, len: Option<u16>) -> Result<Vec<u8>> {
    match (text, len.map(usize::from)) {
        (Some(text), Some(said)) if said != text.len() => Err(Problem::Length {
            said,
            counted: text.len(),
        }),
        (Some(text), _) => Ok(text),
        (None, len) => Ok(vec![b'.'; len.unwrap_or(0)]),
    }
}

fn side(word: &str) -> Result<usize> {
    match word {
        "C" => Ok(0),
        "S" => Ok(1),
        word => expected("`C` or `S`", word),
    }
}
