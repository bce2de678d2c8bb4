//! Promise 2: kill -9 at any moment loses no finding, doubles none, makes none up, and keeps their order.

mod outbox;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::kafka::logs::{Dice, Logs, Shape};
use crate::kafka::watch::{PATIENCE, Watch, plain, plain_and_named};
use crate::parts::broker::KafkaBroker;
use crate::parts::process::{Part, Signal};
use crate::parts::{rounds, until};

/// Some 38,000 records.
const LARGE: Shape = Shape { seed: 4, days: 32, packages: 40, partitions: 3 };
/// Some 3,000.
const SMALL: Shape = Shape { seed: 5, days: 12, packages: 6, partitions: 2 };
/// How often a watch is cut short at most before it may run to the end.
const LIVES: u64 = 3;

/// Rounds that run at the same time.
const AT_ONCE: usize = 3;

/// When a life ends.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// When it has printed so many findings.
    Findings(usize),
    /// So many milliseconds after its start, wherever that is.
    After(u64),
}

/// How a life ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// SIGKILL.
    Killed,
    /// SIGTERM: it saves its state in the middle of the logs, which a later life takes up.
    Drained,
}

impl Moment {
    fn draw(dice: &mut Dice) -> Self {
        match dice.roll(2) {
            0 => Self::Findings(usize::try_from(dice.roll(60)).unwrap()),
            _ => Self::After(dice.roll(3_000)),
        }
    }

    /// Waits for it, or for an end before it.
    fn come(self, part: &mut Part) {
        let started = Instant::now();
        until(&format!("{self:?}"), PATIENCE, || {
            let has_come = match self {
                Self::Findings(count) => part.output().lines().count() >= count,
                Self::After(millis) => started.elapsed() >= Duration::from_millis(millis),
            };
            (has_come || part.ended().is_some()).then_some(())
        });
    }
}

impl End {
    fn draw(dice: &mut Dice) -> Self {
        if dice.roll(3) == 0 { Self::Drained } else { Self::Killed }
    }
}

/// One life of a watch, cut short.
fn live(watch: &Watch, dice: &mut Dice) {
    let (moment, end) = (Moment::draw(dice), End::draw(dice));
    let mut part = watch.start(&["--until-caught-up"]);
    moment.come(&mut part);
    match (part.ended(), end) {
        (Some(code), _) => assert_eq!(code, 0, "{}", part.errors()),
        (None, End::Killed) => part.kill(),
        (None, End::Drained) => {
            part.signal(Signal::Terminate);
            let code = part.wait(PATIENCE);
            // Asked before it listens, it ends as any program does: with nothing done.
            let asked_too_early = matches!(moment, Moment::After(_)) && code == 128 + 15;
            assert!(code == 0 || asked_too_early, "exit code {code}: {}", part.errors());
        }
    }
}

fn topics(broker: &KafkaBroker, prefix: &str, shape: Shape) -> [String; 3] {
    let names = ["tags", "signatures", "pulls"].map(|kind| format!("{prefix}-{kind}"));
    let partitions = i32::try_from(shape.partitions).unwrap();
    names.iter().for_each(|name| broker.create_topic(name, partitions, &[]));
    names
}

fn produce(broker: &KafkaBroker, names: &[String; 3], logs: &Logs) {
    for (name, messages) in names.iter().zip([&logs.tags, &logs.signatures, &logs.pulls]) {
        broker.produce(name, messages);
    }
}

fn watch_of(kafka: &str, names: &[String; 3]) -> Watch {
    let names = names.each_ref().map(String::as_str);
    Watch::new(kafka, &[("feeds", &names[..2]), ("proxy", &names[2..])])
}

#[test]
fn kills_at_any_moment_change_no_finding() {
    let broker = KafkaBroker::shared();
    let names = topics(broker, "crash", LARGE);
    produce(broker, &names, &Logs::new(LARGE));
    // A round mostly waits for its group; several at once keep the machine busy.
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let rounds = rounds(20, 500);
                let draw = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|round| *round < rounds);
                while let Some(round) = draw() {
                    kill_and_compare(broker, &names, round);
                }
            });
        }
    });
}

fn kill_and_compare(broker: &KafkaBroker, names: &[String; 3], round: u32) {
    let started = Instant::now();
    let watch = watch_of(&plain_and_named(broker, &format!("crash-{round}")), names);
    let mut dice = Dice(u64::from(round));
    for _ in 0..=dice.roll(LIVES) {
        live(&watch, &mut dice);
    }
    watch.run_to_the_end();
    let compared = watch.assert_equal_to_replay(broker);
    assert!(compared >= 50, "{compared} findings are few to compare");
    eprintln!("round {round}: {compared} findings, {} floors, {:?}", watch.floors().len(), started.elapsed());
}

#[test]
fn kills_while_the_logs_grow_change_no_finding() {
    let broker = KafkaBroker::shared();
    let mut floors = 0;
    for round in 0..rounds(3, 100) {
        let started = Instant::now();
        let shape = Shape { seed: 100 + u64::from(round), ..SMALL };
        let names = topics(broker, &format!("grow-{round}"), shape);
        let watch = watch_of(&plain_and_named(broker, &format!("grow-{round}")), &names);
        let mut dice = Dice(1_000 + u64::from(round));
        let (before, after) = Logs::new(shape).halves(shape);
        let (after, last) = after.parted();
        for part in [before, after, last] {
            produce(broker, &names, &part);
            (0..=dice.roll(2)).for_each(|_| live(&watch, &mut dice));
            watch.run_to_the_end();
        }
        let compared = watch.assert_equal_to_replay(broker);
        floors += watch.floors().len();
        eprintln!("round {round}: {compared} findings, {floors} floors so far, {:?}", started.elapsed());
    }
    assert!(floors > 0, "no partition came back with a floor: the rounds prove little");
}

#[test]
fn a_killed_watch_without_a_name_goes_on_when_its_group_has_given_it_up() {
    let broker = KafkaBroker::shared();
    let names = topics(broker, "nameless", SMALL);
    produce(broker, &names, &Logs::new(SMALL));
    let watch = watch_of(&plain(broker, "nameless"), &names);
    let mut part = watch.start(&[]);
    Moment::Findings(1).come(&mut part);
    part.kill();
    watch.run_to_the_end();
    watch.assert_equal_to_replay(broker);
}

#[test]
fn a_watch_that_is_asked_to_end_drains_and_the_next_one_adds_nothing() {
    let broker = KafkaBroker::shared();
    let names = topics(broker, "drained", SMALL);
    produce(broker, &names, &Logs::new(SMALL));
    let watch = watch_of(&plain(broker, "drained"), &names);
    let mut part = watch.start(&[]);
    until("the end of the logs", PATIENCE, || watch.is_caught_up(broker).then_some(()));
    part.signal(Signal::Terminate);
    assert_eq!(part.wait(PATIENCE), 0, "{}", part.errors());
    let found = watch.findings();
    let errors = watch.run_to_the_end();
    assert!(errors.contains("0 records read, 0 of them unreadable; 0 findings"), "{errors}");
    assert_eq!(watch.findings(), found);
    watch.assert_equal_to_replay(broker);
}
