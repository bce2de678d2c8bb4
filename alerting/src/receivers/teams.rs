//! `teams`: a workflow of Microsoft Teams ("when a webhook request is received"), with an Adaptive Card 1.4.
//!
//! Foreign text stands in `TextRun`s, where the schema says that Markdown is not supported; nothing else of a card
//! has any. A workflow answers 202 before the card is shown, so a message is *accepted*, never *delivered*, and it
//! cannot be changed: a later one says what it supersedes. Cards newer than 1.4 are not displayed everywhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use transport::{HttpClient, Reply, SecretRef};

use super::exchange::{StatusClass, Target, default_class};
use super::fit::rest;
use super::registry::{Opened, ReceiverProblem, target};
use super::{Effect, Encoded, Fullness, Outcome};
use crate::card::{Card, Layout, Piece, Text};
use crate::sanitise::{Limit, shorten};

/// Most bytes of a body. Teams counts 28,672 after its own inflation, which was seen to add a fifth
/// (MicrosoftDocs/msteams-docs#11274).
pub(super) const BODY_MAX: usize = 18_000;
/// Most characters of one foreign piece in a line, and in the sentence.
const PIECE_MAX: usize = 90;
const SENTENCE_MAX: usize = 450;

/// A `teams` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamsConfig {
    /// Where to find the workflow's URL, which is a secret: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub url: SecretRef,
}

/// A Teams channel behind a workflow.
#[derive(Debug)]
pub struct Teams {
    target: Target,
}

impl Teams {
    pub(super) fn open(config: &TeamsConfig) -> Result<Opened<Self>, ReceiverProblem> {
        target(&config.url).map(|opened| opened.map(|target| Self { target }))
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card) -> Outcome {
        self.target.send(http, |fullness| encode(card, fullness), class).await
    }
}

/// The message as JSON; the least card if the full one is too large.
pub(super) fn encode(card: &Card, fullness: Fullness) -> Result<Encoded, serde_json::Error> {
    let full = serde_json::to_vec(&message(card, fullness))?;
    if full.len() <= BODY_MAX {
        return Ok(Encoded::json(full));
    }
    Ok(Encoded::json(serde_json::to_vec(&message(card, Fullness::Minimal))?))
}

fn message(card: &Card, fullness: Fullness) -> Value {
    let layout = Layout::of(card, fullness);
    let mut body = vec![
        json!({"type": "TextBlock", "text": layout.title.plain(), "weight": "Bolder", "size": "Large",
            "color": colour(card), "wrap": true}),
        rich(&runs(layout.headline, PIECE_MAX, &json!({"weight": "Bolder"}))),
        rich(&runs(layout.sentence, SENTENCE_MAX, &json!({}))),
    ];
    for (name, text) in &layout.facts {
        body.push(rich(&runs(&Text::new().then(name).then(": ").and(text), PIECE_MAX, &json!({}))));
    }
    for list in &layout.lists {
        body.push(rich(&runs(&Text::new().then(list.title), PIECE_MAX, &json!({"weight": "Bolder"}))));
        let lines = list.lines.iter().cloned().chain(rest(list.further));
        body.extend(lines.map(|line| rich(&runs(&Text::new().then("• ").and(&line), PIECE_MAX, &json!({})))));
    }
    for note in &layout.foot {
        body.push(rich(&runs(note, PIECE_MAX, &json!({"size": "Small", "isSubtle": true}))));
    }
    let actions: Vec<_> = layout
        .link
        .iter()
        .map(|(words, link)| json!({"type": "Action.OpenUrl", "title": words, "url": link.as_str()}))
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
                "actions": actions,
                "msteams": {"width": "full"},
            },
        }],
    })
}

fn rich(runs: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "inlines": runs})
}

/// A text as runs in one style; a run must not be empty.
fn runs(text: &Text, most: usize, style: &Value) -> Vec<Value> {
    let run = |words: String| {
        let mut run = json!({"type": "TextRun", "text": words});
        if let (Some(run), Some(style)) = (run.as_object_mut(), style.as_object()) {
            run.extend(style.clone());
        }
        run
    };
    let mut runs = Vec::new();
    for piece in text.pieces() {
        match piece {
            Piece::Ours(words) => runs.push(run(words.as_str().to_owned())),
            Piece::Untrusted(words) => {
                let shown = words.shown();
                let badge = shown.badge().map_or(String::new(), |badge| format!(" [! {}]", badge.as_str()));
                let words = shorten(shown.as_str(), Limit::Characters(most)).into_owned();
                runs.extend((!words.is_empty()).then(|| run(words + &badge)));
            }
        }
    }
    if runs.is_empty() { vec![run("(nothing)".to_owned())] } else { runs }
}

fn colour(card: &Card) -> &'static str {
    use detectors::finding::Severity;
    match card.severity {
        Severity::Critical | Severity::High => "Attention",
        Severity::Medium => "Warning",
        Severity::Low => "Accent",
        Severity::Info => "Default",
    }
}

/// A workflow that was retired answers 200 and reports the failure in its words (prometheus-msteams#29).
fn class(reply: &Reply) -> StatusClass {
    const HIDDEN: &str = "endpoint returned HTTP error ";
    let hidden = reply.body.split_once(HIDDEN).and_then(|(_, rest)| rest.get(..3)?.parse().ok());
    match default_class(hidden.unwrap_or(reply.status)) {
        StatusClass::Delivered if hidden.is_some() => StatusClass::Retry(Effect::Possible),
        StatusClass::Delivered => StatusClass::Accepted,
        class => class,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::channel_tests::{honest, hostile, replied, worst};

    #[test]
    fn foreign_text_stands_in_text_runs_alone() {
        let text = message(&hostile(), Fullness::Full).to_string();
        for block in text.split("\"type\":\"TextBlock\"").skip(1) {
            assert!(!block.split('}').next().unwrap().contains("channel"), "{block}");
        }
        assert!(text.contains("\"text\":\"<!channel> <hxxps://evil|x>\\\\u{202e} [! hidden characters]\""));
        assert!(!text.contains("<at>") && !text.contains("entities"));
    }

    #[test]
    fn the_worst_card_stays_within_the_limit() {
        for fullness in [Fullness::Full, Fullness::Minimal] {
            assert!(encode(&worst(), fullness).unwrap().body.len() <= BODY_MAX);
        }
        assert!(serde_json::to_vec(&message(&honest(), Fullness::Full)).unwrap().len() < BODY_MAX / 2);
    }

    #[test]
    fn an_answer_of_a_workflow_is_never_a_proof() {
        let hidden = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x";
        let cases = [
            (202, "", StatusClass::Accepted),
            (200, "1", StatusClass::Accepted),
            (200, hidden, StatusClass::Retry(Effect::None)),
            (413, "", StatusClass::Shrink),
            (404, "", StatusClass::Park),
        ];
        for (status, body, expected) in cases {
            assert_eq!(class(&replied(status, body)), expected, "{status} {body}");
        }
    }
}
