//! Renderers on their own, fed with what no explanation says: every text in a story, a table or a line of JSON is hostile.

use handshake_watch::capture::Frame;
use handshake_watch::explain::{
    Arrow, CommonServer, Conclusion, ConnectionRow, Line, Overview, Reach, SegmentFacts, Step,
    Story, Summary, Title, Tone, TroubleGroup, TroubleRow, Weight, WireEvent, WireHalf, WireStory,
};
use handshake_watch::reassemble::Reassembler;
use handshake_watch::render::{
    self, Extras, NotKept, Payload, Style, Width, json, summary, table, wire,
};
use handshake_watch::tcp::{
    Direction, Flags, FourTuple, Labels, Preview, Segment, SeqNumber, Side, TcpState,
};
use handshake_watch::time::{Span, Timestamp};

use super::chance::Chance;
use super::drive::{Manner, Watch};
use super::mutate::hostile_bytes;
use super::page;
use super::scene::{endpoint, frame_of, plain_packet, plain_segment};

/// Draws any story as a ladder.
pub fn ladder(chance: &mut Chance<'_>, manner: &Manner) {
    let story = story(chance);
    let payload = hostile_bytes(chance);
    let len = chance.word();
    let of_frame = |_| Some(Payload::of(&payload, len));
    let extras = Extras {
        not_kept: (!chance.once_in(3)).then(|| NotKept {
            before: chance.below(story.steps.len() + 2),
            packets: chance.bits(),
        }),
        payload: Some(&of_frame),
        ..Extras::default()
    };
    let mut page = Vec::new();
    render::ladder_with(&story, &manner.style, extras, &mut page).expect("memory");
    page::check(&page, manner.promise(true), "the ladder");
}

/// Draws any story of a wire. On a narrower page nobody asks for one.
pub fn on_wire(chance: &mut Chance<'_>, manner: &Manner) {
    let columns = manner.style.width.columns().max(wire::NARROWEST);
    let manner = Manner {
        style: Style {
            width: Width::new(columns),
            ..manner.style.clone()
        },
        ..manner.clone()
    };
    let Story {
        title, conclusion, ..
    } = story(chance);
    let story = WireStory {
        title,
        margins: chance.of(&[
            ["seq, ack", "seq, ack"],
            ["", ""],
            ["SND.UNA SND.NXT", "RCV"],
        ]),
        events: (0..chance.below(16)).map(|_| wire_event(chance)).collect(),
        conclusion,
    };
    let mut page = Vec::new();
    wire::wire(&story, &[], &manner.style, &mut page).expect("memory");
    page::check(&page, manner.promise(true), "the wire");
}

/// Draws the header of any bytes that can be one.
pub fn header(chance: &mut Chance<'_>, manner: &Manner) {
    let mut packet = plain_packet();
    let length = chance.below(61);
    packet.extend((0..length).map(|_| chance.byte()));
    packet[20 + 12] = chance.byte();
    packet[20 + 13] = chance.byte();
    let length = packet.len() as u16;
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    let frame = frame_of(&packet);
    let manner = Manner {
        told: u64::MAX,
        ..manner.clone()
    };
    let mut watch = Watch::new(&manner);
    let mut reassembler = Reassembler::new();
    for number in 1..3 {
        watch.frame(&Frame { number, ..frame }, &mut reassembler);
    }
    watch.finish();
}

/// Writes any story as sentences.
pub fn sentences(chance: &mut Chance<'_>, manner: &Manner) {
    let mut page = Vec::new();
    render::plain(&story(chance), &manner.style, &mut page).expect("memory");
    page::check(&page, manner.sentences(), "the sentences");
}

/// Writes any page about many connections.
pub fn tables(chance: &mut Chance<'_>, manner: &Manner) {
    let mut page = Vec::new();
    table::overview(&overview(chance), &manner.style, &mut page).expect("memory");
    page::check(&page, manner.promise(true), "the overview");
    page.clear();
    let rows: Vec<ConnectionRow> = (0..chance.below(6)).map(|_| row(chance)).collect();
    table::connections(&rows, &manner.style, &mut page).expect("memory");
    page::check(&page, manner.promise(true), "the table");
    page.clear();
    summary::summary(&counts(chance), &manner.style, &mut page).expect("memory");
    page::check(&page, manner.promise(true), "the summary");
}

