//! `slack-bot`: an app of Slack that posts, changes its message in place, answers in threads, and has buttons.
//!
//! The message is that of `slack`, so foreign text stands in `plain_text` alone. Slack has no key against doubles:
//! after an ambiguous failure a repeat is marked. Buttons appear where a signing secret is configured, as without it
//! nobody could tell a click from a forgery; what a click says is read by [`interaction`].

pub mod interaction;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use transport::http::{BodyEnd, Method};
use transport::{HttpClient, Reply, SecretRef, SecretString};

use self::interaction::{ACKNOWLEDGE, OPEN, SILENCE};
use super::exchange::{Call, Judged, StatusClass, Target};
use super::registry::{Opened, ReceiverProblem, resolve};
use super::slack::{blocks, reply};
use super::{Attempt, Encoded, Fullness, MessageRef, Outcome, Place};
use crate::card::Card;

/// Where the interface is, unless configured.
const SERVER: &str = "https://slack.com/api";
/// Words after which a message cannot be changed any more.
const CANNOT_CHANGE: [&str; 3] = ["cant_update_message", "edit_window_closed", "message_not_found"];

/// A `slack-bot` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackBotConfig {
    /// Where to find the bot's token (`xoxb-…`, scope `chat:write`): `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub token: SecretRef,
    /// The channel's id, as `C0123456789`.
    #[schemars(length(min = 1))]
    pub channel: String,
    /// Where to find the app's signing secret: with it messages have buttons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub signing_secret: Option<SecretRef>,
    /// The interface; Slack's own if not given.
    #[serde(default = "server")]
    #[schemars(length(min = 1))]
    pub server: String,
}

fn server() -> String {
    SERVER.to_owned()
}

/// A Slack channel that a bot writes to.
#[derive(Debug)]
pub struct SlackBot {
    target: Target,
    channel: String,
    signing_secret: Option<SecretString>,
}

/// What Slack calls a message.
#[derive(Debug, Serialize, Deserialize)]
struct Posted {
    channel: String,
    ts: String,
}

impl SlackBot {
    pub(super) fn open(config: &SlackBotConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let token = resolve(&config.token, &mut warnings)?;
        let target = Target::at(&config.server, "")
            .map_err(|source| ReceiverProblem::Url { source })?
            .with_header("authorization", format!("Bearer {}", token.expose().trim()));
        let secret = config.signing_secret.as_ref();
        let signing_secret = secret.map(|reference| resolve(reference, &mut warnings)).transpose()?;
        Ok(Opened { receiver: Self { target, channel: config.channel.clone(), signing_secret }, warnings })
    }

    /// What clicks on its buttons are signed with, where it has buttons.
    #[must_use]
    pub const fn signing_secret(&self) -> Option<&SecretString> {
        self.signing_secret.as_ref()
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        let earlier = match attempt.place {
            Place::Instead(earlier) => earlier.read::<Posted>(),
            Place::New | Place::Below(_) => None,
        };
        let post = |fullness| self.encode(card, attempt, fullness);
        let update = |fullness| {
            let mut body = self.message(card, fullness);
            if let Some(Posted { channel, ts }) = &earlier {
                body["channel"] = channel.as_str().into();
                body["ts"] = ts.as_str().into();
            }
            json(&body)
        };
        let to = |method: &str| self.target.url().join_segments(&[method]);
        let change = earlier.as_ref().map(|_| Call {
            method: Method::Post,
            url: to("chat.update"),
            encode: &update,
            judge: &judge,
        });
        let call = Call { method: Method::Post, url: to("chat.postMessage"), encode: &post, judge: &judge };
        self.target.change_or_post(http, change, call).await
    }

    pub(super) fn encode(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
    ) -> Result<Encoded, serde_json::Error> {
        let mut body = self.message(card, fullness);
        body["channel"] = self.channel.as_str().into();
        if let Place::Below(earlier) = attempt.place
            && let Some(Posted { ts, .. }) = earlier.read()
        {
            body["thread_ts"] = ts.into();
        }
        // By this an operator finds the message again, and the incident behind it.
        body["metadata"] = json!({"event_type": "sealwatch_message",
            "event_payload": {"delivery": attempt.id.as_str(), "id": card.record.id()}});
        json(&body)
    }

