//! The configuration of this service. `config.default.toml` is its manual.

use std::time::Duration;

use roomsync_broker::BrokerConfig;
use roomsync_postgres::DatabaseConfig;
use roomsync_process::{ConfigError, ProcessConfig, ServiceConfig, grpc};
use roomsync_sealing::{Keyring, SealingConfig};
use serde::Deserialize;

use crate::{log::append::Waits, mail::config::MailConfig, webhooks::address::Policy};

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Admin port, telemetry, shutdown.
    #[serde(default)]
    pub process: ProcessConfig,
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// RabbitMQ.
    pub broker: BrokerConfig,
    /// The listener for subscribers.
    pub public: grpc::ListenConfig,
    /// Who may call it.
    pub callers: grpc::CallersConfig,
    /// booking-command's public listener.
    pub booking_command: grpc::ClientConfig,
    /// Versions that did not arrive.
    pub gap: GapConfig,
    /// Streams to subscribers.
    pub stream: StreamConfig,
    /// What is kept.
    pub log: LogConfig,
    /// Seals the secrets of webhooks.
    pub sealing: SealingConfig,
    /// Requests to receivers.
    pub webhooks: WebhooksConfig,
    /// Mails to people.
    pub mail: MailConfig,
}

/// Requests to receivers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhooksConfig {
    /// How long a receiver may take to answer.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How long one change is tried.
    #[serde(with = "humantime_serde")]
    pub patience: Duration,
    /// A webhook that has taken nothing for so long, while changes waited, is disabled.
    #[serde(with = "humantime_serde")]
    pub disable_after: Duration,
    /// How many changes of one object one message sends.
    pub per_message: u32,
    /// How often lost messages are looked for.
    #[serde(with = "humantime_serde")]
    pub sweep: Duration,
    /// A message that nobody had in hand for so long is lost.
    #[serde(with = "humantime_serde")]
    pub lost_after: Duration,
    /// Addresses that are not public.
    pub allow_private: bool,
    /// http without TLS.
    pub allow_http: bool,
}

impl WebhooksConfig {
    /// The longest patience: the queue's is a little more, so that ours ends first.
    const LONGEST_PATIENCE: Duration = Duration::from_hours(72);
    /// What is older the log does not have, as it is set by default.
    const LONGEST_DISABLE_AFTER: Duration = Duration::from_hours(30 * 24);

    /// Which addresses are taken.
    pub fn policy(&self) -> Policy {
        Policy {
            allow_private: self.allow_private,
            allow_http: self.allow_http,
        }
    }
}

/// Versions that did not arrive.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GapConfig {
    /// How long a version may wait for its predecessor before that is fetched.
    #[serde(with = "humantime_serde")]
    pub after: Duration,
    /// How often gaps are looked for.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
}

/// Streams to subscribers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamConfig {
    /// How often the ends of all followed logs are read.
    #[serde(with = "humantime_serde")]
    pub reread: Duration,
    /// How many changes a stream reads at once.
    pub page_size: i64,
    /// How many messages wait for one slow subscriber.
    pub buffer: usize,
    /// A stream that takes nothing for so long is ended.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
}

/// What is kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// How long changes can be replayed.
    #[serde(with = "humantime_serde")]
    pub keep: Duration,
    /// How long the ids of consumed messages are remembered.
    #[serde(with = "humantime_serde")]
    pub keep_inbox: Duration,
    /// How long mails are remembered.
    #[serde(with = "humantime_serde")]
    pub keep_mails: Duration,
    /// How often what is older is forgotten.
    #[serde(with = "humantime_serde")]
    pub cleanup_every: Duration,
    /// How many rows one transaction forgets.
    pub cleanup_batch: i64,
}

impl Config {
    /// How long what comes of a change waits.
    pub fn waits(&self) -> Waits {
        Waits {
            gap: self.gap.after,
            mails: self.mail.gather,
        }
    }
}

impl ServiceConfig for Config {
    fn process(&self) -> &ProcessConfig {
        &self.process
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let broken = |section: &str, key: &str, problem| {
            Err(ConfigError::invalid(format!("{section}.{key}"), problem))
        };
        if let Err(error) = self.database.validate() {
            return broken("database", error.key, error.problem);
        }
        if let Err(error) = self.broker.validate() {
            return broken("broker", error.key, error.problem);
        }
        grpc::Callers::load(&self.callers)?;
        let durations = [
            ("gap.after", self.gap.after),
            ("gap.every", self.gap.every),
            ("stream.reread", self.stream.reread),
            ("stream.write_timeout", self.stream.write_timeout),
            ("log.keep", self.log.keep),
            ("log.keep_inbox", self.log.keep_inbox),
            ("log.keep_mails", self.log.keep_mails),
            ("log.cleanup_every", self.log.cleanup_every),
            ("webhooks.timeout", self.webhooks.timeout),
            ("webhooks.patience", self.webhooks.patience),
            ("webhooks.disable_after", self.webhooks.disable_after),
            ("webhooks.sweep", self.webhooks.sweep),
            ("webhooks.lost_after", self.webhooks.lost_after),
        ];
        if let Some((key, _)) = durations.iter().find(|(_, duration)| duration.is_zero()) {
            return Err(ConfigError::invalid(*key, "must not be zero"));
        }
        if !(1..=1000).contains(&self.stream.page_size) {
            return broken("stream", "page_size", "must be between 1 and 1000");
        }
        if self.stream.buffer == 0 {
            return broken("stream", "buffer", "must be at least 1");
        }
        if let Err(error) = Keyring::new(&self.sealing) {
            return Err(ConfigError::invalid("sealing.keys", error.to_string()));
        }
        if self.webhooks.per_message == 0 {
            return broken("webhooks", "per_message", "must be at least 1");
        }
        if self.webhooks.patience > WebhooksConfig::LONGEST_PATIENCE {
            return broken("webhooks", "patience", "must be at most 3 days");
        }
        if self.webhooks.disable_after > WebhooksConfig::LONGEST_DISABLE_AFTER {
            return broken("webhooks", "disable_after", "must be at most 30 days");
        }
        if self.log.cleanup_batch < 1 {
            return broken("log", "cleanup_batch", "must be at least 1");
        }
        self.mail.validate()
    }
}

