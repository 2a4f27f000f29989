//! Wiring: files, threads, standard output and exit codes for each command.

mod exit;
mod json;
mod pipeline;

pub use exit::ExitCode;

use std::io;
use std::path::Path;

/// Stand-in until the command line is there.
///
/// # Errors
/// When the file cannot be read or the output cannot be written.
pub fn replay(path: &Path, own: bool) -> anyhow::Result<()> {
    let source = crate::capture::open(path)?;
    let limits = crate::track::Limits {
        labels: if own {
            crate::track::LabelRules::Own
        } else {
            crate::track::LabelRules::Wireshark
        },
        ..Default::default()
    };
    let mut sink =
        json::JsonSink::new(io::stdout().lock(), &path.display().to_string(), true, true);
    let outcome = pipeline::run(
        pipeline::Reader::new(source),
        crate::track::Tracker::new(limits),
        &mut sink,
        2,
    )?;
    if let Some(error) = outcome.unreadable {
        return Err(error.into());
    }
    Ok(())
}
