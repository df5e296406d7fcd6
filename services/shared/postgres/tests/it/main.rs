//! The crate against a real PostgreSQL, a database per test.

mod database;
mod outbox_and_inbox;
mod silent;
mod support;
mod transactions;
