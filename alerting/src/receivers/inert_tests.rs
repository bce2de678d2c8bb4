//! Whatever bytes are in names, nothing of them acts: each channel's message is read by that channel's own grammar.

use proptest::prelude::*;
use serde_json::Value;
use transport::SecretString;

use crate::inert_json::to_inert_json;
use crate::outbox::DeliveryId;
use crate::receivers::channel_tests::of;
use crate::receivers::contract::kinds::KINDS;
use crate::receivers::{Attempt, Fullness, Place};
use crate::sanitise::{is_invisible, takes_presentation};

const OURS: &str = "https://watch.example/i/";
const BADGES: [&str; 2] = [" [! hidden characters]", " [! broken encoding]"];

/// Every text of a message, with the path to it.
fn texts(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| texts(value, &format!("{path}.{key}"), found));
        }
        Value::Array(items) => items.iter().for_each(|value| texts(value, path, found)),
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        _ => {}
    }
}

/// Markdown outside of code spans holds words of ours alone.
fn check_markdown(text: &str) -> Result<(), TestCaseError> {
    let mut outside = String::new();
    for (number, part) in text.split('`').enumerate() {
        if number.is_multiple_of(2) {
            outside.push_str(part);
        }
    }
    prop_assert!(text.matches('`').count().is_multiple_of(2), "an open span: {}", text);
    for badge in BADGES {
        outside = outside.replace(badge, "");
    }
    let without_link = match outside.split_once("[Open the incident](") {
        Some((before, after)) => {
            prop_assert!(after.starts_with(OURS), "{}", after);
            format!("{before}{}", after.split_once(')').map_or("", |(_, rest)| rest))
        }
        None => outside,
    };
    prop_assert!(!without_link.contains(['@', '<', '>', '[', ']', '~', '_', '|', '\\']), "{}", without_link);
    prop_assert!(!without_link.contains("://"), "{}", without_link);
    Ok(())
}

/// The HTML that Google Chat reads: our two tags, and entities.
fn check_html(text: &str) -> Result<(), TestCaseError> {
    let rest = text.replace("<b>", "").replace("</b>", "");
    prop_assert!(!rest.contains(['<', '>']), "{}", text);
    for after in rest.split('&').skip(1) {
        prop_assert!(["amp;", "lt;", "gt;"].iter().any(|entity| after.starts_with(entity)), "{}", text);
    }
    Ok(())
}

/// Telegram looks for mentions and addresses outside of `code` entities only.
fn check_telegram(message: &Value) -> Result<(), TestCaseError> {
    let mut units: Vec<u16> = message["text"].as_str().unwrap_or_default().encode_utf16().collect();
    for entity in message["entities"].as_array().unwrap() {
        let at = |key: &str| usize::try_from(entity[key].as_u64().unwrap()).unwrap();
        match entity["type"].as_str().unwrap() {
            "code" => units[at("offset")..at("offset") + at("length")].fill(u16::from(b'.')),
            "bold" => {}
            "text_link" => prop_assert!(entity["url"].as_str().unwrap().starts_with(OURS)),
            other => prop_assert!(false, "an entity of type {}", other),
        }
    }
    let outside = String::from_utf16(&units).unwrap();
    prop_assert!(!outside.contains(['@', '#', '/', '$']), "{}", outside);
    Ok(())
}

/// Where a service makes a link of a text, or reads markup in it, by the path to it; everywhere else it is plain.
fn check_text(kind: &str, path: &str, text: &str) -> Result<(), TestCaseError> {
    let is_link = ["url", "href", "generatorURL"].iter().any(|end| path.ends_with(&format!(".{end}")));
    match (kind, path) {
        (_, _) if is_link => prop_assert!(text.starts_with(OURS), "{} is {}", path, text),
        ("discord", ".embeds.title") | ("teams", ".attachments.content.body.text") => {
            prop_assert_eq!(text, "CRITICAL · New incident");
        }
        ("discord", ".embeds.description" | ".embeds.fields.value") | ("mattermost", ".text") => {
            check_markdown(text)?;
        }
        ("mattermost-bot", ".message") => check_markdown(text)?,
        ("google-chat", path) if path.ends_with(".textParagraph.text") => check_html(text)?,
        ("google-chat", ".text" | ".cardsV2.card.header.title") => {
            prop_assert_eq!(text, "CRITICAL · New incident");
        }
        ("alertmanager", _) => prop_assert!(!text.contains(['<', '>', '&']), "{}", text),
        ("slack" | "slack-bot", path) if path.ends_with(".text") => {
            let rest = text.replace("|Open the incident>", "").replace(&format!("<{OURS}"), "");
            prop_assert!(!rest.contains(['<', '>']), "{}", text);
        }
        _ => {}
    }
    // What a person is shown: no line of theirs, nothing that hides, no address that can be clicked. What programs
    // read (`sealwatch`, `event`, `data`) carries the exact values.
    let is_machine = [".sealwatch", ".event", ".data"].iter().any(|part| path.starts_with(part));
    if !is_link && !is_machine && !path.ends_with("$schema") {
        let mut previous = None;
        for character in text.chars().filter(|character| *character != '\n') {
            prop_assert!(!is_invisible(character) || takes_presentation(previous, character), "{:?}", text);
            previous = Some(character);
        }
        let foreign = text.replace(OURS, "");
        let parts: Vec<_> = foreign.split("://").collect();
        for before in &parts[..parts.len() - 1] {
            prop_assert!(
                before.ends_with("hxxp") || before.ends_with("hxxps") || before.ends_with("fxp"),
                "{}",
                text
            );
        }
    }
    Ok(())
}

