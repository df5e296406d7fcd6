//! The main app's users, so that bookings get owners (R14, R24, D9).
//!
//! Every address of a user, alias or not, is a row of its own in lower case; the key of that table
//! refuses an address held by two. Whoever appears later gets the future anonymous bookings they
//! organise; whoever leaves, leaves anonymous bookings.

mod ownership;
mod read;
mod rpc;
mod store;

pub use rpc::PeopleRpc;
