//! The shape of a native event, for reading, writing and its JSON Schema.

use std::borrow::Cow;
use std::fmt;

use detectors::event::{
    AccessAction, AccountChange, ActorKind, AuthMethod, Check, CheckResult, Outcome, ProvenanceLevel,
    WithdrawAction,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};

use crate::wire::object::{Pairs, Text, Unknown, object};

/// One event of a registry. Unknown fields are ignored and counted.
#[derive(Debug, Default, JsonSchema)]
#[schemars(title = "Sealwatch event, version 1")]
pub struct NativeEvent<'a> {
    /// Contract version, 1 if absent.
    pub(super) v: Option<u32>,
    /// The producer's own id of this event; equal ids of one source within 24 h are one event.
    pub(super) id: Option<Text<'a>>,
    /// When it happened: RFC 3339 with zone, or Unix milliseconds.
    #[schemars(required)]
    pub(super) time: Option<NativeTime<'a>>,
    /// Which registry or feed; default: the source's name.
    pub(super) registry: Option<Text<'a>>,
    /// What happened.
    #[schemars(rename = "type", required)]
    pub(super) kind: Option<NativeType>,
    /// What it was done to.
    pub(super) artifact: Option<NativeArtifact<'a>>,
    /// Who did it.
    pub(super) actor: Option<NativeActor<'a>>,
    /// How it ended; default: what `status` stands for, else `success`.
    pub(super) outcome: Option<Outcome>,
    /// The HTTP status.
    #[schemars(range(min = 100, max = 599))]
    pub(super) status: Option<u16>,
    /// Joins several logs of one request.
    pub(super) request_id: Option<Text<'a>>,
    /// `access`: what was asked. `withdraw`: how it was taken back.
    #[schemars(with = "Option<ActionWord>")]
    pub(super) action: Option<Text<'a>>,
    /// `access`: bytes sent.
    pub(super) bytes: Option<u64>,
    /// `access`: how long it took, in milliseconds.
    pub(super) duration_ms: Option<u64>,
    /// `access`: which remote served it, for proxies.
    pub(super) upstream: Option<Text<'a>>,
    /// `publish`: what the registry says about the version.
    pub(super) metadata: Option<Box<NativeMetadata<'a>>>,
    /// `tag`: the tag that was set.
    pub(super) tag: Option<Text<'a>>,
    /// `tag`: what it pointed to before, a digest or a version.
    pub(super) previous: Option<Text<'a>>,
    /// `sign`: who signed.
    pub(super) signer: Option<Box<NativeSigner<'a>>>,
    /// `sign`: `signature`, or the predicate type's URI.
    pub(super) predicate: Option<Text<'a>>,
    /// `sign`: where it was logged.
    pub(super) transparency_log: Option<NativeTransparencyLog<'a>>,
    /// `sign`: when the signature says it was made.
    pub(super) signed_at: Option<NativeTime<'a>>,
    /// `verify`: what was checked.
    pub(super) check: Option<Check>,
    /// `verify`: what came out.
    pub(super) result: Option<CheckResult>,
    /// `verify`, `withdraw`: why.
    pub(super) reason: Option<Text<'a>>,
    /// `account`: what changed.
    pub(super) change: Option<AccountChange>,
    /// `account`: whom or what it concerns: a principal, token or key id.
    pub(super) target: Option<Text<'a>>,
    /// What no field is for.
    #[schemars(skip)]
    pub(super) unknown: Unknown<'a>,
}
object!(NativeEvent: written {
    "v" => v, "id" => id, "time" => time, "registry" => registry, "type" => kind, "artifact" => artifact,
    "actor" => actor, "outcome" => outcome, "status" => status, "request_id" => request_id, "action" => action,
    "bytes" => bytes, "duration_ms" => duration_ms, "upstream" => upstream, "metadata" => metadata, "tag" => tag,
    "previous" => previous, "signer" => signer, "predicate" => predicate,
    "transparency_log" => transparency_log, "signed_at" => signed_at, "check" => check, "result" => result,
    "reason" => reason, "change" => change, "target" => target,
});

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, DeriveDeserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum NativeType {
    /// Something was asked of the registry.
    Access,
    /// A version came to be.
    Publish,
    /// A tag or dist-tag was set.
    Tag,
    /// A signature or attestation was made.
    Sign,
    /// Somebody checked a signature, or rebuilt from source.
    Verify,
    /// Rights or credentials changed.
    Account,
    /// Something was taken back.
    Withdraw,
}

