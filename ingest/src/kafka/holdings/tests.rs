//! What is done with partitions, against a client that is played.

use std::cell::RefCell;

use transport::kafka::TroubleKind;

use super::*;

/// A client that answers as it is told and writes down what it was asked.
#[derive(Default)]
struct Played {
    asked: RefCell<Vec<String>>,
    /// How many questions it does not answer.
    away: RefCell<u32>,
}

impl Client for Played {
    fn assign(&self, at: &TopicPartition, start: StartAt) -> Result<i64, ConsumerError> {
        let mut away = self.away.borrow_mut();
        if *away > 0 {
            *away -= 1;
            return Err(ConsumerError::Client { what: "ask", reason: "no broker".to_owned() });
        }
        self.asked.borrow_mut().push(format!("assign {at} {start:?}"));
        Ok(match start {
            StartAt::Offset(next) => next,
            StartAt::Beginning => 100,
            StartAt::End => 900,
        })
    }

    fn unassign(&self, partitions: &[TopicPartition]) -> Result<(), ConsumerError> {
        let names: Vec<_> = partitions.iter().map(ToString::to_string).collect();
        self.asked.borrow_mut().push(format!("unassign {}", names.join(" ")));
        Ok(())
    }
}

struct Scene {
    client: Played,
    holdings: Holdings,
    seen: Vec<String>,
}

