//! What both signing detectors say in the same words.

use super::Judged;
use crate::change_lane::person_link;
use crate::event::EventKind;
use crate::finding::{Evidence, Fact, Link, RecordPosition};

impl Judged<'_> {
    /// The artifact and its version: `` `axum` 0.8.9 ``.
    pub(super) fn shown_name(&self) -> String {
        let artifact = self.seen.event().artifact.as_ref();
        let name =
            artifact.and_then(|artifact| artifact.key.as_ref()).map(crate::event::ArtifactKey::display_name);
        let name = name.unwrap_or_default();
        let version = artifact.and_then(|artifact| artifact.version.as_ref().or(artifact.tag.as_ref()));
        version.map_or_else(|| format!("`{name}`"), |version| format!("`{name}` {version}"))
    }

    /// The signer: its key or identity.
    pub(super) fn shown_who(&self) -> String {
        self.who.name.to_string()
    }

    /// The digest, short; the version where the log names no digest.
    pub(super) fn shown_digest(&self) -> String {
        let artifact = self.seen.event().artifact.as_ref();
        artifact.and_then(|artifact| artifact.digest.as_ref()).map_or_else(
            || "no digest".to_owned(),
            |digest| {
                let algorithm = digest.as_str().split(':').next().unwrap_or_default();
                format!("{algorithm}:{}", digest.short())
            },
        )
    }

    fn digest(&self) -> Option<String> {
        let artifact = self.seen.event().artifact.as_ref();
        artifact.and_then(|artifact| artifact.digest.as_ref()).map(|digest| digest.as_str().to_owned())
    }

    /// This signature.
    pub(super) fn signature_evidence(&self) -> Evidence {
        let event = self.seen.event();
        let issuer = match &event.kind {
            EventKind::Sign(sign) => sign.signer.issuer.as_ref().map(ToString::to_string),
            _ => None,
        };
        let fact = Fact::Signature {
            role: "this".to_owned(),
            signer: self.shown_who(),
            issuer,
            digest: self.digest(),
        };
        Evidence { fact, time: event.time, position: Some(RecordPosition::from(&event.position)) }
    }

    /// The signature that this one is held against.
    pub(super) fn previous_signature(&self, signer: &str) -> Fact {
        Fact::Signature { role: "previous".to_owned(), signer: signer.to_owned(), issuer: None, digest: None }
    }

    /// Causes that it may share with other findings.
    pub(super) fn links(&self) -> Vec<Link> {
        let event = self.seen.event();
        let mut links = vec![Link::Artifact(std::sync::Arc::clone(&self.subject.name))];
        links.extend(self.digest().map(|digest| Link::Digest(digest.into())));
        links.push(Link::Signer(self.who.name.clone()));
        if let EventKind::Sign(sign) = &event.kind {
            links.extend(sign.signer.run.clone().map(Link::Run));
        }
        links.extend(person_link(event));
        links
    }
}
