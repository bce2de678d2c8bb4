//! `jira`: one issue of Jira Cloud an incident, and a comment for each further step.
//!
//! Jira has no key against doubles, so an issue carries the incident's id as a label and is looked for before it is
//! made. Foreign text stands in `text` nodes of the Atlassian Document Format, which have no markup.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use transport::http::{BodyEnd, Method};
use transport::{HttpClient, Reply, SecretRef};

use super::exchange::{Call, Gone, Judged, StatusClass, Target, default_class};
use super::registry::{Opened, ReceiverProblem, resolve};
use super::{Attempt, Effect, Encoded, Fullness, MessageRef, Outcome};
use crate::card::{Card, Layout, Text};
use crate::sanitise::{Limit, shorten};

/// Jira's limits: 255 characters of a summary, 32,767 of a description. An issue whose description is longer is
/// refused after its number was taken.
const SUMMARY_MAX: Limit = Limit::Characters(255);
const LINE_MAX: Limit = Limit::Characters(1_000);

/// A `jira` receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JiraConfig {
    /// The site: `https://example.atlassian.net`.
    #[schemars(length(min = 1))]
    pub server: String,
    /// The e-mail address of the account that writes.
    #[schemars(length(min = 1))]
    pub user: String,
    /// Where to find that account's API token: `env:NAME` or `file:/path`.
    #[schemars(with = "String")]
    pub token: SecretRef,
    /// The project's key, as `SEC`.
    #[schemars(length(min = 1))]
    pub project: String,
    /// The issue's type.
    #[serde(default = "issue_type")]
    #[schemars(length(min = 1))]
    pub issue_type: String,
}

fn issue_type() -> String {
    "Task".to_owned()
}

/// A project of Jira.
#[derive(Debug)]
pub struct Jira {
    target: Target,
    project: String,
    issue_type: String,
}

impl Jira {
    pub(super) fn open(config: &JiraConfig) -> Result<Opened<Self>, ReceiverProblem> {
        let mut warnings = Vec::new();
        let token = resolve(&config.token, &mut warnings)?;
        let pair =
            data_encoding::BASE64.encode(format!("{}:{}", config.user, token.expose().trim()).as_bytes());
        let target = Target::at(&config.server, "/rest/api/3")
            .map_err(|source| ReceiverProblem::Url { source })?
            .with_header("authorization", format!("Basic {pair}"))
            .hiding(&token);
        let (project, issue_type) = (config.project.clone(), config.issue_type.clone());
        Ok(Opened { receiver: Self { target, project, issue_type }, warnings })
    }

    pub(super) async fn deliver(&self, http: &HttpClient, card: &Card, attempt: Attempt<'_>) -> Outcome {
        let earlier = attempt.place.earlier().and_then(MessageRef::read::<String>);
        let key = match earlier {
            Some(key) => Some(key),
            None => match self.search(http, card).await {
                Ok(found) => found,
                Err(outcome) => return outcome,
            },
        };
        let comment = |fullness| comment(card, fullness);
        let issue = |fullness| self.encode(card, fullness);
        let of_key = key.clone();
        let judge_comment = move |reply: &Reply| {
            let class = match default_class(reply.status) {
                // The issue was deleted: a new one is made.
                StatusClass::Park if reply.status == 404 => StatusClass::Gone,
                class => class,
            };
            Judged { class, wish: None, made: of_key.as_ref().and_then(MessageRef::of) }
        };
        let url = self.target.url();
        let change = key.as_ref().map(|key| Call {
            method: Method::Post,
            url: url.join_segments(&["issue", key, "comment"]),
            encode: &comment,
            judge: &judge_comment,
        });
        let url = url.join_segments(&["issue"]);
        let post = Call { method: Method::Post, url, encode: &issue, judge: &judge };
        self.target.change_or_post(http, change, post).await
    }

    /// The key of the issue that an earlier attempt made, if one did.
    async fn search(&self, http: &HttpClient, card: &Card) -> Result<Option<String>, Outcome> {
        let encode = |_: Fullness| {
            let jql = format!("project = \"{}\" AND labels = \"{}\"", quoted(&self.project), label(card));
            let body = json!({"jql": jql, "fields": ["key"], "maxResults": 1});
            Ok(Encoded::json(serde_json::to_vec(&body)?))
        };
        let url = self.target.url().join_segments(&["search", "jql"]);
        let call = Call { method: Method::Post, url, encode: &encode, judge: &found };
        match self.target.call(http, call).await {
            Ok(Outcome::Delivered(key)) => Ok(key.and_then(|key| key.read())),
            // Looking for something leaves nothing behind.
            Ok(Outcome::Retry { wish, failure }) => {
                Err(Outcome::Retry { wish, failure: failure.without_effect() })
            }
            Ok(other) => Err(other),
            Err(Gone(failure)) => Err(Outcome::Dead(failure)),
        }
    }

    pub(super) fn encode(&self, card: &Card, fullness: Fullness) -> Result<Encoded, serde_json::Error> {
        let layout = Layout::of(card, fullness);
        let summary = format!("[{}] {}", card.severity, layout.headline.plain());
        let body = json!({"fields": {
            "project": {"key": self.project},
            "issuetype": {"name": self.issue_type},
            "summary": shorten(&summary, SUMMARY_MAX),
            "labels": ["sealwatch", label(card)],
            "description": document(&layout),
        }});
        Ok(Encoded::json(serde_json::to_vec(&body)?))
    }
}

