//! The main app's objects, as far as roomsync needs them.
//!
//! Objects are replaced in bulk, all or none. A deleted one stays as a row: its version goes on,
//! and its link has yet to be taken down.

mod read;
mod rpc;
mod store;

pub use rpc::CatalogueRpc;
pub use store::{lock_living, require_living};
