//! A card as Block Kit blocks, within Slack's limits and our tighter budget.

use serde_json::{Value, json};

use crate::card::{Card, EVIDENCE_MAX, MEASURES_MAX, MeasureLine, Repeat, SUBJECTS_MAX, Text};
use crate::receivers::Fullness;
use crate::sanitise::{Limit, shorten};

/// Most characters of all texts of a message together. Slack's total is undocumented (about 13,200 over all blocks,
/// slackapi/bolt-js#2509), and nobody reads more.
const TEXT_TOTAL_MAX: usize = 3_000;

/// Our budget for each part; together with the fixed words they stay within [`TEXT_TOTAL_MAX`]. Slack's own limits
/// are 150 for a header, 3,000 for a section, and 10 fields of 2,000.
const NOTIFICATION_MAX: Limit = Limit::Characters(250);
const HEADER_MAX: Limit = Limit::Characters(150);
const SENTENCE_MAX: Limit = Limit::Characters(350);
const SUBJECT_MAX: Limit = Limit::Characters(90);
const MEASURE_MAX: Limit = Limit::Characters(150);
/// Most notes in the small print; Slack's limit is 10 elements.
const NOTES_MAX: usize = 2;
const EVIDENCE_LINE_MAX: Limit = Limit::Characters(100);
/// What the fixed words take at most: titles, times, counts, our link, the incident's id, the mark of a repeat.
const FIXED_MAX: usize = 660;
const _: () = assert!(
    NOTIFICATION_MAX.room()
        + HEADER_MAX.room()
        + SENTENCE_MAX.room()
        + SUBJECT_MAX.room() * SUBJECTS_MAX
        + MEASURE_MAX.room() * MEASURES_MAX
        + EVIDENCE_LINE_MAX.room() * EVIDENCE_MAX
        + SUBJECT_MAX.room() * NOTES_MAX
        + FIXED_MAX
        <= TEXT_TOTAL_MAX
);

/// The whole message.
pub(in crate::receivers) fn message(card: &Card, fullness: Fullness) -> Value {
    json!({
        "text": notification(card),
        "blocks": blocks(card, fullness),
        // Nothing in the text is to be looked for: no links, no names, no previews, no markup.
        "parse": "none",
        "link_names": false,
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// What the phone shows; Slack's clients show the blocks instead wherever they can.
fn notification(card: &Card) -> String {
    let words = escaped(&Text::new().then("[").ours(card.severity).then("] "));
    let whole = format!("{words}{}: {}", escaped(&card.headline), escaped(&card.sentence));
    shorten(&whole, NOTIFICATION_MAX).into_owned()
}

fn blocks(card: &Card, fullness: Fullness) -> Vec<Value> {
    let mut blocks = vec![header(card), section(&cut(&card.sentence, SENTENCE_MAX))];
    if fullness == Fullness::Full {
        blocks.push(overview(card));
        blocks.extend(list(card.subjects_title(), &card.subjects.shown, card.subjects.further, SUBJECT_MAX));
        blocks.extend(measures(card));
        blocks.extend(list("Evidence", &card.evidence.shown, card.evidence.further, EVIDENCE_LINE_MAX));
    }
    blocks.extend(card.link.as_ref().map(|link| {
        let text = format!("<{link}|{}>", card.link_words());
        json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
    }));
    blocks.push(context(card));
    blocks
}

fn header(card: &Card) -> Value {
    let words = format!("{} · {}", card.severity.as_str().to_uppercase(), escaped(&card.headline));
    json!({"type": "header", "text": plain(&shorten(&words, HEADER_MAX))})
}

fn overview(card: &Card) -> Value {
    let (first, last) = card.seen;
    let fields = [
        Text::new().then("What happened\n").then(card.what_happened()),
        Text::new().then("Severity\n").ours(card.severity),
        Text::new().then("First seen\n").ours(first),
        Text::new().then("Last seen\n").ours(last),
    ];
    let fields: Vec<_> = fields.iter().map(|field| plain(&escaped(field))).collect();
    json!({"type": "section", "fields": fields})
}

fn measures(card: &Card) -> Option<Value> {
    let mut fields: Vec<_> = card.measures.shown.iter().map(|line| plain(&measure(line))).collect();
    if fields.is_empty() {
        return None;
    }
    if card.measures.further > 0 {
        fields.push(plain(&escaped(&Text::new().ours(card.measures.further).then(" more findings"))));
    }
    Some(json!({"type": "section", "fields": fields}))
}

fn measure(line: &MeasureLine) -> String {
    let mut words = format!("{}\nobserved {}", escaped(&line.label), escaped(&line.observed));
    if let Some(expected) = &line.expected {
        words.push_str("\nexpected ");
        words.push_str(&escaped(expected));
    }
    shorten(&words, MEASURE_MAX).into_owned()
}

/// A titled list in one section; nothing if there is nothing to list.
fn list(title: &str, lines: &[Text], further: usize, most: Limit) -> Option<Value> {
    if lines.is_empty() {
        return None;
    }
    let mut words = title.to_owned();
    for line in lines {
        words.push_str("\n• ");
        words.push_str(&cut(line, most));
    }
    if further > 0 {
        words.push_str("\n• ");
        words.push_str(&escaped(&Text::new().ours(further).then(" more")));
    }
    Some(section(&words))
}

fn context(card: &Card) -> Value {
    let mut elements = Vec::new();
    if card.repeat == Repeat::Possible {
        elements.push(plain("(possible repeat: an earlier attempt was not answered)"));
    }
    elements.extend(card.notes.iter().take(NOTES_MAX).map(|note| plain(&cut(note, SUBJECT_MAX))));
    let id = Text::new().then("Sealwatch ").then(card.record.kind()).then(" ").untrusted(card.record.id());
    elements.push(plain(&cut(&id, SUBJECT_MAX)));
    json!({"type": "context", "elements": elements})
}

fn section(words: &str) -> Value {
    json!({"type": "section", "text": plain(words)})
}

/// An object whose text Slack parses for nothing, not even for emoji. It must not be empty.
fn plain(words: &str) -> Value {
    let words = if words.is_empty() { "(nothing)" } else { words };
    json!({"type": "plain_text", "text": words, "emoji": false})
}

fn cut(text: &Text, most: Limit) -> String {
    shorten(&escaped(text), most).into_owned()
}

fn escaped(text: &Text) -> String {
    text.encode(escape, escape)
}

/// Slack's three control characters as entities, the ampersand first.
fn escape(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
