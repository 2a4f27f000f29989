//! Captures damaged on purpose: in their bytes, in their records, and in the packets inside.

use super::chance::Chance;

/// Text that wants to be more than text.
pub const HOSTILE: [&str; 17] = [
    "\u{1b}[2J\u{1b}[1;1H",
    "\u{1b}]0;owned\u{7}",
    "\u{1b}]52;c;b3duZWQ=\u{1b}\\",
    "\u{1b}]8;;http://x/\u{1b}\\y\u{1b}]8;;\u{1b}\\",
    "\u{1b}P1$r\u{1b}\\\u{1b}^x\u{1b}\\",
    "\u{9b}2J\u{9d}0;x\u{9c}\u{90}q\u{9c}",
    "\u{202e}drawkcab\u{2066}\u{2069}\u{200f}\u{61c}",
    "one\ntwo\r\nthree\rfour\u{b}\u{c}\u{85}\u{2028}\u{2029}five",
    "nul\0bell\u{7}back\u{8}\u{7f}\t",
    "\"},{\"type\":\"header\"}\\\"",
    "</script><svg onload=x>]]>&<!--",
    "=cmd|' /C calc'!A0",
    "e\u{301}\u{301}\u{301}\u{200d}\u{feff}\u{e0041}\u{fe0f}",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}日本語\u{ff1d}",
    "%s%n%x {} {0} ${HOME} `id`",
    "end\nparticipant x;C->>S: y",
    "\u{fff9}a\u{fffa}b\u{fffb}\u{ad}",
];

/// Bytes that are no text at all.
pub const NO_TEXT: [&[u8]; 4] = [
    b"\x9b2J\x9d0;x\x9c",
    b"\xff\xfe\xc3(\xe2\x82\xf0\x9f\x98\xed\xa0\x80",
    b"\xc0\x9b\xe0\x80\x9b\x1b\xc2\x9b",
    b"\x1b\x1b[\x1b]\x1b\x9b\x00\x00",
];

/// Numbers at the edges of their types, and lengths that captures often have.
const EDGES: [u32; 18] = [
    0,
    1,
    2,
    3,
    4,
    5,
    15,
    16,
    19,
    20,
    40,
    0x7f,
    0xff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
];

/// Link types that are decoded, and some that are not.
const LINKS: [u16; 26] = [
    0, 1, 9, 10, 12, 14, 50, 51, 101, 105, 107, 108, 109, 113, 117, 119, 127, 147, 163, 192, 226,
    228, 229, 253, 276, 299,
];

/// No input grows beyond this: larger ones find nothing else, only later.
const LARGEST: usize = 512 * 1024;

/// A capture, taken apart just far enough to be damaged with understanding.
#[derive(Clone, Debug)]
struct Parts {
    header: Vec<u8>,
    /// pcap records or pcapng blocks, each whole.
    records: Vec<Vec<u8>>,
    /// What could not be taken apart.
    rest: Vec<u8>,
    /// Where packet bytes begin in a record, and whether numbers are big-endian.
    data_at: usize,
    big_endian: bool,
}

/// Damages `capture` in one to six ways. `other` lends headers and records.
pub fn mutate(capture: &[u8], other: &[u8], chance: &mut Chance<'_>) -> Vec<u8> {
    let mut bytes = capture.to_vec();
    for _ in 0..=chance.below(6) {
        let raw = chance.once_in(3);
        match Parts::of(&bytes) {
            Some(mut parts) if !raw => {
                parts.damage(other, chance);
                bytes = parts.join();
            }
            _ => damage_bytes(&mut bytes, other, chance),
        }
        bytes.truncate(LARGEST);
    }
    bytes
}