/// Writes lines of JSON and reads them back.
pub fn json(chance: &mut Chance<'_>) {
    let (source, note) = (text(chance), text(chance));
    let mut page = Vec::new();
    json::header(&mut page, &source);
    let payload = hostile_bytes(chance);
    let segment = Segment {
        frame: chance.bits(),
        time: Timestamp::from_nanos(chance.bits() as i64),
        tuple: FourTuple {
            source: endpoint(chance.below(9), chance),
            destination: endpoint(chance.below(9), chance),
        },
        seq: SeqNumber(chance.word()),
        ack: SeqNumber(chance.word()),
        len: chance.word(),
        flags: Flags::from_bits_truncate(chance.word() as u16),
        window: chance.word() as u16,
        urgent: chance.word() as u16,
        preview: Preview::of(&payload),
        ..plain_segment()
    };
    let facts = SegmentFacts {
        segment: &segment,
        connection: chance.word(),
        direction: direction(chance),
        seq: chance.word(),
        ack: chance.word(),
        window: chance.word(),
        window_scale: (!chance.once_in(3)).then(|| chance.byte()),
        labels: Labels::from_bits_truncate(chance.word()),
        client_state: state(chance),
        server_state: state(chance),
        delivered: chance.of(&[None, Some(true), Some(false)]),
        note: &note,
    };
    json::segment(&mut page, &facts);
    let lines = page::json_lines(&page);
    assert_eq!(lines.len(), 2, "a line each");
    assert_eq!(
        lines[0]["source"],
        source.as_str(),
        "the value is not changed"
    );
    assert_eq!(lines[1]["note"], note.as_str(), "the value is not changed");
    assert_eq!(lines[1]["frame"], segment.frame);
}

fn story(chance: &mut Chance<'_>) -> Story {
    Story {
        title: Title {
            id: chance.word(),
            client: endpoint(chance.below(9), chance),
            client_role: chance.of(&["client", "client, assumed"]),
            server: endpoint(chance.below(9), chance),
            server_role: chance.of(&["server", "no server"]),
            remark: text(chance),
        },
        client_before: state(chance),
        server_before: state(chance),
        steps: (0..chance.below(12)).map(|_| step(chance)).collect(),
        conclusion: Conclusion {
            tone: chance.of(&[Tone::Good, Tone::Bad, Tone::Neutral]),
            word: chance.of(&["closed", "reset", "no answer"]),
            text: text(chance),
            advice: (!chance.once_in(2)).then(|| text(chance)),
        },
    }
}

fn step(chance: &mut Chance<'_>) -> Step {
    Step {
        frame: number(chance),
        connection: chance.below(4) as u32,
        time: Timestamp::from_nanos(number(chance) as i64),
        after: span(chance),
        delta: span(chance),
        direction: direction(chance),
        flags: Flags::from_bits_truncate(chance.word() as u16),
        arrow: Arrow {
            name: text(chance),
            numbers: text(chance),
            tags: (0..chance.below(3)).map(|_| text(chance)).collect(),
            line: chance.of(&[Line::Plain, Line::Heavy, Line::Repeat, Line::Lost]),
        },
        client: state(chance),
        server: state(chance),
        heading: (!chance.once_in(2)).then(|| text(chance)),
        brief: text(chance),
        routine: chance.once_in(2),
        full: text(chance),
        details: text(chance),
        weight: chance.of(&[Weight::Bulk, Weight::Frame, Weight::Trouble]),
        preview: Preview::of(&hostile_bytes(chance)),
        len: number(chance) as u32,
    }
}

fn wire_event(chance: &mut Chance<'_>) -> WireEvent {
    WireEvent {
        after: span(chance),
        side: chance.of(&[Side::Client, Side::Server]),
        packet: number(chance),
        what: chance.of(&[WireHalf::Leaves, WireHalf::Lost, WireHalf::Arrives]),
        label: text(chance),
        tags: (0..chance.below(3)).map(|_| text(chance)).collect(),
        line: chance.of(&[Line::Plain, Line::Heavy, Line::Repeat, Line::Lost]),
        margin: text(chance),
        note: text(chance),
        brief: text(chance),
        full: text(chance),
        state: None,
        reach: [Reach::default(); 2],
        terms: Vec::new(),
    }
}

