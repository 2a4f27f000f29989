//! `serve` and `connect`: each built-in end alone, without a capture.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use super::descriptors;
use super::exchange;
use super::exit::ExitCode;
use super::failure::Failure;
use super::say;
use super::signals;
use crate::cli::{ConnectCommand, ServeCommand};
use crate::lab::client::{self, Errand};
use crate::lab::server::{Listener, Report, Server};

/// Runs the server until a signal ends it.
pub(crate) fn serve(command: &ServeCommand) -> Result<ExitCode, Failure> {
    descriptors::ensure(descriptors::WITH_TRAFFIC, ExitCode::Lab)?;
    let listener: Listener = Arc::new(|report| {
        if let Some(line) = in_words(&report) {
            print(&line);
        }
    });
    let (sender, ended) = mpsc::channel();
    signals::at_end(move || {
        let _ = sender.send(());
    })
    .map_err(|error| {
        Failure::new(
            ExitCode::Lab,
            format_args!("cannot watch for signals: {error}"),
        )
    })?;
    let server = Server::start(command.port, listener).map_err(exchange::failure)?;
    let addresses: Vec<String> = server
        .addresses()
        .iter()
        .map(SocketAddr::to_string)
        .collect();
    say::note(format_args!(
        "listening on {}; Ctrl-C ends",
        addresses.join(" and ")
    ));
    // The sender lives as long as the signal thread, which does not end.
    let _ = ended.recv();
    server.stop();
    Ok(ExitCode::Fine)
}

/// Runs the client once.
pub(crate) fn connect(command: &ConnectCommand) -> Result<ExitCode, Failure> {
    let server: SocketAddr = (command.address, command.port).into();
    let errand = Errand {
        addresses: vec![server],
        message: command.message.clone().into_bytes(),
        timeout: command.timeout,
    };
    let outcome = client::run(&errand, &mut |_| ());
    if let Ok(outcome) = &outcome {
        print(&format!(
            "connected to {server}, said \"{}\"",
            command.message.as_bytes().escape_ascii()
        ));
        if !outcome.answer.is_empty() {
            print(&format!(
                "the server answered \"{}\"",
                outcome.answer.escape_ascii()
            ));
        }
    }
    exchange::judge(outcome)?;
    print("both sides have closed");
    Ok(ExitCode::Fine)
}

/// A report as a line; system calls are not for here.
pub(super) fn in_words(report: &Report) -> Option<String> {
    Some(match report {
        Report::Call(_) | Report::Waits(_) => return None,
        Report::Connected(peer) => format!("{peer} connected"),
        Report::Message(peer, bytes) => format!("{peer} says \"{}\"", bytes.escape_ascii()),
        Report::Closed(peer) => format!("{peer} closed"),
        Report::Broke(peer, kind) => format!("{peer} is gone: {kind}"),
    })
}

/// One line on standard output. The server goes on when nobody reads it.
fn print(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
