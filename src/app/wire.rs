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
use super::ladders::{KeptCalls, say_untold, write_ladder};
use super::memory::Memory;
use super::one_view::OneView;
use super::output::Output;
use super::show::{self, Manner, Places, What};
use super::sides::SIDES;
use super::sink::{Made, Quiet, Sink, Tracked};
use super::step::{Collection, Pace, tell_slowly};
use super::twins::Twins;
use crate::calls::Call;
use crate::capture::Source;
use crate::cli::{Format, Ladder, Only, OutputChoice, Resources};
use crate::explain::{self, CallRow, Totals, View, WireEvent, WireHalf, WireSetting, WireStory};
use crate::lab::fates::Fates;
use crate::lab::wire::{Fate, Plan};
use crate::render::{Style, wire};
use crate::tcp::Side;
use crate::time::{Span, Timestamp};
use crate::track::Connection;

/// A source that may turn out to be of a wire.
pub(super) type Joinable = Box<dyn Source + Send>;

/// Frames that are read ahead in order to be joined. A longer capture of a wire is shown as the two captures that it is.
pub(crate) const MOST_FRAMES: usize = 100_000;

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
    let twins = memory.is_whole().then(|| Twins::of(&memory)).flatten();
    (Box::new(memory), twins.map(Arc::new))
}

/// Whether its first interface is a wire's client side; `None` while none is described.
pub(crate) fn begins_at_client(source: &dyn Source) -> Option<bool> {
    let first = source.interfaces().first()?;
    Some(first.name.as_deref() == Some(SIDES[0]))
}

/// Follows a wire that is at work: frames pass as they come.
pub(crate) fn follow(source: Joinable, fates: Arc<Fates>) -> (Joinable, Arc<Twins>) {
    let twins = Arc::<Twins>::default();
    let source = Follow::new(source, Arc::clone(&twins), fates);
    (Box::new(source), twins)
}

/// What is known of a wire that does this.
pub(crate) fn setting(plan: &Plan) -> WireSetting {
    let latency = i64::try_from(plan.latency.as_nanos()).ok();
    let kept_back = plan.rules.iter().map(|rule| match rule.fate {
        Fate::Delay(_) => (rule.last - rule.first) as usize + 1,
        Fate::Lose | Fate::Double(_) | Fate::Mark => 0,
    });
    WireSetting {
        remark: format!("wire: {}", plan.summary),
        // At a limited rate each packet waits for those before it.
        latency: latency
            .filter(|_| plan.rate.is_none())
            .map(Span::from_nanos),
        delayed: kept_back.sum(),
    }
}

/// How much of a joined capture is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// All of it, while it is captured: rows are written as they happen.
    Live,
    /// All of the conversations that are shown.
    Whole,
    /// A stretch, or what a filter leaves. Where packets are missing neither end's numbers are known, so each end is drawn
    /// on its own.
    Part,
}

