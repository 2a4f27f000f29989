//! How far a long run is, and the first thing to know of it.

use std::fmt;

use super::trouble::{heading, what_happened};
use super::words::Bytes;
use crate::track::Connection;

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pace {
    /// Bytes of the input that were read, and how many there are; `None` where that is not known.
    pub read: Option<(u64, u64)>,
    /// Packets that were read.
    pub packets: u64,
    /// Seconds since the run began.
    pub seconds: f64,
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((read, total)) = self.read.filter(|(_, total)| *total > 0) {
            let percent = (read.min(total) * 100) / total;
            write!(f, "{percent} % of {}, ", Bytes(total))?;
        }
        let million = self.packets as f64 / 1e6;
        write!(f, "{million:.1} million packets")?;
        if self.seconds > 0.0 {
            write!(f, ", {:.1} million a second", million / self.seconds)?;
        }
        if let Some((read, total)) = self.read.filter(|(read, _)| *read > 0) {
            let left = self.seconds * (total.saturating_sub(read) as f64 / read as f64);
            write!(f, ", about {left:.0} s left")?;
        }
        Ok(())
    }
}

/// A line about a connection in trouble; `None` when it is in none. Its cause comes first: the end of the line may be cut.
#[must_use]
pub fn first_trouble(connection: &Connection) -> Option<String> {
    let troubles = connection.troubles();
    let worst = troubles.iter().min_by_key(|trouble| trouble.kind)?;
    Some(format!(
        "connection {}, {}: {}; {} to {}",
        connection.id(),
        heading(worst.kind).to_lowercase(),
        what_happened(connection, worst),
        connection.endpoint(crate::tcp::Side::Client),
        connection.endpoint(crate::tcp::Side::Server)
    ))
}
