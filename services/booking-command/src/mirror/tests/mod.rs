//! The mirror against a real PostgreSQL, a database per test.

mod apply;
mod fencing;
mod flags;
mod links;
mod requests;
pub(crate) mod world;
