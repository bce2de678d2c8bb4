//! The native event contract, written as text: one JSON object a line.
//!
//! These types are only ever written. They are kept apart from the program's own, so that a mistake made there is not
//! repeated here.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::clock::Moment;

/// One event before it is written.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The producer's id, unique in its stream.
    pub(crate) id: String,
    pub(crate) time: Moment,
    pub(crate) registry: &'static str,
    pub(crate) artifact: Option<Artifact>,
    pub(crate) actor: Option<Actor>,
    pub(crate) body: Body,
}

impl Event {
    /// The event as a line without its end.
    pub(crate) fn line(&self) -> String {
        let written = Written {
            v: 1,
            id: &self.id,
            time: self.time.precise(),
            registry: self.registry,
            kind: self.body.word(),
            artifact: self.artifact.as_ref(),
            actor: self.actor.as_ref(),
            body: &self.body,
        };
        serde_json::to_string(&written).expect("strings, numbers and maps with string keys are always JSON")
    }
}

#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    id: &'a str,
    time: String,
    registry: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<&'a Artifact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a Actor>,
    #[serde(flatten)]
    body: &'a Body,
}

/// What it was done to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Artifact {
    pub(crate) purl: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Actor {
    pub(crate) principal: String,
    pub(crate) kind: &'static str,
    pub(crate) auth: &'static str,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Body {
    Publish {
        metadata: Box<Metadata>,
    },
    Tag {
        tag: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<String>,
    },
    Sign {
        signer: Box<Signer>,
        predicate: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        transparency_log: Option<LogEntry>,
        signed_at: String,
    },
    Account {
        change: &'static str,
        target: String,
    },
    Withdraw {
        action: &'static str,
        reason: String,
    },
}

impl Body {
    const fn word(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "publish",
            Self::Tag { .. } => "tag",
            Self::Sign { .. } => "sign",
            Self::Account { .. } => "account",
            Self::Withdraw { .. } => "withdraw",
        }
    }
}

/// What the registry says about a version.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Metadata {
    pub(crate) publisher: String,
    pub(crate) maintainers: Vec<String>,
    pub(crate) license: String,
    pub(crate) repository: String,
    pub(crate) description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) keywords: Vec<String>,
    pub(crate) size_bytes: u64,
    pub(crate) file_count: u64,
    pub(crate) install_scripts: Vec<String>,
    pub(crate) binaries: u64,
    pub(crate) dependencies: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vcs_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool: Option<String>,
    pub(crate) provenance: Provenance,
}

/// How a version's origin is attested.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Provenance {
    pub(crate) level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) builder: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<Run>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_ref: Option<String>,
}

/// A run of a CI workflow, as provenance and certificates name it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Run {
    pub(crate) workflow: String,
    pub(crate) source_repository: String,
    pub(crate) trigger: &'static str,
    pub(crate) run: String,
    pub(crate) run_attempt: u32,
    pub(crate) runner: &'static str,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Signer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_id: Option<String>,
    pub(crate) identity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<&'static str>,
    pub(crate) algorithm: &'static str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<Run>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_repository_id: Option<String>,
}

/// Where a signature was logged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LogEntry {
    pub(crate) log: &'static str,
    pub(crate) index: u64,
    pub(crate) integrated_time: String,
}

/// The package URL of an npm package, in canonical form: `pkg:npm/%40scope/name`.
pub(crate) fn npm_purl(name: &str) -> String {
    name.strip_prefix('@').map_or_else(|| format!("pkg:npm/{name}"), |scoped| format!("pkg:npm/%40{scoped}"))
}

/// The package URL of a container repository: `pkg:docker/checkmarx/kics`.
pub(crate) fn docker_purl(path: &str) -> String {
    format!("pkg:docker/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_json_in_the_contracts_words() {
        let event = Event {
            id: "npm/tag/1".to_owned(),
            time: Moment::utc((2026, 5, 11), (19, 20, 39)),
            registry: "npm",
            artifact: Some(Artifact { purl: format!("{}@1.2.3", npm_purl("@a/b")), ..Artifact::default() }),
            actor: Some(Actor { principal: "ana \"x\"\n".to_owned(), kind: "human", auth: "token" }),
            body: Body::Tag { tag: "latest".to_owned(), previous: None },
        };
        assert_eq!(
            event.line(),
            r#"{"v":1,"id":"npm/tag/1","time":"2026-05-11T19:20:39.000Z","registry":"npm","type":"tag","artifact":{"purl":"pkg:npm/%40a/b@1.2.3"},"actor":{"principal":"ana \"x\"\n","kind":"human","auth":"token"},"tag":"latest"}"#
        );
    }
}
