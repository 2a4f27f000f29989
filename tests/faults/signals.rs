//! Signals end a watch with its verdicts; a second Ctrl-C ends it without.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

use super::in_private_network;
use super::watching::{Server, Watching, wait_until};

#[test]
fn each_signal_ends_a_watch_with_its_verdicts() {
    in_private_network(|| {
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let server = Server::new();
            let mut watching = Watching::start(server.port(), &[]);
            let ends = server.connection();
            // The handshake is complete, and the connection is still open.
            watching.line_with("\"frame\":3,");
            watching.signal(signal);
            let end = watching.end();
            drop(ends);
            assert_eq!(end.status.code(), Some(0), "{signal}: {}", end.errors);
            let connection = end.of_type("connection").next().expect("a verdict");
            assert!(connection.contains("\"verdict\":\"open\""), "{connection}");
            assert_eq!(end.total("tcp_segments"), 3, "{signal}");
        }
    });
}

/// Whoever reads that it watches may end it then and there.
#[test]
fn an_interrupt_in_the_first_moment_ends_in_order() {
    in_private_network(|| {
        let server = Server::new();
        for _ in 0..20 {
            let watching = Watching::start(server.port(), &[]);
            watching.signal(Signal::SIGINT);
            let end = watching.end();
            assert_eq!(end.status.code(), Some(0), "{}", end.errors);
            assert_eq!(end.total("tcp_segments"), 0);
        }
    });
}

/// What a script's shell runs in its background has Ctrl-C ignored, and `nohup` has the end of the terminal ignored.
#[test]
fn an_interrupt_ends_what_a_script_has_in_its_background() {
    in_private_network(|| {
        let server = Server::new();
        let program = env!("CARGO_BIN_EXE_handshake-watch");
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' INT HUP; exec \"$0\" \"$@\"", program])
            .args(["live", "--watch-only", "--format", "json"])
            .args(["-p", &server.port().to_string()]);
        let mut watching = Watching::run(command);
        let ends = server.connection();
        watching.line_with("\"frame\":3,");
        watching.signal(Signal::SIGHUP);
        server.exchange();
        watching.line_with("\"connection\":2,");
        watching.signal(Signal::SIGINT);
        let end = watching.end();
        drop(ends);
        assert_eq!(end.status.code(), Some(0), "{}", end.errors);
        assert!(end.total("connections") >= 2);
    });
}

#[test]
fn a_second_interrupt_ends_at_once() {
    in_private_network(|| {
        // Nobody reads the output, so that the verdicts cannot be printed.
        let (reader, mut writer) = io::pipe().expect("a pipe");
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("flags");
        while writer.write(&[b'\n'; 4096]).is_ok() {}
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).expect("flags");
        let server = Server::new();
        let mut command = Command::new(env!("CARGO_BIN_EXE_handshake-watch"));
        command
            .args(["live", "--watch-only", "--format", "json"])
            .args(["-p", &server.port().to_string()])
            .stdin(Stdio::null())
            .stdout(writer);
        let mut watching = Watching::spawn(command);
        server.exchange();
        wait_until("a capture", || watching.has_thread("capture"));
        watching.signal(Signal::SIGINT);
        // The first one has been heard when the capture is over.
        wait_until("the capture ends", || !watching.has_thread("capture"));
        assert!(watching.is_running(), "its verdicts are not read yet");
        watching.signal(Signal::SIGINT);
        let end = watching.end();
        assert_eq!(end.status.code(), Some(130), "{}", end.errors);
        drop(reader);
    });
}
