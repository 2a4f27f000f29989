//! Which sink shows a run: by the format that was asked for, else by what suits the input.

use std::io::{self, Write};

use super::budget::{Beside, Budget};
use super::json::JsonSink;
use super::keep::Keeper;
use super::ladders::{LADDERS, LadderSink, write_ladder};
use super::output::{self, Output};
use super::sink::{Quiet, Sink, Tracked};
use super::step::{self, Billing, Collection, Full, Pace, SlowSink, StepSink, paced};
use super::stream::StreamSink;
use super::table::{SummarySink, TableSink};
use crate::cli::{Format, Only, OutputChoice, Resources, Rows, TableChoice};
use crate::explain::{Totals, Wording};
use crate::render::layout::Layout;
use crate::render::{Explain, Style};
use crate::tcp::Segment;
use crate::track::Connection;

/// A capture of at most so many connections and segments is shown whole: about what a reader takes in at one sitting.
const FEW_CONNECTIONS: u64 = 3;
const FEW_SEGMENTS: usize = 200;

/// How ladders and sentences look, and where their packets were captured.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) style: Style,
    pub(crate) wording: Wording,
    pub(crate) places: Places,
    /// Bytes that the segments of ladders may take.
    pub(crate) memory: usize,
    /// Threads that may draw.
    pub(crate) threads: usize,
}

/// Where packets were captured, as far as that is known.
#[derive(Clone, Debug)]
pub(crate) enum Places {
    /// All in one place.
    One(Option<String>),
    /// Each on the interface with its number.
    Many(Vec<Option<String>>),
}

impl Places {
    /// Where all of these packets were captured; `None` when it was not one place.
    pub(crate) fn of<'a>(&self, segments: impl IntoIterator<Item = &'a Segment>) -> Option<&str> {
        let names = match self {
            Self::One(name) => return name.as_deref(),
            Self::Many(names) => names,
        };
        let mut numbers = segments.into_iter().map(|segment| segment.interface);
        let number = numbers.next()?;
        let name = names.get(usize::from(number))?.as_deref();
        name.filter(|_| numbers.all(|other| other == number))
    }
}

impl Manner {
    /// As much as a ladder shows of it.
    pub(crate) fn ladder_wording(&self) -> Wording {
        Wording {
            no_routine: self.style.explain != Explain::Full,
            no_details: !Layout::may_have_details(self.style.width),
            ..self.wording
        }
    }

    pub(crate) fn new(choice: &OutputChoice, output: &Output, places: Places) -> Self {
        Self::looking(choice, output.is_terminal(), places)
    }

    /// On the terminal, whoever writes there.
    pub(crate) fn of_terminal(choice: &OutputChoice, places: Places) -> Self {
        Self::looking(choice, true, places)
    }

    fn looking(choice: &OutputChoice, terminal: bool, places: Places) -> Self {
        let style = output::style_on(choice, terminal, Explain::Brief);
        Self {
            wording: Wording {
                // Who steps from packet to packet has the time to read.
                full: style.explain == Explain::Full
                    || (choice.present.step && choice.explain.is_none()),
                raw_seq: choice.raw_seq,
                ..Wording::default()
            },
            style,
            places,
            memory: Budget::of(&Resources::default(), Beside::Segments, 0).segments,
            threads: Resources::default().threads,
        }
    }
}

/// What is shown.
pub(crate) struct What<'a> {
    /// The capture's name.
    pub(crate) source: &'a str,
    /// Where its packets were captured.
    pub(crate) places: Places,
    /// It may still be written while it is read.
    pub(crate) growing: bool,
    /// How a table is laid out.
    pub(crate) rows: TableChoice,
    /// A part was selected, so all of that part is wanted.
    pub(crate) chosen: bool,
    /// What is said around packets that are stepped through.
    pub(crate) billing: Billing,
    /// Memory that may be used.
    pub(crate) budget: Budget,
    /// Threads that may be used.
    pub(crate) threads: usize,
}

/// For packets as they happen.
pub(crate) fn happening(
    choice: &OutputChoice,
    output: Output,
    source: &str,
    interface: Option<&str>,
) -> Box<dyn Sink> {
    let place = Places::One(interface.map(ToOwned::to_owned));
    by_packet(choice, output, source, place)
}

