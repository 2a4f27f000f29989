//! What is written destroys neither the capture that is read, nor another result, nor the results of last time when there
//! are no new ones; by whatever names the files are called.

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
    // Longer than what is written, so that it has to be emptied. That happens in the sandbox.
    fs::write(folder.path().join("old.txt"), "old ".repeat(10_000)).expect("a file");
    for file in ["new.txt", "old.txt", "/dev/null"] {
        let run = replay(folder.path(), &["trace.pcap", "-o", file], None);
        assert!(run.status.success(), "{file}: {run:?}");
    }
    let old = fs::read_to_string(folder.path().join("old.txt")).expect("a result");
    assert!(old.contains("SYN-ACK") && !old.contains("old "), "{old}");
}

/// Nothing is known of a file before it is read, and then it is too late to ask for the old results back.
#[test]
fn results_of_last_time_stay_when_there_is_nothing_to_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let cut = [&samples::bytes("handshake.pcap")[..20], b"\0\0"].concat();
    fs::write(file("notes.txt"), "no capture at all").expect("a file");
    fs::write(file("empty.pcap"), "").expect("a file");
    fs::write(file("cut.pcap"), cut).expect("a file");
    for input in ["notes.txt", "empty.pcap", "cut.pcap", "missing.pcap", "."] {
        fs::write(file("old.txt"), "old text").expect("a file");
        fs::write(file("old.pcapng"), "old frames").expect("a file");
        let words = [input, "-o", "old.txt", "-w", "old.pcapng"];
        let run = replay(folder.path(), &words, None);
        assert_eq!(run.status.code(), Some(3), "{input}: {run:?}");
        let left = |name| fs::read_to_string(file(name)).expect("a file");
        assert_eq!(left("old.txt"), "old text", "{input}");
        assert_eq!(left("old.pcapng"), "old frames", "{input}");
    }
}

/// Whoever finds an empty file takes it for an empty result.
#[test]
fn a_run_without_results_leaves_no_new_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    fs::write(file("notes.txt"), "no capture at all").expect("a file");
    fs::write(file("empty.pcap"), "").expect("a file");
    fs::write(file("trace.pcap"), samples::bytes("handshake.pcap")).expect("a copy");
    fs::hard_link(file("trace.pcap"), file("hard.pcap")).expect("a link");
    let runs: [(&[&str], i32); 5] = [
        (&["notes.txt"], 3),
        (&["empty.pcap"], 3),
        (&["missing.pcap"], 3),
        (&["trace.pcap", "--filter", "what is this"], 5),
        (&["trace.pcap", "-w", "no folder/frames.pcap"], 6),
    ];
    for (words, code) in runs {
        let words = [words, &["-o", "new.txt"]].concat();
        let run = replay(folder.path(), &words, None);
        assert_eq!(run.status.code(), Some(code), "{words:?}: {run:?}");
        assert!(!file("new.txt").exists(), "{words:?}");
    }
    let words = ["trace.pcap", "-o", "new.txt", "-w", "hard.pcap"];
    refuses(
        &replay(folder.path(), &words, None),
        "-w hard.pcap",
        &file("trace.pcap"),
    );
    assert!(!file("new.txt").exists());
    // In the sandbox nothing can be removed any more; then the file is named.
    for words in [["trace.pcap", "--around", "99"], ["-", "--top", "3"]] {
        let words = [&words[..], &["-o", "new.txt", "--no-sandbox"]].concat();
        let run = replay(folder.path(), &words, None);
        assert_ne!(run.status.code(), Some(0), "{words:?}: {run:?}");
        assert!(!file("new.txt").exists(), "{words:?}");
        let run = replay(folder.path(), &words[..words.len() - 1], None);
        let errors = String::from_utf8_lossy(&run.stderr);
        let stays = errors.contains("new.txt stays empty");
        assert_eq!(file("new.txt").exists(), stays, "{words:?}: {errors}");
        let _ = fs::remove_file(file("new.txt"));
    }
}

