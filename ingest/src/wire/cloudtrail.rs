//! AWS `CloudTrail`, of which Amazon ECR's records are read
//! (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/logging-using-cloudtrail.html>): one record, or an object of
//! them (`{"Records": […]}`) as `CloudTrail` delivers to a bucket.
//!
//! | `eventName` | becomes |
//! |---|---|
//! | `BatchGetImage` | `access` pull of each image that was asked for |
//! | `GetDownloadUrlForLayer` | `access` pull of a layer, in `file`; only layers that were not cached |
//! | `PutImage` | `access` push; with a tag and a digest also `tag` |
//! | `InitiateLayerUpload`, `UploadLayerPart`, `CompleteLayerUpload` | `access` push of a layer |
//! | `BatchDeleteImage` | `access` delete of each image; what succeeded is a `withdraw` delete too |
//! | `DeleteRepository` | `access` delete, and `withdraw` delete |
//! | `GetAuthorizationToken` | `access` login |
//! | `SetRepositoryPolicy`, `DeleteRepositoryPolicy` | `account` role-changed |
//! | `Describe…`, `List…`, other `Get…`, `BatchCheckLayerAvailability` | `access` list |
//! | anything else of ECR, other services | nothing |
//!
//! One `docker pull` is one `BatchGetImage` of the tag, and one for each manifest below an index; layers never count as
//! pulls of the image. `CloudTrail` has no HEAD. `sourceIPAddress` may be a service's name and is then no address.

use detectors::event::{
    Access, AccessAction, Account, AccountChange, Actor, ActorKind, Artifact, Digest, Event, EventKind,
    EventTime, Outcome, Tag, Withdraw, WithdrawAction,
};

use super::object::{Text, Unknown, object, said};
use crate::decode::{
    MAX_EVENTS_PER_RECORD, PassReason, Reading, Refusal, RefusalReason, check_nesting, repository_of,
    time_of_text,
};

/// Services whose records concern a registry.
const REGISTRIES: [&str; 2] = ["ecr.amazonaws.com", "ecr-public.amazonaws.com"];

#[derive(Default)]
struct Delivered<'a> {
    records: Option<Vec<Record<'a>>>,
    unknown: Unknown<'a>,
}
object!(Delivered { "Records" => records });

#[derive(Default)]
struct Record<'a> {
    id: Option<Text<'a>>,
    time: Option<Text<'a>>,
    source: Option<Text<'a>>,
    name: Option<Text<'a>>,
    address: Option<Text<'a>>,
    user_agent: Option<Text<'a>>,
    identity: Option<Identity<'a>>,
    error_code: Option<Text<'a>>,
    request_id: Option<Text<'a>>,
    asked: Option<Asked<'a>>,
    answered: Option<Answered<'a>>,
    unknown: Unknown<'a>,
}
object!(Record {
    "eventID" => id, "eventTime" => time, "eventSource" => source, "eventName" => name,
    "sourceIPAddress" => address, "userAgent" => user_agent, "userIdentity" => identity,
    "errorCode" => error_code, "requestID" => request_id, "requestParameters" => asked,
    "responseElements" => answered,
} ignored "eventVersion", "awsRegion", "eventType", "recipientAccountId", "resources", "readOnly", "managementEvent",
    "eventCategory", "errorMessage", "apiVersion", "additionalEventData", "tlsDetails", "sharedEventID",
    "vpcEndpointId", "serviceEventDetails", "sessionCredentialFromConsole");

#[derive(Default)]
struct Identity<'a> {
    kind: Option<Text<'a>>,
    arn: Option<Text<'a>>,
    user_name: Option<Text<'a>>,
    access_key: Option<Text<'a>>,
    invoked_by: Option<Text<'a>>,
    principal: Option<Text<'a>>,
    session: Option<Session<'a>>,
    unknown: Unknown<'a>,
}
object!(Identity {
    "type" => kind, "arn" => arn, "userName" => user_name, "accessKeyId" => access_key, "invokedBy" => invoked_by,
    "principalId" => principal, "sessionContext" => session,
} ignored "accountId", "identityProvider", "onBehalfOf");

#[derive(Default)]
struct Session<'a> {
    attributes: Option<Attributes<'a>>,
    unknown: Unknown<'a>,
}
object!(Session { "attributes" => attributes }
    ignored "sessionIssuer", "webIdFederationData", "ec2RoleDelivery", "sourceIdentity");

#[derive(Default)]
struct Attributes<'a> {
    mfa: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(Attributes { "mfaAuthenticated" => mfa } ignored "creationDate");

#[derive(Default)]
struct Asked<'a> {
    repository: Option<Text<'a>>,
    tag: Option<Text<'a>>,
    images: Option<Vec<ImageId<'a>>>,
    layer: Option<Text<'a>>,
    layers: Option<Vec<Text<'a>>>,
    unknown: Unknown<'a>,
}
object!(Asked {
    "repositoryName" => repository, "imageTag" => tag, "imageIds" => images, "layerDigest" => layer,
    "layerDigests" => layers,
} ignored "registryId", "imageManifest", "imageManifestMediaType", "acceptedMediaTypes", "uploadId", "partFirstByte",
    "partLastByte", "maxResults", "filter", "nextToken", "policyText", "force", "registryIds");

