//! How much a publish looks like an attack, and how often an honest one would look as much so.
//!
//! Method f.2: LLR = log₂ [ mean over profiles of Π Bern(x; max(q, h)) / Π Bern(x; h) ]. It ranks. Its p-value is exact
//! under independent fields with the package's own hazards: P(LLR(X) ≥ LLR(x)), by walking the tree of all outcomes.
//! The ratio rises with every field, so a branch whose least completion is above the observed ratio counts as a whole,
//! and one whose greatest is below it not at all; few nodes are left. What benign fields have in common (a large
//! release changes many) is left to the calibration by cells.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::{DRIFT_FIELDS, DriftField};
use crate::statistics::Tail;
use crate::statistics::attack_profiles::AttackProfiles;

/// Most profiles that a publish is compared with.
pub const MAX_PROFILES: usize = 8;
/// Nodes of the tree that are looked at; what is left then counts as at least as extreme. A publish of sixteen fields
/// needs some hundreds.
const MAX_NODES: u32 = 100_000;
/// Ratios this close, relatively, are one.
const TIE: f64 = 1e-9;

/// How often each field changes in one kind of attack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftProfile {
    /// What people call the attack.
    pub name: String,
    /// P(field changes) in it, 0 to 1; a field that is absent changes as often as in an honest release.
    pub changes: BTreeMap<DriftField, f64>,
}

/// The shipped profiles: take-over of an account, hand-over to a new maintainer, stealthy change of the pipeline. The
/// first eleven fields are those of [`AttackProfiles`] (methods f.2b). The rest are guesses of the same kind: a worm
/// or thief publishes in a hurry, the pipeline's own run betrays who drives it, an owner's change comes first.
pub(super) fn shipped() -> Vec<DriftProfile> {
    /// Hurried, address dependency, contents, run, account changed.
    const FURTHER: [[f64; 5]; 3] =
        [[0.40, 0.05, 0.30, 0.02, 0.30], [0.10, 0.03, 0.30, 0.02, 0.50], [0.50, 0.15, 0.40, 0.40, 0.05]];
    let known = AttackProfiles::default();
    let profiles = known.profiles().iter().zip(FURTHER);
    profiles
        .map(|(profile, further)| DriftProfile {
            name: profile.name.clone(),
            changes: DriftField::ALL
                .into_iter()
                .zip(profile.changes.iter().copied().chain(further))
                .collect(),
        })
        .collect()
}

/// One field at one publish.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FieldOutcome {
    pub(super) field: DriftField,
    /// P(it changes) at an honest publish.
    pub(super) hazard: f64,
    pub(super) changed: bool,
}

/// How much a publish looks like an attack.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Likeness {
    /// Probability of a greater likeness under the hazards.
    beyond: f64,
    /// Probability of the same likeness.
    exactly: f64,
    /// The profile that fits best.
    pub(super) profile: String,
    /// What each field contributes under it, in bits, largest first.
    pub(super) terms: Vec<(DriftField, f64)>,
}

impl Likeness {
    /// The tail, with the tie break `u`.
    pub(super) fn tail(&self, u: f64) -> Tail {
        Tail::new(self.beyond, self.exactly, u)
    }
}

/// Compares a publish with the profiles.
pub(super) fn likeness(profiles: &[DriftProfile], outcomes: &[FieldOutcome]) -> Likeness {
    let profiles = &profiles[..profiles.len().min(MAX_PROFILES)];
    if profiles.is_empty() {
        return Likeness { beyond: 0.0, exactly: 1.0, profile: String::new(), terms: vec![] };
    }
    let mut levels: Vec<(FieldOutcome, Ratios)> =
        outcomes.iter().map(|outcome| (*outcome, Ratios::of(profiles, outcome))).collect();
    let observed: Products = levels.iter().fold([1.0; MAX_PROFILES], |products, (outcome, ratios)| {
        times(products, if outcome.changed { &ratios.changed } else { &ratios.same })
    });
    let best = (0..profiles.len()).fold(0, |best, at| if observed[at] > observed[best] { at } else { best });
    let mut terms: Vec<(DriftField, f64)> = levels
        .iter()
        .map(|(outcome, ratios)| {
            let ratio = if outcome.changed { ratios.changed[best] } else { ratios.same[best] };
            (outcome.field, libm::log2(ratio))
        })
        .collect();
    terms.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    // The most telling fields first: their branches are decided soonest.
    levels.sort_by(|(_, a), (_, b)| b.reach(profiles.len()).total_cmp(&a.reach(profiles.len())));
    let mut walk = Walk::new(&levels, profiles.len(), mean(&observed, profiles.len()));
    walk.from(0, [1.0; MAX_PROFILES], 1.0);
    let (beyond, exactly) = (walk.beyond, walk.exactly);
    Likeness { beyond, exactly, profile: profiles[best].name.clone(), terms }
}

