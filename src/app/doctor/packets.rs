//! Whether packets can be captured, where, and with which time stamps.

use super::Check;
use crate::app::descriptors;
use crate::app::remedy::Remedy;
use crate::capture::Interface;
use crate::capture::live::{self, Listed, LiveError, LiveSource, Settings};
use crate::privilege;

/// A ring that is only opened and closed again needs no room.
const SMALL_RING: u32 = 1024 * 1024;

const WATCHING: &str = "watching connections of this machine as they happen, with `live`";
const FINDING: &str = "watching other connections, with `live -i NAME`";
const READING: &str = "finding the TCP header in a packet";
const TIMING: &str = "times between packets: on loopback a handshake takes some ten microseconds";
#[cfg(target_os = "linux")]
const PRIVATE: &str = "`demo` and `live --private` without any permission";

/// What an attempt to capture on the loopback interface came to.
pub(super) struct Capture {
    interfaces: Vec<Listed>,
    opened: Result<Interface, LiveError>,
}

/// Opens a capture on the loopback interface and closes it again.
pub(super) fn capture() -> Capture {
    let settings = Settings {
        buffer_size: SMALL_RING,
        ..Settings::default()
    };
    Capture {
        interfaces: live::interfaces(),
        opened: LiveSource::open(&settings).map(|source| source.interface().clone()),
    }
}

impl Capture {
    /// Whether it was permitted, and there is something to capture.
    pub(super) fn works(&self) -> bool {
        self.opened.is_ok()
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let mut checks = vec![self.permission(), self.list(), self.loopback()];
        let Ok(interface) = &self.opened else {
            let unknown = "known once a capture can be opened";
            checks.push(Check::absent("link_type", READING, unknown));
            checks.push(Check::absent("time_stamps", TIMING, unknown));
            return checks;
        };
        checks.push(match interface.link.name() {
            Some(name) => Check::works(
                "link_type",
                READING,
                format!("the loopback interface gives {name} frames"),
            ),
            None => Check::absent(
                "link_type",
                READING,
                format!("link type {} is not understood", interface.link.0),
            ),
        });
        let precision = match interface.digits {
            9 => "in nanoseconds".to_owned(),
            6 => "in microseconds, which is coarse for loopback".to_owned(),
            other => format!("with {other} digits after the second"),
        };
        checks.push(Check::works("time_stamps", TIMING, precision));
        #[cfg(target_os = "linux")]
        checks.extend(interface.name.as_deref().and_then(super::kernel::offload));
        checks
    }

    fn permission(&self) -> Check {
        match &self.opened {
            Ok(interface) => {
                let name = interface
                    .name
                    .as_deref()
                    .unwrap_or("the loopback interface");
                Check::works(
                    "capture",
                    WATCHING,
                    format!("packets of {name} may be captured"),
                )
            }
            Err(error) => {
                let check = Check::absent("capture", WATCHING, error.to_string());
                match error {
                    LiveError::NotPermitted { .. } => check.mend(permission()),
                    _ => check,
                }
            }
        }
    }

    fn list(&self) -> Check {
        let names: Vec<&str> = self.interfaces.iter().map(|i| i.name.as_str()).collect();
        if names.is_empty() {
            Check::absent("interfaces", FINDING, "there are none at all")
        } else {
            Check::works("interfaces", FINDING, names.join(", "))
        }
    }

    fn loopback(&self) -> Check {
        match self.interfaces.iter().find(|interface| interface.loopback) {
            Some(interface) => Check::works(
                "loopback",
                WATCHING,
                format!("{}, found by its flag", interface.name),
            ),
            None => Check::absent(
                "loopback",
                WATCHING,
                "no interface has the flag of a loopback one",
            ),
        }
    }
}

/// Whether as many files can be open at once as a capture with its traffic needs.
pub(super) fn open_files() -> Check {
    const FILES: &str = "capturing, making traffic and saving it at the same time";
    match privilege::ensure_descriptors(descriptors::WITH_TRAFFIC) {
        Ok(()) => Check::works("open_files", FILES, "as many as are needed"),
        Err(few) => {
            let remedy = few.remedy();
            let command = remedy.lines().last().unwrap_or_default();
            Check::absent("open_files", FILES, few.to_string()).mend(command)
        }
    }
}

/// The command that permits capturing: once and for all where there are file capabilities, else each time.
fn permission() -> String {
    let [(sudo, _), (setcap, _), _] = Remedy::here().ways();
    #[cfg(target_os = "linux")]
    {
        if super::kernel::is_root() {
            // Root that may not: of a container, which only its own command line can give more.
            return "docker run --cap-add=NET_RAW ...    # or what your container calls it"
                .to_owned();
        }
        let _ = sudo;
        setcap
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = setcap;
        sudo
    }
}

/// Whether a private network with a loopback interface of its own can be made and captured.
#[cfg(target_os = "linux")]
pub(super) fn private_network() -> Check {
    use crate::lab::namespace::{self, Cause};

    let refused = match namespace::probe() {
        Ok(()) => {
            let by = if super::kernel::is_root() {
                "as root"
            } else if super::kernel::has_file_capabilities() {
                "by this file with its capabilities"
            } else {
                "without root"
            };
            return Check::works(
                "private_network",
                PRIVATE,
                format!("{by} one can be made, and captured in"),
            );
        }
        Err(refused) => refused,
    };
    let check = Check::absent("private_network", PRIVATE, refused.to_string());
    match refused.causes().first() {
        Some(Cause::NoUserNamespaces) => check.mend("sudo sysctl user.max_user_namespaces=10000"),
        Some(Cause::NoNetworkNamespaces) => check.mend("sudo sysctl user.max_net_namespaces=10000"),
        Some(Cause::RootOnly) => check.mend("sudo sysctl kernel.unprivileged_userns_clone=1"),
        Some(Cause::AppArmor) => {
            check.mend("sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0")
        }
        Some(Cause::SystemCallFilter) => check.mend(
            "docker run --security-opt seccomp=unconfined ...    # or what your container calls it",
        ),
        None => check,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn private_network() -> Check {
    Check::absent(
        "private_network",
        "`demo` and `live --private` without any permission",
        "needs Linux",
    )
}
