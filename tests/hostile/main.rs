//! Hostile input from the file to the page: captures that were damaged on purpose, segments that no one sends, and text
//! that wants to steer whoever reads it. Everything is made from seeds, so that a finding can be made again.
//!
//! `HANDSHAKE_WATCH_HOSTILE_SECONDS` and `HANDSHAKE_WATCH_HOSTILE_SEED` make a long run of it; `make fuzz` does.

#![expect(
    unreachable_pub,
    reason = "the targets of fuzz/ use these modules from outside"
)]
#![expect(
    clippy::print_stderr,
    reason = "says what was skipped, how much was tried, and what was found"
)]

#[path = "../skipped/mod.rs"]
#[macro_use]
mod skipped;
mod chance;
mod drive;
mod findings;
mod mutate;
mod page;
mod scene;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../stories/mod.rs"]
mod stories;
mod story;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use handshake_watch::capture;
use handshake_watch::render::{Explain, Glyphs, Style, Width};
use handshake_watch::track::{LabelRules, Limits};

use chance::Chance;
use drive::{Manner, Outputs, drive};
use mutate::{HOSTILE, NO_TEXT, block, interface_block, mutate};
use page::Promise;

/// How long the seeded runs take when nobody asks for more.
const SECONDS: u64 = 5;
/// Processor time that one input may take, in a build without optimisation.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// An input that is still not done after this long hangs, however busy the machine is.
const HANG: Duration = Duration::from_secs(120);
/// Memory of the whole test: the tables' bounds and room for the captures themselves.
const MEMORY_LIMIT: u64 = 1024 * 1024 * 1024;
/// Larger captures are left to the long runs.
const SMALL: u64 = 8 * 1024;

/// An input by name, its bytes before any damage.
type Captures = Vec<(String, Vec<u8>)>;

#[test]
fn damaged_captures_end_without_harm() {
    let captures = captures();
    campaign("captures", move |chance| {
        let (name, bytes) = &captures[chance.below(captures.len())];
        let (_, other) = &captures[chance.below(captures.len())];
        let mut manner = Manner::any(chance);
        manner.source.clone_from(name);
        read(mutate(bytes, other, chance), &manner);
    });
}

#[test]
fn impossible_conversations_end_without_harm() {
    campaign("scenes", |chance| {
        let mut manner = Manner::any(chance);
        let name = mutate::hostile_bytes(chance);
        manner.interface = Some(String::from_utf8_lossy(&name).into_owned());
        scene::play(chance, &manner, 80);
    });
}

#[test]
fn impossible_stories_are_told_without_harm() {
    campaign("stories", |chance| {
        let manner = Manner::any(chance);
        match chance.below(6) {
            0 => story::ladder(chance, &manner),
            1 => story::sentences(chance, &manner),
            2 => story::tables(chance, &manner),
            3 => story::on_wire(chance, &manner),
            4 => story::header(chance, &manner),
            _ => story::json(chance),
        }
    });
}

/// What a fuzzer offers ends, and may be nothing.
#[test]
fn few_choices_are_enough() {
    for length in 0..40 {
        let bytes: Vec<u8> = (0..length)
            .map(|place| u8::wrapping_mul(place, 37))
            .collect();
        let mut chance = Chance::Given(&bytes);
        let manner = Manner::any(&mut chance);
        scene::play(&mut chance, &manner, 80);
        story::json(&mut Chance::Given(&bytes));
    }
}

#[test]
fn whole_captures_are_read_without_harm() {
    let mut whole = 0;
    for (_, bytes) in captures() {
        for seed in 0..2 {
            let manner = Manner::any(&mut Chance::Seeded(seed));
            let outputs = read(bytes.clone(), &manner);
            whole += usize::from(outputs.is_some_and(|outputs| outputs.segments > 0));
        }
    }
    assert!(whole > 20, "only {whole} times there were segments");
}

#[test]
fn hostile_text_reaches_no_page() {
    let texts = HOSTILE.iter().map(|text| text.as_bytes());
    for text in texts.chain(NO_TEXT) {
        for manner in manners(text) {
            let outputs = read(conversation(text, text), &manner).expect("a capture");
            assert_eq!(outputs.segments, 4, "all were decoded");
        }
    }
}

#[test]
fn an_escape_character_is_shown_and_not_sent() {
    for manner in manners(b"") {
        let outputs = read(conversation(b"\x1b[2Jxy", b"lo"), &manner).expect("a capture");
        let ladders = String::from_utf8(outputs.ladders).expect("UTF-8");
        assert!(ladders.contains("\\x1b"), "{ladders}");
        assert!(!outputs.plain.contains(&0x1b));
    }
}