#[cfg(test)]
mod tests {
    use roomsync_process::config;

    use super::*;

    const REQUIRED: [(&str, &str); 5] = [
        (
            "ROOMSYNC__DATABASE__URL",
            "postgres://app@127.0.0.1/roomsync",
        ),
        ("ROOMSYNC__BROKER__URL", "amqp://127.0.0.1/"),
        ("ROOMSYNC__BOOKING_COMMAND__URL", "http://127.0.0.1:9101"),
        ("ROOMSYNC__BOOKING_COMMAND__TOKEN", "a-token"),
        (
            "ROOMSYNC__SEALING__KEYS",
            r#"[{id = "a", secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]"#,
        ),
    ];

    fn load(set: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let env = REQUIRED
            .iter()
            .chain(set)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        config::load(include_str!("../config.default.toml"), None, env)
    }

    #[test]
    fn the_defaults_are_valid() {
        let config = load(&[]).unwrap();
        assert_eq!(config.log.keep, Duration::from_hours(30 * 24));
    }

    #[rstest::rstest]
    #[case("ROOMSYNC__STREAM__PAGE_SIZE", "0", "stream.page_size")]
    #[case("ROOMSYNC__STREAM__BUFFER", "0", "stream.buffer")]
    #[case("ROOMSYNC__GAP__EVERY", "0s", "gap.every")]
    #[case("ROOMSYNC__LOG__CLEANUP_BATCH", "0", "log.cleanup_batch")]
    #[case("ROOMSYNC__BROKER__URL", "http://localhost", "broker.url")]
    #[case("ROOMSYNC__SEALING__KEYS", "[]", "sealing.keys")]
    #[case("ROOMSYNC__WEBHOOKS__TIMEOUT", "0s", "webhooks.timeout")]
    #[case("ROOMSYNC__WEBHOOKS__PER_MESSAGE", "0", "webhooks.per_message")]
    #[case("ROOMSYNC__WEBHOOKS__PATIENCE", "73h", "webhooks.patience")]
    #[case(
        "ROOMSYNC__WEBHOOKS__DISABLE_AFTER",
        "31days",
        "webhooks.disable_after"
    )]
    #[case("ROOMSYNC__WEBHOOKS__DISABLE_AFTER", "0s", "webhooks.disable_after")]
    #[case("ROOMSYNC__LOG__KEEP_MAILS", "0s", "log.keep_mails")]
    #[case("ROOMSYNC__MAIL__TIMEOUT", "0s", "mail.timeout")]
    #[case("ROOMSYNC__MAIL__PATIENCE", "23h", "mail.patience")]
    #[case("ROOMSYNC__MAIL__GATHER", "11m", "mail.gather")]
    fn a_value_that_cannot_be_used_is_named(
        #[case] variable: &str,
        #[case] value: &str,
        #[case] key: &str,
    ) {
        let error = load(&[(variable, value)]).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains(variable), "{error}");
    }

    const MAIL: [(&str, &str); 4] = [
        ("ROOMSYNC__MAIL__URL", "smtp://mail.example.com"),
        ("ROOMSYNC__MAIL__FROM", "Rooms <rooms@example.com>"),
        ("ROOMSYNC__MAIL__BOOKING_COMMAND__URL", "http://127.0.0.1:9"),
        ("ROOMSYNC__MAIL__BOOKING_COMMAND__TOKEN", "a-token"),
    ];

    #[test]
    fn mails_are_off_until_a_server_is_named() {
        assert!(!load(&[]).unwrap().mail.is_on());
        assert!(load(&MAIL).unwrap().mail.is_on());
    }

    #[rstest::rstest]
    #[case("URL", "mail.example.com:25", "mail.url")]
    #[case("URL", "http://mail.example.com", "mail.url")]
    #[case("URL", "smtp://ada:secret@mail.example.com", "mail.url")]
    #[case("FROM", "Rooms", "mail.from")]
    #[case("USER", "ada", "mail.password")]
    #[case("PASSWORD", "secret", "mail.password")]
    #[case(
        "CA",
        "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----",
        "mail.ca"
    )]
    fn a_mail_server_that_cannot_be_used_is_named(
        #[case] variable: &str,
        #[case] value: &str,
        #[case] key: &str,
    ) {
        let variable = format!("ROOMSYNC__MAIL__{variable}");
        let mut set = MAIL.to_vec();
        set.push((&variable, value));
        let error = load(&set).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_password_is_never_sent_in_the_clear() {
        let mut set = MAIL.to_vec();
        set.extend([
            ("ROOMSYNC__MAIL__USER", "ada"),
            ("ROOMSYNC__MAIL__PASSWORD", "secret"),
        ]);
        load(&set).unwrap();
        set.push(("ROOMSYNC__MAIL__STARTTLS", "false"));
        let error = load(&set).unwrap_err().to_string();
        assert!(error.contains("mail.starttls"), "{error}");
        set.push(("ROOMSYNC__MAIL__URL", "smtps://mail.example.com"));
        load(&set).unwrap();
    }

    #[test]
    fn mails_need_booking_commands_internal_listener() {
        let error = load(&MAIL[..2]).unwrap_err().to_string();
        assert!(error.contains("mail.booking_command"), "{error}");
    }
}
