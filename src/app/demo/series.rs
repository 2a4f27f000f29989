//! `demo --all` and `demo --course`: one scenario after the other.
//!
//! Each plays in a child process of its own, because each wants another network and gives up its rights before it looks at
//! a packet. This process looks at none: it learns from a child in a few words what came of it.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::judge::Judgement;
use super::{Performance, Telling, no_such};
use crate::app::descriptors;
use crate::app::exit::ExitCode;
use crate::app::failure::Failure;
use crate::app::output::{self, Output};
use crate::app::program;
use crate::app::say;
use crate::app::step;
use crate::cli::{DemoCommand, Format};
use crate::lab::apart::{Ended, Reporter, apart};
use crate::lab::scenario::{SCENARIOS, Scenario};
use crate::render::lesson::{self, Lesson, LessonResult};
use crate::render::{Explain, Style, json};

/// What a class is asked to press.
const KEYS: &str = "Enter shows it   s the next one   q the end ";
/// Where a terminal gives whole lines only.
const LINES: &str = "Enter shows it; s Enter: the next one; q Enter: the end ";

/// Plays all scenarios.
pub(super) fn all(command: &DemoCommand, port: u16) -> Result<ExitCode, Failure> {
    Series::new(command, port)?.run(SCENARIOS, Pace::AtOnce)
}

/// Goes through the scenarios in a class, from one of them on.
pub(super) fn course(
    command: &DemoCommand,
    from: Option<&str>,
    port: u16,
) -> Result<ExitCode, Failure> {
    let first = match from {
        Some(name) => SCENARIOS
            .iter()
            .position(|scenario| scenario.name == name)
            .ok_or_else(|| no_such(name))?,
        None => 0,
    };
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::new(
            ExitCode::Usage,
            "a course asks before it shows: it needs a terminal to ask at",
        )
        .hint(format_args!(
            "this plays all scenarios without a pause:\n{} demo --all",
            program::name()
        )));
    }
    Series::new(command, port)?.run(&SCENARIOS[first..], Pace::WithClass)
}

/// Whether somebody is asked before anything is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    AtOnce,
    WithClass,
}

/// What a class wants.
enum Answer {
    Show,
    Skip,
    End,
}

impl Answer {
    /// What a key means; `None`: nothing.
    const fn of(key: u8) -> Option<Self> {
        Some(match key {
            b' ' => Self::Show,
            b's' | b'S' => Self::Skip,
            // Or no more keys come.
            b'q' | 0 => Self::End,
            _ => return None,
        })
    }
}

struct Series<'a> {
    command: &'a DemoCommand,
    port: u16,
    output: Output,
    style: Style,
    /// Ctrl-C was pressed while a scenario was being shown.
    interrupted: Arc<AtomicBool>,
    /// Nothing is being shown, and Ctrl-C ends this process as usual.
    asking: Arc<AtomicBool>,
    /// The terminal is as it was found, and other signals end this process as usual.
    usual: Arc<AtomicBool>,
    results: Vec<LessonResult>,
}

impl<'a> Series<'a> {
    fn new(command: &'a DemoCommand, port: u16) -> Result<Self, Failure> {
        // A child has those of its parent, too: the output, and a pipe for its report.
        descriptors::ensure(descriptors::WITH_TRAFFIC + 3, ExitCode::Lab)?;
        let output = Output::open(command.output.file.as_deref())?;
        let style = output::style(&command.output, &output, Explain::Brief);
        let asking = Arc::new(AtomicBool::new(true));
        let usual = Arc::new(AtomicBool::new(true));
        let interrupted = Arc::new(AtomicBool::new(false));
        // Flags need no thread, and there must be none when a child is made.
        [(SIGINT, &asking), (SIGTERM, &usual), (SIGHUP, &usual)]
            .into_iter()
            .try_for_each(|(signal, ends)| {
                flag::register_conditional_default(signal, Arc::clone(ends))
                    .and_then(|_| flag::register(signal, Arc::clone(&interrupted)))
                    .map(drop)
            })
            .map_err(|error| {
                Failure::new(
                    ExitCode::Lab,
                    format_args!("cannot watch for signals: {error}"),
                )
            })?;
        Ok(Self {
            command,
            port,
            output,
            style,
            interrupted,
            asking,
            usual,
            results: Vec::new(),
        })
    }

