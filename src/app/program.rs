//! How this program is called in commands that people are to type: as they have typed it, where that works once more.
//!
//! Comes in: the word that it was started with. Goes out: words for a shell.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::render::shell;

/// What it is called where nothing better is known.
const NAME: &str = "handshake-watch";

/// Where `sudo` looks for programs, on most systems; whatever lies elsewhere takes its whole path there.
const ROOTS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The program in commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Program {
    /// For whoever runs it now.
    name: String,
    /// The same after `sudo`.
    as_root: String,
    /// The file, no link to it: only that can be given capabilities.
    file: String,
}

/// The name for whoever runs it now.
pub(crate) fn name() -> &'static str {
    &program().name
}

/// This process' program.
pub(crate) fn program() -> &'static Program {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let typed = env::args_os().next().unwrap_or_default();
        let folders = env::var_os("PATH").unwrap_or_default();
        Program::of(&typed, &folders, env::current_exe().ok())
    })
}

impl Program {
    /// `typed`: what it was started with; `folders`: where a shell looks for programs.
    fn of(typed: &OsStr, folders: &OsStr, file: Option<PathBuf>) -> Self {
        let name = OsStr::new(NAME);
        let called = [typed, name].into_iter().find_map(|word| {
            let found = find(word, folders)?;
            Some((word.to_owned(), found))
        });
        // Neither works: whoever started it knows of no name, but it lies somewhere.
        let (called, found) = called.unwrap_or_else(|| {
            let file = file.clone().unwrap_or_else(|| NAME.into());
            (file.clone().into_os_string(), file)
        });
        let by_root = if is_path(&called) || ROOTS.iter().any(|root| found.starts_with(root)) {
            called.clone()
        } else {
            found.clone().into_os_string()
        };
        let is_link = found
            .symlink_metadata()
            .is_ok_and(|facts| facts.is_symlink());
        let file: OsString = match file {
            Some(file) if is_link => file.into(),
            _ => found.into(),
        };
        Self {
            name: shell::word(&called),
            as_root: shell::word(&by_root),
            file: shell::word(&file),
        }
    }

    /// After `sudo`.
    pub(crate) fn as_root(&self) -> &str {
        &self.as_root
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }
}

/// What a shell would start for this word.
fn find(word: &OsStr, folders: &OsStr) -> Option<PathBuf> {
    if is_path(word) {
        return Some(PathBuf::from(word)).filter(|path| path.is_file());
    }
    if word.is_empty() {
        return None;
    }
    let mut found = env::split_paths(folders).map(|folder| folder.join(word));
    found.find(|path| path.is_file())
}

/// Whether a shell takes it for a path, and not for a name.
fn is_path(word: &OsStr) -> bool {
    Path::new(word).components().count() > 1 || word.as_encoded_bytes().contains(&b'/')
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn words(program: &Program) -> [&str; 3] {
        [&program.name, &program.as_root, &program.file]
    }

    #[test]
    fn it_is_called_as_it_was_typed_where_that_works() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("handshake-watch");
        fs::write(&file, "").expect("a file");
        let link = folder.path().join("hw");
        symlink(&file, &link).expect("a link");
        let path = file.to_str().expect("a plain name");
        let folders = folder.path().as_os_str();
        let nowhere = OsStr::new("");
        let of = |typed: &str, folders| Program::of(OsStr::new(typed), folders, Some(file.clone()));

        assert_eq!(words(&of(path, nowhere)), [path; 3], "a path");
        let named = of(NAME, folders);
        assert_eq!(
            words(&named),
            [NAME, path, path],
            "a name that root has not"
        );
        let linked = of("hw", folders);
        let by_root = link.to_str().expect("a plain name");
        assert_eq!(
            words(&linked),
            ["hw", by_root, path],
            "a link has no rights"
        );
        let odd = of("something else", folders);
        assert_eq!(words(&odd), [NAME, path, path], "nothing that works");
        let lost = of("/nowhere/handshake-watch", nowhere);
        assert_eq!(words(&lost), [path; 3], "neither does the name");
        let unknown = Program::of(nowhere, nowhere, None);
        assert_eq!(words(&unknown), [NAME; 3]);
    }
}