fn overview(chance: &mut Chance<'_>) -> Overview {
    Overview {
        source: text(chance),
        connections: count(chance),
        packets: count(chance),
        bytes: count(chance),
        gaps: text(chance),
        period: period(chance),
        in_trouble: count(chance),
        others: (0..chance.below(3))
            .map(|_| (count(chance), text(chance)))
            .collect(),
        common_server: (!chance.once_in(2)).then(|| CommonServer {
            server: endpoint(chance.below(9), chance),
            in_trouble: count(chance),
            connections: count(chance),
        }),
        groups: (0..chance.below(3))
            .map(|_| TroubleGroup {
                heading: text(chance),
                total: count(chance),
                meaning: text(chance),
                rows: (0..chance.below(3))
                    .map(|_| TroubleRow {
                        id: chance.word(),
                        began: Timestamp::from_nanos(number(chance) as i64),
                        client: endpoint(chance.below(9), chance),
                        server: endpoint(chance.below(9), chance),
                        lasted: span(chance),
                        what: text(chance),
                    })
                    .collect(),
            })
            .collect(),
        healthy: text(chance),
        hints: (0..chance.below(3)).map(|_| text(chance)).collect(),
    }
}

fn row(chance: &mut Chance<'_>) -> ConnectionRow {
    ConnectionRow {
        id: chance.word(),
        client: endpoint(chance.below(9), chance),
        server: endpoint(chance.below(9), chance),
        verdict: chance.of(&["closed", "no_answer"]),
        client_bytes: count(chance),
        server_bytes: count(chance),
        lasted: span(chance),
        retransmissions: count(chance),
        waited: chance.once_in(2).then(|| span(chance)),
        trouble: vec!["server_silent"; chance.below(5)],
    }
}

fn counts(chance: &mut Chance<'_>) -> Summary {
    Summary {
        source: text(chance),
        frames: count(chance),
        segments: count(chance),
        skipped: vec![("malformed_tcp", count(chance)); chance.below(4)],
        connections: count(chance),
        by_verdict: vec![("half_closed", count(chance)); chance.below(4)],
        by_trouble: vec![("reset_after_idle", count(chance)); chance.below(4)],
        client_bytes: count(chance),
        server_bytes: count(chance),
        retransmissions: count(chance),
        period: period(chance),
        evicted: count(chance),
        evicted_unended: count(chance),
        capture_dropped: (!chance.once_in(2)).then(|| count(chance)),
        wire: None,
    }
}

/// Hostile text, or several pieces of it, or plain words.
fn text(chance: &mut Chance<'_>) -> String {
    let pieces = chance.below(4);
    let mut text = String::new();
    for _ in 0..pieces {
        if chance.once_in(2) {
            text.push_str("plain words, ");
        } else {
            text.push_str(&String::from_utf8_lossy(&hostile_bytes(chance)));
        }
    }
    text
}

fn number(chance: &mut Chance<'_>) -> u64 {
    match chance.below(4) {
        0 => chance.bits(),
        1 => chance.of(&[
            0,
            1,
            u64::MAX,
            i64::MAX as u64,
            1 << 63,
            999,
            1000,
            1023,
            1024,
        ]),
        _ => u64::from(chance.byte()),
    }
}

/// A count of things that were counted one by one: several of them have a sum.
fn count(chance: &mut Chance<'_>) -> u64 {
    number(chance) >> 8
}

fn span(chance: &mut Chance<'_>) -> Span {
    Span::from_nanos(number(chance) as i64)
}

fn period(chance: &mut Chance<'_>) -> Option<(Timestamp, Timestamp)> {
    let mut time = || Timestamp::from_nanos(number(chance) as i64);
    let (first, last) = (time(), time());
    (!chance.once_in(4)).then_some((first.min(last), first.max(last)))
}

fn direction(chance: &mut Chance<'_>) -> Direction {
    chance.of(&[Direction::ClientToServer, Direction::ServerToClient])
}

fn state(chance: &mut Chance<'_>) -> Option<TcpState> {
    (!chance.once_in(4)).then(|| chance.of(&TcpState::ALL))
}
