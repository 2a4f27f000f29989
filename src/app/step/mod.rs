//! Presenting: packets are held back until somebody wants the next one.
//!
//! Comes in: tracked segments, or whole stories. Goes out: screens on the terminal, one after each key. What a screen
//! looks like is decided in `render::stage`, what it says in `explain`.
//!
//! ```text
//! a capture with an end:  Sink ─▶ stories ─▶ Collection ─▶ Player, when the end has come
//! one that goes on:       Sink ─▶ channel ─▶ Player, on a thread of its own
//! ```

mod gather;
mod keys;
mod live;
mod paced;
mod play;
mod player;
mod program;
mod terminal;
mod whole;

pub(crate) use live::live;
pub(crate) use paced::{Pace, SlowSink, paced, tell_slowly};
pub(crate) use program::{Full, Origin};
pub(crate) use terminal::{answer, find, restore};
pub(crate) use whole::{Billing, Collection, StepSink};
