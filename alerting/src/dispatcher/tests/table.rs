//! The crash table: the dispatcher dies at each step of a message's life, before receivers of each kind, and what
//! follows is counted: lost, repeated, unmarked, out of order.
//!
//! A step ends exactly where the process ends; `tests/crash/outbox.rs` does the same to the real process with SIGKILL.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use detectors::finding::Severity;
use detectors::incident::TransitionReason::{Escalated, Opened};
use store::DeliveryStateKind::{Accepted, Dead, Delivered};
use store::{Delivery, Purpose};

use super::house::{House, fine, kind_of, until};
use crate::dispatcher::{Dispatcher, Running};
use crate::receivers::fake_server::{Act, Arrived, FakeServer, reply};

/// How often each cell of the table is played in `make test`: 36 cells, 108 rounds.
const ROUNDS: u32 = 3;
/// The same with `SEALWATCH_FULL=1`: 1,008 rounds.
const FULL_ROUNDS: u32 = 28;

/// Where the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Committed,
    Routed,
    Leased,
    Sent,
    Answered,
    Written,
}

const STEPS: [Step; 6] =
    [Step::Committed, Step::Routed, Step::Leased, Step::Sent, Step::Answered, Step::Written];

/// What the receiver does with the first request.
fn receivers() -> [(&'static str, Act); 6] {
    let half = "HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf".to_owned();
    [
        ("200", fine()),
        ("429 + Retry-After", Act::Say(reply(429, "Retry-After: 7\r\n", ""))),
        ("200, then reset", Act::Say(half)),
        ("202, lost there", Act::Say(reply(202, "", ""))),
        ("413", Act::Say(reply(413, "", ""))),
        ("hangs", Act::Hang),
    ]
}

/// What one round, or all rounds of a receiver, came to.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    rounds: u32,
    messages: u32,
    lost: u32,
    given_up: u32,
    repeats: u32,
    unmarked: u32,
    disorder: u32,
}

/// Lives until the step and not a moment longer.
async fn live(dispatcher: &Dispatcher, server: &FakeServer, step: Step) {
    let mut running = Running::new();
    if step == Step::Committed {
        return;
    }
    dispatcher.route_waiting().unwrap();
    if step == Step::Routed {
        return;
    }
    let now = dispatcher.clock.unix_nanos();
    let wanted = store::LeaseRequest { limit: 1, ..store::LeaseRequest::at(now) };
    let Some(leased) = dispatcher.store.lease(&wanted).unwrap().into_iter().next() else { return };
    if step == Step::Leased {
        return;
    }
    let seen = server.arrived().len();
    let attempt = tokio::spawn(dispatcher.clone().attempt(leased));
    if step == Step::Sent {
        until("the request", || server.arrived().len() > seen).await;
        attempt.abort();
        return;
    }
    let attempted = attempt.await;
    if step == Step::Answered {
        return;
    }
    dispatcher.note(&mut running, attempted);
    dispatcher.write_results(&mut running).await.unwrap();
}

/// One incident that opens and gets worse, one death, and what came of it.
async fn round(act: &Act, step: Step) -> Count {
    let server = FakeServer::start([act.clone(), fine()]).await;
    // Only where the answer never comes is the client in a hurry: on a busy machine others may come late.
    let patience = if *act == Act::Hang { Duration::from_millis(300) } else { Duration::from_secs(10) };
    let house = House::new(&[("soc", &server)]).waiting(patience);
    let store = house.open().await;
    house.commit(&store, Severity::Critical, Opened);
    let dispatcher = house.dispatcher(store.clone());
    live(&dispatcher, &server, step).await;
    house.commit(&store, Severity::Critical, Escalated);
    drop((dispatcher, store));

    let at_work = house.start().await;
    until("everything has ended", || {
        house.wait_for_what_is_due(&at_work);
        let states = at_work.states();
        let ended = |state| matches!(state, Delivered | Accepted | Dead | store::DeliveryStateKind::Folded);
        !states.is_empty() && at_work.is_idle() && states.into_iter().all(ended)
    })
    .await;
    let count = judge(&at_work.deliveries(), &server.arrived());
    at_work.stop().await;
    count
}