/// Damage without understanding.
fn damage_bytes(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance<'_>) {
    if bytes.is_empty() {
        bytes.push(chance.byte());
    }
    let at = chance.below(bytes.len());
    match chance.below(8) {
        0 => {
            for _ in 0..=chance.below(8) {
                let at = chance.below(bytes.len());
                bytes[at] ^= 1 << chance.below(8);
            }
        }
        1 => bytes[at] = chance.byte(),
        2 => {
            let edge = chance.of(&EDGES);
            put(bytes, at, edge, chance.once_in(2));
        }
        3 => bytes.truncate(at),
        4 => {
            let end = (at + chance.below(64)).min(bytes.len());
            bytes.drain(at..end);
        }
        5 => {
            let piece: Vec<u8> = (0..chance.below(40)).map(|_| chance.byte()).collect();
            bytes.splice(at..at, piece);
        }
        6 => {
            let end = (at + chance.below(400)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        _ => {
            let from = chance.below(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }
}

impl Parts {
    /// Takes apart what looks like pcap or pcapng.
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.get(..4)? {
            [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => Self::pcap(bytes, true),
            [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => Self::pcap(bytes, false),
            [0x0a, 0x0d, 0x0d, 0x0a] => Self::pcapng(bytes),
            _ => None,
        }
    }

    fn pcap(bytes: &[u8], big_endian: bool) -> Option<Self> {
        let mut parts = Self {
            header: bytes.get(..24)?.to_vec(),
            records: Vec::new(),
            rest: Vec::new(),
            data_at: 16,
            big_endian,
        };
        parts.split(&bytes[24..], 8, 16);
        Some(parts)
    }

    fn pcapng(bytes: &[u8]) -> Option<Self> {
        let mut parts = Self {
            header: Vec::new(),
            records: Vec::new(),
            rest: Vec::new(),
            data_at: 28,
            big_endian: bytes.get(8..12)? == [0x1a, 0x2b, 0x3c, 0x4d],
        };
        parts.split(bytes, 4, 0);
        Some(parts)
    }

    /// Splits at the lengths that stand `length_at` bytes into each record and leave out `beside` bytes.
    fn split(&mut self, mut bytes: &[u8], length_at: usize, beside: usize) {
        while let Some(length) = get(bytes, length_at, self.big_endian) {
            let length = length as usize + beside;
            if length < length_at + 4 || length > bytes.len() {
                break;
            }
            let (record, rest) = bytes.split_at(length);
            self.records.push(record.to_vec());
            bytes = rest;
        }
        self.rest = bytes.to_vec();
    }

    fn join(self) -> Vec<u8> {
        let mut bytes = self.header;
        for record in self.records {
            bytes.extend_from_slice(&record);
        }
        bytes.extend_from_slice(&self.rest);
        bytes
    }

    fn is_pcapng(&self) -> bool {
        self.header.is_empty()
    }

    fn damage(&mut self, other: &[u8], chance: &mut Chance<'_>) {
        if self.records.is_empty() {
            self.relink(chance);
            return;
        }
        let (one, two) = (
            chance.below(self.records.len()),
            chance.below(self.records.len()),
        );
        match chance.below(16) {
            0 => {
                let copy = self.records[one].clone();
                self.records.insert(two, copy);
            }
            1 => self.records.swap(one, two),
            2 => drop(self.records.remove(one)),
            3 => {
                let (low, high) = (one.min(two), one.max(two));
                self.records[low..high].reverse();
            }
            4 => self.relink(chance),
            5 => self.set_length(one, chance),
            6 => self.set_time(one, chance),
            7 => self.splice(other, one, chance),
            8 => self.records[one].truncate(two),
            9 if self.is_pcapng() => {
                let block = self.interface(chance);
                self.records.insert(one, block);
            }
            9 | 10 => self.overwrite_payload(one, chance),
            _ => {
                for _ in 0..=chance.below(4) {
                    self.damage_packet(one, chance);
                }
            }
        }
    }

    /// Another link type: of the file, or of one interface.
    fn relink(&mut self, chance: &mut Chance<'_>) {
        let link = if chance.once_in(4) {
            chance.word() as u16
        } else {
            chance.of(&LINKS)
        };
        let big_endian = self.big_endian;
        if !self.is_pcapng() {
            put(&mut self.header, 20, u32::from(link), big_endian);
            return;
        }
        let interfaces = self.records.iter_mut();
        let is_interface = |block: &&mut Vec<u8>| get(block, 0, big_endian) == Some(1);
        if let Some(block) = interfaces.into_iter().find(is_interface) {
            // Two bytes of link type and two reserved ones; which comes first depends on the byte order.
            let shift = if big_endian { 16 } else { 0 };
            put(block, 8, u32::from(link) << shift, big_endian);
        }
    }

    /// A length that does not fit: captured, original, or of the block.
    fn set_length(&mut self, one: usize, chance: &mut Chance<'_>) {
        let places: &[usize] = if self.is_pcapng() {
            &[4, 20, 24]
        } else {
            &[8, 12]
        };
        let at = chance.of(places);
        let edge = if chance.once_in(2) {
            chance.of(&EDGES)
        } else {
            let now = get(&self.records[one], at, self.big_endian).unwrap_or(0);
            now.wrapping_add(chance.below(9) as u32).wrapping_sub(4)
        };
        put(&mut self.records[one], at, edge, self.big_endian);
    }

    /// A time stamp that jumps.
    fn set_time(&mut self, one: usize, chance: &mut Chance<'_>) {
        let at = if self.is_pcapng() { 12 } else { 0 };
        let time = if chance.once_in(2) {
            chance.of(&EDGES)
        } else {
            chance.word()
        };
        put(
            &mut self.records[one],
            at + 4 * chance.below(2),
            time,
            self.big_endian,
        );
    }

    /// The header or some records of another capture.
    fn splice(&mut self, other: &[u8], at: usize, chance: &mut Chance<'_>) {
        let Some(other) = Self::of(other) else {
            return;
        };
        if chance.once_in(4) {
            self.header = other.header;
            self.data_at = other.data_at;
        }
        let from = chance.below(other.records.len());
        let some = other
            .records
            .into_iter()
            .skip(from)
            .take(1 + chance.below(20));
        self.records.splice(at..at, some);
    }

    /// A pcapng interface whose name is hostile.
    fn interface(&self, chance: &mut Chance<'_>) -> Vec<u8> {
        let name = hostile_bytes(chance);
        let name = &name[..name.len().min(1000)];
        interface_block(chance.of(&LINKS), name, self.big_endian)
    }

    /// Hostile text at the end of a packet, where its payload is.
    fn overwrite_payload(&mut self, one: usize, chance: &mut Chance<'_>) {
        let record = &mut self.records[one];
        let text = hostile_bytes(chance);
        let trailer = if self.header.is_empty() { 4 } else { 0 };
        let end = record.len().saturating_sub(trailer);
        let begin = end.saturating_sub(text.len()).max(self.data_at.min(end));
        let text = &text[text.len() - (end - begin)..];
        record[begin..end].copy_from_slice(text);
    }

    /// A byte or a number inside a packet, mostly in its headers.
    fn damage_packet(&mut self, one: usize, chance: &mut Chance<'_>) {
        let record = &mut self.records[one];
        let Some(data) = record
            .get_mut(self.data_at..)
            .filter(|data| !data.is_empty())
        else {
            return;
        };
        let reach = if chance.once_in(8) {
            data.len()
        } else {
            data.len().min(100)
        };
        let at = chance.below(reach);
        match chance.below(4) {
            0 => data[at] ^= 1 << chance.below(8),
            1 => data[at] = chance.of(&[0, 1, 4, 6, 17, 41, 43, 44, 45, 0x50, 0x60, 0xf0, 0xff]),
            2 => data[at] = chance.byte(),
            _ => {
                let edge = chance.of(&EDGES) as u16;
                for (byte, new) in data[at..].iter_mut().zip(edge.to_be_bytes()) {
                    *byte = new;
                }
            }
        }
    }
}

/// Text, or bytes that are none.
pub fn hostile_bytes(chance: &mut Chance<'_>) -> Vec<u8> {
    match chance.below(3) {
        0 => chance.of(&NO_TEXT).to_vec(),
        1 => vec![chance.byte(); chance.below(2000)],
        _ => chance.of(&HOSTILE).as_bytes().to_vec(),
    }
}

/// An interface description block with a name.
pub fn interface_block(link: u16, name: &[u8], big_endian: bool) -> Vec<u8> {
    let short = |value: u16| {
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let mut body = [
        short(link),
        [0, 0],
        [0, 0],
        [0, 0],
        short(2),
        short(name.len() as u16),
    ]
    .concat();
    body.extend_from_slice(name);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend_from_slice(&[0; 4]);
    block(1, &body, big_endian)
}

/// A pcapng block.
pub fn block(kind: u32, body: &[u8], big_endian: bool) -> Vec<u8> {
    let word = |value: u32| {
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let length = word(body.len() as u32 + 12);
    [&word(kind), &length, body, &length].concat()
}

fn get(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(if big_endian {
        u32::from_be_bytes(four)
    } else {
        u32::from_le_bytes(four)
    })
}

/// Overwrites what is there of four bytes.
fn put(bytes: &mut [u8], at: usize, value: u32, big_endian: bool) {
    let four = if big_endian {
        value.to_be_bytes()
    } else {
        value.to_le_bytes()
    };
    for (byte, new) in bytes.iter_mut().skip(at).zip(four) {
        *byte = new;
    }
}
