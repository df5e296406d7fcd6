//! The configuration of this service. `config.default.toml` is its manual.

use std::time::Duration;

use roomsync_broker::BrokerConfig;
use roomsync_google::GoogleConfig;
use roomsync_postgres::DatabaseConfig;
use roomsync_process::{ConfigError, ProcessConfig, ServiceConfig, grpc};
use roomsync_sealing::{Keyring, SealingConfig};
use serde::Deserialize;

use crate::access::{
    budget::BudgetConfig,
    offers::{ConsentConfig, DelegationConfig, Offers},
};

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Admin port, telemetry, shutdown.
    pub process: ProcessConfig,
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// How the schema gets there.
    pub migration: MigrationConfig,
    /// RabbitMQ.
    pub broker: BrokerConfig,
    /// Where Google is.
    pub google: GoogleConfig,
    /// The listener for the booking app.
    pub public: grpc::ListenConfig,
    /// The listener for our own services.
    pub internal: grpc::ListenConfig,
    /// Who may call.
    pub callers: grpc::CallersConfig,
    /// The keys that seal secrets.
    pub sealing: SealingConfig,
    /// Connecting by an administrator's consent.
    pub consent: ConsentConfig,
    /// Keys that are not delegated yet.
    pub connect: ConnectConfig,
    /// Booking as users by the operator's service account.
    pub delegation: DelegationConfig,
    /// Google's limits.
    pub budget: BudgetConfig,
    /// Bookings made in Flexopus.
    pub bookings: BookingsConfig,
    /// Links.
    pub links: LinksConfig,
    /// Synchronising by hand.
    pub sync_by_hand: SyncByHandConfig,
    /// Ending a connection.
    pub disconnect: DisconnectConfig,
    /// Tenants whose module is off.
    pub module: ModuleConfig,
    /// Persons leave bookings.
    pub anonymise: AnonymiseConfig,
    /// What is forgotten when.
    pub cleanup: CleanupConfig,
}

/// Keys that are not delegated yet.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectConfig {
    /// How soon one is proved again at first, and how often it is looked for those that are due.
    #[serde(with = "humantime_serde")]
    pub retry_every: Duration,
    /// How long until the tenant is disconnected again.
    #[serde(with = "humantime_serde")]
    pub give_up_after: Duration,
    /// How long a claim of one of them lasts.
    #[serde(with = "humantime_serde")]
    pub claim: Duration,
}

/// Ending a connection.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisconnectConfig {
    /// How often it is looked for what can go on.
    #[serde(with = "humantime_serde")]
    pub look_every: Duration,
    /// How long a claim of one connection lasts.
    #[serde(with = "humantime_serde")]
    pub claim: Duration,
    /// How long is waited for calendars to be closed and for the grant to be revoked.
    #[serde(with = "humantime_serde")]
    pub force_after: Duration,
}

/// Tenants whose module is off.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleConfig {
    /// How long they stay connected.
    #[serde(with = "humantime_serde")]
    pub keep_for: Duration,
}

/// Persons leave bookings.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnonymiseConfig {
    /// How often.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    /// How many bookings one transaction anonymises.
    pub batch: i64,
}

/// Bookings made in Flexopus.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookingsConfig {
    /// A request that Google has not taken for so long is rejected.
    #[serde(with = "humantime_serde")]
    pub give_up_after: Duration,
    /// A room that has not answered for so long leaves its booking undecided.
    #[serde(with = "humantime_serde")]
    pub undecided_after: Duration,
    /// How long it is remembered that Google does not know a booker.
    #[serde(with = "humantime_serde")]
    pub unknown_for: Duration,
    /// How often bookings are looked for whose room has not answered.
    #[serde(with = "humantime_serde")]
    pub look_every: Duration,
    /// How long a claim of one write to Google lasts.
    #[serde(with = "humantime_serde")]
    pub claim: Duration,
    /// How often writes are looked for that nobody works on any more.
    #[serde(with = "humantime_serde")]
    pub ask_again_every: Duration,
    /// How long nobody may have tried a write before it is asked for again.
    #[serde(with = "humantime_serde")]
    pub ask_again_after: Duration,
}

