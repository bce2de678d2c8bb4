//! The topic that is drained: on a real Apache Kafka, filled before anything is measured.

use crate::Failure;
use crate::events::{Events, PARTITIONS, Special};
use crate::meter;
use crate::parts::broker::{KafkaBroker, KafkaOptions};
use crate::parts::topics::Message;

const TOPIC: &str = "registry.access";
/// The records are the same in every run.
const SEED: u64 = 0x5ea1_be9c;
/// Records that are produced, and acknowledged, at once.
const AT_ONCE: usize = 10_000;

/// A filled topic, as long as it is held.
pub(crate) struct Topic {
    broker: KafkaBroker,
    broker_pid: u32,
    /// Records in it.
    pub(crate) records: u64,
    /// Their bytes without keys.
    pub(crate) bytes: u64,
    /// Records that are in it twice.
    pub(crate) duplicates: u64,
    /// Records that come too late.
    pub(crate) late: u64,
    /// Records that cannot be read.
    pub(crate) unreadable: u64,
}

impl Topic {
    /// Starts a broker and fills the topic with so many records.
    pub(crate) fn fill(records: u64) -> Result<Self, Failure> {
        // A busy machine must not make the broker lose patience with itself.
        let broker = KafkaBroker::start(KafkaOptions { settings: &[("broker.session.timeout.ms", "9000")] });
        let broker_pid = meter::descendant("java").ok_or("cannot find the broker's process")?;
        broker.create_topic(TOPIC, PARTITIONS as i32, &[]);
        let mut topic =
            Self { broker, broker_pid, records: 0, bytes: 0, duplicates: 0, late: 0, unreadable: 0 };
        let mut batch = Vec::with_capacity(AT_ONCE);
        for event in Events::new(SEED, records) {
            topic.records += 1;
            topic.bytes += event.value.len() as u64;
            match event.special {
                Special::Nothing => {}
                Special::Duplicate => topic.duplicates += 1,
                Special::Late => topic.late += 1,
                Special::Unreadable => topic.unreadable += 1,
            }
            batch.push(Message::new(event.partition as i32, event.sent_ms, event.value).key(event.key));
            if batch.len() == AT_ONCE {
                topic.broker.produce(TOPIC, &batch);
                batch.clear();
            }
        }
        topic.broker.produce(TOPIC, &batch);
        Ok(topic)
    }

    /// The brokers' address.
    pub(crate) fn bootstrap(&self) -> String {
        self.broker.bootstrap()
    }

    /// The topic's name.
    pub(crate) const fn name(&self) -> &'static str {
        TOPIC
    }

    /// Processor time that the broker has used so far.
    pub(crate) fn broker_cpu(&self) -> std::time::Duration {
        meter::cpu(self.broker_pid)
    }
}
