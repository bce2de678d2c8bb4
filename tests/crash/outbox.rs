//! Promise 2, for messages: the built program is killed with SIGKILL at each step of a message's life, before receivers
//! of each kind, and what follows is counted: lost, repeated, unmarked, out of order.
//!
//! `alerting/src/dispatcher/tests/table.rs` plays the same table inside one process, where a step ends exactly where it
//! should. Here nothing is pretended: a process, a kernel that takes its memory away, a clock that cannot be moved.

mod judge;
mod receiver;
mod round;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use self::judge::Count;
use self::receiver::Conduct;
use self::round::{Found, Step, round};
use crate::parts::rounds;

/// How often each cell of the table is played: 36 cells, 108 rounds in `make test` and 1,008 in `make nightly`.
const EACH: u32 = 3;
const EACH_FULL: u32 = 28;
/// Rounds that run at the same time: they mostly wait for the pauses between attempts.
const AT_ONCE: usize = 54;

#[test]
fn a_killed_process_loses_no_message_and_repeats_only_what_may_have_arrived() {
    let each = rounds(EACH, EACH_FULL);
    // What takes longest begins first, and is taken from the end.
    let mut waiting: Vec<_> = (0..each)
        .flat_map(|_| Conduct::ALL.into_iter().flat_map(|conduct| Step::ALL.map(|step| (conduct, step))))
        .collect();
    waiting.sort_by_key(|(conduct, _)| conduct.patience());
    let waiting = Mutex::new(waiting);
    let played = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let draw = || waiting.lock().unwrap().pop();
                while let Some((conduct, step)) = draw() {
                    let (found, count) = round(conduct, step);
                    played.lock().unwrap().push((conduct, step, found, count));
                }
            });
        }
    });
    let played = played.into_inner().unwrap();
    let by_receiver = table("receiver", &played, |(conduct, ..)| conduct.words().to_owned());
    let by_step = table("killed", &played, |(_, step, ..)| step.words().to_owned());
    let by_found = table("found after the kill", &played, |(_, _, found, _)| found.words().to_owned());
    eprintln!("{by_receiver}\n{by_step}\n{by_found}");

    let mut all = Count::default();
    played.iter().for_each(|(.., count)| all.add(*count));
    assert_eq!(all.rounds, each * 36);
    assert_eq!(
        (all.lost, all.unmarked, all.needless, all.disorder),
        (0, 0, 0, 0),
        "\n{by_receiver}\n{by_step}"
    );
    assert_eq!(all.given_up, 0, "\n{by_receiver}");
    assert!(all.repeats > 0, "no repeat was seen, so nothing was proved about their marks");
    for found in Found::ALL {
        assert!(played.iter().any(|(_, _, other, _)| *other == found), "no kill hit {found:?}\n{by_found}");
    }
}

type Played = (Conduct, Step, Found, Count);

fn table(title: &str, played: &[Played], row: impl Fn(&Played) -> String) -> String {
    let mut rows: BTreeMap<String, Count> = BTreeMap::new();
    for one in played {
        rows.entry(row(one)).or_default().add(one.3);
    }
    let mut text = format!(
        "| {title} | rounds | messages | lost | only accepted | given up | repeats | unmarked | needless | out of order |\n\
         |---|---|---|---|---|---|---|---|---|---|\n"
    );
    for (name, count) in rows {
        let Count { rounds, messages, lost, only_accepted, given_up, repeats, unmarked, needless, disorder } =
            count;
        let _ = writeln!(
            text,
            "| {name} | {rounds} | {messages} | {lost} | {only_accepted} | {given_up} | {repeats} | {unmarked} | \
             {needless} | {disorder} |"
        );
    }
    text
}
