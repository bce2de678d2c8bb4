//! The recorded attacks say what their sources say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{committed, events, lines, text};
use crate::{Role, Scenario};

/// Events of a kind in the day's publishes, whose package URL starts so, as (time, purl, the event).
fn day(scenario: Scenario, kind: &str, purl: &str) -> Vec<Value> {
    let mut events = events(&committed(scenario), "publishes", Role::AttackDay);
    events.retain(|event| text(event, "/type") == kind && text(event, "/artifact/purl").starts_with(purl));
    events.sort_by(|one, other| text(one, "/time").cmp(text(other, "/time")));
    events
}

/// How often each of what a pointer holds stands in events.
fn counted<'a>(events: &'a [Value], pointer: &str, length: usize) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        let text = text(event, pointer);
        *counts.entry(text.get(..length).unwrap_or(text)).or_default() += 1;
    }
    counts
}

#[test]
fn tanstack_has_42_packages_in_each_of_two_seconds() {
    let publishes = day(Scenario::TanStack, "publish", "pkg:npm/%40tanstack/");
    assert_eq!(
        counted(&publishes, "/time", 19),
        BTreeMap::from([("2026-05-11T19:20:39", 42), ("2026-05-11T19:26:14", 42)])
    );
    let packages: BTreeSet<&str> =
        publishes.iter().map(|event| text(event, "/artifact/purl").rsplit_once('@').unwrap().0).collect();
    assert_eq!(packages.len(), 42);
    assert_eq!(
        counted(&publishes, "/metadata/provenance/run", 11),
        BTreeMap::from([("25613093674", 42), ("25691781302", 42)])
    );
    for event in &publishes {
        assert_eq!(text(event, "/metadata/provenance/level"), "trusted-publisher");
        assert_eq!(
            text(event, "/metadata/dependencies/@tanstack~1setup"),
            "github:tanstack/router#79ac49eedf774dd4b0cfa308722bc463cfe5885c"
        );
        let attempt = if text(event, "/metadata/provenance/run") == "25613093674" { 4 } else { 1 };
        assert_eq!(event["metadata"]["provenance"]["run_attempt"], attempt);
    }
    let has = |purl: &str| publishes.iter().any(|event| text(event, "/artifact/purl") == purl);
    for version in
        ["history@1.161.9", "history@1.161.12", "react-router@1.169.5", "eslint-plugin-start@0.0.7"]
    {
        assert!(has(&format!("pkg:npm/%40tanstack/{version}")), "{version}");
    }
}

#[test]
fn tanstack_grows_by_the_smuggled_file_after_its_last_clean_versions() {
    let recording = committed(Scenario::TanStack);
    let of = |events: Vec<Value>, wanted: &str| {
        let is_it =
            |event: &Value| text(event, "/type") == "publish" && text(event, "/artifact/purl") == wanted;
        events.into_iter().find(is_it).expect("the version is recorded")
    };
    let size = |event: &Value| event["metadata"]["size_bytes"].as_u64().unwrap();
    let clean =
        of(events(&recording, "publishes", Role::History), "pkg:npm/%40tanstack/react-router@1.169.2");
    let bad =
        of(events(&recording, "publishes", Role::AttackDay), "pkg:npm/%40tanstack/react-router@1.169.5");
    assert!((2_250_000..2_400_000).contains(&(size(&bad) - size(&clean))));
    assert_eq!(clean["metadata"]["publisher"], bad["metadata"]["publisher"]);
}

#[test]
fn tanstack_is_deprecated_and_then_removed_as_the_post_mortem_says() {
    for (action, from, until) in [
        ("deprecate", "2026-05-11T20:19", "2026-05-11T21:04"),
        ("unpublish", "2026-05-11T22:13", "2026-05-11T23:56"),
    ] {
        let mut withdrawn = day(Scenario::TanStack, "withdraw", "pkg:npm/%40tanstack/");
        withdrawn.retain(|event| text(event, "/action") == action);
        assert_eq!(withdrawn.len(), 84, "{action}");
        assert!(text(&withdrawn[0], "/time") >= from && text(&withdrawn[83], "/time") < until, "{action}");
    }
}

