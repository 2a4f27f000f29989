//! The loop of a presentation: keys, packets and the clock come in, screens go out.
//!
//! Everything arrives as an [`Event`] on one channel, and screens go to a [`Surface`], so that a test needs no terminal.

use std::fmt::Write as _;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::keys::Key;
use super::play::Play;
use super::program::{Program, Supply};
use crate::app::say::Tone;
use crate::explain;
use crate::render::stage::{self, Act, Beat, Board, Hold, Screen, What};
use crate::render::{Style, Width};
use crate::time::Span;

/// A longer wait is cut to this: nobody looks at a picture that does not change for longer.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long the last packet of a connection stays before its verdict, at any speed.
const LAST_LOOK: Duration = Duration::from_secs(3);
/// The size of a terminal that does not know its own.
const USUAL: (usize, usize) = (80, 24);
/// Messages that wait for their packets; somebody who looks at none of them for hours misses the others.
const LATER: usize = 16;
/// Taller than any terminal; bounds the memory of a screen.
const TALLEST: usize = 500;

/// What happens while packets are presented.
#[derive(Debug)]
pub(super) enum Event {
    /// A key was pressed.
    Key(Key),
    /// The terminal has another size.
    Resized,
    /// A connection begins: its number, and what is known of it.
    Begins(Box<Act>),
    /// A beat can be revealed.
    Told(Box<Beat>, u64),
    /// No more beats will come.
    Over,
    /// Another part of the program has something to say.
    Said(String, Tone),
    /// A signal, or the terminal is gone.
    Ended,
}

/// What screens are shown on.
pub(super) trait Surface {
    /// Columns and lines, where they are known.
    fn size(&self) -> Option<(usize, usize)>;

    /// Shows a screen.
    fn show(&mut self, lines: &[String]) -> io::Result<()>;
}

/// A presentation that goes on.
pub(super) struct Player<'a> {
    play: Play,
    program: Program,
    supply: Supply<'a>,
    /// What was said last by other parts of the program.
    notice: Option<String>,
    /// What they said of packets that are still to be shown, and after how many beats it is true.
    later: Vec<(u64, String)>,
    /// Lines of the explanation that were read.
    scroll: usize,
    /// Where the explanation goes on, if the screen cuts it.
    more: Option<usize>,
    /// Words are explained, from this line on.
    help: Option<usize>,
    /// Beats come by themselves; the next one is due then.
    playing: bool,
    due: Option<Instant>,
    over: bool,
}

/// Whether it goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    Goes,
    Ends,
}

impl<'a> Player<'a> {
    pub(super) fn new(play: Play, program: Program, supply: Supply<'a>) -> Self {
        Self {
            over: matches!(supply, Supply::Whole),
            playing: program.speed.is_some(),
            play,
            program,
            supply,
            notice: None,
            later: Vec::new(),
            scroll: 0,
            more: None,
            help: None,
            due: None,
        }
    }

