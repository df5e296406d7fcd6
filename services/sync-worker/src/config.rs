//! Configuration of sync-worker. `config.default.toml` is its reference page.

use std::time::Duration;

use roomsync_broker::BrokerConfig;
use roomsync_domain::channel_token::{ChannelTokens, InvalidKeyRing};
use roomsync_google::GoogleConfig;
use roomsync_postgres::DatabaseConfig;
use roomsync_process::{ConfigError, ProcessConfig, ServiceConfig, grpc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::trouble::Backoff;

/// Everything sync-worker can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What every process has.
    #[serde(default)]
    pub process: ProcessConfig,
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// RabbitMQ.
    pub broker: BrokerConfig,
    /// Google.
    #[serde(default)]
    pub google: GoogleConfig,
    /// booking-command's internal listener.
    pub booking_command: grpc::ClientConfig,
    /// The keys that sign channel tokens.
    pub channel_tokens: ChannelTokensConfig,
    /// Watch channels.
    #[serde(default)]
    pub push: PushConfig,
    /// How calendars are kept in step.
    #[serde(default)]
    pub sync: SyncConfig,
}

/// The keys that sign channel tokens; the first signs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelTokensConfig {
    /// The ring.
    pub keys: Vec<ChannelTokenKey>,
}

/// A key of the ring.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelTokenKey {
    /// Travels in the token.
    pub id: String,
    /// At least 32 bytes.
    pub secret: SecretString,
}

/// Watch channels.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushConfig {
    /// webhook-ingest's public address; empty: no channels.
    pub address: String,
    /// How long a channel shall live.
    #[serde(with = "humantime_serde")]
    pub ttl: Duration,
    /// When to ask again for a calendar that Google does not push for.
    #[serde(with = "humantime_serde")]
    pub retry_refused: Duration,
    /// When to try again to open a channel, at the latest while another one lives.
    #[serde(with = "humantime_serde")]
    pub retry: Duration,
    /// How old a change has to be, found by a poll, for its push to count as lost.
    #[serde(with = "humantime_serde")]
    pub silent_after: Duration,
}

/// How calendars are kept in step.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncConfig {
    /// How long a worker that says nothing keeps its claim.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// How often due work is looked for.
    #[serde(with = "humantime_serde")]
    pub sweep: Duration,
    /// The same calendar is swept again at the earliest after this.
    #[serde(with = "humantime_serde")]
    pub sweep_again: Duration,
    /// How often calendars that a push left dirty are looked for.
    #[serde(with = "humantime_serde")]
    pub wake: Duration,
    /// How long a calendar rests after a pull.
    #[serde(with = "humantime_serde")]
    pub pause: Duration,
    /// How often a calendar is compared without its cursor.
    #[serde(with = "humantime_serde")]
    pub reconcile_every: Duration,
    /// How often all links are compared.
    #[serde(with = "humantime_serde")]
    pub compare: Duration,
    /// The poll of a calendar with an open channel.
    #[serde(with = "humantime_serde")]
    pub poll_with_push: Duration,
    /// The poll of a calendar without.
    #[serde(with = "humantime_serde")]
    pub poll_without_push: Duration,
    /// What Google allows a tenant; polls take at most half of it.
    pub tenant_requests_per_minute: u32,
    /// How far back bookings are imported.
    pub import_back_days: u16,
    /// Size of a page of Google's lists.
    pub page_size: u32,
    /// Delay after the first failure.
    #[serde(with = "humantime_serde")]
    pub first_delay: Duration,
    /// The longest delay.
    #[serde(with = "humantime_serde")]
    pub longest_delay: Duration,
    /// Consecutive "not found" before the link is reported failed.
    pub not_found_limit: u16,
    /// Coverage without changes is reported at most this often.
    #[serde(with = "humantime_serde")]
    pub coverage_every: Duration,
    /// When closing goes on although channels could not be stopped.
    #[serde(with = "humantime_serde")]
    pub close_patience: Duration,
}

impl Default for PushConfig {
    fn default() -> Self {
        let week = Duration::from_hours(7 * 24);
        Self {
            address: String::new(),
            ttl: week,
            retry_refused: week,
            retry: Duration::from_mins(1),
            silent_after: Duration::from_mins(2),
        }
    }
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            lease: Duration::from_mins(1),
            sweep: Duration::from_secs(5),
            sweep_again: Duration::from_secs(30),
            wake: Duration::from_millis(200),
            pause: Duration::from_millis(500),
            reconcile_every: Duration::from_hours(24),
            compare: Duration::from_mins(10),
            poll_with_push: Duration::from_mins(10),
            poll_without_push: Duration::from_mins(2),
            tenant_requests_per_minute: 600,
            import_back_days: 31,
            page_size: 1000,
            first_delay: Duration::from_secs(5),
            longest_delay: Duration::from_mins(10),
            not_found_limit: 5,
            coverage_every: Duration::from_secs(10),
            close_patience: Duration::from_mins(15),
        }
    }
}

impl PushConfig {
    /// Where Google shall send its pushes; `None`: polling only.
    pub(crate) fn address(&self) -> Option<Url> {
        Url::parse(&self.address).ok()
    }
}

impl SyncConfig {
    pub(crate) fn backoff(&self) -> Backoff {
        Backoff {
            first: self.first_delay,
            longest: self.longest_delay,
        }
    }
}

