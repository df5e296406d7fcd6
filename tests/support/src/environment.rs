//! Where the servers are that the suites run against.

use anyhow::Context as _;

/// The servers. Every test makes a database and a vhost of its own on them.
#[derive(Debug, Clone)]
pub struct Environment {
    /// `DATABASE_URL`: a server on which databases may be made.
    pub database_url: String,
    /// `AMQP_URL`: a RabbitMQ on which vhosts may be made.
    pub amqp_url: String,
    /// `RABBITMQ_MANAGEMENT_URL`: the management API of the same RabbitMQ.
    pub management_url: String,
}

impl Environment {
    /// Reads the three variables.
    pub fn read() -> anyhow::Result<Self> {
        Ok(Self {
            database_url: variable("DATABASE_URL")?,
            amqp_url: variable("AMQP_URL")?,
            management_url: variable("RABBITMQ_MANAGEMENT_URL")?,
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the suites have no configuration but these"
)]
fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| {
        format!(
            "{name} is not set: run the suites with deploy/local/test, which starts the servers"
        )
    })
}
