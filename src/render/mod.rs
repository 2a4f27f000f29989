//! Stories become bytes: ladders, tables, plain sentences and JSON Lines. Nothing here decides anything about TCP.

mod arrow;
mod ascii;
mod connections;
mod fold;
mod line;
mod measure;
mod quantity;

pub mod escape;
pub mod glossary;
pub mod header;
pub mod json;
pub mod ladder;
pub mod layout;
pub mod lesson;
pub mod payload;
pub mod plain;
pub mod shell;
pub mod stage;
pub mod style;
pub mod summary;
pub mod table;
pub mod wire;

pub use fold::NotKept;
pub use ladder::{Extras, LadderWriter, ladder, ladder_with};
pub use line::Line;
pub use payload::Payload;
pub use plain::{PlainWriter, plain};
pub use quantity::{Bytes, Count, Plural};
pub use style::{Explain, Glyphs, Ink, Style, TimeColumn, Width};
