//! webhook-ingest as a whole, against a real RabbitMQ: a vhost for each test.

mod answers;
mod connections;
mod harness;
mod without_broker;
