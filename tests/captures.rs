//! What the program prints for each sample capture, as snapshots at the widths and in the glyphs that people have.
//!
//! The captures are committed files, so every byte is stable. After a change that is meant to be seen,
//! `INSTA_UPDATE=always cargo test --test captures` renews the snapshots; the difference is then read as a newcomer would.

#[expect(dead_code, reason = "other tests use the rest")]
mod samples;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread;

use samples::printed;
use unicode_width::UnicodeWidthStr as _;

/// The least that a ladder needs, a usual terminal, a wide one, a very wide one.
const WIDTHS: [usize; 4] = [56, 80, 120, 200];

/// Unicode and ASCII.
const GLYPHS: [(&str, &[&str]); 2] = [("unicode", &[]), ("ascii", &["--ascii"])];

/// Every ladder, and the table above or instead of it, of every capture.
#[test]
fn ladders_and_tables_are_as_before_and_fit() {
    for_each_capture(|name, file| {
        for width in WIDTHS {
            for (glyphs, more) in GLYPHS {
                let columns = width.to_string();
                let mut shown = String::new();
                for format in ["timeline", "table"] {
                    let mut arguments =
                        vec!["replay", file, "--format", format, "--width", &columns];
                    arguments.extend(more);
                    let printed = printed(&arguments);
                    assert_fits(&printed, width, &arguments);
                    assert!(
                        more.is_empty() || printed.is_ascii(),
                        "{arguments:?} prints more than ASCII:\n{printed}"
                    );
                    shown.extend(["$ handshake-watch ", &arguments.join(" "), "\n"]);
                    shown.extend([&printed, "\n"]);
                }
                compare(&format!("{name}-{width}-{glyphs}"), &shown);
            }
        }
    });
}

/// The lines that other programs read.
#[test]
fn json_is_as_before() {
    for_each_capture(|name, file| {
        let json = printed(&["replay", file, "--format", "json"]);
        compare(&format!("{name}-json"), &without_version(&json));
    });
}

/// A sentence a packet, for logs and screen readers.
#[test]
fn plain_is_as_before() {
    let file = "captures/several.pcapng";
    compare(
        "several-plain",
        &printed(&["replay", file, "--format", "plain", "--width", "80"]),
    );
}

/// The counts alone.
#[test]
fn summary_is_as_before() {
    let file = "captures/several.pcapng";
    compare(
        "several-summary",
        &printed(&["replay", file, "--format", "summary", "--width", "80"]),
    );
}

/// The most that is said about each packet.
#[test]
fn full_explanations_are_as_before_and_fit() {
    for name in ["handshake", "unread"] {
        let file = format!("captures/{name}.pcapng");
        let arguments = [
            "replay",
            &file,
            "--explain",
            "full",
            "--payload",
            "--width",
            "80",
        ];
        let shown = printed(&arguments);
        assert_fits(&shown, 80, &arguments);
        compare(&format!("{name}-full"), &shown);
    }
}

/// What a capture shows without any option: the table and, of few connections, the ladders.
#[test]
fn nothing_asked_for_is_table_and_ladders() {
    let shown = printed(&["replay", "captures/handshake.pcapng"]);
    let ladder = printed(&[
        "replay",
        "captures/handshake.pcapng",
        "--format",
        "timeline",
    ]);
    assert!(shown.ends_with(&ladder), "{shown}");
    assert!(shown.len() > ladder.len(), "{shown}");
}

/// Calls this for each capture, several at a time; of those that exist in two formats, for one.
fn for_each_capture(check: impl Fn(&str, &str) + Sync) {
    let names: Vec<String> = fs::read_dir(root().join("captures"))
        .expect("a readable folder")
        .filter_map(|entry| {
            entry
                .expect("a readable entry")
                .file_name()
                .into_string()
                .ok()
        })
        .filter_map(|name| Some(name.strip_suffix(".pcapng")?.to_owned()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert!(names.len() > 5, "only {names:?}");
    thread::scope(|scope| {
        for part in names.chunks(names.len().div_ceil(4)) {
            let check = &check;
            scope.spawn(move || {
                for name in part {
                    check(name, &format!("captures/{name}.pcapng"));
                }
            });
        }
    });
}

fn compare(name: &str, shown: &str) {
    let mut settings = insta::Settings::new();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

fn assert_fits(printed: &str, width: usize, arguments: &[&str]) {
    for line in printed.lines() {
        assert!(
            line.width() <= width,
            "{arguments:?} prints a line of {} columns:\n{line}",
            line.width()
        );
        assert!(
            !line.ends_with(' '),
            "{arguments:?} prints spaces at the end of a line:\n{line}|"
        );
    }
}

/// A new version of the program is no other result.
fn without_version(json: &str) -> String {
    json.replace(
        &format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION")),
        "\"version\":\"...\"",
    )
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
