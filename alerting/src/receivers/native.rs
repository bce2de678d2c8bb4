//! The native body: what programs are told, as `{type, timestamp, data: {incident, findings}}`.

use detectors::event::EventTime;
use detectors::finding::{Finding, Severity, Subject, Technique};
use detectors::incident::Incident;
use serde::Serialize;

use super::Fullness;
use crate::card::{Card, Record, Repeat, Text};
use crate::inert_json::to_inert_json;
use crate::sanitise::{Limit, shorten};

/// What the minimal body keeps of each list of an incident.
const FINDINGS_KEPT: usize = 20;
const SUBJECTS_KEPT: usize = 2;
const HISTORY_KEPT: usize = 8;
const TECHNIQUES_KEPT: usize = 8;
/// What it keeps of each text, in bytes.
const TEXT_KEPT: Limit = Limit::Bytes(160);

/// The body. A public contract: fields may be added, never renamed or given another meaning.
#[derive(Debug, Serialize)]
pub(super) struct NativeBody<'a> {
    /// `incident.opened`, `incident.grew` and so on, `digest`, `notice`.
    #[serde(rename = "type")]
    kind: String,
    /// When it happened, in event time.
    timestamp: EventTime,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Incident(OneIncident<'a>),
    Digest(SeveralIncidents<'a>),
    Notice(Watch<'a>),
}

#[derive(Debug, Serialize)]
struct OneIncident<'a> {
    incident: &'a Incident,
    findings: &'a [Finding],
    /// The incident on our own page.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    /// Present where an earlier attempt may have arrived.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    possible_repeat: bool,
    /// What else a reader must know: which message this one makes out of date.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// What was left out to stay within the receiver's limit.
    #[serde(skip_serializing_if = "Omitted::is_nothing")]
    omitted: Omitted,
}

#[derive(Debug, Serialize)]
struct SeveralIncidents<'a> {
    id: &'a str,
    /// The loudest, each in short; the list of all of them is on our own page.
    incidents: Vec<IncidentLine<'a>>,
    /// How many more there are.
    further: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    possible_repeat: bool,
}

#[derive(Debug, Serialize)]
struct IncidentLine<'a> {
    id: &'a str,
    severity: Severity,
    summary: String,
}

#[derive(Debug, Serialize)]
struct Watch<'a> {
    id: &'a str,
    severity: Severity,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Omitted {
    /// How many findings are not in `findings`.
    findings: usize,
    /// Whether lists and texts of the incident were shortened.
    shortened: bool,
}

impl Omitted {
    const fn is_nothing(&self) -> bool {
        self.findings == 0 && !self.shortened
    }
}

/// The whole body in one line, however long.
pub(super) fn whole(card: &Card) -> Result<Vec<u8>, serde_json::Error> {
    to_inert_json(&whole_body(card))
}

/// The body within `most` bytes: as many findings as fit, loudest first, and a shortened incident if not even the
/// incident alone does.
pub(super) fn within(most: usize, card: &Card, fullness: Fullness) -> Result<Vec<u8>, serde_json::Error> {
    let Record::Incident { incident, findings } = &card.record else {
        return several_within(most, card);
    };
    let fitted = |keep: usize, shortened: bool, incident: &Incident| {
        let omitted = Omitted { findings: findings.len() - keep, shortened };
        to_inert_json(&body(card, incident, &findings[..keep], omitted))
    };
    let alone = fitted(0, false, incident)?;
    if alone.len() > most {
        return fitted(0, true, &shortened(incident));
    }
    let (mut keep, mut length) = (0, alone.len());
    if fullness == Fullness::Full {
        for finding in findings {
            // One byte for the comma. `omitted` only gets shorter, so the sum errs on the safe side.
            length += to_inert_json(finding)?.len() + 1;
            if length > most {
                break;
            }
            keep += 1;
        }
    }
    if keep == 0 { Ok(alone) } else { fitted(keep, false, incident) }
}

/// The whole body as a value, for bodies that carry it inside their own.
pub(super) fn whole_body(card: &Card) -> NativeBody<'_> {
    match &card.record {
        Record::Incident { incident, findings } => body(card, incident, findings, Omitted::default()),
        Record::Digest { .. } | Record::Notice { .. } => several(card, usize::MAX),
    }
}

/// A digest within `most` bytes: half as many incidents until it fits. One without any always does.
fn several_within(most: usize, card: &Card) -> Result<Vec<u8>, serde_json::Error> {
    let mut keep = match &card.record {
        Record::Digest { incidents, .. } => incidents.len(),
        Record::Incident { .. } | Record::Notice { .. } => 0,
    };
    loop {
        let bytes = to_inert_json(&several(card, keep))?;
        if bytes.len() <= most || keep == 0 {
            return Ok(bytes);
        }
        keep /= 2;
    }
}

fn several(card: &Card, keep: usize) -> NativeBody<'_> {
    let url = card.link.as_ref().map(crate::card::PageLink::as_str);
    let possible_repeat = card.repeat == Repeat::Possible;
    let id = card.record.id();
    let data = match &card.record {
        Record::Digest { incidents, further, .. } => {
            let kept = keep.min(incidents.len());
            let lines = incidents[..kept].iter().map(|incident| IncidentLine {
                id: incident.id.as_str(),
                severity: incident.severity,
                summary: shorten(&incident.summary, TEXT_KEPT).into_owned(),
            });
            let further = further + incidents.len() - kept;
            Data::Digest(SeveralIncidents { id, incidents: lines.collect(), further, url, possible_repeat })
        }
        Record::Incident { .. } | Record::Notice { .. } => {
            Data::Notice(Watch { id, severity: card.severity, summary: card.sentence.plain(), url })
        }
    };
    NativeBody { kind: card.event_type(), timestamp: card.transition.time, data }
}

