//! The scenarios are not fitted to the detectors: with counts, times and names jittered they are found all the same.

use sample_logs::{Scenario, Variant, expectations, generate};

use super::{Laid, judged};

/// Jittered variants of each scenario.
const SEEDS: u64 = 20;
/// Of these, how many must be found whole.
const FOUND_AT_LEAST: usize = 18;

#[test]
fn jittered_attacks_are_found() {
    for scenario in [Scenario::TanStack, Scenario::Kics, Scenario::Axios] {
        let mut missed = Vec::new();
        for seed in 1..=SEEDS {
            let variant = Variant { attack: true, jitter_seed: Some(seed) };
            let laid = Laid::out(&generate(scenario, variant), "");
            let verdict = judged(&expectations(scenario, variant), &laid.replay(&[], false));
            if !verdict.missed.is_empty() || !verdict.late.is_empty() {
                missed.push((seed, verdict));
            }
        }
        let found = SEEDS as usize - missed.len();
        assert!(found >= FOUND_AT_LEAST, "{scenario:?}: {found} of {SEEDS} found; missed: {missed:#?}");
    }
}