/// A capture from an archive brings its own name with it.
#[test]
#[cfg(unix)]
fn the_name_of_a_file_reaches_no_page() {
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().expect("a temporary folder");
    let capture = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/handshake.pcapng"));
    let capture = capture.expect("a sample");
    for text in HOSTILE.iter().map(|text| text.as_bytes()).chain(NO_TEXT) {
        let name: Vec<u8> = text
            .iter()
            .copied()
            .filter(|b| !b"/\0".contains(b))
            .collect();
        let path = folder.path().join(std::ffi::OsStr::from_bytes(&name));
        let missing = path.join("x");
        fs::write(&path, &capture[..capture.len() - 9]).expect("a name that the system takes");
        for arguments in [
            vec![path.as_os_str(), "--format".as_ref(), "summary".as_ref()],
            vec![path.as_os_str(), "--output".as_ref(), path.as_os_str()],
            vec![missing.as_os_str()],
            vec![path.as_os_str(), path.as_os_str()],
            vec![path.as_os_str(), "--format".as_ref(), path.as_os_str()],
        ] {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
                .arg("replay")
                .args(arguments)
                .env("LANG", "C.UTF-8")
                // Else what is left of a hostile word is removed on its way into a pipe, but not on its way to a terminal.
                .env("CLICOLOR_FORCE", "1")
                .output()
                .expect("the program runs");
            let calm = Promise {
                color: true,
                ascii: false,
                width: None,
            };
            page::check(&output.stdout, calm, "standard output");
            page::check(&output.stderr, calm, "standard error");
        }
        fs::remove_file(&path).expect("our own file");
    }
}

#[test]
fn a_flood_of_one_character_stays_bounded() {
    for character in ["A", "\u{1b}", "\u{202e}", "\u{301}", "日", "\"", "\n", "\0"] {
        let text = character.repeat(65_000 / character.len());
        for manner in manners(text.as_bytes()) {
            let outputs = read(
                conversation(text.as_bytes(), &text.as_bytes()[..60_000]),
                &manner,
            )
            .expect("a capture");
            // Payload is cut, and so is a name in a title: a page of it is enough.
            assert!(
                outputs.ladders.len() < 1_200_000,
                "{} bytes for {character:?}",
                outputs.ladders.len()
            );
        }
    }
}

/// The manners in which text could get through: narrow and wide, in each kind of glyphs, coloured and not.
fn manners(source: &[u8]) -> Vec<Manner> {
    let mut manners = Vec::new();
    for (columns, glyphs, color) in [
        (20, Glyphs::Unicode, true),
        (40, Glyphs::Ascii, false),
        (80, Glyphs::Unicode, false),
        (200, Glyphs::Ascii, true),
        (1000, Glyphs::Unicode, true),
    ] {
        manners.push(Manner {
            style: Style {
                width: Width::new(columns),
                glyphs,
                color,
                explain: Explain::Full,
                payload: true,
                ..Style::default()
            },
            labels: LabelRules::Own,
            memory: Limits::DEFAULT_MEMORY,
            raw_seq: false,
            told: u64::MAX,
            source: String::from_utf8_lossy(source).into_owned(),
            interface: None,
        });
    }
    manners
}

/// A pcapng capture of a handshake and one segment of data, on an interface of this name.
fn conversation(payload: &[u8], interface: &[u8]) -> Vec<u8> {
    let payload = &payload[..payload.len().min(65_495)];
    let section = [
        &0x1a2b_3c4du32.to_le_bytes()[..],
        &1u16.to_le_bytes(),
        &0u16.to_le_bytes(),
        &u64::MAX.to_le_bytes(),
    ]
    .concat();
    let mut capture = block(0x0a0d_0d0a, &section, false);
    capture.extend(interface_block(101, interface, false));
    let packets: [(bool, u32, u32, u8, &[u8]); 4] = [
        (true, 99, 0, 0x02, b""),
        (false, 499, 100, 0x12, b""),
        (true, 100, 500, 0x10, b""),
        (true, 100, 500, 0x18, payload),
    ];
    for (place, (from_client, seq, ack, flags, payload)) in packets.into_iter().enumerate() {
        let packet = ip_packet(from_client, seq, ack, flags, payload);
        let length = (packet.len() as u32).to_le_bytes();
        let micros = (1_000_000 + place as u32 * 20).to_le_bytes();
        let mut body = [&[0; 8], &micros[..], &length, &length, &packet].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        capture.extend(block(6, &body, false));
    }
    capture
}