    fn run(mut self, scenarios: &'static [Scenario], pace: Pace) -> Result<ExitCode, Failure> {
        let told = self.play(scenarios, pace).and_then(|code| match code {
            None => self.conclude(),
            Some(code) => Ok(code),
        });
        match told {
            Ok(code) => Ok(code),
            Err(error) => Failure::output(&error).map_or(Ok(ExitCode::Fine), Err),
        }
    }

    /// Plays one after the other; an exit code where the rest is not worth playing.
    fn play(&mut self, scenarios: &'static [Scenario], pace: Pace) -> io::Result<Option<ExitCode>> {
        let before = SCENARIOS.len() - scenarios.len();
        for (index, scenario) in scenarios.iter().enumerate() {
            if index > 0 && !self.is_json() {
                writeln!(self.output)?;
            }
            self.head(scenario, before + index + 1)?;
            if pace == Pace::WithClass {
                match self.ask(scenario)? {
                    Answer::Show => {}
                    Answer::Skip => continue,
                    Answer::End => break,
                }
            }
            self.asking.store(false, Ordering::SeqCst);
            let begin = Instant::now();
            let ended = self.perform(scenario);
            self.asking.store(true, Ordering::SeqCst);
            let (result, code) = result(scenario, ended, begin.elapsed().as_secs_f64());
            self.keep(result)?;
            match code {
                ExitCode::Interrupted | ExitCode::Output => return Ok(Some(code)),
                _ if self.interrupted.load(Ordering::SeqCst) => break,
                _ => {}
            }
        }
        Ok(None)
    }

    /// One scenario, in a child.
    fn perform(&mut self, scenario: &'static Scenario) -> io::Result<Ended> {
        let output = self.output.again()?;
        let performance = Performance {
            scenario,
            port: self.port,
            write: None,
            sandboxed: self.command.sandboxed,
            choice: &self.command.output,
            telling: Telling::Series,
        };
        apart(move |reporter| report(&performance, output, reporter))
    }

    /// Asks the scenario's question, and what to do: one key, or a line where the terminal gives no single keys.
    fn ask(&mut self, scenario: &Scenario) -> io::Result<Answer> {
        lesson::point("question", scenario.question, &self.style, &mut self.output)?;
        write!(self.output, "{KEYS}")?;
        self.output.flush()?;
        // Signals must not end this process while the terminal is another one than before.
        self.asking.store(false, Ordering::SeqCst);
        self.usual.store(false, Ordering::SeqCst);
        let answer = loop {
            let key = step::answer(&self.interrupted);
            match key.map(Answer::of) {
                Some(None) => {}
                Some(Some(answer)) => break Some(answer),
                None => break None,
            }
        };
        self.asking.store(true, Ordering::SeqCst);
        self.usual.store(true, Ordering::SeqCst);
        writeln!(self.output)?;
        match answer {
            Some(answer) => Ok(answer),
            None => self.ask_for_line(),
        }
    }

    fn ask_for_line(&mut self) -> io::Result<Answer> {
        write!(self.output, "{LINES}")?;
        self.output.flush()?;
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line)?;
        Ok(match line.trim() {
            // Nothing at all: the terminal has gone.
            _ if read == 0 => Answer::End,
            "q" | "Q" => Answer::End,
            "s" | "S" => Answer::Skip,
            _ => Answer::Show,
        })
    }

    /// Keeps a result. A scenario that Ctrl-C ended early has none.
    fn keep(&mut self, result: Option<LessonResult>) -> io::Result<()> {
        let Some(result) = result else {
            return Ok(());
        };
        if self.is_json() {
            let mut line = Vec::new();
            json::lesson(&mut line, &result);
            self.output.write_all(&line)?;
            self.output.flush()?;
        }
        self.results.push(result);
        Ok(())
    }

    fn head(&mut self, scenario: &Scenario, at: usize) -> io::Result<()> {
        if self.is_json() {
            return Ok(());
        }
        let lesson = Lesson {
            place: (at, SCENARIOS.len()),
            name: scenario.name,
            group: scenario.group.name(),
            title: scenario.title,
        };
        lesson::head(&lesson, &self.style, &mut self.output)?;
        self.output.flush()
    }

    fn conclude(&mut self) -> io::Result<ExitCode> {
        if !self.is_json() && !self.results.is_empty() {
            writeln!(self.output)?;
            lesson::table(&self.results, &self.style, &mut self.output)?;
        }
        self.output.flush()?;
        Ok(if self.results.iter().all(LessonResult::is_met) {
            ExitCode::Fine
        } else {
            ExitCode::Lab
        })
    }

    fn is_json(&self) -> bool {
        self.command.output.format == Some(Format::Json)
    }
}

