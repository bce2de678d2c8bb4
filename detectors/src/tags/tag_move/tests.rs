//! Stories of tags: what moves, what stands, and how an attack looks.

use super::*;
use crate::change_lane::draws::{Draws, exceedance};
use crate::change_lane::story::{SILENCE_BITS, Stage, check as tell};
use crate::detector::Scored;

#[track_caller]
fn check(story: &str) -> Vec<Scored> {
    tell(&TagMove::default(), story)
}

/// Twenty releases of an image with the tags that images have.
const RELEASES: &str = "
    20x +0s tag docker/checkmarx/kics:v2.1.# digest=alpine-#
    20x +0s tag docker/checkmarx/kics:v2.1.#-debian digest=debian-#
    20x +7d tag docker/checkmarx/kics:latest digest=alpine-#
    20x +1s tag docker/checkmarx/kics:debian digest=debian-#
";

#[test]
fn kics_overwrites_fixed_tags_and_is_told() {
    let said = check(&format!(
        "{RELEASES}
        +3d tag docker/checkmarx/kics:latest digest=evil             => silence
        +20s tag docker/checkmarx/kics:v2.1.21 digest=evil           => silence
        +20s tag docker/checkmarx/kics:v2.1.20 digest=evil           => tag-move 18
        +20s tag docker/checkmarx/kics:v2.1.20-debian digest=evil-2  => tag-move 20
        +20s tag docker/checkmarx/kics:v2.1.19 digest=evil           => tag-move 22"
    ));
    let first = &said[said.len() - 3].explanation;
    assert!(
        first.summary.starts_with("`checkmarx/kics` tag `v2.1.20` moved from sha256:"),
        "{}",
        first.summary
    );
    assert!(first.summary.contains("now the same content as `v2.1.21`"), "{}", first.summary);
    assert_eq!(first.evidence.len(), 2);
    assert!(first.evidence.iter().all(|evidence| evidence.position.is_some()));
    let last = &said[said.len() - 1].explanation;
    assert!(
        last.summary.ends_with("it is the 3rd full-version tag to move within the hour"),
        "{}",
        last.summary
    );
}

#[test]
fn the_counterfactual_is_true() {
    check(&format!("{RELEASES} +3d tag docker/checkmarx/kics:v2.1.20 digest=alpine-20 => silence"));
}

#[test]
fn what_moves_by_habit_is_silent() {
    check(
        "30x +1d tag docker/app:nightly digest=n#        => silence
         30x +7d tag docker/app:1 digest=r#              => silence
         30x +1s tag docker/app:1.2 digest=r#            => silence
         30x +1s tag docker/app:1.2.# digest=r#          => silence
         10x +7d publish axios@1.0.# digest=a#           => silence
         10x +1s tag axios:latest version=1.0.#          => silence",
    );
}

#[test]
fn a_known_version_with_another_digest_is_a_hard_fact() {
    let said = check(
        "+0s publish axios@1.0.0 digest=a          => silence
         +1h publish axios@1.0.0 digest=a          => silence
         +1h publish axios@1.0.1 digest=b          => silence
         +1h publish axios@1.0.0 digest=evil by=eve  => violation tag-move
         +1h publish axios@2.0.0-SNAPSHOT digest=c => silence
         +1h publish axios@2.0.0-SNAPSHOT digest=d => silence",
    );
    assert_eq!(said[0].verdict, Verdict::Violation(Severity::High));
    assert!(
        said[0]
            .explanation
            .summary
            .starts_with("`axios` 1.0.0 was published again with other content: sha256:")
    );
    assert!(said[0].explanation.evidence.iter().all(|evidence| evidence.position.is_some()));
}

#[test]
fn versions_that_evidently_move_are_no_news_in_the_end() {
    check(
        "+0s publish app@1.0.0 digest=a
         5x +1d publish app@1.0.0 digest=again-# => violation tag-move
         5x +1d publish app@1.0.0 digest=more-#  => silence",
    );
}

#[test]
fn files_of_one_version_are_no_contradiction() {
    check(
        "+0s publish wheel@1.0.0 file=a.whl digest=a     => silence
         +1s publish wheel@1.0.0 file=a.tar.gz digest=b  => silence
         +1d publish wheel@1.0.0 file=a.whl digest=evil  => violation tag-move",
    );
}

#[test]
fn a_dist_tag_that_goes_back_is_told_and_one_that_goes_on_is_not() {
    check(
        "30x +7d tag axios:latest version=1.#.0    => silence
         +1d tag axios:latest version=1.12.0       => tag-move 8",
    );
}

