//! Too few descriptors: whichever is the one that is missing, the program says so and ends.

use std::fs;
use std::process::{Command, Output};

use super::in_private_network;

/// With so many descriptors the program can be loaded at all; with the last number it has enough.
const FEW: std::ops::RangeInclusive<u32> = 4..=24;

/// How far it came. More descriptors never bring it less far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Came {
    /// The system's own loader lacked one, before there was a program.
    NotLoaded,
    /// It named what could not be opened.
    Refused,
    /// Its own server could not accept its own client, which waited in vain; and both was told.
    NotAccepted,
    ToItsEnd,
}

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
fn came(descriptors: u32, run: &Output, codes: &[i32]) -> Came {
    let errors = String::from_utf8_lossy(&run.stderr);
    let code = run.status.code().expect("not killed");
    assert!(!errors.contains("panicked"), "{errors}");
    if code == 0 {
        return Came::ToItsEnd;
    }
    if code == 127 {
        return Came::NotLoaded;
    }
    assert!(
        codes.contains(&code),
        "{descriptors} descriptors: code {code}, {errors}"
    );
    if errors.contains("Too many open files") {
        return Came::Refused;
    }
    // The one system call that is tried again and again. What came of it stands where calls are told.
    let refused = format!("\"result\":null,\"errno\":{},", libc::EMFILE);
    let page = String::from_utf8_lossy(&run.stdout);
    let accepts = page
        .lines()
        .filter(|line| line.contains("\"call\":\"accept\""));
    assert!(
        errors.contains("did not close in time")
            && accepts.filter(|line| line.contains(&refused)).count() > 0,
        "{descriptors} descriptors: code {code}, {errors}, {page}"
    );
    Came::NotAccepted
}

/// Each number of descriptors brings it at least as far as one less; the first ones do not suffice, and the last ones do.
fn assert_grows(all: &[Came]) {
    assert!(all.is_sorted(), "{all:?}");
    assert!(all.contains(&Came::Refused), "{all:?}");
    assert_eq!(all.last(), Some(&Came::ToItsEnd), "{all:?}");
}

#[test]
fn without_descriptors_a_capture_file_is_not_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    // Read twice, and three files at once.
    let words = format!(
        "replay captures/handshake.pcap --verdict closed -o {0}/page -w {0}/frames.pcap",
        folder.path().display()
    );
    let all: Vec<Came> = FEW
        .map(|few| came(few, &run(few, &words), &[3, 6]))
        .collect();
    assert_grows(&all);
    assert!(!all.contains(&Came::NotAccepted), "{all:?}");
}

#[test]
fn without_descriptors_a_capture_is_not_begun() {
    in_private_network(|| {
        let words = "live --once --format json --timeout 1s";
        let all: Vec<Came> = FEW
            .map(|few| came(few, &run(few, words), &[5, 7]))
            .collect();
        assert_grows(&all);
        // Only what is opened last can be missing so.
        let waited = all.iter().filter(|came| **came == Came::NotAccepted);
        assert!(waited.count() <= 1, "{all:?}");
    });
}

/// Some descriptors are missing after the files were opened, and some only when the scenario plays.
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
    let mut failed = 0;
    for few in FEW {
        fs::write(&page, "old").expect("a file");
        fs::write(&frames, "old").expect("a file");
        let run = run(few, &words);
        let errors = String::from_utf8_lossy(&run.stderr);
        assert!(!errors.contains("panicked"), "{errors}");
        let page = fs::read_to_string(&page).expect("a result");
        let frames = fs::read(&frames).expect("a result");
        // What was captured before it failed is a result, too.
        let captured = page.contains("SYN");
        assert!(captured || page == "old", "{few}: {page}, {errors}");
        assert_eq!(frames == b"old", !captured, "{few}: {page}, {errors}");
        assert!(captured || !run.status.success(), "{few}: {errors}");
        failed += usize::from(!captured);
    }
    assert!(failed > 0, "some descriptors are missing");
}
