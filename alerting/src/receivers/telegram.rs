//! `telegram`: a bot of Telegram, whose message is changed in place.
//!
//! Texts are sent with entities and without a parse mode, so nothing is markup. Telegram looks for mentions,
//! hashtags, commands and addresses by itself, but never inside `code` entities: each foreign piece is one.
//! Source: <https://core.telegram.org/bots/api>, "Formatting options".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use transport::http::{BodyEnd, Method};
use transport::{HttpClient, Reply, SecretRef, SecretString};

use super::exchange::{Call, Judged, StatusClass, Target, default_class, seconds};
use super::fit::rest;
use super::registry::{Opened, ReceiverProblem, resolve};
use super::{Attempt, Effect, Encoded, Fullness, MessageRef, Outcome, Place};
use crate::card::{Card, Layout, Piece, Text};
use crate::sanitise::{Limit, shorten};

/// Most UTF-16 code units of a text, after entities are parsed.
pub(super) const TEXT_MAX: usize = 4_096;
/// Most entities of a message that Telegram looks at.
pub(super) const ENTITIES_MAX: usize = 100;
/// Most characters of one foreign piece in a line, and in the sentence.
const PIECE_MAX: usize = 60;
const SENTENCE_MAX: usize = 400;
/// What is kept free for the link and the small print while lines are added.
const END_MAX: usize = 500;
/// Where the interface is, unless configured.
const SERVER: &str = "https://api.telegram.org";

/// A `telegram` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelegramConfig {
    /// Where to find the bot's token: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub token: SecretRef,
    /// The chat: its number, or `@name` of a public channel.
    #[schemars(length(min = 1))]
    pub chat: String,
    /// The number of the topic inside the chat, where it has topics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<i64>,
    /// The Bot API server; Telegram's own if not given.
    #[serde(default = "server")]
    #[schemars(length(min = 1))]
    pub server: String,
}

fn server() -> String {
    SERVER.to_owned()
}

/// A Telegram chat.
#[derive(Debug)]
pub struct Telegram {
    target: Target,
    chat: Chat,
}

#[derive(Debug)]
struct Chat {
    id: String,
    thread: Option<i64>,
}

impl Telegram {
    pub(super) fn open(config: &TelegramConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let token = resolve(&config.token, &mut warnings)?;
        let token = SecretString::new(token.expose().trim().to_owned());
        let target = Target::at(&config.server, &format!("/bot{}", token.expose()))
            .map_err(|source| ReceiverProblem::Url { source })?
            .hiding(&token);
        let chat = Chat { id: config.chat.clone(), thread: config.thread };
        Ok(Opened { receiver: Self { target, chat }, warnings })
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        let earlier = match attempt.place {
            Place::Instead(earlier) => earlier.read::<i64>(),
            Place::New | Place::Below(_) => None,
        };
        let post = |fullness| self.encode(card, attempt, fullness);
        let edit = |fullness| {
            let mut body = message(card, fullness);
            body["chat_id"] = self.chat.id.as_str().into();
            body["message_id"] = earlier.into();
            Ok(Encoded::json(serde_json::to_vec(&body)?))
        };
        let to = |method: &str| self.target.url().join_segments(&[method]);
        let change = earlier.map(|_| Call {
            method: Method::Post,
            url: to("editMessageText"),
            encode: &edit,
            judge: &judge,
        });
        let call = Call { method: Method::Post, url: to("sendMessage"), encode: &post, judge: &judge };
        self.target.change_or_post(http, change, call).await
    }

    pub(super) fn encode(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
    ) -> Result<Encoded, serde_json::Error> {
        let mut body = message(card, fullness);
        body["chat_id"] = self.chat.id.as_str().into();
        if let Some(thread) = self.chat.thread {
            body["message_thread_id"] = thread.into();
        }
        if let Place::Below(earlier) = attempt.place
            && let Some(earlier) = earlier.read::<i64>()
        {
            body["reply_parameters"] = json!({"message_id": earlier, "allow_sending_without_reply": true});
        }
        Ok(Encoded::json(serde_json::to_vec(&body)?))
    }
}

/// A text as it grows, with what is marked in it.
#[derive(Default)]
struct Marked {
    text: String,
    entities: Vec<Value>,
}

impl Marked {
    fn len(&self) -> usize {
        self.text.encode_utf16().count()
    }

    fn mark(&mut self, words: &str, kind: &str, more: Value) {
        let (offset, length) = (self.len(), words.encode_utf16().count());
        self.text.push_str(words);
        if length > 0 {
            let mut entity = json!({"type": kind, "offset": offset, "length": length});
            if let (Some(entity), Value::Object(more)) = (entity.as_object_mut(), more) {
                entity.extend(more);
            }
            self.entities.push(entity);
        }
    }

    fn push(&mut self, text: &Text, most: usize) {
        for piece in text.pieces() {
            match piece {
                Piece::Ours(words) => self.text.push_str(words.as_str()),
                Piece::Untrusted(words) => {
                    let shown = words.shown();
                    self.mark(&shorten(shown.as_str(), Limit::Characters(most)), "code", json!({}));
                    if let Some(badge) = shown.badge() {
                        self.text.push_str(" [! ");
                        self.text.push_str(badge.as_str());
                        self.text.push(']');
                    }
                }
            }
        }
    }

    /// The same with a line more, if that leaves room for the end of the message.
    fn try_line(&mut self, line: &Text) -> bool {
        let before = (self.text.len(), self.entities.len());
        self.text.push('\n');
        self.push(line, PIECE_MAX);
        let fits = self.len() <= TEXT_MAX - END_MAX && self.entities.len() <= ENTITIES_MAX - 10;
        if !fits {
            self.text.truncate(before.0);
            self.entities.truncate(before.1);
        }
        fits
    }
}

