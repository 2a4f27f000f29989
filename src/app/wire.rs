//! Captures with two sides: recognised, joined, and shown with both ends' views.

mod follow;
mod live;

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use self::follow::Follow;
use self::live::Live;
use super::json::JsonSink;
use super::keep::{Keeper, Kept};
use super::ladders::{KeptCalls, write_ladder};
use super::memory::Memory;
use super::output::Output;
use super::pipeline::{Made, Quiet, Sink, Tracked};
use super::show::{self, Manner, Places};
use super::sides::SIDES;
use super::step::{Billing, Collection, Pace};
use super::twins::Twins;
use crate::calls::Call;
use crate::capture::Source;
use crate::cli::{Format, Ladder, Only, OutputChoice};
use crate::explain::{self, CallRow, Totals, View};
use crate::lab::fates::Fates;
use crate::render::wire;
use crate::tcp::Side;
use crate::time::Timestamp;
use crate::track::Connection;

/// A source that may turn out to be of a wire.
pub(super) type Joinable = Box<dyn Source + Send>;

/// Frames that are read ahead in order to be joined. A longer capture of a wire is shown as the two captures that it is.
const MOST_FRAMES: usize = 100_000;

/// Bytes of them, however few they are: a name in a file must not make it take a quarter of the memory that there is.
const MOST_BYTES: usize = 64 << 20;

/// Looks whether a capture begins on a wire's client side, and if so, reads it whole and joins its two sides.
pub(crate) fn begin(source: Joinable) -> (Joinable, Option<Arc<Twins>>) {
    // Nearly every capture has described its first interface by now. What is no wire goes its own way, past any wrapper.
    if begins_at_client(&*source) == Some(false) {
        return (source, None);
    }
    let mut memory = Memory::of(source);
    memory.hold(1, MOST_BYTES);
    if begins_at_client(&memory) != Some(true) {
        return (Box::new(memory), None);
    }
    memory.hold(MOST_FRAMES, MOST_BYTES);
    let twins = memory.is_whole().then(|| Arc::new(Twins::of(&memory)));
    (Box::new(memory), twins)
}

/// Whether its first interface is a wire's client side; `None` while none is described.
fn begins_at_client(source: &dyn Source) -> Option<bool> {
    let first = source.interfaces().first()?;
    Some(first.name.as_deref() == Some(SIDES[0]))
}

/// Follows a wire that is at work: frames pass as they come.
pub(crate) fn follow(
    source: Box<dyn Source + Send>,
    fates: Arc<Fates>,
) -> (Box<dyn Source + Send>, Arc<Twins>) {
    let twins = Arc::<Twins>::default();
    let source = Follow::new(source, Arc::clone(&twins), fates);
    (Box::new(source), twins)
}

/// What is shown of a joined capture.
pub(crate) struct Shown<'a> {
    /// The capture's name.
    pub(crate) source: &'a str,
    /// What the wire does, where that is known.
    pub(crate) remark: &'a str,
    pub(crate) twins: &'a Arc<Twins>,
    /// It is captured now, and rows are written as they happen.
    pub(crate) live: bool,
    pub(crate) billing: Billing,
}

/// What shows a joined capture.
pub(crate) fn sink(choice: &OutputChoice, output: Output, shown: Shown<'_>) -> Box<dyn Sink> {
    let Shown {
        source,
        remark,
        twins,
        billing,
        live,
    } = shown;
    match choice.format {
        Some(Format::Json) => Box::new(
            JsonSink::new(
                output,
                source,
                choice.only != Some(Only::Connections),
                choice.only != Some(Only::Segments),
            )
            .joined(Arc::clone(twins)),
        ),
        None | Some(Format::Timeline) => {
            let manner = Manner::new(choice, &output, Places::One(None));
            let collection = choice
                .present
                .step
                .then(|| Collection::new(choice, &manner, billing));
            let mut sink = WireSink::new(
                output,
                manner,
                choice.ladder,
                Arc::clone(twins),
                remark.to_owned(),
            );
            sink.collection = collection;
            sink.pace = choice.present.speed.map(Pace::new);
            sink.calls = choice.syscalls.then(KeptCalls::default);
            let at_once = live && sink.collection.is_none() && sink.pace.is_none();
            if at_once && sink.ladder == Ladder::Wire {
                sink.live = Some(Live::new(&sink.manner));
            }
            Box::new(sink)
        }
        Some(_) => {
            let ends = [Side::Client, Side::Server].map(explain::wire_end_in_words);
            let places = Places::Many(ends.map(Some).to_vec());
            show::scenario(choice, output, source, places, billing)
        }
    }
}

