//! The catalogue of teaching scenarios: what each shows, what to watch for, and the few socket calls that make it happen.
//!
//! Comes in: a [`Stage`], the port and who listens to reports. Goes out: packets between two real sockets on the loopback
//! of wherever this process is. Every wait in a scenario is limited, so that none takes longer than [`TIME_LIMIT`].

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::client::{self, Ending, Errand};
use super::server::{Listener, Report, Server};
use super::{LabError, recordings};

/// No scenario runs longer than this.
pub const TIME_LIMIT: Duration = Duration::from_secs(15);

/// Which part of a connection's life a scenario is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Group {
    /// How connections open, or do not.
    Opening,
    /// How data flows.
    Data,
    /// What is lost and how it is repaired.
    Loss,
    /// How connections end.
    Closing,
    /// What others can do to them.
    Attacks,
}

/// One entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What one types.
    pub name: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// Its group.
    pub group: Group,
    /// What one learns.
    pub teaches: &'static str,
    /// Where to look in the ladder.
    pub watch_for: &'static str,
    /// A question to ask before the last packets are shown.
    pub question: &'static str,
    /// The verdict that the connection ends with, in the word of the JSON contract.
    pub verdict: &'static str,
    /// How its packets come about.
    pub origin: Origin,
    /// The recording to play where nothing can be captured.
    pub recording: &'static [u8],
}

/// How a scenario's packets come about.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// Real sockets, by these calls.
    Sockets(Play),
    /// Written by hand, because no kernel would send them on request. Never called captured.
    Constructed,
}

/// Makes a scenario's traffic and returns when it is over.
pub type Play = fn(&Stage) -> Result<(), LabError>;

/// Where a scenario plays.
#[derive(Clone)]
pub struct Stage {
    /// The server's port.
    pub port: u16,
    /// Who is told what the ends do.
    pub listener: Listener,
}

/// All scenarios, in the order in which one should meet them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "handshake",
        title: "a whole connection: open, 13 bytes, close",
        group: Group::Opening,
        teaches: "three packets open a connection, and each direction is closed by its own FIN",
        watch_for: "the numbers: a SYN and a FIN take one each, though they carry no byte",
        question: "The client sends 13 bytes after its SYN with number 0. Which number does the server acknowledge?",
        verdict: "closed",
        origin: Origin::Sockets(handshake),
        recording: recordings::HANDSHAKE,
    },
    Scenario {
        name: "refused",
        title: "nobody listens on the port",
        group: Group::Opening,
        teaches: "a kernel answers a SYN for a port without a listener with a reset, at once",
        watch_for: "the reset's acknowledgment number, which ties it to the SYN",
        question: "No server program runs. Who sends the reset?",
        verdict: "refused",
        origin: Origin::Sockets(refused),
        recording: recordings::REFUSED,
    },
];

impl Group {
    /// All groups, in the order of a connection's life.
    pub const ALL: [Self; 5] = [
        Self::Opening,
        Self::Data,
        Self::Loss,
        Self::Closing,
        Self::Attacks,
    ];

    /// Its name in lists and in the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Data => "data",
            Self::Loss => "loss",
            Self::Closing => "closing",
            Self::Attacks => "attacks",
        }
    }
}

impl Scenario {
    /// The scenario with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// Whether its packets were written by hand.
    #[must_use]
    pub const fn constructed(&self) -> bool {
        matches!(self.origin, Origin::Constructed)
    }
}

/// The built-in server, the built-in client, one greeting.
fn handshake(stage: &Stage) -> Result<(), LabError> {
    let server = Server::start(stage.port, Arc::clone(&stage.listener))?;
    let errand = Errand {
        addresses: vec![(Ipv4Addr::LOCALHOST, server.port()).into()],
        ..Errand::local(stage.port)
    };
    let outcome = client::run(&errand, &mut |call| (stage.listener)(Report::Call(call)))?;
    server.stop();
    match outcome.ending {
        Ending::Closed => Ok(()),
        ending => Err(LabError::Unexpected {
            what: "the built-in server did not close",
            ending,
        }),
    }
}

/// A client alone. The port is bound but nobody listens on it, so that no other program can come in between.
fn refused(stage: &Stage) -> Result<(), LabError> {
    let system = |call| move |error| LabError::System { call, error };
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, stage.port).into();
    let holder = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(system("socket"))?;
    holder
        .set_reuse_address(true)
        .map_err(system("setsockopt"))?;
    holder
        .bind(&address.into())
        .map_err(|error| match error.raw_os_error() {
            Some(libc::EADDRINUSE) => LabError::PortBusy { address },
            _ => LabError::System {
                call: "bind",
                error,
            },
        })?;
    let errand = Errand {
        addresses: vec![address],
        ..Errand::local(stage.port)
    };
    match client::run(&errand, &mut |call| (stage.listener)(Report::Call(call))) {
        Err(LabError::NotConnected { error, .. })
            if error.kind() == std::io::ErrorKind::ConnectionRefused =>
        {
            Ok(())
        }
        Err(error) => Err(error),
        Ok(outcome) => Err(LabError::Unexpected {
            what: "somebody accepted a connection that nobody listens for",
            ending: outcome.ending,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_findable() {
        for scenario in SCENARIOS {
            let found = Scenario::named(scenario.name).expect("listed");
            assert_eq!(found.title, scenario.title);
        }
        assert!(Scenario::named("no such").is_none());
    }

    #[test]
    fn every_scenario_has_a_recording_of_packets() {
        for scenario in SCENARIOS {
            // A section header block, and more than headers.
            assert!(
                scenario.recording.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a])
                    && scenario.recording.len() > 200,
                "{}",
                scenario.name
            );
        }
    }
}
