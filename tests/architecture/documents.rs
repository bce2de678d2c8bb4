//! The documents speak of what exists: every detector is described, and every file, heading, test and command that is
//! named is there.

use std::path::{Component, Path, PathBuf};

use detectors::catalogue;
use detectors::finding::DetectorId;
use detectors::settings::EngineSettings;
use detectors::severity::FLOORS_BITS;

use super::markdown::{Part, anchors, headings, parts};
use super::tree::Tree;
use super::{Violation, check};

const RUNBOOK: &str = "docs/runbook.md";
const CATALOGUE: &str = "docs/detectors.md";

/// Ends of names by which a path in backticks is known to be one.
const FILES: [&str; 9] = [".rs", ".toml", ".md", ".sh", ".py", ".sql", ".xml", ".txt", ".csv"];

/// The Markdown files, where what they write is held to.
fn documents(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.ending(".md")
}

/// The line, from 1, and the text of a document's section with this heading.
fn section<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let mut from = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("## ") {
            match from {
                Some(from) => return Some(&text[from..offset]),
                None if headings(line).any(|found| found == heading) => from = Some(offset),
                None => {}
            }
        }
        offset += line.len();
    }
    from.map(|from| &text[from..])
}

/// Each detector has a section in the runbook, and in the catalogue a row, and a section that says what the
/// code says: its techniques, its warm-up and its floor.
fn detectors_are_described(tree: &Tree) -> Vec<Violation> {
    const SECTION: &str =
        "write what it means, how to check, how to contain, how to close, and what is usually harmless";
    const ROW: &str = "add a row whose first cell holds the id in backticks";
    const DETAILS: &str =
        "write what it sees, its method and source, cold start, defaults, memory and failure modes";
    const AS_IN_CODE: &str =
        "say it in the words of detectors/src/catalogue.rs, and the floor that detectors/src/settings.rs has";
    let (runbook, described) =
        (tree.text(RUNBOOK).unwrap_or_default(), tree.text(CATALOGUE).unwrap_or_default());
    let mut found = Vec::new();
    for id in DetectorId::ALL {
        let name = id.as_str();
        if section(runbook, name).is_none() {
            found.push(Violation::file(RUNBOOK, format!("it has no section `## {name}`"), SECTION));
        }
        let quoted = format!("`{name}`");
        let is_row = |line: &str| {
            line.strip_prefix('|')
                .and_then(|row| row.split('|').next())
                .is_some_and(|cell| cell.contains(&quoted))
        };
        if !described.lines().any(is_row) {
            found.push(Violation::file(CATALOGUE, format!("it has no row of `{name}`"), ROW));
        }
        let Some(details) = section(described, name) else {
            found.push(Violation::file(CATALOGUE, format!("it has no section `## {name}`"), DETAILS));
            continue;
        };
        let details = details.split_whitespace().collect::<Vec<_>>().join(" ");
        let entry = catalogue::entry(id);
        let said = entry.techniques.iter().map(|technique| (*technique).to_owned());
        let said = said.chain([entry.warm_up.to_owned(), floor(id)]);
        found.extend(said.filter(|words| !details.contains(words)).map(|words| {
            Violation::file(CATALOGUE, format!("its section `## {name}` does not say `{words}`"), AS_IN_CODE)
        }));
    }
    found
}

/// From how much surprise what a detector says is stored, as the catalogue writes it.
fn floor(id: DetectorId) -> String {
    format!("**Floor**: {} bits", EngineSettings::default().floor_bits(id))
}

/// The floors of severity in the catalogue are those of the code.
fn severity_is_described(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "write the floors of detectors/src/severity.rs into the row";
    let row: String = FLOORS_BITS.iter().map(|bits| format!(" {bits} |")).collect();
    let row = format!("| bits |{row}");
    let said = tree.text(CATALOGUE).unwrap_or_default().lines().any(|line| line == row);
    if said { Vec::new() } else { vec![Violation::file(CATALOGUE, format!("it has no row `{row}`"), REMEDY)] }
}

/// Where a link or a path in a document leads, from the root of the repository; none if it leaves it.
fn resolved(document: &str, target: &str) -> Option<String> {
    let folder = Path::new(document).parent().unwrap_or(Path::new(""));
    let mut path = PathBuf::new();
    for component in folder.join(target).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path.to_string_lossy().replace('\\', "/"))
}

