//! `dormant-revival`: a publish after a gap that is foreign to the artifact, or to the account.
//!
//! Method f.3. Gaps between publishes are log-normal with a Student-t predictive; the p-value is P(gap ≥ this one), and
//! one second a publish longer would be as surprising. Judged for the artifact, and for the publisher's account, whose
//! gap says that a forgotten credential is in use again. A version of the same day is part of the publish before it.
//! ATT&CK T1195.002. Runbook: docs/runbook.md#dormant-revival.

use serde::{Deserialize, Serialize};

use super::{publisher, shown_release};
use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    Acquaintance, Place, Places, Statement, artifact_subject, counts, principal_link, scored,
    shown_time_apart, speak, subject,
};
use crate::detector::{Detector, Scores, Seen};
use crate::event::{EventKind, EventTime, Span};
use crate::finding::{DetectorId, Fact, SubjectKind};
use crate::statistics::Tail;
use crate::statistics::log_normal::{LogNormal, LogNormalPrior};

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::DormantRevival,
    fires_when: "an artifact or an account publishes again after a gap that is foreign to it",
    techniques: &["T1195.002"],
    needs_events: &["publish"],
    needs_fields: &["artifact.purl"],
    warm_up: "four earlier gaps of a day or more",
};

/// Surprise from which a gap is kept, in bits.
const WORTH_KEEPING_BITS: f64 = 8.0;
/// A version that follows so soon belongs to the publish before it.
const SAME_PUBLISH: Span = Span::days(1);
/// Gaps before anything is said: one or two do not make a rhythm.
const GAPS_NEEDED: f64 = 3.5;

/// What is believed of gaps before any is known: a month, within a factor of e² or so.
fn prior() -> LogNormalPrior {
    LogNormalPrior::new(30.0, 2.0, 4.0)
}

/// The detector, for artifacts or for accounts.
#[derive(Debug, Clone, Copy)]
pub struct DormantRevival {
    of: SubjectKind,
}

impl Default for DormantRevival {
    fn default() -> Self {
        Self { of: SubjectKind::Artifact }
    }
}

impl DormantRevival {
    /// The one that watches accounts.
    #[must_use]
    pub const fn of_accounts() -> Self {
        Self { of: SubjectKind::Principal }
    }
}

/// The gaps of one subject: 80 bytes and the name of its stream.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GapState {
    places: Places,
    met: Acquaintance,
    gaps: LogNormal,
    last: Option<(EventTime, Place)>,
}

impl Detector for DormantRevival {
    type State = GapState;
    const ID: DetectorId = DetectorId::DormantRevival;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut GapState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        if !counts(seen) || !matches!(event.kind, EventKind::Publish(_)) {
            return;
        }
        let who = match self.of {
            SubjectKind::Artifact => artifact_subject(event),
            _ => publisher(event).map(|name| subject(event, SubjectKind::Principal, name)),
        };
        let Some(who) = who else { return };
        let place = state.places.keep(&event.position);
        let Some((last, last_place)) = state.last.replace((seen.now(), place)) else { return };
        let gap = seen.now().since(last);
        if gap < SAME_PUBLISH {
            return;
        }
        state.met.meet(seen.now());
        let days = gap.as_days_f64();
        if state.gaps.observations() >= GAPS_NEEDED {
            let tail = Tail::continuous(state.gaps.upper(&prior(), days).get());
            let cell = state.met.cell(Self::ID, &event.registry, seen.now());
            speak(out, WORTH_KEEPING_BITS, tail, cell, |verdict| {
                let usual = Span::secs((state.gaps.typical(&prior()) * 86_400.0) as i64);
                let (usual, apart) = (shown_time_apart(usual), shown_time_apart(gap));
                let release = shown_release(event);
                let summary = match self.of {
                    SubjectKind::Artifact => {
                        format!("{release} was published after {apart} without one; usual are {usual}")
                    }
                    _ => format!(
                        "`{}` published {release} after {apart} without any publish; usual are {usual}",
                        who.name
                    ),
                };
                let earlier = Fact::Publish { version: "before".to_owned(), publisher: String::new() };
                let statement = Statement {
                    field: "time since the publish before",
                    before: usual.clone(),
                    after: apart,
                    summary,
                    silent_had: format!("the publish come after the usual {usual} or so"),
                    earlier: vec![(earlier, last, state.places.find(last_place))],
                    links: match self.of {
                        SubjectKind::Principal => vec![principal_link(event, &who.name)],
                        _ => vec![],
                    },
                    slsa_threat: None,
                };
                scored(seen, (Self::ID, Self::MAJOR), who.clone(), verdict, statement.explained(seen))
            });
        }
        state.gaps.update(days);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::draws::{Draws, exceedance};
    use crate::change_lane::story::{Stage, check, check_principals, state_size};

    const MONTHLY: &str = "30x +30d publish coa@2.0.# by=ann => silence\n";

    #[test]
    fn years_of_silence_are_told_and_a_long_summer_is_not() {
        let said = check(
            &DormantRevival::default(),
            &format!("{MONTHLY} +1400d publish coa@2.0.31 by=ann => dormant-revival 8"),
        );
        let explanation = &said[0].explanation;
        assert_eq!(
            explanation.summary,
            "`coa` 2.0.31 was published after 3.8 years without one; usual are 30 days"
        );
        assert!(explanation.evidence.iter().all(|item| item.position.is_some()));
        check(&DormantRevival::default(), &format!("{MONTHLY} +32d publish coa@2.0.31 by=ann => silence"));
    }

    #[test]
    fn an_account_that_slept_is_told_whatever_it_publishes() {
        let story = "20x +20d publish p#@1.0.0 by=old => silence\n +1500d publish q@9.0.0 by=old => dormant-revival 8";
        check_principals(&DormantRevival::of_accounts(), story);
    }

    #[test]
    fn without_a_rhythm_nothing_is_said() {
        check(
            &DormantRevival::default(),
            "3x +3d publish a@1.0.# => silence\n +2000d publish a@2.0.0 => silence",
        );
        check(
            &DormantRevival::default(),
            "40x +10m publish a@1.0.# => silence\n +900d publish a@2.0.0 => silence",
        );
    }

    #[test]
    fn gaps_that_are_log_normal_give_p_values_that_are_conservative() {
        let mut draws = Draws::seeded(2);
        let detector = DormantRevival::default();
        let mut stage = Stage::fast(&detector, 3);
        let mut values = Vec::new();
        for artifact in 0..200 {
            let (middle, spread) = (3.0 + 30.0 * draws.uniform(), 0.3 + draws.uniform());
            for release in 0..40 {
                let hours = (24.0 * middle * libm::exp(spread * draws.normal())).max(25.0) as i64;
                let looks = stage.play(&format!("+{hours}h publish a{artifact}@1.0.{release}"));
                values.extend(looks.iter().filter_map(|look| Some(look.calibration.as_ref()?.1.get())));
            }
        }
        for (level, most) in [(0.1, 1.3), (0.01, 1.5), (0.001, 2.0)] {
            let ratio = exceedance(&values, level);
            assert!(ratio < most, "{level}: {ratio} of {}", values.len());
        }
    }

    #[test]
    fn its_state_stays_small() {
        let bytes = state_size(&DormantRevival::default(), MONTHLY);
        assert!(bytes < 160, "{bytes}");
    }
}