/// One number a profile.
type Products = [f64; MAX_PROFILES];

/// A field's likelihood ratios, profile by profile.
#[derive(Debug, Clone, Copy)]
struct Ratios {
    changed: Products,
    same: Products,
}

impl Ratios {
    fn of(profiles: &[DriftProfile], outcome: &FieldOutcome) -> Self {
        let h = outcome.hazard;
        let mut ratios = Self { changed: [1.0; MAX_PROFILES], same: [1.0; MAX_PROFILES] };
        for (at, profile) in profiles.iter().enumerate() {
            // An attack never makes a change less likely than the package itself does.
            let q = profile.changes.get(&outcome.field).copied().unwrap_or(0.0).clamp(h, 0.999_9);
            ratios.changed[at] = q / h;
            ratios.same[at] = (1.0 - q) / (1.0 - h);
        }
        ratios
    }

    /// How far this field can move the mean ratio.
    fn reach(&self, profiles: usize) -> f64 {
        (0..profiles).map(|at| self.changed[at] / self.same[at]).fold(1.0, f64::max)
    }
}

fn times(products: Products, ratios: &Products) -> Products {
    std::array::from_fn(|at| products[at] * ratios[at])
}

fn mean(products: &Products, profiles: usize) -> f64 {
    products[..profiles].iter().sum::<f64>() / profiles as f64
}

/// The walk over all outcomes.
struct Walk<'a> {
    levels: &'a [(FieldOutcome, Ratios)],
    profiles: usize,
    observed: f64,
    /// What the fields from a level on can contribute at least and at most.
    least: Vec<Products>,
    most: Vec<Products>,
    nodes: u32,
    beyond: f64,
    exactly: f64,
}

impl<'a> Walk<'a> {
    fn new(levels: &'a [(FieldOutcome, Ratios)], profiles: usize, observed: f64) -> Self {
        let mut least = vec![[1.0; MAX_PROFILES]; levels.len() + 1];
        let mut most = least.clone();
        for (at, (_, ratios)) in levels.iter().enumerate().rev() {
            least[at] = times(least[at + 1], &ratios.same);
            most[at] = times(most[at + 1], &ratios.changed);
        }
        Self { levels, profiles, observed, least, most, nodes: 0, beyond: 0.0, exactly: 0.0 }
    }

    fn from(&mut self, level: usize, products: Products, mass: f64) {
        self.nodes += 1;
        let bound = |ends: &[Products]| mean(&times(products, &ends[level]), self.profiles);
        let (lowest, highest) = (bound(&self.least), bound(&self.most));
        if lowest > self.observed * (1.0 + TIE) || self.nodes > MAX_NODES {
            self.beyond += mass;
        } else if highest < self.observed * (1.0 - TIE) {
            // No completion looks as much like an attack.
        } else if let Some((outcome, ratios)) = self.levels.get(level).copied() {
            self.from(level + 1, times(products, &ratios.changed), mass * outcome.hazard);
            self.from(level + 1, times(products, &ratios.same), mass * (1.0 - outcome.hazard));
        } else {
            self.exactly += mass;
        }
    }
}

