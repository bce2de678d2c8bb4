//! A Kafka cluster inside the process, for demonstrations and tests: librdkafka's own mock.
//!
//! It speaks the real protocol on a local port but keeps at most 5 MiB or 100,000 records a partition, in memory.
//! What is claimed about Kafka is proven against a real one.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::plain_text::printable;

/// The running cluster; it ends when this is dropped.
#[derive(Debug)]
pub struct MockBroker {
    bootstrap: String,
    /// Present until the end: dropping it tells the thread to stop.
    orders: Option<Sender<Errand>>,
    keeper: Option<JoinHandle<()>>,
}

/// What the cluster is told to do. The cluster may not leave the thread that made it.
#[derive(Debug)]
enum Order {
    CreateTopic { name: String, partitions: i32 },
    Down,
    Up,
}

/// An order, and where its outcome is waited for.
#[derive(Debug)]
struct Errand {
    order: Order,
    reply: Sender<Result<(), MockBrokerError>>,
}

/// Librdkafka's word for every broker of the cluster.
const ALL_BROKERS: i32 = -1;

impl MockBroker {
    /// Starts a cluster of one broker.
    ///
    /// # Errors
    /// When there is no free port, thread or memory.
    pub fn start() -> Result<Self, MockBrokerError> {
        let (orders, inbox) = channel();
        let (ready, started) = channel();
        let keeper = std::thread::Builder::new()
            .name("kafka-mock".to_owned())
            .spawn(move || match MockCluster::new(1) {
                Ok(cluster) => {
                    // The starter waits for this word and cannot have gone.
                    let _ = ready.send(Ok(cluster.bootstrap_servers()));
                    keep(&cluster, &inbox);
                }
                Err(error) => drop(ready.send(Err(MockBrokerError::of("start", &error)))),
            })
            .map_err(|error| MockBrokerError { what: "start", reason: error.to_string() })?;
        let bootstrap = started.recv().map_err(|_| MockBrokerError::gone("start"))??;
        Ok(Self { bootstrap, orders: Some(orders), keeper: Some(keeper) })
    }

    /// Its address, for clients.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// When the name or the number cannot be used, or the topic exists.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), MockBrokerError> {
        self.order("create a topic", Order::CreateTopic { name: name.to_owned(), partitions })
    }

    /// Breaks all connections and takes no new ones.
    ///
    /// # Errors
    /// When the cluster has ended.
    pub fn down(&self) -> Result<(), MockBrokerError> {
        self.order("stop the broker", Order::Down)
    }

    /// Takes connections again.
    ///
    /// # Errors
    /// When the cluster has ended.
    pub fn up(&self) -> Result<(), MockBrokerError> {
        self.order("start the broker again", Order::Up)
    }

    fn order(&self, what: &'static str, order: Order) -> Result<(), MockBrokerError> {
        let (reply, answer) = channel();
        let orders = self.orders.as_ref().ok_or_else(|| MockBrokerError::gone(what))?;
        orders.send(Errand { order, reply }).map_err(|_| MockBrokerError::gone(what))?;
        answer
            .recv()
            .map_err(|_| MockBrokerError::gone(what))?
            .map_err(|error| MockBrokerError { what, ..error })
    }
}

impl Drop for MockBroker {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(keeper) = self.keeper.take() {
            // A keeper that panicked has nothing left to clean up.
            drop(keeper.join());
        }
    }
}

/// Serves orders until nobody can give any.
fn keep(cluster: &MockCluster<'static, DefaultProducerContext>, inbox: &Receiver<Errand>) {
    for Errand { order, reply } in inbox {
        let done = match order {
            Order::CreateTopic { name, partitions } if partitions > 0 => {
                cluster.create_topic(&name, partitions, 1)
            }
            Order::CreateTopic { .. } => {
                Err(KafkaError::MockCluster(rdkafka::error::RDKafkaErrorCode::InvalidPartitions))
            }
            Order::Down => cluster.broker_down(ALL_BROKERS),
            Order::Up => cluster.broker_up(ALL_BROKERS),
        };
        // Whoever asked may have stopped waiting.
        let _ = reply.send(done.map_err(|error| MockBrokerError::of("obey", &error)));
    }
}

/// The cluster could not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {what} in the mock cluster: {reason}")]
pub struct MockBrokerError {
    what: &'static str,
    reason: String,
}

impl MockBrokerError {
    fn of(what: &'static str, error: &KafkaError) -> Self {
        Self { what, reason: printable(&error.to_string()) }
    }

    fn gone(what: &'static str) -> Self {
        Self { what, reason: "it has ended".to_owned() }
    }
}
