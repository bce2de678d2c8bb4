//! Against a real Apache Kafka.

mod broker;
mod equality;
mod hostile;
pub(crate) mod logs;
mod restart;
mod security;
pub(crate) mod watch;
