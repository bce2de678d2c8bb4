//! Which attack a set of changed metadata fields looks like: log-likelihood ratios against three shipped profiles.
//!
//! LLR = log₂ [ mean over profiles of Π Bern(x; max(q, h)) / Π Bern(x; h) ], with h the package's own hazards. In simulation it found
//! 95 % of take-overs, 100 % of hand-overs and 55 % of stealthy pipeline changes at a budget of 1 % of publishes. It ranks; its p-value
//! comes from calibration. It is no e-value: organisation-wide migrations break the independence that would make it one.

use super::p_value::BITS_CAP;
use serde::{Deserialize, Serialize};

/// The fields whose change is looked at, in the order of the profiles' vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// Another account published.
    Publisher,
    /// A maintainer was added.
    MaintainerAdded,
    /// An install script appeared or changed.
    Script,
    /// A dependency was added.
    Dependency,
    /// The licence changed.
    Licence,
    /// The repository address changed.
    Repository,
    /// The size is unusual.
    Size,
    /// Provenance was lost or is weaker.
    ProvenanceLost,
    /// Another tool published.
    Tool,
    /// Published at an hour foreign to the publisher.
    OddHour,
    /// Published after a gap foreign to the package.
    Dormant,
}

/// How many fields there are.
pub const FIELD_COUNT: usize = 11;

impl Field {
    /// All fields, in the order of the profiles' vectors.
    pub const ALL: [Self; FIELD_COUNT] = [
        Self::Publisher,
        Self::MaintainerAdded,
        Self::Script,
        Self::Dependency,
        Self::Licence,
        Self::Repository,
        Self::Size,
        Self::ProvenanceLost,
        Self::Tool,
        Self::OddHour,
        Self::Dormant,
    ];
}

/// How often each field changes in one kind of attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttackProfile {
    /// What people call it.
    pub name: String,
    /// P(field changed) in such an attack, in the order of [`Field::ALL`].
    pub changes: [f64; FIELD_COUNT],
}

/// The profiles that a publish is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackProfiles(Vec<AttackProfile>);

/// What was seen of one field at a publish.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum FieldChange {
    /// Changed, with the hazard it had.
    Changed(f64),
    /// The same as before, with the hazard of a change.
    Same(f64),
    /// Not known at this publish: says nothing either way.
    Unknown,
}

/// How much a publish looks like an attack.
#[derive(Clone, Debug, PartialEq)]
pub struct AttackLikeness {
    /// The log-likelihood ratio in bits; positive speaks for an attack.
    pub bits: f64,
    /// The profile that fits best; `None` when there are no profiles.
    pub profile: Option<String>,
    /// What each known field contributes under that profile, in bits, largest first.
    pub terms: Vec<(Field, f64)>,
}

/// A probability is kept this far from 0 and 1.
const MARGIN: f64 = 1e-6;

/// What a confirmed attack weighs against a profile's own twenty.
const PROFILE_WORTH: f64 = 20.0;

impl Default for AttackProfiles {
    /// Take-over of an account, hand-over to a new maintainer, stealthy change of the build pipeline.
    fn default() -> Self {
        let profile = |name: &str, changes| AttackProfile { name: name.to_owned(), changes };
        Self(vec![
            profile("account takeover", [0.15, 0.15, 0.70, 0.40, 0.03, 0.05, 0.50, 0.50, 0.60, 0.50, 0.25]),
            profile(
                "maintainer handover",
                [0.80, 0.50, 0.35, 0.60, 0.05, 0.20, 0.40, 0.50, 0.60, 0.50, 0.50],
            ),
            profile(
                "stealthy pipeline change",
                [0.05, 0.03, 0.30, 0.60, 0.01, 0.01, 0.50, 0.15, 0.20, 0.30, 0.10],
            ),
        ])
    }
}

impl AttackProfiles {
    /// Other profiles than the shipped ones; probabilities are brought inside (0, 1) where they are used.
    #[must_use]
    pub fn new(profiles: Vec<AttackProfile>) -> Self {
        Self(profiles)
    }

    /// The profiles.
    #[must_use]
    pub fn profiles(&self) -> &[AttackProfile] {
        &self.0
    }

    /// Compares one publish with all profiles. `fields` stands in the order of [`Field::ALL`].
    #[must_use]
    pub fn likeness(&self, fields: &[FieldChange; FIELD_COUNT]) -> AttackLikeness {
        let sums: Vec<f64> = self
            .0
            .iter()
            .map(|profile| fields.iter().zip(profile.changes).filter_map(|(field, q)| term(*field, q)).sum())
            .collect();
        let best = sums
            .iter()
            .enumerate()
            .max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)))
            .map(|(index, sum)| (&self.0[index], *sum));
        let Some((profile, top)) = best else {
            return AttackLikeness { bits: 0.0, profile: None, terms: Vec::new() };
        };
        // The mean of the ratios, without leaving the logarithm.
        let mean = sums.iter().map(|sum| libm::exp2(sum - top)).sum::<f64>() / sums.len() as f64;
        let mut terms: Vec<(Field, f64)> = Field::ALL
            .into_iter()
            .zip(fields)
            .zip(profile.changes)
            .filter_map(|((name, field), q)| Some((name, term(*field, q)?)))
            .collect();
        terms.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        AttackLikeness {
            bits: (top + libm::log2(mean)).clamp(-BITS_CAP, BITS_CAP),
            profile: Some(profile.name.clone()),
            terms,
        }
    }

    /// Learns from a publish that people called malicious: the best fitting profile moves a twenty-first of the way.
    pub fn confirm(&mut self, fields: &[FieldChange; FIELD_COUNT]) {
        let Some(name) = self.likeness(fields).profile else { return };
        let Some(profile) = self.0.iter_mut().find(|profile| profile.name == name) else { return };
        for (q, field) in profile.changes.iter_mut().zip(fields) {
            let seen = match field {
                FieldChange::Changed(_) => 1.0,
                FieldChange::Same(_) => 0.0,
                FieldChange::Unknown => continue,
            };
            *q = (*q * PROFILE_WORTH + seen) / (PROFILE_WORTH + 1.0);
        }
    }
}

