//! Which room of the program may know which. The pipeline runs one way, and this test names the line that turns round.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What a room may use of the others: a path below the crate's root, which covers everything under it.
/// `app` and `main` use everything and are not listed.
const ROOMS: [(&str, &[&str]); 12] = [
    ("text", &[]),
    ("time", &["text"]),
    ("tcp", &["text", "time"]),
    ("capture", &["time"]),
    (
        "decode",
        &["capture::Frame", "capture::LinkType", "tcp", "time"],
    ),
    ("reassemble", &["capture::Frame", "decode", "time"]),
    ("track", &["tcp", "time"]),
    ("explain", &["calls", "track", "tcp", "text", "time"]),
    ("render", &["explain", "tcp", "text", "time"]),
    ("calls", &["tcp", "time"]),
    (
        "lab",
        &[
            "calls",
            "capture::Frame",
            "capture::save",
            "privilege",
            "tcp",
            "time",
        ],
    ),
    ("privilege", &[]),
];

/// `cli` takes the words that a user may type from where they mean something, so that there is no second list of them:
/// verdicts, labels and flags, orders of rows, levels and columns. It uses nothing else of these rooms.
const CLI: (&str, &[&str]) = (
    "cli",
    &[
        "explain::Sort",
        "lab::scenario",
        "render::Explain",
        "render::TimeColumn",
        "tcp",
        "time",
        "track",
    ],
);

/// Crates that have a home, and the files or folders under `src` that are it. Small general crates live where they are needed.
const HOMES: [(&str, &[&str]); 14] = [
    ("anyhow", &["app", "main.rs"]),
    ("caps", &["privilege"]),
    // Choices that belong to a style derive `ValueEnum` where they are declared.
    ("clap", &["cli", "render/style.rs"]),
    ("comfy_table", &["render"]),
    ("crossterm", &["app", "tui"]),
    ("etherparse", &["decode", "lab"]),
    ("flate2", &["capture"]),
    ("landlock", &["privilege"]),
    // Sources wait on descriptors, among them the one that ends them; the terminal is set to give each key at once.
    (
        "nix",
        &[
            "app/step/terminal",
            "capture/live",
            "capture/stop.rs",
            "lab",
            "privilege",
        ],
    ),
    ("pcap", &["capture"]),
    ("pcap_parser", &["capture"]),
    ("ruzstd", &["capture"]),
    ("seccompiler", &["privilege"]),
    ("socket2", &["lab"]),
];

/// What writes to the terminal, and where that is allowed.
const TERMINAL: [&str; 4] = ["stdout(", "stderr(", "println!", "eprintln!"];
const TERMINAL_HOMES: [&str; 2] = ["app", "main.rs"];

#[test]
fn rooms_know_only_what_they_may() {
    let mut broken = String::new();
    for source in sources() {
        let Some((_, allowed)) = ROOMS
            .iter()
            .chain([&CLI])
            .find(|(room, _)| source.room() == *room)
        else {
            continue;
        };
        for (line, path) in source.paths_in_crate() {
            let own = path.first().is_some_and(|first| *first == source.room());
            let path = path.join("::");
            let may = own || allowed.iter().any(|prefix| is_below(&path, prefix, "::"));
            if !may {
                let _ = writeln!(
                    broken,
                    "{}:{line}: `{}` may not use `crate::{path}`; it may use: {}",
                    source.name,
                    source.room(),
                    if allowed.is_empty() {
                        "nothing".to_owned()
                    } else {
                        allowed.join(", ")
                    },
                );
            }
        }
    }
    assert!(broken.is_empty(), "the import rules are broken:\n{broken}");
}

#[test]
fn every_room_has_its_rules() {
    for source in sources() {
        let known = ROOMS
            .iter()
            .chain([&CLI])
            .any(|(room, _)| source.room() == *room)
            || ["app", "main", "lib"].contains(&source.room());
        assert!(
            known,
            "{}: add the room `{}` to the table in this test",
            source.name,
            source.room()
        );
    }
}

#[test]
fn crates_stay_at_home() {
    let mut broken = String::new();
    for source in sources() {
        for (name, homes) in HOMES {
            if homes
                .iter()
                .any(|home| is_below(&source.name, &format!("src/{home}"), "/"))
            {
                continue;
            }
            for (number, line) in source.lines() {
                // A choice may say beside its meaning that it can be typed; parsing it stays in `cli`.
                let line = line.replace("clap::ValueEnum", "");
                if names_crate(&line, name) {
                    let _ = writeln!(
                        broken,
                        "{}:{number}: the crate `{name}` is at home in {} only",
                        source.name,
                        homes.join(", ")
                    );
                }
            }
        }
    }
    assert!(broken.is_empty(), "crates away from home:\n{broken}");
}

