//! How long each stage of the pipeline takes for a packet, on traffic that is made in memory and always the same:
//! `cargo bench`. Each stage is given what the one before it has made, so that nothing else is measured.

mod traffic;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use handshake_watch::capture::{self, Frame, LinkType, Next};
use handshake_watch::decode::{self, Decoded};
use handshake_watch::explain::{self, Segments, Steps, Telling, Wording};
use handshake_watch::render::{Extras, LadderWriter, Style, json};
use handshake_watch::tcp::{Segment, Side};
use handshake_watch::time::Timestamp;
use handshake_watch::track::{AHEAD, Change, Connection, ConnectionId, FlowHash, Limits, Tracker};
use traffic::{Kind, Recipe};

/// Packets of each kind of traffic: enough that connections do not fit into the processor's cache.
const PACKETS: u64 = 100_000;

/// Connections whose ladder is drawn.
const LADDERS: usize = 200;

criterion_main!(stages);
criterion_group! {
    name = stages;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    targets = reading, decoding, tracking, ladders, lines
}

/// Records of a pcap file that is in memory.
fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for kind in [Kind::Mix, Kind::Bulk] {
        let file = file(kind);
        group.throughput(Throughput::Elements(frames(&file).len() as u64));
        group.bench_function(name(kind), |bencher| {
            bencher.iter(|| {
                let mut bytes = 0;
                each_frame(&file, |frame| bytes += frame.data.len());
                bytes
            });
        });
    }
    group.finish();
}

/// Frames to segments.
fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for kind in [Kind::Mix, Kind::Bulk, Kind::Syn] {
        let frames = frames(&file(kind));
        group.throughput(Throughput::Elements(frames.len() as u64));
        group.bench_function(name(kind), |bencher| {
            bencher.iter(|| {
                let mut place = Segment::default();
                for held in &frames {
                    let decoded = decode::frame_into(&held.frame(), &mut place);
                    let _ = black_box(decoded);
                    black_box(&place);
                }
            });
        });
    }
    group.finish();
}

/// Segments to connections, from an empty table to the end of input.
fn tracking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("track");
    for kind in [Kind::Mix, Kind::Bulk, Kind::Syn] {
        let segments = segments(kind);
        group.throughput(Throughput::Elements(segments.len() as u64));
        group.bench_function(name(kind), |bencher| {
            bencher.iter_batched(
                || Tracker::new(Limits::default()),
                |tracker| track(tracker, &segments, |_, _| (), |_| ()),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Connections to stories and ladders, every row of them.
fn ladders(criterion: &mut Criterion) {
    let (connections, mut kept) = tracked();
    let chosen: Vec<(Connection, Kept)> = connections
        .into_iter()
        .filter_map(|connection| {
            let kept = kept.remove(&connection.id())?;
            Some((connection, kept))
        })
        .take(LADDERS)
        .collect();
    let rows: usize = chosen.iter().map(|(_, kept)| kept.count()).sum();
    let style = Style {
        fold: false,
        ..Style::default()
    };
    let mut group = criterion.benchmark_group("explain and draw");
    group.throughput(Throughput::Elements(rows as u64));
    group.bench_function("ladder rows", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            for (connection, kept) in &chosen {
                draw(connection, kept, &style, &mut out);
            }
            out.len()
        });
    });
    group.finish();
}

/// What `--format json` writes.
fn lines(criterion: &mut Criterion) {
    let (connections, kept) = tracked();
    let mut group = criterion.benchmark_group("explain and write JSON");
    let segments: usize = kept.values().map(Kept::count).sum();
    group.throughput(Throughput::Elements(segments as u64));
    group.bench_function("segments", |bencher| {
        let (mut out, mut note) = (Vec::new(), String::new());
        bencher.iter(|| {
            out.clear();
            for (segment, change) in kept.values().flat_map(|kept| &kept.0) {
                note.clear();
                explain::brief(&mut note, segment, change);
                json::segment(&mut out, &explain::segment_facts(segment, change, &note));
            }
            out.len()
        });
    });
    group.throughput(Throughput::Elements(connections.len() as u64));
    group.bench_function("connections", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            for connection in &connections {
                explain::with_connection_facts(connection, |facts| {
                    json::connection(&mut out, facts);
                });
            }
            out.len()
        });
    });
    group.finish();
}

