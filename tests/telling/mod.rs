//! Who is told, through the outer door: routes, silences, announced work and decisions over what the demo found.

mod clicks;
mod heartbeat;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::scenarios::sample_logs_folder;

/// The demo's history in a database, with configurations beside it.
struct Desk {
    folder: tempfile::TempDir,
}

/// A configuration whose routes follow.
const BEFORE: &str = r#"
[kafka]
brokers = "127.0.0.1:9092"

[[source]]
name = "npm"
topics = ["access"]
start = "end"

[receivers.soc]
type = "stdout"

[receivers.pager]
type = "webhook"
url = "env:NOT_LOOKED_UP"
secret = "env:NOT_LOOKED_UP_EITHER"

[default_route]
receivers = ["soc"]
"#;

/// Critical incidents go to the pager as well.
const PAGER: &str = r#"
[[route]]
name = "loud"
min_severity = "critical"
receivers = ["pager"]
continue = true
"#;

/// What is critical explains what is low in the same registry.
const INHIBIT: &str = r#"
[[inhibit]]
name = "loudest"
source = { min_severity = "critical" }
target = { max_severity = "low" }
equal = ["registry"]
within_hours = 168
"#;

/// What both have: `check` wants every receiver to be told something.
const ALWAYS: &str = r#"
[[route]]
min_severity = "critical"
receivers = ["soc"]

[[route]]
registries = ["not-in-the-demo"]
receivers = ["pager"]
"#;

impl Desk {
    fn after_the_demo() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        let database = desk.path("demo.db");
        let scenarios = sample_logs_folder();
        let words = ["demo", "--exit", "--headless", "--db"].map(Path::new);
        let (code, said) = desk.run(words.into_iter().chain([&*database, "--scenarios".as_ref(), scenarios]));
        assert_eq!(code, 0, "{said}");
        std::fs::write(desk.path("before.toml"), format!("{BEFORE}{ALWAYS}")).unwrap();
        std::fs::write(desk.path("inhibit.toml"), format!("{BEFORE}{ALWAYS}{INHIBIT}")).unwrap();
        std::fs::write(desk.path("after.toml"), format!("{BEFORE}{PAGER}{ALWAYS}")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run<'a>(&self, words: impl IntoIterator<Item = &'a Path>) -> (i32, String) {
        let ended = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .current_dir(self.folder.path())
            .args(words)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&ended.stderr);
        (ended.status.code().unwrap(), format!("{}{errors}", String::from_utf8_lossy(&ended.stdout)))
    }

    /// Runs a command line of plain words; its exit code, and all it says.
    fn says(&self, line: &str) -> (i32, String) {
        self.run(line.split(' ').map(Path::new))
    }

    /// What a command says as JSON Lines.
    fn json(&self, line: &str) -> Vec<Value> {
        let (code, said) = self.says(line);
        assert_eq!(code, 0, "{line}: {said}");
        said.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {said}")))
            .collect()
    }
}

#[test]
fn what_people_decide_over_the_demos_history_holds_and_is_shown_before() {
    let desk = Desk::after_the_demo();
    a_changed_route_shows_as_a_difference(&desk);
    a_route_is_asked_about_one_finding(&desk);
    a_silence_is_previewed_made_listed_extended_and_ended(&desk);
    announced_work_is_listed_and_ended(&desk);
    clicks::signed_clicks_act_once_with_who_clicked_and_others_change_nothing(&desk);
    an_incident_is_acknowledged_and_resolved_by_its_finding(&desk);
}

#[test]
fn a_mistake_in_the_words_is_told_before_a_database_that_is_not_there() {
    let desk = Desk { folder: tempfile::tempdir().unwrap() };
    let by = "--owner alice --reason known";
    let cases = [
        ("silences preview", "--for 31d detector=tag-move", "for longer than 30 days"),
        ("silences add", "--for 0s detector=tag-move", "from a time after its end"),
        ("silences add", "--for 4h colour=red", "there is no key `colour`"),
        ("silences add", "--for 4h", "required arguments were not provided"),
        ("silences extend 1", "--for 31d", "for longer than 30 days"),
    ];
    for (command, words, expected) in cases {
        let (code, said) = desk.says(&format!("{command} --db missing.db {by} {words}"));
        assert!(code == 2 && said.contains(expected), "{command} {words}: {code}, {said}");
    }
    let (code, said) = desk.says(&format!("silences add --db missing.db {by} --for 4h detector=tag-move"));
    assert!(code == 4 && said.contains("missing.db"), "{code}, {said}");
}

