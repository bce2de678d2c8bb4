//! Stories of publishes: honest releases, and the attacks that were.

use super::*;
use crate::change_lane::draws::{Draws, exceedance};
use crate::change_lane::story::{Stage, check as tell, exact_bits};
use crate::detector::{Scored, Verdict};

#[track_caller]
fn check(story: &str) -> Vec<Scored> {
    tell(&Publishing::default(), story)
}

fn last(said: &[Scored], id: DetectorId) -> &Scored {
    said.iter().rev().find(|scored| scored.detector == id).unwrap()
}

fn bits(scored: &Scored) -> f64 {
    match scored.verdict {
        Verdict::Surprise { tail, .. } => tail.exact.bits(),
        Verdict::Violation(_) => 0.0,
    }
}

/// Forty releases of a package as trusted publishers make them.
const AXIOS: &str = "40x +9d publish axios@1.#.0 by=jason maintainers=jason,emily license=MIT repository=https://github.com/axios/axios size=2100000 files=85 scripts= binaries=0 deps=follow-redirects:^1,form-data:^4,proxy-from-env:^1 tool=npm/11.2 level=trusted-publisher workflow=publish.yml source=axios/axios trigger=push attempt=1 => silence\n";

#[test]
fn axios_without_its_trusted_publisher_and_with_a_new_dependency() {
    let said = check(&format!("{AXIOS}
        +1d account axios change=email-changed actor=jason => silence
        +18h publish axios@1.41.0 by=jason maintainers=jason,emily license=MIT repository=https://github.com/axios/axios size=2100300 files=86 scripts= binaries=0 deps=follow-redirects:^1,form-data:^4,plain-crypto-js:^4.2.1,proxy-from-env:^1 tool=npm/10.8 level=token auth=token => metadata-drift 20, trust-downgrade 8"));
    let drift = &last(&said, DetectorId::MetadataDrift).explanation;
    for part in [
        "`axios` 1.41.0 appeared 42 hours after 1.40.0 (usual gap",
        "the new dependency `plain-crypto-js`",
        "weaker provenance (with a long-lived token instead of by a trusted publisher)",
        "a change of account 18 hours before (an e-mail address changed)",
    ] {
        assert!(drift.summary.contains(part), "{part}: {}", drift.summary);
    }
    assert!(drift.links.contains(&Link::Dependency("plain-crypto-js".into())));
    assert!(drift.evidence.iter().all(|item| item.position.is_some()));
    let trust = &last(&said, DetectorId::TrustDowngrade).explanation;
    assert_eq!(
        trust.summary,
        "`axios` 1.41.0 was published with a long-lived token; 1.40.0, the last of 40 attested versions, came by a trusted publisher 42 hours before"
    );
    assert_eq!(trust.evidence.len(), 2);
}

#[test]
fn the_counterfactuals_are_true() {
    // What each sentence of the story above asks for.
    let said = check(&format!("{AXIOS}
        +9d publish axios@1.41.0 by=eve maintainers=jason,emily license=MIT repository=https://github.com/axios/axios size=2100300 files=86 scripts=node_x.js binaries=0 deps=follow-redirects:^1,form-data:^4,proxy-from-env:^1 tool=npm/11.2 level=trusted-publisher workflow=publish.yml source=axios/axios trigger=push attempt=1 => metadata-drift 14"));
    let sentence = &said[said.len() - 1].explanation.counterfactual;
    assert_eq!(sentence, "It would have been silent with the install scripts as they were.");
    check(&format!("{AXIOS}
        +9d publish axios@1.41.0 by=eve maintainers=jason,emily license=MIT repository=https://github.com/axios/axios size=2100300 files=86 scripts= binaries=0 deps=follow-redirects:^1,form-data:^4,proxy-from-env:^1 tool=npm/11.2 level=trusted-publisher workflow=publish.yml source=axios/axios trigger=push attempt=1 => silence"));
    check(&format!("{AXIOS}
        +9d publish axios@1.41.0 by=jason maintainers=jason,emily license=MIT repository=https://github.com/axios/axios size=2100300 files=86 scripts= binaries=0 deps=follow-redirects:^1,form-data:^4,proxy-from-env:^1 tool=npm/11.2 level=trusted-publisher workflow=publish.yml source=axios/axios trigger=push attempt=1 => silence"));
}

/// Sixty releases of one package of a train, every three days.
fn tanstack(name: &str) -> String {
    format!(
        "60x +3d publish @tanstack/{name}@1.169.# by=ci maintainers=tanner license=MIT repository=https://github.com/tanstack/router size=900000 files=40 scripts= binaries=0 deps=@tanstack/history:1,jsesc:^3 tool=pnpm/10 level=attested workflow=release.yml source=tanstack/router trigger=push attempt=1 runner=github-hosted\n"
    )
}

#[test]
fn tanstack_is_told_although_its_provenance_is_valid() {
    let bad = |version: &str, attempt: u32, run: &str| {
        format!(
            "publish @tanstack/react-router@{version} by=ci maintainers=tanner license=MIT repository=https://github.com/tanstack/router size=3200000 files=41 scripts= binaries=0 deps=@tanstack/history:1,@tanstack/setup:github:tanstack/router#79ac49e,jsesc:^3 tool=pnpm/10 level=attested workflow=release.yml source=tanstack/router trigger=push attempt={attempt} runner=github-hosted run={run} digest={version}"
        )
    };
    let said = check(&format!(
        "{} +2d {} => metadata-drift 20\n +6m {} => metadata-drift 20",
        tanstack("react-router"),
        bad("1.169.61", 4, "25613093674"),
        bad("1.169.64", 1, "25691781302"),
    ));
    let first = &said[said.len() - 2].explanation;
    assert!(first.summary.contains("a dependency by address, `@tanstack/setup`"), "{}", first.summary);
    assert!(first.summary.contains("a size of 3.2 MB instead of 900 kB"), "{}", first.summary);
    assert!(first.summary.contains("an unusual CI run (attempt 4)"), "{}", first.summary);
    assert!(first.links.contains(&Link::Run("25613093674".into())));
    assert_eq!(first.slsa_threat, Some('E'));
    let second = &said[said.len() - 1].explanation;
    assert!(
        second.summary.contains("appeared 6 minutes after 1.169.61 (usual gap 3.2 days)"),
        "{}",
        second.summary
    );
    assert!(said.iter().all(|scored| scored.detector == DetectorId::MetadataDrift));
}

#[test]
fn forty_two_packages_are_told_each() {
    let detector = Publishing::default();
    let mut stage = Stage::fast(&detector, 7);
    let mut told = 0;
    let line = |name: usize, version: usize, extra: &str, size: u32| {
        format!(
            "publish @tanstack/p{name}@1.169.{version} by=ci size={size} deps=jsesc:^3{extra} level=attested workflow=release.yml attempt=1"
        )
    };
    for version in 1..=30 {
        for name in 0..42 {
            stage.play(&format!(
                "{} {}",
                if name == 0 { "+3d" } else { "+1s" },
                line(name, version, "", 900_000)
            ));
        }
    }
    for name in 0..42 {
        let looks = stage.play(&format!(
            "+1s {}",
            line(name, 31, ",@tanstack/setup:github:tanstack/router#79ac49e", 3_200_000)
        ));
        told += usize::from(looks.iter().any(|look| exact_bits(look) >= 14.0));
    }
    assert_eq!(told, 42);
}

#[test]
fn adopting_trusted_publishing_is_quiet_and_leaving_it_is_adopted_in_the_end() {
    check(
        "30x +7d publish lib@1.0.# by=ann level=token => silence
         30x +7d publish lib@1.1.# by=ann level=trusted-publisher workflow=w.yml => silence
         +7d publish lib@1.2.1 by=ann level=attested workflow=w.yml => trust-downgrade 8
         +7d publish lib@1.2.2 by=ann level=trusted-publisher workflow=w.yml => silence
         +7d publish lib@1.2.3 by=ann level=token => trust-downgrade 8
         6x +7d publish lib@1.3.# by=ann level=token
         9x +7d publish lib@1.4.# by=ann level=token => silence",
    );
}

#[test]
fn silence_about_provenance_counts_only_from_a_source_that_told_of_it() {
    check(
        "20x +7d publish lib@1.0.# by=ann level=attested => silence
         +7d publish lib@1.1.0 by=ann => trust-downgrade 8",
    );
    check("20x +7d publish lib@1.0.# by=ann => silence");
}

#[test]
fn a_maintainer_who_hands_over_to_a_stranger() {
    let said = check(
        "50x +20d publish event-stream@3.3.# by=dominic maintainers=dominic deps=map-stream:1,through:1 size=15000 => silence
         +400d publish event-stream@3.3.51 by=right9ctrl maintainers=dominic,right9ctrl deps=flatmap-stream:^0.1,map-stream:1,through:1 size=15100 => metadata-drift 14",
    );
    assert!(
        last(&said, DetectorId::MetadataDrift).explanation.summary.contains("most like: maintainer handover")
    );
}

#[test]
fn ordinary_releases_of_all_kinds_are_silent() {
    check(
        "9x +6d publish lib@1.#.0 by=ann size=1#000 deps=a:1,b:1 license=MIT tool=npm/10.1 => silence
         9x +6d publish lib@1.9.# by=ann size=19#00 deps=a:1,b:1,c:1 license=MIT tool=npm/10.1 => silence
         9x +6d publish lib@1.1#.0 by=ann size=2#000 deps=a:1,b:1,c:1,d:1 license=MIT tool=npm/10.4 => silence
         +6d publish lib@2.0.0 by=ann size=34000 deps=a:2,b:2,e:1 license=MIT tool=npm/10.9 => silence
         +1h publish lib@2.0.1 by=ann size=34010 deps=a:2,b:2,e:1 license=MIT tool=npm/10.9 => silence
         +9d publish lib@1.31.0 by=ben size=29010 deps=a:1,b:1 license=MIT tool=npm/10.9 => silence
         +9d publish lib@1.31.1 by=ben size=29010 deps=a:1,b:1 license=MIT tool=npm/10.9 => silence
         +1s publish lib@1.31.1 by=ann size=99 file=other.whl => silence",
    );
}

#[test]
fn a_great_surprise_does_not_become_normal_at_once_but_a_move_does_in_the_end() {
    let usual =
        "40x +7d publish lib@1.#.0 by=ann size=10000 deps=a:1 scripts= license=MIT repository=o/lib\n";
    let moved =
        "by=bob maintainers=bob size=30000 deps=a:1,evil:x/y scripts=run license=MIT repository=o/lib";
    let said = check(&format!(
        "{usual} +7d publish lib@1.41.0 {moved} => metadata-drift 20\n +7d publish lib@1.42.0 {moved} => metadata-drift 14"
    ));
    assert!(said.len() >= 2);
    check(&format!(
        "{usual} 6x +7d publish lib@1.41.# {moved}\n 20x +7d publish lib@1.42.# {moved} => silence"
    ));
}

#[test]
fn a_first_version_and_a_feed_without_fields_say_nothing() {
    check("+0s publish lib@1.0.0 => silence\n 20x +7d publish lib@1.1.# => silence");
    let detector = Publishing::default();
    let mut stage = Stage::new(&detector);
    assert!(stage.play("+0s publish lib@1.0.0 by=eve scripts=x deps=a:git+https://x").is_empty());
    assert_eq!(warm_up(stage.row("npm pkg:npm/lib")).seen, 1);
}

#[test]
fn releases_on_the_minute_do_not_make_the_next_second_a_wonder() {
    check(
        "60x +1d publish lib@1.0.# by=ci size=1000 => silence\n +25h publish lib@1.1.0 by=ci size=1000 => silence",
    );
}

#[test]
fn late_and_failed_publishes_are_not_judged_and_do_not_teach() {
    check(&format!("{AXIOS}
        +1d publish axios@1.0.99 by=eve scripts=x late => silence
        +1d publish axios@1.41.0 by=eve scripts=x outcome=denied => silence
        +7d publish axios@1.41.0 by=eve maintainers=jason,emily size=2100000 scripts=x tool=npm/11.2 level=trusted-publisher workflow=publish.yml => metadata-drift 14"));
}

#[test]
fn profiles_out_of_bounds_are_named() {
    assert!(DriftConfig::default().problems().is_empty());
    let mut config = DriftConfig::default();
    config.profiles[1].changes.insert(DriftField::Script, 1.5);
    assert_eq!(config.problems()[0].0, "profiles[1].changes.install scripts");
    assert_eq!(DriftConfig { profiles: vec![] }.problems().len(), 1);
    let text = serde_json::to_string(&DriftConfig::default()).unwrap();
    assert_eq!(serde_json::from_str::<DriftConfig>(&text).unwrap(), DriftConfig::default());
}

#[test]
fn a_state_of_a_usual_package_stays_under_a_kilobyte() {
    let detector = Publishing::default();
    let mut stage = Stage::new(&detector);
    for line in AXIOS
        .replace(" => silence", "")
        .trim()
        .split_once(' ')
        .map(|(_, line)| line)
        .into_iter()
        .flat_map(|line| (1..50).map(move |round| line.replace('#', &round.to_string())))
    {
        stage.play(&line);
    }
    let bytes = postcard::to_stdvec(stage.row("npm pkg:npm/axios")).unwrap().len();
    assert!(bytes < 1_024, "{bytes}");
}

/// Packages whose fields change independently at rates of their own, and releases that change many fields at once.
fn simulated(busy: f64) -> Vec<f64> {
    let (detector, mut draws) = (Publishing::default(), Draws::seeded(9));
    let mut stage = Stage::fast(&detector, 13);
    let mut values = Vec::new();
    for package in 0..120 {
        let rates: Vec<f64> =
            [0.02, 0.15, 0.01, 0.01, 0.05].iter().map(|rate| rate * libm::exp(draws.normal())).collect();
        let (mut person, mut deps, mut license, mut script, mut tool, mut size) = (0, 3, 0, 0, 0, 10_000.0);
        for release in 0..60 {
            let factor = if draws.happens(busy) { 5.0 } else { 1.0 };
            let mut changes = |rate: f64| draws.happens((rate * factor).min(0.9));
            person += usize::from(changes(rates[0]));
            deps += usize::from(changes(rates[1]));
            license += usize::from(changes(rates[2]));
            script += usize::from(changes(rates[3]));
            tool += usize::from(changes(rates[4]));
            size *= libm::exp(0.05 * draws.normal());
            let list: Vec<String> = (0..deps).map(|at| format!("d{at}:1")).collect();
            let hours = (libm::exp(4.0 + draws.normal()) as i64).max(1);
            let line = format!(
                "+{hours}h publish p{package}@1.{release}.0 by=u{person} deps={} license=L{license} scripts=s{script} tool=t{tool}/1 size={}",
                list.join(","),
                size as u64
            );
            let looks = stage.play(&line);
            if release >= 10 {
                values.extend(looks.iter().filter_map(|look| Some(look.calibration.as_ref()?.1.get())));
            }
        }
    }
    values
}

#[test]
fn the_p_value_is_conservative_under_a_simulated_null() {
    for (busy, bands) in [(0.0, [1.4, 1.6, 3.0]), (0.05, [1.4, 3.0, 8.0])] {
        let values = simulated(busy);
        for (level, most) in [0.1, 0.01, 0.001].into_iter().zip(bands) {
            let ratio = exceedance(&values, level);
            assert!(ratio < most, "busy {busy}, {level}: {ratio} of {}", values.len());
        }
    }
}

#[test]
fn contamination_leaves_the_power() {
    // Ten odd releases among fifty do not hide the next attack.
    let said = check(
        "40x +7d publish lib@1.#.0 by=ann size=10000 deps=a:1 scripts= tool=npm/10
         10x +7d publish lib@1.5#.0 by=ann size=19000# deps=a:1,x#:1 scripts= tool=npm/10
         20x +7d publish lib@1.7#.0 by=ann size=10000 deps=a:1 scripts= tool=npm/10
         +7d publish lib@1.99.0 by=eve size=10100 deps=a:1,y:1 scripts=run tool=curl/8 => metadata-drift 16",
    );
    assert!(bits(last(&said, DetectorId::MetadataDrift)) > 16.0);
}

#[test]
fn the_p_value_of_a_fall_is_conservative_under_a_simulated_null() {
    let (detector, mut draws) = (Publishing::default(), Draws::seeded(4));
    let mut stage = Stage::fast(&detector, 17);
    let mut values = Vec::new();
    for package in 0..200 {
        let manual = [0.0, 0.005, 0.02, 0.1][package % 4];
        for release in 0..50 {
            let level = if draws.happens(manual) { "token" } else { "trusted-publisher" };
            let looks = stage.play(&format!("+9h publish p{package}@1.{release}.0 level={level}"));
            let of_trust = looks.iter().filter_map(|look| look.calibration.as_ref());
            values.extend(
                of_trust
                    .filter(|(cell, _)| cell.detector == DetectorId::TrustDowngrade)
                    .map(|(_, p)| p.get()),
            );
        }
    }
    for (level, most) in [(0.1, 1.2), (0.01, 1.5), (0.001, 2.5)] {
        let ratio = exceedance(&values, level);
        assert!(ratio < most, "{level}: {ratio} of {}", values.len());
    }
}
