//! The traffic that `live` makes itself: the built-in server, then the built-in client, then the port is free again.

use std::fmt::Display;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::calls::Teller;
use super::ends::in_words;
use super::exit::ExitCode;
use super::failure::Failure;
use super::program;
use super::watch::Words;
use crate::capture::Stopper;
use crate::lab::LabError;
use crate::lab::client::{self, Ending, Errand, Outcome};
use crate::lab::server::{Listening, Report, Server};
use crate::privilege;

/// What people are told when the exchange is over and the watch is not.
const WATCHING_ON: &str = "watching on; Ctrl-C ends";

/// What is to be exchanged.
pub(crate) struct Exchange {
    /// The port, for the messages.
    pub(crate) port: u16,
    /// Our server; `None` when we talk to one that is there already.
    pub(crate) server: Option<Server>,
    /// What the client says.
    pub(crate) message: String,
    /// How long it waits.
    pub(crate) timeout: Duration,
    /// The capture to end afterwards; `None`: it goes on.
    pub(crate) ends: Option<Stopper>,
    /// Afterwards this process makes no socket any more.
    pub(crate) seals: bool,
    /// What people are told afterwards goes there.
    pub(crate) words: Sender<Words>,
    /// The client's system calls go there, if anybody wants them.
    pub(crate) calls: Option<Teller>,
}

/// A server without a thread for now. What clients say goes to `words`, and its system calls to `calls`, if anybody wants to
/// hear of them.
pub(crate) fn server(
    port: u16,
    words: Option<Sender<Words>>,
    calls: Option<Teller>,
) -> Result<Listening, LabError> {
    let listener = move |report: Report| {
        if let (Some(words), Report::Message(..)) = (&words, &report)
            && let Some(line) = in_words(&report)
        {
            // Nobody listens any more when the watch has ended meanwhile.
            let _ = words.send(Words {
                news: format!("the built-in server: {line}"),
                outlook: String::new(),
            });
        }
        if let Some(calls) = &calls {
            calls.report(report);
        }
    };
    Listening::on(port, Arc::new(listener))
}

impl Exchange {
    /// Begins, on a thread of its own. The capture must be open.
    pub(crate) fn begin(self) -> io::Result<JoinHandle<Result<(), Failure>>> {
        thread::Builder::new()
            .name("exchange".to_owned())
            .spawn(move || self.run())
    }

    fn run(mut self) -> Result<(), Failure> {
        let local: SocketAddr = (Ipv4Addr::LOCALHOST, self.port).into();
        let mut errand = Errand {
            message: self.message.clone().into_bytes(),
            timeout: self.timeout,
            ..Errand::local(self.port)
        };
        let own = self.server.is_some();
        if own {
            errand.addresses = vec![local];
        }
        let calls = self.calls.take();
        let outcome = client::run(&errand, &mut |call| {
            if let Some(calls) = &calls {
                calls.call(call);
            }
        });
        if let Some(server) = self.server.take() {
            server.stop();
        }
        if self.seals {
            // From here on there is no traffic of ours, whoever asks for it. Where it cannot be forbidden, nothing is lost.
            privilege::no_more_sockets();
        }
        // Nobody reports a call any more: packets need not wait for them.
        drop(calls);
        let result = judge(outcome);
        if let Some(capture) = self.ends {
            capture.stop();
            return result;
        }
        // Nobody listens any more when the watch has ended meanwhile.
        let _ = self.words.send(Words {
            news: match &result {
                Err(failure) => failure.to_string(),
                Ok(()) => String::new(),
            },
            outlook: if own && result.is_ok() {
                free_again(self.port)
            } else {
                WATCHING_ON.to_owned()
            },
        });
        result
    }
}

/// Whether the exchange did what it was meant to.
pub(crate) fn judge(outcome: Result<Outcome, LabError>) -> Result<(), Failure> {
    let outcome = outcome.map_err(failure)?;
    match outcome.ending {
        Ending::Closed => Ok(()),
        Ending::GivenUp => Err(failed(format_args!(
            "the server on {} did not close in time; our client let go (--timeout gives it longer)",
            outcome.server
        ))),
        Ending::Broke(kind) => Err(failed(format_args!(
            "the connection to {} broke: {kind}",
            outcome.server
        ))),
    }
}

/// A failure of the lab with what helps against it.
pub(crate) fn failure(error: LabError) -> Failure {
    let hint = match &error {
        LabError::PortBusy { address } => Some(format!(
            "-p takes another port; this says who listens there:\nss -ltnp 'sport = :{}'",
            address.port()
        )),
        LabError::PortForbidden { .. } => Some("-p takes another port, 1024 or above".to_owned()),
        LabError::NotConnected { address, error }
            if error.kind() == io::ErrorKind::ConnectionRefused =>
        {
            Some(if address.ip().is_loopback() {
                format!(
                    "nobody listens there; in another terminal, this starts a server:\n{} serve{}",
                    program::name(),
                    port_option(address.port())
                )
            } else {
                // The built-in server listens on loopback addresses alone.
                "nobody listens there, or a firewall says so; ss -ltn on that machine lists its servers"
                    .to_owned()
            })
        }
        LabError::System { error, .. } | LabError::NotConnected { error, .. }
            if error.raw_os_error() == Some(libc::EMFILE) =>
        {
            Some("`ulimit -n 64` lets more files be open".to_owned())
        }
        _ => None,
    };
    failed(error).hint_if(hint)
}

fn failed(message: impl Display) -> Failure {
    Failure::new(ExitCode::Lab, message)
}

fn free_again(port: u16) -> String {
    format!(
        "the built-in server is stopped and port {port} is free: start your own server and \
         client now, or `{0} serve{1}` and `{0} connect{1}` in \
         other terminals. Watching on; Ctrl-C ends.",
        program::name(),
        port_option(port)
    )
}

/// ` -p N`, where N is not what the commands take anyway.
pub(crate) fn port_option(port: u16) -> String {
    if port == crate::cli::DEFAULT_PORT {
        String::new()
    } else {
        format!(" -p {port}")
    }
}
