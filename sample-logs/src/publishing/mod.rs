//! How registries are published to: projects that release now and then, and drift honestly as they do.

pub(crate) mod ci;
pub(crate) mod docker;
pub(crate) mod npm;
pub(crate) mod npm_drift;
pub(crate) mod npm_population;
pub(crate) mod version;
