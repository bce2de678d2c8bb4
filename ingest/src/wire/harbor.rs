//! Harbor's webhooks, payload formats `Default` and `CloudEvents`
//! (<https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/>).
//!
//! | type | becomes, for each resource |
//! |---|---|
//! | `PULL_ARTIFACT`, `harbor.artifact.pulled` | `access` pull |
//! | `PUSH_ARTIFACT`, `harbor.artifact.pushed` | `access` push; with a tag also `tag` |
//! | `DELETE_ARTIFACT`, `harbor.artifact.deleted` | `access` delete and `withdraw` delete |
//! | `TAG_RETENTION`, `harbor.tag_retention.finished` | `withdraw` delete of each artifact that was really deleted |
//! | scans, quotas, replication | nothing: no artifact changed hands here |
//!
//! A webhook has no address and no client program. Harbor sends one webhook for one manifest, none for a layer or a
//! HEAD, so nothing has to be folded; scanners pull too, as `robot$…`. A `tag` that is a digest is no tag.

use detectors::event::{
    Access, AccessAction, Actor, ActorKind, Artifact, Digest, Event, EventKind, EventTime, Outcome, Tag,
    Withdraw, WithdrawAction,
};

use super::object::{Text, Unknown, object, said};
use crate::decode::{
    MAX_EVENTS_PER_RECORD, PassReason, Reading, Refusal, RefusalReason, check_nesting, repository_of,
    time_of_millis, time_of_text,
};

#[derive(Default)]
struct Webhook<'a> {
    kind: Option<Text<'a>>,
    occur_at: Option<i64>,
    time: Option<Text<'a>>,
    id: Option<Text<'a>>,
    request_id: Option<Text<'a>>,
    operator: Option<Text<'a>>,
    event_data: Option<EventData<'a>>,
    data: Option<EventData<'a>>,
    unknown: Unknown<'a>,
}
object!(Webhook {
    "type" => kind, "occur_at" => occur_at, "time" => time, "id" => id, "requestid" => request_id,
    "operator" => operator, "event_data" => event_data, "data" => data,
} ignored "specversion", "source", "datacontenttype");

#[derive(Default)]
struct EventData<'a> {
    resources: Option<Vec<Resource<'a>>>,
    repository: Option<Repository<'a>>,
    retention: Option<Retention<'a>>,
    unknown: Unknown<'a>,
}
object!(EventData { "resources" => resources, "repository" => repository, "retention" => retention }
    ignored "replication", "custom_attributes");

#[derive(Default)]
struct Resource<'a> {
    digest: Option<Text<'a>>,
    tag: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Resource { "digest" => digest, "tag" => tag } ignored "resource_url", "scan_overview", "sbom_overview");

#[derive(Default)]
struct Repository<'a> {
    full_name: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Repository { "repo_full_name" => full_name } ignored "name", "namespace", "repo_type", "date_created");

#[derive(Default)]
struct Retention<'a> {
    project: Option<Text<'a>>,
    deleted: Option<Vec<Deleted<'a>>>,
    unknown: Unknown<'a>,
}
object!(Retention { "project_name" => project, "deleted_artifact" => deleted }
    ignored "total", "retained", "harbor_hostname", "retention_policy_id", "retention_rule", "result");

#[derive(Default)]
struct Deleted<'a> {
    status: Option<Text<'a>>,
    name_tag: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Deleted { "status" => status, "name_tag" => name_tag } ignored "type");

/// What a webhook says was done.
enum Done {
    Access(AccessAction),
    Retention,
    Nothing,
}

/// Reads one webhook.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let own: Webhook<'_> = serde_json::from_str(text).map_err(|error| Refusal::of_json(text, &error))?;
    let done = done_of(own.kind.as_deref().ok_or_else(|| Refusal::missing("type"))?)?;
    let time = match (own.occur_at, said(own.time.as_ref())) {
        (Some(secs), _) => time_of_millis("occur_at", secs.saturating_mul(1_000))?,
        (None, Some(time)) => time_of_text("time", time)?,
        (None, None) => return Err(Refusal::missing("occur_at")),
    };
    reading.note_unknown("", &own.unknown);
    let data = own.event_data.as_ref().or(own.data.as_ref()).ok_or_else(|| Refusal::missing("event_data"))?;
    reading.note_unknown("event_data.", &data.unknown);
    let mut found = Vec::new();
    match done {
        Done::Access(action) => artifacts(data, reading)?.into_iter().for_each(|artifact| {
            let sets_tag =
                action == AccessAction::Push && artifact.tag.is_some() && artifact.digest.is_some();
            let access = Access { action, bytes: None, duration_ms: None };
            found.push((artifact.clone(), EventKind::Access(access)));
            if sets_tag {
                found.push((artifact, EventKind::Tag(Tag::default())));
            } else if action == AccessAction::Delete {
                found.push((artifact, withdrawn()));
            }
        }),
        Done::Retention => {
            for artifact in retained_not(data)? {
                found.push((artifact, withdrawn()));
            }
        }
        Done::Nothing => {}
    }
    if found.is_empty() {
        reading.pass(PassReason::NoChange);
    }
    push(&own, time, found, reading, out)
}

