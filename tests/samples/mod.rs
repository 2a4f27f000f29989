//! The sample captures for tests from outside: the packets in them, files made of these packets anew, and the program.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use handshake_watch::capture::{self, Next};
use handshake_watch::time::Timestamp;

/// A captured packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Packet {
    pub(crate) time: Timestamp,
    /// From the link-layer header on.
    pub(crate) data: Vec<u8>,
}

/// A file in `captures/`.
pub(crate) fn path(name: &str) -> PathBuf {
    root().join("captures").join(name)
}

/// The bytes of a file in `captures/`.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The packets of a file in `captures/`.
pub(crate) fn packets(name: &str) -> Vec<Packet> {
    let mut source = capture::open(&path(name)).expect("a sample capture");
    let mut packets = Vec::new();
    loop {
        match source.next().expect("a whole capture") {
            Next::Frame(frame) => packets.push(Packet {
                time: frame.time,
                data: frame.data.to_vec(),
            }),
            Next::Pause => {}
            Next::End => return packets,
        }
    }
}

/// A command of the program, in the repository's root and a fixed environment.
pub(crate) fn program<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handshake-watch"));
    command
        .args(arguments)
        .current_dir(root())
        .env("LC_ALL", "C.UTF-8")
        .env("NO_COLOR", "1")
        .env("TZ", "UTC")
        .env_remove("CLICOLOR_FORCE");
    command
}

/// Runs the program to its end.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: &[A]) -> Output {
    program(arguments).output().expect("the program starts")
}

/// What the program prints when it has nothing to complain about.
pub(crate) fn printed<A: AsRef<OsStr> + std::fmt::Debug>(arguments: &[A]) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{arguments:?}: {errors}"
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
