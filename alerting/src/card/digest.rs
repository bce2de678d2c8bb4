//! Cards that are not about one incident: a digest of several, and a notice about the watch itself.

use detectors::event::EventTime;
use detectors::finding::Severity;
use detectors::incident::{Incident, Transition, TransitionReason};

use super::{Card, Listed, News, PublicUrl, Record, Repeat, SUBJECTS_MAX, Text};

/// Why several incidents are told in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestCause {
    /// They came faster than the receiver may be told.
    TooFast,
    /// They came while the receiver was not to be told.
    Muted,
    /// They belong together.
    Grouped,
    /// They waited for a receiver that could not be reached.
    Backlog,
}

/// The card of a digest. `incidents` may be in any order; `further` counts those that are not among them. `id` is
/// what the digest is called in every attempt.
#[must_use]
pub fn digest(
    id: String,
    cause: DigestCause,
    mut incidents: Vec<Incident>,
    further: usize,
    now: EventTime,
    public_url: Option<&PublicUrl>,
) -> Card {
    incidents.sort_by_key(|incident| (std::cmp::Reverse(incident.severity), incident.id.clone()));
    let severity = incidents.first().map_or(Severity::Info, |incident| incident.severity);
    let first = incidents.iter().map(|incident| incident.first_event).min().unwrap_or(now);
    let last = incidents.iter().map(|incident| incident.last_event).max().unwrap_or(now);
    let because = match cause {
        DigestCause::TooFast => " came faster than this receiver is told of one by one",
        DigestCause::Muted => " came while this receiver was muted",
        DigestCause::Grouped => " that belong together",
        DigestCause::Backlog => " waited while this receiver could not be reached",
    };
    let count = incidents.len() + further;
    let what = if count == 1 { " incident" } else { " incidents" };
    Card {
        news: News::Digest,
        transition: Transition { time: now, severity, reason: TransitionReason::Opened },
        severity,
        headline: Text::new().ours(count).then(what),
        sentence: Text::new().ours(count).then(what).then(because),
        subjects: Listed::first(SUBJECTS_MAX, incidents.iter().map(line), further),
        measures: Listed::first(0, [], 0),
        evidence: Listed::first(0, [], 0),
        seen: (first, last),
        link: public_url.map(PublicUrl::incidents),
        repeat: Repeat::No,
        notes: Vec::new(),
        record: Record::Digest { id, incidents, further },
    }
}

/// The card of a notice about the watch itself; `id` stays the same while its cause lasts.
#[must_use]
pub fn notice(
    id: String,
    severity: Severity,
    headline: Text,
    sentence: Text,
    now: EventTime,
    public_url: Option<&PublicUrl>,
) -> Card {
    Card {
        news: News::Notice,
        transition: Transition { time: now, severity, reason: TransitionReason::Opened },
        severity,
        headline,
        sentence,
        subjects: Listed::first(0, [], 0),
        measures: Listed::first(0, [], 0),
        evidence: Listed::first(0, [], 0),
        seen: (now, now),
        link: public_url.map(PublicUrl::pipeline),
        repeat: Repeat::No,
        notes: Vec::new(),
        record: Record::Notice { id },
    }
}

fn line(incident: &Incident) -> Text {
    Text::new().ours(incident.severity).then(": ").untrusted(&*incident.summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_digest_is_as_loud_as_its_loudest_and_counts_the_rest() {
        let (loud, _) = fixture::npm_takeover();
        let quiet = Incident { severity: Severity::Low, summary: "quiet".to_owned(), ..loud.clone() };
        let page = PublicUrl::parse("https://watch.example").unwrap();
        let (incidents, now) = (vec![quiet, loud], EventTime::from_secs(0));
        let card = digest("d1".to_owned(), DigestCause::TooFast, incidents, 7, now, Some(&page));
        assert_eq!((card.severity, card.subjects.further), (Severity::Critical, 7));
        assert_eq!(card.headline.plain(), "9 incidents");
        assert!(card.subjects.shown[1].plain().starts_with("low: quiet"));
        assert_eq!(card.link.unwrap().as_str(), "https://watch.example/incidents");
    }
}
