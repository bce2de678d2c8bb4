//! A bucket as a source: objects under a prefix, each read once, in the order of their keys; `CloudTrail` and CDNs deliver
//! so.
//!
//! One partition a source. A record's offset counts all records before it, over all objects; which object begins at
//! which offset stands in a journal that is on disk before a record of it is handed over, so that a restart reads the
//! same records at the same offsets. Keys that come between keys that were read are found as long as they sort behind
//! the oldest that is remembered: deliveries of one moment may be out of order, an old key is not looked for.
//!
//! An object is lines, or one JSON object whose `Records` are the records (`CloudTrail`); gzip and zstd are taken off.
//! Listing and fetching have a thread of their own, which is one object ahead.

mod contents;
mod fetching;
mod journal;
mod settings;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use detectors::event::{NextOffset, PartitionId};
use thiserror::Error;
use transport::bucket::{BucketClient, BucketError};

pub use self::contents::MAX_UNPACKED_BYTES;
use self::contents::{Contents, Next};
use self::fetching::{Fetching, Message};
use self::journal::Journal;
pub use self::journal::{BucketJournalError, MAX_REMEMBERED};
pub use self::settings::{BucketSecretError, BucketSettings};
use crate::decode::{Refusal, RefusalReason};
use crate::kafka::StartOffsets;
use crate::source::{Effect, Item, OversizeRecord, Polled, RawRecord, Source, SourceError, Trouble};

