//! Stories become bytes: ladders, tables, plain sentences and JSON Lines. Nothing here decides anything about TCP.

mod ascii;
mod line;
mod measure;
mod quantity;

pub mod escape;
pub mod json;
pub mod style;

pub use line::Line;
pub use quantity::{Bytes, Count};
pub use style::{Explain, Glyphs, Ink, Style, TimeColumn, Width};
