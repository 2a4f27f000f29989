//! What this process may do, and giving up what it does not need.
//!
//! Comes in: the system's answer to one harmless attempt. Goes out: whether packets may be captured, and if not, the
//! commands that would change that. Nothing here captures.

use std::env;
use std::fmt;
use std::path::PathBuf;

/// What to do when capturing is not permitted, with this binary's own path in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remedy {
    binary: PathBuf,
    /// The rest of the command line, ready for a shell.
    arguments: String,
}

impl Remedy {
    /// For this process: its binary, and the arguments that it was called with.
    #[must_use]
    pub fn here() -> Self {
        let arguments: Vec<String> = env::args().skip(1).map(|word| quoted(&word)).collect();
        Self {
            binary: env::current_exe().unwrap_or_else(|_| "handshake-watch".into()),
            arguments: arguments.join(" "),
        }
    }

    /// Each way as a command and what it does.
    #[must_use]
    pub fn ways(&self) -> [(String, &'static str); 3] {
        let binary = quoted(&self.binary.to_string_lossy());
        [
            (
                format!("sudo {binary} {}", self.arguments)
                    .trim_end()
                    .to_owned(),
                "as root, this once",
            ),
            (
                format!("sudo setcap cap_net_raw=ep {binary}"),
                "for every user of this file, until it is rebuilt",
            ),
            (
                format!("{binary} demo handshake"),
                "without root: a private network, or a recording",
            ),
        ]
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (command, what)) in self.ways().iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "  {command}    # {what}")?;
        }
        Ok(())
    }
}

/// Whether this process may capture packets.
///
/// # Errors
/// The error number of the refusal.
#[cfg(target_os = "linux")]
pub fn packet_socket() -> Result<(), i32> {
    // SAFETY: creates a socket and closes it; no memory is shared. Protocol 0 receives no packet.
    #[allow(
        unsafe_code,
        reason = "the safe wrapper cannot make a packet socket that receives nothing"
    )]
    let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EPERM));
    }
    // SAFETY: the descriptor was opened above and is used nowhere else.
    #[allow(unsafe_code, reason = "a raw descriptor is closed by the raw call")]
    unsafe {
        libc::close(fd);
    }
    Ok(())
}

/// Whether this process may capture packets: whether it may open one of the system's packet filters.
///
/// # Errors
/// The error number of the refusal.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn packet_socket() -> Result<(), i32> {
    match std::fs::File::open("/dev/bpf0") {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(error.raw_os_error().unwrap_or(libc::EACCES))
        }
        // Busy means that somebody captures with it, and there are more.
        _ => Ok(()),
    }
}

/// A word as a shell takes it literally.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_are_commands_that_a_shell_understands() {
        let remedy = Remedy {
            binary: "/home/a b/handshake-watch".into(),
            arguments: "live --filter 'tcp port 80'".to_owned(),
        };
        let [(sudo, _), (setcap, _), _] = remedy.ways();
        assert_eq!(
            sudo,
            "sudo '/home/a b/handshake-watch' live --filter 'tcp port 80'"
        );
        assert_eq!(
            setcap,
            "sudo setcap cap_net_raw=ep '/home/a b/handshake-watch'"
        );
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