#[derive(Default)]
struct ImageId<'a> {
    tag: Option<Text<'a>>,
    digest: Option<Text<'a>>,
    unknown: Unknown<'a>,
}
object!(ImageId { "imageTag" => tag, "imageDigest" => digest });

#[derive(Default)]
struct Answered<'a> {
    image: Option<Image<'a>>,
    unknown: Unknown<'a>,
}
object!(Answered { "image" => image }
    ignored "failures", "imageIds", "images", "layerDigest", "uploadId", "repository", "registryId", "repositoryName",
    "partSize", "lastByteReceived", "policyText", "authorizationData", "downloadUrl");

#[derive(Default)]
struct Image<'a> {
    id: Option<ImageId<'a>>,
    unknown: Unknown<'a>,
}
object!(Image { "imageId" => id } ignored "registryId", "repositoryName", "imageManifest", "imageManifestMediaType");

/// Reads one record, or an object of them.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    check_nesting(text)?;
    let refuse = |error| Refusal::of_json(text, &error);
    let records = if super::scan::members(text).any(|(key, _)| key == "Records") {
        let own: Delivered<'_> = serde_json::from_str(text).map_err(refuse)?;
        own.records.ok_or_else(|| Refusal::missing("Records"))?
    } else {
        vec![serde_json::from_str::<Record<'_>>(text).map_err(refuse)?]
    };
    let before = out.len();
    for record in &records {
        record.push(before, reading, out)?;
        if out.len() - before > MAX_EVENTS_PER_RECORD {
            let detail = format!("more than {MAX_EVENTS_PER_RECORD} events");
            return Err(Refusal::new(RefusalReason::TooManyEvents, detail));
        }
    }
    Ok(())
}