fn check(artifact: &str, principal: &str) -> Result<(), TestCaseError> {
    let id = DeliveryId::parse("abc").unwrap();
    let attempt = Attempt { id: &id, unix_seconds: 1_778_526_000, place: Place::New };
    for kind in KINDS {
        let receiver = kind.at(&SecretString::new("https://service.example".to_owned()));
        for fullness in [Fullness::Full, Fullness::Minimal] {
            let [honest, hostile] = [of("honest", "honest"), of(artifact, principal)].map(|card| {
                let body = receiver.encode(&card, attempt, fullness).unwrap().body;
                String::from_utf8(body).unwrap()
            });
            // One line of JSON each: nobody breaks out of a string.
            for (line, other) in hostile.lines().zip(honest.lines()) {
                let [message, other]: [Value; 2] =
                    [line, other].map(|line| serde_json::from_str(line).unwrap());
                prop_assert!(!to_inert_json(&message).unwrap().is_empty());
                if kind.name == "telegram" {
                    check_telegram(&message)?;
                }
                let mut found = Vec::new();
                texts(&message, "", &mut found);
                for (path, text) in &found {
                    // Adaptive Cards: what stands in a run is read as it is, everything else as Markdown.
                    let is_run = kind.name == "teams" && path.ends_with(".inlines.text");
                    check_text(if is_run { "" } else { kind.name }, path, text)?;
                }
                prop_assert_eq!(
                    actions(&message),
                    actions(&other),
                    "{} gained something to click",
                    kind.name
                );
            }
            prop_assert_eq!(hostile.lines().count(), honest.lines().count());
        }
    }
    Ok(())
}

/// How many things to click a message has, by any channel's names for them, outside of what programs read.
fn actions(message: &Value) -> usize {
    match message {
        Value::Object(object) => {
            let own = ["url", "href", "openLink", "actions", "mentions"]
                .iter()
                .filter(|key| object.contains_key(**key));
            let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
            let typed =
                usize::from(["link", "text_link", "mention", "button", "Action.OpenUrl"].contains(&kind));
            let machine = |key: &str| ["sealwatch", "event", "data"].contains(&key);
            let inner: usize =
                object.iter().filter(|(key, _)| !machine(key)).map(|(_, value)| actions(value)).sum();
            own.count() + typed + inner
        }
        Value::Array(items) => items.iter().map(actions).sum(),
        _ => 0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_of_a_name_acts_in_any_channel(
        artifact in prop::collection::vec(any::<u8>(), 0..200),
        principal in "(<!channel>|<@U1>|<users/all>|<at>x</at>|@everyone|@here|#chan|~town|/cmd|\\[x\\]\\(https://e\\.x\\)|https://e\\.x|www\\.e\\.x|</b>|<a href=x>|&lt;|&|`|``|\\*\\*|\\||\\\\|\r\n|\u{1b}\\[2J|\u{202e}|\u{200b}|⚡\u{fe0f}|👍🏽|[a-z]){0,24}",
    ) {
        check(&String::from_utf8_lossy(&artifact), &principal)?;
    }
}

#[test]
fn known_tricks_do_not_act() {
    for trick in [
        "<!channel> <https://evil|lodash>",
        "`@everyone`",
        "[click](https://evil.example)",
        "<at>all</at>",
        "<users/all>",
        "@channel @here",
        "a\r\nBcc: eve@evil.example",
        "\u{1b}]8;;https://evil.example\u{7}x",
    ] {
        check(trick, trick).unwrap();
    }
}
