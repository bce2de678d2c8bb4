//! Who publishes and maintains, and what happened to their accounts a short time ago.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::field::{DriftField, Reading, Readings};
use super::memory::KnownNames;
use crate::change_lane::{Mark, Place, short_name, shown_time_apart};
use crate::event::{AccountChange, Event, EventTime, Metadata, Span};

/// Publishers kept of one artifact.
pub const MAX_PUBLISHERS: usize = 16;
/// Maintainers kept of one artifact.
pub const MAX_MAINTAINERS: usize = 32;
/// So long after an account's change a publish counts as following it: the half-life of methods f.4.
pub const ACCOUNT_CHANGE_COUNTS_FOR: Span = Span::days(14);

/// The people of one artifact.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct KnownPeople {
    publishers: KnownNames,
    last: Option<Arc<str>>,
    maintainers: KnownNames,
}

/// What is known of changes to accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum AccountWatch {
    /// The feed never told of any: nothing can be concluded from silence.
    #[default]
    Blind,
    /// It did, and none is waiting for its publish.
    Quiet,
    /// A change that no publish has followed yet.
    Armed { change: AccountChange, time: EventTime, place: Place },
}

impl AccountWatch {
    /// Takes in a change of rights or credentials, if it is one that an attack begins with.
    pub(super) fn note(&mut self, change: AccountChange, time: EventTime, place: Place) {
        *self = match change {
            AccountChange::OwnerAdded
            | AccountChange::RoleChanged
            | AccountChange::TokenCreated
            | AccountChange::LoginNewDevice
            | AccountChange::MfaDisabled
            | AccountChange::EmailChanged
            | AccountChange::PasswordReset
            | AccountChange::PublisherAdded
            | AccountChange::KeyAdded => Self::Armed { change, time, place },
            _ if *self == Self::Blind => Self::Quiet,
            _ => *self,
        };
    }

    /// The change that a publish now would follow.
    pub(super) fn armed(self, now: EventTime) -> Option<(AccountChange, EventTime, Place)> {
        match self {
            Self::Armed { change, time, place } if now.since(time) <= ACCOUNT_CHANGE_COUNTS_FOR => {
                Some((change, time, place))
            }
            _ => None,
        }
    }

    /// After a publish the change has done what it can.
    pub(super) const fn spent(self) -> Self {
        match self {
            Self::Armed { .. } => Self::Quiet,
            other => other,
        }
    }
}

impl AccountWatch {
    /// Whether a publish now follows a change.
    pub(super) fn read(self, now: EventTime, readings: &mut Readings) {
        if self == Self::Blind {
            return;
        }
        let armed = self.armed(now);
        let what = || {
            armed.map_or_else(String::new, |(change, time, _)| {
                format!("{} {} before", change_word(change), shown_time_apart(now.since(time)))
            })
        };
        readings
            .set(DriftField::AccountChanged, Reading::of(armed.is_some(), || "no change".to_owned(), what));
    }
}

/// What people call a change.
pub(crate) const fn change_word(change: AccountChange) -> &'static str {
    match change {
        AccountChange::OwnerAdded => "an owner was added",
        AccountChange::RoleChanged => "a role changed",
        AccountChange::TokenCreated => "a token was made",
        AccountChange::LoginNewDevice => "a login from a new device",
        AccountChange::MfaDisabled => "a second factor was taken off",
        AccountChange::EmailChanged => "an e-mail address changed",
        AccountChange::PasswordReset => "a password was reset",
        AccountChange::PublisherAdded => "a publisher was added",
        AccountChange::KeyAdded => "a key was added",
        _ => "an account changed",
    }
}

/// Who published: as the metadata says, else as the log says.
pub(super) fn publisher<'a>(event: &'a Event, metadata: &'a Metadata) -> Option<&'a Arc<str>> {
    metadata.publisher.as_ref().or(event.actor.principal.as_ref())
}

impl KnownPeople {
    pub(super) fn read(&self, seed: u64, event: &Event, metadata: &Metadata, readings: &mut Readings) {
        if let (Some(publisher), false) = (publisher(event, metadata), self.publishers.is_empty()) {
            let new = !self.publishers.contains(mark(seed, publisher));
            let before = || self.last.as_deref().unwrap_or_default().to_owned();
            readings.set(DriftField::Publisher, Reading::of(new, before, || publisher.to_string()));
        }
        if let (Some(maintainers), false) = (&metadata.maintainers, self.maintainers.is_empty()) {
            let new: Vec<&str> = (maintainers.iter())
                .filter(|name| !self.maintainers.contains(mark(seed, name)))
                .map(|name| &**name)
                .collect();
            let reading = Reading::of(!new.is_empty(), || "none of these".to_owned(), || new.join(", "));
            readings.set(DriftField::Maintainer, reading);
        }
    }

    /// Learns whom to expect.
    pub(super) fn learn(&mut self, seed: u64, event: &Event, metadata: &Metadata) {
        if let Some(publisher) = publisher(event, metadata) {
            self.publishers.keep(mark(seed, publisher), MAX_PUBLISHERS);
            self.last = Some(short_name(publisher));
        }
        for name in metadata.maintainers.iter().flatten() {
            self.maintainers.keep(mark(seed, name), MAX_MAINTAINERS);
        }
    }
}

fn mark(seed: u64, name: &str) -> Mark {
    Mark::of(seed, &["person", name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_armed_for_one_publish_and_two_weeks() {
        let mut watch = AccountWatch::default();
        let day = |days: i64| EventTime::from_secs(days * 86_400);
        watch.note(AccountChange::MfaEnabled, day(0), Place::Unknown);
        assert_eq!((watch, watch.armed(day(0))), (AccountWatch::Quiet, None));
        watch.note(AccountChange::EmailChanged, day(1), Place::Unknown);
        watch.note(AccountChange::TokenRevoked, day(2), Place::Unknown);
        assert!(watch.armed(day(15)).is_some() && watch.armed(day(16)).is_none());
        assert_eq!(watch.spent(), AccountWatch::Quiet);
    }
}
