//! Small files that become large, and pipes that never end: through the program itself, whose memory is measured by the
//! system, to its end. Hostile bytes of all other kinds are in `tests/hostile`, whose own memory would be in the way here:
//! what a process has used when it starts another counts for that one, too.
#![cfg(target_os = "linux")]

mod piped;

use std::io::{self, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use handshake_watch::cli::Resources;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What a run may use for any input where `--memory` says nothing else. It is for the whole process: a zstd window of 128 MB
/// is in it, beside live connections and all that is shown.
const BUDGET: u64 = Resources::DEFAULT_MEMORY;

/// What is not done after this long hangs, however busy the machine is.
const HANG: Duration = Duration::from_secs(120);

/// What a zstd file may ask for, and twice that: 2 to the power of 10 more than the upper five bits (RFC 8878, 3.1.1.1.2).
const LARGEST_WINDOW: u8 = 17 << 3;
const TOO_LARGE_WINDOW: u8 = 18 << 3;
const LARGEST_OF_ALL: u8 = 0xff;

/// The most that one zstd block may become (RFC 8878, 3.1.1.2.3).
const ZSTD_BLOCK: usize = 128 * 1024;

/// A pcapng block that nobody knows, and that is passed over: its type, its length, zeros, and its length again.
const UNKNOWN: u32 = 0x0bad_0bad;
const UNKNOWN_LEN: u32 = 8 * 1024 * 1024;
const UNKNOWN_ZEROS: usize = UNKNOWN_LEN as usize - 12;

/// One connection of eight packets.
fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    std::fs::read(folder.join(name)).expect("a sample")
}

#[test]
fn a_gzip_bomb_takes_time_and_no_memory() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed
        .write_all(&sample("handshake.pcapng"))
        .expect("memory");
    for _ in 0..8 {
        packed.write_all(&unknown_begins()).expect("memory");
        let mut zeros = io::repeat(0).take(UNKNOWN_ZEROS as u64);
        io::copy(&mut zeros, &mut packed).expect("memory");
        packed
            .write_all(&UNKNOWN_LEN.to_le_bytes())
            .expect("memory");
    }
    let packed = packed.finish().expect("memory");
    assert!(packed.len() < 1_000_000, "{} bytes", packed.len());
    let end = replayed(&["--format", "summary"], move |input| {
        input.write_all(&packed)
    });
    assert_eq!(end.code, Some(0), "{}", end.errors);
    assert!(end.page.contains("1 closed"), "{}", end.page);
    // Much less than the 64 MB that it becomes: one of the blocks that are passed over, and some.
    assert!(end.memory < BUDGET / 8, "{} bytes of memory", end.memory);
}

#[test]
fn a_zstd_bomb_takes_no_more_than_its_window() {
    let packed = zstd(LARGEST_WINDOW, 20);
    assert!(packed.len() < 100_000, "{} bytes", packed.len());
    let end = replayed(&["--format", "summary"], move |input| {
        input.write_all(&packed)
    });
    assert_eq!(end.code, Some(0), "{}", end.errors);
    assert!(end.page.contains("1 closed"), "{}", end.page);
    assert!(end.memory < BUDGET, "{} bytes of memory", end.memory);
    for window in [TOO_LARGE_WINDOW, LARGEST_OF_ALL] {
        let end = replayed(&["--format", "summary"], move |input| {
            input.write_all(&zstd(window, 1))
        });
        assert_eq!(end.code, Some(3), "{}", end.errors);
        assert!(end.errors.contains("window of"), "{}", end.errors);
        assert_eq!(end.page, "");
        assert!(end.memory < BUDGET / 8, "{} bytes of memory", end.memory);
    }
}

