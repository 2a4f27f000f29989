//! What the documents show and say is what the program does: pictures, commands, links, and the table of captures.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The comment above a block that holds output: `<!-- output of: handshake-watch ARGUMENTS -->`.
const MARKER: &str = "<!-- output of: handshake-watch ";

/// Set this to write the blocks anew instead of comparing them.
const UPDATE: &str = "UPDATE_README";

#[test]
fn pictures_are_what_the_program_prints() {
    let path = root().join("README.md");
    let text = read(&path);
    let mut updated = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut pictures = 0;
    while let Some(at) = rest.find(MARKER) {
        let (before, marked) = rest.split_at(at);
        let (command, after) = marked[MARKER.len()..]
            .split_once(" -->\n")
            .expect("a closed comment");
        let block = after
            .strip_prefix("```text\n")
            .expect("a text block under the comment");
        let (shown, after) = block.split_once("```\n").expect("a closed block");
        let printed = output(command);
        if std::env::var_os(UPDATE).is_none() {
            assert_eq!(
                shown, printed,
                "the picture of `{command}`; {UPDATE}=1 cargo test --test readme renews it"
            );
        }
        updated.push_str(before);
        updated.push_str(MARKER);
        updated.push_str(command);
        updated.push_str(" -->\n```text\n");
        updated.push_str(&printed);
        updated.push_str("```\n");
        rest = after;
        pictures += 1;
    }
    assert!(pictures > 0, "the README shows no ladder");
    updated.push_str(rest);
    if updated != text {
        fs::write(&path, updated).expect("a writable README");
    }
}

#[test]
fn every_command_is_one_that_the_program_understands() {
    let mut commands = 0;
    for document in documents() {
        let text = read(&document);
        // Blocks only: prose may name a command without all that it needs.
        for line in text
            .split("```sh\n")
            .skip(1)
            .filter_map(|block| block.split("```").next())
            .flat_map(str::lines)
        {
            for command in line.split('|') {
                let Some(words) = words_after_the_program(command) else {
                    continue;
                };
                let words = std::iter::once("handshake-watch".into())
                    .chain(words.iter().map(OsString::from));
                if let Err(error) = handshake_watch::cli::parse(words) {
                    panic!("{}: {command}\n{error}", document.display());
                }
                commands += 1;
            }
        }
    }
    assert!(commands > 10, "only {commands} commands found");
}

#[test]
fn links_lead_somewhere() {
    let mut links = 0;
    for document in documents() {
        let text = read(&document);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with('#') {
                let path = document.parent().expect("a folder").join(target);
                assert!(path.exists(), "{} links to {target}", document.display());
                links += 1;
            }
        }
    }
    assert!(links > 5, "only {links} links found");
}

#[test]
fn the_table_of_captures_is_complete_and_true() {
    let folder = root().join("captures");
    let table = read(&folder.join("README.md"));
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            line.split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect()
        })
        .collect();
    let listed: BTreeSet<String> = rows.iter().map(|row| row[1].to_owned()).collect();
    let present: BTreeSet<String> = fs::read_dir(&folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable entry"))
        // A folder has a table of its own.
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(
        listed, present,
        "captures/README.md lists what is in captures/"
    );
    for row in rows {
        let json = output(&format!(
            "replay captures/{} --format json --only connections",
            row[1]
        ));
        let verdicts: BTreeSet<String> = json
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"))
            .filter_map(|record| Some(record["verdict"].as_str()?.to_owned()))
            .collect();
        let expected = row[4]
            .split(", ")
            .map(|word| word.trim_matches('`').to_owned())
            .collect();
        assert_eq!(verdicts, expected, "the verdict of {}", row[1]);
    }
}

/// The arguments of a command line that calls the program, without its comment; `None` for any other text.
fn words_after_the_program(text: &str) -> Option<Vec<String>> {
    let text = text.split(" #").next()?.trim();
    let text = text.strip_prefix("sudo ").unwrap_or(text);
    let (program, arguments) = text.split_once(' ')?;
    if program != "handshake-watch" && !program.ends_with("/handshake-watch") {
        return None;
    }
    let mut words = Vec::new();
    for (at, part) in arguments.split('"').enumerate() {
        // Every second part stood between quotes.
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    Some(words)
}

/// What the program prints, called from the repository's root in a fixed environment.
fn output(arguments: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
        .args(arguments.split_whitespace())
        .current_dir(root())
        .env("LC_ALL", "C.UTF-8")
        .env("NO_COLOR", "1")
        .output()
        .expect("the program starts");
    assert!(
        output.status.success(),
        "{arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn documents() -> Vec<PathBuf> {
    let mut documents = vec![root().join("README.md"), root().join("captures/README.md")];
    for entry in fs::read_dir(root().join("docs")).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    documents
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
