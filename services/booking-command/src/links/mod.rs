//! Links between objects and resource calendars.
//!
//! What a link should be is decided here; making it so is sync-worker's work, woken by `link.due`.
//! A link's id is never reused. Locks are taken in the order of `changes`: link, then object;
//! several links in the order of their objects, those of one object in the order of their ids.
//!
//! An object has one link in use, and while its address is changed a second one that will take its place
//! (`replaces_link_id`). To add an rpc: a file named after it, and its line in `rpc.rs`.

mod acknowledge_reset;
pub mod capability;
mod change_resource;
mod close;
mod deadline;
mod due;
pub mod expire;
mod link_object;
mod list_resources;
mod obstacles;
mod pending;
mod preview_link;
mod recheck_link;
mod refusal;
mod row;
mod rpc;
mod store;
mod sync_now;
mod unlink_object;

pub use close::{close, close_all_and_keep, close_of_objects, closing};
pub use due::{all_due, all_lost, verify_all_again, verify_all_with_module};
pub use row::LinkRow;
pub use rpc::LinkRpc;
pub use store::not_verified;
