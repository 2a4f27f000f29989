//! One run of one command, and what it took. A process of our own stands between, because the system tells what children
//! took only of all of them together: so it has just this one.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use nix::sys::time::TimeVal;

/// The first argument of the process between.
pub(crate) const WORD: &str = "--once";

/// Seconds of processor time, and bytes of memory, after which a command is stopped.
pub(crate) const LONGEST: u64 = 60;
pub(crate) const LARGEST: u64 = 8 << 30;

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) wall: Duration,
    /// Of all processors together.
    pub(crate) processor: Duration,
    /// Bytes of memory at the peak.
    pub(crate) peak: u64,
}

/// Runs a command. The inner error is one of the command, the outer one is ours.
pub(crate) fn measure(words: &[PathBuf]) -> Result<Result<Taken, String>, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(own)
        .arg(WORD)
        .args(words)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers[..] {
        [wall, processor, peak] => Ok(Ok(Taken {
            wall: Duration::from_nanos(wall),
            processor: Duration::from_nanos(processor),
            peak,
        })),
        _ => Ok(Err(text.trim().to_owned())),
    }
}

/// The process between: prints nanoseconds of time, nanoseconds of processor time and bytes, or why not.
pub(crate) fn run(words: &[OsString]) -> Result<(), String> {
    let (program, arguments) = words.split_first().ok_or("no command")?;
    let limit = |resource, most| {
        setrlimit(resource, most, most).map_err(|error| format!("a limit: {error}"))
    };
    limit(Resource::RLIMIT_CPU, LONGEST)?;
    limit(Resource::RLIMIT_AS, LARGEST)?;
    let begin = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let wall = begin.elapsed();
    if !status.success() {
        println!("{status}");
        return Ok(());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    let processor = nanos(usage.user_time()) + nanos(usage.system_time());
    // Kilobytes, but for macOS, which counts bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let peak = usage.max_rss() as u64 * unit;
    println!("{} {processor} {peak}", wall.as_nanos());
    Ok(())
}

fn nanos(time: TimeVal) -> u64 {
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_usec() as u64 * 1000
}
