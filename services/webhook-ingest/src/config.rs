//! Configuration of webhook-ingest. The keys are described in `config.default.toml`.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use roomsync_broker::BrokerConfig;
use roomsync_domain::channel_token::{ChannelTokens, InvalidKeyRing};
use roomsync_process::{ConfigError, ProcessConfig, ServiceConfig};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The sections every process has.
    #[serde(default)]
    pub process: ProcessConfig,
    /// Where Google's pushes arrive.
    pub http: HttpConfig,
    /// The broker.
    pub broker: BrokerConfig,
    /// The keys of the channel tokens.
    pub channel_tokens: ChannelTokensConfig,
}

/// The public listener and its limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Larger header sections are refused with 431.
    pub max_header_bytes: usize,
    /// Larger bodies are refused with 413. Google's pushes have none.
    pub max_body_bytes: usize,
    /// More connections wait to be accepted.
    pub max_connections: usize,
    /// More pushes at a time are answered 503 at once.
    pub max_in_flight: usize,
    /// A push whose confirm takes longer is answered 503.
    #[serde(with = "humantime_serde")]
    pub confirm_timeout: Duration,
    /// A body that takes longer is refused with 408.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// A connection that sends no complete header section for so long is closed.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
}

/// The ring of keys: the first signs (elsewhere), all verify.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelTokensConfig {
    /// The keys.
    pub keys: Vec<ChannelTokenKey>,
}

/// One key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelTokenKey {
    /// Its name within tokens.
    pub id: String,
    /// The secret, at least 32 bytes.
    pub secret: SecretString,
}

impl ChannelTokensConfig {
    /// The ring.
    pub fn ring(&self) -> Result<ChannelTokens, InvalidKeyRing> {
        ChannelTokens::new(
            self.keys
                .iter()
                .map(|key| (key.id.as_str(), key.secret.expose_secret().as_bytes())),
        )
    }
}

impl ServiceConfig for Config {
    fn process(&self) -> &ProcessConfig {
        &self.process
    }

    fn validate(&self) -> Result<(), ConfigError> {
        self.broker.validate().map_err(|error| {
            ConfigError::invalid(format!("broker.{}", error.key), error.problem)
        })?;
        self.http.validate()?;
        let invalid = |problem: String| ConfigError::invalid("channel_tokens.keys", problem);
        self.channel_tokens
            .ring()
            .map_err(|error| invalid(error.to_string()))?;
        let ids: BTreeSet<_> = self.channel_tokens.keys.iter().map(|key| &key.id).collect();
        if ids.len() < self.channel_tokens.keys.len() {
            return Err(invalid("expected every id once".to_owned()));
        }
        Ok(())
    }
}

impl HttpConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, problem: &str| {
            Err(ConfigError::invalid(
                format!("http.{key}"),
                problem.to_owned(),
            ))
        };
        // Google's own headers and those of the proxies on the way have about 2 kB.
        if !(4096..=64 * 1024).contains(&self.max_header_bytes) {
            return wrong("max_header_bytes", "expected 4096 to 65536");
        }
        if self.max_connections == 0 {
            return wrong("max_connections", "expected at least 1");
        }
        if self.max_in_flight == 0 {
            return wrong("max_in_flight", "expected at least 1");
        }
        for (key, time) in [
            ("confirm_timeout", self.confirm_timeout),
            ("body_timeout", self.body_timeout),
            ("idle_timeout", self.idle_timeout),
        ] {
            if time.is_zero() {
                return wrong(key, "expected more than 0");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn load(text: &str) -> Result<Config, String> {
        let env = [
            ("ROOMSYNC__BROKER__URL", "amqp://broker/roomsync".to_owned()),
            ("ROOMSYNC__CHANNEL_TOKENS__KEYS", text.to_owned()),
        ];
        let env = env
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter();
        roomsync_process::config::load(crate::service().default_config, None, env)
            .map_err(|error: ConfigError| error.to_string())
    }

    #[test]
    fn the_defaults_need_an_address_and_a_key() {
        let config = load(&format!(r#"[{{ id = "k1", secret = "{SECRET}" }}]"#)).unwrap();
        assert_eq!(config.http.confirm_timeout, Duration::from_secs(5));
        assert!(!format!("{config:?}").contains(SECRET));
    }

    #[rstest::rstest]
    #[case::none("[]", "at least one key")]
    #[case::short(r#"[{ id = "k1", secret = "0123456789" }]"#, "at least 32 bytes")]
    #[case::id(&format!(r#"[{{ id = "K 1", secret = "{SECRET}" }}]"#), "key ids of 1 to 16")]
    #[case::twice(
        &format!(r#"[{{ id = "k1", secret = "{SECRET}" }}, {{ id = "k1", secret = "{SECRET}" }}]"#),
        "every id once"
    )]
    fn a_ring_that_cannot_be_used_is_named(#[case] keys: &str, #[case] expected: &str) {
        let error = load(keys).unwrap_err();
        assert!(
            error.starts_with("channel_tokens.keys: ") && error.contains(expected),
            "{error}"
        );
        assert!(!error.contains("0123456789"));
    }
}
