//! Which crate may depend on which: the arrows of ours, and the one owner of each heavy crate of others.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::tree::Tree;
use super::{Violation, check};

/// The root package: the command line, and the tests through the outer door.
const PROGRAM: &str = "sealwatch";

/// Which of our crates each of them may depend on. The tests of a crate keep to it too: one that needs more is a test
/// through the outer door.
const ARROWS: [(&str, &[&str]); 10] = [
    (
        PROGRAM,
        &[
            "dashboards",
            "pipeline",
            "ingest",
            "alerting",
            "archive",
            "store",
            "transport",
            "detectors",
            "sample-logs",
        ],
    ),
    ("dashboards", &["pipeline", "alerting", "archive", "store", "detectors"]),
    ("pipeline", &["ingest", "alerting", "archive", "store", "detectors"]),
    ("ingest", &["transport", "detectors"]),
    ("archive", &["transport", "detectors"]),
    ("alerting", &["transport", "store", "detectors"]),
    ("store", &["detectors"]),
    ("transport", &[]),
    ("detectors", &[]),
    ("sample-logs", &[]),
];

/// Heavy crates, each with the one crate of ours that hands out what it is for, so that it can be replaced in one place;
/// and whether the tests through the outer door may use it beside that one.
const OWNERS: [(&str, &str, Tests); 11] = [
    ("axum", "dashboards", Tests::Keep),
    ("clap", PROGRAM, Tests::Keep),
    ("lettre", "alerting", Tests::Keep),
    ("minijinja", "alerting", Tests::Keep),
    ("object_store", "transport", Tests::Keep),
    ("polars", "archive", Tests::Keep),
    // The tests speak Kafka themselves: what judges a client must not be that client.
    ("rdkafka", "transport", Tests::MayUse),
    ("reqwest", "transport", Tests::Keep),
    ("rusqlite", "store", Tests::Keep),
    ("statrs", "detectors", Tests::Keep),
    ("tokio-postgres", "store", Tests::Keep),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tests {
    /// They keep to the owner.
    Keep,
    /// They may use it themselves.
    MayUse,
}

/// What a manifest says of one dependency.
struct Dependency {
    name: String,
    kind: Kind,
    line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Dev,
    Build,
}

/// A package of this workspace.
struct Package<'a> {
    path: &'a str,
    name: String,
    manifest: Table,
    dependencies: Vec<Dependency>,
}

fn packages(tree: &Tree) -> Vec<Package<'_>> {
    let renamed = renamed_in_workspace(tree);
    tree.manifests()
        .filter_map(|(path, text, manifest)| {
            let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
            let dependencies = dependencies(&manifest, text, &renamed);
            Some(Package { path, name, manifest, dependencies })
        })
        .collect()
}

/// What `[workspace.dependencies]` calls otherwise than its crate.
fn renamed_in_workspace(tree: &Tree) -> BTreeMap<String, String> {
    let roots = tree.manifests().filter_map(|(_, _, manifest)| {
        Some(manifest.get("workspace")?.get("dependencies")?.as_table()?.clone())
    });
    roots
        .flatten()
        .filter_map(|(key, value)| Some((key, value.get("package")?.as_str()?.to_owned())))
        .collect()
}

fn dependencies(manifest: &Table, text: &str, renamed: &BTreeMap<String, String>) -> Vec<Dependency> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    let kinds = [
        ("dependencies", Kind::Normal),
        ("dev-dependencies", Kind::Dev),
        ("build-dependencies", Kind::Build),
    ];
    let mut found = Vec::new();
    for table in tables {
        for (section, kind) in kinds {
            for (key, value) in table.get(section).and_then(Value::as_table).into_iter().flatten() {
                let own = value.get("package").and_then(Value::as_str);
                let name = own.or_else(|| renamed.get(key).map(String::as_str)).unwrap_or(key).to_owned();
                found.push(Dependency { name, kind, line: line_of(text, section, key) });
            }
        }
    }
    found
}

