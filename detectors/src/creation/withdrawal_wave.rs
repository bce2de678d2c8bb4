//! `withdrawal-wave`: yanks, deletions and deprecations beyond rhythm.
//!
//! Method a. Distinct artifacts taken back within an hour and within a day, by one principal where the log says who, else
//! in one registry, held against its own windows with withdrawals. Cleaning up after an attack looks the same: the wave is
//! told once and folds into the attack's incident. Counts alone end at medium. ATT&CK T1485. Runbook: docs/runbook.md#withdrawal-wave.

use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    CountState, CountWords, Counting, Thing, Within, counts, principal_link, shown_usual, subject,
};
use crate::detector::{Detector, Scores, Seen};
use crate::event::{EventKind, WithdrawAction};
use crate::finding::{DetectorId, SubjectKind};

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::WithdrawalWave,
    fires_when: "more is yanked, deleted or deprecated than is usual for who does it, or for the registry",
    techniques: &["T1485"],
    needs_events: &["withdraw"],
    needs_fields: &["artifact.purl"],
    warm_up: "8 hours or days with withdrawals, else the registry's",
};

/// The detector.
#[derive(Debug, Clone)]
pub struct WithdrawalWave(Counting);

impl Default for WithdrawalWave {
    fn default() -> Self {
        let what = ["withdrawal-wave hour", "withdrawal-wave day"];
        Self(Counting::new(Self::ID, Self::MAJOR, what, "versions taken back"))
    }
}

impl Detector for WithdrawalWave {
    type State = CountState;
    const ID: DetectorId = DetectorId::WithdrawalWave;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut CountState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let (EventKind::Withdraw(withdraw), Some(artifact), true) =
            (&event.kind, &event.artifact, counts(seen))
        else {
            return;
        };
        if matches!(withdraw.action, WithdrawAction::Unyank | WithdrawAction::Release) {
            return;
        }
        let Some(key) = &artifact.key else { return };
        let (whose, who) = match &event.actor.principal {
            Some(principal) => (subject(event, SubjectKind::Principal, principal), format!("`{principal}`")),
            None => (
                subject(event, SubjectKind::Registry, &event.registry),
                format!("the registry `{}`", event.registry),
            ),
        };
        let (name, version) = (key.shared(), artifact.version.as_deref().unwrap_or_default());
        let distinct = format!("{}@{version}", key.as_str());
        for within in [Within::Hour, Within::Day] {
            let thing = Thing { key: &distinct, name: &name, of: &whose.name };
            self.0.count(state, seen, &whose, (within, thing), out, |look| {
                let time = if within == Within::Hour { "an hour" } else { "a day" };
                let most = look.usual.2.max(2.0);
                CountWords {
                    summary: format!(
                        "{who} took back {} versions within {time}, such as {}; {}",
                        look.count,
                        look.shown_examples(),
                        shown_usual(look)
                    ),
                    silent_had: format!("{who} taken back at most {most} versions within {time}"),
                    links: event.actor.principal.iter().map(|name| principal_link(event, name)).collect(),
                    slsa_threat: None,
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::story::{check_principals as check, state_size};

    /// Somebody takes a version back now and then.
    const TIDY: &str = "20x +9d withdraw lib@1.#.0 action=yank actor=ann => silence\n";

    #[test]
    fn a_hundred_versions_at_once_are_told_and_one_is_not() {
        let wave = WithdrawalWave::default();
        let said = check(&wave, &format!("{TIDY} 100x +2s withdraw p#@1.0.0 action=unpublish actor=ann"));
        let explanation = &said.last().unwrap().explanation;
        assert!(explanation.summary.starts_with("`ann` took back"), "{}", explanation.summary);
        check(&wave, &format!("{TIDY} 2x +2s withdraw p#@1.0.0 action=unpublish actor=ann => silence"));
        check(&wave, &format!("{TIDY} 100x +2s withdraw p#@1.0.0 action=unyank actor=ann => silence"));
    }

    #[test]
    fn without_a_past_a_few_are_no_wave() {
        check(&WithdrawalWave::default(), "4x +1m withdraw p#@1.0.0 action=yank actor=new => silence");
    }

    #[test]
    fn its_state_stays_small() {
        let bytes = state_size(&WithdrawalWave::default(), TIDY);
        assert!(bytes < 700, "{bytes}");
    }
}
