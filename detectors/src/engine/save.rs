//! What an engine saves, and how it comes back.
//!
//! Each part is a base now and then and changes in between; a new base is due when the changes since the last one
//! outweigh it, so at most two bytes are written for each byte of state. Every part names the format and the
//! detectors' major versions: a newer one is refused, never misread.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::decision::DecisionState;
use super::intake::{Intake, IntakeState, IntakeView};
use super::shard::{Shard, ShardState};
use super::{Engine, SHARDS};
use crate::event::EventTime;

/// Version of the layout of what is saved; a reader refuses a newer one.
pub const STATE_FORMAT: u32 = 3;

/// Index of the part that holds the intake and stage 2; the shards are 0 to [`SHARDS`] − 1.
const COMMON: u32 = SHARDS as u32;

/// What an engine saves in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its parts.
    pub parts: Vec<SavedPart>,
}

/// One part of an engine's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPart {
    /// Which part: a shard's number, or the common part after them.
    pub part: u32,
    /// Everything, or what changed.
    pub kind: SavedKind,
    /// Format of the bytes.
    pub format: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Whether a part holds everything or what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SavedKind {
    /// Everything.
    Base,
    /// What changed since the part saved before it.
    Delta,
}

/// Why saved state was refused.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Written by a newer version.
    #[error("state part {part} has format {found}; this version reads up to {STATE_FORMAT}")]
    Newer {
        /// The part.
        part: u32,
        /// Its format.
        found: u32,
    },
    /// There is no such part.
    #[error("state part {0} does not exist in this version")]
    UnknownPart(u32),
    /// Changes without the base they change.
    #[error("state part {0} begins with changes instead of a base")]
    NoBase(u32),
    /// The bytes cannot be read.
    #[error("state part {part} cannot be read")]
    Unreadable {
        /// The part.
        part: u32,
        /// Why.
        #[source]
        source: postcard::Error,
    },
}

/// Sizes since the last base, by part.
#[derive(Debug, Default)]
pub(super) struct SaveLedger {
    base: [usize; SHARDS + 1],
    changes: [usize; SHARDS + 1],
}

impl SaveLedger {
    fn base_due(&self, part: usize) -> bool {
        self.base[part] == 0 || self.changes[part] > self.base[part]
    }

    const fn wrote(&mut self, part: usize, kind: SavedKind, bytes: usize) {
        match kind {
            SavedKind::Base => (self.base[part], self.changes[part]) = (bytes, 0),
            SavedKind::Delta => self.changes[part] += bytes,
        }
    }
}

/// The part that is not split by key, where it lies.
#[derive(Serialize)]
struct CommonView<'a> {
    intake: IntakeView<'a>,
    decisions: &'a DecisionState,
    closed: EventTime,
}

/// The same, read back.
#[derive(Deserialize)]
struct CommonState {
    intake: IntakeState,
    decisions: DecisionState,
    closed: EventTime,
}

impl Engine {
    /// What must be stored so that [`Engine::load`] of all parts since the last base gives this engine back.
    pub fn save(&mut self) -> Saved {
        let mut parts = Vec::with_capacity(SHARDS + 1);
        for (at, shard) in self.shards.iter_mut().enumerate() {
            let (kind, state) = if self.ledger.base_due(at) {
                (SavedKind::Base, shard.everything())
            } else {
                (SavedKind::Delta, shard.changes())
            };
            parts.push(part(u32::try_from(at).unwrap_or(u32::MAX), kind, &state));
        }
        let base = self.ledger.base_due(SHARDS);
        let intake = if base { self.intake.everything() } else { self.intake.changes() };
        let common = CommonView { intake, decisions: self.decisions.state(), closed: self.closed };
        parts.push(part(COMMON, if base { SavedKind::Base } else { SavedKind::Delta }, &common));
        for part in &parts {
            self.ledger.wrote(part.part as usize, part.kind, part.bytes.len());
        }
        Saved { parts }
    }

    /// Lays saved parts over an empty engine: for each part its last base, then the changes after it, in order.
    ///
    /// # Errors
    /// [`LoadError`] when a part is newer than this version, unknown, unreadable, or lacks its base.
    pub fn load(&mut self, parts: impl IntoIterator<Item = SavedPart>) -> Result<(), LoadError> {
        for saved in parts {
            let at = saved.part as usize;
            if saved.format > STATE_FORMAT {
                return Err(LoadError::Newer { part: saved.part, found: saved.format });
            }
            if at > SHARDS {
                return Err(LoadError::UnknownPart(saved.part));
            }
            if saved.kind == SavedKind::Delta && self.ledger.base[at] == 0 {
                return Err(LoadError::NoBase(saved.part));
            }
            if saved.kind == SavedKind::Base {
                self.forget(at);
            }
            let unreadable = |source| LoadError::Unreadable { part: saved.part, source };
            if at < SHARDS {
                let state: ShardState = postcard::from_bytes(&saved.bytes).map_err(unreadable)?;
                self.shards[at].apply(state);
            } else {
                let state: CommonState = postcard::from_bytes(&saved.bytes).map_err(unreadable)?;
                self.intake.apply(state.intake);
                self.decisions.restore(state.decisions);
                self.closed = state.closed;
            }
            self.ledger.wrote(at, saved.kind, saved.bytes.len());
        }
        Ok(())
    }
}

impl Engine {
    /// Empties a part: a base replaces whatever was there.
    fn forget(&mut self, part: usize) {
        let settings = self.decisions.settings();
        match self.shards.get_mut(part) {
            Some(shard) => *shard = Shard::new(self.lane, settings, settings.hot_keys / SHARDS),
            None => self.intake = Intake::new(settings.seed),
        }
    }
}

fn part<T: Serialize>(part: u32, kind: SavedKind, state: &T) -> SavedPart {
    let bytes = postcard::to_stdvec(state)
        .expect("state holds only what postcard can write, and memory is all it needs");
    SavedPart { part, kind, format: STATE_FORMAT, bytes }
}
