//! The terminal while packets are stepped through: every key at once, a screen of its own, and back to what it was. Also
//! the terminal that shows no keys while packets come by themselves, and the one that takes a single key as an answer.
//!
//! Comes in: composed screens. Goes out: bytes on standard output; keys and new sizes as events. Whatever ends the program
//! in order (a key, a signal, an error, a panic) puts the terminal back first.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, Once, OnceLock, PoisonError};
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{self, InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;

use super::keys::{self, Key};
use super::player::{Event, Surface};
use crate::app::exit::ExitCode;
use crate::app::failure::Failure;
use crate::app::say;

/// A screen of its own, without a cursor, whose lines are not broken.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE: &[u8] = b"\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
/// Begin and end of what a terminal that knows them shows at once.
const BEGIN: &str = "\x1b[?2026h\x1b[H";
const END: &str = "\x1b[?2026l";
/// Keys are pressed one at a time; a pasted page is more than anybody wants to see.
const READ: usize = 256;
/// Milliseconds after which whoever waits for an answer looks whether it is still wanted.
const LOOK: u8 = 100;

/// Where keys come from when standard input is something else. Opened before the sandbox, in which nothing can be opened.
static KEYS: OnceLock<OwnedFd> = OnceLock::new();
/// What the terminal was before; `None` when it is that already.
static BEFORE: Mutex<Option<Before>> = Mutex::new(None);

/// A terminal as it was found.
struct Before {
    settings: Termios,
    /// It shows a screen of ours meanwhile.
    screen: bool,
}

/// Makes sure that there is a terminal to show packets on and to read keys from, while it can still be opened.
pub(crate) fn find() -> Result<(), Failure> {
    let missing = |what: &str| {
        Failure::new(
            ExitCode::Usage,
            format_args!("--step and --hide need a terminal: {what}"),
        )
        .hint("without keys, --speed 0.1x plays in slow motion, and --format plain writes a sentence for each packet")
    };
    if !io::stdout().is_terminal() {
        return Err(missing("standard output is closed, a file or a pipe"));
    }
    if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
        return Err(missing("TERM=dumb cannot show a screen"));
    }
    if !io::stdin().is_terminal() {
        let tty = File::open("/dev/tty").map_err(|_| missing("there is none to read keys from"))?;
        let _ = KEYS.set(tty.into());
    }
    Ok(())
}

/// The terminal while it shows packets.
pub(super) struct Terminal<W: Write> {
    out: W,
}

impl<W: Write> Terminal<W> {
    /// Takes the terminal, and sends what happens there from threads of their own.
    pub(super) fn enter(out: W, events: &Sender<Event>) -> io::Result<Self> {
        let mut signals = Signals::new([SIGWINCH, SIGINT, SIGTERM, SIGHUP])?;
        let before = with_keys(|keys| Ok(termios::tcgetattr(keys)?))?;
        let raw = each_key_at_once(before.clone());
        *lock() = Some(Before {
            settings: before,
            screen: true,
        });
        // From here on, whatever goes wrong, dropping it puts the terminal back.
        let mut terminal = Self { out };
        restore_at_panic();
        with_keys(|keys| Ok(termios::tcsetattr(keys, SetArg::TCSADRAIN, &raw)?))?;
        let said = events.clone();
        say::hold(Box::new(move |words, tone| {
            let _ = said.send(Event::Said(words.to_owned(), tone));
        }));
        terminal.out.write_all(ENTER)?;
        terminal.out.flush()?;
        let (keys, signalled) = (events.clone(), events.clone());
        let reader = thread::Builder::new().name("keys".to_owned());
        reader.spawn(move || read_keys(&keys))?;
        let waiter = thread::Builder::new().name("sizes".to_owned());
        waiter.spawn(move || {
            for signal in signals.forever() {
                let event = if signal == SIGWINCH {
                    Event::Resized
                } else {
                    Event::Ended
                };
                if signalled.send(event).is_err() {
                    return;
                }
            }
        })?;
        Ok(terminal)
    }
}

impl<W: Write> Surface for Terminal<W> {
    fn size(&self) -> Option<(usize, usize)> {
        let (width, height) = terminal_size::terminal_size()?;
        (width.0 > 0 && height.0 > 0).then(|| (usize::from(width.0), usize::from(height.0)))
    }

