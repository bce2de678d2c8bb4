//! The consumer against the mock cluster.
