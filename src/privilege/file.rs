//! Files for results, which have to be open before root is given up.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::fchown;
use std::path::Path;

use super::identity::owner_of_results;

/// Creates a file for a result, or empties the one that is there.
///
/// What is new belongs to whoever called `sudo`, who could not delete it otherwise. A file that was there keeps its owner:
/// else `sudo` for this program alone would be a way to own any file. Devices and pipes are of that kind.
///
/// # Errors
/// When it cannot be created or opened for writing.
pub fn create(path: &Path) -> io::Result<File> {
    let new = OpenOptions::new().write(true).create_new(true).open(path);
    match new {
        Ok(file) => {
            if let Some(owner) = owner_of_results() {
                // Some file systems know no owners. The result is worth more than its owner.
                let _ = fchown(&file, Some(owner.uid), Some(owner.gid));
            }
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => File::create(path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails says where")]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_that_was_there_is_emptied_and_a_pipe_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        for text in ["something long", "short"] {
            create(&path).unwrap().write_all(text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert!(create(Path::new("/dev/null")).is_ok());
        assert!(create(&folder.path().join("no folder/result")).is_err());
    }
}
