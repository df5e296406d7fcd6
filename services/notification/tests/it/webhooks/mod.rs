//! Deliveries, message by message: the outbox is emptied by hand, so that every test decides what arrives
//! when. The way through RabbitMQ is the journeys'.
//!
//! To add a test: to the file whose question it asks.

mod address;
mod dead;
mod enabling;
mod failures;
mod messages;
mod order;
mod replay;
mod rotation;
mod stopping;
pub(crate) mod world;
