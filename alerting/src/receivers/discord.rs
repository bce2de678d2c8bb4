//! `discord`: a webhook of Discord, with one embed that is changed in place.
//!
//! Foreign text stands in code spans and pings nobody: `allowed_mentions` is empty in every request, also in
//! changes, where Discord would fall back to its defaults. `wait=true` is sent always: without it Discord says yes
//! before it has saved anything. Limits: <https://docs.discord.com/developers/resources/message>, embed limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use transport::http::{BodyEnd, Method};
use transport::{HttpClient, Reply, SecretRef};

use super::exchange::{Call, Judged, StatusClass, Target, default_class};
use super::registry::{Opened, ReceiverProblem, target};
use super::{Attempt, Effect, Encoded, Fullness, MessageRef, Outcome, Place, code_spans, fit::fit};
use crate::card::{Card, Layout};
use crate::sanitise::Limit;

/// Discord's limit for all texts of the embeds together, in UTF-16 code units.
const TOTAL_MAX: usize = 6_000;
/// Our budget; Discord's own limits are 256, 4,096, 1,024 and 2,048.
const DESCRIPTION_MAX: usize = 2_000;
const FIELD_MAX: Limit = Limit::Utf16(1_000);
const FOOT_MAX: Limit = Limit::Utf16(400);
/// Most fields: at most three facts and three lists. Discord's limit is 25.
const FIELDS_MAX: usize = 6;
/// Most characters of one foreign piece in a line, and in the sentence.
const PIECE_MAX: usize = 80;
const SENTENCE_MAX: usize = 600;
/// What titles and names of fields take at most.
const FIXED_MAX: usize = 300;
const _: () = assert!(DESCRIPTION_MAX + 3 * FIELD_MAX.room() + FOOT_MAX.room() + FIXED_MAX <= TOTAL_MAX);

/// A `discord` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscordConfig {
    /// Where to find the webhook's URL, which is a secret: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub url: SecretRef,
}

/// A Discord channel behind a webhook.
#[derive(Debug)]
pub struct Discord {
    target: Target,
}

impl Discord {
    pub(super) fn open(config: &DiscordConfig) -> Result<Opened<Self>, ReceiverProblem> {
        target(&config.url).map(|opened| opened.map(|target| Self { target }))
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        let encode = |fullness| encode(card, fullness);
        let url = self.target.url();
        let earlier = match attempt.place {
            Place::Instead(earlier) => earlier.read::<String>(),
            Place::New | Place::Below(_) => None,
        };
        let change = earlier.map(|id| Call {
            method: Method::Patch,
            url: url.join_segments(&["messages", &id]),
            encode: &encode,
            judge: &judge,
        });
        let url = url.with_query("wait", "true");
        let post = Call { method: Method::Post, url, encode: &encode, judge: &judge };
        self.target.change_or_post(http, change, post).await
    }
}

/// The message as JSON.
pub(super) fn encode(card: &Card, fullness: Fullness) -> Result<Encoded, serde_json::Error> {
    Ok(Encoded::json(serde_json::to_vec(&message(card, fullness))?))
}

fn message(card: &Card, fullness: Fullness) -> Value {
    let layout = Layout::of(card, fullness);
    let mut fields: Vec<_> = layout
        .facts
        .iter()
        .map(|(name, text)| json!({"name": name, "value": code_spans::encode(text, PIECE_MAX), "inline": true}))
        .collect();
    fields.extend(layout.lists.iter().map(|list| {
        let lines = list.lines.iter().map(|line| format!("• {}", code_spans::encode(line, PIECE_MAX)));
        json!({"name": list.title, "value": fit(lines, list.further, FIELD_MAX), "inline": false})
    }));
    fields.truncate(FIELDS_MAX);
    let headline = code_spans::encode(layout.headline, PIECE_MAX * 2);
    let sentence = code_spans::encode(layout.sentence, SENTENCE_MAX);
    let mut embed = json!({
        "title": layout.title.plain(),
        "description": fit([format!("**{headline}**"), sentence], 0, Limit::Utf16(DESCRIPTION_MAX)),
        "color": colour(card),
        "fields": fields,
        // Discord reads no markup in a footer.
        "footer": {"text": fit(layout.foot.iter().map(crate::card::Text::plain), 0, FOOT_MAX)},
        "timestamp": card.transition.time,
    });
    if let Some((_, link)) = layout.link {
        embed["url"] = link.as_str().into();
    }
    json!({"embeds": [embed], "allowed_mentions": {"parse": []}})
}