/// The words that `action` may have, for the schema alone.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "names the words of two types in one schema")]
enum ActionWord {
    Access(AccessAction),
    Withdraw(WithdrawAction),
}

/// A time: RFC 3339 with zone, or Unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NativeTime<'a> {
    /// RFC 3339 with zone.
    Text(Cow<'a, str>),
    /// Unix milliseconds.
    Millis(i64),
}

/// What something was done to.
#[derive(Debug, Default, JsonSchema)]
pub(super) struct NativeArtifact<'a> {
    /// Package URL, with version where one is meant.
    pub(super) purl: Option<Text<'a>>,
    /// A container repository's path, instead of `purl`.
    pub(super) repository: Option<Text<'a>>,
    /// The tag or dist-tag.
    pub(super) tag: Option<Text<'a>>,
    /// `sha256:…`
    pub(super) digest: Option<Text<'a>>,
    /// The file inside the version.
    pub(super) file: Option<Text<'a>>,
    /// What no field is for.
    #[schemars(skip)]
    pub(super) unknown: Unknown<'a>,
}
object!(NativeArtifact: written {
    "purl" => purl, "repository" => repository, "tag" => tag, "digest" => digest, "file" => file,
});

/// Who did it.
#[derive(Debug, Default, JsonSchema)]
pub(super) struct NativeActor<'a> {
    /// The account, robot or client.
    pub(super) principal: Option<Text<'a>>,
    /// What kind of actor it is.
    pub(super) kind: Option<ActorKind>,
    /// Its address.
    pub(super) ip: Option<Text<'a>>,
    /// Its client program.
    pub(super) user_agent: Option<Text<'a>>,
    /// ISO 3166-1 alpha-2.
    #[schemars(length(equal = 2))]
    pub(super) country: Option<Text<'a>>,
    /// Autonomous system number.
    pub(super) asn: Option<u32>,
    /// How it proved who it is.
    pub(super) auth: Option<AuthMethod>,
    /// Which token it used.
    pub(super) token_id: Option<Text<'a>>,
    /// Whether a second factor was used.
    pub(super) mfa: Option<bool>,
    /// When the account was made.
    pub(super) account_created: Option<NativeTime<'a>>,
    /// What no field is for.
    #[schemars(skip)]
    pub(super) unknown: Unknown<'a>,
}
object!(NativeActor: written {
    "principal" => principal, "kind" => kind, "ip" => ip, "user_agent" => user_agent, "country" => country,
    "asn" => asn, "auth" => auth, "token_id" => token_id, "mfa" => mfa, "account_created" => account_created,
});

/// What the registry says about a version. An absent field is unknown, not empty.
#[derive(Debug, Default, JsonSchema)]
pub(super) struct NativeMetadata<'a> {
    pub(super) publisher: Option<Text<'a>>,
    pub(super) maintainers: Option<Vec<Text<'a>>>,
    pub(super) license: Option<Text<'a>>,
    pub(super) repository: Option<Text<'a>>,
    pub(super) homepage: Option<Text<'a>>,
    pub(super) description: Option<Text<'a>>,
    pub(super) keywords: Option<Vec<Text<'a>>>,
    pub(super) size_bytes: Option<u64>,
    pub(super) file_count: Option<u64>,
    pub(super) install_scripts: Option<Vec<Text<'a>>>,
    pub(super) binaries: Option<u64>,
    pub(super) dependencies: Option<Pairs<'a>>,
    pub(super) vcs_ref: Option<Text<'a>>,
    pub(super) tool: Option<Text<'a>>,
    pub(super) provenance: Option<NativeProvenance<'a>>,
    #[schemars(skip)]
    pub(super) unknown: Unknown<'a>,
}
object!(NativeMetadata: written {
    "publisher" => publisher, "maintainers" => maintainers, "license" => license, "repository" => repository,
    "homepage" => homepage, "description" => description, "keywords" => keywords, "size_bytes" => size_bytes,
    "file_count" => file_count, "install_scripts" => install_scripts, "binaries" => binaries,
    "dependencies" => dependencies, "vcs_ref" => vcs_ref, "tool" => tool, "provenance" => provenance,
});

