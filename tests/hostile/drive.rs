//! The whole pipeline on one thread, with every renderer at its end, held to what is promised of any input.

use std::collections::{BTreeMap, HashMap};

use handshake_watch::capture::{Frame, LinkType, Next, Source};
use handshake_watch::decode::{self, Decoded, Fragment, Skip};
use handshake_watch::explain::{self, Digest, Narrator, Sort, Totals, Wording, occurred};
use handshake_watch::reassemble::Reassembler;
use handshake_watch::render::{
    self, Explain, Extras, Glyphs, LadderWriter, Payload, PlainWriter, Style, TimeColumn, Width,
    json, summary, table,
};
use handshake_watch::tcp::{Direction, IcmpError, RawHeader, Segment, Side};
use handshake_watch::time::Timestamp;
use handshake_watch::track::{
    Change, Connection, ConnectionId, LabelRules, Limits, Tracker, Verdict,
};

use super::chance::Chance;
use super::page::{self, Promise};

/// Ladders drawn of one input, and segments kept for each: more of the same finds nothing new.
const LADDERS: usize = 12;
const SEGMENTS: usize = 400;

/// How an input is looked at.
#[derive(Clone, Debug)]
pub struct Manner {
    pub style: Style,
    pub labels: LabelRules,
    /// Bytes for live connections: little makes the tracker evict.
    pub memory: usize,
    pub raw_seq: bool,
    /// So many segments are rendered; all are tracked.
    pub told: u64,
    /// What the input calls itself; hostile text.
    pub source: String,
    /// What its interface is called when the input does not say; hostile text.
    pub interface: Option<String>,
}

impl Manner {
    /// Any manner.
    pub fn any(chance: &mut Chance<'_>) -> Self {
        let style = Style {
            width: Width::new(chance.of(&[20, 21, 33, 40, 57, 72, 80, 81, 100, 160, 400, 1000])),
            glyphs: chance.of(&[Glyphs::Unicode, Glyphs::Ascii]),
            color: chance.once_in(3),
            explain: chance.of(&[
                Explain::None,
                Explain::AtTrouble,
                Explain::Brief,
                Explain::Full,
            ]),
            time: chance.of(&[
                TimeColumn::Relative,
                TimeColumn::Delta,
                TimeColumn::Absolute,
            ]),
            fold: !chance.once_in(3),
            payload: chance.once_in(2),
            big: chance.once_in(4),
            legend: !chance.once_in(4),
        };
        Self {
            style,
            labels: chance.of(&[LabelRules::Own, LabelRules::Wireshark]),
            memory: if chance.once_in(4) {
                0
            } else {
                Limits::DEFAULT_MEMORY
            },
            raw_seq: chance.once_in(4),
            told: 3000,
            source: "capture".to_owned(),
            interface: None,
        }
    }

    fn wording(&self) -> Wording {
        Wording {
            full: self.style.explain == Explain::Full,
            raw_seq: self.raw_seq,
            ..Wording::default()
        }
    }

    /// What a page in this manner has to keep to, with or without its width.
    pub fn promise(&self, width: bool) -> Promise {
        Promise {
            color: self.style.color,
            ascii: self.style.glyphs == Glyphs::Ascii,
            width: width.then_some(self.style.width.columns()),
        }
    }

    /// What sentences have to keep to: they are as long as they are, and never coloured.
    pub fn sentences(&self) -> Promise {
        Promise {
            color: false,
            ..self.promise(false)
        }
    }
}

/// What an input was, and everything that was written about it.
#[derive(Debug, Default)]
pub struct Outputs {
    pub frames: u64,
    pub segments: u64,
    pub connections: u64,
    pub ladders: Vec<u8>,
    pub plain: Vec<u8>,
    pub told: Vec<u8>,
    pub tables: Vec<u8>,
    pub summary: Vec<u8>,
    pub headers: Vec<u8>,
    pub json: Vec<u8>,
}

