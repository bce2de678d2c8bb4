//! What code and tests may do beyond what lints can see.

use super::rust_file::RustFile;
use super::tree::Tree;
use super::{Violation, check};

/// The one file that may ask what time it is.
const CLOCK: &str = "transport/src/clock.rs";

/// What asks the wall clock. `Instant::now` is not among it: deadlines count from where they begin.
const WALL_CLOCKS: [&str; 3] = ["SystemTime::now", "Utc::now", "Local::now"];

/// What a pure crate has no use for. `detectors/clippy.toml` bans the clocks and the hash order beside these.
const IMPURE: [&str; 11] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::process",
    "std::thread",
    "TcpStream",
    "UdpSocket",
    "async fn",
    ".await",
    "tokio::",
    "rand::",
];

/// Pauses: calls that return because time has passed.
const PAUSES: [&str; 4] = ["thread::sleep(", "time::sleep(", "park_timeout(", " sleep("];

/// Lines before a pause in a test within which its deadline must be looked at.
const DEADLINE_WITHIN: usize = 8;

/// Lines of code, outside or inside of tests, that contain one of these, with their places and the one that was found.
fn containing<'a, 'b>(
    tree: &'a Tree,
    what: &'b [&'static str],
) -> impl Iterator<Item = (&'a RustFile, usize, &'static str)> + use<'a, 'b> {
    tree.rust().iter().flat_map(move |file| {
        let hit = move |line: &str| what.iter().find(|part| line.contains(**part)).copied();
        file.code().filter_map(move |(at, line)| Some((file, at, hit(line)?)))
    })
}

/// No test is passed over, and no code is promised.
fn nothing_is_put_off(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "finish it or take it out: what is put off is neither tested nor done";
    let put_off = ["#[ignore", "todo!(", "unimplemented!(", "todo![", "unimplemented!["];
    let found = containing(tree, &put_off);
    found
        .map(|(file, at, what)| Violation::line(&file.path, at + 1, format!("`{what}` stands here"), REMEDY))
        .collect()
}

/// A test waits for a condition, with a deadline; other code pauses for a time that has a name.
fn pauses_have_a_reason(tree: &Tree) -> Vec<Violation> {
    const BLOCKS: &str = "wait for a condition with a deadline (`parts::until`), or be told by a channel";
    const FIXED: &str = "look again and again until the condition holds and the `deadline` passes; a fixed time is too short or wasted";
    const NAMELESS: &str = "give the time a named constant whose comment says why it is so long";
    let mut found = Vec::new();
    for (file, at, pause) in containing(tree, &PAUSES) {
        let line = &file.code[at];
        let argument = line.split(pause).nth(1).unwrap_or_default().trim_start();
        let watched = || {
            file.code[at.saturating_sub(DEADLINE_WITHIN)..=at].iter().any(|line| line.contains("deadline"))
        };
        let trouble = if pause == "thread::sleep(" {
            Some(("it blocks its thread", BLOCKS))
        } else if file.is_test(at) {
            (!watched()).then_some(("a test waits for a fixed time", FIXED))
        } else {
            (argument.starts_with("Duration::") || argument.contains("::Duration::"))
                .then_some(("it pauses for a time without a name", NAMELESS))
        };
        found.extend(trouble.map(|(what, remedy)| Violation::line(&file.path, at + 1, what, remedy)));
    }
    found
}

/// One file asks what time it is; whoever needs it is given the clock, so a test can stop it.
fn one_clock(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "take the time as an argument, or a clock from transport/src/clock.rs";
    let asks =
        containing(tree, &WALL_CLOCKS).filter(|(file, at, _)| file.path != CLOCK && !file.is_test(*at));
    asks.map(|(file, at, what)| {
        Violation::line(&file.path, at + 1, format!("`{what}` asks the wall clock"), REMEDY)
    })
    .collect()
}

/// The detectors are a function of their input.
fn detectors_are_pure(tree: &Tree) -> Vec<Violation> {
    const REMEDY: &str = "let the caller hand it in: what a detector finds depends on the log alone, or replay differs from live";
    let reaches_out = containing(tree, &IMPURE)
        .filter(|(file, at, _)| file.path.starts_with("detectors/src/") && !file.is_test(*at));
    reaches_out
        .map(|(file, at, what)| Violation::line(&file.path, at + 1, format!("it uses `{what}`"), REMEDY))
        .collect()
}

#[test]
fn nothing_is_ignored_or_promised() {
    check(
        nothing_is_put_off,
        &[
            (
                "a.rs",
                "//! A: todo!()\nfn f() { todo!() }\n#[test]\n#[ignore = \"slow\"]\nfn g() { \"unimplemented!()\"; }",
            ),
            ("b.rs", "//! B.\nfn f() { unimplemented!(\"later\") }"),
        ],
        &["a.rs:2: `todo!(`", "a.rs:4: `#[ignore`", "b.rs:2: `unimplemented!(`"],
    );
}

#[test]
fn no_test_waits_for_a_fixed_time() {
    check(
        pauses_have_a_reason,
        &[
            (
                "a/src/code.rs",
                "//! A.\nfn f() {\n  tokio::time::sleep(TICK).await;\n  tokio::time::sleep(Duration::from_millis(5)).await;\n  std::thread::sleep(TICK);\n}",
            ),
            ("tests/fixed.rs", "//! T.\nfn f() {\n  tokio::time::sleep(Duration::from_secs(1)).await;\n}"),
            (
                "tests/watched.rs",
                "//! T.\nfn f() {\n  assert!(Instant::now() < deadline);\n  std::thread::park_timeout(LOOK);\n}",
            ),
        ],
        &[
            "a/src/code.rs:4: it pauses for a time without a name",
            "a/src/code.rs:5: it blocks its thread",
            "tests/fixed.rs:3: a test waits for a fixed time",
        ],
    );
}

#[test]
fn one_file_asks_what_time_it_is() {
    check(
        one_clock,
        &[
            (
                "store/src/lib.rs",
                "//! S.\nfn f() { chrono::Utc::now(); Instant::now(); }\n#[cfg(test)]\nmod tests {\n  fn g() { SystemTime::now(); }\n}",
            ),
            ("transport/src/clock.rs", "//! C.\nfn f() { Utc::now(); }"),
        ],
        &["store/src/lib.rs:2: `Utc::now` asks the wall clock"],
    );
}

#[test]
fn detectors_reach_for_nothing() {
    check(
        detectors_are_pure,
        &[
            (
                "detectors/src/a.rs",
                "//! std::fs\nuse std::net::IpAddr;\nuse std::fs::File;\n#[cfg(test)]\nmod tests {\n  use std::fs;\n}",
            ),
            ("store/src/a.rs", "//! S.\nuse std::fs;"),
        ],
        &["detectors/src/a.rs:3: it uses `std::fs`"],
    );
}
