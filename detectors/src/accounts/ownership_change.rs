//! `ownership-change`: owners come and go, accounts are recovered, second factors fall, and then somebody publishes.
//!
//! Method f.4. A change arms the account it concerns for two weeks; its next publish is a chance for three rare outcomes:
//! after a recovery (password, e-mail address or second factor), after new rights, after a new credential. Within the
//! outcome the time since the change ranks: who steals an account uses it soon. Of an artifact, what happens to its
//! owners is judged at once: everybody replaced, an owner added, one removed. Events that name no artifact reach the
//! account they concern. ATT&CK T1098, T1078. Runbook: docs/runbook.md#ownership-change.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    Acquaintance, Chance, Choice, Habits, Place, Places, RareOutcome, Statement, any, artifact_subject,
    counts, principal_link, short_name, shown_time_apart, subject,
};
use crate::creation::{publisher, shown_release};
use crate::detector::{Detector, EXPLAINED_FROM_BITS, Scores, Seen};
use crate::event::{AccountChange, EventKind, EventTime, Span};
use crate::finding::{DetectorId, Fact, SubjectKind};
use crate::metadata::change_word;
use crate::statistics::Tail;

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::OwnershipChange,
    fires_when: "an account publishes soon after its recovery, its new rights or its new credential; owners are replaced",
    techniques: &["T1098", "T1078"],
    needs_events: &["account"],
    needs_fields: &["actor.principal or account.target"],
    warm_up: "none: a stated guess, then the registry's rates, then the account's own",
};

/// How long a change counts (methods f.4: half-life 14 days; a bound is easier to explain).
pub const ARMED_FOR: Span = Span::days(14);

/// What is behind a publish, the most surprising first. Guesses: recoveries concern one account in five hundred within
/// two weeks, rights and credentials a few in a hundred, since CI tokens are renewed every few months.
const PUBLISH: Choice = Choice {
    detector: DetectorId::OwnershipChange,
    major: 1,
    what: "ownership-change publish",
    outcomes: &[
        RareOutcome { guess: 0.002, worth: 100.0, strength: 5.0 },
        RareOutcome { guess: 0.01, worth: 100.0, strength: 5.0 },
        RareOutcome { guess: 0.03, worth: 100.0, strength: 5.0 },
    ],
};

/// What happens to an artifact's owners, per publish or change of rights: replaced, added, removed.
const OWNERS: Choice = Choice {
    detector: DetectorId::OwnershipChange,
    major: 1,
    what: "ownership-change owners",
    outcomes: &[
        RareOutcome { guess: 0.001, worth: 100.0, strength: 5.0 },
        RareOutcome { guess: 0.02, worth: 100.0, strength: 5.0 },
        RareOutcome { guess: 0.02, worth: 100.0, strength: 5.0 },
    ],
};

/// The detector, for accounts or for artifacts.
#[derive(Debug, Clone, Copy)]
pub struct OwnershipChange {
    of: SubjectKind,
}

impl Default for OwnershipChange {
    fn default() -> Self {
        Self { of: SubjectKind::Principal }
    }
}

impl OwnershipChange {
    /// The one that watches who owns an artifact.
    #[must_use]
    pub const fn of_artifacts() -> Self {
        Self { of: SubjectKind::Artifact }
    }
}

/// What is known of one account's or artifact's changes: 130 bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OwnershipState {
    places: Places,
    met: Acquaintance,
    habits: Habits,
    armed: Option<Armed>,
}

/// A change that has not been followed by a publish yet, or an owner that was added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Armed {
    change: AccountChange,
    time: EventTime,
    place: Place,
    who: Option<Arc<str>>,
}

impl Detector for OwnershipChange {
    type State = OwnershipState;
    const ID: DetectorId = DetectorId::OwnershipChange;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut OwnershipState, seen: &Seen<'_>, out: &mut Scores) {
        if !counts(seen) {
            return;
        }
        let now = seen.now();
        state.armed.take_if(|armed| now.since(armed.time) > ARMED_FOR);
        match (self.of, &seen.event().kind) {
            (SubjectKind::Artifact, EventKind::Account(account)) => {
                owners_changed(state, seen, Some((account.change, account.target.as_ref())), out);
            }
            (SubjectKind::Artifact, EventKind::Publish(_)) => owners_changed(state, seen, None, out),
            (SubjectKind::Principal, EventKind::Account(account)) => arm(state, seen, account.change),
            (SubjectKind::Principal, EventKind::Publish(_)) => published(state, seen, out),
            _ => {}
        }
    }
}

