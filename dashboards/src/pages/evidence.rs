//! Evidence as rows: when, what it says, how surprising it is alone, and where its record lies.

use detectors::finding::{Evidence, Fact, IncidentId, RecordPosition};

use crate::charts::bar;
use crate::foreign;
use crate::html::Html;
use crate::query::QueryString;
use crate::show::moment::Now;
use crate::show::number::{bits, number};

/// Most rows of one finding; the rest is counted, and stands in the JSON.
pub(super) const MAX_ROWS: usize = 25;

/// One item.
pub(super) struct Row {
    pub(super) time: Html,
    pub(super) says: Html,
    pub(super) surprise: Option<(String, Html)>,
    pub(super) record: Option<Place>,
}

/// Where a record lies, and the page that shows it.
pub(super) struct Place {
    pub(super) words: String,
    pub(super) address: String,
}

/// A finding's evidence in event time, and how many items have no row.
pub(super) fn rows(incident: &IncidentId, evidence: &[Evidence], now: Now) -> (Vec<Row>, usize) {
    let mut sorted: Vec<&Evidence> = evidence.iter().take(MAX_ROWS).collect();
    sorted.sort_by_key(|item| item.time);
    let longest = sorted.iter().filter_map(|item| alone(&item.fact)).map(f64::abs).fold(0.0, f64::max);
    let row = |item: &Evidence| Row {
        time: now.date(item.time),
        says: says(&item.fact),
        surprise: alone(&item.fact).map(|alone| (bits(alone), bar::of(alone, longest))),
        record: item.position.as_ref().map(|position| Place::of(incident, position)),
    };
    (sorted.into_iter().map(row).collect(), evidence.len().saturating_sub(MAX_ROWS))
}

impl Place {
    /// The place of a record that is evidence of this incident.
    pub(super) fn of(incident: &IncidentId, position: &RecordPosition) -> Self {
        let RecordPosition { source, stream, partition, offset } = position;
        let address = QueryString::default()
            .with("source", source)
            .with("stream", stream)
            .with("partition", partition)
            .with("offset", offset);
        let words = format!("{}/{}[{partition}] @ {offset}", foreign::plain(source), foreign::plain(stream));
        Self { words, address: address.after(&format!("/incidents/{incident}/raw")) }
    }
}

/// What a fact says, in one line.
fn says(fact: &Fact) -> Html {
    match fact {
        Fact::Count { what, count, expected, hours, .. } => Html::new()
            .markup("<b>")
            .text(&number(*count))
            .markup("</b> ")
            .text(&foreign::plain(what))
            .markup(" in ")
            .text(&number(*hours))
            .markup(" h, expected ")
            .text(&number(*expected)),
        Fact::Field { field, before, after, .. } => {
            change(Html::new().html(&foreign::name(field)), before, after)
        }
        Fact::Signature { role, signer, issuer, digest } => {
            let mut html = Html::new()
                .text(&foreign::plain(role))
                .markup(" signature by ")
                .html(&foreign::name_or_nothing(signer));
            if let Some(issuer) = issuer {
                html = html.markup(", issuer ").html(&foreign::name(issuer));
            }
            if let Some(digest) = digest {
                html = html.markup(", on ").html(&foreign::name(digest));
            }
            html
        }
        Fact::Tag { tag, before, after } => {
            change(Html::new().markup("tag ").html(&foreign::name(tag)), before, after)
        }
        Fact::Publish { version, publisher } => Html::new()
            .markup("version ")
            .html(&foreign::name_or_nothing(version))
            .markup(" published by ")
            .html(&foreign::name_or_nothing(publisher)),
        Fact::Access { artifact, principal } => foreign::name_or_nothing(principal)
            .markup(" asked for ")
            .html(&foreign::name_or_nothing(artifact)),
    }
}

fn change(what: Html, before: &str, after: &str) -> Html {
    let (before, after) = foreign::pair(before, after);
    what.markup(": <span class=\"before\">")
        .html(&before)
        .markup("</span> <span class=\"arrow\">→</span> <span class=\"after\">")
        .html(&after)
        .markup("</span>")
}

/// The surprise of a fact alone, where it has one.
const fn alone(fact: &Fact) -> Option<f64> {
    match fact {
        Fact::Count { bits, .. } | Fact::Field { bits, .. } => Some(*bits),
        Fact::Signature { .. } | Fact::Tag { .. } | Fact::Publish { .. } | Fact::Access { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use detectors::event::{EventTime, Span};

    use super::*;

    fn strip(html: &Html) -> String {
        let mut text = String::new();
        let mut inside = false;
        for character in html.as_str().chars() {
            match character {
                '<' => inside = true,
                '>' => inside = false,
                character if !inside => text.push(character),
                _ => {}
            }
        }
        text
    }

    #[test]
    fn each_kind_of_fact_is_one_line() {
        let owned = str::to_owned;
        let cases = [
            (
                Fact::Count { what: owned("pulls"), count: 1200.0, expected: 40.0, hours: 6.0, bits: 30.0 },
                "1,200 pulls in 6 h, expected 40",
            ),
            (
                Fact::Field {
                    field: owned("license"),
                    before: String::new(),
                    after: owned("MIT"),
                    bits: 1.0,
                },
                "license: nothing → MIT",
            ),
            (
                Fact::Signature {
                    role: owned("this"),
                    signer: owned("K2"),
                    issuer: Some(owned("https://ca.example")),
                    digest: None,
                },
                "this signature by K2, issuer hxxps://ca[.]example",
            ),
            (Fact::Tag { tag: owned("latest"), before: owned("a"), after: owned("b") }, "tag latest: a → b"),
            (
                Fact::Publish { version: owned("1.0"), publisher: owned("eve") },
                "version 1.0 published by eve",
            ),
            (
                Fact::Access { artifact: owned("pkg:npm/x"), principal: owned("bot") },
                "bot asked for pkg:npm/x",
            ),
        ];
        for (fact, expected) in cases {
            assert_eq!(strip(&says(&fact)), expected);
        }
    }

    #[test]
    fn rows_are_in_event_time_and_bounded() {
        let id = IncidentId::parse("lpvrycjm7m2dyzulrruye4eg3a").unwrap();
        let start = EventTime::from_secs(1_778_526_000);
        let item = |at: i64| Evidence {
            fact: Fact::Publish { version: at.to_string(), publisher: String::new() },
            time: start.minus(Span::secs(at)),
            position: Some(RecordPosition {
                source: "a&b".into(),
                stream: "s/t".into(),
                partition: 3,
                offset: at,
            }),
        };
        let evidence: Vec<Evidence> = (0..30).map(item).collect();
        let (rows, further) = rows(&id, &evidence, Now(0));
        assert_eq!((rows.len(), further), (MAX_ROWS, 5));
        assert!(rows[0].says.as_str().contains("24"), "the earliest stands first");
        let place = rows[0].record.as_ref().unwrap();
        assert_eq!(place.words, "a&b/s/t[3] @ 24");
        assert_eq!(
            place.address,
            format!("/incidents/{id}/raw?source=a%26b&stream=s%2Ft&partition=3&offset=24")
        );
    }
}
