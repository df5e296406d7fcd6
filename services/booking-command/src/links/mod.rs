//! Links between objects and resource calendars.
//!
//! What a link should be is decided here; making it so is sync-worker's work, woken by `link.due`.
//! A link's id is never reused. Locks are taken in the order of `changes`: link, then object;
//! several links in the order of their objects.

mod close;
mod due;
mod link_object;
mod row;
mod rpc;
mod store;

pub use close::close_of_objects;
pub use due::{all_due, all_lost, verify_all_again};
pub use row::LinkRow;
pub use rpc::LinkRpc;
pub use store::not_verified;
