//! The attacks.

use super::{Attack, check};
use crate::settings::EngineSettings;

/// Thirty honest releases of a package by one person, a week apart.
fn releases(name: &str, by: &str) -> String {
    format!("30x +7d {}", release(name, "1.0.#", by, ""))
}

/// One honest release, with what is said beside it.
fn release(name: &str, version: &str, by: &str, more: &str) -> String {
    let script = if more.contains("scripts=") { "" } else { " scripts=" };
    let size = if more.contains("size=") { "" } else { " size=90000" };
    let deps = if more.contains("deps=") { "" } else { " deps=a:^1,b:^2" };
    let maintainers = if more.contains("maintainers=") { "" } else { " maintainers=ann,ben" };
    format!(
        "publish {name}@{version} by={by} license=MIT repository=https://github.com/o/r files=20 binaries=0 tool=npm/10{script}{size}{deps}{maintainers} {more}"
    )
}

/// Thirty honest releases that a trusted publisher makes.
fn trusted(name: &str) -> String {
    format!("30x +7d {}", release(name, "1.0.#", "ci", TRUSTED))
}

const TRUSTED: &str = "level=trusted-publisher workflow=release.yml source=o/r trigger=push attempt=1";
const TOKEN: &str = "level=token auth=token";

#[track_caller]
fn attack(name: &str, past: &str, attack: &str, found_by: &[&str], mended: &str) {
    let attack = Attack {
        name,
        past: past.to_owned(),
        attack: attack.to_owned(),
        found_by,
        mended: mended.to_owned(),
    };
    check(&EngineSettings::default(), &attack);
}

#[test]
fn accounts_that_are_handed_over_or_taken_over() {
    let past = releases("event-stream", "dominic");
    attack(
        "1 event-stream",
        &past,
        &format!(
            "+3d account event-stream change=owner-added target=right9ctrl actor=dominic\n+1d {}",
            release(
                "event-stream",
                "1.0.31",
                "right9ctrl",
                "deps=a:^1,b:^2,flatmap-stream:^0.1 maintainers=ann,ben,right9ctrl"
            )
        ),
        &["metadata-drift", "ownership-change"],
        &format!("+4d {}", release("event-stream", "1.0.31", "dominic", "")),
    );
    let past = releases("eslint-scope", "eslint");
    attack(
        "2 eslint-scope",
        &past,
        &format!(
            "+5d account - change=token-created actor=eslint\n+20m {}\n+36m withdraw eslint-scope@1.0.31 action=unpublish actor=eslint",
            release("eslint-scope", "1.0.31", "eslint", "scripts=node_build.js")
        ),
        &["metadata-drift", "ownership-change"],
        &format!("+6d {}", release("eslint-scope", "1.0.31", "eslint", "")),
    );
    let past = releases("eslint-config-prettier", "jounqin");
    attack(
        "27 eslint-config-prettier",
        &past,
        &format!(
            "+5d account - change=login-new-device actor=jounqin\n+9m {}",
            release("eslint-config-prettier", "1.0.31", "jounqin", "scripts=node_install.js")
        ),
        &["metadata-drift", "ownership-change"],
        &format!("+6d {}", release("eslint-config-prettier", "1.0.31", "jounqin", "")),
    );
}

#[test]
fn projects_that_sleep_and_are_woken() {
    for (name, package) in [("3 strong_password", "strong_password"), ("8 coa", "coa")] {
        attack(
            name,
            &releases(package, "ann"),
            &format!(
                "+1200d {}",
                release(package, "1.0.31", "mallory", "scripts=sh_x maintainers=ann,ben,mallory")
            ),
            &["metadata-drift", "dormant-revival"],
            &format!("+7d {}", release(package, "1.0.31", "ann", "")),
        );
    }
    // Four accounts that slept, fourteen packages of which only the metadata changed.
    let past: String = (0..6)
        .map(|at| format!("8x +20d {}\n", release(&format!("p{at}"), "1.#.0", "sleeper", "")))
        .collect();
    attack(
        "16 Packagist",
        &past,
        &format!(
            "+1100d {}",
            release("p1", "1.9.0", "sleeper", "size=90001")
                .replace("github.com/o/r", "github.com/neskafe3v1/r")
        ),
        &["dormant-revival"],
        &format!("+20d {}", release("p1", "1.9.0", "sleeper", "")),
    );
}

