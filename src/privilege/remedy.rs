//! What to do where capturing is not permitted.
//!
//! Comes in: this process' binary and arguments. Goes out: commands for a shell, each with what it does. Runs none of them.

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