impl Record<'_> {
    fn push(&self, before: usize, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
        let source = said(self.source.as_ref()).ok_or_else(|| Refusal::missing("eventSource"))?;
        let name = said(self.name.as_ref()).ok_or_else(|| Refusal::missing("eventName"))?;
        let time = time_of_text(
            "eventTime",
            said(self.time.as_ref()).ok_or_else(|| Refusal::missing("eventTime"))?,
        )?;
        let found = if REGISTRIES.contains(&source) { self.meaning(name, reading)? } else { Vec::new() };
        if found.is_empty() {
            reading.pass(PassReason::NoRegistry);
        }
        reading.note_unknown("", &self.unknown);
        for (number, (artifact, kind)) in found.into_iter().enumerate() {
            let index = u32::try_from(out.len() - before).unwrap_or(u32::MAX);
            out.push(self.event((number, index), time, artifact, kind, reading));
        }
        Ok(())
    }

    fn event(
        &self,
        (number, index): (usize, u32),
        time: EventTime,
        artifact: Option<Artifact>,
        kind: EventKind,
        reading: &mut Reading<'_>,
    ) -> Event {
        let id = said(self.id.as_ref())
            .map(|id| if number == 0 { id.to_owned() } else { format!("{id}#{number}") });
        Event {
            id: reading.id(id.as_deref(), index),
            time,
            position: reading.position(index),
            registry: reading.registry(None),
            artifact,
            actor: self.actor(reading),
            outcome: self.outcome(),
            status: None,
            request_id: said(self.request_id.as_ref()).and_then(|id| reading.text(id)),
            kind,
        }
    }

    /// What a record of ECR says; nothing for what neither asks nor changes anything of an artifact.
    fn meaning(
        &self,
        name: &str,
        reading: &mut Reading<'_>,
    ) -> Result<Vec<(Option<Artifact>, EventKind)>, Refusal> {
        let access = |action| EventKind::Access(Access { action, bytes: None, duration_ms: None });
        let withdraw = || EventKind::Withdraw(Withdraw { action: WithdrawAction::Delete, reason: None });
        let succeeded = self.outcome() == Outcome::Success;
        Ok(match name {
            "BatchGetImage" => {
                self.images(reading)?.into_iter().map(|own| (Some(own), access(AccessAction::Pull))).collect()
            }
            "PutImage" => {
                let own = self.put_image(reading)?;
                let mut found = vec![(Some(own.clone()), access(AccessAction::Push))];
                if succeeded && own.tag.is_some() && own.digest.is_some() {
                    found.push((Some(own), EventKind::Tag(Tag::default())));
                }
                found
            }
            "BatchDeleteImage" => {
                let mut found = Vec::new();
                for own in self.images(reading)? {
                    found.push((Some(own.clone()), access(AccessAction::Delete)));
                    // Deleting a tag alone leaves the image.
                    if succeeded && own.digest.is_some() {
                        found.push((Some(own), withdraw()));
                    }
                }
                found
            }
            "DeleteRepository" => {
                let own = self.repository()?;
                let mut found = vec![(own.clone(), access(AccessAction::Delete))];
                found.extend(succeeded.then(|| (own, withdraw())));
                found
            }
            "GetDownloadUrlForLayer" => vec![(self.layer(reading)?, access(AccessAction::Pull))],
            "InitiateLayerUpload" | "UploadLayerPart" | "CompleteLayerUpload" => {
                vec![(self.layer(reading)?, access(AccessAction::Push))]
            }
            "GetAuthorizationToken" => vec![(None, access(AccessAction::Login))],
            "SetRepositoryPolicy" | "DeleteRepositoryPolicy" if succeeded => {
                let account = Account { change: AccountChange::RoleChanged, target: None };
                vec![(self.repository()?, EventKind::Account(account))]
            }
            "BatchCheckLayerAvailability" => vec![(self.repository()?, access(AccessAction::List))],
            name if ["Describe", "List", "Get"].iter().any(|verb| name.starts_with(verb)) => {
                vec![(self.repository()?, access(AccessAction::List))]
            }
            _ => Vec::new(),
        })
    }

    fn repository(&self) -> Result<Option<Artifact>, Refusal> {
        let name = self.asked.as_ref().and_then(|asked| said(asked.repository.as_ref()));
        name.map(|name| Ok(Artifact::of(&repository_of("repositoryName", name)?))).transpose()
    }

    fn named_repository(&self) -> Result<Artifact, Refusal> {
        self.repository()?.ok_or_else(|| Refusal::missing("requestParameters.repositoryName"))
    }

    fn images(&self, reading: &mut Reading<'_>) -> Result<Vec<Artifact>, Refusal> {
        let repository = self.named_repository()?;
        let images = self.asked.as_ref().and_then(|asked| asked.images.as_deref()).unwrap_or_default();
        if images.is_empty() {
            return Ok(vec![repository]);
        }
        Ok(images.iter().map(|own| own.artifact(&repository, reading)).collect())
    }

    fn put_image(&self, reading: &mut Reading<'_>) -> Result<Artifact, Refusal> {
        let answered =
            self.answered.as_ref().and_then(|own| own.image.as_ref()).and_then(|own| own.id.as_ref());
        let repository = self.named_repository()?;
        let mut own = answered.map_or_else(|| repository.clone(), |id| id.artifact(&repository, reading));
        if own.tag.is_none() {
            let tag = self.asked.as_ref().and_then(|asked| said(asked.tag.as_ref()));
            own.tag = tag.and_then(|tag| reading.text(tag));
        }
        Ok(own)
    }

    fn layer(&self, reading: &mut Reading<'_>) -> Result<Option<Artifact>, Refusal> {
        let asked = self.asked.as_ref();
        let digest = asked.and_then(|asked| {
            said(asked.layer.as_ref()).or_else(|| said(asked.layers.as_deref().and_then(<[_]>::first)))
        });
        let file = digest.and_then(|digest| reading.text(digest));
        Ok(self.repository()?.map(|own| Artifact { file, ..own }))
    }

    fn outcome(&self) -> Outcome {
        match said(self.error_code.as_ref()) {
            None => Outcome::Success,
            Some(code) if code.starts_with("AccessDenied") || code.contains("Unauthorized") => {
                Outcome::Denied
            }
            Some(code) if code.ends_with("NotFoundException") => Outcome::NotFound,
            Some(_) => Outcome::Error,
        }
    }

    fn actor(&self, reading: &mut Reading<'_>) -> Actor {
        let none = Identity::default();
        let own = self.identity.as_ref().unwrap_or(&none);
        let kind = match said(own.kind.as_ref()) {
            Some("AWSService") => Some(ActorKind::Service),
            Some("IAMUser" | "IdentityCenterUser" | "Root") => Some(ActorKind::Human),
            Some("Anonymous") => Some(ActorKind::Anonymous),
            _ => None,
        };
        let principal = said(own.arn.as_ref())
            .or(said(own.user_name.as_ref()))
            .or(said(own.invoked_by.as_ref()))
            .or(said(own.principal.as_ref()));
        let attributes = own.session.as_ref().and_then(|session| session.attributes.as_ref());
        let mfa = attributes.and_then(|own| said(own.mfa.as_ref())).map(|text| text == "true");
        Actor {
            principal: principal.and_then(|name| reading.text(name)),
            kind,
            ip: said(self.address.as_ref()).and_then(super::access::address),
            user_agent: said(self.user_agent.as_ref()).and_then(|text| reading.text(text)),
            token_id: said(own.access_key.as_ref()).and_then(|text| reading.text(text)),
            mfa,
            ..Actor::default()
        }
    }
}

impl ImageId<'_> {
    fn artifact(&self, repository: &Artifact, reading: &mut Reading<'_>) -> Artifact {
        Artifact {
            tag: said(self.tag.as_ref()).and_then(|tag| reading.text(tag)),
            digest: said(self.digest.as_ref()).and_then(|digest| Digest::parse(digest).ok()),
            ..repository.clone()
        }
    }
}
