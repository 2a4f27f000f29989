//! The catalogue of teaching scenarios: what each shows, what to watch for, and what has to come of it.
//!
//! Comes in: a [`Stage`]: where to play, and who listens to reports. Goes out: packets between two real sockets, or a
//! script where no socket would send such packets. Every wait in a scenario is limited, so that none takes longer than
//! [`TIME_LIMIT`]. What each does is in `scenarios`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::LabError;
use super::fates::Fates;
use super::network::{self, Network};
use super::scenarios::{attacks, closing, data, loss, opening};
use super::server::{Listener, Report};
use super::wire::{Plan, Wire};
use crate::tcp::{Labels, Segment};

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
    /// The verdict that the first connection ends with, in the word of the JSON contract. On a wire: as its client saw it.
    pub verdict: &'static str,
    /// Each of these is on some segment.
    pub required: Labels,
    /// None of these is on any segment.
    pub forbidden: Labels,
    /// Of each of these there is a segment.
    pub signs: &'static [Sign],
    /// How its packets come about.
    pub origin: Origin,
    /// What the network has to be like.
    pub network: Network,
    /// The recording to play where nothing can be captured.
    pub recording: &'static [u8],
}

/// What some segment of a scenario has to be like, where no label says it.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    /// What it is called where it is missing: `SYN with MPTCP`.
    pub name: &'static str,
    /// Whether a segment is such a one.
    pub on: fn(&Segment) -> bool,
}

/// How a scenario's packets come about.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// Real sockets on a loopback device, by these calls.
    Sockets(Play),
    /// Real sockets at the two ends of a wire that does what is planned.
    Wire(Play, &'static Plan),
    /// Written by hand in the script language, because no kernel would send these packets on request. Never called
    /// captured.
    Constructed(&'static str),
}

/// Makes a scenario's traffic and returns when it is over.
pub type Play = fn(&Stage) -> Result<(), LabError>;

/// Where a scenario plays.
pub struct Stage {
    /// The server's port.
    pub port: u16,
    /// Who is told what the ends do.
    pub listener: Listener,
    /// What had to be opened while this process still had every right over its network.
    equipment: network::Equipment,
    fates: Arc<Fates>,
}

/// All scenarios, in the order in which one should meet them.
pub const SCENARIOS: &[Scenario] = &[
    opening::HANDSHAKE,
    opening::REFUSED,
    opening::FILTERED,
    opening::LOCALHOST,
    opening::ACCEPT_NOT_CALLED,
    opening::BACKLOG,
    opening::FAST_OPEN,
    opening::ECN,
    opening::SMALL_MSS,
    opening::ONLY_MSS,
    opening::NO_OPTIONS,
    opening::MPTCP,
    opening::SELF_CONNECT,
    opening::SIMULTANEOUS_OPEN,
    data::HELLO,
    data::NAGLE,
    data::SLOW_READER,
    data::ZERO_WINDOW,
    data::WINDOW_SCALING,
    data::KEEP_ALIVE,
    data::URGENT,
    data::SEQUENCE_WRAP,
    loss::LOST_SYN,
    loss::LOST_SYN_ACK,
    loss::LOST_DATA,
    loss::LOST_TAIL,
    loss::LOST_ACK,
    loss::REORDERING,
    loss::DUPLICATE,
    loss::SPURIOUS,
    loss::RANDOM_LOSS,
    loss::SLOW_LINK,
    loss::ECN_MARKED,
    loss::PATH_DEAD,
    closing::CLOSE_THREE,
    closing::CLOSE_FOUR,
    closing::HALF_CLOSE,
    closing::SIMULTANEOUS_CLOSE,
    closing::TIME_WAIT,
    closing::RESET_LINGER,
    closing::RESET_UNREAD,
    closing::HALF_OPEN,
    attacks::SYN_SCAN,
    attacks::NULL_PROBE,
    attacks::XMAS_PROBE,
    attacks::SYN_FLOOD,
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
        matches!(self.origin, Origin::Constructed(_))
    }

    /// Whether its packets cross a wire.
    #[must_use]
    pub const fn on_wire(&self) -> bool {
        matches!(self.origin, Origin::Wire(..))
    }

    /// Whether it can play on a loopback device as it is, beside whatever else happens there.
    #[must_use]
    pub fn plays_anywhere(&self) -> bool {
        matches!(self.origin, Origin::Sockets(_)) && self.network == Network::default()
    }

    /// Makes the network ready and opens what needs rights over it. This process must be in a private network, except for
    /// a scenario that [`Self::plays_anywhere`].
    ///
    /// # Errors
    /// When this system does not allow what the scenario needs.
    pub fn prepare(&self, port: u16, listener: Listener) -> Result<Stage, LabError> {
        Ok(Stage {
            port,
            listener,
            equipment: self.network.prepare(self.on_wire())?,
            fates: Arc::default(),
        })
    }

    /// Plays it, and returns when its last packet has arrived.
    ///
    /// # Errors
    /// When a call failed that should not.
    pub fn play(&self, stage: &Stage) -> Result<(), LabError> {
        match self.origin {
            Origin::Sockets(play) => play(stage),
            Origin::Wire(play, crossing) => {
                let cable = stage.equipment.wire.as_ref();
                let wire = Wire::start(
                    cable.ok_or(LabError::NoWire)?,
                    crossing,
                    Arc::clone(&stage.fates),
                )?;
                let result = play(stage);
                wire.stop();
                result
            }
            Origin::Constructed(_) => Ok(()),
        }
    }
}

impl Stage {
    /// Where the server listens.
    pub(super) fn server(&self) -> SocketAddr {
        match self.equipment.wire {
            Some(_) => (network::HERE, self.port).into(),
            None => (Ipv4Addr::LOCALHOST, self.port).into(),
        }
    }

    /// Where a client finds it: on a wire, the far end's address.
    pub(super) fn target(&self) -> SocketAddr {
        match self.equipment.wire {
            Some(_) => (network::THERE, self.port).into(),
            None => self.server(),
        }
    }

    /// For packets that no ordinary socket sends.
    pub(super) fn raw(&self) -> Result<&socket2::Socket, LabError> {
        self.equipment.raw.as_ref().ok_or(LabError::NoRawSocket)
    }

    /// What the wire decides about packets, while it plays.
    #[must_use]
    pub fn fates(&self) -> Arc<Fates> {
        Arc::clone(&self.fates)
    }

    /// The congestion control that senders use, where the scenario names one: `reno`, or what there is instead.
    #[must_use]
    pub fn congestion(&self) -> Option<&str> {
        self.equipment.congestion.as_deref()
    }

    pub(super) fn report(&self, report: Report) {
        (self.listener)(report);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::script::Script;

    #[test]
    fn names_are_unique_and_findable() {
        for scenario in SCENARIOS {
            let found = Scenario::named(scenario.name).expect("listed");
            assert_eq!(found.title, scenario.title);
        }
        assert!(Scenario::named("no such").is_none());
    }

    #[test]
    fn groups_come_in_the_order_of_a_connections_life() {
        assert!(SCENARIOS.is_sorted_by_key(|scenario| scenario.group));
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

    #[test]
    fn scripts_can_be_read() {
        for scenario in SCENARIOS {
            if let Origin::Constructed(script) = scenario.origin {
                let script = Script::parse(script);
                script.unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
            }
        }
    }
}
