//! Stepping through what goes on: packets wait on a channel while the capture goes on, and are shown on a thread of their
//! own.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use super::play::Play;
use super::player::{Event, Player};
use super::program::{Full, Held, Program, Supply};
use super::terminal::Terminal;
use crate::app::show::{Manner, Places};
use crate::app::sink::{Made, Quiet, Sink, Tracked};
use crate::calls::Call;
use crate::cli::OutputChoice;
use crate::explain::{self, Moment, Narrator, Ruler, Totals, Wording};
use crate::render::stage::{Act, Beat, What};
use crate::tcp::Side;
use crate::time::Timestamp;
use crate::track::{Connection, ConnectionId};

/// Connections whose story is told at once, as in a live ladder.
const TOLD_AT_ONCE: usize = 4096;

/// Hands packets over to the thread that shows them.
pub(crate) struct LiveStep {
    events: Sender<Event>,
    held: Arc<Held>,
    full: Full,
    /// The thread that shows them, or why there is none.
    stage: io::Result<Option<JoinHandle<io::Result<()>>>>,
    wording: Wording,
    places: Places,
    told: HashMap<ConnectionId, Told>,
    /// Connections that were begun.
    acts: usize,
    /// System calls, where they are wanted.
    calls: Option<Calls>,
}

/// What is to be told of system calls.
#[derive(Default)]
struct Calls {
    /// Of no connection yet: they stand with the one that begins next.
    loose: Vec<(Call, Moment)>,
    /// Connections that have ended: programs still close their sockets, and the last words come after that.
    /// With each, whether nothing of it can come any more.
    ended: Vec<(Connection, bool)>,
    /// Meanings that were told.
    meanings: Vec<&'static str>,
}

/// Calls that wait for a connection; programs of ours make some five before one.
const LOOSE: usize = 1000;

/// Last words that wait until it is quiet; where it never is, the oldest are said.
const ENDED: usize = 256;

/// A connection whose story is told.
struct Told {
    act: usize,
    start: Timestamp,
    narrator: Narrator,
    ruler: Ruler,
    phase: Option<String>,
    concluded: bool,
}

/// Opens the stage. `origin` says where packets come from; `quit` ends the capture, when whoever watches has seen enough.
pub(crate) fn live(
    choice: &OutputChoice,
    manner: &Manner,
    full: Full,
    origin: &str,
    intro: Vec<String>,
    quit: impl FnOnce() + Send + 'static,
) -> LiveStep {
    let (sender, events) = mpsc::channel();
    let held = Held::new();
    let mut program = Program::new(choice, manner);
    origin.clone_into(&mut program.origin);
    program.intro = intro;
    let (on_stage, from) = (Arc::clone(&held), sender.clone());
    let stage = thread::Builder::new()
        .name("stage".to_owned())
        .spawn(move || {
            let shown = show(program, &on_stage, &from, &events);
            on_stage.end();
            quit();
            shown
        });
    LiveStep {
        events: sender,
        held,
        full,
        stage: stage.map(Some),
        wording: manner.wording,
        places: manner.places.clone(),
        told: HashMap::new(),
        acts: 0,
        calls: choice.syscalls.then(Calls::default),
    }
}

fn show(
    program: Program,
    held: &Held,
    sender: &Sender<Event>,
    events: &Receiver<Event>,
) -> io::Result<()> {
    let mut terminal = Terminal::enter(io::stdout().lock(), sender)?;
    let play = Play::new(program.asks);
    Player::new(play, program, Supply::Live(held)).run(events, &mut terminal)
}

impl LiveStep {
    fn tell(&self, beat: Beat, frame: u64) {
        // Nobody listens any more when the stage has ended; the run ends soon, too.
        let _ = self.events.send(Event::Told(Box::new(beat), frame));
    }

    /// The calls that waited for this connection to begin.
    fn tell_loose(&mut self, id: ConnectionId) {
        let loose = self.calls.as_mut();
        let loose = loose.map(|calls| std::mem::take(&mut calls.loose));
        for (call, moment) in loose.into_iter().flatten() {
            self.tell_call(&call, moment, id);
        }
    }

    fn tell_call(&mut self, call: &Call, moment: Moment, id: ConnectionId) {
        let (Some(told), Some(calls)) = (self.told.get(&id), &mut self.calls) else {
            return;
        };
        if !self.held.admits(self.full) {
            return;
        }
        let mut row = explain::call_row(call, moment, told.start);
        row.say_once(&mut calls.meanings);
        let reach = Some(told.ruler.reaches());
        let beat = Beat::of_call(told.act, row, told.phase.clone(), reach);
        self.tell(beat, 0);
    }

