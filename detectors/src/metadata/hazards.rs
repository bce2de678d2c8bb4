//! How likely each field is to change at this publish, given what kind of release it is.
//!
//! Method f.1, from tallies: h = 0.95 · mult · (κπ + kA)/(κ + kB) + 0.05 · pop. The population's rates are the registry's
//! tallies by field and kind of release, as they stood when the hour began; what an artifact has shown of itself decays.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::field::{DRIFT_FIELDS, DriftField, Readings};
use crate::detector::{Priors, Scores};
use crate::statistics::hazard::field::Bump;

/// Every kind of release, as the classes of tallies.
const BUMPS: [Bump; 4] = [Bump::Major, Bump::Minor, Bump::Patch, Bump::Other];
/// Publishes of a registry that the guess for it is worth.
const GUESS_WORTH: f64 = 20.0;
/// Publishes of one kind of release that all kinds are worth to it.
const ALL_KINDS_WORTH: f64 = 10.0;
/// Bounds of how much likelier a field changes in one kind of release than in any.
const MULTIPLIER_BOUNDS: (f64, f64) = (0.05, 20.0);
/// Changes that the population's rate is worth: κ = this / π publishes, so a field that changes once in a hundred
/// releases needs a longer silence to be called rarer here than one that changes at every tenth. A quarter, as e1 has it.
const POPULATION_CHANGES: f64 = 0.25;
/// Bounds of κ.
const POPULATION_WORTH_BOUNDS: (f64, f64) = (2.0, 200.0);
/// Share of the population's rate that always stays: a long-stable artifact is not sure of what it cannot know.
const POPULATION_SHARE: f64 = 0.05;
/// Bounds of a hazard.
const BOUNDS: (f64, f64) = (1e-4, 0.98);
/// What an artifact keeps of its past at each chance.
const KEEP: f32 = 0.98;

/// How often each field of one artifact changed, out of how many chances.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct FieldHabits {
    changes: [f32; DRIFT_FIELDS],
    chances: [f32; DRIFT_FIELDS],
}

/// The registry's rates of one field.
#[derive(Debug, Clone, Copy)]
struct Population {
    /// In any release.
    marginal: f64,
    /// In this kind of release.
    rate: f64,
}

impl Population {
    fn of(priors: &Priors, registry: &Arc<str>, field: DriftField, bump: Bump) -> Self {
        let tallies = BUMPS.map(|bump| priors.tally(registry, field.what(), bump as u16));
        let (hits, chances) = tallies
            .iter()
            .fold((0, 0), |(hits, chances), tally| (hits + tally.hits, chances + tally.chances));
        let marginal = (hits as f64 + GUESS_WORTH * field.guess()) / (chances as f64 + GUESS_WORTH);
        let own = tallies[bump as usize];
        let rate = (own.hits as f64 + ALL_KINDS_WORTH * marginal) / (own.chances as f64 + ALL_KINDS_WORTH);
        Self { marginal, rate }
    }

    fn multiplier(self) -> f64 {
        (self.rate / self.marginal).clamp(MULTIPLIER_BOUNDS.0, MULTIPLIER_BOUNDS.1)
    }
}

impl FieldHabits {
    /// P(the field changes) at a publish of this kind.
    pub(super) fn hazard(&self, priors: &Priors, registry: &Arc<str>, field: DriftField, bump: Bump) -> f64 {
        let population = Population::of(priors, registry, field, bump);
        let (changes, chances) = (self.changes[field as usize], self.chances[field as usize]);
        let worth = (POPULATION_CHANGES / population.marginal)
            .clamp(POPULATION_WORTH_BOUNDS.0, POPULATION_WORTH_BOUNDS.1);
        let own = (worth * population.marginal + f64::from(changes)) / (worth + f64::from(chances));
        let blended =
            (1.0 - POPULATION_SHARE) * population.multiplier() * own + POPULATION_SHARE * population.rate;
        blended.clamp(BOUNDS.0, BOUNDS.1)
    }

    /// Learns from a publish; `taught` is what a change teaches.
    pub(super) fn learn(
        &mut self,
        readings: &Readings,
        priors: &Priors,
        registry: &Arc<str>,
        bump: Bump,
        taught: f64,
    ) {
        for (field, changed) in readings.chances() {
            let place = field as usize;
            let hit = if changed { taught as f32 } else { 0.0 };
            let chance = Population::of(priors, registry, field, bump).multiplier() as f32;
            self.changes[place] = KEEP * self.changes[place] + hit;
            self.chances[place] = KEEP * self.chances[place] + chance;
        }
    }
}

/// Counts a publish for the registry's rates.
pub(super) fn tally(readings: &Readings, registry: &Arc<str>, bump: Bump, out: &mut Scores) {
    for (field, changed) in readings.chances() {
        out.tally(registry, field.what(), bump as u16, changed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::{PriorKey, Tally};
    use crate::metadata::field::Reading;

    fn priors(field: DriftField, counts: [(Bump, u64, u64); 2]) -> Priors {
        let mut priors = Priors::default();
        for (bump, hits, chances) in counts {
            let key = PriorKey { registry: "npm".into(), what: field.what().into(), class: bump as u16 };
            priors.0.insert(key, Tally { hits, chances });
        }
        priors
    }

    #[test]
    fn an_unknown_registry_starts_from_the_guess_and_a_known_one_from_its_rates() {
        let (habits, registry) = (FieldHabits::default(), Arc::from("npm"));
        let field = DriftField::Dependency;
        let unknown = habits.hazard(&Priors::default(), &registry, field, Bump::Patch);
        assert!((unknown - field.guess()).abs() < 1e-9);
        let known = priors(field, [(Bump::Major, 900, 1_000), (Bump::Patch, 10, 9_000)]);
        let (major, patch) = (
            habits.hazard(&known, &registry, field, Bump::Major),
            habits.hazard(&known, &registry, field, Bump::Patch),
        );
        assert!(major > 0.8 && patch < 0.01, "{major} {patch}");
    }

    #[test]
    fn an_artifact_outweighs_its_registry_and_never_is_quite_sure() {
        let (mut habits, registry, priors) = (FieldHabits::default(), Arc::from("npm"), Priors::default());
        let (script, publisher) = (DriftField::Script, DriftField::Publisher);
        let mut readings = Readings::default();
        readings.set(script, Reading::Same);
        readings.set(publisher, Reading::Changed(String::new(), String::new()));
        for _ in 0..200 {
            habits.learn(&readings, &priors, &registry, Bump::Patch, 1.0);
        }
        let never = habits.hazard(&priors, &registry, script, Bump::Patch);
        let always = habits.hazard(&priors, &registry, publisher, Bump::Patch);
        assert!((1e-4..4e-3).contains(&never) && always > 0.7, "{never} {always}");
    }
}
