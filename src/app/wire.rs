//! Captures with two sides: recognised, joined, and shown with both ends' views.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use super::json::JsonSink;
use super::keep::{Keeper, Kept};
use super::ladders::{KeptCalls, say_untold, write_ladder};
use super::memory::Memory;
use super::output::Output;
use super::pipeline::{Made, Quiet, Sink, Tracked};
use super::show::{self, Manner, Places, What};
use super::sides::SIDES;
use super::step::{Collection, Pace, tell_slowly};
use super::twins::Twins;
use crate::calls::Call;
use crate::capture::Source;
use crate::cli::{Format, Ladder, Only, OutputChoice, Resources};
use crate::explain::{self, CallRow, Totals, View, WireHalf, WireStory};
use crate::render::{LadderWriter, Style, wire};
use crate::tcp::Side;
use crate::time::{Span, Timestamp};
use crate::track::Connection;

/// A source that may turn out to be of a wire.
pub(super) type Joinable = Box<dyn Source + Send>;

/// Frames that are read ahead in order to be joined. A longer capture of a wire is shown as the two captures that it is.
const MOST_FRAMES: usize = 100_000;

/// Of the memory that there is, the part that they may take, however few they are: what they say is kept beside them.
const PART: u64 = 4;

/// Looks whether a capture begins on a wire's client side, and if so, reads it whole and joins its two sides.
pub(crate) fn begin(source: Joinable, resources: &Resources) -> (Joinable, Option<Arc<Twins>>) {
    let most = usize::try_from(resources.memory / PART).unwrap_or(usize::MAX);
    // Nearly every capture has described its first interface by now. What is no wire goes its own way, past any wrapper.
    if begins_at_client(&*source) == Some(false) {
        return (source, None);
    }
    let mut memory = Memory::of(source);
    memory.hold(1, most);
    if begins_at_client(&memory) != Some(true) {
        return (Box::new(memory), None);
    }
    memory.hold(MOST_FRAMES, most);
    let twins = memory.is_whole().then(|| Arc::new(Twins::of(&memory)));
    (Box::new(memory), twins)
}

/// Whether its first interface is a wire's client side; `None` while none is described.
fn begins_at_client(source: &dyn Source) -> Option<bool> {
    let first = source.interfaces().first()?;
    Some(first.name.as_deref() == Some(SIDES[0]))
}