fn at(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

impl Scene {
    /// The store knows partition 0 up to offset 7.
    fn new(policy: StartPolicy) -> Self {
        let starts = |id: &PartitionId| (id.partition == 0).then_some(NextOffset(7));
        let holdings = Holdings::new("s", policy, Box::new(starts));
        Self { client: Played::default(), holdings, seen: Vec::new() }
    }

    fn brings(&mut self, brought: Brought<'static>) -> Taken {
        let seen = &mut self.seen;
        self.holdings.take(brought, &self.client, &mut |item| seen.push(line_of(&item))).unwrap()
    }

    fn settle(&mut self) {
        let seen = &mut self.seen;
        self.holdings.settle(&self.client, &mut |item| seen.push(line_of(&item))).unwrap();
    }

    /// What was reported and asked since the last look.
    fn check(&mut self, reported: &[&str], asked: &[&str]) {
        assert_eq!(std::mem::take(&mut self.seen), reported);
        assert_eq!(self.client.asked.take(), asked);
    }
}

fn line_of(item: &Item<'_>) -> String {
    match item {
        Item::Assigned(id, from) => format!("assigned {id} from {}", from.0),
        Item::Revoked(id) => format!("revoked {id}"),
        Item::Lost(id) => format!("lost {id}"),
        Item::EndOfPartition(id, next) => format!("end of {id} at {}", next.0),
        Item::DataLost(loss) => {
            format!("{} stopped, wanted {}: {}", loss.partition, loss.wanted.0, loss.reason)
        }
        Item::Trouble(trouble) => format!("{:?}: {}", trouble.effect, trouble.text),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_partition_starts_where_the_store_says_else_where_the_policy_says() {
    let mut scene = Scene::new(StartPolicy::Beginning);
    scene.brings(Brought::Assigned(vec![at(0), at(1)]));
    scene.check(
        &["assigned s/t[0] from 7", "assigned s/t[1] from 100"],
        &["assign t[0] Offset(7)", "assign t[1] Beginning"],
    );
    let mut scene = Scene::new(StartPolicy::End);
    scene.brings(Brought::Assigned(vec![at(1)]));
    scene.check(&["assigned s/t[1] from 900"], &["assign t[1] End"]);
}

#[test]
fn without_a_known_start_a_partition_stands_still_until_an_operator_says_where() {
    let mut scene = Scene::new(StartPolicy::Error);
    scene.brings(Brought::Assigned(vec![at(1)]));
    let text = "PartitionStopped: s/t[1] was never read, and `start = \"error\"` says to ask where to begin";
    scene.check(&[text], &[]);
    assert!(scene.holdings.read("t", 1, 5).is_none());
    let id = PartitionId { source: "s".into(), stream: "t".into(), partition: 1 };
    scene.holdings.resume(&id, ResumeAt::Oldest, &scene.client).unwrap();
    scene.settle();
    scene.check(&["assigned s/t[1] from 100"], &["assign t[1] Beginning"]);
    let again = scene.holdings.resume(&id, ResumeAt::Newest, &scene.client);
    assert_eq!(again.unwrap_err().to_string(), "could not resume s/t[1], which does not stand still");
}

#[test]
fn a_broker_that_does_not_answer_is_asked_again_and_told_of_once() {
    let mut scene = Scene::new(StartPolicy::Beginning);
    *scene.client.away.borrow_mut() = 3;
    scene.brings(Brought::Assigned(vec![at(1)]));
    scene.settle();
    scene.settle();
    scene.check(&["Passing: s/t[1] cannot be started yet: cannot ask: no broker"], &[]);
    scene.settle();
    scene.check(&["assigned s/t[1] from 100"], &["assign t[1] Beginning"]);
}

#[test]
fn a_revoked_partition_is_given_back_at_the_next_poll_so_that_it_can_be_committed() {
    let mut scene = Scene::new(StartPolicy::Beginning);
    scene.brings(Brought::Assigned(vec![at(0), at(1)]));
    scene.check(
        &["assigned s/t[0] from 7", "assigned s/t[1] from 100"],
        &["assign t[0] Offset(7)", "assign t[1] Beginning"],
    );
    assert_eq!(scene.brings(Brought::Revoked(vec![at(1)])), Taken::Revoked);
    scene.check(&["revoked s/t[1]"], &[]);
    assert!(scene.holdings.read("t", 1, 101).is_none(), "what still comes of it is nobody's");
    scene.settle();
    scene.check(&[], &["unassign t[1]"]);
    scene.brings(Brought::Lost(vec![at(0)]));
    scene.check(&["lost s/t[0]"], &[]);
}

#[test]
fn a_loss_stops_its_partition_and_no_other() {
    let mut scene = Scene::new(StartPolicy::Beginning);
    scene.brings(Brought::Assigned(vec![at(0), at(1)]));
    scene.seen.clear();
    scene.client.asked.take();
    let held = Some(LogRange { low: 50, high: 60 });
    scene.brings(Brought::DataLost { at: at(0), next: 7, held });
    let text = "s/t[0] stopped, wanted 7: offset 7 was to be read next, the broker holds 50 to 60";
    scene.check(&[text], &["unassign t[0]"]);
    assert!(scene.holdings.read("t", 0, 50).is_none());
    assert!(scene.holdings.read("t", 1, 100).is_some());
    scene.brings(Brought::PartitionEof { at: at(0), next: 60 });
    scene.brings(Brought::PartitionEof { at: at(1), next: 101 });
    scene.check(&["end of s/t[1] at 101"], &[]);
}

#[test]
fn an_unreadable_batch_stops_all_that_it_may_belong_to() {
    let mut scene = Scene::new(StartPolicy::Beginning);
    scene.brings(Brought::Assigned(vec![at(0), at(1), at(2)]));
    scene.seen.clear();
    scene.client.asked.take();
    let unreadable = |at, offset| Brought::Unreadable { at, offset, reason: "bad CRC".to_owned() };
    scene.brings(unreadable(None, Some(7)));
    scene.check(&["s/t[0] stopped, wanted 7: a batch cannot be read: bad CRC"], &["unassign t[0]"]);
    scene.brings(unreadable(None, Some(5)));
    scene.check(
        &[
            "s/t[1] stopped, wanted 100: a batch cannot be read: bad CRC",
            "s/t[2] stopped, wanted 100: a batch cannot be read: bad CRC",
        ],
        &["unassign t[1] t[2]"],
    );
}

#[test]
fn trouble_is_passed_on_once_until_something_works_again() {
    let mut scene = Scene::new(StartPolicy::Beginning);
    let trouble = || Brought::Trouble { kind: TroubleKind::Brokers, message: "all brokers down".to_owned() };
    scene.brings(trouble());
    scene.brings(trouble());
    scene.brings(Brought::NotAuthorised("no right to topic t".to_owned()));
    scene.check(&["Passing: all brokers down", "Passing: the brokers refuse us: no right to topic t"], &[]);
    scene.brings(Brought::Assigned(vec![at(0)]));
    scene.brings(trouble());
    scene.check(&["assigned s/t[0] from 7", "Passing: all brokers down"], &["assign t[0] Offset(7)"]);
}

#[test]
fn a_consumer_that_is_gone_takes_its_partitions_along() {
    let mut scene = Scene::new(StartPolicy::Beginning);
    scene.brings(Brought::Assigned(vec![at(0), at(1)]));
    scene.seen.clear();
    let seen = &mut scene.seen;
    scene.holdings.lose_all(&mut |item| seen.push(line_of(&item)));
    assert_eq!(scene.seen, ["lost s/t[0]", "lost s/t[1]"]);
    assert!(scene.holdings.read("t", 0, 7).is_none());
}

#[test]
fn how_much_trouble_is_remembered_is_bounded() {
    let mut scene = Scene::new(StartPolicy::Beginning);
    for number in 0..1_000 {
        scene.brings(Brought::Trouble { kind: TroubleKind::Other, message: format!("port {number}") });
    }
    assert_eq!(scene.seen.len(), 1_000);
    assert!(scene.holdings.told.len() <= MAX_TOLD);
}