/// A link leads to a file, a folder or a heading that is there.
fn links_lead_somewhere(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "mend the link, or take it out";
    let mut found = Vec::new();
    for (document, text) in documents(tree) {
        for (line, part) in parts(text) {
            let Part::Link(target) = part else { continue };
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) =
                target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
            let path = if file.is_empty() { Some(document.to_owned()) } else { resolved(document, file) };
            let there = path.filter(|path| tree.exists(path)).is_some_and(|path| {
                let known = || tree.text(&path).map(anchors).unwrap_or_default();
                anchor.is_none_or(|anchor| known().iter().any(|known| known == anchor))
            });
            if !there {
                found.push(Violation::line(document, line, format!("`{target}` leads nowhere"), REMEDY));
            }
        }
    }
    found
}

/// A file that is named in backticks is there, and so is a test that is named behind it (`a/b.rs::rule`).
fn named_files_exist(tree: &Tree) -> Vec<Violation> {
    const FILE: &str = "name the file as it is called now";
    const TEST: &str = "name the test as it is called now; a promise without a test is marked `not yet`";
    let mut found = Vec::new();
    for (document, text) in documents(tree) {
        for (line, part) in parts(text) {
            let Part::Code(code) = part else { continue };
            let (path, test) = code.split_once("::").map_or((code, None), |(path, test)| (path, Some(test)));
            let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'));
            if !plain
                || !path.contains('/')
                || path.contains("//")
                || !FILES.iter().any(|end| path.ends_with(end))
            {
                continue;
            }
            let places = [Some(path.to_owned()), resolved(document, path)];
            let Some(place) = places.into_iter().flatten().find(|place| tree.exists(place)) else {
                found.push(Violation::line(document, line, format!("there is no `{path}`"), FILE));
                continue;
            };
            let has =
                |test: &str| tree.text(&place).is_some_and(|text| text.contains(&format!("fn {test}(")));
            if let Some(test) = test.filter(|test| !has(test)) {
                found.push(Violation::line(document, line, format!("`{path}` has no test `{test}`"), TEST));
            }
        }
    }
    found
}

/// A command of ours that is written down can be given: the command, its options, and what `make` is asked for.
fn commands_exist(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "write it as `src/cli/` and the Makefile know it";
    let mut found = Vec::new();
    for (document, text) in documents(tree) {
        for (line, part) in parts(text) {
            let (Part::Code(command) | Part::Command(command)) = part else { continue };
            let unknown = unknown_words(tree, command).into_iter();
            found.extend(
                unknown.map(|word| Violation::line(document, line, format!("there is no `{word}`"), REMEDY)),
            );
        }
    }
    found
}

/// What of a command line does not exist.
fn unknown_words(tree: &Tree, line: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    // A pipe or a comment ends a command.
    for command in line.split(" # ").next().unwrap_or(line).split(['|', ';', '&', '<', '>']) {
        let mut words =
            command.split_whitespace().skip_while(|word| matches!(*word, "$" | "sudo") || word.contains('='));
        match (words.next(), words.next()) {
            (Some("make"), Some(target)) if target.chars().all(|c| c.is_ascii_lowercase()) => {
                let makefile = tree.text("Makefile").unwrap_or_default();
                if !makefile.lines().any(|line| line.starts_with(&format!("{target}:"))) {
                    unknown.push(format!("make {target}"));
                }
            }
            (Some(program), Some(name)) if program == "sealwatch" || program.ends_with("/sealwatch") => {
                if !name.chars().all(|c| c.is_ascii_lowercase() || c == '-') || name.starts_with('-') {
                    continue;
                }
                let source = format!("src/cli/{}.rs", name.replace('-', "_"));
                if !tree.exists(&source) {
                    unknown.push(format!("sealwatch {name}"));
                    continue;
                }
                let options =
                    words.filter_map(|word| word.strip_prefix("--")).filter(|option| !option.is_empty());
                let names = options.map(|option| option.split(['=', '`']).next().unwrap_or(option));
                let missing = names.filter(|option| *option != "help" && !has_option(tree, &source, option));
                unknown.extend(missing.map(|option| format!("sealwatch {name} --{option}")));
            }
            _ => {}
        }
    }
    unknown
}

