//! How variants differ: the generator is pure, the case can be taken out, and a seed bends times, counts and names.

use std::collections::BTreeSet;

use super::lines;
use crate::manifest::Nature;
use crate::{Recording, Role, Scenario, Variant, expectations, generate};

const JITTERED: Variant = Variant { attack: true, jitter_seed: Some(3) };

#[test]
fn the_generator_is_a_pure_function() {
    for scenario in Scenario::ALL {
        assert!(generate(scenario, JITTERED) == generate(scenario, JITTERED), "{scenario:?}");
        assert!(expectations(scenario, JITTERED) == expectations(scenario, JITTERED));
    }
}

/// Whether `part` is what is left of `whole` when lines are taken out; says how many were.
fn taken_out(part: &[String], whole: &[String]) -> Option<usize> {
    let mut rest = part.iter().peekable();
    for line in whole {
        if rest.peek() == Some(&line) {
            rest.next();
        }
    }
    rest.peek().is_none().then(|| whole.len() - part.len())
}

#[test]
fn without_the_case_the_background_is_the_same_line_by_line() {
    for (scenario, jitter_seed) in Scenario::ALL.into_iter().zip([None, Some(5), None, None]) {
        let with = generate(scenario, Variant { attack: true, jitter_seed });
        let without = generate(scenario, Variant { attack: false, jitter_seed });
        let mut case = 0;
        for (whole, part) in with.files.iter().zip(&without.files) {
            assert_eq!(whole.name, part.name);
            let out = taken_out(&part.lines, &whole.lines);
            match whole.role {
                Role::History => assert_eq!(out, Some(0), "{}", whole.name),
                Role::AttackDay => {
                    case += out.unwrap_or_else(|| panic!("{} has other background", whole.name));
                }
            }
        }
        assert!(case > 100, "{scenario:?}: only {case} lines are the case");
        let described = expectations(scenario, Variant { attack: false, jitter_seed });
        assert!(described.expectations.is_empty() && described.silences.len() == 1);
        assert_eq!(described.scenario.nature, Nature::Background);
    }
}

fn names_in(recording: &Recording) -> BTreeSet<String> {
    let published = lines(recording, "publishes", Role::AttackDay).iter().chain(lines(
        recording,
        "publishes",
        Role::History,
    ));
    let purl = |line: &String| {
        let purl = line.split("\"purl\":\"").nth(1)?.split('"').next()?;
        Some(purl.rsplit_once('@').map_or(purl, |(name, _)| name).to_owned())
    };
    published.filter_map(purl).collect()
}

#[test]
fn a_seed_bends_names_counts_and_times_and_expectations_follow() {
    for scenario in [Scenario::TanStack, Scenario::Kics, Scenario::Axios] {
        let fact = expectations(scenario, Variant::COMMITTED);
        let (mut epochs, mut subjects, mut counts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for seed in 0..20 {
            let bent = expectations(scenario, Variant { attack: true, jitter_seed: Some(seed) });
            assert_eq!(bent.expectations.len(), fact.expectations.len());
            for wanted in &bent.expectations {
                assert!(
                    wanted.after < wanted.by && bent.scenario.epoch <= wanted.after,
                    "{scenario:?} {seed}"
                );
                assert!(bent.scenario.day_start < wanted.after && wanted.after < bent.scenario.day_end);
            }
            epochs.insert(bent.scenario.epoch);
            subjects.insert(bent.expectations[0].subject.names.clone());
            counts.insert(bent.expectations[0].subject.names.len());
        }
        assert!(epochs.len() > 15 && subjects.len() > 15, "{scenario:?}");
        assert!(!subjects.contains(&fact.expectations[0].subject.names));
        assert!(scenario != Scenario::TanStack || counts.len() > 8);
    }
}

#[test]
fn what_is_expected_of_a_bent_case_is_in_its_logs() {
    for scenario in Scenario::ALL {
        for seed in [0, 7, 19] {
            let variant = Variant { attack: true, jitter_seed: Some(seed) };
            let recording = generate(scenario, variant);
            let published = names_in(&recording);
            let described = expectations(scenario, variant);
            let of_feed = |name: &&String| {
                described.expectations.iter().any(|wanted| {
                    wanted.subject.names.contains(name) && !wanted.subject.registry.ends_with("-proxy")
                })
            };
            let wanted = described.expectations.iter().flat_map(|wanted| &wanted.subject.names);
            for name in wanted.filter(of_feed) {
                assert!(published.contains(name), "{scenario:?} {seed}: {name}");
            }
            let counts: Vec<usize> = recording.files.iter().map(|file| file.lines.len()).collect();
            let committed: Vec<usize> =
                generate(scenario, Variant::COMMITTED).files.iter().map(|file| file.lines.len()).collect();
            assert_ne!(counts, committed);
        }
    }
}

#[test]
fn scenarios_publish_no_name_in_common() {
    let all: Vec<BTreeSet<String>> =
        Scenario::ALL.into_iter().map(|scenario| names_in(&generate(scenario, Variant::COMMITTED))).collect();
    for (nth, one) in all.iter().enumerate() {
        for other in &all[nth + 1..] {
            assert!(one.is_disjoint(other));
        }
    }
}