    fn message(&self, card: &Card, fullness: Fullness) -> Value {
        let mut message = blocks::message(card, fullness);
        let incident = card.record.incident().filter(|_| self.signing_secret.is_some());
        if let (Some(incident), Some(blocks)) = (incident, message["blocks"].as_array_mut()) {
            blocks.push(actions(incident.id.as_str(), card.link.as_ref().map(crate::card::PageLink::as_str)));
        }
        message
    }
}

fn actions(incident: &str, link: Option<&str>) -> Value {
    let button = |action: &str, words: &str| {
        json!({"type": "button", "action_id": action, "value": incident,
            "text": {"type": "plain_text", "text": words, "emoji": false}})
    };
    let mut elements = vec![button(ACKNOWLEDGE, "Acknowledge"), button(SILENCE, "Silence 4 h")];
    if let Some(link) = link {
        let mut open = button(OPEN, "Open");
        open["url"] = link.into();
        elements.push(open);
    }
    json!({"type": "actions", "elements": elements})
}

fn json(body: &Value) -> Result<Encoded, serde_json::Error> {
    let body = serde_json::to_vec(body)?;
    Ok(Encoded { body, content_type: "application/json; charset=utf-8", headers: Vec::new() })
}

fn judge(answer: &Reply) -> Judged {
    #[derive(Deserialize)]
    struct Failed {
        error: String,
    }
    if let Ok(Failed { error }) = serde_json::from_str(&answer.body)
        && CANNOT_CHANGE.contains(&error.as_str())
    {
        return StatusClass::Gone.into();
    }
    let class = reply::class(answer);
    let posted = serde_json::from_str::<Posted>(&answer.body).ok();
    let made = posted.filter(|_| class == StatusClass::Delivered && answer.body_end == BodyEnd::Whole);
    Judged { class, wish: None, made: made.as_ref().and_then(MessageRef::of) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::DeliveryId;
    use crate::receivers::Effect;
    use crate::receivers::channel_tests::{honest, replied};

    fn bot(signing_secret: Option<&str>) -> SlackBot {
        SlackBot {
            target: Target::at("https://slack.example/api", "").unwrap(),
            channel: "C1".to_owned(),
            signing_secret: signing_secret.map(|secret| SecretString::new(secret.to_owned())),
        }
    }

    fn sent(bot: &SlackBot, place: Place<'_>) -> Value {
        let id = DeliveryId::parse("abc").unwrap();
        let attempt = Attempt { id: &id, unix_seconds: 0, place };
        serde_json::from_slice(&bot.encode(&honest(), attempt, Fullness::Full).unwrap().body).unwrap()
    }

    #[test]
    fn buttons_appear_only_where_a_click_can_be_verified() {
        let incident = honest().record.id().to_owned();
        let with = sent(&bot(Some("secret")), Place::New);
        let last = with["blocks"].as_array().unwrap().last().unwrap().clone();
        let actions: Vec<_> =
            last["elements"].as_array().unwrap().iter().map(|button| button["action_id"].clone()).collect();
        assert_eq!(actions, [ACKNOWLEDGE, SILENCE, OPEN]);
        assert_eq!(last["elements"][0]["value"], incident);
        assert!(!sent(&bot(None), Place::New).to_string().contains("\"actions\""));
    }

    #[test]
    fn a_reply_goes_into_the_thread_of_its_message() {
        let made =
            judge(&replied(200, r#"{"ok":true,"channel":"C1","ts":"1.2","message":{}}"#)).made.unwrap();
        assert_eq!(sent(&bot(None), Place::Below(&made))["thread_ts"], "1.2");
        assert!(sent(&bot(None), Place::New).get("thread_ts").is_none());
    }

    #[test]
    fn answers_mean_what_slack_says_they_mean() {
        let cases = [
            (r#"{"ok":true,"channel":"C1","ts":"1.2"}"#, StatusClass::Delivered),
            (r#"{"ok":false,"error":"message_not_found"}"#, StatusClass::Gone),
            (r#"{"ok":false,"error":"invalid_auth"}"#, StatusClass::Park),
            (r#"{"ok":false,"error":"ratelimited"}"#, StatusClass::Retry(Effect::None)),
            (r#"{"ok":false,"error":"fatal_error"}"#, StatusClass::Retry(Effect::Possible)),
            (r#"{"ok":false,"error":"invalid_blocks"}"#, StatusClass::Shrink),
            ("<html>", StatusClass::Retry(Effect::Possible)),
        ];
        for (body, class) in cases {
            assert_eq!(judge(&replied(200, body)).class, class, "{body}");
        }
    }
}