fn message(card: &Card, fullness: Fullness) -> Value {
    let layout = Layout::of(card, fullness);
    let mut marked = Marked::default();
    marked.mark(&layout.title.plain(), "bold", json!({}));
    marked.text.push('\n');
    marked.push(layout.headline, PIECE_MAX);
    marked.text.push_str("\n\n");
    marked.push(layout.sentence, SENTENCE_MAX);
    marked.text.push('\n');
    for (name, text) in &layout.facts {
        marked.try_line(&Text::new().then(name).then(": ").and(text));
    }
    for list in &layout.lists {
        if !marked.try_line(&Text::new().then("\n").then(list.title)) {
            continue;
        }
        let lines = list.lines.iter().filter(|line| !marked.try_line(&Text::new().then("• ").and(line)));
        let left_out = lines.count();
        if let Some(rest) = rest(list.further + left_out) {
            marked.try_line(&rest);
        }
    }
    marked.text.push('\n');
    if let Some((words, link)) = layout.link {
        marked.text.push('\n');
        marked.mark(words, "text_link", json!({"url": link.as_str()}));
    }
    for note in layout.foot.iter().rev().take(3).rev() {
        marked.text.push('\n');
        marked.push(note, PIECE_MAX);
    }
    json!({"text": marked.text, "entities": marked.entities, "link_preview_options": {"is_disabled": true}})
}

fn judge(reply: &Reply) -> Judged {
    #[derive(Deserialize, Default)]
    struct Answer {
        #[serde(default)]
        ok: bool,
        result: Option<Message>,
        #[serde(default)]
        description: String,
        #[serde(default)]
        parameters: Parameters,
    }
    #[derive(Deserialize)]
    struct Message {
        message_id: i64,
    }
    #[derive(Deserialize, Default)]
    struct Parameters {
        retry_after: Option<f64>,
    }
    let answer: Answer = serde_json::from_str(&reply.body).unwrap_or_default();
    let says = |words: &str| answer.description.contains(words);
    let class = match default_class(reply.status) {
        StatusClass::Delivered if !answer.ok || reply.body_end != BodyEnd::Whole => {
            StatusClass::Retry(Effect::Possible)
        }
        // What was to be said stands there already.
        StatusClass::Shrink if says("message is not modified") => StatusClass::Delivered,
        StatusClass::Shrink if says("message to edit not found") || says("message can't be edited") => {
            StatusClass::Gone
        }
        StatusClass::Shrink if says("chat not found") || says("upgraded to a supergroup") => {
            StatusClass::Park
        }
        class => class,
    };
    let made = answer.result.filter(|_| class == StatusClass::Delivered);
    Judged {
        class,
        wish: answer.parameters.retry_after.map(seconds),
        made: made.and_then(|message| MessageRef::of(&message.message_id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::channel_tests::{hostile, replied, worst};

    #[test]
    fn every_foreign_piece_is_code_in_utf16_units() {
        let message = message(&hostile(), Fullness::Full);
        let text: Vec<u16> = message["text"].as_str().unwrap().encode_utf16().collect();
        let marked = |kind: &str| -> Vec<String> {
            let of_kind =
                message["entities"].as_array().unwrap().iter().filter(|entity| entity["type"] == kind);
            let part = |entity: &Value| {
                let at = |key: &str| usize::try_from(entity[key].as_u64().unwrap()).unwrap();
                String::from_utf16(&text[at("offset")..at("offset") + at("length")]).unwrap()
            };
            of_kind.map(part).collect()
        };
        assert_eq!(marked("bold"), ["CRITICAL · New incident"]);
        assert_eq!(marked("text_link"), ["Open the incident"]);
        assert_eq!(marked("code")[0], "<!channel> <hxxps://evil|x>\\u{202e}");
    }

    #[test]
    fn the_worst_card_stays_within_the_limits() {
        for fullness in [Fullness::Full, Fullness::Minimal] {
            let message = message(&worst(), fullness);
            assert!(message["text"].as_str().unwrap().encode_utf16().count() <= TEXT_MAX);
            assert!(message["entities"].as_array().unwrap().len() <= ENTITIES_MAX);
        }
    }

    #[test]
    fn answers_mean_what_telegram_says_they_mean() {
        let cases = [
            (200, r#"{"ok":true,"result":{"message_id":7}}"#, StatusClass::Delivered),
            (200, "portal", StatusClass::Retry(Effect::Possible)),
            (
                400,
                r#"{"ok":false,"description":"Bad Request: message is not modified: …"}"#,
                StatusClass::Delivered,
            ),
            (
                400,
                r#"{"ok":false,"description":"Bad Request: message to edit not found"}"#,
                StatusClass::Gone,
            ),
            (400, r#"{"ok":false,"description":"Bad Request: chat not found"}"#, StatusClass::Park),
            (400, r#"{"ok":false,"description":"Bad Request: message is too long"}"#, StatusClass::Shrink),
            (403, r#"{"ok":false,"description":"Forbidden: bot was kicked"}"#, StatusClass::Park),
            (429, r#"{"ok":false,"parameters":{"retry_after":9}}"#, StatusClass::Retry(Effect::None)),
        ];
        for (status, body, class) in cases {
            assert_eq!(judge(&replied(status, body)).class, class, "{status} {body}");
        }
        assert_eq!(judge(&replied(429, cases[7].1)).wish.unwrap().as_secs(), 9);
        assert_eq!(judge(&replied(200, cases[0].1)).made, MessageRef::of(&7));
    }
}