/// As long as somebody writes, packets are counted, and what is known is all that is kept.
#[test]
fn a_long_pipe_takes_no_more_memory_than_a_short_one() {
    /// Packets that are written at once.
    const PART: usize = 8000;
    // The same connection again and again: each SYN with the number of the one before it repeats it.
    let [short, long] = [2, 20].map(|parts| {
        let end = replayed(
            &["--format", "json", "--only", "connections"],
            move |input| {
                let sample = sample("handshake.pcap");
                let (header, records) = sample.split_at(24);
                input.write_all(header)?;
                let many = records.repeat(PART / 8);
                (0..parts).try_for_each(|_| input.write_all(&many))
            },
        );
        assert_eq!(end.code, Some(0), "{}", end.errors);
        let counted = format!("\"frames\":{},", parts * PART);
        assert!(end.page.contains(&counted), "{}", end.page);
        end.memory
    });
    // Less than ten bytes for each packet more, which is what an allocator may differ by.
    let more = 18 * PART as u64 * 10;
    assert!(long < short + more, "{short} and {long} bytes of memory");
    assert!(long < BUDGET / 4, "{long} bytes of memory");
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
    let sample = sample("handshake.pcapng");
    push(RAW, sample.len(), &sample, false);
    let (begin, end) = (unknown_begins(), UNKNOWN_LEN.to_le_bytes());
    for _ in 0..fillers {
        push(RAW, begin.len(), &begin, false);
        let mut left = UNKNOWN_ZEROS;
        while left > 0 {
            let size = left.min(ZSTD_BLOCK);
            push(REPEATED, size, &[0], false);
            left -= size;
        }
        push(RAW, end.len(), &end, false);
    }
    push(RAW, 0, &[], true);
    frame
}

fn unknown_begins() -> Vec<u8> {
    [UNKNOWN.to_le_bytes(), UNKNOWN_LEN.to_le_bytes()].concat()
}

/// What was left of the program.
struct End {
    code: Option<i32>,
    page: String,
    errors: String,
    /// The most memory that it used, in bytes.
    memory: u64,
}

/// Replays what `write` hands over.
fn replayed(
    format: &[&str],
    write: impl FnOnce(&mut ChildStdin) -> io::Result<()> + Send + 'static,
) -> End {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handshake-watch"));
    let (mut child, mut input) = piped::start(command.args(["replay", "-"]).args(format));
    // Whoever refuses an input does not read all of it.
    let writing = thread::spawn(move || write(&mut input).is_ok());
    let page = reading(child.stdout.take().expect("piped"));
    let errors = reading(child.stderr.take().expect("piped"));
    let (patience, over) = mpsc::channel::<()>();
    let program = Pid::from_raw(child.id() as i32);
    thread::spawn(move || {
        if over.recv_timeout(HANG) == Err(RecvTimeoutError::Timeout) {
            let _ = kill(program, Signal::SIGKILL);
        }
    });
    // All that it prints has been read when it ends; its number stays its own until it is waited for.
    let (page, errors) = (page.join(), errors.join());
    drop(patience);
    let (status, memory) = wait(&child);
    let _ = writing.join().expect("no panic");
    End {
        code: status.code(),
        page: page.expect("no panic"),
        errors: errors.expect("no panic"),
        memory,
    }
}

fn reading(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).expect("UTF-8");
        text
    })
}

/// Waits for the end of a child, and asks for the most memory that it used.
fn wait(child: &Child) -> (ExitStatus, u64) {
    let mut status = 0;
    // SAFETY: all of it are numbers, for which zero is a value.
    #[expect(unsafe_code, reason = "there is no other way to make one")]
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both places are written to during the call only.
    #[expect(unsafe_code, reason = "nothing safe tells about one child alone")]
    let ended = unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, &raw mut used) };
    assert_eq!(ended, child.id() as i32, "{}", io::Error::last_os_error());
    let kilobytes = u64::try_from(used.ru_maxrss).expect("a size");
    assert!(kilobytes > 0, "the system tells");
    (ExitStatus::from_raw(status), kilobytes * 1024)
}
