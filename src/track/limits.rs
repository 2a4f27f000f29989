//! What the tracker is told before it starts, and what it gave up to stay within it.

/// Whose rules give a segment its labels.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LabelRules {
    /// Ours.
    #[default]
    Own,
    /// Exactly Wireshark 4.0's.
    Wireshark,
}

/// What the tracker is told before it starts.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Whose rules give labels.
    pub labels: LabelRules,
    /// Ports that are servers' where no SYN tells.
    pub server_ports: Vec<u16>,
    /// Bytes that live connections may take together; when they are used up, connections are evicted.
    pub memory: usize,
    /// Let every analyst judge every segment, also those that go by the book. The results are the same, which tests hold
    /// it to, and it takes longer.
    pub thorough: bool,
}

impl Limits {
    /// Holds some 150 000 connections at once, more than most captures ever have.
    pub const DEFAULT_MEMORY: usize = 256 * 1024 * 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            labels: LabelRules::default(),
            server_ports: Vec::new(),
            memory: Self::DEFAULT_MEMORY,
            thorough: false,
        }
    }
}

/// What was given up to keep memory bounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Losses {
    /// Connections that were evicted before they were final.
    pub evicted: u64,
    /// Those of them that had not ended. The others only waited for late segments.
    pub unended: u64,
    /// Segments of evicted connections that came later. They are counted and tracked no further.
    pub late_segments: u64,
}