#[test]
fn only_the_wiring_touches_the_terminal() {
    let mut broken = String::new();
    for source in sources() {
        if TERMINAL_HOMES
            .iter()
            .any(|home| is_below(&source.name, &format!("src/{home}"), "/"))
        {
            continue;
        }
        for (number, line) in source.lines() {
            for word in TERMINAL.iter().filter(|word| line.contains(**word)) {
                let _ = writeln!(
                    broken,
                    "{}:{number}: `{word}` belongs into src/app",
                    source.name
                );
            }
        }
    }
    assert!(
        broken.is_empty(),
        "terminal output outside the wiring:\n{broken}"
    );
}

#[test]
fn every_module_says_what_it_is() {
    for path in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&path).expect("a readable source");
        assert!(
            text.starts_with("//!") || path.ends_with("tests.rs"),
            "{}: begin with `//!`",
            path.display()
        );
    }
}

/// Who looks for something finds it in `docs/architecture.md`, and nothing there that is gone.
#[test]
fn every_module_is_named_in_the_page_on_architecture() {
    let page = page("architecture");
    let (_, section) = page.split_once("## What lies where").expect("a section");
    let (list, _) = section.split_once("\nBeside it").expect("what follows it");
    let mut named = BTreeSet::new();
    for item in list.split("\n- ").skip(1) {
        let mut words = item.split('`').skip(1).step_by(2);
        let room = words.next().expect("a room");
        named.insert(room.to_owned());
        named.extend(words.map(|name| format!("{room}/{name}")));
    }
    let sources = sources();
    let found: BTreeSet<String> = sources
        .iter()
        .filter(|source| !["main", "lib"].contains(&source.room()))
        .flat_map(|source| {
            (1..=source.module.len().min(2)).map(|levels| source.module[..levels].join("/"))
        })
        .collect();
    let missing: Vec<_> = found.difference(&named).collect();
    let gone: Vec<_> = named.difference(&found).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "docs/architecture.md, \"What lies where\": name {missing:?}, and take out {gone:?}"
    );
}

/// Whoever reads `docs/security.md` finds there every file with code whose soundness rests on its author.
#[test]
fn every_unsafe_place_is_named_in_the_page_on_security() {
    let page = page("security");
    let (_, table) = page
        .split_once("`unsafe` is denied by lint. Where")
        .expect("the paragraph before the table");
    let (table, _) = table.split_once("\n## ").expect("the next heading");
    let mut named: Vec<&str> = table
        .split('`')
        .filter(|word| word.starts_with("src/"))
        .collect();
    named.sort_unstable();
    named.dedup();
    let found = sources();
    let mut found: Vec<&str> = found
        .iter()
        .filter(|source| source.is_unsafe())
        .map(|source| source.name.as_str())
        .collect();
    found.sort_unstable();
    assert_eq!(named, found, "named, and found");
}

/// The scanner has to see what it forbids, or the tests above pass for the wrong reason.
#[test]
fn the_scanner_sees_every_way_to_write_a_path() {
    let source = Source::new(
        "src/decode/ip.rs",
        "use crate::{tcp::{Flags, seq::SeqNumber}, time};\n\
         // use crate::app;\n\
         fn f() { let s = \"crate::cli\"; crate::track::Tracker::new(); super::super::lab::x(); super::y() }\n\
         use super::{Skip, segment};\n\
         /* crate::app */ fn g(_: &'static str) { let c = '\"'; self::h() }\n\
         pub(crate) use crate::capture::{self, Frame as F};\n\
         #[cfg(test)]\n\
         mod tests { use crate::render; fn f() { if true { } } }\n\
         fn h() { crate::explain::Story }\n",
    );
    let mut paths: Vec<(usize, String)> = source
        .paths_in_crate()
        .into_iter()
        .map(|(line, path)| (line, path.join("::")))
        .collect();
    paths.sort();
    let expected = [
        (1, "tcp::Flags"),
        (1, "tcp::seq::SeqNumber"),
        (1, "time"),
        (3, "decode::y"),
        (3, "lab::x"),
        (3, "track::Tracker::new"),
        (4, "decode::Skip"),
        (4, "decode::segment"),
        (5, "decode::ip::h"),
        (6, "capture"),
        (6, "capture::Frame"),
        (9, "explain::Story"),
    ];
    assert_eq!(paths, expected.map(|(line, path)| (line, path.to_owned())));
    assert!(names_crate("use pcap::Capture;", "pcap"));
    assert!(names_crate("    let x = pcap::open();", "pcap"));
    assert!(!names_crate("use crate::pcap::Capture;", "pcap"));
    assert!(!names_crate("use pcap_parser::x;", "pcap"));
}

