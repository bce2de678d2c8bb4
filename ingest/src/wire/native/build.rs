//! From the shape of a native event to an [`Event`]: names normalised, values checked, limits kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use detectors::event::{
    Access, Account, Actor, Artifact, Country, Digest, Event, EventKind, EventTime, MAX_DEPENDENCIES,
    MAX_LIST_ITEMS, Metadata, Outcome, Provenance, Publish, Sign, Signer, Tag, TransparencyLog, Verify,
    Withdraw,
};
use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::NATIVE_VERSION;
use super::shape::{
    NativeActor, NativeArtifact, NativeEvent, NativeMetadata, NativeProvenance, NativeSigner, NativeTime,
    NativeTransparencyLog, NativeType,
};
use crate::decode::{
    Reading, Refusal, RefusalReason, digest_of, repository_of, time_of_millis, time_of_text,
};
use crate::wire::object::{Pairs, Text};

/// Builds the event.
pub(super) fn event(native: &NativeEvent<'_>, reading: &mut Reading<'_>) -> Result<Event, Refusal> {
    if native.v.is_some_and(|version| version != NATIVE_VERSION) {
        let detail = format!("`v` is {}, known is {NATIVE_VERSION}", native.v.unwrap_or_default());
        return Err(Refusal::new(RefusalReason::UnsupportedVersion, detail));
    }
    let time = native.time.as_ref().ok_or_else(|| Refusal::missing("time"))?;
    let time = time_of("time", time)?;
    let kind = native.kind.ok_or_else(|| Refusal::missing("type"))?;
    if native.status.is_some_and(|status| !(100..=599).contains(&status)) {
        return Err(Refusal::new(RefusalReason::ImpossibleValue, "`status` is no HTTP status"));
    }
    let mut artifact = native.artifact.as_ref().map(|own| artifact_of(own, reading)).transpose()?.flatten();
    let kind = kind_of(kind, native, &mut artifact, reading)?;
    let event = Event {
        id: reading.id(native.id.as_deref(), 0),
        time,
        position: reading.position(0),
        registry: reading.registry(native.registry.as_deref()),
        artifact,
        actor: native.actor.as_ref().map(|own| actor_of(own, reading)).transpose()?.unwrap_or_default(),
        outcome: native.outcome.unwrap_or_else(|| native.status.map_or(Outcome::Success, Outcome::of_status)),
        status: native.status,
        request_id: optional(native.request_id.as_ref(), reading),
        kind,
    };
    reading.note_unknown("", &native.unknown);
    Ok(event)
}

fn kind_of(
    kind: NativeType,
    native: &NativeEvent<'_>,
    artifact: &mut Option<Artifact>,
    reading: &mut Reading<'_>,
) -> Result<EventKind, Refusal> {
    Ok(match kind {
        NativeType::Access => EventKind::Access(Access {
            action: word("action", native.action.as_ref())?,
            bytes: native.bytes,
            duration_ms: native.duration_ms,
        }),
        NativeType::Publish => EventKind::Publish(Box::new(Publish {
            metadata: native.metadata.as_ref().map(|own| metadata_of(own, reading)).unwrap_or_default(),
        })),
        NativeType::Tag => {
            set_tag(native, artifact, reading)?;
            EventKind::Tag(Tag { previous: optional(native.previous.as_ref(), reading) })
        }
        NativeType::Sign => EventKind::Sign(Box::new(Sign {
            signer: native
                .signer
                .as_ref()
                .map(|own| signer_of(own, reading))
                .transpose()?
                .unwrap_or_default(),
            predicate: optional(native.predicate.as_ref(), reading),
            transparency_log: native.transparency_log.as_ref().map(|own| log_of(own, reading)).transpose()?,
            signed_at: optional_time("signed_at", native.signed_at.as_ref())?,
        })),
        NativeType::Verify => EventKind::Verify(Verify {
            check: native.check.ok_or_else(|| Refusal::missing("check"))?,
            result: native.result.ok_or_else(|| Refusal::missing("result"))?,
            reason: optional(native.reason.as_ref(), reading),
        }),
        NativeType::Account => EventKind::Account(Account {
            change: native.change.ok_or_else(|| Refusal::missing("change"))?,
            target: optional(native.target.as_ref(), reading),
        }),
        NativeType::Withdraw => EventKind::Withdraw(Withdraw {
            action: word("action", native.action.as_ref())?,
            reason: optional(native.reason.as_ref(), reading),
        }),
    })
}

