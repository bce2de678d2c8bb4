//! Drives the way from record to outbox: lanes, joins, shards, commit; learn, replay, run.
