//! A system call of one end: a row without an arrow, beside the lane of the end that made it.
//!
//! ```text
//!        -21 µs             connect() called
//! 1        0 µs    SYN-SENT ─────────── SYN  seq 0 ───────────▶ SYN-RECEIVED
//! 2       17 µs ESTABLISHED ◀─────── SYN-ACK  seq 0, ack 1 ────
//! 3       33 µs             ─────────── ACK  ack 1 ───────────▶ ESTABLISHED
//!         45 µs             connect() = 0, after 66 µs
//!         61 µs                                     accept() = 7
//! ```

use std::fmt::Write as _;
use std::io::{self, Write};

use super::LadderWriter;
use crate::explain::CallRow;
use crate::render::measure::width;
use crate::render::style::{Explain, Ink, TimeColumn};
use crate::tcp::Side;
use crate::time::Timestamp;

impl LadderWriter {
    /// Writes the row of a system call of the connection `id`.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn call(&mut self, call: &CallRow, id: u32, out: &mut dyn Write) -> io::Result<()> {
        let layout = self.layout;
        // The next row says its own time in full.
        self.after_of = None;
        if layout.tag > 0 {
            self.line.put_clean("#", Ink::Quiet);
            self.line.put_number(u64::from(id), 0, Ink::Quiet);
        }
        if layout.time > 0 {
            match self.style.time {
                TimeColumn::Relative => {
                    self.exact(call.after);
                    self.time(layout.time_end());
                }
                TimeColumn::Absolute if !layout.list => {
                    self.text.clear();
                    // Writing to a string cannot fail.
                    let _ = write!(self.text, "{:.6}", call.time.utc().clock());
                    self.time(layout.time_end());
                }
                // A difference to the packet before belongs to packets.
                TimeColumn::Delta | TimeColumn::Absolute => {}
            }
        }
        let text = self.line.clean(&call.text).into_owned();
        let ink = match (&call.error, call.side) {
            (Some(_), _) => Ink::Problem,
            (None, Side::Client) => Ink::ToServer,
            (None, Side::Server) => Ink::ToClient,
        };
        if layout.list {
            let begin = layout.text_start().max(self.line.width() + 1);
            self.line
                .pad_to(if layout.is_cramped() { 0 } else { begin });
            self.text.clear();
            // Writing to a string cannot fail.
            let _ = write!(self.text, "{}: {text}", call.side.name());
            self.wrapped_text(ink, out)?;
        } else {
            let spare = match call.side {
                Side::Client => 0,
                Side::Server => layout.arrow.saturating_sub(width(&text)),
            };
            self.line.pad_to(layout.arrow_start() + spare);
            self.line.put_cut(&text, layout.arrow - spare, ink);
            self.line.finish(out)?;
        }
        if matches!(self.style.explain, Explain::Brief | Explain::Full) && !call.note.is_empty() {
            self.text.clear();
            self.text.push_str(&self.line.clean(call.note));
            self.wrapped_text(Ink::Plain, out)?;
        }
        Ok(())
    }

    /// Writes those of `calls` that come before a packet of this time, and gives back the others.
    pub(super) fn calls_before<'c>(
        &mut self,
        time: Timestamp,
        calls: &'c [CallRow],
        id: u32,
        out: &mut dyn Write,
    ) -> io::Result<&'c [CallRow]> {
        let (before, after) = calls.split_at(calls.partition_point(|call| call.time <= time));
        for call in before {
            self.call(call, id, out)?;
        }
        Ok(after)
    }
}
