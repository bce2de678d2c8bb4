//! The ledger: every decision, in order, hashed as the leaves of an RFC 6962 tree, never changed.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Transaction};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::error::{Fault, StoreError};
use crate::reader::Reader;
use crate::word::{Unsigned, hex, worded};
use crate::writer::Store;

worded! {
    /// What was decided.
    pub enum LedgerAction {
        /// A configuration took effect.
        ConfigurationLoaded = "configuration-loaded",
        /// A setting was changed or taken back.
        TuningChanged = "tuning-changed",
        /// An exception for one subject was made or ended.
        OverrideChanged = "override-changed",
        /// Somebody decided about an incident.
        IncidentTriaged = "incident-triaged",
        /// A silence was made.
        SilenceCreated = "silence-created",
        /// A silence was made to last longer.
        SilenceExtended = "silence-extended",
        /// A silence was ended before its time.
        SilenceEnded = "silence-ended",
        /// Work on keys or signatures was announced.
        MaintenanceAnnounced = "maintenance-announced",
        /// Announced work was called off or is over before its time.
        MaintenanceEnded = "maintenance-ended",
        /// Undelivered messages were put back into the queue.
        DeliveryRequeued = "delivery-requeued",
        /// Messages were withdrawn before they arrived.
        DeliveryWithdrawn = "delivery-withdrawn",
        /// Records that could not be read were read again.
        DeadLettersReplayed = "dead-letters-replayed",
        /// A table of addresses or names was replaced.
        TableReplaced = "table-replaced",
        /// An exercise began.
        ExerciseStarted = "exercise-started",
        /// An exercise ended.
        ExerciseEnded = "exercise-ended",
        /// A run's data was deleted.
        RunDeleted = "run-deleted",
        /// A user, role or key was changed.
        AccessChanged = "access-changed",
        /// The program started or ended.
        ProgramStarted = "program-started",
    }
}

/// A decision to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// What makes it that decision: a known key is not written again.
    pub key: String,
    /// When, by the clock, in nanoseconds since 1970.
    pub at: i64,
    /// Who decided: a user, or the program itself.
    pub actor: String,
    /// What was decided.
    pub action: LedgerAction,
    /// On which finding, incident, silence or setting.
    pub subject: Option<String>,
    /// How it was before.
    pub before: Option<String>,
    /// How it is now.
    pub after: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Which settings were in force.
    pub config_hash: Option<String>,
}

impl LedgerEntry {
    /// The canonical bytes that are hashed: a JSON object of strings in the order of their names, without spaces
    /// and without what is absent (the canonical form of RFC 8785).
    fn canonical(&self) -> Result<String, serde_json::Error> {
        let at = self.at.to_string();
        let optional = [
            ("after", &self.after),
            ("before", &self.before),
            ("config_hash", &self.config_hash),
            ("reason", &self.reason),
            ("subject", &self.subject),
        ];
        let mut fields: BTreeMap<&str, &str> =
            optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect();
        fields.extend([
            ("action", self.action.as_str()),
            ("actor", &*self.actor),
            ("at", &*at),
            ("key", &*self.key),
        ]);
        serde_json::to_string(&fields)
    }
}

/// A ledger entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerRow {
    /// Its index in the tree, from 0.
    pub seq: u64,
    /// Its canonical JSON.
    pub entry: String,
    /// Its leaf hash.
    #[serde(serialize_with = "hex")]
    pub leaf: [u8; 32],
}

/// A signed statement about the ledger's first `size` entries (C2SP signed note).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// How many entries it covers.
    pub size: u64,
    /// The tree's root over them.
    #[serde(serialize_with = "hex")]
    pub root: [u8; 32],
    /// When it was signed, by the clock.
    pub at: i64,
    /// The signed note.
    pub note: String,
}

/// The first thing wrong with the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerFault {
    /// An entry is missing at this index.
    Missing(u64),
    /// The entry at this index is not the one that was hashed.
    Changed(u64),
}

/// RFC 6962's leaf hash: SHA-256 over 0x00 and the entry.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(entry);
    hasher.finalize().into()
}

