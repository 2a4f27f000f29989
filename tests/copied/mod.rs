//! A copy of the program for other users: the original often lies where only its owner may look.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy in this folder, which everybody may run who may enter the folder.
pub(crate) fn copied(folder: &Path) -> PathBuf {
    let copy = folder.join("handshake-watch");
    // By another process: a copy that this one has open for writing goes to the programs that its other threads start just
    // then, and cannot be started as long as one of them has it.
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_handshake-watch"))
        .arg(&copy)
        .status()
        .expect("cp starts");
    assert!(copied.success(), "cp: {copied}");
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).expect("our own file");
    copy
}
