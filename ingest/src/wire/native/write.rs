//! An event written as a native line, as `sealwatch decode` prints it; reading the line gives the event again.

use std::borrow::Cow;
use std::sync::Arc;

use detectors::event::{
    Actor, Artifact, Event, EventId, EventKind, EventTime, Metadata, Outcome, Provenance, Sign, Signer,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::NATIVE_VERSION;
use super::shape::{
    NativeActor, NativeArtifact, NativeEvent, NativeMetadata, NativeProvenance, NativeSigner, NativeTime,
    NativeTransparencyLog, NativeType,
};
use crate::wire::object::{Pairs, Text};

/// What a package URL leaves as it is in a version.
const VERSION_ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// Writes an event as one line of native JSON, without the line break. A derived id is not written: it is the hash
/// of the record that the event was read from.
#[must_use]
pub fn write_native(event: &Event) -> String {
    serde_json::to_string(&shape_of(event)).expect("strings and numbers are always JSON")
}

fn shape_of(event: &Event) -> NativeEvent<'_> {
    let id = match &event.id {
        EventId::Producer(id) => Some(Text::from(&**id)),
        EventId::Derived(_) => None,
    };
    let implied = event.status.map_or(Outcome::Success, Outcome::of_status);
    let mut native = NativeEvent {
        v: Some(NATIVE_VERSION),
        id,
        time: Some(time(event.time)),
        registry: Some(Text::from(&*event.registry)),
        artifact: event.artifact.as_ref().map(artifact),
        actor: Some(&event.actor).filter(|actor| **actor != Actor::default()).map(actor),
        outcome: Some(event.outcome).filter(|outcome| *outcome != implied),
        status: event.status,
        request_id: text(&event.request_id),
        ..NativeEvent::default()
    };
    write_kind(&event.kind, &mut native);
    native
}

fn write_kind<'a>(kind: &'a EventKind, native: &mut NativeEvent<'a>) {
    native.kind = Some(match kind {
        EventKind::Access(access) => {
            native.action = Some(word(&access.action));
            native.bytes = access.bytes;
            native.duration_ms = access.duration_ms;
            NativeType::Access
        }
        EventKind::Publish(publish) => {
            native.metadata = Some(Box::new(metadata(&publish.metadata)));
            NativeType::Publish
        }
        EventKind::Tag(tag) => {
            native.previous = text(&tag.previous);
            native.tag = native.artifact.as_mut().and_then(|artifact| artifact.tag.take());
            NativeType::Tag
        }
        EventKind::Sign(sign) => {
            write_sign(sign, native);
            NativeType::Sign
        }
        EventKind::Verify(verify) => {
            native.check = Some(verify.check);
            native.result = Some(verify.result);
            native.reason = text(&verify.reason);
            NativeType::Verify
        }
        EventKind::Account(account) => {
            native.change = Some(account.change);
            native.target = text(&account.target);
            NativeType::Account
        }
        EventKind::Withdraw(withdraw) => {
            native.action = Some(word(&withdraw.action));
            native.reason = text(&withdraw.reason);
            NativeType::Withdraw
        }
    });
}

fn write_sign<'a>(sign: &'a Sign, native: &mut NativeEvent<'a>) {
    native.signer = Some(Box::new(signer(&sign.signer)));
    native.predicate = text(&sign.predicate);
    native.signed_at = sign.signed_at.map(time);
    native.transparency_log = sign.transparency_log.as_ref().map(|log| NativeTransparencyLog {
        log: text(&log.log),
        index: log.index,
        integrated_time: log.integrated_time.map(time),
        ..NativeTransparencyLog::default()
    });
}

fn artifact(artifact: &Artifact) -> NativeArtifact<'_> {
    let purl = artifact.key.as_ref().map(|key| match &artifact.version {
        None => Text::from(key.as_str()),
        Some(version) => Text::from(format!("{key}@{}", utf8_percent_encode(version, VERSION_ENCODED))),
    });
    NativeArtifact {
        purl,
        tag: text(&artifact.tag),
        digest: artifact.digest.as_ref().map(|digest| Text::from(digest.as_str())),
        file: text(&artifact.file),
        ..NativeArtifact::default()
    }
}

fn actor(actor: &Actor) -> NativeActor<'_> {
    NativeActor {
        principal: text(&actor.principal),
        kind: actor.kind,
        ip: actor.ip.map(|ip| Text::from(ip.to_string())),
        user_agent: text(&actor.user_agent),
        country: actor.country.map(|country| Text::from(country.to_string())),
        asn: actor.asn,
        auth: actor.auth,
        token_id: text(&actor.token_id),
        mfa: actor.mfa,
        account_created: actor.account_created.map(time),
        ..NativeActor::default()
    }
}

fn metadata(metadata: &Metadata) -> NativeMetadata<'_> {
    NativeMetadata {
        publisher: text(&metadata.publisher),
        maintainers: list(metadata.maintainers.as_deref()),
        license: text(&metadata.license),
        repository: text(&metadata.repository),
        homepage: text(&metadata.homepage),
        description: text(&metadata.description),
        keywords: list(metadata.keywords.as_deref()),
        size_bytes: metadata.size_bytes,
        file_count: metadata.file_count,
        install_scripts: list(metadata.install_scripts.as_deref()),
        binaries: metadata.binaries,
        dependencies: metadata.dependencies.as_ref().map(|dependencies| {
            Pairs(
                dependencies.iter().map(|(name, range)| (Cow::from(&**name), Cow::from(&**range))).collect(),
            )
        }),
        vcs_ref: text(&metadata.vcs_ref),
        tool: text(&metadata.tool),
        provenance: metadata.provenance.as_ref().map(provenance),
        ..NativeMetadata::default()
    }
}

fn provenance(provenance: &Provenance) -> NativeProvenance<'_> {
    NativeProvenance {
        level: Some(provenance.level),
        builder: text(&provenance.builder),
        workflow: text(&provenance.workflow),
        source_repository: text(&provenance.source_repository),
        source_ref: text(&provenance.source_ref),
        trigger: text(&provenance.trigger),
        run: text(&provenance.run),
        run_attempt: provenance.run_attempt,
        runner: text(&provenance.runner),
        ..NativeProvenance::default()
    }
}

fn signer(signer: &Signer) -> NativeSigner<'_> {
    NativeSigner {
        key_id: text(&signer.key_id),
        identity: text(&signer.identity),
        issuer: text(&signer.issuer),
        algorithm: text(&signer.algorithm),
        not_before: signer.not_before.map(time),
        not_after: signer.not_after.map(time),
        workflow: text(&signer.workflow),
        trigger: text(&signer.trigger),
        run: text(&signer.run),
        run_attempt: signer.run_attempt,
        runner: text(&signer.runner),
        source_repository: text(&signer.source_repository),
        source_repository_id: text(&signer.source_repository_id),
        ..NativeSigner::default()
    }
}

fn text(text: &Option<Arc<str>>) -> Option<Text<'_>> {
    text.as_deref().map(Text::from)
}

fn list(items: Option<&[Arc<str>]>) -> Option<Vec<Text<'_>>> {
    items.map(|items| items.iter().map(|item| Text::from(&**item)).collect())
}

fn time(time: EventTime) -> NativeTime<'static> {
    NativeTime::Text(Cow::Owned(time.to_string()))
}

/// The contract's word for a value of a closed list.
fn word<T: Serialize>(value: &T) -> Text<'static> {
    let json = serde_json::to_string(value).expect("a word is always JSON");
    Text::from(json.trim_matches('"').to_owned())
}
