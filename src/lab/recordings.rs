//! The recordings that are built into the program, for systems where nothing can be captured.
//!
//! Each was captured from the scenario of its name, on the loopback of a private network namespace.

/// The scenario `handshake`.
pub const HANDSHAKE: &[u8] = include_bytes!("../../captures/handshake.pcapng");
/// The scenario `refused`.
pub const REFUSED: &[u8] = include_bytes!("../../captures/refused.pcapng");