/// A tag event's own `tag` becomes the artifact's; one of the two must be there.
fn set_tag(
    native: &NativeEvent<'_>,
    artifact: &mut Option<Artifact>,
    reading: &mut Reading<'_>,
) -> Result<(), Refusal> {
    if let Some(tag) = optional(native.tag.as_ref(), reading) {
        artifact.get_or_insert_with(nothing_known).tag = Some(tag);
    }
    match artifact {
        Some(Artifact { tag: Some(_), .. }) => Ok(()),
        _ => Err(Refusal::missing("tag")),
    }
}

fn nothing_known() -> Artifact {
    Artifact { key: None, version: None, tag: None, digest: None, file: None }
}

/// `None` if nothing is said about it. A container's `@sha256:…` is its digest, not a version.
fn artifact_of(own: &NativeArtifact<'_>, reading: &mut Reading<'_>) -> Result<Option<Artifact>, Refusal> {
    let mut artifact = match (&own.purl, &own.repository) {
        (Some(purl), _) => Artifact::of(&reading.purl("artifact.purl", purl)?),
        (None, Some(repository)) => Artifact::of(&repository_of("artifact.repository", repository)?),
        (None, None) => nothing_known(),
    };
    if let Some(digest) = own.digest.as_deref().filter(|digest| !digest.is_empty()) {
        artifact.digest = Some(digest_of("artifact.digest", digest)?);
    }
    if let Some(digest) = artifact.version.as_deref().filter(|text| text.contains(':')).map(Digest::parse)
        && let Ok(digest) = digest
    {
        artifact.version = None;
        artifact.digest.get_or_insert(digest);
    }
    artifact.tag = optional(own.tag.as_ref(), reading);
    artifact.file = optional(own.file.as_ref(), reading);
    reading.note_unknown("artifact.", &own.unknown);
    Ok(Some(artifact).filter(|artifact| *artifact != nothing_known()))
}

fn actor_of(own: &NativeActor<'_>, reading: &mut Reading<'_>) -> Result<Actor, Refusal> {
    let given = |text: &Option<Text<'_>>| text.as_ref().is_some_and(|text| !text.is_empty());
    let ip = own.ip.as_deref().filter(|ip| !ip.is_empty()).map(|ip| {
        let refuse =
            |_| Refusal::new(RefusalReason::ImpossibleValue, format!("`actor.ip`: `{ip}` is no address"));
        ip.parse().map_err(refuse)
    });
    let country = own.country.as_deref().and_then(Country::parse);
    if given(&own.country) && country.is_none() {
        return Err(Refusal::new(RefusalReason::ImpossibleValue, "`actor.country` is not two letters"));
    }
    reading.note_unknown("actor.", &own.unknown);
    Ok(Actor {
        principal: own.principal.as_ref().and_then(|text| reading.name(text)),
        kind: own.kind,
        ip: ip.transpose()?,
        user_agent: own.user_agent.as_ref().and_then(|text| reading.name(text)),
        country,
        asn: own.asn,
        auth: own.auth,
        token_id: own.token_id.as_ref().and_then(|text| reading.name(text)),
        mfa: own.mfa,
        account_created: optional_time("actor.account_created", own.account_created.as_ref())?,
    })
}

fn metadata_of(own: &NativeMetadata<'_>, reading: &mut Reading<'_>) -> Metadata {
    reading.note_unknown("metadata.", &own.unknown);
    Metadata {
        publisher: optional(own.publisher.as_ref(), reading),
        maintainers: list(own.maintainers.as_deref(), reading),
        license: optional(own.license.as_ref(), reading),
        repository: optional(own.repository.as_ref(), reading),
        homepage: optional(own.homepage.as_ref(), reading),
        description: optional(own.description.as_ref(), reading),
        keywords: list(own.keywords.as_deref(), reading),
        size_bytes: own.size_bytes,
        file_count: own.file_count,
        install_scripts: list(own.install_scripts.as_deref(), reading),
        binaries: own.binaries,
        dependencies: own.dependencies.as_ref().map(|pairs| dependencies(pairs, reading)),
        vcs_ref: optional(own.vcs_ref.as_ref(), reading),
        tool: optional(own.tool.as_ref(), reading),
        provenance: own.provenance.as_ref().map(|own| provenance_of(own, reading)),
    }
}

