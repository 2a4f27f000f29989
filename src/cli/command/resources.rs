//! What a run may use: memory and threads.

use super::Checked;
use crate::cli::args::LimitArgs;

/// What the program may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resources {
    /// Memory in bytes, all of it.
    pub memory: u64,
    /// Threads, 1 or 2.
    pub threads: usize,
}

impl Resources {
    /// As much as any machine has to spare.
    pub const DEFAULT_MEMORY: u64 = 256_000_000;

    /// With less, nearly nothing would be left for connections beside the program itself and what it reads ahead.
    pub const LEAST_MEMORY: u64 = 32_000_000;

    /// Two threads where there are two processors.
    fn usual_threads() -> usize {
        std::thread::available_parallelism().map_or(1, |count| count.get().min(2))
    }
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            memory: Self::DEFAULT_MEMORY,
            threads: Self::usual_threads(),
        }
    }
}

pub(super) fn resources(args: &LimitArgs) -> Checked<Resources> {
    let usual = Resources::default();
    let memory = args.memory.unwrap_or(usual.memory);
    if memory < Resources::LEAST_MEMORY {
        return Err(format!(
            "--memory {memory} is too little to work with: at least {}MB",
            Resources::LEAST_MEMORY / 1_000_000
        ));
    }
    Ok(Resources {
        memory,
        threads: args.threads.map_or(usual.threads, usize::from),
    })
}
