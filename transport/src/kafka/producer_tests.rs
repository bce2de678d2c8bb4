//! The producer against the mock cluster.
