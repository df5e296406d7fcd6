//! The crate against a real RabbitMQ, a virtual host per test.

mod in_order;
mod parked;
mod parked_cli;
mod publishing;
mod recovery;
mod retries;
mod silent;
mod support;
mod tracing_context;
mod unanswered;
