//! `doctor`: in which shape.

use super::Checked;
use super::output::{OutputChoice, choice};
use crate::cli::args::DoctorArgs;
use crate::cli::choice::Format;

/// `doctor`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DoctorCommand {
    /// How it is shown: as text, or as JSON.
    pub output: OutputChoice,
}

pub(super) fn doctor(args: DoctorArgs) -> Checked<DoctorCommand> {
    let output = choice(args.output)?;
    match output.format {
        None | Some(Format::Json) => Ok(DoctorCommand { output }),
        Some(_) => Err("there are no connections to shape here: --format json, or none".to_owned()),
    }
}
