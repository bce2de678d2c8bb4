//! How likely each metadata field is to change at the next publish, given what kind of release it is.
//!
//! h = 0.95 · mult · (κπ + kA)/(κ + kB) + 0.05 · pop, where mult is how much likelier this field changes in this kind of release
//! than in any. The five percent of population keep a long-stable package from being sure of what it cannot know
//! (predicted 0.0002 against 0.0006 observed without, 0.0005 with).

use serde::{Deserialize, Serialize};

/// The kinds of release that opportunities are scaled by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bump {
    /// First number.
    Major,
    /// Second number.
    Minor,
    /// Third number.
    Patch,
    /// Pre-releases, downgrades, and versions without such an order.
    Other,
}

impl Bump {
    const COUNT: usize = 4;
}

/// Share of the population's own rate that always stays in a hazard.
const POPULATION_SHARE: f64 = 0.05;

/// Bounds of a hazard.
const HAZARD_BOUNDS: (f64, f64) = (1e-4, 0.98);

/// What a subject keeps of its past at each publish.
const KEEP: f64 = 0.98;

/// What a population keeps of its past at each publish.
const POPULATION_KEEP: f64 = 0.9995;

/// Bounds of the concentration κ: how alike the members are.
const CONCENTRATION_BOUNDS: (f64, f64) = (0.3, 200.0);

/// Bounds of the factor by which a kind of release scales a field's hazard.
const MULTIPLIER_BOUNDS: (f64, f64) = (0.05, 20.0);

/// Pseudo-counts of a rate in a population that has seen nothing: one change in twenty.
const POPULATION_PRIOR: (f64, f64) = (0.5, 10.0);

/// One field's rates of change over a whole population (a registry's or an ecosystem's packages).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldPopulation {
    changes: [f64; Bump::COUNT],
    publishes: [f64; Bump::COUNT],
    concentration: f64,
}

impl Default for FieldPopulation {
    fn default() -> Self {
        Self { changes: [0.0; Bump::COUNT], publishes: [0.0; Bump::COUNT], concentration: 3.0 }
    }
}

impl FieldPopulation {
    /// The rate at which the field changes in this kind of release.
    #[must_use]
    pub fn rate(&self, bump: Bump) -> f64 {
        // A kind that is rarely seen borrows from all kinds.
        let marginal = self.marginal();
        let (weight, place) = (POPULATION_PRIOR.1, bump as usize);
        (self.changes[place] + marginal * weight) / (self.publishes[place] + weight)
    }

    /// The rate at which the field changes in any release.
    #[must_use]
    pub fn marginal(&self) -> f64 {
        let changes: f64 = self.changes.iter().sum();
        let publishes: f64 = self.publishes.iter().sum();
        (changes + POPULATION_PRIOR.0) / (publishes + POPULATION_PRIOR.1)
    }

    /// How much likelier the field changes in this kind of release than in any.
    #[must_use]
    pub fn multiplier(&self, bump: Bump) -> f64 {
        (self.rate(bump) / self.marginal()).clamp(MULTIPLIER_BOUNDS.0, MULTIPLIER_BOUNDS.1)
    }

    /// Learns from one publish.
    pub fn update(&mut self, bump: Bump, changed: bool) {
        // Only this kind's counts decay: a rare kind is not forgotten because others are frequent.
        let place = bump as usize;
        self.changes[place] = POPULATION_KEEP * self.changes[place] + f64::from(u8::from(changed));
        self.publishes[place] = POPULATION_KEEP * self.publishes[place] + 1.0;
    }

    /// Learns how alike the members are, by moments; meant for every few thousand publishes, in a fixed order of members.
    pub fn learn_concentration<'a>(&mut self, members: impl IntoIterator<Item = &'a FieldHazard>) {
        /// Members needed before the spread between them says anything.
        const MEMBERS_NEEDED: f64 = 50.0;
        let (mut count, mut n, mut n_squared, mut x) = (0.0, 0.0, 0.0, 0.0);
        let mut seen = Vec::new();
        for member in members.into_iter().filter(|member| member.publishes >= 1.0) {
            count += 1.0;
            n += member.publishes;
            n_squared += member.publishes * member.publishes;
            x += member.changes;
            seen.push(*member);
        }
        if count < MEMBERS_NEEDED || x <= 0.0 || x >= n {
            return;
        }
        let mean = x / n;
        let squares: f64 = seen
            .iter()
            .map(|m| m.publishes * (m.changes / m.publishes - mean) * (m.changes / m.publishes - mean))
            .sum();
        // Beta-binomial moments: the between-member variance is m(1−m)/(κ+1).
        let binomial = mean * (1.0 - mean);
        let between = ((squares - (count - 1.0) * binomial) / (n - n_squared / n)).max(0.0);
        let concentration = if between > 0.0 { binomial / between - 1.0 } else { CONCENTRATION_BOUNDS.1 };
        self.concentration = concentration.clamp(CONCENTRATION_BOUNDS.0, CONCENTRATION_BOUNDS.1);
    }

    /// How alike the members are: a member's own history outweighs the population after about this many publishes.
    #[must_use]
    pub fn concentration(&self) -> f64 {
        self.concentration
    }
}

/// One field's changes in one subject's publishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldHazard {
    changes: f64,
    /// Decayed publishes, each as many opportunities as its kind of release is.
    publishes: f64,
}