#[test]
fn tanstack_has_valid_signatures_by_the_usual_identity() {
    let recording = committed(Scenario::TanStack);
    let identities = |role| -> BTreeSet<String> {
        let mut events = events(&recording, "signatures", role);
        events.retain(|event| text(event, "/artifact/purl").starts_with("pkg:npm/%40tanstack/"));
        assert!(events.len() >= 84);
        events.iter().map(|event| text(event, "/signer/identity").to_owned()).collect()
    };
    assert_eq!(identities(Role::History), identities(Role::AttackDay));
}

#[test]
fn one_token_walks_the_private_packages() {
    let recording = committed(Scenario::TanStack);
    let distinct = |role, user: &str| -> usize {
        let mine =
            lines(&recording, "proxy", role).iter().filter(|line| line.contains(&format!(" - {user} [")));
        mine.filter_map(|line| line.split("GET /@meridian/").nth(1)?.split('/').next())
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert!(distinct(Role::AttackDay, "svc-web-ci") > 200);
    assert!(distinct(Role::History, "svc-web-ci") < 60);
}

#[test]
fn kics_has_five_tags_moved_and_two_made_within_a_minute() {
    let mut tags = day(Scenario::Kics, "tag", "pkg:docker/checkmarx/kics");
    tags.retain(|event| text(event, "/time").starts_with("2026-04-22T12:35"));
    let (moved, made): (Vec<&Value>, Vec<&Value>) =
        tags.iter().partition(|event| !text(event, "/previous").is_empty());
    let names = |events: &[&Value]| -> BTreeSet<String> {
        events.iter().map(|event| text(event, "/tag").to_owned()).collect()
    };
    let owned =
        |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    assert_eq!(names(&moved), owned(&["latest", "v2.1.20", "v2.1.20-debian", "alpine", "debian"]));
    assert_eq!(names(&made), owned(&["v2.1.21", "v2.1.21-debian"]));
    let digest = |tag: &str| {
        let event = tags.iter().find(|event| text(event, "/tag") == tag).expect("the tag is recorded");
        text(event, "/artifact/digest").to_owned()
    };
    assert_eq!(digest("latest"), "sha256:a0d9366f6f0166dcbf92fcdc98e1a03d2e6210e8d7e8573f74d50849130651a0");
    assert!(
        digest("v2.1.20").starts_with("sha256:2588a448") && digest("debian").starts_with("sha256:222e6bfe")
    );
    assert_eq!(digest("v2.1.20"), digest("v2.1.21"));
    assert_eq!(digest("v2.1.20-debian"), digest("v2.1.21-debian"));
}

#[test]
fn kics_is_attested_by_another_repository_and_restored_later() {
    let signatures = events(&committed(Scenario::Kics), "signatures", Role::AttackDay);
    let of = |minute: &str| -> BTreeSet<&str> {
        let mine = signatures.iter().filter(|event| {
            text(event, "/artifact/purl") == "pkg:docker/checkmarx/kics"
                && text(event, "/time").contains(minute)
        });
        mine.map(|event| text(event, "/signer/source_repository")).collect()
    };
    assert_eq!(of("T12:35"), BTreeSet::from(["https://github.com/kics-release/kics"]));
    assert_eq!(of("T18:05"), BTreeSet::from([""]), "signed anew by a key");
    let restored = day(Scenario::Kics, "tag", "pkg:docker/checkmarx/kics");
    let last: BTreeMap<&str, &str> =
        restored.iter().map(|event| (text(event, "/tag"), text(event, "/artifact/digest"))).collect();
    let good = events(&committed(Scenario::Kics), "publishes", Role::History);
    for (tag, digest) in last.into_iter().filter(|(tag, _)| !tag.starts_with("v2.1.21")) {
        assert!(good.iter().any(|event| text(event, "/artifact/digest") == digest), "{tag}");
    }
}

#[test]
fn axios_is_published_on_both_lines_39_minutes_apart_by_token() {
    let publishes = day(Scenario::Axios, "publish", "pkg:npm/axios@");
    let told: Vec<(&str, &str)> =
        publishes.iter().map(|event| (text(event, "/time"), text(event, "/artifact/purl"))).collect();
    assert_eq!(
        told,
        [
            ("2026-03-31T00:21:58.168Z", "pkg:npm/axios@1.14.1"),
            ("2026-03-31T01:00:57.285Z", "pkg:npm/axios@0.30.4")
        ]
    );
    for event in &publishes {
        assert_eq!(text(event, "/metadata/provenance/level"), "token");
        assert_eq!(text(event, "/metadata/publisher"), "jasonsaayman");
        assert_eq!(text(event, "/metadata/dependencies/plain-crypto-js"), "^4.2.1");
        assert!(event["metadata"].get("vcs_ref").is_none());
    }
    let history = events(&committed(Scenario::Axios), "publishes", Role::History);
    let before = history.iter().filter(|event| {
        text(event, "/type") == "publish" && text(event, "/artifact/purl").starts_with("pkg:npm/axios@")
    });
    assert!(
        before.clone().count() == 7
            && before
                .clone()
                .all(|event| { text(event, "/metadata/provenance/level") == "trusted-publisher" })
    );
    let signed = events(&committed(Scenario::Axios), "signatures", Role::AttackDay);
    assert!(!signed.iter().any(|event| text(event, "/artifact/purl").starts_with("pkg:npm/axios@")));
}

#[test]
fn the_decoy_of_axios_is_18_hours_ahead_and_the_account_changes_before() {
    let planted = day(Scenario::Axios, "publish", "pkg:npm/plain-crypto-js@");
    let told: Vec<(&str, &Value)> =
        planted.iter().map(|event| (text(event, "/time"), &event["metadata"]["install_scripts"])).collect();
    assert_eq!(told[0], ("2026-03-30T05:57:00.000Z", &serde_json::json!([])));
    assert_eq!(told[1], ("2026-03-30T23:59:12.000Z", &serde_json::json!(["postinstall"])));
    let account = day(Scenario::Axios, "account", "pkg:npm/axios");
    assert_eq!((text(&account[0], "/change"), account.len()), ("email-changed", 1));
    assert!(text(&account[0], "/time") < "2026-03-31T00:21:58");
    let withdrawn = day(Scenario::Axios, "withdraw", "pkg:npm/axios@");
    assert_eq!(counted(&withdrawn, "/time", 16), BTreeMap::from([("2026-03-31T03:15", 2)]));
}

#[test]
fn the_clean_release_keeps_its_provenance_and_overlaps_its_keys() {
    let recording = committed(Scenario::CleanRelease);
    let publishes = day(Scenario::CleanRelease, "publish", "pkg:npm/%40harborline/");
    assert_eq!(publishes.len(), 12);
    for event in &publishes {
        assert_eq!(text(event, "/metadata/provenance/level"), "trusted-publisher");
        assert_eq!(event["metadata"]["install_scripts"], serde_json::json!([]));
    }
    let keys = |role, from: &str| -> BTreeSet<String> {
        let mut events = events(&recording, "signatures", role);
        events.retain(|event| {
            text(event, "/artifact/purl").starts_with("pkg:npm/%40harborline/")
                && text(event, "/time") >= from
        });
        let keys = events.iter().map(|event| text(event, "/signer/key_id").to_owned());
        keys.filter(|key| !key.is_empty()).collect()
    };
    assert_eq!(keys(Role::History, "2026-03").len(), 2, "both keys sign before the day already");
    assert_eq!(keys(Role::AttackDay, "2026-05-28T17").len(), 1, "in the evening the new one signs alone");
    let announced = events(&recording, "publishes", Role::History);
    let announced = announced.iter().find(|event| {
        text(event, "/change") == "key-added" && text(event, "/artifact/purl").contains("harborline")
    });
    let new = keys(Role::AttackDay, "2026-05-28T17");
    assert!(new.contains(text(announced.expect("the key is announced"), "/target")));
}