#[test]
fn several_release_lines_at_once() {
    let lines = |package: &str| {
        format!(
            "12x +9d {}\n+9d {}\n8x +9d {}\n",
            release(package, "0.7.#", "faisal", ""),
            release(package, "1.0.0", "faisal", ""),
            release(package, "1.0.#", "faisal", "")
        )
    };
    attack(
        "7 ua-parser-js",
        &lines("ua-parser-js"),
        &format!(
            "+9d {}\n+4m {}",
            release("ua-parser-js", "1.0.9", "faisal", "scripts=preinstall.sh"),
            release("ua-parser-js", "0.7.13", "faisal", "scripts=preinstall.sh")
        ),
        &["version-oddity", "metadata-drift"],
        &format!("+9d {}", release("ua-parser-js", "1.0.9", "faisal", "")),
    );
    let past = format!(
        "10x +9d {}\n+9d {}\n30x +9d {}\n",
        release("rest-client", "1.6.#", "archiloque", ""),
        release("rest-client", "2.0.0", "archiloque", ""),
        release("rest-client", "2.0.#", "archiloque", "")
    );
    attack(
        "4 rest-client",
        &past,
        &format!("+9d {}", release("rest-client", "1.6.13", "archiloque", "size=90500")),
        &["version-oddity"],
        &format!("+9d {}", release("rest-client", "2.0.31", "archiloque", "")),
    );
}

#[test]
fn owners_who_turn_on_their_users() {
    // 9 is found only in part: by its number, not by what it does.
    attack(
        "9 colors",
        &releases("colors", "marak"),
        &format!("+7d {}", release("colors", "6.6.6", "marak", "size=120000")),
        &["version-oddity"],
        &format!("+7d {}", release("colors", "1.0.31", "marak", "size=120000")),
    );
    attack(
        "10 node-ipc",
        &releases("node-ipc", "riaevangelist"),
        &format!(
            "+7d {}\n+20m {}",
            release("node-ipc", "1.0.31", "riaevangelist", "deps=a:^1,b:^2,peacenotwar:^9 size=150000"),
            release(
                "node-ipc",
                "1.0.32",
                "riaevangelist",
                "deps=a:^1,b:^2,peacenotwar:^9,colors:^1 size=210000"
            )
        ),
        &["metadata-drift"],
        &format!("+7d {}", release("node-ipc", "1.0.31", "riaevangelist", "")),
    );
    attack(
        "20 aiocpa",
        &releases("aiocpa", "owner"),
        &format!(
            "+7d {}\n+46m {}",
            release("aiocpa", "1.0.31", "owner", "size=900000 deps=a:^1,b:^2,c:^1"),
            release("aiocpa", "1.0.32", "owner", "size=2900000 deps=a:^1,b:^2,c:^1,d:^1")
        ),
        &["metadata-drift"],
        &format!("+7d {}", release("aiocpa", "1.0.31", "owner", "")),
    );
}

#[test]
fn a_token_on_a_project_with_trusted_publishers() {
    for (name, package) in [
        ("21 web3.js", "@solana/web3.js"),
        ("22 ultralytics, second wave", "ultralytics"),
        ("23 rspack", "@rspack/core"),
        ("29 nx", "nx"),
        ("37 LiteLLM", "litellm"),
        ("39 axios", "axios"),
    ] {
        attack(
            name,
            &trusted(package),
            &format!(
                "+2d {}",
                release(
                    package,
                    "1.0.31",
                    "ci",
                    &format!("{TOKEN} scripts=node_x.js deps=a:^1,b:^2,new-one:^1 size=190000")
                )
            ),
            &["trust-downgrade", "metadata-drift"],
            &format!("+7d {}", release(package, "1.0.31", "ci", TRUSTED)),
        );
    }
}

#[test]
fn one_account_publishes_all_its_packages() {
    let package = |at: usize| format!("p{at}");
    for (name, count) in [("31 chalk and debug", 18), ("32 Shai-Hulud", 40), ("36 CanisterWorm", 66)] {
        let past: String = (0..count)
            .map(|at| format!("6x +3d {}\n", release(&package(at), &format!("{at}.0.#"), "qix", "")))
            .collect();
        let worm: String = (0..count)
            .map(|at| {
                format!(
                    "+20s {}\n",
                    release(&package(at), &format!("{at}.0.7"), "qix", "scripts=node_bundle.js size=3600000")
                )
            })
            .collect();
        let last = count - 1;
        let honest = format!("+3d {}", release(&package(last), &format!("{last}.0.7"), "qix", ""));
        attack(
            name,
            &past,
            &format!("+1d {}\n{worm}", release("p0", "0.0.99", "qix", "")),
            &["publish-burst", "metadata-drift"],
            &honest,
        );
    }
}

