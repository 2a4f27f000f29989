//! Stepping through packets on a terminal of our own: what keys do, and that the terminal is left as it was.

#![cfg(unix)]

#[cfg(target_os = "linux")]
#[macro_use]
mod skipped;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::Pid;

/// Longer than any screen takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// What ends a screen.
const SCREEN_END: &str = "\u{1b}[?2026l";
/// What puts a terminal back to its ordinary screen, with its cursor.
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// The program on a terminal of 60 columns and 18 lines.
struct Stage {
    terminal: OwnedFd,
    keys: File,
    screens: Receiver<String>,
    child: Child,
    before: Termios,
}

impl Stage {
    fn open(words: &[&str]) -> Self {
        let size = Winsize {
            ws_row: 18,
            ws_col: 60,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let OpenptyResult { master, slave } = openpty(&size, None).expect("a terminal");
        let before = tcgetattr(&slave).expect("settings");
        let copy = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let child = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
            .args(words)
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .stdin(copy())
            .stdout(copy())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let keys = File::from(master.try_clone().expect("a descriptor"));
        Self {
            terminal: slave,
            keys,
            screens: screens(File::from(master)),
            child,
            before,
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("a terminal");
    }

    /// The next screen with these words.
    fn shows(&self, words: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut last = String::new();
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.screens.recv_timeout(left) {
                Ok(screen) if screen.contains(words) => return screen,
                Ok(screen) => last = screen,
                Err(_) => break,
            }
        }
        panic!("{words:?} was never shown; the last screen:\n{last}");
    }

    /// Presses a key that changes no more than what has come meanwhile, until the screen has these words.
    fn press_until(&mut self, key: &str, words: &str) {
        let until = Instant::now() + PATIENCE;
        while until > Instant::now() {
            self.press(key);
            match self.screens.recv_timeout(PATIENCE) {
                Ok(screen) if screen.contains(words) => return,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        panic!("{words:?} was never shown");
    }

    /// Waits for the end: its exit code.
    fn ends(self) -> Option<i32> {
        self.last_words().0
    }

    /// The same, and what it said beside its screens. The terminal must be as it was.
    fn last_words(mut self) -> (Option<i32>, String) {
        self.shows(LEAVE);
        let mut words = String::new();
        let mut errors = self.child.stderr.take().expect("piped");
        errors.read_to_string(&mut words).expect("UTF-8");
        let status = self.child.wait().expect("an end");
        let after = tcgetattr(&self.terminal).expect("settings");
        assert_eq!(after.local_flags, self.before.local_flags);
        assert_eq!(after.input_flags, self.before.input_flags);
        assert_eq!(after.output_flags, self.before.output_flags);
        assert_eq!(after.control_chars, self.before.control_chars);
        (status.code(), words)
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, signal).expect("our own child");
    }
}

/// Cuts what a terminal receives into screens. The last piece is what comes after all of them.
fn screens(mut terminal: File) -> Receiver<String> {
    let (sender, screens) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        let mut bytes = [0; 4096];
        // A terminal whose other side is gone gives an error.
        while let Ok(len @ 1..) = terminal.read(&mut bytes) {
            text.extend_from_slice(&bytes[..len]);
            let shown = String::from_utf8_lossy(&text).into_owned();
            let mut rest = shown.as_str();
            while let Some((screen, after)) = rest.split_once(SCREEN_END) {
                if sender.send(screen.to_owned()).is_err() {
                    return;
                }
                rest = after;
            }
            if rest.contains(LEAVE) && sender.send(rest.to_owned()).is_err() {
                return;
            }
            text = rest.as_bytes().to_vec();
        }
    });
    screens
}