fn a_changed_route_shows_as_a_difference(desk: &Desk) {
    let line = "routes replay --json --since 1d --db demo.db --config";
    let same = desk.json(&format!("{line} before.toml --against before.toml")).remove(0);
    let steps = same["steps"].as_u64().unwrap();
    assert!(steps >= 3, "the demo has incidents: {same}");
    assert_eq!(same["changed"], 0, "{same}");
    let changed = desk.json(&format!("{line} after.toml --against before.toml")).remove(0);
    assert_eq!(changed["steps"], steps);
    let count = changed["changed"].as_u64().unwrap();
    assert!(count > 0 && count < steps, "only critical steps go to the pager: {changed}");
    assert_eq!(changed["receivers"]["pager"], serde_json::json!([0, count]), "{changed}");
    for step in changed["listed"].as_array().unwrap() {
        assert_eq!(step["severity"], "critical");
        assert!(step["decisions"][0]["words"].as_str().unwrap().contains("`loud` matched"), "{step}");
    }
    // What else was open then is known: a rule that lets the loudest explain the quietest silences some steps.
    let explained = desk.json(&format!("{line} inhibit.toml --against before.toml")).remove(0);
    let listed = explained["listed"].as_array().unwrap();
    assert!(!listed.is_empty() && listed.len() < steps as usize, "{explained}");
    for step in listed {
        let last = step["decisions"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&last["reason"], &step["after"]),
            (&"inhibited".into(), &serde_json::json!([])),
            "{step}"
        );
    }
    // The demo itself has no receiver: against what was decided then, every step that is told is new.
    let (code, words) = desk.says("routes replay --db demo.db --config after.toml");
    assert_eq!(code, 0, "{words}");
    assert!(words.contains("+ pager") && words.contains("told otherwise"), "{words}");
}

fn a_route_is_asked_about_one_finding(desk: &Desk) {
    let check = |line: &str, expected: i32| {
        let (code, said) = desk.says(line);
        assert_eq!(code, expected, "{line}: {said}");
        said
    };
    let critical = "routes test --config after.toml severity=critical subject=pkg:npm/x registry=npm";
    let said = check(&format!("{critical} --expect pager --expect soc"), 0);
    assert!(said.contains("route 1 `loud` matched"), "{said}");
    let said = check(&format!("{critical} --expect soc"), 1);
    assert!(said.contains("told is pager, soc, expected was soc"), "{said}");
    check("routes test --config after.toml severity=low subject=pkg:npm/x --expect soc", 0);
    check("routes test --config after.toml severity=loud", 2);
    let (_, findings) = desk.says("findings --json --db demo.db --min-severity critical");
    let first = findings.lines().next().unwrap();
    std::fs::write(desk.path("finding.json"), first).unwrap();
    check("routes test --config after.toml --finding finding.json --expect pager --expect soc", 0);
}