#[test]
fn names_that_are_near() {
    let past: String = ["rust_decimal", "fast-log-writer", "typescript-eslint"]
        .map(|name| format!("9x +9d {}\n", release(name, "1.#.0", "paul", "")))
        .concat();
    let squat = |name: &str| format!("+1d {}", release(name, "1.0.0", "mallory", "scripts=build.rs"));
    attack("11 rustdecimal", &past, &squat("rustdecimal"), &["name-squat"], &squat("some-other-name"));
    attack("34 finch-rust", &past, &squat("decimal-rust"), &["name-squat"], &squat("some-other-name"));
    let mut settings = EngineSettings::default();
    settings.rules.name_squat.guarded = vec!["pkg:npm/mysten-metrics".to_owned()];
    let attack = Attack {
        name: "40 mysten-metrics",
        past,
        attack: squat("mysten_metrics"),
        found_by: &["name-squat"],
        mended: squat("some-other-name"),
    };
    check(&settings, &attack);
}

#[test]
fn new_accounts_with_many_new_names() {
    let old: String = (0..10)
        .map(|at| {
            format!(
                "10x +2d {} created=900d\n",
                release(&format!("old{at}"), "1.0.#", &format!("user{at}"), "")
            )
        })
        .collect();
    let wave = |created: &str| {
        (0..200)
            .map(|at| {
                format!(
                    "+5s {} created={created}\n",
                    release(&format!("crypto-miner-{at}-{at}"), "1.0.0", "fresh", "")
                )
            })
            .collect::<String>()
    };
    attack(
        "14 and 46 new accounts",
        &old,
        &wave("20m"),
        &["publish-burst"],
        &format!("+1d {} created=900d", release("old1", "1.1.0", "user1", "")),
    );
    attack(
        "46 a new account on an old package",
        &old,
        &format!("+1d {} created=20m", release("old1", "1.1.0", "fresh", "")),
        &["new-account-publish"],
        &format!("+1d {} created=900d", release("old1", "1.1.0", "user1", "")),
    );
}

#[test]
fn tags_that_are_moved() {
    let past: String =
        (1..=40).map(|at| format!("+7d tag docker/tj/changed-files:v1.0.{at} digest=r{at}\n")).collect();
    let moved: String =
        (1..=30).map(|at| format!("+1s tag docker/tj/changed-files:v1.0.{at} digest=orphan\n")).collect();
    for name in ["24 tj-actions", "35 Trivy", "45 Nx Console"] {
        attack(
            name,
            &past,
            &format!("+1d tag docker/tj/changed-files:v1.0.40 digest=r40\n{moved}"),
            &["tag-move"],
            "+7d tag docker/tj/changed-files:v1.0.41 digest=r41",
        );
    }
    attack(
        "41 kics",
        &past,
        "+1d tag docker/tj/changed-files:v1.0.40 digest=evil\n+9s tag docker/tj/changed-files:latest digest=evil\n+9s tag docker/tj/changed-files:v1.0.41 digest=evil",
        &["tag-move"],
        "+7d tag docker/tj/changed-files:v1.0.41 digest=r41",
    );
    // 6: an object is overwritten, its version stays.
    attack(
        "6 Codecov",
        "9x +7d publish uploader@1.0.# digest=d#",
        "+7d publish uploader@1.0.9 digest=evil",
        &["tag-move"],
        "+7d publish uploader@1.0.10 digest=d10",
    );
}

#[test]
fn signers_that_are_not_who_they_were() {
    let past: String = (1..=40)
        .map(|at| {
            format!(
                "+7d publish xz@5.4.{at} digest=d{at} by=lasse\n+5m sign xz@5.4.{at} digest=d{at} key=LASSE\n"
            )
        })
        .collect();
    attack(
        "18 xz",
        &past,
        "+7d publish xz@5.6.0 digest=e by=jia\n+5m sign xz@5.6.0 digest=e key=JIA",
        &["key-change"],
        "+7d publish xz@5.4.41 digest=e by=lasse\n+5m sign xz@5.4.41 digest=e key=LASSE",
    );
    let identity = "identity=https://github.com/tanstack/router/.github/workflows/release.yml@refs/heads/main issuer=github source=tanstack/router workflow=release.yml";
    let past =
        format!("60x +3d sign router@1.169.# digest=r# {identity} trigger=push runner=hosted attempt=1");
    attack(
        "44 TanStack, its signatures",
        &past,
        &format!(
            "+2d sign router@1.170.0 digest=evil {identity} trigger=workflow_dispatch runner=hosted attempt=4"
        ),
        &["signer-profile"],
        &format!("+2d sign router@1.170.0 digest=good {identity} trigger=push runner=hosted attempt=1"),
    );
    attack(
        "44 TanStack, its packages",
        &trusted("router"),
        &format!(
            "+2d {}",
            release(
                "router",
                "1.0.31",
                "ci",
                &format!(
                    "{} deps=a:^1,b:^2,setup:github:tanstack/router#79ac49e size=3200000",
                    TRUSTED.replace("attempt=1", "attempt=4")
                )
            )
        ),
        &["metadata-drift"],
        &format!("+7d {}", release("router", "1.0.31", "ci", TRUSTED)),
    );
}
