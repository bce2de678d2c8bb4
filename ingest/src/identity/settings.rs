//! `[identity]`: tables of addresses, and the owner's own mirrors, scanners and machines by name.

use std::path::PathBuf;

use detectors::event::ActorKind;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{AddressRange, Pattern};

/// Most programs that can be named: every event is held against each.
pub const MAX_CLIENTS: usize = 256;
/// The longest name of one, in bytes.
const NAME_MAX: usize = 128;

/// What to know about clients beyond what logs say of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentitySettings {
    /// A table in `MaxMind`'s format that knows countries by address, such as `GeoLite2-Country.mmdb`. None is shipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub countries: Option<PathBuf>,
    /// A table in `MaxMind`'s format that knows networks (autonomous systems) by address, such as `GeoLite2-ASN.mmdb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub networks: Option<PathBuf>,
    /// Your own mirrors, scanners, build machines, one `[[identity.client]]` each; the first that fits an event decides.
    #[serde(rename = "client", deserialize_with = "clients", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_CLIENTS))]
    pub clients: Vec<KnownClient>,
}

/// A program of the owner's, and how its requests are known: each list that is given must have something that fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownClient {
    /// What it is called. Requests that no account made are its own then, whatever address they come from.
    #[serde(deserialize_with = "name")]
    #[schemars(length(min = 1, max = NAME_MAX))]
    pub name: String,
    /// What kind of actor it is, whatever the log says.
    #[serde(default = "service")]
    pub kind: ActorKind,
    /// The accounts it uses; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<Pattern>,
    /// Addresses, or networks such as `10.2.0.0/16`, that it comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
    /// What it calls itself; `*` stands for any text. Anybody can call himself so: name addresses or accounts as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_agents: Vec<Pattern>,
}

const fn service() -> ActorKind {
    ActorKind::Service
}

fn clients<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<KnownClient>, D::Error> {
    let clients = Vec::<KnownClient>::deserialize(deserializer)?;
    if clients.len() > MAX_CLIENTS {
        return Err(de::Error::custom(format_args!("cannot name more than {MAX_CLIENTS} clients")));
    }
    Ok(clients)
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(de::Error::custom(format_args!(
            "cannot use this name: write 1 to {NAME_MAX} plain bytes"
        )));
    }
    Ok(name)
}