fn ip_packet(from_client: bool, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let ports: [u16; 2] = if from_client {
        [40000, 1712]
    } else {
        [1712, 40000]
    };
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    packet.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    packet.extend(seq.to_be_bytes());
    packet.extend(ack.to_be_bytes());
    packet.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

/// Reads a capture from memory; `None` when it is none.
fn read(bytes: Vec<u8>, manner: &Manner) -> Option<Outputs> {
    capture::recorded(Cursor::new(bytes))
        .ok()
        .map(|source| drive(source, manner))
}

/// Makes inputs from seed after seed until the time is over, and collects what goes wrong.
fn campaign(name: &'static str, mut try_one: impl FnMut(&mut Chance<'_>) + Send + 'static) {
    let seconds = number("HANDSHAKE_WATCH_HOSTILE_SECONDS").unwrap_or(SECONDS);
    let first = number("HANDSHAKE_WATCH_HOSTILE_SEED").unwrap_or(1);
    let (begun, watched) = mpsc::channel();
    let worker = thread::spawn(move || {
        let _quiet = Quiet::new();
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut findings: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        let mut seed = first;
        while Instant::now() < end {
            // Nobody listens only after a failure.
            let _ = begun.send(seed);
            let before = processor_time();
            let result = panic::catch_unwind(AssertUnwindSafe(|| {
                try_one(&mut Chance::Seeded(seed));
            }));
            let taken = processor_time().saturating_sub(before);
            let finding = match result {
                Err(_) => Some(Quiet::last()),
                Ok(()) if taken > TIME_LIMIT => Some("takes too long".to_owned()),
                Ok(()) => None,
            };
            if let Some(finding) = finding {
                findings.entry(finding).or_insert((seed, 0)).1 += 1;
            }
            seed += 1;
        }
        (seed - first, findings)
    });
    let mut current = first;
    loop {
        match watched.recv_timeout(HANG) {
            Ok(seed) => current = seed,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("{name}: seed {current} hangs"),
        }
    }
    let (runs, findings) = worker.join().expect("the worker catches panics");
    eprintln!("{name}: {runs} inputs from seed {first} on in {seconds} s");
    for (finding, (seed, times)) in &findings {
        eprintln!("seed {seed} ({times} times): {finding}");
    }
    assert!(
        findings.is_empty(),
        "{} findings, see above",
        findings.len()
    );
    assert!(runs > 0, "no input was tried");
    let peak = peak_memory();
    assert!(
        peak.is_none_or(|peak| peak < MEMORY_LIMIT),
        "{peak:?} bytes of memory"
    );
}

/// Keeps messages of panics that are caught from the screen, and the last one of this thread for the report.
struct Quiet;

static LAST: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn this_thread() -> String {
    format!("{:?}", thread::current().id())
}

impl Quiet {
    fn new() -> Self {
        let usual = panic::take_hook();
        let own = this_thread();
        panic::set_hook(Box::new(move |info| {
            let thread = this_thread();
            if thread != own {
                usual(info);
                return;
            }
            // Numbers differ from one input to the next; the rest, and the line, tells findings apart.
            let line = info.location().map_or(0, std::panic::Location::line);
            let mut text = info.to_string();
            text.retain(|c| !c.is_ascii_digit());
            let shown = text.chars().flat_map(char::escape_debug).take(110);
            let text = format!("line {line}: {}", shown.collect::<String>());
            if let Ok(mut last) = LAST.lock() {
                last.insert(thread, text);
            }
        }));
        Self
    }

    fn last() -> String {
        let last = LAST.lock().expect("nobody panics with it");
        last.get(&this_thread()).cloned().unwrap_or_default()
    }
}

/// The project's captures, and where there is a corpus a selection of it; of a long run all.
fn captures() -> Captures {
    let mut captures = Captures::new();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    for path in files(&own) {
        add(&path, &mut captures);
    }
    assert!(!captures.is_empty(), "captures/ has captures");
    let Some(corpus) = std::env::var_os("HANDSHAKE_WATCH_CORPUS").map(PathBuf::from) else {
        skipped!("the corpus: set HANDSHAKE_WATCH_CORPUS to a folder of captures");
        return captures;
    };
    let all = number("HANDSHAKE_WATCH_HOSTILE_SECONDS").is_some();
    let mut chance = Chance::Seeded(number("HANDSHAKE_WATCH_HOSTILE_SEED").unwrap_or(1));
    for (folder, most) in [(corpus.join("malformed"), 30), (corpus, 30)] {
        let mut paths = files(&folder);
        if !all {
            paths.retain(|path| path.metadata().is_ok_and(|facts| facts.len() <= SMALL));
            while paths.len() > most {
                paths.swap_remove(chance.below(paths.len()));
            }
        }
        for path in paths {
            add(&path, &mut captures);
        }
    }
    captures
}

/// The captures of a folder, in an order that does not depend on the machine.
fn files(folder: &Path) -> Vec<PathBuf> {
    let is_capture = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str());
        path.is_file() && !matches!(end, Some("tsv" | "txt" | "md"))
    };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(is_capture)
        .collect();
    paths.sort();
    paths
}

fn add(path: &Path, captures: &mut Captures) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = fs::read(path).expect("a readable capture");
    // Damage under the compression reaches further than damage to it; both are tried.
    let mut inner = Vec::new();
    let mut unpacked = flate2::read::MultiGzDecoder::new(&bytes[..]).take(1 << 22);
    if unpacked.read_to_end(&mut inner).is_ok() {
        captures.push((format!("{name} inside"), inner));
    }
    captures.push((name.into_owned(), bytes));
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// What this thread has used of a processor; where the system does not tell, the time that has passed.
fn processor_time() -> Duration {
    static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    nanos.map_or_else(
        || BEGUN.get_or_init(Instant::now).elapsed(),
        Duration::from_nanos,
    )
}

/// The most memory that this process has used.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024)
}