/// Whether the files of a command, or what several ask for, have a field of this option's name, or call a field so.
fn has_option(tree: &Tree, source: &str, option: &str) -> bool {
    let folder = source.replace(".rs", "/");
    let files = tree
        .texts()
        .filter(|(path, _)| *path == source || path.starts_with(&folder) || *path == "src/cli/asking.rs");
    let text: String = files.map(|(_, text)| text).collect();
    let field = format!("{}:", option.replace('-', "_"));
    let fields =
        text.lines().map(|line| line.trim().trim_start_matches("pub(crate) ").trim_start_matches("r#"));
    fields.into_iter().any(|line| line.starts_with(&field)) || text.contains(&format!("long = \"{option}\""))
}

#[test]
fn every_detector_is_described() {
    let all_but_last = &DetectorId::ALL[..DetectorId::ALL.len() - 1];
    let last = DetectorId::ALL[DetectorId::ALL.len() - 1].as_str();
    let runbook: String = all_but_last.iter().map(|id| format!("## {id}\nWhat it means.\n")).collect();
    let row = |id: &DetectorId| format!("| `{id}` | {} |\n", catalogue::entry(*id).fires_when);
    let details = |id: &DetectorId| {
        let entry = catalogue::entry(*id);
        let techniques = entry.techniques.join(", ");
        format!("## {id}\n{techniques}.\n{}. {}.\n", entry.warm_up.replace(' ', "\n"), floor(*id))
    };
    let rows: String = all_but_last.iter().map(row).collect();
    let described: String = all_but_last.iter().skip(1).map(details).collect();
    let first = DetectorId::ALL[0].as_str();
    let warm_up = catalogue::entry(DetectorId::ALL[0]).warm_up;
    let described =
        format!("{rows}{described}## {first}\n{warm_up}, {}, and no technique\n", floor(DetectorId::ALL[0]));
    check(
        detectors_are_described,
        &[(RUNBOOK, &runbook), (CATALOGUE, &described)],
        &[
            &format!("{CATALOGUE}: it has no row of `{last}`"),
            &format!("{CATALOGUE}: it has no section `## {last}`"),
            &format!("{CATALOGUE}: its section `## {first}` does not say `T1553.002`"),
            &format!("{RUNBOOK}: it has no section `## {last}`"),
        ],
    );
}

#[test]
fn the_floors_of_severity_are_described() {
    check(
        severity_is_described,
        &[(CATALOGUE, "| bits | 1 | 2 | 3 | 4 |")],
        &["docs/detectors.md: it has no row `| bits | "],
    );
}

#[test]
fn every_link_leads_somewhere() {
    check(
        links_lead_somewhere,
        &[
            (
                "README.md",
                "[a](docs/a.md) [b](docs/a.md#one) [c](docs) [d](https://x.example/y)\n[e](b.md) [f](docs/a.md#two)",
            ),
            ("docs/a.md", "# One\n[a](../README.md) [b](#one) [c](#two) [d](../../x.md)"),
        ],
        &[
            "README.md:2: `b.md`",
            "README.md:2: `docs/a.md#two`",
            "docs/a.md:2: `#two`",
            "docs/a.md:2: `../../x.md`",
        ],
    );
}

#[test]
fn every_file_and_test_that_is_named_exists() {
    check(
        named_files_exist,
        &[
            ("a/src/lib.rs", "//! A.\nfn the_rule() {}"),
            (
                "docs/x.md",
                "`a/src/lib.rs::the_rule` `a/src/<name>.rs` `lib.rs` `y/z.toml`\n`a/src/lib.rs::no_rule`",
            ),
        ],
        &["docs/x.md:1: there is no `y/z.toml`", "docs/x.md:2: `a/src/lib.rs` has no test `no_rule`"],
    );
}

#[test]
fn every_command_that_is_named_exists() {
    check(
        commands_exist,
        &[
            ("Makefile", "demo: ## Show\n\ttrue\n"),
            (
                "README.md",
                "`sealwatch run --config x` and `make test`, and we make no promise.\n```sh\nmake demo\nA=b sealwatch run --continue --what # x\n./sealwatch tune | sealwatch --help\n```",
            ),
            ("src/cli/run.rs", "//! Run.\nstruct A {\n    config: PathBuf,\n    r#continue: bool,\n}"),
        ],
        &[
            "README.md:1: there is no `make test`",
            "README.md:4: there is no `sealwatch run --what`",
            "README.md:5: there is no `sealwatch tune`",
        ],
    );
}
