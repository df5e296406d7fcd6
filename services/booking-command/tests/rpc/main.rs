//! booking-command through its gRPC listeners, with a PostgreSQL database of its own per test and a
//! stand-in for Google's token, directory and calendar endpoints. RabbitMQ is away: what would leave
//! is read from the outbox.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod acquire;
mod catalogue;
mod cleanup;
mod connect;
mod google;
mod links;
mod listeners;
mod people;
mod silence;
mod tenants;
mod world;