fn provenance_of(own: &NativeProvenance<'_>, reading: &mut Reading<'_>) -> Provenance {
    reading.note_unknown("metadata.provenance.", &own.unknown);
    Provenance {
        level: own.level.unwrap_or_default(),
        builder: optional(own.builder.as_ref(), reading),
        workflow: optional(own.workflow.as_ref(), reading),
        source_repository: optional(own.source_repository.as_ref(), reading),
        source_ref: optional(own.source_ref.as_ref(), reading),
        trigger: optional(own.trigger.as_ref(), reading),
        run: optional(own.run.as_ref(), reading),
        run_attempt: own.run_attempt,
        runner: optional(own.runner.as_ref(), reading),
    }
}

fn signer_of(own: &NativeSigner<'_>, reading: &mut Reading<'_>) -> Result<Signer, Refusal> {
    reading.note_unknown("signer.", &own.unknown);
    Ok(Signer {
        key_id: optional(own.key_id.as_ref(), reading),
        identity: optional(own.identity.as_ref(), reading),
        issuer: optional(own.issuer.as_ref(), reading),
        algorithm: optional(own.algorithm.as_ref(), reading),
        not_before: optional_time("signer.not_before", own.not_before.as_ref())?,
        not_after: optional_time("signer.not_after", own.not_after.as_ref())?,
        workflow: optional(own.workflow.as_ref(), reading),
        trigger: optional(own.trigger.as_ref(), reading),
        run: optional(own.run.as_ref(), reading),
        run_attempt: own.run_attempt,
        runner: optional(own.runner.as_ref(), reading),
        source_repository: optional(own.source_repository.as_ref(), reading),
        source_repository_id: optional(own.source_repository_id.as_ref(), reading),
    })
}

fn log_of(own: &NativeTransparencyLog<'_>, reading: &mut Reading<'_>) -> Result<TransparencyLog, Refusal> {
    reading.note_unknown("transparency_log.", &own.unknown);
    Ok(TransparencyLog {
        log: optional(own.log.as_ref(), reading),
        index: own.index,
        integrated_time: optional_time("transparency_log.integrated_time", own.integrated_time.as_ref())?,
    })
}

fn optional(text: Option<&Text<'_>>, reading: &mut Reading<'_>) -> Option<Arc<str>> {
    text.and_then(|text| reading.text(text))
}

fn list(items: Option<&[Text<'_>]>, reading: &mut Reading<'_>) -> Option<Vec<Arc<str>>> {
    items.map(|items| {
        let kept = reading.kept(items.len(), MAX_LIST_ITEMS);
        items[..kept].iter().map(|item| Arc::from(&*reading.cut(item))).collect()
    })
}

/// Of too many, the first by name stay: a rule that does not depend on the order in the record.
fn dependencies(pairs: &Pairs<'_>, reading: &mut Reading<'_>) -> BTreeMap<Arc<str>, Arc<str>> {
    let mut by_name: Vec<_> = pairs.0.iter().collect();
    by_name.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    by_name.truncate(reading.kept(by_name.len(), MAX_DEPENDENCIES));
    by_name
        .into_iter()
        .map(|(name, range)| (Arc::from(&*reading.cut(name)), Arc::from(&*reading.cut(range))))
        .collect()
}

fn time_of(field: &str, time: &NativeTime<'_>) -> Result<EventTime, Refusal> {
    match time {
        NativeTime::Text(text) => time_of_text(field, text),
        NativeTime::Millis(millis) => time_of_millis(field, *millis),
    }
}

fn optional_time(field: &str, time: Option<&NativeTime<'_>>) -> Result<Option<EventTime>, Refusal> {
    time.map(|time| time_of(field, time)).transpose()
}

/// One of the words of a closed list.
fn word<'de, T: Deserialize<'de>>(field: &str, text: Option<&'de Text<'_>>) -> Result<T, Refusal> {
    let text = text.ok_or_else(|| Refusal::missing(field))?;
    T::deserialize(StrDeserializer::<ValueError>::new(text))
        .map_err(|error| Refusal::new(RefusalReason::ImpossibleValue, format!("`{field}`: {error}")))
}
