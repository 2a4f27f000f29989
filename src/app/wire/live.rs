//! The ladder of a wire as packets leave and arrive: each row is final when it happened, for the wire says at once which
//! packets it loses.
//!
//! Comes in: the segments and calls of a conversation, in the order of time. Goes out: its rows. It tells one
//! conversation, the one that begins first; a scenario has no more.

use std::io::{self, Write};

use crate::app::keep::PAYLOAD;
use crate::app::ladders::payload;
use crate::app::show::Manner;
use crate::app::sink::{Made, Tracked};
use crate::app::twins::Twins;
use crate::calls::Call;
use crate::explain::{self, Moment, WIRE_MARGINS, WireHalf, WireNarrator, WireSetting};
use crate::render::payload::Payload;
use crate::render::wire::WireWriter;
use crate::render::{LadderWriter, Style};
use crate::tcp::Side;
use crate::time::Timestamp;
use crate::track::{Connection, ConnectionId};

/// Calls that wait for the first packet. Programs make some five before it.
const LOOSE: usize = 100;

/// A conversation that is being told.
pub(super) struct Live {
    writer: WireWriter,
    style: Style,
    narrator: WireNarrator,
    /// The client's and the server's view, and when the first packet was captured.
    views: [Option<ConnectionId>; 2],
    start: Option<Timestamp>,
    /// Calls before the first packet.
    loose: Vec<(Call, Moment)>,
    /// Meanings of calls that were told.
    meanings: Vec<&'static str>,
}

impl Live {
    pub(super) fn new(manner: &Manner) -> Self {
        Self {
            writer: WireWriter::new(&manner.style),
            style: manner.style.clone(),
            narrator: WireNarrator::live(manner.wording),
            views: [None; 2],
            start: None,
            loose: Vec::new(),
            meanings: Vec::new(),
        }
    }

    /// Whether a connection is one of the two views that are told here. The first one at each end is.
    pub(super) fn tells(&mut self, id: ConnectionId, side: Side) -> bool {
        // The title is the client's, so the client is who begins.
        if side == Side::Server && self.views[Side::Client as usize].is_none() {
            return false;
        }
        *self.views[side as usize].get_or_insert(id) == id
    }

    pub(super) fn segment(
        &mut self,
        tracked: &Tracked<'_>,
        side: Side,
        twins: &Twins,
        remark: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if self.start.is_none() {
            self.start = Some(tracked.segment.time);
            let title = explain::wire_title(tracked.connection, remark, false);
            self.writer.begin(&title, WIRE_MARGINS, out)?;
            for (call, moment) in std::mem::take(&mut self.loose) {
                self.write_call(&call, moment, out)?;
            }
        }
        let event = self.narrator.event(
            side,
            tracked.segment,
            tracked.change,
            tracked.connection,
            &|frame| twins.other(frame),
        );
        self.writer.event(&event, out)?;
        if self.style.payload
            && event.what != WireHalf::Arrives
            && let Some(payload) = payload(tracked)
        {
            let beginning = Payload {
                bytes: &payload.bytes[..payload.bytes.len().min(PAYLOAD)],
                ..payload
            };
            self.writer.payload(beginning, &self.style, out)?;
        }
        Ok(())
    }

    /// A call about this conversation, or about none.
    pub(super) fn call(&mut self, made: &Made<'_>, out: &mut dyn Write) -> io::Result<()> {
        if self.start.is_some() {
            return self.write_call(made.call, made.moment, out);
        }
        if made.moment != Moment::Called {
            // Its beginning waits, too, and nothing came in between that could be shown.
            let (side, time) = (made.call.side, made.call.time);
            self.loose
                .retain(|(call, _)| (call.side, call.time) != (side, time));
        }
        if self.loose.len() < LOOSE {
            self.loose.push((made.call.clone(), made.moment));
        }
        Ok(())
    }

    fn write_call(&mut self, call: &Call, moment: Moment, out: &mut dyn Write) -> io::Result<()> {
        let start = self.start.unwrap_or(call.time);
        let mut row = explain::call_row(call, moment, start);
        row.say_once(&mut self.meanings);
        self.writer.call(&row, out)
    }

    /// Whether this connection's rows were written here.
    pub(super) fn has_told(&self, id: ConnectionId) -> bool {
        self.views.contains(&Some(id))
    }

    /// The last words, where there were first ones.
    pub(super) fn conclude(
        &self,
        ended: &[Connection],
        setting: &WireSetting,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let [client, server] = self
            .views
            .map(|id| ended.iter().find(|connection| Some(connection.id()) == id));
        let Some(client) = client else {
            return Ok(());
        };
        let title = explain::wire_title(client, &setting.remark, true);
        let conclusion = self.narrator.conclusion(client, server, setting);
        LadderWriter::new(self.style.clone()).conclude(&title, &conclusion, out)
    }
}
