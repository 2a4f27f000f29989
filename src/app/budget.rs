//! How the memory that a run may use is shared among what grows with a capture.

use crate::cli::Resources;

/// What a run takes however large its input is: the program, four batches of segments, fragments that wait for others,
/// evicted connections that are remembered, and text on its way out.
const FIXED: u64 = 24_000_000;

/// Of what is left, percent for connections. The rest is what the allocator loses between pieces of different sizes:
/// measured with connections that come and go by the hundred thousand, a third of what they take themselves.
const CONNECTIONS: u64 = 80;

/// The same where segments are kept for ladders, too.
const CONNECTIONS_BESIDE_SEGMENTS: u64 = 45;

/// Percent for the segments of ladders.
const SEGMENTS: u64 = 35;

/// Percent for the rows of a table: they stay where the connections they tell of are gone.
const ROWS: u64 = 10;

/// Memory in bytes for what grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Budget {
    /// Connections and what is known of them.
    pub(crate) connections: usize,
    /// Segments whose ladder is wanted.
    pub(crate) segments: usize,
    /// Rows of a table.
    pub(crate) rows: usize,
}

impl Budget {
    /// Shares `resources`; `ladders` tells that segments are kept.
    pub(crate) fn of(resources: &Resources, ladders: bool) -> Self {
        let rest = resources.memory.saturating_sub(FIXED);
        let percent = |part: u64| usize::try_from(rest / 100 * part).unwrap_or(usize::MAX);
        Self {
            connections: percent(if ladders {
                CONNECTIONS_BESIDE_SEGMENTS
            } else {
                CONNECTIONS
            }),
            segments: percent(if ladders { SEGMENTS } else { 0 }),
            rows: percent(ROWS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_no_more_than_the_whole() {
        for memory in [
            Resources::LEAST_MEMORY,
            Resources::DEFAULT_MEMORY,
            4_000_000_000,
        ] {
            let resources = Resources { memory, threads: 1 };
            for ladders in [false, true] {
                let budget = Budget::of(&resources, ladders);
                let together = budget.connections + budget.segments + budget.rows;
                assert!(together > 0);
                assert!(together as u64 + FIXED <= memory, "{budget:?} of {memory}");
            }
        }
    }
}