impl ChannelTokensConfig {
    pub(crate) fn ring(&self) -> Result<ChannelTokens, InvalidKeyRing> {
        let keys = self.keys.iter();
        ChannelTokens::new(keys.map(|key| (key.id.as_str(), key.secret.expose_secret().as_bytes())))
    }
}

impl ServiceConfig for Config {
    fn process(&self) -> &ProcessConfig {
        &self.process
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |key: String, problem: &str| ConfigError::invalid(key, problem);
        self.database
            .validate()
            .map_err(|error| invalid(format!("database.{}", error.key), error.problem))?;
        self.broker
            .validate()
            .map_err(|error| invalid(format!("broker.{}", error.key), error.problem))?;
        self.google
            .validate()
            .map_err(|error| invalid(format!("google.{}", error.key), error.problem))?;
        self.channel_tokens
            .ring()
            .map_err(|error| ConfigError::invalid("channel_tokens.keys", error.to_string()))?;
        self.validate_push()?;
        self.validate_sync()
    }
}

impl Config {
    fn validate_push(&self) -> Result<(), ConfigError> {
        let address = self.push.address.as_str();
        let usable = || {
            Url::parse(address)
                .is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
        };
        if !address.is_empty() && !usable() {
            let problem = "expected an https address, or nothing for polling only";
            return Err(ConfigError::invalid("push.address", problem));
        }
        Ok(())
    }

    fn validate_sync(&self) -> Result<(), ConfigError> {
        let sync = &self.sync;
        let durations = [
            ("sync.lease", sync.lease),
            ("sync.sweep", sync.sweep),
            ("sync.wake", sync.wake),
            ("sync.reconcile_every", sync.reconcile_every),
            ("sync.compare", sync.compare),
            ("sync.poll_with_push", sync.poll_with_push),
            ("sync.poll_without_push", sync.poll_without_push),
            ("sync.first_delay", sync.first_delay),
            ("push.ttl", self.push.ttl),
            ("push.retry_refused", self.push.retry_refused),
            ("push.retry", self.push.retry),
            ("push.silent_after", self.push.silent_after),
        ];
        if let Some((key, _)) = durations.iter().find(|(_, duration)| duration.is_zero()) {
            return Err(ConfigError::invalid(*key, "expected more than 0"));
        }
        if sync.longest_delay < sync.first_delay {
            let problem = "expected at least `first_delay`";
            return Err(ConfigError::invalid("sync.longest_delay", problem));
        }
        if !(1..=2500).contains(&sync.page_size) {
            return Err(ConfigError::invalid("sync.page_size", "expected 1 to 2500"));
        }
        if sync.tenant_requests_per_minute == 0 {
            let problem = "expected at least 1";
            return Err(ConfigError::invalid(
                "sync.tenant_requests_per_minute",
                problem,
            ));
        }
        if sync.not_found_limit == 0 {
            return Err(ConfigError::invalid(
                "sync.not_found_limit",
                "expected at least 1",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const REQUIRED: [(&str, &str); 5] = [
        (
            "ROOMSYNC__DATABASE__URL",
            "postgres://app@127.0.0.1/roomsync",
        ),
        ("ROOMSYNC__BROKER__URL", "amqp://127.0.0.1/"),
        ("ROOMSYNC__BOOKING_COMMAND__URL", "http://127.0.0.1:9102"),
        ("ROOMSYNC__BOOKING_COMMAND__TOKEN", "a-token"),
        (
            "ROOMSYNC__CHANNEL_TOKENS__KEYS",
            r#"[{ id = "k1", secret = "0123456789abcdef0123456789abcdef" }]"#,
        ),
    ];

    fn load(more: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let env = REQUIRED
            .iter()
            .chain(more)
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        roomsync_process::config::load(crate::DEFAULT_CONFIG, None, env)
    }

    #[test]
    fn the_commented_defaults_are_the_defaults() {
        let config = load(&[]).unwrap();
        let (written, coded) = (config.sync, SyncConfig::default());
        assert_eq!(format!("{written:?}"), format!("{coded:?}"));
        assert_eq!(
            format!("{:?}", config.push),
            format!("{:?}", PushConfig::default())
        );
        assert_eq!(config.google, GoogleConfig::default());
        assert_eq!(config.push.address(), None);
    }

    #[test]
    fn calendars_need_not_rest() {
        let config = load(&[("ROOMSYNC__SYNC__PAUSE", "0s")]).unwrap();
        assert!(config.sync.pause.is_zero());
    }

    #[rstest]
    #[case("ROOMSYNC__PUSH__ADDRESS", "hooks.example.com", "push.address")]
    #[case("ROOMSYNC__SYNC__LEASE", "0s", "sync.lease")]
    #[case("ROOMSYNC__SYNC__WAKE", "0s", "sync.wake")]
    #[case("ROOMSYNC__SYNC__RECONCILE_EVERY", "0s", "sync.reconcile_every")]
    #[case("ROOMSYNC__SYNC__PAGE_SIZE", "2501", "sync.page_size")]
    #[case("ROOMSYNC__SYNC__LONGEST_DELAY", "1s", "sync.longest_delay")]
    #[case("ROOMSYNC__CHANNEL_TOKENS__KEYS", "[]", "channel_tokens.keys")]
    fn a_wrong_value_names_its_key(#[case] key: &str, #[case] value: &str, #[case] named: &str) {
        let error = load(&[(key, value)]).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}
