//! The program while it watches, with a server and clients of ours to look at.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::PATIENCE;

/// The program, watching the loopback interface of this network.
pub(crate) struct Watching {
    child: Child,
    output: Option<Lines<BufReader<ChildStdout>>>,
    errors: BufReader<ChildStderr>,
    /// Every line that was read so far.
    printed: Vec<String>,
    /// While this is here, the program is ended when it takes longer than [`PATIENCE`].
    patience: Sender<()>,
}

/// How it ended.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    /// Lines of standard output.
    pub(crate) printed: Vec<String>,
    /// What it said on standard error after its first line.
    pub(crate) errors: String,
}

impl Watching {
    /// Watches `port` and prints JSON. The capture is open when this returns.
    pub(crate) fn start(port: u16, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_handshake-watch"));
        let port = port.to_string();
        command
            .args(["live", "--watch-only", "--format", "json", "-p", &port])
            .args(arguments);
        Self::run(command)
    }

    /// Runs a command that watches. Its standard output is read as lines, unless it was directed elsewhere.
    pub(crate) fn run(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        Self::spawn(command)
    }

    /// The same, with a standard output that the command has already.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        // The command may hold an end of a pipe or of a terminal.
        drop(command);
        let (patience, over) = mpsc::channel();
        let program = Pid::from_raw(child.id() as i32);
        thread::spawn(move || {
            if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                // A test that waits for it goes on, and fails.
                let _ = kill(program, Signal::SIGKILL);
            }
        });
        let mut errors = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        errors.read_line(&mut line).expect("text");
        assert!(line.starts_with("watching"), "{line}");
        let output = child.stdout.take();
        Self {
            child,
            output: output.map(|output| BufReader::new(output).lines()),
            errors,
            printed: Vec::new(),
            patience,
        }
    }

    /// Reads lines until one contains `part`.
    pub(crate) fn line_with(&mut self, part: &str) {
        assert!(self.has_line_with(part), "no {part} in {:?}", self.printed);
    }

    /// Reads lines until one contains `part`; false at the end.
    pub(crate) fn has_line_with(&mut self, part: &str) -> bool {
        for line in self.output.as_mut().expect("piped") {
            let line = line.expect("UTF-8");
            let found = line.contains(part);
            self.printed.push(line);
            if found {
                return true;
            }
        }
        false
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("its parent may");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Whether it has a thread of this name now.
    pub(crate) fn has_thread(&self, name: &str) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let mut names = tasks
            .expect("a running process")
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.any(|found| found.trim() == name)
    }

    /// Whether it is still running.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Reads everything that it still prints, and waits for its end.
    pub(crate) fn end(mut self) -> End {
        // Standard error is read beside standard output, so that neither holds it up.
        let mut errors = self.errors;
        let reading = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).expect("UTF-8");
            text
        });
        if let Some(output) = self.output {
            self.printed.extend(output.map(|line| line.expect("UTF-8")));
        }
        let status = self.child.wait().expect("an end");
        // Its number may belong to another process from now on.
        drop(self.patience);
        End {
            status,
            printed: self.printed,
            errors: reading.join().expect("no panic"),
        }
    }
}

impl End {
    /// The lines of one type.
    pub(crate) fn of_type(&self, wanted: &str) -> impl Iterator<Item = &String> {
        let start = format!("{{\"type\":\"{wanted}\"");
        let lines = self.printed.iter();
        lines.filter(move |line| line.starts_with(&start))
    }

    /// A number of the summary.
    pub(crate) fn total(&self, key: &str) -> u64 {
        let summary = self.of_type("summary").next().expect("a summary");
        let summary: serde_json::Value = serde_json::from_str(summary).expect("JSON");
        summary[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key} in {summary}"))
    }
}

/// Calls `done` until it is true.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}

/// A server of this test, on a port of its own.
pub(crate) struct Server {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        Self { listener, address }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Both ends of a connection.
    pub(crate) fn connection(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address).expect("a connection");
        let (server, _) = self.listener.accept().expect("a connection");
        (client, server)
    }

    /// A connection that is opened and closed: seven packets or eight.
    pub(crate) fn exchange(&self) {
        let (client, server) = self.connection();
        drop(client);
        drop(server);
    }
}
