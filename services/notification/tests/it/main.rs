//! The service against a real PostgreSQL: `deploy/local/test` sets DATABASE_URL.

mod append;
mod cleanup;
mod consumer;
mod gaps;
mod stream;
mod support;
