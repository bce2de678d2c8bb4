//! Stories of signatures: habits that are silent, changes that are told.

use super::*;
use crate::change_lane::draws::{Draws, exceedance};
use crate::change_lane::story::{Stage, check as tell, exact_bits};
use crate::detector::{Scored, Verdict};

#[track_caller]
fn check(story: &str) -> Vec<Scored> {
    tell(&Signing, story)
}

/// Forty releases, each signed by one key.
const STABLE: &str = "40x +7d sign app@1.#.0 digest=r# key=K1 => silence\n";

/// Thirty releases of a package that its workflow signs.
const KEYLESS: &str = "30x +7d sign axum@0.8.# digest=a# identity=https://github.com/tokio/axum/.github/workflows/r.yml@refs/tags/v0.8.# issuer=github source=tokio/axum runner=hosted => silence\n";

#[test]
fn a_stranger_signs_what_was_signed_long_ago() {
    let said = check(&format!("{STABLE} +9d sign app@1.12.0 digest=r12 key=ROGUE => re-signing 12"));
    let explanation = &said[0].explanation;
    assert!(explanation.summary.starts_with("`app` 1.12.0 (sha256:"), "{}", explanation.summary);
    assert!(
        explanation.summary.contains("205 days after its first signature, by ROGUE, which never signed here")
    );
    assert_eq!(explanation.counterfactual, "It would have been silent had K1 signed new content instead.");
    assert!(
        explanation.evidence.len() == 2 && explanation.evidence.iter().all(|item| item.position.is_some())
    );
    check(&format!("{STABLE} +9d sign app@1.41.0 digest=r41 key=K1 => silence"));
}

#[test]
fn a_mass_of_old_digests_signed_by_one_stranger_is_a_row() {
    let said = check(&format!(
        "{STABLE} +9d sign app@1.30.0 digest=r30 key=ROGUE => re-signing 11
        +1m sign app@1.31.0 digest=r31 key=ROGUE => re-signing 12
        +1m sign app@1.32.0 digest=r32 key=ROGUE => re-signing 15
        +1m sign app@1.33.0 digest=r33 key=ROGUE => re-signing 17"
    ));
    let last = &said[said.len() - 1].explanation.summary;
    assert!(last.ends_with("it is the 4th re-signing here within a day"), "{last}");
}

#[test]
fn independent_builders_that_sign_one_digest_are_ordinary() {
    let release = |n: usize| {
        let builders = ["amy", "bob", "cat", "dan", "eve"];
        let lines = builders.iter().map(|builder| {
            format!("+3h sign bitcoin@{n}.0 digest=d{n} key=K-{builder} identity={builder} file={builder}/all => silence\n")
        });
        lines.collect::<String>()
    };
    let first = "+1h sign bitcoin@0.0 digest=d0 key=K-amy identity=amy file=amy/all\n\
                 +1h sign bitcoin@0.0 digest=d0 key=K-bob identity=bob file=bob/all\n\
                 +1h sign bitcoin@0.0 digest=d0 key=K-cat identity=cat file=cat/all\n\
                 +1h sign bitcoin@0.0 digest=d0 key=K-dan identity=dan file=dan/all\n\
                 +1h sign bitcoin@0.0 digest=d0 key=K-eve identity=eve file=eve/all\n";
    let habit: String = (1..30).map(release).collect();
    // A sixth builder comes, and one that is late: at most low.
    let said = check(&format!(
        "{first}{habit}
         +1h sign bitcoin@29.0 digest=d29 key=K-fay identity=fay file=fay/all
         +9d sign bitcoin@29.0 digest=d29 key=K-gus identity=gus file=gus/all
         +1h sign bitcoin@30.0 digest=d30 key=K-amy identity=amy file=amy/all => silence
         +1h sign bitcoin@30.0 digest=d30 key=K-new identity=bob file=bob/all => key-change 8
         +1h sign bitcoin@31.0 digest=d31 key=K-new identity=bob file=bob/all => silence
         +1h sign bitcoin@32.0 digest=d32 key=K-bob identity=bob file=bob/all => key-change 7
         +1h sign bitcoin@32.0 digest=d33 key=K-bob identity=bob file=bob/all => violation re-signing"
    ));
    let bits = |scored: &Scored| match scored.verdict {
        Verdict::Surprise { tail, .. } => tail.exact.bits(),
        Verdict::Violation(_) => 0.0,
    };
    let newcomers: Vec<_> = said.iter().filter(|said| said.explanation.summary.contains("K-fay")).collect();
    assert!(newcomers.iter().all(|said| bits(said) < 14.0));
    let changed = said.iter().find(|said| said.detector == DetectorId::KeyChange).unwrap();
    assert!(
        changed.explanation.summary.contains("by `bob` with a new key K-new, after 30 signatures with K-bob")
    );
}

