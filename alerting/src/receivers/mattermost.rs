//! `mattermost` and `mattermost-bot`: an incoming webhook of Mattermost, and a bot that changes its posts in place.
//!
//! Foreign text stands in code spans. A webhook's text is rewritten by Mattermost before its Markdown is read
//! (`<!channel>`, `<url|words>`), so `<` and `>` of theirs are shown as ‹ and ›. A webhook names no post: only the
//! bot can change one or answer below it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use transport::http::{BodyEnd, Method};
use transport::{HttpClient, Reply, SecretRef};

use super::exchange::{Call, Judged, StatusClass, Target, default_class};
use super::registry::{Opened, ReceiverProblem, resolve, target};
use super::{
    Afterwards, Attempt, Effect, Encoded, Fullness, MessageRef, Outcome, Place, code_spans, fit::fit,
};
use crate::card::{Card, Layout, Text};
use crate::sanitise::Limit;

/// Our budget in characters. Mattermost takes 16,383 and cuts a longer text of a webhook into several posts.
const TEXT_MAX: usize = 8_000;
const LIST_MAX: Limit = Limit::Characters(2_000);
/// Most characters of one foreign piece in a line, and in the sentence.
const PIECE_MAX: usize = 90;
const SENTENCE_MAX: usize = 450;
/// What title, headline, sentence, facts, link and foot take at most.
const FIXED_MAX: usize = 2_000;
const _: () = assert!(3 * LIST_MAX.room() + FIXED_MAX <= TEXT_MAX);

/// A `mattermost` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MattermostConfig {
    /// Where to find the incoming webhook's URL, which is a secret: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub url: SecretRef,
}

/// A `mattermost-bot` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MattermostBotConfig {
    /// The server: `https://chat.example.com`.
    #[schemars(length(min = 1))]
    pub server: String,
    /// Where to find the bot's access token: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub token: SecretRef,
    /// The channel's id (26 letters and digits), not its name.
    #[schemars(length(min = 1))]
    pub channel: String,
}

/// A Mattermost channel.
#[derive(Debug)]
pub struct Mattermost(Way);

#[derive(Debug)]
enum Way {
    Webhook(Target),
    Bot { posts: Target, channel: String },
}

impl Mattermost {
    pub(super) fn open(config: &MattermostConfig) -> Result<Opened<Self>, ReceiverProblem> {
        target(&config.url).map(|opened| opened.map(|target| Self(Way::Webhook(target))))
    }

    pub(super) fn open_bot(config: &MattermostBotConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let token = resolve(&config.token, &mut warnings)?;
        let posts = Target::at(&config.server, "/api/v4/posts")
            .map_err(|source| ReceiverProblem::Url { source })?
            .with_header("authorization", format!("Bearer {}", token.expose().trim()));
        Ok(Opened { receiver: Self(Way::Bot { posts, channel: config.channel.clone() }), warnings })
    }

    pub(super) const fn afterwards(&self) -> Afterwards {
        match self.0 {
            Way::Webhook(_) => Afterwards::Nothing,
            Way::Bot { .. } => Afterwards::Change,
        }
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        match &self.0 {
            Way::Webhook(target) => target.send(http, |fullness| webhook(card, fullness), class).await,
            Way::Bot { posts, channel } => deliver(posts, channel, http, card, attempt).await,
        }
    }

    pub(super) fn encode(
        &self,
        card: &Card,
        attempt: Attempt<'_>,
        fullness: Fullness,
    ) -> Result<Encoded, serde_json::Error> {
        match &self.0 {
            Way::Webhook(_) => webhook(card, fullness),
            Way::Bot { channel, .. } => post(channel, card, attempt.place, fullness),
        }
    }
}

async fn deliver(
    posts: &Target,
    channel: &str,
    http: &HttpClient,
    card: &Card,
    attempt: Attempt<'_>,
) -> Outcome {
    let encode_post = |fullness| post(channel, card, attempt.place, fullness);
    let encode_patch = |fullness| patch(card, fullness);
    let earlier = match attempt.place {
        Place::Instead(earlier) => earlier.read::<String>(),
        Place::New | Place::Below(_) => None,
    };
    let change = earlier.map(|id| Call {
        method: Method::Put,
        url: posts.url().join_segments(&[&id, "patch"]),
        encode: &encode_patch,
        judge: &|reply: &Reply| match judge(reply) {
            Judged { class: StatusClass::Park, wish, made } if reply.status == 404 => {
                Judged { class: StatusClass::Gone, wish, made }
            }
            judged => judged,
        },
    });
    let url = posts.url().clone();
    let call = Call { method: Method::Post, url, encode: &encode_post, judge: &judge };
    posts.change_or_post(http, change, call).await
}

