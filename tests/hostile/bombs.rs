//! Small files that become large, and pipes that never end: through the program itself, whose memory is measured.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::mutate::block;
use super::{HANG, TIME_LIMIT};

/// What the program may use for any input: the live connections' share, which nothing here comes near to, and everything
/// else, of which a zstd window of 128 MB is the most.
const BUDGET: u64 = 256 * 1024 * 1024;

/// What a zstd file may ask for, and twice that: 2 to the power of 10 more than the upper five bits (RFC 8878, 3.1.1.1.2).
const LARGEST_WINDOW: u8 = 17 << 3;
const TOO_LARGE_WINDOW: u8 = 18 << 3;
const LARGEST_OF_ALL: u8 = 0xff;

/// The most that one zstd block may become (RFC 8878, 3.1.1.2.3).
const ZSTD_BLOCK: usize = 128 * 1024;

/// A pcapng block that nobody knows, and that is passed over.
const UNKNOWN: u32 = 0x0bad_0bad;
const UNKNOWN_LEN: usize = 8 * 1024 * 1024;

fn sample() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/handshake.pcapng");
    std::fs::read(path).expect("a sample")
}

#[test]
fn a_gzip_bomb_takes_time_and_no_memory() {
    let filler = block(UNKNOWN, &vec![0; UNKNOWN_LEN - 12], false);
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&sample()).expect("memory");
    for _ in 0..8 {
        packed.write_all(&filler).expect("memory");
    }
    let packed = packed.finish().expect("memory");
    assert!(packed.len() < 1_000_000, "{} bytes", packed.len());
    // Much less than the 64 MB that it becomes: one of the blocks that are passed over, and some.
    let end = replayed(&packed, BUDGET / 8);
    assert_eq!(end.code, Some(0), "{}", end.errors);
    assert!(end.page.contains("1 closed"), "{}", end.page);
}

#[test]
fn a_zstd_bomb_takes_no_more_than_its_window() {
    let packed = zstd(LARGEST_WINDOW, 20);
    assert!(packed.len() < 100_000, "{} bytes", packed.len());
    let end = replayed(&packed, BUDGET);
    assert_eq!(end.code, Some(0), "{}", end.errors);
    assert!(end.page.contains("1 closed"), "{}", end.page);
    for window in [TOO_LARGE_WINDOW, LARGEST_OF_ALL] {
        let end = replayed(&zstd(window, 1), BUDGET / 8);
        assert_eq!(end.code, Some(3), "{}", end.errors);
        assert!(end.errors.contains("window of"), "{}", end.errors);
        assert_eq!(end.page, "");
    }
}

/// One frame with the sample and `fillers` blocks of 8 MB, of which each takes some hundred bytes.
fn zstd(window: u8, fillers: usize) -> Vec<u8> {
    const RAW: u32 = 0;
    const REPEATED: u32 = 1;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window];
    let mut push = |kind: u32, size: usize, content: &[u8], last: bool| {
        let header = (size as u32) << 3 | kind << 1 | u32::from(last);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(content);
    };
    let sample = sample();
    push(RAW, sample.len(), &sample, false);
    let length = (UNKNOWN_LEN as u32).to_le_bytes();
    let begin = [UNKNOWN.to_le_bytes(), length].concat();
    for _ in 0..fillers {
        push(RAW, begin.len(), &begin, false);
        let mut left = UNKNOWN_LEN - 12;
        while left > 0 {
            let size = left.min(ZSTD_BLOCK);
            push(REPEATED, size, &[0], false);
            left -= size;
        }
        push(RAW, length.len(), &length, false);
    }
    push(RAW, 0, &[], true);
    frame
}

/// As long as somebody writes, packets are counted, and what is known is all that is kept.
#[test]
fn a_pipe_that_never_ends_takes_no_memory() {
    // The same connection again and again: each SYN with the number of the one before it repeats it.
    let sample = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/captures/handshake.pcap"
    ));
    let sample = sample.expect("a sample");
    let (header, records) = sample.split_at(24);
    let many = records.repeat(1000);
    let mut child = start(&["--format", "json", "--only", "connections"]);
    let begun = Instant::now();
    let mut input = child.stdin.take().expect("piped");
    input.write_all(header).expect("it reads");
    let mut packets = 0;
    // A pipe holds little: what was written was read.
    while begun.elapsed() < TIME_LIMIT / 2 {
        input.write_all(&many).expect("it reads");
        packets += 8 * 1000;
    }
    let memory = peak_memory_of(&child);
    assert!(memory < BUDGET / 4, "{memory} bytes of memory");
    drop(input);
    let end = finished(child);
    assert_eq!(end.code, Some(0), "{}", end.errors);
    let counted = format!("\"frames\":{packets},");
    assert!(end.page.contains(&counted), "{packets} in {}", end.page);
}

/// What was left of the program.
struct End {
    code: Option<i32>,
    page: String,
    errors: String,
}

fn start(format: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
        .args(["replay", "-"])
        .args(format)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Hands over an input, measures the memory while it is read, and waits for the end.
fn replayed(bytes: &[u8], budget: u64) -> End {
    let mut child = start(&["--format", "summary"]);
    let mut input = child.stdin.take().expect("piped");
    let bytes = bytes.to_vec();
    // Whoever refuses an input does not read all of it.
    let writing = thread::spawn(move || input.write_all(&bytes).is_ok());
    let begun = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        let memory = peak_memory_of(&child);
        let taken = begun.elapsed();
        if memory > budget || taken > HANG {
            child.kill().expect("our own child");
            panic!("{memory} bytes of memory after {taken:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
    let _ = writing.join().expect("no panic");
    finished(child)
}

fn finished(mut child: Child) -> End {
    let mut end = End {
        code: None,
        page: String::new(),
        errors: String::new(),
    };
    let mut page = child.stdout.take().expect("piped");
    page.read_to_string(&mut end.page).expect("UTF-8");
    let mut errors = child.stderr.take().expect("piped");
    errors.read_to_string(&mut end.errors).expect("UTF-8");
    end.code = child.wait().expect("an end").code();
    end
}

/// The most that a child has used so far; 0 once it has ended, and where the system does not tell.
fn peak_memory_of(child: &Child) -> u64 {
    super::peak_memory_in(&format!("/proc/{}/status", child.id())).unwrap_or(0)
}
