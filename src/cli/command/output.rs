//! How a result is shown and presented, which is asked of most commands alike.

use std::path::PathBuf;

use super::Checked;
use crate::cli::args::{OutputArgs, PresentArgs};
use crate::cli::choice::{ColorChoice, Format, Ladder, Only};
use crate::cli::value::Speed;
use crate::render::{Explain, TimeColumn};

/// How a result is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each an option of its own"
)]
pub struct OutputChoice {
    /// `None`: what suits the command and the size of the input.
    pub format: Option<Format>,
    /// Narrows JSON.
    pub only: Option<Only>,
    /// `None`: brief where few connections are shown, else only at trouble.
    pub explain: Option<Explain>,
    /// Columns; `None`: the terminal's, else 80.
    pub width: Option<u16>,
    /// ASCII was demanded. Otherwise the locale decides.
    pub ascii: bool,
    /// Whether to use colour.
    pub color: ColorChoice,
    /// What the time column shows.
    pub time: TimeColumn,
    /// Real sequence numbers.
    pub raw_seq: bool,
    /// Show payload bytes.
    pub payload: bool,
    /// Show the system calls of the built-in ends.
    pub syscalls: bool,
    /// Fold nothing.
    pub all_packets: bool,
    /// Whose view of a wire is drawn; `None`: both, where there is room.
    pub ladder: Option<Ladder>,
    /// A file instead of standard output.
    pub file: Option<PathBuf>,
    /// How it is presented to an audience.
    pub present: Present,
}

/// How packets are presented to an audience.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Present {
    /// Hold before each packet until a key is pressed.
    pub step: bool,
    /// Ask what comes next before showing it.
    pub hide: bool,
    /// Play with the packets' own waits at this speed.
    pub speed: Option<Speed>,
    /// To be read from the last row.
    pub big: bool,
}

/// How a result is shown, and presented.
pub(super) fn output(args: OutputArgs, present: &PresentArgs) -> Checked<OutputChoice> {
    let mut output = choice(args)?;
    output.present = Present {
        step: present.step || present.hide,
        hide: present.hide,
        speed: present.speed,
        big: present.big,
    };
    let shows = |formats: &[Format]| output.format.is_none_or(|format| formats.contains(&format));
    let option = if present.step { "--step" } else { "--hide" };
    if output.present.step && !shows(&[Format::Timeline]) {
        return Err(format!(
            "{option} walks through ladders: use --format timeline, or none (--speed plays --format plain, too)"
        ));
    }
    if output.present.step && output.file.is_some() {
        return Err(format!(
            "{option} needs the terminal, and --output is for files: leave out one of them"
        ));
    }
    if output.present.step && output.payload {
        return Err(format!(
            "{option} has no room for --payload: use it without {option}"
        ));
    }
    if output.present.speed.is_some() && !shows(&[Format::Timeline, Format::Plain]) {
        return Err(
            "--speed plays ladders and sentences: use --format timeline or plain".to_owned(),
        );
    }
    if output.present.big && !shows(&[Format::Timeline]) {
        return Err("--big is about ladders: use --format timeline".to_owned());
    }
    Ok(output)
}

pub(super) fn choice(args: OutputArgs) -> Checked<OutputChoice> {
    use Format::{Json, Plain, Timeline};
    let shows = |formats: &[Format]| args.format.is_none_or(|format| formats.contains(&format));
    if args.only.is_some() && args.format != Some(Json) {
        return Err("--only narrows JSON: add --format json".to_owned());
    }
    if args.all_packets && !shows(&[Timeline]) {
        return Err("--all-packets is about ladders: use --format timeline".to_owned());
    }
    if args.payload && !shows(&[Timeline, Plain]) {
        return Err("--payload is shown by --format timeline and --format plain".to_owned());
    }
    Ok(OutputChoice {
        format: args.format,
        only: args.only,
        explain: args.explain,
        width: args.width,
        ascii: args.ascii,
        color: args.color,
        time: args.time,
        raw_seq: args.raw_seq,
        payload: args.payload,
        syscalls: false,
        all_packets: args.all_packets,
        ladder: args.ladder,
        file: args.output,
        present: Present::default(),
    })
}

/// System calls are rows or lines of their own, and not every format has these.
pub(super) fn with_calls(output: OutputChoice, wanted: bool) -> Checked<OutputChoice> {
    let formats = [Format::Timeline, Format::Plain, Format::Json];
    let shown = output.format.is_none_or(|format| formats.contains(&format));
    if wanted && !shown {
        return Err("--syscalls is shown by --format timeline, plain and json".to_owned());
    }
    Ok(OutputChoice {
        syscalls: wanted,
        ..output
    })
}
