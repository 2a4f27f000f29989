//! A file that is not where it was looked for: what is there instead.
//!
//! Comes in: the path as it was typed. Goes out: a hint, with a command that works in the same place. Looks at names only.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::program;
use crate::explain::difference;
use crate::render::{escape, shell};

/// Entries of a folder that are looked at; nobody would find a name among more of them.
const LOOKED_AT: usize = 10_000;

/// Of a name's letters, one in so many may be wrong before it is another name.
const WRONG: usize = 4;

/// What to do when there is no such file.
pub(crate) fn capture(path: &Path) -> Option<String> {
    let folder = folder_of(path);
    if let Some(hint) = no_folder(&folder) {
        return Some(hint);
    }
    let Found {
        captures,
        is_empty,
        similar,
    } = look(&folder, path.file_name())?;
    let there = words(&folder);
    Some(match similar {
        Some(name) => format!(
            "there is one with a similar name:\n{} replay {}",
            program::name(),
            argument(&joined(&folder, &name))
        ),
        None if captures => list(&folder),
        None if is_empty => format!(
            "{there} is empty; this makes a capture there:\n{} demo handshake -w {}",
            program::name(),
            argument(path)
        ),
        None => format!(
            "{there} has no file that is called *.pcap*; this looks for some further down:\n{}",
            search(&folder)
        ),
    })
}

/// What to do when a folder was named.
pub(crate) fn folder(folder: &Path) -> Option<String> {
    let found = look(folder, None)?;
    Some(if found.captures {
        list(folder)
    } else {
        format!(
            "name a file; this looks for captures further down:\n{}",
            search(folder)
        )
    })
}

/// What to do when a result cannot be written because there is no such folder.
pub(crate) fn result(path: &Path) -> Option<String> {
    let folder = folder_of(path);
    let nearest = nearest(&folder);
    if nearest == folder || !nearest.is_dir() {
        return None;
    }
    Some(format!(
        "this makes the folder:\nmkdir -p {}",
        argument(&folder)
    ))
}

/// What to do when a result may not be written there.
pub(crate) fn forbidden(path: &Path) -> Option<String> {
    let elsewhere = env::temp_dir().join(path.file_name()?);
    let here = path.exists() || path.starts_with(env::temp_dir());
    (!here).then(|| {
        format!(
            "name it where you may write, such as {}",
            argument(&elsewhere)
        )
    })
}

/// What a folder has.
struct Found {
    captures: bool,
    is_empty: bool,
    /// A capture whose name is much like the one that was typed.
    similar: Option<OsString>,
}

/// `None`: it cannot be read.
fn look(folder: &Path, wanted: Option<&OsStr>) -> Option<Found> {
    let wanted = wanted.map(OsStr::to_string_lossy);
    let mut similar = None;
    let mut found = Found {
        captures: false,
        is_empty: true,
        similar: None,
    };
    for entry in fs::read_dir(folder).ok()?.take(LOOKED_AT).flatten() {
        let name = entry.file_name();
        found.is_empty = false;
        let text = name.to_string_lossy();
        // As a shell's pattern takes it.
        if text.starts_with('.') || !text.contains(".pcap") {
            continue;
        }
        found.captures = true;
        let Some(wanted) = &wanted else { continue };
        let wrong = difference(&stem(wanted), &stem(&text));
        if wrong * WRONG <= stem(wanted).chars().count() {
            similar = similar.into_iter().chain([(wrong, name)]).min();
        }
    }
    found.similar = similar.map(|(_, name)| name);
    Some(found)
}

/// A name without what tells its format.
fn stem(name: &str) -> String {
    let end = name.find(".pcap").unwrap_or(name.len());
    name[..end].to_lowercase()
}

/// A folder on the way that is none.
fn no_folder(folder: &Path) -> Option<String> {
    let nearest = nearest(folder);
    if !nearest.is_dir() {
        return Some(format!("{} is a file, no folder", words(&nearest)));
    }
    if nearest == folder {
        return None;
    }
    let missing = folder.strip_prefix(&nearest).unwrap_or(folder);
    let first = missing.components().next()?;
    Some(format!(
        "there is no folder {}; this shows what there is:\n{}",
        escape::terminal(&joined(&nearest, first.as_os_str()).to_string_lossy()),
        ls(&nearest)
    ))
}

/// As much of a path as there is.
fn nearest(path: &Path) -> PathBuf {
    let found = path.ancestors().map(or_here).find(|path| path.exists());
    found.unwrap_or_else(|| PathBuf::from("."))
}

fn folder_of(path: &Path) -> PathBuf {
    or_here(path.parent().unwrap_or(path))
}

fn or_here(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        path.to_owned()
    }
}

/// The path of a name, as somebody would type it.
fn joined(folder: &Path, name: &OsStr) -> PathBuf {
    if folder == Path::new(".") {
        PathBuf::from(name)
    } else {
        folder.join(name)
    }
}

