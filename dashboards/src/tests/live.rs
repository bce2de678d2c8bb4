//! The live stream, and how the server ends.

use detectors::finding::{Decision, Finding, Severity};
use detectors::incident::Incident;
use store::RunId;
use tokio::io::AsyncReadExt as _;

use super::client::{Stream, get, open};
use super::world::World;
use crate::fixture;
use crate::server::MAX_STREAMS;

fn one(n: u32, decision: Decision) -> (Incident, Vec<Finding>) {
    let finding =
        Finding { decision, severity: Severity::High, ..fixture::findings::small(n, &str::to_owned) };
    (fixture::incident(std::slice::from_ref(&finding)), vec![finding])
}

/// The address of the stream that a page opens.
async fn stream_of(world: &World, path: &str) -> String {
    let body = get(world.server, path).await.body;
    let address = body.split("data-stream=\"").nth(1).expect("the page is live").split('"').next().unwrap();
    address.replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test]
async fn a_commit_reaches_an_open_list_with_what_is_new_on_it() {
    let (world, _) = World::filled(5, &str::to_owned).await;
    let address = stream_of(&world, "/incidents?severity=high").await;
    let mut stream = Stream::open(world.server, &address).await;
    let first = stream.next().await.unwrap();
    assert_eq!((&first["new"], &first["readable"]), (&serde_json::json!([]), &true.into()));
    assert_eq!(first["open"]["critical"], 1);
    let (loud, members) = one(9_000, Decision::Told);
    fixture::commit(&world.store, &RunId::Live, world.now + 1, &loud, &members, &[]);
    let second = stream.next().await.unwrap();
    assert_eq!(second["new"], serde_json::json!([loud.id]));
    assert_eq!(second["open"]["high"], 2);
    // What the list's filter leaves out is not news to it.
    let (untold, members) = one(9_001, Decision::BelowBudget);
    fixture::commit(&world.store, &RunId::Live, world.now + 2, &untold, &members, &[]);
    let beat = stream.next().await.unwrap();
    assert_eq!(beat["new"], serde_json::json!([loud.id]));
    // A tab that was asleep catches up with its first message.
    let late = Stream::open(world.server, &address).await.next().await.unwrap();
    assert_eq!(late["new"], serde_json::json!([loud.id]));
    world.stop().await;
}

#[tokio::test]
async fn an_open_incident_hears_that_it_changed() {
    let (world, filled) = World::filled(0, &str::to_owned).await;
    let address = stream_of(&world, &format!("/incidents/{}", filled.loudest)).await;
    let mut stream = Stream::open(world.server, &address).await;
    assert_eq!(stream.next().await.unwrap()["changed"], serde_json::json!([]));
    let triage = store::Triage {
        run: &RunId::Live,
        incident: &filled.loudest,
        seen_revision: 0,
        now: world.now + 5,
        author: "ana",
        status: detectors::incident::Status::InProgress,
        owner: None,
        verdict: None,
        reason: "mine",
        config_hash: None,
    };
    world.store.triage(&triage).unwrap();
    assert_eq!(stream.next().await.unwrap()["changed"], serde_json::json!([filled.loudest]));
    world.stop().await;
}

#[tokio::test]
async fn streams_end_with_the_server_and_their_number_is_bounded() {
    let world = World::empty().await;
    let mut streams = Vec::new();
    for _ in 0..MAX_STREAMS {
        let mut stream = Stream::open(world.server, "/stream").await;
        assert!(stream.next().await.is_some());
        streams.push(stream);
    }
    assert_eq!(get(world.server, "/stream").await.status, 503);
    streams.pop();
    // The seat is free once the server has noticed that the tab is gone.
    let freed = async {
        while get_status(&world).await != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), freed)
        .await
        .expect("a closed tab frees its seat");
    world.stop().await;
    for mut stream in streams {
        while stream.next().await.is_some() {}
    }
}

/// The status of a new stream's answer, without reading it to its end.
async fn get_status(world: &World) -> u16 {
    let mut connection = open(world.server, "GET", "/stream", &[("Host", "localhost")]).await;
    let mut head = [0; 12];
    connection.read_exact(&mut head).await.unwrap();
    String::from_utf8_lossy(&head[9..]).parse().unwrap()
}