/// The middle and the upper end (99.5 %) of how many fields change at an honest publish.
pub(super) fn usual_changes(outcomes: &[FieldOutcome]) -> (f64, f64) {
    let mut chances = [0.0; DRIFT_FIELDS + 1];
    chances[0] = 1.0;
    for outcome in outcomes {
        for count in (0..DRIFT_FIELDS).rev() {
            chances[count + 1] =
                chances[count + 1] * (1.0 - outcome.hazard) + chances[count] * outcome.hazard;
        }
        chances[0] *= 1.0 - outcome.hazard;
    }
    let quantile = |share: f64| {
        let mut sum = 0.0;
        let within = |chance: &&f64| {
            sum += **chance;
            sum < share
        };
        chances.iter().take_while(within).count() as f64
    };
    (quantile(0.5), quantile(0.995))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::PValue;

    const HAZARDS: [f64; DRIFT_FIELDS] =
        [0.03, 0.01, 0.004, 0.15, 0.005, 0.005, 0.08, 0.01, 0.04, 0.1, 0.03, 0.06, 0.0004, 0.05, 0.02, 0.05];

    fn outcomes(changed: &[DriftField]) -> Vec<FieldOutcome> {
        let outcome = |(field, hazard)| FieldOutcome { field, hazard, changed: changed.contains(&field) };
        DriftField::ALL.into_iter().zip(HAZARDS).map(outcome).collect()
    }

    /// All 2^n outcomes, one by one.
    fn by_force(profiles: &[DriftProfile], observed: &[FieldOutcome]) -> f64 {
        let ratio = |outcomes: &[FieldOutcome]| {
            let products = outcomes.iter().fold([1.0; MAX_PROFILES], |products, outcome| {
                let ratios = Ratios::of(profiles, outcome);
                times(products, if outcome.changed { &ratios.changed } else { &ratios.same })
            });
            mean(&products, profiles.len())
        };
        let target = ratio(observed) * (1.0 - TIE);
        (0_u32..1 << observed.len())
            .map(|bits| {
                let mut other = observed.to_vec();
                let mut mass = 1.0;
                for (at, outcome) in other.iter_mut().enumerate() {
                    outcome.changed = bits >> at & 1 == 1;
                    mass *= if outcome.changed { outcome.hazard } else { 1.0 - outcome.hazard };
                }
                if ratio(&other) >= target { mass } else { 0.0 }
            })
            .sum()
    }

    #[test]
    fn the_walk_finds_what_force_finds() {
        let profiles = shipped();
        for changed in [
            vec![],
            vec![DriftField::Script],
            vec![DriftField::Dependency, DriftField::Size],
            vec![DriftField::Publisher, DriftField::Dormant, DriftField::Tool],
            vec![DriftField::License],
        ] {
            let observed: Vec<FieldOutcome> = outcomes(&changed).into_iter().take(12).collect();
            let exact = likeness(&profiles, &observed).tail(0.5).exact.get();
            let forced = by_force(&profiles, &observed);
            assert!((exact / forced - 1.0).abs() < 1e-9, "{changed:?}: {exact} {forced}");
        }
    }

    #[test]
    fn attacks_are_rare_under_honest_hazards_and_their_profile_is_named() {
        for (changed, profile, least) in [
            (
                vec![DriftField::Script, DriftField::Tool, DriftField::ProvenanceLost],
                "account takeover",
                14.0,
            ),
            (
                vec![
                    DriftField::Publisher,
                    DriftField::Maintainer,
                    DriftField::Dependency,
                    DriftField::Dormant,
                ],
                "maintainer handover",
                12.0,
            ),
            (
                vec![DriftField::AddressDependency, DriftField::Size, DriftField::Contents, DriftField::Run],
                "stealthy pipeline change",
                17.0,
            ),
        ] {
            let found = likeness(&shipped(), &outcomes(&changed));
            let bits = found.tail(0.5).exact.bits();
            assert!(found.profile == profile && bits >= least, "{changed:?}: {} {bits}", found.profile);
            assert!(found.terms.is_sorted_by(|a, b| a.1 >= b.1));
        }
        assert!(likeness(&shipped(), &outcomes(&[])).tail(0.5).exact.get() > 0.999_999);
    }

    #[test]
    fn every_outcome_is_decided_within_the_bound_of_nodes() {
        let profiles = shipped();
        let mut most = 0;
        for bits in (0_u32..1 << DRIFT_FIELDS).step_by(97) {
            let changed: Vec<DriftField> =
                DriftField::ALL.into_iter().filter(|field| bits >> (*field as u32) & 1 == 1).collect();
            let observed = outcomes(&changed);
            let mut levels: Vec<(FieldOutcome, Ratios)> =
                observed.iter().map(|o| (*o, Ratios::of(&profiles, o))).collect();
            levels.sort_by(|(_, a), (_, b)| b.reach(3).total_cmp(&a.reach(3)));
            let products = levels.iter().fold([1.0; MAX_PROFILES], |products, (outcome, ratios)| {
                times(products, if outcome.changed { &ratios.changed } else { &ratios.same })
            });
            let mut walk = Walk::new(&levels, 3, mean(&products, 3));
            walk.from(0, [1.0; MAX_PROFILES], 1.0);
            most = most.max(walk.nodes);
        }
        assert!(most < MAX_NODES / 2, "{most}");
    }

    #[test]
    fn the_usual_number_of_changes_is_that_of_the_hazards() {
        let (mid, high) = usual_changes(&outcomes(&[]));
        assert!((mid - 1.0).abs() < 1.5 && (3.0..=5.0).contains(&high), "{mid} {high}");
        assert_eq!(usual_changes(&[]), (0.0, 0.0));
    }

    #[test]
    fn without_profiles_or_fields_nothing_is_surprising() {
        let silent = |found: Likeness| found.tail(0.5).exact == PValue::ONE;
        assert!(silent(likeness(&[], &outcomes(&[DriftField::Script]))) && silent(likeness(&shipped(), &[])));
    }
}
