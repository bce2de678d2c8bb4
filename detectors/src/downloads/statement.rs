//! What a download detector says, put together in one way.

use crate::detector::{Explanation, Scored, Verdict};
use crate::event::EventTime;
use crate::finding::{Anchor, Band, DetectorId, Evidence, Link, Measure, Subject, SubjectKind};

/// All of a statement but how surprising it is.
pub(super) struct Statement {
    pub(super) detector: DetectorId,
    pub(super) subject: Subject,
    pub(super) time: EventTime,
    pub(super) anchor: Anchor,
    pub(super) observed: Measure,
    pub(super) expected: Option<Band>,
    pub(super) summary: String,
    pub(super) counterfactual: String,
    pub(super) evidence: Vec<Evidence>,
}

impl Statement {
    /// The statement with its verdict; it is linked to its subject.
    pub(super) fn scored(self, verdict: Verdict) -> Scored {
        let name = &self.subject.name;
        let links = match self.subject.kind {
            SubjectKind::Artifact => vec![Link::Artifact(name.clone())],
            SubjectKind::Principal => {
                vec![Link::Principal(format!("{} {name}", self.subject.registry).into())]
            }
            SubjectKind::Signer | SubjectKind::Registry => Vec::new(),
        };
        Scored {
            time: self.time,
            detector: self.detector,
            major: crate::catalogue::major(self.detector),
            subject: self.subject,
            anchor: self.anchor,
            verdict,
            explanation: Explanation {
                observed: self.observed,
                expected: self.expected,
                summary: self.summary,
                counterfactual: self.counterfactual,
                evidence: self.evidence,
                links,
                slsa_threat: None,
            },
        }
    }
}
