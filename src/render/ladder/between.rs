//! What stands between the packets of a ladder: titles, column names, headings, and rows that stand for others.

use std::io::{self, Write};

use super::LadderWriter;
use crate::explain::Title;
use crate::render::fold::{Fold, not_kept};
use crate::render::measure::{width, wrap};
use crate::render::style::{Ink, TimeColumn};
use crate::tcp::TcpState;
use crate::text::put;
use crate::time::Span;

impl LadderWriter {
    /// `#1  127.0.0.1:52126 (client) → 127.0.0.1:1712 (server)     on lo, 8 packets`
    pub(super) fn title(&mut self, title: &Title, out: &mut dyn Write) -> io::Result<()> {
        self.after_of = None;
        let total = self.layout.total;
        let arrow = self.line.glyphs().arrow;
        self.text.clear();
        let text = &mut self.text;
        put!(
            text,
            "#",
            title.id,
            "  ",
            title.client,
            " (",
            title.client_role,
            ")"
        );
        let client = text.len();
        put!(
            text,
            " ",
            arrow,
            " ",
            title.server,
            " (",
            title.server_role,
            ")"
        );
        let remark = self.line.clean(&title.remark);
        let needed = width(&self.text) + 2 + width(&remark);
        if needed <= total {
            // The remark stands apart as far as there is room, but not so far that the eye loses it.
            let gap = (total - needed + 2).div_ceil(2).clamp(2, 5);
            self.line.put_clean(&self.text, Ink::Strong);
            let column = self.line.width() + gap;
            if !remark.is_empty() {
                self.line.pad_to(column);
                self.line.put_clean(&remark, Ink::Quiet);
            }
            return self.line.finish(out);
        }
        // What does not fit into one line is broken between the two ends first.
        let whole = if width(&self.text) <= total {
            self.text.len()
        } else {
            client
        };
        let (begin, rest) = self.text.split_at(whole);
        for (text, ink, first) in [
            (begin, Ink::Strong, 0),
            (rest, Ink::Strong, 4),
            (&remark, Ink::Quiet, 4),
        ] {
            for (index, part) in wrap(text, total - first, total - 4).enumerate() {
                self.line.pad_to(if index == 0 { first } else { 4 });
                self.line.put_clean(part, ink);
                self.line.finish(out)?;
            }
        }
        Ok(())
    }

    /// The names of the columns, once, and the states before the first packet.
    pub(super) fn lanes(
        &mut self,
        before: [Option<TcpState>; 2],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let legend = self.style.legend && !self.legend_written;
        let layout = self.layout;
        if layout.list {
            return Ok(());
        }
        if legend {
            self.legend_written = true;
            self.line.put_right("#", layout.number_end(), Ink::Quiet);
            if layout.time > 0 {
                let name = match self.style.time {
                    TimeColumn::Relative => "after",
                    TimeColumn::Delta => self.line.glyphs().delta,
                    TimeColumn::Absolute => "time (UTC)",
                };
                self.line.put_right(name, layout.time_end(), Ink::Quiet);
            }
            if layout.delta > 0 {
                let name = self.line.glyphs().delta;
                self.line.put_right(name, layout.delta_end(), Ink::Quiet);
            }
            self.line
                .put_right("CLIENT", layout.left_end(), Ink::Strong);
            self.line.pad_to(layout.right_start());
            self.line.put_clean("SERVER", Ink::Strong);
            self.line.finish(out)?;
        }
        if !legend && before == [None, None] {
            return Ok(());
        }
        let [client, server] = before.map(|state| state.map_or("", TcpState::name));
        self.line.put_right(client, layout.left_end(), Ink::Strong);
        if legend {
            let words = legend_within(layout.arrow);
            self.line
                .pad_to(layout.arrow_start() + (layout.arrow - words.len()) / 2);
            self.line.put_clean(words, Ink::Quiet);
        }
        self.line.pad_to(layout.right_start());
        self.line.put_clean(server, Ink::Strong);
        self.line.finish(out)
    }

    pub(super) fn repeat_title(&mut self, id: u32, out: &mut dyn Write) -> io::Result<()> {
        let Some((_, [client, server])) = self.open.iter().find(|(open, _)| *open == id) else {
            return Ok(());
        };
        let arrow = self.line.glyphs().arrow;
        let mut name = String::new();
        put!(&mut name, "#", id, "  ", client, " ", arrow, " ", server);
        let total = self.layout.total;
        for (index, part) in wrap(&name, total, total - 4).enumerate() {
            self.line.pad_to(if index == 0 { 0 } else { 4 });
            self.line.put_clean(part, Ink::Strong);
            self.line.finish(out)?;
        }
        Ok(())
    }

    /// `── open: three-way handshake, 23 µs ─────────`
    pub(super) fn heading(
        &mut self,
        heading: &str,
        id: u32,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let rule = self.line.glyphs().rule;
        let total = self.layout.total;
        self.text.clear();
        if self.tag > 0 {
            put!(&mut self.text, "#", id, " ");
        }
        self.text.push_str(&self.line.clean(heading));
        let parts = wrap(&self.text, total - 3, total - 3);
        let last = parts.clone().count().saturating_sub(1);
        for (index, part) in parts.enumerate() {
            if index == 0 {
                self.line.fill(rule, 2, Ink::Quiet);
            }
            self.line.pad_to(3);
            self.line.put_clean(part, Ink::Strong);
            let left = total - self.line.width();
            if index == last && left > 1 {
                self.line.put_clean(" ", Ink::Quiet);
                self.line.fill(rule, left - 1, Ink::Quiet);
            }
            self.line.finish(out)?;
        }
        Ok(())
    }

    pub(super) fn idle(&mut self, pause: Span, out: &mut dyn Write) -> io::Result<()> {
        self.notice(&format!("{} idle", pause.in_words()), out)
    }

    /// `··· 3 812 packets, 5.2 MB server→client in 2.1 s, nothing unusual ···`
    pub(super) fn fold(&mut self, fold: &Fold, out: &mut dyn Write) -> io::Result<()> {
        self.notice(&fold.words(), out)
    }

    /// Packets that the caller did not keep.
    pub(super) fn not_kept(&mut self, packets: u64, out: &mut dyn Write) -> io::Result<()> {
        self.notice(&not_kept(packets), out)
    }

    /// A row that stands for others, between dots.
    fn notice(&mut self, words: &str, out: &mut dyn Write) -> io::Result<()> {
        let dots = self.line.glyphs().dots;
        // It stands for packets or time: the next row says its own.
        self.after_of = None;
        let start = (self.layout.number_end() + 1).min(self.layout.total / 4);
        let room = self.layout.total - start;
        self.text.clear();
        self.text.push_str(dots);
        self.text.push(' ');
        self.text.push_str(&self.line.clean(words));
        self.text.push(' ');
        self.text.push_str(dots);
        for part in wrap(&self.text, room, room) {
            self.line.pad_to(start);
            self.line.put_clean(part, Ink::Quiet);
            self.line.finish(out)?;
        }
        Ok(())
    }
}

/// What the states beside the arrows are, in at most so many columns.
pub(in crate::render) fn legend_within(columns: usize) -> &'static str {
    [
        "state after each packet left / arrived",
        "states after each packet",
    ]
    .into_iter()
    .find(|words| words.len() <= columns)
    .unwrap_or("")
}
