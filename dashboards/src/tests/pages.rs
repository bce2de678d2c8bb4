//! What each page shows, and where its links lead.

use detectors::finding::{Decision, Finding};
use store::RunId;

use super::client::{get, request};
use super::world::{RECORD, World};
use crate::fixture;

/// Letters of a page's visible text, without markup.
fn text_of(body: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for character in body.chars() {
        match character {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            character if !inside => text.push(character),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("&#34;", "\"").replace("&#39;", "'")
}

#[tokio::test]
async fn every_page_answers_with_the_headers_that_protect_it() {
    let (world, filled) = World::filled(3, &str::to_owned).await;
    let loudest = &filled.loudest;
    let raw = format!("/incidents/{loudest}/raw?source=npm-feed&stream=npm-publishes&partition=3&offset=40");
    let paths = [
        ("/", 307),
        ("/incidents", 200),
        (&*format!("/incidents/{loudest}"), 200),
        (&raw, 200),
        (&*format!("/i/{loudest}"), 307),
        ("/pipeline", 200),
        ("/api/incidents", 200),
        (&*format!("/api/incidents/{loudest}"), 200),
        ("/api/findings", 200),
        ("/metrics", 200),
        ("/livez", 200),
        ("/readyz", 200),
        (&*format!("/static/{}/app.css", crate::files::version()), 200),
        ("/static/x/nothing.js", 404),
        ("/nowhere", 404),
        ("/api/nowhere", 404),
        ("/incidents/not-an-id", 404),
        ("/incidents/aaaaaaaaaaaaaaaaaaaaaaaaaa", 404),
        ("/incidents/..%2f..%2fetc%2fpasswd", 404),
        ("/incidents?severity=loud", 400),
        ("/incidents?page=0", 400),
        ("/api/findings?after=x", 400),
        ("/stream?incident=x", 400),
    ];
    for (path, status) in paths {
        let answer = get(world.server, path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.header("content-security-policy"), crate::guard::POLICY, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert!(!answer.header("cache-control").is_empty(), "{path}");
        if path.starts_with("/api/") {
            assert!(answer.header("content-type").starts_with("application/json"), "{path}");
            serde_json::from_str::<serde_json::Value>(&answer.body).unwrap();
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn what_is_not_reading_or_not_for_this_machine_is_turned_away() {
    let world = World::empty().await;
    let cases = [
        ("POST", "/incidents", vec![("Host", "localhost")], 405),
        ("DELETE", "/api/incidents", vec![("Host", "localhost")], 405),
        ("GET", "/incidents", vec![("Host", "evil.example")], 421),
        ("GET", "/api/incidents", vec![("Host", "evil.example:8787")], 421),
        (
            "GET",
            "/stream",
            vec![("Host", "localhost"), ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "cors")],
            403,
        ),
        ("HEAD", "/incidents", vec![("Host", "127.0.0.1:1")], 200),
    ];
    for (method, path, headers, status) in cases {
        let answer = request(world.server, method, path, &headers).await;
        assert_eq!(answer.status, status, "{method} {path} {headers:?}");
        assert_eq!(answer.header("content-security-policy"), crate::guard::POLICY);
        assert_eq!(answer.header("allow"), if status == 405 { "GET, HEAD" } else { "" });
        if method == "HEAD" {
            assert_eq!(answer.body, "");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn filters_in_the_address_choose_what_is_listed() {
    let (world, _) = World::filled(30, &str::to_owned).await;
    let cases = [
        ("/incidents", "1–24 of 24"),
        ("/incidents?severity=high", "1–2 of 2"),
        ("/incidents?severity=critical", "1–1 of 1"),
        ("/incidents?budget=below-budget", "1–11 of 11"),
        ("/incidents?budget=any", "1–35 of 35"),
        ("/incidents?status=in-progress", "1–1 of 1"),
        ("/incidents?status=resolved", "0 of 0"),
        ("/incidents?q=KICS", "1–1 of 1"),
        ("/incidents?q=axios&severity=high", "0 of 0"),
        ("/incidents?registry=npm", "1–24 of 24"),
        ("/incidents?registry=pypi", "0 of 0"),
    ];
    for (path, range) in cases {
        let answer = get(world.server, path).await;
        let page = text_of(&answer.body);
        assert!(page.contains(&format!("Incidents {range} ")), "{path}: {page}");
        let rows = answer.body.matches("<tr data-id=").count();
        assert_eq!(rows == 0, page.contains("The filter hides"), "{path}");
    }
    let by_severity = get(world.server, "/incidents?order=severity").await;
    let (critical, high) = (by_severity.body.find("sev-critical"), by_severity.body.find("sev-high"));
    assert!(critical < high, "the most severe comes first");
    let chips = get(world.server, "/incidents?q=axios").await;
    assert!(
        chips.body.contains("href=\"/incidents?severity=high&#38;q=axios\""),
        "a filter keeps the others"
    );
    world.stop().await;
}

#[tokio::test]
async fn an_incident_says_why_it_was_found_and_whom_it_reached() {
    let (world, filled) = World::filled(0, &str::to_owned).await;
    let answer = get(world.server, &format!("/incidents/{}", filled.loudest)).await;
    let page = text_of(&answer.body);
    for expected in [
        "1.169.5 changed in a way that fits a takeover",
        "Why: 5 findings",
        "Usual signer",
        "bundle-size.yml@refs/pull/7378/merge",
        "134 times the upper edge of normal",
        "Normal is 2 to 9, mostly 5.5",
        "The scale is logarithmic",
        "What would have kept it silent",
        "install_scripts : nothing → prepare: bun run tanstack_runner.js",
        "npm-feed/npm-publishes[3] @ 41",
        "T1553.002 Code Signing",
        "docs/runbooks.md#key-change",
        "not delivered mail",
        "retry pager",
        "delivered soc-slack",
        "Step 1: told soc-slack : route 1 matched",
        "hxxps://github[.]com/TanStack",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains("https://"), "addresses in evidence are not clickable");
    assert!(answer.body.contains("<svg class=\"band\"") && answer.body.contains("class=\"timeline\""));
    assert!(page.contains(&filled.swallowed.to_string()), "what was merged is named");
    world.stop().await;
}

#[tokio::test]
async fn what_people_decided_is_on_the_page() {
    let (world, _) = World::filled(0, &str::to_owned).await;
    let list = get(world.server, "/incidents?status=in-progress").await;
    let id = list.body.split("data-id=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = text_of(&get(world.server, &format!("/incidents/{id}")).await.body);
    assert!(page.contains("in-progress ana"), "{page}");
    assert!(page.contains("ana : in-progress, suspicious asking the maintainers"), "{page}");
    assert!(page.contains("violation"), "{page}");
    world.stop().await;
}

#[tokio::test]
async fn a_merged_incident_leads_to_the_one_that_swallowed_it() {
    let (world, filled) = World::filled(0, &str::to_owned).await;
    for path in [format!("/incidents/{}", filled.swallowed), format!("/i/{}", filled.loudest)] {
        let answer = get(world.server, &path).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (307, &*format!("/incidents/{}", filled.loudest))
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn a_raw_record_is_shown_only_as_evidence_of_its_incident() {
    let (world, filled) = World::filled(0, &str::to_owned).await;
    let at = |id: &dyn std::fmt::Display, offset: i64| {
        format!("/incidents/{id}/raw?source=npm-feed&stream=npm-publishes&partition=3&offset={offset}")
    };
    let found = get(world.server, &at(&filled.loudest, 40)).await;
    let page = text_of(&found.body);
    assert!(page.contains("\"type\": \"sign\""), "{page}");
    assert!(page.contains(&format!("{} B, sha256", RECORD.len())), "{page}");
    let merged = get(world.server, &at(&filled.swallowed, 40)).await;
    assert_eq!(merged.status, 200, "the old id of an incident still works");
    let gone = get(world.server, &at(&filled.loudest, 41)).await;
    assert!(text_of(&gone.body).contains("cannot be shown: retention has removed it ."), "{}", gone.body);
    for path in [at(&filled.loudest, 900), at(&filled.loudest, 4), at(&"aaaaaaaaaaaaaaaaaaaaaaaaaa", 40)] {
        assert_eq!(get(world.server, &path).await.status, 404, "{path}");
    }
    let incomplete = format!("/incidents/{}/raw?source=npm-feed", filled.loudest);
    assert_eq!(get(world.server, &incomplete).await.status, 400);
    world.stop().await;
}

#[tokio::test]
async fn the_pipeline_says_what_is_wrong_and_who_is_blind() {
    let (world, _) = World::filled(0, &str::to_owned).await;
    let page = text_of(&get(world.server, "/pipeline").await.body);
    for expected in [
        "data lost on 1 partition",
        "DATA LOST 451000 record 451000 was to be read, the oldest left is 502118",
        "1,370 of 2,140 artifacts can be judged",
        "key-change sees",
        "invalid-json 14",
        "artifact.legacy_id 4,100",
        "broker 2 of 3 does not answer",
        "proxy/npm-access[2]",
        "Records that could not be read: 20 records",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains("not running"));
    world.stop().await;
    let world = World::empty().await;
    let page = text_of(&get(world.server, "/pipeline").await.body);
    for expected in
        ["The pipeline is not running", "It has not spoken in this run", "blind", "No source is configured"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(text_of(&get(world.server, "/incidents").await.body).contains("No source is configured"));
    world.stop().await;
}

#[tokio::test]
async fn pages_of_ten_thousand_incidents_stay_small() {
    const MAX_LIST_BYTES: usize = 256 * 1024;
    const MAX_PAGE_BYTES: usize = 1024 * 1024;
    let (world, _) = World::filled(10_000, &str::to_owned).await;
    let list = get(world.server, "/incidents?budget=any").await;
    assert!(text_of(&list.body).contains("1–100 of 10,005"));
    assert!(list.body.len() < MAX_LIST_BYTES, "{}", list.body.len());
    let last = get(world.server, "/incidents?budget=any&page=101").await;
    assert!(text_of(&last.body).contains("10,001–10,005 of 10,005"));
    // One incident with as many members as there may be.
    let members: Vec<Finding> = (0..500)
        .map(|n| Finding { decision: Decision::Told, ..fixture::findings::small(20_000 + n, &str::to_owned) })
        .collect();
    let incident = fixture::incident(&members);
    fixture::commit(&world.store, &RunId::Live, world.now, &incident, &members, &[]);
    for path in [
        format!("/incidents/{}", incident.id),
        "/pipeline".to_owned(),
        format!("/incidents/{}?part=25", incident.id),
    ] {
        let answer = get(world.server, &path).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() < MAX_PAGE_BYTES, "{path}: {}", answer.body.len());
    }
    world.stop().await;
}
