//! The other subjects of the change lane: who publishes, who signs, and the registry as a whole.
//!
//! Artifacts have a table of their own in the shard; here stand the rows of principals, signers and registries, and the
//! detectors that look from their side. An event is shown to one row of each kind, whether or not it names an artifact.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::accounts::ownership_change::{OwnershipChange, OwnershipState};
use crate::accounts::principal_of;
use crate::change_lane::CountState;
use crate::creation::dormant_revival::{DormantRevival, GapState};
use crate::creation::name_squat::{NameSquat, NamesState};
use crate::creation::publish_burst::PublishBurst;
use crate::creation::withdrawal_wave::WithdrawalWave;
use crate::detector::{Detector as _, Scores, Seen};
use crate::event::{Event, EventKind};
use crate::key_table::{Changes, ChangesView, KeyTable};
use crate::settings::EngineSettings;
use crate::signing::key_fan_out::KeyFanOut;
use crate::signing::signer_profile::{ProfileState, SignerProfile};
use crate::signing::signer_row;
use crate::signing::signing_hour::{HourState, SigningHour};
use crate::signing_policy::{PolicyState, SigningPolicy};

/// Registries that one shard keeps: their rows hold thousands of names.
const MAX_REGISTRIES: usize = 64;

/// From which side an event is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Principal,
    Signer,
    Registry,
}

/// What is kept of one principal: 120 bytes a detector, made where there is something to keep.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct PrincipalRow {
    publishes: Option<Box<CountState>>,
    withdrawals: Option<Box<CountState>>,
    gaps: Option<Box<GapState>>,
    ownership: Option<Box<OwnershipState>>,
    policy: Option<Box<PolicyState>>,
}

/// What is kept of one signer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct SignerRow {
    profile: Option<Box<ProfileState>>,
    fan_out: Option<Box<CountState>>,
    hours: Option<Box<HourState>>,
    policy: Option<Box<PolicyState>>,
}

/// What is kept of one registry.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct RegistryRow {
    names: Option<Box<NamesState>>,
    withdrawals: Option<Box<CountState>>,
}

/// The rows of one shard, with their detectors.
#[derive(Debug)]
pub(super) struct Principals {
    principals: KeyTable<PrincipalRow>,
    signers: KeyTable<SignerRow>,
    registries: KeyTable<RegistryRow>,
    publish_burst: PublishBurst,
    withdrawal_wave: WithdrawalWave,
    key_fan_out: KeyFanOut,
    name_squat: NameSquat,
    policy: SigningPolicy,
}

/// What is saved of them, where it lies.
#[derive(Debug, Serialize)]
pub(super) struct PrincipalsView<'a> {
    principals: ChangesView<'a, PrincipalRow>,
    signers: ChangesView<'a, SignerRow>,
    registries: ChangesView<'a, RegistryRow>,
}

/// The same, read back.
#[derive(Debug, Deserialize)]
pub(super) struct PrincipalsState {
    principals: Changes<PrincipalRow>,
    signers: Changes<SignerRow>,
    registries: Changes<RegistryRow>,
}

/// The rows that an event is shown to.
pub(super) fn sides(event: &Event) -> impl Iterator<Item = (Side, Arc<str>)> {
    let registry = match &event.kind {
        EventKind::Publish(_) => true,
        EventKind::Withdraw(_) => event.actor.principal.is_none(),
        _ => false,
    };
    let principal = principal_of(event).map(|name| (Side::Principal, Arc::clone(name)));
    let signer = signer_row(event).map(|name| (Side::Signer, name));
    let registry = registry.then(|| (Side::Registry, Arc::clone(&event.registry)));
    principal.into_iter().chain(signer).chain(registry)
}

impl Principals {
    pub(super) fn new(settings: &EngineSettings, keys: usize) -> Self {
        Self {
            principals: KeyTable::new(keys),
            signers: KeyTable::new(keys),
            registries: KeyTable::new(MAX_REGISTRIES),
            publish_burst: PublishBurst::default(),
            withdrawal_wave: WithdrawalWave::default(),
            key_fan_out: KeyFanOut::default(),
            name_squat: NameSquat::new(settings.rules.name_squat.clone()),
            policy: SigningPolicy::new(settings.rules.signing_policy.clone()),
        }
    }

    /// Shows an event to the row of one side. Names of principals and signers cost an attacker nothing, so they are on
    /// probation as in the lane of accesses; registries are what the owner configured.
    pub(super) fn observe(&mut self, side: Side, hash: u64, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let Some((_, name)) = sides(event).find(|(other, _)| *other == side) else { return };
        match side {
            Side::Principal => {
                let (_, entry) = self.principals.touch(hash, &event.registry, &name, seen.now(), false);
                let row = &mut entry.value;
                match &event.kind {
                    EventKind::Publish(_) => {
                        self.publish_burst.observe(row.publishes.get_or_insert_default(), seen, out);
                        DormantRevival::of_accounts().observe(row.gaps.get_or_insert_default(), seen, out);
                        OwnershipChange::default().observe(row.ownership.get_or_insert_default(), seen, out);
                        if self.policy.rules_publishers() {
                            self.policy.observe(row.policy.get_or_insert_default(), seen, out);
                        }
                    }
                    EventKind::Account(_) => {
                        OwnershipChange::default().observe(row.ownership.get_or_insert_default(), seen, out);
                    }
                    _ => {
                        self.withdrawal_wave.observe(row.withdrawals.get_or_insert_default(), seen, out);
                    }
                }
            }
            Side::Signer => {
                let (_, entry) = self.signers.touch(hash, &event.registry, &name, seen.now(), false);
                let row = &mut entry.value;
                self.policy.observe(row.policy.get_or_insert_default(), seen, out);
                if matches!(event.kind, EventKind::Sign(_)) {
                    SignerProfile.observe(row.profile.get_or_insert_default(), seen, out);
                    self.key_fan_out.observe(row.fan_out.get_or_insert_default(), seen, out);
                    SigningHour.observe(row.hours.get_or_insert_default(), seen, out);
                }
            }
            Side::Registry => {
                let (_, entry) = self.registries.touch(hash, &event.registry, &name, seen.now(), true);
                let row = &mut entry.value;
                if matches!(event.kind, EventKind::Publish(_)) {
                    self.name_squat.observe(row.names.get_or_insert_default(), seen, out);
                } else {
                    self.withdrawal_wave.observe(row.withdrawals.get_or_insert_default(), seen, out);
                }
            }
        }
    }

    pub(super) fn changed_keys(&self) -> usize {
        self.principals.changed() + self.signers.changed() + self.registries.changed()
    }

    pub(super) fn everything(&mut self) -> PrincipalsView<'_> {
        PrincipalsView {
            principals: self.principals.save_all(),
            signers: self.signers.save_all(),
            registries: self.registries.save_all(),
        }
    }

    pub(super) fn changes(&mut self) -> PrincipalsView<'_> {
        PrincipalsView {
            principals: self.principals.save_changes(),
            signers: self.signers.save_changes(),
            registries: self.registries.save_changes(),
        }
    }

    pub(super) fn apply(&mut self, seed: u64, state: PrincipalsState) {
        self.principals.apply(seed, state.principals);
        self.signers.apply(seed, state.signers);
        self.registries.apply(seed, state.registries);
    }
}
