//! `signing-hour`: signing at an hour foreign to the signer.
//!
//! Method e8: a kernel estimate on the circle of hours (`statistics/circular_hour.rs`). Alone it says little, ten bits at
//! the most; it is meant to stand beside other findings of the same signer in one incident. A release counts once an
//! hour, however many files are signed. Runbook: docs/runbook.md#signing-hour.

use serde::{Deserialize, Serialize};

use super::{signer_name, signer_row};
use crate::catalogue::CatalogueEntry;
use crate::change_lane::{Acquaintance, Statement, counts, scored, speak, subject, tie};
use crate::creation::shown_release;
use crate::detector::{Detector, Scores, Seen};
use crate::event::{EventKind, EventTime, Span};
use crate::finding::{DetectorId, Link, SubjectKind};
use crate::statistics::circular_hour::{CircularHours, hour_of_day};

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::SigningHour,
    fires_when: "a signer signs at an hour of the day that is foreign to it",
    techniques: &["T1553.002"],
    needs_events: &["sign"],
    needs_fields: &["signer.key_id or signer.identity"],
    warm_up: "20 hours with signatures",
};

/// Hours with signatures before anything is said.
const HOURS_NEEDED: u32 = 20;
/// Surprise from which an hour is kept, in bits: about one signature in thirty of a settled signer.
pub const WORTH_KEEPING_BITS: f64 = 5.0;

/// The detector.
#[derive(Debug, Clone, Copy, Default)]
pub struct SigningHour;

/// The hours of one signer: 40 bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HourState {
    met: Acquaintance,
    hours: CircularHours,
    last: Option<EventTime>,
}

impl Detector for SigningHour {
    type State = HourState;
    const ID: DetectorId = DetectorId::SigningHour;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut HourState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        if !counts(seen) || !matches!(event.kind, EventKind::Sign(_)) {
            return;
        }
        let Some(name) = signer_row(event) else { return };
        let start = seen.now().floor_to(Span::hours(1));
        if state.last.is_some_and(|last| last.floor_to(Span::hours(1)) == start) {
            return;
        }
        state.last = Some(seen.now());
        state.met.meet(seen.now());
        let hour = hour_of_day(event.time);
        if state.hours.observations() >= HOURS_NEEDED {
            let tail = state.hours.tail(hour, tie(seen, Self::ID.as_str(), &name));
            let cell = state.met.cell(Self::ID, &event.registry, seen.now());
            speak(out, WORTH_KEEPING_BITS, tail, cell, |verdict| {
                let (from, to) = state.hours.usual();
                let who = signer_name(event).unwrap_or_else(|| name.clone());
                let before = format!("{from:02} to {to:02} h UTC");
                let statement = Statement {
                    field: "hour of signing",
                    after: format!("{hour:02} h UTC"),
                    summary: format!(
                        "{} was signed by {who} at {hour:02} h UTC; of its signing nine in ten fall between {before}",
                        shown_release(event)
                    ),
                    silent_had: format!("it been signed between {before}"),
                    before,
                    earlier: vec![],
                    links: vec![Link::Signer(who)],
                    slsa_threat: None,
                };
                let signer = subject(event, SubjectKind::Signer, &name);
                scored(seen, (Self::ID, Self::MAJOR), signer, verdict, statement.explained(seen))
            });
        }
        state.hours.update(hour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::story::{Stage, check_signers as check, size_after};

    /// A hundred releases, at ten and at eleven.
    fn mornings() -> String {
        let day = |at: usize| {
            format!(
                "+{}h sign app@1.{at}.0 digest=d{at} key=K1\n",
                if at.is_multiple_of(2) { 25 } else { 23 }
            )
        };
        format!("+10h sign app@0.0.0 digest=d key=K1\n{}", (0..150).map(day).collect::<String>())
    }

    #[test]
    fn three_in_the_morning_is_told_and_noon_is_not() {
        let said = check(
            &SigningHour,
            &format!("{} +17h sign app@2.0.0 digest=e key=K1 => signing-hour 5", mornings()),
        );
        let explanation = &said.last().unwrap().explanation;
        assert!(explanation.summary.contains("was signed by K1 at 03 h UTC"), "{}", explanation.summary);
        check(&SigningHour, &format!("{} +25h sign app@2.0.0 digest=e key=K1 => silence", mornings()));
    }

    #[test]
    fn on_its_first_days_a_signer_has_no_hours() {
        check(
            &SigningHour,
            "19x +1d sign app@1.#.0 digest=d# key=K1 => silence\n +12h sign app@2.0.0 digest=e key=K1 => silence",
        );
    }

    #[test]
    fn its_state_stays_small() {
        let bytes = size_after(Stage::new(&SigningHour).by_signer(), &mornings());
        assert!(bytes < 64, "{bytes}");
    }
}