/// The line, from 1, at which a key stands in its section.
fn line_of(text: &str, section: &str, key: &str) -> usize {
    let head = format!("{section}]");
    let from = text.lines().position(|line| line.ends_with(&head)).unwrap_or(0);
    let is_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '=', '.']));
    text.lines().enumerate().skip(from).find(|(_, line)| is_key(line)).map_or(1, |(at, _)| at + 1)
}

/// Our crates depend on each other along the arrows alone.
fn arrows(tree: &Tree) -> Vec<Violation> {
    const HOMELESS: &str =
        "say in ARROWS of tests/architecture/crates.rs and in ARCHITECTURE.md what it may depend on";
    const UPWARD: &str =
        "arrows point down: move the code to where both may use it, or let the caller hand it in";
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let mut found = Vec::new();
    for package in packages(tree) {
        let Some(may) = allowed.get(package.name.as_str()) else {
            found.push(Violation::file(
                package.path,
                format!("`{}` has no place in the house", package.name),
                HOMELESS,
            ));
            continue;
        };
        for dependency in &package.dependencies {
            if allowed.contains_key(dependency.name.as_str()) && !may.contains(&dependency.name.as_str()) {
                let what = format!("`{}` depends on `{}`", package.name, dependency.name);
                found.push(Violation::line(package.path, dependency.line, what, UPWARD));
            }
        }
    }
    found
}

/// A heavy crate of others is used by its owner alone.
fn owners(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str =
        "ask its owner for what is needed; OWNERS of tests/architecture/crates.rs says why there is one";
    let mut found = Vec::new();
    for package in packages(tree) {
        for dependency in &package.dependencies {
            let Some((name, owner, tests)) = OWNERS.into_iter().find(|(name, ..)| *name == dependency.name)
            else {
                continue;
            };
            let in_tests = package.name == PROGRAM && dependency.kind == Kind::Dev && tests == Tests::MayUse;
            if package.name != owner && !in_tests {
                let what = format!("`{}` depends on `{name}`, which is for `{owner}` alone", package.name);
                found.push(Violation::line(package.path, dependency.line, what, REMEDY));
            }
        }
    }
    found
}

/// `cargo deny` is told of the same owners, for crates that come by way of others.
fn cargo_deny_knows_the_owners(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str =
        "make `[bans] deny` of deny.toml and OWNERS of tests/architecture/crates.rs say the same";
    let used =
        |name: &str| packages(tree).iter().any(|package| package.dependencies.iter().any(|d| d.name == name));
    let deny = tree.text("deny.toml").and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let entries = deny
        .get("bans")
        .and_then(|bans| bans.get("deny"))
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut found = Vec::new();
    for (name, owner, tests) in OWNERS.into_iter().filter(|(name, ..)| used(name)) {
        let entry = entries.iter().find(|entry| entry.get("crate").and_then(Value::as_str) == Some(name));
        let wrappers = entry.and_then(|entry| entry.get("wrappers")).and_then(Value::as_array);
        let told: Vec<&str> = wrappers.into_iter().flatten().filter_map(Value::as_str).collect();
        let right: Vec<&str> =
            std::iter::once(owner).chain((tests == Tests::MayUse).then_some(PROGRAM)).collect();
        if told != right {
            found.push(Violation::file(
                "deny.toml",
                format!("`{name}` is for {right:?}, and it says {told:?}"),
                REMEDY,
            ));
        }
    }
    found
}

/// Lints stand once, in the workspace, and hold for each package.
fn lints_are_inherited(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "write `[lints]` and `workspace = true` into it, and nothing else under `[lints]`";
    let inherits = |manifest: &Table| {
        let lints = manifest.get("lints").and_then(Value::as_table);
        lints.is_some_and(|lints| {
            lints.len() == 1 && lints.get("workspace").and_then(Value::as_bool) == Some(true)
        })
    };
    let own = packages(tree).into_iter().filter(|package| !inherits(&package.manifest));
    own.map(|package| Violation::file(package.path, "it does not inherit the workspace's lints", REMEDY))
        .collect()
}