/// In the child: plays, and reports what came of it: how it was played, the verdict, what is wrong.
fn report(performance: &Performance<'_>, output: Output, reporter: &mut Reporter) -> u8 {
    match performance.play(Some(output)) {
        Ok(shown) => {
            let Judgement { verdict, wrong } = shown.judgement.unwrap_or_default();
            let verdict = verdict.unwrap_or_default();
            reporter.say(&format!("{}\n{verdict}\n{wrong}", shown.played));
            shown.code.number()
        }
        Err(failure) => {
            say::problem(&failure);
            let failure = failure.to_string();
            reporter.say(&format!(
                "\n\n{}",
                failure.lines().next().unwrap_or_default()
            ));
            ExitCode::Lab.number()
        }
    }
}

/// What a child reported, and the exit code that matters to the series. Nothing was judged where Ctrl-C ended it early.
fn result(
    scenario: &'static Scenario,
    ended: io::Result<Ended>,
    seconds: f64,
) -> (Option<LessonResult>, ExitCode) {
    let (code, report) = match ended {
        Ok(ended) => (ended.code, ended.report),
        Err(error) => (None, format!("\n\nno process for it: {error}")),
    };
    let mut lines = report.splitn(3, '\n').map(str::trim);
    let mut next = || {
        lines
            .next()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
    };
    let (played, verdict, wrong) = (next(), next(), next());
    let code = [ExitCode::Fine, ExitCode::Interrupted, ExitCode::Output]
        .into_iter()
        .find(|known| Some(i32::from(known.number())) == code)
        .unwrap_or(ExitCode::Lab);
    let failed = code != ExitCode::Fine;
    let judged = failed || verdict.is_some() || wrong.is_some();
    let result = judged.then(|| LessonResult {
        name: scenario.name,
        group: scenario.group.name(),
        played,
        expected: scenario.verdict,
        verdict,
        failed,
        wrong: wrong.unwrap_or_default(),
        seconds,
    });
    (result, code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: Option<i32>, report: &str) -> (Option<LessonResult>, ExitCode) {
        let ended = Ended {
            code,
            report: report.to_owned(),
        };
        result(&SCENARIOS[0], Ok(ended), 0.1)
    }

    #[test]
    fn one_key_is_an_answer_and_others_are_none() {
        for (key, shows, ends) in [
            (b' ', true, false),
            (b's', false, false),
            (b'q', false, true),
            (0, false, true),
        ] {
            let answer = Answer::of(key).expect("an answer");
            assert_eq!(matches!(answer, Answer::Show), shows, "{key}");
            assert_eq!(matches!(answer, Answer::End), ends, "{key}");
        }
        assert!(Answer::of(b'x').is_none());
    }

    #[test]
    fn a_child_is_believed_by_its_code_and_its_words() {
        let met = |code, report| of(code, report).0.expect("judged").is_met();
        assert!(met(Some(0), "live\nclosed\n"));
        assert!(!met(Some(0), "live\nreset\nreset instead of closed"));
        assert!(!met(Some(7), "\n\ncannot set something"));
        assert!(!met(None, ""), "ended by a signal");
        let (nothing, code) = of(Some(0), "live\n\n");
        assert!(nothing.is_none(), "ended by Ctrl-C");
        assert_eq!(code, ExitCode::Fine);
        assert_eq!(of(Some(130), "").1, ExitCode::Interrupted);
        assert_eq!(of(Some(4), "").1, ExitCode::Lab);
    }
}
