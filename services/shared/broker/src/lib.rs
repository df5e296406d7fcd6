//! RabbitMQ as roomsync uses it, and the only crate that knows lapin: nothing of lapin crosses its
//! border.
//!
//! What it guarantees:
//!
//! * A publish is `Ok` only after the broker's confirm, and only if the message reached a queue.
//! * A message is acknowledged only after its handler said it is done, or after its retry or its
//!   parking was itself confirmed. It may arrive twice; it does not get lost.
//! * RabbitMQ may be away at start or go away later: the connection is made and made again in the
//!   background, with the topology, and publishers and consumers go on by themselves.
//! * A queue with patience retries through the ladder ([`ladder`]); a queue without keeps its order:
//!   a message that cannot be handled stays in hand until it can.
//! * A message that will not succeed is parked in `<queue>.dead`, with the reason in a header. Operators
//!   look at it, send it again or drop it ([`parked`]).
//!
//! To add a queue: a row in `roomsync_messages::QUEUES`; the topology ([`topology`]) follows from it.
//! To consume it: implement [`Handler`] and run [`Broker::consume`].

mod broker;
mod config;
mod connection;
mod consumer;
mod declare;
mod delivery;
mod envelope;
mod failure;
mod incoming;
pub mod ladder;
mod metrics;
pub mod parked;
mod publisher;
mod settle;
pub mod topology;
mod trace;

pub use broker::Broker;
pub use config::{BrokerConfig, InvalidConfig};
pub use delivery::{Delivery, Handler};
pub use envelope::Envelope;
pub use failure::{Failure, OptionExt, ResultExt};
pub use ladder::Ladder;
pub use parked::Parked;
pub use publisher::{PublishError, Publisher};
