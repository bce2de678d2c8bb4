//! Against a real Apache Kafka.

mod broker;
