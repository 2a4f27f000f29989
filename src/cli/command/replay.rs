//! `replay`: which capture, which part of it, and which rows of its table.

use std::path::{Path, PathBuf};

use super::output::{OutputChoice, Present, output};
use super::resources::{Resources, resources};
use super::{Checked, differ, labels, or_default_port};
use crate::cli::args::ReplayArgs;
use crate::cli::choice::Format;
use crate::cli::expect::Expectation;
use crate::cli::value::Moment;
use crate::explain::Sort;
use crate::track::{LabelRules, Verdict};

/// `replay`.
#[derive(Clone, Debug)]
pub struct ReplayCommand {
    /// The capture; `-` is standard input.
    pub file: PathBuf,
    /// Which part of it.
    pub selection: Selection,
    /// Only packets that match, in libpcap's language.
    pub filter: Option<String>,
    /// Ports that are servers' where no SYN tells.
    pub ports: Vec<u16>,
    /// Where to save the selected frames.
    pub write: Option<PathBuf>,
    /// Only the header of this frame.
    pub header: Option<u64>,
    /// How a table is laid out.
    pub table: TableChoice,
    /// Whose rules give labels.
    pub labels: LabelRules,
    /// What every selected connection has to fulfil.
    pub expect: Vec<Expectation>,
    /// What it may use.
    pub resources: Resources,
    /// Give up rights before looking at packets.
    pub sandboxed: bool,
    /// How it is shown.
    pub output: OutputChoice,
}

/// Which part of a capture is shown. Empty lists and `None` select everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// Connections by number.
    pub connections: Vec<u32>,
    /// Connections by verdict.
    pub verdicts: Vec<Verdict>,
    /// Not before this moment.
    pub from: Option<Moment>,
    /// Not after this moment.
    pub to: Option<Moment>,
    /// Only the connection of this frame, around it.
    pub around: Option<u64>,
}

impl Selection {
    /// Whether everything is selected.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// Which rows a table has, and in which order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TableChoice {
    /// Their order.
    pub sort: Sort,
    /// How many of them.
    pub rows: Rows,
}

/// How many rows a table has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rows {
    /// About as many as a screen holds; a line says how many more there are.
    #[default]
    Screenful,
    /// The first so many.
    Top(usize),
    /// All.
    All,
}

pub(super) fn replay(args: ReplayArgs) -> Checked<ReplayCommand> {
    let mut output = output(args.output, &args.present)?;
    // A fold could hide the very frame that is asked for, and there is only about a screen around it.
    output.all_packets |= args.around.is_some();
    if args.syscalls {
        return Err(
            "a recording has no system calls: --syscalls is for live and demo, \
             which show those of the built-in server and client"
                .to_owned(),
        );
    }
    if args.header && (output.format.is_some() || !args.analysis.expect.is_empty()) {
        return Err("--header draws one frame: it takes neither --format nor --expect".to_owned());
    }
    if args.header && output.present != Present::default() {
        return Err(
            "--header draws one frame: there is nothing to step through or to play".to_owned(),
        );
    }
    output.format = Choosing {
        sorted: args.sort != Sort::default(),
        counted: args.all || args.top.is_some(),
        growing: args.file == Path::new("-"),
    }
    .format(&output)?;
    if let (Some(Moment::Frame(from)), Some(Moment::Frame(to))) = (args.from, args.to)
        && from > to
    {
        return Err(format!("--from {from} comes after --to {to}"));
    }
    let input = Some(args.file.as_path()).filter(|file| *file != Path::new("-"));
    differ(input, output.file.as_deref(), "the capture and --output")?;
    differ(input, args.write.as_deref(), "the capture and --write")?;
    differ(
        args.write.as_deref(),
        output.file.as_deref(),
        "--write and --output",
    )?;
    let rows = match args.top {
        _ if args.all => Rows::All,
        Some(count) => Rows::Top(count),
        None => Rows::Screenful,
    };
    Ok(ReplayCommand {
        file: args.file,
        selection: Selection {
            connections: args.connection,
            verdicts: args.verdict,
            from: args.from,
            to: args.to,
            around: args.around,
        },
        filter: args.filter,
        ports: or_default_port(args.port),
        write: args.write,
        header: args.frame,
        table: TableChoice {
            sort: args.sort,
            rows,
        },
        labels: labels(args.analysis.compat),
        expect: args.analysis.expect,
        resources: resources(&args.limits)?,
        sandboxed: !args.sandbox.no_sandbox,
        output,
    })
}

/// Which connections are shown, and in which order. That is not up to every format.
struct Choosing {
    /// `--sort` says so.
    sorted: bool,
    /// `--top` or `--all` do.
    counted: bool,
    /// It may not be known which connections there are.
    growing: bool,
}

impl Choosing {
    /// The format in which it can be done. An order alone asks for the table; packets that are shown as they come have
    /// neither an order of connections nor a first few of them.
    fn format(self, output: &OutputChoice) -> Checked<Option<Format>> {
        let unknown = self.counted && self.growing;
        let presented = output.present.step || output.present.speed.is_some();
        match output.format {
            None if !presented && (self.sorted || unknown) => Ok(Some(Format::Table)),
            None | Some(Format::Timeline) if self.sorted => Err(
                "--sort orders the rows of a table, and ladders stand in the order of their numbers: use --format table"
                    .to_owned(),
            ),
            None | Some(Format::Timeline) if unknown => Err(
                "--top and --all are about connections that are known, and a pipe is shown as it comes: use --format table"
                    .to_owned(),
            ),
            Some(Format::Plain | Format::Summary | Format::Json) if self.sorted || self.counted => {
                Err("--sort, --top and --all are about the table: use --format table".to_owned())
            }
            format => Ok(format),
        }
    }
}
