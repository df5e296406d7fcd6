//! booking-command through its gRPC listeners, with a PostgreSQL database of its own per test and a
//! stand-in for Google's token, directory and calendar endpoints. RabbitMQ is away: what would leave
//! is read from the outbox.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod acknowledge;
mod acquire;
mod catalogue;
mod change_resource;
mod cleanup;
mod connect;
mod disconnect;
mod google;
mod links;
mod listeners;
mod mirror;
mod operator;
mod pending;
mod people;
mod preview;
mod recheck;
mod resources;
mod settings;
mod silence;
mod sync_now;
mod tenants;
mod unlink;
mod world;
