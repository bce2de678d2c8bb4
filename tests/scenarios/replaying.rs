//! The committed scenarios: found in time, silent without their attack or their detector, the same in every replay.

use std::process::Command;

use sample_logs::{Scenario, Variant, expectations, generate};

use super::{Laid, judged, sample_logs_folder};

#[test]
fn the_committed_files_are_what_the_generator_makes() {
    for scenario in Scenario::ALL {
        sample_logs::committed::check(sample_logs_folder(), scenario).unwrap();
    }
}

#[test]
fn every_scenario_is_found_in_time_and_nothing_else_is_told() {
    for scenario in Scenario::ALL {
        let laid = Laid::out(&generate(scenario, Variant::COMMITTED), "");
        let verdict = judged(&expectations(scenario, Variant::COMMITTED), &laid.replay(&[], false));
        assert!(verdict.is_clean(), "{scenario:?}: {verdict:#?}");
    }
}

#[test]
fn without_its_attack_a_day_is_silent() {
    for scenario in Scenario::ALL {
        let variant = Variant { attack: false, jitter_seed: None };
        let laid = Laid::out(&generate(scenario, variant), "");
        let verdict = judged(&expectations(scenario, variant), &laid.replay(&[], false));
        assert!(verdict.is_clean(), "{scenario:?}: {verdict:#?}");
    }
}

#[test]
fn with_its_detectors_off_a_scenario_is_missed() {
    for scenario in [Scenario::TanStack, Scenario::Kics, Scenario::Axios] {
        let manifest = expectations(scenario, Variant::COMMITTED);
        let mut detectors: Vec<&str> =
            manifest.expectations.iter().map(|wanted| wanted.detector.as_str()).collect();
        detectors.sort_unstable();
        detectors.dedup();
        let recording = generate(scenario, Variant::COMMITTED);
        for off in detectors {
            let laid = Laid::out(&recording, &format!("[engine.detectors.{off}]\nmode = \"off\"\n"));
            let verdict = judged(&manifest, &laid.replay(&[], false));
            let missed =
                verdict.missed.iter().map(|unmet| manifest.expectations[unmet.expectation].detector.as_str());
            assert!(
                missed.clone().any(|detector| detector == off),
                "{scenario:?} without {off}: {verdict:#?}"
            );
        }
    }
}

#[test]
fn threads_batches_and_the_order_of_arguments_change_no_byte() {
    let laid = Laid::out(&generate(Scenario::Kics, Variant::COMMITTED), "");
    let first = laid.replay(&[], false);
    assert!(first.len() > 1_000, "there is something to compare");
    for (arguments, reversed) in [
        (&[][..], false),
        (&["--threads", "2"][..], false),
        (&["--batch", "1"][..], false),
        (&["--batch", "1000", "--threads", "2"][..], true),
    ] {
        assert!(laid.replay(arguments, reversed) == first, "{arguments:?}, reversed {reversed}");
    }
}

#[test]
fn the_demo_finds_what_it_shows() {
    let ended = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args(["demo", "--exit", "--headless", "--scenarios"])
        .arg(sample_logs_folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
}