/// Links.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinksConfig {
    /// How long a link may wait for its verification before it has failed.
    #[serde(with = "humantime_serde")]
    pub pending_for: Duration,
    /// How often those that wait for longer are looked for.
    #[serde(with = "humantime_serde")]
    pub look_every: Duration,
}

/// Synchronising by hand.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncByHandConfig {
    /// One object.
    #[serde(with = "humantime_serde")]
    pub at_most_every: Duration,
    /// All objects of a tenant.
    #[serde(with = "humantime_serde")]
    pub all_at_most_every: Duration,
}

/// How the schema gets there.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationConfig {
    /// At start, instead of by the subcommand.
    pub on_start: bool,
}

/// What is forgotten when.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CleanupConfig {
    /// How often.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    /// How long the ids of consumed messages are remembered.
    #[serde(with = "humantime_serde")]
    pub keep_inbox: Duration,
    /// How long `ListChanges` reaches back.
    #[serde(with = "humantime_serde")]
    pub keep_changes: Duration,
    /// How long a request id of `CreateBooking` means the same booking.
    #[serde(with = "humantime_serde")]
    pub keep_requests: Duration,
    /// How many rows one transaction forgets.
    pub batch: i64,
}

/// Below this a lane that leaves a share to the others could never get a unit.
const LEAST_LIMIT: u32 = 20;

