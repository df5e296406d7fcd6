//! The relay between a real PostgreSQL and a real RabbitMQ, a database and a virtual host per test.

mod relaying;
mod support;
