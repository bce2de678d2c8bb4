//! `google-chat`: an incoming webhook of Google Chat, with a card (v2) in the incident's own thread.
//!
//! Foreign text stands in `textParagraph`s, whose HTML subset is escaped; titles hold words of ours alone, as Chat
//! does not say what it reads in them. `requestId` makes a repeated attempt the same message, so a repeat after an
//! ambiguous failure shows nothing twice. A webhook cannot change a message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use transport::http::BodyEnd;
use transport::{HttpClient, Reply, SecretRef, SecretUrl};

use super::exchange::{Judged, StatusClass, Target, default_class};
use super::registry::{Opened, ReceiverProblem, target};
use super::{Attempt, Effect, Encoded, Fullness, MessageRef, Outcome, fit::fit};
use crate::card::{Card, Layout, Text};
use crate::sanitise::{Limit, shorten};

/// Chat's limit for a message with its cards, in bytes; our parts together stay far below it.
const BODY_MAX: usize = 32_000;
const SENTENCE_MAX: Limit = Limit::Bytes(2_000);
const LIST_MAX: Limit = Limit::Bytes(4_000);
const LINE_MAX: Limit = Limit::Bytes(900);

/// A `google-chat` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoogleChatConfig {
    /// Where to find the webhook's URL, which is a secret: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub url: SecretRef,
}

/// A space of Google Chat behind a webhook.
#[derive(Debug)]
pub struct GoogleChat {
    target: Target,
}

impl GoogleChat {
    pub(super) fn open(config: &GoogleChatConfig) -> Result<Opened<Self>, ReceiverProblem> {
        target(&config.url).map(|opened| opened.map(|target| Self { target }))
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        let url = address(self.target.url(), attempt);
        self.target.post(http, url, &|fullness| encode(card, fullness), &judge).await
    }
}

fn address(url: &SecretUrl, attempt: Attempt<'_>) -> SecretUrl {
    url.with_query("requestId", attempt.id.as_str())
        .with_query("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")
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
    let mut first = vec![
        paragraph(&format!("<b>{}</b>", cut(layout.headline, LINE_MAX))),
        paragraph(&cut(layout.sentence, SENTENCE_MAX)),
    ];
    first.extend(
        layout.facts.iter().map(|(name, text)| paragraph(&format!("{name}: {}", cut(text, LINE_MAX)))),
    );
    let mut sections = vec![json!({"widgets": first})];
    for list in &layout.lists {
        let lines = list.lines.iter().map(|line| format!("• {}", cut(line, LINE_MAX)));
        let words = fit(lines, list.further, LIST_MAX);
        sections.push(json!({"header": list.title, "widgets": [paragraph(&words)]}));
    }
    let mut last: Vec<_> = layout
        .link
        .iter()
        .map(|(words, link)| {
            let button = json!({"text": words, "onClick": {"openLink": {"url": link.as_str()}}});
            json!({"buttonList": {"buttons": [button]}})
        })
        .collect();
    last.extend(layout.foot.iter().map(|note| paragraph(&cut(note, LINE_MAX))));
    sections.push(json!({"widgets": last}));
    let title = layout.title.plain();
    json!({
        // What a phone shows; the card holds the rest.
        "text": title,
        "thread": {"threadKey": card.record.id()},
        "cardsV2": [{"cardId": "sealwatch", "card": {"header": {"title": title}, "sections": sections}}],
    })
}

fn paragraph(words: &str) -> Value {
    json!({"textParagraph": {"text": words}})
}

fn cut(text: &Text, most: Limit) -> String {
    shorten(&text.encode(escape, escape), most).into_owned()
}

/// The characters that begin a tag or an entity.
fn escape(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn judge(reply: &Reply) -> Judged {
    #[derive(Deserialize)]
    struct Message {
        name: String,
    }
    let message = serde_json::from_str::<Message>(&reply.body).ok();
    let message = message.filter(|_| reply.body_end == BodyEnd::Whole);
    let class = match default_class(reply.status) {
        StatusClass::Delivered if message.is_none() => StatusClass::Retry(Effect::Possible),
        class => class,
    };
    let made = message.filter(|_| class == StatusClass::Delivered);
    Judged { class, wish: None, made: made.and_then(|message| MessageRef::of(&message.name)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::DeliveryId;
    use crate::receivers::Place;
    use crate::receivers::channel_tests::{hostile, replied, worst};

    #[test]
    fn foreign_text_is_escaped_and_stands_in_paragraphs() {
        let message = message(&hostile(), Fullness::Full);
        let first = &message["cardsV2"][0]["card"]["sections"][0]["widgets"][0]["textParagraph"]["text"];
        assert!(first.as_str().unwrap().contains("&lt;!channel&gt; &lt;hxxps://evil|x&gt;"), "{first}");
        assert_eq!(message["text"], "CRITICAL · New incident");
    }

    #[test]
    fn the_worst_card_stays_within_the_limit() {
        for fullness in [Fullness::Full, Fullness::Minimal] {
            assert!(encode(&worst(), fullness).unwrap().body.len() <= BODY_MAX);
        }
    }

    #[test]
    fn an_attempt_again_is_the_same_request() {
        let secret =
            transport::SecretString::new("https://chat.example/v1/spaces/S/messages?key=k".to_owned());
        let url = SecretUrl::parse(&secret).unwrap();
        let id = DeliveryId::parse("abc").unwrap();
        let at =
            |unix_seconds| address(&url, Attempt { id: &id, unix_seconds, place: Place::New }).authority();
        assert_eq!(at(1), at(2));
        let made = judge(&replied(200, r#"{"name":"spaces/S/messages/M"}"#)).made.unwrap();
        assert_eq!(made.as_receipt(), "\"spaces/S/messages/M\"");
        assert_eq!(judge(&replied(200, "{}")).class, StatusClass::Retry(Effect::Possible));
    }
}
