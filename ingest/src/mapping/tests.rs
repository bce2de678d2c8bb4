//! Declared formats over readable records, the built-in ones over the examples of their documentation, and every limit.

use std::path::Path;

use detectors::event::PartitionId;
use proptest::prelude::*;

use super::*;
use crate::decode::{Decoder, DecoderSettings, Format};
use crate::source::RawRecord;
use crate::wire::native::write_native;

fn declared(text: &str) -> Result<Arc<Mapping>, Vec<String>> {
    let declaration: MappingDeclaration = toml::from_str(text).unwrap();
    let compiled = Mapping::compile("test", &declaration);
    compiled.map(Arc::new).map_err(|problems| {
        problems.iter().map(|problem| format!("{}: {problem}", problem.place.join("."))).collect()
    })
}

/// What a record becomes: native events, or the reason why not.
fn read(mapping: &Arc<Mapping>, record: &[u8]) -> Vec<String> {
    let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
    let mut settings = DecoderSettings::new("s", Format::Auto);
    settings.mapping = Some(Arc::clone(mapping));
    let mut events = Vec::new();
    match Decoder::new(settings).decode(&RawRecord::line(&partition, 0, record), &mut events) {
        Ok(()) => events.iter().map(write_native).collect(),
        Err(refusal) => vec![refusal.to_string()],
    }
}

#[track_caller]
fn check(mapping: &str, record: &str, expected: &[&str]) {
    assert_eq!(read(&declared(mapping).unwrap(), record.as_bytes()), expected);
}

const LINES: &str = r#"
pattern = '^(?P<time>\S+) (?P<user>\S+) (?P<verb>\S+) (?P<name>\S+)@(?P<version>\S+)$'
time = "$time"
fields = { "actor.principal" = "$user", "artifact.type" = "=npm", "artifact.name" = "$name", "artifact.version" = "$version", "action" = "$verb" }
words = { "action" = { "got" = "pull", "sent" = "push" } }
kind = [{ type = "access" }]
"#;

#[test]
fn a_line_is_taken_apart_by_one_expression() {
    check(
        LINES,
        "2026-01-02T03:04:05Z alice got @scope/name@1.0",
        &[
            r#"{"v":1,"time":"2026-01-02T03:04:05Z","registry":"s","type":"access","artifact":{"purl":"pkg:npm/%40scope/name@1.0"},"actor":{"principal":"alice"},"action":"pull"}"#,
        ],
    );
    check(LINES, "hello", &["bad-line: the line does not fit the pattern of `test`"]);
    check(
        LINES,
        "2026-01-02T03:04:05Z alice ate x@1",
        &["unsupported-kind: `action`: `ate` is none of the declared words"],
    );
    check(
        LINES,
        "yesterday alice got x@1",
        &["unreadable-time: `time`: `yesterday` is not an RFC 3339 time with a zone"],
    );
}

const LIST: &str = r#"
each = "/events"
time = "/at | ^/at"
time_format = "unix-millis"
fields = { "registry" = "^/host", "artifact.repository" = "/repo" }
kind = [
  { when = { "/what" = "push | mount" }, type = "access", fields = { "action" = "=push" } },
  { when = { "/what" = "delete*" }, type = "withdraw", fields = { "action" = "=delete" } },
]
"#;

