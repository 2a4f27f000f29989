//! Too few descriptors: whichever is the one that is missing, the program says so and ends.

use std::process::{Command, Output};

use super::in_private_network;

/// With so many descriptors the program can be loaded at all; with the last number it has enough.
const FEW: std::ops::RangeInclusive<u32> = 4..=24;

fn run(descriptors: u32, words: &str) -> Output {
    Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -n {descriptors}; exec \"$0\" {words}"))
        .arg(env!("CARGO_BIN_EXE_handshake-watch"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("a shell")
}

/// It works, or it says what is missing and ends with the code of whatever needed it.
fn works_or_says_why(descriptors: u32, run: &Output, codes: &[i32]) -> bool {
    let errors = String::from_utf8_lossy(&run.stderr);
    let code = run.status.code().expect("not killed");
    // What the system's own loader says, before there is a program.
    if code == 127 {
        return false;
    }
    let why = "Too many open files";
    let told = errors.contains(why) || errors.contains("did not close in time");
    assert!(
        code == 0 || (codes.contains(&code) && told),
        "{descriptors} descriptors: code {code}, {errors}"
    );
    assert!(!errors.contains("panicked"), "{errors}");
    code == 0
}

#[test]
fn without_descriptors_a_capture_file_is_not_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    // Read twice, and three files at once.
    let words = format!(
        "replay captures/handshake.pcap --verdict closed -o {0}/page -w {0}/frames.pcap",
        folder.path().display()
    );
    let worked: Vec<bool> = FEW
        .map(|few| works_or_says_why(few, &run(few, &words), &[3, 6]))
        .collect();
    assert_eq!(
        (worked[0], worked.last()),
        (false, Some(&true)),
        "{worked:?}"
    );
}

#[test]
fn without_descriptors_a_capture_is_not_begun() {
    in_private_network(|| {
        let words = "live --once --format json --timeout 1s";
        let worked: Vec<bool> = FEW
            .map(|few| works_or_says_why(few, &run(few, words), &[5, 7]))
            .collect();
        assert_eq!(
            (worked[0], worked.last()),
            (false, Some(&true)),
            "{worked:?}"
        );
    });
}
