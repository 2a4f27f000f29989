//! `serve` and `connect`: what the built-in ends do.

use std::net::IpAddr;
use std::time::Duration;

use crate::cli::args::{ConnectArgs, ExchangeArgs};

/// `serve`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServeCommand {
    /// The port to listen on.
    pub port: u16,
}

/// `connect`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectCommand {
    /// The server's address.
    pub address: IpAddr,
    /// The server's port.
    pub port: u16,
    /// What to send.
    pub message: String,
    /// How long to wait for the server.
    pub timeout: Duration,
}

/// The message of the built-in client when no other is given.
const DEFAULT_MESSAGE: &str = "Hello server!";
/// How long the built-in client waits when nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn connect(args: ConnectArgs) -> ConnectCommand {
    let (message, timeout) = exchange(args.exchange);
    ConnectCommand {
        address: args.address,
        port: args.port,
        message,
        timeout,
    }
}

pub(super) fn exchange(args: ExchangeArgs) -> (String, Duration) {
    (
        args.message.unwrap_or_else(|| DEFAULT_MESSAGE.to_owned()),
        args.timeout.unwrap_or(DEFAULT_TIMEOUT),
    )
}