impl FieldHazard {
    /// P(the field changes) at a publish of this kind.
    #[must_use]
    pub fn probability(&self, population: &FieldPopulation, bump: Bump) -> f64 {
        let kappa = population.concentration;
        let own = (kappa * population.marginal() + self.changes) / (kappa + self.publishes);
        let blended = (1.0 - POPULATION_SHARE) * population.multiplier(bump) * own
            + POPULATION_SHARE * population.rate(bump);
        blended.clamp(HAZARD_BOUNDS.0, HAZARD_BOUNDS.1)
    }

    /// Learns from one publish.
    pub fn update(&mut self, population: &FieldPopulation, bump: Bump, changed: bool) {
        self.changes = KEEP * self.changes + f64::from(u8::from(changed));
        self.publishes = KEEP * self.publishes + population.multiplier(bump);
    }

    /// Teaches one more change, after people called a finding about it benign.
    pub fn accept(&mut self) {
        self.changes += 1.0;
    }

    /// Decayed publishes behind the estimate.
    #[must_use]
    pub fn publishes(&self) -> f64 {
        self.publishes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trial::Draws;

    #[test]
    fn hazards_stay_inside_their_bounds() {
        let population = FieldPopulation::default();
        let mut never = FieldHazard::default();
        let mut always = FieldHazard::default();
        for _ in 0..5_000 {
            never.update(&population, Bump::Patch, false);
            always.update(&population, Bump::Patch, true);
        }
        let (low, high) =
            (never.probability(&population, Bump::Patch), always.probability(&population, Bump::Patch));
        assert!(low >= HAZARD_BOUNDS.0 && low < 0.01, "{low}");
        assert!(high <= HAZARD_BOUNDS.1 && high > 0.9, "{high}");
    }

    #[test]
    fn a_kind_of_release_in_which_the_field_changes_more_expects_it_more() {
        let mut population = FieldPopulation::default();
        for round in 0..4_000 {
            population.update(Bump::Major, round % 2 == 0);
            population.update(Bump::Patch, round % 50 == 0);
        }
        let hazard = FieldHazard::default();
        let (major, patch) =
            (hazard.probability(&population, Bump::Major), hazard.probability(&population, Bump::Patch));
        assert!(major > 8.0 * patch, "{major} {patch}");
    }

    #[test]
    fn concentration_tells_alike_members_from_unlike_ones() {
        let mut draws = Draws::seeded(3);
        let mut population_of = |rate: &mut dyn FnMut(&mut Draws) -> f64| {
            let members: Vec<FieldHazard> = (0..400)
                .map(|_| {
                    let rate = rate(&mut draws);
                    let changes = (0..30).filter(|_| draws.uniform() < rate).count() as f64;
                    FieldHazard { changes, publishes: 30.0 }
                })
                .collect();
            let mut population = FieldPopulation::default();
            population.learn_concentration(&members);
            population.concentration()
        };
        let alike = population_of(&mut |_| 0.2);
        let unlike = population_of(&mut |draws| if draws.uniform() < 0.2 { 0.9 } else { 0.02 });
        assert!(alike > 20.0 && unlike < 2.0, "{alike} {unlike}");
    }

    /// Members whose rates are Beta distributed: deciles of the predicted hazard, and shorter code than the population's rate.
    #[test]
    fn shrunk_hazards_are_reliable_and_beat_the_population_rate() {
        let mut draws = Draws::seeded(5);
        let mut population = FieldPopulation::default();
        let mut members: Vec<(f64, FieldHazard)> = (0..1_500)
            .map(|_| {
                let (x, y) = (draws.gamma(0.3), draws.gamma(3.0));
                (x / (x + y), FieldHazard::default())
            })
            .collect();
        let mut outcomes = Vec::new();
        let (mut own_bits, mut population_bits) = (0.0, 0.0);
        for round in 0..40 {
            for (rate, hazard) in &mut members {
                let changed = draws.uniform() < *rate;
                let p = hazard.probability(&population, Bump::Minor);
                if round >= 10 {
                    let code = |p: f64| -libm::log2(if changed { p } else { 1.0 - p });
                    outcomes.push((p, changed));
                    own_bits += code(p);
                    population_bits += code(population.rate(Bump::Minor));
                }
                hazard.update(&population, Bump::Minor, changed);
                population.update(Bump::Minor, changed);
            }
            population.learn_concentration(members.iter().map(|(_, hazard)| hazard));
        }
        assert!(own_bits < 0.85 * population_bits, "{own_bits} {population_bits}");
        outcomes.sort_by(|a, b| a.0.total_cmp(&b.0));
        for decile in outcomes.chunks(outcomes.len() / 10) {
            let n = decile.len() as f64;
            let predicted: f64 = decile.iter().map(|(p, _)| p).sum::<f64>() / n;
            let observed = decile.iter().filter(|(_, changed)| *changed).count() as f64 / n;
            // Within the 99 % binomial band and a fifth; low hazards also carry the population's share, by design.
            let band = 2.58 * (predicted * (1.0 - predicted) / n).sqrt() + 0.2 * predicted;
            let floor = POPULATION_SHARE * population.marginal();
            assert!(
                observed < predicted + band && observed > predicted - band - floor,
                "predicted {predicted} observed {observed}"
            );
        }
    }
}
