//! Promise 1 over a real broker: what is found live is what a replay finds.

use crate::kafka::logs::{Logs, Shape};
use crate::kafka::watch::{Watch, plain};
use crate::parts::broker::KafkaBroker;

const SHAPE: Shape = Shape { seed: 1, days: 24, packages: 9, partitions: 3 };

#[test]
fn a_live_run_finds_what_a_replay_finds() {
    let broker = KafkaBroker::shared();
    let logs = Logs::new(SHAPE).lagging(SHAPE, 2);
    // The fourth partition of the downloads stays empty.
    for (topic, partitions, messages) in [
        ("equal-tags", 3, &logs.tags),
        ("equal-signatures", 3, &logs.signatures),
        ("equal-pulls", 4, &logs.pulls),
    ] {
        broker.create_topic(topic, partitions, &[]);
        broker.produce(topic, messages);
    }
    let sources: [(&str, &[&str]); 2] =
        [("feeds", &["equal-tags", "equal-signatures"]), ("proxy", &["equal-pulls"])];
    let watch = Watch::new(&plain(broker, "equality"), &sources);
    let errors = watch.run_to_the_end();
    let all = logs.tags.len() + logs.signatures.len() + logs.pulls.len();
    assert!(errors.contains(&format!("{all} records read")), "{errors}");
    assert_eq!(watch.dead_letters().into_keys().collect::<Vec<_>>(), ["invalid-json"]);
    let compared = watch.assert_equal_to_replay(broker);
    assert!(compared >= 30, "{compared} findings are few to compare");
}
