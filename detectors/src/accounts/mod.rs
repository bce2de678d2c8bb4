//! Whose rights and credentials change, and what follows.

pub mod ownership_change;

use std::sync::Arc;

use crate::event::{AccountChange, Event, EventKind};

/// Whose story an event is part of: the publisher of a publish, the account whose rights or credentials changed, else
/// who acted. Only publishes, withdrawals and changes of accounts are shown to principals in the change lane.
#[must_use]
pub fn principal_of(event: &Event) -> Option<&Arc<str>> {
    match &event.kind {
        EventKind::Publish(_) => crate::creation::publisher(event),
        EventKind::Withdraw(_) => event.actor.principal.as_ref(),
        EventKind::Account(account) => match account.change {
            // An administrator or the registry does it to somebody; the one it is done to is who will publish.
            AccountChange::OwnerAdded
            | AccountChange::RoleChanged
            | AccountChange::Invited
            | AccountChange::PublisherAdded
            | AccountChange::MfaDisabled
            | AccountChange::EmailChanged
            | AccountChange::PasswordReset
            | AccountChange::LoginNewDevice => account.target.as_ref().or(event.actor.principal.as_ref()),
            // Here the target is a token, a key, or somebody who can do less from now on.
            AccountChange::TokenCreated
            | AccountChange::TokenRevoked
            | AccountChange::KeyAdded
            | AccountChange::KeyRevoked
            | AccountChange::MfaEnabled
            | AccountChange::OwnerRemoved => event.actor.principal.as_ref(),
        },
        EventKind::Access(_) | EventKind::Tag(_) | EventKind::Sign(_) | EventKind::Verify(_) => None,
    }
}
