//! OCSF as a body of `webhook`: a Detection Finding (class 2004) of schema 1.5.0, the first with `anomaly_analyses`:
//! what was observed beside what is normal, per finding.

use detectors::finding::{Finding, Quantity, Severity};
use detectors::incident::{Incident, Status, TransitionReason};
use serde_json::{Value, json};

use super::{Attempt, Encoded, Fullness};
use crate::card::{Card, Record, Text};
use crate::inert_json::to_inert_json;
use crate::sanitise::{Limit, shorten};

/// The version of the schema.
const VERSION: &str = "1.5.0";
/// Most findings, subjects and techniques that are listed.
const LISTED_MAX: usize = 10;
/// Most characters of one text.
const TEXT_MAX: Limit = Limit::Characters(512);

/// The finding, in full and, if that is more than `most` bytes, without its lists.
pub(super) fn encode(
    most: usize,
    card: &Card,
    attempt: Attempt<'_>,
    fullness: Fullness,
) -> Result<Encoded, serde_json::Error> {
    let full = to_inert_json(&event(card, attempt, fullness))?;
    if full.len() <= most {
        return Ok(Encoded::json(full));
    }
    Ok(Encoded::json(to_inert_json(&event(card, attempt, Fullness::Minimal))?))
}

fn event(card: &Card, attempt: Attempt<'_>, fullness: Fullness) -> Value {
    let (activity, activity_name) = activity(card);
    let (severity, severity_name) = severity(card.severity);
    let (status, status_name) = status(card);
    let mut event = json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200_400 + activity,
        "type_name": format!("Detection Finding: {activity_name}"),
        "severity_id": severity,
        "severity": severity_name,
        "status_id": status,
        "status": status_name,
        "time": card.transition.time.unix_millis(),
        "message": words(&card.sentence),
        "is_alert": true,
        "metadata": {
            "version": VERSION,
            "uid": attempt.id.as_str(),
            "profiles": ["incident"],
            "product": {"name": "Sealwatch", "vendor_name": "Sealwatch", "version": env!("CARGO_PKG_VERSION")},
        },
        "finding_info": {
            "uid": card.record.id(),
            "title": words(&card.headline),
            "desc": words(&card.sentence),
            "first_seen_time": card.seen.0.unix_millis(),
            "last_seen_time": card.seen.1.unix_millis(),
        },
    });
    if let Some(link) = &card.link {
        event["finding_info"]["src_url"] = link.as_str().into();
    }
    if let Record::Incident { incident, findings } = &card.record
        && fullness == Fullness::Full
    {
        add_incident(&mut event, incident, findings);
    }
    event
}

fn add_incident(event: &mut Value, incident: &Incident, findings: &[Finding]) {
    let listed = &findings[..findings.len().min(LISTED_MAX)];
    let resources = incident.subjects.iter().take(LISTED_MAX).map(|subject| {
        json!({"name": text(&subject.name), "namespace": text(&subject.registry), "type": subject.kind.as_str()})
    });
    event["resources"] = resources.collect();
    let attacks = incident.techniques.iter().take(LISTED_MAX);
    event["finding_info"]["attacks"] = attacks.map(|id| json!({"technique": {"uid": text(&id.0)}})).collect();
    event["finding_info"]["types"] = listed.iter().map(|finding| finding.detector.as_str()).collect();
    if let Some(loudest) = listed.first() {
        // 3 is "Statistical".
        event["finding_info"]["analytic"] = json!({"name": loudest.detector.as_str(), "uid": loudest.detector.as_str(),
            "type_id": 3, "type": "Statistical", "version": loudest.detector_version.to_string()});
    }
    event["evidences"] = listed
        .iter()
        .map(|finding| {
            json!({"name": finding.detector.as_str(), "uid": finding.id.as_str(),
                "data": {"summary": text(&finding.summary), "surprise_bits": finding.surprise_bits,
                    "p_exact": finding.p_exact, "silent_if": text(&finding.counterfactual)}})
        })
        .collect();
    event["anomaly_analyses"] = listed.iter().map(analysis).collect();
}

/// What was observed, and what is normal where the detector knows it.
fn analysis(finding: &Finding) -> Value {
    let parameter =
        |unit: &str| if unit.is_empty() { finding.detector.as_str().to_owned() } else { text(unit) };
    let observation = |value: &Quantity| json!({"value": quantity(value)});
    let mut analysis = json!({
        "analysis_targets": [{"name": text(&finding.subject.name), "type": finding.subject.kind.as_str()}],
        "anomalies": [{"observation_parameter": parameter(&finding.observed.unit),
            "observations": [observation(&finding.observed.value)]}],
    });
    if let Some(band) = &finding.expected {
        analysis["baselines"] = json!([{"observation_parameter": parameter(&band.unit),
            "observations": [observation(&band.low), observation(&band.mid), observation(&band.high)],
            "observed_pattern": "low, middle and high of the normal band"}]);
    }
    analysis
}

fn quantity(value: &Quantity) -> String {
    match value {
        Quantity::Number(number) => number.to_string(),
        Quantity::Name(name) => text(name),
    }
}

fn text(foreign: &str) -> String {
    words(&Text::new().untrusted(foreign))
}

fn words(text: &Text) -> String {
    shorten(&text.plain(), TEXT_MAX).into_owned()
}

fn activity(card: &Card) -> (u32, &'static str) {
    match (&card.record, card.transition.reason) {
        (Record::Incident { .. }, TransitionReason::Resolved) => (3, "Close"),
        (Record::Incident { .. }, TransitionReason::Opened)
        | (Record::Digest { .. } | Record::Notice { .. }, _) => (1, "Create"),
        (Record::Incident { .. }, _) => (2, "Update"),
    }
}

const fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

fn status(card: &Card) -> (u32, &'static str) {
    match card.record.incident().map(|incident| incident.status) {
        Some(Status::New) | None => (1, "New"),
        Some(Status::InProgress) => (2, "In Progress"),
        Some(Status::OnHold) => (99, "On Hold"),
        Some(Status::Resolved) => (4, "Resolved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::build;
    use crate::fixture;
    use crate::outbox::DeliveryId;
    use crate::receivers::Place;
    use crate::receivers::channel_tests::{hostile, worst};

    #[test]
    fn an_incident_is_created_updated_and_closed() {
        let id = DeliveryId::parse("abc").unwrap();
        let attempt = Attempt { id: &id, unix_seconds: 7, place: Place::New };
        let cases = [
            (TransitionReason::Opened, 200_401),
            (TransitionReason::Grew, 200_402),
            (TransitionReason::Resolved, 200_403),
        ];
        for (reason, expected) in cases {
            let (incident, findings) = fixture::npm_takeover();
            let card = build(fixture::transition(reason), incident, findings, None);
            let event = event(&card, attempt, Fullness::Full);
            assert_eq!(event["type_uid"], expected);
            let analysis = &event["anomaly_analyses"][0];
            assert_eq!(analysis["anomalies"][0]["observations"][0]["value"], "K2");
            assert_eq!(analysis["baselines"][0]["observations"][1]["value"], "K1");
        }
        assert!(event(&hostile(), attempt, Fullness::Full).to_string().contains("hxxps://evil"));
        assert!(encode(20_000, &worst(), attempt, Fullness::Full).unwrap().body.len() <= 20_000);
    }
}
