//! What the program is built from: licences that allow it to be given away, and no crate twice without a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than their text to be kept.
const ALLOWED: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that are in the program in two versions, and whose wish that is.
const TWICE: [(&str, &str); 2] = [
    ("bitflags", "pcap 2.5 still uses 1.x"),
    ("errno", "pcap 2.5 still uses 0.2"),
];

#[test]
fn every_licence_is_permissive() {
    let metadata = metadata();
    for package in metadata["packages"].as_array().expect("packages") {
        let licence = package["license"].as_str().unwrap_or("");
        assert!(
            permitted(licence),
            "{} {} is under {licence:?}, which is not in the list of this test",
            package["name"],
            package["version"]
        );
    }
}

#[test]
fn no_crate_is_linked_twice_without_a_reason() {
    let metadata = metadata();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, version) in linked(&metadata) {
        versions.entry(name).or_default().insert(version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    let expected: Vec<&str> = TWICE.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        versions.keys().collect::<Vec<_>>(),
        expected,
        "twice in the program: {versions:?}; see TWICE in this test"
    );
}

#[test]
fn licence_expressions_are_understood() {
    for text in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
    ] {
        assert!(permitted(text), "{text}");
    }
    for text in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR Zlib) AND GPL-2.0",
    ] {
        assert!(!permitted(text), "{text}");
    }
}

/// What cargo knows about this machine's build, from what the build has downloaded already.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(["--filter-platform", &host()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs: it started this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

fn host() -> String {
    let output = Command::new(env!("CARGO"))
        .arg("-vV")
        .output()
        .expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("cargo -vV names its host").to_owned()
}

/// Name and version of everything that ends up in the program: neither tests' nor build scripts' needs.
fn linked(metadata: &Value) -> Vec<(String, String)> {
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| (node["id"].as_str().expect("an id"), node))
        .collect();
    let packages: BTreeMap<&str, &Value> = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| (package["id"].as_str().expect("an id"), package))
        .collect();
    let mut reached = BTreeSet::new();
    let mut open = vec![metadata["resolve"]["root"].as_str().expect("a root")];
    while let Some(id) = open.pop() {
        // What a macro is made from is compiled, but not linked.
        let is_macro = packages[id]["targets"].as_array().is_some_and(|targets| {
            targets
                .iter()
                .any(|target| target["kind"][0] == "proc-macro")
        });
        if is_macro || !reached.insert(id) {
            continue;
        }
        for dependency in nodes[id]["deps"].as_array().expect("deps") {
            let normal = dependency["dep_kinds"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()));
            if normal {
                open.push(dependency["pkg"].as_str().expect("a package id"));
            }
        }
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    reached
        .into_iter()
        .map(|id| (text(&packages[id]["name"]), text(&packages[id]["version"])))
        .collect()
}

/// Whether an SPDX expression, in the old form with a slash or the new one, leaves a permissive choice.
fn permitted(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    alternatives(&expression, " OR ").iter().any(|choice| {
        alternatives(choice, " AND ")
            .iter()
            .all(|part| one_permitted(part))
    })
}

fn one_permitted(part: &str) -> bool {
    let part = part.trim();
    match part
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
    {
        Some(inner) => permitted(inner),
        None => ALLOWED.contains(&part),
    }
}

/// Splits at `operator` outside parentheses.
fn alternatives<'a>(expression: &'a str, operator: &str) -> Vec<&'a str> {
    let (mut depth, mut begin, mut parts) = (0, 0, Vec::new());
    for (at, c) in expression.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && at >= begin && expression[at..].starts_with(operator) => {
                parts.push(&expression[begin..at]);
                begin = at + operator.len();
            }
            _ => {}
        }
    }
    parts.push(&expression[begin..]);
    parts
}
