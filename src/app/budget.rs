//! How the memory that a run may use is shared among what grows with a capture.

use crate::cli::Resources;

/// What a run takes however large its input is: the program, six batches of segments, fragments that wait for others,
/// evicted connections that are remembered, and text on its way out.
const FIXED: u64 = 24_000_000;

/// What grows beside connections, by what is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Beside {
    /// Nothing.
    Nothing,
    /// The rows of a table, which stay where the connections that they tell of are gone.
    Rows,
    /// The segments of ladders, and their text.
    Segments,
}

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
    /// Shares `resources` among connections and what grows `beside` them. Of what is left when the fixed part is taken away,
    /// some is for nobody: it is what the allocator loses between pieces of different sizes, measured with connections
    /// that come and go by the hundred thousand.
    ///
    /// `held` is what the source needs. Where it leaves next to nothing, connections get a little all the same: the source
    /// cannot do with less, and without connections nothing would be shown.
    pub(crate) fn of(resources: &Resources, beside: Beside, held: u64) -> Self {
        let least = Resources::LEAST_MEMORY - FIXED;
        let rest = resources.memory.saturating_sub(FIXED + held).max(least);
        let percent = |part: u64| usize::try_from(rest / 100 * part).unwrap_or(usize::MAX);
        let (connections, segments, rows) = match beside {
            // A few segments are kept until it is known that they are too many for ladders.
            Beside::Nothing => (62, 2, 1),
            Beside::Rows => (58, 2, 10),
            Beside::Segments => (35, 25, 5),
        };
        Self {
            connections: percent(connections),
            segments: percent(segments),
            rows: percent(rows),
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
            for beside in [Beside::Nothing, Beside::Rows, Beside::Segments] {
                let budget = Budget::of(&resources, beside, 0);
                let together = budget.connections + budget.segments + budget.rows;
                assert!(together > 0);
                assert!(together as u64 + FIXED <= memory, "{budget:?} of {memory}");
            }
        }
    }

    #[test]
    fn what_the_source_holds_is_not_for_connections() {
        let resources = Resources {
            memory: Resources::DEFAULT_MEMORY,
            threads: 1,
        };
        let held = 128 << 20;
        let of = |held| Budget::of(&resources, Beside::Nothing, held).connections as u64;
        assert!(of(held) + held + FIXED < resources.memory);
        assert!(of(4 << 30) > 0, "something is shown");
    }
}
