//! The librdkafka settings that are not up for discussion, each with its reason.

/// For every client.
pub(super) const COMMON: &[(&str, &str)] = &[
    // No data about us goes to the broker.
    ("enable.metrics.push", "false"),
    ("topic.metadata.refresh.interval.ms", "60000"),
    ("socket.keepalive.enable", "true"),
    ("socket.connection.setup.timeout.ms", "10000"),
    ("reconnect.backoff.max.ms", "5000"),
    // Lag and round trips for the displays; the end and the loss of a partition are told apart with it too.
    ("statistics.interval.ms", "5000"),
];

/// For a consumer.
pub(super) const CONSUMER: &[(&str, &str)] = &[
    // The new protocol stalls silently in this librdkafka (librdkafka#5541, node-rdkafka#1146).
    ("group.protocol", "classic"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    // The store is the truth; nothing may commit behind its back.
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // A lost position is an event for an operator, not a silent jump (librdkafka#4238).
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"),
    ("isolation.level", "read_committed"),
    ("check.crcs", "true"),
    ("allow.auto.create.topics", "false"),
    // A dead member's partitions are live elsewhere within 25 s.
    ("session.timeout.ms", "15000"),
    ("heartbeat.interval.ms", "3000"),
    ("max.poll.interval.ms", "60000"),
    // Memory and latency. The default back-off of 1,000 ms stalls a consumer whose queue was full for a moment.
    ("fetch.max.bytes", "8388608"),
    ("fetch.message.max.bytes", "1048576"),
    ("receive.message.max.bytes", "16777216"),
    ("queued.max.messages.kbytes", "16384"),
    ("queued.min.messages", "10000"),
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.wait.max.ms", "100"),
    ("fetch.error.backoff.ms", "200"),
];

/// For a producer.
pub(super) const PRODUCER: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("max.in.flight.requests.per.connection", "5"),
    // No local expiry: a record given up here and sent later would be taken for a duplicate (vector#14259).
    ("message.timeout.ms", "0"),
    ("enable.gapless.guarantee", "true"),
    ("linger.ms", "5"),
    ("compression.type", "zstd"),
    ("message.max.bytes", "1048576"),
    ("queue.buffering.max.kbytes", "65536"),
    ("queue.buffering.max.messages", "50000"),
    // The same partition for the same key as Java's clients.
    ("partitioner", "murmur2_random"),
];
