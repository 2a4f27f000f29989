//! `doctor`: what works on this machine, what does not, and the command that mends it.
//!
//! Everything is found out by looking, or by trying in a child process that is thrown away: nothing is changed, sent or
//! kept. What is merely not there is no fault; each check says what it would be good for.

#[cfg(target_os = "linux")]
mod kernel;
mod packets;
mod screen;

use std::io::{self, Write};

use super::exit::ExitCode;
use super::failure::Failure;
use super::output::{self, Output};
use crate::cli::{DoctorCommand, Format};
use crate::render::{Explain, Ink, Line, Style, escape, shell};

/// Columns of "works" or "absent" with the space behind it.
const STATE: usize = 8;
/// Columns of a check's name with the space behind it.
const NAME: usize = 18;
/// Below this many columns the words stand under the name instead of beside it.
const ALIGNED_FROM: usize = 60;
/// Where the words stand then.
const INDENT: usize = 2;

/// One thing that was looked at.
struct Check {
    /// A key for scripts; with spaces it is the name for people.
    name: &'static str,
    /// Whether it can be used.
    works: bool,
    /// What was found, as a sentence without its period.
    found: String,
    /// What it is good for.
    good_for: &'static str,
    /// What would mend it: mostly a command for a shell.
    mend: Option<String>,
}

impl Check {
    fn works(name: &'static str, good_for: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            works: true,
            found: found.into(),
            good_for,
            mend: None,
        }
    }

    fn absent(name: &'static str, good_for: &'static str, found: impl Into<String>) -> Self {
        Self {
            works: false,
            ..Self::works(name, good_for, found)
        }
    }

    fn mend(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(command.into());
        self
    }
}

/// What was found out, and what follows from it.
struct Findings {
    checks: Vec<Check>,
    /// Whether `live` would capture on this machine's loopback interface.
    live: bool,
    /// Whether `demo` would capture, there or in a private network.
    demo: bool,
    /// Whether enough files can be open for either of them; without, not even recordings are played.
    files: bool,
}

impl Findings {
    /// What follows for somebody who wants to use the program.
    fn in_words(&self) -> &'static str {
        match (self.live, self.demo, self.files) {
            (true, ..) => "`live` and `demo` would capture",
            (false, true, _) => {
                "`demo` and `live --private` would capture, in a private network; `live` would not"
            }
            (false, false, true) => {
                "neither `live` nor `demo` would capture: `demo` plays recordings, and `replay` reads captures"
            }
            (false, false, false) => {
                "neither `live` nor `demo` would run: too few files can be open at once"
            }
        }
    }
}

/// Looks, and says what was found.
pub(crate) fn doctor(command: &DoctorCommand) -> Result<ExitCode, Failure> {
    let output = Output::open(command.output.file.as_deref())?;
    let style = output::style(&command.output, &output, Explain::Brief);
    let findings = look(&output, style.color);
    let code = if findings.live || findings.demo {
        ExitCode::Fine
    } else {
        ExitCode::NotPermitted
    };
    match write(&findings, command, &style, output) {
        Ok(()) => Ok(code),
        Err(error) => Failure::output(&error).map_or(Ok(code), Err),
    }
}

fn look(output: &Output, color: bool) -> Findings {
    // First, while this process has a single thread: they fork.
    let private = packets::private_network();
    #[cfg(target_os = "linux")]
    let other_wire = private.works && kernel::other_wire();
    let capture = packets::capture();
    let files = packets::open_files();
    let enough = files.works;
    let live = capture.works() && enough;
    let demo = live || (private.works && enough);
    let mut checks = capture.checks();
    checks.push(files);
    checks.push(private);
    #[cfg(target_os = "linux")]
    checks.extend(kernel::checks(other_wire));
    checks.extend(screen::checks(output, color));
    Findings {
        checks,
        live,
        demo,
        files: enough,
    }
}

fn write(
    findings: &Findings,
    command: &DoctorCommand,
    style: &Style,
    mut out: Output,
) -> io::Result<()> {
    let checks = &findings.checks;
    if command.output.format == Some(Format::Json) {
        for check in checks {
            out.write_all(&json(check))?;
        }
        return out.flush();
    }
    for check in checks {
        Page::new(style, &mut out).check(check)?;
    }
    writeln!(out)?;
    let mut page = Page::new(style, &mut out);
    page.words(findings.in_words(), 0, Ink::Strong)?;
    page.end()?;
    out.flush()
}