#[test]
fn retries_and_copies_are_nobodys_business() {
    check(&format!(
        "{STABLE}
         +1m sign app@1.40.0 digest=r40 key=K1 => silence
         +7d sign app@1.41.0 digest=r41 key=K1 file=a.json => silence
         +7d sign app@1.41.0 digest=r41 key=K1 file=b.json => silence"
    ));
}

#[test]
fn a_new_key_after_a_stable_past_is_told_and_the_second_time_it_is_known() {
    let said = check(&format!(
        "{STABLE}
         +7d sign app@1.41.0 digest=r41 key=K2 => key-change 7
         9x +7d sign app@1.42.# digest=s# key=K2 => silence
         +7d sign app@1.43.0 digest=t key=K1 => key-change 5"
    ));
    assert!(
        said[0]
            .explanation
            .summary
            .contains("was signed by K2, which never signed here; the 40 signatures before were by K1")
    );
    assert!(
        said[1].explanation.summary.contains("by K1, which last signed here 77 days ago"),
        "{}",
        said[1].explanation.summary
    );
    check(&format!("{STABLE} +7d sign app@1.41.0 digest=r41 key=K1 => silence"));
}

#[test]
fn a_key_that_overlaps_with_the_old_one_is_ordinary_when_it_signs_alone() {
    check(&format!(
        "{STABLE}
         +7d sign app@1.41.0 digest=r41 key=K1 => silence
         +1h sign app@1.41.0 digest=r41 key=K2
         +7d sign app@1.42.0 digest=r42 key=K2 => silence"
    ));
}

#[test]
fn a_rotation_on_time_is_quiet_and_an_early_one_is_not() {
    let year = |key: usize| format!("52x +7d sign tuf@{key}.# digest=y{key}-# key=K{key}\n");
    let four: String = (1..=4).map(year).collect();
    check(&format!("{four} +7d sign tuf@5.1 digest=y5 key=K5 => silence"));
    check(&format!(
        "{four}
         8x +7d sign tuf@5.# digest=y5-# key=K5 => silence
         +7d sign tuf@5.9 digest=e key=K6 => key-change 8"
    ));
}

#[test]
fn another_issuer_is_more_than_another_workflow() {
    let workflow = |name: &str, issuer: &str| {
        format!(
            "+7d sign axum@0.9.0 digest=z identity=https://github.com/tokio/axum/.github/workflows/{name}.yml@refs/tags/v0.9.0 issuer={issuer} source=tokio/axum runner=hosted => key-change 6"
        )
    };
    let bits = |story: String| {
        let said = check(&format!("{KEYLESS}{story}"));
        match said.last().unwrap().verdict {
            Verdict::Surprise { tail, .. } => tail.exact.bits(),
            Verdict::Violation(_) => 0.0,
        }
    };
    assert!(bits(workflow("r", "gitlab")) > bits(workflow("nightly", "github")) + 1.5);
}

#[test]
fn a_known_identity_from_another_repository_is_told() {
    let said = check(&format!(
        "{KEYLESS} +7d sign axum@0.9.0 digest=z identity=https://github.com/tokio/axum/.github/workflows/r.yml@refs/heads/x issuer=github source=fork/axum runner=hosted => key-change 7"
    ));
    let explanation = &said[0].explanation;
    assert!(
        explanation
            .summary
            .ends_with("known from 30 signatures, but with a new kind of ref, source repository"),
        "{}",
        explanation.summary
    );
}

