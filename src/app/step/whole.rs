//! Stepping through what has an end: its stories are collected first, so that they can be told with hindsight.

use std::io::{self, Write};
use std::sync::mpsc;

use super::gather::Gathering;
use super::play::Play;
use super::player::Player;
use super::program::{Origin, Program, Supply};
use super::terminal::Terminal;
use crate::app::keep::{Keeper, Kept};
use crate::app::say;
use crate::app::show::Manner;
use crate::app::signals;
use crate::app::sink::{Made, Sink, Tracked};
use crate::calls::Call;
use crate::cli::OutputChoice;
use crate::explain::{self, CallRow, Ruler, Steps as _, Telling, Totals, WireStory};
use crate::render::stage::{self, Act, Beat, Sidelights};
use crate::render::{NotKept, Plural};
use crate::tcp::Side;
use crate::time::Timestamp;
use crate::track::Connection;

/// Beats of all connections together: more keys than anybody presses, and about 40 MB.
const MOST_BEATS: u64 = 20_000;

/// What is said around the packets.
#[derive(Clone, Debug)]
pub(crate) struct Billing {
    /// Where they come from.
    pub(crate) origin: Origin,
    /// Said before the first one.
    pub(crate) intro: Vec<String>,
    /// Asked before the last ones.
    pub(crate) question: Option<&'static str>,
}

/// Stories that wait to be stepped through.
pub(crate) struct Collection {
    play: Play,
    program: Program,
    billing: Billing,
    folds: bool,
    first: Option<Timestamp>,
    untold: u64,
    /// Whose view of a wire this is, where it is one.
    view: Option<String>,
}

impl Collection {
    pub(crate) fn new(choice: &OutputChoice, manner: &Manner, billing: Billing) -> Self {
        let program = Program::new(choice, manner);
        Self {
            play: Play::new(program.asks),
            program,
            billing,
            folds: !choice.all_packets,
            first: None,
            untold: 0,
            view: None,
        }
    }

    /// What is stepped through is the view of one end.
    pub(crate) fn set_view(&mut self, view: String) {
        self.view = Some(view);
    }

    /// Whether there is room for another connection.
    fn is_full(&self) -> bool {
        self.play.told() >= MOST_BEATS
    }

    /// Adds a connection from its kept segments, and what the programs called meanwhile. With calls nothing is folded, as
    /// on a ladder.
    pub(crate) fn add(
        &mut self,
        connection: &Connection,
        kept: &Kept,
        calls: &[Call],
        manner: &Manner,
    ) {
        if self.is_full() {
            self.untold += 1;
            return;
        }
        let title = explain::title(connection, manner.places.of(kept.segments()), true);
        let before = [Side::Client, Side::Server].map(|side| connection.state_before(side));
        let mut steps = Telling::new(connection, kept, manner.wording);
        let mut ruler = Ruler::default();
        let mut lights = Sidelights {
            end_terms: explain::related_to_end(connection),
            ..Sidelights::default()
        };
        for (segment, change) in kept.segments().zip(kept.changes()) {
            let reach = ruler.learn(segment, &change, connection);
            lights.reach.push(reach);
            lights.terms.push(explain::related(segment, &change));
        }
        let conclusion = explain::conclusion(connection);
        let not_kept = kept
            .gap()
            .map(|(before, packets)| NotKept { before, packets });
        self.begins(connection.start());
        let act = Act::new(title, before, steps.highest_frame());
        let act = self.play.begin(act);
        let folds = self.folds && calls.is_empty();
        let beats = stage::beats(act, &mut steps, conclusion, lights, folds, not_kept);
        let times: Vec<Timestamp> = kept.segments().map(|segment| segment.time).collect();
        self.add_beats(act, beats, explain::call_rows(calls, &times));
    }

    /// Adds a connection on a wire.
    pub(crate) fn add_wire(
        &mut self,
        connection: &Connection,
        story: WireStory,
        calls: Vec<CallRow>,
    ) {
        if self.is_full() {
            self.untold += 1;
            return;
        }
        self.begins(connection.start());
        let act = self.play.begin(Act::of_wire(&story));
        let beats = stage::wire_beats(act, story, explain::related_to_end(connection));
        self.add_beats(act, beats, calls);
    }

    fn add_beats(&mut self, act: usize, beats: Vec<Beat>, calls: Vec<CallRow>) {
        for beat in stage::with_calls(act, beats, calls) {
            self.play.add(beat);
        }
    }

    /// So many connections are not among those to be stepped through.
    pub(crate) fn leave_out(&mut self, connections: u64) {
        self.untold += connections;
    }

    fn begins(&mut self, start: Timestamp) {
        self.first = Some(self.first.map_or(start, |first| first.min(start)));
    }

    /// Steps through what was collected.
    pub(crate) fn present<W: Write>(mut self, out: W) -> io::Result<()> {
        if signals::has_come() {
            return Ok(());
        }
        if self.play.told() == 0 {
            say::note("there is no packet to step through");
            return Ok(());
        }
        self.program.origin = self.billing.origin.words(self.first);
        if let Some(view) = self.view {
            self.program.origin.push_str(", ");
            self.program.origin.push_str(&view);
        }
        self.program.intro = self.billing.intro;
        self.program.question = self.billing.question;
        if self.untold > 0 {
            self.program.intro.push(format!(
                "{} {} left out; --connection N takes one, --top N more of them.",
                Plural(self.untold, "more connection"),
                if self.untold == 1 { "is" } else { "are" },
            ));
        }
        let (sender, events) = mpsc::channel();
        let mut terminal = Terminal::enter(out, &sender)?;
        Player::new(self.play, self.program, Supply::Whole).run(&events, &mut terminal)
    }
}

/// Collects connections, and steps through them at the end.
pub(crate) struct StepSink<W: Write> {
    /// Taken when it is presented.
    collection: Option<(Collection, W)>,
    manner: Manner,
    gathering: Gathering,
}

impl<W: Write> StepSink<W> {
    /// `most`: how many connections; `None`: all of them.
    pub(crate) fn new(out: W, collection: Collection, manner: Manner, most: Option<u64>) -> Self {
        Self {
            collection: Some((collection, out)),
            gathering: Gathering::new(Keeper::new(manner.memory, false), most),
            manner,
        }
    }

    /// Also steps through what the programs called.
    pub(crate) fn with_calls(mut self, wanted: bool) -> Self {
        self.gathering = self.gathering.with_calls(wanted);
        self
    }
}

impl<W: Write> Sink for StepSink<W> {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        self.gathering.segment(tracked);
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.gathering.connection(connection);
        Ok(())
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        self.gathering.call(made);
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        let Some((mut collection, out)) = self.collection.take() else {
            return Ok(());
        };
        for gathered in self.gathering.all() {
            let (connection, kept) = (&gathered.connection, &gathered.kept);
            collection.add(connection, kept, &gathered.calls, &self.manner);
        }
        collection.leave_out(self.gathering.untold());
        collection.present(out)
    }
}
