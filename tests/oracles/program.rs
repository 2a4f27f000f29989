//! What the program says of a capture.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// No capture in any corpus worth testing takes a debug build nearly so long: whoever needs more hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process that panicked ends with.
const PANICKED: i32 = 101;

/// What was printed.
#[derive(Default)]
pub(crate) struct Said {
    /// By frame.
    pub(crate) segments: HashMap<u64, Value>,
    pub(crate) connections: Vec<Value>,
}

/// Reads a capture with the program, or tells what went wrong with it.
pub(crate) fn replay(capture: &Path) -> Result<Said, String> {
    let mut said = Said::default();
    for line in output(capture)?.lines() {
        let record: Value = serde_json::from_str(line)
            .map_err(|error| format!("broke its JSON: {error}: {line}"))?;
        match record["type"].as_str() {
            Some("segment") => {
                let frame = record["frame"].as_u64().ok_or("a segment without frame")?;
                said.segments.insert(frame, record);
            }
            Some("connection") => said.connections.push(record),
            _ => {}
        }
    }
    Ok(said)
}

/// Standard output of a run that neither crashed nor hung. That a damaged capture ends with an error is as it should be.
fn output(capture: &Path) -> Result<String, String> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
        .arg("replay")
        .arg(capture)
        .args(["--format", "json", "--compat", "wireshark"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("does not start: {error}"))?;
    let (mut stdout, mut stderr) = (program.stdout.take(), program.stderr.take());
    let (sender, finished) = mpsc::channel();
    let reader = thread::spawn(move || {
        let (mut output, mut errors) = (String::new(), String::new());
        let read = stdout
            .as_mut()
            .map_or(Ok(0), |pipe| pipe.read_to_string(&mut output));
        if let Some(pipe) = &mut stderr {
            // Messages are only repeated, so that it does not matter when they break off.
            let _ = pipe.read_to_string(&mut errors);
        }
        // Nobody waits any more when the program was ended for its slowness.
        let _ = sender.send(());
        (read, output, errors)
    });
    let hangs = finished.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
    if hangs {
        program.kill().map_err(|error| error.to_string())?;
    }
    let status = program.wait().map_err(|error| error.to_string())?;
    let (read, output, errors) = reader.join().map_err(|_| "its output cannot be read")?;
    if hangs {
        return Err(format!("hung for {} s", PATIENCE.as_secs()));
    }
    read.map_err(|error| format!("broke its output: {error}"))?;
    match status.code() {
        None | Some(PANICKED) => Err(format!("crashed, {status}: {errors}")),
        Some(_) => Ok(output),
    }
}