/// Reads a source to its end. Panics when something promised does not hold.
pub fn drive(mut source: Box<dyn Source + Send>, manner: &Manner) -> Outputs {
    let mut watch = Watch::new(manner);
    let mut reassembler = Reassembler::new();
    let mut last = 0;
    loop {
        match source.next() {
            Ok(Next::Frame(frame)) => {
                assert_eq!(frame.number, last + 1, "frames are numbered from 1");
                last = frame.number;
                watch.frame(&frame, &mut reassembler);
            }
            Ok(Next::Pause) => {}
            Ok(Next::End) => break,
            Err(error) => {
                // What is said about it stands on one line of a terminal, whatever bytes are to blame.
                let calm = Promise {
                    color: false,
                    ascii: false,
                    width: None,
                };
                page::check(error.to_string().as_bytes(), calm, "the error");
                assert!(!error.to_string().contains('\n'), "{error:?}");
                assert!(
                    matches!(source.next(), Ok(Next::End)),
                    "an error is the end"
                );
                break;
            }
        }
    }
    if watch.interface.is_none() {
        watch.interface = source
            .interfaces()
            .iter()
            .find_map(|interface| interface.name.clone());
    }
    watch.finish()
}

/// Sees segments and keeps the books that the promises are checked with.
pub struct Watch<'m> {
    manner: &'m Manner,
    interface: Option<String>,
    tracker: Tracker,
    outputs: Outputs,
    ladder: LadderWriter,
    rows: PlainWriter,
    narrators: HashMap<ConnectionId, Narrator>,
    kept: HashMap<ConnectionId, Vec<Kept>>,
    stories: Vec<(Connection, Vec<Kept>)>,
    digest: Digest,
    skipped: [u64; Skip::ALL.len()],
    verdicts: [u64; Verdict::ALL.len()],
    bytes: u64,
    period: Option<(Timestamp, Timestamp)>,
    /// Connections seen, from 1 without a gap.
    newest: ConnectionId,
    /// Final ones, and whether they were evicted: then segments may still name them.
    finals: BTreeMap<ConnectionId, bool>,
    note: String,
    /// The latest header of each direction, with its frame.
    headers: HashMap<(ConnectionId, Direction), (u64, Vec<u8>)>,
}

struct Kept {
    segment: Segment,
    change: Change,
    payload: Vec<u8>,
}

impl<'m> Watch<'m> {
    pub fn new(manner: &'m Manner) -> Self {
        let limits = Limits {
            labels: manner.labels,
            memory: manner.memory,
            ..Limits::default()
        };
        let mut outputs = Outputs::default();
        json::header(&mut outputs.json, &manner.source);
        Self {
            manner,
            interface: manner.interface.clone(),
            tracker: Tracker::new(limits),
            outputs,
            ladder: LadderWriter::new(manner.style.clone()),
            rows: PlainWriter::new(manner.style.clone()),
            narrators: HashMap::new(),
            kept: HashMap::new(),
            stories: Vec::new(),
            digest: Digest::new(Sort::default(), 50),
            skipped: [0; Skip::ALL.len()],
            verdicts: [0; Verdict::ALL.len()],
            bytes: 0,
            period: None,
            newest: 0,
            finals: BTreeMap::new(),
            note: String::new(),
            headers: HashMap::new(),
        }
    }

    /// One frame through decoding.
    pub fn frame(&mut self, frame: &Frame<'_>, reassembler: &mut Reassembler) {
        self.outputs.frames += 1;
        self.bytes += u64::from(frame.original_len);
        self.period = Some(match self.period {
            Some((first, last)) => (first.min(frame.time), last.max(frame.time)),
            None => (frame.time, frame.time),
        });
        let decoded = match decode::frame(frame) {
            Decoded::Fragment(fragment) => whole(reassembler, &fragment, frame),
            decoded => decoded,
        };
        match decoded {
            Decoded::Segment(segment) => {
                assert_eq!(segment.frame, frame.number);
                let payload = decode::payload(frame).unwrap_or_default();
                self.segment(&segment, payload, decode::header(frame));
            }
            Decoded::IcmpError(error) => {
                self.skipped[Skip::IcmpError as usize] += 1;
                self.icmp_error(&error);
            }
            Decoded::Fragment(_) => self.skipped[Skip::Fragment as usize] += 1,
            Decoded::Skipped(reason) => self.skipped[reason as usize] += 1,
        }
    }

    /// A segment that was decoded already, as one frame of its own.
    pub fn alone(&mut self, segment: &Segment, payload: &[u8]) {
        self.outputs.frames += 1;
        self.segment(segment, payload, None);
    }

    pub fn icmp_error(&mut self, error: &IcmpError) {
        if let Some(slot) = self.tracker.icmp_error(error) {
            assert!(self.tracker.connection(slot).id() <= self.newest);
        }
    }

