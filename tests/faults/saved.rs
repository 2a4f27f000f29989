//! What a capture file holds after something went wrong.

use std::path::Path;
use std::process::Command;

use handshake_watch::capture::{self, Next};

use super::skipped;

/// The packets of a file that has to be whole to its last byte.
pub(crate) fn packets(path: &Path) -> Vec<Vec<u8>> {
    let mut source = capture::open(path).expect("a capture");
    let mut packets = Vec::new();
    loop {
        match source.next() {
            Ok(Next::Frame(frame)) => packets.push(frame.data.to_vec()),
            Ok(Next::Pause) => {}
            Ok(Next::End) => return packets,
            Err(error) => panic!(
                "{} after {} packets: {error}",
                path.display(),
                packets.len()
            ),
        }
    }
}

/// Other tools read it without complaint, as far as they are installed, and find as many packets.
pub(crate) fn assert_others_read(path: &Path, packets: usize) {
    for words in [
        &["tcpdump", "-nr"][..],
        &["tshark", "-nr"],
        &["capinfos", "-M", "-c", "-T", "-r"],
    ] {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(path).env("LC_ALL", "C");
        let run = match command.output() {
            Ok(run) => run,
            Err(error) => {
                skipped(&format!("{} does not start: {error}", words[0]));
                continue;
            }
        };
        let (text, errors) = (
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr),
        );
        assert!(run.status.success(), "{}: {errors}", words[0]);
        assert!(!errors.contains("cut short"), "{}: {errors}", words[0]);
        let found = if words[0] == "capinfos" {
            // A table of one row, whose last column is the count.
            let count = text.trim().rsplit('\t').next().and_then(|n| n.parse().ok());
            count.unwrap_or(usize::MAX)
        } else {
            // A line each.
            text.lines().count()
        };
        assert_eq!(found, packets, "{}: {text}", words[0]);
    }
}