fn body<'a>(
    card: &'a Card,
    incident: &'a Incident,
    findings: &'a [Finding],
    omitted: Omitted,
) -> NativeBody<'a> {
    NativeBody {
        kind: card.event_type(),
        timestamp: card.transition.time,
        data: Data::Incident(OneIncident {
            incident,
            findings,
            url: card.link.as_ref().map(crate::card::PageLink::as_str),
            possible_repeat: card.repeat == Repeat::Possible,
            notes: card.notes.iter().map(Text::plain).collect(),
            omitted,
        }),
    }
}

fn shortened(incident: &Incident) -> Incident {
    let text = |text: &str| shorten(text, TEXT_KEPT).into_owned();
    let newest = incident.history.len().saturating_sub(HISTORY_KEPT);
    let kept = incident.findings.len().min(FINDINGS_KEPT);
    Incident {
        schema: incident.schema.clone(),
        id: incident.id.clone(),
        method: text(&incident.method),
        history: incident.history[newest..].to_vec(),
        findings: incident.findings[..kept].to_vec(),
        further_findings: incident.further_findings + incident.findings.len() - kept,
        subjects: incident
            .subjects
            .iter()
            .take(SUBJECTS_KEPT)
            .map(|subject| Subject::new(subject.kind, text(&subject.registry), text(&subject.name)))
            .collect(),
        techniques: incident
            .techniques
            .iter()
            .take(TECHNIQUES_KEPT)
            .map(|id| Technique(text(&id.0)))
            .collect(),
        summary: text(&incident.summary),
        owner: incident.owner.as_deref().map(text),
        ..*incident
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::build;
    use crate::fixture;

    const LIMIT: usize = 20_000;

    fn parsed(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn a_small_incident_goes_whole() {
        let (incident, findings) = fixture::npm_takeover();
        let card = build(fixture::opened(), incident.clone(), findings, None);
        let value = parsed(&within(LIMIT, &card, Fullness::Full).unwrap());
        assert_eq!(value["type"], "incident.opened");
        assert_eq!(value["timestamp"], "2026-05-11T19:00:00Z");
        assert_eq!(value["data"]["incident"], serde_json::to_value(&incident).unwrap());
        assert_eq!(value["data"]["findings"].as_array().unwrap().len(), 2);
        assert_eq!(value["data"].get("omitted"), None);
        assert_eq!(parsed(&whole(&card).unwrap()), value);
    }

    #[test]
    fn what_does_not_fit_is_left_out_quietest_first_and_counted() {
        let (incident, findings) = fixture::npm_takeover();
        let many: Vec<_> = findings.iter().cycle().take(80).cloned().collect();
        let card = build(fixture::opened(), incident, many, None);
        let bytes = within(LIMIT, &card, Fullness::Full).unwrap();
        let value = parsed(&bytes);
        let kept = value["data"]["findings"].as_array().unwrap().len();
        assert!(bytes.len() <= LIMIT && kept > 5, "{kept} findings in {} bytes", bytes.len());
        assert_eq!(value["data"]["omitted"]["findings"], 80 - kept);
        assert_eq!(value["data"]["findings"][0]["severity"], "critical");
        let next = serde_json::to_vec(&card.record.findings()[kept]).unwrap().len();
        assert!(bytes.len() + next > LIMIT, "one more would have fitted");
    }

    #[test]
    fn the_worst_incident_still_fits() {
        let (incident, findings) = fixture::takeover_of(&"\u{1b}".repeat(8_000), &"\u{202e}".repeat(2_000));
        let worst = Incident {
            subjects: incident.subjects.iter().cycle().take(500).cloned().collect(),
            findings: incident.findings.iter().cycle().take(500).cloned().collect(),
            history: vec![fixture::opened(); 200],
            techniques: vec![Technique("\u{1}".repeat(500)); 50],
            method: "\u{7f}".repeat(9_000),
            owner: Some("\u{2}".repeat(9_000)),
            ..incident
        };
        let card = build(fixture::opened(), worst, findings, None);
        for fullness in [Fullness::Full, Fullness::Minimal] {
            let bytes = within(LIMIT, &card, fullness).unwrap();
            assert!(bytes.len() <= LIMIT, "{}", bytes.len());
            let value = parsed(&bytes);
            assert_eq!(value["data"]["omitted"], serde_json::json!({"findings": 2, "shortened": true}));
            assert_eq!(value["data"]["incident"]["further_findings"], 480);
        }
    }

    #[test]
    fn the_minimal_body_has_no_findings_and_says_so() {
        let (incident, findings) = fixture::npm_takeover();
        let card = build(fixture::opened(), incident, findings, None).marked(Repeat::Possible);
        let value = parsed(&within(LIMIT, &card, Fullness::Minimal).unwrap());
        assert_eq!(value["data"]["findings"], serde_json::json!([]));
        assert_eq!(value["data"]["omitted"]["findings"], 2);
        assert_eq!(value["data"]["possible_repeat"], true);
    }
}
