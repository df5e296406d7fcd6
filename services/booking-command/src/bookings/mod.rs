//! Bookings of linked objects: their rows and the public rpcs that read them.
//!
//! Bookings are written by the transaction of `mirror::apply` (what Google says) through [`write`],
//! under the lock of their object (see [`crate::changes`]).
//!
//! To add an rpc: a file named after it with the checks and the query, and its line in [`service`].

pub mod availability;
pub mod changes;
pub mod create;
mod deadline;
pub mod delete;
pub mod desk;
pub mod get;
pub mod history;
pub mod list;
pub mod list_history;
mod locks;
pub mod looks;
mod page;
pub mod property;
pub mod record;
pub mod service;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;
pub mod turns;
pub mod update;
mod viewer;
pub mod write;

pub use desk::Desk;
pub use record::Booking;
pub use service::Bookings;
pub(crate) use viewer::Viewer;
