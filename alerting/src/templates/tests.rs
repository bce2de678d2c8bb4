//! Templates: what they may do, and that one which fails swallows nothing.

use super::*;
use crate::card::build;
use crate::fixture;

fn body(text: &str) -> Result<BodyTemplate, TemplateError> {
    BodyTemplate::try_from(text.to_owned())
}

fn slot(text: &str) -> Result<SlotTemplate, TemplateError> {
    SlotTemplate::try_from(text.to_owned())
}

fn hostile() -> Card {
    let (incident, findings) = fixture::hostile_takeover();
    build(fixture::opened(), incident, findings, None)
}

#[test]
fn a_body_is_json_whatever_is_filled_in() {
    let template =
        body(r#"{"text": {{ headline }}, "who": {{ subject }}, "n": {{ findings|length }}, "loud": {{ severity }}}"#)
            .unwrap();
    let filled = template.fill(&hostile()).unwrap();
    let text = String::from_utf8(filled).unwrap();
    assert!(text.is_ascii() || !text.contains('\u{202e}'), "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&value["n"], &value["loud"]), (&2.into(), &"critical".into()));
    assert_eq!(value["who"], "<!channel> <hxxps://evil|x>\\u{202e}");
}

#[test]
fn mistakes_are_found_when_a_template_is_read() {
    let fails = |found: Result<BodyTemplate, TemplateError>| found.unwrap_err().to_string();
    let cases = [
        (fails(body("{{ hedline }}")), "line 1: a name is not defined here (tried on an incident)"),
        (
            fails(body("{\n\"a\": {{ incident.id }}}")),
            "line 2: a name is not defined here (tried on a digest)",
        ),
        (fails(body("{{ headline")), "it is not written as a template"),
        (fails(body("{{ headline|shout }}")), "there is no such filter"),
        (fails(body("{% include 'x' %}")), "it"),
        (fails(body("plain words")), "it is no JSON"),
        (
            fails(body("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}1")),
            "within 50000 steps",
        ),
        (fails(body("\"{% for a in range(9999) %}xxxxxxxxxx{% endfor %}\"")), "more than 20000 bytes"),
        (fails(body(&" ".repeat(TEMPLATE_MAX + 1))), "a template of more than 16384 bytes"),
        (slot("{% if false %}x{% endif %}").unwrap_err().to_string(), "nothing"),
        (slot("{{ incidents[0].summary }}").unwrap_err().to_string(), "tried on an incident"),
    ];
    for (found, expected) in cases {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

#[test]
fn a_sentence_of_an_owner_is_foreign_text_to_every_channel() {
    let templates = CardTemplates {
        headline: Some(slot("{{ severity|upper }} in {{ registry }}: {{ subject }}").unwrap()),
        sentence: None,
    };
    let (card, failed) = templates.fill(hostile());
    assert_eq!(failed, None);
    let [Piece::Untrusted(said)] = card.headline.pieces() else { panic!("{:?}", card.headline) };
    assert!(
        said.shown().as_str().starts_with("CRITICAL in npm: <!channel> <hxxps"),
        "{:?}",
        said.shown().as_str()
    );
}

#[test]
fn what_fails_later_leaves_the_built_in_card() {
    let template = "{{ incident.subjects[1].name }} and {{ subject }}";
    let templates =
        CardTemplates { headline: Some(slot(template).unwrap()), sentence: Some(slot("said").unwrap()) };
    let (incident, findings) = fixture::npm_takeover();
    let alone = detectors::incident::Incident { subjects: incident.subjects[..1].to_vec(), ..incident };
    let card = build(fixture::opened(), alone, findings, None);
    let built_in = card.headline.clone();
    let (card, failed) = templates.fill(card);
    assert_eq!((card.headline, card.sentence.plain().as_str()), (built_in, "said"));
    assert_eq!(
        failed.unwrap().to_string(),
        "cannot fill in the template, line 1: a name is not defined here"
    );
}
