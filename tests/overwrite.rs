//! A capture is never destroyed by what is written about it, by whatever name the file is called.

#![cfg(unix)]

#[expect(dead_code, reason = "other tests use the rest")]
mod samples;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Output, Stdio};

#[test]
fn a_capture_by_another_name_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("trace.pcap");
    fs::write(&capture, samples::bytes("handshake.pcap")).expect("a copy");
    fs::hard_link(&capture, folder.path().join("hard.pcap")).expect("a link");
    symlink("trace.pcap", folder.path().join("soft.pcap")).expect("a link");
    symlink(folder.path(), folder.path().join("loop")).expect("a link");
    let names = ["./trace.pcap", "hard.pcap", "soft.pcap", "loop/trace.pcap"];
    for option in ["-o", "-w"] {
        for name in names {
            let run = replay(folder.path(), &["trace.pcap", option, name], None);
            refuses(&run, &format!("{option} {name}"), &capture);
        }
    }
    let run = replay(folder.path(), &["soft.pcap", "-o", "hard.pcap"], None);
    refuses(&run, "-o hard.pcap", &capture);
    let input = File::open(&capture).expect("the copy");
    let run = replay(folder.path(), &["-", "-w", "hard.pcap"], Some(input));
    refuses(&run, "-w hard.pcap", &capture);
}

#[test]
fn other_files_are_written_also_those_that_are_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("trace.pcap");
    fs::write(&capture, samples::bytes("handshake.pcap")).expect("a copy");
    fs::write(folder.path().join("old.txt"), "old").expect("a file");
    for file in ["new.txt", "old.txt", "/dev/null"] {
        let run = replay(folder.path(), &["trace.pcap", "-o", file], None);
        assert!(run.status.success(), "{file}: {run:?}");
    }
    let old = fs::read_to_string(folder.path().join("old.txt")).expect("a result");
    assert!(old.contains("SYN-ACK"), "{old}");
}

fn replay(folder: &Path, words: &[&str], input: Option<File>) -> Output {
    let mut program = samples::program(&["replay"]);
    program.args(words).current_dir(folder);
    program.stdin(input.map_or_else(Stdio::null, Stdio::from));
    program.output().expect("the program starts")
}

/// Wrong usage that is named, and the capture as it was.
fn refuses(run: &Output, words: &str, capture: &Path) {
    let errors = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{words}: {errors}");
    let named = format!("{words} would overwrite the capture");
    assert!(errors.contains(&named), "{words}: {errors}");
    let left = fs::read(capture).expect("the copy");
    assert!(left == samples::bytes("handshake.pcap"), "{words}");
}
