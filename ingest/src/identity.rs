//! Who was behind an event, where its own log does not say enough: principals without what changes every time, what
//! kind of actor they are, programs that the owner named, and the country and network of an address.
//!
//! It fills gaps and contradicts no log. A kind that the log states stays, and so do a country and a network. Native
//! events are taken as their producer wrote them, but for what the owner configured.
//!
//! **A program's own word makes nobody a service.** Whoever holds a stolen password may call his client `Trivy`. A user
//! agent therefore tells kinds of *anonymous* requests alone; a named principal is a service because of the form of its
//! name or because the configuration says so.
//!
//! What comes out depends on the event, the configuration and the tables alone. The tables are read once, at the start;
//! a new one takes effect with the next start.

mod known;
mod place;
mod principal;
mod settings;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use detectors::event::{Actor, ActorKind, Client, Country, Event, EventKind};
use foldhash::fast::RandomState;
use std::hash::BuildHasher;
use thiserror::Error;

use self::known::Known;
pub use self::known::{AddressRange, AddressRangeError, MAX_PATTERN_BYTES, Pattern, PatternError};
pub use self::place::MAX_TABLE_BYTES;
use self::place::Table;
pub use self::settings::{IdentitySettings, KnownClient, MAX_CLIENTS};

/// How many addresses are remembered with their place, and how many user agents with their kind; a new one takes the
/// place of the old one in its slot.
pub const REMEMBERED: usize = 4_096;

/// What is known beyond the logs: tables of addresses, and programs that the owner named.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Identity {
    known: Vec<Known>,
    countries: Option<Table>,
    networks: Option<Table>,
}

/// Why a table of addresses cannot be used.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// It cannot be read.
    #[error("could not read the table of addresses `{}`", path.display())]
    Unreadable {
        /// The table.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It is larger than [`MAX_TABLE_BYTES`].
    #[error("could not use `{}` as a table of addresses, it has more than {MAX_TABLE_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    /// It is not what it should be.
    #[error("could not use `{}` as a table of addresses", path.display())]
    Damaged {
        /// The table.
        path: PathBuf,
        /// Why.
        #[source]
        cause: maxminddb::MaxMindDbError,
    },
}

impl Identity {
    /// Reads the tables and takes the names.
    ///
    /// # Errors
    /// [`IdentityError`] when a table cannot be used.
    pub fn open(settings: &IdentitySettings) -> Result<Self, IdentityError> {
        Ok(Self {
            known: settings.clients.iter().map(Known::new).collect(),
            countries: settings.countries.as_deref().map(Table::open).transpose()?,
            networks: settings.networks.as_deref().map(Table::open).transpose()?,
        })
    }

    /// Whether nothing is configured, so that native events pass as they are.
    const fn is_empty(&self) -> bool {
        self.known.is_empty() && self.countries.is_none() && self.networks.is_none()
    }
}

/// Whose word an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// A producer's that speaks our contract: what it leaves out it left out on purpose.
    Contract,
    /// A log's.
    Log,
}

/// Completes the actors of one source's events.
#[derive(Debug)]
pub(crate) struct Identifier {
    identity: Arc<Identity>,
    agents: Vec<Option<(Arc<str>, Option<ActorKind>)>>,
    places: Vec<Option<(IpAddr, Place)>>,
    hashing: RandomState,
}

/// Where an address is, as far as the tables know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    country: Option<Country>,
    asn: Option<u32>,
}

impl Identifier {
    /// Begins without having seen anybody.
    pub(crate) fn new(identity: &Arc<Identity>) -> Self {
        let looks_up = identity.countries.is_some() || identity.networks.is_some();
        Self {
            identity: Arc::clone(identity),
            agents: vec![None; REMEMBERED],
            places: if looks_up { vec![None; REMEMBERED] } else { Vec::new() },
            hashing: RandomState::default(),
        }
    }

    /// Completes what the record of one part became.
    pub(crate) fn complete(&mut self, word: Word, events: &mut [Event]) {
        if word == Word::Contract && self.identity.is_empty() {
            return;
        }
        for event in events {
            if word == Word::Log {
                self.complete_from_log(event);
            }
            if let Some(known) = self.identity.known.iter().find(|known| known.is(&event.actor)) {
                known.name(&mut event.actor);
            }
            self.locate(&mut event.actor);
        }
    }

    fn complete_from_log(&mut self, event: &mut Event) {
        let actor = &mut event.actor;
        if let Some(name) = &actor.principal {
            let kind = principal::kind(name);
            if let Some(short) = principal::without_session(name) {
                actor.principal = Some(Arc::from(&*short));
            }
            actor.kind = actor.kind.or(kind);
        }
        if matches!(actor.kind, Some(ActorKind::Anonymous))
            && let Some(agent) = actor.user_agent.clone()
        {
            actor.kind = self.kind_of(&agent).or(actor.kind);
        }
        if let (EventKind::Publish(publish), Some(agent)) = (&mut event.kind, &event.actor.user_agent)
            && publish.metadata.tool.is_none()
        {
            publish.metadata.tool = Client::of(agent).map(|client| Arc::from(client.to_string()));
        }
    }

    fn kind_of(&mut self, agent: &Arc<str>) -> Option<ActorKind> {
        let slot = self.slot(&**agent);
        match &mut self.agents[slot] {
            Some((known, kind)) if *known == *agent => *kind,
            slot => {
                let kind = Client::of(agent).and_then(|client| client.role.actor_kind());
                *slot = Some((Arc::clone(agent), kind));
                kind
            }
        }
    }

    fn locate(&mut self, actor: &mut Actor) {
        let Some(ip) = actor.ip.filter(|_| !self.places.is_empty()) else { return };
        if actor.country.is_some() && actor.asn.is_some() {
            return;
        }
        let slot = self.slot(&ip);
        let place = match self.places[slot] {
            Some((known, place)) if known == ip => place,
            _ => {
                let place = Place {
                    country: self.identity.countries.as_ref().and_then(|table| table.country(ip)),
                    asn: self.identity.networks.as_ref().and_then(|table| table.network(ip)),
                };
                self.places[slot] = Some((ip, place));
                place
            }
        };
        actor.country = actor.country.or(place.country);
        actor.asn = actor.asn.or(place.asn);
    }

    fn slot<T: std::hash::Hash + ?Sized>(&self, key: &T) -> usize {
        // The remainder is below the number of slots.
        usize::try_from(self.hashing.hash_one(key) % REMEMBERED as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
