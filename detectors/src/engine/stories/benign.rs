//! Honest look-alikes of attacks: none of them may be high.

use super::quiet;
use crate::finding::Severity;

fn releases(name: &str, count: usize) -> String {
    format!(
        "{count}x +7d publish {name}@1.0.# by=ann maintainers=ann license=MIT repository=https://github.com/o/r size=90000 files=20 scripts= binaries=0 deps=a:^1 tool=npm/10 digest={name}#\n"
    )
}

#[test]
fn a_clean_release_after_an_attack_and_a_deprecation_of_what_was_bad() {
    let log = format!(
        "{}+1h withdraw app@1.0.30 action=deprecate actor=ann\n+1h publish app@1.0.31 by=ann maintainers=ann license=MIT repository=https://github.com/o/r size=90100 files=20 scripts= binaries=0 deps=a:^1 tool=npm/10 digest=clean\n+1m tag app:latest version=1.0.31",
        releases("app", 30)
    );
    quiet("re-release", &log, Severity::High);
}

#[test]
fn a_mass_deprecation_by_its_owner() {
    let owned: String = (0..42).map(|at| releases(&format!("p{at}"), 3)).collect();
    let log = format!("{owned}84x +10s withdraw p#@1.0.1 action=deprecate actor=ann");
    quiet("mass deprecation", &log, Severity::High);
}

#[test]
fn rotations_of_keys() {
    let year = |key: usize| format!("52x +7d sign app@{key}.# digest=y{key}-# key=K{key}\n");
    quiet("yearly rotation", &(1..=5).map(year).collect::<String>(), Severity::High);
    let overlap = "40x +7d sign app@1.# digest=a# key=K1\n+1h sign app@1.40 digest=a40 key=K2\n20x +7d sign app@2.# digest=b# key=K2";
    quiet("rotation with overlap", overlap, Severity::High);
}

#[test]
fn adoption_of_trusted_publishing() {
    let log = "30x +7d publish lib@1.0.# by=ann level=token tool=npm/10\n30x +7d publish lib@1.1.# by=ci level=trusted-publisher workflow=w.yml source=o/lib trigger=push attempt=1 tool=npm/11";
    quiet("trusted publishing", log, Severity::High);
}

#[test]
fn a_new_signature_format_over_all_old_digests() {
    // Cosign's change of bundle: the same identity signs a new kind of statement over forty old digests.
    let identity = "identity=https://github.com/o/r/.github/workflows/r.yml@refs/heads/main issuer=github";
    let log = format!(
        "40x +7d sign app@1.0.# digest=d# {identity}\n40x +5s sign app@1.0.# digest=d# {identity} predicate=https://slsa.dev/provenance/v1"
    );
    quiet("bundle change", &log, Severity::High);
}

#[test]
fn a_deploy_storm_of_tags() {
    let log = "40x +1d tag docker/app:1.0.# digest=r#\n40x +1d tag docker/app:latest digest=r#\n60x +1m tag docker/app:build-2026#00 digest=s#\n40x +30s tag docker/app:latest digest=t#";
    quiet("deploy storm", log, Severity::High);
}

#[test]
fn a_registry_that_cleans_up_spam() {
    let owned: String = (0..40).map(|at| releases(&format!("q{at}"), 2)).collect();
    quiet("floatdrop", &format!("{owned}102x +5s withdraw q#@1.0.1 action=quarantine"), Severity::High);
}

#[test]
fn robots_that_verify_everything() {
    let log = format!(
        "{}600x +30s verify app@1.0.3 result=ok\n30x +30s verify other#@1.0.0 result=unsigned",
        releases("app", 30)
    );
    quiet("scanner", &log, Severity::High);
}

#[test]
fn tokens_stolen_and_not_used() {
    // 30 GhostAction: secrets leave by workflow edits; on the registry nothing happens but their revocation.
    let log = format!(
        "{}+1d account - change=token-revoked target=t1 actor=ann\n+1h account - change=token-created target=t2 actor=ann\n+20d publish app@1.0.31 by=ann maintainers=ann license=MIT repository=https://github.com/o/r size=90000 files=20 scripts= binaries=0 deps=a:^1 tool=npm/10",
        releases("app", 30)
    );
    quiet("30 GhostAction", &log, Severity::Medium);
}

#[test]
fn a_train_of_forty_packages() {
    let train = |version: usize| {
        (0..40).map(|at| format!("+1s publish t{at}@1.{version}.0 by=ci size=9000 deps=a:^1 level=trusted-publisher workflow=w.yml attempt=1\n")).collect::<String>()
    };
    let log: String = (1..=14).map(|version| format!("+7d publish root@1.{version}.0 by=ci size=100 level=trusted-publisher workflow=w.yml attempt=1\n{}", train(version))).collect();
    quiet("release train", &log, Severity::High);
}
