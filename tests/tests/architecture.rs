//! The invariants of ARCHITECTURE.md, read off the dependency graph and the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which crate of the workspace may use which, outside of tests. An edge that is not here is a decision to be made
/// in ARCHITECTURE.md first.
const ALLOWED: &[(&str, &[&str])] = &[
    ("hes-wire", &[]),
    ("hes-dlt645", &["hes-wire"]),
    ("hes-dlms", &["hes-wire"]),
    ("hes-model", &[]),
    ("hes-failpoint", &[]),
    ("hes-driver", &["hes-model", "hes-wire", "hes-dlt645"]),
    ("hes-dissect", &["hes-wire", "hes-dlt645", "hes-dlms"]),
    ("hes-validation", &["hes-model"]),
    ("hes-transport", &["hes-model", "hes-driver", "hes-wire"]),
    ("hes-store", &["hes-model", "hes-failpoint"]),
    ("hes-billing", &["hes-model", "hes-store"]),
    ("hes-reports", &["hes-model", "hes-store"]),
    (
        "hes-collector",
        &["hes-model", "hes-driver", "hes-store", "hes-transport", "hes-validation", "hes-failpoint", "hes-wire"],
    ),
    ("hes-api", &["hes-model", "hes-store", "hes-reports", "hes-billing", "hes-dissect"]),
    (
        "hes",
        &[
            "hes-model",
            "hes-driver",
            "hes-dissect",
            "hes-store",
            "hes-reports",
            "hes-billing",
            "hes-transport",
            "hes-collector",
            "hes-validation",
            "hes-api",
            "hes-failpoint",
        ],
    ),
    ("hes-sim", &["hes-wire", "hes-dlt645"]),
    ("xtask", &[]),
];

/// Crates without runtime, sockets, files or clock.
const PURE: &[&str] = &[
    "protocols/wire",
    "protocols/dlt645",
    "protocols/dlms",
    "crates/model",
    "crates/driver",
    "crates/dissect",
    "crates/validation",
];

#[test]
fn crates_use_only_the_crates_they_may() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(name, uses)| (*name, uses.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for (name, uses) in workspace_graph() {
        if matches!(name.as_str(), "hes-tests" | "hes-benches") {
            continue;
        }
        let Some(allowed) = allowed.get(name.as_str()) else {
            wrong.push(format!("{name} is not in the table of this test"));
            continue;
        };
        let ours = uses.iter().filter(|used| used.starts_with("hes"));
        wrong.extend(ours.filter(|used| !allowed.contains(used.as_str())).map(|used| format!("{name} uses {used}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn outside_crates_that_bring_a_runtime_or_a_database_stay_where_they_belong() {
    let graph = workspace_graph();
    let users = |dependency: &str| -> BTreeSet<String> {
        graph.iter().filter(|(_, uses)| uses.contains(dependency)).map(|(name, _)| name.clone()).collect()
    };
    let only = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>();
    let sql = users("sqlx");
    assert!(
        sql.is_subset(&only(&["hes-store", "hes-benches"])),
        "only the store, and its peer in a bench, speak SQL: {sql:?}"
    );
    let serial = users("tokio-serial");
    assert!(serial.is_subset(&only(&["hes-transport", "hes-sim"])), "only transport opens ports: {serial:?}");
    for pure in ["hes-wire", "hes-dlt645", "hes-dlms", "hes-model", "hes-driver", "hes-dissect", "hes-validation"] {
        assert!(!users("tokio").contains(pure), "{pure} must not know a runtime");
    }
}

#[test]
fn pure_crates_know_no_runtime_no_socket_no_file_and_no_clock() {
    let banned =
        ["tokio", "std::net", "std::fs", "std::env", "SystemTime", "Instant::now", "Timestamp::now", "Zoned::now"];
    assert_absent(PURE, &banned);
    assert_absent(&["protocols/wire", "protocols/dlt645", "protocols/dlms"], &["async ", ".await"]);
}

#[test]
fn only_the_store_contains_sql() {
    let elsewhere = [
        "crates/model",
        "crates/driver",
        "crates/transport",
        "crates/collector",
        "crates/api",
        "crates/reports",
        "crates/billing",
        "crates/hes",
    ];
    assert_absent(&elsewhere, &["sqlx", "SELECT ", "INSERT INTO", "DELETE FROM"]);
}

#[test]
fn only_transport_opens_field_links() {
    let elsewhere = ["crates/driver", "crates/store", "crates/collector", "crates/reports", "crates/billing"];
    assert_absent(&elsewhere, &["TcpStream::connect", "TcpListener", "tokio_serial", "UdpSocket"]);
}

#[test]
fn only_the_binary_reads_the_environment_and_ends_the_process() {
    let libraries = [
        "crates/driver",
        "crates/transport",
        "crates/store",
        "crates/collector",
        "crates/api",
        "crates/reports",
        "crates/billing",
    ];
    assert_absent(&libraries, &["env::var", "process::exit", "process::abort"]);
}

#[test]
fn the_server_knows_nothing_of_the_simulator() {
    for (name, uses) in workspace_graph() {
        let may = matches!(name.as_str(), "hes-tests" | "hes-benches" | "hes-sim");
        assert!(may || !uses.contains("hes-sim"), "{name} uses the simulator outside of tests");
    }
}

#[test]
fn every_fail_point_is_in_the_list_and_every_name_in_the_list_is_a_fail_point() {
    let list = read(&root().join("crates/failpoint/src/lib.rs"));
    let list = list.split_once("KNOWN: &[&str] = &[").and_then(|(_, rest)| rest.split_once("];")).expect("the list").0;
    let known: BTreeSet<String> = quoted(list).collect();
    let mut used = BTreeSet::new();
    for source in sources(&["crates"]) {
        let text = read(&source);
        for (at, _) in text.match_indices("hes_failpoint::hit(") {
            let call = text[at..].lines().take(2).collect::<String>();
            used.extend(quoted(&call).take(1));
        }
    }
    assert_eq!(used, known);
}

#[test]
fn no_source_carries_an_unfinished_mark() {
    let marks = [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("FIX", "ME"), concat!("TO", "DO")];
    assert_absent(&["protocols", "crates", "simulator", "tests", "benches"], &marks);
}

/// Each package's direct dependencies outside of tests.
fn workspace_graph() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let normal = dependencies.iter().filter(|d| d["kind"].is_null());
            let names = normal.map(|d| d["name"].as_str().expect("a name").to_owned()).collect();
            (package["name"].as_str().expect("a name").to_owned(), names)
        })
        .collect()
}

fn assert_absent(folders: &[&str], banned: &[&str]) {
    let mut found = Vec::new();
    for source in sources(folders) {
        let text = read(&source);
        for (number, line) in code(&text) {
            let hits = banned.iter().filter(|word| line.contains(**word));
            found.extend(hits.map(|word| format!("{}:{number}: {word}", source.display())));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The lines that are code: no comments, and nothing after the file's test module begins.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]").filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Every source file below `src` folders, tests and benches left out.
fn sources(folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    // Below the root only: a checkout may stand in a folder of any name.
    found.retain(|path| {
        let below = path.strip_prefix(root()).unwrap_or(path);
        let passes = |name: &str| below.components().any(|part| part.as_os_str() == name);
        passes("src") && !path.ends_with("tests.rs") && !passes("tests")
    });
    assert!(!found.is_empty(), "no sources below {folders:?}");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is below the root")
}