/// What is asked for may not be there, which is found out before anything is written.
#[test]
fn results_of_last_time_stay_when_nothing_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("trace.pcap");
    fs::write(&capture, samples::bytes("handshake.pcap")).expect("a copy");
    let old = folder.path().join("old.txt");
    for wanted in [
        &["--around", "99"][..],
        &["--header", "--frame", "99"],
        &["--connection", "99"],
    ] {
        for option in ["-o", "-w"] {
            if option == "-w" && wanted[0] == "--header" {
                continue;
            }
            fs::write(&old, "old text").expect("a file");
            let words = [&["trace.pcap", option, "old.txt"], wanted].concat();
            let run = replay(folder.path(), &words, None);
            assert_eq!(run.status.code(), Some(2), "{wanted:?}: {run:?}");
            assert_eq!(fs::read_to_string(&old).expect("a file"), "old text");
        }
    }
    // What was found of several is saved.
    let words = [
        "trace.pcap",
        "-w",
        "old.txt",
        "--connection",
        "99",
        "--connection",
        "1",
    ];
    let run = replay(folder.path(), &words, None);
    assert_eq!(run.status.code(), Some(2), "{run:?}");
    let mut source = handshake_watch::capture::open(&old).expect("a capture");
    let mut saved = 0;
    while let Ok(handshake_watch::capture::Next::Frame(_)) = source.next() {
        saved += 1;
    }
    assert_eq!(saved, 8);
    // That nothing is chosen is a result.
    let words = ["trace.pcap", "-o", "old.txt", "--verdict", "reset"];
    let run = replay(folder.path(), &words, None);
    assert!(run.status.success(), "{run:?}");
    assert_eq!(fs::read_to_string(&old).expect("a file"), "");
}

#[test]
fn two_results_in_one_file_are_refused_before_either_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("trace.pcap");
    fs::write(&capture, samples::bytes("handshake.pcap")).expect("a copy");
    let old = folder.path().join("old.pcap");
    fs::write(&old, "old").expect("a file");
    fs::hard_link(&old, folder.path().join("hard")).expect("a link");
    symlink("old.pcap", folder.path().join("soft")).expect("a link");
    symlink("fresh.pcap", folder.path().join("nowhere")).expect("a link");
    let pairs = [
        ("hard", "old.pcap"),
        ("soft", "old.pcap"),
        ("./old.pcap", "hard"),
        ("nowhere", "fresh.pcap"),
    ];
    for (output, frames) in pairs {
        let words = ["trace.pcap", "-o", output, "-w", frames];
        let run = replay(folder.path(), &words, None);
        let named = format!("-w {frames} and -o {output} would overwrite each other");
        assert_usage(&run, &named);
        assert_eq!(fs::read_to_string(&old).expect("a file"), "old");
    }
    let demo = ["demo", "handshake", "-o", "hard", "-w", "soft"];
    let run = run(folder.path(), &demo, Stdio::null(), Stdio::piped());
    assert_usage(&run, "would overwrite each other");
    assert_eq!(fs::read_to_string(&old).expect("a file"), "old");
}

/// The shell opens standard output, so its name is not known here. The file is.
#[test]
fn standard_output_counts_as_a_result() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = folder.path().join("trace.pcap");
    fs::write(&capture, samples::bytes("handshake.pcap")).expect("a copy");
    let appended = |name: &str| {
        let path = folder.path().join(name);
        let file = File::options().append(true).create(true).open(path);
        Stdio::from(file.expect("a file"))
    };
    let words = ["replay", "trace.pcap"];
    let into_itself = run(folder.path(), &words, Stdio::null(), appended("trace.pcap"));
    assert_usage(&into_itself, "standard output would overwrite the capture");
    assert_eq!(
        fs::read(&capture).expect("the copy"),
        samples::bytes("handshake.pcap")
    );
    let words = ["replay", "trace.pcap", "-w", "frames.pcap"];
    let both = run(
        folder.path(),
        &words,
        Stdio::null(),
        appended("frames.pcap"),
    );
    assert_usage(&both, "-w frames.pcap and standard output");
}

fn assert_usage(run: &Output, named: &str) {
    let errors = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{errors}");
    assert!(errors.contains(named), "{named}: {errors}");
}

fn run(folder: &Path, words: &[&str], input: Stdio, output: Stdio) -> Output {
    let mut program = samples::program(words);
    program.current_dir(folder).stdin(input).stdout(output);
    program.stderr(Stdio::piped());
    let child = program.spawn().expect("the program starts");
    child.wait_with_output().expect("the program ends")
}

fn replay(folder: &Path, words: &[&str], input: Option<File>) -> Output {
    let words = [&["replay"], words].concat();
    let input = input.map_or_else(Stdio::null, Stdio::from);
    run(folder, &words, input, Stdio::piped())
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