fn push(
    own: &Webhook<'_>,
    time: EventTime,
    found: Vec<(Artifact, EventKind)>,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    if found.len() > MAX_EVENTS_PER_RECORD {
        let detail = format!("{} events, of {MAX_EVENTS_PER_RECORD} allowed", found.len());
        return Err(Refusal::new(RefusalReason::TooManyEvents, detail));
    }
    for (index, (artifact, kind)) in (0..).zip(found) {
        let id =
            said(own.id.as_ref()).map(|id| if index == 0 { id.to_owned() } else { format!("{id}#{index}") });
        out.push(Event {
            id: reading.id(id.as_deref(), index),
            time,
            position: reading.position(index),
            registry: reading.registry(None),
            artifact: Some(artifact),
            actor: actor_of(said(own.operator.as_ref()), reading),
            outcome: Outcome::Success,
            status: None,
            request_id: said(own.request_id.as_ref()).and_then(|id| reading.text(id)),
            kind,
        });
    }
    Ok(())
}

fn done_of(kind: &str) -> Result<Done, Refusal> {
    Ok(match kind {
        "PULL_ARTIFACT" | "harbor.artifact.pulled" => Done::Access(AccessAction::Pull),
        "PUSH_ARTIFACT" | "harbor.artifact.pushed" => Done::Access(AccessAction::Push),
        "DELETE_ARTIFACT" | "harbor.artifact.deleted" => Done::Access(AccessAction::Delete),
        "TAG_RETENTION" | "harbor.tag_retention.finished" => Done::Retention,
        "SCANNING_COMPLETED" | "SCANNING_STOPPED" | "SCANNING_FAILED" | "QUOTA_EXCEED" | "QUOTA_WARNING"
        | "REPLICATION" => Done::Nothing,
        kind if ["harbor.scan.", "harbor.quota.", "harbor.replication."]
            .iter()
            .any(|own| kind.starts_with(own)) =>
        {
            Done::Nothing
        }
        other => {
            return Err(Refusal::new(RefusalReason::UnsupportedKind, format!("`type` is `{other}`")));
        }
    })
}

const fn withdrawn() -> EventKind {
    EventKind::Withdraw(Withdraw { action: WithdrawAction::Delete, reason: None })
}

fn artifacts(data: &EventData<'_>, reading: &mut Reading<'_>) -> Result<Vec<Artifact>, Refusal> {
    const FIELD: &str = "event_data.repository.repo_full_name";
    let name = data.repository.as_ref().and_then(|own| said(own.full_name.as_ref()));
    let purl = repository_of(FIELD, name.ok_or_else(|| Refusal::missing(FIELD))?)?;
    let resources = data.resources.as_deref().filter(|all| !all.is_empty());
    let resources = resources.ok_or_else(|| Refusal::missing("event_data.resources"))?;
    let each = resources.iter().map(|own| {
        let digest = said(own.digest.as_ref()).map(|digest| crate::decode::digest_of("digest", digest));
        let tag = said(own.tag.as_ref()).filter(|tag| Digest::parse(tag).is_err());
        Ok(Artifact {
            digest: digest.transpose()?,
            tag: tag.and_then(|tag| reading.text(tag)),
            ..Artifact::of(&purl)
        })
    });
    each.collect()
}

/// What a retention run deleted: `alpine:3.8` of the project.
fn retained_not(data: &EventData<'_>) -> Result<Vec<Artifact>, Refusal> {
    let own = data.retention.as_ref().ok_or_else(|| Refusal::missing("event_data.retention"))?;
    let project = said(own.project.as_ref()).ok_or_else(|| Refusal::missing("retention.project_name"))?;
    let deleted = own.deleted.as_deref().unwrap_or_default();
    let done = deleted.iter().filter(|own| said(own.status.as_ref()) == Some("SUCCESS"));
    let each = done.filter_map(|own| said(own.name_tag.as_ref())).map(|name_tag| {
        let (name, tag) = name_tag.rsplit_once(':').unwrap_or((name_tag, ""));
        let purl = repository_of("deleted_artifact.name_tag", &format!("{project}/{name}"))?;
        Ok(Artifact { tag: Some(tag).filter(|tag| !tag.is_empty()).map(Into::into), ..Artifact::of(&purl) })
    });
    each.collect()
}

/// Harbor's own services go by these names.
fn actor_of(operator: Option<&str>, reading: &mut Reading<'_>) -> Actor {
    let kind = operator.and_then(|name| match name {
        "harbor-jobservice" | "auto" | "MANUAL" | "SCHEDULE" => Some(ActorKind::Service),
        "anonymous" => Some(ActorKind::Anonymous),
        _ => None,
    });
    Actor { principal: operator.and_then(|name| reading.text(name)), kind, ..Actor::default() }
}