    fn show(&mut self, lines: &[String]) -> io::Result<()> {
        let mut bytes = String::from(BEGIN);
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                bytes.push_str("\r\n");
            }
            // A line is emptied before it is written: in its last column that would take away its last character.
            bytes.push_str("\x1b[2K");
            bytes.push_str(line);
        }
        bytes.push_str("\x1b[J");
        bytes.push_str(END);
        self.out.write_all(bytes.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Terminal<W> {
    fn drop(&mut self) {
        let _ = self.out.flush();
        restore();
    }
}

/// A terminal that does not show what is typed, for as long as this lives: keys would stand in the middle of rows that
/// come by themselves.
#[derive(Debug)]
pub(super) struct Hushed(());

impl Hushed {
    /// `None`: keys come from no terminal of ours, and nothing is shown of them.
    pub(super) fn new() -> Option<Self> {
        if !io::stdout().is_terminal() {
            return None;
        }
        change(|settings| settings.local_flags &= !LocalFlags::ECHO)?;
        Some(Self(()))
    }
}

impl Drop for Hushed {
    fn drop(&mut self) {
        restore();
    }
}

/// The next key, without Enter; `None` where the terminal cannot give one key at a time. Whatever goes on to the next packet
/// is a space, whatever ends is a q; 0: there is no more key, or `enough` was set meanwhile.
pub(crate) fn answer(enough: &AtomicBool) -> Option<u8> {
    change(|settings| *settings = each_key_at_once(settings.clone()))?;
    let key = with_keys(|keys| {
        loop {
            if enough.load(Ordering::SeqCst) {
                return Ok(0);
            }
            let mut fds = [PollFd::new(keys, PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::from(LOOK)) {
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            let mut bytes = [0; READ];
            let len = nix::unistd::read(keys, &mut bytes)?;
            return Ok(plain(&bytes[..len]));
        }
    });
    restore();
    Some(key.unwrap_or(0))
}

/// What was pressed, as one plain key.
fn plain(bytes: &[u8]) -> u8 {
    match (keys::parse(bytes).first(), bytes.first()) {
        (Some(Key::Next), _) => b' ',
        (Some(Key::Quit | Key::Interrupt), _) => b'q',
        (_, Some(byte)) => *byte,
        (_, None) => 0,
    }
}

/// Changes how the terminal gives keys, until it is put back. `None`: it cannot be changed, or is ours already.
fn change(how: impl FnOnce(&mut Termios)) -> Option<()> {
    let mut held = lock();
    if held.is_some() || !is_ours() {
        return None;
    }
    let before = with_keys(|keys| Ok(termios::tcgetattr(keys)?)).ok()?;
    let mut after = before.clone();
    how(&mut after);
    restore_at_panic();
    with_keys(|keys| Ok(termios::tcsetattr(keys, SetArg::TCSADRAIN, &after)?)).ok()?;
    *held = Some(Before {
        settings: before,
        screen: false,
    });
    Some(())
}

/// Whether keys come from a terminal that is given to us: one that changes it from the background is stopped.
fn is_ours() -> bool {
    let ours = with_keys(|keys| Ok(nix::unistd::tcgetpgrp(keys)? == nix::unistd::getpgrp()));
    ours.unwrap_or(false)
}

/// Puts the terminal back to what it was, once, and says what was held back meanwhile.
pub(crate) fn restore() {
    let Some(before) = lock().take() else { return };
    if before.screen {
        // Past the lock of standard output: whoever holds it may be what ended.
        let _ = nix::unistd::write(io::stdout().as_fd(), LEAVE);
    }
    if !before.screen && !is_ours() {
        return;
    }
    // Keys that nobody has read yet were not meant for the shell.
    let _ = with_keys(|keys| {
        Ok(termios::tcsetattr(
            keys,
            SetArg::TCSAFLUSH,
            &before.settings,
        )?)
    });
    if before.screen {
        say::release();
    }
}

fn lock() -> std::sync::MutexGuard<'static, Option<Before>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ctrl-C is a key, too: it puts the terminal back. Output is processed as before.
fn each_key_at_once(mut settings: Termios) -> Termios {
    settings.local_flags &=
        !(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG | LocalFlags::IEXTEN);
    settings.input_flags &= !(InputFlags::IXON | InputFlags::INLCR | InputFlags::IGNCR);
    settings.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
    settings.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
    settings
}

/// What a panic says can be read only on the ordinary screen.
fn restore_at_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            restore();
            usual(what);
        }));
    });
}

fn with_keys<T>(act: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
    match KEYS.get() {
        Some(tty) => act(tty.as_fd()),
        None => act(io::stdin().as_fd()),
    }
}

fn read_keys(events: &Sender<Event>) {
    let mut bytes = [0; READ];
    loop {
        let read = with_keys(|keys| match nix::unistd::read(keys, &mut bytes) {
            Err(Errno::EINTR) => Ok(None),
            read => Ok(Some(read?)),
        });
        match read {
            Ok(None) => {}
            // The terminal is gone.
            Ok(Some(0)) | Err(_) => {
                let _ = events.send(Event::Ended);
                return;
            }
            Ok(Some(len)) => {
                for key in keys::parse(&bytes[..len]) {
                    if events.send(Event::Key(key)).is_err() {
                        return;
                    }
                }
            }
        }
    }
}
