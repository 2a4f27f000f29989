//! The measurements as Markdown.

use std::fmt::Write;
use std::time::Duration;

use super::contenders::{CONTENDERS, Results};
use super::machine;
use super::once::{LARGEST, LONGEST, Taken};

const MEGA: f64 = 1e6;

/// The whole page. `before`: the load when it began.
pub(crate) fn page(results: &[Results], rounds: u64, before: &str) -> String {
    let mut page = format!(
        "{}; load average {before} before and {} after. Medians of {rounds} rounds.\n\n",
        machine::machine(),
        machine::load()
    );
    captures(&mut page, results);
    page.push_str("\nTime, as a multiple of the bare loop's:\n\n");
    table(&mut page, results, |taken, bare| {
        ratio(taken.wall, bare.wall)
    });
    page.push_str("\nProcessor time of all threads, as a multiple of the bare loop's:\n\n");
    table(&mut page, results, |taken, bare| {
        ratio(taken.processor, bare.processor)
    });
    page.push_str("\nMemory at the peak, in MB:\n\n");
    table(&mut page, results, |taken, _| {
        format!("{:.0}", taken.peak as f64 / MEGA)
    });
    failures(&mut page, results);
    page
}

fn captures(page: &mut String, results: &[Results]) {
    page.push_str("| capture | what it is | packets | MB | bare loop | slowest to fastest |\n");
    page.push_str("| --- | --- | ---: | ---: | ---: | ---: |\n");
    for result in results {
        let mut walls: Vec<Duration> = result.taken[0]
            .iter()
            .flatten()
            .map(|taken| taken.wall)
            .collect();
        walls.sort_unstable();
        let spread = match (walls.first(), walls.last()) {
            (Some(first), Some(last)) => ratio(*last, *first),
            _ => String::new(),
        };
        let bare = median(&result.taken[0]).map_or(Duration::ZERO, |taken| taken.wall);
        line(
            page,
            &[
                result.capture.name,
                result.capture.about,
                &result.made.packets.to_string(),
                &format!("{:.0}", result.made.bytes as f64 / MEGA),
                &format!("{:.1} ms", bare.as_secs_f64() * 1000.0),
                &spread,
            ],
        );
    }
}

/// A row for each contender that ran anywhere, a column for each capture.
fn table(page: &mut String, results: &[Results], cell: impl Fn(Taken, Taken) -> String) {
    let mut head = vec![""];
    head.extend(results.iter().map(|result| result.capture.name));
    line(page, &head);
    let mut rule = vec!["---"];
    rule.extend(results.iter().map(|_| "---:"));
    line(page, &rule);
    for (index, contender) in CONTENDERS.iter().enumerate() {
        if results.iter().all(|result| result.taken[index].is_empty()) {
            continue;
        }
        let mut cells = vec![contender.title.to_owned()];
        for result in results {
            let bare = median(&result.taken[0]);
            let own = median(&result.taken[index]);
            cells.push(match (own, bare) {
                (Some(own), Some(bare)) => cell(own, bare),
                _ if result.taken[index].is_empty() => String::new(),
                _ => "stopped".to_owned(),
            });
        }
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        line(page, &cells);
    }
}

/// Which command did not end well, and how.
fn failures(page: &mut String, results: &[Results]) {
    for result in results {
        for (contender, taken) in CONTENDERS.iter().zip(&result.taken) {
            for problem in taken.iter().filter_map(|taken| taken.as_ref().err()) {
                // Writing to a string cannot fail.
                let _ = writeln!(
                    page,
                    "\nStopped: {} on {}: {problem} (commands get {LONGEST} s of processor time and {} GiB).",
                    contender.title,
                    result.capture.name,
                    LARGEST >> 30
                );
            }
        }
    }
}

fn line(page: &mut String, cells: &[&str]) {
    page.push('|');
    for cell in cells {
        let _ = write!(page, " {cell} |");
    }
    page.push('\n');
}

/// Two digits that mean something.
fn ratio(time: Duration, of: Duration) -> String {
    let ratio = time.as_secs_f64() / of.as_secs_f64().max(f64::MIN_POSITIVE);
    if ratio < 10.0 {
        format!("{ratio:.2}")
    } else {
        format!("{ratio:.0}")
    }
}

/// Of each number the one in the middle.
fn median(taken: &[Result<Taken, String>]) -> Option<Taken> {
    if taken.iter().any(Result::is_err) {
        return None;
    }
    Some(Taken {
        wall: middle(taken.iter().flatten().map(|taken| taken.wall))?,
        processor: middle(taken.iter().flatten().map(|taken| taken.processor))?,
        peak: middle(taken.iter().flatten().map(|taken| taken.peak))?,
    })
}

fn middle<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