fn a_silence_is_previewed_made_listed_extended_and_ended(desk: &Desk) {
    let draft = "--db demo.db --owner alice --reason known --for 4h detector=tag-move --json";
    let seen = desk
        .json(&format!("silences preview {draft} --scenarios {}", sample_logs_folder().display()))
        .remove(0);
    let hidden = |preview: &Value, what: &str| preview["preview"][what].as_u64().unwrap();
    assert!(hidden(&seen, "open_hidden") > 0, "{seen}");
    assert!(hidden(&seen, "recorded_hidden") + hidden(&seen, "told_all_the_same") > 0, "{seen}");
    assert_eq!(desk.json("silences list --db demo.db --json"), Vec::<Value>::new(), "a preview makes none");
    let made = desk.json(&format!("silences add {draft}")).remove(0);
    assert_eq!((&made["id"], hidden(&made, "open_hidden")), (&1.into(), hidden(&seen, "open_hidden")));
    let nothing =
        "silences add --db demo.db --owner bob --reason ahead --for 7d subject=pkg:npm/not-there --json";
    desk.json(nothing);
    let standing = |row: &Value| row["standing"].as_str().unwrap().to_owned();
    let rows = desk.json("silences list --db demo.db --json");
    assert_eq!(rows.iter().map(standing).collect::<Vec<_>>(), ["matches nothing", "expiring"]);
    // A finding that the silence hides is told to nobody; one with another digest is.
    let (_, findings) = desk.says("findings --json --db demo.db --detector tag-move");
    let finding = findings.lines().next().unwrap();
    std::fs::write(desk.path("known.json"), finding).unwrap();
    let asked = "routes test --config after.toml --db demo.db --finding";
    let (code, said) = desk.says(&format!("{asked} known.json --expect nobody"));
    assert!(code == 0 && said.contains("silence 1 hides it"), "{said}");
    let mut changed: Value = serde_json::from_str(finding).unwrap();
    let link = serde_json::json!({ "kind": "digest", "name": "sha256:0000" });
    changed["links"].as_array_mut().unwrap().push(link);
    std::fs::write(desk.path("changed.json"), changed.to_string()).unwrap();
    let (_, said) = desk.says(&format!("{asked} changed.json --expect nobody"));
    assert!(said.contains("sha256:0000 was not known when it was made"), "{said}");
    let extend = "silences extend 1 --db demo.db --owner bob --reason longer --for";
    assert_eq!(desk.says(&format!("{extend} 31d")).0, 2, "no silence holds for so long");
    assert_eq!(desk.json(&format!("{extend} 30d --json"))[0]["state"], "active");
    assert_eq!(
        desk.json("silences expire 1 --db demo.db --owner bob --reason done --json")[0]["state"],
        "ended"
    );
    assert_eq!(desk.says(&format!("{extend} 4h")).0, 1, "what was ended stays so");
    assert_eq!(
        desk.says("silences add --db demo.db --owner a --reason b --for 4h").0,
        2,
        "nothing hides all"
    );
}

fn announced_work_is_listed_and_ended(desk: &Desk) {
    let line = "maintenance add --db demo.db --work key-rotation --subject pkg:npm/@acme/* --key K2 \
                --from 2026-05-11T00:00:00Z --until 2026-05-12T00:00:00Z --owner alice --reason yearly --json";
    assert_eq!(desk.json(line)[0]["id"], 1);
    let listed = desk.json("maintenance list --db demo.db --json").remove(0);
    assert_eq!((&listed["plan"]["keys"][0], &listed["owner"]), (&"K2".into(), &"alice".into()));
    let end = "maintenance end 1 --db demo.db --owner bob --reason off --json";
    assert_eq!(desk.json(end)[0]["id"], 1);
    assert_eq!(desk.json("maintenance list --db demo.db --json")[0]["state"], "ended");
    assert_eq!(desk.says("maintenance end 9 --db demo.db --owner bob --reason off").0, 1);
    assert_eq!(desk.says(&line.replace("2026-05-12", "2026-07-12")).0, 2, "no window is so long");
}

fn an_incident_is_acknowledged_and_resolved_by_its_finding(desk: &Desk) {
    let incident = desk.json("incidents --db demo.db --json --limit 1").remove(0);
    let id = incident["id"].as_str().unwrap();
    let finding = incident["findings"][0].as_str().unwrap();
    let by = "--db demo.db --owner alice --reason looked --json";
    assert_eq!(desk.json(&format!("incident acknowledge {id} {by}"))[0]["status"], "in-progress");
    let resolved = desk.json(&format!("incident resolve {finding} true-positive {by}")).remove(0);
    assert_eq!((&resolved["incident"], &resolved["verdict"]), (&id.into(), &"true-positive".into()));
    let after = desk.json("incidents --db demo.db --json --limit 1").remove(0);
    assert_eq!((&after["status"], &after["owner"]), (&"resolved".into(), &"alice".into()));
    assert_eq!(desk.says(&format!("incident verdict {id} {by}")).0, 2, "a verdict says something");
    assert_eq!(desk.says(&format!("incident resolve nothing {by}")).0, 1);
}
