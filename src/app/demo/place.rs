//! Where a scenario plays: the best place that this system allows, and what is said and permitted there.

use crate::app::step;
use crate::lab::scenario::{Origin, Scenario, Stage};
use crate::privilege::{self, Sockets};

/// Where a scenario plays.
pub(super) enum Place {
    /// In a network of its own; this process is inside already.
    #[cfg(target_os = "linux")]
    Private,
    /// On the loopback of this machine.
    Host,
    /// Nowhere: its packets were written by hand.
    Constructed,
    /// Nowhere: its recording is shown, for this reason.
    Recorded(String),
}

impl Place {
    /// Finds the best one, and goes there. Must come before any thread is started.
    #[cfg(target_os = "linux")]
    pub(super) fn find(scenario: &Scenario) -> Self {
        use crate::lab::namespace;
        if scenario.constructed() {
            return Self::Constructed;
        }
        // Tried in a child process first: a half-made private network could not be left again.
        match namespace::probe().and_then(|()| namespace::enter()) {
            Ok(()) => Self::Private,
            Err(refused) => Self::without_private(scenario, &refused.to_string()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn find(scenario: &Scenario) -> Self {
        if scenario.constructed() {
            return Self::Constructed;
        }
        Self::without_private(scenario, "a private network needs Linux")
    }

    fn without_private(scenario: &Scenario, why: &str) -> Self {
        if privilege::packet_socket().is_err() {
            Self::Recorded(format!("capturing is not permitted here, and {why}"))
        } else if scenario.plays_anywhere() {
            Self::Host
        } else {
            Self::Recorded(why.to_owned())
        }
    }

    /// In a word.
    pub(super) fn name(&self) -> &'static str {
        match self {
            #[cfg(target_os = "linux")]
            Self::Private => "live",
            Self::Host => "live",
            Self::Constructed => "constructed",
            Self::Recorded(_) => "recorded",
        }
    }

    /// What people are told about it.
    pub(super) fn describe(&self, scenario: &Scenario, stage: Option<&Stage>) -> String {
        match (self, scenario.origin) {
            #[cfg(target_os = "linux")]
            (Self::Private, Origin::Wire(_, plan)) => {
                let congestion = stage.and_then(Stage::congestion);
                let congestion = congestion.map(|words| format!("; congestion control: {words}"));
                format!(
                    "live, on a wire of this process: {}{}",
                    plan.summary,
                    congestion.unwrap_or_default()
                )
            }
            #[cfg(target_os = "linux")]
            (Self::Private, _) => "live, in a private network of this process".to_owned(),
            (Self::Host, _) => "live, on the loopback of this machine".to_owned(),
            (Self::Constructed, _) => "constructed: no kernel would send these packets".to_owned(),
            (Self::Recorded(why), _) => format!("recorded earlier and played back: {why}"),
        }
    }

    /// Where its packets come from, for whoever steps through them.
    pub(super) const fn origin(&self) -> step::Origin {
        match self {
            #[cfg(target_os = "linux")]
            Self::Private => step::Origin::JustNow,
            Self::Host => step::Origin::JustNow,
            Self::Constructed => step::Origin::Constructed,
            Self::Recorded(_) => step::Origin::Recorded,
        }
    }

    /// What a scenario's own ends may do after this process has given up its rights.
    pub(super) fn sockets(&self, port: u16) -> Sockets {
        match self {
            Self::Host => Sockets::Both { port },
            _ => Sockets::Private,
        }
    }

    /// In a private network there is no other traffic, and a scenario may use several ports.
    pub(super) fn filter(&self, scenario: &Scenario, port: u16) -> String {
        match self {
            Self::Host => format!("tcp port {port}"),
            _ if scenario.on_wire() => "ip and tcp".to_owned(),
            _ => "tcp".to_owned(),
        }
    }
}
