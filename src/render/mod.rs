//! Stories become bytes: ladders, tables, plain sentences and JSON Lines. Nothing here decides anything about TCP.

pub mod json;