    fn segment(&mut self, segment: &Segment, payload: &[u8], header: Option<RawHeader<'_>>) {
        self.outputs.segments += 1;
        let change = self.tracker.segment(segment);
        self.finals();
        let connection = self.tracker.connection(change.slot);
        let id = change.connection;
        assert_eq!(connection.id(), id, "a connection's number never changes");
        assert!(
            id >= 1 && id <= self.newest + 1,
            "{id} after {}",
            self.newest
        );
        self.newest = self.newest.max(id);
        let evicted = self.finals.get(&id);
        assert_ne!(
            evicted,
            Some(&false),
            "a segment of a final connection {id}"
        );
        self.note.clear();
        explain::brief(&mut self.note, segment, &change);
        let facts = explain::segment_facts(segment, &change, &self.note);
        if self.outputs.segments > self.manner.told {
            return;
        }
        json::segment(&mut self.outputs.json, &facts);
        // As they happen.
        let wording = self.manner.wording();
        let mut begins = false;
        let narrator = self.narrators.entry(id).or_insert_with(|| {
            begins = true;
            Narrator::live(wording)
        });
        let (told, plain) = (&mut self.outputs.told, &mut self.outputs.plain);
        if begins {
            let before = [Side::Client, Side::Server].map(|side| connection.state_before(side));
            let title = explain::title(connection, self.interface.as_deref(), false);
            self.ladder.begin(&title, before, told).expect("memory");
            self.rows.begin(&title, plain).expect("memory");
        }
        let step = narrator.step(segment, &change, connection);
        self.ladder.step(&step, told).expect("memory");
        self.rows.step(&step, plain).expect("memory");
        if self.manner.style.payload {
            let payload = Payload::of(payload, segment.len);
            self.ladder.payload(payload, told).expect("memory");
            self.rows.payload(payload, plain).expect("memory");
        }
        if let Some(header) = header {
            self.header(header, segment, &change);
        }
        // For afterwards.
        let room = self.kept.len() < LADDERS;
        if room || self.kept.contains_key(&id) {
            let kept = self.kept.entry(id).or_default();
            if kept.len() < SEGMENTS {
                kept.push(Kept {
                    segment: segment.clone(),
                    change,
                    payload: payload.to_vec(),
                });
            }
        }
    }

    /// The header as the RFC draws it, beside the one before.
    fn header(&mut self, header: RawHeader<'_>, segment: &Segment, change: &Change) {
        let key = (change.connection, change.direction);
        let earlier = self.headers.get(&key);
        let earlier = earlier.and_then(|(frame, bytes)| Some((*frame, RawHeader::of(bytes)?)));
        let view = explain::header_view(header, segment, change, earlier);
        let page = &mut self.outputs.headers;
        render::header::header(&view, &self.manner.style, page).expect("memory");
        let bytes = header.bytes().collect();
        self.headers.insert(key, (segment.frame, bytes));
    }

    fn finals(&mut self) {
        while let Some(connection) = self.tracker.next_final().cloned() {
            self.connection(connection);
        }
    }

    fn connection(&mut self, connection: Connection) {
        let id = connection.id();
        self.outputs.connections += 1;
        self.verdicts[connection.verdict() as usize] += 1;
        self.digest.add(&connection);
        explain::with_connection_facts(&connection, |facts| {
            let before = self.finals.insert(id, facts.evicted);
            assert_eq!(before, None, "connection {id} became final twice");
            json::connection(&mut self.outputs.json, facts);
        });
        if self.narrators.remove(&id).is_some() {
            let title = explain::title(&connection, self.interface.as_deref(), true);
            let conclusion = explain::conclusion(&connection);
            let (told, plain) = (&mut self.outputs.told, &mut self.outputs.plain);
            self.ladder
                .conclude(&title, &conclusion, told)
                .expect("memory");
            self.rows
                .conclude(&title, &conclusion, plain)
                .expect("memory");
        }
        // An evicted connection's late segments bring it back here with nothing kept.
        if let Some(kept) = self.kept.remove(&id)
            && self.stories.len() < LADDERS
        {
            self.stories.push((connection, kept));
        }
    }

