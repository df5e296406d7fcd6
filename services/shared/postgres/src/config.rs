//! The `database` section of a service's configuration.

use std::{str::FromStr, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use sqlx::postgres::PgConnectOptions;

/// How a service reaches its database. Its schema is not a setting: the service knows it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host:5432/database`; it carries the password.
    #[serde(serialize_with = "redacted")]
    pub url: SecretString,
    /// The most connections the service opens. The relay holds two of its own beside them.
    #[serde(default = "default_max_connections")]
    pub max_connections: u32,
    /// How long to wait for a free connection.
    #[serde(default = "default_acquire_timeout", with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// PostgreSQL ends a statement that takes longer.
    #[serde(default = "default_statement_timeout", with = "humantime_serde")]
    pub statement_timeout: Duration,
}

/// Why a database section is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {problem}")]
pub struct InvalidConfig {
    /// The key within the section.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl DatabaseConfig {
    /// The defaults, for this address.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            max_connections: default_max_connections(),
            acquire_timeout: default_acquire_timeout(),
            statement_timeout: default_statement_timeout(),
        }
    }

    /// Checks what the types cannot.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let refuse = |key, problem| Err(InvalidConfig { key, problem });
        self.connect_options()?;
        if self.max_connections == 0 {
            return refuse("max_connections", "must be at least 1");
        }
        if self.acquire_timeout.is_zero() {
            return refuse("acquire_timeout", "must not be zero");
        }
        // To PostgreSQL itself zero would mean: as long as it likes.
        if self.statement_timeout.as_millis() == 0 {
            return refuse("statement_timeout", "must be at least 1ms");
        }
        Ok(())
    }

    /// The address, read. The error does not show it: it carries the password.
    pub(crate) fn connect_options(&self) -> Result<PgConnectOptions, InvalidConfig> {
        let url = self.url.expose_secret();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(InvalidConfig {
                key: "url",
                problem: "must start with postgres://",
            });
        }
        PgConnectOptions::from_str(url).map_err(|_| InvalidConfig {
            key: "url",
            problem: "is not an address",
        })
    }
}

fn default_max_connections() -> u32 {
    10
}

fn default_acquire_timeout() -> Duration {
    Duration::from_secs(5)
}

fn default_statement_timeout() -> Duration {
    Duration::from_secs(30)
}

fn redacted<S: Serializer>(_: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("[redacted]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_may_take_for_ever_is_refused() {
        let config = DatabaseConfig {
            statement_timeout: Duration::ZERO,
            ..DatabaseConfig::new("postgres://app@host/db")
        };
        let refused = config.validate().map_err(|error| error.key);
        assert_eq!(refused, Err("statement_timeout"));
    }

    #[test]
    fn the_address_is_checked_and_not_shown() {
        for (url, fine) in [
            ("postgres://app:hush@host/db", true),
            ("mysql://hush", false),
            ("postgres://ho st", false),
        ] {
            let config = DatabaseConfig::new(url);
            assert_eq!(config.validate().is_ok(), fine, "{url}");
            let shown = format!("{config:?} {:?}", config.validate())
                + &serde_json::to_string(&config).unwrap();
            assert!(!shown.contains("hush"));
        }
    }
}