fn sample(name: &str) -> String {
    format!("{}/captures/{name}.pcapng", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn one_key_is_one_packet_and_backspace_takes_it_back() {
    let mut stage = Stage::open(&["replay", &sample("refused"), "--step"]);
    let begin = stage.shows("0 of 2");
    assert!(begin.contains("recorded 2026-11-22"), "{begin}");
    assert!(!begin.contains("SYN-SENT"), "{begin}");
    stage.press(" ");
    let first = stage.shows("1 of 2");
    assert!(first.contains("SYN-SENT") && first.contains("asks to open"));
    stage.press(" ");
    stage.shows("RST-ACK");
    stage.press("\u{7f}");
    assert_eq!(stage.shows("1 of 2"), first);
    stage.press("?");
    assert!(stage.shows("what does this mean").contains("SYN-SENT: "));
    stage.press("\u{1b}");
    assert_eq!(stage.shows("1 of 2"), first);
    stage.press("  ");
    assert!(stage.shows("✗ refused").contains("2 of 2"));
    stage.press("r");
    assert_eq!(
        without_escapes(&stage.shows("0 of 2")),
        without_escapes(&begin)
    );
    stage.press("q");
    assert_eq!(stage.ends(), Some(0));
}

/// The first screen comes after what takes the terminal.
fn without_escapes(screen: &str) -> &str {
    screen.rsplit("\u{1b}[H").next().unwrap_or_default()
}

#[test]
fn a_new_size_is_another_layout() {
    let mut stage = Stage::open(&["replay", &sample("handshake"), "--step"]);
    stage.press("  ");
    stage.shows("2 of 8");
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // The program has no controlling terminal here, so that the kernel does not tell it.
    resize(&stage.terminal, size);
    stage.signal(Signal::SIGWINCH);
    let wide = stage.shows("what does this mean");
    assert!(wide.contains("to server ·"), "{wide}");
    stage.press("\u{3}");
    assert_eq!(stage.ends(), Some(0));
}

#[expect(unsafe_code, reason = "ioctl has no safe wrapper")]
fn resize(terminal: &OwnedFd, size: Winsize) {
    // SAFETY: the descriptor is open, and the kernel reads one size, which lives as long as the call.
    let set =
        unsafe { nix::libc::ioctl(terminal.as_raw_fd(), nix::libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(set, 0);
}

#[test]
fn signals_put_the_terminal_back() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let stage = Stage::open(&["replay", &sample("handshake"), "--step"]);
        stage.shows("0 of 8");
        let flags = tcgetattr(&stage.terminal).expect("settings").local_flags;
        assert!(!flags.contains(LocalFlags::ICANON | LocalFlags::ECHO));
        stage.signal(signal);
        assert_eq!(stage.ends(), Some(0), "{signal}");
    }
}

#[test]
fn what_comes_next_is_asked_before_it_is_shown() {
    let mut stage = Stage::open(&["replay", &sample("refused"), "--hide", "--big"]);
    stage.shows("the beginning");
    stage.press(" ");
    let asked = stage.shows("What comes next?");
    assert!(!asked.contains("SYN"), "{asked}");
    stage.press(" ");
    assert!(stage.shows("━ SYN ━").contains("CLIENT SYN-SENT"));
    stage.press("q");
    assert_eq!(stage.ends(), Some(0));
}

/// On a wire each end is asked about what it has sent, and not about what has arrived of that.
#[test]
fn on_a_wire_the_next_number_is_the_senders() {
    let lost = sample("scenarios/lost-data");
    let mut stage = Stage::open(&["replay", &lost, "--hide", "--explain", "brief"]);
    stage.shows("the beginning");
    // The first of five segments has arrived.
    for event in 1..=12 {
        stage.press(" ");
        stage.shows("What happens next?");
        stage.press(" ");
        stage.shows(&format!("{event} of 33"));
    }
    stage.press(" ");
    let asked = stage.shows("What happens next?");
    assert!(asked.contains("next number would be 7241"), "{asked}");
    stage.press("q");
    assert_eq!(stage.ends(), Some(0));
}

/// How the watch goes on is of no interest once it is over; what the built-in server heard is.
#[cfg(target_os = "linux")]
#[test]
fn what_goes_on_is_said_while_it_does() {
    use handshake_watch::lab::namespace;
    if !nix::unistd::geteuid().is_root() {
        skipped!("run as root to run this test");
        return;
    }
    // Root takes only this thread to another network; other tests stay where they are.
    let watch = thread::spawn(|| {
        if let Err(refused) = namespace::enter() {
            skipped!("{refused}");
            return;
        }
        let mut stage = Stage::open(&["live", "--step", "--message", "to be repeated"]);
        // Nobody has seen a packet yet, and so nobody is told that the server has stopped.
        let first = stage.shows("0 of 8 so far");
        assert!(!first.contains("is free"), "{first}");
        stage.press_until("G", "Ctrl-C ends");
        stage.press("q");
        let (code, words) = stage.last_words();
        assert_eq!(code, Some(0), "{words}");
        assert!(words.contains("to be repeated"), "{words}");
        assert!(!words.contains("Ctrl-C ends"), "{words}");
    });
    watch.join().expect("no panic");
}

#[test]
fn slow_motion_goes_on_by_itself() {
    let mut stage = Stage::open(&["replay", &sample("refused"), "--step", "--speed", "0.5x"]);
    stage.shows("✗ refused");
    stage.press("q");
    assert_eq!(stage.ends(), Some(0));
}

#[test]
fn without_a_terminal_it_says_what_works_instead() {
    for option in ["--step", "--hide"] {
        let output = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
            .args(["replay", &sample("refused"), option])
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(
            words.contains("standard output is closed, a file or a pipe"),
            "{words}"
        );
        assert!(
            words.contains("--speed") && words.contains("--format plain"),
            "{words}"
        );
    }
}

#[test]
fn slow_motion_without_a_terminal_writes_the_same_ladder() {
    let run = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
            .args(["replay", &sample("refused"), "--format", "timeline"])
            .args(more)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("the program starts");
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(run(&["--speed", "0.1x"]), run(&[]));
    assert!(run(&["--big"]).contains("RST-ACK"));
}
