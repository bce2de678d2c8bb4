//! Tests of the store through its public face.

mod commit;
mod crash;
mod decisions;
mod desk;
mod model;
mod opening;
mod outbox;
mod outbox_order;
mod plans;
mod queries;
mod state;
mod world;
