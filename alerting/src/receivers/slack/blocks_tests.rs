//! Slack's limits and its quoting, held against hostile cards.

use std::collections::BTreeSet;

use detectors::incident::{Incident, TransitionReason};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::card::{PublicUrl, build};
use crate::fixture;

/// Most blocks of a message; Slack allows 50.
const BLOCKS_MAX: usize = 12;

fn card_of(artifact: &str, principal: &str) -> Card {
    let (incident, findings) = fixture::takeover_of(artifact, principal);
    let incident = Incident { summary: format!("{artifact} was taken over by {principal}"), ..incident };
    let page = PublicUrl::parse("https://watch.example").unwrap();
    build(fixture::opened(), incident, findings, Some(&page)).marked(Repeat::Possible)
}

/// Every text of a message with its type, the notification's included.
fn texts(value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Object(object) => {
            let kind = object.get("type").and_then(Value::as_str).unwrap_or("notification").to_owned();
            let own = object.get("text").and_then(Value::as_str).map(|text| (kind, text.to_owned()));
            own.into_iter().chain(object.values().flat_map(texts)).collect()
        }
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// What must hold for every message, whatever is in it.
fn check(message: &Value) -> Result<(), TestCaseError> {
    let texts = texts(message);
    let blocks = message["blocks"].as_array().unwrap();
    prop_assert!(blocks.len() <= BLOCKS_MAX);
    let total: usize = texts.iter().map(|(_, text)| text.chars().count()).sum();
    prop_assert!(total <= TEXT_TOTAL_MAX, "{} characters", total);
    prop_assert!(blocks[0]["text"]["text"].as_str().unwrap().chars().count() <= 150);
    for block in blocks {
        let fields = block["fields"].as_array().map_or(0, Vec::len);
        prop_assert!(fields <= 10);
    }
    for (kind, text) in &texts {
        prop_assert!(!text.is_empty());
        let hides = |character: char| character != '\n' && crate::sanitise::is_invisible(character);
        // The one honest selector stands after a symbol; here any is foreign enough to look at.
        prop_assert!(!text.replace(['\u{fe0e}', '\u{fe0f}'], "").contains(hides), "{}", text);
        let foreign = if kind == "mrkdwn" {
            text.replace("<https://watch.example/i/", "").replace("|Open the incident>", "")
        } else {
            text.clone()
        };
        prop_assert!(!foreign.contains(['<', '>']), "{}", foreign);
        for after in foreign.split('&').skip(1) {
            let is_entity = ["amp;", "lt;", "gt;"].iter().any(|entity| after.starts_with(entity));
            prop_assert!(is_entity, "{}", foreign);
        }
        let before: Vec<_> = foreign.split("://").collect();
        for before in &before[..before.len() - 1] {
            prop_assert!(before.ends_with("hxxps") || before.ends_with("hxxp"), "{}", foreign);
        }
    }
    Ok(())
}

#[test]
fn the_hostile_name_arrives_as_inert_text() {
    let message = message(&card_of(fixture::HOSTILE_NAME, fixture::HOSTILE_NAME), Fullness::Full);
    check(&message).unwrap();
    let header = message["blocks"][0]["text"]["text"].as_str().unwrap();
    assert_eq!(
        header,
        "CRITICAL · key-change: &lt;!channel&gt; &lt;hxxps://evil|x&gt;\\u{202e} [! hidden characters] and 1 more"
    );
    let mrkdwn: BTreeSet<_> = texts(&message).into_iter().filter(|(kind, _)| kind == "mrkdwn").collect();
    assert_eq!(mrkdwn.len(), 1, "only our own link is mrkdwn");
}

#[test]
fn a_full_message_has_every_part_and_a_minimal_one_the_least() {
    let card = card_of("pkg:npm/left-pad", "eve");
    let kinds = |fullness| {
        let message = message(&card, fullness);
        let blocks = message["blocks"].as_array().unwrap();
        blocks.iter().map(|block| block["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        kinds(Fullness::Full),
        ["header", "section", "section", "section", "section", "section", "section", "context"]
    );
    assert_eq!(kinds(Fullness::Minimal), ["header", "section", "section", "context"]);
    let text = message(&card, Fullness::Full).to_string();
    for part in
        ["possible repeat", "New incident", "observed K2 key", "Whom it concerns", "unfurl_links\":false"]
    {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn the_longest_names_and_lists_stay_within_the_limits() {
    let long = "<&>\u{202e}".repeat(3_000);
    let (incident, findings) = fixture::takeover_of(&long, &long);
    let many: Vec<_> = findings.iter().cycle().take(900).cloned().collect();
    let subjects = incident.subjects.iter().cycle().take(500).cloned().collect();
    let incident = Incident { subjects, further_findings: 1_000_000, ..incident };
    let page = PublicUrl::parse(&format!("https://watch.example/i/{}", "p".repeat(170))).unwrap();
    let transition = fixture::transition(TransitionReason::Escalated);
    let card = build(transition, incident, many, Some(&page)).marked(Repeat::Possible);
    check(&message(&card, Fullness::Full)).unwrap();
    check(&message(&card, Fullness::Minimal)).unwrap();
}

proptest! {
    #[test]
    fn whatever_bytes_are_in_names_nothing_of_them_acts(
        artifact in prop::collection::vec(any::<u8>(), 0..300),
        principal in "(<!channel>|<@U1>|<#C1>|<!subteam\\^S1>|<https://e|x>|&lt;|&|@here|https://e\\.x|:smile:|`|\\*|\n|\u{202e}|⚡\u{fe0f}|[a-z]){0,40}",
    ) {
        let artifact = String::from_utf8_lossy(&artifact);
        for fullness in [Fullness::Full, Fullness::Minimal] {
            let honest = message(&card_of("honest", "honest"), fullness);
            let hostile = message(&card_of(&artifact, &principal), fullness);
            check(&hostile)?;
            // No line break of theirs: each part has as many lines as with honest names.
            let lines = |message: &Value| texts(message).iter().map(|(_, text)| text.lines().count()).collect::<Vec<_>>();
            prop_assert_eq!(lines(&hostile), lines(&honest));
        }
    }
}
