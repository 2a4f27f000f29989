//! What the documents show and say is what the program does: commands and links.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_command_is_one_that_the_program_understands() {
    let mut commands = 0;
    for document in documents() {
        for line in read(&document).lines() {
            for command in line.split(['|', '`']) {
                let Some(words) = words_after_the_program(command) else {
                    continue;
                };
                let line = std::iter::once("handshake-watch".into())
                    .chain(words.iter().map(OsString::from));
                if let Err(error) = handshake_watch::cli::parse(line) {
                    // Asking for help is no error, but it is not a command either.
                    assert!(
                        !error.use_stderr(),
                        "{}: {command}\n{error}",
                        document.display()
                    );
                }
                commands += 1;
            }
        }
    }
    assert!(commands > 10, "only {commands} commands found");
}

#[test]
fn links_lead_somewhere() {
    for document in documents() {
        let text = read(&document);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with('#') {
                let path = document.parent().expect("a folder").join(target);
                assert!(path.exists(), "{} links to {target}", document.display());
            }
        }
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
