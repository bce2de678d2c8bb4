//! `publish-burst`: more versions or artifacts by one publisher than its own history allows.
//!
//! Methods a and f.5. Per publisher, two counts: the version numbers of an hour (so that a release train, which gives all
//! its packages one number, counts once), and the artifacts of a day. Each is held against the publisher's own windows
//! with publishes (Gamma–Poisson with learned dispersion), of which a share is taken to be like anybody's in the registry;
//! a publisher without a past is held against the registry alone. Counts alone end at medium. ATT&CK T1195.002.
//! Runbook: docs/runbook.md#publish-burst.

use super::publisher;
use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    CountState, CountWords, Counting, Thing, Within, counts, principal_link, shown_usual, subject,
};
use crate::detector::{Detector, Scores, Seen};
use crate::finding::{DetectorId, SubjectKind};

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::PublishBurst,
    fires_when: "one publisher publishes more versions or artifacts than its own history allows",
    techniques: &["T1195.002"],
    needs_events: &["publish"],
    needs_fields: &["artifact.purl", "actor.principal or metadata.publisher"],
    warm_up: "8 hours or days with publishes, else the registry's",
};

/// The detector.
#[derive(Debug, Clone)]
pub struct PublishBurst(Counting);

impl Default for PublishBurst {
    fn default() -> Self {
        let what = ["publish-burst hour", "publish-burst day"];
        Self(Counting::new(Self::ID, Self::MAJOR, what, "versions or artifacts"))
    }
}

impl Detector for PublishBurst {
    type State = CountState;
    const ID: DetectorId = DetectorId::PublishBurst;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut CountState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let (Some(publisher), Some(artifact), true) = (publisher(event), &event.artifact, counts(seen))
        else {
            return;
        };
        let Some(key) = &artifact.key else { return };
        let principal = subject(event, SubjectKind::Principal, publisher);
        let name = key.shared();
        let version = artifact.version.as_deref().or(artifact.tag.as_deref()).unwrap_or_default();
        for (within, key, what) in
            [(Within::Hour, version, "versions"), (Within::Day, key.as_str(), "artifacts")]
        {
            let thing = Thing { key, name: &name, of: publisher };
            self.0.count(state, seen, &principal, (within, thing), out, |look| {
                let time = if within == Within::Hour { "hour" } else { "day" };
                CountWords {
                    summary: format!(
                        "`{publisher}` published {} {what} within an {time}, such as {}; {}",
                        look.count,
                        look.shown_examples(),
                        shown_usual(look)
                    )
                    .replace("an day", "a day"),
                    silent_had: format!(
                        "`{publisher}` published at most {} {what} within that {time}",
                        look.usual.2.max(2.0)
                    ),
                    links: vec![principal_link(event, publisher)],
                    slsa_threat: Some('A'),
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::story::check_principals as check;

    /// Forty releases of three packages by one person.
    const QIX: &str = "40x +5d publish chalk@5.#.0 by=qix => silence\n";

    #[test]
    fn eighteen_packages_by_one_who_publishes_one_at_a_time() {
        let said = check(
            &PublishBurst::default(),
            &format!("{QIX} +3d publish p0@1.0.1 by=qix => silence\n 18x +20s publish p#@2.#.1 by=qix"),
        );
        let last = said.last().unwrap();
        assert!(last.explanation.summary.starts_with("`qix` published"), "{}", last.explanation.summary);
        assert!(last.explanation.evidence.iter().all(|item| item.position.is_some()));
        // What the counterfactual says.
        check(&PublishBurst::default(), &format!("{QIX} 2x +20s publish p#@2.#.1 by=qix => silence"));
    }

    #[test]
    fn a_release_train_is_nobodys_business() {
        let train = |version: usize| {
            (0..30).map(|package| format!("+1s publish p{package}@1.{version}.0 by=ci\n")).collect::<String>()
        };
        let learned: String = (1..=12)
            .map(|version| format!("+3d publish x@1.{version}.0 by=ci\n{}", train(version)))
            .collect();
        let said = check(
            &PublishBurst::default(),
            &format!(
                "{learned} +1d publish y@3.0.0 by=ci => silence\n 20x +1s publish p#@3.0.0 by=ci => silence"
            ),
        );
        // Only the first trains, before anything is known of the publisher, are worth a line.
        assert!(said.len() <= 8, "{}", said.len());
    }

    #[test]
    fn on_the_first_day_the_registry_answers() {
        check(&PublishBurst::default(), "3x +1m publish p#@1.#.0 by=new => silence");
        let said = check(&PublishBurst::default(), "200x +1s publish p#@1.#.0 by=new");
        assert!(!said.is_empty() && said.iter().all(|said| said.explanation.summary.contains("no past")));
    }

    #[test]
    fn a_burst_does_not_become_normal_at_once() {
        let said = check(
            &PublishBurst::default(),
            &format!(
                "{QIX} 64x +1s publish p#@1.#.1 by=qix\n 20x +5d publish chalk@6.#.0 by=qix => silence\n +2d publish z@1.0.0 by=qix => silence\n 32x +1s publish p#@3.#.1 by=qix"
            ),
        );
        assert!(said.last().unwrap().explanation.summary.contains("such as `z`, `p1`"));
    }

    #[test]
    fn its_state_stays_small() {
        let bytes = crate::change_lane::story::state_size(
            &PublishBurst::default(),
            &format!("{QIX} 200x +1s publish p#@1.#.1 by=qix\n +3d publish a@1.0.0 by=qix"),
        );
        assert!(bytes < 700, "{bytes}");
    }
}
