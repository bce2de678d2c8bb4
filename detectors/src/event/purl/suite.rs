//! `PackageUrl` against the official tests of package-url/purl-spec (`detectors/tests-data/purl-spec`). Where it differs
//! on purpose, the reason is named here, and each reason must still be needed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::PackageUrl;

#[derive(Deserialize)]
struct Test {
    #[serde(rename = "type")]
    kind: String,
    input: Value,
    fails: bool,
    output: Value,
}

/// Why a difference is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meant {
    /// Containers are `pkg:docker/<path of the repository>`, whatever the input called them.
    ContainersAreFolded,
    /// Which registry it is decides about the case of mlflow's names; qualifiers are dropped.
    CaseDependsOnQualifier,
    /// Qualifiers are dropped, so a bad one spoils nothing.
    QualifiersAreDropped,
    /// How a type's names must look is for its registry to refuse: a log tells what was asked for, however odd.
    ShapeIsTheRegistrysMatter,
}

/// Types with rules about which namespaces, names and versions there can be.
const SHAPED: [&str; 7] = ["chrome-extension", "cpan", "julia", "otp", "swift", "vcpkg", "vscode-extension"];

fn read(input: &Value) -> Option<PackageUrl> {
    match input {
        Value::String(text) => PackageUrl::parse(text).ok(),
        parts => {
            let part = |name| parts[name].as_str().unwrap_or_default();
            let path = [part("namespace"), part("name")].join("/");
            PackageUrl::new(part("type"), &path, parts["version"].as_str())
        }
    }
}

fn type_of(input: &Value) -> &str {
    let text = input.as_str().or_else(|| input["type"].as_str()).unwrap_or_default();
    text.strip_prefix("pkg:").unwrap_or(text).split('/').next().unwrap_or_default()
}

/// Whether what we read is what the specification says, qualifiers and subpath aside.
fn agrees(test: &Test) -> bool {
    match (read(&test.input), &test.output) {
        (own, _) if test.fails => own.is_none(),
        (Some(own), Value::String(text)) => own.to_string() == text.split(['?', '#']).next().unwrap(),
        (own, parts) => own.is_some() && own == read(parts),
    }
}

fn meant(test: &Test) -> Option<Meant> {
    let package_type = type_of(&test.input);
    let has_qualifiers =
        test.input.as_str().is_some_and(|text| text.contains('?')) || test.input["qualifiers"].is_object();
    match package_type {
        "docker" | "oci" if !test.fails => Some(Meant::ContainersAreFolded),
        "mlflow" if !test.fails => Some(Meant::CaseDependsOnQualifier),
        shaped if test.fails && SHAPED.contains(&shaped) => Some(Meant::ShapeIsTheRegistrysMatter),
        _ if test.fails && has_qualifiers => Some(Meant::QualifiersAreDropped),
        _ => None,
    }
}

#[test]
fn the_official_tests_hold_but_for_what_is_meant() {
    let mut differ: BTreeMap<Option<Meant>, Vec<String>> = BTreeMap::new();
    let mut count = 0;
    for line in include_str!("../../../tests-data/purl-spec/suite.jsonl").lines() {
        let test: Test = serde_json::from_str(line).unwrap();
        count += 1;
        if !agrees(&test) {
            let own = read(&test.input).map(|own| own.to_string());
            differ.entry(meant(&test)).or_default().push(format!("{} {}: {own:?}", test.kind, test.input));
        }
    }
    assert_eq!(count, 517);
    assert_eq!(differ.get(&None), None);
    let counts: Vec<_> = differ.into_iter().map(|(reason, tests)| (reason.unwrap(), tests.len())).collect();
    let expected = [
        (Meant::ContainersAreFolded, 17),
        (Meant::CaseDependsOnQualifier, 2),
        (Meant::QualifiersAreDropped, 4),
        (Meant::ShapeIsTheRegistrysMatter, 19),
    ];
    assert_eq!(counts, expected);
}
