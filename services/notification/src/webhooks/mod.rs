//! Webhooks: the log, posted to addresses, as <https://www.standardwebhooks.com> says. What a receiver may
//! rely on stands in `subscription_service.proto` and in this service's README.
//!
//! ```text
//! log/append.rs -> queue::announce -> outbox -> queue notification.delivery-due
//!                                                    '-> consumers/delivery_due.rs -> deliver.rs
//! queue/: the place of a webhook in an object   slots.rs: not too many requests   sweep.rs: what is lost
//! rpc.rs, store.rs: the webhooks themselves       again.rs: sending again, by rpc
//! dead.rs: those that take nothing                body.rs, signing.rs, send.rs, address.rs: one request
//! ```
//!
//! A webhook has, per object, a place: the last version that it took. A message only says "look": what is
//! sent is the oldest change in the log after that place. So a message may come twice, late or never (the
//! sweep publishes a lost one anew), and per object the order holds however often something is tried.
//!
//! To add another way out with places of its own: a table like `webhook_objects`, a message like
//! `delivery.due`, and a call beside [`queue::announce`].

pub mod address;
mod again;
pub mod body;
pub mod dead;
pub mod deliver;
pub mod queue;
pub mod rpc;
pub mod send;
pub mod signing;
pub mod slots;
pub mod store;
pub mod sweep;

pub use rpc::Webhooks;
