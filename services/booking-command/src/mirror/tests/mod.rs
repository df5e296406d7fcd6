//! The mirror against a real PostgreSQL, a database per test.

mod apply;
mod fencing;
mod flags;
mod later_words;
mod links;
pub(crate) mod ours;
mod reconcile;
mod requests;
mod series;
mod take_over;
pub(crate) mod world;