/// Appends what is new, in order.
pub(crate) fn append(transaction: &Transaction<'_>, entries: &[LedgerEntry]) -> Result<(), Fault> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO ledger (seq, key, entry, leaf)
         VALUES ((SELECT coalesce(max(seq) + 1, 0) FROM ledger), ?1, ?2, ?3)
         ON CONFLICT (key) DO NOTHING",
    )?;
    for entry in entries {
        let canonical = entry.canonical();
        let canonical =
            canonical.map_err(|source| StoreError::Unwritable { what: "ledger entry", source })?;
        statement.execute((&entry.key, &canonical, leaf_hash(canonical.as_bytes())))?;
    }
    Ok(())
}

impl Store {
    /// Writes down decisions that stand for themselves; those that change something are written with the change.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn append_ledger(&self, entries: &[LedgerEntry]) -> Result<(), StoreError> {
        self.write("append to the ledger", |transaction| append(transaction, entries))
    }

    /// Keeps a signed checkpoint; one of the same size is kept already and stays.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn add_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        self.write("keep a checkpoint", |transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO checkpoint (size, root, at, note) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                )?
                .execute((Unsigned(checkpoint.size), checkpoint.root, checkpoint.at, &checkpoint.note))?;
            Ok(())
        })
    }
}

impl Reader {
    /// How many entries there are.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn ledger_size(&self) -> Result<u64, StoreError> {
        self.read("read the ledger", |transaction| {
            let mut statement = transaction.prepare_cached("SELECT coalesce(max(seq) + 1, 0) FROM ledger")?;
            Ok(statement.query_row([], |row| row.get(0).map(|Unsigned(size)| size))?)
        })
    }

    /// Entries from index `from` on, in order.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn ledger(&self, from: u64, limit: u32) -> Result<Vec<LedgerRow>, StoreError> {
        self.read("read the ledger", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT seq, entry, leaf FROM ledger WHERE seq >= ?1 ORDER BY seq LIMIT ?2",
            )?;
            let rows = statement.query_map((Unsigned(from), limit), |row| {
                let Unsigned(seq) = row.get(0)?;
                Ok(LedgerRow { seq, entry: row.get(1)?, leaf: row.get(2)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Looks for the first entry that is missing or is not the one that was hashed. Whoever can rewrite hashes as
    /// well is found by checkpoints kept elsewhere.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn check_ledger(&self) -> Result<Option<LedgerFault>, StoreError> {
        self.read("check the ledger", |transaction| {
            let mut statement =
                transaction.prepare_cached("SELECT seq, entry, leaf FROM ledger ORDER BY seq")?;
            let mut rows = statement.query([])?;
            let mut expected = 0;
            while let Some(row) = rows.next()? {
                let (Unsigned(seq), entry, leaf): (_, String, [u8; 32]) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                if seq != expected {
                    return Ok(Some(LedgerFault::Missing(expected)));
                }
                if leaf_hash(entry.as_bytes()) != leaf {
                    return Ok(Some(LedgerFault::Changed(seq)));
                }
                expected += 1;
            }
            Ok(None)
        })
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be read.
    pub fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        self.read("read the newest checkpoint", |transaction| {
            let mut statement = transaction
                .prepare_cached("SELECT size, root, at, note FROM checkpoint ORDER BY size DESC LIMIT 1")?;
            let row = statement.query_row([], |row| {
                let Unsigned(size) = row.get(0)?;
                Ok(Checkpoint { size, root: row.get(1)?, at: row.get(2)?, note: row.get(3)? })
            });
            Ok(row.optional()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_canonical_form() {
        let entry = LedgerEntry {
            key: "k".into(),
            at: 1_778_527_239_000_000_000,
            actor: "alice".into(),
            action: LedgerAction::IncidentTriaged,
            subject: None,
            before: None,
            after: Some("resolved \"x\"\n\u{202e}".into()),
            reason: Some("known".into()),
            config_hash: None,
        };
        let expected = "{\"action\":\"incident-triaged\",\"actor\":\"alice\",\"after\":\"resolved \\\"x\\\"\\n\u{202e}\",\"at\":\"1778527239000000000\",\"key\":\"k\",\"reason\":\"known\"}";
        assert_eq!(entry.canonical().unwrap(), expected);
    }

    #[test]
    fn a_leaf_hash_is_that_of_rfc_6962() {
        // The hash of the empty leaf, from the test vectors of certificate-transparency (merkletree tests).
        let expected = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        let text: String = leaf_hash(b"").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, expected);
    }
}
