//! A terminal that is not read for a while, as when somebody selects text in it.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{Winsize, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::Signal;

use super::in_private_network;
use super::saved::packets;
use super::watching::{Server, Watching};

/// Rows are left out when they come this much later than their packets, and some more for a machine that is busy.
const BEHIND: Duration = Duration::from_millis(900);

#[test]
fn a_terminal_that_stops_reading_costs_rows_and_no_packets() {
    in_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("frames.pcapng");
        let server = Server::new();
        let (ours, terminal) = terminal();
        let mut command = Command::new(env!("CARGO_BIN_EXE_handshake-watch"));
        command
            .args(["live", "--watch-only", "--color", "never", "-w"])
            .arg(&path)
            .args(["-p", &server.port().to_string()])
            .stdin(Stdio::null())
            .stdout(terminal);
        let watching = Watching::spawn(command);

        // Enough rows that the terminal is full, and then some that are late.
        let begun = Instant::now();
        let mut exchanges = 0;
        while exchanges < 200 || begun.elapsed() < BEHIND {
            server.exchange();
            exchanges += 1;
        }
        let reading = thread::spawn(move || {
            let mut page = Vec::new();
            // A terminal whose other end is closed gives an error where a file would end.
            let _ = File::from(ours).read_to_end(&mut page);
            String::from_utf8(page).expect("UTF-8")
        });
        watching.signal(Signal::SIGINT);
        let end = watching.end();
        let page = reading.join().expect("no panic");
        assert_eq!(end.status.code(), Some(0), "{}", end.errors);
        assert!(!end.errors.contains("missed"), "{}", end.errors);

        let saved = packets(&path).len();
        assert!(saved >= 6 * exchanges, "{saved} packets of {exchanges}");
        let left_out: usize = end.errors.lines().filter_map(left_out).sum();
        assert!(left_out > 0, "{}", end.errors);
        let rows = page.lines().filter(|line| is_row(line)).count();
        assert_eq!(rows + left_out, saved, "{}", end.errors);
    });
}

/// The same, of this size.
pub(crate) fn terminal_of(size: Winsize) -> (OwnedFd, File) {
    let (ours, terminal) = terminal();
    #[allow(unsafe_code, reason = "a size has no safe wrapper")]
    // SAFETY: the descriptor is open, and the kernel reads one size, which outlives the call.
    let sized = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(sized, 0, "a terminal has a size");
    (ours, terminal)
}

/// Both ends of a terminal, of which the programs that other tests start meanwhile inherit none.
fn terminal() -> (OwnedFd, File) {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let ours = posix_openpt(flags).expect("a terminal");
    grantpt(&ours).expect("it is ours");
    unlockpt(&ours).expect("it is ours");
    let name = ptsname_r(&ours).expect("a name");
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let terminal = options.custom_flags(libc::O_NOCTTY).open(name);
    (ours.into(), terminal.expect("its other end"))
}

/// `N packets came too fast for this terminal`.
fn left_out(line: &str) -> Option<usize> {
    let (count, rest) = line.split_once(' ')?;
    rest.starts_with("packets came too fast")
        .then(|| count.parse().ok())?
}

/// A row begins with the packet's number and the time; before them stands its connection, where several are open.
fn is_row(line: &str) -> bool {
    let mut words = line.split_whitespace().peekable();
    words.next_if(|word| word.starts_with('#'));
    let number = words.next().and_then(|word| word.parse::<u64>().ok());
    let time = words.next().and_then(|word| word.parse::<f64>().ok());
    let unit = words.next();
    number.is_some() && time.is_some() && matches!(unit, Some("µs" | "ms" | "s"))
}