/// A folder in a sentence.
fn words(folder: &Path) -> String {
    if folder == Path::new(".") {
        "this folder".to_owned()
    } else {
        escape::terminal(&folder.to_string_lossy()).into_owned()
    }
}

/// A path for a shell, never taken for an option.
pub(crate) fn argument(path: &Path) -> String {
    let word = shell::word(path.as_os_str());
    if path.as_os_str().as_encoded_bytes().starts_with(b"-") {
        return format!("./{word}");
    }
    word
}

fn ls(folder: &Path) -> String {
    if folder == Path::new(".") {
        return "ls".to_owned();
    }
    format!("ls {}", argument(folder))
}

fn search(folder: &Path) -> String {
    // As deep as people look themselves, and not through all of a disk.
    format!("find {} -maxdepth 3 -name '*.pcap*'", argument(folder))
}

fn list(folder: &Path) -> String {
    let there = if folder == Path::new(".") {
        String::new()
    } else {
        format!("{}/", argument(folder).trim_end_matches('/'))
    };
    format!(
        "this lists the captures in {}:\nls -d {there}*.pcap*",
        words(folder)
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// The hint, and what its command does in this folder.
    fn hint(hint: Option<String>, folder: &Path) -> (String, String) {
        let hint = hint.expect("a hint");
        let (words, command) = hint.split_once(":\n").expect("a command");
        let run = Command::new("sh")
            .args(["-c", command])
            .current_dir(folder)
            .output()
            .expect("a shell");
        assert!(run.status.success(), "{hint}: {run:?}");
        let out = String::from_utf8(run.stdout).expect("UTF-8");
        (words.to_owned(), out)
    }

    #[test]
    fn what_is_shown_is_what_lies_where_it_was_looked_for() {
        let top = tempfile::tempdir().expect("a folder");
        let top = top.path();
        let odd = top.join("it's -here");
        for folder in [&odd, &top.join("empty"), &top.join("none/deep")] {
            fs::create_dir_all(folder).expect("a folder");
        }
        for file in [
            "it's -here/trace.pcapng",
            "it's -here/b.pcap.gz",
            "none/x",
            "none/deep/c.pcap",
        ] {
            fs::write(top.join(file), "").expect("a file");
        }

        let (words, out) = hint(capture(&odd.join("other.pcap")), top);
        assert!(words.contains("lists the captures in"), "{words}");
        assert!(out.contains("here/trace.pcapng\n"), "{out}");
        assert!(out.contains("here/b.pcap.gz\n"), "{out}");

        let (words, out) = hint(capture(&top.join("none/x.pcap")), top);
        assert!(words.contains("no file that is called *.pcap*"), "{words}");
        assert!(out.ends_with("none/deep/c.pcap\n"), "{out}");

        let (words, out) = hint(capture(&top.join("gone/deep/x.pcap")), top);
        assert!(
            words.contains("no folder") && words.contains("/gone;"),
            "{words}"
        );
        assert_eq!(out, "empty\nit's -here\nnone\n");

        let empty = capture(&top.join("empty/x.pcap")).expect("a hint");
        assert!(empty.contains("is empty"), "{empty}");
        assert!(empty.ends_with("/empty/x.pcap"), "{empty}");

        for wrong in ["trace.pcap", "Trace.pcapng", "trade.pcap", "trace"] {
            let similar = capture(&odd.join(wrong)).expect("a hint");
            assert!(similar.contains("similar name:\n"), "{similar}");
            assert!(similar.ends_with("here/trace.pcapng'"), "{similar}");
        }

        let file = capture(&top.join("none/x/y.pcap")).expect("a hint");
        assert!(file.ends_with("none/x is a file, no folder"), "{file}");

        let (_, out) = hint(folder(&odd), top);
        assert!(out.contains("here/b.pcap.gz\n"), "{out}");
        let (_, out) = hint(folder(&top.join("none")), top);
        assert!(out.ends_with("none/deep/c.pcap\n"), "{out}");
    }

    #[test]
    fn a_missing_folder_for_results_is_made() {
        let top = tempfile::tempdir().expect("a folder");
        let path = top.path().join("new folder/deep/x.pcap");
        hint(result(&path), top.path());
        assert!(path.parent().expect("a folder").is_dir());
        assert_eq!(result(&path), None);
        fs::write(&path, "").expect("a file");
        assert_eq!(result(&path.join("y")), None, "a file is in the way");
    }

    #[test]
    fn here_is_not_named() {
        assert_eq!(
            list(&folder_of(Path::new("x.pcap"))),
            "this lists the captures in this folder:\nls -d *.pcap*"
        );
        assert_eq!(
            list(Path::new("/")),
            "this lists the captures in /:\nls -d /*.pcap*"
        );
        assert_eq!(
            list(Path::new("-x")),
            "this lists the captures in -x:\nls -d ./-x/*.pcap*"
        );
    }
}
