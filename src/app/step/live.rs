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
use crate::app::pipeline::{Quiet, Sink, Tracked};
use crate::app::show::{Manner, Places};
use crate::cli::OutputChoice;
use crate::explain::{self, Narrator, Ruler, Totals, Wording};
use crate::render::stage::{Act, Beat, What};
use crate::tcp::Side;
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
}

/// A connection whose story is told.
struct Told {
    act: usize,
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
                narrator: Narrator::live(self.wording),
                ruler: Ruler::default(),
                phase: None,
                concluded: false,
            };
            self.acts += 1;
            self.told.insert(change.connection, told);
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
            self.conclude(connection);
        }
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        self.conclude(connection);
        self.told.remove(&connection.id());
        Ok(())
    }

    fn pause(&mut self, _quiet: Quiet) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _totals: &Totals) -> io::Result<()> {
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