fn by_packet(choice: &OutputChoice, output: Output, source: &str, places: Places) -> Box<dyn Sink> {
    let manner = Manner::new(choice, &output, places);
    match choice.format {
        Some(Format::Json) => json(choice, output, source),
        Some(Format::Summary) => Box::new(SummarySink::new(output, manner.style, source)),
        Some(Format::Table) => Box::new(
            TableSink::new(output, manner.style, source, TableChoice::default()).without_hints(),
        ),
        Some(Format::Plain) => {
            Box::new(StreamSink::new(output, Format::Plain, &manner).with_calls(choice.syscalls))
        }
        Some(Format::Timeline) | None => {
            Box::new(StreamSink::new(output, Format::Timeline, &manner).with_calls(choice.syscalls))
        }
    }
}

/// All of a scenario: it is over soon, and the whole of it can be told better than its parts.
pub(crate) fn what_of_scenario<'a>(
    source: &'a str,
    interface: Option<&str>,
    billing: Billing,
) -> What<'a> {
    What {
        source,
        places: Places::One(interface.map(ToOwned::to_owned)),
        growing: false,
        rows: TableChoice {
            rows: Rows::All,
            ..TableChoice::default()
        },
        chosen: true,
        billing,
        budget: Budget::of(&Resources::default(), Beside::Segments, 0),
        threads: Resources::default().threads,
    }
}

/// How many ladders are drawn; `None`: one for each connection.
pub(crate) fn most(choice: &OutputChoice, what: &What<'_>) -> Option<u64> {
    // Of what was chosen all is wanted by whoever asks for ladders; else a table would have been shown of so many.
    let asked = choice.format == Some(Format::Timeline) || choice.present.step;
    match what.rows.rows {
        Rows::All => None,
        Rows::Top(most) => Some(most as u64),
        Rows::Screenful => (!(what.chosen && asked)).then_some(LADDERS),
    }
}

/// How ladders look, with as much memory and as many threads as there may be.
pub(crate) fn manner(choice: &OutputChoice, output: &Output, what: &What<'_>) -> Manner {
    Manner {
        memory: what.budget.segments,
        threads: what.threads,
        ..Manner::new(choice, output, what.places.clone())
    }
}

/// For a capture that has an end.
pub(crate) fn whole(choice: &OutputChoice, output: Output, what: &What<'_>) -> Box<dyn Sink> {
    let manner = manner(choice, &output, what);
    let most = most(choice, what);
    if choice.present.step && what.growing {
        // The stage locks standard output itself, on its own thread.
        drop(output);
        let intro = what.billing.intro.clone();
        return Box::new(step::live(
            choice,
            &manner,
            Full::Wait,
            "read from a pipe",
            intro,
            || (),
        ));
    }
    if choice.present.step {
        let collection = Collection::new(choice, &manner, what.billing.clone());
        let steps = StepSink::new(output, collection, manner, most);
        return Box::new(steps.with_calls(choice.syscalls));
    }
    if let Some(speed) = choice.present.speed {
        let pace = Pace::new(speed);
        let format = choice.format.unwrap_or(Format::Timeline);
        if what.growing {
            return Box::new(paced(StreamSink::new(output, format, &manner), pace));
        }
        let slow = SlowSink::new(output, format, manner, pace, most);
        return Box::new(slow.with_calls(choice.syscalls));
    }
    match choice.format {
        Some(Format::Timeline) if what.growing => {
            Box::new(StreamSink::new(output, Format::Timeline, &manner))
        }
        Some(Format::Timeline) => {
            Box::new(LadderSink::new(output, manner, most).with_calls(choice.syscalls))
        }
        None if what.chosen => {
            Box::new(LadderSink::new(output, manner, most).with_calls(choice.syscalls))
        }
        None => Box::new(AutoSink::new(output, manner, what)),
        Some(Format::Table) => Box::new(
            TableSink::new(output, manner.style, what.source, what.rows).within(what.budget.rows),
        ),
        Some(_) => by_packet(choice, output, what.source, what.places.clone()),
    }
}

fn json(choice: &OutputChoice, output: Output, source: &str) -> Box<dyn Sink> {
    Box::new(JsonSink::new(
        output,
        source,
        choice.only != Some(Only::Connections),
        choice.only != Some(Only::Segments),
    ))
}

