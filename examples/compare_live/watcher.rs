//! One capture by one program while a load runs, and what it took.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::traffic::{Made, Traffic};

/// Where the server listens, in a network that nothing else is in.
pub(crate) const PORT: u16 = 1712;

/// A program that captures to a file until it is told to stop.
pub(crate) struct Watcher {
    /// As it stands in the table.
    pub(crate) title: &'static str,
    who: Who,
    arguments: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Who {
    Ourselves,
    Tcpdump,
}

/// The first is what the others are compared with. As root, tcpdump would become another user who may not write the file.
pub(crate) const WATCHERS: [Watcher; 3] = [
    Watcher {
        title: "tcpdump -w",
        who: Who::Tcpdump,
        arguments: &["-Z", "root", "-i", "lo"],
    },
    Watcher {
        title: "tcpdump -w, ring of 64 MiB",
        who: Who::Tcpdump,
        arguments: &["-Z", "root", "-i", "lo", "-B", "65536"],
    },
    Watcher {
        title: "live -w",
        who: Who::Ourselves,
        arguments: &["live", "--watch-only", "--format", "summary"],
    },
];

/// What one capture took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) made: Made,
    /// Packets that the loopback device carried.
    pub(crate) sent: u64,
    /// Packets in the file.
    pub(crate) saved: u64,
    /// Packets that the program says were lost.
    pub(crate) dropped: u64,
    /// Processor time of all threads until the capture was open, which is mostly the ring's memory.
    pub(crate) start: Duration,
    /// Processor time of all threads after that, to the very end.
    pub(crate) processor: Duration,
}

/// Where things are: this program lies in `target/release/examples`.
pub(crate) struct Places {
    pub(crate) program: PathBuf,
    /// For captures; gone at the end.
    folder: TempDir,
}

impl Places {
    pub(crate) fn find() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let release = own.ancestors().nth(2).ok_or("this program is nowhere")?;
        let program = release.join("handshake-watch");
        if !program.is_file() {
            let program = program.display();
            return Err(format!("{program} is not built; make bench-live does it"));
        }
        let folder = tempfile::tempdir_in(release)
            .map_err(|error| format!("{}: {error}", release.display()))?;
        Ok(Self { program, folder })
    }
}

impl Watcher {
    /// Captures `load`; `None` where the program is not installed.
    pub(crate) fn watch(
        &self,
        places: &Places,
        load: Traffic,
        limit: Duration,
    ) -> Result<Option<Taken>, String> {
        let file = places.folder.path().join("live.pcap");
        let _ = fs::remove_file(&file);
        let mut command = match self.who {
            Who::Ourselves => Command::new(&places.program),
            Who::Tcpdump => match installed("tcpdump") {
                Some(path) => Command::new(path),
                None => return Ok(None),
            },
        };
        command.args(self.arguments).arg("-w").arg(&file);
        match self.who {
            Who::Ourselves => command.args(["-p", &PORT.to_string()]),
            Who::Tcpdump => command.arg(format!("tcp port {PORT}")),
        };
        let before = children();
        let watching = Watching::start(command.stdout(Stdio::null()))?;
        let start = watching.processor()?;
        let carried = carried()?;
        let made = load.make(PORT, limit).map_err(|error| error.to_string())?;
        let sent = self::carried()? - carried;
        let words = watching.end()?;
        let processor = children().saturating_sub(before).saturating_sub(start);
        let saved = packets(&file)?;
        let _ = fs::remove_file(&file);
        Ok(Some(Taken {
            made,
            sent,
            saved,
            dropped: self.dropped(&words),
            start,
            processor,
        }))
    }

    /// The number in what the program says at its end.
    fn dropped(&self, words: &str) -> u64 {
        let sign = match self.who {
            Who::Ourselves => "capture missed",
            Who::Tcpdump => "dropped by kernel",
        };
        let line = words.lines().find(|line| line.contains(sign));
        let mut words = line.into_iter().flat_map(str::split_whitespace);
        words.find_map(|word| word.parse().ok()).unwrap_or(0)
    }
}

/// A program that is capturing.
pub(crate) struct Watching {
    pub(crate) child: Child,
    errors: BufReader<std::process::ChildStderr>,
}

impl Watching {
    /// Starts it. The capture is open when this returns: both programs say so, and on standard error.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        let mut errors = BufReader::new(child.stderr.take().ok_or("no standard error")?);
        let mut said = String::new();
        while !said.contains("watching lo") && !said.contains("listening on lo") {
            let more = errors.read_line(&mut said);
            if !matches!(more, Ok(1..)) {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{name} does not capture: {said}"));
            }
        }
        Ok(Self { child, errors })
    }

    /// Processor time of its threads up to now.
    fn processor(&self) -> Result<Duration, String> {
        let folder = format!("/proc/{}/task", self.child.id());
        let failed = |error: std::io::Error| format!("{folder}: {error}");
        let mut nanos = 0;
        for task in fs::read_dir(&folder).map_err(failed)? {
            let path = task.map_err(failed)?.path().join("schedstat");
            let text = fs::read_to_string(path).map_err(failed)?;
            let first = text.split_whitespace().next();
            nanos += first.map_or(Ok(0), str::parse).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Ends it as Ctrl-C does; what it says then.
    pub(crate) fn end(mut self) -> Result<String, String> {
        let failed = |error: std::io::Error| error.to_string();
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT)
            .map_err(|error| error.to_string())?;
        let mut words = String::new();
        self.errors.read_to_string(&mut words).map_err(failed)?;
        let status = self.child.wait().map_err(failed)?;
        if status.success() {
            Ok(words)
        } else {
            Err(format!("{status}: {words}"))
        }
    }
}

/// Where a command of the system is.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(name));
    files.find(|file| file.is_file())
}

/// Processor time of all children that have ended.
fn children() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else {
        return Duration::ZERO;
    };
    [usage.user_time(), usage.system_time()]
        .iter()
        .map(|time| Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1000))
        .sum()
}

/// Packets that the loopback device of this network has carried.
fn carried() -> Result<u64, String> {
    const SENT_PACKETS: usize = 9;
    let table = fs::read_to_string("/proc/self/net/dev").map_err(|error| error.to_string())?;
    let numbers = table
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"));
    numbers
        .and_then(|numbers| numbers.split_whitespace().nth(SENT_PACKETS)?.parse().ok())
        .ok_or_else(|| "/proc/self/net/dev tells nothing of lo".to_owned())
}

/// Packets in a capture file, as libpcap reads it.
fn packets(file: &std::path::Path) -> Result<u64, String> {
    let failed = |error: pcap::Error| format!("{}: {error}", file.display());
    let mut capture = pcap::Capture::from_file(file).map_err(failed)?;
    let mut packets = 0;
    loop {
        match capture.next_packet() {
            Ok(_) => packets += 1,
            Err(pcap::Error::NoMorePackets) => return Ok(packets),
            Err(error) => return Err(failed(error)),
        }
    }
}
