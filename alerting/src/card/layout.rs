//! A card in the order in which people read it, for every channel that shows text: title, sentence, facts, lists,
//! link, foot. Which markup each part gets, and how much of it fits, is the channel's own business.

use detectors::finding::Severity;
use detectors::incident::Status;

use super::{Card, Listed, MeasureLine, PageLink, Record, Repeat, Text};
use crate::receivers::Fullness;

/// Most characters of an incident's id in a foot; one that we made has 26.
const ID_SHOWN: usize = 40;

/// A card in reading order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout<'a> {
    /// How loud and what happened; words of ours alone.
    pub(crate) title: Text,
    /// What it is and whom it concerns.
    pub(crate) headline: &'a Text,
    /// One sentence.
    pub(crate) sentence: &'a Text,
    /// Short facts, each with its name.
    pub(crate) facts: Vec<(&'static str, Text)>,
    /// Lists, each with its title; none is empty.
    pub(crate) lists: Vec<LayoutList>,
    /// The one link, and its words.
    pub(crate) link: Option<(&'static str, &'a PageLink)>,
    /// Small print.
    pub(crate) foot: Vec<Text>,
}

/// A titled list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayoutList {
    /// What it lists.
    pub(crate) title: &'static str,
    /// Its lines.
    pub(crate) lines: Vec<Text>,
    /// How many more there are.
    pub(crate) further: usize,
}

impl<'a> Layout<'a> {
    /// The whole card, or the least that is still an alert.
    pub(crate) fn of(card: &'a Card, fullness: Fullness) -> Self {
        let (facts, lists) = match fullness {
            Fullness::Full => (facts(card), lists(card)),
            Fullness::Minimal => (Vec::new(), Vec::new()),
        };
        Self {
            title: Text::new().then(loud(card.severity)).then(" · ").then(card.what_happened()),
            headline: &card.headline,
            sentence: &card.sentence,
            facts,
            lists,
            link: card.link.as_ref().map(|link| (card.link_words(), link)),
            foot: foot(card),
        }
    }
}

/// A severity as a title shows it.
const fn loud(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
        Severity::Info => "INFO",
    }
}

fn facts(card: &Card) -> Vec<(&'static str, Text)> {
    let (first, last) = card.seen;
    let mut facts = vec![("First seen", Text::new().ours(first)), ("Last seen", Text::new().ours(last))];
    if let Record::Incident { incident, .. } = &card.record {
        let status = match incident.status {
            Status::New => return facts,
            Status::InProgress => Text::new().then("in progress"),
            Status::OnHold => Text::new().then("on hold"),
            Status::Resolved => Text::new().then("resolved"),
        };
        let status = match &incident.owner {
            Some(owner) => status.then(", by ").untrusted(owner),
            None => status,
        };
        facts.push(("Status", status));
    }
    facts
}

fn lists(card: &Card) -> Vec<LayoutList> {
    let measures =
        Listed { shown: card.measures.shown.iter().map(measure).collect(), further: card.measures.further };
    [
        (card.subjects_title(), &card.subjects),
        ("Observed and expected", &measures),
        ("Evidence", &card.evidence),
    ]
    .into_iter()
    .filter(|(_, list)| !list.shown.is_empty())
    .map(|(title, list)| LayoutList { title, lines: list.shown.clone(), further: list.further })
    .collect()
}

fn measure(line: &MeasureLine) -> Text {
    let text = Text::new().and(&line.label).then(": observed ").and(&line.observed);
    match &line.expected {
        Some(expected) => text.then(", expected ").and(expected),
        None => text,
    }
}

fn foot(card: &Card) -> Vec<Text> {
    let mut foot = Vec::new();
    if card.repeat == Repeat::Possible {
        foot.push(Text::new().then("(possible repeat: an earlier attempt was not answered)"));
    }
    foot.extend(card.notes.iter().cloned());
    let id: String = card.record.id().chars().take(ID_SHOWN).collect();
    foot.push(Text::new().then("Sealwatch ").then(card.record.kind()).then(" ").untrusted(id));
    foot
}

#[cfg(test)]
mod tests {
    use detectors::incident::Incident;

    use super::*;
    use crate::card::build;
    use crate::fixture;

    #[test]
    fn a_layout_has_everything_once_and_a_minimal_one_the_least() {
        let (incident, findings) = fixture::npm_takeover();
        let taken = Incident { status: Status::InProgress, owner: Some("alice".to_owned()), ..incident };
        let card = build(fixture::opened(), taken, findings, None).marked(Repeat::Possible);
        let full = Layout::of(&card, Fullness::Full);
        assert_eq!(full.title.plain(), "CRITICAL · New incident");
        let titles: Vec<_> = full.lists.iter().map(|list| list.title).collect();
        assert_eq!(titles, ["Whom it concerns", "Observed and expected", "Evidence"]);
        assert_eq!(full.facts[2].1.plain(), "in progress, by alice");
        assert!(full.foot[0].plain().contains("possible repeat"));
        let measure = full.lists[1].lines[0].plain();
        assert_eq!(measure, "key-change: observed K2 key, expected K1 key");
        let minimal = Layout::of(&card, Fullness::Minimal);
        assert_eq!((minimal.facts.len(), minimal.lists.len(), minimal.foot.len()), (0, 0, 2));
    }
}
