//! How many files the commands have open at once, and refusing to begin what would lack one in its middle.

use super::exit::ExitCode;
use super::failure::Failure;
use crate::privilege;

/// `demo` and `live`: the hungriest scenarios have 15 open beside the standard streams, what steps through them some more, and
/// libpcap's need depends on its version. `tests/faults` plays with no more than these.
pub(crate) const WITH_TRAFFIC: u64 = 24;

/// `replay`: the capture up to four times, two results, signals and what confines it.
pub(crate) const TO_READ: u64 = 12;

/// Makes sure that so many can be opened. `code`: what it means for the command when they cannot.
pub(crate) fn ensure(needed: u64, code: ExitCode) -> Result<(), Failure> {
    privilege::ensure_descriptors(needed)
        .map_err(|too_few| Failure::new(code, too_few).hint(too_few.remedy()))
}