/// Versions stand once, in the workspace.
fn versions_are_inherited(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str =
        "put the version into `[workspace.dependencies]` and write `<crate>.workspace = true`";
    let mut found = Vec::new();
    for (path, text, manifest) in tree.manifests() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (key, value) in manifest.get(section).and_then(Value::as_table).into_iter().flatten() {
                if value.get("workspace").and_then(Value::as_bool) != Some(true) {
                    let what = format!("`{key}` has a version of its own");
                    found.push(Violation::line(path, line_of(text, section, key), what, REMEDY));
                }
            }
        }
    }
    found
}

#[test]
fn arrows_point_down() {
    check(
        arrows,
        &[
            (
                "Cargo.toml",
                "[package]\nname = 'sealwatch'\n[dependencies]\nstore.workspace = true\n[workspace.dependencies]\nbase = { package = 'store', path = 'store' }",
            ),
            (
                "detectors/Cargo.toml",
                "[package]\nname = 'detectors'\n[dependencies]\nbase.workspace = true\nserde = '1'",
            ),
            ("new/Cargo.toml", "[package]\nname = 'new'"),
            (
                "store/Cargo.toml",
                "[package]\nname = 'store'\n[dependencies]\ndetectors.workspace = true\n[dev-dependencies]\nalerting.workspace = true",
            ),
            (
                "transport/Cargo.toml",
                "[package]\nname = 'transport'\n[target.'cfg(unix)'.dependencies]\ndetectors.workspace = true",
            ),
        ],
        &[
            "detectors/Cargo.toml:4: `detectors` depends on `store`",
            "new/Cargo.toml: `new` has no place",
            "store/Cargo.toml:6: `store` depends on `alerting`",
            "transport/Cargo.toml:4: `transport` depends on `detectors`",
        ],
    );
}

#[test]
fn a_heavy_crate_has_one_owner() {
    check(
        owners,
        &[
            (
                "Cargo.toml",
                "[package]\nname = 'sealwatch'\n[dependencies]\nreqwest = '1'\n[dev-dependencies]\nrdkafka = '1'",
            ),
            ("pipeline/Cargo.toml", "[package]\nname = 'pipeline'\n[dev-dependencies]\nrdkafka = '1'"),
            ("store/Cargo.toml", "[package]\nname = 'store'\n[dependencies]\nrusqlite = '1'"),
        ],
        &[
            "Cargo.toml:4: `sealwatch` depends on `reqwest`",
            "pipeline/Cargo.toml:4: `pipeline` depends on `rdkafka`",
        ],
    );
}

#[test]
fn cargo_deny_and_this_file_agree() {
    check(
        cargo_deny_knows_the_owners,
        &[
            ("deny.toml", "[bans]\ndeny = [{ crate = 'rdkafka', wrappers = ['transport', 'sealwatch'] }]"),
            ("store/Cargo.toml", "[package]\nname = 'store'\n[dependencies]\nrusqlite = '1'\nrdkafka = '1'"),
        ],
        &["deny.toml: `rusqlite` is for [\"store\"], and it says []"],
    );
}

#[test]
fn every_package_inherits_the_lints() {
    check(
        lints_are_inherited,
        &[
            ("a/Cargo.toml", "[package]\nname = 'a'\n[lints]\nworkspace = true"),
            ("b/Cargo.toml", "[package]\nname = 'b'"),
            ("c/Cargo.toml", "[package]\nname = 'c'\n[lints.rust]\nunsafe_code = 'allow'"),
        ],
        &["b/Cargo.toml: it does not inherit", "c/Cargo.toml: it does not inherit"],
    );
}

#[test]
fn every_version_stands_once() {
    check(
        versions_are_inherited,
        &[("a/Cargo.toml", "[package]\nname = 'a'\n[dependencies]\nserde.workspace = true\ntoml = '1'")],
        &["a/Cargo.toml:5: `toml` has a version of its own"],
    );
}