/// One object, on one line.
fn json(check: &Check) -> Vec<u8> {
    let mut line = format!(
        "{{\"type\":\"check\",\"name\":\"{}\",\"works\":{}",
        check.name, check.works
    )
    .into_bytes();
    for (key, value) in [
        ("found", Some(check.found.as_str())),
        ("good_for", Some(check.good_for)),
        ("mend", check.mend.as_deref()),
    ] {
        line.extend_from_slice(b",\"");
        line.extend_from_slice(key.as_bytes());
        line.extend_from_slice(b"\":");
        match value {
            Some(text) => {
                line.push(b'"');
                escape::json(&mut line, text.as_bytes());
                line.push(b'"');
            }
            None => line.extend_from_slice(b"null"),
        }
    }
    line.extend_from_slice(b"}\n");
    line
}

/// Lines of text under construction.
struct Page<'a> {
    line: Line,
    width: usize,
    out: &'a mut dyn Write,
}

impl<'a> Page<'a> {
    fn new(style: &Style, out: &'a mut dyn Write) -> Self {
        Self {
            line: Line::new(style),
            width: style.width.columns(),
            out,
        }
    }

    /// State, name, what was found; of what is absent also what it would be good for, and how to get it.
    fn check(&mut self, check: &Check) -> io::Result<()> {
        let (state, ink) = if check.works {
            ("works", Ink::Plain)
        } else {
            ("absent", Ink::Problem)
        };
        self.line.put(state, ink);
        self.space_to(STATE);
        self.line.put(&check.name.replace('_', " "), Ink::Strong);
        let indent = if self.width < ALIGNED_FROM {
            self.end()?;
            INDENT
        } else {
            STATE + NAME
        };
        self.words(&check.found, indent, Ink::Plain)?;
        self.end()?;
        if !check.works {
            let good_for = format!("good for: {}", check.good_for);
            self.words(&good_for, indent, Ink::Quiet)?;
            self.end()?;
        }
        if let Some(mend) = &check.mend {
            // It is there to be copied.
            for line in shell::lines(mend, self.width.saturating_sub(indent)) {
                self.space_to(indent);
                self.line.put(&line, Ink::Strong);
                self.end()?;
            }
        }
        Ok(())
    }

    /// Words from column `indent` on, continued there on further lines.
    fn words(&mut self, text: &str, indent: usize, ink: Ink) -> io::Result<()> {
        for word in text.split(' ') {
            let begun = self.line.width() > indent;
            if begun && self.line.width() + 1 + word.chars().count() > self.width {
                self.end()?;
            } else if begun {
                self.line.put(" ", ink);
            }
            self.space_to(indent);
            self.line.put(word, ink);
        }
        Ok(())
    }

    fn space_to(&mut self, column: usize) {
        let missing = column.saturating_sub(self.line.width());
        self.line.put(&" ".repeat(missing), Ink::Plain);
    }

    fn end(&mut self) -> io::Result<()> {
        self.line.finish(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Width;

    fn shown(check: &Check, columns: usize) -> String {
        let style = Style {
            width: Width::new(columns),
            ..Style::default()
        };
        let mut out = Vec::new();
        let mut page = Page::new(&style, &mut out);
        page.check(check).expect("memory is written");
        String::from_utf8(out).expect("UTF-8")
    }

    fn absent() -> Check {
        Check::absent(
            "tun_device",
            "lost packets in `demo`",
            "there is no /dev/net/tun on this machine",
        )
        .mend("sudo modprobe tun")
    }

    #[test]
    fn what_is_absent_says_what_it_is_good_for_and_how_to_get_it() {
        assert_eq!(
            shown(&absent(), 60),
            "absent  tun device        there is no /dev/net/tun on this\n\
             \x20                         machine\n\
             \x20                         good for: lost packets in `demo`\n\
             \x20                         sudo modprobe tun\n"
        );
        assert_eq!(
            shown(&absent(), 40),
            "absent  tun device\n  \
             there is no /dev/net/tun on this\n  \
             machine\n  \
             good for: lost packets in `demo`\n  \
             sudo modprobe tun\n"
        );
    }

    #[test]
    fn the_name_of_an_interface_is_hostile() {
        let check = Check::works("interfaces", "", "\u{1b}[2J\u{202e}\"");
        assert!(!shown(&check, 80).contains(['\u{1b}', '\u{202e}']));
        assert_eq!(
            String::from_utf8(json(&check)).expect("UTF-8"),
            "{\"type\":\"check\",\"name\":\"interfaces\",\"works\":true,\
             \"found\":\"\\u001b[2J\\u202e\\\"\",\"good_for\":\"\",\"mend\":null}\n"
        );
    }
}