    /// Last words, or a note that they are to be said when it is quiet.
    fn end(&mut self, connection: &Connection, is_final: bool) {
        let Some(calls) = &mut self.calls else {
            return self.conclude(connection);
        };
        calls.ended.push((connection.clone(), is_final));
        if calls.ended.len() > ENDED {
            self.catch_up();
        }
    }

    /// It is quiet: what waited is told.
    fn catch_up(&mut self) {
        let ended = self.calls.as_mut();
        let ended = ended.map(|calls| std::mem::take(&mut calls.ended));
        for (connection, is_final) in ended.into_iter().flatten() {
            self.conclude(&connection);
            if is_final {
                self.told.remove(&connection.id());
            }
        }
    }

    fn conclude(&mut self, connection: &Connection) {
        let Some(told) = self.told.get_mut(&connection.id()) else {
            return;
        };
        if told.concluded || !self.held.admits(self.full) {
            return;
        }
        told.concluded = true;
        let beat = Beat {
            act: told.act,
            what: What::End(explain::conclusion(connection)),
            phase: None,
            reach: Some(told.ruler.reaches()),
            terms: explain::related_to_end(connection),
        };
        self.tell(beat, 0);
    }

    /// Waits until whoever watches has seen enough.
    fn wait(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.stage, Ok(None))?.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(shown)) => shown,
            Some(Err(_)) => Err(io::Error::other("the stage failed")),
        }
    }
}

impl Sink for LiveStep {
    fn segment(&mut self, tracked: &Tracked<'_>) -> io::Result<()> {
        let (segment, change, connection) = (tracked.segment, tracked.change, tracked.connection);
        let known = self.told.contains_key(&change.connection);
        if (!known && self.told.len() >= TOLD_AT_ONCE) || !self.held.admits(self.full) {
            return Ok(());
        }
        if !known {
            let act = Act {
                title: explain::title(connection, self.places.of([segment]), false),
                before: [Side::Client, Side::Server].map(|side| connection.state_before(side)),
                margins: None,
                highest_frame: segment.frame,
            };
            let _ = self.events.send(Event::Begins(Box::new(act)));
            let told = Told {
                act: self.acts,
                start: segment.time,
                narrator: Narrator::live(self.wording),
                ruler: Ruler::default(),
                phase: None,
                concluded: false,
            };
            self.acts += 1;
            self.told.insert(change.connection, told);
            self.tell_loose(change.connection);
        }
        let Some(told) = self.told.get_mut(&change.connection) else {
            return Ok(());
        };
        let mut step = told.narrator.step(segment, change, connection);
        told.phase = step.heading.take().or(told.phase.take());
        let beat = Beat {
            act: told.act,
            what: What::Packet(Box::new(step)),
            phase: told.phase.clone(),
            reach: Some(told.ruler.learn(segment, change, connection)),
            terms: explain::related(segment, change),
        };
        self.tell(beat, segment.frame);
        if connection.verdict().is_final() {
            self.end(connection, false);
        }
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        if self.calls.is_some() {
            self.end(connection, true);
            return Ok(());
        }
        self.conclude(connection);
        self.told.remove(&connection.id());
        Ok(())
    }

    fn call(&mut self, made: &Made<'_>) -> io::Result<()> {
        let own = made.connection.filter(|id| self.told.contains_key(id));
        match (own, &mut self.calls) {
            (Some(id), Some(_)) => self.tell_call(made.call, made.moment, id),
            (None, Some(calls)) => {
                if made.moment != Moment::Called {
                    // It is told whole, and not once more where its beginning waits.
                    let (side, time) = (made.call.side, made.call.time);
                    calls
                        .loose
                        .retain(|(call, _)| (call.side, call.time) != (side, time));
                }
                if calls.loose.len() < LOOSE {
                    calls.loose.push((made.call.clone(), made.moment));
                }
            }
            (_, None) => {}
        }
        Ok(())
    }

    fn pause(&mut self, quiet: Quiet) -> io::Result<()> {
        if quiet == Quiet::While {
            self.catch_up();
        }
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
        self.catch_up();
        let _ = self.events.send(Event::Over);
        self.wait()
    }

    fn satisfied(&self) -> bool {
        self.held.has_ended() || self.stage.is_err()
    }
}

impl Drop for LiveStep {
    /// Something else went wrong: the terminal is put back before that is said.
    fn drop(&mut self) {
        let _ = self.events.send(Event::Ended);
        let _ = self.wait();
    }
}