/// Why a bucket cannot be a source.
#[derive(Debug, Error)]
pub enum BucketSourceError {
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] BucketError),
    /// A secret is not there.
    #[error("could not read the key of the bucket")]
    Secret(#[from] BucketSecretError),
    /// What was read before cannot be known.
    #[error(transparent)]
    Journal(#[from] BucketJournalError),
    /// The system gives no thread.
    #[error("could not start a thread to fetch with")]
    Thread(#[source] std::io::Error),
}

/// Objects of a bucket, as a source. It never ends.
#[derive(Debug)]
pub struct BucketSource {
    partition: Arc<PartitionId>,
    journal: Journal,
    messages: Receiver<Message>,
    /// Ends the fetching thread when it is dropped.
    _fetching: Fetching,
    current: Option<Contents>,
    /// The offset of the next record.
    next: i64,
    /// Records before it were handed over in an earlier life.
    from: i64,
    saying: Saying,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saying {
    Nothing,
    Assigned,
    /// It was read to its end, and nothing came since.
    End,
}

impl BucketSource {
    /// Takes up where `starts` says; `state` is a folder of this source's own, which is made.
    ///
    /// # Errors
    /// [`BucketSourceError`] when the key, the journal or the client cannot be used. That the service does not answer is
    /// an [`Item::Trouble`] later.
    pub fn open(
        source: &str,
        settings: &BucketSettings,
        state: &Path,
        starts: &mut dyn StartOffsets,
    ) -> Result<Self, BucketSourceError> {
        let client = BucketClient::new(&settings.place(), settings.key()?.as_ref())?;
        let partition = Arc::new(PartitionId {
            source: Arc::from(source),
            stream: Arc::from(settings.name.as_str()),
            partition: 0,
        });
        let journal = Journal::open(state)?;
        let from = starts.next_of(&partition).map_or(0, |next| next.0);
        let again = journal.from(from);
        let next = again.first().map_or(from, |entry| entry.begins);
        let (fetching, messages) =
            Fetching::start(client, settings, journal.keys(), again).map_err(BucketSourceError::Thread)?;
        Ok(Self {
            partition,
            journal,
            messages,
            _fetching: fetching,
            current: None,
            next,
            from,
            saying: Saying::Nothing,
        })
    }

    fn take(&mut self, message: Message, visit: &mut dyn FnMut(Item<'_>)) -> Result<(), SourceError> {
        match message {
            Message::Object { key, begins, bytes } => {
                self.next = begins.unwrap_or(self.next);
                self.journal.note(&key, self.next).map_err(journal_failed)?;
                match Contents::open(bytes) {
                    Ok(contents) => self.current = Some(contents),
                    Err(error) => self.refuse(&key, &error.to_string(), visit),
                }
            }
            Message::Lost { key, begins, reason } => {
                self.next = begins.unwrap_or(self.next);
                self.journal.note(&key, self.next).map_err(journal_failed)?;
                self.refuse(&key, &reason, visit);
            }
            Message::CaughtUp if self.saying == Saying::Assigned => {
                self.saying = Saying::End;
                visit(Item::EndOfPartition(Arc::clone(&self.partition), NextOffset(self.next)));
            }
            Message::CaughtUp => {}
            Message::Trouble(text) => {
                let partition = Some(Arc::clone(&self.partition));
                visit(Item::Trouble(Trouble { partition, text, effect: Effect::Passing }));
            }
        }
        Ok(())
    }

    /// An object that cannot be read is one record, and a dead letter.
    fn refuse(&mut self, key: &str, why: &str, visit: &mut dyn FnMut(Item<'_>)) {
        let refusal = Refusal::new(RefusalReason::UnreadableObject, why);
        let offset = self.next;
        self.next += 1;
        self.saying = Saying::Assigned;
        if offset >= self.from {
            visit(Item::Refused(RawRecord::line(&self.partition, offset, key.as_bytes()), refusal));
        }
    }

    /// Hands over the next record of the current object; whether there was one.
    fn step(&mut self, visit: &mut dyn FnMut(Item<'_>)) -> bool {
        let Some(contents) = &mut self.current else { return false };
        let (partition, offset) = (&self.partition, self.next);
        let is_new = offset >= self.from;
        match contents.next() {
            Ok(Next::Record(bytes)) => {
                if is_new {
                    visit(Item::Record(RawRecord::line(partition, offset, bytes)));
                }
            }
            Ok(Next::Oversize { size, head, sha256 }) => {
                if is_new {
                    visit(Item::Oversize(OversizeRecord {
                        partition,
                        offset,
                        timestamp_ms: None,
                        size,
                        head,
                        sha256,
                    }));
                }
            }
            Ok(Next::End) => {
                self.current = None;
                return false;
            }
            Err(error) => {
                self.current = None;
                self.refuse("", &error.to_string(), visit);
                return true;
            }
        }
        self.next += 1;
        self.saying = Saying::Assigned;
        true
    }
}

fn journal_failed(cause: BucketJournalError) -> SourceError {
    SourceError::Bucket(cause)
}

impl Source for BucketSource {
    fn poll(
        &mut self,
        max_records: usize,
        wait: Duration,
        visit: &mut dyn FnMut(Item<'_>),
    ) -> Result<Polled, SourceError> {
        if self.saying == Saying::Nothing {
            self.saying = Saying::Assigned;
            visit(Item::Assigned(Arc::clone(&self.partition), NextOffset(self.from)));
            return Ok(Polled::Some);
        }
        let mut records = 0;
        while records < max_records && self.step(visit) {
            records += 1;
        }
        if records > 0 || self.current.is_some() {
            return Ok(Polled::Some);
        }
        match self.messages.recv_timeout(wait) {
            Ok(message) => self.take(message, visit).map(|()| Polled::Some),
            Err(RecvTimeoutError::Timeout) => Ok(Polled::Nothing),
            Err(RecvTimeoutError::Disconnected) => {
                // It says what happened before it ends; until the next start nothing more comes.
                std::thread::park_timeout(wait);
                Ok(Polled::Nothing)
            }
        }
    }

    fn prefer(&mut self, _partition: &PartitionId) {}

    fn saved(&mut self, nexts: &[(PartitionId, NextOffset)]) -> Result<(), SourceError> {
        match nexts.iter().find(|(partition, _)| *partition == *self.partition) {
            Some((_, next)) => self.journal.saved(next.0).map_err(journal_failed),
            None => Ok(()),
        }
    }
}