/// How surprising a publish after such a change is; `None` for what makes nobody more powerful.
const fn rank(change: AccountChange) -> Option<usize> {
    match change {
        AccountChange::PasswordReset | AccountChange::EmailChanged | AccountChange::MfaDisabled => Some(0),
        AccountChange::OwnerAdded | AccountChange::PublisherAdded | AccountChange::RoleChanged => Some(1),
        AccountChange::TokenCreated | AccountChange::LoginNewDevice | AccountChange::KeyAdded => Some(2),
        _ => None,
    }
}

/// Remembers the change that says most.
fn arm(state: &mut OwnershipState, seen: &Seen<'_>, change: AccountChange) {
    let Some(new) = rank(change) else { return };
    if state.armed.as_ref().and_then(|armed| rank(armed.change)).is_some_and(|known| known < new) {
        return;
    }
    let place = state.places.keep(&seen.event().position);
    state.armed = Some(Armed { change, time: seen.event().time, place, who: None });
}

fn published(state: &mut OwnershipState, seen: &Seen<'_>, out: &mut Scores) {
    let event = seen.event();
    let Some(name) = publisher(event) else { return };
    let account = subject(event, SubjectKind::Principal, name);
    state.met.meet(seen.now());
    let armed = state.armed.take();
    let gap = armed.as_ref().map(|armed| seen.now().since(armed.time));
    let chance = Chance {
        seen,
        subject: &account,
        met: &state.met,
        outcome: armed.as_ref().and_then(|armed| rank(armed.change)),
        possible: &any,
        within: gap
            .map(|gap| Tail::continuous((gap.as_days_f64() / ARMED_FOR.as_days_f64()).clamp(0.01, 1.0))),
        from_bits: EXPLAINED_FROM_BITS,
    };
    let places = &state.places;
    PUBLISH.judge(&mut state.habits, &chance, out, || {
        let armed = armed.as_ref().map(|armed| (armed.change, armed.time, places.find(armed.place)));
        let (change, time, position) = armed.unwrap_or((AccountChange::RoleChanged, seen.now(), None));
        let (what, apart) = (change_word(change), shown_time_apart(seen.now().since(time)));
        let fact = Fact::Field {
            field: "account".to_owned(),
            before: String::new(),
            after: what.to_owned(),
            bits: 0.0,
        };
        Statement {
            field: "account",
            before: "no change in two weeks".to_owned(),
            after: what.to_owned(),
            summary: format!(
                "`{name}` published {} {apart} after a change of its account: {what}",
                shown_release(event)
            ),
            silent_had: format!("`{name}` published without a change of its account in the two weeks before"),
            earlier: vec![(fact, time, position)],
            links: vec![principal_link(event, name)],
            slsa_threat: Some('A'),
        }
        .explained(seen)
    });
}

