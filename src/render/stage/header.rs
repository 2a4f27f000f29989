//! The top of a screen: who and where, the names of the lanes, and the states before the first row that has room.

use std::io;

use super::rows::{Rows, painted};
use super::screen::Drawing;
use super::words;
use crate::render::ladder::legend_within;
use crate::render::measure::width;
use crate::render::style::Ink;
use crate::render::wire::{NARROWEST, WireWriter};
use crate::tcp::{Side, TcpState};

impl Drawing<'_> {
    /// Title and lane names; where the lowest screens have no room, nothing.
    pub(super) fn header(&mut self, height: usize) -> Vec<String> {
        let mut lines = Vec::new();
        if self.style.big {
            if height >= 5 {
                lines.push(self.big_header());
            }
            let margins = self.board.act.margins;
            if let Some(margins) = margins.filter(|_| height >= 12 && self.columns >= NARROWEST) {
                lines.extend(self.lanes(|lanes, out| lanes.margins(margins, out)));
            }
            return lines;
        }
        if height >= 5 {
            lines.push(self.title());
        }
        if height >= 8 {
            let act = self.board.act;
            if let Some(margins) = act.margins.filter(|_| self.columns >= NARROWEST) {
                lines.extend(self.lanes(|lanes, out| lanes.lanes(margins, out)));
                return lines;
            }
            let layout = Rows::new(act, self.style).layout();
            if !layout.list {
                self.line
                    .put_right("CLIENT", layout.left_end(), Ink::Strong);
                self.line.pad_to(layout.right_start());
                self.line.put_clean("SERVER", Ink::Strong);
                lines.push(painted(&mut self.line));
            }
            // The states stand here once it is known which rows have room.
            lines.push(String::new());
        }
        lines
    }

    /// What stands above the lanes of a wire.
    fn lanes(
        &self,
        write: impl FnOnce(&mut WireWriter, &mut Vec<u8>) -> io::Result<()>,
    ) -> Vec<String> {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail.
        let _ = write(&mut WireWriter::new(self.style), &mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// `#1  127.0.0.1:34904 → 127.0.0.1:1712                3 of 8`
    fn title(&mut self) -> String {
        let title = &self.board.act.title;
        let arrow = self.line.glyphs().arrow;
        let long = format!(
            "#{}  {} ({}) {arrow} {} ({})",
            title.id, title.client, title.client_role, title.server, title.server_role
        );
        let short = format!("#{}  {} {arrow} {}", title.id, title.client, title.server);
        let counter = self.line.clean(self.board.counter).into_owned();
        let room = self.columns.saturating_sub(width(&counter) + 2);
        let name = match title.id {
            0 => "no connection yet".to_owned(),
            _ if width(&long) <= room => long,
            _ => short,
        };
        let name = self.line.clean(&name).into_owned();
        self.line.put_cut(&name, room, Ink::Strong);
        self.line.put_right(&counter, self.columns, Ink::Quiet);
        painted(&mut self.line)
    }

    /// `CLIENT ESTABLISHED                    SYN-RECEIVED SERVER`
    fn big_header(&mut self) -> String {
        let [client, server] = self.states_after(self.board.shown.len());
        let name = |state: Option<TcpState>| state.map_or("", TcpState::name);
        let (client, server) = (name(client), name(server));
        // Where there is no room for more, the states are what one looks for.
        let words = "CLIENT ".len() + client.len() + 1 + server.len() + " SERVER".len();
        let named = words < self.columns;
        if named {
            self.line.put_clean("CLIENT ", Ink::Quiet);
        }
        let room = self.columns.saturating_sub(server.len() + 1);
        self.line.put_cut(client, room, Ink::Strong);
        let right = server.len() + if named { " SERVER".len() } else { 0 };
        self.line.pad_to(self.columns.saturating_sub(right));
        self.line.put_clean(server, Ink::Strong);
        if named {
            self.line.put_clean(" SERVER", Ink::Quiet);
        }
        painted(&mut self.line)
    }

    /// The states before the first row that has room, and how many rows are above.
    pub(super) fn states(&mut self, header: &mut [String], first: usize) {
        if self.style.big || self.board.act.margins.is_some() && self.columns >= NARROWEST {
            return;
        }
        let Some(place) = header.get_mut(1..).and_then(|lines| lines.last_mut()) else {
            return;
        };
        let layout = Rows::new(self.board.act, self.style).layout();
        let hidden = self.board.forgotten + first as u64;
        if layout.list {
            // A list has no states in its rows: here are the current ones.
            let [client, server] = self
                .states_after(self.board.shown.len())
                .map(|state| state.map_or("?", TcpState::name));
            let words = format!("client {client}, server {server}");
            self.line.put_cut(&words, self.columns, Ink::Strong);
        } else {
            let before = self.states_after(first);
            let [client, server] = before.map(|state| state.map_or("", TcpState::name));
            self.line.put_right(client, layout.left_end(), Ink::Strong);
            let dots = self.line.glyphs().dots;
            let legend = if hidden > 0 {
                format!("{dots} {} {dots}", words::above(hidden))
            } else {
                legend_within(layout.arrow).to_owned()
            };
            let room = layout.arrow.saturating_sub(width(&legend));
            self.line.pad_to(layout.arrow_start() + room / 2);
            self.line.put_clean(&legend, Ink::Quiet);
            self.line.pad_to(layout.right_start());
            self.line.put_clean(server, Ink::Strong);
        }
        *place = painted(&mut self.line);
    }

    /// Both ends' states after the first `count` beats that were revealed.
    fn states_after(&self, count: usize) -> [Option<TcpState>; 2] {
        let mut states = self.board.act.before;
        for beat in self.board.shown.iter().take(count) {
            for (state, side) in states.iter_mut().zip([Side::Client, Side::Server]) {
                *state = beat.state(side).or(*state);
            }
        }
        states
    }
}
