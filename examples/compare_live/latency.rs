//! How long after a packet was captured its line can be read.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::traffic::Traffic;
use super::watcher::{PORT, Places, Watching};

/// About what a class makes together: ten packets for each connection.
const RATE: u64 = 60;
const SECONDS: u64 = 10;

/// Delays in the order of their length.
pub(crate) struct Delays {
    pub(crate) sorted: Vec<Duration>,
    /// Packets a second.
    pub(crate) rate: f64,
}

impl Delays {
    /// The delay that so many of a thousand stay below.
    pub(crate) fn of_thousand(&self, part: usize) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        let place = self.sorted.get(last * part / 1000);
        place.copied().unwrap_or_default()
    }
}

/// Reads the lines of a watch through a pipe while a few connections a second come and go. A line says when its packet was
/// captured, by the clock that is read here, too.
pub(crate) fn measure(places: &Places) -> Result<Delays, String> {
    let mut command = Command::new(&places.program);
    command
        .args(["live", "--watch-only", "--format", "json"])
        .args(["--only", "segments", "-p", &PORT.to_string()])
        .stdout(Stdio::piped());
    let mut watching = Watching::start(&mut command)?;
    let output = watching.child.stdout.take().ok_or("no standard output")?;
    let reading = thread::spawn(move || {
        let mut delays = Vec::new();
        let mut line = Vec::new();
        let mut lines = BufReader::new(output);
        while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let delay = now.ok().and_then(|now| now.checked_sub(captured(&line)?));
            delays.extend(delay);
            line.clear();
        }
        delays
    });
    let load = Traffic::Paced {
        count: RATE * SECONDS,
        a_second: RATE,
    };
    let made = load
        .make(PORT, Duration::from_secs(3 * SECONDS))
        .map_err(|error| error.to_string())?;
    watching.end()?;
    let mut sorted = reading.join().map_err(|_| "the reader failed")?;
    sorted.sort_unstable();
    let rate = sorted.len() as f64 / made.time.as_secs_f64();
    Ok(Delays { sorted, rate })
}

/// The time in a line of a segment.
fn captured(line: &[u8]) -> Option<Duration> {
    const KEY: &str = "\"time\":\"";
    let line = std::str::from_utf8(line).ok()?;
    let line = line.strip_prefix("{\"type\":\"segment\"")?;
    let begin = line.find(KEY)? + KEY.len();
    let time = line[begin..].split('"').next()?;
    let (seconds, nanos) = time.split_once('.')?;
    Some(Duration::new(seconds.parse().ok()?, nanos.parse().ok()?))
}