fn comment(card: &Card, fullness: Fullness) -> Result<Encoded, serde_json::Error> {
    let body = json!({"body": document(&Layout::of(card, fullness))});
    Ok(Encoded::json(serde_json::to_vec(&body)?))
}

/// A label must hold no blank; ids never do, but a label is where a mistake would hurt.
fn label(card: &Card) -> String {
    let id: String = card.record.id().chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    format!("sealwatch-{id}")
}

fn quoted(words: &str) -> String {
    words.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The card in the Atlassian Document Format.
fn document(layout: &Layout<'_>) -> Value {
    let mut content = vec![
        paragraph(&[(layout.title.plain(), json!([{"type": "strong"}]))]),
        paragraph(&[(line(layout.headline), json!([]))]),
        paragraph(&[(line(layout.sentence), json!([]))]),
    ];
    content.extend(
        layout.facts.iter().map(|(name, text)| paragraph(&[(format!("{name}: {}", line(text)), json!([]))])),
    );
    for list in &layout.lists {
        content.push(paragraph(&[(list.title.to_owned(), json!([{"type": "strong"}]))]));
        let rest = super::fit::rest(list.further);
        let lines = list
            .lines
            .iter()
            .chain(rest.as_ref())
            .map(|text| json!({"type": "listItem", "content": [paragraph(&[(line(text), json!([]))])]}));
        content.push(json!({"type": "bulletList", "content": lines.collect::<Vec<_>>()}));
    }
    if let Some((words, link)) = layout.link {
        let mark = json!([{"type": "link", "attrs": {"href": link.as_str()}}]);
        content.push(paragraph(&[(words.to_owned(), mark)]));
    }
    content.extend(layout.foot.iter().map(|note| paragraph(&[(line(note), json!([]))])));
    json!({"type": "doc", "version": 1, "content": content})
}

fn line(text: &Text) -> String {
    shorten(&text.plain(), LINE_MAX).into_owned()
}

fn paragraph(runs: &[(String, Value)]) -> Value {
    let nodes = runs.iter().filter(|(words, _)| !words.is_empty()).map(|(words, marks)| {
        let mut node = json!({"type": "text", "text": words});
        if marks.as_array().is_some_and(|marks| !marks.is_empty()) {
            node["marks"] = marks.clone();
        }
        node
    });
    json!({"type": "paragraph", "content": nodes.collect::<Vec<_>>()})
}

fn judge(reply: &Reply) -> Judged {
    #[derive(Deserialize)]
    struct Issue {
        key: String,
    }
    let issue = serde_json::from_str::<Issue>(&reply.body).ok().filter(|_| reply.body_end == BodyEnd::Whole);
    let class = match default_class(reply.status) {
        StatusClass::Delivered if issue.is_none() => StatusClass::Retry(Effect::Possible),
        class => class,
    };
    let made = issue.filter(|_| class == StatusClass::Delivered).and_then(|issue| MessageRef::of(&issue.key));
    Judged { class, wish: None, made }
}

fn found(reply: &Reply) -> Judged {
    #[derive(Deserialize)]
    struct Found {
        issues: Vec<Issue>,
    }
    #[derive(Deserialize)]
    struct Issue {
        key: String,
    }
    let found = serde_json::from_str::<Found>(&reply.body).ok().filter(|_| reply.body_end == BodyEnd::Whole);
    let class = match default_class(reply.status) {
        StatusClass::Delivered if found.is_none() => StatusClass::Retry(Effect::None),
        class => class,
    };
    let first = found.and_then(|found| found.issues.into_iter().next());
    Judged { class, wish: None, made: first.and_then(|issue| MessageRef::of(&issue.key)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receivers::channel_tests::{hostile, replied, worst};

    #[test]
    fn foreign_text_stands_in_text_nodes_and_only_our_link_is_one() {
        let card = hostile();
        let document = document(&Layout::of(&card, Fullness::Full)).to_string();
        assert_eq!(document.matches("\"link\"").count(), 1);
        assert!(document.contains("{\"text\":\"key-change: <!channel> <hxxps://evil|x>"));
    }

    #[test]
    fn the_worst_card_stays_within_the_limits() {
        let card = worst();
        let length: usize = document(&Layout::of(&card, Fullness::Full))
            .to_string()
            .split("\"text\":\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap_or_default().len())
            .sum();
        assert!(length < 32_767, "{length}");
        assert!(label(&card).bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    }

    #[test]
    fn answers_name_the_issue() {
        assert_eq!(judge(&replied(201, r#"{"id":"1","key":"SEC-7"}"#)).made, MessageRef::of(&"SEC-7"));
        assert_eq!(judge(&replied(201, "{}")).class, StatusClass::Retry(Effect::Possible));
        assert_eq!(found(&replied(200, r#"{"issues":[]}"#)).made, None);
        assert_eq!(found(&replied(200, r#"{"issues":[{"key":"SEC-7"}]}"#)).made, MessageRef::of(&"SEC-7"));
        assert_eq!(found(&replied(200, "portal")).class, StatusClass::Retry(Effect::None));
    }
}
