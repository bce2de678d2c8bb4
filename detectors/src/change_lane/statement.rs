//! How a detector of the change lane says what it saw.

use std::sync::Arc;

use super::mark::Mark;
use crate::detector::{Explanation, Scored, Seen, Verdict};
use crate::event::{ActorKind, Event, EventId, EventTime, Outcome, Span};
use crate::finding::{
    Anchor, Band, DetectorId, Evidence, Fact, Link, Measure, RecordPosition, Subject, SubjectKind,
};
use crate::statistics::tie_break;

/// Longest name that is remembered for display; a longer one is cut, and compared by its mark.
pub(crate) const MAX_NAME_CHARACTERS: usize = 120;

/// The subject of an event on an artifact.
pub(crate) fn artifact_subject(event: &Event) -> Option<Subject> {
    let key = event.artifact.as_ref()?.key.as_ref()?;
    Some(Subject::new(SubjectKind::Artifact, Arc::clone(&event.registry), key.shared()))
}

/// A subject in the registry of an event.
pub(crate) fn subject(event: &Event, kind: SubjectKind, name: &Arc<str>) -> Subject {
    Subject::new(kind, Arc::clone(&event.registry), Arc::clone(name))
}

/// Whether an event is judged and learned from: late ones and what failed are not.
pub(crate) fn counts(seen: &Seen<'_>) -> bool {
    seen.is_on_time() && seen.event().outcome == Outcome::Success
}

/// What a detector says of one event, before it is made an [`Explanation`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Statement {
    /// What was looked at (`hour of signing`).
    pub(crate) field: &'static str,
    /// What is usual.
    pub(crate) before: String,
    /// What came.
    pub(crate) after: String,
    pub(crate) summary: String,
    /// What follows "It would have been silent had".
    pub(crate) silent_had: String,
    /// Earlier records that it rests on: what they say, when they happened, and where they lie.
    pub(crate) earlier: Vec<(Fact, EventTime, Option<RecordPosition>)>,
    pub(crate) links: Vec<Link>,
    pub(crate) slsa_threat: Option<char>,
}

impl Statement {
    /// The explanation of what `seen` brought; the artifact, its digest and who acted are linked in any case.
    pub(crate) fn explained(self, seen: &Seen<'_>) -> Explanation {
        let event = seen.event();
        let fact = Fact::Field {
            field: self.field.to_owned(),
            before: self.before.clone(),
            after: self.after.clone(),
            bits: 0.0,
        };
        let this = Evidence { fact, time: event.time, position: Some(RecordPosition::from(&event.position)) };
        let earlier =
            self.earlier.into_iter().map(|(fact, time, position)| Evidence { fact, time, position });
        let mut links = Vec::new();
        if let Some(artifact) = &event.artifact {
            links.extend(artifact.key.as_ref().map(|key| Link::Artifact(key.shared())));
            links.extend(artifact.digest.as_ref().map(|digest| Link::Digest(digest.as_str().into())));
        }
        for link in self.links.into_iter().chain(person_link(event)) {
            if !links.contains(&link) {
                links.push(link);
            }
        }
        Explanation {
            observed: Measure::name(self.after, self.field),
            expected: (!self.before.is_empty()).then(|| Band::name(self.before, self.field)),
            summary: self.summary,
            counterfactual: format!("It would have been silent had {}.", self.silent_had),
            evidence: std::iter::once(this).chain(earlier).collect(),
            links,
            slsa_threat: self.slsa_threat,
        }
    }
}

/// The link to a principal of an event's registry.
pub(crate) fn principal_link(event: &Event, principal: &str) -> Link {
    Link::Principal(format!("{} {principal}", event.registry).into())
}

/// What is said of one event and its artifact.
pub(crate) fn scored(
    seen: &Seen<'_>,
    (detector, major): (DetectorId, u32),
    subject: Subject,
    verdict: Verdict,
    explanation: Explanation,
) -> Scored {
    let anchor = Anchor::Event(seen.event().id.clone());
    Scored { time: seen.now(), detector, major, subject, anchor, verdict, explanation }
}