/// Who built a version, from what, and how.
#[derive(Debug, Default, JsonSchema)]
pub(super) struct NativeProvenance<'a> {
    pub(super) level: Option<ProvenanceLevel>,
    pub(super) builder: Option<Text<'a>>,
    pub(super) workflow: Option<Text<'a>>,
    pub(super) source_repository: Option<Text<'a>>,
    pub(super) source_ref: Option<Text<'a>>,
    pub(super) trigger: Option<Text<'a>>,
    pub(super) run: Option<Text<'a>>,
    pub(super) run_attempt: Option<u32>,
    pub(super) runner: Option<Text<'a>>,
    #[schemars(skip)]
    pub(super) unknown: Unknown<'a>,
}
object!(NativeProvenance: written {
    "level" => level, "builder" => builder, "workflow" => workflow, "source_repository" => source_repository,
    "source_ref" => source_ref, "trigger" => trigger, "run" => run, "run_attempt" => run_attempt,
    "runner" => runner,
});

/// Who signed: a key, or an identity with a short-lived certificate.
#[derive(Debug, Default, JsonSchema)]
pub(super) struct NativeSigner<'a> {
    pub(super) key_id: Option<Text<'a>>,
    pub(super) identity: Option<Text<'a>>,
    pub(super) issuer: Option<Text<'a>>,
    pub(super) algorithm: Option<Text<'a>>,
    pub(super) not_before: Option<NativeTime<'a>>,
    pub(super) not_after: Option<NativeTime<'a>>,
    pub(super) workflow: Option<Text<'a>>,
    pub(super) trigger: Option<Text<'a>>,
    pub(super) run: Option<Text<'a>>,
    pub(super) run_attempt: Option<u32>,
    pub(super) runner: Option<Text<'a>>,
    pub(super) source_repository: Option<Text<'a>>,
    pub(super) source_repository_id: Option<Text<'a>>,
    #[schemars(skip)]
    pub(super) unknown: Unknown<'a>,
}
object!(NativeSigner: written {
    "key_id" => key_id, "identity" => identity, "issuer" => issuer, "algorithm" => algorithm,
    "not_before" => not_before, "not_after" => not_after, "workflow" => workflow, "trigger" => trigger,
    "run" => run, "run_attempt" => run_attempt, "runner" => runner, "source_repository" => source_repository,
    "source_repository_id" => source_repository_id,
});

/// Where a signature was logged.
#[derive(Debug, Default, JsonSchema)]
pub(super) struct NativeTransparencyLog<'a> {
    pub(super) log: Option<Text<'a>>,
    pub(super) index: Option<u64>,
    pub(super) integrated_time: Option<NativeTime<'a>>,
    #[schemars(skip)]
    pub(super) unknown: Unknown<'a>,
}
object!(NativeTransparencyLog: written {
    "log" => log, "index" => index, "integrated_time" => integrated_time,
});

impl<'de: 'a, 'a> Deserialize<'de> for NativeTime<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = NativeTime<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time or Unix milliseconds")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(NativeTime::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(NativeTime::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_i64<E: Error>(self, millis: i64) -> Result<Self::Value, E> {
                Ok(NativeTime::Millis(millis))
            }

            fn visit_u64<E: Error>(self, millis: u64) -> Result<Self::Value, E> {
                // What does not fit is far beyond 2100, and refused there.
                Ok(NativeTime::Millis(i64::try_from(millis).unwrap_or(i64::MAX)))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl Serialize for NativeTime<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Millis(millis) => serializer.serialize_i64(*millis),
        }
    }
}

impl JsonSchema for NativeTime<'_> {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "RFC 3339 with zone, or Unix milliseconds, from 2000 to 2100",
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "integer"}]
        })
    }
}