fn webhook(card: &Card, fullness: Fullness) -> Result<Encoded, serde_json::Error> {
    Ok(Encoded::json(serde_json::to_vec(&json!({"text": text(card, fullness)}))?))
}

fn post(
    channel: &str,
    card: &Card,
    place: Place<'_>,
    fullness: Fullness,
) -> Result<Encoded, serde_json::Error> {
    let mut body = json!({"channel_id": channel, "message": text(card, fullness)});
    if let Place::Below(earlier) = place
        && let Some(root) = earlier.read::<String>()
    {
        body["root_id"] = root.into();
    }
    Ok(Encoded::json(serde_json::to_vec(&body)?))
}

fn patch(card: &Card, fullness: Fullness) -> Result<Encoded, serde_json::Error> {
    Ok(Encoded::json(serde_json::to_vec(&json!({"message": text(card, fullness)}))?))
}

fn text(card: &Card, fullness: Fullness) -> String {
    let layout = Layout::of(card, fullness);
    let encode = |text: &Text, most| code_spans::encode_without_angles(text, most);
    let mut paragraphs = vec![
        format!("#### {}", layout.title.plain()),
        format!("**{}**", encode(layout.headline, PIECE_MAX)),
        encode(layout.sentence, SENTENCE_MAX),
    ];
    let facts: Vec<_> =
        layout.facts.iter().map(|(name, text)| format!("{name}: {}", encode(text, PIECE_MAX))).collect();
    if !facts.is_empty() {
        paragraphs.push(facts.join("\n"));
    }
    for list in &layout.lists {
        let lines = list.lines.iter().map(|line| format!("- {}", encode(line, PIECE_MAX)));
        paragraphs.push(format!("**{}**\n{}", list.title, fit(lines, list.further, LIST_MAX)));
    }
    paragraphs.extend(layout.link.map(|(words, link)| format!("[{words}]({link})")));
    paragraphs.extend(layout.foot.iter().map(|note| encode(note, PIECE_MAX)));
    paragraphs.join("\n\n")
}

fn class(reply: &Reply) -> StatusClass {
    match default_class(reply.status) {
        StatusClass::Delivered if reply.body_end != BodyEnd::Whole || reply.body.trim() != "ok" => {
            StatusClass::Retry(Effect::Possible)
        }
        class => class,
    }
}

fn judge(reply: &Reply) -> Judged {
    #[derive(Deserialize)]
    struct Post {
        id: String,
    }
    let post = serde_json::from_str::<Post>(&reply.body).ok().filter(|_| reply.body_end == BodyEnd::Whole);
    let class = match default_class(reply.status) {
        StatusClass::Delivered if post.is_none() => StatusClass::Retry(Effect::Possible),
        class => class,
    };
    let made = post.filter(|_| class == StatusClass::Delivered).and_then(|post| MessageRef::of(&post.id));
    Judged { class, wish: None, made }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::channel_tests::{hostile, replied, worst};

    #[test]
    fn the_hostile_name_is_one_code_span_without_angles() {
        let text = text(&hostile(), Fullness::Full);
        assert!(text.starts_with("#### CRITICAL · New incident\n\n"));
        assert!(text.contains(
            "`\u{2039}!channel\u{203a} \u{2039}hxxps://evil|x\u{203a}\\u{202e}` [! hidden characters]"
        ));
        assert!(!text.contains(['<', '>']));
    }

    #[test]
    fn the_worst_card_is_one_post() {
        for fullness in [Fullness::Full, Fullness::Minimal] {
            assert!(text(&worst(), fullness).chars().count() <= TEXT_MAX);
        }
    }

    #[test]
    fn a_reply_goes_below_its_post_and_answers_are_understood() {
        let earlier = MessageRef::of(&"p1").unwrap();
        let body = post("c1", &hostile(), Place::Below(&earlier), Fullness::Minimal).unwrap().body;
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["channel_id"], &body["root_id"]), (&"c1".into(), &"p1".into()));
        assert_eq!(judge(&replied(201, r#"{"id":"p2"}"#)).made, MessageRef::of(&"p2"));
        assert_eq!(judge(&replied(200, "<html>")).class, StatusClass::Retry(Effect::Possible));
        assert_eq!(class(&replied(200, "ok")), StatusClass::Delivered);
        assert_eq!(class(&replied(200, "portal")), StatusClass::Retry(Effect::Possible));
    }
}