/// The number in [0, 1) that splits the ties of one event, by its id: a recording played elsewhere draws it again.
pub(crate) fn tie(seen: &Seen<'_>, purpose: &str, subject: &str) -> f64 {
    let anchor = match &seen.event().id {
        EventId::Producer(id) => Mark::of(seen.seed, &[id]).number(),
        EventId::Derived(hash) => {
            let mut head = [0; 8];
            head.copy_from_slice(&hash[..8]);
            i64::from_le_bytes(head)
        }
    };
    tie_break(seen.seed, purpose, subject, anchor)
}

/// A name short enough to keep.
pub(crate) fn short_name(name: &Arc<str>) -> Arc<str> {
    match name.char_indices().nth(MAX_NAME_CHARACTERS) {
        Some((end, _)) => Arc::from(&name[..end]),
        None => Arc::clone(name),
    }
}

/// The link to who acted, unless it is a robot: what a robot has in common with others is no cause.
pub(crate) fn person_link(event: &Event) -> Option<Link> {
    let principal = event.actor.principal.as_ref()?;
    match event.actor.kind {
        Some(ActorKind::Robot | ActorKind::Service | ActorKind::Anonymous) => None,
        Some(ActorKind::Human) | None => {
            Some(Link::Principal(format!("{} {principal}", event.registry).into()))
        }
    }
}

/// A length of time as people say it.
pub(crate) fn shown_time_apart(span: Span) -> String {
    let (seconds, minutes, hours, days) =
        (span.as_secs_f64(), span.as_hours_f64() * 60.0, span.as_hours_f64(), span.as_days_f64());
    let (count, unit) = match () {
        () if days >= 730.0 => (days / 365.25, "year"),
        () if days >= 2.0 => (days, "day"),
        () if hours >= 2.0 => (hours, "hour"),
        () if minutes >= 1.0 => (minutes.round(), "minute"),
        () => (seconds.round(), "second"),
    };
    let count = if count < 10.0 { (count * 10.0).round() / 10.0 } else { count.round() };
    // A whole number prints without a fraction.
    if (count - 1.0).abs() < 1e-9 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// `1st`, `2nd`, `3rd` and so on.
pub(crate) fn ordinal(count: u32) -> String {
    let ending = match (count % 10, count % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{count}{ending}")
}

/// A bounded list that drops its oldest when it is full. The oldest stands first.
pub(crate) fn keep_latest<T>(list: &mut Vec<T>, most: usize, item: T) {
    if list.len() >= most {
        list.remove(0);
    }
    list.push(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_apart_are_said_in_fitting_units() {
        for (span, expected) in [
            (Span::secs(0), "0 seconds"),
            (Span::secs(1), "1 second"),
            (Span::secs(345), "6 minutes"),
            (Span::hours(74), "3.1 days"),
            (Span::hours(26), "26 hours"),
            (Span::days(400), "400 days"),
            (Span::days(1_000), "2.7 years"),
        ] {
            assert_eq!(shown_time_apart(span), expected);
        }
        assert_eq!(
            [1, 2, 3, 4, 11, 22, 113].map(ordinal),
            ["1st", "2nd", "3rd", "4th", "11th", "22nd", "113th"]
        );
    }

    #[test]
    fn long_names_are_cut_at_a_character() {
        assert_eq!(short_name(&"x".repeat(MAX_NAME_CHARACTERS).into()).len(), MAX_NAME_CHARACTERS);
        assert_eq!(
            short_name(&"é".repeat(MAX_NAME_CHARACTERS + 9).into()).chars().count(),
            MAX_NAME_CHARACTERS
        );
    }

    #[test]
    fn a_bounded_list_drops_its_oldest() {
        let mut list = vec![1, 2, 3];
        keep_latest(&mut list, 3, 4);
        assert_eq!(list, [2, 3, 4]);
    }
}
