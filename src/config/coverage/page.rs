//! docs/formats.md, written from the code: which formats are read, what each brings, what it can never have, and which
//! detectors that blinds. `SEALWATCH_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use detectors::catalogue::entry;
use detectors::finding::DetectorId;
use ingest::decode::{Format, PassReason, RefusalReason, Tier};

use super::feeds;

const HEAD: &str = "# Formats

<!-- Written from the code by a test (SEALWATCH_BLESS=1 cargo test -p sealwatch --bin sealwatch config::). Do not edit. -->

What Sealwatch reads, what each format brings, and what it can never have. `format = \"auto\"` looks at each record anew and finds all of them. `verified`
means that the reader was tried on records that the named programs really wrote. What a format can never have blinds the detectors that need it:
`sealwatch check` says so for your sources.

Around any of them may lie, up to four deep: gzip, Confluent's wire prefix (JSON), syslog (RFC 3164, RFC 5424), containers' logs (CRI, Docker), Fluent Bit and
Filebeat objects, a kept webhook (`received` and `body`), an array, several lines. A line without a time of its own takes the envelope's, else the record's.

**What counts as one pull**, so that one `docker pull` or one `npm install` of a package is one pull and not a dozen:

| formats | one pull is | what else a client asks for is |
|---|---|---|
| `distribution`, `distribution-log`, `combined`, `access-json` on paths under `/v2/` | one manifest that was fetched, by tag or digest | HEAD: `head`. Layers, configurations and signatures beside an image: `pull` with the digest or tag in `file`, which is not counted. Uploads, referrers, tag lists: `list` |
| `harbor` | one webhook; Harbor sends one for a manifest and none for layers or HEAD | |
| `cloudtrail` | each image of a `BatchGetImage` | `GetDownloadUrlForLayer`: a layer, in `file` |
| `combined`, `access-json`, `verdaccio` on npm's paths | one tarball | packuments, searches, tags: `list` |
| `combined`, `access-json`, `pypiserver`, `linehaul` on PyPI's paths | one file of a release | index pages and metadata: `list` |
| `combined`, `cloudfront`, `fastly` on crates.io's paths | one `.crate` | index lines: `list` |
| `native` | what its producer calls `pull`; for a `pkg:docker` with `file` the rule of layers holds | |

A client that fetches a multi-platform image whole asks for its index and for each manifest below it: these are that many pulls. On 247 pulls of a real CNCF distribution,
those of one platform (171) were two to four requests with content and are one pull; those of several (76) were nine or more and are three, or six in one case.

**Who it was.** `actor.kind` is the log's word. Where it says nothing, the form of the principal's name decides (`robot$…`, assumed roles, nodes, service
accounts), and among anonymous requests the user agent: crawlers and update robots are `robot`, scanners, mirrors and CI `service`. A named principal is never
made a service by what its client calls itself. Sessions of assumed roles, node names and the UUIDs of Harbor's scan robots are taken off, so that one actor has
one baseline. `[identity]` names your own mirrors and scanners, and adds country and network from tables in MaxMind's format; `actor.country` is then known
wherever `actor.ip` is.

";

fn words(list: &[&str]) -> String {
    if list.is_empty() {
        return "none".to_owned();
    }
    list.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("| format | proven | events | fields it can never have | detectors it cannot feed |\n|---|---|---|---|---|\n");
    for format in Format::ALL.iter().filter(|format| **format != Format::Auto) {
        let own = format.abilities();
        let proven = match own.tier {
            Tier::Contract => own.tier.word().to_owned(),
            Tier::Verified(by) => format!("{}: {by}", own.tier.word()),
        };
        let blind: Vec<&str> =
            DetectorId::ALL.iter().filter(|id| !feeds(*format, &entry(**id))).map(|id| id.as_str()).collect();
        let blind = if blind.len() == DetectorId::ALL.len() { "all".to_owned() } else { words(&blind) };
        let (events, never) = (words(own.events), words(own.never));
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{}` | {proven} | {events} | {never} | {blind} |", format.word());
    }
    let zoneless =
        Format::ALL.iter().filter(|format| format.abilities().needs_zone).map(|format| format.word());
    let _ = writeln!(
        page,
        "\nTimes without a zone, so that the source needs `timezone`: {}.",
        words(&zoneless.collect::<Vec<_>>())
    );
    page.push_str("\nVerdaccio's webhook is read if its template is `{\"package\":\"{{name}}\",\"published\":\"{{publishedPackage}}\",\"publisher\":\"{{publisher.name}}\",\"type\":\"{{publishType}}\",\"versions\":[]}`.\n");
    let passed: Vec<_> = PassReason::ALL.iter().map(|reason| reason.word()).collect();
    let refused: Vec<_> = RefusalReason::ALL.iter().map(|reason| reason.word()).collect();
    let _ = writeln!(page, "\nLines that tell of nothing are passed over and counted: {}.", words(&passed));
    let _ = writeln!(
        page,
        "\nWhat cannot be read is a dead letter with one of these reasons: {}.",
        words(&refused)
    );
    page
}

#[test]
fn the_page_of_formats_says_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let page = page();
    if std::env::var_os("SEALWATCH_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page, "write docs/formats.md anew");
}
