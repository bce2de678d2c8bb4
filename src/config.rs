//! The configuration: what an owner may set, read once from one file, with every mistake in it found in one run.

mod coverage;
mod diagnostic;
mod kafka;
mod place;
mod reading;
mod refusal;
mod render;
mod rules;
mod schema;
mod shape;
mod source;
mod suggestion;
mod syntax;
mod tree;
mod unread;
mod walk;
mod wording;

#[cfg(test)]
mod documentation;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alerting::config::AlertingConfig;
use alerting::receivers::ReceiverConfig;
use alerting::routing::{DefaultRoute, InhibitConfig, MuteTimeConfig, OwnerConfig, RouteConfig};
use alerting::rules::RulesConfig;
use detectors::settings::EngineSettings;
use ingest::http::HttpDoorSettings;
use ingest::identity::{Identity, IdentityError, IdentitySettings};
use ingest::mapping::{Mapping, MappingDeclaration};
use ingest::ordering::{MERGE_BUFFER, MERGE_SPILL, MergeBounds};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use coverage::Coverage;
pub(crate) use diagnostic::Report;
pub(crate) use kafka::KafkaConfig;
pub(crate) use reading::{ConfigErrors, Loaded, Purpose, read};
pub(crate) use schema::config_schema;
pub(crate) use source::SourceConfig;

use self::refusal::refuse;
use crate::exit::{Exit, Failure};
use crate::output;

/// Where the dashboard listens, unless configured.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8787);
/// After so many seconds without a record a partition no longer holds the others back, unless configured.
const DEFAULT_IDLE_TIMEOUT_SECONDS: u32 = 10;
/// The file of the database, unless configured.
const DEFAULT_STORE: &str = "sealwatch.db";
const MIB: u64 = 1 << 20;

/// Everything that an owner may set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "Sealwatch configuration")]
pub(crate) struct Config {
    /// The one database.
    pub(crate) store: StoreConfig,
    /// The pages.
    pub(crate) dashboard: DashboardConfig,
    /// The detectors and how much may be told.
    pub(crate) engine: EngineSettings,
    /// How records of many partitions become one ordered log.
    pub(crate) order: OrderConfig,
    /// What is known of clients beyond the logs: countries and networks by address, your own mirrors and scanners.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) identity: IdentitySettings,
    /// Where webhooks are posted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<HttpDoorSettings>,
    /// The brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kafka: Option<KafkaConfig>,
    /// What is read, one `[[source]]` each.
    #[serde(rename = "source")]
    pub(crate) sources: Vec<SourceConfig>,
    /// Formats of your own, one `[mapping.<name>]` each.
    #[serde(rename = "mapping", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) mappings: BTreeMap<String, MappingDeclaration>,
    /// What concerns all messages.
    pub(crate) alerting: AlertingConfig,
    /// Who can be told, one `[receivers.<name>]` each.
    pub(crate) receivers: BTreeMap<String, ReceiverConfig>,
    /// Who is told of what, one `[[route]]` each; the first that fits decides.
    #[serde(rename = "route")]
    pub(crate) routes: Vec<RouteConfig>,
    /// Who is told when no route fits.
    pub(crate) default_route: DefaultRoute,
    /// Which team owns what, one `[[owner]]` each; the first that fits decides.
    #[serde(rename = "owner")]
    pub(crate) owners: Vec<OwnerConfig>,
    /// When receivers are left in peace, one `[[mute_time]]` each.
    #[serde(rename = "mute_time")]
    pub(crate) mute_times: Vec<MuteTimeConfig>,
    /// What need not be told because its cause is known, one `[[inhibit]]` each.
    pub(crate) inhibit: Vec<InhibitConfig>,
}

/// `[store]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreConfig {
    /// The file of the database; it is created if it is not there. A relative path begins at the working directory.
    #[schemars(length(min = 1))]
    pub(crate) path: PathBuf,
}

/// `[dashboard]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DashboardConfig {
    /// Whether `sealwatch run` shows its pages.
    pub(crate) enabled: bool,
    /// Where: an address of this machine and a port. Other machines reach it through a proxy that asks who they are.
    #[serde(deserialize_with = "loopback")]
    #[schemars(with = "String")]
    pub(crate) listen: SocketAddr,
}

