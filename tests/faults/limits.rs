//! Too few descriptors: that is what the program says, with a command that helps, before it has made anything.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::in_private_network;

/// With so many descriptors the program can be loaded at all; with the last number it has enough.
const FEW: std::ops::RangeInclusive<u32> = 4..=32;

/// How far it came. More descriptors never bring it less far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Came {
    /// The system's own loader lacked one, before there was a program.
    NotLoaded,
    /// It said what is missing.
    Refused,
    ToItsEnd,
}

fn run(limit: &str, words: &str) -> Output {
    Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit {limit}; exec \"$0\" {words}"))
        .arg(env!("CARGO_BIN_EXE_handshake-watch"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("a shell")
}

/// It works, or it says what is missing, what helps, and ends with the code of whatever needed it.
fn came(descriptors: u32, run: &Output, refused: i32) -> Came {
    let errors = String::from_utf8_lossy(&run.stderr);
    let code = run.status.code().expect("not killed");
    let told = format!("{descriptors} descriptors: code {code}, {errors}");
    match code {
        0 => return Came::ToItsEnd,
        127 => return Came::NotLoaded,
        _ => assert_eq!(code, refused, "{told}"),
    }
    let first = errors.lines().next().unwrap_or_default();
    assert!(first.contains("too many open files (EMFILE)"), "{told}");
    assert!(
        first.contains(&format!("the limit of {descriptors} ")),
        "{told}"
    );
    assert!(errors.contains("ulimit -n 64"), "{told}");
    assert!(run.stdout.is_empty(), "{told}");
    Came::Refused
}

/// Each number of descriptors brings it at least as far as one less; the first ones do not suffice, and the last ones do.
fn assert_grows(all: &[Came]) {
    assert!(all.is_sorted(), "{all:?}");
    assert!(all.contains(&Came::Refused), "{all:?}");
    assert_eq!(all.last(), Some(&Came::ToItsEnd), "{all:?}");
}

fn all(words: &str, refused: i32) -> Vec<Came> {
    let limit = |few| format!("-n {few}");
    FEW.map(|few| came(few, &run(&limit(few), words), refused))
        .collect()
}

#[test]
fn without_descriptors_a_capture_file_is_not_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    // Read twice, and three files at once.
    let words = format!(
        "replay captures/handshake.pcap --verdict closed -o {0}/page -w {0}/frames.pcap",
        folder.path().display()
    );
    assert_grows(&all(&words, 3));
}

#[test]
fn without_descriptors_a_capture_is_not_begun() {
    in_private_network(|| {
        assert_grows(&all("live --once --format json --timeout 1s", 7));
        // Nobody is to send anything, and what is missing is the input.
        let watch = run("-n 8", "live --watch-only");
        assert_eq!(came(8, &watch, 3), Came::Refused);
        let serve = run("-n 8", "serve");
        assert_eq!(came(8, &serve, 7), Came::Refused);
    });
}

/// Each of these needs others of them: sockets alone, a wire, and packets that are made by hand.
#[test]
fn without_descriptors_a_scenario_makes_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let frames = folder.path().join("frames.pcapng");
    for scenario in ["handshake", "lost-data", "syn-flood"] {
        let words = format!("demo {scenario} -p 21755 -w {}", frames.display());
        let mut all = Vec::new();
        for few in FEW {
            let came = came(few, &run(&format!("-n {few}"), &words), 7);
            assert_eq!(frames.exists(), came == Came::ToItsEnd, "{few}");
            remove(&frames);
            all.push(came);
        }
        assert_grows(&all);
    }
    let series = run("-n 8", "demo --all");
    assert_eq!(came(8, &series, 7), Came::Refused);
}

/// What would work is not what is forbidden.
#[test]
fn without_descriptors_doctor_says_what_is_missing() {
    let run = run("-n 8", "doctor");
    let page = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.code(), Some(4), "{page}");
    assert!(
        page.contains("open files") && page.contains("EMFILE"),
        "{page}"
    );
    assert!(
        page.contains("neither `live` nor `demo` would run: too few files can be open at once"),
        "{page}"
    );
    // Nor would a recording be played.
    let demo = self::run("-n 8", "demo handshake -p 21755");
    assert_eq!(came(8, &demo, 7), Came::Refused);
}

/// One that everybody may raise is no reason to refuse anything.
#[test]
fn a_limit_that_may_be_raised_is_raised() {
    let words = "replay captures/handshake.pcap";
    let run = run("-S -n 8", words);
    assert_eq!(came(8, &run, 3), Came::ToItsEnd);
}

#[test]
fn without_descriptors_a_scenario_leaves_the_results_of_last_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("page.txt");
    let frames = folder.path().join("frames.pcap");
    let words = format!(
        "demo handshake -p 21755 -o {} -w {}",
        page.display(),
        frames.display()
    );
    for few in [8, 16, 24] {
        fs::write(&page, "old").expect("a file");
        fs::write(&frames, "old").expect("a file");
        let run = run(&format!("-n {few}"), &words);
        assert_eq!(came(few, &run, 7), Came::Refused);
        assert_eq!(fs::read(&page).expect("a result"), b"old");
        assert_eq!(fs::read(&frames).expect("a result"), b"old");
    }
}

fn remove(file: &Path) {
    // What was not made is not there.
    let _ = fs::remove_file(file);
}
