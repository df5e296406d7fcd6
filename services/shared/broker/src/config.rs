//! The `broker` section of a service's configuration.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::Ladder;

/// How a service reaches and uses RabbitMQ.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerConfig {
    /// `amqp://user:password@host:5672/vhost` (or `amqps://`); it carries the password.
    #[serde(serialize_with = "redacted")]
    pub url: SecretString,
    /// How many messages a consumer has in hand at once.
    #[serde(default = "default_prefetch")]
    pub prefetch: u16,
    /// How long a publish may take, waiting for a lost connection included.
    #[serde(default = "default_publish_timeout", with = "humantime_serde")]
    pub publish_timeout: Duration,
    /// The delays of the retry ladder.
    #[serde(default)]
    pub ladder: Ladder,
    /// Replaces the patience of every queue that has one; for tests.
    #[serde(
        default,
        with = "humantime_serde",
        skip_serializing_if = "Option::is_none"
    )]
    pub patience: Option<Duration>,
}

/// Why a broker section is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {problem}")]
pub struct InvalidConfig {
    /// The key within the section.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl BrokerConfig {
    /// The defaults, for this address.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            prefetch: default_prefetch(),
            publish_timeout: default_publish_timeout(),
            ladder: Ladder::default(),
            patience: None,
        }
    }

    /// Checks what the types cannot.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        let refuse = |key, problem| Err(InvalidConfig { key, problem });
        match url::Url::parse(self.url.expose_secret()) {
            Ok(url) if !matches!(url.scheme(), "amqp" | "amqps") => {
                refuse("url", "must start with amqp:// or amqps://")
            }
            Ok(url) if url.host_str().is_none_or(str::is_empty) => refuse("url", "names no host"),
            Ok(_) if self.prefetch == 0 => refuse("prefetch", "must be at least 1"),
            Ok(_) if self.publish_timeout.is_zero() => {
                refuse("publish_timeout", "must not be zero")
            }
            Ok(_) => Ok(()),
            Err(_) => refuse("url", "is not an address"),
        }
    }
}

fn default_prefetch() -> u16 {
    32
}

fn default_publish_timeout() -> Duration {
    Duration::from_secs(5)
}

fn redacted<S: Serializer>(_: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("[redacted]")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("amqp://guest:guest@127.0.0.1:5672/%2f", None)]
    #[case("amqps://rabbit.example/roomsync", None)]
    #[case("http://127.0.0.1", Some("url"))]
    #[case("rabbit", Some("url"))]
    fn the_address_is_checked(#[case] url: &str, #[case] wrong: Option<&str>) {
        assert_eq!(
            BrokerConfig::new(url)
                .validate()
                .err()
                .map(|error| error.key),
            wrong
        );
    }

    #[test]
    fn a_prefetch_of_zero_is_refused() {
        let config = BrokerConfig {
            prefetch: 0,
            ..BrokerConfig::new("amqp://host/")
        };
        assert_eq!(
            config.validate().map_err(|error| error.key),
            Err("prefetch")
        );
    }

    #[test]
    fn durations_are_written_as_people_write_them() {
        let text = r#"{"url": "amqp://host/", "publish_timeout": "250ms", "ladder": ["1s"], "patience": "2m"}"#;
        let config: BrokerConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.publish_timeout, Duration::from_millis(250));
        assert_eq!(config.patience, Some(Duration::from_mins(2)));
        assert_eq!(config.ladder.rungs(), [Duration::from_secs(1)]);
        assert_eq!(config.prefetch, 32);
    }

    #[test]
    fn the_address_is_not_shown() {
        let config = BrokerConfig::new("amqp://user:hush@host/");
        let shown = serde_json::to_string(&config).unwrap();
        assert!(!shown.contains("hush") && !format!("{config:?}").contains("hush"));
    }
}
