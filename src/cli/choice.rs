//! Choices that a user makes by name. Each exists once, here, and is what the rest of the program works with.

use clap::ValueEnum;

/// The shape of the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// A ladder for each connection
    Timeline,
    /// One row for each connection, those in trouble first
    Table,
    /// A few lines about the whole capture
    Summary,
    /// One sentence for each packet, for logs and screen readers
    Plain,
    /// One JSON object a line, for programs
    Json,
}

/// Which records JSON output is narrowed to. The header and the summary always stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Only {
    /// One object for each TCP segment
    Segments,
    /// One object for each connection
    Connections,
}

/// Whether colours are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Also in pipes and files
    Always,
    /// Not at all
    Never,
}

/// Whose view of a wire is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Ladder {
    /// Both ends', and what happens between them
    Wire,
    /// What the client sent and received
    Client,
    /// What the server sent and received
    Server,
}