#[test]
fn an_attestation_by_another_party_is_no_re_signing() {
    check(
        "30x +1d sign app@1.0.# digest=a# key=K1 => silence
         10x +1d sign app@2.0.# digest=b# key=K1 => silence
         10x +1m sign app@2.0.# digest=b# key=BUILDER predicate=https://slsa.dev/provenance/v1 => silence
         +1m sign app@2.0.1 digest=b1 key=ROGUE => re-signing 8",
    );
}

#[test]
fn late_and_failed_signatures_are_not_judged_and_do_not_teach() {
    check(&format!(
        "{STABLE}
         +1d sign app@1.41.0 digest=r41 key=ROGUE outcome=denied => silence
         +1d sign app@1.41.0 digest=r41 key=ROGUE late => silence
         +1d sign app@1.41.0 digest=r41 key=ROGUE => key-change 7"
    ));
}

#[test]
fn files_that_change_by_habit_are_no_news_in_the_end() {
    check(
        "+1h sign deb@stable digest=a key=K1 file=InRelease
         6x +1d sign deb@stable digest=b# key=K1 file=InRelease
         30x +1d sign deb@stable digest=c# key=K1 file=InRelease => silence",
    );
}

#[test]
fn contamination_leaves_the_power() {
    // A thief signs five old digests and is thrown out: a year later the next one is told again.
    check(&format!(
        "{STABLE}
         +1d sign app@1.30.0 digest=r30 key=THIEF
         4x +1m sign app@1.3#.0 digest=r3# key=THIEF
         40x +7d sign app@2.#.0 digest=s# key=K1 => silence
         +1d sign app@2.30.0 digest=s30 key=NEXT => re-signing 8
         +7d sign app@3.0.0 digest=u key=OTHER => key-change 6"
    ));
}

/// Artifacts with one signer, with several, and with changes at rates of their own.
#[test]
fn the_p_values_are_conservative_under_a_simulated_null() {
    let mut draws = Draws::seeded(5);
    let mut stage = Stage::fast(&Signing, 3);
    let mut values: Vec<(DetectorId, f64)> = Vec::new();
    for artifact in 0..150 {
        let builders = if artifact % 5 == 0 { 4 } else { 1 };
        let change = [0.002, 0.01, 0.05][artifact % 3];
        let mut key = 0;
        for release in 0..60 {
            key += usize::from(draws.happens(change));
            for builder in 0..builders {
                if builder > 0 && draws.happens(0.3) {
                    continue;
                }
                let line = format!("+2h sign a{artifact}@1.{release} digest=d{release} key=K{key}-{builder}");
                values.extend(
                    stage
                        .play(&line)
                        .iter()
                        .filter_map(|look| look.calibration.as_ref())
                        .map(|(cell, p)| (cell.detector, p.get())),
                );
            }
        }
    }
    for id in [DetectorId::ReSigning, DetectorId::KeyChange] {
        let of: Vec<f64> = values.iter().filter(|(detector, _)| *detector == id).map(|(_, p)| *p).collect();
        for (level, most) in [(0.1, 1.3), (0.01, 1.7), (0.001, 2.5)] {
            let ratio = exceedance(&of, level);
            assert!(ratio < most, "{id} {level}: {ratio} of {}", of.len());
        }
    }
}

#[test]
fn a_state_of_one_key_and_many_releases_stays_under_a_kilobyte_and_a_half() {
    let mut stage = Stage::new(&Signing);
    for release in 0..100 {
        let looks = stage.play(&format!(
            "+7d sign app@1.{release}.0 digest=r{release} key=9DEAE0DC7063249FB05474681E4AED62986CD25D"
        ));
        assert!(looks.iter().all(|look| exact_bits(look) < 8.0));
    }
    let bytes = postcard::to_stdvec(stage.row("npm pkg:npm/app")).unwrap().len();
    assert!(bytes < 1_536, "{bytes}");
    assert_eq!(warm_up(stage.row("npm pkg:npm/app")).seen, 100);
}
