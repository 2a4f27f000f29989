//! `doctor` on machines that differ in what they permit: this one, as an ordinary user, as a file with capabilities, and
//! one that forbids everything.

#![cfg(target_os = "linux")]

mod copied;
#[macro_use]
mod skipped;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// Nobody, as the kernel and most systems number them.
const NOBODY: u32 = 65534;

const PROGRAM: &str = env!("CARGO_BIN_EXE_handshake-watch");

#[test]
fn the_exit_code_says_whether_anything_can_be_captured() {
    let output = run(Command::new(PROGRAM).args(["doctor", "--format", "json"]));
    let checks = checks(&output);
    for name in [
        "capture",
        "interfaces",
        "loopback",
        "link_type",
        "time_stamps",
        "private_network",
        "tun_device",
        "landlock",
        "seccomp",
        "ordinary_user",
        "utf8",
        "columns",
        "colors",
    ] {
        assert!(checks.contains_key(name), "{name} is missing in {checks:?}");
    }
    let captures = works(&checks, "capture") || works(&checks, "private_network");
    assert_eq!(output.status.code(), Some(if captures { 0 } else { 4 }));
    assert!(
        works(&checks, "loopback") && works(&checks, "interfaces"),
        "{checks:?}"
    );
}

#[test]
fn people_are_told_the_same() {
    let output = run(Command::new(PROGRAM).args(["doctor", "--width", "80"]));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let told = text
        .lines()
        .filter(|line| line.starts_with("works ") || line.starts_with("absent "))
        .count();
    let json = run(Command::new(PROGRAM).args(["doctor", "--format", "json"]));
    assert_eq!(told, checks(&json).len(), "{text}");
    assert!(!text.to_lowercase().contains("fail"), "{text}");
    assert!(text.contains("would"), "it ends with what follows: {text}");
}

#[test]
fn locale_and_colours_are_those_of_the_caller() {
    let of = |variables: &[(&str, &str)], more: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.args(["doctor", "--format", "json"]).args(more);
        for name in ["LC_ALL", "LC_CTYPE", "LANG", "NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        checks(&run(command.envs(variables.iter().copied())))
    };
    assert!(works(&of(&[("LANG", "de_DE.UTF-8")], &[]), "utf8"));
    let german = of(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], &[]);
    assert_eq!(german["utf8"]["mend"], "export LC_ALL=C.UTF-8");
    assert!(!works(&german, "utf8"));
    assert!(!works(&of(&[], &[]), "utf8"));
    assert!(works(&of(&[], &["--color", "always"]), "colors"));
    let plain = of(&[("NO_COLOR", "1")], &[]);
    assert_eq!(plain["colors"]["found"], "off: NO_COLOR is set");
}

#[test]
fn looking_changes_nothing() {
    let interfaces = || {
        let folder = fs::read_dir("/sys/class/net").expect("the system's list");
        let facts = folder.flatten().map(|entry| {
            let flags = fs::read_to_string(entry.path().join("flags"));
            (entry.file_name(), flags.unwrap_or_default())
        });
        facts.collect::<BTreeMap<_, _>>()
    };
    let before = interfaces();
    run(Command::new(PROGRAM).arg("doctor"));
    assert_eq!(interfaces(), before);
}

#[test]
fn an_ordinary_user_is_told_how_to_be_permitted() {
    let Some(machine) = Copied::new() else {
        return;
    };
    let output = run(&mut machine.as_nobody());
    let checks = checks(&output);
    assert!(!works(&checks, "capture"), "{checks:?}");
    let mend = checks["capture"]["mend"].as_str().unwrap_or_default();
    assert!(mend.starts_with("sudo setcap cap_net_raw=ep "), "{mend}");
    assert_eq!(checks["link_type"]["works"], false);
    let code = if works(&checks, "private_network") {
        0
    } else {
        4
    };
    assert_eq!(output.status.code(), Some(code));
}

#[test]
fn what_mends_it_does() {
    let Some(machine) = Copied::new() else {
        return;
    };
    let file = &machine.program;
    let set = Command::new("setcap")
        .arg("cap_net_raw=ep")
        .arg(file)
        .status();
    if !set.is_ok_and(|status| status.success()) {
        skipped!("setcap is missing, or does not work in {}", file.display());
        return;
    }
    let output = run(&mut machine.as_nobody());
    let checks = checks(&output);
    if !works(&checks, "capture") {
        skipped!("capabilities of files are ignored in {}", file.display());
        return;
    }
    assert_eq!(output.status.code(), Some(0));
    assert!(
        works(&checks, "link_type") && works(&checks, "time_stamps"),
        "{checks:?}"
    );
    if works(&checks, "private_network") {
        let found = checks["private_network"]["found"]
            .as_str()
            .unwrap_or_default();
        assert!(found.contains("capabilities"), "{found}");
    }
}

/// In a user namespace of its own even root owns nothing outside, and may forbid itself all others.
#[test]
fn where_everything_is_forbidden_each_thing_has_its_remedy() {
    let script = "echo 0 >/proc/sys/user/max_user_namespaces &&
        echo 0 >/proc/sys/user/max_net_namespaces && exec \"$0\" doctor --format json";
    let forbidden = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", script, program]);
        command
    };
    // What has nothing to say for itself tells whether anything can be forbidden.
    let possible = forbidden("true").output();
    if !possible
        .as_ref()
        .is_ok_and(|output| output.status.success())
    {
        skipped!("no user namespace can be made here: {possible:?}");
        return;
    }
    let output = run(&mut forbidden(PROGRAM));
    let checks = checks(&output);
    assert!(
        !works(&checks, "capture") && !works(&checks, "private_network"),
        "{checks:?}"
    );
    assert_eq!(output.status.code(), Some(4));
    let mend = checks["private_network"]["mend"]
        .as_str()
        .unwrap_or_default();
    assert!(
        mend.starts_with("sudo sysctl user.max_user_namespaces="),
        "{mend}"
    );
}

/// The program where everybody may run it, for a test that runs as root.
struct Copied {
    program: PathBuf,
    /// Where it is.
    _folder: tempfile::TempDir,
}

impl Copied {
    fn new() -> Option<Self> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        if !status.lines().any(|line| line.starts_with("Uid:\t0\t0\t")) {
            skipped!("only root can become another user; run this test as root");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let everybody = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), everybody).expect("our own folder");
        Some(Self {
            program: copied::copied(folder.path()),
            _folder: folder,
        })
    }

    fn as_nobody(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["doctor", "--format", "json"])
            .uid(NOBODY)
            .gid(NOBODY);
        command.current_dir("/");
        command
    }
}

fn run(command: &mut Command) -> Output {
    command.output().expect("a program that can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The checks by name. Each has exactly the documented keys.
fn checks(output: &Output) -> BTreeMap<String, Value> {
    let mut checks = BTreeMap::new();
    for line in text(&output.stdout).lines() {
        let check: Value = serde_json::from_str(line).expect("an object a line");
        let keys: Vec<&String> = check.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["found", "good_for", "mend", "name", "type", "works"]);
        assert_eq!(check["type"], "check");
        assert!(
            check["works"].is_boolean() && check["found"].is_string(),
            "{line}"
        );
        let name = check["name"].as_str().expect("a name").to_owned();
        assert!(checks.insert(name, check).is_none(), "twice: {line}");
    }
    assert!(!checks.is_empty(), "nothing but: {}", text(&output.stderr));
    checks
}

fn works(checks: &BTreeMap<String, Value>, name: &str) -> bool {
    checks[name]["works"] == true
}
