//! Exit codes: the numbers that scripts rely on, in one place.

/// How a run ended, as the calling script sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum ExitCode {
    /// All went well. A closed pipe and an ended live watch count as well.
    #[default]
    Fine = 0,
    /// An `--expect` was not met.
    NotAsExpected = 1,
    /// Wrong usage: also a scenario, connection or term that does not exist.
    Usage = 2,
    /// The input cannot be read, is no capture, or ends too early.
    Input = 3,
    /// Not permitted to capture.
    NotPermitted = 4,
    /// No such interface, or the filter does not compile.
    Interface = 5,
    /// The output cannot be written.
    Output = 6,
    /// The built-in server, client or scenario could not do its job.
    Lab = 7,
    /// Ctrl-C: a replay that shows what was read by then, or anything that a second one ended at once. 128 and the number of
    /// SIGINT, as shells say it.
    Interrupted = 130,
}

/// When several apply, the first of these is the one that is reported.
const PRECEDENCE: [ExitCode; 9] = [
    ExitCode::Interrupted,
    ExitCode::Usage,
    ExitCode::Interface,
    ExitCode::NotPermitted,
    ExitCode::Input,
    ExitCode::Output,
    ExitCode::Lab,
    ExitCode::NotAsExpected,
    ExitCode::Fine,
];

impl ExitCode {
    /// The one of two that is reported when both apply.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        PRECEDENCE
            .into_iter()
            .find(|code| *code == self || *code == other)
            .unwrap_or(self)
    }

    /// The number that the calling process sees.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::ExitCode;

    #[test]
    fn what_the_user_can_mend_first_is_reported_first() {
        assert_eq!(ExitCode::Fine.or(ExitCode::Input), ExitCode::Input);
        assert_eq!(ExitCode::NotAsExpected.or(ExitCode::Input), ExitCode::Input);
        assert_eq!(
            ExitCode::NotPermitted.or(ExitCode::Interface),
            ExitCode::Interface
        );
        assert_eq!(ExitCode::Lab.or(ExitCode::Output), ExitCode::Output);
        assert_eq!(ExitCode::Usage.or(ExitCode::Interface), ExitCode::Usage);
    }
}