/// Decides by what comes: a few connections get a table and their ladders, many only the table, and an input that pauses
/// while it is still short gets its rows as they come.
struct AutoSink {
    state: State,
    manner: Manner,
    growing: bool,
    keeper: Keeper,
    /// Final connections, in the order in which they became final.
    ended: Vec<Connection>,
}

/// What has been decided.
enum State {
    /// Nothing: both are prepared, and nothing is written.
    Undecided {
        table: TableSink<Output>,
        rows: Box<StreamSink<Vec<u8>>>,
    },
    /// Too many for ladders.
    Table(TableSink<Output>),
    /// Rows as they come.
    Rows(StreamSink<Output>),
    /// Between two of the others.
    Moving,
}

impl AutoSink {
    fn new(output: Output, manner: Manner, what: &What<'_>) -> Self {
        let rows = Box::new(StreamSink::new(Vec::new(), Format::Timeline, &manner));
        let table = TableSink::new(output, manner.style.clone(), what.source, what.rows)
            .within(what.budget.rows);
        Self {
            state: State::Undecided { table, rows },
            keeper: Keeper::new(manner.memory, manner.style.payload),
            growing: what.growing,
            manner,
            ended: Vec::new(),
        }
    }

    /// Too many connections or segments have come for ladders.
    fn give_up_ladders(&mut self) {
        self.keeper.clear();
        self.ended.clear();
        self.state = match std::mem::replace(&mut self.state, State::Moving) {
            State::Undecided { table, .. } => State::Table(table),
            other => other,
        };
    }

    /// The input pauses: what has come so far is shown, and the rest as it comes.
    fn go_on_by_rows(&mut self) -> io::Result<()> {
        self.state = match std::mem::replace(&mut self.state, State::Moving) {
            State::Undecided { table, rows } => State::Rows(rows.continue_on(table.into_output())?),
            other => other,
        };
        Ok(())
    }

    fn ladders(&mut self, out: &mut Output) -> io::Result<()> {
        self.ended.sort_by_key(Connection::id);
        for connection in &self.ended {
            let Some(kept) = self.keeper.take(connection.id()) else {
                continue;
            };
            writeln!(out)?;
            write_ladder(out, connection, &kept, &[], &self.manner)?;
            self.manner.style.legend = false;
        }
        Ok(())
    }
}

impl Sink for AutoSink {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        match &mut self.state {
            State::Undecided { table, rows } => {
                table.segment(tracked)?;
                rows.segment(tracked)?;
                self.keeper.keep(tracked);
                let many = u64::from(tracked.change.connection) > FEW_CONNECTIONS;
                if many || self.keeper.len() > FEW_SEGMENTS {
                    self.give_up_ladders();
                }
                Ok(())
            }
            State::Table(table) => table.segment(tracked),
            State::Rows(rows) => rows.segment(tracked),
            State::Moving => Ok(()),
        }
    }

    fn wants_segments(&self) -> bool {
        !matches!(self.state, State::Table(_))
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        match &mut self.state {
            State::Undecided { table, rows } => {
                table.connection(connection)?;
                rows.connection(connection)?;
                self.ended.push(connection.clone());
                Ok(())
            }
            State::Table(table) => table.connection(connection),
            State::Rows(rows) => rows.connection(connection),
            State::Moving => Ok(()),
        }
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        match &mut self.state {
            State::Undecided { .. } if self.growing && quiet == Quiet::While => {
                self.go_on_by_rows()
            }
            State::Rows(rows) => rows.pause(quiet),
            State::Undecided { .. } | State::Table(_) | State::Moving => Ok(()),
        }
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        match std::mem::replace(&mut self.state, State::Moving) {
            // Without a connection there is nothing but the page to show.
            State::Undecided { mut table, .. } if self.ended.is_empty() => table.finish(totals),
            State::Undecided { table, .. } => {
                let mut out = table.finish_before_ladders(totals)?;
                self.ladders(&mut out)?;
                out.flush()
            }
            State::Table(mut table) => table.finish(totals),
            State::Rows(mut rows) => rows.finish(totals),
            State::Moving => Ok(()),
        }
    }
}
