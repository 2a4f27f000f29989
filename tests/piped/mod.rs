//! A command of the program whose input a test writes, and whose output it reads.

use std::process::{Child, ChildStdin, Command, Stdio};

/// Starts it. It sees the end of its input when that is dropped.
pub(crate) fn start(command: &mut Command) -> (Child, ChildStdin) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let input = child.stdin.take().expect("piped");
    (child, input)
}
