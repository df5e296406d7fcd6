//! The service against a real PostgreSQL: `deploy/local/test` sets `DATABASE_URL`.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod append;
mod cleanup;
mod consumer;
mod forget;
mod gaps;
mod mail;
mod stream;
mod support;
mod webhook_rpcs;
mod webhooks;
