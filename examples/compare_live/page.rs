//! The measurements as Markdown.

use std::fmt::Write as _;
use std::time::Duration;

use super::latency::Delays;
use super::watcher::{Taken, WATCHERS};

/// One load: a row for each program, with sums of all rounds, and of times the round in the middle.
pub(crate) fn load(title: &str, taken: &[Vec<Taken>]) -> String {
    let made: Vec<&Taken> = taken.iter().flatten().collect();
    let rates = made.iter().map(|taken| {
        let seconds = taken.made.time.as_secs_f64();
        let bytes = taken.made.bytes as f64 / 1e6 / seconds;
        (taken.sent as f64 / 1000.0 / seconds, bytes)
    });
    let (slowest, fastest) = rates.fold(((f64::MAX, f64::MAX), (0.0, 0.0)), |(low, high), it| {
        let low: (f64, f64) = (it.0.min(low.0), it.1.min(low.1));
        let high: (f64, f64) = (it.0.max(high.0), it.1.max(high.1));
        (low, high)
    });
    let connections = made.first().map_or(0, |taken| taken.made.connections);
    let mut page = format!(
        "\n{title}: {connections} in each round, {:.0} to {:.0} thousand packets and {:.1} to {:.1} MB a second\n\n",
        slowest.0, fastest.0, slowest.1, fastest.1
    );
    page.push_str("| | sent | in the file | said to be lost | to begin | a packet | ratio | all, a packet | ratio |\n");
    page.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    let base = taken.first().map_or((0.0, 0.0), |taken| each(taken));
    for (watcher, taken) in WATCHERS.iter().zip(taken) {
        if taken.is_empty() {
            continue;
        }
        let sum = |of: fn(&Taken) -> u64| taken.iter().map(of).sum::<u64>();
        let (after, all) = each(taken);
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {:.0} ms | {after:.0} ns | {:.2} | {all:.0} ns | {:.2} |",
            watcher.title,
            sum(|taken| taken.sent),
            sum(|taken| taken.saved),
            sum(|taken| taken.dropped),
            middle(taken.iter().map(|taken| taken.start.as_secs_f64())) * 1e3,
            after / base.0,
            all / base.1,
        );
    }
    page
}

/// Nanoseconds of processor time for each packet that was saved, without and with what it takes to begin.
fn each(taken: &[Taken]) -> (f64, f64) {
    let packet = |time: Duration, taken: &Taken| time.as_nanos() as f64 / taken.saved.max(1) as f64;
    (
        middle(taken.iter().map(|taken| packet(taken.processor, taken))),
        middle(
            taken
                .iter()
                .map(|taken| packet(taken.start + taken.processor, taken)),
        ),
    )
}

/// From a packet to its line.
pub(crate) fn latency(delays: &Delays) -> String {
    let millis = |part| delays.of_thousand(part).as_secs_f64() * 1e3;
    format!(
        "\nFrom a packet to its line, {:.0} packets a second, {} packets: \
         50 of 100 within {:.1} ms, 90 within {:.1} ms, 99 within {:.1} ms, all within {:.1} ms\n",
        delays.rate,
        delays.sorted.len(),
        millis(500),
        millis(900),
        millis(990),
        millis(1000),
    )
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