    /// Presents until somebody ends it.
    pub(super) fn run(
        &mut self,
        events: &Receiver<Event>,
        surface: &mut dyn Surface,
    ) -> io::Result<()> {
        self.look_ahead();
        loop {
            // Whatever has happened meanwhile is seen on one screen: a flood of packets is no flood of screens.
            while let Ok(event) = events.try_recv() {
                if self.take(event) == Flow::Ends {
                    return Ok(());
                }
            }
            self.show(surface)?;
            let event = match self.due {
                Some(due) => events.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let flow = match event {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {
                    self.forward();
                    Flow::Goes
                }
                Err(RecvTimeoutError::Disconnected) => Flow::Ends,
            };
            if flow == Flow::Ends {
                return Ok(());
            }
        }
    }

    fn take(&mut self, event: Event) -> Flow {
        match event {
            Event::Key(Key::Interrupt) | Event::Ended => return Flow::Ends,
            Event::Key(key) if self.help.is_some() => self.help_key(key),
            Event::Key(Key::Quit) => return Flow::Ends,
            Event::Key(key) => self.key(key),
            Event::Resized => self.scroll = 0,
            Event::Begins(act) => {
                self.play.begin(*act);
            }
            Event::Told(beat, frame) => {
                self.play.know(beat.act, frame);
                self.play.add(*beat);
                if self.due.is_none() {
                    self.look_ahead();
                }
            }
            Event::Over => self.over = true,
            Event::Said(words, tone) => self.hear(&words, tone),
        }
        Flow::Goes
    }

    /// Whoever reads that a server is stopped must have seen it stop.
    fn hear(&mut self, words: &str, tone: Tone) {
        // It was broken into lines for another width.
        let words: Vec<&str> = words.split_whitespace().collect();
        let words = words.join(" ");
        let told = self.play.told();
        if tone == Tone::Problem || told <= self.play.at() {
            self.notice = Some(words);
        } else if self.later.len() < LATER {
            self.later.push((told, words));
        }
    }

    fn key(&mut self, key: Key) {
        match key {
            Key::Next if self.playing => self.hold(),
            Key::Next => self.forward(),
            Key::Back => {
                self.hold();
                if self.play.back() {
                    self.turned();
                }
            }
            Key::Restart => {
                self.play.restart();
                self.turned();
                self.look_ahead();
            }
            Key::Last => {
                self.hold();
                // Where it is already, what was said last stays to be read.
                if self.play.waiting() > 0 || self.play.asking() {
                    self.play.last();
                    self.reached();
                }
            }
            Key::Help => {
                // What is read must not change under the reader.
                self.hold();
                self.help = Some(0);
            }
            Key::More => self.scroll = self.more.unwrap_or(self.scroll),
            Key::Less => self.scroll = self.scroll.saturating_sub(3),
            Key::Play if self.program.speed.is_some() => {
                self.playing = !self.playing;
                self.look_ahead();
            }
            Key::Play | Key::Escape | Key::Quit | Key::Interrupt => {}
        }
    }

    /// While words are explained, keys turn their pages.
    fn help_key(&mut self, key: Key) {
        self.help = match (key, self.more) {
            (Key::Next | Key::More, Some(more)) => Some(more),
            (Key::Less, _) => self.help.map(|line| line.saturating_sub(3)),
            (Key::Next | Key::Back | Key::Help | Key::Escape | Key::Quit, _) => None,
            _ => self.help,
        };
    }

    fn hold(&mut self) {
        self.playing = false;
        self.due = None;
    }

    fn forward(&mut self) {
        if self.play.next() {
            self.reached();
        }
        self.look_ahead();
    }

    /// A later packet is on the screen; what still comes must not pile up behind it.
    fn reached(&mut self) {
        let at = self.play.at();
        self.supply.reached(at);
        self.turned();
        let due = self.later.extract_if(.., |(after, _)| *after <= at);
        let words: Vec<String> = due.map(|(_, words)| words).collect();
        if !words.is_empty() {
            self.notice = Some(words.join(" "));
        }
        if !matches!(self.supply, Supply::Whole) {
            self.play.forget();
        }
    }

    /// Another screen: nothing of its explanation was read.
    fn turned(&mut self) {
        self.scroll = 0;
        self.notice = None;
    }

    /// When the next beat is due, if beats come by themselves.
    fn look_ahead(&mut self) {
        self.due = None;
        let Some(speed) = self.program.speed.filter(|_| self.playing) else {
            return;
        };
        let Some(following) = self.play.following() else {
            return;
        };
        let gap = match self.play.current() {
            _ if self.play.asking() => Span::ZERO,
            Some(current) if current.act == following.act => current.gap_to(following),
            _ => Span::ZERO,
        };
        let gap = Duration::from_nanos(gap.as_nanos().max(0).unsigned_abs());
        // The last packet is read before the verdict covers its explanation.
        let wanted = if matches!(following.what, What::End(_)) {
            LAST_LOOK
        } else {
            speed.stretch(gap)
        };
        if wanted > LONGEST_WAIT {
            self.notice = Some(format!(
                "the wait of {} at this speed is cut to {} s",
                Span::from_nanos(i64::try_from(wanted.as_nanos()).unwrap_or(i64::MAX)).in_words(),
                LONGEST_WAIT.as_secs()
            ));
        }
        self.due = Some(Instant::now() + wanted.min(LONGEST_WAIT));
    }

    // --- screens ---

    fn show(&mut self, surface: &mut dyn Surface) -> io::Result<()> {
        let (columns, lines) = surface.size().unwrap_or(USUAL);
        let style = Style {
            // A terminal narrower than a style can be shows the left of it.
            width: Width::new(self.program.columns.unwrap_or(columns).min(columns)),
            ..self.program.style.clone()
        };
        let screen = self.screen(&style, lines.clamp(1, TALLEST));
        self.more = screen.more;
        surface.show(&screen.lines)
    }

    fn screen(&self, style: &Style, height: usize) -> Screen {
        if let Some(scroll) = self.help {
            let Some(current) = self.play.current() else {
                let manual = [self.intro(), self.program.manual()].concat();
                return stage::manual(&manual, scroll, style, height);
            };
            let terms = &current.terms;
            return stage::help(terms, &self.about(), scroll, style, height);
        }
        let nothing = Act::nothing();
        let (index, act) = self.play.act().unwrap_or((usize::MAX, &nothing));
        let (mut shown, forgotten) = self.play.revealed(index);
        // Before the first beat of another connection is answered, nothing of that connection was shown.
        if self.play.asking() {
            shown.retain(|beat| beat.act == index);
        }
        let question = self.question();
        let intro = self.intro();
        stage::compose(
            &Board {
                act,
                shown: &shown,
                forgotten,
                asks: question.as_deref(),
                intro: &intro,
                counter: &self.counter(),
                origin: &self.origin(),
                notice: self.notice.as_deref(),
                scroll: self.scroll,
                hold: self.holding(),
            },
            style,
            height,
        )
    }

    fn intro(&self) -> Vec<String> {
        let mut intro = self.program.intro.clone();
        if self.play.told() == 0 && !self.over {
            intro.push("No packet has come yet.".to_owned());
        } else if self.play.told() == 0 {
            intro.push("No packet came.".to_owned());
        }
        intro
    }

    fn question(&self) -> Option<String> {
        let following = self.play.following().filter(|_| self.play.asking())?;
        if matches!(following.what, What::End(_)) {
            return Some(explain::how_it_ends().to_owned());
        }
        let reach = self
            .play
            .current()
            .filter(|current| current.act == following.act)
            .and_then(|current| current.reach);
        let reach = reach.filter(|_| !self.program.raw_seq);
        let mut question = match following.what {
            What::Half(_) => explain::what_happens_next(reach),
            _ => explain::what_next(reach),
        };
        // The scenario's own question has its place before the last packets.
        let later = self.play.at() * 2 >= self.play.told();
        if let Some(own) = self.program.question.filter(|_| later) {
            question.push(' ');
            question.push_str(own);
        }
        Some(question)
    }

    fn about(&self) -> String {
        match self.play.current().map(|beat| &beat.what) {
            Some(What::Packet(step)) => format!("packet {}, {}", step.frame, step.arrow.name),
            Some(What::Half(event)) => event.in_words(),
            Some(What::Call(call)) => format!("the call of {}()", call.name),
            Some(What::Several { .. }) => "the folded packets".to_owned(),
            Some(What::End(conclusion)) => format!("the verdict, {}", conclusion.word),
            None => "nothing yet".to_owned(),
        }
    }

    fn counter(&self) -> String {
        let (at, told) = self.play.packets();
        let many = if self.over { "" } else { " so far" };
        format!("{at} of {told}{many}")
    }

    fn origin(&self) -> String {
        if self.play.told() == 0 {
            // Where packets come from is said of packets.
            return String::new();
        }
        let mut origin = self.program.origin.clone();
        let (at, told) = self.play.packets();
        let waiting = told - at;
        if !matches!(self.supply, Supply::Whole) && waiting > 0 {
            // Writing to a string cannot fail.
            let _ = write!(origin, "; {waiting} more wait");
        }
        let dropped = self.supply.dropped();
        if dropped > 0 {
            let _ = write!(origin, "; {}", stage::not_kept(dropped));
        }
        origin
    }

    fn holding(&self) -> Hold {
        match (self.play.waiting(), self.program.speed.is_some()) {
            (0, _) if self.over => Hold::End,
            (0, _) => Hold::Waiting,
            (_, true) if self.playing => Hold::Playing,
            (_, true) => Hold::Paused,
            (_, false) => Hold::Next,
        }
    }
}

#[cfg(test)]
mod tests;
