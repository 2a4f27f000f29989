//! One TCP header as a reader meets it: the fields in the order of the RFC, the options in words, and what is different
//! from the packet before in the same direction.
//!
//! Comes in: the header's bytes, the segment, what it did, and the earlier header. Goes out: a [`HeaderView`], which a
//! renderer draws without knowing TCP.

use std::fmt::Write;

use super::brief::brief;
use super::words::{Bytes, Count, Number, the};
use crate::tcp::{Flags, Options, RawHeader, RawOption, Segment};
use crate::track::Change;

/// A header, ready to be drawn.
#[derive(Clone, Debug)]
pub struct HeaderView {
    /// Which packet it is: `packet 4 of connection 1, client to server: PSH-ACK`.
    pub title: String,
    /// What the packet means, briefly.
    pub note: String,
    /// Its rows of 32 bits, from the first.
    pub rows: Vec<HeaderRow>,
    /// Its options, in order.
    pub options: Vec<OptionLine>,
    /// How much data follows it.
    pub data: String,
    /// What is different, with the packet it is compared to as the first line; empty when there was none before.
    pub changes: Vec<String>,
    /// Its captured bytes.
    pub bytes: Vec<u8>,
}

/// A row of 32 bits.
#[derive(Clone, Debug)]
pub enum HeaderRow {
    /// Two fields of 16 bits.
    Halves([HeaderField; 2]),
    /// One field of 32 bits.
    Whole(HeaderField),
    /// Data offset, reserved bits, eight control bits, window.
    Control {
        /// In words of 32 bits.
        offset: HeaderField,
        /// Four bits.
        reserved: HeaderField,
        /// Three letters each, CWR first.
        bits: Vec<(&'static str, bool)>,
        /// The field, unscaled.
        window: HeaderField,
    },
}

/// A field's name and value.
#[derive(Clone, Debug)]
pub struct HeaderField {
    /// As the RFC writes it.
    pub name: &'static str,
    /// As a number, with its meaning where that is short.
    pub value: String,
    /// It is different from the packet before.
    pub changed: bool,
}

/// An option in words.
#[derive(Clone, Debug)]
pub struct OptionLine {
    /// Where in the header it begins, in bytes.
    pub at: usize,
    /// Its name and value.
    pub text: String,
    /// All its bytes.
    pub bytes: Vec<u8>,
}

/// The control bits in the order of the header.
const CONTROL_BITS: [&str; 8] = ["CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"];

/// The view of `header`. `earlier`: the frame and the header before it in its direction.
#[must_use]
pub fn header_view(
    header: RawHeader<'_>,
    segment: &Segment,
    change: &Change,
    earlier: Option<(u64, RawHeader<'_>)>,
) -> HeaderView {
    let mut note = String::new();
    brief(&mut note, segment, change);
    let sender = change.direction.sender();
    HeaderView {
        title: format!(
            "packet {} of connection {}, {} to {}: {}",
            segment.frame,
            change.connection,
            sender.name(),
            (!sender).name(),
            segment.flags
        ),
        note,
        rows: rows(header, segment, change, earlier.map(|(_, header)| header)),
        options: header
            .options()
            .map(|option| OptionLine {
                at: option.at,
                text: option_text(option, segment, change),
                bytes: option.bytes.to_vec(),
            })
            .collect(),
        data: if segment.len == 0 {
            "no data follow".to_owned()
        } else {
            format!("{} follow", Bytes(u64::from(segment.len)))
        },
        changes: earlier.map_or_else(Vec::new, |(frame, before)| {
            changes(header, before, frame, the(sender))
        }),
        bytes: header.bytes().collect(),
    }
}

fn rows(
    header: RawHeader<'_>,
    segment: &Segment,
    change: &Change,
    before: Option<RawHeader<'_>>,
) -> Vec<HeaderRow> {
    let field = |name, value: String, same: Option<bool>| HeaderField {
        name,
        value,
        changed: same == Some(false),
    };
    let ack = if segment.flags.contains(Flags::ACK) {
        format!("{}, here {}", header.ack(), change.ack)
    } else {
        format!("{}, without meaning", header.ack())
    };
    let bits = header.control_bits();
    let mut rows = vec![
        HeaderRow::Halves([
            field("Source Port", header.source_port().to_string(), None),
            field(
                "Destination Port",
                header.destination_port().to_string(),
                None,
            ),
        ]),
        HeaderRow::Whole(field(
            "Sequence Number",
            format!("{}, here {}", header.seq(), change.seq),
            before.map(|before| before.seq() == header.seq()),
        )),
        HeaderRow::Whole(field(
            "Acknowledgment Number",
            ack,
            before.map(|before| before.ack() == header.ack()),
        )),
        HeaderRow::Control {
            offset: field(
                "Offset",
                header.data_offset().to_string(),
                before.map(|before| before.data_offset() == header.data_offset()),
            ),
            reserved: field(
                "Rsrvd",
                format!("{:04b}", header.reserved()),
                before.map(|before| before.reserved() == header.reserved()),
            ),
            bits: CONTROL_BITS
                .into_iter()
                .enumerate()
                .map(|(index, name)| (name, bits & (0x80 >> index) != 0))
                .collect(),
            window: field(
                "Window",
                header.window().to_string(),
                before.map(|before| before.window() == header.window()),
            ),
        },
        HeaderRow::Halves([
            field(
                "Checksum",
                format!("0x{:04x}", header.checksum()),
                before.map(|before| before.checksum() == header.checksum()),
            ),
            field(
                "Urgent Pointer",
                header.urgent().to_string(),
                before.map(|before| before.urgent() == header.urgent()),
            ),
        ]),
    ];
    let options = usize::from(header.data_offset()) * 4;
    if options > 20 {
        rows.push(HeaderRow::Whole(HeaderField {
            name: "Options",
            value: format!("{}, below", Bytes((options - 20) as u64)),
            changed: false,
        }));
    }
    rows
}

/// What is different from the packet before, as a list that begins with which packet that was.
fn changes(header: RawHeader<'_>, before: RawHeader<'_>, frame: u64, sender: &str) -> Vec<String> {
    let mut list = vec![format!(
        "changed (*) since packet {frame}, {sender}'s last one:"
    )];
    for (name, now, then) in [
        ("sequence number", header.seq(), before.seq()),
        ("acknowledgment number", header.ack(), before.ack()),
    ] {
        match now.wrapping_sub(then).cast_signed() {
            0 => {}
            more @ 1.. => list.push(format!("{name}: {more} more")),
            less => list.push(format!("{name}: {} less", less.unsigned_abs())),
        }
    }
    for (index, name) in CONTROL_BITS.iter().enumerate() {
        let mask = 0x80 >> index;
        match (
            before.control_bits() & mask != 0,
            header.control_bits() & mask != 0,
        ) {
            (false, true) => list.push(format!("{name}: set now")),
            (true, false) => list.push(format!("{name}: no longer set")),
            _ => {}
        }
    }
    for (name, now, then) in [
        ("window field", header.window(), before.window()),
        ("urgent pointer", header.urgent(), before.urgent()),
        (
            "data offset",
            header.data_offset().into(),
            before.data_offset().into(),
        ),
        (
            "reserved bits",
            header.reserved().into(),
            before.reserved().into(),
        ),
    ] {
        if now != then {
            list.push(format!("{name}: {then} before, {now} now"));
        }
    }
    let kinds = |header: RawHeader<'_>| -> Vec<u8> {
        let real = header.options().map(|option| option.kind);
        real.filter(|kind| *kind > 1).collect()
    };
    let (now, then) = (kinds(header), kinds(before));
    for (word, these, those) in [("new", &now, &then), ("gone", &then, &now)] {
        for kind in these.iter().filter(|kind| !those.contains(kind)) {
            list.push(format!("option {}: {word}", option_name(*kind)));
        }
    }
    if list.len() == 1 {
        list.push("nothing but, perhaps, checksum and the values of options".to_owned());
    }
    list
}

/// An option kind's name (the registry of TCP option kinds; sources in `tcp::OptionsSeen`).
fn option_name(kind: u8) -> String {
    let name = match kind {
        0 => "end of options",
        1 => "no-operation",
        2 => "MSS",
        3 => "window scale",
        4 => "SACK permitted",
        5 => "SACK",
        8 => "timestamps",
        19 => "MD5 signature",
        28 => "user timeout",
        29 => "authentication (TCP-AO)",
        30 => "Multipath TCP",
        34 => "Fast Open",
        172 | 174 => "Accurate ECN",
        253 | 254 => "experiment",
        _ => return format!("kind {kind}, not known here"),
    };
    name.to_owned()
}

/// An option's name and value.
fn option_text(option: RawOption<'_>, segment: &Segment, change: &Change) -> String {
    let mut text = option_name(option.kind);
    let value = option.bytes.get(2..).unwrap_or_default();
    let declared = option.bytes.get(1).map_or(0, |len| usize::from(*len));
    if option.kind > 1 && declared != option.bytes.len() {
        text.push_str(", cut off or with an impossible length");
        return text;
    }
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte))
    };
    // Writing to a String cannot fail.
    let _ = match (option.kind, value.len()) {
        (1, _) => write!(text, ": {} of padding", Bytes(option.bytes.len() as u64)),
        (0, _) => write!(text, ": what follows is padding"),
        (2, 2) => write!(
            text,
            ": segments of up to {}",
            Bytes(u64::from(word(value)))
        ),
        (3, 1) => write!(
            text,
            " {}: later windows count in units of {}",
            value[0],
            Number(1 << value[0].min(14))
        ),
        (5, _) => {
            let base = segment.ack - change.ack;
            let blocks = value.chunks_exact(8).map(|block| {
                (
                    word(&block[..4]).wrapping_sub(base.0),
                    word(&block[4..]).wrapping_sub(base.0),
                )
            });
            for (index, (left, right)) in blocks.enumerate() {
                let lead = if index == 0 { ": has" } else { "," };
                let _ = write!(text, "{lead} {left}–{}", right.wrapping_sub(1));
            }
            Ok(())
        }
        (8, 8) => write!(
            text,
            ": own clock {}, echoes {}",
            word(&value[..4]),
            word(&value[4..])
        ),
        (28, 2) => {
            let field = word(value);
            let unit = if field & 0x8000 == 0 {
                "second"
            } else {
                "minute"
            };
            write!(text, ": {}", Count(u64::from(field & 0x7fff), unit))
        }
        (30, 1..) => write!(text, ": {}", multipath(value[0] >> 4)),
        (34, 0) => write!(text, ": asks for a cookie"),
        (34, len) => write!(text, ": a cookie of {len} bytes"),
        (_, 0) => Ok(()),
        (_, len) => write!(text, ": {}", Bytes(len as u64)),
    };
    text
}

/// A Multipath TCP subtype's name (RFC 8684 section 7.2).
const fn multipath(subtype: u8) -> &'static str {
    match subtype {
        Options::MP_CAPABLE => "MP_CAPABLE, offers it",
        Options::MP_JOIN => "MP_JOIN, adds a path",
        Options::DSS => "DSS, maps numbers of all paths",
        Options::ADD_ADDR => "ADD_ADDR, names another address",
        4 => "REMOVE_ADDR, withdraws an address",
        5 => "MP_PRIO, changes a path's priority",
        6 => "MP_FAIL, falls back",
        7 => "MP_FASTCLOSE, aborts all paths",
        8 => "MP_TCPRST, says why a path is reset",
        _ => "a subtype that is not known here",
    }
}
