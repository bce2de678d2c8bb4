//! Decides which p-values are told: calendar-batched Decay-LORD, at most a share α of false findings plus a quiet-time allowance.
//!
//! Batch b may spend `A(b) = α (η (1−δ) + Σⱼ r(b−j) δʲ γ(j))`, where r is how much was rejected j batches ago and `γ(j) ∝ j^−1.6`
//! adds up to one; inside the batch it is shared out by predictable weights. Then `Σ δ^(B−b) A(b) ≤ α (η + R^δ)`, and with
//! P(p ≤ u | past) ≤ u the decayed false rejections are at most α (E R^δ + η) in expectation, however dependent a batch is.
//! After decaying-memory control (Rebjock et al., `NeurIPS` 2021; Ramdas et al., NIPS 2017); batches and the mapping to
//! alerts a day are ours. SAFFRON and ADDIS gain nothing at 1 % anomalies and break under a common shock (FDR 0.56 for 0.10).

use super::p_value::PValue;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How many batches back a rejection still earns.
pub const MEMORY_BATCHES: usize = 400;

/// Exponent of γ(j) ∝ j^−1.6.
const GAMMA_EXPONENT: f64 = 1.6;

/// Minutes until a rejection has decayed to 1/e: one week.
const MEMORY_MINUTES: f64 = 10_080.0;

/// Nothing above this p-value is told, whatever may be spent: a rich batch with few scores would else tell noise.
pub const LARGEST_LEVEL: f64 = 0.05;

/// What the owner of a registry sets for one decision lane.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LordSettings {
    /// The share of findings that may be false, in (0, 1).
    pub alpha: f64,
    /// False findings a day when nothing happens.
    pub quiet_per_day: f64,
    /// Minutes from one batch to the next.
    pub batch_minutes: u32,
}

/// One p-value up for decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Calibrated, randomised.
    pub p: PValue,
    /// Its part of the budget relative to the others', known before the bin closed: expected volume × criticality.
    pub weight: f64,
}

/// The state of one decision lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchedLord {
    settings: LordSettings,
    /// Batches with rejections and how many they had, oldest first.
    rejections: VecDeque<(i64, u32)>,
    /// The last batch that was decided.
    decided: Option<i64>,
    /// The batch that is being decided one by one.
    open: Option<OpenBatch>,
}

/// A batch that is decided one by one: how many of it were decided, and how many of these told.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct OpenBatch {
    batch: i64,
    decided: u32,
    told: u32,
}

impl LordSettings {
    /// What a batch may spend when nothing was rejected for long: η (1−δ) α.
    fn floor(&self) -> f64 {
        self.quiet_per_day.max(0.0) * self.minutes() / 1_440.0
    }

    /// How much of a rejection is left after one batch.
    fn delta(&self) -> f64 {
        (1.0 - self.minutes() / MEMORY_MINUTES).max(0.0)
    }

    fn minutes(&self) -> f64 {
        f64::from(self.batch_minutes.max(1))
    }
}

impl BatchedLord {
    /// A lane that has told nothing yet.
    #[must_use]
    pub fn new(settings: LordSettings) -> Self {
        Self { settings, rejections: VecDeque::new(), decided: None, open: None }
    }

    /// What the owner has set.
    #[must_use]
    pub fn settings(&self) -> LordSettings {
        self.settings
    }

    /// Sets anew; what was told is remembered.
    pub fn set(&mut self, settings: LordSettings) {
        self.settings = settings;
    }

    /// What batch `batch` may spend: the expected number of false findings in it, at most.
    #[must_use]
    pub fn budget(&self, batch: i64) -> f64 {
        let delta = self.settings.delta();
        let earned: f64 = self
            .rejections
            .iter()
            .filter_map(|&(at, count)| {
                let age = usize::try_from(batch.checked_sub(at)?).ok()?;
                (1..=MEMORY_BATCHES)
                    .contains(&age)
                    .then(|| f64::from(count) * libm::pow(delta, age as f64) * gamma(age))
            })
            .sum();
        self.settings.floor() + self.settings.alpha * earned
    }

