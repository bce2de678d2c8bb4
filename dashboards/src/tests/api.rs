//! The JSON interface and the metrics.

use std::collections::BTreeSet;

use detectors::finding::Finding;
use detectors::incident::Incident;
use serde_json::Value;

use super::client::get;
use super::world::World;

fn list(body: &str, key: &str) -> Vec<Value> {
    let mut body: Value = serde_json::from_str(body).unwrap();
    serde_json::from_value(body[key].take()).unwrap()
}

#[tokio::test]
async fn incidents_and_findings_are_under_their_contracts() {
    let (world, filled) = World::filled(10, &str::to_owned).await;
    let answer = get(world.server, "/api/incidents").await;
    let incidents = list(&answer.body, "incidents");
    assert_eq!(incidents.len(), 15, "a program that asks for nothing gets all, told or not");
    for incident in &incidents {
        assert_eq!(incident["schema"], "sealwatch.incident/v1");
        serde_json::from_value::<Incident>(incident.clone()).unwrap();
    }
    let told = list(&get(world.server, "/api/incidents?budget=told&severity=high").await.body, "incidents");
    assert_eq!(told.len(), 2);
    let one: Value =
        serde_json::from_str(&get(world.server, &format!("/api/incidents/{}", filled.swallowed)).await.body)
            .unwrap();
    assert_eq!(one["id"], filled.loudest.as_str());
    let members = list(
        &get(world.server, &format!("/api/findings?incident={}", filled.loudest)).await.body,
        "findings",
    );
    let ids: BTreeSet<&str> = members.iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    let named: BTreeSet<&str> =
        one["findings"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(ids, named);
    for finding in members {
        assert_eq!(
            (&finding["schema"], &finding["incident"]),
            (&"sealwatch.finding/v1".into(), &filled.loudest.as_str().into())
        );
        serde_json::from_value::<Finding>(finding).unwrap();
    }
    let decided = list(&get(world.server, "/api/incidents?status=in-progress").await.body, "incidents");
    let decided = get(world.server, &format!("/api/incidents/{}", decided[0]["id"].as_str().unwrap())).await;
    assert_eq!(serde_json::from_str::<Value>(&decided.body).unwrap()["verdict"], "suspicious");
    world.stop().await;
}

#[tokio::test]
async fn findings_are_followed_without_a_gap_or_a_repeat() {
    let (world, _) = World::filled(50, &str::to_owned).await;
    let all = list(&get(world.server, "/api/findings").await.body, "findings");
    let mut followed = Vec::new();
    let mut after = "0".to_owned();
    for _ in 0..100 {
        let answer = get(world.server, &format!("/api/findings?limit=7&after={after}")).await;
        followed.extend(list(&answer.body, "findings"));
        match &serde_json::from_str::<Value>(&answer.body).unwrap()["next"] {
            Value::Number(next) => after = next.to_string(),
            _ => break,
        }
    }
    assert_eq!(followed, all);
    assert!(all.len() > 50);
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_request_is_told_why_in_json() {
    let world = World::empty().await;
    for (path, status, word) in [
        ("/api/findings?detector=none", 400, "detector"),
        ("/api/findings?limit=501", 400, "limit"),
        ("/api/incidents/short", 404, "incident"),
    ] {
        let answer = get(world.server, path).await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(answer.status, status);
        assert!(body["error"].as_str().unwrap().contains(word), "{body}");
    }
    world.stop().await;
}

#[tokio::test]
async fn metrics_count_what_pages_show_and_name_no_artifact() {
    let (world, _) = World::filled(10, &str::to_owned).await;
    let answer = get(world.server, "/metrics").await;
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in [
        "sealwatch_records_total{source=\"npm-feed\"} 48230",
        "sealwatch_dead_letters{source=\"npm-feed\",reason=\"invalid-json\"} 13",
        "sealwatch_findings{detector=\"key-change\"} 1",
        "sealwatch_incidents{severity=\"critical\",status=\"new\",budget=\"told\"} 1",
        "sealwatch_lane_watermark_timestamp_seconds{lane=\"access\"} 1778528104",
        "sealwatch_lane_waiting_events{lane=\"access\"} 812",
        "sealwatch_outbox_messages{receiver=\"mail\",state=\"dead\"} 1",
        "sealwatch_partition_data_lost{partition=\"proxy/npm-access[2]\"} 1",
    ] {
        assert!(answer.body.lines().any(|own| own == line), "{line} in {}", answer.body);
    }
    assert!(!answer.body.contains("tanstack"));
    for line in answer.body.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("sealwatch_"), "{line}");
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
    }
    world.stop().await;
}