/// One source file, without comments, literals and test modules; every line is where it was.
struct Source {
    /// Path from the repository's root, with slashes.
    name: String,
    /// Its module path: `["decode", "ip"]`.
    module: Vec<String>,
    code: String,
}

impl Source {
    fn new(name: &str, text: &str) -> Self {
        let inner = name.trim_start_matches("src/").trim_end_matches(".rs");
        let mut module: Vec<String> = inner.split('/').map(str::to_owned).collect();
        if module.len() > 1 && module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        Self {
            name: name.to_owned(),
            module,
            code: without_tests(&without_comments_and_literals(text)),
        }
    }

    fn room(&self) -> &str {
        &self.module[0]
    }

    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line))
    }

    /// Whether it has `unsafe` code, and not only a word about it.
    fn is_unsafe(&self) -> bool {
        self.lines().any(|(_, line)| {
            line.split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == "unsafe")
        })
    }

    /// Every path that leads into this crate, from its root, with the line it is on.
    fn paths_in_crate(&self) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        for root in ["crate", "super", "self"] {
            for (at, _) in self.code.match_indices(&format!("{root}::")) {
                let before = self.code[..at].chars().next_back();
                // Not the end of a longer word, and not the middle of a path that was found already.
                if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                    continue;
                }
                let line = self.code[..at].matches('\n').count() + 1;
                for path in paths(&self.code[at..]) {
                    found.push((line, self.absolute(&path)));
                }
            }
        }
        found
    }

    fn absolute(&self, path: &[String]) -> Vec<String> {
        let mut absolute = self.module.clone();
        let mut rest = path;
        while let Some((first, tail)) = rest.split_first() {
            match first.as_str() {
                "crate" => absolute.clear(),
                "super" => drop(absolute.pop()),
                "self" => {}
                _ => break,
            }
            rest = tail;
        }
        absolute.extend(rest.iter().filter(|part| *part != "self").cloned());
        absolute
    }
}

/// The paths that a text begins with: one, or with a group all of its leaves.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut path = Vec::new();
    let mut rest = text;
    loop {
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if end > 0 {
            path.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
        let Some(after) = rest.strip_prefix("::") else {
            return vec![path];
        };
        rest = after.trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            let members = split_group(group);
            let prefixed = |member: Vec<String>| path.iter().cloned().chain(member).collect();
            return members.into_iter().flat_map(paths).map(prefixed).collect();
        }
        if !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            return vec![path];
        }
    }
}

/// The members of `a, b::{c, d}, e}`, without what follows the closing brace.
fn split_group(text: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut members) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(text[begin..at].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(text[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

/// Whether a line of code names an outside crate: `pcap::`, or `use pcap;`.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].trim_end();
        let word_begins = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
            && !before.ends_with("::");
        let after = &line[at + name.len()..];
        let used = before.ends_with("use") && after.starts_with([';', ' ']);
        word_begins && (after.starts_with("::") || used)
    })
}

/// Blanks comments, strings and characters, and keeps every line break.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let blanked = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = hashes + 2;
            rest[open..]
                .find(&close)
                .map_or(rest.len(), |end| open + end + close.len())
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' {
            // A lifetime has no closing quote right after its first character.
            let character = rest.starts_with("'\\") || rest.chars().nth(2) == Some('\'');
            if character { quoted(rest, '\'') } else { 0 }
        } else {
            0
        };
        if blanked == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..blanked].chars().filter(|c| *c == '\n'));
            rest = &rest[blanked..];
        }
    }
    code
}

/// The number of `#` of a raw string that begins here.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

/// The length of a literal with escapes, both quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Drops items under `#[cfg(test)]`: tests may use what they like.
fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = end_of_item(item);
        kept.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    kept.push_str(rest);
    kept
}

/// Where the item ends that begins here: at its closing brace, or at a semicolon before any brace.
fn end_of_item(item: &str) -> usize {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    item.len()
}

/// Whether `path` is `prefix` or lies under it. For files, `src/app` covers `src/app.rs` as well.
fn is_below(path: &str, prefix: &str, separator: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(separator) || rest == ".rs")
}

fn sources() -> Vec<Source> {
    let root = root();
    let files = rust_files(&root.join("src"));
    assert!(files.len() > 20, "only {} sources found", files.len());
    files
        .into_iter()
        // Tests may use what they like, also in a file of their own.
        .filter(|path| !path.ends_with("tests.rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable source");
            let name = path.strip_prefix(&root).expect("a file below the root");
            Source::new(&name.to_string_lossy().replace('\\', "/"), &text)
        })
        .collect()
}

/// A page of the documentation.
fn page(name: &str) -> String {
    fs::read_to_string(root().join(format!("docs/{name}.md"))).expect("a page")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
