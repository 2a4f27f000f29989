//! What was typed (`args`) and what it means (`command`). No input or output here.
//!
//! Comes in: the words of the command line. Goes out: a [`Command`] that contradicts itself nowhere, or the error that
//! says what to type instead. Whether an interface, a file or a scenario exists is for `app` to find out.

mod args;
mod choice;
mod command;
mod expect;
mod value;

pub use choice::{ColorChoice, Format, Ladder, Only};
pub use command::{
    Command, ConnectCommand, DemoCommand, DemoTask, DoctorCommand, ExplainCommand, LiveCommand,
    OutputChoice, Present, ReplayCommand, Resources, Rows, Selection, ServeCommand, TableChoice,
    Traffic, parse,
};
pub use expect::{Comparison, Expectation, FlagsPattern};
pub use value::{Moment, Speed, parse_duration, parse_moment, parse_size, parse_speed};

/// The port that the built-in server and client use, and the one that is watched when no other is named.
pub const DEFAULT_PORT: u16 = 1712;
