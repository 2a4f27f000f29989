//! What can be shown here: characters, columns and colours.

use std::env;

use super::Check;
use super::output::{self, Output};
use crate::app::program;

const ARROWS: &str = "drawing arrows and accents with their own characters";
const COLUMNS: &str = "ladders with states and times beside their arrows";
const COLORS: &str =
    "telling directions and trouble apart at a glance; words always say it as well";

/// Narrower than this, a ladder becomes a list.
const LADDER: u16 = 60;

pub(super) fn checks(output: &Output, color: bool) -> [Check; 3] {
    [locale(), columns(), colors(output, color)]
}

fn locale() -> Check {
    let Some((name, value)) = output::locale() else {
        return Check::absent("utf8", ARROWS, "no locale is set, so drawings are in ASCII")
            .mend("export LANG=C.UTF-8");
    };
    if output::locale_is_utf8() {
        return Check::works("utf8", ARROWS, format!("{name} is {value}"));
    }
    Check::absent(
        "utf8",
        ARROWS,
        format!("{name} is {value}, so drawings are in ASCII"),
    )
    .mend(format!("export {name}=C.UTF-8"))
}

fn columns() -> Check {
    match output::terminal_columns() {
        Some(columns) if columns < LADDER => Check::absent(
            "columns",
            COLUMNS,
            format!("the terminal has {columns}: ladders become lists"),
        )
        .mend(format!(
            "{} replay FILE --width 80 | less -S",
            program::name()
        )),
        Some(columns) => Check::works("columns", COLUMNS, format!("the terminal has {columns}")),
        None => Check::works(
            "columns",
            COLUMNS,
            "no terminal: 80 are used, or those of --width",
        ),
    }
}

fn colors(output: &Output, color: bool) -> Check {
    if color {
        return Check::works("colors", COLORS, "on");
    }
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let found = if set("NO_COLOR") {
        "off: NO_COLOR is set"
    } else if !output.is_terminal() {
        "off: the output is no terminal"
    } else if env::var("TERM").as_deref() == Ok("dumb") {
        "off: TERM is dumb"
    } else {
        "off"
    };
    Check::absent("colors", COLORS, found).mend(format!("{} ... --color always", program::name()))
}
