//! What is compared, and on which captures.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::once::{self, Taken};
use super::traffic::{Kind, Made, Recipe};

/// What has taken this long in all rounds together is known well enough.
const PATIENCE: Duration = Duration::from_secs(10);

/// One of the commands. Everything it writes is thrown away.
pub(crate) struct Contender {
    /// As it stands in the table.
    pub(crate) title: &'static str,
    /// Who runs.
    who: Who,
    /// What stands before and behind the file's name.
    before: &'static [&'static str],
    after: &'static [&'static str],
    /// Writes so much for each packet that it only runs on the short capture.
    short_only: bool,
}

#[derive(Clone, Copy)]
enum Who {
    BareLoop,
    Ourselves,
    /// A command that may be installed.
    Peer(&'static str),
}

/// The first is what all others are compared with.
pub(crate) const CONTENDERS: [Contender; 11] = [
    Contender::new("bare libpcap loop", Who::BareLoop, &[], &[]),
    ours("summary", &["--format", "summary"]),
    ours(
        "summary, one thread",
        &["--format", "summary", "--threads", "1"],
    ),
    ours("connection table", &["--format", "table"]),
    ours(
        "JSON of connections",
        &["--format", "json", "--only", "connections"],
    ),
    ours("JSON of everything", &["--format", "json"]),
    Contender {
        short_only: true,
        ..ours(
            "every ladder in full",
            &["--format", "timeline", "--all", "--all-packets"],
        )
    },
    Contender::new("capinfos -cuzid", Who::Peer("capinfos"), &["-cuzid"], &[]),
    Contender::new("tcpdump -nn", Who::Peer("tcpdump"), &["-nn", "-r"], &[]),
    Contender::new("tcptrace -n", Who::Peer("tcptrace"), &["-n"], &[]),
    Contender::new(
        "tshark -z conv,tcp",
        Who::Peer("tshark"),
        &["-n", "-q", "-z", "conv,tcp", "-r"],
        &[],
    ),
];

const fn ours(title: &'static str, after: &'static [&'static str]) -> Contender {
    Contender::new(title, Who::Ourselves, &["replay"], after)
}

impl Contender {
    const fn new(
        title: &'static str,
        who: Who,
        before: &'static [&'static str],
        after: &'static [&'static str],
    ) -> Self {
        Self {
            title,
            who,
            before,
            after,
            short_only: false,
        }
    }

    /// The words of the command; `None` where it is not installed or not meant for this capture.
    fn command(&self, places: &Places, capture: &Capture) -> Option<Vec<PathBuf>> {
        if self.short_only && !capture.short {
            return None;
        }
        let program = match self.who {
            Who::BareLoop => places.bare_loop.clone(),
            Who::Ourselves => places.program.clone(),
            Who::Peer(name) => installed(name)?,
        };
        let mut words = vec![program];
        words.extend(self.before.iter().map(PathBuf::from));
        words.push(places.capture(capture.name));
        words.extend(self.after.iter().map(PathBuf::from));
        Some(words)
    }
}

/// Where a command of the system is.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Where things are: this program lies in `target/release/examples`.
pub(crate) struct Places {
    program: PathBuf,
    bare_loop: PathBuf,
    /// For captures.
    pub(crate) folder: PathBuf,
}

impl Places {
    pub(crate) fn find() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let examples = own.parent().ok_or("this program is nowhere")?;
        let release = examples.parent().ok_or("this program is not in a build")?;
        let target = release.parent().ok_or("this build is nowhere")?;
        let places = Self {
            program: release.join("handshake-watch"),
            bare_loop: examples.join("bare_loop"),
            folder: target.join("bench"),
        };
        for file in [&places.program, &places.bare_loop] {
            if !file.is_file() {
                return Err(format!(
                    "{} is not built; make bench does it",
                    file.display()
                ));
            }
        }
        fs::create_dir_all(&places.folder)
            .map_err(|error| format!("{}: {error}", places.folder.display()))?;
        Ok(places)
    }

    pub(crate) fn capture(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension("pcap")
    }
}

/// A capture that is made for this.
pub(crate) struct Capture {
    pub(crate) name: &'static str,
    /// What is in it, for the table.
    pub(crate) about: &'static str,
    recipe: Recipe,
    short: bool,
}

impl Capture {
    /// All of them, for so many packets in the large ones: together below 500 bytes for each.
    pub(crate) fn all(packets: u64) -> [Self; 5] {
        /// Headers with all their options.
        const HEADERS: u32 = 96;
        let mix = Recipe {
            snaplen: HEADERS,
            ..Recipe::of(Kind::Mix, packets)
        };
        [
            Self {
                name: "small",
                about: "requests and replies with their payload",
                recipe: Recipe::of(Kind::Mix, packets / 20),
                short: true,
            },
            Self {
                name: "mix",
                about: "the same for longer, headers only",
                recipe: mix.clone(),
                short: false,
            },
            Self {
                name: "wide",
                about: "the same, but all connections at once",
                recipe: Recipe {
                    rate: 1_000_000,
                    ..mix
                },
                short: false,
            },
            Self {
                name: "bulk",
                about: "16 downloads in full segments",
                recipe: Recipe::of(Kind::Bulk, packets / 5),
                short: false,
            },
            Self {
                name: "syn",
                about: "SYNs that nobody answers",
                recipe: Recipe::of(Kind::Syn, packets / 2),
                short: false,
            },
        ]
    }

    /// Makes it anew, down to the disk, so that writing it does not go on while others are timed; then it is in memory.
    pub(crate) fn make(&self, folder: &Path) -> Result<Made, String> {
        let path = folder.join(self.name).with_extension("pcap");
        let make = || -> io::Result<Made> {
            let mut file = File::create(&path)?;
            let made = self
                .recipe
                .write(BufWriter::with_capacity(1 << 20, &mut file))?;
            file.sync_all()?;
            io::copy(&mut File::open(&path)?, &mut io::sink())?;
            Ok(made)
        };
        make().map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// What was measured on one capture.
pub(crate) struct Results {
    pub(crate) capture: Capture,
    pub(crate) made: Made,
    /// Of each contender, in order; none where it did not run, `Err` where it did not end well.
    pub(crate) taken: Vec<Vec<Result<Taken, String>>>,
}

/// Runs all that can run, in turn, round after round.
pub(crate) fn rounds(
    places: &Places,
    capture: Capture,
    made: Made,
    rounds: u64,
) -> Result<Results, String> {
    let commands: Vec<_> = CONTENDERS
        .iter()
        .map(|contender| contender.command(places, &capture))
        .collect();
    let mut taken: Vec<Vec<Result<Taken, String>>> = commands.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        eprintln!("{}: round {round} of {rounds}", capture.name);
        for (command, taken) in commands.iter().zip(&mut taken) {
            let spent: Duration = taken.iter().flatten().map(|taken| taken.wall).sum();
            let hopeless = taken.iter().any(Result::is_err);
            if let Some(words) = command
                && spent < PATIENCE
                && !hopeless
            {
                taken.push(once::measure(words)?);
            }
        }
    }
    Ok(Results {
        capture,
        made,
        taken,
    })
}
