//! The crate against a real PostgreSQL, a database per test.

mod database;
mod outbox_and_inbox;
mod support;
mod transactions;