impl ServiceConfig for Config {
    fn process(&self) -> &ProcessConfig {
        &self.process
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let broken = |section: &str, key: &str, problem: &str| {
            Err(ConfigError::invalid(format!("{section}.{key}"), problem))
        };
        if let Err(error) = self.database.validate() {
            return broken("database", error.key, error.problem);
        }
        if let Err(error) = self.broker.validate() {
            return broken("broker", error.key, error.problem);
        }
        if let Err(error) = self.google.validate() {
            return broken("google", error.key, error.problem);
        }
        grpc::Callers::load(&self.callers)?;
        if let Err(error) = Keyring::new(&self.sealing) {
            return broken("sealing", "keys", &error.to_string());
        }
        if let Err(error) = Offers::new(&self.consent, &self.delegation) {
            return Err(ConfigError::invalid(error.key, error.problem));
        }
        let limits = [
            ("per_user_per_minute", self.budget.per_user_per_minute),
            ("per_project_per_minute", self.budget.per_project_per_minute),
            (
                "directory_per_user_per_minute",
                self.budget.directory_per_user_per_minute,
            ),
        ];
        if let Some((key, _)) = limits.iter().find(|(_, limit)| *limit < LEAST_LIMIT) {
            return broken("budget", key, "must be at least 20");
        }
        let durations = [
            ("budget", "minute", self.budget.minute),
            ("cleanup", "every", self.cleanup.every),
            ("cleanup", "keep_inbox", self.cleanup.keep_inbox),
            ("cleanup", "keep_changes", self.cleanup.keep_changes),
            ("cleanup", "keep_requests", self.cleanup.keep_requests),
            ("bookings", "give_up_after", self.bookings.give_up_after),
            ("bookings", "undecided_after", self.bookings.undecided_after),
            ("bookings", "unknown_for", self.bookings.unknown_for),
            ("bookings", "look_every", self.bookings.look_every),
            ("bookings", "claim", self.bookings.claim),
            ("bookings", "ask_again_every", self.bookings.ask_again_every),
            ("bookings", "ask_again_after", self.bookings.ask_again_after),
            ("links", "pending_for", self.links.pending_for),
            ("links", "look_every", self.links.look_every),
            ("connect", "retry_every", self.connect.retry_every),
            ("connect", "give_up_after", self.connect.give_up_after),
            ("connect", "claim", self.connect.claim),
            ("disconnect", "look_every", self.disconnect.look_every),
            ("disconnect", "claim", self.disconnect.claim),
            ("anonymise", "every", self.anonymise.every),
        ];
        if let Some((section, key, _)) = durations.iter().find(|(.., it)| it.is_zero()) {
            return broken(section, key, "must not be zero");
        }
        if self.cleanup.batch < 1 {
            return broken("cleanup", "batch", "must be at least 1");
        }
        if self.anonymise.batch < 1 {
            return broken("anonymise", "batch", "must be at least 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use roomsync_process::config;

    use super::*;

    const KEYS: &str = r#"[{id = "a", secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]"#;

    /// What must be given besides.
    const ADDRESSES: [(&str, &str); 2] = [
        ("ROOMSYNC__BROKER__URL", "amqp://localhost"),
        ("ROOMSYNC__DATABASE__URL", "postgres://localhost/roomsync"),
    ];

    fn load(set: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let given = |key: &str| set.iter().any(|(given, _)| *given == key);
        let env = ADDRESSES
            .iter()
            .filter(|(key, _)| !given(key))
            .chain(set)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        config::load(include_str!("../config.default.toml"), None, env)
    }

    #[test]
    fn the_defaults_are_valid_once_a_sealing_key_is_given() {
        let config = load(&[("ROOMSYNC__SEALING__KEYS", KEYS)]).unwrap();
        assert_eq!(config.cleanup.keep_changes, Duration::from_hours(30 * 24));
        assert!(!config.migration.on_start);
        assert_eq!(config.links.pending_for, Duration::from_hours(24));
        assert_eq!(
            config.sync_by_hand.all_at_most_every,
            Duration::from_mins(5)
        );
    }

    #[test]
    fn without_a_sealing_key_nothing_starts() {
        let error = load(&[]).unwrap_err().to_string();
        assert!(error.contains("sealing.keys"), "{error}");
    }

    #[rstest::rstest]
    #[case(
        "ROOMSYNC__BUDGET__PER_USER_PER_MINUTE",
        "19",
        "budget.per_user_per_minute"
    )]
    #[case("ROOMSYNC__BUDGET__MINUTE", "0s", "budget.minute")]
    #[case("ROOMSYNC__CLEANUP__BATCH", "0", "cleanup.batch")]
    #[case("ROOMSYNC__DELEGATION__KEY", "{}", "delegation.key")]
    #[case("ROOMSYNC__ANONYMISE__BATCH", "0", "anonymise.batch")]
    #[case("ROOMSYNC__ANONYMISE__EVERY", "0s", "anonymise.every")]
    #[case("ROOMSYNC__CONNECT__RETRY_EVERY", "0s", "connect.retry_every")]
    #[case("ROOMSYNC__CONNECT__GIVE_UP_AFTER", "0s", "connect.give_up_after")]
    #[case("ROOMSYNC__CONNECT__CLAIM", "0s", "connect.claim")]
    #[case("ROOMSYNC__DISCONNECT__CLAIM", "0s", "disconnect.claim")]
    #[case("ROOMSYNC__MODULE__KEEP_FOR", "long", "module.keep_for")]
    #[case("ROOMSYNC__LINKS__PENDING_FOR", "0s", "links.pending_for")]
    #[case("ROOMSYNC__LINKS__LOOK_EVERY", "0s", "links.look_every")]
    #[case("ROOMSYNC__BOOKINGS__LOOK_EVERY", "0s", "bookings.look_every")]
    #[case("ROOMSYNC__BOOKINGS__UNKNOWN_FOR", "0s", "bookings.unknown_for")]
    #[case(
        "ROOMSYNC__BOOKINGS__ASK_AGAIN_EVERY",
        "0s",
        "bookings.ask_again_every"
    )]
    #[case(
        "ROOMSYNC__BOOKINGS__ASK_AGAIN_AFTER",
        "0s",
        "bookings.ask_again_after"
    )]
    #[case(
        "ROOMSYNC__SYNC_BY_HAND__AT_MOST_EVERY",
        "often",
        "sync_by_hand.at_most_every"
    )]
    #[case("ROOMSYNC__CLEANUP__KEEP_INBOX", "0s", "cleanup.keep_inbox")]
    #[case("ROOMSYNC__BROKER__URL", "http://localhost", "broker.url")]
    #[case("ROOMSYNC__DATABASE__URL", "mysql://localhost", "database.url")]
    #[case("ROOMSYNC__GOOGLE__TOKEN_URL", "ftp://localhost", "google.token_url")]
    fn a_value_that_cannot_be_used_is_named(
        #[case] variable: &str,
        #[case] value: &str,
        #[case] key: &str,
    ) {
        let set = [("ROOMSYNC__SEALING__KEYS", KEYS), (variable, value)];
        let error = load(&set).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains(variable), "{error}");
    }
}
