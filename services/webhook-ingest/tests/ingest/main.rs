//! webhook-ingest as a whole, against a real broker: a vhost for each test.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

mod answers;
mod connections;
mod harness;
mod without_broker;
