//! The company whose caching proxies stand between its people, pipelines and clusters and the public registries.

pub(crate) mod clients;
pub(crate) mod docker_proxy;
pub(crate) mod npm_catalogue;
pub(crate) mod npm_proxy;