/// What shows a joined capture. `remark` says what the wire does, where that is known.
pub(crate) fn sink(
    choice: &OutputChoice,
    output: Output,
    what: &What<'_>,
    remark: &str,
    twins: &Arc<Twins>,
) -> Box<dyn Sink> {
    match choice.format {
        Some(Format::Json) => Box::new(
            JsonSink::new(
                output,
                what.source,
                choice.only != Some(Only::Connections),
                choice.only != Some(Only::Segments),
            )
            .joined(Arc::clone(twins)),
        ),
        None | Some(Format::Timeline) => {
            let manner = Manner {
                places: Places::One(None),
                ..show::manner(choice, &output, what)
            };
            let collection = choice
                .present
                .step
                .then(|| Collection::new(choice, &manner, what.billing.clone()));
            let mut sink = WireSink::new(
                output,
                manner,
                choice.ladder,
                Arc::clone(twins),
                remark.to_owned(),
            );
            sink.most = show::most(choice, what);
            sink.collection = collection;
            sink.pace = choice.present.speed.map(Pace::new);
            sink.calls = choice.syscalls.then(KeptCalls::default);
            Box::new(sink)
        }
        Some(_) => show::whole(choice, output, what),
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
    /// How many ladders there may be; `None`: any number.
    most: Option<u64>,
    keeper: Keeper,
    ended: Vec<Connection>,
    /// What the programs called, where that is wanted.
    calls: Option<KeptCalls>,
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
            most: None,
            ended: Vec::new(),
            calls: None,
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
        let (mut drawn, mut untold) = (0, 0);
        for connection in &self.ended {
            let side = self.twins.side(connection.frames().0);
            let wanted = match self.ladder {
                Ladder::Wire | Ladder::Client => Side::Client,
                Ladder::Server => Side::Server,
            };
            let Some(own) = kept.get(&connection.id()).filter(|_| side == wanted) else {
                continue;
            };
            if self.most.is_some_and(|most| drawn >= most) {
                untold += 1;
                continue;
            }
            if drawn > 0 && self.collection.is_none() {
                writeln!(self.out)?;
            }
            drawn += 1;
            let calls = self.calls.as_ref();
            let of = |ids: &[u32]| calls.map_or_else(Vec::new, |calls| calls.of(ids));
            let both = self.ladder == Ladder::Wire;
            let twin = self.twin(own, &kept).filter(|(_, segments)| {
                // What was not kept would look lost between two views; one view says how much it is.
                let whole = own.gap().is_none() && segments.gap().is_none();
                both && whole
            });
            let Some((other, segments)) = twin else {
                let calls = of(&[connection.id()]);
                let (manner, out) = (&self.manner, &mut self.out);
                match (&mut self.collection, &mut self.pace) {
                    (Some(collection), _) => collection.add(connection, own, manner),
                    (None, Some(pace)) => {
                        tell_slowly(connection, own, Format::Timeline, manner, pace, out)?;
                    }
                    (None, None) => write_ladder(out, connection, own, &calls, manner)?,
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
                (Some(collection), _) => collection.add_wire(connection, story),
                (None, None) if !style.payload => wire::wire(&story, &calls, style, out)?,
                (None, pace) => {
                    let views = [own, segments];
                    bit_by_bit(&story, &calls, views, style, pace.as_mut(), out)?;
                }
            }
        }
        let Some(mut collection) = self.collection.take() else {
            say_untold(untold, &self.manner.style, &mut self.out)?;
            return self.out.flush();
        };
        collection.leave_out(untold);
        collection.present(&mut self.out)
    }

    /// The other view of the connection with these segments.
    fn twin<'s, 'k>(
        &'s self,
        own: &Kept,
        kept: &'k HashMap<u32, Kept>,
    ) -> Option<(&'s Connection, &'k Kept)> {
        let frame = own
            .segments()
            .find_map(|segment| self.twins.other(segment.frame))?;
        self.ended.iter().find_map(|connection| {
            let segments = kept.get(&connection.id())?;
            let has = segments.segments().any(|segment| segment.frame == frame);
            has.then_some((connection, segments))
        })
    }
}

/// Writes a story event by event, with their waits if they are wanted, and the payload that leaves.
fn bit_by_bit(
    story: &WireStory,
    calls: &[CallRow],
    views: [&Kept; 2],
    style: &Style,
    mut pace: Option<&mut Pace>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = wire::WireWriter::new(style);
    writer.begin(&story.title, story.margins, out)?;
    let mut last = Span::ZERO;
    let mut calls = calls.iter().peekable();
    for event in &story.events {
        if let Some(pace) = &mut pace {
            out.flush()?;
            pace.wait(event.after - last);
            last = event.after;
        }
        while let Some(call) = calls.next_if(|call| call.after <= event.after) {
            writer.call(call, out)?;
        }
        writer.event(event, out)?;
        let mut views = views.iter();
        if event.what != WireHalf::Arrives
            && let Some((payload, len)) = views.find_map(|kept| kept.payload_and_len(event.packet))
        {
            writer.payload(payload, len, style, out)?;
        }
    }
    for call in calls {
        writer.call(call, out)?;
    }
    LadderWriter::new(style.clone()).conclude(&story.title, &story.conclusion, out)
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
        self.keeper.keep(tracked);
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.ended.push(connection.clone());
        Ok(())
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        if let Some(calls) = &mut self.calls {
            calls.keep(made);
        }
        Ok(())
    }

    fn pause(&mut self, _quiet: Quiet) -> io::Result<()> {
        Ok(())
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
            let (source, twins) = begin(source, &Resources::default());
            assert_eq!((&raw const *source).addr(), own, "{capture}");
            assert!(twins.is_none());
        }
    }
}
