//! What every channel is tested with: an honest card, one that attacks, the worst there is, and replies.

use detectors::incident::{Incident, Status, TransitionReason};
use transport::Reply;
use transport::http::BodyEnd;

use crate::card::{Card, PublicUrl, Repeat, build};
use crate::fixture;

fn page() -> PublicUrl {
    PublicUrl::parse("https://watch.example").unwrap()
}

/// An incident without any trick.
pub(crate) fn honest() -> Card {
    let (incident, findings) = fixture::npm_takeover();
    build(fixture::opened(), incident, findings, Some(&page()))
}

/// The same with hostile text wherever an attacker can put any.
pub(crate) fn hostile() -> Card {
    of(fixture::HOSTILE_NAME, fixture::HOSTILE_NAME)
}

/// The same with names of the caller's choice, in every place.
pub(crate) fn of(artifact: &str, principal: &str) -> Card {
    let (incident, findings) = fixture::takeover_of(artifact, principal);
    let summary = format!("{artifact} was taken over by {principal}");
    let owner = Some(principal.to_owned());
    let incident = Incident { summary, owner, status: Status::InProgress, ..incident };
    build(fixture::opened(), incident, findings, Some(&page())).marked(Repeat::Possible)
}

/// The longest names and lists, and characters that grow in every escape.
pub(crate) fn worst() -> Card {
    let long = "<&>`\u{202e}".repeat(3_000);
    let (incident, findings) = fixture::takeover_of(&long, &long);
    let many: Vec<_> = findings.iter().cycle().take(900).cloned().collect();
    let incident = Incident {
        subjects: incident.subjects.iter().cycle().take(500).cloned().collect(),
        further_findings: 1_000_000,
        summary: long.clone(),
        owner: Some(long),
        status: Status::InProgress,
        ..incident
    };
    let page = PublicUrl::parse(&format!("https://watch.example/{}", "p".repeat(170))).unwrap();
    build(fixture::transition(TransitionReason::Escalated), incident, many, Some(&page))
        .marked(Repeat::Possible)
}

/// A whole reply.
pub(crate) fn replied(status: u16, body: &str) -> Reply {
    Reply { status, retry_after: None, body: body.to_owned(), body_end: BodyEnd::Whole }
}