    /// The end of the input: writes what comes at the end, and checks everything.
    pub fn finish(mut self) -> Outputs {
        self.tracker.finish();
        self.finals();
        let newest = self.newest;
        assert!(
            self.finals.keys().copied().eq(1..=newest),
            "each connection is final exactly once: {newest} and {:?}",
            self.finals
        );
        let totals = self.totals();
        let skipped: u64 = self.skipped.iter().sum();
        assert_eq!(self.outputs.frames, self.outputs.segments + skipped);
        assert_eq!(
            totals.by_verdict.iter().map(|(_, n)| n).sum::<u64>(),
            totals.connections
        );
        json::summary(&mut self.outputs.json, &totals);
        self.ladders();
        let (manner, source) = (self.manner, self.manner.source.as_str());
        let counts = self.digest.summary(source, &totals);
        summary::summary(&counts, &manner.style, &mut self.outputs.summary).expect("memory");
        let (overview, rows) = self.digest.overview(source, &totals);
        let tables = &mut self.outputs.tables;
        table::overview(&overview, &manner.style, tables).expect("memory");
        table::connections(&rows, &manner.style, tables).expect("memory");
        self.outputs.check(manner);
        self.outputs
    }

    fn totals(&self) -> Totals {
        Totals {
            frames: self.outputs.frames,
            segments: self.outputs.segments,
            skipped: occurred(Skip::ALL.map(Skip::name), &self.skipped),
            connections: self.outputs.connections,
            by_verdict: occurred(Verdict::ALL.map(Verdict::name), &self.verdicts),
            evicted: self.tracker.losses().evicted,
            evicted_unended: self.tracker.losses().unended,
            capture_dropped: 0,
            bytes: self.bytes,
            period: self.period,
            gaps: 0,
            wire: None,
        }
    }

    /// Whole stories, as a ladder and as sentences.
    fn ladders(&mut self) {
        let manner = self.manner;
        for (connection, kept) in &self.stories {
            let steps = kept.iter().map(|kept| (&kept.segment, &kept.change));
            let story = explain::story(
                connection,
                self.interface.as_deref(),
                steps,
                manner.wording(),
            );
            let payload = |frame| {
                let found = kept.iter().find(|kept| kept.segment.frame == frame);
                found.map(|kept| Payload::of(&kept.payload, kept.segment.len))
            };
            let extras = Extras {
                payload: Some(&payload),
                ..Extras::default()
            };
            let ladders = &mut self.outputs.ladders;
            render::ladder_with(&story, &manner.style, extras, ladders).expect("memory");
            render::plain(&story, &manner.style, &mut self.outputs.plain).expect("memory");
        }
    }
}

impl Outputs {
    /// Holds everything that was written to what is promised of it.
    fn check(&self, manner: &Manner) {
        page::check(&self.ladders, manner.promise(true), "the ladder");
        page::check(&self.told, manner.promise(true), "the growing ladder");
        page::check(&self.tables, manner.promise(true), "the table");
        page::check(&self.summary, manner.promise(true), "the summary");
        page::check(&self.plain, manner.sentences(), "the sentences");
        page::check(&self.headers, manner.promise(true), "the headers");
        let lines = page::json_lines(&self.json);
        let of_type = |kind| lines.iter().filter(move |line| line["type"] == kind);
        assert_eq!(lines[0]["type"], "header");
        let summary = lines.last().expect("a summary");
        assert_eq!(summary["type"], "summary");
        assert_eq!(summary["frames"], self.frames);
        assert_eq!(summary["tcp_segments"], self.segments);
        assert_eq!(of_type("connection").count() as u64, self.connections);
        assert_eq!(
            of_type("segment").count() as u64,
            self.segments.min(manner.told)
        );
    }
}

/// What a fragment makes whole, or that it waits for others.
fn whole<'a>(
    reassembler: &mut Reassembler,
    fragment: &Fragment<'_>,
    frame: &Frame<'_>,
) -> Decoded<'a> {
    let Some(datagram) = reassembler.push(fragment, frame) else {
        return Decoded::Skipped(Skip::Fragment);
    };
    let whole = Frame {
        link: LinkType::RAW,
        data: datagram.bytes,
        original_len: datagram.bytes.len() as u32,
        ..*frame
    };
    match decode::datagram(&whole) {
        Decoded::Segment(segment) => Decoded::Segment(segment),
        Decoded::IcmpError(error) => Decoded::IcmpError(error),
        Decoded::Fragment(_) => Decoded::Skipped(Skip::Fragment),
        Decoded::Skipped(reason) => Decoded::Skipped(reason),
    }
}