/// Draws connections of a wire, of both views or of one.
struct WireSink<W> {
    out: W,
    /// Where stories go instead, to be stepped through.
    collection: Option<Collection>,
    /// How slowly they are told.
    pace: Option<Pace>,
    manner: Manner,
    ladder: Ladder,
    twins: Arc<Twins>,
    remark: String,
    keeper: Keeper,
    ended: Vec<Connection>,
    /// What the programs called, where that is wanted.
    calls: Option<KeptCalls>,
    /// What is told as it happens.
    live: Option<Live>,
}

impl<W: Write> WireSink<W> {
    fn new(
        out: W,
        manner: Manner,
        ladder: Option<Ladder>,
        twins: Arc<Twins>,
        remark: String,
    ) -> Self {
        let narrow = manner.style.width.columns() < wire::NARROWEST;
        Self {
            out,
            collection: None,
            pace: None,
            keeper: Keeper::new(manner.memory, manner.style.payload),
            ladder: ladder.unwrap_or(if narrow { Ladder::Client } else { Ladder::Wire }),
            manner,
            twins,
            remark,
            ended: Vec::new(),
            calls: None,
            live: None,
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let mut kept: HashMap<u32, Kept> = HashMap::new();
        for connection in &self.ended {
            if let Some(segments) = self.keeper.take(connection.id()) {
                kept.insert(connection.id(), segments);
            }
        }
        self.ended.sort_by_key(Connection::id);
        let mut owners = HashMap::new();
        for (id, own) in &kept {
            owners.extend(own.segments().map(|segment| (segment.frame, *id)));
        }
        let by_id: HashMap<u32, &Connection> = self
            .ended
            .iter()
            .map(|connection| (connection.id(), connection))
            .collect();
        // The other view of the connection with these segments.
        let twin = |own: &Kept| {
            let frames = own.segments().map(|segment| segment.frame);
            let mut others = frames.filter_map(|frame| self.twins.other(frame));
            let id = others.find_map(|frame| owners.get(&frame))?;
            Some((*by_id.get(id)?, kept.get(id)?))
        };
        let mut first = true;
        if let Some(live) = &self.live {
            live.conclude(&self.ended, &self.remark, &self.manner, &mut self.out)?;
            first = false;
        }
        for connection in &self.ended {
            let side = self.twins.side(connection.frames().0);
            let wanted = match self.ladder {
                Ladder::Wire | Ladder::Client => Side::Client,
                Ladder::Server => Side::Server,
            };
            let Some(own) = kept.get(&connection.id()).filter(|_| side == wanted) else {
                continue;
            };
            if !first && self.collection.is_none() {
                writeln!(self.out)?;
            }
            first = false;
            let calls = self.calls.as_ref();
            let of = |ids: &[u32]| calls.map_or_else(Vec::new, |calls| calls.of(ids));
            let Some((other, segments)) = twin(own).filter(|_| self.ladder == Ladder::Wire) else {
                let calls = of(&[connection.id()]);
                let manner = &Manner {
                    places: Places::One(Some(self.place(side, connection, own))),
                    ..self.manner.clone()
                };
                match &mut self.collection {
                    Some(collection) => {
                        collection.set_view(explain::wire_end_in_short(side));
                        collection.add(connection, own, &calls, manner);
                    }
                    None => write_ladder(&mut self.out, connection, own, &calls, manner)?,
                }
                continue;
            };
            let [did, other_did] = [own, segments].map(|kept| kept.changes().collect::<Vec<_>>());
            let story = explain::wire_story(
                &View {
                    connection,
                    segments: own.segments().zip(&did).collect(),
                },
                &View {
                    connection: other,
                    segments: segments.segments().zip(&other_did).collect(),
                },
                &|frame| self.twins.other(frame),
                &self.remark,
                self.manner.wording,
            );
            let times = own.segments().chain(segments.segments());
            let times = times.map(|segment| segment.time).collect();
            let calls = wire_calls(&of(&[connection.id(), other.id()]), times);
            let (style, out) = (&self.manner.style, &mut self.out);
            match (&mut self.collection, &mut self.pace) {
                (Some(collection), _) => collection.add_wire(connection, story, calls),
                (None, Some(pace)) => {
                    let mut wait = |gap, out: &mut dyn Write| {
                        out.flush()?;
                        pace.wait(gap);
                        Ok(())
                    };
                    wire::wire_paced(&story, &calls, style, &mut wait, out)?;
                }
                (None, None) => wire::wire(&story, &calls, style, out)?,
            }
        }
        match self.collection.take() {
            Some(collection) => collection.present(&mut self.out),
            None => self.out.flush(),
        }
    }
}

impl<W> WireSink<W> {
    /// Which end of the wire a ladder of one of them shows. Both ends' addresses are their own in what they send.
    fn place(&self, side: Side, connection: &Connection, own: &Kept) -> String {
        let sent = own.segments().find(|segment| {
            let other = self.twins.other(segment.frame);
            other.is_none_or(|other| other > segment.frame)
        });
        let Some(tuple) = sent.map(|segment| segment.tuple) else {
            return explain::wire_end_in_words(side);
        };
        if tuple.source != connection.endpoint(side) {
            return explain::wire_end_crossed(side);
        }
        let ends = [tuple.source.address, tuple.destination.address];
        explain::wire_end(side, ends)
    }
}

/// The rows of calls among the packets of both views.
fn wire_calls(calls: &[Call], mut times: Vec<Timestamp>) -> Vec<CallRow> {
    if calls.is_empty() {
        return Vec::new();
    }
    times.sort_unstable();
    explain::call_rows(calls, &times)
}

impl<W: Write> Sink for WireSink<W> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        if let Some(calls) = &mut self.calls {
            calls.segment(tracked.change.connection);
        }
        if let Some(live) = &mut self.live {
            let side = self.twins.side(tracked.segment.frame);
            if live.tells(tracked.change.connection, side) {
                let (twins, remark) = (&self.twins, &self.remark);
                return live.segment(tracked, side, twins, remark, &mut self.out);
            }
        }
        self.keeper.keep(tracked);
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.ended.push(connection.clone());
        Ok(())
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        let Some(calls) = &mut self.calls else {
            return Ok(());
        };
        match &mut self.live {
            Some(live) if made.connection.is_none_or(|id| live.has_told(id)) => {
                live.call(made, &mut self.out)
            }
            _ => {
                calls.keep(made);
                Ok(())
            }
        }
    }

    fn pause(&mut self, _quiet: Quiet) -> io::Result<()> {
        match self.live {
            Some(_) => self.out.flush(),
            None => Ok(()),
        }
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        self.draw()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails says where")]
mod tests {
    use super::*;
    use crate::capture;

    /// Every packet would pass through a wrapper, for nothing.
    #[test]
    fn what_is_no_wire_is_not_wrapped() {
        for capture in ["handshake.pcap", "handshake.pcapng"] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            let source = capture::open(&path.join("captures").join(capture)).unwrap();
            let own = (&raw const *source).addr();
            let (source, twins) = begin(source);
            assert_eq!((&raw const *source).addr(), own, "{capture}");
            assert!(twins.is_none());
        }
    }
}
