//! Where the servers are that the suites run against.

use anyhow::{Context as _, bail};

/// The servers. Every test makes a database and a vhost of its own on them.
#[derive(Debug, Clone)]
pub struct Environment {
    /// `DATABASE_URL`: a server on which databases may be made.
    pub database_url: String,
    /// `AMQP_URL`: a RabbitMQ on which vhosts may be made.
    pub amqp_url: String,
    /// `RABBITMQ_MANAGEMENT_URL`: the management API of the same RabbitMQ.
    pub management_url: String,
    /// `ROOMSYNC_PUSHES`: how well Google's pushes arrive.
    pub pushes: Pushes,
}

/// How well Google's pushes arrive, for a whole run of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pushes {
    /// Each once, in order, at once.
    #[default]
    Reliable,
    /// As Google documents them: some are lost, doubled, late or overtaken.
    Unreliable,
}

impl Environment {
    /// Reads the variables; only the one about pushes may be missing.
    pub fn read() -> anyhow::Result<Self> {
        let pushes = match optional("ROOMSYNC_PUSHES").as_deref() {
            None | Some("" | "reliable") => Pushes::Reliable,
            Some("unreliable") => Pushes::Unreliable,
            Some(other) => bail!("ROOMSYNC_PUSHES is {other:?}, not reliable or unreliable"),
        };
        Ok(Self {
            pushes,
            database_url: variable("DATABASE_URL")?,
            amqp_url: variable("AMQP_URL")?,
            management_url: variable("RABBITMQ_MANAGEMENT_URL")?,
        })
    }
}

fn variable(name: &str) -> anyhow::Result<String> {
    optional(name).with_context(|| {
        format!(
            "{name} is not set: run the suites with deploy/local/test, which starts the servers"
        )
    })
}

/// A variable for the suites; `None` when it is not set.
#[expect(
    clippy::disallowed_methods,
    reason = "the suites have no configuration but these"
)]
pub(crate) fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
