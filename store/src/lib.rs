//! The one database: progress, state segments, findings, incidents, outbox.