#[test]
fn each_item_of_a_list_is_an_event_of_its_own() {
    let events = read(
        &declared(LIST).unwrap(),
        br#"{"host":"eu","at":1700000000000,"events":[{"what":"push","repo":"a/b"},{"what":"delete-tag","repo":"a/b","at":1700000001000}]}"#,
    );
    assert_eq!(events.len(), 2);
    assert!(
        events[0].contains(r#""time":"2023-11-14T22:13:20Z","registry":"eu","type":"access""#),
        "{}",
        events[0]
    );
    assert!(
        events[1].contains(r#""time":"2023-11-14T22:13:21Z","registry":"eu","type":"withdraw""#),
        "{}",
        events[1]
    );
    check(
        LIST,
        r#"{"events":[{"what":"eat"}]}"#,
        &["unsupported-kind: it is none of the kinds that `test` declares"],
    );
    check(LIST, r#"{"events":7}"#, &["missing-field: the list that `each` names is missing"]);
    check(LIST, r#"{"events":[]}"#, &["empty-record: the record holds no event"]);
    check(
        LIST,
        r#"{"events":"#,
        &["truncated-json: in `events`: EOF while parsing a value at line 1 column 10"],
    );
    let many = format!(r#"{{"events":[{}1]}}"#, "1,".repeat(4_096));
    check(LIST, &many, &["too-many-events: 4097 events, of 4096 allowed"]);
}

#[test]
fn events_of_one_record_have_ids_of_their_own() {
    let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
    let mut settings = DecoderSettings::new("s", Format::Auto);
    settings.mapping = Some(declared(LIST).unwrap());
    let record = br#"{"at":1700000000000,"events":[{"what":"push"},{"what":"push"}]}"#;
    let mut events = Vec::new();
    Decoder::new(settings).decode(&RawRecord::line(&partition, 0, record), &mut events).unwrap();
    assert_ne!(events[0].id, events[1].id);
    assert_eq!((events[0].position.index, events[1].position.index), (0, 1));
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let problems = declared(
        r#"
        pattern = '(?P<a>x)(?=y)'
        time = "when"
        time_format = "%Y"
        fields = { "actor.adress" = "=x" }
        words = { "verb" = {} }
        kind = [{ type = "access" }, { type = "visit", fields = { "status" = "$a" } }]
        "#,
    )
    .unwrap_err();
    let expected = [
        "pattern: the pattern cannot be used: error: look-around, including look-ahead and look-behind, is not supported",
        "time: `when` is no place of a value",
        "time_format: times of this format carry no zone",
        "words.verb: an event has no field `verb`",
        "fields.actor.adress: an event has no field `actor.adress`",
        "kind.0: an event of type `access` needs `action` or `request.path`",
        "kind.1.fields.status: the pattern has no group `a`",
        "kind.1.type: `visit` is no type of event",
    ];
    assert_eq!(problems, expected);
    let lines = declared("pattern = 'x'\ntime = '/time'\nkind = [{ type = 'sign' }]").unwrap_err();
    assert_eq!(lines, ["time: a line has no JSON pointers"]);
}

#[track_caller]
fn check_limit(text: &dyn Fn(usize) -> String, most: usize, expected: &str) {
    assert!(declared(&text(most)).is_ok(), "{:?}", declared(&text(most)));
    assert_eq!(declared(&text(most + 1)).unwrap_err().join("; "), expected);
}

#[test]
fn every_limit_holds() {
    let kinds = |count: usize| format!("time = '/t'\nkind = [{}]", "{ type = 'sign' },".repeat(count));
    check_limit(&kinds, MAX_KINDS, "kind: a mapping has 1 to 64 kinds of records");
    let words = |count: usize| {
        let words: String = (0..count).map(|word| format!("w{word} = 'x',")).collect();
        format!("time = '/t'\nkind = [{{ type = 'sign' }}]\nwords = {{ reason = {{ {words} }} }}")
    };
    check_limit(&words, MAX_WORDS, "words.reason: more than 1024 words are translated");
    let places =
        |count: usize| format!("time = '{}'\nkind = [{{ type = 'sign' }}]", vec!["/t"; count].join(" | "));
    check_limit(&places, MAX_ALTERNATIVES, "time: more than 16 places are tried");
    let texts = |count: usize| {
        let texts = vec!["x"; count].join(" | ");
        format!("time = '/t'\nkind = [{{ type = 'sign', when = {{ '/a' = '{texts}' }} }}]")
    };
    check_limit(&texts, MAX_ALTERNATIVES, "kind.0.when: more than 16 texts are compared");
    let pattern = |length: usize| {
        format!("pattern = '{}'\ntime = '=x'\nkind = [{{ type = 'sign' }}]", "x".repeat(length))
    };
    check_limit(&pattern, MAX_PATTERN_BYTES, "pattern: the pattern is longer than 4096 bytes");
    assert!(Field::names().count() <= MAX_FIELDS, "no kind can have more");
    let huge =
        declared("pattern = '(?:\\w{100}){100}'\ntime = '=x'\nkind = [{ type = 'sign' }]").unwrap_err();
    assert_eq!(
        huge,
        ["pattern: the pattern cannot be used: Compiled regex exceeds size limit of 1048576 bytes."]
    );
}

/// The built-in mappings over the examples that their documentation gives; `UPDATE_EXPECTED=1` writes anew.
#[test]
fn the_built_in_mappings_read_the_documented_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test-data/declared");
    assert!(BUILT_IN.iter().is_sorted_by_key(|built_in| built_in.name));
    for built_in in BUILT_IN {
        let mapping = Mapping::built_in(built_in.name).unwrap();
        let log = std::fs::read(folder.join(format!("{}.log", built_in.name))).unwrap();
        let seen: Vec<String> = log
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .flat_map(|line| read(&mapping, line))
            .collect();
        let seen = seen.join("\n") + "\n";
        assert!(seen.starts_with('{'), "{} reads nothing of its example: {seen}", built_in.name);
        let path = folder.join(format!("{}.expected", built_in.name));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&path, &seen).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), seen, "{}", built_in.name);
    }
    assert_eq!(Mapping::built_in("no-such"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_record_makes_a_built_in_mapping_panic(
        number in 0..BUILT_IN.len(),
        cut in any::<prop::sample::Index>(),
        noise in "\\PC{0,12}",
    ) {
        let built_in = BUILT_IN[number];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test-data/declared");
        let log = std::fs::read_to_string(folder.join(format!("{}.log", built_in.name))).unwrap();
        let line = log.lines().next().unwrap();
        let at = (0..=cut.index(line.len() + 1)).rev().find(|at| line.is_char_boundary(*at)).unwrap();
        let record = [&line[..at], &noise, &line[at..]].concat();
        let seen = read(&Mapping::built_in(built_in.name).unwrap(), record.as_bytes());
        prop_assert!(!seen.is_empty());
        prop_assert!(!seen[0].starts_with("decoder-fault"), "{}", seen[0]);
    }
}

/// Replaces what stands between two comments of a document.
fn with_part(document: &str, name: &str, part: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = document.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}{part}{end}{after}")
}

/// The lists of docs/custom-formats.md are made of the code; `UPDATE_EXPECTED=1` writes them anew.
#[test]
fn the_documentation_lists_every_field_and_every_built_in_mapping() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/custom-formats.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let fields: Vec<_> = Field::names().map(|name| format!("`{name}`")).collect();
    let fields = format!("\n{}\n\n", fields.join(", "));
    let mut rows = "\n| name | what writes it | events | status |\n|---|---|---|---|\n".to_owned();
    for built_in in BUILT_IN {
        let mapping = Mapping::built_in(built_in.name).unwrap();
        let types: Vec<_> = mapping.types().into_iter().map(|word| format!("`{word}`")).collect();
        rows +=
            &format!("| `{}` | {} | {} | unverified |\n", built_in.name, built_in.about, types.join(", "));
    }
    let wanted = with_part(&with_part(&document, "fields", &fields), "built in", &format!("{rows}\n"));
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == wanted,
        "docs/custom-formats.md is not as the code has it"
    );
}