/// `[order]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OrderConfig {
    /// After so many seconds without a record a partition no longer holds the others back.
    #[schemars(range(min = 1, max = 86_400))]
    pub(crate) idle_timeout_seconds: u32,
    /// Events that wait for their turn are kept in memory up to this size, in MiB for each lane.
    #[schemars(range(min = 16, max = 65_536))]
    pub(crate) merge_buffer_mib: u32,
    /// What is more waits on disk up to this size, in MiB; beyond it reading stops and names the partition that is
    /// waited for.
    #[schemars(range(min = 16, max = 16_777_216))]
    pub(crate) merge_spill_mib: u32,
}

impl Config {
    /// What it says about telling.
    pub(crate) fn rules(&self) -> RulesConfig {
        RulesConfig {
            routes: self.routes.clone(),
            default_route: self.default_route.clone(),
            owners: self.owners.clone(),
            mute_times: self.mute_times.clone(),
            inhibit: self.inhibit.clone(),
        }
    }

    /// The bounds of the merge as the pipeline takes them.
    pub(crate) fn merge_bounds(&self) -> MergeBounds {
        let bytes = |mib: u32| u64::from(mib) * MIB;
        MergeBounds {
            buffer: usize::try_from(bytes(self.order.merge_buffer_mib)).unwrap_or(usize::MAX),
            spill: bytes(self.order.merge_spill_mib),
            ..MergeBounds::default()
        }
    }

    /// The declared format of this name: the file's own, or one that the program brings along.
    pub(crate) fn mapping(&self, name: &str) -> Option<Arc<Mapping>> {
        match self.mappings.get(name) {
            // What cannot be compiled was refused when the file was read.
            Some(declaration) => Mapping::compile(name, declaration).ok().map(Arc::new),
            None => Mapping::built_in(name),
        }
    }

    /// What is known of clients beyond the logs; its tables are read now.
    pub(crate) fn identity(&self) -> Result<Arc<Identity>, Failure> {
        let opened = Identity::open(&self.identity).map(Arc::new);
        opened.map_err(|error| {
            let exit = match error {
                IdentityError::Damaged { .. } => Exit::Incompatible,
                IdentityError::Unreadable { .. } | IdentityError::TooLarge(_) => Exit::Unavailable,
            };
            Failure::new(exit, error)
                .hint("correct `[identity]`, or fetch the table again from who publishes it")
        })
    }

    /// The configuration to watch with. Its mistakes and warnings are printed.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        printed(read(path, Purpose::Watch))
    }

    /// The configuration to tell people with. Its mistakes and warnings are printed.
    pub(crate) fn load_to_tell(path: &Path) -> Result<Self, Failure> {
        printed(read(path, Purpose::Tell))
    }

    /// The configuration to read files with, if there is one: what only a watch needs may be missing in it, and no
    /// secret is looked up. Its mistakes and warnings are printed.
    pub(crate) fn load_or_default(path: Option<&Path>) -> Result<Self, Failure> {
        path.map_or_else(|| Ok(Self::default()), |path| printed(read(path, Purpose::Files)))
    }
}

fn is_default(settings: &IdentitySettings) -> bool {
    *settings == IdentitySettings::default()
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { path: DEFAULT_STORE.into() }
    }
}

impl Default for DashboardConfig {
    fn default() -> Self {
        Self { enabled: true, listen: DEFAULT_LISTEN }
    }
}

impl Default for OrderConfig {
    fn default() -> Self {
        let mib = |bytes: u64| u32::try_from(bytes / MIB).unwrap_or(u32::MAX);
        Self {
            idle_timeout_seconds: DEFAULT_IDLE_TIMEOUT_SECONDS,
            merge_buffer_mib: mib(MERGE_BUFFER as u64),
            merge_spill_mib: mib(MERGE_SPILL),
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::new(Exit::Configuration, errors)
    }
}

/// Prints what there is to say about a file, and goes on with what it holds.
fn printed(read: Result<Loaded, ConfigErrors>) -> Result<Config, Failure> {
    let report = match &read {
        Ok(loaded) => &loaded.warnings,
        Err(errors) => &errors.report,
    };
    if !report.diagnostics().is_empty() {
        output::message(&report.render());
    }
    Ok(read?.config)
}

/// An address that no other machine reaches: the pages ask nobody who they are.
fn loopback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let Ok(address) = text.parse::<SocketAddr>() else {
        return Err(refuse(
            "cannot read this as an address and a port",
            "write `127.0.0.1:8787` or `[::1]:8787`",
        ));
    };
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(refuse(
        "cannot listen where other machines can connect: the pages ask nobody who they are",
        "listen on `127.0.0.1` and let a proxy in front of it ask for a login",
    ))
}