fn draw(connection: &Connection, kept: &Kept, style: &Style, out: &mut Vec<u8>) {
    const TO_MEMORY: &str = "memory takes whatever is written to it";
    let title = explain::title(connection, None, true);
    let before = [Side::Client, Side::Server].map(|side| connection.state_before(side));
    let mut steps = Telling::new(connection, kept, Wording::default());
    let mut writer = LadderWriter::new(style.clone());
    writer.expect_frame(steps.highest_frame());
    writer.begin(&title, before, out).expect(TO_MEMORY);
    writer
        .steps(&mut steps, Extras::default(), out)
        .expect(TO_MEMORY);
    writer
        .conclude(&title, &explain::conclusion(connection), out)
        .expect(TO_MEMORY);
}

/// A connection's segments and what each did.
#[derive(Default)]
struct Kept(Vec<(Segment, Change)>);

impl Segments for Kept {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn segment(&self, index: usize) -> &Segment {
        &self.0[index].0
    }

    fn change(&self, index: usize, place: &mut Change) {
        place.clone_from(&self.0[index].1);
    }
}

/// All connections of mixed traffic, and their segments.
fn tracked() -> (Vec<Connection>, BTreeMap<ConnectionId, Kept>) {
    let mut kept: BTreeMap<ConnectionId, Kept> = BTreeMap::new();
    let mut connections = Vec::new();
    track(
        Tracker::new(Limits::default()),
        &segments(Kind::Mix),
        |segment, change| {
            let segments = &mut kept.entry(change.connection).or_default().0;
            segments.push((segment.clone(), change.clone()));
        },
        |connection| connections.push(connection.clone()),
    );
    (connections, kept)
}

/// Tracks as `replay` does. Gives the tracker back, so that clearing it away is not measured.
fn track(
    mut tracker: Tracker,
    segments: &[Segment],
    mut on_change: impl FnMut(&Segment, &Change),
    mut on_final: impl FnMut(&Connection),
) -> Tracker {
    let mut change = Change::default();
    let hasher = tracker.hasher();
    let known: Vec<FlowHash> = segments
        .iter()
        .map(|segment| hasher.hash(&segment.tuple))
        .collect();
    for (index, segment) in segments.iter().enumerate() {
        if index % AHEAD == 0 {
            tracker.look_ahead(&known[index..], index == 0);
        }
        tracker.segment_into(segment, known[index], &mut change);
        on_change(segment, &change);
        while let Some(connection) = tracker.next_final() {
            on_final(connection);
        }
    }
    tracker.finish();
    while let Some(connection) = tracker.next_final() {
        on_final(connection);
    }
    tracker
}

/// A frame that stays when its file is read on.
struct Held {
    number: u64,
    time: Timestamp,
    data: Box<[u8]>,
    original_len: u32,
}

impl Held {
    fn frame(&self) -> Frame<'_> {
        Frame {
            number: self.number,
            time: self.time,
            link: LinkType::ETHERNET,
            interface: 0,
            data: &self.data,
            original_len: self.original_len,
        }
    }
}

fn segments(kind: Kind) -> Vec<Segment> {
    frames(&file(kind))
        .iter()
        .filter_map(|held| match decode::frame(&held.frame()) {
            Decoded::Segment(segment) => Some(segment),
            _ => None,
        })
        .collect()
}

fn frames(file: &Arc<[u8]>) -> Vec<Held> {
    let mut frames = Vec::new();
    each_frame(file, |frame| {
        frames.push(Held {
            number: frame.number,
            time: frame.time,
            data: frame.data.into(),
            original_len: frame.original_len,
        });
    });
    frames
}

fn each_frame(file: &Arc<[u8]>, mut take: impl FnMut(&Frame<'_>)) {
    let mut source = capture::recorded(Cursor::new(Arc::clone(file))).expect("our own capture");
    loop {
        match source.next().expect("our own capture") {
            Next::Frame(frame) => take(&frame),
            Next::Pause => {}
            Next::End => return,
        }
    }
}

fn file(kind: Kind) -> Arc<[u8]> {
    let mut file = Vec::new();
    Recipe::of(kind, PACKETS)
        .write(&mut file)
        .expect("memory takes whatever is written to it");
    file.into()
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Mix => "mixed traffic",
        Kind::Bulk => "downloads",
        Kind::Syn => "SYN flood",
    }
}
