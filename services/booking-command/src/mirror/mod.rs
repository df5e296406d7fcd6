//! What sync-worker saw at Google becomes bookings, and what it found out about links.
//!
//! [`apply`] is the only way in for bookings: it compares one listing with what we hold
//! (`roomsync_domain::decide`) and writes the difference, its versions and its messages in one
//! transaction. A listing is fenced by its epoch, so nothing is applied twice or out of order.
//!
//! To add an rpc: a file named after it, and its line in [`service`].

pub mod apply;
mod drift;
mod facts;
mod forgotten;
mod just_written;
pub mod list_links;
mod locked_link;
mod occupancy_facts;
mod ours;
mod plan;
mod reflag;
pub mod report_closed;
pub mod report_coverage;
pub mod report_link;
pub mod request;
pub mod service;
mod store;
mod take_over;
#[cfg(test)]
pub(crate) mod tests;

pub use reflag::{flagged_anew, reflag};
pub use service::Mirror;
