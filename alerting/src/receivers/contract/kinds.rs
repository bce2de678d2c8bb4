//! Every receiver over HTTP: how it is configured, and what its service says when all is well.

use std::io::Write as _;

use tempfile::NamedTempFile;
use transport::SecretString;

use crate::receivers::{DataOutput, Effect, Receiver, ReceiverConfig};

/// Part of every secret; it must never come out again.
pub(super) const CANARY: &str = "c4n4ry-0f-th3-53cr3t";

/// A kind of receiver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Its configuration; `URL`, `SERVER`, `TOKEN` and `KEY` stand for what is only known later.
    config: &'static str,
    /// What the service answers when it took a message.
    pub(super) fine: &'static str,
    pub(super) says_yes_by: YesBy,
    /// How many requests a new message takes.
    pub(super) requests: usize,
    /// What the first request can leave behind if it fails without an answer.
    pub(super) effect: Effect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum YesBy {
    Status,
    Body,
}

const fn kind(name: &'static str, config: &'static str, fine: &'static str, says_yes_by: YesBy) -> Kind {
    Kind { name, config, fine, says_yes_by, requests: 1, effect: Effect::Possible }
}

pub(crate) const KINDS: [Kind; 18] = [
    kind("webhook", "url = URL\nsecret = KEY", "", YesBy::Status),
    kind("slack", "url = URL", "ok", YesBy::Body),
    kind(
        "slack-bot",
        "server = SERVER\ntoken = TOKEN\nchannel = 'C1'\nsigning_secret = TOKEN",
        r#"{"ok":true,"channel":"C1","ts":"1.2"}"#,
        YesBy::Body,
    ),
    kind("teams", "url = URL", "", YesBy::Status),
    kind("discord", "url = URL", r#"{"id":"17"}"#, YesBy::Body),
    kind("mattermost", "url = URL", "ok", YesBy::Body),
    kind("mattermost-bot", "server = SERVER\ntoken = TOKEN\nchannel = 'c1'", r#"{"id":"p1"}"#, YesBy::Body),
    kind("google-chat", "url = URL", r#"{"name":"spaces/S/messages/M"}"#, YesBy::Body),
    kind(
        "telegram",
        "server = SERVER\ntoken = TOKEN\nchat = '-100'",
        r#"{"ok":true,"result":{"message_id":7}}"#,
        YesBy::Body,
    ),
    kind("pagerduty", "server = SERVER\nrouting_key = TOKEN", "{}", YesBy::Status),
    kind("alertmanager", "url = URL\nauthorization = TOKEN", "", YesBy::Status),
    Kind {
        requests: 2,
        effect: Effect::None,
        ..kind(
            "jira",
            "server = SERVER\nuser = 'a@b.example'\ntoken = TOKEN\nproject = 'SEC'",
            r#"{"issues":[],"key":"SEC-7"}"#,
            YesBy::Body,
        )
    },
    kind("splunk", "server = SERVER\ntoken = TOKEN", r#"{"text":"Success","code":0}"#, YesBy::Body),
    kind(
        "elastic",
        "server = SERVER\nauthorization = TOKEN",
        r#"{"errors":false,"items":[{"create":{"status":201}}]}"#,
        YesBy::Body,
    ),
    kind("webhook", "url = URL\nsecret = KEY\nbody = 'cloudevents-structured'", "", YesBy::Status),
    kind("webhook", "url = URL\nsecret = KEY\nbody = 'cloudevents-binary'", "", YesBy::Status),
    kind("webhook", "url = URL\nsecret = KEY\nbody = 'ocsf'", "", YesBy::Status),
    kind(
        "webhook",
        "url = URL\nsecret = KEY\nbody = 'template'\ntemplate = '{\"text\": {{ headline }}, \"who\": {{ subject }}, \"data\": [{{ incident }}, {{ findings }}], \"said\": {{ sentence }}, \"possible_repeat\": {{ possible_repeat }}}'",
        "",
        YesBy::Status,
    ),
];

impl Kind {
    /// What its kept messages are called: its name, and its body's where it has several.
    pub(crate) fn label(&self) -> String {
        let body = self.config.split_once("body = '").and_then(|(_, rest)| rest.split_once('\''));
        body.map_or_else(|| self.name.to_owned(), |(body, _)| format!("{}-{body}", self.name))
    }

    /// A receiver of this kind whose service is at `base`, set up from a configuration as any other.
    pub(crate) fn at(&self, base: &SecretString) -> Receiver {
        let (config, _files) = self.config(base.expose());
        Receiver::from_config(&config, &DataOutput::new(std::io::sink())).unwrap()
    }

    /// Its configuration, and the files its secrets are in.
    pub(crate) fn config(&self, base: &str) -> (ReceiverConfig, Vec<NamedTempFile>) {
        let mut files = Vec::new();
        let mut secret = |text: &str| {
            let mut file = NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let reference = format!("'file:{}'", file.path().display());
            files.push(file);
            reference
        };
        let given = [
            ("URL", secret(&format!("{base}/services/{CANARY}?sig={CANARY}"))),
            ("SERVER", format!("'{base}'")),
            ("TOKEN", secret(CANARY)),
            ("KEY", secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
        ];
        // In two steps: the name of a temporary file may hold any of these words.
        let mut config = self.config.to_owned();
        for (number, (word, _)) in given.iter().enumerate() {
            config = config.replace(word, &format!("\u{1}{number}"));
        }
        for (number, (_, value)) in given.iter().enumerate() {
            config = config.replace(&format!("\u{1}{number}"), value);
        }
        (toml::from_str(&format!("type = '{}'\n{config}", self.name)).unwrap(), files)
    }
}