#[test]
fn what_the_log_says_of_the_past_counts_on_the_first_day() {
    check(
        "+0s tag docker/app:1.0.0 digest=b previous=a => tag-move 16
         +1d tag docker/app:1.0.1 digest=c            => silence",
    );
}

#[test]
fn a_job_that_sets_its_tag_twice_is_less_than_an_old_tag_that_moves() {
    let steps = "40x +1d tag docker/app:2.0.# digest=r#\n";
    let fresh = check(&format!("{steps} +10m tag docker/app:2.0.40 digest=again => tag-move 8"));
    let old = check(&format!("{steps} +10d tag docker/app:2.0.40 digest=again => tag-move 16"));
    check(&format!(
        "{steps} +1m tag docker/app:2.0.41 digest=r41\n +1m tag docker/app:2.0.40 digest=again => tag-move 16"
    ));
    let bits = |said: &[Scored]| match said.last().unwrap().verdict {
        Verdict::Surprise { tail, .. } => tail.exact.bits(),
        Verdict::Violation(_) => 0.0,
    };
    assert!(bits(&fresh) + 4.0 < bits(&old));
}

#[test]
fn a_registry_that_rebuilds_its_versions_is_adopted() {
    // Every version is rebuilt each week: the first are news, then it is how this image is.
    check(
        "10x +1h tag docker/nginx:1.25.# digest=first-#
         +7d tag docker/nginx:1.25.1 digest=second-1     => tag-move 14
         30x +1d tag docker/nginx:1.25.2 digest=rebuilt-#
         10x +1d tag docker/nginx:1.25.3 digest=again-#  => silence",
    );
}

#[test]
fn late_and_failed_events_are_not_judged_and_do_not_teach() {
    check(
        "10x +1d tag docker/app:1.0.# digest=r#
         +1h tag docker/app:1.0.3 digest=evil late            => silence
         +1h tag docker/app:1.0.3 digest=evil outcome=denied  => silence
         +1h tag docker/app:1.0.3 digest=r3                   => silence",
    );
}

#[test]
fn names_set_by_the_owner_move_freely() {
    let detector = TagMove::new(TagMoveConfig { moving: vec!["2026.1.0".to_owned()] });
    tell(&detector, "20x +7d tag docker/app:2026.1.0 digest=r# => silence");
    assert!(TagMoveConfig::default().problems().is_empty());
    let bad = TagMoveConfig { moving: vec![String::new(); MAX_MOVING_NAMES + 1] };
    assert_eq!(bad.problems().len(), MAX_MOVING_NAMES + 2);
}

#[test]
fn contamination_leaves_the_power() {
    // After an attack and its repair the next one is told again, if less loudly.
    check(&format!(
        "{RELEASES}
         5x +20s tag docker/checkmarx/kics:v2.1.1# digest=evil
         +9h tag docker/checkmarx/kics:v2.1.11 digest=alpine-11
         5x +20s tag docker/checkmarx/kics:v2.1.1# digest=alpine-1#
         40x +7d tag docker/checkmarx/kics:v2.2.# digest=new-# => silence
         +1d tag docker/checkmarx/kics:v2.2.35 digest=evil => tag-move 6"
    ));
}

/// Images whose floating, minor and full tags move at rates of their own: raw p-values must not be too small.
#[test]
fn the_p_value_is_conservative_under_a_simulated_null() {
    let (detector, mut draws) = (TagMove::default(), Draws::seeded(3));
    let mut stage = Stage::fast(&detector, 11);
    let mut values = Vec::new();
    for image in 0..120 {
        let rebuilt = if image % 4 == 0 { 0.03 } else { 0.0005 };
        let mut release = 0;
        for step in 0..150 {
            let line = if draws.happens(0.3) {
                release += 1;
                format!("+3h tag docker/i{image}:1.2.{release} digest=r{release}")
            } else if draws.happens(0.6) {
                format!("+3h tag docker/i{image}:latest digest=r{release}")
            } else if release > 3 && draws.happens(rebuilt) {
                format!("+3h tag docker/i{image}:1.2.{} digest=s{step}", 1 + draws.below(3))
            } else {
                format!("+3h tag docker/i{image}:1.2 digest=r{release}")
            };
            values
                .extend(stage.play(&line).iter().filter_map(|look| Some(look.calibration.as_ref()?.1.get())));
        }
    }
    for (level, most) in [(0.1, 1.3), (0.01, 1.6), (0.001, 2.5)] {
        let ratio = exceedance(&values, level);
        assert!(ratio < most, "{level}: {ratio} of {}", values.len());
    }
    let told = values.iter().filter(|p| -libm::log2(**p) >= SILENCE_BITS).count();
    assert!(told > 0, "a null with rebuilds in it is not silent altogether");
}
