//! `new-account-publish`: the age of the account that publishes, against what this artifact ever had.
//!
//! Methods c and f. Each publish is a chance for four rare outcomes: by an account younger than an hour, a day, a week, a
//! month. Rates are learned per artifact and shrunk to the registry, so where newcomers publish first versions all day
//! long it is ordinary, and on an artifact of years it is not. An account's age is what the log says of it.
//! ATT&CK T1195.002, T1136. Runbook: docs/runbook.md#new-account-publish.

use serde::{Deserialize, Serialize};

use super::{publisher, shown_release};
use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    Acquaintance, Chance, Choice, Habits, RareOutcome, Statement, any, artifact_subject, counts,
    principal_link, shown_time_apart,
};
use crate::detector::{Detector, EXPLAINED_FROM_BITS, Scores, Seen};
use crate::event::{EventKind, Span};
use crate::finding::DetectorId;

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::NewAccountPublish,
    fires_when: "the account that publishes is younger than any that this artifact or registry is used to",
    techniques: &["T1195.002", "T1136"],
    needs_events: &["publish"],
    needs_fields: &["actor.account_created"],
    warm_up: "none: a stated guess, then the registry's rates, then the artifact's own",
};

/// Ages below which an account is young, the youngest first.
const AGES: [Span; 4] = [Span::hours(1), Span::days(1), Span::days(7), Span::days(30)];

/// Guesses for an unknown registry. Registries gain a few per cent of their accounts a month, and newcomers publish less
/// than residents: 1 % of publishes by accounts of less than a month, and in proportion below.
const CHOICE: Choice = Choice {
    detector: DetectorId::NewAccountPublish,
    major: NewAccountPublish::MAJOR,
    what: "new-account-publish",
    outcomes: &[
        RareOutcome { guess: 0.000_5, worth: 200.0, strength: 10.0 },
        RareOutcome { guess: 0.001, worth: 200.0, strength: 10.0 },
        RareOutcome { guess: 0.003, worth: 200.0, strength: 10.0 },
        RareOutcome { guess: 0.006, worth: 200.0, strength: 10.0 },
    ],
};

/// The detector.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewAccountPublish;

/// How old the accounts were that published one artifact: 120 bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AccountAgeState {
    met: Acquaintance,
    habits: Habits,
    /// The youngest account so far, in days.
    youngest: Option<f32>,
}

impl Detector for NewAccountPublish {
    type State = AccountAgeState;
    const ID: DetectorId = DetectorId::NewAccountPublish;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut AccountAgeState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        if !counts(seen) || !matches!(event.kind, EventKind::Publish(_)) {
            return;
        }
        let (Some(created), Some(artifact)) = (event.actor.account_created, artifact_subject(event)) else {
            return;
        };
        let age = seen.now().since(created);
        state.met.meet(seen.now());
        let chance = Chance {
            seen,
            subject: &artifact,
            met: &state.met,
            outcome: AGES.iter().position(|limit| age < *limit),
            possible: &any,
            within: None,
            from_bits: EXPLAINED_FROM_BITS,
        };
        let youngest = state.youngest;
        CHOICE.judge(&mut state.habits, &chance, out, || {
            let who = publisher(event).map_or("an account", |name| &**name);
            let apart = shown_time_apart(age);
            let usual = youngest.map_or_else(
                || "no account published here before".to_owned(),
                |days| {
                    let span = Span::secs((f64::from(days) * 86_400.0) as i64);
                    format!("the youngest account before was {} old", shown_time_apart(span))
                },
            );
            Statement {
                field: "age of the account",
                before: "30 days or more".to_owned(),
                after: apart.clone(),
                summary: format!(
                    "{} was published by `{who}`, an account made {apart} before; {usual}",
                    shown_release(event)
                ),
                silent_had: "the account been older than a month".to_owned(),
                earlier: vec![],
                links: publisher(event).map(|name| principal_link(event, name)).into_iter().collect(),
                slsa_threat: Some('A'),
            }
            .explained(seen)
        });
        let days = age.as_days_f64() as f32;
        state.youngest = Some(state.youngest.map_or(days, |known| known.min(days)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::story::{check, state_size};

    const OLD: &str = "30x +7d publish lib@1.#.0 by=ann created=900d => silence\n";

    #[test]
    fn an_account_of_minutes_publishes_what_residents_publish() {
        let said = check(
            &NewAccountPublish,
            &format!("{OLD} +1d publish lib@2.0.0 by=eve created=9m => new-account-publish 11"),
        );
        assert_eq!(
            said[0].explanation.summary,
            "`lib` 2.0.0 was published by `eve`, an account made 9 minutes before; the youngest account before was 2.5 years old"
        );
        check(&NewAccountPublish, &format!("{OLD} +1d publish lib@2.0.0 by=eve created=31d => silence"));
    }

    #[test]
    fn where_newcomers_publish_all_day_it_is_ordinary() {
        check(
            &NewAccountPublish,
            "200x +20m publish p#@1.0.0 by=n# created=5m\n 50x +20m publish q#@1.0.0 by=m# created=5m => silence",
        );
    }

    #[test]
    fn on_the_first_day_a_young_account_is_at_most_low() {
        let said = check(&NewAccountPublish, "+1d publish new@1.0.0 by=eve created=2h");
        assert!(said.len() <= 1);
        check(&NewAccountPublish, "+1d publish new@1.0.0 by=eve => silence");
    }

    #[test]
    fn its_state_stays_small() {
        let bytes = state_size(&NewAccountPublish, OLD);
        assert!(bytes < 128, "{bytes}");
    }
}