/// What shows a joined capture.
pub(crate) fn sink(
    choice: &OutputChoice,
    output: Output,
    what: &What<'_>,
    setting: WireSetting,
    twins: &Arc<Twins>,
    coverage: Coverage,
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
        None | Some(Format::Timeline) if coverage != Coverage::Part => {
            let manner = Manner {
                places: Places::One(None),
                ..show::manner(choice, &output, what)
            };
            let collection = choice
                .present
                .step
                .then(|| Collection::new(choice, &manner, what.billing.clone()));
            let mut sink = WireSink::new(output, manner, choice.ladder, Arc::clone(twins), setting);
            sink.most = show::most(choice, what);
            sink.collection = collection;
            sink.pace = choice.present.speed.map(Pace::new);
            sink.calls = choice.syscalls.then(KeptCalls::default);
            let at_once =
                coverage == Coverage::Live && sink.collection.is_none() && sink.pace.is_none();
            if at_once && sink.ladder == Ladder::Wire {
                sink.live = Some(Live::new(&sink.manner));
            }
            Box::new(sink)
        }
        format => {
            let ends = [Side::Client, Side::Server].map(explain::wire_end_in_words);
            let what = What {
                places: Places::Many(ends.map(Some).to_vec()),
                billing: what.billing.clone(),
                ..*what
            };
            let whole = show::whole(choice, output, &what);
            match format {
                Some(Format::Table | Format::Summary) => {
                    Box::new(OneView::new(whole, Some(Arc::clone(twins))))
                }
                // Sentences and separate ladders tell what each end saw.
                _ => whole,
            }
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
    setting: WireSetting,
    /// How many ladders there may be; `None`: any number.
    most: Option<u64>,
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
        setting: WireSetting,
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
            setting,
            most: None,
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
        let (mut drawn, mut untold) = (0, 0);
        if let Some(live) = &self.live {
            live.conclude(&self.ended, &self.setting, &mut self.out)?;
            drawn = 1;
        }
        for connection in &self.ended {
            let side = self.twins.side(connection.frames().0);
            let wanted = match self.ladder {
                Ladder::Wire | Ladder::Client => Side::Client,
                Ladder::Server => Side::Server,
            };
            let twin = self.twins.twin(connection.id());
            let twin = twin.and_then(|id| {
                let at = self.ended.binary_search_by_key(&id, Connection::id).ok()?;
                Some((&self.ended[at], kept.get(&id)?))
            });
            let Some(own) = kept.get(&connection.id()) else {
                continue;
            };
            // A view that has no twin, or whose twin was not chosen, is all that there is to show.
            if side != wanted && twin.is_some() {
                continue;
            }
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
            let twin = twin.filter(|(_, segments)| {
                // What was not kept would look lost between two views; one view says how much it is.
                let whole = own.gap().is_none() && segments.gap().is_none();
                both && whole
            });
            let Some((other, segments)) = twin else {
                let calls = of(&[connection.id()]);
                let places = Places::One(Some(self.place(side, connection, own)));
                let manner = &Manner {
                    places,
                    ..self.manner.clone()
                };
                let out = &mut self.out;
                match (&mut self.collection, &mut self.pace) {
                    (Some(collection), _) => {
                        collection.set_view(explain::wire_end_in_short(side));
                        collection.add(connection, own, &calls, manner);
                    }
                    (None, Some(pace)) => {
                        let format = Format::Timeline;
                        tell_slowly(connection, own, &calls, format, manner, pace, out)?;
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
                &self.setting,
                self.manner.wording,
            );
            let times = own.segments().chain(segments.segments());
            let times = times.map(|segment| segment.time).collect();
            let calls = wire_calls(&of(&[connection.id(), other.id()]), times);
            let (style, out) = (&self.manner.style, &mut self.out);
            match (&mut self.collection, &mut self.pace) {
                (Some(collection), _) => collection.add_wire(connection, story, calls),
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

/// Writes a story event by event, with their waits if they are wanted, and the payload that leaves.
fn bit_by_bit(
    story: &WireStory,
    calls: &[CallRow],
    views: [&Kept; 2],
    style: &Style,
    mut pace: Option<&mut Pace>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut wait = |gap, out: &mut dyn Write| {
        if let Some(pace) = &mut pace {
            out.flush()?;
            pace.wait(gap);
        }
        Ok(())
    };
    let payload = |event: &WireEvent| {
        let mut views = views.iter();
        let leaves = event.what != WireHalf::Arrives;
        leaves.then(|| views.find_map(|kept| kept.payload(event.packet)))?
    };
    wire::wire_paced(story, calls, style, &mut wait, &payload, out)
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
                let (twins, remark) = (&self.twins, &self.setting.remark);
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
            let (source, twins) = begin(source, &Resources::default());
            assert_eq!((&raw const *source).addr(), own, "{capture}");
            assert!(twins.is_none());
        }
    }
}
