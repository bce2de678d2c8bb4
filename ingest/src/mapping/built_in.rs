//! Mappings that the program brings along, for formats that are documented and of which no real record was at hand.
//!
//! They are **unverified**: what they were made from is documentation. Each is a file of `ingest/mappings`, written as
//! an owner would write it, so it can be copied into a configuration and changed.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::{Mapping, MappingDeclaration};

/// A mapping that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What writes such records.
    pub about: &'static str,
    /// The declaration, as TOML.
    pub text: &'static str,
}

macro_rules! built_in {
    ($name:literal, $about:literal) => {
        BuiltIn { name: $name, about: $about, text: include_str!(concat!("../../mappings/", $name, ".toml")) }
    };
}

/// All of them, by name.
pub const BUILT_IN: [BuiltIn; 16] = [
    built_in!("alibaba-acr", "Alibaba Cloud Container Registry, instance audit log"),
    built_in!(
        "azure-acr",
        "Azure Container Registry, repository and login events of a Log Analytics workspace"
    ),
    built_in!("azure-event-grid", "Azure Container Registry, Event Grid"),
    built_in!("cdevents", "CDEvents, artifact events"),
    built_in!("dockerhub-webhook", "Docker Hub, webhook"),
    built_in!("ecs", "Elastic Common Schema, packages and images"),
    built_in!("harbor-audit", "Harbor, audit log as JSON"),
    built_in!("jfrog-access", "JFrog Artifactory, `artifactory-access.log`"),
    built_in!("jfrog-audit", "JFrog Access, `access-security-audit.log`"),
    built_in!("jfrog-legacy", "JFrog Artifactory up to 6, `request.log`"),
    built_in!("jfrog-request", "JFrog Artifactory, `artifactory-request.log`"),
    built_in!("jfrog-request-out", "JFrog Artifactory, `artifactory-request-out.log`"),
    built_in!("nexus-audit", "Sonatype Nexus 3, `audit.log`"),
    built_in!("nexus-request", "Sonatype Nexus 3, `request.log` in its default pattern"),
    built_in!("ocsf", "OCSF, API Activity and File Hosting Activity"),
    built_in!("rubygems-webhook", "RubyGems.org, webhook"),
];

static COMPILED: LazyLock<BTreeMap<&'static str, Arc<Mapping>>> = LazyLock::new(|| {
    BUILT_IN
        .iter()
        .map(|built_in| {
            let declaration: MappingDeclaration =
                toml::from_str(built_in.text).expect("a test reads each of them");
            let mapping =
                Mapping::compile(built_in.name, &declaration).expect("a test compiles each of them");
            (built_in.name, Arc::new(mapping))
        })
        .collect()
});

pub(super) fn mapping(name: &str) -> Option<Arc<Mapping>> {
    COMPILED.get(name).cloned()
}