/// log₂ of one field's likelihood ratio; a profile never makes a change less likely than the package itself does.
fn term(field: FieldChange, q: f64) -> Option<f64> {
    let inside = |p: f64| if p.is_nan() { 0.5 } else { p.clamp(MARGIN, 1.0 - MARGIN) };
    match field {
        FieldChange::Changed(h) => Some(libm::log2(inside(q).max(inside(h)) / inside(h))),
        FieldChange::Same(h) => Some(libm::log2((1.0 - inside(q).max(inside(h))) / (1.0 - inside(h)))),
        FieldChange::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::{Draws, assert_close};

    /// Benign hazards of an ordinary package.
    const HAZARDS: [f64; FIELD_COUNT] = [0.03, 0.01, 0.01, 0.15, 0.005, 0.005, 0.08, 0.01, 0.04, 0.1, 0.03];

    fn publish(changed: &[Field]) -> [FieldChange; FIELD_COUNT] {
        let mut fields = [FieldChange::Unknown; FIELD_COUNT];
        for ((place, name), h) in fields.iter_mut().zip(Field::ALL).zip(HAZARDS) {
            *place = if changed.contains(&name) { FieldChange::Changed(h) } else { FieldChange::Same(h) };
        }
        fields
    }

    #[test]
    fn the_best_profile_is_named_and_the_terms_stand_largest_first() {
        for (changed, name, first) in [
            (vec![Field::Script, Field::ProvenanceLost, Field::Tool], "account takeover", Field::Script),
            (
                vec![Field::Publisher, Field::MaintainerAdded, Field::Dormant],
                "maintainer handover",
                Field::MaintainerAdded,
            ),
        ] {
            let likeness = AttackProfiles::default().likeness(&publish(&changed));
            assert_eq!(likeness.profile.as_deref(), Some(name));
            assert_eq!(likeness.terms[0].0, first);
            assert!(likeness.terms.is_sorted_by(|a, b| a.1 >= b.1));
            assert!(likeness.bits > 4.0, "{likeness:?}");
        }
    }

    #[test]
    fn a_publish_that_changes_nothing_speaks_against_an_attack() {
        assert!(AttackProfiles::default().likeness(&publish(&[])).bits < -1.0);
    }

    #[test]
    fn a_change_the_package_makes_all_the_time_is_no_evidence() {
        let mut fields = [FieldChange::Unknown; FIELD_COUNT];
        fields[2] = FieldChange::Changed(0.97);
        assert_close(AttackProfiles::default().likeness(&fields).bits, 0.0, 1e-9, "bits");
    }

    #[test]
    fn the_ratio_is_that_of_the_mixture() {
        let mut fields = [FieldChange::Unknown; FIELD_COUNT];
        fields[2] = FieldChange::Changed(0.01);
        // (0.70 + 0.35 + 0.30) / 3 / 0.01 = 45
        assert_close(AttackProfiles::default().likeness(&fields).bits, libm::log2(45.0), 1e-9, "bits");
    }

    #[test]
    fn attacks_rank_above_benign_publishes() {
        let mut draws = Draws::seeded(95);
        let profiles = AttackProfiles::default();
        let mut draw = |chances: &[f64; FIELD_COUNT]| {
            let changed: Vec<Field> = Field::ALL
                .into_iter()
                .zip(chances)
                .filter(|(_, p)| draws.uniform() < **p)
                .map(|(f, _)| f)
                .collect();
            profiles.likeness(&publish(&changed)).bits
        };
        let mut benign: Vec<f64> = (0..20_000).map(|_| draw(&HAZARDS)).collect();
        benign.sort_by(f64::total_cmp);
        let budget = benign[benign.len() * 99 / 100];
        for (profile, floor) in profiles.profiles().iter().zip([0.85, 0.95, 0.45]) {
            let chances: Vec<f64> = profile.changes.iter().zip(HAZARDS).map(|(q, h)| q.max(h)).collect();
            let chances: [f64; FIELD_COUNT] = chances.try_into().unwrap();
            let found = (0..2_000).filter(|_| draw(&chances) > budget).count() as f64 / 2_000.0;
            assert!(found >= floor, "{}: {found}", profile.name);
        }
    }

    #[test]
    fn a_confirmed_attack_moves_its_profile_and_no_other() {
        let mut profiles = AttackProfiles::default();
        let before = profiles.clone();
        profiles.confirm(&publish(&[Field::Script, Field::ProvenanceLost, Field::Tool, Field::Licence]));
        assert_close(profiles.0[0].changes[4], (0.03 * 20.0 + 1.0) / 21.0, 1e-12, "licence");
        assert_eq!(profiles.0[1..], before.0[1..]);
    }

    #[test]
    fn no_input_breaks_it() {
        let mut profiles = AttackProfiles::new(vec![]);
        assert_eq!(profiles.likeness(&publish(&[])).profile, None);
        profiles.confirm(&publish(&[]));
        let broken = AttackProfile { name: "broken".to_owned(), changes: [f64::NAN; FIELD_COUNT] };
        let bits =
            AttackProfiles::new(vec![broken]).likeness(&[FieldChange::Changed(f64::NAN); FIELD_COUNT]).bits;
        assert!(bits.is_finite());
        let certain = [FieldChange::Changed(0.0); FIELD_COUNT];
        assert!(AttackProfiles::default().likeness(&certain).bits <= BITS_CAP);
    }
}