fn colour(card: &Card) -> u32 {
    use detectors::finding::Severity;
    match card.severity {
        Severity::Critical => 0x00b3_1412,
        Severity::High => 0x00d9_5f02,
        Severity::Medium => 0x00c7_9a00,
        Severity::Low => 0x0027_6fbf,
        Severity::Info => 0x0069_7077,
    }
}

#[derive(Deserialize, Default)]
struct Answer {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    code: u64,
    #[serde(default)]
    retry_after: Option<f64>,
}

fn judge(reply: &Reply) -> Judged {
    /// "Unknown Message" and "Unknown Webhook" of Discord's error codes.
    const UNKNOWN_MESSAGE: u64 = 10_008;
    let answer: Answer = serde_json::from_str(&reply.body).unwrap_or_default();
    let class = match (default_class(reply.status), answer.code) {
        (_, UNKNOWN_MESSAGE) => StatusClass::Gone,
        // With `wait=true` a success has a body: anything else on the way said yes, or Discord broke off.
        (StatusClass::Delivered, _) if answer.id.is_none() || reply.body_end != BodyEnd::Whole => {
            StatusClass::Retry(Effect::Possible)
        }
        (class, _) => class,
    };
    let wish = answer.retry_after.filter(|wait| wait.is_finite() && *wait >= 0.0);
    Judged {
        class,
        wish: wish.map(super::exchange::seconds),
        made: answer.id.filter(|_| class == StatusClass::Delivered).and_then(|id| MessageRef::of(&id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::channel_tests::{honest, hostile, replied, worst};

    fn total(message: &Value) -> usize {
        let embed = &message["embeds"][0];
        let units = |value: &Value| value.as_str().unwrap_or_default().encode_utf16().count();
        let fields = embed["fields"].as_array().unwrap();
        let fields: usize = fields.iter().map(|field| units(&field["name"]) + units(&field["value"])).sum();
        units(&embed["title"]) + units(&embed["description"]) + units(&embed["footer"]["text"]) + fields
    }

    #[test]
    fn a_message_pings_nobody_and_links_to_our_page_alone() {
        let message = message(&hostile(), Fullness::Full);
        assert_eq!(message["allowed_mentions"], json!({"parse": []}));
        let embed = &message["embeds"][0];
        assert_eq!(embed["title"], "CRITICAL · New incident");
        assert!(embed["description"].as_str().unwrap().contains("`<!channel> <hxxps://evil|x>\\u{202e}`"));
        assert!(embed["url"].as_str().unwrap().starts_with("https://watch.example/i/"));
    }

    #[test]
    fn the_worst_card_stays_within_discords_limits() {
        for fullness in [Fullness::Full, Fullness::Minimal] {
            let message = message(&worst(), fullness);
            assert!(total(&message) <= TOTAL_MAX, "{}", total(&message));
            for field in message["embeds"][0]["fields"].as_array().unwrap() {
                let value = field["value"].as_str().unwrap();
                assert!(!value.is_empty() && FIELD_MAX.measure(value) <= FIELD_MAX.room());
            }
        }
        assert!(message(&honest(), Fullness::Full).to_string().contains("observed `K2` `key`"));
    }

    #[test]
    fn answers_mean_what_discord_says_they_mean() {
        let cases = [
            (200, r#"{"id":"17"}"#, StatusClass::Delivered),
            (204, "", StatusClass::Retry(Effect::Possible)),
            (404, r#"{"code":10008,"message":"Unknown Message"}"#, StatusClass::Gone),
            (404, r#"{"code":10015,"message":"Unknown Webhook"}"#, StatusClass::Park),
            (400, r#"{"code":50035}"#, StatusClass::Shrink),
            (429, r#"{"retry_after":1.5}"#, StatusClass::Retry(Effect::None)),
        ];
        for (status, body, class) in cases {
            assert_eq!(judge(&replied(status, body)).class, class, "{status} {body}");
        }
        assert_eq!(judge(&replied(200, r#"{"id":"17"}"#)).made.unwrap().as_receipt(), "\"17\"");
        let wish = judge(&replied(429, r#"{"retry_after":1.5,"global":false}"#)).wish.unwrap();
        assert_eq!(wish.as_millis(), 1_500);
    }
}
