//! Ends the build with a message that names the missing package, where otherwise the linker would say `cannot find -lpcap`.
//!
//! Nothing is downloaded or compiled here. The crate `pcap` looks for libpcap by itself; this only finds out beforehand
//! whether that will succeed. Builds for another machine are not judged: their libraries are not where ours are.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the linker accepts for `-lpcap`.
const DEVELOPMENT_FILES: [&str; 3] = ["libpcap.so", "libpcap.a", "libpcap.dylib"];

/// What programs load at run time; enough to link against once it is called `libpcap.so`.
const RUNTIME_FILES: [&str; 2] = ["libpcap.so.0.8", "libpcap.so.1"];

/// Where libraries lie on the distributions that we know of; asked only when neither pkg-config nor a compiler answers.
const USUAL_DIRECTORIES: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/opt/homebrew/lib",
];

const MISSING: [&str; 7] = [
    "libpcap's development files are missing; install them and build again:",
    "  Debian, Ubuntu   sudo apt-get install libpcap-dev",
    "  Fedora, RHEL     sudo dnf install libpcap-devel",
    "  Arch             sudo pacman -S libpcap",
    "  Alpine           sudo apk add libpcap-dev",
    "  Homebrew         brew install libpcap",
    "or let `make demo` do that; LIBPCAP_LIBDIR names a directory to look in instead",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for name in [
        "LIBPCAP_LIBDIR",
        "PKG_CONFIG",
        "PKG_CONFIG_PATH",
        "CC",
        "LIBRARY_PATH",
    ] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    if !links_against_this_machine() {
        return;
    }
    if let Some(directory) = env::var_os("LIBPCAP_LIBDIR") {
        if !has_any(Path::new(&directory), &DEVELOPMENT_FILES) {
            let directory = directory.display();
            println!(
                "cargo::error=LIBPCAP_LIBDIR is {directory}, which holds no libpcap.so and no libpcap.a"
            );
        }
        return;
    }
    if pkg_config_knows_libpcap() || DEVELOPMENT_FILES.iter().any(|name| find(name).is_some()) {
        return;
    }
    if let Some(runtime) = RUNTIME_FILES.iter().find_map(|name| find(name))
        && let Ok(directory) = named_for_the_linker(&runtime)
    {
        println!("cargo::rustc-link-search=native={}", directory.display());
        return;
    }
    for line in MISSING {
        println!("cargo::error={line}");
    }
}

/// Not so for other targets, for the documentation service, and for macOS and Windows, whose SDKs bring or do not bring
/// libpcap in ways that a look at directories does not show.
fn links_against_this_machine() -> bool {
    let target_os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    env::var_os("DOCS_RS").is_none()
        && env::var_os("HOST") == env::var_os("TARGET")
        && !matches!(target_os.as_str(), "macos" | "windows")
}

fn pkg_config_knows_libpcap() -> bool {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| OsString::from("pkg-config"));
    Command::new(program)
        .args(["--exists", "libpcap"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The full path of a library, from the C compiler, which knows where its linker looks, or from the usual directories.
fn find(name: &str) -> Option<PathBuf> {
    let compiler = env::var_os("CC").unwrap_or_else(|| OsString::from("cc"));
    let answer = Command::new(compiler)
        .arg(format!("-print-file-name={name}"))
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|path| PathBuf::from(path.trim()))
        // A bare name is the compiler's way to say that it found nothing.
        .filter(|path| path.is_absolute() && path.exists());
    let linker_path = env::var_os("LIBRARY_PATH").unwrap_or_default();
    answer.or_else(|| {
        env::split_paths(&linker_path)
            .chain(USUAL_DIRECTORIES.into_iter().map(PathBuf::from))
            .map(|directory| directory.join(name))
            .find(|path| path.exists())
    })
}

fn has_any(directory: &Path, names: &[&str]) -> bool {
    names.iter().any(|name| directory.join(name).exists())
}

/// A directory of our own in which the runtime library has the name that the linker looks for.
#[cfg(unix)]
fn named_for_the_linker(runtime: &Path) -> std::io::Result<PathBuf> {
    let directory = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let link = directory.join("libpcap.so");
    if link.symlink_metadata().is_ok() {
        std::fs::remove_file(&link)?;
    }
    std::os::unix::fs::symlink(runtime, &link)?;
    Ok(directory)
}

#[cfg(not(unix))]
fn named_for_the_linker(_runtime: &Path) -> std::io::Result<PathBuf> {
    Err(std::io::ErrorKind::Unsupported.into())
}