    /// Decides a closed batch; the answer stands in the order of `candidates`.
    ///
    /// `batch` numbers the calendar: batches that are never closed count as empty ones. A batch that is not after the last
    /// decided one has already spent its budget, so nothing of it is told.
    pub fn decide(&mut self, batch: i64, candidates: &[Candidate]) -> Vec<bool> {
        if self.decided.is_some_and(|decided| batch <= decided) {
            return vec![false; candidates.len()];
        }
        self.decided = Some(batch);
        let budget = self.budget(batch);
        let usable = |weight: f64| if weight.is_finite() { weight.max(0.0) } else { 0.0 };
        let sum: f64 = candidates.iter().map(|c| usable(c.weight)).sum();
        let told: Vec<bool> = candidates
            .iter()
            .map(|c| sum > 0.0 && c.p.get() <= (budget * usable(c.weight) / sum).min(LARGEST_LEVEL))
            .collect();
        let count = told.iter().filter(|told| **told).count();
        if count > 0 {
            self.rejections.push_back((batch, u32::try_from(count).unwrap_or(u32::MAX)));
        }
        self.forget(batch);
        told
    }

    /// Decides the next p-value of a batch that is still open, so that nobody waits for it to close.
    ///
    /// The i-th of a batch may spend i^−1.6 / ζ(1.6) of the batch's budget (alpha spending): predictable, at most the
    /// budget in sum whatever comes, and dear for a late one. `weight` in [0, 1] takes away. Every p-value of the lane
    /// must be shown, the unsurprising ones too: they count. A batch must not also be given to [`Self::decide`].
    pub fn decide_next(&mut self, batch: i64, candidate: Candidate) -> bool {
        if let Some(open) = self.open.filter(|open| open.batch < batch) {
            if open.told > 0 {
                self.rejections.push_back((open.batch, open.told));
            }
            self.decided = Some(open.batch);
            self.open = None;
            self.forget(batch);
        }
        if self.decided.is_some_and(|decided| batch <= decided)
            || self.open.is_some_and(|open| batch < open.batch)
        {
            return false;
        }
        let mut open = self.open.unwrap_or(OpenBatch { batch, decided: 0, told: 0 });
        open.decided = open.decided.saturating_add(1);
        let weight = if candidate.weight.is_finite() { candidate.weight.clamp(0.0, 1.0) } else { 0.0 };
        // The budget is looked up only where it can matter: a lane makes up to a million unsurprising looks an hour.
        let told = candidate.p.get() <= LARGEST_LEVEL
            && candidate.p.get() <= self.budget(batch) * spending(open.decided) * weight;
        open.told += u32::from(told);
        self.open = Some(open);
        told
    }

    fn forget(&mut self, batch: i64) {
        while self
            .rejections
            .front()
            .is_some_and(|(at, _)| batch.saturating_sub(*at) >= MEMORY_BATCHES as i64)
        {
            self.rejections.pop_front();
        }
    }
}

/// The part of a batch's budget that its `place`-th look may spend, adding up to one however many there are.
fn spending(place: u32) -> f64 {
    /// ζ(1.6).
    const SUM: f64 = 2.285_765_665_680_129_3;
    libm::pow(f64::from(place), -GAMMA_EXPONENT) / SUM
}

/// γ(j), adding up to one over the memory.
fn gamma(age: usize) -> f64 {
    /// The sum of j^−1.6 up to 400.
    const SUM: f64 = 2.240_026_616_839_365_7;
    libm::pow(age as f64, -GAMMA_EXPONENT) / SUM
}

/// How a finding that passed is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// At once.
    Page,
    /// In the digest, because better ones have filled the day.
    Digest,
}

/// Pages the best of `passed` by criticality × −ln p while fewer than `per_day` were paged today; the rest goes to the digest.
///
/// Each entry is (criticality, p); the answer stands in their order, and of equals the earlier one is paged. The cap is never
/// a target: it only ever takes away.
#[must_use]
pub fn cap_pages(per_day: u32, paged_today: u32, passed: &[(f64, PValue)]) -> Vec<Told> {
    let worth = |index: usize| {
        let (criticality, p) = passed[index];
        criticality * p.nats()
    };
    let mut best_first: Vec<usize> = (0..passed.len()).collect();
    best_first.sort_by(|&a, &b| worth(b).total_cmp(&worth(a)).then(a.cmp(&b)));
    let mut told = vec![Told::Digest; passed.len()];
    for index in best_first.into_iter().take(per_day.saturating_sub(paged_today) as usize) {
        told[index] = Told::Page;
    }
    told
}

#[cfg(test)]
mod tests;
