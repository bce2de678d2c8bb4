//! Pages, HTTP API and charts.
//!
//! [`bind`] takes a port of this machine, [`serve`] answers on it with what a [`Dashboard`] shows: incidents, one
//! incident's page with what was seen against what is normal, the pipeline and what each detector can see, the same
//! as JSON, and metrics. Pages are made by the server and read without JavaScript; one stream of server-sent events a
//! tab keeps them live. No page writes: none of their requests changes anything. Clicks on buttons of messages come in
//! by a door of their own, [`serve_clicks`], signed.
//!
//! There is no third-party script: three small modules of our own lie in `static/`, charts are inline SVG.

mod api;
mod charts;
mod clicks;
mod condition;
mod files;
#[cfg(test)]
mod fixture;
mod foreign;
mod guard;
mod html;
mod listing;
mod metrics;
mod pages;
mod problem;
mod pulse;
mod query;
mod raw_records;
mod routes;
mod seats;
mod server;
mod show;
mod stream;
#[cfg(test)]
mod tests;

pub use clicks::{CLICKS_PATH, bind_clicks, serve_clicks};
pub use raw_records::{RawRecord, RawRecords};
pub use server::{BindError, Dashboard, bind, serve};