/// Judges what happens to an artifact's owners.
fn owners_changed(
    state: &mut OwnershipState,
    seen: &Seen<'_>,
    change: Option<(AccountChange, Option<&Arc<str>>)>,
    out: &mut Scores,
) {
    let event = seen.event();
    let Some(artifact) = artifact_subject(event) else { return };
    let target = change.and_then(|(_, target)| target);
    let outcome = match change.map(|(change, _)| change) {
        // Somebody new is in, and somebody else is out.
        Some(AccountChange::OwnerRemoved) => {
            let replaced = state.armed.as_ref().is_some_and(|armed| armed.who.as_ref() != target);
            Some(if replaced { 0 } else { 2 })
        }
        Some(AccountChange::OwnerAdded | AccountChange::PublisherAdded) => Some(1),
        Some(_) => return,
        None => None,
    };
    state.met.meet(seen.now());
    let armed = state.armed.clone();
    let chance = Chance {
        seen,
        subject: &artifact,
        met: &state.met,
        outcome,
        possible: &any,
        within: None,
        from_bits: EXPLAINED_FROM_BITS,
    };
    let places = &state.places;
    OWNERS.judge(&mut state.habits, &chance, out, || {
        let name = shown_release(event);
        let whom = target.map_or_else(|| "somebody".to_owned(), |target| format!("`{target}`"));
        let earlier: Vec<_> = armed
            .iter()
            .map(|armed| {
                let fact = Fact::Field {
                    field: "owner".to_owned(),
                    before: String::new(),
                    after: change_word(armed.change).to_owned(),
                    bits: 0.0,
                };
                (fact, armed.time, places.find(armed.place))
            })
            .collect();
        let (after, summary) = match (outcome, &armed) {
            (Some(0), Some(armed)) => {
                let apart = shown_time_apart(seen.now().since(armed.time));
                (
                    "an owner was replaced",
                    format!("{name} lost its owner {whom}, {apart} after it got another one"),
                )
            }
            (Some(1), _) => ("an owner was added", format!("{name} got {whom} as an owner or publisher")),
            _ => ("an owner was removed", format!("{name} lost its owner {whom}")),
        };
        Statement {
            field: "owners",
            before: "no change".to_owned(),
            after: after.to_owned(),
            summary,
            silent_had: "its owners stayed as they were".to_owned(),
            earlier,
            links: target.map(|target| principal_link(event, target)).into_iter().collect(),
            slsa_threat: Some('A'),
        }
        .explained(seen)
    });
    if let Some((change @ (AccountChange::OwnerAdded | AccountChange::PublisherAdded), _)) = change {
        let place = state.places.keep(&event.position);
        state.armed = Some(Armed { change, time: event.time, place, who: target.map(short_name) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::story::{Stage, check, check_principals, size_after};

    const JASON: &str = "40x +9d publish axios@1.#.0 by=jason => silence\n";

    #[test]
    fn a_publish_hours_after_a_recovery_is_told() {
        let accounts = OwnershipChange::default();
        let said = check_principals(
            &accounts,
            &format!(
                "{JASON} +1d account - change=email-changed actor=jason => silence\n +18h publish axios@1.41.0 by=jason => ownership-change 12"
            ),
        );
        let explanation = &said[0].explanation;
        assert_eq!(
            explanation.summary,
            "`jason` published `axios` 1.41.0 18 hours after a change of its account: an e-mail address changed"
        );
        assert_eq!(explanation.evidence.len(), 2);
        assert!(explanation.evidence.iter().all(|item| item.position.is_some()));
        check_principals(&accounts, &format!("{JASON} +1d publish axios@1.41.0 by=jason => silence"));
        check_principals(
            &accounts,
            &format!(
                "{JASON} +1d account - change=email-changed actor=jason\n +15d publish axios@1.41.0 by=jason => silence"
            ),
        );
    }

    #[test]
    fn what_an_administrator_does_arms_the_one_it_is_done_to() {
        check_principals(
            &OwnershipChange::default(),
            &format!(
                "{JASON} +1d account - change=mfa-disabled actor=admin target=jason => silence\n +1h publish axios@1.41.0 by=jason => ownership-change 12"
            ),
        );
    }

    #[test]
    fn tokens_that_are_renewed_by_habit_are_ordinary() {
        let renewal = "+20d account - change=token-created actor=ci\n +1h publish a@1.0.0 by=ci";
        let story = format!("{}{renewal} => silence", format!("{renewal}\n").repeat(12));
        check_principals(&OwnershipChange::default(), &story);
    }

    #[test]
    fn an_owner_that_is_replaced_is_told_and_one_that_leaves_is_kept() {
        let artifacts = OwnershipChange::of_artifacts();
        let said = check(
            &artifacts,
            &format!(
                "{JASON} +1d account axios change=owner-added target=eve actor=jason\n +1h account axios change=owner-removed target=jason actor=eve => ownership-change 10"
            ),
        );
        assert_eq!(
            said.last().unwrap().explanation.summary,
            "`axios` lost its owner `jason`, 1 hour after it got another one".replace("1 hour", "60 minutes")
        );
        check(&artifacts, &format!("{JASON} +1d publish axios@2.0.0 by=jason => silence"));
    }

    #[test]
    fn its_state_stays_small() {
        let accounts = OwnershipChange::default();
        let bytes = size_after(Stage::new(&accounts).by_principal(), JASON);
        assert!(bytes < 200, "{bytes}");
    }
}
