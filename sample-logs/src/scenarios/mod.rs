//! The cases themselves: each file holds one case's facts, what is made of them, and what must be found.

pub(crate) mod axios;
pub(crate) mod clean_release;
pub(crate) mod expecting;
pub(crate) mod kics;
pub(crate) mod npm_history;
pub(crate) mod stage;
pub(crate) mod tanstack;
mod tanstack_facts;
mod tanstack_response;
