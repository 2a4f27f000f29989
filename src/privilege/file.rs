//! Files for results, which have to be open before root is given up, and long before it is known whether there will be any.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use super::identity::owner_of_results;

/// A file for a result: open for writing, and still with what was in it before.
///
/// Whoever names a file that turns out to be no capture must not lose the results of last time, so a file is emptied by
/// [`ResultFile::begin`] and not when it is opened.
#[derive(Debug)]
pub struct ResultFile {
    file: File,
    facts: Metadata,
    fresh: Fresh,
}

/// Where a file was created, and has to be removed unless something is written to it. `None`: it was there.
#[derive(Debug)]
struct Fresh(Option<PathBuf>);

impl ResultFile {
    /// Opens a file for a result, or creates it.
    ///
    /// What is new belongs to whoever called `sudo`, who could not delete it otherwise. A file that was there keeps its
    /// owner: else `sudo` for this program alone would be a way to own any file. Devices and pipes are of that kind.
    ///
    /// # Errors
    /// When it cannot be created or opened for writing.
    pub fn open(path: &Path) -> io::Result<Self> {
        let new = OpenOptions::new().write(true).create_new(true).open(path);
        let mut fresh = Fresh(None);
        let file = match new {
            Ok(file) => {
                fresh.0 = Some(path.to_owned());
                if let Some(owner) = owner_of_results() {
                    // Some file systems know no owners. The result is worth more than its owner.
                    let _ = fchown(&file, Some(owner.uid), Some(owner.gid));
                }
                file
            }
            // A link that leads nowhere is there as well, and creates what it names.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?,
            Err(error) => return Err(error),
        };
        let facts = file.metadata()?;
        Ok(Self { file, facts, fresh })
    }

    /// What the system says of the file that is open, whatever its name means by now.
    #[must_use]
    pub fn facts(&self) -> &Metadata {
        &self.facts
    }

    /// Empties it, and hands it over for writing. Needs no right that a sandbox takes away.
    ///
    /// # Errors
    /// When the system refuses to empty it.
    pub fn begin(mut self) -> io::Result<File> {
        // Some file systems write a file that was cut to the disk as soon as it is closed, be it that it was empty.
        if self.facts.is_file() && self.file.metadata()?.len() > 0 {
            self.file.set_len(0)?;
        }
        self.fresh.0 = None;
        Ok(self.file)
    }

    /// There will be no results: a file that was created for them is removed. In a sandbox that cannot be done; then this is
    /// its name.
    pub fn give_up(&mut self) -> Option<PathBuf> {
        self.fresh.remove()
    }
}

impl Fresh {
    /// Removes the file; its name if that cannot be done. Somebody may have written to it meanwhile, or put another there:
    /// an empty one is nobody's loss.
    fn remove(&mut self) -> Option<PathBuf> {
        let path = self.0.take()?;
        let facts = fs::symlink_metadata(&path).ok()?;
        let is_empty = facts.is_file() && facts.len() == 0;
        (is_empty && fs::remove_file(&path).is_err()).then_some(path)
    }
}

impl Drop for Fresh {
    /// Also where something went wrong that has nothing to do with it.
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// Whether these are the same file, under whatever names: two that write to it would overwrite each other. Of devices and
/// pipes it does not matter.
#[must_use]
pub fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    one.is_file() && other.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails says where")]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_that_was_there_is_emptied_when_results_begin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        for (before, text) in [("", "something long"), ("something long", "short")] {
            let file = ResultFile::open(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), before);
            file.begin().unwrap().write_all(text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let null = ResultFile::open(Path::new("/dev/null")).unwrap();
        assert!(null.begin().is_ok());
        assert!(ResultFile::open(&folder.path().join("no folder/result")).is_err());
    }

    #[test]
    fn a_file_that_was_created_for_nothing_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        fs::write(&old, "").unwrap();
        drop((
            ResultFile::open(&new).unwrap(),
            ResultFile::open(&old).unwrap(),
        ));
        assert!(!new.exists() && old.exists());
        // What somebody else has put there meanwhile is theirs.
        let file = ResultFile::open(&new).unwrap();
        fs::write(&new, "something").unwrap();
        drop(file);
        assert!(new.exists());
    }

    #[test]
    fn a_link_that_leads_nowhere_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let one = ResultFile::open(&link).unwrap();
        let other = ResultFile::open(&target).unwrap();
        assert!(is_same_file(one.facts(), other.facts()));
    }

    #[test]
    fn devices_are_never_the_same_file() {
        let null = || ResultFile::open(Path::new("/dev/null")).unwrap();
        assert!(!is_same_file(null().facts(), null().facts()));
    }
}
