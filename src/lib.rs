//! A frame is captured, decoded into a segment, tracked into connections, explained as a story, and rendered.
//!
//! ```text
//! capture ─▶ decode ─▶ track ─▶ explain ─▶ render
//!  Frame     Segment   Change    Step       text, table, JSON Lines
//!     ▲      ▲    │    Connection Story
//!     │      └────┴ reassemble: IP fragments become whole datagrams, decoded again
//!    lab (makes traffic)          tcp, time, text: shared vocabulary, import nothing above them
//! ```
//!
//! `app` wires these together for the commands that `cli` declares; it alone touches standard output.

pub mod capture;
pub mod decode;
pub mod reassemble;
pub mod track;

pub mod explain;
pub mod render;

pub mod calls;
pub mod lab;
pub mod privilege;

pub mod app;
pub mod cli;

pub mod tcp;
pub mod text;
pub mod time;