/// Judges by what the receiver saw; only what was given up is taken from the store, where people see it.
fn judge(deliveries: &[Delivery], arrived: &[Arrived]) -> Count {
    let refused = |arrived: &Arrived| matches!(&arrived.act, Act::Say(said) if said.contains(" 429 ") || said.contains(" 413 "));
    let mut by_id: BTreeMap<&str, Vec<&Arrived>> = BTreeMap::new();
    for request in arrived {
        by_id.entry(request.header("webhook-id").unwrap()).or_default().push(request);
    }
    let mut count = Count { rounds: 1, ..Count::default() };
    let told = deliveries.iter().filter(|delivery| {
        delivery.purpose == Purpose::News && delivery.state.kind() != store::DeliveryStateKind::Folded
    });
    for delivery in told {
        count.messages += 1;
        let attempts = by_id.remove(delivery.delivery_id.as_str()).unwrap_or_default();
        if delivery.state.kind() == Dead {
            count.given_up += 1;
        } else if attempts.iter().all(|attempt| refused(attempt) || attempt.act == Act::Hang) {
            count.lost += 1;
        }
        for (number, attempt) in attempts.iter().enumerate().skip(1) {
            if !attempts[..number].iter().all(|earlier| refused(earlier)) {
                count.repeats += 1;
                let marked = String::from_utf8_lossy(&attempt.body).contains("\"possible_repeat\":true");
                count.unmarked += u32::from(!marked);
            }
        }
    }
    assert!(by_id.is_empty(), "messages under ids that nobody knows: {:?}", by_id.keys());
    let kinds: Vec<_> = arrived.iter().map(|request| kind_of(&request.body)).collect();
    let last_opening = kinds.iter().rposition(|kind| kind == "incident.opened");
    let first_escalation = kinds.iter().position(|kind| kind == "incident.escalated");
    count.disorder += u32::from(matches!((last_opening, first_escalation), (Some(o), Some(e)) if e < o));
    count
}

impl Count {
    fn add(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.messages += other.messages;
        self.lost += other.lost;
        self.given_up += other.given_up;
        self.repeats += other.repeats;
        self.unmarked += other.unmarked;
        self.disorder += other.disorder;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_death_at_any_step_loses_nothing_and_repeats_only_what_may_have_arrived() {
    let full = std::env::var_os("SEALWATCH_FULL").is_some_and(|set| set == "1");
    let rounds = if full { FULL_ROUNDS } else { ROUNDS };
    let mut table = String::from(
        "| receiver | rounds | messages | lost | given up, shown | repeats | unmarked | out of order |\n|---|---|---|---|---|---|---|---|\n",
    );
    let mut all = Count::default();
    for (name, act) in receivers() {
        let mut sum = Count::default();
        for step in STEPS {
            for _ in 0..rounds {
                let count = round(&act, step).await;
                let ambiguous = matches!(step, Step::Leased | Step::Sent | Step::Answered)
                    || matches!(act, Act::Hang)
                    || name.contains("reset");
                assert!(count.repeats == 0 || ambiguous, "{name}, dead when {step:?}: {count:?}");
                sum.add(count);
            }
        }
        let Count { rounds, messages, lost, given_up, repeats, unmarked, disorder } = sum;
        let _ = writeln!(
            table,
            "| {name} | {rounds} | {messages} | {lost} | {given_up} | {repeats} | {unmarked} | {disorder} |"
        );
        all.add(sum);
    }
    eprintln!("{table}");
    assert_eq!((all.lost, all.unmarked, all.disorder), (0, 0, 0), "\n{table}");
    assert!(all.repeats > 0 && all.given_up == 0, "\n{table}");
}
