//! `.ci/setup` on machines that lack something: each test is a machine made of a few scripts, so that nothing is installed.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// Each package manager, whether it needs root, and what it is to install.
const MANAGERS: [(&str, bool, &str); 5] = [
    ("apt-get", true, "libpcap-dev"),
    ("dnf", true, "libpcap-devel"),
    ("pacman", true, "libpcap"),
    ("apk", true, "libpcap-dev"),
    ("brew", false, "libpcap"),
];

#[test]
fn nothing_happens_where_nothing_is_missing() {
    let machine = Machine::new("Linux", 1000).with("apt-get").with("sudo");
    fs::write(machine.installed(), "").expect("a file of our own");
    let (code, text) = machine.set_up();
    assert_eq!((code, text.as_str(), machine.log().as_str()), (0, "", ""));
}

#[test]
fn each_package_manager_is_called_after_it_was_announced() {
    for (manager, needs_root, package) in MANAGERS {
        for user in [0, 1000] {
            let machine = Machine::new("Linux", user).with(manager).with("sudo");
            let (code, text) = machine.set_up();
            assert_eq!(code, 0, "{manager}: {text}");
            let log = machine.log();
            let install = log.lines().last().expect("something was run");
            assert!(
                install.contains(manager) && install.ends_with(package),
                "{install}"
            );
            let by_sudo = install.starts_with("sudo ");
            assert_eq!(by_sudo, needs_root && user != 0, "{manager} as user {user}");
            // What is run is what was announced.
            for line in log.lines() {
                assert!(text.contains(line), "{line:?} was not announced: {text}");
            }
        }
    }
}

#[test]
fn without_sudo_the_command_is_printed_and_not_run() {
    let machine = Machine::new("Linux", 1000).with("apt-get");
    let (code, text) = machine.set_up();
    assert_eq!((code, machine.log().as_str()), (1, ""));
    assert!(text.contains("apt-get install"), "{text}");
}

#[test]
fn an_unknown_system_is_told_what_is_missing() {
    let (code, text) = Machine::new("Linux", 0).set_up();
    assert_eq!(code, 1);
    assert!(text.contains("libpcap"), "{text}");
}

#[test]
fn an_installation_that_did_not_help_is_an_error() {
    let machine = Machine::new("Linux", 0).with("apt-get");
    machine.script("apt-get", "exit 0");
    let (code, text) = machine.set_up();
    assert_eq!(code, 1);
    assert!(text.contains("still not found"), "{text}");
}

#[test]
fn a_mac_needs_only_a_compiler() {
    let machine = Machine::new("Darwin", 501).with("brew");
    assert_eq!(machine.set_up(), (0, String::new()));
    fs::remove_file(machine.folder.path().join("cc")).expect("the compiler was there");
    let (code, text) = machine.set_up();
    assert_eq!((code, machine.log().as_str()), (1, ""));
    assert!(text.contains("xcode-select --install"), "{text}");
}

#[test]
fn a_machine_without_rust_is_sent_to_it() {
    let machine = Machine::new("Linux", 1000).with("apt-get").with("sudo");
    fs::remove_file(machine.folder.path().join("cargo")).expect("cargo was there");
    let (code, text) = machine.set_up();
    assert_eq!((code, machine.log().as_str()), (1, ""));
    assert!(text.contains("rustup.rs"), "{text}");
}

/// A folder that is the whole `PATH`. Its compiler finds libpcap once a file says that it was installed.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(system: &str, user: u32) -> Self {
        let machine = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let installed = machine.installed().display().to_string();
        machine.script("uname", &format!("echo {system}"));
        machine.script("id", &format!("echo {user}"));
        machine.script("cargo", "exit 1");
        machine.script(
            "cc",
            &format!(
                "name=${{1#*=}}; if [ -e {installed} ]; then echo /lib/$name; else echo $name; fi"
            ),
        );
        machine
    }

    /// A program that writes down how it was called and then does its job.
    fn with(self, program: &str) -> Self {
        let log = self.folder.path().join("log").display().to_string();
        let installed = self.installed().display().to_string();
        let job = match program {
            "sudo" => "SUDO='sudo ' \"$@\"".to_owned(),
            _ => format!("echo \"${{SUDO}}{program} $*\" >>{log}; : >{installed}"),
        };
        self.script(program, &job);
        self
    }

    fn script(&self, name: &str, body: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("a file of our own");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
    }

    fn installed(&self) -> PathBuf {
        self.folder.path().join("installed")
    }

    /// Exit code and everything that was said.
    fn set_up(&self) -> (i32, String) {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".ci/setup");
        let output = Command::new("/bin/sh")
            .arg(script)
            .env_clear()
            .env("PATH", self.folder.path())
            .env("HOME", self.folder.path())
            .output()
            .expect("a shell");
        let text = [output.stdout, output.stderr].concat();
        let code = output.status.code().expect("not ended by a signal");
        (code, String::from_utf8(text).expect("UTF-8"))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}
