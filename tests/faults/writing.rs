//! Files that cannot take everything: what was captured stays readable, and the reason is said once.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::saved::{assert_others_read, packets};
use super::watching::{Server, Watching};
use super::{in_private_network, tool};

/// The sample that is copied: eight packets, of which a file of 512 or 1024 bytes holds some.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/handshake.pcapng");

/// `ulimit -f` counts in blocks of 512 or 1024 bytes, depending on the shell.
#[test]
fn a_file_that_must_not_grow_ends_with_a_whole_packet() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = packets(Path::new(SAMPLE));
    for name in ["frames.pcap", "frames.pcapng"] {
        let path = folder.path().join(name);
        let script = format!("ulimit -f 1; exec \"$0\" replay {SAMPLE} --format json -w \"$1\"");
        let run = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_handshake-watch")])
            .arg(&path)
            .output()
            .expect("a shell");
        says_once(&run, "cannot write");
        let saved = packets(&path);
        assert!(!saved.is_empty() && saved.len() < sample.len(), "{name}");
        assert!(sample.starts_with(&saved), "{name}");
        assert_others_read(&path, saved.len());
    }
}

#[test]
fn an_output_that_takes_nothing_is_named_once() {
    for option in ["-o", "-w"] {
        let run = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
            .args(["replay", SAMPLE, option, "/dev/full"])
            .output()
            .expect("the program starts");
        says_once(&run, "No space left on device");
    }
}

fn says_once(run: &Output, what: &str) {
    let errors = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(6), "{errors}");
    assert_eq!(errors.matches(what).count(), 1, "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn a_disk_that_fills_up_during_a_capture_keeps_what_fitted() {
    in_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = folder.path().to_str().expect("a plain name");
        // In a view of the file system of this thread's own, which ends with it.
        if nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).is_err() {
            return super::skipped("no mounts of our own");
        }
        if !tool(&["mount", "--make-rprivate", "/"])
            || !tool(&[
                "mount",
                "-t",
                "tmpfs",
                "-o",
                "size=32k,mode=1777",
                "none",
                mounted,
            ])
        {
            return;
        }
        for name in ["frames.pcap", "frames.pcapng"] {
            let path = folder.path().join(name);
            let server = Server::new();
            let file = path.to_str().expect("a plain name");
            let mut watching = Watching::start(server.port(), &["-w", file]);
            // A connection takes some 500 bytes of the file; that this ends is what is tested.
            for _ in 0..2000 {
                server.exchange();
                if !watching.has_line_with("\"SYN\"") {
                    break;
                }
            }
            let end = watching.end();
            assert_eq!(end.status.code(), Some(6), "{}", end.errors);
            assert_eq!(
                end.errors.matches("No space left").count(),
                1,
                "{}",
                end.errors
            );
            assert!(end.total("connections") > 10, "the verdicts were told");
            let saved = packets(&path);
            assert!(saved.len() > 100, "{} packets", saved.len());
            assert_others_read(&path, saved.len());
            fs::remove_file(&path).expect("our own file");
        }
        // It must not be in use when the folder is removed.
        assert!(tool(&["umount", mounted]));
    });
}

/// Nothing can be done at that moment, so everything has to be done before it.
#[test]
fn what_was_shown_is_in_the_file_also_after_a_kill() {
    in_private_network(|| {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["frames.pcap", "frames.pcapng"] {
            let path = folder.path().join(name);
            let server = Server::new();
            let file = path.to_str().expect("a plain name");
            let mut watching = Watching::start(server.port(), &["-w", file]);
            for frame in [3, 9, 15] {
                server.exchange();
                watching.line_with(&format!("\"frame\":{frame},"));
            }
            watching.signal(nix::sys::signal::Signal::SIGKILL);
            let end = watching.end();
            assert_eq!(end.status.code(), None, "killed");
            let shown = end.of_type("segment").count();
            let saved = packets(&path).len();
            assert!(saved >= shown, "{shown} shown, {saved} saved");
            assert_others_read(&path, saved);
        }
    });
}

/// A copy of a capture is the same whichever way it is cut into writes.
#[test]
fn a_large_copy_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    // More than is gathered at once, and packets of many lengths.
    let mut large = fs::read(SAMPLE.replace(".pcapng", ".pcap")).expect("a sample");
    let mut number = 1u32;
    while large.len() < 2_000_000 {
        let length = number % 3000;
        for word in [number, 0, length, length] {
            large.extend(word.to_le_bytes());
        }
        large.extend((0..length).map(|byte| byte as u8));
        number += 1;
    }
    let original = folder.path().join("large.pcap");
    fs::write(&original, large).expect("a file");
    for name in ["copy.pcap", "copy.pcapng"] {
        let copy = folder.path().join(name);
        let run = Command::new(env!("CARGO_BIN_EXE_handshake-watch"))
            .args(["replay", "--format", "json", "-o", "/dev/null"])
            .arg(&original)
            .arg("-w")
            .arg(&copy)
            .output()
            .expect("the program starts");
        assert!(run.status.success(), "{run:?}");
        let copied = packets(&copy);
        assert!(copied.len() > 1000, "{} packets", copied.len());
        assert_eq!(copied, packets(&original), "{name}");
    }
}
