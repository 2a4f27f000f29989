//! Facts become words: every sentence about TCP that a reader sees is made here, once, for every output.
//!
//! Comes in: what `track` established about a segment or a connection. Goes out: [`Step`]s and [`Story`]s, which know no
//! format, width or colour. What was inferred and not seen is worded as inferred.

mod story;

pub use story::{Arrow, Conclusion, Line, Step, Story, Title, Tone, Weight};
