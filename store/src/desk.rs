//! Where people write what they decide, beside a watch that runs over the same file.
//!
//! The pipeline's writer is alone and fenced, since two of them would disagree about progress. What people decide
//! touches no progress: one transaction each, with its ledger entry, whoever else has the file open.

use std::path::Path;

use crate::error::StoreError;
use crate::ledger::LedgerEntry;
use crate::maintenance::{Maintenance, MaintenanceId, NewMaintenance};
use crate::outbox::OutboxId;
use crate::reader::Reader;
use crate::silence::{NewSilence, Silence, SilenceId};
use crate::triage::{Decided, Triage};
use crate::writer::Store;

/// The database, open for what people decide. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk(pub(crate) Store);

impl Desk {
    /// Opens a database that exists, beside its writer or without one.
    ///
    /// # Errors
    /// As [`Store::open_read_only`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Store::open_as_guest(path).map(Self)
    }

    /// What reads beside it.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        self.0.reader()
    }

    /// As [`Store::triage`].
    ///
    /// # Errors
    /// As [`Store::triage`].
    pub fn triage(&self, triage: &Triage<'_>) -> Result<Decided, StoreError> {
        self.0.triage(triage)
    }

    /// As [`Store::requeue`].
    ///
    /// # Errors
    /// As [`Store::requeue`].
    pub fn requeue(&self, id: OutboxId, now: i64, entry: &LedgerEntry) -> Result<(), StoreError> {
        self.0.requeue(id, now, entry)
    }

    /// As [`Store::withdraw`].
    ///
    /// # Errors
    /// As [`Store::withdraw`].
    pub fn withdraw(
        &self,
        id: OutboxId,
        reason: &str,
        now: i64,
        entry: &LedgerEntry,
    ) -> Result<(), StoreError> {
        self.0.withdraw(id, reason, now, entry)
    }

    /// As [`Store::add_silence`].
    ///
    /// # Errors
    /// As [`Store::add_silence`].
    pub fn add_silence(&self, silence: &NewSilence, now: i64) -> Result<SilenceId, StoreError> {
        self.0.add_silence(silence, now)
    }

    /// As [`Store::extend_silence`].
    ///
    /// # Errors
    /// As [`Store::extend_silence`].
    pub fn extend_silence(
        &self,
        id: SilenceId,
        ends_at: i64,
        author: &str,
        reason: &str,
        now: i64,
    ) -> Result<Silence, StoreError> {
        self.0.extend_silence(id, ends_at, author, reason, now)
    }

    /// As [`Store::end_silence`].
    ///
    /// # Errors
    /// As [`Store::end_silence`].
    pub fn end_silence(
        &self,
        id: SilenceId,
        author: &str,
        reason: &str,
        now: i64,
    ) -> Result<Silence, StoreError> {
        self.0.end_silence(id, author, reason, now)
    }

    /// As [`Store::announce_maintenance`].
    ///
    /// # Errors
    /// As [`Store::announce_maintenance`].
    pub fn announce_maintenance(
        &self,
        maintenance: &NewMaintenance,
        now: i64,
    ) -> Result<MaintenanceId, StoreError> {
        self.0.announce_maintenance(maintenance, now)
    }

    /// As [`Store::end_maintenance`].
    ///
    /// # Errors
    /// As [`Store::end_maintenance`].
    pub fn end_maintenance(
        &self,
        id: MaintenanceId,
        author: &str,
        reason: &str,
        now: i64,
    ) -> Result<Maintenance, StoreError> {
        self.0.end_maintenance(id, author, reason, now)
    }
}
