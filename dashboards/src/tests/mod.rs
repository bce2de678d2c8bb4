//! Through the outer door of this crate: a server on a free port, a store filled with fixtures, requests over TCP.

mod api;
mod client;
mod contrast;
mod hostile;
mod live;
mod markup;
mod pages;
mod world;
